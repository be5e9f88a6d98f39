"""Run solvers of optlab and SciPy side by side, judged by one test of our own.

Every solver gets the same Python objective, which counts, times and judges each
evaluation. A problem counts as solved at the first evaluation whose gradient meets

    max |g_i| <= max(1e-6, 1e-12 max |g_i(x0)|)

at a value no higher than the best one seen before (up to 1e-6 of it, so that rounding
does not decide). It is the first of the two tests that Hager & Zhang (2005, section 5)
compare by: absolute, but no problem is asked for more digits than double precision holds.
With bounds, the projected gradient P(x - g) - x takes the place of g. The same tolerance
is given to the solvers as ``gtol``, all their other tests are turned off, and 10,000
evaluations are the limit.

A value with its gradient counts as one evaluation, and so does a product of the Hessian
with a vector, which costs about as much. A whole Hessian counts as one, too; it is dearer
than that, so that the counts of methods that factorise it compare among themselves only.
Problems with bounds are given to the solvers that handle them, and to no others. Problems
in single precision start there; the two numbers are 1e-4 and 1e-5 for them.

A solver's *own time* is the time of its run less the time inside the objective, for
each solver alike. A *false success* is a run that claims success at a point where the
gradient does not meet ``gtol``.

References
----------
W. W. Hager and H. Zhang, A new conjugate gradient method with guaranteed descent and
an efficient line search, SIAM Journal on Optimization 16 (2005) 170-192.

J. J. Moré, B. S. Garbow and K. E. Hillstrom, Testing unconstrained optimization
software, ACM Transactions on Mathematical Software 7 (1981) 17-41.

E. D. Dolan and J. J. Moré, Benchmarking optimization software with performance
profiles, Mathematical Programming 91 (2002) 201-213.
"""

from __future__ import annotations

import argparse
import ast
import csv
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from inspect import signature
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from optlab.problems import stationarity

__all__ = [
    "Run",
    "Solver",
    "choose_problems",
    "choose_solvers",
    "measure",
    "optlab_solver",
    "performance_profile",
    "plot",
    "ratio",
    "run",
    "scipy_solver",
    "solvers",
    "table",
    "write_csv",
]

Array = npt.NDArray[np.float64]
T = TypeVar("T")
GTOLS = {  # absolute, and relative to the first gradient
    np.float64: (1e-6, 1e-12),
    np.float32: (1e-4, 1e-5),
}
MAXFUN = 10_000
SHORT = 0.1  # seconds; shorter runs are repeated, and the median time is taken
REPEATS = 3
STARTS = (1.0, 10.0, 100.0)

# SciPy's methods, and the second derivatives that they take.
SCIPY = {
    "BFGS": None,
    "L-BFGS-B": None,
    "CG": None,
    "Newton-CG": "hessp",
    "trust-ncg": "hessp",
    "trust-krylov": "hessp",
    "trust-exact": "hess",
    "TNC": None,
}
SCIPY_BOUNDED = ("L-BFGS-B", "TNC")


class Problem(Protocol):
    """What is needed of a problem."""

    @property
    def name(self) -> str:
        """How reports call it."""

    @property
    def n(self) -> int:
        """Number of unknowns."""

    @property
    def x0(self) -> Array:
        """Start."""

    @property
    def f_opt(self) -> float | None:
        """Lowest known value."""

    @property
    def bounds(self) -> Array | None:
        """Lower and upper bounds, shape (n, 2), or None."""

    def fun_and_grad(self, x: Array, /) -> tuple[float, Array]:
        """Return value and gradient at x."""

    def hessp(self, x: Array, v: Array, /) -> Array:
        """Return the Hessian at x times v."""

    def hess(self, x: Array, /) -> Array:
        """Return the Hessian at x; NotImplementedError where there are products only."""


class Metered(Protocol):
    """What a solver gets: an objective that counts, times and judges."""

    @property
    def bounds(self) -> Array | None:
        """Lower and upper bounds, shape (n, 2), or None."""

    @property
    def jac(self) -> Any:
        """What ``minimize`` is told of the gradient; True where a call gives both."""

    @property
    def solved(self) -> bool:
        """Whether the common test has been met."""

    def __call__(self, x: Array, /) -> Any:
        """Return value and gradient at x."""

    def hessp(self, x: Array, v: Array, /) -> Any:
        """Return the Hessian at x times v."""

    def hess(self, x: Array, /) -> Any:
        """Return the Hessian at x."""

    def second_derivatives(self, wanted: str, /) -> dict[str, Any]:
        """Return those for ``minimize``, by name; "hess" or "hessp" are wanted."""


@dataclass(frozen=True)
class Solver:
    """A method of one library.

    Parameters
    ----------
    library, method : str
        As the library calls itself and the method.
    solve : callable
        ``solve(fun, x0, gtol, maxfun)`` returns an OptimizeResult. ``fun(x)`` gives value
        and gradient, ``fun.hessp(x, v)`` and ``fun.hess(x)`` second derivatives, and
        ``fun.bounds`` is None or an array of shape (n, 2). ``fun.jac`` is True; but with
        `optlab.compare` it may be a function of its own, or what ``minimize`` takes for
        differences, and ``fun(x)`` gives the value alone then.
    bounds : bool, default False
        Whether it handles bounds.
    second : {"hess", "hessp", None}
        The second derivatives it uses.
    """

    library: str
    method: str
    solve: Callable[[Metered, Array, float, int], Any]
    bounds: bool = False
    second: str | None = None

    def __str__(self) -> str:
        return f"{self.library} {self.method}"


@dataclass(frozen=True)
class Run:
    """One solver on one problem.

    ``evaluations`` is the first evaluation that met the common test, or None, and
    ``products`` of those were products with the Hessian, or Hessians (of all, if the test
    was not met); ``nfev`` is the number of values with gradients of the whole run.
    ``own_time`` and ``objective_time`` are seconds of the whole run; ``nit`` is None when
    the run was cut off at the limit of evaluations. ``f`` and ``gnorm`` belong to the
    returned point; ``gnorms`` holds ``max(abs(g))``, or that of the projected gradient, of
    every evaluation in order, a product having that of the gradient before it.
    """

    problem: str
    n: int
    solver: str
    gtol: float
    evaluations: int | None
    products: int
    nfev: int
    nit: int | None
    own_time: float
    objective_time: float
    f: float
    gnorm: float
    f_opt: float | None
    success: bool
    message: str
    gnorms: Array

    @property
    def solved(self) -> bool:
        """Whether the common test was met."""
        return self.evaluations is not None

    @property
    def false_success(self) -> bool:
        """Whether success is claimed where the gradient does not bear it out."""
        return self.success and not self.gnorm <= self.gtol

    @property
    def higher_minimum(self) -> bool:
        """Whether it is solved, at a value above the lowest known one."""
        if self.f_opt is None or not self.solved:
            return False
        return self.f > self.f_opt + 1e-4 * max(1.0, abs(self.f_opt))

    @property
    def own_time_per_iteration(self) -> float:
        """Seconds an iteration without the objective; NaN where unknown."""
        return self.own_time / self.nit if self.nit else float("nan")


def solvers() -> dict[str, Solver]:
    """All solvers that can be compared, by ``library:method`` in lower case.

    Returns
    -------
    dict of str to Solver
        Every method of optlab, and those of SciPy that use derivatives and take no
        constraints but bounds.
    """
    from optlab.methods import METHODS

    found = [optlab_solver(name) for name in METHODS]
    found += [scipy_solver(name) for name in SCIPY]
    return {f"{s.library}:{s.method}".lower(): s for s in found}


def optlab_solver(method: str, **options: Any) -> Solver:
    """Return a method of optlab, with options of its own if wanted.

    Parameters
    ----------
    method : str
        As for `optlab.minimize`.
    **options
        More options for every run, such as ``line_search="armijo"``.

    Returns
    -------
    Solver
        Named by the method and the options.
    """
    from optlab.methods import find_method
    from optlab.minimize import minimize

    row = find_method(method)

    def solve(fun: Metered, x0: Array, gtol: float, maxfun: int) -> Any:
        limits = {"gtol": gtol, "maxiter": maxfun, "maxfun": maxfun}
        return minimize(
            fun,
            x0,
            jac=fun.jac,
            method=method,
            bounds=fun.bounds,
            options=limits | options,
            **_second_derivatives(row.second, fun),
        )

    return Solver("optlab", _described(method, options), solve, row.bounds, row.second)


def scipy_solver(method: str, **options: Any) -> Solver:
    """Return a method of SciPy, with options of its own if wanted.

    Parameters
    ----------
    method : str
        As for `scipy.optimize.minimize`. Tests of "L-BFGS-B" and "TNC" on f and x are
        turned off, and "TNC" makes that on the gradient after a scaling of its own;
        "Newton-CG", which has none, is ended by the common one.
    **options
        More options for every run, such as ``maxcor=20``.

    Returns
    -------
    Solver
        Named by the method and the options.
    """
    from scipy.optimize import minimize

    def solve(fun: Metered, x0: Array, gtol: float, maxfun: int) -> Any:
        def stop(intermediate_result: Any) -> None:
            if fun.solved:
                raise StopIteration

        limits: dict[str, Any] = {"gtol": gtol, "maxiter": maxfun}
        more: dict[str, Any] = _second_derivatives(SCIPY.get(method), fun)
        if method == "L-BFGS-B":
            limits |= {"ftol": 0.0, "maxfun": maxfun}
        elif method == "TNC":
            limits = {"gtol": gtol, "ftol": 0.0, "xtol": 0.0, "maxfun": maxfun}
        elif method == "Newton-CG":
            limits = {"xtol": 0.0, "maxiter": maxfun}
            more["callback"] = stop
        return minimize(
            fun,
            x0,
            jac=fun.jac,
            method=method,
            bounds=fun.bounds,
            options=limits | options,
            **more,
        )

    return Solver(
        "scipy",
        _described(method, options),
        solve,
        method in SCIPY_BOUNDED,
        SCIPY.get(method),
    )


def _second_derivatives(name: str | None, fun: Metered) -> dict[str, Any]:
    """The argument for second derivatives of either library's minimize."""
    return {} if name is None else fun.second_derivatives(name)


def _described(method: str, options: dict[str, Any]) -> str:
    return " ".join([method, *(f"{name}={value}" for name, value in options.items())])


class LimitReached(Exception):
    """The solver has had its evaluations."""


class Meter:
    """An objective that counts, times and judges every evaluation."""

    jac: Any = True

    def __init__(self, problem: Problem, gtol: float, maxfun: int) -> None:
        self.problem = problem
        self.bounds = problem.bounds
        self.gtol = gtol
        self.maxfun = maxfun
        self.evaluations: int | None = None
        self.products = 0
        self.nfev = 0
        self.best = float("inf")
        self.seconds = 0.0
        self.gnorms: list[float] = []

    @property
    def solved(self) -> bool:
        """Whether the common test has been met."""
        return self.evaluations is not None

    @property
    def spent(self) -> int:
        """Evaluations so far."""
        return len(self.gnorms)

    def __call__(self, x: Array) -> Any:
        """Value and gradient at x."""
        return self.timed(self._judged, x)

    def hessp(self, x: Array, v: Array) -> Any:
        """The Hessian at x times v."""
        return self.timed(self._counted, self.problem.hessp, x, v)

    def hess(self, x: Array) -> Any:
        """The Hessian at x."""
        return self.timed(self._counted, self._hessian, x)

    def second_derivatives(self, wanted: str) -> dict[str, Any]:
        """What is wanted, for either library's minimize."""
        return {wanted: getattr(self, wanted)}

    def timed(self, evaluate: Callable[..., T], *arguments: Any) -> T:
        """Evaluate within the limit, and add up the time."""
        # The judging is timed with the objective: neither is the solver's doing.
        start = perf_counter()
        if self.spent >= self.maxfun:
            raise LimitReached
        answer = evaluate(*arguments)
        self.seconds += perf_counter() - start
        return answer

    def _judged(self, x: Array) -> tuple[float, Array]:
        f, g = self.problem.fun_and_grad(x)
        gnorm = stationarity(x, g, self.bounds)
        self.nfev += 1
        self.gnorms.append(gnorm)
        self.judge(f, gnorm)
        return f, g

    def at_fault(self, solver: Solver, error: Exception) -> bool:
        """Whether the objective is to blame for an error, rather than the solver."""
        return False

    def judge(self, f: float, gnorm: float) -> None:
        """See whether the evaluation just made meets the common test."""
        low = f <= self.best or f - self.best <= 1e-6 * abs(self.best)
        if not self.solved and gnorm <= self.gtol and low:
            self.evaluations = self.spent
        self.best = min(self.best, f)

    def _counted(self, evaluate: Callable[..., Array], *arguments: Array) -> Array:
        self.products += not self.solved
        self.gnorms.append(self.gnorms[-1] if self.gnorms else float("inf"))
        return evaluate(*arguments)

    def _hessian(self, x: Array) -> Array:
        try:
            return self.problem.hess(x)
        except NotImplementedError:
            return np.array([self.problem.hessp(x, e) for e in np.eye(x.size)])


def attempt(solver: Solver, meter: Meter, x0: Array) -> tuple[Any, str, float]:
    """Let a solver run: its result, what it has to say, and the seconds it took.

    The result is None where the run was cut off, or broke down by an error of the solver.
    Errors of the objective, where the meter tells them apart, are raised.
    """
    result: Any = None
    start = perf_counter()
    try:
        result = solver.solve(meter, x0, meter.gtol, meter.maxfun)
        message = str(result.message)
    except LimitReached:
        message = f"cut off after {meter.maxfun} evaluations"
    except Exception as error:
        if meter.at_fault(solver, error):
            raise
        message = f"{type(error).__name__}: {error}"
    return result, message, perf_counter() - start


def measure(solver: Solver, problem: Problem, maxfun: int = MAXFUN) -> Run:
    """Run one solver on one problem, once.

    Parameters
    ----------
    solver : Solver
        What to run.
    problem : Problem
        What to run it on, from ``problem.x0``.
    maxfun : int, default 10_000
        The evaluations after which the run is cut off.

    Returns
    -------
    Run
        What was measured.
    """
    x0 = np.array(problem.x0, dtype=_precision(problem))
    first = stationarity(x0, problem.fun_and_grad(x0)[1], problem.bounds)
    absolute, relative = GTOLS[_precision(problem)]
    gtol = max(absolute, relative * first)
    meter = Meter(problem, gtol, maxfun)
    # What a solver has to say about a hard problem is in its result. One that breaks
    # down has failed on this problem; the others are compared all the same.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result, message, total = attempt(solver, meter, x0)
        f, gnorm = float("nan"), float("nan")
        if result is not None:
            x = np.array(result.x, dtype=np.float64)
            f, g = problem.fun_and_grad(x)
            gnorm = stationarity(x, g, problem.bounds)
    return Run(
        problem=problem.name,
        n=problem.n,
        solver=str(solver),
        gtol=gtol,
        evaluations=meter.evaluations,
        products=meter.products,
        nfev=meter.nfev,
        nit=None if result is None else int(result.nit),
        own_time=total - meter.seconds,
        objective_time=meter.seconds,
        f=f,
        gnorm=gnorm,
        f_opt=problem.f_opt,
        success=result is not None and bool(result.success),
        message=message,
        gnorms=np.array(meter.gnorms),
    )


def _precision(problem: Problem) -> Any:
    return np.float32 if np.asarray(problem.x0).dtype == np.float32 else np.float64


def _measure_steadily(solver: Solver, problem: Problem, maxfun: int) -> Run:
    """Keep the median times of a short run."""
    runs = repeated(
        lambda: measure(solver, problem, maxfun),
        lambda r: r.own_time + r.objective_time,
    )
    return replace(
        runs[0],
        own_time=median(r.own_time for r in runs),
        objective_time=median(r.objective_time for r in runs),
    )


def repeated(
    measured: Callable[[], T], seconds: Callable[[T], float], repeats: int = REPEATS
) -> list[T]:
    """Repeat a short run, since a single one's time says little."""
    first = measured()
    times = repeats if seconds(first) <= SHORT else 1
    return [first, *(measured() for _ in range(times - 1))]


def run(
    chosen: Sequence[Solver],
    problems: Sequence[Problem],
    maxfun: int = MAXFUN,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> list[Run]:
    """Run every solver on every problem.

    Parameters
    ----------
    chosen : sequence of Solver
        What to compare.
    problems : sequence of Problem
        What to compare it on.
    maxfun : int, default 10_000
        The evaluations after which a run is cut off.
    progress : callable, optional
        Wraps the sequence of (problem, solver) pairs, as ``tqdm.tqdm`` does.

    Returns
    -------
    list of Run
        One for each pair, problem by problem; none for a problem with bounds and a solver
        that does not handle them. Runs shorter than 0.1 s are timed three times, and the
        median is kept.
    """
    pairs = [(p, s) for p in problems for s in chosen if s.bounds or p.bounds is None]
    with one_thread():
        return [_measure_steadily(s, p, maxfun) for p, s in progress(pairs)]


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS to one thread where threadpoolctl can, so that times compare."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of positive numbers, NaN when there are none."""
    logs = [float(np.log(v)) for v in values]
    return float(np.exp(np.mean(logs))) if logs else float("nan")


def ratio(
    runs: Iterable[Run], solver: str, other: str, cost: Callable[[Run], float | None]
) -> tuple[float, int]:
    """Compare what two solvers spend where both solve.

    Parameters
    ----------
    runs : iterable of Run
        What was measured.
    solver, other : str
        Names of the solvers, the second being the measure.
    cost : callable
        Takes a Run and returns what it cost; None, NaN and 0 are left out.

    Returns
    -------
    mean : float
        The geometric mean of cost over cost, NaN when there is nothing to compare.
    count : int
        The number of problems it is taken over.
    """
    costs: dict[str, dict[tuple[str, int], float]] = {solver: {}, other: {}}
    for r in runs:
        value = cost(r) if r.solver in costs and r.solved else None
        if value is not None and value > 0:
            costs[r.solver][r.problem, r.n] = value
    both = costs[solver].keys() & costs[other].keys()
    mean = geometric_mean(costs[solver][p] / costs[other][p] for p in sorted(both))
    return mean, len(both)


def performance_profile(costs: npt.ArrayLike) -> tuple[Array, Array]:
    """Compute the performance profiles of Dolan and Moré (2002).

    With t the cost of a solver on a problem and r = t / (the least cost of any solver
    on that problem), the profile of a solver is

        rho(tau) = (number of problems with r <= tau) / (number of problems)

    Problems that nobody solves stay in the denominator.

    Parameters
    ----------
    costs : array_like, shape (problems, solvers)
        Positive costs; inf or NaN where the solver failed.

    Returns
    -------
    tau : ndarray, shape (k,)
        The places where some profile rises, ascending, beginning with 1.
    rho : ndarray, shape (k, solvers)
        The profiles there; each holds its value up to the next tau.

    Examples
    --------
    Two solvers on two problems; the second solver takes twice as long on the first
    problem and fails on the other.

    >>> from optlab.comparison import performance_profile
    >>> tau, rho = performance_profile([[1.0, 2.0], [3.0, float("inf")]])
    >>> tau
    array([1., 2.])
    >>> rho
    array([[1. , 0. ],
           [1. , 0.5]])
    """
    t = np.array(costs, dtype=np.float64)
    if t.ndim != 2 or t.size == 0:
        raise ValueError(f"costs must be problems x solvers, not of shape {t.shape}")
    t[np.isnan(t)] = np.inf
    if np.any(t <= 0):
        raise ValueError("costs must be positive")
    least = t.min(axis=1, keepdims=True)
    solved = np.isfinite(t)
    r = np.divide(t, least, out=np.full_like(t, np.inf), where=solved)
    tau = np.unique(np.append(r[solved], 1.0))
    rho = np.mean(r[:, :, None] <= tau, axis=0).T
    return tau, rho


def _names(runs: Iterable[Run]) -> list[str]:
    """Return the solvers' names in the order of their first run."""
    return list(dict.fromkeys(r.solver for r in runs))


def _shared(runs: Sequence[Run]) -> dict[tuple[str, int], list[Run]]:
    """Return the runs by problem and size, where every solver was run."""
    by_problem: dict[tuple[str, int], list[Run]] = {}
    for r in runs:
        by_problem.setdefault((r.problem, r.n), []).append(r)
    count = len(_names(runs))
    return {key: rs for key, rs in by_problem.items() if len(rs) == count}


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair each optlab method with SciPy's of the same kind, or with all of SciPy's."""
    theirs = [n for n in names if n.startswith("scipy ")]
    pairs = []
    for ours in (n for n in names if n.startswith("optlab ")):
        kind = ours.removeprefix("optlab ").lower()
        same = [t for t in theirs if t.lower() in (f"scipy {kind}", f"scipy {kind}-b")]
        pairs += [(ours, t) for t in same or theirs]
    return pairs


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of cells, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def table(runs: Sequence[Run]) -> str:
    """Lay out what was measured.

    Parameters
    ----------
    runs : sequence of Run
        What `run` returned.

    Returns
    -------
    str
        One line a solver: problems solved; those of them at a higher value than the
        lowest known; false successes; and, as geometric means over the problems that
        every solver solved, evaluations, products among them (where there are any), and
        own time an iteration. Then one line for
        each method of optlab beside SciPy's of the same kind: the ratios, as geometric
        means where both solve.
    """
    names = _names(runs)
    common = {key for key, rs in _shared(runs).items() if all(r.solved for r in rs)}
    second = any(r.products for r in runs)
    rows = [["", "solved", "higher", "false", "evaluations", "own µs"]]
    rows += [["", "", "minimum", "success", "", "an iteration"]]
    if second:
        rows[0].insert(5, "products")
        rows[1].insert(5, "among them")
    for name in names:
        mine = [r for r in runs if r.solver == name]
        shared = [r for r in mine if (r.problem, r.n) in common]
        evaluations = geometric_mean(r.evaluations or 0 for r in shared)
        products = [r.products for r in shared if r.products]
        times = [r.own_time_per_iteration for r in shared if r.nit]
        rows.append(
            [
                name,
                f"{sum(r.solved for r in mine)}/{len(mine)}",
                f"{sum(r.higher_minimum for r in mine)}",
                f"{sum(r.false_success for r in mine)}",
                f"{evaluations:.1f}",
                *([f"{geometric_mean(products) if products else 0:.1f}"] * second),
                f"{1e6 * geometric_mean(times):.2f}",
            ]
        )
    note = (
        f"Evaluations and times: geometric means over the {len(common)} of "
        f"{len({(r.problem, r.n) for r in runs})} that all solved."
    )
    lines = [columns(rows), "", note]
    ratios = [["", "problems", "evaluations", "own time", "own time"]]
    ratios += [["", "", "", "an iteration", "a run"]]
    for ours, theirs in _pairs(names):
        evaluations, count = ratio(runs, ours, theirs, lambda r: r.evaluations)
        iteration, _ = ratio(runs, ours, theirs, lambda r: r.own_time_per_iteration)
        whole, _ = ratio(runs, ours, theirs, lambda r: r.own_time)
        ratios.append(
            [
                f"{ours} / {theirs}",
                f"{count}",
                f"{evaluations:.3f}",
                f"{iteration:.4f}",
                f"{whole:.4f}",
            ]
        )
    if len(ratios) > 2:
        lines += ["", "Ratios, geometric means where both solve:", columns(ratios)]
    return "\n".join(lines)


CSV_FIELDS = (
    "problem",
    "n",
    "solver",
    "solved",
    "evaluations",
    "products",
    "nfev",
    "nit",
    "own_time",
    "objective_time",
    "f",
    "f_opt",
    "gnorm",
    "gtol",
    "success",
    "false_success",
    "message",
)


def write_csv(runs: Iterable[Run], path: str | Path) -> None:
    """Write one line a run, times in seconds.

    Parameters
    ----------
    runs : iterable of Run
        What `run` returned.
    path : str or Path
        The file to write.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_FIELDS)
        for r in runs:
            writer.writerow(getattr(r, field) for field in CSV_FIELDS)


# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# Lines of optlab and of SciPy, for the first seven colours and the next ones.
WHOLE = ("-", "-.", (0, (8, 1, 1, 1, 1, 1)))
BROKEN = ("--", ":", (0, (4, 4)))


def plot(runs: Sequence[Run], folder: str | Path) -> list[Path]:
    """Draw performance profiles and convergence curves (needs matplotlib).

    Parameters
    ----------
    runs : sequence of Run
        What `run` returned.
    folder : str or Path
        Where the figures go; made if it does not exist.

    Returns
    -------
    list of Path
        The files written: ``profiles.png`` and ``convergence.png``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"profiles": _draw_profiles(runs), "convergence": _draw_curves(runs)}
    written = []
    for name, figure in figures.items():
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=100)
    return written


def style(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each solver its look: a colour of its own, and SciPy's lines broken."""
    looks = {}
    for i, name in enumerate(names):
        lines = BROKEN if name.startswith("scipy") else WHOLE
        looks[name] = {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": lines[i // len(COLOURS) % len(lines)],
            "label": name,
        }
    return looks


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    # Figure, and not pyplot: no global state, no window, no backend to choose.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _draw_profiles(runs: Sequence[Run]) -> Any:
    names = _names(runs)
    looks = style(names)
    shared = _shared(runs)
    problems = list(shared)
    figure, axes = _figure(1, 2, 11, 4.5)
    measures: list[tuple[str, Callable[[Run], float | None]]] = [
        ("evaluations", lambda r: r.evaluations),
        ("own time of a run", lambda r: r.own_time),
    ]
    for axis, (title, cost) in zip(axes[0], measures, strict=True):
        costs = np.full((len(problems), len(names)), np.inf)
        for row, rs in enumerate(shared.values()):
            for r in rs:
                if r.solved:
                    costs[row, names.index(r.solver)] = cost(r)
        tau, rho = performance_profile(costs)
        # Drawn a little beyond the last rise, so that every final height shows.
        tau = np.append(tau, 1.2 * tau[-1])
        rho = np.vstack([rho, rho[-1]])
        for j, name in enumerate(names):
            axis.step(tau, rho[:, j], where="post", **looks[name])
        axis.set_xscale("log")
        axis.set_ylim(0, 1.02)
        axis.set_title(f"{title}, {len(problems)} problems")
        axis.set_xlabel("within this factor of the best solver")
        axis.set_ylabel("share of the problems solved")
        axis.grid(alpha=0.3)
    axes[0][0].legend(loc="lower right")
    return figure


def _draw_curves(runs: Sequence[Run]) -> Any:
    looks = style(_names(runs))
    problems = list(dict.fromkeys((r.problem, r.n) for r in runs))
    columns = min(8, len(problems))
    rows = -(-len(problems) // columns)
    figure, axes = _figure(rows, columns, 2.6 * columns, 2.2 * rows + 0.5)
    for axis, key in zip(axes.flat, problems, strict=False):
        for r in runs:
            if (r.problem, r.n) == key and r.gnorms.size:
                least = np.fmin.accumulate(r.gnorms) / r.gtol
                at = np.arange(1, least.size + 1)
                axis.plot(at, np.maximum(least, 1e-3), **looks[r.solver])
        axis.axhline(1.0, color="grey", linewidth=0.8)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(f"{key[0]}, n = {key[1]}", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.tick_params(which="minor", labelbottom=False)
    for axis in axes.flat[len(problems) :]:
        axis.set_axis_off()
    figure.supxlabel("evaluations", fontsize=9)
    figure.supylabel("least |g| so far / gtol", fontsize=9)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def choose_solvers(
    methods: Sequence[str], libraries: Sequence[str] = ("optlab", "scipy")
) -> list[Solver]:
    """Look solvers up by ``library:method``, or by a method's name alone.

    Parameters
    ----------
    methods : sequence of str
        Free of case, hyphens, underscores and blanks. "l-bfgs" also means SciPy's
        "L-BFGS-B", which needs no bounds.
    libraries : sequence of str, default ("optlab", "scipy")
        Where a method's name alone is looked up.

    Returns
    -------
    list of Solver
        In the order asked for, each once.

    Raises
    ------
    ValueError
        If a name is not known; the message lists those that are.
    """
    from optlab.methods import plain

    known = solvers()
    chosen: dict[str, Solver] = {}
    for method in methods:
        name = plain(method)
        names = {name, *(f"{library}:{name}" for library in libraries)}
        if "scipy" in libraries:
            names.add(f"scipy:{name}b")
        wanted = [key for key in known if plain(key) in names]
        if not wanted:
            raise ValueError(f"no method {method!r}; there are {', '.join(known)}")
        chosen |= {key: known[key] for key in wanted}
    return list(chosen.values())


def choose_problems(
    patterns: Sequence[str] = (),
    starts: Sequence[float] = STARTS,
    params: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Make the problems of the registry whose names match.

    Parameters
    ----------
    patterns : sequence of str
        Names, shell patterns such as ``"brown*"``, or tags such as ``"bounded"`` and
        ``"net"``. A pattern means problems with bounds and nets only if it matches no
        others; empty for all others.
    starts : sequence of float, default (1, 10, 100)
        Multiples of its standard start from which each problem is solved, if it has
        such a parameter (``scale``). Moré, Garbow & Hillstrom (1981) propose these three.
    params : mapping of str to object, optional
        More parameters, such as ``{"activation": "swish"}``, for each problem that has
        one of that name.

    Returns
    -------
    list of Problem
        In the registry's order. The multiple is part of the name: ``"wood x10"``.

    Raises
    ------
    ValueError, TypeError
        If a pattern matches nothing, a parameter is of none of the problems, or its value
        is not allowed.
    """
    from optlab import problems

    names = problems.names()
    if patterns:
        matches = {pattern: _matching(pattern.lower()) for pattern in patterns}
        for pattern, found in matches.items():
            if not found:
                known = ", ".join(problems.registry())
                raise ValueError(f"no problem {pattern!r}; there are {known}")
        wanted = {name for found in matches.values() for name in found}
        names = [name for name in problems.registry() if name in wanted]
    given = dict(params or {})
    parameters_of = {
        name: signature(problems.registry()[name].make).parameters for name in names
    }
    for key in given:
        if not any(key in parameters for parameters in parameters_of.values()):
            raise ValueError(f"none of the problems has a parameter {key!r}")
    chosen: list[Problem] = []
    for name, parameters in parameters_of.items():
        own = {key: value for key, value in given.items() if key in parameters}
        if "scale" in own or "scale" not in parameters:
            chosen.append(problems.get(name, **own))
            continue
        for start in starts:
            problem = problems.get(name, scale=start, **own)
            if start != 1:
                problem.name += f" x{start:g}"
            chosen.append(problem)
    return chosen


def _matching(pattern: str) -> list[str]:
    """Names of the problems with such a name or tag: those listed unasked, if any."""
    from optlab import problems

    found = [
        entry
        for entry in problems.registry().values()
        if entry.available
        and (pattern in entry.tags or fnmatchcase(entry.name, pattern))
    ]
    listed = [entry for entry in found if entry.listed]
    return [entry.name for entry in listed or found]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``python -m optlab compare`` to a parser."""
    parser.add_argument(
        "--method",
        nargs="+",
        default=["bfgs", "l-bfgs"],
        metavar="NAME",
        help="methods, such as bfgs (of every library that has it) or scipy:cg "
        "(default: bfgs l-bfgs)",
    )
    parser.add_argument(
        "--problems",
        nargs="+",
        default=[],
        metavar="NAME",
        help="problems of the registry, by name, shell pattern or tag, such as bounded "
        "or net (default: all others)",
    )
    parser.add_argument(
        "--params",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="parameters for the problems that have them, such as hidden=32,32 "
        "activation=swish batch_norm=True",
    )
    parser.add_argument(
        "--starts",
        nargs="+",
        type=float,
        default=list(STARTS),
        metavar="FACTOR",
        help="multiples of the standard start to begin from (default: 1 10 100)",
    )
    parser.add_argument("--csv", metavar="FILE", help="write one line a run")
    parser.add_argument(
        "--plot",
        metavar="FOLDER",
        help="write performance profiles and convergence curves (needs matplotlib)",
    )


def _parameter(given: str) -> tuple[str, Any]:
    """Take NAME=VALUE apart; the value is a Python literal, else a string."""
    name, sign, text = given.partition("=")
    if not sign:
        raise ValueError(f"params must be NAME=VALUE, not {given!r}")
    try:
        return name, ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return name, text


def _progress(pairs: Iterable[Any]) -> Iterable[Any]:
    try:
        from tqdm import tqdm
    except ImportError:
        return pairs
    bar: Iterable[Any] = tqdm(pairs, unit="run", leave=False, file=sys.stderr)
    return bar


def main(arguments: argparse.Namespace) -> int:
    """Carry out ``python -m optlab compare``; return the exit status."""
    start = perf_counter()
    try:
        chosen = choose_solvers(arguments.method)
        params = dict(map(_parameter, arguments.params))
        problems = choose_problems(arguments.problems, arguments.starts, params)
    except (TypeError, ValueError) as error:
        print(f"optlab compare: {error}", file=sys.stderr)
        return 2
    if all(p.bounds is not None for p in problems) and not any(
        s.bounds for s in chosen
    ):
        print("optlab compare: none of the methods handles bounds", file=sys.stderr)
        return 2
    runs = run(chosen, problems, progress=_progress)
    projected = "" if all(p.bounds is None for p in problems) else "projected "
    absolute, relative = GTOLS[_precision(problems[0])]
    print(
        f"{len(problems)} problems and starts. Solved: max |{projected}g| <= "
        f"max({absolute:g}, {relative:g} of the first) within {MAXFUN:,} evaluations.\n"
    )
    print(table(runs))
    if arguments.csv:
        write_csv(runs, arguments.csv)
        print(f"\nwritten: {arguments.csv}")
    if arguments.plot:
        written = plot(runs, arguments.plot)
        print(f"\nwritten: {', '.join(map(str, written))}")
    print(f"\n{perf_counter() - start:.1f} s")
    return 0
