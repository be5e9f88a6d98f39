"""`compare`: the methods that apply, side by side on the user's own function.

The solvers and their meter are those of `optlab.comparison`. What differs is the function:
its value and gradient may be two functions, or the gradient differences; what it raises
reaches the caller; and the stop test is the user's ``gtol`` alone.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.bounds import as_bounds, clip_start
from optlab.comparison import (
    MAXFUN,
    Meter,
    Solver,
    attempt,
    choose_solvers,
    columns,
    repeated,
    solvers,
    style,
)
from optlab.drawing import axes
from optlab.evaluate import Objective, as_args, in_dtype, start_point
from optlab.foreign import compiled
from optlab.methods import METHODS, Method
from optlab.minimize import minimize
from optlab.options import flag, integer, limit, not_negative
from optlab.problems import stationarity
from optlab.result import OptimizeResult, Status
from optlab.run import DIFFERENCES_UP_TO
from optlab_c.machine import all_open

__all__ = ["Comparison", "Row", "compare"]

Array = npt.NDArray[Any]

# Methods that keep or factorise a whole matrix run unasked up to here: it has 32 MB.
DENSE_UP_TO = 2000
DENSE = ("bfgs", "newton", "scipy:BFGS", "scipy:trust-exact")

TRACE = ("evaluations", "seconds", "f", "gnorm")


@dataclass(frozen=True)
class Row:
    """One method in a `Comparison`.

    Attributes
    ----------
    method : str
        Its name: "bfgs", or "scipy:BFGS".
    success : bool
        Whether the gradient at the returned point meets ``gtol``, whatever the method says
        (but a saddle that it has found there is no success).
    claimed : bool
        Whether the method says that it has succeeded.
    nfev, njev, nhev : int
        How often `fun`, its gradient and its Hessian (or a product with it) were called.
        A call that gives value and gradient counts as one of each.
    nit : int or None
        Iterations, as the method counts them; None where it was cut off.
    seconds : float
        The whole run without the counting; the median, where it was repeated.
    own_seconds : float
        That without the time inside the function.
    fun, gnorm : float
        f and ``max(abs(g))``, or that of the projected gradient, at the returned point,
        evaluated anew. Without `jac`, g is made of central differences.
    status : int or None
        As the method gives it; None where an error ended it.
    message : str
        What it has to say.
    result : OptimizeResult
        What it returned; where it was cut off or broke down, the best point it saw.
    trace : dict of ndarray
        One entry for each evaluation: `evaluations` so far, `seconds` since the start,
        `f` and `gnorm`, NaN where they were not asked for.
    """

    method: str
    success: bool
    claimed: bool
    nfev: int
    njev: int
    nhev: int
    nit: int | None
    seconds: float
    own_seconds: float
    fun: float
    gnorm: float
    status: int | None
    message: str
    result: Any
    trace: dict[str, Array]

    @property
    def evaluations(self) -> int:
        """Values with or without gradients, and Hessians or products: what it took."""
        return max(self.nfev, self.njev) + self.nhev


class Comparison(Mapping[str, Any]):
    """What `optlab.compare` returns: a table, which prints itself.

    It maps the names of the methods to what they returned, in the order of the table: what
    has succeeded first, and by the number of evaluations.

    Attributes
    ----------
    rows : tuple of Row
        The table: counts, times and judgements.
    n : int
        The number of unknowns.
    gtol : float
        The common tolerance.
    bounded : bool
        Whether there are bounds, and projected gradients are judged.

    Examples
    --------
    >>> from scipy.optimize import rosen, rosen_der
    >>> import optlab
    >>> c = optlab.compare(rosen, [-1.2, 1.0], jac=rosen_der, methods=["bfgs", "gd"])
    >>> list(c)
    ['bfgs', 'gd']
    >>> c["bfgs"].x
    array([1., 1.])
    >>> c.rows[0].nfev < c.rows[1].nfev
    True
    """

    def __init__(
        self, rows: Sequence[Row], n: int, gtol: float, bounded: bool = False
    ) -> None:
        order = sorted(rows, key=lambda row: (not row.success, row.evaluations))
        self.rows = tuple(order)
        self.n = n
        self.gtol = gtol
        self.bounded = bounded

    def __getitem__(self, method: str) -> Any:
        for row in self.rows:
            if row.method == method:
                return row.result
        raise KeyError(method)

    def __iter__(self) -> Iterator[str]:
        return (row.method for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = [self._title, "", columns(self._cells()), *self._remarks()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = (list(map(html.escape, row)) for row in self._cells())
        lines = [f"<p>{html.escape(self._title)}</p>", "<table>"]
        lines.append(f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>")
        for first, *rest in body:
            cells = "".join(f"<td>{cell}</td>" for cell in rest)
            lines.append(f"<tr><th>{first}</th>{cells}</tr>")
        lines.append("</table>")
        remarks = [html.escape(line) for line in self._remarks() if line]
        return "\n".join([*lines, *(f"<p>{line}</p>" for line in remarks)])

    @property
    def _title(self) -> str:
        projected = "projected " if self.bounded else ""
        return f"n = {self.n}, success is max |{projected}g| <= {self.gtol:g}"

    def _cells(self) -> list[list[str]]:
        """The table as text, its header first."""
        table = [["method", "f", "g", "H", "time", "final f", "final |g|", "success"]]
        for row in self.rows:
            counts = [str(count) for count in (row.nfev, row.njev, row.nhev)]
            verdict = "yes" if row.success else "claimed" if row.claimed else "no"
            table.append(
                [
                    row.method,
                    *counts,
                    _time(row.seconds),
                    f"{row.fun:.8g}",
                    f"{row.gnorm:.1e}" if row.gnorm else "0",
                    verdict,
                ]
            )
        return table

    def _remarks(self) -> list[str]:
        """What the methods without success have to say."""
        said = [f"{row.method}: {row.message}" for row in self.rows if not row.success]
        if any(row.claimed and not row.success for row in self.rows):
            said.append(
                "claimed: the gradient at the returned point does not bear it out"
            )
        return ["", *said] if said else []

    def to_frame(self) -> Any:
        """Make a pandas.DataFrame of the table.

        Returns
        -------
        pandas.DataFrame
            One line a method, by its name; the columns are the other attributes of `Row`,
            but `result` and `trace`, and `evaluations`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise ImportError(
                "to_frame needs the module pandas, which is not installed: "
                "pip install pandas"
            ) from None
        names = [item.name for item in fields(Row)]
        names = [name for name in names if name not in ("result", "trace")]
        data = [[getattr(row, name) for name in names] for row in self.rows]
        frame = DataFrame(data, columns=names).set_index("method")
        frame.insert(2, "evaluations", [row.evaluations for row in self.rows])
        return frame

    def plot(
        self, ax: Any = None, *, what: str | None = None, over: str = "evaluations"
    ) -> Any:
        """Draw how the methods converge; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; by default new ones.
        what : {"gnorm", "f"}, optional
            The least norm of the gradient so far; or the least f so far, minus the lowest
            that any method saw. Where the gradient is made of differences there is "f"
            only, else "gnorm" is the default. Zeros, which have no logarithm, are left out.
        over : {"evaluations", "seconds"}
            Evaluations are those of `Row`, the products with the Hessian included.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn: a line for each method, labelled with its name.

        Raises
        ------
        ValueError
            If an argument is not as said above; the message names it.
        ImportError
            If matplotlib is not installed.
        """
        if over not in ("evaluations", "seconds"):
            raise ValueError(f"over must be 'evaluations' or 'seconds', got {over!r}")
        known = any(np.isfinite(row.trace["gnorm"]).any() for row in self.rows)
        if what is None:
            what = "gnorm" if known else "f"
        if what not in ("gnorm", "f"):
            raise ValueError(f"what must be 'gnorm' or 'f', got {what!r}")
        if what == "gnorm" and not known:
            raise ValueError("what must be 'f', since jac is not given")
        ax = axes(ax)
        seen = np.concatenate([row.trace["f"] for row in self.rows])
        lowest = np.min(seen[np.isfinite(seen)], initial=np.inf)
        looks = style(list(self))
        for row in self.rows:
            x, y = row.trace[over], np.fmin.accumulate(row.trace[what])
            if what == "f":
                y = y - lowest
            ax.plot(x, np.where(y > 0, y, np.nan), **looks[row.method])
        if what == "gnorm":
            ax.axhline(self.gtol, color="grey", linewidth=0.8)
        projected = "projected " if self.bounded else ""
        label = f"least |{projected}g| so far" if what == "gnorm" else "f - lowest f"
        ax.set(xscale="log", yscale="log", xlabel=over, ylabel=label)
        ax.legend(fontsize="small")
        return ax


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def compare(
    fun: Any,
    x0: npt.ArrayLike,
    args: Any = (),
    *,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    methods: Sequence[str | Solver] | str | None = None,
    scipy: bool = False,
    gtol: float = 1e-5,
    maxfun: int | None = None,
    repeats: int = 3,
) -> Comparison:
    """Run the methods that apply to a function side by side, with one stop test.

    Every method gets the same function, which is counted and timed, and stops where
    ``max(abs(g)) <= gtol``; with bounds, where that of ``P(x - g) - x`` is, P being the
    projection onto them. Their other tests are off. The point that a method returns is
    evaluated anew, and success is judged there.

    Parameters
    ----------
    fun : callable or objective
        As for `minimize`. A compiled function or objective, which `minimize` would run
        without Python, is called from there like all others.
    x0 : array_like, shape (n,)
        Where all start: finite real numbers. It is not changed.
    args : tuple, optional
        Further arguments of `fun`, `jac`, `hess` and `hessp`.
    jac : callable, True, "2-point", "3-point", "cs" or None
        As for `minimize`. Methods that use second derivatives need it.
    hess, hessp : callable, optional
        As for `minimize`; `hess` may also be a scheme of differences. Of both, each method
        gets the one it is made for. Without them, optlab's methods and SciPy's "Newton-CG"
        take differences of the gradient.
    bounds : sequence of (min, max), scipy.optimize.Bounds or ndarray, shape (n, 2)
        As for `minimize`. Methods that do not handle them are left out.
    methods : sequence of str, optional
        Names of optlab's methods, such as "l-bfgs", and of SciPy's, such as
        "scipy:L-BFGS-B", free of case and hyphens. A method with options of its own is made
        by `optlab.comparison.optlab_solver` or `optlab.comparison.scipy_solver`, and goes
        in the place of its name. By default all that apply; those with a dense matrix
        only up to n = 2000.
    scipy : bool, default False
        Whether SciPy's methods run as well: all that apply, or those of the given names.
    gtol : float, default 1e-5
        The common tolerance.
    maxfun : int, default 10,000
        Evaluations after which a method is cut off. A value with its gradient counts as
        one, and so does a Hessian or a product with it. Where the gradient is made of
        differences, the default is n + 1 times as much.
    repeats : int, default 3
        A run shorter than 0.1 s is made so often, for the median of its times. With 1,
        every run is made once.

    Returns
    -------
    Comparison
        The table: ``print`` it, index it by a method's name for what that returned,
        ``.plot()`` it, or make it a ``.to_frame()``.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong, or a method asked for by name does not apply: named,
        and before `fun` is called.
    Exception
        Whatever `fun`, `jac`, `hess` or `hessp` raises. Where a method of SciPy raises an
        error of its own, that is the message in its row.

    See Also
    --------
    optlab.comparison.run : Solvers on the test problems, as ``python -m optlab compare``.

    Notes
    -----
    `fun` is also called once at x0 before the first run, and once at each returned point
    (2 n + 1 times where g is made of differences); the counts are of the runs alone.

    Examples
    --------
    >>> from scipy.optimize import rosen, rosen_der, rosen_hess
    >>> import optlab
    >>> c = optlab.compare(
    ...     rosen,
    ...     [-1.2, 1.0],
    ...     jac=rosen_der,
    ...     hess=rosen_hess,
    ...     methods=["bfgs", "newton", "scipy:BFGS", "scipy:trust-exact"],
    ... )
    >>> print(c)  # doctest: +SKIP
    n = 2, success is max |g| <= 1e-05
    <BLANKLINE>
    method              f   g   H     time        final f  final |g|  success
    scipy:BFGS         39  39   0  2.41 ms  2.5353058e-15    1.7e-06      yes
    bfgs               44  44   0  0.86 ms  4.1475538e-16    8.1e-07      yes
    newton             25  25  20   1.4 ms  5.5954959e-12    2.9e-06      yes
    scipy:trust-exact  26  23  26  3.77 ms   3.331253e-19    5.5e-09      yes
    >>> c["newton"].x
    array([1., 1.])
    >>> all(row.success for row in c.rows)
    True
    """
    start = start_point(x0)
    n = start.size
    fun, hessp, args = compiled(fun, jac, hessp, args, n)
    objective = Objective(fun, jac, hess, hessp)
    box = as_bounds(bounds, n)
    if box is not None and all_open(*box):
        box = None
    gtol = not_negative("gtol", gtol)
    repeats = integer(1)("repeats", repeats)
    if maxfun is None:
        maxfun = MAXFUN * (n + 1 if objective.differences else 1)
    maxfun = limit(1)("maxfun", maxfun)
    scipy = flag("scipy", scipy)
    problem = _Own(fun, objective, as_args(args), jac, hess, hessp, box, start)
    chosen = _choose(methods, scipy, problem, n)
    start = in_dtype(start, np.dtype(np.float64))
    if box is not None:
        start = clip_start(start, *box)
    problem.judge(start)  # a fault of the function shows here, by optlab's own checks
    rows = []
    for name, solver in chosen.items():
        run = partial(_measure, name, solver, problem, start, gtol, maxfun)
        runs = repeated(run, lambda row: row.seconds, repeats)
        rows.append(
            replace(
                runs[0],
                seconds=median(row.seconds for row in runs),
                own_seconds=median(row.own_seconds for row in runs),
            )
        )
    return Comparison(rows, n, gtol, box is not None)


# ---- the function --------------------------------------------------------------------


class _Own:
    """The user's function with what is known of it: a problem for the meter."""

    def __init__(
        self,
        fun: Any,
        objective: Objective,
        args: tuple[Any, ...],
        jac: Any,
        hess: Any,
        hessp: Any,
        box: tuple[Array, Array] | None,
        x0: Array,
    ) -> None:
        self.bounds = None if box is None else np.column_stack(box)
        self.dtype = objective.dtype or np.dtype(np.float64)
        self.differences = objective.differences
        self.joint = objective.mode in ("joint", "compiled")
        given, compiled = objective.fun, objective.mode == "compiled"
        if compiled:
            if args:
                raise ValueError("args must be empty for a compiled fun")
            given = getattr(given, "fun_and_grad", None)
            if given is None:
                raise TypeError("fun must have a method fun_and_grad to be compared")
        if (
            hess is None
            and hessp is None
            and self.joint
            and (compiled or given is not fun)
        ):
            # An objective that is no function brings them along.
            if x0.size <= DENSE_UP_TO:
                hess = _brought_along(fun, "hess", x0)
            hessp = _brought_along(fun, "hessp", x0, x0)
        self.fun = _with(args, given)
        if callable(objective.jac):
            jac = _with(args, objective.jac)
        self.jac = True if self.joint else jac
        self.hess = _with(args, hess) if callable(hess) else hess
        self.hessp = None if hessp is None else _with(args, hessp)

    def judge(self, x: Array) -> tuple[float, Array, float]:
        """f, g and the norm at x, evaluated anew, with all checks of `minimize`."""
        if not np.isfinite(x).all():
            return float("nan"), np.full(x.size, np.nan), float("nan")
        jac, bounds = self.jac, None
        if self.differences:
            jac = "cs" if jac == "cs" else "3-point"
            if self.bounds is not None:
                bounds, x = self.bounds, np.clip(x, *self.bounds.T)
        options = {"maxiter": 0, "dtype": self.dtype.name}
        found = minimize(
            self.fun, x, jac=jac, method="gd", bounds=bounds, options=options
        )
        return found.fun, found.jac, stationarity(x, found.jac, self.bounds)


def _brought_along(owner: Any, name: str, *at: Array) -> Any:
    """The method of that name, where an objective has it."""
    method = getattr(owner, name, None)
    if not callable(method):
        return None
    if hasattr(owner, "__optlab_objective__"):
        # Compiled ones always have the method, but not always what it calls.
        try:
            method(*at)
        except NotImplementedError:
            return None
    return method


def _with(args: tuple[Any, ...], function: Callable[..., Any]) -> Callable[..., Any]:
    return (lambda *x: function(*x, *args)) if args else function


class _Meter(Meter):
    """Counts value and gradient apart where they are, and keeps a trace."""

    problem: Any

    def __init__(self, problem: _Own, gtol: float, maxfun: int) -> None:
        super().__init__(problem, gtol, maxfun)  # type: ignore[arg-type]  # of one's own
        self.jac = self.gradient if callable(problem.jac) else problem.jac
        self.njev = self.nhev = 0
        self.busy = 0.0  # seconds inside the user's functions
        self.f = self.gnorm = float("nan")
        self.x: Array | None = None  # where f was lowest
        self.notes: list[tuple[float, ...]] = []
        self.fault: Exception | None = None
        self.errors: Any = np.geterr()
        self.began = perf_counter()

    @property
    def spent(self) -> int:
        return max(self.nfev, self.njev) + self.nhev

    def gradient(self, x: Array) -> Any:
        """The gradient alone."""
        return self.timed(self._slope, x)

    def hess(self, x: Array) -> Any:
        return self.timed(self._second, self.problem.hess, x)

    def hessp(self, x: Array, v: Array) -> Any:
        return self.timed(self._second, self.problem.hessp, x, v)

    def at_fault(self, solver: Solver, error: Exception) -> bool:
        # optlab's methods raise these over what a function answers only.
        answers = solver.library == "optlab" and isinstance(
            error, TypeError | ValueError
        )
        return answers or error is self.fault

    def second_derivatives(self, wanted: str) -> dict[str, Any]:
        """The one that is wanted, or the other one in its place."""
        for name in (wanted, "hess", "hessp"):
            given = getattr(self.problem, name)
            if given is not None:
                return {name: getattr(self, name) if callable(given) else given}
        return {}

    def timed(self, evaluate: Callable[..., Any], *arguments: Any) -> Any:
        self.f = self.gnorm = float("nan")
        answer = super().timed(evaluate, *arguments)
        metering = self.seconds - self.busy
        now = perf_counter() - self.began - metering
        self.notes.append((self.spent, now, self.f, self.gnorm))
        return answer

    def _call(
        self, function: Callable[..., Any], read: Callable[[Any], Any], *at: Array
    ) -> Any:
        """Call a function of the user's, with arrays of its own and his handling of errors."""
        kind = None if np.iscomplexobj(at[0]) else self.problem.dtype
        at = tuple(np.array(x, dtype=kind) for x in at)
        try:
            with np.errstate(**self.errors):
                start = perf_counter()
                answer = function(*at)
                self.busy += perf_counter() - start
            return read(answer)
        except Exception as error:
            self.fault = error
            raise

    def _judged(self, x: Array) -> Any:
        self.nfev += 1
        if not self.problem.joint:
            if np.iscomplexobj(x):  # a complex step
                return self._call(self.problem.fun, lambda f: f, x)
            f = self.f = self._call(self.problem.fun, _number, x)
            self._remember(x, f)
            return f
        self.njev += 1
        read = partial(_pair, n=x.size)
        f, g = self._call(self.problem.fun, read, x)
        self.f, self.gnorm = f, stationarity(x, g, self.bounds)
        self._remember(x, f)
        self.judge(f, self.gnorm)
        return f, g

    def _slope(self, x: Array) -> Array:
        self.njev += 1
        g: Array = self._call(self.problem.jac, partial(_vector, n=x.size), x)
        self.gnorm = stationarity(x, g, self.bounds)
        self.judge(self.best, self.gnorm)
        return g

    def _second(self, function: Callable[..., Any], *at: Array) -> Any:
        self.nhev += 1
        return self._call(function, lambda answer: answer, *at)

    def _remember(self, x: Array, f: float) -> None:
        if self.x is None or f < self.best:
            self.x = np.array(x)
        if not self.problem.joint:
            self.best = min(self.best, f)

    def trace(self) -> dict[str, Array]:
        """The notes by name."""
        notes = np.array(self.notes, dtype=np.float64).reshape(-1, len(TRACE)).T
        return dict(zip(TRACE, notes, strict=True))


def _number(f: Any) -> float:
    try:
        return float(np.asarray(f).item())
    except (TypeError, ValueError):
        raise TypeError(f"fun must return one real number, got {f!r}") from None


def _vector(g: Any, n: int) -> Array:
    vector: Array = np.array(g, dtype=np.float64)  # new, as the user may reuse his
    if vector.size != n:
        raise ValueError(f"jac must have shape ({n},), got {vector.shape}")
    return vector.reshape(n)


def _pair(answer: Any, n: int) -> tuple[float, Array]:
    f, g = answer
    return _number(f), _vector(g, n)


# ---- the methods ---------------------------------------------------------------------


def _name(solver: Solver) -> str:
    if solver.library == "optlab":
        return solver.method
    return f"{solver.library}:{solver.method}"


def _choose(methods: Any, scipy: bool, problem: _Own, n: int) -> dict[str, Solver]:
    """The solvers to run, by the names of their rows."""
    libraries = ("optlab", "scipy") if scipy else ("optlab",)
    if methods is None:
        found = {_name(solver): solver for solver in solvers().values()}
        twins = _twins(problem.bounds is not None)
        return {
            name: solver
            for name, solver in found.items()
            if solver.library in libraries
            and name not in twins
            and not (name in DENSE and n > DENSE_UP_TO)
            and _lacking(name, solver, problem, n) is None
        }
    if isinstance(methods, str | Solver):
        methods = [methods]
    if not isinstance(methods, Iterable):
        raise TypeError(f"methods must be a sequence of names, got {methods!r}")
    chosen: dict[str, Solver] = {}
    for method in methods:
        if isinstance(method, Solver):
            chosen[_name(method)] = method
            continue
        if not isinstance(method, str):
            raise TypeError(f"methods must be names, got {method!r}")
        try:
            found_here = choose_solvers([method], libraries)
        except ValueError as error:
            raise ValueError(f"methods: {error}") from None
        chosen |= {_name(solver): solver for solver in found_here}
    if not chosen:
        raise ValueError("methods must not be empty")
    for name, solver in chosen.items():
        lacking = _lacking(name, solver, problem, n)
        if lacking is not None:
            raise ValueError(f"methods: {name!r} {lacking}")
    return chosen


def _twins(bounded: bool) -> set[str]:
    """Names of methods that are here already by another name."""

    def essence(row: Method) -> tuple[Any, ...]:
        direction = (bounded and row.bounded) or row.direction
        rest = (row.options, row.second, dict(row.defaults))
        return (direction, row.line_search, row.dense, *rest)

    seen: list[tuple[Any, ...]] = []
    twins = set()
    for row in METHODS.values():
        if essence(row) in seen:
            twins.add(row.name)
        seen.append(essence(row))
    return twins


def _lacking(name: str, solver: Solver, problem: _Own, n: int) -> str | None:
    """Why a method does not apply, if so."""
    if problem.bounds is not None and not solver.bounds:
        return "does not handle bounds"
    if solver.second is None:
        return None
    if problem.differences:
        return "needs jac: a callable, or True where fun gives both"
    method = name.split()[0]  # without its options
    if problem.hess is None and method == "scipy:trust-exact":
        return "needs hess"
    if problem.hess is None and problem.hessp is None:
        if solver.library == "scipy" and method != "scipy:Newton-CG":
            return "needs hess or hessp"
        if solver.second == "hess" and n > DIFFERENCES_UP_TO:
            return f"needs hess beyond n = {DIFFERENCES_UP_TO}"
    return None


def _measure(
    name: str, solver: Solver, problem: _Own, x0: Array, gtol: float, maxfun: int
) -> Row:
    """Run one method once."""
    meter = _Meter(problem, gtol, maxfun)
    # What overflows inside a solver is its own business, and shows in its result.
    with np.errstate(all="ignore"):
        result, message, total = attempt(solver, meter, x0.copy())
    own = total - meter.seconds
    cut_off = result is None
    if cut_off:
        result = _best_of(meter, x0, message)
    f, g, gnorm = problem.judge(np.array(result.x, dtype=np.float64))
    if cut_off:
        result.update(fun=f, jac=g)
    status = result.get("status")
    saddle = status is Status.SADDLE
    return Row(
        method=name,
        success=bool(np.isfinite(f) and gnorm <= gtol and not saddle),
        claimed=bool(result.success),
        nfev=meter.nfev,
        njev=meter.njev,
        nhev=meter.nhev,
        nit=result.get("nit"),
        seconds=own + meter.busy,
        own_seconds=own,
        fun=f,
        gnorm=gnorm,
        status=status,
        message=message,
        result=result,
        trace=meter.trace(),
    )


def _best_of(meter: _Meter, x0: Array, message: str) -> OptimizeResult:
    """What is known of a run without a result."""
    cut = meter.spent >= meter.maxfun
    return OptimizeResult(
        x=x0.copy() if meter.x is None else meter.x,
        nit=None,
        nfev=meter.nfev,
        njev=meter.njev,
        nhev=meter.nhev,
        success=False,
        status=Status.MAXFUN if cut else None,
        message=message,
    )
