"""Routines of BLAS and LAPACK from SciPy at run time: nothing has to be linked."""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport int64_t


cdef inline void* routine(module, name, int64_t arguments) except NULL:
    """A routine that a module of `scipy.linalg` publishes, its form checked."""
    capsule = module.__pyx_capi__[name]
    cdef const char* signature = PyCapsule_GetName(capsule)
    text = signature.decode()
    if text.count(",") + 1 != arguments or "int *" not in text:
        raise ImportError(f"{name} in this SciPy has another form: {text}")
    return PyCapsule_GetPointer(capsule, signature)
