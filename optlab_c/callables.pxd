cimport numpy as cnp
from libc.stdint cimport int64_t

from optlab_c.abi cimport optlab_objective, optlab_point
from optlab_c.core cimport loop_counts


cdef class PythonObjective:
    """A Python function as an objective of the C interface; see callables.pyx."""

    cdef optlab_objective c
    cdef loop_counts* counts
    cdef int64_t early_nhev  # calls before there was anywhere to count
    cdef readonly object fun, jac, hess, hessp
    cdef readonly BaseException error
    cdef tuple args
    cdef object map
    cdef object array  # the x last handed out, used again if nobody kept it
    cdef object hess_answer, hess_x  # the Hessian last made, and where
    cdef readonly double gradient_error  # what rounding of f may do to differences
    cdef bint wide
    cdef int mode, second, typenum
    cdef object dtype
    cdef int64_t n
    cdef double step, second_step  # of the differences, relative to x
    cdef const double[::1] steps
    cdef const double[::1] absolute_steps
    cdef object lower, upper
    cdef const double[::1] low, high  # the same, for loops
    cdef cnp.ndarray buffer
    cdef double* offsets  # of f's differences, two for each component; in the buffer
    cdef double* values  # f there

    cdef int keep_within(self, bounds) except -1
    cdef cnp.ndarray copy(self, const void* x)
    cdef object vector(self, const void* x)
    cdef cnp.ndarray given(self, object x, str name)
    cdef tuple alone(self, int want, object x, const void* v, int64_t rows)
    cdef bint untouched(self) noexcept
    cdef void count(self, int64_t nfev, int64_t njev, int64_t nhev) noexcept
    cdef int follow(self, loop_counts* counts) except -1
    cdef object call(self, object function, const void* x)
    cdef object answers(self, object function, object points)
    cdef int take_vector(self, object v, void* out, str name) except -1
    cdef int evaluate(self, int want, optlab_point* point) except -1
    cdef int evaluate_first(self, int want, optlab_point* point) except -1
    cdef int evaluate_second(self, int want, optlab_point* point) except -1
    cdef object hess_at(self, const void* x)
    cdef object times(self, optlab_point* point)
    cdef object dense(self, optlab_point* point)
    cdef int take_matrix(self, object matrix, void* out) except -1
    cdef object hessian_differences(self, optlab_point* point, list V)
    cdef double stride(self, object x, const double[::1] v) except? -1.0
    cdef object difference_gradients(self, object x, object g, list V, bint central)
    cdef object gradients(self, list points)
    cdef object complex_gradients(self, object x, list V)
    cdef double get(self, const void* x, int64_t i) noexcept
    cdef void put(self, void* x, int64_t i, double value) noexcept
    cdef double wish(self, double xi, int64_t i) noexcept
    cdef double length(self, double xi, double wish, double relative) noexcept
    cdef double rounded(self, double value) noexcept
    cdef double spacing(self, double xi, double wish, double relative) noexcept
    cdef double inside(self, double value, int64_t i) noexcept
    cdef void place(self, double xi, int64_t i, bint central) noexcept
    cdef double probe(self, const void* x, int64_t i, double offset) except? -1.0
    cdef void move(self, object array, int64_t i, double offset) noexcept
    cdef int probe_all(self, const void* x) except -1
    cdef bint held(self, double xi, int64_t i, double slope, double error) noexcept
    cdef int differences(self, const void* x, double f, void* g) except -1
    cdef bint difference(self, const void* x, double f, void* g) except -1
    cdef int complex_differences(self, const void* x, void* g) except -1


# What Python functions answer, checked; for other objectives that are made of them.
cdef double as_value(object f) except? -1.0
cdef object as_vector(object v, int64_t n, str name)
