"""One run of the descent machine: what `minimize`, `iterate`, `Solver` and `resume` share.

`prepare` checks the arguments, all of them before anything is evaluated; a `Run` joins a
machine with whoever evaluates, and makes its result.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self
from warnings import warn

import numpy as np

from optlab import checkpoint
from optlab.bounds import Sides, as_bounds, clip_start, in_precision
from optlab.checkpoint import Checkpoint, Keeper
from optlab.evaluate import Objective, as_args, in_dtype, start_point
from optlab.foreign import compiled
from optlab.hessian import Operator, Sparse
from optlab.methods import METHODS, Method, find_method
from optlab.observe import Observer
from optlab.options import not_negative, stack_level
from optlab.plan import Plan, as_options, plan_run
from optlab.report import explain
from optlab.result import Deferred, InverseHessian, OptimizeResult, Status
from optlab.workers import Map, pool
from optlab_c.machine import Machine, all_open

# A dense inverse Hessian pays for itself up to here; beyond, L-BFGS is chosen.
BFGS_UP_TO = 300

# A Hessian by differences takes n gradients: beyond, products are the better choice.
DIFFERENCES_UP_TO = 500

# Tests that a run may go on with after its end, others than those it began with.
STOP_TESTS = frozenset({"gtol", "ftol", "xrtol", "xtol", "maxiter", "maxfun"})


class Task(NamedTuple):
    """What `minimize` was asked to do, checked."""

    objective: Objective
    x0: np.ndarray
    args: tuple[Any, ...]
    box: Sides | None
    options: Mapping[str, Any]
    plan: Plan
    callback: Callable[..., Any] | None

    def workers(self) -> AbstractContextManager[Map | None]:
        """What evaluates the points of one difference formula."""
        differences = self.plan.differences or (
            self.plan.row.second_order and self.objective.second_differences
        )
        return pool(self.plan.common.workers if differences else None)


def prepare(
    fun: Any,
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
) -> Task:
    """Check the arguments of `minimize`, as it describes them; x0 is moved inside."""
    x0 = start_point(x0)
    fun, hessp, args = compiled(fun, jac, hessp, args, x0.size)
    args = as_args(args)
    row = choose(method, x0.size, bounds)
    objective = Objective(fun, jac, hess, hessp)
    return plan_task(
        row, objective, x0, args, bounds, constraints, tol, callback, options
    )


def plan_task(
    row: Method,
    objective: Objective,
    x0: np.ndarray,
    args: tuple[Any, ...],
    bounds: Any,
    constraints: Any,
    tol: float | None,
    callback: Callable[..., Any] | None,
    options: Mapping[str, Any] | None,
) -> Task:
    """The task for an objective."""
    box = box_of(row, bounds, x0.size)
    _check(row, objective, x0.size, constraints)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    if tol is not None:
        options = {"gtol": not_negative("tol", tol), **as_options(options)}
    plan = plan_run(row, objective, x0.size, options, bounded=box is not None)
    x0 = in_dtype(x0, plan.dtype)
    if box is not None:
        box = in_precision(box, plan.dtype)
        x0 = clip_start(x0, *box)
    return Task(objective, x0, args, box, options or {}, plan, callback)


def choose(method: str | None, n: int, bounds: Any) -> Method:
    """The method of that name, or the one that fits."""
    if method is not None:
        return find_method(method)
    if bounds is not None:
        return METHODS["l-bfgs-b"]
    return METHODS["bfgs" if n <= BFGS_UP_TO else "l-bfgs"]


def box_of(row: Method, bounds: Any, n: int) -> Sides | None:
    """The bounds, if there are any; refused by methods that do not handle them."""
    box = as_bounds(bounds, n)
    if box is None or all_open(*box):
        return None
    if not row.bounds:
        able = ", ".join(name for name, other in METHODS.items() if other.bounds)
        raise ValueError(
            f"bounds are not handled by method {row.name!r}, but by {able}"
        )
    return box


def _check(row: Method, objective: Objective, n: int, constraints: Any) -> None:
    """Refuse what would change the answer; warn of what is merely not needed."""
    if constraints is not None and (
        not isinstance(constraints, (tuple, list, dict)) or len(constraints) > 0
    ):
        raise ValueError(f"constraints are not handled by method {row.name!r}")
    if not row.second_order:
        if objective.given:
            warn(
                f"{objective.given} is not used by method {row.name!r}",
                RuntimeWarning,
                stacklevel=stack_level(),
            )
        return
    if objective.differences:
        raise ValueError(
            f"jac is required by method {row.name!r}: a callable, or True where fun "
            "gives both"
        )
    whole = row.second == "hess" and objective.second_differences
    if whole and n > DIFFERENCES_UP_TO:
        raise ValueError(
            f"hess is required by method {row.name!r} beyond n = {DIFFERENCES_UP_TO}, "
            f"got n = {n}; method 'newton-cg' needs products only"
        )


class Run:
    """A machine, who evaluates for it, and what is noted of it on the way.

    Without `runnable` the evaluations come from elsewhere.
    """

    __slots__ = ("error", "keeper", "machine", "observer", "plan", "runnable", "task")

    def __init__(
        self, task: Task, plan: Plan, machine: Machine, runnable: Any, observer: Any
    ) -> None:
        self.task, self.plan = task, plan
        self.machine, self.runnable = machine, runnable
        self.observer: Observer | None = observer
        self.keeper: Keeper | None = None
        self.error = 0.0  # of a gradient that is made of differences

    @classmethod
    def begin(
        cls, task: Task, parallel_map: Map | None = None, *, pauses: bool = False
    ) -> Self:
        """A run from x0; with `pauses` it can be continued after every iterate."""
        plan, row, objective = task.plan, task.plan.row, task.objective
        runnable = objective.bind(
            task.args, plan, second=row.second_order, bounds=task.box, map=parallel_map
        )
        if row.second_order and objective.second in ("hess", "hessp"):
            # Before any work: is it one, and of what kind?
            kind = _first_look(runnable, objective, task.x0)
            if kind is Sparse and row.second == "hess":
                plan = _solved(task)
        observer = Observer.of(task.callback, plan.common, pauses=pauses)
        run = cls(task, plan, machine_for(plan, task), runnable, observer)
        if plan.common.checkpoint is not None:
            run.keep(plan.common.checkpoint, plan.common.checkpoint_every)
        return run

    def keep(self, path: str, every: float, *, now: bool = True) -> None:
        """Write a checkpoint, now and then, and now."""
        self.keeper = Keeper(path, every, self.checkpoint)
        if now:
            self.keeper.write(self.machine)

    def go(self) -> bool:
        """Run to the end; False where it pauses at an iterate."""
        machine = self.machine
        status = machine.run(self.runnable, self.observer, self.keeper)
        if self.plan.differences:
            self.error = self.runnable.gradient_error
            blurred = status == Status.CONVERGED and self.error > self.plan.common.gtol
            if blurred and machine.refine():
                return self.go()
        if status == Status.RUNNING:
            return False
        if self.keeper is not None:
            self.keeper.write(machine)
        return True

    def result(self) -> OptimizeResult:
        """What has come of it, so far."""
        machine, plan = self.machine, self.plan
        x, f, g, gnorm = machine.result()
        status, gtol = Status.of(machine.status), plan.common.gtol
        running = status is Status.RUNNING  # its matrix goes on changing
        # A gradient that rounding hides is not small, and a saddle is no minimum. Written
        # so that NaN is no success.
        success = (
            gnorm <= gtol
            and self.error <= gtol
            and status is not Status.NONFINITE_START
            and not machine.at_saddle
        )
        if status is Status.CONVERGED and not success:
            status = Status.ROUNDING
        if running and machine.nfev == 0:
            success, f, g = False, np.nan, np.full_like(x, np.nan)
        if plan.differences and self.task.box is not None:
            lower, upper = self.task.box
            g[lower == upper] = np.nan  # what may not be moved has no difference
        result = OptimizeResult(
            x=x,
            fun=f,
            jac=g,
            hess_inv=None if running else _inverse_hessian(machine, plan),
            nit=machine.k,
            nfev=machine.nfev,
            njev=machine.njev,
            nhev=machine.nhev,
            success=success,
            status=status,
            message=(
                status.sentence
                if success and status is Status.CONVERGED
                else explain(status, f, gnorm, self.error, machine, plan)
            ),
            method=plan.row.name,
        )
        if plan.dense and not running:
            # For a warm start, which needs more than the matrix; it is no field.
            object.__setattr__(result, "_machine", machine)
        if self.observer is not None:
            self.observer.finish(result)
        return result

    # Saving

    def checkpoint(self, machine: Machine) -> Checkpoint:
        """All that a run continues from."""
        task, plan = self.task, self.plan
        start = {"hess_inv0", "warm_start"}  # of the past: the machine has learned it
        given = {k: v for k, v in task.options.items() if k not in start}
        options, arrays, others = checkpoint.split(given)
        arrays["machine"] = np.frombuffer(machine.save(), np.uint8)
        if task.box is not None:
            arrays["lower"], arrays["upper"] = task.box
        facts = {
            "method": plan.row.name,
            "options": options,
            "others": others,
            "solved": plan is not task.plan,
            "mode": task.objective.mode,
            "second": task.objective.second if plan.row.second_order else None,
        }
        if self.observer is not None:
            facts["seconds"] = self.observer.save(arrays)
        if hasattr(self.runnable, "save"):
            facts["objective"], hess_x = self.runnable.save()
            if hess_x is not None:
                arrays["hess_x"] = hess_x
        return Checkpoint("descent", facts, arrays)

    @classmethod
    def load(
        cls,
        saved: Checkpoint,
        task: Task,
        runnable: Any,
        more: Mapping[str, Any],
    ) -> Self:
        """The run that was saved; `more` may hold other stopping tests."""
        machine = Machine.load(saved.arrays["machine"].tobytes())
        plan = _solved(task) if saved.facts["solved"] else task.plan
        observer = Observer.of(task.callback, plan.common)
        if observer is not None:
            observer.load(saved.arrays, saved.facts.get("seconds", 0.0), machine.n)
        learned = saved.facts.get("objective")  # not by a compiled one, or elsewhere
        if learned is not None and hasattr(runnable, "load"):
            runnable.load(learned, saved.arrays.get("hess_x"))
        if more.keys() & STOP_TESTS:
            machine.reopen(plan.settings)
        return cls(task, plan, machine, runnable, observer)


def machine_for(plan: Plan, task: Task) -> Machine:
    """The machine at x0, with the curvature that it is given."""
    machine = Machine(plan.settings, task.x0, task.box)
    if plan.hess_inv0 is not None:
        machine.give_inverse(plan.hess_inv0)
    if plan.warm_start is not None:
        _hand_on(plan.warm_start, machine, plan.dense)
    return machine


def _hand_on(inverse: Any, machine: Machine, dense: bool) -> None:
    """Have a machine begin with the curvature that another run has seen."""
    if isinstance(inverse, Machine):
        if inverse.dtype == machine.dtype:
            machine.inherit(inverse)
        else:
            machine.give_inverse(inverse.inverse())
    elif dense:
        matrix = inverse.todense() if hasattr(inverse, "sk") else inverse
        machine.give_inverse(np.ascontiguousarray(matrix, np.float64))
    else:
        for s, y in zip(inverse.sk, inverse.yk, strict=True):
            machine.give_pair(s, y)


def _solved(task: Task) -> Plan:
    """The plan where the objective factorises its own Hessian."""
    return plan_run(
        task.plan.row, task.objective, task.x0.size, task.options,
        bounded=task.box is not None, solved=True, tell=False,
    )  # fmt: skip


def _first_look(runnable: Any, objective: Objective, x0: np.ndarray) -> type | None:
    """The kind of matrix that `hess` gives; errors name `hess` or `hessp`."""
    kind = None
    if objective.second == "hess":
        kind = type(runnable.first_hessian(x0))
    if kind is None or kind is Operator:
        runnable.first_product(x0)
    return kind


def _inverse_hessian(machine: Machine, plan: Plan) -> Any:
    if plan.dense:
        return Deferred(machine.inverse)
    if plan.row.inverse is None:
        return None
    if plan.row.inverse == "operator":
        return Deferred(lambda: InverseHessian(machine))
    return Deferred(lambda: InverseHessian(machine).todense())
