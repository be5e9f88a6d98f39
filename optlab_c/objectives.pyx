# cython: auto_pickle=False, autotestdict=False
"""Compiled objectives, and any compiled objective as a Python object.

An objective in C (`abi.h`) travels as a capsule. The functions here make capsules that
own everything their objective needs; `Objective` wraps any capsule, whoever made it, so
that Python can ask it for f, g, Hv and H.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_Occurred
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport (
    PyCapsule_GetContext,
    PyCapsule_GetName,
    PyCapsule_GetPointer,
    PyCapsule_IsValid,
    PyCapsule_New,
)
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_BATCH,
    OPTLAB_F,
    OPTLAB_FLOAT32,
    OPTLAB_FLOAT64,
    OPTLAB_G,
    OPTLAB_H,
    OPTLAB_HV,
    OPTLAB_OBJECTIVE_CAPSULE,
    optlab_objective,
    optlab_point,
)

import numpy as np

cnp.import_array()

cdef extern from "objectives/mgh.h" nogil:
    int mgh_init(
        optlab_objective* objective, int number, int64_t n, int64_t m, int dtype
    )

cdef extern from "objectives/bounded.h" nogil:
    enum:
        BOUNDED_HS3
        BOUNDED_HS4
        BOUNDED_HS5
        BOUNDED_HS45
        BOUNDED_HS110
        BOUNDED_VALLEY
    int bounded_init(optlab_objective* objective, int kind, int64_t n, int dtype)
    int grid_init(
        optlab_objective* objective,
        int64_t nx,
        int64_t ny,
        const double* across,
        const double* along,
        const double* load,
        int dtype,
    )

cdef extern from "objectives/quadratic.h" nogil:
    ctypedef struct quadratic_model "quadratic":
        int64_t n
        const void* d
        const void* u
        const void* c
    void quadratic_init(optlab_objective* objective, quadratic_model* model, int dtype)

cdef extern from "objectives/linear.h" nogil:
    enum:
        LINEAR_PANEL
    ctypedef enum linear_loss:
        LINEAR_SQUARED
        LINEAR_LOGISTIC
        LINEAR_SOFTMAX
    ctypedef struct linear_model:
        int64_t rows
        int64_t columns
        int64_t outputs
        int64_t free
        double precision
        linear_loss loss
        const void* x
        const void* y
    void linear_init(
        optlab_objective* objective, linear_model* model, int dtype, int width
    )

PANEL = LINEAR_PANEL
SQUARED, LOGISTIC, SOFTMAX = LINEAR_SQUARED, LINEAR_LOGISTIC, LINEAR_SOFTMAX
HS3, HS4, HS5 = BOUNDED_HS3, BOUNDED_HS4, BOUNDED_HS5
HS45, HS110, VALLEY = BOUNDED_HS45, BOUNDED_HS110, BOUNDED_VALLEY


# ---- capsules that own their objective ---------------------------------------------

cdef struct holder:
    optlab_objective objective  # first, so that the capsule's pointer is the holder's
    void (*free)(void*) noexcept nogil
    PyObject* keep  # whatever the objective points into


cdef void release(object capsule) noexcept:
    cdef holder* held = <holder*>PyCapsule_GetPointer(capsule, OPTLAB_OBJECTIVE_CAPSULE)
    if held.free != NULL:
        held.free(held.objective.ctx)
    Py_XDECREF(held.keep)
    PyMem_Free(held)


cdef object capsule_of(
    optlab_objective objective, void (*discard)(void*) noexcept nogil, object keep
):
    cdef holder* held = <holder*>PyMem_Malloc(sizeof(holder))
    if held == NULL:
        discard(objective.ctx)
        raise MemoryError
    held.objective = objective
    held.free = discard
    held.keep = NULL
    capsule = PyCapsule_New(held, OPTLAB_OBJECTIVE_CAPSULE, release)
    if keep is not None:
        Py_INCREF(keep)
        held.keep = <PyObject*>keep
    return capsule


def mgh(int number, int64_t n, int64_t m, bint single):
    """Capsule of problem `number` (1 to 35) of Moré, Garbow & Hillstrom 1981."""
    cdef optlab_objective objective
    cdef int dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
    if mgh_init(&objective, number, n, m, dtype) != 0:
        raise MemoryError
    return capsule_of(objective, free, None)


def bounded(int kind, int64_t n, bint single):
    """Capsule of a function (HS3 to VALLEY) that is published with bounds."""
    cdef optlab_objective objective
    cdef int dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
    if bounded_init(&objective, kind, n, dtype) != 0:
        raise MemoryError
    return capsule_of(objective, free, None)


def grid(
    double[::1] across, double[::1] along, double[::1] load, int64_t ny, bint single
):
    """Capsule of the energy of a loaded membrane on a grid; see bounded.h."""
    cdef optlab_objective objective
    cdef int dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
    cdef int64_t nx = load.size
    if across.size != nx + 1 or along.size != nx:
        raise ValueError("across must have one number more than along and load")
    if grid_init(&objective, nx, ny, &across[0], &along[0], &load[0], dtype) != 0:
        raise MemoryError
    return capsule_of(objective, free, None)


cdef int dtype_of(cnp.ndarray array) except -1:
    """The tag of an array of floats, which has to be contiguous."""
    cdef int typenum = cnp.PyArray_TYPE(array)
    if not cnp.PyArray_ISCARRAY_RO(array) or (
        typenum != cnp.NPY_FLOAT64 and typenum != cnp.NPY_FLOAT32
    ):
        raise TypeError("arrays must be contiguous, of float64 or float32")
    return OPTLAB_FLOAT32 if typenum == cnp.NPY_FLOAT32 else OPTLAB_FLOAT64


def quadratic(cnp.ndarray d, cnp.ndarray u, cnp.ndarray c):
    """Capsule of 1/2 (x - c)^T Q D Q (x - c), Q = I - 2 u u^T; see quadratic.h.

    The arrays are not copied.
    """
    cdef int dtype = dtype_of(d)
    if dtype_of(u) != dtype or dtype_of(c) != dtype or not d.size == u.size == c.size:
        raise TypeError("d, u and c must have one dtype and one length")
    cdef quadratic_model* model = <quadratic_model*>malloc(sizeof(quadratic_model))
    if model == NULL:
        raise MemoryError
    model.n = d.size
    model.d = cnp.PyArray_DATA(d)
    model.u = cnp.PyArray_DATA(u)
    model.c = cnp.PyArray_DATA(c)
    cdef optlab_objective objective
    quadratic_init(&objective, model, dtype)
    return capsule_of(objective, free, (d, u, c))


def linear(
    cnp.ndarray panels,
    cnp.ndarray y,
    int64_t rows,
    int64_t outputs,
    int64_t free_columns,
    double precision,
    int loss,
    int width=64,
):
    """Capsule of the loss of a linear model; see linear.h.

    The arrays, `panels` of shape (panels, columns, rows in a panel), are not copied.
    `width` limits the bytes in a vector, for tests.
    """
    cdef int dtype = dtype_of(panels)
    cdef linear_model* model = <linear_model*>malloc(sizeof(linear_model))
    if model == NULL:
        raise MemoryError
    model.rows = rows
    model.columns = cnp.PyArray_DIM(panels, 1)
    model.outputs = outputs
    model.free = free_columns
    model.precision = precision
    model.loss = <linear_loss>loss
    model.x = cnp.PyArray_DATA(panels)
    model.y = cnp.PyArray_DATA(y)
    cdef optlab_objective objective
    linear_init(&objective, model, dtype, width)
    return capsule_of(objective, free, (panels, y))


def function_in(capsule):
    """The addresses of a function in a capsule and of its user data: name, and both."""
    cdef const char* name = PyCapsule_GetName(capsule)
    function = <size_t>PyCapsule_GetPointer(capsule, name)
    data = <size_t>PyCapsule_GetContext(capsule)
    return "" if name == NULL else name.decode("utf-8", "replace"), function, data


def foreign(size_t fun, size_t hv, int n, size_t user_data, keep):
    """Capsule of functions at these addresses (hv: or 0); see foreign.h.

    `keep` is what they live in.
    """
    cdef foreign_model* model = <foreign_model*>malloc(sizeof(foreign_model))
    if model == NULL:
        raise MemoryError
    model.fun = <foreign_fun><void*>fun
    model.hv = <foreign_hv><void*>hv
    model.n = n
    model.user_data = <void*>user_data
    cdef optlab_objective objective
    foreign_init(&objective, model)
    return capsule_of(objective, free, keep)


# ---- the wrapper ---------------------------------------------------------------------

# From this many unknowns on, an evaluation is worth handing the GIL to other threads.
cdef int64_t RELEASE_GIL = 1000


cdef class Objective:
    """A compiled objective, callable from Python.

    Parameters
    ----------
    capsule : PyCapsule or object
        A capsule named ``"optlab_objective"``, or an object with one as its attribute
        ``__optlab_objective__``.

    Attributes
    ----------
    n : int
        Number of unknowns.
    dtype : numpy.dtype
        Precision of x and of the derivatives; f is always a double.
    n_samples : int
        Number of terms of a finite sum, else 0.
    least_batch : int
        The least number of samples that it can be asked for: 1, or 2 with batch norm.
    """

    cdef readonly object __optlab_objective__
    cdef readonly object dtype
    cdef public int64_t least_batch
    cdef const optlab_objective* c
    cdef int typenum

    def __cinit__(self, capsule, *args, **kwargs):
        self.least_batch = getattr(capsule, "least_batch", 1)
        capsule = getattr(capsule, "__optlab_objective__", capsule)
        if not PyCapsule_IsValid(capsule, OPTLAB_OBJECTIVE_CAPSULE):
            raise TypeError(
                "capsule must be a PyCapsule named 'optlab_objective' or an object "
                f"that offers one as __optlab_objective__, not {type(capsule).__name__}"
            )
        self.__optlab_objective__ = capsule
        self.c = <const optlab_objective*>PyCapsule_GetPointer(
            capsule, OPTLAB_OBJECTIVE_CAPSULE
        )
        if self.c.version != OPTLAB_ABI_VERSION:
            raise ValueError(
                f"capsule was compiled for version {self.c.version} of the objective "
                f"interface, this is version {OPTLAB_ABI_VERSION}"
            )
        single = self.c.dtype == OPTLAB_FLOAT32
        self.typenum = cnp.NPY_FLOAT32 if single else cnp.NPY_FLOAT64
        self.dtype = np.dtype(np.float32 if single else np.float64)

    def __reduce__(self):
        raise TypeError("cannot pickle an Objective: compiled memory does not travel")

    @property
    def n(self):
        return self.c.n

    @property
    def n_samples(self):
        return self.c.n_samples

    cdef cnp.ndarray vector(self, object value, str name):
        """`value` as a vector of n numbers the kernels can read: mostly itself."""
        if (
            isinstance(value, cnp.ndarray)
            and cnp.PyArray_TYPE(value) == self.typenum
            and cnp.PyArray_NDIM(value) == 1
            and cnp.PyArray_DIM(value, 0) == self.c.n
            and cnp.PyArray_ISCARRAY_RO(value)
        ):
            return value
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} must be real numbers, not {array.dtype}")
        if array.shape != (self.c.n,):
            raise ValueError(
                f"{name} must have the shape ({self.c.n},), not {array.shape}"
            )
        return np.ascontiguousarray(array, dtype=self.dtype)

    cdef cnp.ndarray empty(self, int ndim):
        cdef cnp.npy_intp shape[2]
        shape[0] = shape[1] = self.c.n
        return cnp.PyArray_EMPTY(ndim, shape, self.typenum, 0)

    cdef int eval(self, int want, optlab_point* point, object indices) except -1:
        cdef int failed
        cdef cnp.ndarray samples
        if want & ~self.c.provides:
            missing = {OPTLAB_HV: "Hessian product", OPTLAB_H: "Hessian"}
            raise NotImplementedError(f"this objective has no {missing.get(want)}")
        if indices is not None:
            samples = self.samples(indices)
            want |= OPTLAB_BATCH
            point.index = <const int64_t*>cnp.PyArray_DATA(samples)
            point.n_index = samples.size
        if self.c.n >= RELEASE_GIL or self.c.n_samples > 0:
            with nogil:
                failed = self.c.eval(self.c.ctx, want, point)
        else:
            failed = self.c.eval(self.c.ctx, want, point)
        if failed:
            if PyErr_Occurred() == NULL:
                raise RuntimeError(f"the objective failed with code {failed}")
            return -1
        return 0

    cdef cnp.ndarray samples(self, object indices):
        """The numbers of samples, checked: compiled code trusts them."""
        if not self.c.provides & OPTLAB_BATCH:
            raise NotImplementedError("this objective cannot take samples one by one")
        array = np.asarray(indices)
        if array.ndim != 1 or array.size == 0:
            raise ValueError(
                f"indices must be a vector of some numbers, not of shape {array.shape}"
            )
        if array.dtype.kind not in "iu":
            raise TypeError(f"indices must be whole numbers, not {array.dtype}")
        if array.size < self.least_batch:
            raise ValueError(
                f"indices must hold at least {self.least_batch} samples with batch norm"
            )
        if array.min() < 0 or array.max() >= self.c.n_samples:
            raise ValueError(f"indices must be from 0 to {self.c.n_samples - 1}")
        return np.ascontiguousarray(array, np.int64)

    def __call__(self, x, indices=None):
        return self.fun(x, indices)

    def fun(self, x, indices=None):
        """Value at x, of a finite sum also on some samples only."""
        cdef cnp.ndarray at = self.vector(x, "x")
        cdef optlab_point point
        point.x = cnp.PyArray_DATA(at)
        self.eval(OPTLAB_F, &point, indices)
        return point.f

    def grad(self, x, indices=None):
        """Gradient at x, a new array."""
        return self.fun_and_grad(x, indices)[1]

    def fun_and_grad(self, x, indices=None):
        """Value and gradient at x; the gradient is a new array."""
        cdef cnp.ndarray at = self.vector(x, "x")
        cdef cnp.ndarray g = self.empty(1)
        cdef optlab_point point
        point.x = cnp.PyArray_DATA(at)
        point.g = cnp.PyArray_DATA(g)
        self.eval(OPTLAB_F | OPTLAB_G, &point, indices)
        return point.f, g

    def hessp(self, x, v, indices=None):
        """Hessian at x times v, a new array."""
        cdef cnp.ndarray at = self.vector(x, "x")
        cdef cnp.ndarray along = self.vector(v, "v")
        cdef cnp.ndarray hv = self.empty(1)
        cdef optlab_point point
        point.x = cnp.PyArray_DATA(at)
        point.v = cnp.PyArray_DATA(along)
        point.hv = cnp.PyArray_DATA(hv)
        self.eval(OPTLAB_HV, &point, indices)
        return hv

    def hess(self, x):
        """Hessian at x, a new n-by-n array."""
        cdef cnp.ndarray at = self.vector(x, "x")
        cdef cnp.ndarray h = self.empty(2)
        cdef optlab_point point
        point.x = cnp.PyArray_DATA(at)
        point.h = cnp.PyArray_DATA(h)
        self.eval(OPTLAB_H, &point, None)
        return h
