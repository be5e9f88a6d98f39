"""What do the line searches cost, alone and under a method?"""

import numpy as np
import scipy.optimize
from scipy.optimize import rosen, rosen_der

import optlab
from optlab.comparison import choose_problems, geometric_mean, optlab_solver, run
from optlab.methods import LINE_SEARCHES

SEARCHES = [name for name in LINE_SEARCHES if name != "fixed"]


class Alone:
    """One search from Rosenbrock's start along -g."""

    params = ([*SEARCHES, "scipy"],)
    param_names = ("search",)

    def setup(self, search):
        self.x = np.array([-1.2, 1.0])
        self.d = -rosen_der(self.x)

    def search(self, search):
        if search == "scipy":
            return scipy.optimize.line_search(rosen, rosen_der, self.x, self.d)
        return optlab.line_search(rosen, rosen_der, self.x, self.d, method=search)

    def time_search(self, search):
        self.search(search)

    def track_evaluations(self, search):
        _, f_evaluations, g_evaluations, *_ = self.search(search)
        return f_evaluations + g_evaluations

    track_evaluations.unit = "values and gradients"


class Under:
    """Evaluations by a method with the search, where every search solves."""

    params = (["bfgs", "l-bfgs"], SEARCHES)
    param_names = ("method", "search")
    timeout = 300

    def setup_cache(self):
        small = [p for p in choose_problems(starts=[1]) if p.n <= 100]
        solvers = {
            (method, search): optlab_solver(method, line_search=search)
            for method in self.params[0]
            for search in self.params[1]
        }
        runs = run(list(solvers.values()), small)
        failed = {r.problem for r in runs if not r.solved}
        return {
            key: (
                sum(r.solved for r in runs if r.solver == str(solver)),
                geometric_mean(
                    r.evaluations
                    for r in runs
                    if r.solver == str(solver) and r.problem not in failed
                ),
            )
            for key, solver in solvers.items()
        }

    def track_solved(self, measured, method, search):
        return measured[method, search][0]

    def track_evaluations(self, measured, method, search):
        return measured[method, search][1]

    track_solved.unit = "problems"
    track_evaluations.unit = "evaluations"
