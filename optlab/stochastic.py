"""Minimisation of finite sums by batches: `minimize` with method "sgd", "adam", ..."""

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple
from warnings import warn

import numpy as np
from scipy.optimize import OptimizeWarning

from optlab import checkpoint
from optlab.checkpoint import Checkpoint, Keeper, array_of, named
from optlab.checks import generator
from optlab.evaluate import in_dtype, start_point
from optlab.finite_sum import Sum, Validation, as_sum, hold_out
from optlab.methods import METHODS, known_options, plain
from optlab.observe import wants_result
from optlab.options import (
    Group,
    finite_not_negative,
    flag,
    fraction,
    integer,
    not_negative,
    one_of,
    option,
    optional,
    path,
    positive,
    real,
    share,
    split,
    stack_level,
)
from optlab.result import OptimizeResult, Status
from optlab_c.stochastic import DONE, Machine


@dataclass(frozen=True, eq=False)
class Rule:
    """A stochastic method that `optlab.minimize(method=name)` chooses.

    Attributes
    ----------
    name : str
        A name in `optlab_c.stochastic.RULES`.
    summary : str
        What it is.
    learning_rate : float
        Its default.
    uses : frozenset of str
        Options that mean something to it but not to all.
    weight_decay : float
        Its default.
    """

    name: str
    summary: str
    learning_rate: float
    uses: frozenset[str] = frozenset()
    weight_decay: float = 0.0


_MASS = frozenset({"momentum"})
_MOMENTS = frozenset({"betas", "eps"})

RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "sgd",
            "stochastic gradient descent",
            0.01,
            frozenset({"line_search", "c1", "maxls"}),
        ),
        Rule("momentum", "the same with momentum: the heavy ball", 0.01, _MASS),
        Rule("nesterov", "the same with Nesterov's momentum", 0.01, _MASS),
        Rule("adagrad", "steps divided by the past", 0.01, frozenset({"eps"})),
        Rule("rmsprop", "steps divided by the recent past", 0.001, _MOMENTS),
        Rule("adam", "moments of first and second order", 0.001, _MOMENTS),
        Rule("adamw", "Adam with decoupled weight decay", 0.001, _MOMENTS, 0.01),
        Rule("svrg", "stochastic gradients with their variance reduced", 0.01),
    )
}

_BY_PLAIN = {plain(name): rule for name, rule in RULES.items()}


def find_rule(name: object) -> Rule | None:
    """The stochastic method of that name, if it is one."""
    if not isinstance(name, str) or name in METHODS:  # the quick way for most calls
        return None
    return RULES.get(name) or _BY_PLAIN.get(plain(name))


# ---- options -------------------------------------------------------------------------


def _schedule(name: str, value: Any) -> Any:
    choices = ("constant", "step", "inverse", "exponential", "cosine")
    return value if callable(value) else one_of(*choices)(name, value)


def _betas(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be a pair of numbers, got {value!r}")
    first, second = (share(f"{name}[{i}]", beta) for i, beta in enumerate(value))
    if first == 1 or second == 1:
        raise ValueError(f"{name} must be less than 1, got {value!r}")
    return first, second


def _shuffle(name: str, value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "shuffled" if value else "ordered"
    if value == "replacement":
        return "drawn"
    raise ValueError(f"{name} must be True, False or 'replacement', got {value!r}")


def _averaging(name: str, value: Any) -> int | None:
    """The first epoch to average over, or None."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return 0 if value else None
    return int(integer(0)(name, value))


def _validation(name: str, value: Any) -> Any:
    if isinstance(value, (tuple, list)) and len(value) != 2:
        raise ValueError(f"{name} must be a pair (X, y), got {len(value)} items")
    if value is None or callable(value) or isinstance(value, (tuple, list)):
        return value
    if isinstance(value, numbers.Real):
        return fraction(name, value)
    raise TypeError(
        f"{name} must be a fraction, data (X, y) or a callable, got {value!r}"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Stochastic(Group):
    """What stochastic methods take."""

    batch_size: int = option(32, integer(1))
    epochs: int = option(10, integer(1))
    learning_rate: float | None = option(None, optional(positive))
    schedule: Any = option("constant", _schedule)
    decay: float | None = option(None, optional(finite_not_negative))
    decay_every: float | None = option(None, optional(positive))
    min_learning_rate: float = option(0.0, finite_not_negative)
    warmup: float = option(0.0, finite_not_negative)
    momentum: float = option(0.9, share)
    betas: tuple[float, float] = option((0.9, 0.999), _betas)
    eps: float = option(1e-8, finite_not_negative)
    weight_decay: float | None = option(None, optional(finite_not_negative))
    clip_norm: float | None = option(None, optional(positive))
    shuffle: str = option(True, _shuffle)
    averaging: int | None = option(False, _averaging)
    line_search: str | None = option(None, optional(one_of("armijo")))
    c1: float = option(0.1, fraction)
    maxls: int = option(50, integer(1))
    validation: Any = option(None, _validation)
    patience: int | None = option(None, optional(integer(1)))
    gtol: float | None = option(None, optional(not_negative))
    norm: float = option(math.inf, real)
    full: bool = option(False, flag)
    history: bool = option(True, flag)
    dtype: str | None = option(None, optional(one_of("float32", "float64")))
    rng: Any = option(None, lambda name, value: generator(value))
    disp: bool = option(False, flag)
    checkpoint: str | None = option(None, optional(path))
    checkpoint_every: float = option(60.0, not_negative)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience is not None and self.validation is None:
            raise ValueError(
                "patience needs validation: data, a fraction or a callable"
            )
        if self.averaging is not None and self.averaging >= self.epochs:
            raise ValueError(
                f"averaging must begin before the end: epoch {self.averaging} of "
                f"{self.epochs}"
            )
        if self.momentum == 1:
            raise ValueError("momentum must be less than 1")


# The factor that a schedule takes by itself where `decay` is not given.
_DECAY = {"step": 0.1, "inverse": 1.0, "exponential": 0.95}


def machine_for(rule: Rule, opt: Stochastic, w: np.ndarray, total: Sum) -> Machine:
    """The compiled machine for these options and a sum, at w."""
    batch = min(opt.batch_size, total.n_samples)
    if batch < total.least_batch:
        raise ValueError(
            f"batch_size must be at least {total.least_batch} with batch norm"
        )
    searched = opt.line_search is not None and "line_search" in rule.uses
    rate = opt.learning_rate
    if rate is None:  # with Armijo's search, of the longest step
        rate = 1.0 if searched else rule.learning_rate
    named = opt.schedule if isinstance(opt.schedule, str) else "constant"
    decay = _DECAY.get(named, 1.0) if opt.decay is None else opt.decay
    # A whole cosine, or three steps, unless the user says otherwise.
    cycle = opt.epochs if named == "cosine" else max(1.0, opt.epochs / 3)
    return Machine(
        w,
        samples=total.n_samples,
        batch=batch,
        least=total.least_batch,
        rule=rule.name,
        sampler=opt.shuffle,
        schedule=named,
        rate=rate,
        rate_min=opt.min_learning_rate,
        decay=decay,
        every=cycle if opt.decay_every is None else opt.decay_every,
        warmup=opt.warmup,
        momentum=opt.momentum,
        beta1=opt.betas[0],
        beta2=opt.betas[1],
        eps=opt.eps,
        weight_decay=(
            rule.weight_decay if opt.weight_decay is None else opt.weight_decay
        ),
        clip_norm=math.inf if opt.clip_norm is None else opt.clip_norm,
        average_from=-1 if opt.averaging is None else opt.averaging,
        search=searched,
        c1=opt.c1,
        shrink=0.9,  # Vaswani et al. 2019, section 7.1; and that it may double an epoch
        grow=2.0,
        maxls=opt.maxls,
        seed=int(opt.rng.integers(2**64, dtype=np.uint64)),
    )


# ---- a run ---------------------------------------------------------------------------

FIELDS = (
    "loss",
    "f",
    "gnorm",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "seconds",
)


class Candidate:
    """A point with f and g over all samples there."""

    def __init__(self, x: np.ndarray, total: Sum, norm: float) -> None:
        self.x = x
        self.f, self.g = total.fun_and_grad(x)
        self.gnorm = float(np.linalg.norm(self.g.astype(float), norm))

    @property
    def finite(self) -> bool:
        """Whether x, f and g are numbers."""
        return bool(
            np.isfinite(self.f)
            and np.isfinite(self.x).all()
            and np.isfinite(self.g).all()
        )


class Run:
    """A run over epochs: what is known of it, and why it ended."""

    def __init__(
        self,
        opt: Stochastic,
        machine: Machine,
        train: Sum,
        validate: Validation | None,
    ) -> None:
        self.opt, self.machine = opt, machine
        self.train, self.validate = train, validate
        self.keeper: Keeper | None = None
        self.status: Status | None = None  # how it has ended
        self.began = perf_counter()
        self.rows: list[tuple[float, ...]] = []
        self.evaluations = 1  # over all samples, beside the machine's: at the start
        self.last: Candidate | None = None
        self.x: np.ndarray | None = None  # after the last epoch
        self.best_x: np.ndarray | None = None  # by its validation loss
        self.best_loss = math.inf
        self.waited = 0
        self.known = False  # whether f at the last x is still to be computed again

    def candidate(self, x: np.ndarray) -> Candidate:
        """F and g over all samples at x; not computed again for the last x."""
        if self.last is None or self.last.x is not x:
            self.evaluations += 1
            self.last = Candidate(x, self.train, self.opt.norm)
        return self.last

    def epoch(self, callback: Callable[..., Any] | None) -> Status | None:
        """Run an epoch: the status to end with, or None."""
        opt, machine = self.opt, self.machine
        if callable(opt.schedule):
            machine.scale = _scale(opt.schedule, machine.epoch)
        if machine.run(self.train, self.keeper) == DONE:
            return Status.DIVERGED
        x = self.x = machine.x
        f = gnorm = loss = score = math.nan
        if opt.full or opt.gtol is not None:
            here = self.candidate(x)
            f, gnorm = here.f, here.gnorm
        if self.validate is not None:
            loss, score = self.validate(x)
        seconds = perf_counter() - self.began
        self.rows.append((machine.loss, f, gnorm, loss, score, machine.rate, seconds))
        if opt.gtol is not None and gnorm <= opt.gtol:
            return Status.CONVERGED
        if self.validate is not None and self._impatient(x, loss):
            return Status.PATIENCE
        if callback is not None and _stops(callback, x, machine):
            return Status.CALLBACK
        return Status.EPOCHS if machine.epoch >= opt.epochs else None

    def save(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        """Add arrays to those given, and return the rest, that `load` goes on from."""
        arrays["machine"] = np.frombuffer(self.machine.save(), np.uint8)
        arrays["history"] = np.array(self.rows, float).reshape(-1, len(FIELDS))
        for name in ("x", "best_x"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        return {
            "evaluations": self.evaluations,
            "best_loss": self.best_loss,
            "waited": self.waited,
            "seconds": perf_counter() - self.began,
            "status": None if self.status is None else int(self.status),
            # What is one array has to be one again: it is not evaluated twice.
            "known": self.known or (self.last is not None and self.last.x is self.x),
            "last_is_best": self.best_x is not None and self.best_x is self.x,
        }

    def load(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what was saved, but for the machine."""
        history = array_of(arrays, "history", (-1, len(FIELDS)))
        self.rows = [tuple(row) for row in history]
        x = self.machine.x
        for name in arrays.keys() & {"x", "best_x"}:
            point = array_of(arrays, name, x.shape)
            setattr(self, name, point.astype(x.dtype, copy=False))
        self.evaluations, self.waited = int(facts["evaluations"]), int(facts["waited"])
        self.best_loss = float(facts["best_loss"])
        self.began = perf_counter() - float(facts["seconds"])
        if facts["last_is_best"]:
            self.best_x = self.x
        if facts["status"] is not None:
            self.status = Status.of(facts["status"])
        self.known = bool(facts["known"])

    def _impatient(self, x: np.ndarray, loss: float) -> bool:
        """Note a validation loss; whether a better one was too long ago."""
        self.waited += 1
        if loss < self.best_loss:
            self.best_loss, self.best_x, self.waited = loss, x, 0
        return self.opt.patience is not None and self.waited >= self.opt.patience

    def result(self, first: Candidate, status: Status) -> tuple[Candidate, Status]:
        """The point to return: no worse than the start, and all numbers."""
        if self.machine.epoch == 0:
            return first, status
        x = self.best_x
        if x is None and status is not Status.DIVERGED:
            x = self.x
        for point in (x, self.machine.best):
            if point is None:
                continue
            found = self.candidate(point)
            if not found.finite and status is Status.EPOCHS:
                status = Status.DIVERGED  # in the very last step
            if found.finite and found.f <= first.f:
                return found, status
        return first, status


def minimize_sum(
    rule: Rule,
    fun: Any,
    x0: Any,
    callback: Callable[..., Any] | None,
    tol: float | None,
    given: Mapping[str, Any],
) -> OptimizeResult:
    """Minimise a finite sum by a stochastic method, as `optlab.minimize` describes it."""
    if tol is not None:
        given = {"gtol": not_negative("tol", tol), **given}
    w0 = start_point(x0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    return _run(rule, fun, w0, callback, given)


def resume_sum(
    saved: Checkpoint,
    path: str,
    fun: Any,
    callback: Callable[..., Any] | None,
    more: Mapping[str, Any],
) -> OptimizeResult:
    """Go on with a stochastic run, as `optlab.resume` describes it."""
    with named(path):
        again = {"gtol", "epochs", *saved.facts["others"]}
    for name in more.keys() - again:
        raise ValueError(f"{name} is that of the run, and cannot be another")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    with named(path):
        rule, x0 = RULES[saved.facts["method"]], array_of(saved.arrays, "x0", (-1,))
        given = checkpoint.joined(saved.facts, saved.arrays, more)
        given["rng"] = _generator(saved.facts["rng"])
        if "checkpoint" in given:
            given["checkpoint"] = path  # it may have been moved
        machine = Machine.load(saved.arrays["machine"].tobytes())
        array_of(saved.arrays, "x0", machine.x.shape)
    return _run(rule, fun, x0, callback, given, _Saved(path, saved, machine))


class _Saved(NamedTuple):
    """A file that was read."""

    path: str
    checkpoint: Checkpoint
    machine: Machine


def _generator(state: dict[str, Any]) -> np.random.Generator:
    """The generator that was in this state."""
    kinds = {kind.__name__: kind for kind in np.random.BitGenerator.__subclasses__()}
    bits = kinds[state["bit_generator"]]()
    bits.state = state
    return np.random.Generator(bits)


def _in_lists(state: Any) -> Any:
    """The state of a generator with lists for arrays, which it takes as well."""
    if isinstance(state, Mapping):
        return {name: _in_lists(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def _run(
    rule: Rule,
    fun: Any,
    w0: np.ndarray,
    callback: Callable[..., Any] | None,
    given: Mapping[str, Any],
    saved: _Saved | None = None,
) -> OptimizeResult:
    """Run to the end, from w0 or from where a run was saved."""
    (opt,), ignored = split(given, (Stochastic,), known_options())
    assert isinstance(opt, Stochastic)
    rng = _in_lists(opt.rng.bit_generator.state)  # before anything is drawn
    total = as_sum(fun, w0.size, opt.dtype)
    samples = total.n_samples
    if saved is not None and saved.checkpoint.facts.get("samples") != samples:
        raise ValueError(
            f"fun must have {saved.checkpoint.facts.get('samples')} samples, as in the "
            f"run of {saved.path!r}, not {samples}"
        )
    train, validate = hold_out(total, opt.validation, opt.rng)
    w0 = in_dtype(w0, train.dtype)
    machine = machine_for(rule, opt, w0, train)
    if saved is None:
        _tell(rule, opt, given, ignored, train.n_samples)
    else:
        machine = saved.machine
    progress = _Progress(opt) if opt.disp else None

    run = Run(opt, machine, train, validate)
    if saved is not None:
        with named(saved.path):
            run.load(saved.checkpoint.facts, saved.checkpoint.arrays)
    if opt.checkpoint is not None:

        def make(machine: Machine) -> Checkpoint:
            """All that the run continues from."""
            options, arrays, others = checkpoint.split(
                {name: value for name, value in given.items() if name != "rng"}
            )
            arrays["x0"] = w0
            facts = {
                "method": rule.name,
                "options": options,
                "others": others,
                "rng": rng,
                "samples": samples,
            }
            return Checkpoint("stochastic", facts | run.save(arrays), arrays)

        run.keeper = Keeper(opt.checkpoint, opt.checkpoint_every, make)
        run.keeper.write(machine)  # before any work: is there a place for it?
    first = Candidate(w0.copy(), train, opt.norm)
    if run.known and run.x is not None:
        run.last, run.known = Candidate(run.x, train, opt.norm), False
    if not first.finite:
        run.status = Status.NONFINITE_START
    if run.status is Status.EPOCHS and machine.epoch < opt.epochs:
        run.status = None  # there are more of them now
    while run.status is None:
        run.status = run.epoch(callback)
        if progress is not None and run.status is not Status.DIVERGED:
            progress.show(run.rows[-1])
    if progress is not None:
        progress.close()
    if run.keeper is not None:
        run.keeper.write(machine)

    found, status = run.result(first, run.status)
    gtol = 1e-5 if opt.gtol is None else opt.gtol
    result = OptimizeResult(
        x=found.x,
        fun=found.f,
        jac=found.g,
        hess_inv=None,
        nit=machine.epoch,
        nfev=machine.nfev + run.evaluations,
        njev=machine.njev + run.evaluations,
        nhev=0,
        success=bool(found.finite and found.gnorm <= gtol),
        status=status,
        message=_message(status, found, gtol, machine, opt),
        method=rule.name,
    )
    if opt.history:
        columns = np.array(run.rows, dtype=float).reshape(-1, len(FIELDS)).T
        result["history"] = dict(zip(FIELDS, columns, strict=True))
    return result


def _tell(
    rule: Rule,
    opt: Stochastic,
    given: Mapping[str, Any],
    ignored: tuple[str, ...],
    samples: int,
) -> None:
    """Warn of what has no meaning, and of a batch that is larger than the data."""
    special = {"momentum", "betas", "eps", "line_search", "c1", "maxls"}
    unused = [name for name in special & given.keys() if name not in rule.uses]
    for name in sorted({*ignored, *unused}):
        warn(
            f"option {name!r} has no meaning for method {rule.name!r} and is ignored",
            OptimizeWarning,
            stacklevel=stack_level(),
        )
    if "batch_size" in given and opt.batch_size > samples:
        warn(
            f"batch_size = {opt.batch_size} is capped at the number of samples, {samples}",
            OptimizeWarning,
            stacklevel=stack_level(),
        )


def _scale(schedule: Callable[[int], Any], epoch: int) -> float:
    return finite_not_negative("schedule(epoch)", schedule(epoch))


def _stops(callback: Callable[..., Any], x: np.ndarray, machine: Machine) -> bool:
    """Show an epoch to the callback; whether it wants no more."""
    try:
        if wants_result(callback):
            callback(
                intermediate_result=OptimizeResult(
                    x=x, fun=machine.loss, nit=machine.epoch, nfev=machine.nfev
                )
            )
        else:
            callback(x)
    except StopIteration:
        return True
    return False


def _message(
    status: Status, result: Candidate, gtol: float, machine: Machine, opt: Stochastic
) -> str:
    if status in (Status.CONVERGED, Status.NONFINITE_START):
        return status.sentence
    met = "which meets" if result.gnorm <= gtol else "which does not meet"
    more = (
        f" It was so in epoch {machine.epoch + 1}." if status is Status.DIVERGED else ""
    )
    if status is Status.PATIENCE:
        more = f" That is {opt.patience}; the best point is returned."
    return (
        f"{status.sentence}{more} The gradient's norm over all samples is "
        f"{result.gnorm:.3g}, {met} gtol = {gtol:g}."
    )


class _Progress:
    """A bar over the epochs, with the loss, the validation's score and the rate."""

    def __init__(self, opt: Stochastic) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError(
                "disp needs the module tqdm, which is not installed: "
                "pip install 'optlab[compare]'"
            ) from None
        self.bar = tqdm(total=opt.epochs, unit="epoch")

    def show(self, row: tuple[float, ...]) -> None:
        """Show a row of the history."""
        named = dict(zip(FIELDS, row, strict=True))
        shown = {
            name: f"{value:.4g}"
            for name, value in named.items()
            if name != "seconds" and not math.isnan(value)
        }
        self.bar.set_postfix(shown)
        self.bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()
