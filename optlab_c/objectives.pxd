"""Capsules for other modules that make compiled objectives."""

from optlab_c.abi cimport optlab_objective


cdef object capsule_of(
    optlab_objective objective, void (*discard)(void*) noexcept nogil, object keep
)

cdef extern from "objectives/foreign.h" nogil:
    ctypedef double (*foreign_fun)(int n, const double*, double*, void*)
    ctypedef void (*foreign_hv)(int n, const double*, const double*, double*, void*)
    ctypedef struct foreign_model "foreign":
        foreign_fun fun
        foreign_hv hv
        int n
        void* user_data
    void foreign_init(optlab_objective* objective, foreign_model* model)
