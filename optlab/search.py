"""A line search alone, with SciPy's call."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from optlab.evaluate import Objective, as_args, in_dtype, start_point
from optlab.methods import METHODS, find_line_search
from optlab.options import integer, positive
from optlab.plan import plan_run
from optlab_c.callables import PythonObjective
from optlab_c.machine import Search


def line_search(
    f: Callable[..., Any],
    myfprime: Callable[..., Any],
    xk: Any,
    pk: Any,
    gfk: Any = None,
    old_fval: float | None = None,
    old_old_fval: float | None = None,
    args: Any = (),
    c1: float = 1e-4,
    c2: float = 0.9,
    amax: float | None = None,
    extra_condition: Callable[..., Any] | None = None,
    maxiter: int = 20,
    *,
    method: str = "strong-wolfe",
) -> tuple[float | None, int, int, float | None, float, float | None]:
    """Find a step alpha along pk from xk: the call of `scipy.optimize.line_search`.

    Parameters
    ----------
    f, myfprime : callable
        ``f(x, *args) -> float`` and ``myfprime(x, *args) -> ndarray, shape (n,)``.
    xk, pk : array_like, shape (n,)
        The point and the direction, which must go down: gᵀp < 0.
    gfk : array_like, shape (n,), optional
        The gradient at xk, if known.
    old_fval, old_old_fval : float, optional
        f at xk and at the point before, if known; from the latter comes the first trial.
    args : tuple, optional
        Further arguments of both.
    c1, c2 : float
        Constants of sufficient decrease and of curvature, 0 < c1 < c2 < 1; searches
        that have no use for one ignore it.
    amax : float, optional
        The longest step.
    extra_condition : callable, optional
        ``extra_condition(alpha, x, f, g)``: a step is taken only where it is true.
    maxiter : int
        Limit on trials.
    method : str
        A line search of `optlab.methods.LINE_SEARCHES`.

    Returns
    -------
    alpha : float or None
        The step, None where none was found.
    fc, gc : int
        Evaluations of f and of its gradient.
    new_fval : float or None
        f at the new point.
    old_fval : float
        f at xk.
    new_slope : float or None
        The slope gᵀp at the new point.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, by name; also where pk does not go down.

    Examples
    --------
    >>> import numpy as np
    >>> from optlab import line_search
    >>> f = lambda x: x @ x
    >>> line_search(f, lambda x: 2 * x, [1.0, 1.0], [-1.0, -1.0])[0]
    1.0

    References
    ----------
    Nocedal & Wright, *Numerical Optimization*, 2nd ed., 2006, section 3.1.
    """
    x = in_dtype(start_point(xk), np.dtype(np.float64))
    p = np.asarray(pk, dtype=np.float64)
    if p.shape != x.shape or not np.isfinite(p).all():
        raise ValueError(f"pk must be finite and have shape {x.shape}, got {p.shape}")
    if extra_condition is not None and not callable(extra_condition):
        raise TypeError("extra_condition must be callable")
    longest = math.inf if amax is None else positive("amax", amax)
    objective = Objective(f, myfprime)
    if objective.mode != "separate":
        raise TypeError(f"myfprime must be callable, got {myfprime!r}")
    options = {"line_search": method, "maxls": integer(1)("maxiter", maxiter)}
    plan = plan_run(
        METHODS["gd"], objective, x.size, options | _constants(method, c1, c2)
    )
    python = PythonObjective("separate", f, myfprime, as_args(args), x.size, 0)

    fc = gc = 0
    if old_fval is None:
        old_fval, fc = python.value(x), 1
    if gfk is None:
        gfk, gc = python.gradient(x), 1
    slope = float(np.dot(gfk, p))
    if not slope < 0:
        raise ValueError(f"pk must be a direction of descent; the slope is {slope:g}")

    search = Search(plan.settings, longest)
    alpha = search.start(old_fval, slope, _first_trial(old_fval, old_old_fval, slope))
    while alpha is not None:
        trial = x + alpha * p
        phi, g = python.value(trial), python.gradient(trial)
        fc, gc = fc + 1, gc + 1
        last, new_slope = alpha, float(np.dot(g, p))
        alpha = search.tell(phi, new_slope)
    if not search.accepted or (
        extra_condition is not None and not extra_condition(last, trial, phi, g)
    ):
        return None, fc, gc, None, old_fval, None
    return last, fc, gc, phi, old_fval, new_slope


def _constants(method: str, c1: float, c2: float) -> dict[str, float]:
    names = {item.name for item in fields(find_line_search(method).options)}
    return {name: v for name, v in (("c1", c1), ("c2", c2)) if name in names}


def _first_trial(f: float, f_before: float | None, slope: float) -> float:
    """Nocedal & Wright, eq. (3.60), as SciPy has it; else 1."""
    if f_before is None:
        return 1.0
    alpha = min(1.0, 1.01 * 2 * (f - f_before) / slope)
    return alpha if alpha > 0 else 1.0
