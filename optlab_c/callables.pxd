from libc.stdint cimport int64_t

from optlab_c.abi cimport optlab_objective
from optlab_c.core cimport loop_counts


cdef class PythonObjective:
    """A Python function as an objective of the C interface; see callables.pyx."""

    cdef optlab_objective c
    cdef loop_counts* counts
    cdef readonly object fun, jac
    cdef readonly BaseException error
    cdef tuple args
    cdef object array  # the x last handed out, used again if nobody kept it
    cdef readonly double gradient_error  # what rounding of f may do to differences
    cdef bint wide
    cdef int mode, typenum
    cdef int64_t n
    cdef const double[::1] steps
    cdef const double[::1] absolute_steps

    cdef int evaluate(self, int want, const void* x, double* f, void* g) except -1
    cdef object vector(self, const void* x)
    cdef bint untouched(self) noexcept
    cdef object call(self, object function, const void* x)
    cdef int take_gradient(self, object g, void* out) except -1
    cdef double get(self, const void* x, int64_t i) noexcept
    cdef double probe(self, const void* x, int64_t i, double value) except? -1.0
    cdef double spacing(self, double xi, int64_t i) noexcept
    cdef int differences(self, const void* x, double f, void* g) except -1
    cdef bint difference(self, const void* x, double f, void* g) except -1
