"""Is the gradient right? The question behind most runs that end badly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optlab.evaluate import Objective, as_args, vector
from optlab_c.callables import PythonObjective


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradient` found.

    Attributes
    ----------
    ok : bool
        Whether every component agrees within its error estimate.
    worst : int
        The component that disagrees most.
    error : ndarray, shape (n,)
        ``|given - estimated|``.
    tolerance : ndarray, shape (n,)
        What truncation and rounding explain, component by component.
    given, estimated : ndarray, shape (n,)
        The gradient of `jac`, and that of the differences.
    message : str
        The same in one sentence.
    """

    ok: bool
    worst: int
    error: np.ndarray
    tolerance: np.ndarray
    given: np.ndarray
    estimated: np.ndarray
    message: str

    def __bool__(self) -> bool:
        return self.ok

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
        an objective object where `jac` is None.
    jac : callable, True or None
        As `optlab.minimize` takes it.
    x : array_like, shape (n,)
        Where to compare; better a point without symmetry than a minimum.
    args : tuple, optional
        Further arguments of both.

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
    args = as_args(args)
    objective = Objective(fun, jac)
    value, given = _value_and_gradient(objective, args, x)
    estimated, tolerance = _estimate(value, x, value(x))
    error = np.abs(given - estimated)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = np.where(np.isfinite(error), error / tolerance, np.inf)
    worst = int(np.argmax(excess))
    ok = bool(excess[worst] <= 1)
    verdict = "the gradient is right" if ok else "the gradient is wrong"
    text = (
        f"jac[{worst}] = {given[worst]:.6g}, but differences of fun give "
        f"{estimated[worst]:.6g}: {verdict}."
        if not ok
        else f"jac agrees with differences of fun; jac[{worst}] is the worst, "
        f"by {error[worst]:.2g}: {verdict}."
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
    """The gradient by Richardson's extrapolation, and the error to expect."""
    estimated, tolerance = np.empty(x.size), np.empty(x.size)
    eps = np.finfo(float).eps
    for i, xi in enumerate(x):
        h = eps ** (1 / 3) * max(1.0, abs(xi))
        central = []
        largest = abs(f)
        for width in (2 * h, h):
            plus, minus = x.copy(), x.copy()
            plus[i] += width
            minus[i] -= width
            f_plus, f_minus = value(plus), value(minus)
            central.append((f_plus - f_minus) / (plus[i] - minus[i]))
            largest = max(largest, abs(f_plus), abs(f_minus))
        wide, narrow = central
        estimated[i] = narrow + (narrow - wide) / 3
        rounding = 100 * eps * largest / h
        tolerance[i] = abs(narrow - wide) + rounding + 1e-9 * abs(estimated[i])
    return estimated, tolerance
