"""What does the solver itself cost, beside a Python objective?"""

import numpy as np

from optlab import problems

from .common import LIBRARIES, METHODS, NAMES, extras_of, minimize, own_times


def rosenbrock(n):
    """Return the extended Rosenbrock problem (n even)."""
    if n == 2:
        return problems.get("rosenbrock")
    return problems.get("extended_rosenbrock", n=n)


class Iteration:
    """Own time of an iteration, the objective's taken out."""

    params = (LIBRARIES, METHODS, [2, 10, 100, 1000])
    param_names = ("library", "method", "n")

    def setup(self, library, method, n):
        if n == 1000 and (library, method) == ("scipy", "BFGS"):
            raise NotImplementedError("seconds a run: see bfgs.py")
        if n == 1000 and method == "Newton":
            raise NotImplementedError("the time of a factorisation")
        self.problem = rosenbrock(n)

    def track_own_time(self, library, method, n):
        times = own_times(
            [library],
            method,
            self.problem.fun_and_grad,
            self.problem.x0,
            extras=extras_of(method, self.problem),
            gtol=1e-8,
        )
        return float(np.median(times))

    track_own_time.unit = "seconds"


class Call:
    """A call that has nothing to do: the start is the minimum."""

    params = (LIBRARIES, METHODS)
    param_names = ("library", "method")

    def setup(self, library, method):
        self.answer = 0.0, np.zeros(2)
        self.x0 = np.ones(2)
        self.extras = extras_of(method, rosenbrock(2))

    def time_minimize(self, library, method):
        minimize(library, method, lambda x: self.answer, self.x0, self.extras)


class Compiled:
    """A whole run of a compiled objective, without the interpreter."""

    params = (METHODS, [2, 10, 100, 1000])
    param_names = ("method", "n")

    def setup(self, method, n):
        self.problem = rosenbrock(n)

    def time_rosenbrock(self, method, n):
        from optlab import minimize

        minimize(self.problem, self.problem.x0, method=NAMES["optlab", method])


class Import:
    """What `import optlab` costs."""

    def timeraw_import(self):
        return "import optlab"

    def timeraw_import_scipy_optimize(self):
        return "import scipy.optimize"
