"""Gaussian priors, which are L2 penalties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from optlab.checks import Array, as_real
from optlab.methods import find_row, plain
from optlab.options import Checked, finite, option, positive

if TYPE_CHECKING:
    from optlab.nn.mlp import Block

GROUPS = ("weights", "bias", "scale", "shift", "activation")
"""What a prior may cover: each parameter of a net is of one of these groups."""


def _groups(name: str, value: Any) -> tuple[str, ...]:
    """Groups in the order of GROUPS, by names free of case and hyphens."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a sequence of groups, got {value!r}")
    rows = {group: group for group in GROUPS}
    by_plain = {plain(group): group for group in GROUPS}
    chosen = {find_row(group, f"group in {name}", by_plain, rows) for group in value}
    if not chosen:
        raise ValueError(f"{name} must not be empty")
    return tuple(group for group in GROUPS if group in chosen)


def _precision(name: str, value: Any) -> float | dict[str, float]:
    if not isinstance(value, Mapping):
        return positive(name, value)
    groups = _groups(name, value)
    given = {plain(key): (key, number) for key, number in value.items()}
    checked = {}
    for group in groups:
        key, number = given[plain(group)]
        checked[group] = positive(f"{name}[{key!r}]", number)
    return checked


def _mean(name: str, value: Any) -> float | Array:
    if not isinstance(value, Sequence | np.ndarray) or np.ndim(value) == 0:
        return finite(name, value)
    mean = as_real(name, value, 1)
    mean.flags.writeable = False
    return mean


@dataclass(frozen=True, eq=False)
class GaussianPrior(Checked):
    r"""The prior N(mean, precision\ :sup:`-1`), independent for each parameter.

    Minus its logarithm is, up to a constant, the penalty

    .. math:: \sum_j \frac{\lambda_j}{2} (w_j - \bar w_j)^2

    over the parameters it covers.

    Parameters
    ----------
    precision : float or dict of str to float
        The precision λ, which is one over the variance, above 0; or one for each group of
        parameters that the prior covers.
    mean : float or array_like, shape (n,), default 0
        The mean, one for all or one for each parameter in w.
    covers : sequence of str, default ("weights",)
        The groups it covers, of "weights", "bias", "scale" and "shift" (of batch norm)
        and "activation" (all that an activation trains). If `precision` is a dict, its
        keys are.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 5.5.

    Examples
    --------
    >>> import optlab
    >>> optlab.nn.GaussianPrior(1e-3)
    GaussianPrior(precision=0.001, mean=0.0, covers=('weights',))
    >>> optlab.nn.GaussianPrior({"weights": 1e-3, "activation": 0.1}).covers
    ('weights', 'activation')
    """

    precision: float | dict[str, float] = field(metadata={"check": _precision})
    mean: float | Array = option(0.0, _mean)
    covers: tuple[str, ...] = option(("weights",), _groups)

    def __post_init__(self) -> None:
        """With a precision for each group, these are the groups it covers."""
        super().__post_init__()
        if isinstance(self.precision, dict):
            object.__setattr__(self, "covers", _groups("precision", self.precision))

    def __eq__(self, other: object) -> bool:
        """Whether it is the same prior."""
        return (
            isinstance(other, GaussianPrior)
            and self.precisions == other.precisions
            and np.array_equal(self.mean, other.mean)
        )

    __hash__ = None  # type: ignore[assignment]  # a mean may be an array

    @property
    def precisions(self) -> dict[str, float]:
        """The precision of each group that it covers."""
        if isinstance(self.precision, dict):
            return self.precision
        return dict.fromkeys(self.covers, self.precision)

    def pieces(self, blocks: Sequence[Block]) -> list[tuple[int, int, float]]:
        """Start, stop and precision of all it covers in a vector of these blocks."""
        precisions = self.precisions
        return [
            (block.start, block.stop, precisions[block.group])
            for block in blocks
            if block.group in precisions
        ]

    def penalty(self, w: Array, blocks: Sequence[Block]) -> float:
        """The penalty at w, over what it covers in these blocks."""
        off = np.asarray(w, dtype=float) - self.mean
        return sum(
            precision / 2 * float(off[start:stop] @ off[start:stop])
            for start, stop, precision in self.pieces(blocks)
        )

    def log_density(self, w: Array, blocks: Sequence[Block]) -> float:
        """Logarithm of its density at w, over what it covers in these blocks."""
        constant = sum(
            (stop - start) / 2 * math.log(precision / (2 * math.pi))
            for start, stop, precision in self.pieces(blocks)
        )
        return constant - self.penalty(w, blocks)
