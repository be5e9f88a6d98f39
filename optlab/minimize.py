"""`minimize`: prepare, run, wrap."""

from collections.abc import Callable, Mapping
from typing import Any

from optlab.plan import as_options
from optlab.result import OptimizeResult
from optlab.run import Run, prepare
from optlab.stochastic import Rule, find_rule, minimize_sum


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
        Further arguments of `fun`, `jac`, `hess` and `hessp`.
    method : str, optional
        One of "gd", "cg", "bfgs", "l-bfgs", "l-bfgs-b", "newton", "newton-cg" and
        "trust-ncg", free of case, hyphens and underscores. By default "l-bfgs-b" with
        bounds; without, "bfgs" up to n = 300 and "l-bfgs" beyond. ``result.method``
        tells which.
        For finite sums there are also "sgd", "momentum", "nesterov", "adagrad", "rmsprop",
        "adam", "adamw" and "svrg".
    jac : callable, True, "2-point", "3-point", "cs" or None
        ``jac(x, *args)`` gives the gradient, shape (n,); True says that `fun` gives both.
        By default it is approximated by forward differences ("2-point"); "3-point" are
        central ones, "cs" complex steps. The three Newton methods need it.
    hess : callable, "2-point", "3-point", "cs" or None
        ``hess(x, *args)`` gives the Hessian, shape (n, n): an array, a sparse matrix of
        `scipy.sparse` or a `scipy.sparse.linalg.LinearOperator`; or it is approximated by
        differences of the gradient, as it is by default ("2-point"), where only `jac` is
        known. For "newton", "newton-cg" and "trust-ncg".
    hessp : callable, optional
        ``hessp(x, v, *args)`` gives the Hessian times v, shape (n,). `hess` is preferred.
    bounds : sequence of (min, max), scipy.optimize.Bounds or ndarray, shape (n, 2)
        None or an infinity leaves a side open, equal numbers fix a component. Nothing is
        evaluated outside, differences included; x0 is moved inside, with a warning. For
        "gd", and for "bfgs", "l-bfgs" and "l-bfgs-b", which are all L-BFGS-B then.
    constraints : optional
        Not handled: an error, unless None or empty.
    tol : float, optional
        Sets the option `gtol`, where that is not given.
    callback : callable, optional
        Called after each iteration, as ``callback(intermediate_result=res)`` where its
        parameter has that name, with ``res.x`` and ``res.fun``, else ``callback(xk)``.
        It ends the run by raising StopIteration.
    options : dict, optional
        For every method:

        gtol : float, default 1e-5
            Success is ``norm(g) <= gtol``; with bounds, of ``P(x - g) - x``, where P
            projects onto them.
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
            exceeded by those of one gradient, or two where differences are refined.
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
        workers : int or map-like callable, optional
            Evaluates the points of one difference formula side by side:
            ``workers(fun, points)``, or so many processes (-1: one a core).
        disp : bool, default False
            Print how the run ended.
        return_all : bool, default False
            Keep the iterates as ``result.allvecs``.
        history : bool, default False
            Keep f, gnorm, alpha, nfev, nhev and seconds per iterate as
            ``result.history``.
        checkpoint : path, optional
            A file that `optlab.resume` continues from, should the run be cut off; it is
            written at the start and the end, too.
        checkpoint_every : float, default 60
            Seconds between two of them, at least.

        And of one method only:

        step : {"bb1", "bb2", "previous", "unit"}
            "gd": the first trial step.
        beta : {"hager-zhang", "polak-ribiere"}
            "cg": how the new gradient and the last direction are combined.
        hess_inv0 : array_like, shape (n, n)
            "bfgs", without bounds: symmetric, positive definite.
        warm_start : OptimizeResult, optional
            "bfgs", "l-bfgs", "l-bfgs-b": begin with the curvature that this run has seen,
            on a neighbouring problem.
        maxcor : int
            "l-bfgs", "l-bfgs-b": the number of pairs; by default as many as memory
            traffic allows, from 10 for large n to 60, at most 5 n, and 10 with bounds.
            "newton-cg": the same of the preconditioner.
        corrected : bool, default True
            "l-bfgs", "l-bfgs-b": pairs are corrected with values of f.
        xtol : float, default off
            "newton-cg": stop where ``norm(x_{k+1} - x_k, 1) <= n * xtol``; given without
            `gtol`, it takes the place of that test.
        maxinner : int, default 2 n from 20 to 500
            "newton-cg", "trust-ncg": limit on products for a direction.
        preconditioned : bool, default False
            "newton-cg": by L-BFGS.
        initial_trust_radius, max_trust_radius, eta : float
            "trust-ncg": the first radius (by default as long as x), the largest (none),
            and the least share of the promised decrease that is accepted (0.15).

        Stochastic methods take `gtol`, `norm`, `dtype`, `disp`, `checkpoint` and
        `checkpoint_every` of these, and:

        batch_size : int, default 32
            Samples in a batch; capped at all of them, with a warning.
        epochs : int, default 10
            The budget: so many times all samples are gone through.
        learning_rate : float
            By default 0.01, and 0.001 for "rmsprop", "adam" and "adamw".
        schedule : str or callable, default "constant"
            Of the rate at t epochs: "step", ``decay**floor(t / decay_every)``, "inverse",
            ``1 / (1 + decay t)``, "exponential", ``decay**t``, "cosine", from the rate to
            `min_learning_rate` in `decay_every` epochs (all); or a function of the number
            of complete epochs. It multiplies the rate.
        decay, decay_every, min_learning_rate : float
            By default 0.1 ("step", every third of the epochs), 1 ("inverse") and 0.95
            ("exponential"); 0.
        warmup : float, default 0
            Epochs over which the rate rises to its value.
        momentum : float, default 0.9
            "momentum", "nesterov".
        betas : pair of float, default (0.9, 0.999)
            How much is kept of the first and second moments, by "adam" and "adamw"; of
            the second one by "rmsprop".
        eps : float, default 1e-8
            Added to the root of second moments.
        weight_decay : float, default 0; 0.01 for "adamw"
            That times w is added to the gradient; "adamw" shrinks w itself.
        clip_norm : float, optional
            Longer gradients of batches are shortened to this norm.
        shuffle : bool or "replacement", default True
            Every sample once an epoch in a new order, or in the given one (False); or
            drawn with replacement.
        averaging : bool or int, default False
            Return the mean of all steps, or of those from this epoch on.
        line_search : "armijo", optional
            "sgd": steps that lower the loss of their batch enough, with `c1` (0.1) and at
            most `maxls` (50) trials; `learning_rate` is the longest one, 1 by default.
        validation : float, (X, y) or callable, optional
            A fraction of the samples that is held out, data for objectives of nets, or a
            function of w for the loss, or loss and score. The best point is returned.
        patience : int, optional
            Stop when the validation loss has not fallen for so many epochs.
        full : bool, default False
            Compute f and its gradient's norm over all samples at every epoch; they are
            computed as well where `gtol` is given, which ends the run then.
        rng : Generator or int or None, optional
            Where shuffling comes from, see `numpy.random.default_rng`.

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
    algorithm 7.5 (L-BFGS), section 3.4 (Newton), algorithms 7.1 and 7.2 (Newton-CG),
    section 5.2 (conjugate gradients), equations (3.4) and (3.6) (Armijo and Wolfe
    conditions).

    Byrd, Lu, Nocedal & Zhu, A limited memory algorithm for bound constrained
    optimization, SIAM J. Sci. Comput. 16 (1995) 1190-1208.
    """
    rule = find_rule(method)
    if rule is not None:
        _refuse(rule, args, jac, hess, hessp, bounds, constraints)
        return minimize_sum(rule, fun, x0, callback, tol, as_options(options))
    task = prepare(
        fun,
        x0,
        args,
        method,
        jac,
        hess,
        hessp,
        bounds,
        constraints,
        tol,
        callback,
        options,
    )
    with task.workers() as parallel_map:
        run = Run.begin(task, parallel_map)
        run.go()
    result = run.result()
    if task.plan.common.disp:
        print(result.summary())
    return result


def _refuse(rule: Rule, args: Any, jac: Any, *others: Any) -> None:
    """What a finite sum has in itself, or stochastic methods do not handle."""
    if jac is not None and jac is not True:
        raise ValueError(f"jac must be None or True for method {rule.name!r}")
    names = ("args", "hess", "hessp", "bounds", "constraints")
    for name, value in zip(names, (args, *others), strict=True):
        if value is not None and value != () and value != []:
            raise ValueError(f"{name} is not handled by method {rule.name!r}")
