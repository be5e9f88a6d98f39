"""The smooth maximum, from which rectifiers and their smooth forms follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import Array, checked_int


def smooth_maximum(x: npt.ArrayLike, beta: npt.ArrayLike, axis: int = -1) -> Any:
    r"""Mean of x with weights that grow exponentially with x.

    .. math:: S_\beta(x_1, \dots, x_n)
        = \frac{\sum_i x_i e^{\beta x_i}}{\sum_i e^{\beta x_i}}

    It is the mean where :math:`\beta = 0`, the maximum where :math:`\beta = \infty` and
    the minimum where :math:`\beta = -\infty`. Neither large x nor large beta overflow.

    Parameters
    ----------
    x : array_like
        Real numbers.
    beta : array_like
        How sharp it is: one number, or an array of the result's shape or one that
        broadcasts to it; infinities are allowed.
    axis : int, default -1
        The axis of x along which the maximum is taken.

    Returns
    -------
    ndarray or float
        The shape of x without `axis`; float32 if x is, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    N. Ma, X. Zhang, M. Liu and J. Sun, Activate or Not: Learning Customized Activation,
    CVPR 2021, equation (1).

    Examples
    --------
    >>> import numpy as np
    >>> from optlab.nn import smooth_maximum
    >>> x = [1.0, 2.0, 6.0]
    >>> [float(smooth_maximum(x, beta)) for beta in (-np.inf, 0, np.inf)]
    [1.0, 3.0, 6.0]
    >>> smooth_maximum([[1e308, -1e308], [2.0, 2.0]], 1e300)
    array([1.e+308, 2.e+000])
    """
    values, sharpness = _real("x", x), _real("beta", beta)
    if not values.ndim:
        raise ValueError("x must have at least one dimension")
    axis = checked_int("axis", axis, -values.ndim, values.ndim - 1)
    values = np.moveaxis(values, axis, -1)
    if not values.shape[-1]:
        raise ValueError("x must not be empty along axis")
    if np.isnan(sharpness).any():
        raise ValueError("beta must not be NaN")
    try:
        sharpness = np.broadcast_to(sharpness, values.shape[:-1])[..., np.newaxis]
    except ValueError:
        raise ValueError(
            f"beta must be a number or broadcast to {values.shape[:-1]}, "
            f"not of shape {sharpness.shape}"
        ) from None
    low = values.min(axis=-1, keepdims=True)
    high = values.max(axis=-1, keepdims=True)
    first = np.where(sharpness >= 0, high, low)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        # Halves, whose difference does not overflow; and 0 times infinity is 0 here.
        below = values / 2 - first / 2
        still = (values == first) | (sharpness == 0)
        weights = np.exp(np.where(still, 0, sharpness * below * 2))
        weights = weights / weights.sum(axis=-1, keepdims=True)
        mean = np.where(weights == 0, 0, weights * values).sum(axis=-1)
        # Rounded, a mean of equal numbers may leave them, or the range of floats.
        result = np.clip(mean, low[..., 0], high[..., 0])
    return result.astype(values.dtype)[()]


def _real(name: str, value: npt.ArrayLike) -> Array:
    """Floats of one of the two precisions."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    return array if array.dtype == np.float32 else array.astype(np.float64)
