"""From what the user hands in to an objective that a machine can run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from optlab_c.callables import PythonObjective
from optlab_c.machine import DTYPES, all_finite, objective_dtype

if TYPE_CHECKING:
    from optlab.plan import Plan

DIFFERENCES = ("2-point", "3-point")


def start_point(x0: Any, name: str = "x0") -> np.ndarray:
    """x0 as a finite real vector; it is only read.

    Raises
    ------
    TypeError
        If it is complex or not numeric.
    ValueError
        If it is empty, has two or more dimensions, or is not finite.
    """
    try:
        array = np.asarray(x0)
    except ValueError:  # rows of several lengths
        raise ValueError(f"{name} must have one dimension") from None
    if array.dtype.kind not in "fiub":
        # NumPy would read numbers from strings.
        strings = any(isinstance(item, (str, bytes)) for item in array.flat)
        if array.dtype.kind != "O" or strings:
            raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be real numbers, got objects") from None
        except OverflowError:
            raise ValueError(f"{name} must be finite") from None
    if array.ndim > 1:
        raise ValueError(f"{name} must have one dimension, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if array.ndim == 0:
        array = array.reshape(1)
    if not all_finite(array):
        raise ValueError(f"{name} must be finite")
    return array


def in_dtype(x0: np.ndarray, dtype: np.dtype, name: str = "x0") -> np.ndarray:
    """x0 in the dtype of a run, a ValueError where it is out of range there."""
    if x0.dtype == dtype:
        return x0
    with np.errstate(over="ignore"):
        array = x0.astype(dtype)
    if not all_finite(array):
        raise ValueError(f"{name} must be in the range of {dtype}")
    return array


def vector(value: Any, name: str, n: int | None = None) -> np.ndarray:
    """A finite vector of doubles, of length n if that is given."""
    array = in_dtype(start_point(value, name), np.dtype(np.float64), name)
    if n is not None and array.size != n:
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    return array


def _is_compiled(fun: Any, jac: Any) -> bool:
    """Whether `fun` brings its gradient along although jac=True says so again."""
    return jac is True and hasattr(fun, "__optlab_objective__")


class Objective:
    """What `fun` and `jac` come to: how f and g are had, and with which dtype.

    Attributes
    ----------
    mode : str
        "compiled", "joint" (one call gives f and g), "separate", "2-point" or "3-point".
    dtype : numpy.dtype or None
        The dtype that the objective asks for, if it does.
    """

    __slots__ = ("capsule", "dtype", "fun", "jac", "mode")

    def __init__(self, fun: Any, jac: Any) -> None:
        self.fun = fun
        self.jac: Callable[..., Any] | None = None
        self.capsule: object | None = None
        self.dtype: np.dtype | None = None
        if isinstance(jac, (bool, np.bool_)):  # SciPy documents False as None
            jac = True if jac else None
        if jac is None or (jac is True and not callable(fun)) or _is_compiled(fun, jac):
            self._take_object(fun)
        elif jac is True:
            self.mode = "joint"
        elif callable(jac):
            self.mode, self.jac = "separate", jac
        elif isinstance(jac, str):
            if jac not in DIFFERENCES:
                raise ValueError(f"jac must be one of {DIFFERENCES}, got {jac!r}")
            self.mode = jac
        else:
            raise TypeError(
                f"jac must be callable, True, None or one of {DIFFERENCES}, got {jac!r}"
            )
        if self.mode != "compiled" and not callable(self.fun):
            raise TypeError(f"fun must be callable, got {type(fun).__name__}")

    def _take_object(self, fun: Any) -> None:
        """An objective object brings its gradient along; a function does not."""
        capsule = getattr(fun, "__optlab_objective__", None)
        if capsule is not None:
            self.mode, self.capsule = "compiled", capsule
            self.dtype = objective_dtype(capsule)
        elif (both := getattr(fun, "fun_and_grad", None)) is not None:
            self.mode, self.fun = "joint", both
            wanted = getattr(fun, "dtype", None)
            if wanted is not None:
                self.dtype = np.dtype(wanted)
                if self.dtype not in DTYPES:
                    raise TypeError(f"fun.dtype must be one of {DTYPES}, got {wanted}")
        else:
            self.mode = "2-point"

    def bind(self, args: tuple[Any, ...], plan: "Plan") -> Any:
        """What `Machine.run` takes, for the plan of a run."""
        if self.capsule is not None:
            if args:
                raise ValueError("args must be empty for a compiled fun")
            return self.capsule
        return PythonObjective(
            self.mode,
            self.fun,
            self.jac,
            args,
            plan.n,
            DTYPES.index(plan.dtype),
            plan.common.finite_diff_rel_step,
            plan.common.eps,
        )


def as_args(args: Any) -> tuple[Any, ...]:
    """Extra arguments as a tuple; a single one needs none, as in SciPy."""
    return args if isinstance(args, tuple) else (args,)
