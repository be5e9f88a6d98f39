"""Capsules for other modules that make compiled objectives."""

from optlab_c.abi cimport optlab_objective


cdef object capsule_of(
    optlab_objective objective, void (*discard)(void*) noexcept nogil, object keep
)
