"""The C interface of an objective, spoken from outside by ctypes."""

import ctypes
import gc
import sys

import numpy as np
import pytest

from optlab import minimize
from optlab_c.machine import objective_dtype
from tests.functions import rosenbrock
from tests.support import DISTINCT, SECOND_ORDER, same_bits

F, G, HV, H = 1, 2, 4, 8


class Point(ctypes.Structure):
    _fields_ = (
        ("x", ctypes.c_void_p),
        ("f", ctypes.c_double),
        ("g", ctypes.c_void_p),
        ("v", ctypes.c_void_p),
        ("hv", ctypes.c_void_p),
        ("h", ctypes.c_void_p),
        ("curvature", ctypes.c_double),
        ("index", ctypes.c_void_p),
        ("n_index", ctypes.c_int64),
    )


EVAL = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Point)
)


class Struct(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("dtype", ctypes.c_int),
        ("provides", ctypes.c_int),
        ("n", ctypes.c_int64),
        ("n_samples", ctypes.c_int64),
        ("eval", EVAL),
        ("ctx", ctypes.c_void_p),
    )


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class Foreign:
    """An objective of somebody else: a capsule around a struct of C."""

    def __init__(
        self,
        evaluate,
        n,
        version=1,
        dtype=0,
        provides=F | G,
        name=b"optlab_objective",
    ):
        self._eval = EVAL(evaluate)
        self._struct = Struct(version, dtype, provides, n, 0, self._eval, None)
        self._name = ctypes.create_string_buffer(name)
        self.__optlab_objective__ = new_capsule(
            ctypes.addressof(self._struct), ctypes.addressof(self._name), None
        )


def array(address, n, dtype=np.float64):
    kind = ctypes.c_double if dtype == np.float64 else ctypes.c_float
    return np.ctypeslib.as_array((kind * n).from_address(address))


def foreign(fun, n, dtype=np.float64, second=HV | H):
    """A Foreign that computes what a Python function does, and what it was asked."""
    wants = []

    def evaluate(ctx, want, point):
        wants.append(want)
        point = point.contents
        x = array(point.x, n, dtype)
        if want & F:
            point.f = fun.value(x)
        if want & (HV | H):  # the gradient is known by then, and handed over
            assert same_bits(array(point.g, n, dtype), fun.gradient(x).astype(dtype))
        if want & HV:
            array(point.hv, n, dtype)[:] = fun.hessian(x) @ array(point.v, n, dtype)
        if want & H:
            array(point.h, n * n, dtype)[:] = fun.hessian(x).ravel()
        if want & G:
            # Where f is not asked for, it is known by then, and handed over.
            if not want & F:
                assert point.f == fun.value(x)
            array(point.g, n, dtype)[:] = fun.gradient(x)
        return 0

    provides = F | G | second
    objective = Foreign(evaluate, n, dtype=int(dtype == np.float32), provides=provides)
    objective.wants = wants
    return objective


FUN = rosenbrock(4)


@pytest.mark.parametrize("search", ["wolfe", "armijo", "hager-zhang"])
@pytest.mark.parametrize("method", DISTINCT)
def test_it_is_minimised_as_the_python_function_is(method, search):
    options = {"line_search": search, "maxiter": 60}
    objective = foreign(FUN, 4)
    second = {"hess": FUN.hessian} if method in SECOND_ORDER else {}
    theirs = minimize(objective, FUN.x0, method=method, options=options)
    ours = minimize(FUN, FUN.x0, jac=True, method=method, options=options, **second)
    assert same_bits(theirs.x, ours.x)
    assert (theirs.nfev, theirs.njev, theirs.status) == (
        ours.nfev,
        ours.njev,
        ours.status,
    )
    assert theirs.nfev == sum(bool(w & F) for w in objective.wants)
    assert theirs.njev == sum(bool(w & G) for w in objective.wants)
    assert theirs.nhev == sum(bool(w & (HV | H)) for w in objective.wants)
    assert (theirs.nhev > 0) == (method in SECOND_ORDER)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_hessian_is_made_of_products_where_there_are_only_those(dtype):
    options = {"gtol": 1e-2, "maxiter": 60}
    whole = foreign(FUN, 4, dtype)
    products = foreign(FUN, 4, dtype, second=HV)
    a, b = (
        minimize(f, FUN.x0, method="newton", options=options) for f in (whole, products)
    )
    assert a.success
    assert same_bits(a.x, b.x)
    assert a.nfev == b.nfev
    assert b.nhev == 4 * a.nhev == sum(bool(w & HV) for w in products.wants)


@pytest.mark.parametrize("method", SECOND_ORDER)
def test_without_second_derivatives_it_is_refused(method):
    objective = foreign(FUN, 4, second=0)
    with pytest.raises(TypeError, match=r"fun must have .* second derivatives"):
        minimize(objective, FUN.x0, method=method)
    assert not objective.wants


def test_float32():
    result = minimize(
        foreign(FUN, 4, np.float32), FUN.x0, options={"gtol": 1e-2, "maxiter": 100}
    )
    assert result.x.dtype == np.float32
    assert result.success


def test_a_failure_ends_the_run():
    calls = []

    def evaluate(ctx, want, point):
        calls.append(1)
        point.contents.f = array(point.contents.x, 2).sum()
        array(point.contents.g, 2)[:] = 1.0
        return 0 if len(calls) < 3 else 7

    with pytest.raises(RuntimeError, match="fun"):
        minimize(Foreign(evaluate, 2), [1.0, 2.0])
    assert len(calls) == 3


def test_an_undefined_point_is_no_failure():
    def evaluate(ctx, want, point):
        x = array(point.contents.x, 1)
        point.contents.f = (x[0] - 0.9) ** 2 if x[0] < 1 else np.nan
        array(point.contents.g, 1)[:] = 2 * (x - 0.9)
        return 0

    result = minimize(Foreign(evaluate, 1), [-5.0], options={"first_step": 30.0})
    assert result.success
    assert result.x[0] == pytest.approx(0.9, abs=1e-5)


def test_what_it_promises_is_checked():
    def never(ctx, want, point):
        raise AssertionError

    with pytest.raises(ValueError, match=r"version 2.*version 1"):
        minimize(Foreign(never, 2, version=2), [1.0, 2.0])
    with pytest.raises(ValueError, match="x0 must have 3"):
        minimize(Foreign(never, 3), [1.0, 2.0])
    with pytest.raises(ValueError, match="dtype"):
        minimize(Foreign(never, 2, dtype=1), [1.0, 2.0], options={"dtype": "float64"})
    for dtype in (7, -1, 2):
        with pytest.raises(ValueError, match=f"fun has an unknown dtype: {dtype}"):
            minimize(Foreign(never, 2, dtype=dtype), [1.0, 2.0])
    for provides in (0, F, G):
        with pytest.raises(ValueError, match="fun must provide"):
            minimize(Foreign(never, 2, provides=provides), [1.0, 2.0])
    with pytest.raises(TypeError, match="fun"):
        minimize(Foreign(never, 2, name=b"something else"), [1.0, 2.0])
    for wrong in (None, 5, "capsule", object()):
        objective = Foreign(never, 2)
        objective.__optlab_objective__ = wrong
        with pytest.raises(TypeError, match="fun"):
            minimize(objective, [1.0, 2.0])
        with pytest.raises(TypeError):
            objective_dtype(wrong)


def test_the_capsule_lives_as_long_as_its_run():
    """Also where the object that offers it makes a new one each time."""
    fun = foreign(FUN, 4)

    class Fleeting:
        @property
        def __optlab_objective__(self):
            return new_capsule(
                ctypes.addressof(fun._struct), ctypes.addressof(fun._name), None
            )

    def callback(xk):
        gc.collect()

    result = minimize(Fleeting(), FUN.x0, callback=callback, options={"maxiter": 5})
    assert result.nit == 5


def test_nothing_is_kept_of_it():
    objective = foreign(FUN, 4)
    before = sys.getrefcount(objective.__optlab_objective__)
    result = minimize(objective, FUN.x0)
    after = sys.getrefcount(objective.__optlab_objective__)
    assert after == before
    assert result.success
