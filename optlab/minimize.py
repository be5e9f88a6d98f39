"""`minimize`: normalise, look up, run, wrap."""

from collections.abc import Callable, Mapping
from typing import Any
from warnings import warn

from optlab.evaluate import Objective, as_args, in_dtype, start_point
from optlab.methods import METHODS, Method, find_method
from optlab.observe import Observer
from optlab.options import not_negative, stack_level
from optlab.plan import Plan, as_options, plan_run
from optlab.report import explain
from optlab.result import Deferred, InverseHessian, OptimizeResult, Status
from optlab_c.machine import Machine

# A dense inverse Hessian pays for itself up to here; beyond, L-BFGS is chosen.
BFGS_UP_TO = 300

_STATUS = {int(status): status for status in Status}  # faster than Status(number)


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResult:
    """Minimise a function of several variables: SciPy's call.

    Parameters
    ----------
    fun : callable or objective
        ``fun(x, *args) -> float``, or with ``jac=True`` ``-> (float, gradient)``; or an
        object with a method ``fun_and_grad(x)``; or one with a compiled objective in
        ``__optlab_objective__`` (the problems of `optlab.problems` are such), which runs
        without Python. x is a vector of shape (n,) that belongs to the callee. A point
        where the function is not finite is taken as too far, never as an answer.
    x0 : array_like, shape (n,)
        Where to start: finite real numbers. It is not changed.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    method : {"gd", "bfgs", "l-bfgs"}, optional
        Free of case, hyphens and underscores. By default "bfgs" up to n = 300 and
        "l-bfgs" beyond; ``result.method`` tells which.
    jac : callable, True, "2-point", "3-point" or None
        ``jac(x, *args)`` gives the gradient, shape (n,); True says that `fun` gives both.
        By default it is approximated by forward differences ("2-point").
    hess, hessp : optional
        Not used by the methods there are; a warning says so.
    bounds, constraints : optional
        Not handled by the methods there are: an error, unless None or empty.
    tol : float, optional
        Sets the option `gtol`, where that is not given.
    callback : callable, optional
        Called after each iteration, as ``callback(intermediate_result=res)`` where its
        parameter has that name, with ``res.x`` and ``res.fun``, else ``callback(xk)``.
        It ends the run by raising StopIteration.
    options : dict, optional
        For every method:

        gtol : float, default 1e-5
            Success is ``norm(g) <= gtol``.
        norm : float, default inf
            The order of that norm, as in `numpy.linalg.norm`.
        ftol : float, default 0 (off)
            Stop when ``f_k - f_{k+1} <= ftol * max(|f_k|, |f_{k+1}|, 1)``.
        xrtol : float, default 0 (off)
            Stop when ``norm(x_{k+1} - x_k, 2) <= xrtol * (xrtol + norm(x_{k+1}, 2))``.
        maxiter : int, default max(15000, 200 n)
            Limit on iterations.
        maxfun : int, default none
            Limit on evaluations of `fun`, those of differences included; it may be
            exceeded by those of one gradient.
        line_search : str
            One of the names in `optlab.methods.LINE_SEARCHES`; its own options (`c1`,
            `c2`, `maxls`, ...) are given beside it.
        first_step : float, optional
            The very first trial step alpha, along -g; by default x moves by the length
            ``max(1, norm(x0, inf))``.
        dtype : {"float64", "float32"}, optional
            Of all vectors; by default what the objective asks for, else float64.
        eps, finite_diff_rel_step : float or array_like, shape (n,), optional
            Absolute or relative steps of the differences; by default
            ``eps**(1/2) * max(1, |x|)``, and ``eps**(1/3)`` of that for "3-point".
        disp : bool, default False
            Print how the run ended.
        return_all : bool, default False
            Keep the iterates as ``result.allvecs``.
        history : bool, default False
            Keep f, gnorm, alpha, nfev and seconds per iterate as ``result.history``.

        For "gd": ``step`` ("bb1", "bb2", "previous" or "unit"), the first trial step.
        For "bfgs": ``hess_inv0``, array_like of shape (n, n), symmetric positive
        definite. For "l-bfgs": ``maxcor``, the number of pairs, by default as many as
        memory traffic allows (from 10 for large n to 60); ``corrected``, default True.

    Returns
    -------
    OptimizeResult
        With the same fields for all methods; see there.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong: named, and before `fun` is called.

    Examples
    --------
    >>> import numpy as np
    >>> from optlab import minimize
    >>> def rosenbrock(x):
    ...     f = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    ...     g0 = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
    ...     return f, np.array([g0, 200 * (x[1] - x[0] ** 2)])
    >>> result = minimize(rosenbrock, [-1.2, 1.0], jac=True)
    >>> result.success, result.method
    (True, 'bfgs')
    >>> np.allclose(result.x, [1.0, 1.0], atol=1e-4)
    True

    References
    ----------
    Nocedal & Wright, *Numerical Optimization*, 2nd ed., 2006: algorithm 6.1 (BFGS),
    algorithm 7.5 (L-BFGS), equations (3.4) and (3.6) (Armijo and Wolfe conditions).
    """
    x0 = start_point(x0)
    objective = Objective(fun, jac)
    row = _choose(method, x0.size)
    _check_unused(row, hess, hessp, bounds, constraints)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    if tol is not None:
        options = {"gtol": not_negative("tol", tol), **as_options(options)}
    plan = plan_run(row, objective, x0.size, options)

    machine = Machine(plan.settings, in_dtype(x0, plan.dtype))
    if plan.hess_inv0 is not None:
        machine.give_inverse(plan.hess_inv0)
    observer = Observer.of(callback, plan.common)
    runnable = objective.bind(as_args(args), plan)
    status = _STATUS[machine.run(runnable, observer)]
    error = runnable.gradient_error if plan.differences else 0.0
    return _wrap(machine, plan, status, error, observer)


def _choose(method: str | None, n: int) -> Method:
    if method is None:
        return METHODS["bfgs" if n <= BFGS_UP_TO else "l-bfgs"]
    return find_method(method)


def _check_unused(
    row: Method, hess: Any, hessp: Any, bounds: Any, constraints: Any
) -> None:
    """Refuse what would change the answer; warn of what is merely not needed."""
    if bounds is not None:
        raise ValueError(f"bounds are not handled by method {row.name!r}")
    if constraints is not None and (
        not isinstance(constraints, (tuple, list, dict)) or len(constraints) > 0
    ):
        raise ValueError(f"constraints are not handled by method {row.name!r}")
    if hess is not None or hessp is not None:
        name = "hess" if hess is not None else "hessp"
        warn(
            f"{name} is not used by method {row.name!r}",
            RuntimeWarning,
            stacklevel=stack_level(),
        )


def _wrap(
    machine: Machine,
    plan: Plan,
    status: Status,
    gradient_error: float,
    observer: Observer | None,
) -> OptimizeResult:
    x, f, g, gnorm = machine.result()
    # A gradient that rounding hides is not small. Written so that NaN is no success.
    success = (
        gnorm <= plan.common.gtol
        and gradient_error <= plan.common.gtol
        and status is not Status.NONFINITE_START
    )
    if status is Status.CONVERGED and not success:
        status = Status.ROUNDING
    result = OptimizeResult(
        x=x,
        fun=f,
        jac=g,
        hess_inv=_inverse_hessian(machine, plan.row),
        nit=machine.k,
        nfev=machine.nfev,
        njev=machine.njev,
        nhev=machine.nhev,
        success=success,
        status=status,
        message=explain(status, f, gnorm, gradient_error, machine, plan),
        method=plan.row.name,
    )
    if observer is not None:
        observer.finish(result)
    if plan.common.disp:
        print(result.summary())
    return result


def _inverse_hessian(machine: Machine, row: Method) -> Any:
    if row.inverse is None:
        return None
    if row.inverse == "dense":
        return Deferred(machine.inverse)
    return Deferred(lambda: InverseHessian(machine))
