"""Many problems of one form at once: `minimize_batch`, and `BatchSolver` to be asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple
from warnings import warn

import numpy as np
from scipy.optimize import OptimizeWarning

from optlab import foreign
from optlab.bounds import as_bounds, in_precision
from optlab.checks import checked_int
from optlab.evaluate import Objective, as_args, in_dtype
from optlab.methods import Method
from optlab.minimize import minimize
from optlab.options import not_negative, of_objects, stack_level
from optlab.plan import Plan, as_options, plan_run
from optlab.result import OptimizeResult, Status
from optlab.run import choose
from optlab.solver import Want
from optlab.stochastic import find_rule
from optlab_c.batch import Machines, Problems, Runs
from optlab_c.machine import all_open, has_hessian, objective_dtype

# Plain numbers: to look for an array's operators, NumPy enters the class of an enum, where
# what a signal handler raises is lost.
VALUES, PRODUCT, MATRIX = int(Want.F | Want.G), int(Want.HV), int(Want.H)

# What is noted of single runs has no place in a batch.
SINGLE = frozenset(
    {"history", "return_all", "checkpoint", "warm_start", "hess_inv0", "workers"}
)


class BatchResult(OptimizeResult):
    """The results of many problems: the fields of one, each with an axis more.

    It has the length B, and iterates over the B results of single problems; so does an
    index give one, and a slice a list of them.

    Attributes
    ----------
    x, jac : ndarray, shape (B, n)
        The best point seen of each problem, and the gradient there.
    fun : ndarray, shape (B,)
        f there.
    success : ndarray of bool, shape (B,)
        As in `OptimizeResult`.
    status : ndarray of int, shape (B,)
        Numbers of `Status`.
    nit, nfev, njev, nhev : ndarray of int, shape (B,)
        The counts.
    message : list of str
        The statuses in words.
    method : str
        The method that ran.
    """

    def __len__(self) -> int:
        return len(self["fun"])

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, str):
            return super().__getitem__(name)
        i = range(len(self))[name]  # also negative; an IndexError beyond
        if isinstance(i, range):
            return [self[k] for k in i]
        return OptimizeResult(
            x=self.x[i],
            fun=float(self.fun[i]),
            jac=self.jac[i],
            hess_inv=None,
            nit=int(self.nit[i]),
            nfev=int(self.nfev[i]),
            njev=int(self.njev[i]),
            nhev=int(self.nhev[i]),
            success=bool(self.success[i]),
            status=Status.of(self.status[i]),
            message=self.message[i],
            method=self.method,
        )

    def _settle(self) -> None:
        for name in self.keys():  # it iterates over results
            self[name]

    def summary(self) -> str:
        """A few lines: how many ended how, and the evaluations."""
        solved, nfev = int(self.success.sum()), int(self.nfev.sum())
        of = f"{solved} of {len(self)} problems solved"
        lines = [f"{self.method}: {of}, {nfev} evaluations of f."]
        numbers, counts = np.unique(self.status, return_counts=True)
        lines += [
            f"  {count}: {Status.of(number).sentence}"
            for number, count in zip(numbers, counts, strict=True)
        ]
        return "\n".join(lines)


class _Batch(NamedTuple):
    """What a batch starts from, checked."""

    X0: np.ndarray
    box: tuple[np.ndarray, np.ndarray] | None
    plan: Plan


class _Asked(NamedTuple):
    """The arguments that all kinds of batches have, as they were given; X0 checked."""

    X0: np.ndarray
    method: str | None
    bounds: Any
    tol: float | None
    options: Mapping[str, Any] | None

    def check(self, objective: Callable[[Method], Objective]) -> _Batch:
        """Check them, for the objective that a method has."""
        if find_rule(self.method) is not None:
            raise ValueError(
                f"method {self.method!r} is stochastic: there are no batches of it"
            )
        starts = self.X0
        row = choose(self.method, starts.shape[1], self.bounds)
        box = _boxes(row, self.bounds, starts.shape)
        given = dict(as_options(self.options))
        if self.tol is not None:
            given = {"gtol": not_negative("tol", self.tol), **given}
        for name in SINGLE & given.keys():
            if given[name] is not None and given[name] is not False:
                raise ValueError(f"{name} is not handled by batches")
            del given[name]
        bounded, n = box is not None, starts.shape[1]
        plan = plan_run(row, objective(row), n, given, bounded=bounded)
        rows = np.array(in_dtype(starts, plan.dtype, "X0"), order="C")
        if box is not None:
            sides = in_precision(box, plan.dtype)
            lower, upper = (np.ascontiguousarray(side) for side in sides)
            box = lower, upper
            if (rows < lower).any() or (rows > upper).any():
                warn(
                    "Initial guess is not within the specified bounds",
                    OptimizeWarning,
                    stacklevel=stack_level(),
                )
                np.clip(rows, lower, upper, out=rows)
        return _Batch(rows, box, plan)


def _starts(X0: Any) -> np.ndarray:
    """X0 as rows of finite real numbers."""
    array = _array("X0", X0)
    if array.dtype.kind not in "fiub":
        array = of_objects("X0", array)
    if array.ndim != 2:
        raise ValueError(f"X0 must have the shape (B, n), got {array.shape}")
    if array.shape[1] == 0:
        raise ValueError("X0 must have columns")
    if not np.isfinite(array).all():
        raise ValueError("X0 must be finite")
    return array


def _boxes(
    row: Method, bounds: Any, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper bounds: rows, one for all or one for each problem."""
    if bounds is None:
        return None
    if isinstance(bounds, np.ndarray) and bounds.ndim == 3:
        if bounds.shape != (*shape, 2):
            raise ValueError(
                f"bounds must have shape {(*shape, 2)} or {(shape[1], 2)}, got "
                f"{bounds.shape}"
            )
        flat = as_bounds(bounds.reshape(-1, 2), bounds.shape[0] * bounds.shape[1])
        sides = None if flat is None else tuple(side.reshape(shape) for side in flat)
    else:
        one = as_bounds(bounds, shape[1])
        sides = None if one is None else tuple(side[None] for side in one)
    if sides is None or all_open(*(side.ravel() for side in sides)):
        return None
    if not row.bounds:
        raise ValueError(f"bounds are not handled by method {row.name!r}")
    return sides[0], sides[1]


def _wrap(problems: Problems, plan: Plan, *, quiet: bool = False) -> BatchResult:
    """The arrays of a batch as a result."""
    gtol = plan.common.gtol
    status = problems.status
    small = (problems.gnorm <= gtol) & ~problems.saddle
    ended = (status != Status.NONFINITE_START) & (
        (status != Status.RUNNING) | (problems.nfev > 0)
    )
    success = small & ended
    status = np.where(
        (status == Status.CONVERGED) & ~success, Status.ROUNDING, status
    ).astype(np.intc)
    result = BatchResult(
        x=problems.x,
        fun=problems.f,
        jac=problems.g,
        hess_inv=None,
        nit=problems.nit,
        nfev=problems.nfev,
        njev=problems.njev,
        nhev=problems.nhev,
        success=success,
        status=status,
        message=_Messages(status, problems.gnorm, plan),
        method=plan.row.name,
    )
    if plan.common.disp and not quiet:
        print(result.summary())
    return result


class _Messages(Sequence[str]):
    """The messages of a batch, made when they are read."""

    def __init__(self, status: np.ndarray, gnorm: np.ndarray, plan: Plan) -> None:
        self.status, self.gnorm = status, gnorm
        self.gtol, self.bounded = plan.common.gtol, plan.bounded

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        status, gnorm = Status.of(self.status[i]), self.gnorm[i]
        if status in (Status.CONVERGED, Status.NONFINITE_START) or np.isnan(gnorm):
            return status.sentence
        gradient = "projected gradient" if self.bounded else "gradient"
        met = "which meets" if gnorm <= self.gtol else "which does not meet"
        return (
            f"{status.sentence} The {gradient}'s norm is {gnorm:.3g}, {met} gtol = "
            f"{self.gtol:g}."
        )

    def __repr__(self) -> str:
        return repr([*self[:3], "..."] if len(self) > 3 else list(self))


# ---- asked and told ------------------------------------------------------------------


class BatchSolver:
    """Many minimisations whose function lives elsewhere: asked together, told together.

    Each has the iterates of `Solver`, and of `minimize`, bit for bit; but for "bfgs"
    without bounds, whose problems go in lockstep and may have other last bits.

    Parameters
    ----------
    X0 : array_like, shape (B, n)
        Where to start, one row for each problem. It is not changed.
    method : str, optional
        As in `minimize`, but for stochastic methods.
    bounds : optional
        As in `minimize`, for all problems; or an array of shape (B, n, 2).
    tol, options : optional
        As in `minimize`, but for `history`, `return_all`, `checkpoint`, `warm_start`,
        `hess_inv0` and what is about differences.

    Attributes
    ----------
    done : bool
        Whether all runs have ended.
    want : ndarray of int, shape (m,)
        What each of the last questions is for, masks of `Want`: f and g, but for Newton
        methods.
    V : ndarray, shape (m, n)
        The vectors whose products with the Hessian are wanted, zero where none is.
    result : BatchResult
        What has come of them, so far.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> centres = np.arange(6.0).reshape(3, 2)
    >>> solver = optlab.BatchSolver(np.zeros((3, 2)), bounds=[(0, 2.5)] * 2)
    >>> while not solver.done:
    ...     X, index = solver.ask()
    ...     R = X - centres[index]
    ...     solver.tell((R**2).sum(axis=1), 2 * R)
    >>> solver.result.x
    array([[0. , 1. ],
           [2. , 2.5],
           [2.5, 2.5]])
    """

    def __init__(
        self,
        X0: Any,
        *,
        method: str | None = None,
        bounds: Any = None,
        tol: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        asked = _Asked(_starts(X0), method, bounds, tol, options)
        batch = asked.check(lambda row: Objective.elsewhere(row.second))
        self._plan = batch.plan
        self._machines = Machines(batch.plan.settings, batch.X0, batch.box)
        self._next()

    def _next(self) -> None:
        self._index, self.want, self._X = self._machines.questions()

    def ask(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the problems that have not ended want their functions evaluated.

        Returns
        -------
        X : ndarray, shape (m, n)
            The points, a new array.
        index : ndarray of int, shape (m,)
            The problems that they are of; m is 0 at the end.
        """
        return self._X.copy(), self._index.copy()

    def tell(
        self, F: Any = None, G: Any = None, *, HV: Any = None, H: Any = None
    ) -> None:
        """Answer all questions: one row for each, in their order.

        A point where a function is not defined is told as NaN or infinite. What is not
        wanted of a problem is left aside.

        Parameters
        ----------
        F : array_like, shape (m,)
            The values.
        G : array_like, shape (m, n)
            The gradients.
        HV : array_like, shape (m, n)
            The Hessians times the rows of `V`.
        H : array_like, shape (m, n, n)
            The Hessians.

        Raises
        ------
        TypeError, ValueError
            If an answer is missing, no numbers, or of another shape.
        """
        m, n = self._X.shape
        wanted = int(np.bitwise_or.reduce(self.want, initial=0))
        dtype = self._plan.dtype
        forms = {
            "F": (F, (m,), np.dtype(np.float64)),
            "G": (G, (m, n), dtype),
            "HV": (HV, (m, n), dtype),
            "H": (H, (m, n, n), dtype),
        }
        told = {
            name: _rows(name, *form)
            for name, form in forms.items()
            if form[0] is not None
        }
        for name in forms:
            if name not in told and wanted & int(Want[name]):
                raise ValueError(f"{name} is wanted: {Want(wanted)!r}")
        self._machines.tell(np.arange(m), **told)
        self._next()

    @property
    def V(self) -> np.ndarray:
        """The vectors whose products with the Hessian are wanted."""
        V = np.zeros_like(self._X)
        which = np.flatnonzero(self.want & PRODUCT)
        V[which] = self._machines.vectors(which)
        return V

    @property
    def done(self) -> bool:
        """Whether all runs have ended."""
        return len(self._index) == 0

    @property
    def result(self) -> BatchResult:
        """What has come of them, so far."""
        self._machines.finish()
        # Later answers change none.
        return deepcopy(_wrap(self._machines, self._plan, quiet=True))

    def __repr__(self) -> str:
        count, n = self._machines.x.shape
        return (
            f"<BatchSolver {self._plan.row.name}: {count} problems, n={n}, "
            f"{len(self._index)} running>"
        )


def _rows(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Answers in the form that the machines read."""
    array = _array(name, value)
    if array.dtype.kind not in "fiub":
        array = of_objects(name, array)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype)


def _array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length") from None


# ---- minimize_batch ------------------------------------------------------------------


def minimize_batch(
    fun: Any,
    X0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> BatchResult:
    """Minimise many functions of one form at once.

    Parameters
    ----------
    fun : compiled objective, callable, or list
        One of three kinds.

        A compiled objective or function, as `minimize` takes it, or a list of B compiled
        objectives: all runs happen without Python.

        A vectorised function ``fun(X, active, *args) -> (F, G)``: it gets the points of
        all problems that still run, X of shape (m, n), and their numbers `active`, shape
        (m,), and returns values, shape (m,), and gradients, shape (m, n).

        A list of B Python functions, as `minimize` takes them, each run by itself; or an
        object with a method ``fun_and_grad(x)``, for all of them.
    X0 : array_like, shape (B, n)
        Where to start, one row for each problem. It is not changed.
    args : tuple, optional
        Further arguments. For a compiled function one array of float64, of shape (B, p):
        problem i gets the address of row i as its `user_data`. For a list of functions, all
        of them get the same.
    method : str, optional
        As in `minimize`, but for stochastic methods.
    jac : callable, True or None
        For a vectorised function, ``jac(X, active, *args) -> G``, where `fun` gives F only;
        for a list, as in `minimize`.
    hess, hessp : callable, optional
        ``hess(X, active, *args) -> H``, shape (m, n, n), and ``hessp(X, V, active, *args)``,
        shape (m, n), for Newton methods and vectorised functions; for a compiled function
        `hessp` may be another; for a list, as in `minimize`.
    bounds : optional
        As in `minimize`, for all problems; or an array of shape (B, n, 2).
    tol, options : optional
        As in `minimize`, but for `history`, `return_all`, `checkpoint`, `warm_start`,
        `hess_inv0`, and `workers`.
    threads : int, default 1
        How many threads run compiled objectives, or the functions of a list.

    Returns
    -------
    BatchResult
        The fields of `OptimizeResult` as arrays; it iterates over single results. A problem
        that is not solved says so in its `status`, and stops no other.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong: named, and before `fun` is called. What functions raise
        reaches the caller unchanged.

    See Also
    --------
    BatchSolver : the same for functions that live elsewhere.

    Examples
    --------
    Three problems, one function of all:

    >>> import numpy as np
    >>> import optlab
    >>> centres = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> def squares(X, active):
    ...     R = X - centres[active]
    ...     return (R**2).sum(axis=1), 2 * R
    >>> result = optlab.minimize_batch(squares, np.zeros((3, 2)))
    >>> result.x.round(4)
    array([[1., 2.],
           [3., 4.],
           [5., 6.]])
    >>> [bool(one.success) for one in result]
    [True, True, True]
    """
    threads = checked_int("threads", threads, 1)
    jac = None if jac is False else jac
    asked = _Asked(_starts(X0), method, bounds, tol, options)
    if foreign.is_foreign(fun) or hasattr(fun, "__optlab_objective__"):
        if hess is not None:
            raise TypeError("hess must be None for a compiled fun")
        return _compiled(asked, fun, args, jac, hessp, threads)
    if hasattr(fun, "fun_and_grad"):  # of a single point: one objective, many starts
        fun = [fun] * len(asked.X0)
    if isinstance(fun, (list, tuple)):
        return _listed(asked, list(fun), args, jac, hess, hessp, threads)
    if not callable(fun):
        raise TypeError(
            "fun must be compiled, callable, or a list of functions, got "
            f"{type(fun).__name__}"
        )
    vectorised = _Vectorised(fun, jac, hess, hessp, as_args(args))
    batch = asked.check(vectorised.objective)
    machines = Machines(batch.plan.settings, batch.X0, batch.box)
    while vectorised.answer(machines, batch.plan):
        pass
    return _wrap(machines, batch.plan)


class _Vectorised:
    """Functions of many points at once, called and checked."""

    def __init__(
        self, fun: Any, jac: Any, hess: Any, hessp: Any, args: tuple[Any, ...]
    ) -> None:
        if jac is not None and jac is not True and not callable(jac):
            raise TypeError(f"jac must be callable, True or None, got {jac!r}")
        for name, value in (("hess", hess), ("hessp", hessp)):
            if value is not None and not callable(value):
                raise TypeError(f"{name} must be callable, got {value!r}")
        self.fun, self.jac = fun, jac if callable(jac) else None
        self.hess, self.hessp, self.args = hess, hessp, args

    def objective(self, row: Method) -> Objective:
        """What the plan has to know; a ValueError where a method needs more."""
        if row.second_order and self.hess is None and self.hessp is None:
            raise ValueError(f"hess or hessp is required by method {row.name!r}")
        return Objective.elsewhere(row.second)

    def answer(self, machines: Machines, plan: Plan) -> bool:
        """Answer all questions once; False where there are none."""
        active, want, X = machines.questions()
        if len(active) == 0:
            return False
        m, n = X.shape
        first = want & VALUES
        which = np.arange(m) if first.all() else np.flatnonzero(first)
        if len(which):
            everyone = len(which) == m
            points = X if everyone else X[which]
            F, G = self.values(points, active if everyone else active[which], n, plan)
            machines.tell(which, F, G)
        for bit in (PRODUCT, MATRIX):
            which = np.flatnonzero(want & bit)
            if len(which):
                self.second(bit, machines, which, X[which], active[which], plan)
        return True

    def values(
        self, X: np.ndarray, active: np.ndarray, n: int, plan: Plan
    ) -> tuple[np.ndarray, np.ndarray]:
        """F and G."""
        m = len(X)
        if self.jac is None:
            pair = self.fun(X, active, *self.args)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(
                    "fun must return the pair (values, gradients), got "
                    f"{type(pair).__name__}"
                )
            F, G = pair
        else:
            F = self.fun(X.copy(), active.copy(), *self.args)
            G = self.jac(X, active, *self.args)
        return (
            _rows("the values of fun", F, (m,), np.dtype(np.float64)),
            _rows("the gradients", G, (m, n), plan.dtype),
        )

    def second(
        self,
        bit: int,
        machines: Machines,
        which: np.ndarray,
        X: np.ndarray,
        active: np.ndarray,
        plan: Plan,
    ) -> None:
        """Products with Hessians, or Hessians."""
        if bit == MATRIX:
            machines.tell(which, H=self.hessians(X, active, plan))
            return
        V = machines.vectors(which)
        if self.hessp is not None:
            HV = self.products(X, V, active, plan)
        else:
            HV = np.einsum("bij,bj->bi", self.hessians(X, active, plan), V)
        machines.tell(which, HV=np.ascontiguousarray(HV))

    def products(
        self, X: np.ndarray, V: np.ndarray, active: np.ndarray, plan: Plan
    ) -> np.ndarray:
        """The Hessians times the rows of V."""
        HV = self.hessp(X, V, active, *self.args)
        return _rows("hessp", HV, X.shape, plan.dtype)

    def hessians(self, X: np.ndarray, active: np.ndarray, plan: Plan) -> np.ndarray:
        """The Hessians; of n products, where that is all there is."""
        m, n = X.shape
        if self.hess is not None:
            H = self.hess(X, active, *self.args)
            return _rows("hess", H, (m, n, n), plan.dtype)
        H = np.empty((m, n, n), plan.dtype)
        for i in range(n):
            V = np.zeros_like(X)
            V[:, i] = 1
            H[:, :, i] = self.products(X.copy(), V, active.copy(), plan)
        return (H + H.transpose(0, 2, 1)) / 2


def _compiled(
    asked: _Asked, fun: Any, args: Any, jac: Any, hessp: Any, threads: int
) -> BatchResult:
    """Compiled problems of one objective, or of one function and rows of data."""
    if not foreign.is_foreign(fun) or foreign.is_objective(fun):
        fun, _, _ = foreign.compiled(fun, jac, hessp, args, 1)
        _refuse_others(jac, hessp, args)
        kind = Objective(fun, None)
        return _run(asked, kind, kind.capsule, threads)
    taken = foreign.take(fun, jac, hessp, ())
    args = as_args(args)
    data, stride = taken.data, 0
    if args:
        if taken.data:
            raise ValueError("args must be empty where fun brings its user data along")
        params, count = foreign.user_data(args, 2), len(asked.X0)
        if len(params) != count:
            raise ValueError(
                f"args must hold a row for each problem: {count}, got {len(params)}"
            )
        data, stride = params.ctypes.data, params.strides[0]
    kind = Objective.elsewhere(None)
    kind.mode, kind.second = "compiled", "compiled" if taken.hv else "2-point"
    addresses = (taken.fun, taken.hv, data, stride, (taken, args))
    return _run(asked, kind, addresses, threads)


def _refuse_others(jac: Any, hessp: Any, args: Any) -> None:
    """A compiled objective has all in itself."""
    foreign.brings_gradient(jac)
    if hessp is not None:
        raise TypeError("hessp must be None for a compiled objective")
    if args is not None and as_args(args):
        raise ValueError("args must be empty for a compiled objective")


def _run(asked: _Asked, kind: Objective, objectives: Any, threads: int) -> BatchResult:
    """Run compiled problems to their ends."""

    def fitting(row: Method) -> Objective:
        if row.second_order and kind.second != "compiled":
            raise ValueError(
                f"hessp is required by method {row.name!r}: a compiled function, or an "
                "objective that has its Hessian"
            )
        return kind

    batch = asked.check(fitting)
    threads = min(threads, max(1, len(batch.X0)))
    runs = Runs(batch.plan.settings, batch.X0, batch.box, objectives, threads)
    _work(runs.work, runs.stop, threads)
    return _wrap(runs, batch.plan)


def _work(work: Callable[[], None], stop: Callable[[], None], threads: int) -> None:
    """Have so many threads work; the first exception stops all, and is raised."""
    if threads == 1:
        work()
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(threads) as pool:
        try:
            futures = [pool.submit(work) for _ in range(threads)]
            for future in as_completed(futures):
                future.result()
        except BaseException:
            stop()
            raise


def _listed(
    asked: _Asked,
    functions: list[Any],
    args: Any,
    jac: Any,
    hess: Any,
    hessp: Any,
    threads: int,
) -> BatchResult:
    """Problems with a function each."""
    count, n = asked.X0.shape
    if len(functions) != count:
        raise ValueError(
            f"fun must hold {count} functions, one for each row of X0, got "
            f"{len(functions)}"
        )
    plain = jac is None or jac is True
    if plain and hess is None and (hessp is None or foreign.is_foreign(hessp)):
        made = [foreign.compiled(fun, jac, hessp, args, n) for fun in functions]
        capsules = [getattr(fun, "__optlab_objective__", None) for fun, _, _ in made]
        if functions and all(capsule is not None for capsule in capsules):
            return _run_list(asked, [fun for fun, _, _ in made], made, threads)
    for i, fun in enumerate(functions):
        if not (
            callable(fun) or foreign.is_foreign(fun) or hasattr(fun, "fun_and_grad")
        ):
            raise TypeError(f"fun[{i}] must be callable, got {type(fun).__name__}")
    if len({getattr(fun, "dtype", np.dtype(float)) for fun in functions}) > 1:
        raise ValueError("fun must hold functions of one dtype")

    def first(row: Method) -> Objective:
        if not functions:
            return Objective.elsewhere(row.second)
        return Objective(functions[0], jac, hess, hessp)

    batch = asked.check(first)
    boxes: Any = [None] * count
    if batch.box is not None:
        both = np.stack(np.broadcast_arrays(*batch.box), axis=2)
        boxes = np.broadcast_to(both, (count, *both.shape[1:]))
    unsaid = {"disp", *batch.plan.ignored}  # the warning was given
    options = {k: v for k, v in as_options(asked.options).items() if k not in unsaid}
    results: list[Any] = [None] * count
    numbers = iter(range(count))  # which the threads share
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    def ends(_: Any) -> None:
        if stopped:
            raise StopIteration

    def work() -> None:
        for i in numbers:
            if stopped:
                break
            results[i] = minimize(
                functions[i],
                batch.X0[i],
                args,
                method=batch.plan.row.name,
                jac=jac,
                hess=hess,
                hessp=hessp,
                bounds=boxes[i],
                tol=asked.tol,
                callback=None if threads == 1 else ends,
                options=options,
            )

    _work(work, stop, min(threads, max(1, count)))
    return _stack(results, batch)


def _run_list(
    asked: _Asked, objectives: list[Any], made: list[tuple[Any, ...]], threads: int
) -> BatchResult:
    """Compiled objectives, one for each problem."""
    for _, hessp, args in made:
        _refuse_others(None, hessp, args)
    capsules = [objective.__optlab_objective__ for objective in objectives]
    if len({objective_dtype(capsule) for capsule in capsules}) > 1:
        raise ValueError("fun must hold objectives of one dtype")
    # They have second derivatives if all of them do.
    least = min(objectives, key=lambda one: has_hessian(one.__optlab_objective__))
    return _run(asked, Objective(least, None), capsules, threads)


def _stack(results: list[Any], batch: _Batch) -> BatchResult:
    """Single results as one."""
    count, n = batch.X0.shape
    fields: dict[str, Any] = {
        name: np.array([one[name] for one in results], dtype)
        for name, dtype in (
            ("fun", np.float64), ("nit", np.int64), ("nfev", np.int64),
            ("njev", np.int64), ("nhev", np.int64), ("success", np.bool_),
            ("status", np.intc),
        )
    }  # fmt: skip
    for name in ("x", "jac"):
        rows = [one[name] for one in results]
        fields[name] = np.array(rows, batch.plan.dtype).reshape(count, n)
    result = BatchResult(
        x=fields.pop("x"),
        fun=fields.pop("fun"),
        jac=fields.pop("jac"),
        hess_inv=None,
        **fields,
        message=[one.message for one in results],
        method=batch.plan.row.name,
    )
    if batch.plan.common.disp:
        print(result.summary())
    return result
