"""The public C interface (`abi.h`) for Cython code, inside and outside this package."""

from libc.stdint cimport int64_t

cdef extern from "abi.h" nogil:
    enum: OPTLAB_ABI_VERSION
    const char* OPTLAB_OBJECTIVE_CAPSULE

    ctypedef enum optlab_dtype:
        OPTLAB_FLOAT64
        OPTLAB_FLOAT32

    ctypedef enum optlab_status:
        OPTLAB_RUNNING
        OPTLAB_PAUSED
        OPTLAB_ABORTED

    enum:
        OPTLAB_F
        OPTLAB_G
        OPTLAB_HV
        OPTLAB_H
        OPTLAB_BATCH
        OPTLAB_SOLVE
        OPTLAB_FINE

    ctypedef struct optlab_point:
        const void* x
        double f
        void* g
        const void* v
        void* hv
        void* h
        double curvature
        const int64_t* index
        int64_t n_index

    ctypedef int (*optlab_eval)(void* ctx, int want, optlab_point* point) noexcept nogil

    ctypedef struct optlab_objective:
        int version
        int dtype
        int provides
        int64_t n
        int64_t n_samples
        optlab_eval eval
        void* ctx
