"""Checks of numbers and data: what is wrong with an argument is said by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def checked_dtype(dtype: Any) -> bool:
    """Whether a problem's dtype is float32; anything but that or float64 is refused."""
    for kind in (np.float32, np.float64):
        try:
            if dtype is not None and np.dtype(dtype) == kind:
                return kind is np.float32
        except TypeError:
            break  # no dtype at all
    raise ValueError(f"dtype must be 'float64' or 'float32', not {dtype!r}")


def checked_int(
    name: str, value: int, low: int, high: int | None = None, multiple: int = 1
) -> int:
    """Return a whole number within limits; else a TypeError or ValueError names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < low or (high is not None and value > high) or value % multiple:
        limits = f"at least {low}" if high is None else f"from {low} to {high}"
        if multiple > 1:
            limits += f" and a multiple of {multiple}"
        raise ValueError(f"{name} must be {limits}, not {value}")
    return int(value)


def checked_float(
    name: str, value: float, low: float = -np.inf, strict: bool = False
) -> float:
    """Return a finite number with a lower limit; else an error names it."""
    if isinstance(value, bool) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    number = float(value)
    if not np.isfinite(number) or number < low or (strict and number == low):
        limit = (
            f" {'above' if strict else 'of at least'} {low:g}" if low > -np.inf else ""
        )
        raise ValueError(f"{name} must be a finite number{limit}, not {number}")
    return number


def as_real(
    name: str, value: npt.ArrayLike, ndim: int, dtype: npt.DTypeLike = np.float64
) -> Array:
    """Return a finite float array of `ndim` dimensions, a copy; else name the argument.

    It is contiguous, and finite in the precision asked for.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        raise TypeError(f"{name} must hold real numbers in a rectangle") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not {array.ndim}")
    with np.errstate(over="ignore"):
        array = array.astype(dtype, order="C")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, but it holds NaN or infinity")
    return array


def as_matrix(
    name: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float64
) -> Array:
    """Return a finite float matrix that is not empty, a copy; else name the argument."""
    matrix = as_real(name, value, 2, dtype)
    if not matrix.size:
        raise ValueError(f"{name} is empty: its shape is {matrix.shape}")
    return matrix


def as_targets(name: str, value: npt.ArrayLike, rows: int | None = None) -> Array:
    """Return a finite float vector (of given length), a copy; else name the argument."""
    vector = as_real(name, value, 1)
    check_length(name, vector, rows)
    return vector


def check_length(name: str, vector: Array, rows: int | None) -> None:
    """Raise a ValueError unless there is one value for each row."""
    if rows is not None and len(vector) != rows:
        raise ValueError(f"{name} has {len(vector)} values, but there are {rows} rows")


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """Return a generator of random numbers, or an error naming `rng`."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be a Generator, an int or None: {error}") from None
