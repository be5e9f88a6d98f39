"""Compiled functions from elsewhere: the same bits as Python ones, and nothing unchecked."""

import ctypes
import signal
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from scipy import LowLevelCallable
from scipy.optimize import rosen_hess_prod

import optlab
from optlab import minimize, minimize_batch
from optlab.methods import METHODS

from .functions import rosenbrock
from .support import BOUNDED, SECOND_ORDER, cython_module, in_threads, same_bits

SOURCE = r"""
#include <math.h>
#include <stddef.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif

/* user_data: NULL, or how often it was called and where to shift the minimum to. */
EXPORT double chained(int n, const double *x, double *grad, void *user_data)
{
    double *data = user_data, f = 0.0;
    double shift = data ? data[1] : 0.0;
    if (data)
        data[0] += 1.0;
    for (int i = 0; i < n; i++)
        grad[i] = 0.0;
    for (int i = 0; i + 1 < n; i++) {
        double u = x[i] - shift, t = x[i + 1] - shift - u * u, r = 1.0 - u;
        f += 100.0 * t * t + r * r;
        grad[i] += -400.0 * u * t - 2.0 * r;
        grad[i + 1] += 200.0 * t;
    }
    return f;
}

EXPORT void product(int n, const double *x, const double *v, double *out, void *data)
{
    for (int i = 0; i < n; i++)
        out[i] = 0.0;
    for (int i = 0; i + 1 < n; i++) {
        double h = 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0;
        out[i] += h * v[i] - 400.0 * x[i] * v[i + 1];
        out[i + 1] += -400.0 * x[i] * v[i] + 200.0 * v[i + 1];
    }
}

EXPORT double barrier(int n, const double *x, double *grad, void *user_data)
{
    double f = 0.0;
    for (int i = 0; i < n; i++) {
        f += x[i] - log(x[i]);
        grad[i] = 1.0 - 1.0 / x[i];
    }
    return f;
}

EXPORT double endless(int n, const double *x, double *grad, void *user_data)
{
    double f = 0.0;
    for (int i = 0; i < n; i++) { /* never flat, never steep */
        f -= x[i];
        grad[i] = -1.0;
        for (int k = 0; k < 1000; k++)
            f += 1e-300 * sin(k + x[i]);
    }
    return f;
}
"""

X0 = np.array([-1.2, 1.0, 0.3, -0.7, 1.4])
FUN = rosenbrock(5, X0)
DOUBLES = ctypes.POINTER(ctypes.c_double)
FUN_TYPES = [ctypes.c_int, DOUBLES, DOUBLES, ctypes.c_void_p]
HV_TYPES = [ctypes.c_int, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    setuptools = pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "foreign.c").write_text(SOURCE, encoding="utf-8")
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler

    assert setuptools
    compiler = new_compiler()
    customize_compiler(compiler)
    objects = compiler.compile([str(folder / "foreign.c")], str(folder))
    name = compiler.library_filename("foreign", "shared", output_dir=str(folder))
    compiler.link_shared_object(objects, name, libraries=["m"])
    loaded = ctypes.CDLL(name)
    loaded.path = name
    for function in (loaded.chained, loaded.barrier, loaded.endless):
        function.argtypes, function.restype = FUN_TYPES, ctypes.c_double
    loaded.product.argtypes, loaded.product.restype = HV_TYPES, None
    return loaded


def numba_functions(_):
    numba = pytest.importorskip("numba")
    types = numba.types
    vector = types.CPointer(types.double)

    @numba.cfunc(types.double(types.intc, vector, vector, types.voidptr))
    def chained(n, x, grad, user_data):
        f = 0.0
        for i in range(n):
            grad[i] = 0.0
        for i in range(n - 1):
            t, r = x[i + 1] - x[i] * x[i], 1.0 - x[i]
            f += 100.0 * t * t + r * r
            grad[i] += -400.0 * x[i] * t - 2.0 * r
            grad[i + 1] += 200.0 * t
        return f

    return chained


def cffi_function(library):
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    ffi.cdef("double chained(int n, const double *x, double *grad, void *user_data);")
    loaded = ffi.dlopen(library.path)
    return ffi.addressof(loaded, "chained")


KINDS = {
    "ctypes": lambda library: library.chained,
    "ctypes, wrapped": lambda library: LowLevelCallable(library.chained),
    "numba": numba_functions,
    "numba, its pointer": lambda library: numba_functions(library).ctypes,
    "an unsigned n": lambda library: ctypes.CFUNCTYPE(
        ctypes.c_double, ctypes.c_uint, *FUN_TYPES[1:]
    )(ctypes.cast(library.chained, ctypes.c_void_p).value),
    "cffi": cffi_function,
    "cffi, wrapped": lambda library: LowLevelCallable(cffi_function(library)),
    "a Python function behind a pointer": lambda library: ctypes.CFUNCTYPE(
        ctypes.c_double, *FUN_TYPES
    )(library.chained),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_minimised(kind, library):
    result = minimize(KINDS[kind](library), X0)
    assert result.success
    assert result.method == "bfgs"
    f, g = FUN(result.x)
    assert result.fun == pytest.approx(f, rel=1e-9, abs=1e-15)
    np.testing.assert_allclose(result.jac, g, atol=1e-10)


def python(library):
    """The compiled function, called from Python."""

    def fun(x):
        g = np.empty_like(x)
        x = np.ascontiguousarray(x)
        pointers = (a.ctypes.data_as(DOUBLES) for a in (x, g))
        return library.chained(x.size, *pointers, None), g

    return fun


def python_product(library):
    def product(x, v):
        out = np.empty_like(x)
        pointers = (
            np.ascontiguousarray(a).ctypes.data_as(DOUBLES) for a in (x, v, out)
        )
        library.product(x.size, *pointers, None)
        return out

    return product


@pytest.mark.parametrize("method", METHODS)
def test_the_bits_are_those_of_python(method, library):
    compiled, called = {}, {}
    if method in SECOND_ORDER:
        compiled["hessp"], called["hessp"] = library.product, python_product(library)
    a = minimize(library.chained, X0, method=method, **compiled)
    b = minimize(python(library), X0, jac=True, method=method, **called)
    for name in ("x", "fun", "jac", "nit", "nfev", "njev", "success", "message"):
        assert same_bits(a[name], b[name]), name


@pytest.mark.parametrize("method", BOUNDED)
def test_within_bounds(method, library):
    bounds = [(None, 0.5)] * 5
    x0 = np.minimum(X0, 0.5)
    a = minimize(library.chained, x0, method=method, bounds=bounds)
    b = minimize(python(library), x0, jac=True, method=method, bounds=bounds)
    assert same_bits(a.x, b.x)
    assert a.x.max() <= 0.5


def test_the_products_are_used(library):
    x, v = X0, np.arange(5.0)
    np.testing.assert_allclose(python_product(library)(x, v), rosen_hess_prod(x, v))
    result = minimize(library.chained, X0, method="newton", hessp=library.product)
    assert result.success
    assert result.nhev > 0


@pytest.mark.parametrize("jac", [None, True, False])
def test_the_gradient_is_in_it(jac, library):
    assert same_bits(
        minimize(library.chained, X0, jac=jac).x, minimize(library.chained, X0).x
    )
    assert minimize_batch(library.chained, [X0], jac=jac).success.all()


def test_user_data_are_the_array_itself(library):
    data = np.array([0.0, 0.25])
    result = minimize(library.chained, X0, args=(data,))
    assert data[0] == result.nfev
    np.testing.assert_allclose(result.x, 1.25, atol=1e-4)
    data[:] = 0.0, 0.5
    pointer = data.ctypes.data_as(ctypes.c_void_p)
    wrapped = LowLevelCallable(library.chained, pointer)
    result = minimize(wrapped, X0)
    assert data[0] == result.nfev
    np.testing.assert_allclose(result.x, 1.5, atol=1e-4)


def test_user_data_of_their_type(library):
    numba = pytest.importorskip("numba")
    types = numba.types
    vector = types.CPointer(types.double)

    @numba.cfunc(types.double(types.intc, vector, vector, vector))
    def bowl(n, x, grad, centre):
        f = 0.0
        for i in range(n):
            f += (x[i] - centre[i]) ** 2
            grad[i] = 2 * (x[i] - centre[i])
        return f

    centre = np.array([1.0, -2.0])
    result = minimize(bowl, [0.0, 0.0], args=(centre,))
    np.testing.assert_allclose(result.x, centre, atol=1e-5)


def test_nan_is_too_far(library):
    result = minimize(library.barrier, [10.0, 0.01])
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-4)
    assert minimize(library.barrier, [-1.0]).status.name == "NONFINITE_START"


def test_what_raises_is_no_minimum(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    def raises(n, x, grad, data):
        raise ValueError("mine")

    function = ctypes.CFUNCTYPE(ctypes.c_double, *FUN_TYPES)(raises)
    result, batch = minimize(function, X0), minimize_batch(function, [X0])
    assert result.status.name == "NONFINITE_START"
    assert not result.success
    assert not batch.success.any()
    assert told


def test_values_alone_where_searches_probe(library):
    numba = pytest.importorskip("numba")
    types = numba.types
    vector = types.CPointer(types.double)

    @numba.cfunc(types.double(types.intc, vector, vector, types.voidptr))
    def kink(n, x, grad, user_data):
        f = 0.0
        for i in range(n):
            f += abs(x[i])
            grad[i] = 1.0 if x[i] > 0 else -1.0
        return f

    for n in (3, 1000):
        result = minimize(kink, np.linspace(0.3, 0.7, n))
        assert not result.success
        assert result.nfev > result.njev


def test_ctrl_c(library):
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs an interval timer")

    class Alarm(Exception):
        pass

    def raises(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, raises)
    options = {"maxiter": 10**9, "line_search": "fixed", "step_length": 1e-9}
    runs = (
        lambda: minimize(library.endless, [0.0], method="gd", options=options),
        lambda: minimize_batch(
            library.endless, np.zeros((50, 1)), method="gd", options=options
        ),
        lambda: minimize_batch(
            library.endless, np.zeros((50, 1)), method="gd", options=options, threads=2
        ),
    )
    try:
        for run in runs:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            began = time.perf_counter()
            with pytest.raises(Alarm):
                run()
            assert time.perf_counter() - began < 0.1 + 0.5  # promise 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_threads(library):
    serial = [minimize(library.chained, X0 + i) for i in range(6)]
    for one, other in zip(
        serial, in_threads(lambda i: minimize(library.chained, X0 + i)), strict=True
    ):
        assert same_bits(one.x, other.x)
        assert one.nfev == other.nfev


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
def test_threads_share_small_batches(method, library):
    seen = set()

    def slow(n, x, grad, data):
        seen.add(threading.get_ident())
        time.sleep(0.002)
        return library.chained(n, x, grad, data)

    function = ctypes.CFUNCTYPE(ctypes.c_double, *FUN_TYPES)(slow)
    count = 4 if method == "l-bfgs" else 32  # two blocks of lanes
    starts = np.tile(X0, (count, 1))
    options = {"maxiter": 3} if method == "l-bfgs" else {}
    minimize_batch(function, starts, method=method, options=options, threads=2)
    assert len(seen) == 2


def wrong(*types, result=ctypes.c_double):
    return ctypes.CFUNCTYPE(result, *types)(lambda *_: None)


WRONG = {
    "fewer arguments": wrong(ctypes.c_double),
    "another result": wrong(*FUN_TYPES, result=ctypes.c_int),
    "no result": wrong(*FUN_TYPES, result=None),
    "single precision": wrong(
        ctypes.c_int, *[ctypes.POINTER(ctypes.c_float)] * 2, ctypes.c_void_p
    ),
    "a long n": wrong(ctypes.c_longlong, *FUN_TYPES[1:]),
    "a short n": wrong(ctypes.c_short, *FUN_TYPES[1:]),
    "products": wrong(*HV_TYPES, result=None),
    "no types": ctypes.CDLL(None).cos if sys.platform != "win32" else wrong(),
}


@pytest.mark.parametrize("kind", WRONG)
def test_other_signatures_are_refused_with_the_right_one(kind):
    match = r"fun must .*double \(int n, const double \*x, double \*grad, void \*user_d"
    for solve in (minimize, lambda fun, x0: minimize_batch(fun, [x0])):
        with pytest.raises(TypeError, match=match):
            solve(WRONG[kind], [1.0, 2.0])


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"jac": lambda x: x}, TypeError, "jac"),
        ({"jac": "2-point"}, TypeError, "jac"),
        ({"hessp": lambda x, v: v}, TypeError, "hessp"),
        ({"args": (1.0,)}, TypeError, "args"),
        ({"args": (np.zeros(3, np.float32),)}, TypeError, "args"),
        ({"args": (np.zeros((4, 4))[::2, ::2],)}, TypeError, "args"),
        ({"args": (np.zeros(3), np.zeros(3))}, TypeError, "args"),
        ({"x0": [np.nan]}, ValueError, "x0"),
    ],
    ids=str,
)
def test_other_arguments(given, error, match, library):
    with pytest.raises(error, match=match):
        minimize(library.chained, **{"x0": [1.0, 2.0], **given})


def test_products_want_a_compiled_function(library):
    with pytest.raises(TypeError, match="hessp"):
        minimize(FUN, X0, jac=True, method="newton-cg", hessp=library.product)
    with pytest.raises(TypeError, match="hessp must be void"):
        minimize(library.chained, X0, method="newton-cg", hessp=library.chained)


def test_a_function_with_data_takes_no_more(library):
    data = np.array([0.0, 0.5])
    wrapped = LowLevelCallable(library.chained, data.ctypes.data_as(ctypes.c_void_p))
    with pytest.raises(ValueError, match="args must be empty"):
        minimize(wrapped, X0, args=(data,))


MODULE = """
cdef api double bowl(int n, const double* x, double* grad, void* user_data) noexcept nogil:
    cdef double f = 0
    cdef int i
    for i in range(n):
        f += (i + 1) * (x[i] - i) ** 2
        grad[i] = 2 * (i + 1) * (x[i] - i)
    return f
"""


def test_a_function_of_a_cython_module(tmp_path):
    pytest.importorskip("Cython")
    (tmp_path / "bowls.pyx").write_text(textwrap.dedent(MODULE), encoding="utf-8")
    (tmp_path / "setup.py").write_text(
        "from Cython.Build import cythonize\nfrom setuptools import setup\n"
        "setup(ext_modules=cythonize('bowls.pyx', language_level=3))\n",
        encoding="utf-8",
    )
    capsule = cython_module(tmp_path, "bowls").__pyx_capi__["bowl"]
    for fun in (capsule, LowLevelCallable(capsule)):
        result = minimize(fun, np.ones(4))
        assert result.success
        np.testing.assert_allclose(result.x, np.arange(4), atol=1e-5)


def test_a_bare_capsule_of_an_objective():
    problem = optlab.problems.get("wood")
    a = minimize(problem.__optlab_objective__, problem.x0)
    b = minimize(problem, problem.x0)
    assert same_bits(a.x, b.x)


def test_gradients_are_checked(library):
    found = optlab.check_gradient(library.chained, None, [-1.2, 1.0])
    assert found.ok
    assert optlab.check_gradient(library.chained, True, [-1.2, 1.0]).ok
    with pytest.raises(TypeError, match="jac"):
        optlab.check_gradient(library.chained, lambda x: x, [-1.2, 1.0])


def test_gradients_are_checked_with_the_data(library):
    shifted = np.array([0.0, 0.5])
    found = optlab.check_gradient(library.chained, None, [-1.2, 1.0], args=(shifted,))
    assert found.ok
    assert (
        found.given[0]
        != optlab.check_gradient(library.chained, None, [-1.2, 1.0]).given[0]
    )
    assert shifted[0] > 1  # the calls were counted


def test_methods_are_compared(library):
    given = {"methods": ["bfgs", "newton-cg", "scipy:BFGS"], "repeats": 1}
    c = optlab.compare(library.chained, [-1.2, 1.0], hessp=library.product, **given)
    assert all(row.success for row in c.rows)
    single = minimize(library.chained, [-1.2, 1.0], method="bfgs")
    assert same_bits(c["bfgs"].x, single.x)
    assert c["newton-cg"].nhev > 0
