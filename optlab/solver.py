"""Runs that are asked and told: `Solver`; that are watched: `iterate`; taken up: `resume`."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from enum import IntFlag
from os import PathLike
from typing import Any, Self

import numpy as np

from optlab import checkpoint
from optlab.checkpoint import Checkpoint, array_of, named
from optlab.evaluate import Objective, start_point
from optlab.methods import METHODS, find_method
from optlab.observe import Observer
from optlab.options import as_array, real
from optlab.options import path as path_of
from optlab.plan import as_options
from optlab.result import OptimizeResult
from optlab.run import STOP_TESTS, Run, Task, choose, machine_for, plan_task, prepare
from optlab.stochastic import find_rule, resume_sum
from optlab_c import machine as core


class Want(IntFlag):
    """What a solver asks for; several at once are joined, as in ``Want.F | Want.G``."""

    F = core.F
    """f(x)"""
    G = core.G
    """its gradient, shape (n,)"""
    HV = core.HV
    """the Hessian times ``solver.v``, shape (n,)"""
    H = core.H
    """the Hessian, shape (n, n)"""


_ANY = Want.F | Want.G | Want.HV | Want.H


class Solver:
    """A minimisation whose function lives elsewhere: it asks, and is told.

    The iterates are those of `minimize`, bit for bit. A solver may be saved and pickled at
    any time, also between a question and its answer.

    Parameters
    ----------
    x0 : array_like, shape (n,)
        Where to start: finite real numbers. It is not changed.
    method : str, optional
        As in `minimize`, but for stochastic methods.
    bounds, tol, options : optional
        As in `minimize`; the options for differences have no meaning here.

    Attributes
    ----------
    done : bool
        Whether the run has ended.
    result : OptimizeResult
        What has come of it, so far: before the end, the best point until now, with the
        status ``RUNNING``.
    v : ndarray, shape (n,)
        Where the Hessian's product with a vector is asked for: that vector.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    Examples
    --------
    >>> import optlab
    >>> solver = optlab.Solver([-1.2, 1.0], method="bfgs")
    >>> while not solver.done:
    ...     want, x = solver.ask()
    ...     a, b = x[1] - x[0] ** 2, 1 - x[0]
    ...     solver.tell(100 * a**2 + b**2, [-400 * x[0] * a - 2 * b, 200 * a])
    >>> solver.result.x.round(4)
    array([1., 1.])
    """

    def __init__(
        self,
        x0: Any,
        *,
        method: str | None = None,
        bounds: Any = None,
        tol: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if find_rule(method) is not None:
            raise ValueError(
                f"method {method!r} is stochastic: give minimize an optlab.FiniteSum"
            )
        task = _task(x0, method, bounds, tol, as_options(options))
        plan = task.plan
        observer = Observer.of(None, plan.common)
        self._run = Run(task, plan, machine_for(plan, task), None, observer)
        if plan.common.checkpoint is not None:
            self._run.keep(plan.common.checkpoint, plan.common.checkpoint_every)

    def ask(self) -> tuple[Want, np.ndarray]:
        """What is wanted, and where.

        Asking again gives the same question, until it is answered.

        Returns
        -------
        Want
            Of f and g, or of second derivatives.
        ndarray, shape (n,)
            The point, a new array.

        Raises
        ------
        RuntimeError
            If the run has ended.
        """
        want, x = self._question()
        if x is None:
            raise RuntimeError("the run has ended: there is nothing to ask")
        return Want(want & _ANY), x

    def tell(
        self, f: Any = None, g: Any = None, *, hv: Any = None, h: Any = None
    ) -> None:
        """Answer, all of the question or a part of it.

        A point where the function is not defined is told as NaN or infinite. f and g may be
        told where only one of them is wanted.

        Parameters
        ----------
        f : float, optional
            f(x).
        g : array_like, shape (n,), optional
            The gradient.
        hv : array_like, shape (n,), optional
            The Hessian times `v`.
        h : array_like, shape (n, n), optional
            The Hessian.

        Raises
        ------
        TypeError, ValueError
            If an argument is no number, of another shape, or not wanted.
        """
        machine = self._run.machine
        want, _ = self._question()
        n = machine.n
        told: dict[str, Any] = {
            "f": None if f is None else _number("f", f),
            "g": _numbers("g", g, (n,), machine.dtype),
            "hv": _numbers("hv", hv, (n,), machine.dtype),
            "h": _numbers("h", h, (n, n), machine.dtype),
        }
        bits = {"f": Want.F, "g": Want.G, "hv": Want.HV, "h": Want.H}
        wanted = {name: told[name] for name, bit in bits.items() if want & bit}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        for name in ("hv", "h"):
            if told[name] is not None and name not in wanted:
                raise ValueError(f"{name} is not wanted, but {Want(want & _ANY)!r}")
        if not wanted:
            raise ValueError(f"what is wanted is {Want(want & _ANY)!r}")
        machine.tell(**wanted)
        keeper = self._run.keeper
        if keeper is not None:
            if self.done:
                keeper.write(machine)
            else:
                keeper(machine)

    @property
    def v(self) -> np.ndarray:
        """The vector whose product with the Hessian is wanted."""
        return self._run.machine.v

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self._question()[1] is None

    @property
    def result(self) -> OptimizeResult:
        """What has come of it, so far."""
        self._question()
        return self._run.result()

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that the run continues from, in place of what was there.

        Parameters
        ----------
        path : path
            An npz file without pickle; `load` and `resume` read it.
        """
        checkpoint.write(path_of("path", path), self._run.checkpoint(self._run.machine))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """A solver that goes on where a run was saved, bit for bit.

        Parameters
        ----------
        path : path
            A file of `save`, or a checkpoint of `minimize`.

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged or none of ours; or of a run that a
            solver cannot ask for: a stochastic one, or one with sparse Hessians.
        """
        place = path_of("path", path)
        return cls._of(checkpoint.read(place), place)

    @classmethod
    def _of(cls, saved: Checkpoint, path: str | None = None) -> Self:
        if saved.kind != "descent":
            raise ValueError(f"{path!r} is of a stochastic run: optlab.resume takes it")
        if saved.facts.get("solved"):
            raise ValueError(
                f"{path!r} is of a run that factorises sparse Hessians: optlab.resume "
                "takes it"
            )
        with named(path):
            options = checkpoint.joined(saved.facts, saved.arrays, {"workers": None})
            if "checkpoint" in options:
                options["checkpoint"] = path  # it may have been moved
            x0 = core.Machine.load(saved.arrays["machine"].tobytes()).x
            bounds = _bounds(saved, x0.size)
            task = _task(x0, saved.facts["method"], bounds, None, options)
            self = cls.__new__(cls)
            self._run = run = Run.load(saved, task, None, {})
        common = run.plan.common
        if common.checkpoint is not None:
            # What was read stays as it is, until there is something new.
            run.keep(common.checkpoint, common.checkpoint_every, now=False)
        return self

    def __getstate__(self) -> Checkpoint:
        return self._run.checkpoint(self._run.machine)

    def __setstate__(self, state: Checkpoint) -> None:
        self._run = Solver._of(state)._run

    def _question(self) -> tuple[int, np.ndarray | None]:
        run = self._run
        return run.machine.question(run.observer)

    def __repr__(self) -> str:
        machine = self._run.machine
        name = self._run.plan.row.name
        return f"<Solver {name}: n={machine.n}, {machine.k} iterations>"


class Iterates:
    """The iterates of a run, one by one; made by `iterate`.

    Attributes
    ----------
    result : OptimizeResult
        What has come of the run, so far.
    """

    def __init__(self, task: Task) -> None:
        self._stack = ExitStack()
        parallel_map = self._stack.enter_context(task.workers())
        self._run = Run.begin(task, parallel_map, pauses=True)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OptimizeResult:
        try:
            ended = self._run.go()
        except StopIteration as error:  # of the function: it would end the loop unseen
            raise RuntimeError("fun raised StopIteration") from error
        if ended:
            self._stack.close()
            raise StopIteration
        machine = self._run.machine
        return OptimizeResult(
            x=machine.x,
            fun=machine.f,
            jac=machine.g,
            gnorm=machine.gnorm,
            alpha=machine.alpha,
            nit=machine.k,
            nfev=machine.nfev,
            njev=machine.njev,
            nhev=machine.nhev,
        )

    @property
    def result(self) -> OptimizeResult:
        """What has come of the run, so far."""
        return self._run.result()


def iterate(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterates:
    """Minimise step by step: a loop over the iterates.

    Parameters
    ----------
    fun, x0, args, method, jac, hess, hessp, bounds, tol, options
        As in `minimize`, but for stochastic methods.

    Returns
    -------
    Iterates
        An iterator over the iterates, x0 the first: each an OptimizeResult with `x`,
        `fun`, `jac`, `gnorm`, `alpha` (the step that led there), `nit`, `nfev`, `njev` and
        `nhev`. Its `result` is that of `minimize`, once the loop is over; and before, the
        best point so far.

    Raises
    ------
    TypeError, ValueError
        As in `minimize`.

    Examples
    --------
    >>> import optlab
    >>> from scipy.optimize import rosen, rosen_der
    >>> steps = optlab.iterate(rosen, [-1.2, 1.0], jac=rosen_der)
    >>> for step in steps:
    ...     if step.fun < 1e-3:
    ...         break
    >>> bool(steps.result.fun < 1e-3), steps.result.status.name
    (True, 'RUNNING')
    """
    if find_rule(method) is not None:
        raise ValueError(
            f"method {method!r} is stochastic: minimize shows its epochs to a callback"
        )
    return Iterates(
        prepare(fun, x0, args, method, jac, hess, hessp, bounds, (), tol, None, options)
    )


def resume(
    path: str | PathLike[str],
    fun: Callable[..., Any],
    args: Any = (),
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResult:
    """Go on with a run that was cut off, from its last checkpoint, bit for bit.

    Files are to be one's own: a run's memory is taken from them as it is. Method, bounds
    and options are those of the run. It goes on writing checkpoints to the
    same file, if it did so; one that had ended is not run again, unless `options` have
    other stopping tests for it.

    Parameters
    ----------
    path : path
        What the option `checkpoint` of `minimize` named, or `Solver.save` wrote.
    fun, args, jac, hess, hessp, callback
        As in the call of `minimize`: functions are not in the file.
    options : dict, optional
        Options that cannot be in the file, such as `workers`, `schedule` or `validation`
        that are callables; and other stopping tests: `gtol`, `ftol`, `xrtol`, `xtol`,
        `maxiter`, `maxfun`, for a stochastic run `epochs`.

    Returns
    -------
    OptimizeResult
        As `minimize` would have returned it; counts and history are those of the whole run.

    Raises
    ------
    OSError, ValueError
        If there is no such file, or it is damaged, or of another version or function.
    TypeError, ValueError
        As in `minimize`.

    Examples
    --------
    >>> import optlab, os, tempfile
    >>> from scipy.optimize import rosen, rosen_der
    >>> path = os.path.join(tempfile.mkdtemp(), "run.npz")
    >>> options = {"checkpoint": path, "maxiter": 10}
    >>> optlab.minimize(rosen, [-1.2, 1.0], jac=rosen_der, options=options).success
    False
    >>> result = optlab.resume(path, rosen, jac=rosen_der, options={"maxiter": 1000})
    >>> result.success, result.x.round(4)
    (True, array([1., 1.]))
    """
    path = path_of("path", path)
    saved = checkpoint.read(path)
    more = as_options(options)
    if saved.kind == "stochastic":
        if hess is not None or hessp is not None or (args != () and args is not None):
            raise ValueError(
                "args, hess and hessp are not handled by stochastic methods"
            )
        if jac is not None and jac is not True:
            raise ValueError("jac must be None or True for a stochastic run")
        return resume_sum(saved, path, fun, callback, more)
    with named(path):
        find_method(saved.facts["method"])
        again = STOP_TESTS.union(saved.facts["others"])
        missing = {"mode", "second", "solved"} - saved.facts.keys()
        if missing:
            raise ValueError(f"there is no {', '.join(sorted(missing))}")
        float(saved.facts.get("seconds", 0.0))
        hash(saved.facts["mode"])  # it is a name, not a list
    for name in more.keys() - again:
        raise ValueError(f"{name} is that of the run, and cannot be another")
    with named(path):
        given = checkpoint.joined(saved.facts, saved.arrays, more)
        if "checkpoint" in given:
            given["checkpoint"] = path  # it may have been moved
        x0 = core.Machine.load(saved.arrays["machine"].tobytes()).x
        method, bounds = saved.facts["method"], _bounds(saved, x0.size)
    task = prepare(
        fun, x0, args, method, jac, hess, hessp, bounds, (), None, callback, given
    )
    _same_kind(task, saved)
    with task.workers() as parallel_map:
        runnable = task.objective.bind(
            task.args,
            task.plan,
            second=task.plan.row.second_order,
            bounds=task.box,
            map=parallel_map,
        )
        with named(path):
            run = Run.load(saved, task, runnable, more)
        common = task.plan.common
        if common.checkpoint is not None:
            run.keep(common.checkpoint, common.checkpoint_every)
        run.go()
    result = run.result()
    if task.plan.common.disp:
        print(result.summary())
    return result


def _same_kind(task: Task, saved: Checkpoint) -> None:
    """A ValueError where f, g and H are had in another way than they were."""
    second = task.objective.second if task.plan.row.second_order else None
    joint = {"compiled", "joint", "separate"}  # the same answers, whoever gives them
    had, now = saved.facts["mode"], task.objective.mode
    if had != now and not {had, now} <= joint:
        wanted = "be given" if had in joint else f"be {had!r}"
        raise ValueError(f"jac must {wanted}, as in the run")
    if second != saved.facts["second"]:
        raise ValueError(
            f"hess must be as in the run: {saved.facts['second']!r}, not {second!r}"
        )


def _bounds(saved: Checkpoint, n: int) -> np.ndarray | None:
    if not saved.arrays.keys() & {"lower", "upper"}:
        return None
    sides = [array_of(saved.arrays, name, (n,)) for name in ("lower", "upper")]
    return np.stack(sides, axis=1)


def _task(
    x0: Any, method: str | None, bounds: Any, tol: Any, options: Mapping[str, Any]
) -> Task:
    """The task where evaluations come from elsewhere."""
    start = start_point(x0)
    row = choose(method, start.size, bounds)
    objective = Objective.elsewhere(METHODS[row.name].second)
    return plan_task(row, objective, start, (), bounds, (), tol, None, options)


def _number(name: str, value: Any) -> float:
    """A real number, which may be NaN."""
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "fiub":
        return float(array.item())
    return real(name, value)


def _numbers(
    name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray | None:
    if value is None:
        return None
    array = as_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):  # what is too large for dtype is infinite
        return array.astype(dtype, copy=False)
