"""Compiled functions from elsewhere: numba, ctypes, cffi, Cython.

They have NLopt's shape, ``double f(int n, const double *x, double *grad, void *user_data)``.
`scipy.LowLevelCallable` takes all their kinds apart; here they are checked, and joined with
their data to what the compiled machine runs.
"""

import ctypes
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np
from scipy import LowLevelCallable

from optlab_c.objectives import Objective, foreign, function_in

FUN = "double (int n, const double *x, double *grad, void *user_data)"
HV = "void (int n, const double *x, const double *v, double *out, void *user_data)"

_POINTER: Any = ctypes._CFuncPtr  # type: ignore[attr-defined]
_NEVER = (FunctionType, MethodType, Objective)  # the quick way for most calls
_OBJECTIVE = "optlab_objective"
MOST = 2**31 - 1

# What ctypes calls an int: c_int is c_long where both have a size.
_SHORT = {"uint": "int"}
if ctypes.c_int is ctypes.c_long:  # type: ignore[comparison-overlap]
    _SHORT |= {"long": "int", "ulong": "int"}

# Signatures of numba that have been found to fit: to take one apart costs more than a
# small run.
_FITTING: set[Any] = set()


class Foreign(NamedTuple):
    """The addresses of a function, of its Hessian product and of its data; 0: none."""

    fun: int
    hv: int
    data: int
    keep: tuple[Any, ...]  # what they live in

    def objective(self, n: int) -> Objective:
        """The function of n unknowns as an objective."""
        if n > MOST:
            raise ValueError(f"x0 must have at most {MOST} components, got {n}")
        return Objective(foreign(self.fun, self.hv, n, self.data, self.keep))


def is_foreign(fun: Any) -> bool:
    """Whether `fun` is a compiled function, of whatever kind."""
    if isinstance(fun, _NEVER):
        return False
    return (
        isinstance(fun, (LowLevelCallable, _POINTER))
        or _is_numba(fun)
        or type(fun).__name__ == "PyCapsule"
        or type(fun).__module__ == "_cffi_backend"
    )


def is_objective(fun: Any) -> bool:
    """Whether `fun` is the capsule of a compiled objective."""
    return type(fun).__name__ == "PyCapsule" and function_in(fun)[0] == _OBJECTIVE


def compiled(fun: Any, jac: Any, hessp: Any, args: Any, n: int) -> tuple[Any, Any, Any]:
    """`fun`, `hessp` and `args`, with a compiled function made an objective.

    Anything else is returned as it was given.

    Raises
    ------
    TypeError, ValueError
        If a function has another signature; the accepted ones are listed.
    """
    if not is_foreign(fun):
        if hessp is not None and is_foreign(hessp):
            raise TypeError("hessp can be a compiled function only where fun is one")
        return fun, hessp, args
    if is_objective(fun):
        return Objective(fun), hessp, args
    return take(fun, jac, hessp, args).objective(n), None, ()


def take(fun: Any, jac: Any, hessp: Any, args: Any) -> Foreign:
    """A compiled function, with its Hessian product and its data."""
    brings_gradient(jac)
    function, data = _address("fun", fun, FUN)
    product = 0
    if hessp is not None:
        if not is_foreign(hessp):
            raise TypeError(f"hessp must be compiled, as fun is: {HV}")
        product, other = _address("hessp", hessp, HV)
        if other not in (0, data):
            raise ValueError("hessp must have the user data that fun has")
    args = args if isinstance(args, tuple) else (args,)
    if args:
        if data:
            raise ValueError("args must be empty where fun brings its user data along")
        args = (user_data(args, 1),)
        data = args[0].ctypes.data
    return Foreign(function, product, data, (fun, hessp, args))


def brings_gradient(jac: Any) -> None:
    """A TypeError where `jac` would say otherwise of a compiled function."""
    if jac is not None and not isinstance(jac, bool):
        raise TypeError(f"jac must be None or True for a compiled fun, got {jac!r}")


def user_data(args: tuple[Any, ...], ndim: int) -> np.ndarray:
    """The one array of doubles that `args` must be for a compiled function."""
    if (
        len(args) != 1
        or not isinstance(args[0], np.ndarray)
        or args[0].dtype != np.float64
        or args[0].ndim < ndim
        or not args[0].flags.c_contiguous
    ):
        raise TypeError(
            "args must be one contiguous array of float64 for a compiled fun: its user "
            "data"
        )
    return args[0]


def _is_numba(fun: Any) -> bool:
    return isinstance(getattr(fun, "ctypes", None), _POINTER)


def _address(name: str, function: Any, accepted: str) -> tuple[int, int]:
    """The addresses of a function and of its user data; a TypeError if it is another."""
    numba = _is_numba(function)
    pointer = function.ctypes if numba else function
    kind = (pointer.restype, pointer.argtypes, accepted) if numba else None
    if kind in _FITTING:
        return function.address, 0
    if isinstance(pointer, _POINTER) and not pointer.argtypes:
        raise TypeError(f"{name} must tell its argtypes and restype: {accepted}")
    if not isinstance(pointer, LowLevelCallable):
        try:
            pointer = LowLevelCallable(pointer)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be {accepted}: {error}") from None
    signature, address, data = function_in(tuple.__getitem__(pointer, 0))
    # To numba, user_data may be of the type that it is.
    if _plain(signature).replace("double *)", "void *)") != _plain(accepted):
        raise TypeError(f"{name} must be {accepted}, got {signature}")
    if kind is not None:
        _FITTING.add(kind)
    return address, data


@lru_cache(maxsize=64)
def _plain(signature: str) -> str:
    """A signature without the names, const, and the sign of n."""
    result, _, parameters = signature.partition("(")
    types = []
    for parameter in parameters.rstrip(") ").split(","):
        words = parameter.replace("*", " * ").split()
        words = [_SHORT.get(word, word) for word in words]
        kinds = [w for w in words if w in ("int", "double", "void", "float", "*")]
        kinds += [w for w in words if w in ("long", "short", "char", "_Complex")]
        types.append(" ".join(kinds) or ("int" if "unsigned" in words else "?"))
    return f"{result.strip()}({', '.join(types)})"
