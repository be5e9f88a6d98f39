cimport cython

from optlab_c.core cimport descent_options, stop_tests


@cython.final
cdef class Settings:
    """Everything a run depends on but x0 and the objective; see machine.pyx."""

    cdef descent_options descent
    cdef stop_tests stop
