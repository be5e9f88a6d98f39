"""Options: frozen dataclasses that validate themselves, one for each part.

A method's options are those of the groups that its row in `optlab.methods` names, and of
its line search. Names are SciPy's wherever SciPy has one. Every field carries its check,
so a bad value is refused, by name, before anything is evaluated.
"""

import math
import numbers
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

import numpy as np

Check = Callable[[str, Any], Any]

NO_LIMIT = 2**62
INT_MAX = 2**31 - 1


def real(name: str, value: Any) -> float:
    """A real number that is not NaN; a TypeError or ValueError naming it otherwise."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} is out of range") from None
    if math.isnan(number):
        raise ValueError(f"{name} must not be NaN")
    return number


def not_negative(name: str, value: Any) -> float:
    """A real number >= 0."""
    number = real(name, value)
    if number < 0:
        raise ValueError(f"{name} must not be negative, got {value!r}")
    return number


def positive(name: str, value: Any) -> float:
    """A finite real number > 0."""
    number = real(name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def finite(name: str, value: Any) -> float:
    """A finite real number."""
    number = real(name, value)
    if math.isinf(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return number


def finite_not_negative(name: str, value: Any) -> float:
    """A finite real number >= 0."""
    return finite(name, not_negative(name, value))


def fraction(name: str, value: Any) -> float:
    """A real number strictly between 0 and 1."""
    number = real(name, value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    return number


def share(name: str, value: Any) -> float:
    """A real number from 0 to 1, both included."""
    number = real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie from 0 to 1, got {value!r}")
    return number


def above_one(name: str, value: Any) -> float:
    """A finite real number > 1."""
    number = real(name, value)
    if not 1 < number < math.inf:
        raise ValueError(f"{name} must be greater than 1, got {value!r}")
    return number


def integer(least: int, most: int = NO_LIMIT) -> Check:
    """An integer >= `least`; a float without a fraction counts, as it does in SciPy.

    More than `most`, infinity included, is the same as `most`.
    """

    def check(name: str, value: Any) -> int:
        if real(name, value) < least:
            raise ValueError(f"{name} must be at least {least}, got {value!r}")
        if value >= most:
            return most
        if value != int(value):
            raise ValueError(f"{name} must be an integer, got {value!r}")
        return int(value)

    return check


def limit(least: int) -> Check:
    """A number >= `least`, rounded down; infinity is no limit."""

    def check(name: str, value: Any) -> int:
        if real(name, value) < least:
            raise ValueError(f"{name} must be at least {least}, got {value!r}")
        return NO_LIMIT if value >= NO_LIMIT else math.floor(value)

    return check


def flag(name: str, value: Any) -> bool:
    """True or False; None, which SciPy has for some, is False."""
    if value is None:
        return False
    if not isinstance(value, (bool, np.bool_, int)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def one_of(*choices: str) -> Check:
    """One of the strings."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name} must be one of {choices}, got {value!r}")
        return value

    return check


def optional(check: Check) -> Check:
    """None, or what `check` takes."""
    return lambda name, value: None if value is None else check(name, value)


def as_array(name: str, value: Any) -> np.ndarray:
    """An array of real numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        raise TypeError(f"{name} must be real numbers, got {value!r}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    return array


def of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Doubles from an array of objects; NumPy would read strings and None as well."""
    if array.dtype.kind != "O":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    wrong = (str, bytes, type(None))
    try:
        if any(isinstance(item, wrong) for item in array.flat):
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be real numbers, got objects") from None
    except OverflowError:
        raise ValueError(f"{name} must be finite") from None


def positive_array(name: str, value: Any) -> np.ndarray:
    """One positive step, or one for each unknown."""
    array = np.atleast_1d(as_array(name, value))
    if array.ndim != 1:
        raise ValueError(f"{name} must be a number or a vector, got {array.shape}")
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return np.ascontiguousarray(array, dtype=np.float64)


def definite_matrix(name: str, value: Any) -> np.ndarray:
    """A finite real square matrix, symmetric up to rounding and positive definite."""
    array = as_array(name, value)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} must be a square matrix, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    if not np.allclose(array, array.T):
        raise ValueError(f"{name} must be symmetric")
    matrix = np.ascontiguousarray(array, dtype=np.float64)
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name!r} matrix isn't positive definite: Cholesky's factors do not exist"
        ) from None
    return matrix


def curvature(name: str, value: Any) -> Any:
    """What a result knows of its inverse Hessian: a machine, pairs, or a matrix."""
    machine = getattr(value, "__dict__", {}).get("_machine")
    if machine is not None:
        return machine
    inverse = getattr(value, "hess_inv", None)
    if hasattr(inverse, "sk") and hasattr(inverse, "yk"):
        return inverse
    if isinstance(inverse, np.ndarray):
        return definite_matrix(f"{name}.hess_inv", inverse)
    raise TypeError(
        f"{name} must be a result with hess_inv, of 'bfgs' or 'l-bfgs', got "
        f"{type(value).__name__}"
    )


def path(name: str, value: Any) -> str:
    """The path of a file."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {value!r}")
    place = os.fsdecode(value)
    if not place:
        raise ValueError(f"{name} must be a path, got an empty one")
    return place


def option(default: Any, check: Check) -> Any:
    """A dataclass field with the check of its value."""
    return field(default=default, metadata={"check": check})


def workers(name: str, value: Any) -> Any:
    """None for one after the other; a callable like `map`; or how many processes."""
    if value is None or callable(value):
        return value
    number = integer(-1)(name, value)
    if number == 0:
        raise ValueError(
            f"{name} must be -1 (all cores), at least 1, or like map, got {value!r}"
        )
    return None if number == 1 else number


@dataclass(frozen=True, eq=False)
class Checked:
    """A dataclass whose every field is checked when it is made."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = item.metadata["check"](item.name, getattr(self, item.name))
            object.__setattr__(self, item.name, value)


@dataclass(frozen=True, kw_only=True, eq=False)
class Group(Checked):
    """A group of options."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Common(Group):
    """What every method takes."""

    gtol: float = option(1e-5, not_negative)
    norm: float = option(math.inf, real)
    ftol: float = option(0.0, not_negative)
    xrtol: float = option(0.0, not_negative)
    maxiter: int | None = option(None, optional(limit(0)))
    maxfun: int | None = option(None, optional(limit(1)))
    first_step: float | None = option(None, optional(positive))
    dtype: str | None = option(None, optional(one_of("float32", "float64")))
    eps: np.ndarray | None = option(None, optional(positive_array))
    finite_diff_rel_step: np.ndarray | None = option(None, optional(positive_array))
    workers: Any = option(None, workers)
    disp: bool = option(False, flag)
    return_all: bool = option(False, flag)
    history: bool = option(False, flag)
    checkpoint: str | None = option(None, optional(path))
    checkpoint_every: float = option(60.0, not_negative)


@dataclass(frozen=True, kw_only=True, eq=False)
class Steepest(Group):
    """Gradient descent: how the first trial of a search is chosen."""

    step: str = option("bb1", one_of("bb1", "bb2", "previous", "unit"))


@dataclass(frozen=True, kw_only=True, eq=False)
class BFGS(Group):
    """BFGS: where the inverse Hessian starts."""

    hess_inv0: np.ndarray | None = option(None, optional(definite_matrix))
    warm_start: Any = option(None, optional(curvature))


@dataclass(frozen=True, kw_only=True, eq=False)
class LBFGS(Group):
    """L-BFGS: how many pairs are kept, and whether function values correct them."""

    maxcor: int | None = option(None, optional(integer(1, 10_000)))
    corrected: bool = option(True, flag)
    warm_start: Any = option(None, optional(curvature))


@dataclass(frozen=True, kw_only=True, eq=False)
class CG(Group):
    """Conjugate gradients: how the new gradient and the last direction are combined."""

    beta: str = option("hager-zhang", one_of("hager-zhang", "polak-ribiere"))


@dataclass(frozen=True, kw_only=True, eq=False)
class NewtonCG(Group):
    """Newton-CG: how its system is solved, and SciPy's test on the step."""

    xtol: float | None = option(None, optional(not_negative))
    maxinner: int | None = option(None, optional(integer(1)))
    preconditioned: bool = option(False, flag)
    maxcor: int | None = option(None, optional(integer(1, 10_000)))


@dataclass(frozen=True, kw_only=True, eq=False)
class TrustRegion(Group):
    """How far a step may go, and how much of the promised decrease it must keep."""

    initial_trust_radius: float | None = option(None, optional(positive))
    max_trust_radius: float = option(math.inf, not_negative)
    eta: float = option(0.15, real)
    maxinner: int | None = option(None, optional(integer(1)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta < 0.25:
            raise ValueError(f"eta must be in [0, 0.25), got {self.eta}")
        if not self.max_trust_radius > 0:
            raise ValueError("max_trust_radius must be positive")
        if (self.initial_trust_radius or 0) >= self.max_trust_radius:
            raise ValueError("initial_trust_radius must be less than max_trust_radius")


@dataclass(frozen=True, kw_only=True, eq=False)
class LineSearch(Group):
    """What every line search takes."""

    maxls: int = option(20, integer(1, INT_MAX))


@dataclass(frozen=True, kw_only=True, eq=False)
class Fixed(LineSearch):
    """The same step length at every iteration."""

    step_length: float = option(1.0, positive)


@dataclass(frozen=True, kw_only=True, eq=False)
class Armijo(LineSearch):
    """Sufficient decrease."""

    c1: float = option(1e-4, fraction)


@dataclass(frozen=True, kw_only=True, eq=False)
class Nonmonotone(Armijo):
    """Sufficient decrease against an average of the past."""

    eta: float = option(0.85, share)


@dataclass(frozen=True, kw_only=True, eq=False)
class WolfeConstants(LineSearch):
    """What every search for the Wolfe conditions takes."""

    c1: float = option(1e-4, real)
    c2: float = option(0.9, real)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.c1 < self.c2 < 1:
            raise ValueError(
                f"'c1' and 'c2' must satisfy 0 < c1 < c2 < 1, got {self.c1} and "
                f"{self.c2}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Wolfe(WolfeConstants):
    """Sufficient decrease and curvature, from one side or, `strong`, from both."""

    strong: bool = option(False, flag)


@dataclass(frozen=True, kw_only=True, eq=False)
class StrongWolfe(WolfeConstants):
    """Both, with the curvature condition on both sides."""

    interval_tol: float = option(1e-14, not_negative)


@dataclass(frozen=True, kw_only=True, eq=False)
class HagerZhang(WolfeConstants):
    """The constants of CG_DESCENT (Hager & Zhang 2006, section 5)."""

    maxls: int = option(50, integer(1, INT_MAX))
    c1: float = option(0.1, real)
    expansion: float = option(5.0, above_one)
    theta: float = option(0.5, fraction)
    shrinkage: float = option(0.66, fraction)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.c1 < 0.5:
            raise ValueError(f"c1 must be less than 1/2, got {self.c1}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Exact(LineSearch):
    """The minimiser along the direction."""

    maxls: int = option(60, integer(1, INT_MAX))
    slope_tol: float = option(1e-9, fraction)


def split(
    given: Mapping[str, Any], groups: tuple[type[Group], ...], known: frozenset[str]
) -> tuple[list[Group], tuple[str, ...]]:
    """Make each group from the options that are its own.

    Also returns the names that only other methods know (`known`), for a warning; any
    other name is refused with the nearest known one.
    """
    names = [{item.name for item in fields(group)} for group in groups]
    own = set().union(*names)
    for name in given.keys() - own - known:
        raise ValueError(f"unknown option {name!r}{suggestion(name, own | known)}")
    made = [
        group(**{name: given[name] for name in mine & given.keys()})
        for group, mine in zip(groups, names, strict=True)
    ]
    return made, tuple(sorted(given.keys() - own))


def suggestion(name: object, names: Any) -> str:
    """'; did you mean ...?' where there is something near."""
    near = get_close_matches(str(name).lower(), list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {sorted(names)}"


def stack_level() -> int:
    """The stack level of whoever called optlab, for warnings."""
    home, level, frame = os.path.dirname(__file__), 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(home):
        frame, level = frame.f_back, level + 1
    return level


# Options of SciPy's methods that have no counterpart here: they only warn.
SCIPY_ONLY = frozenset(
    "adaptive bracket catol direc fatol initial_simplex iprint maxfev maxCGit mesg_num "
    "minfev rescale rhobeg scale stepmx tol xatol xtol offset accuracy "
    "inexact subproblem_maxiter verbose".split()
)
