"""How many problems are solved, with how many evaluations, how far from the minimum?"""

from optlab import problems
from optlab.comparison import (
    choose_problems,
    geometric_mean,
    measure,
    optlab_solver,
    run,
    scipy_solver,
)

from .common import KINDS, METHODS, row_of


def solvers(methods):
    """Both libraries' methods of some kinds, by name."""
    found = [optlab_solver(ours) for kind, ours, _ in KINDS if kind in methods]
    found += [scipy_solver(theirs) for kind, _, theirs in KINDS if kind in methods]
    return {str(s): s for s in found}


BOUNDED = ["L-BFGS-B"]
SECOND_ORDER = [kind for kind in METHODS if row_of(kind).second_order]
FIRST_ORDER = [kind for kind in METHODS if kind not in BOUNDED + SECOND_ORDER]
MATRIX_FREE = [
    kind for kind in METHODS if kind not in BOUNDED and row_of(kind).second != "hess"
]
SOLVERS = solvers(FIRST_ORDER)


class _Quality:
    """Every solver judged by the same test.

    asv tells caches apart by where `setup_cache` stands: every class has its own.
    """

    param_names = ("solver",)
    timeout = 600

    def track_solved(self, runs, solver):
        mine = [r for r in runs if r.solver == solver]
        return 100 * sum(r.solved for r in mine) / len(mine)

    def track_false_successes(self, runs, solver):
        return sum(r.false_success for r in runs if r.solver == solver)

    def track_evaluations_where_all_solve(self, runs, solver):
        failed = {r.problem for r in runs if not r.solved}
        return geometric_mean(
            r.evaluations
            for r in runs
            if r.solver == solver and r.problem not in failed
        )

    track_solved.unit = "%"
    track_false_successes.unit = "runs"
    track_evaluations_where_all_solve.unit = "evaluations"


class Registry(_Quality):
    """The whole registry."""

    params = (list(SOLVERS),)

    def setup_cache(self):
        return run(list(SOLVERS.values()), choose_problems())


class SecondOrder(_Quality):
    """Methods that use second derivatives; a product counts as an evaluation."""

    params = (list(solvers(SECOND_ORDER)),)

    def setup_cache(self):
        return run(list(solvers(SECOND_ORDER).values()), choose_problems(("mgh",)))


class Bounded(_Quality):
    """Problems with bounds."""

    params = (list(solvers(BOUNDED)),)

    def setup_cache(self):
        return run(list(solvers(BOUNDED).values()), choose_problems(("bounded",)))


class Nets(_Quality):
    """Neural nets; a product counts as an evaluation."""

    params = (list(solvers(MATRIX_FREE)),)

    def setup_cache(self):
        return run(list(solvers(MATRIX_FREE).values()), choose_problems(("net",)))


class Problem:
    """Single problems of different kinds."""

    params = (
        list(SOLVERS),
        [
            "rosenbrock",
            "wood",
            "brown_badly_scaled",
            "watson",
            "extended_powell_singular",
        ],
    )
    param_names = ("solver", "problem")

    def setup(self, solver, problem):
        self.run = measure(SOLVERS[solver], problems.get(problem))

    def track_evaluations(self, solver, problem):
        return self.run.evaluations or float("nan")

    def track_gap(self, solver, problem):
        """Height above the least known value, floored so that logarithms work."""
        return max(self.run.f - self.run.f_opt, 1e-17)

    track_evaluations.unit = "evaluations"
    track_gap.unit = "f - f*"
