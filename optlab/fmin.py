"""SciPy's older calls: `fmin_bfgs`, `fmin_l_bfgs_b`, `fmin_cg` and `fmin_ncg`.

Each is `optlab.minimize` by another name. Names, order and meaning of the arguments and of
what is returned are SciPy's. Where a default is None, the method's own value is taken, and
nothing is printed unless `disp` asks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from optlab.minimize import minimize
from optlab.options import not_negative
from optlab.result import OptimizeResult, Status

_EPS = float(np.finfo(np.float64).eps)

# What SciPy's flag tells: a stopping test that was asked for is no reason for a warning.
_WARNFLAG = {
    Status.CONVERGED: 0,
    Status.FTOL: 0,
    Status.XTOL: 0,
    Status.MAXITER: 1,
    Status.MAXFUN: 1,
    Status.NONFINITE_START: 3,
}


def fmin_bfgs(
    f: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    gtol: float = 1e-5,
    norm: float = np.inf,
    epsilon: Any = None,
    maxiter: int | None = None,
    full_output: bool = False,
    disp: bool = False,
    retall: bool = False,
    callback: Callable[..., Any] | None = None,
    xrtol: float = 0,
    c1: float | None = None,
    c2: float | None = None,
    hess_inv0: Any = None,
) -> Any:
    """Minimise by BFGS: the call of `scipy.optimize.fmin_bfgs`.

    Parameters
    ----------
    f : callable
        ``f(x, *args) -> float``.
    x0 : array_like, shape (n,)
        Where to start.
    fprime : callable, optional
        ``fprime(x, *args)`` gives the gradient, shape (n,); by default it is
        approximated by differences.
    args : tuple, optional
        Further arguments of `f` and `fprime`.
    gtol, norm, maxiter, xrtol, c1, c2, hess_inv0 : optional
        The options of those names; see `optlab.minimize`.
    epsilon : float or array_like, shape (n,), optional
        Absolute steps of the differences: the option `eps`.
    full_output, retall : bool, default False
        Return more; see below.
    disp : bool, default False
        Print how the run ended. (SciPy's default is True.)
    callback : callable, optional
        Called after each iteration, as ``callback(xk)``.

    Returns
    -------
    xopt : ndarray, shape (n,)
        The best point seen.
    fopt : float
        f there; this and what follows with `full_output`.
    gopt : ndarray, shape (n,)
        The gradient there.
    Bopt : ndarray, shape (n, n)
        The approximate inverse Hessian.
    func_calls, grad_calls : int
        Evaluations of `f` and of its gradient.
    warnflag : int
        0: a stopping test was met; 1: a limit was reached; 2: no further progress; 3: not
        finite at `x0`.
    allvecs : list of ndarray
        The iterates, with `retall`.

    Examples
    --------
    >>> from scipy.optimize import rosen, rosen_der
    >>> from optlab import fmin_bfgs
    >>> fmin_bfgs(rosen, [-1.2, 1.0], rosen_der)
    array([1., 1.])
    """
    result = minimize(
        f,
        x0,
        _unpacked(args),
        "bfgs",
        fprime,
        callback=callback,
        options=_given(
            gtol=gtol,
            norm=norm,
            eps=epsilon,
            maxiter=maxiter,
            disp=disp,
            return_all=retall,
            xrtol=xrtol,
            c1=c1,
            c2=c2,
            hess_inv0=hess_inv0,
        ),
    )
    more = ("fun", "jac", "hess_inv", "nfev", "njev")
    return _returned(result, more, full_output, retall)


def fmin_cg(
    f: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    gtol: float = 1e-5,
    norm: float = np.inf,
    epsilon: Any = None,
    maxiter: int | None = None,
    full_output: bool = False,
    disp: bool = False,
    retall: bool = False,
    callback: Callable[..., Any] | None = None,
    c1: float | None = None,
    c2: float | None = None,
) -> Any:
    """Minimise by conjugate gradients: the call of `scipy.optimize.fmin_cg`.

    Parameters
    ----------
    f, x0, fprime, args, gtol, norm, epsilon, maxiter, full_output, disp, retall
        As for `optlab.fmin_bfgs`.
    callback, c1, c2
        Likewise.

    Returns
    -------
    xopt : ndarray, shape (n,)
        The best point seen.
    fopt, func_calls, grad_calls, warnflag
        With `full_output`, as for `optlab.fmin_bfgs`.
    allvecs : list of ndarray
        The iterates, with `retall`.
    """
    result = minimize(
        f,
        x0,
        _unpacked(args),
        "cg",
        fprime,
        callback=callback,
        options=_given(
            gtol=gtol,
            norm=norm,
            eps=epsilon,
            maxiter=maxiter,
            disp=disp,
            return_all=retall,
            c1=c1,
            c2=c2,
        ),
    )
    return _returned(result, ("fun", "nfev", "njev"), full_output, retall)


def fmin_ncg(
    f: Callable[..., Any],
    x0: Any,
    fprime: Any,
    fhess_p: Callable[..., Any] | None = None,
    fhess: Any = None,
    args: Any = (),
    avextol: float = 1e-5,
    epsilon: Any = None,
    maxiter: int | None = None,
    full_output: bool = False,
    disp: bool = False,
    retall: bool = False,
    callback: Callable[..., Any] | None = None,
    c1: float | None = None,
    c2: float | None = None,
) -> Any:
    """Minimise by Newton's method with inner CG: the call of `scipy.optimize.fmin_ncg`.

    Parameters
    ----------
    f, x0, args, maxiter, full_output, disp, retall, callback, c1, c2
        As for `optlab.fmin_bfgs`.
    fprime : callable
        ``fprime(x, *args)`` gives the gradient, shape (n,).
    fhess_p : callable, optional
        ``fhess_p(x, p, *args)`` gives the product of the Hessian with p, shape (n,). By
        default differences of the gradient do.
    fhess : callable, optional
        ``fhess(x, *args)`` gives the Hessian, shape (n, n); `fhess_p` is then not used.
    avextol : float, default 1e-5
        The iteration ends where the mean of ``|x_{k+1} - x_k|`` is at most this: the option
        `xtol`.
    epsilon : float or array_like, shape (n,), optional
        Absolute steps of differences: the option `eps`.

    Returns
    -------
    xopt : ndarray, shape (n,)
        The best point seen.
    fopt, func_calls, grad_calls, hess_calls, warnflag
        With `full_output`, as for `optlab.fmin_bfgs`; Hessians and products are counted
        together.
    allvecs : list of ndarray
        The iterates, with `retall`.
    """
    result = minimize(
        f,
        x0,
        _unpacked(args),
        "newton-cg",
        fprime,
        fhess,
        fhess_p if fhess is None else None,
        callback=callback,
        options=_given(
            xtol=avextol,
            eps=epsilon,
            maxiter=maxiter,
            disp=disp,
            return_all=retall,
            c1=c1,
            c2=c2,
        ),
    )
    return _returned(result, ("fun", "nfev", "njev", "nhev"), full_output, retall)


def fmin_l_bfgs_b(
    func: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    approx_grad: bool = False,
    bounds: Any = None,
    m: int | None = None,
    factr: float = 1e7,
    pgtol: float = 1e-5,
    epsilon: Any = None,
    iprint: Any = None,
    maxfun: int | None = 15000,
    maxiter: int | None = 15000,
    disp: bool | None = None,
    callback: Callable[..., Any] | None = None,
    maxls: int = 20,
) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Minimise by L-BFGS-B: the call of `scipy.optimize.fmin_l_bfgs_b`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)`` gives f, or f and the gradient where there is neither `fprime`
        nor `approx_grad`.
    x0 : array_like, shape (n,)
        Where to start.
    fprime : callable, optional
        ``fprime(x, *args)`` gives the gradient, shape (n,).
    args : tuple, optional
        Further arguments of `func` and `fprime`.
    approx_grad : bool, default False
        Approximate the gradient by differences of `func`.
    bounds : sequence of (low, high) or `scipy.optimize.Bounds`, optional
        None or infinity where there is no bound.
    m : int, optional
        The number of pairs kept: the option `maxcor`.
    factr : float, default 1e7
        Stop when ``f_k - f_{k+1} <= factr * eps * max(|f_k|, |f_{k+1}|, 1)``, where eps is
        2.2e-16. 0 turns it off. `optlab.minimize` has no such test by default.
    pgtol : float, default 1e-5
        Success is ``max(|proj g_i|) <= pgtol``: the option `gtol`.
    epsilon : float or array_like, shape (n,), optional
        Absolute steps of the differences: the option `eps`.
    iprint : optional
        Without meaning, as in SciPy.
    maxfun, maxiter : int, default 15000
        Limits on evaluations and on iterations.
    disp : bool, optional
        Print how the run ended.
    callback : callable, optional
        Called after each iteration, as ``callback(xk)``.
    maxls : int, default 20
        Limit on the trials of a line search.

    Returns
    -------
    x : ndarray, shape (n,)
        The best point seen.
    f : float
        f there.
    d : dict
        ``grad`` is the gradient there, ``funcalls`` and ``nit`` count evaluations and
        iterations, ``task`` says how the run ended. ``warnflag`` is 0 where a stopping test
        was met, 1 where a limit was reached, else 2.
    """
    result = minimize(
        func,
        x0,
        _unpacked(args),
        "l-bfgs-b",
        None if approx_grad else True if fprime is None else fprime,
        bounds=bounds,
        callback=callback,
        options=_given(
            maxcor=m,
            ftol=not_negative("factr", factr) * _EPS,
            gtol=not_negative("pgtol", pgtol),
            eps=epsilon,
            maxfun=maxfun,
            maxiter=maxiter,
            disp=disp,
            maxls=maxls,
        ),
    )
    information = {
        "grad": result.jac,
        "task": result.message,
        "funcalls": result.nfev,
        "nit": result.nit,
        "warnflag": min(_warnflag(result), 2),
    }
    return result.x, result.fun, information


def _given(**options: Any) -> Mapping[str, Any]:
    """The options that are not left to the method."""
    return {name: value for name, value in options.items() if value is not None}


def _unpacked(args: Any) -> Any:
    """A list of arguments is unpacked by these calls, while `minimize` takes it for one."""
    return tuple(args) if isinstance(args, list) else args


def _warnflag(result: OptimizeResult) -> int:
    return 0 if result.success else _WARNFLAG.get(result.status, 2)


def _returned(
    result: OptimizeResult, more: tuple[str, ...], full_output: bool, retall: bool
) -> Any:
    """The point alone, or a tuple that begins with it, as SciPy's calls return it."""
    values = [result.x]
    if full_output:
        values += [result[name] for name in more]
        values.append(_warnflag(result))
    if retall:
        values.append(result.allvecs)
    return tuple(values) if len(values) > 1 else result.x
