"""How long does a whole run of a compiled function take, beside NLopt's in C?

Both call the same function, compiled by numba. NLopt is called through its C interface,
and stops as soon as f is as low as where optlab has met its test of the gradient.
"""

import ctypes
from functools import cache

import numpy as np

import optlab

SIZES = [2, 10, 100, 1000, 10_000, 100_000]


@cache
def function():
    """Return the extended Rosenbrock function (Moré, Garbow & Hillstrom 1981, no. 21)."""
    try:
        from numba import cfunc, types
    except ImportError:
        raise NotImplementedError("numba is not installed") from None
    vector = types.CPointer(types.double)

    @cfunc(types.double(types.intc, vector, vector, types.voidptr))
    def rosenbrock(n, x, grad, user_data):
        f = 0.0
        for i in range(0, n, 2):
            a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
            f += 100.0 * a * a + b * b
            grad[i], grad[i + 1] = -400.0 * x[i] * a - 2.0 * b, 200.0 * a
        return f

    return rosenbrock


def start(n):
    """Return the standard start."""
    return np.tile([-1.2, 1.0], n // 2)


def optlab_run(n):
    """Return a run by optlab, with the method that it chooses."""
    fun, x0 = function(), start(n)
    return lambda: optlab.minimize(fun, x0)


@cache
def nlopt_library():
    """Return NLopt's C interface."""
    try:
        import nlopt
        from nlopt import _nlopt
    except ImportError:
        raise NotImplementedError("nlopt is not installed") from None
    library = ctypes.CDLL(_nlopt.__file__)
    pointer, number = ctypes.c_void_p, ctypes.c_double
    library.nlopt_create.restype = pointer
    library.nlopt_create.argtypes = [ctypes.c_int, ctypes.c_uint]
    library.nlopt_set_min_objective.argtypes = [pointer] * 3
    library.nlopt_set_stopval.argtypes = [pointer, number]
    library.nlopt_set_maxeval.argtypes = [pointer, ctypes.c_int]
    library.nlopt_optimize.argtypes = [pointer] * 3
    library.nlopt_destroy.argtypes = [pointer]
    return library, int(nlopt.LD_LBFGS)


def nlopt_run(n):
    """Return a run by NLopt's L-BFGS, to the value that optlab reaches."""
    (library, algorithm), fun, x0 = nlopt_library(), function(), start(n)
    lowest = max(optlab_run(n)().fun, 1e-16)

    def run():
        x, f = x0.copy(), ctypes.c_double()
        solver = library.nlopt_create(algorithm, n)
        library.nlopt_set_min_objective(solver, fun.address, None)
        library.nlopt_set_stopval(solver, lowest)
        library.nlopt_set_maxeval(solver, 10_000)
        library.nlopt_optimize(solver, x.ctypes.data, ctypes.addressof(f))
        library.nlopt_destroy(solver)
        return f.value

    assert run() <= lowest, "NLopt has not come as far"
    return run


RUNS = {"optlab": optlab_run, "nlopt": nlopt_run}


class Run:
    """A whole run, the call from Python included."""

    params = (list(RUNS), SIZES)
    param_names = ("library", "n")

    def setup(self, library, n):
        self.run = RUNS[library](n)

    def time_rosenbrock(self, library, n):
        self.run()
