"""Objectives that come in capsules from elsewhere, checked."""

from cpython.exc cimport PyErr_Occurred
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_F,
    OPTLAB_FLOAT32,
    OPTLAB_FLOAT64,
    OPTLAB_G,
    OPTLAB_OBJECTIVE_CAPSULE,
    optlab_objective,
)


cdef inline const optlab_objective* in_capsule(capsule) except NULL:
    """The objective in a capsule, whose numbers come from elsewhere: checked."""
    if not PyCapsule_IsValid(capsule, OPTLAB_OBJECTIVE_CAPSULE):
        raise TypeError("fun.__optlab_objective__ must be a PyCapsule of that name")
    cdef const optlab_objective* objective
    objective = <const optlab_objective*>PyCapsule_GetPointer(
        capsule, OPTLAB_OBJECTIVE_CAPSULE
    )
    if objective.version != OPTLAB_ABI_VERSION:
        raise ValueError(
            f"fun was compiled for interface version {objective.version}, "
            f"this is version {OPTLAB_ABI_VERSION}"
        )
    if objective.dtype not in (OPTLAB_FLOAT64, OPTLAB_FLOAT32):
        raise ValueError(f"fun has an unknown dtype: {objective.dtype}")
    if objective.eval == NULL or ~objective.provides & (OPTLAB_F | OPTLAB_G):
        raise ValueError("fun must provide its value and its gradient")
    return objective


cdef inline int aborted() except -1:
    """What a compiled objective that failed has raised, or that it failed."""
    if PyErr_Occurred() == NULL:
        raise RuntimeError("fun: the compiled objective reported a failure")
    return -1
