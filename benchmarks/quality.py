"""How many problems are solved, with how many evaluations, how far from the minimum?"""

from optlab import problems
from optlab.compare import (
    choose_problems,
    geometric_mean,
    measure,
    optlab_solver,
    run,
    scipy_solver,
)

SOLVERS = {
    str(s): s
    for s in (
        optlab_solver("bfgs"),
        optlab_solver("l-bfgs"),
        scipy_solver("BFGS"),
        scipy_solver("L-BFGS-B"),
    )
}


class Registry:
    """The whole registry, every solver judged by the same test."""

    params = (list(SOLVERS),)
    param_names = ("solver",)
    timeout = 600

    def setup_cache(self):
        return run(list(SOLVERS.values()), choose_problems())

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
