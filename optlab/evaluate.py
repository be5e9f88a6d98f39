"""From what the user hands in to an objective that a machine can run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.optimize import HessianUpdateStrategy

from optlab.bounds import Sides
from optlab.hessian import Hessian
from optlab.options import of_objects
from optlab.workers import Map
from optlab_c.callables import PythonObjective
from optlab_c.machine import DTYPES, all_finite, has_hessian, objective_dtype

if TYPE_CHECKING:
    from optlab.plan import Plan

DIFFERENCES = ("2-point", "3-point", "cs")


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
        raise ValueError(f"{name!r} must only have one dimension") from None
    if array.dtype.kind not in "fiub":
        array = of_objects(name, array)
    if array.ndim > 1:
        raise ValueError(
            f"{name!r} must only have one dimension, got shape {array.shape}"
        )
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


def _scheme(name: str, value: str) -> str:
    """A difference scheme, a ValueError naming the argument where it is none."""
    if value not in DIFFERENCES:
        raise ValueError(f"{name} must be one of {DIFFERENCES}, got {value!r}")
    return value


class Objective:
    """What `fun`, `jac`, `hess` and `hessp` come to: how f, g and H are had.

    Where both `hess` and `hessp` are given, `hess` is used, as in SciPy.

    Attributes
    ----------
    mode : str
        Where the gradient is from: "compiled", "joint" (one call gives f and g),
        "separate", "2-point", "3-point" or "cs".
    second : str
        Where the Hessian is from, if it is needed: "hess", "hessp", "compiled", or
        differences of the gradient, "2-point", "3-point" or "cs".
    given : str or None
        The argument that the user gave for the Hessian, "hess" or "hessp".
    dtype : numpy.dtype or None
        The dtype that the objective asks for, if it does.
    """

    __slots__ = (
        "capsule",
        "dtype",
        "fun",
        "given",
        "hess",
        "hessp",
        "jac",
        "mode",
        "second",
    )

    hess: Callable[..., Any] | None
    hessp: Callable[..., Any] | None
    second: str

    def __init__(self, fun: Any, jac: Any, hess: Any = None, hessp: Any = None) -> None:
        self.fun = fun
        self.jac: Callable[..., Any] | None = None
        self.capsule: object | None = None
        self.dtype: np.dtype | None = None
        self.given = None if hessp is None else "hessp"
        if hess is not None:
            self.given = "hess"
        self._take_second(hess, hessp)
        if isinstance(jac, (bool, np.bool_)):  # SciPy documents False as None
            jac = True if jac else None
        if jac is None or (jac is True and not callable(fun)) or _is_compiled(fun, jac):
            self._take_object(fun)
        elif jac is True:
            self.mode = "joint"
        elif callable(jac):
            self.mode, self.jac = "separate", jac
        elif isinstance(jac, str):
            self.mode = _scheme("jac", jac)
        else:
            raise TypeError(
                f"jac must be callable, True, None or one of {DIFFERENCES}, got {jac!r}"
            )
        if self.mode != "compiled" and not callable(self.fun):
            raise TypeError(f"fun must be callable, got {type(fun).__name__}")
        if self.second == "cs" and self.differences:
            raise ValueError(
                "hess='cs' needs the gradient: jac must be callable or True"
            )

    @classmethod
    def elsewhere(cls, second: str | None) -> Self:
        """An objective that is evaluated elsewhere, and brings all its derivatives."""
        self = cls.__new__(cls)
        self.fun = self.jac = self.hess = self.hessp = None
        self.capsule = self.dtype = self.given = None
        self.mode, self.second = "joint", second or "hessp"
        return self

    @property
    def differences(self) -> bool:
        """Whether the gradient is made of differences of f."""
        return self.mode in DIFFERENCES

    @property
    def second_differences(self) -> bool:
        """Whether the Hessian is made of differences of the gradient."""
        return self.second in DIFFERENCES

    def _take_second(self, hess: Any, hessp: Any) -> None:
        """What is said of the Hessian."""
        self.second, self.hess, self.hessp = "2-point", None, None
        if hessp is not None and not callable(hessp):
            raise TypeError(f"hessp must be callable, got {hessp!r}")
        if hess is None:
            if hessp is not None:
                self.second, self.hessp = "hessp", hessp
        elif isinstance(hess, str):
            self.second = _scheme("hess", hess)
        elif callable(hess):
            self.second, self.hess = "hess", hess
        elif isinstance(hess, HessianUpdateStrategy):
            raise TypeError(
                "hess must give second derivatives, got the quasi-Newton update "
                f"{type(hess).__name__}: choose method='bfgs' or 'l-bfgs' instead"
            )
        else:
            raise TypeError(
                f"hess must be callable, None or one of {DIFFERENCES}, got {hess!r}"
            )

    def _take_object(self, fun: Any) -> None:
        """An objective object brings its derivatives along; a function does not."""
        capsule = getattr(fun, "__optlab_objective__", None)
        if capsule is not None:
            self.mode, self.capsule = "compiled", capsule
            self.dtype = objective_dtype(capsule)
            if self.given is None and has_hessian(capsule):
                self.second = "compiled"
        elif (both := getattr(fun, "fun_and_grad", None)) is not None:
            self.mode, self.fun = "joint", both
            wanted = getattr(fun, "dtype", None)
            if wanted is not None:
                self.dtype = np.dtype(wanted)
                if self.dtype not in DTYPES:
                    raise TypeError(f"fun.dtype must be one of {DTYPES}, got {wanted}")
            if self.given is None:
                own = (getattr(fun, name, None) for name in ("hess", "hessp"))
                self._take_second(*(one if callable(one) else None for one in own))
        else:
            self.mode = "2-point"

    def bind(
        self,
        args: tuple[Any, ...],
        plan: "Plan",
        *,
        second: bool = False,
        bounds: Sides | None = None,
        map: Map | None = None,
    ) -> Any:
        """What `Machine.run` takes, for the plan of a run.

        `second` tells that Hessians or their products will be asked for, `bounds` where
        differences have to stay (numbers of the plan's dtype), `map` what evaluates
        their points.

        A compiled objective remains compiled unless its Hessian has to come from Python,
        and the gradient with it.
        """
        mode, fun, source = self.mode, self.fun, None
        if self.capsule is not None:
            if args:
                raise ValueError("args must be empty for a compiled fun")
            if not second or self.second == "compiled":
                return self.capsule
            mode, fun = "joint", getattr(fun, "fun_and_grad", None)
            if fun is None:
                raise TypeError(
                    "fun must have a method fun_and_grad, or a compiled Hessian, where "
                    "second derivatives are wanted"
                )
        hess: Hessian | None = None
        if second:
            source = self.second
            hess = None if self.hess is None else Hessian(self.hess, plan.n)
        return PythonObjective(
            mode,
            fun,
            self.jac,
            args,
            plan.n,
            DTYPES.index(plan.dtype),
            plan.common.finite_diff_rel_step,
            plan.common.eps,
            second=source,
            hess=hess,
            hessp=self.hessp,
            bounds=bounds,
            map=map,
        )


def as_args(args: Any) -> tuple[Any, ...]:
    """Extra arguments as a tuple; a single one needs none, as in SciPy."""
    return args if isinstance(args, tuple) else (args,)
