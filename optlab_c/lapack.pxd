"""LAPACK for the core: the table of `lapack.h`, filled."""

from optlab_c.core cimport lapack
from optlab_c.routines cimport routine


cdef inline int need_lapack() except -1:
    """Fill the core's table, once: the import costs more than most small runs."""
    if lapack.syevd != NULL:
        return 0
    from scipy.linalg import cython_lapack

    lapack.potrf = routine(cython_lapack, "dpotrf", 5)
    lapack.potrs = routine(cython_lapack, "dpotrs", 8)
    lapack.syevd = routine(cython_lapack, "dsyevd", 11)
    return 0
