"""A learning rate from one sweep over rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import checked_int
from optlab.drawing import axes
from optlab.evaluate import in_dtype, start_point
from optlab.finite_sum import Sum, as_sum
from optlab.options import positive
from optlab.stochastic import Rule, Stochastic, find_rule, machine_for
from optlab_c.stochastic import DONE

# Samples, the same at every step: those of a batch would hide small changes.
PROBE = 1000
SMOOTHED_OVER = 0.02  # of the sweep's steps, on either side
# What changes a step's direction or its batch; the rates are the sweep's own.
OPTIONS = frozenset(
    {"momentum", "betas", "eps", "weight_decay", "clip_norm", "shuffle", "dtype"}
)
SAFETY = 0.25  # measured on nets and least squares: between 0.1 and 0.5 all is well
TOO_HIGH = 3.0  # times the first loss above the lowest: it diverges


@dataclass(frozen=True)
class LearningRates:
    """What `find_learning_rate` returns.

    Attributes
    ----------
    rates : ndarray, shape (steps,)
        The rates, from low to high, up to where the loss blew up.
    losses : ndarray, shape (steps,)
        The loss after the step with each rate, over the same samples each time: all, or
        1000 of them.
    smoothed : ndarray, shape (steps,)
        The same, smoothed.
    suggestion : float
        A quarter of the rate at which the smoothed loss is lowest: where it rises, steps
        are too long, and those of a whole training had better be well below.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    smoothed: npt.NDArray[np.float64]
    suggestion: float

    def plot(self, ax: Any = None) -> Any:
        """Draw the curve, with the suggestion; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; by default new ones.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.
        """
        ax = axes(ax)
        ax.semilogx(self.rates, self.losses, ".", markersize=3, alpha=0.4)
        ax.semilogx(self.rates, self.smoothed, label="smoothed")
        ax.axvline(self.suggestion, linestyle="--", label=f"{self.suggestion:.3g}")
        ax.set(xlabel="learning rate", ylabel="loss")
        ax.legend()
        return ax


def find_learning_rate(
    fun: Any,
    x0: npt.ArrayLike,
    method: str = "sgd",
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    batch_size: int = 32,
    rng: np.random.Generator | int | None = None,
    **options: Any,
) -> LearningRates:
    """Look for a learning rate: take steps with ever higher ones until the loss blows up.

    Parameters
    ----------
    fun : objective
        A finite sum, as `minimize` takes it for stochastic methods.
    x0 : array_like, shape (n,)
        Where training starts; it is not changed.
    method : str, default "sgd"
        A stochastic method; not "svrg".
    low, high : float, default 1e-6 and 10
        The first and the last rate, which grow by a constant factor.
    steps : int, default 200
        How many steps are taken at most.
    batch_size : int, default 32
        Samples in a batch.
    rng : Generator or int or None, optional
        Where the batches come from, see `numpy.random.default_rng`.
    **options
        Further options of that method: momentum, betas, eps, weight_decay, clip_norm,
        shuffle and dtype.

    Returns
    -------
    LearningRates
        Rates and losses, a suggestion, and ``.plot()``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017,
    section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = optlab.nn.MLP([2, 8, 2])
    >>> objective = model.objective(X, (X[:, 0] > X[:, 1]).astype(int))
    >>> found = optlab.find_learning_rate(objective, model.init(rng=0), rng=0)
    >>> 0.01 < found.suggestion < 10
    True
    """
    rule = find_rule(method)
    if rule is None or rule.name == "svrg":
        raise ValueError(f"method must be a stochastic one but svrg, got {method!r}")
    low, high = positive("low", low), positive("high", high)
    if not low < high:
        raise ValueError(f"high must be greater than low, got {high} and {low}")
    steps = checked_int("steps", steps, 10)
    for name in options.keys() - OPTIONS:
        raise TypeError(
            f"{name} is not handled by find_learning_rate, but {', '.join(sorted(OPTIONS))}"
        )
    w0 = start_point(x0)
    opt = Stochastic(batch_size=batch_size, learning_rate=low, rng=rng, **options)
    total = as_sum(fun, w0.size, opt.dtype)
    probe = opt.rng.permutation(total.n_samples)[:PROBE]
    w = in_dtype(w0, total.dtype)
    rates, losses = _sweep(rule, opt, total, w, probe, high, steps)
    width = max(1, round(SMOOTHED_OVER * steps))
    smoothed = _smooth(losses, width)
    suggestion = SAFETY * float(rates[np.argmin(smoothed)])
    return LearningRates(rates, losses, smoothed, suggestion)


def _sweep(
    rule: Rule,
    opt: Stochastic,
    total: Sum,
    w: np.ndarray,
    probe: np.ndarray,
    high: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Rates and losses of the steps, up to where the loss is far above its lowest."""
    low = opt.learning_rate or 1.0
    machine = machine_for(rule, opt, w, total)
    rates: list[float] = []
    losses: list[float] = []
    first = lowest = total.fun(w, probe)
    if not math.isfinite(first):
        raise ValueError("x0 has no finite loss")
    while True:
        machine.scale = (high / low) ** (len(rates) / (steps - 1))
        want, w, indices = machine.ask()
        if len(rates) > len(losses):  # where the last step has led
            loss = total.fun(machine.x, probe)
            if not loss - lowest <= TOO_HIGH * abs(first):
                rates.pop()
                break
            losses.append(loss)
            lowest = min(lowest, loss)
        if want == DONE or len(rates) == steps:
            break
        if indices is not None:  # else an epoch is over
            rates.append(low * machine.scale)
            machine.tell(*total.fun_and_grad(w, indices))
    if not rates:
        raise ValueError(f"low must be less: the loss is too high after {low:g}")
    return np.array(rates), np.array(losses)


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Means over `width` values on either side, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    first, last = np.maximum(at - width, 0), np.minimum(at + width + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first))
