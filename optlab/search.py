"""A line search alone, with SciPy's call."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from optlab.evaluate import Objective, as_args, vector
from optlab.methods import METHODS, find_line_search
from optlab.options import integer, positive, real
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
        ``extra_condition(alpha, x, f, g)``: a step is taken only where it is true;
        after one that was refused, the search begins again at half its length.
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
    x = vector(xk, "xk")
    p = vector(pk, "pk", x.size)
    if gfk is not None:
        gfk = vector(gfk, "gfk", x.size)
    if old_fval is not None:
        old_fval = real("old_fval", old_fval)
    if old_old_fval is not None:
        old_old_fval = real("old_old_fval", old_old_fval)
    for name, value in (("f", f), ("myfprime", myfprime)):
        if not callable(value):
            raise TypeError(f"{name} must be callable, got {value!r}")
    if extra_condition is not None and not callable(extra_condition):
        raise TypeError(f"extra_condition must be callable, got {extra_condition!r}")
    longest = math.inf if amax is None else positive("amax", amax)
    left = integer(1)("maxiter", maxiter)
    options = {"line_search": method, "maxls": left} | _constants(method, c1, c2)
    plan = plan_run(METHODS["gd"], Objective(f, myfprime), x.size, options)
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
    while alpha is not None and left > 0:
        trial = x + alpha * p
        phi, g = python.value(trial), python.gradient(trial)
        fc, gc, left = fc + 1, gc + 1, left - 1
        last, new_slope = alpha, float(np.dot(g, p))
        alpha = search.tell(phi, new_slope)
        if search.accepted:
            if extra_condition is None or extra_condition(last, trial, phi, g):
                return last, fc, gc, phi, old_fval, new_slope
            alpha = search.start(old_fval, slope, 0.5 * last)
    return None, fc, gc, None, old_fval, None


def _constants(method: str, c1: float, c2: float) -> dict[str, float]:
    names = {item.name for item in fields(find_line_search(method, "method").options)}
    return {name: v for name, v in (("c1", c1), ("c2", c2)) if name in names}


def _first_trial(f: float, f_before: float | None, slope: float) -> float:
    """Nocedal & Wright, eq. (3.60), as SciPy has it; else 1."""
    if f_before is None:
        return 1.0
    alpha = min(1.0, 1.01 * 2 * (f - f_before) / slope)
    return alpha if alpha > 0 else 1.0
