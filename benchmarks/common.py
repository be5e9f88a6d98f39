"""What the benchmarks share: runs of either library, and the solver's own time."""

from time import perf_counter

import numpy as np
import scipy.optimize
from threadpoolctl import threadpool_limits

import optlab

LIBRARIES = ["optlab", "scipy"]
METHODS = ["BFGS", "L-BFGS"]
NAMES = {
    ("optlab", "BFGS"): "bfgs",
    ("optlab", "L-BFGS"): "l-bfgs",
    ("scipy", "BFGS"): "BFGS",
    ("scipy", "L-BFGS"): "L-BFGS-B",
}


def hold_to_one_thread():
    """Hold every library loaded so far to one thread, as optlab's kernels are.

    On cores that are not idle, threads wait for each other, and then times of vectors as
    small as these mean nothing.
    """
    threadpool_limits(1)


hold_to_one_thread()


def minimize(library, method, fun, x0, **options):
    """Run a method; tests other than those given are off."""
    name = NAMES[library, method]
    if name == "L-BFGS-B":
        options = {"ftol": 0.0, "maxfun": 10**9} | options
    solve = optlab.minimize if library == "optlab" else scipy.optimize.minimize
    return solve(fun, x0, jac=True, method=name, options=options)


class Recorder:
    """An objective that keeps the points it is asked at."""

    def __init__(self, fun):
        self.fun = fun
        self.points = []

    def __call__(self, x):
        self.points.append(np.array(x))
        return self.fun(x)


def seconds(function, *arguments, repeats=1):
    """Time `repeats` calls; return the seconds of one."""
    start = perf_counter()
    for _ in range(repeats):
        function(*arguments)
    return (perf_counter() - start) / repeats


def own_times(libraries, method, fun, x0, rounds=20, **options):
    """Own seconds an iteration of each library, measured in turn: a row a round.

    The objective's time is that of calling it again at the points of the run.
    """
    runs = {}
    for library in libraries:
        recorder = Recorder(fun)
        result = minimize(library, method, recorder, x0, **options)
        runs[library] = recorder.points, result.nit

    def replay(points):
        for x in points:
            fun(x)

    table = np.empty((rounds, len(libraries)))
    for row in table:
        for j, library in enumerate(libraries):
            points, nit = runs[library]
            total = seconds(lambda: minimize(library, method, fun, x0, **options))  # noqa: B023
            row[j] = (total - seconds(replay, points)) / nit
    return table


class Metered:
    """An objective that times itself; for those too large to keep their points."""

    def __init__(self, fun):
        self.fun = fun
        self.seconds = 0.0

    def __call__(self, x):
        start = perf_counter()
        answer = self.fun(x)
        self.seconds += perf_counter() - start
        return answer


def late_iteration(library, method, fun, x0, first, last, **options):
    """Own seconds of an iteration between the `first` and the `last`.

    The early iterations of L-BFGS have few pairs and touch fresh memory; the difference
    of a long and a short run is without them, and without the cost of the call.
    """
    own = {}
    for maxiter in (first, last):
        metered = Metered(fun)
        total = seconds(
            lambda: minimize(library, method, metered, x0, maxiter=maxiter, **options)  # noqa: B023
        )
        own[maxiter] = total - metered.seconds
    return (own[last] - own[first]) / (last - first)


def read_bandwidth(n, rows=20, repeats=10):
    """Bytes a second that one core reads from so many rows of length n: the best."""
    table, x = np.ones((rows, n)), np.ones(n)
    best = min(seconds(np.dot, table, x) for _ in range(repeats))
    return table.nbytes / best


def spectrum(n, condition=1e6):
    """A convex quadratic with eigenvalues spread evenly on a logarithmic scale."""
    h = np.geomspace(1.0, condition, n)

    def fun(x):
        g = h * x
        return 0.5 * float(g @ x), g

    return fun
