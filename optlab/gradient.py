"""Is the gradient right? The question behind most runs that end badly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optlab.evaluate import Objective, as_args, vector
from optlab.foreign import compiled
from optlab_c.callables import PythonObjective


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradient` found.

    Attributes
    ----------
    ok : bool or None
        Whether every component agrees within its error estimate; None where none
        disagrees, but rounding or a singularity of `fun` leaves some untold.
    worst : int
        The component that disagrees most, or the first untold one.
    error : ndarray, shape (n,)
        ``|given - estimated|``.
    tolerance : ndarray, shape (n,)
        What truncation and rounding explain, component by component.
    given, estimated : ndarray, shape (n,)
        The gradient of `jac`, and that of the differences.
    message : str
        The same in one sentence.
    """

    ok: bool | None
    worst: int
    error: np.ndarray
    tolerance: np.ndarray
    given: np.ndarray
    estimated: np.ndarray
    message: str

    def __bool__(self) -> bool:
        return bool(self.ok)

    def __str__(self) -> str:
        return self.message


def check_gradient(
    fun: Callable[..., Any], jac: Any, x: Any, args: Any = ()
) -> GradientCheck:
    """Compare a gradient with differences of f, component by component.

    Central differences over two widths, h and 2h with
    ``h = eps**(1/3) * max(1, |x_i|)``, are extrapolated (Richardson), and their
    disagreement gives the tolerance.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> float``, or the pair with the gradient where `jac` is True, or
        an objective object or a compiled function where `jac` is None.
    jac : callable, True or None
        As `optlab.minimize` takes it.
    x : array_like, shape (n,)
        Where to compare; better a point without symmetry than a minimum.
    args : tuple, optional
        Further arguments of both; of a compiled function its data, an array.

    Returns
    -------
    GradientCheck
        True in a boolean context where the gradient is right; it names the worst
        component.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, by name.

    Examples
    --------
    >>> from optlab import check_gradient
    >>> f = lambda x: x[0] ** 2 + 3 * x[1]
    >>> print(check_gradient(f, lambda x: [2 * x[0], -3.0], [1.0, 2.0]))
    jac[1] = -3, but differences of fun give 3: the gradient is wrong.

    References
    ----------
    Nocedal & Wright, *Numerical Optimization*, 2nd ed., 2006, section 8.1.
    """
    x = vector(x, "x")
    fun, _, args = compiled(fun, jac, None, args, x.size)
    args = as_args(args)
    objective = Objective(fun, jac)
    value, given = _value_and_gradient(objective, args, x)
    estimated, tolerance = _estimate(value, x, value(x))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(given - estimated)
        scale = np.maximum(np.abs(given), np.abs(estimated))
        # A difference that could hide the whole component tells nothing of it, unless
        # the component is too small to matter beside 1 and beside all others.
        small = 1e-6 * np.nanmax(scale, initial=1.0)
        told = tolerance <= np.maximum(0.5 * scale, small)
        tolerance = np.maximum(tolerance, 1e-4 * small)
        told |= ~np.isfinite(given)
        excess = np.where(
            told, np.where(np.isfinite(error), error / tolerance, np.inf), 0
        )
    worst = int(np.argmax(np.nan_to_num(excess, posinf=np.inf)))
    if excess[worst] > 1:
        ok: bool | None = False
        verdict = "the gradient is wrong"
    else:
        ok, verdict = True, "the gradient is right"
        if not told.all():
            ok, worst = None, int(np.argmin(told))
            verdict = "this cannot be told here"
    if ok:
        text = f"jac agrees with differences of fun to {error[worst]:.2g}: {verdict}."
    elif ok is None:
        text = (
            f"jac[{worst}] = {given[worst]:.6g}, but differences of fun are certain only "
            f"to {tolerance[worst]:.2g}: {verdict}."
        )
    else:
        text = (
            f"jac[{worst}] = {given[worst]:.6g}, but differences of fun give "
            f"{estimated[worst]:.6g}: {verdict}."
        )
    return GradientCheck(ok, worst, error, tolerance, given, estimated, text)


def _value_and_gradient(
    objective: Objective, args: tuple[Any, ...], x: np.ndarray
) -> tuple[Callable[[np.ndarray], float], np.ndarray]:
    if objective.mode == "compiled":
        return objective.fun.fun, objective.fun.fun_and_grad(x)[1]
    if objective.mode not in ("joint", "separate"):
        raise TypeError("jac must be callable, or True where fun gives both")
    python = PythonObjective(
        objective.mode, objective.fun, objective.jac, args, x.size, 0
    )
    return python.value, python.gradient(x)


def _estimate(
    value: Callable[[np.ndarray], float], x: np.ndarray, f: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient by Richardson's extrapolation, and the error to expect.

    Of several widths the most certain is taken: the usual one; narrower ones, for a
    function that is not defined or bends sharply nearby; one relative to x itself.
    """
    estimated, tolerance = np.full(x.size, np.nan), np.full(x.size, np.inf)
    usual = np.finfo(float).eps ** (1 / 3)
    for i, xi in enumerate(x):
        size = max(1.0, abs(xi))
        widths = {usual * size, 1e-3 * usual * size, usual * abs(xi)} - {0.0}
        for h in sorted(widths, reverse=True):
            slope, error = _slope(value, x, f, i, h)
            if error < tolerance[i]:
                estimated[i], tolerance[i] = slope, error
    return estimated, tolerance


def _slope(
    value: Callable[[np.ndarray], float], x: np.ndarray, f: float, i: int, h: float
) -> tuple[float, float]:
    """One component by central differences over 2h and h, with its error."""
    central = []
    largest = abs(f)
    for width in (2 * h, h):
        plus, minus = x.copy(), x.copy()
        plus[i] += width
        minus[i] -= width
        if plus[i] == minus[i]:
            return np.nan, np.inf
        f_plus, f_minus = value(plus), value(minus)
        central.append((f_plus - f_minus) / (plus[i] - minus[i]))
        largest = max(largest, abs(f_plus), abs(f_minus))
    wide, narrow = central
    slope = narrow + (narrow - wide) / 3
    rounding = 100 * np.finfo(float).eps * largest / h
    error = abs(narrow - wide) + rounding + 1e-9 * abs(slope)
    return slope, error if np.isfinite(error) else np.inf
