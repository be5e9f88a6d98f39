"""What the benchmarks share: runs of either library, and the solver's own time."""

import os
from time import perf_counter

import numpy as np
import scipy.optimize
from threadpoolctl import threadpool_limits

import optlab
from optlab.methods import METHODS as ROWS

LIBRARIES = ["optlab", "scipy"]
KINDS = [  # what a method is called here, in optlab, and in SciPy
    ("BFGS", "bfgs", "BFGS"),
    ("L-BFGS", "l-bfgs", "L-BFGS-B"),
    ("CG", "cg", "CG"),
    ("L-BFGS-B", "l-bfgs-b", "L-BFGS-B"),
    ("Newton-CG", "newton-cg", "Newton-CG"),
    ("trust-NCG", "trust-ncg", "trust-ncg"),
    ("Newton", "newton", "trust-exact"),
]
NAMES = {
    (library, kind): name
    for kind, ours, theirs in KINDS
    if ours in ROWS
    for library, name in zip(LIBRARIES, (ours, theirs), strict=True)
}
METHODS = [kind for library, kind in NAMES if library == "optlab"]


def row_of(method):
    """The row of optlab's method of a kind."""
    return ROWS[NAMES["optlab", method]]


def hold_to_one_thread():
    """Hold every library loaded so far to one thread, as optlab's kernels are.

    On cores that are not idle, threads wait for each other, and then times of vectors as
    small as these mean nothing. JAX reads what it may use when it is loaded, which is
    later.
    """
    threadpool_limits(1)
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )


hold_to_one_thread()


def minimize(library, method, fun, x0, extras=None, **options):
    """Run a method; tests other than those given are off."""
    name = NAMES[library, method]
    if name == "L-BFGS-B":
        options = {"ftol": 0.0, "maxfun": 10**9} | options
    if name == "Newton-CG" and "gtol" in options:  # it has a test of the step only
        options["xtol"] = options.pop("gtol")
    solve = optlab.minimize if library == "optlab" else scipy.optimize.minimize
    return solve(fun, x0, jac=True, method=name, options=options, **(extras or {}))


def extras_of(method, problem, tight=False):
    """What a method takes beside f and g: second derivatives, or a box.

    The box holds all there is, or, `tight`, every other variable at its upper bound.
    """
    row, extras = row_of(method), {}
    if method == "L-BFGS-B":
        ends = (0.5 if tight else 100.0, 100.0)
        extras["bounds"] = [(-100.0, ends[i % 2]) for i in range(problem.n)]
    if row.second_order:
        extras[row.second] = getattr(problem, row.second)
    return extras


class Recorder:
    """Callables that keep what they are asked."""

    def __init__(self):
        self.calls = []

    def record(self, function):
        def recorded(*arguments):
            self.calls.append((function, [np.array(a) for a in arguments]))
            return function(*arguments)

        return recorded

    def replay(self):
        for function, arguments in self.calls:
            function(*arguments)


def seconds(function, *arguments, repeats=1, **options):
    """Time `repeats` calls; return the seconds of one."""
    start = perf_counter()
    for _ in range(repeats):
        function(*arguments, **options)
    return (perf_counter() - start) / repeats


def own_times(libraries, method, fun, x0, rounds=20, extras=None, **options):
    """Own seconds an iteration of each library, measured in turn: a row a round.

    The objective's time is that of calling it again at the points of the run.
    """
    extras = extras or {}
    runs = {}
    for library in libraries:
        recorder = Recorder()
        recorded = {
            name: recorder.record(extra) if callable(extra) else extra
            for name, extra in extras.items()
        }
        result = minimize(
            library, method, recorder.record(fun), x0, recorded, **options
        )
        runs[library] = recorder, result.nit

    table = np.empty((rounds, len(libraries)))
    for row in table:
        for j, library in enumerate(libraries):
            recorder, nit = runs[library]
            total = seconds(minimize, library, method, fun, x0, extras, **options)
            row[j] = (total - seconds(recorder.replay)) / nit
    return table


class Metered:
    """An objective that times itself; for those too large to keep their points."""

    def __init__(self, fun):
        self.fun = fun
        self.seconds = 0.0

    def __call__(self, *arguments):
        start = perf_counter()
        answer = self.fun(*arguments)
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
