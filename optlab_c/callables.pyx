"""Objectives that are Python callables: called lean, checked, copied, never trusted.

Every call gets an x of its own, so that a function may keep or overwrite it; the memory
is used again only where nobody else holds it. What comes back is checked and copied at
once, so that a function may return the same buffer every time.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.ref cimport PyObject
from libc.math cimport cbrt, copysign, fabs, isfinite, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_F,
    OPTLAB_FLOAT32,
    OPTLAB_G,
    optlab_eval,
    optlab_point,
)

import numpy as np

cnp.import_array()

cdef extern from "Python.h":
    # With an object as its argument Cython would hold, and count, one reference more.
    Py_ssize_t references "Py_REFCNT"(PyObject*)

cdef enum Mode:
    JOINT  # fun(x) -> f, g
    SEPARATE  # fun(x) -> f, jac(x) -> g
    FORWARD  # fun(x) -> f, and differences
    CENTRAL

MODES = {"joint": JOINT, "separate": SEPARATE, "2-point": FORWARD, "3-point": CENTRAL}

cdef double EPSILON[2]
EPSILON[0] = np.finfo(np.float64).eps
EPSILON[1] = np.finfo(np.float32).eps


cdef double as_value(object f) except? -1.0:
    """f as a double; a TypeError that says what came instead."""
    if PyFloat_Check(f):
        return PyFloat_AS_DOUBLE(f)
    array = as_numbers(f)
    if array is None or array.size != 1:
        shape = () if array is None else array.shape
        what = f"an array of shape {shape}" if shape else describe(f)
        raise TypeError(f"fun must return one real number, got {what}")
    return float(array.item())


cdef object as_gradient(object g, int64_t n):
    """g as a float64 vector of length n; an error that shows both shapes."""
    array = as_numbers(g)
    if array is None:
        raise TypeError(f"jac must be real numbers, got {describe(g)}")
    if array.shape != (n,) and not (n == 1 and array.size == 1):
        raise ValueError(f"jac must have shape ({n},), got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64).reshape(n)


cdef cnp.ndarray as_point(object x, int64_t n):
    """x as a float64 vector of length n."""
    array = np.ascontiguousarray(x, np.float64)
    if array.shape != (n,):
        raise ValueError(f"x must have shape ({n},), got {array.shape}")
    return array


cdef object as_numbers(object v):
    """v as an array of real numbers, or None where it is none."""
    try:
        array = np.asarray(v)
        if array.dtype.kind == "O":  # float(None) is NaN to NumPy, float("1") is 1
            wrong = (str, bytes, type(None))
            if any(isinstance(item, wrong) for item in array.flat):
                return None
            return array.astype(np.float64)
    except (TypeError, ValueError):  # ragged, or what is no number
        return None
    return array if array.dtype.kind in "fiub" else None


cdef str describe(object v):
    """What kind of thing v is."""
    if v is None:
        return "None"
    dtype = f" of dtype {v.dtype}" if hasattr(v, "dtype") else ""
    return type(v).__name__ + dtype


cdef int python_eval(void* ctx, int want, optlab_point* point) noexcept:
    """The `optlab_eval` of a PythonObjective; the caller holds the interpreter lock."""
    cdef PythonObjective objective = <PythonObjective>ctx
    try:
        objective.evaluate(want, point.x, &point.f, point.g)
    except BaseException as error:
        objective.error = error
        return -1
    return 0


@cython.final
cdef class PythonObjective:
    """A Python function as an objective of the C interface.

    `mode` is a key of MODES; `steps` and `absolute_steps` are the lengths of the
    differences per component (or empty), relative to |x_i| and absolute.
    """

    def __init__(self, mode, fun, jac, tuple args, int64_t n, int dtype=0,
                 steps=None, absolute_steps=None):
        self.mode = MODES[mode]
        self.fun = fun
        self.jac = jac
        self.args = args
        self.n = n
        self.typenum = cnp.NPY_FLOAT32 if dtype == OPTLAB_FLOAT32 else cnp.NPY_FLOAT64
        self.steps = steps
        self.absolute_steps = absolute_steps
        self.c.version = OPTLAB_ABI_VERSION
        self.c.dtype = dtype
        self.c.provides = OPTLAB_F | OPTLAB_G
        self.c.n = n
        self.c.eval = <optlab_eval><void*>python_eval
        self.c.ctx = <void*>self

    cdef object vector(self, const void* x):
        """x as an array that is the callee's to keep."""
        cdef cnp.npy_intp shape = self.n
        if (
            self.array is None
            or references(<PyObject*>self.array) > 1
            or not self.untouched()
        ):
            self.array = cnp.PyArray_EMPTY(1, &shape, self.typenum, 0)
        memcpy(
            cnp.PyArray_DATA(<cnp.ndarray>self.array),
            x,
            self.n * cnp.PyArray_ITEMSIZE(<cnp.ndarray>self.array),
        )
        return self.array

    def value(self, x):
        """f(x)."""
        cdef double f = 0.0
        cdef cnp.ndarray vector = as_point(x, self.n)
        self.evaluate(OPTLAB_F, cnp.PyArray_DATA(vector), &f, NULL)
        return f

    def gradient(self, x):
        """The gradient at x."""
        cdef double f = 0.0
        cdef cnp.ndarray vector = as_point(x, self.n)
        cdef cnp.ndarray g = np.empty(self.n)
        self.evaluate(OPTLAB_G, cnp.PyArray_DATA(vector), &f, cnp.PyArray_DATA(g))
        return g

    cdef bint untouched(self) noexcept:
        """Whether the callee left shape, dtype and flags of its array alone."""
        array = <cnp.ndarray>self.array
        return (
            cnp.PyArray_NDIM(array) == 1
            and cnp.PyArray_DIM(array, 0) == self.n
            and cnp.PyArray_TYPE(array) == self.typenum
            and cnp.PyArray_ISCARRAY(array)
        )

    cdef object call(self, object function, const void* x):
        if self.args:
            return function(self.vector(x), *self.args)
        return function(self.vector(x))

    cdef int take_gradient(self, object g, void* out) except -1:
        cdef Py_ssize_t i
        cdef const double[::1] checked
        cdef float* single = <float*>out
        if (
            cnp.PyArray_Check(g)
            and cnp.PyArray_TYPE(<cnp.ndarray>g) == self.typenum
            and cnp.PyArray_NDIM(<cnp.ndarray>g) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>g, 0) == self.n
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>g)
        ):
            memcpy(
                out,
                cnp.PyArray_DATA(<cnp.ndarray>g),
                self.n * cnp.PyArray_ITEMSIZE(<cnp.ndarray>g),
            )
            return 0
        checked = as_gradient(g, self.n)
        if self.typenum == cnp.NPY_FLOAT64:
            memcpy(out, &checked[0], self.n * sizeof(double))
        else:
            for i in range(self.n):
                single[i] = <float>checked[i]
        return 0

    cdef int evaluate(self, int want, const void* x, double* f, void* g) except -1:
        if self.mode == JOINT:
            answer = self.call(self.fun, x)
            if not isinstance(answer, (tuple, list)) or len(answer) != 2:
                raise TypeError(
                    "with jac=True fun must return the pair (f, gradient), got "
                    f"{type(answer).__name__}"
                )
            value, gradient = answer
            if want & OPTLAB_F:
                f[0] = as_value(value)
            elif self.counts != NULL:
                self.counts.nfev += 1  # it was not asked for, and yet computed
            if want & OPTLAB_G:
                self.take_gradient(gradient, g)
            elif self.counts != NULL:
                self.counts.njev += 1
            return 0
        if want & OPTLAB_F:
            f[0] = as_value(self.call(self.fun, x))
        if want & OPTLAB_G:
            if self.mode == SEPARATE:
                self.take_gradient(self.call(self.jac, x), g)
            else:
                self.differences(x, f[0], g)
        return 0

    cdef double get(self, const void* x, int64_t i) noexcept:
        if self.typenum == cnp.NPY_FLOAT64:
            return (<const double*>x)[i]
        return (<const float*>x)[i]

    cdef double probe(self, const void* x, int64_t i, double value) except? -1.0:
        """f where component i has another value."""
        array = self.vector(x)
        if self.typenum == cnp.NPY_FLOAT64:
            (<double*>cnp.PyArray_DATA(<cnp.ndarray>array))[i] = value
        else:
            (<float*>cnp.PyArray_DATA(<cnp.ndarray>array))[i] = <float>value
        if self.counts != NULL:
            self.counts.nfev += 1
        if self.args:
            return as_value(self.fun(array, *self.args))
        return as_value(self.fun(array))

    cdef double spacing(self, double xi, int64_t i) noexcept:
        """The step of component i, signed, as it will be after rounding."""
        cdef double eps = EPSILON[self.c.dtype]
        cdef double step = 0.0, moved
        if self.absolute_steps is not None:
            step = self.absolute_steps[i % self.absolute_steps.shape[0]]
        elif self.steps is not None:
            step = self.steps[i % self.steps.shape[0]] * xi
        for _ in range(2):
            if self.typenum == cnp.NPY_FLOAT64:
                moved = xi + step
            else:
                moved = <float>(xi + step)
            if moved != xi:
                return moved - xi
            # Nocedal & Wright 2006, section 8.1: the error is least near these powers.
            step = sqrt(eps) if self.mode == FORWARD else cbrt(eps)
            if self.wide:
                step = sqrt(sqrt(eps))
            step *= copysign(max(1.0, fabs(xi)), xi)
        return step

    cdef int differences(self, const void* x, double f, void* g) except -1:
        """The gradient by differences; from now on by wide ones, once the differences
        that are best for a smooth f do not rise above its rounding errors.
        """
        cdef bint given = self.steps is not None or self.absolute_steps is not None
        if not self.difference(x, f, g) and not self.wide and not given:
            self.wide = True
            self.difference(x, f, g)
        return 0

    cdef bint difference(self, const void* x, double f, void* g) except -1:
        """Whether any component of f's change could be told from rounding.

        One difference of each; from the other side where one is not finite.
        """
        cdef int64_t i
        cdef double xi, h, plus, minus, slope, width
        cdef double rounding = 4.0 * EPSILON[self.c.dtype] * fabs(f)
        cdef bint resolved = False
        self.gradient_error = 0.0
        for i in range(self.n):
            xi = self.get(x, i)
            h = self.spacing(xi, i)
            width = h
            plus = self.probe(x, i, xi + h)
            if self.mode == CENTRAL or self.wide:
                minus = self.probe(x, i, xi - h)
                width = 2.0 * h
                slope = (plus - minus) / width
                if not isfinite(slope):
                    slope = (plus - f) / h if isfinite(plus) else (f - minus) / h
            else:
                slope = (plus - f) / h
                if not isfinite(slope):
                    slope = (f - self.probe(x, i, xi - h)) / h
            # Written so that a slope that is not finite needs no second look.
            resolved = resolved or not fabs(slope * width) <= rounding
            self.gradient_error = max(self.gradient_error, rounding / fabs(width))
            if self.typenum == cnp.NPY_FLOAT64:
                (<double*>g)[i] = slope
            else:
                (<float*>g)[i] = <float>slope
        return resolved
