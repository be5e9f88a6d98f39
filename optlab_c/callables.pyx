"""Objectives that are Python callables: called lean, checked, copied, never trusted.

Every call gets an x of its own, so that a function may keep or overwrite it; the memory
is used again only where nobody else holds it. What comes back is checked and copied at
once, so that a function may return the same buffer every time.

What the user has no function for is made of differences: the gradient of those of f,
Hessian products of those of the gradient. They never leave the bounds.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.ref cimport PyObject
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport cbrt, copysign, fabs, isfinite, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_F,
    OPTLAB_FINE,
    OPTLAB_FLOAT32,
    OPTLAB_G,
    OPTLAB_H,
    OPTLAB_HV,
    OPTLAB_SOLVE,
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
    FORWARD  # differences: of f for the gradient, of the gradient for the Hessian
    CENTRAL
    COMPLEX  # f(x + ih) is f + ih f' but for h^2: a difference without cancellation
    PRODUCTS  # hessp(x, v) -> Hv
    MATRIX  # hess(x) -> H

DIFFERENCES = {"2-point": FORWARD, "3-point": CENTRAL, "cs": COMPLEX}
MODES = {"joint": JOINT, "separate": SEPARATE} | DIFFERENCES
SECOND = {"hessp": PRODUCTS, "hess": MATRIX} | DIFFERENCES

DTYPES = (np.dtype(np.float64), np.dtype(np.float32))

cdef double EPSILON[2]
EPSILON[0] = np.finfo(np.float64).eps
EPSILON[1] = np.finfo(np.float32).eps

# Its square is nothing beside any f, so that the complex step has no error of its own.
cdef double COMPLEX_STEP = 1e-20


cdef object quiet():
    """Overflow and NaN are answers here; where users compute, warnings are theirs."""
    return np.errstate(all="ignore")


cdef double best_step(double eps, int mode) noexcept:
    """The relative step that a function resolved to eps is best differenced by.

    Nocedal & Wright 2006, section 8.1: the error is least near these powers.
    """
    if mode == COMPLEX:
        return COMPLEX_STEP
    return cbrt(eps) if mode == CENTRAL else sqrt(eps)


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


cdef object as_vector(object v, int64_t n, str name):
    """v as a float64 vector of length n; an error that shows both shapes."""
    array = as_numbers(v)
    if array is None:
        raise TypeError(f"{name} must be real numbers, got {describe(v)}")
    if array.shape != (n,) and not (n == 1 and array.size == 1):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64).reshape(n)


cdef object as_imaginary(object v, int64_t n, str name, str what):
    """The imaginary part of n numbers that must be complex."""
    array = np.asarray(v)
    if array.dtype.kind != "c":
        raise TypeError(f"{complex_needed(name, what)}, got {describe(v)}")
    return as_vector(array.imag, n, what)


cdef str complex_needed(str name, str what):
    return f"{name}='cs' needs a {what} that computes with complex numbers"


cdef tuple as_pair(object answer):
    """The value and the gradient that one call gave."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise TypeError(
            "with jac=True fun must return the pair (f, gradient), got "
            f"{type(answer).__name__}"
        )
    return tuple(answer)


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


class Applied:
    """A function with its further arguments, as other processes can be sent it."""

    def __init__(self, function, args):
        self.function = function
        self.args = args

    def __call__(self, x):
        return self.function(x, *self.args)


def unit_vectors(n, which):
    """The unit vectors of these components, one after the other."""
    for i in which:
        v = np.zeros(n)
        v[i] = 1.0
        yield v


def complex_points(x, V, steps):
    """x + ih v for every v of V and its h, one after the other."""
    for v, h in zip(V, steps, strict=True):
        point = x.astype(np.complex128)
        point.imag = h * v
        yield point


def second_halves(answers):
    """The gradients of functions that give pairs."""
    for answer in answers:
        yield as_pair(answer)[1]


def vectors(answers, n):
    """Gradients, checked one by one."""
    for answer in answers:
        yield as_vector(answer, n, "jac")


def complex_answers(answers, name, what):
    """The answers of a function that may not know complex numbers."""
    try:
        yield from answers
    except TypeError as error:
        raise TypeError(f"{complex_needed(name, what)}: {error}") from error


def stencil(x, v, double h, lower, upper, bint central):
    """Moves from x within bounds, each with the weight its change of g has in Hv.

    Where the moves +hv and -hv both fit they make the central difference. One-sided, a
    component without room forward goes backward, apart from the others, and h shrinks
    where neither side has room enough; a component with next to none is left out.
    The one-sided formula of second order is (-3 g(x) + 4 g(x + hv) - g(x + 2hv)) / 2h.
    """
    if central and (
        lower is None or (np.abs(h * v) <= np.minimum(x - lower, upper - x)).all()
    ):
        return [(h * v, 0.5 / h), (-h * v, -0.5 / h)]
    cdef double reach = 2.0 if central else 1.0
    parts = [(v, h)]
    if lower is not None:
        size, positive = np.abs(v), v > 0
        below, above = x - lower, upper - x
        ahead = np.where(positive, above, below)
        behind = np.where(positive, below, above)
        room = np.maximum(ahead, behind) / size  # the longest reach, for each alone
        room[size == 0] = 0.0
        # One that is all but fixed must not shrink the move of the others.
        least = 1e-3 * min(reach * h, max(room.max(), 1e-3 * reach * h))
        free = room >= least
        if not free.any():
            return []
        h = min(h, room[free].min() / reach)
        forward = free & ((reach * h * size <= ahead) | (ahead >= behind))
        parts = [(v * forward, h), (v * (free & ~forward), -h)]
    moves = []
    for part, step in parts:
        if not part.any():
            continue
        if central:
            moves += [(step * part, 2 / step), (2 * step * part, -0.5 / step)]
        else:
            moves.append((step * part, 1 / step))
    return moves


cdef int python_eval(void* ctx, int want, optlab_point* point) noexcept:
    """The `optlab_eval` of a PythonObjective; the caller holds the interpreter lock."""
    cdef PythonObjective objective = <PythonObjective>ctx
    try:
        objective.evaluate(want, point)
    except BaseException as error:
        objective.error = error
        return -1
    return 0


@cython.final
cdef class PythonObjective:
    """A Python function as an objective of the C interface.

    `mode` is a key of MODES, `second` one of SECOND: where g and H come from. `steps`
    and `absolute_steps` are the lengths of the differences per component (or empty),
    relative to |x_i| and absolute. `hess(x, *args)` returns an object with the verbs
    `product(v)`, `dense()` and `newton(g)`, as `optlab.hessian` makes them. `bounds`
    are two vectors, for float32 of numbers that it has. `map(function, points)`
    evaluates the points of one gradient or Hessian by differences.
    """

    def __init__(self, mode, fun, jac, tuple args, int64_t n, int dtype=0,
                 steps=None, absolute_steps=None, *, second=None, hess=None,
                 hessp=None, bounds=None, map=None):
        cdef double eps = EPSILON[dtype]
        cdef cnp.npy_intp shape
        self.mode = MODES[mode]
        self.second = -1 if second is None else SECOND[second]
        self.fun = fun
        self.jac = jac
        self.hess = hess
        self.hessp = hessp
        self.map = map
        self.args = args
        self.n = n
        self.typenum = cnp.NPY_FLOAT32 if dtype == OPTLAB_FLOAT32 else cnp.NPY_FLOAT64
        self.dtype = DTYPES[dtype]
        self.steps = steps
        self.absolute_steps = absolute_steps
        if bounds is not None:
            self.keep_within(bounds)
        # What f is resolved to, and the gradient that is made of it.
        self.step = best_step(eps, self.mode)
        if self.mode in (FORWARD, CENTRAL):
            shape = 4 * n
            self.buffer = cnp.PyArray_EMPTY(1, &shape, cnp.NPY_FLOAT64, 0)
            self.offsets = <double*>cnp.PyArray_DATA(self.buffer)
            self.values = self.offsets + 2 * n
            eps = eps / self.step
        self.second_step = best_step(eps, self.second)
        self.c.version = OPTLAB_ABI_VERSION
        self.c.dtype = dtype
        self.c.provides = OPTLAB_F | OPTLAB_G
        if self.second == PRODUCTS:
            self.c.provides |= OPTLAB_HV
        self.c.n = n
        self.c.eval = <optlab_eval><void*>python_eval
        self.c.ctx = <void*>self

    cdef int keep_within(self, bounds) except -1:
        """Where differences have to stay; an open side ends where the numbers do."""
        cdef double most = DBL_MAX if self.typenum == cnp.NPY_FLOAT64 else FLT_MAX
        if self.mode in (JOINT, SEPARATE) and self.second in (-1, PRODUCTS, MATRIX):
            return 0  # there are none
        self.lower, self.upper = (
            np.maximum(np.minimum(side, most), -most).astype(np.float64)
            for side in bounds
        )
        self.low, self.high = self.lower, self.upper
        return 0

    cdef cnp.ndarray copy(self, const void* x):
        """x as a new array."""
        cdef cnp.npy_intp shape = self.n
        array = cnp.PyArray_EMPTY(1, &shape, self.typenum, 0)
        memcpy(
            cnp.PyArray_DATA(<cnp.ndarray>array),
            x,
            self.n * cnp.PyArray_ITEMSIZE(<cnp.ndarray>array),
        )
        return array

    cdef object vector(self, const void* x):
        """x as an array that is the callee's to keep."""
        if (
            self.array is None
            or references(<PyObject*>self.array) > 1
            or not self.untouched()
        ):
            self.array = self.copy(x)
        else:
            memcpy(
                cnp.PyArray_DATA(<cnp.ndarray>self.array),
                x,
                self.n * cnp.PyArray_ITEMSIZE(<cnp.ndarray>self.array),
            )
        return self.array

    # Alone, without a machine

    cdef cnp.ndarray given(self, object x, str name):
        """x as a vector of the right length and dtype."""
        array = np.ascontiguousarray(x, self.dtype)
        if array.shape != (self.n,):
            raise ValueError(f"{name} must have shape ({self.n},), got {array.shape}")
        return array

    def value(self, x):
        """f(x)."""
        cdef optlab_point point
        cdef cnp.ndarray vector = self.given(x, "x")
        point.x = cnp.PyArray_DATA(vector)
        self.evaluate(OPTLAB_F, &point)
        return point.f

    def gradient(self, x):
        """The gradient at x."""
        cdef optlab_point point
        cdef cnp.ndarray vector = self.given(x, "x")
        cdef cnp.ndarray g = np.empty(self.n, self.dtype)
        point.x = cnp.PyArray_DATA(vector)
        point.g = cnp.PyArray_DATA(g)
        if self.mode in (FORWARD, CENTRAL):
            self.evaluate(OPTLAB_F, &point)
        self.evaluate(OPTLAB_G, &point)
        return g

    def product(self, x, v):
        """The Hessian at x times v."""
        cdef cnp.ndarray along = self.given(v, "v")
        return self.alone(OPTLAB_HV, x, cnp.PyArray_DATA(along), 1)[0]

    def hessian(self, x):
        """The Hessian at x."""
        return self.alone(OPTLAB_H, x, NULL, self.n)[0]

    def newton(self, x):
        """The Newton step at x; its lowest curvature, and where it is found."""
        step, direction, curvature = self.alone(OPTLAB_SOLVE, x, NULL, 1)
        return step, curvature, direction if curvature < 0.0 else None

    cdef tuple alone(self, int want, object x, const void* v, int64_t rows):
        cdef optlab_point point
        cdef cnp.ndarray vector = self.given(x, "x")
        cdef cnp.ndarray g = vector
        cdef cnp.ndarray out = np.empty((rows, self.n), self.dtype)
        cdef cnp.ndarray direction = np.empty(self.n, self.dtype)
        if want == OPTLAB_SOLVE or self.second not in (PRODUCTS, MATRIX):
            g = self.gradient(x)
        point.x = cnp.PyArray_DATA(vector)
        point.g = cnp.PyArray_DATA(g)
        point.v = v
        point.hv = point.h = cnp.PyArray_DATA(out)
        if want == OPTLAB_SOLVE:
            point.h = cnp.PyArray_DATA(direction)
        point.curvature = 0.0
        self.evaluate(want, &point)
        return (out if want == OPTLAB_H else out[0]), direction, point.curvature

    # What it remembers, for runs that are saved

    def save(self):
        """What differences have learned, and where the last Hessian was made."""
        return {
            "wide": bool(self.wide),
            "step": self.step,
            "gradient_error": self.gradient_error,
            "nhev": self.early_nhev,
        }, self.hess_x

    def load(self, dict saved, hess_x):
        """Go on as the one that was saved."""
        cdef cnp.ndarray x
        self.wide = saved["wide"]
        self.step = saved["step"]
        self.gradient_error = saved["gradient_error"]
        self.early_nhev = saved["nhev"]
        if hess_x is not None and self.second == MATRIX:
            x = self.given(hess_x, "x")
            self.hess_answer = self.call(self.hess, cnp.PyArray_DATA(x))
            self.hess_x = x

    cdef bint untouched(self) noexcept:
        """Whether the callee left shape, dtype and flags of its array alone."""
        array = <cnp.ndarray>self.array
        return (
            cnp.PyArray_NDIM(array) == 1
            and cnp.PyArray_DIM(array, 0) == self.n
            and cnp.PyArray_TYPE(array) == self.typenum
            and cnp.PyArray_ISCARRAY(array)
        )

    # Calling

    cdef void count(self, int64_t nfev, int64_t njev, int64_t nhev) noexcept:
        """Calls that the loop does not know of."""
        if self.counts != NULL:
            self.counts.nfev += nfev
            self.counts.njev += njev
            self.counts.nhev += nhev
        else:
            self.early_nhev += nhev

    cdef int follow(self, loop_counts* counts) except -1:
        """Count there from now on, with what was called early."""
        counts.nhev += self.early_nhev
        self.early_nhev = 0
        self.counts = counts
        return 0

    def first_hessian(self, x):
        """The Hessian at x, which is kept for the run that begins there."""
        cdef cnp.ndarray at = self.given(x, "x")
        return self.hess_at(cnp.PyArray_DATA(at))

    def first_product(self, x):
        """Multiply at x once, before any work: a product of NaN is an error."""
        if np.isnan(self.product(x, np.full(self.n, 1.0 / sqrt(self.n)))).any():
            name = "hessp" if self.second == PRODUCTS else "hess"
            raise ValueError(f"{name} must not give NaN at x0")
        if self.second == PRODUCTS:
            self.count(0, 0, 1)

    cdef object call(self, object function, const void* x):
        if self.args:
            return function(self.vector(x), *self.args)
        return function(self.vector(x))

    cdef object answers(self, object function, object points):
        """The answers at all points, to be read one by one: they may share a buffer."""
        if self.args:
            function = Applied(function, self.args)
        if self.map is None:
            return map(function, points)
        points = list(points)
        answers = list(self.map(function, points))
        if len(answers) != len(points):
            raise ValueError(
                f"workers must give {len(points)} answers, got {len(answers)}"
            )
        return answers

    cdef int take_vector(self, object v, void* out, str name) except -1:
        cdef int64_t i
        cdef const double[::1] checked
        if (
            cnp.PyArray_Check(v)
            and cnp.PyArray_TYPE(<cnp.ndarray>v) == self.typenum
            and cnp.PyArray_NDIM(<cnp.ndarray>v) == 1
            and cnp.PyArray_DIM(<cnp.ndarray>v, 0) == self.n
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>v)
        ):
            memcpy(
                out,
                cnp.PyArray_DATA(<cnp.ndarray>v),
                self.n * cnp.PyArray_ITEMSIZE(<cnp.ndarray>v),
            )
            return 0
        checked = as_vector(v, self.n, name)
        for i in range(self.n):
            self.put(out, i, checked[i])
        return 0

    cdef int evaluate(self, int want, optlab_point* point) except -1:
        if want & (OPTLAB_F | OPTLAB_G):
            self.evaluate_first(want, point)
        if want & (OPTLAB_HV | OPTLAB_H | OPTLAB_SOLVE):
            self.evaluate_second(want, point)
        return 0

    cdef int evaluate_first(self, int want, optlab_point* point) except -1:
        if self.mode == JOINT:
            value, gradient = as_pair(self.call(self.fun, point.x))
            if want & OPTLAB_F:
                point.f = as_value(value)
            else:
                self.count(1, 0, 0)  # it was not asked for, and yet computed
            if want & OPTLAB_G:
                self.take_vector(gradient, point.g, "jac")
            else:
                self.count(0, 1, 0)
            return 0
        if want & OPTLAB_F:
            point.f = as_value(self.call(self.fun, point.x))
        if want & OPTLAB_FINE and self.mode == FORWARD:
            self.mode = CENTRAL
            self.step = best_step(EPSILON[self.c.dtype], CENTRAL)
        if want & OPTLAB_G:
            if self.mode == SEPARATE:
                self.take_vector(self.call(self.jac, point.x), point.g, "jac")
            elif self.mode == COMPLEX:
                self.complex_differences(point.x, point.g)
            else:
                self.differences(point.x, point.f, point.g)
        return 0

    # The Hessian

    cdef int evaluate_second(self, int want, optlab_point* point) except -1:
        if self.second < 0 or (want & OPTLAB_SOLVE and self.second != MATRIX):
            raise NotImplementedError("no Hessian was given")
        if want & OPTLAB_HV:
            name = "hessp" if self.second == PRODUCTS else "hess"
            self.take_vector(self.times(point), point.hv, name)
        if want & OPTLAB_H:
            self.take_matrix(self.dense(point), point.h)
        if want & OPTLAB_SOLVE:
            step, point.curvature, direction = self.hess_at(point.x).newton(
                self.copy(point.g).astype(np.float64)
            )
            self.take_vector(step, point.hv, "hess")
            if point.curvature < 0.0:
                self.take_vector(direction, point.h, "hess")
        return 0

    cdef object hess_at(self, const void* x):
        """The Hessian at x, made once: many products are asked for at one x."""
        cdef size_t size = self.n * self.dtype.itemsize
        if self.hess_x is None or memcmp(cnp.PyArray_DATA(self.hess_x), x, size):
            self.hess_x = self.hess_answer = None
            self.count(0, 0, 1)
            self.hess_answer = self.call(self.hess, x)
            self.hess_x = self.copy(x)
        return self.hess_answer

    cdef object times(self, optlab_point* point):
        """The Hessian times the point's v."""
        v = self.copy(point.v)
        if self.second == MATRIX:
            return self.hess_at(point.x).product(v)
        if self.second == PRODUCTS:
            if self.args:
                return self.hessp(self.vector(point.x), v, *self.args)
            return self.hessp(self.vector(point.x), v)
        size = float(np.abs(v).max())
        if not 0.0 < size < np.inf:
            return np.full(self.n, size * 0.0)  # 0, or NaN
        row = self.hessian_differences(point, [v.astype(np.float64) / size])[0]
        with quiet():
            return size * row

    cdef object dense(self, optlab_point* point):
        """The Hessian as a matrix; of n products, where that is all there is."""
        if self.second == MATRIX:
            return self.hess_at(point.x).dense()
        units = unit_vectors(self.n, range(self.n))
        if self.second == PRODUCTS:
            self.count(0, 0, self.n)
            rows = np.array([
                as_vector(
                    self.hessp(self.vector(point.x), v.astype(self.dtype), *self.args),
                    self.n,
                    "hessp",
                ).copy()
                for v in units
            ])
        else:
            rows = self.hessian_differences(point, list(units))
            blank = ~rows.any(axis=1)  # zero, or of what cannot be moved
            rows[blank] = rows[:, blank].T
        with quiet():
            return (rows + rows.T) / 2

    cdef int take_matrix(self, object matrix, void* out) except -1:
        cdef cnp.ndarray H
        with quiet():  # float32 has less range
            H = np.ascontiguousarray(matrix, self.dtype)
        memcpy(out, cnp.PyArray_DATA(H), self.n * self.n * self.dtype.itemsize)
        return 0

    cdef object hessian_differences(self, optlab_point* point, list V):
        """The Hessian times each v of V, whose largest component is 1."""
        x, g = self.copy(point.x), self.copy(point.g).astype(np.float64)
        cdef bint central = self.second == CENTRAL
        cdef double error = self.gradient_error
        if self.second == COMPLEX:
            return self.complex_gradients(x, V)
        if not np.isfinite(g).all():
            return np.full((len(V), self.n), np.nan)
        rows = self.difference_gradients(x, g, V, central)
        for k in np.flatnonzero(~np.isfinite(rows).all(axis=1)):
            # One side is not finite, the other one may be.
            for side in [1.0, -1.0][not central :]:
                retry = self.difference_gradients(x, g, [side * V[k]], False)
                rows[k] = side * retry[0]
                if np.isfinite(rows[k]).all():
                    break
        self.gradient_error = error  # that of the point, not of those around it
        return rows

    cdef double stride(self, object x, const double[::1] v) except? -1.0:
        """The length of a difference along v.

        It is the mean, weighted by v_i^2, of the lengths that bring component i as far
        as is best for it (Brown & Saad 1990).
        """
        cdef int64_t i
        cdef double xi, wish, step, total = 0.0, square = 0.0
        cdef void* data = cnp.PyArray_DATA(<cnp.ndarray>x)
        for i in range(self.n):
            xi = self.get(data, i)
            # Steps that the user gave are those of f, where f is what is differenced.
            wish = 0.0 if self.mode in (FORWARD, CENTRAL) else self.wish(xi, i)
            if self.second == COMPLEX:
                step = self.length(xi, wish, self.second_step)
            else:
                step = self.spacing(xi, wish, self.second_step)
            total += fabs(v[i] * step)
            square += v[i] * v[i]
        return total / square

    cdef object difference_gradients(self, object x, object g, list V, bint central):
        """As `hessian_differences`, from points on both sides or on one."""
        rows = np.zeros((len(V), self.n))
        points, places = [], []
        at = x.astype(np.float64)
        with quiet():
            for k, v in enumerate(V):
                h = self.stride(x, v)
                for move, weight in stencil(at, v, h, self.lower, self.upper, central):
                    point = at + move
                    if self.lower is not None:
                        point = np.clip(point, self.lower, self.upper)
                    point = point.astype(self.dtype)
                    # How much of the move that was meant is left after rounding.
                    along = move / np.abs(move).max()
                    made = (point - at) @ along / (move @ along)
                    if made != 0.0:
                        points.append(point)
                        places.append((k, weight / made))
        for (k, weight), gradient in zip(places, self.gradients(points), strict=True):
            with quiet():
                rows[k] += weight * (gradient - g)
        return rows

    cdef object gradients(self, list points):
        """The gradients at some points, to be read one by one."""
        self.count(0, len(points), 0)
        if self.mode == SEPARATE:
            return vectors(self.answers(self.jac, points), self.n)
        if self.mode != COMPLEX:
            self.count(len(points), 0, 0)
        if self.mode == JOINT:
            return vectors(second_halves(self.answers(self.fun, points)), self.n)
        return map(self.gradient, points)

    cdef object complex_gradients(self, object x, list V):
        """As `hessian_differences`, by complex steps."""
        rows = np.empty((len(V), self.n))
        steps = [self.stride(x, v) for v in V]
        self.count(0, len(V), 0)
        points = complex_points(x, V, steps)
        if self.mode == JOINT:
            self.count(len(V), 0, 0)
            answers = second_halves(self.answers(self.fun, points))
        else:
            answers = self.answers(self.jac, points)
        answers = complex_answers(answers, "hess", "jac")
        for k, (h, answer) in enumerate(zip(steps, answers, strict=True)):
            rows[k] = as_imaginary(answer, self.n, "hess", "jac")
            with quiet():
                rows[k] /= h
        return rows

    # The gradient

    cdef double get(self, const void* x, int64_t i) noexcept:
        if self.typenum == cnp.NPY_FLOAT64:
            return (<const double*>x)[i]
        return (<const float*>x)[i]

    cdef void put(self, void* x, int64_t i, double value) noexcept:
        if self.typenum == cnp.NPY_FLOAT64:
            (<double*>x)[i] = value
        else:
            (<float*>x)[i] = <float>value

    cdef double wish(self, double xi, int64_t i) noexcept:
        """The step that the user asks for, signed, or 0."""
        if self.absolute_steps is not None:
            return self.absolute_steps[i % self.absolute_steps.shape[0]]
        if self.steps is not None:
            return self.steps[i % self.steps.shape[0]] * xi
        return 0.0

    cdef double length(self, double xi, double wish, double relative) noexcept:
        """The step of a component: what is wished for, or by the size of x."""
        return wish if wish != 0.0 else relative * copysign(max(1.0, fabs(xi)), xi)

    cdef double rounded(self, double value) noexcept:
        """The value as x holds it."""
        return value if self.typenum == cnp.NPY_FLOAT64 else <float>value

    cdef double spacing(self, double xi, double wish, double relative) noexcept:
        """The step of a component as it will be after rounding."""
        cdef double moved = self.rounded(xi + self.length(xi, wish, relative))
        if moved == xi:
            moved = self.rounded(xi + self.length(xi, 0.0, relative))
        if not isfinite(moved):
            moved = self.rounded(xi - self.length(xi, 0.0, relative))
        return moved - xi

    cdef double inside(self, double value, int64_t i) noexcept:
        """The value that component i can have, next to this one."""
        value = self.rounded(value)
        if self.lower is None:
            return value
        return min(max(value, self.low[i]), self.high[i])

    cdef void place(self, double xi, int64_t i, bint central) noexcept:
        """Where component i is moved to for its difference: one offset or two."""
        cdef double h = self.spacing(xi, self.wish(xi, i), self.step)
        cdef double most = DBL_MAX if self.typenum == cnp.NPY_FLOAT64 else FLT_MAX
        cdef double below = xi + most, above = most - xi, near, far
        cdef double a = h, b = 0.0
        if central:
            b = -h
        if self.lower is not None:
            below, above = xi - self.low[i], self.high[i] - xi
        near, far = min(below, above), max(below, above)
        if fabs(h) > near:
            # One-sided, and shrunk where it must be; towards the side with more room.
            far = far if above >= below else -far
            if not central:
                a = h if fabs(h) <= (above if h > 0.0 else below) else copysign(h, far)
                a = a if fabs(a) <= fabs(far) else far
            elif 0.5 * fabs(far) <= near and fabs(h) > 0.5 * fabs(far):
                a, b = near, -near
            else:
                a = copysign(min(fabs(h), 0.5 * fabs(far)), far)
                b = 2.0 * a
            a, b = self.inside(xi + a, i) - xi, self.inside(xi + b, i) - xi
            if a == 0.0 or a == b:
                a, b = far, 0.0
        self.offsets[2 * i], self.offsets[2 * i + 1] = a, b

    cdef double probe(self, const void* x, int64_t i, double offset) except? -1.0:
        """f where component i is moved."""
        self.count(1, 0, 0)
        array = self.vector(x)
        self.move(array, i, offset)
        if self.args:
            return as_value(self.fun(array, *self.args))
        return as_value(self.fun(array))

    cdef void move(self, object array, int64_t i, double offset) noexcept:
        cdef void* data = cnp.PyArray_DATA(<cnp.ndarray>array)
        self.put(data, i, self.inside(self.get(data, i) + offset, i))

    cdef int probe_all(self, const void* x) except -1:
        """f at all the moves."""
        cdef int64_t k
        points, places = [], []
        for k in range(2 * self.n):
            if self.offsets[k] == 0.0:
                continue
            if self.map is None:
                self.values[k] = self.probe(x, k // 2, self.offsets[k])
                continue
            point = self.copy(x)
            self.move(point, k // 2, self.offsets[k])
            points.append(point)
            places.append(k)
        if points:
            self.count(len(points), 0, 0)
            for k, f in zip(places, self.answers(self.fun, points), strict=True):
                self.values[k] = as_value(f)
        return 0

    cdef bint held(self, double xi, int64_t i, double slope, double error) noexcept:
        """Whether component i is at a bound that f pushes it against, error or not."""
        if self.lower is None:
            return False
        return (
            (xi <= self.low[i] and slope > error)
            or (xi >= self.high[i] and slope < -error)
        )

    cdef int differences(self, const void* x, double f, void* g) except -1:
        """The gradient by differences; from now on by wide ones, once the differences
        that are best for a smooth f do not rise above its rounding errors.
        """
        cdef bint given = self.steps is not None or self.absolute_steps is not None
        if not self.difference(x, f, g) and not self.wide and not given:
            self.wide = True
            self.step = sqrt(sqrt(EPSILON[self.c.dtype]))
            self.difference(x, f, g)
        return 0

    cdef bint difference(self, const void* x, double f, void* g) except -1:
        """Whether any component of f's change could be told from rounding.

        One difference of each; from the other side where one is not finite.
        """
        cdef int64_t i
        cdef double xi, a, b, plus, minus, slope, width, error
        cdef double rounding = 4.0 * EPSILON[self.c.dtype] * fabs(f)
        cdef bint resolved = False, moved = False
        for i in range(self.n):
            self.place(self.get(x, i), i, self.mode == CENTRAL or self.wide)
        self.probe_all(x)
        self.gradient_error = 0.0
        for i in range(self.n):
            a, b = self.offsets[2 * i], self.offsets[2 * i + 1]
            plus, minus = self.values[2 * i], self.values[2 * i + 1]
            slope = 0.0
            width = a
            if a != 0.0:
                moved = True
                slope = (plus - f) / a
                if b != 0.0 and (a > 0.0) != (b > 0.0):
                    width = a - b
                    slope = (plus - minus) / width
                elif b != 0.0:  # the parabola through three points
                    slope = (b * slope - a * ((minus - f) / b)) / (b - a)
                if not isfinite(slope):
                    if b == 0.0:
                        xi = self.get(x, i)
                        b = self.inside(xi - a, i) - xi
                        if b != 0.0:
                            minus = self.probe(x, i, b)
                    slope = (plus - f) / a
                    if b != 0.0 and not isfinite(plus):
                        slope = (minus - f) / b
                # Written so that a slope that is not finite needs no second look.
                resolved = resolved or not fabs(slope * width) <= rounding
                error = rounding / fabs(width)
                if self.lower is not None:  # no projected slope is longer than the box
                    error = min(error, self.high[i] - self.low[i])
                if not self.held(self.get(x, i), i, slope, error):
                    self.gradient_error = max(self.gradient_error, error)
            self.put(g, i, slope)
        return resolved or not moved

    cdef int complex_differences(self, const void* x, void* g) except -1:
        """The gradient by complex steps; of what is fixed by its bounds, 0."""
        slopes = np.zeros(self.n)
        at = self.copy(x)
        free = range(self.n)
        if self.lower is not None:
            free = np.flatnonzero(self.lower < self.upper)
        steps = []
        for i in free:
            xi = self.get(x, i)
            steps.append(abs(self.length(xi, self.wish(xi, i), self.step)))
        self.count(len(steps), 0, 0)
        answers = complex_answers(
            self.answers(
                self.fun, complex_points(at, unit_vectors(self.n, free), steps)
            ),
            "jac",
            "fun",
        )
        for i, h, answer in zip(free, steps, answers, strict=True):
            slopes[i] = as_imaginary(answer, 1, "jac", "fun").item() / h
        self.take_vector(slopes, g, "jac")
        return 0
