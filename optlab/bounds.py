"""Bounds as users write them, and a start that keeps to them."""

from typing import Any
from warnings import warn

import numpy as np
from scipy.optimize import Bounds, OptimizeWarning

from optlab.options import as_array, stack_level
from optlab_c.machine import first_empty

Sides = tuple[np.ndarray, np.ndarray]


def as_bounds(bounds: Any, n: int) -> Sides | None:
    """Lower and upper bounds, two new vectors of n doubles; None where none are given.

    Parameters
    ----------
    bounds : sequence of n pairs, ndarray of shape (n, 2), scipy.optimize.Bounds or None
        None or an infinity in a pair leaves that side open; equal numbers fix a
        component.
    n : int
        The number of unknowns.

    Raises
    ------
    TypeError, ValueError
        Naming bounds, where they are no real numbers, not n pairs, NaN, or leave no
        number between them.

    Examples
    --------
    >>> from optlab.bounds import as_bounds
    >>> as_bounds([(0, None), (-1, 1)], 2)
    (array([ 0., -1.]), array([inf,  1.]))
    """
    if bounds is None:
        return None
    if isinstance(bounds, Bounds):
        lower, upper = bounds.lb, bounds.ub
    else:
        lower, upper = _columns(bounds, n)
    lower, upper = (_side(side, n) for side in (lower, upper))
    i = first_empty(lower, upper)
    if i >= 0:
        if np.isnan(lower[i]) or np.isnan(upper[i]):
            raise ValueError("bounds must not be NaN")
        raise ValueError(
            f"bounds[{i}] hold no number: the lower one is {lower[i]:g}, the upper one "
            f"{upper[i]:g}"
        )
    return lower, upper


def _columns(bounds: Any, n: int) -> tuple[Any, Any]:
    """Lower and upper ends of pairs."""
    if not isinstance(bounds, np.ndarray) or bounds.dtype.kind == "O":
        try:
            lower, upper = zip(*bounds, strict=True)
        except TypeError:
            raise TypeError(
                f"bounds must be {n} pairs or a scipy.optimize.Bounds, got {bounds!r}"
            ) from None
        except ValueError:  # no pairs, or none at all
            lower = upper = ()
        if len(lower) != n:
            raise ValueError(
                f"bounds must be {n} pairs, one for each component of x0, got {bounds!r}"
            )
        return _closed(lower, -np.inf), _closed(upper, np.inf)
    if bounds.shape != (n, 2):
        raise ValueError(f"bounds must have shape {(n, 2)}, got {bounds.shape}")
    return bounds[:, 0], bounds[:, 1]


def _closed(ends: tuple[Any, ...], infinity: float) -> Any:
    """The ends of one side, with an infinity for None."""
    try:
        array = np.asarray(ends)
    except ValueError:  # ends of several lengths, which are no numbers
        return ends
    if array.dtype != object:
        return array
    return [infinity if end is None else end for end in ends]


def _side(side: Any, n: int) -> np.ndarray:
    """One side as a vector of n doubles; a single number is that of all."""
    array = as_array("bounds", side)
    if array.size != 1 and array.shape != (n,):
        raise ValueError(f"bounds must have shape ({n},), got {array.shape}")
    if array.size == n:
        return array.reshape(n).astype(np.float64)
    return np.full(n, array.reshape(-1), dtype=np.float64)


def in_precision(sides: Sides, dtype: np.dtype) -> Sides:
    """The bounds rounded inwards, so that what keeps to them keeps to the user's.

    A component that is fixed has the nearest number of `dtype`.

    Raises
    ------
    ValueError
        Naming bounds, where `dtype` has no number between them.
    """
    if dtype == np.float64:
        return sides
    lower, upper = sides
    fixed = lower == upper
    with np.errstate(over="ignore"):
        low, high = lower.astype(dtype), upper.astype(dtype)
        inwards = np.nextafter(low, dtype.type(np.inf))
        low = np.where((low < lower) & ~fixed, inwards, low)
        inwards = np.nextafter(high, dtype.type(-np.inf))
        high = np.where((high > upper) & ~fixed, inwards, high)
    empty = (low > high) | (low == np.inf) | (high == -np.inf)
    if empty.any():
        i = int(np.argmax(empty))
        raise ValueError(
            f"bounds[{i}] hold no {dtype} number: from {lower[i]:.17g} to {upper[i]:.17g}"
        )
    return low, high


def clip_start(x0: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """x0, or where it is out of bounds the nearest point in them, with SciPy's warning."""
    if ((lower <= x0) & (x0 <= upper)).all():
        return x0
    warn(
        "Initial guess is not within the specified bounds",
        OptimizeWarning,
        stacklevel=stack_level(),
    )
    return np.asarray(np.clip(x0, lower, upper))
