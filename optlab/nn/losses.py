"""Losses: one class each, with what belongs to its targets and outputs.

Each loss is the negative logarithm of a likelihood up to a constant, so that an objective
is minus the logarithm of a posterior. A new one is a class here, with a kernel in
optlab_c, and a row in `LOSSES`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from optlab.checks import Array, as_real, check_length
from optlab.options import Checked, option, positive, real
from optlab_c import nets


def _smoothing(name: str, value: Any) -> float:
    number = real(name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {value!r}")
    return number


@dataclass(frozen=True)
class Loss(Checked):
    """What is minimised, summed over the samples.

    Attributes
    ----------
    parameter : float
        The number the loss depends on, if there is one; else 0.
    classifies : bool
        Whether it is for labels, rather than for values.
    least_outputs : int
        The least number of outputs it makes sense for.
    """

    kind: ClassVar[int]
    classifies: ClassVar[bool]
    least_outputs: ClassVar[int] = 1

    @property
    def parameter(self) -> float:
        """The number it depends on."""
        return 0.0

    def targets(
        self, y: npt.ArrayLike, rows: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Targets as the compiled loss takes them, a copy; a bad one is named ``y``.

        Parameters
        ----------
        y : array_like
            Targets of so many rows, for so many outputs.
        rows, outputs : int
            Numbers of samples and outputs.
        dtype : numpy.dtype
            Precision of the net.

        Returns
        -------
        ndarray
            Shape (rows,), int32, or (rows, outputs), of that precision.
        """
        return _values(y, rows, outputs, dtype)

    def predict(self, z: Array) -> Array:
        """Prediction from the outputs z, shape (rows, outputs)."""
        return _squeezed(z)

    def probabilities(self, z: Array) -> Array:
        """Probabilities of the classes from the outputs z, shape (rows, outputs)."""
        raise ValueError(f"loss must be one of classes, not {self!r}: it has values")

    def score(self, targets: Array, z: Array) -> float:
        """How well the outputs z predict: R², averaged over the outputs.

        An output whose targets are all the same has 1 where it meets them, else 0.
        """
        residual = ((targets - z) ** 2).sum(axis=0, dtype=float)
        spread = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0, dtype=float)
        known = spread > 0
        ratio = np.divide(residual, spread, out=1.0 * (residual > 0), where=known)
        return float(np.mean(1 - ratio))

    def log_normaliser(self, outputs: int) -> float:
        """Logarithm of the integral of exp(-loss) over the targets of a sample."""
        return 0.0


def _values(y: npt.ArrayLike, rows: int, outputs: int, dtype: np.dtype[Any]) -> Array:
    """A finite matrix with a row for each sample; a vector will do for one output."""
    ndim = 1 if outputs == 1 and np.ndim(y) == 1 else 2
    values = as_real("y", y, ndim, dtype)
    check_length("y", values, rows)
    values = values.reshape(rows, -1)
    if values.shape[1] != outputs:
        raise ValueError(
            f"y must have {outputs} column(s), one for each output, "
            f"not {values.shape[1]}"
        )
    return values


def _squeezed(z: Array) -> Array:
    """A vector, where there is one output."""
    return z[:, 0] if z.shape[1] == 1 else z


@dataclass(frozen=True)
class CrossEntropy(Loss):
    r"""Softmax cross-entropy, for K >= 2 classes and as many outputs z.

    .. math:: \ell = \log \sum_k e^{z_k} - \sum_k q_k z_k, \qquad
        q = (1 - \varepsilon)\, e_y + \varepsilon / K

    Targets are labels from 0 to K - 1, or one-hot rows. Large outputs do not overflow.

    Parameters
    ----------
    label_smoothing : float, default 0
        The number ε, at least 0 and less than 1: labels are taken as wrong with that
        probability, and as any label then.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, Rethinking the Inception
    Architecture for Computer Vision, CVPR 2016, section 7.
    """

    kind: ClassVar[int] = nets.CROSS_ENTROPY
    classifies: ClassVar[bool] = True
    least_outputs: ClassVar[int] = 2
    label_smoothing: float = option(0.0, _smoothing)

    @property
    def parameter(self) -> float:
        """The label smoothing."""
        return self.label_smoothing

    def targets(
        self, y: npt.ArrayLike, rows: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Labels, shape (rows,), int32."""
        if np.ndim(y) == 2:
            hot = _values(y, rows, outputs, np.dtype(float))
            if not (((hot == 0) | (hot == 1)).all() and (hot.sum(axis=1) == 1).all()):
                raise ValueError("y must be one-hot: a single 1 in each row, and zeros")
            labels: Array = hot.argmax(axis=1)
            return labels.astype(np.int32)
        labels = as_real("y", y, 1)
        check_length("y", labels, rows)
        if (labels != np.round(labels)).any():
            raise ValueError("y must hold labels that are whole numbers")
        if labels.min() < 0 or labels.max() >= outputs:
            raise ValueError(
                f"y must hold labels from 0 to {outputs - 1}, not "
                f"{labels.min():g} to {labels.max():g}"
            )
        return labels.astype(np.int32)

    def predict(self, z: Array) -> Array:
        """Labels, shape (rows,)."""
        labels: Array = z.argmax(axis=1)
        return labels

    def probabilities(self, z: Array) -> Array:
        """Softmax of the outputs."""
        return np.asarray(softmax(z, axis=1))

    def score(self, targets: Array, z: Array) -> float:
        """The share of labels that are right."""
        return float(np.mean(targets == self.predict(z)))


@dataclass(frozen=True)
class Logistic(Loss):
    r"""Logistic loss, for independent labels 0 or 1, one for each output z.

    .. math:: \ell = \sum_k \log(1 + e^{z_k}) - y_k z_k

    Large outputs do not overflow. With one output, this is binary classification.
    """

    kind: ClassVar[int] = nets.LOGISTIC
    classifies: ClassVar[bool] = True

    def targets(
        self, y: npt.ArrayLike, rows: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Labels, shape (rows, outputs)."""
        labels = super().targets(y, rows, outputs, dtype)
        if not ((labels == 0) | (labels == 1)).all():
            raise ValueError("y must hold labels that are 0 or 1")
        return labels

    def predict(self, z: Array) -> Array:
        """Labels, shape (rows, outputs), or (rows,) if there is one output."""
        return _squeezed(z > 0).astype(np.intp)

    def probabilities(self, z: Array) -> Array:
        """Probabilities of 1, for each output; if there is one, those of 0 and 1."""
        return np.asarray(expit(np.hstack([-z, z]) if z.shape[1] == 1 else z))

    def score(self, targets: Array, z: Array) -> float:
        """The share of samples all of whose labels are right."""
        return float(np.mean((targets == (z > 0)).all(axis=1)))


@dataclass(frozen=True)
class Squared(Loss):
    r"""Squared error, :math:`\ell = \frac12 \|z - y\|^2`: normal noise of variance 1."""

    kind: ClassVar[int] = nets.SQUARED
    classifies: ClassVar[bool] = False

    def log_normaliser(self, outputs: int) -> float:
        """That of K normal densities of variance 1: K/2 log 2π."""
        return outputs / 2 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Huber(Loss):
    r"""Huber's loss of r = z - y: r²/2 up to delta, and linear beyond.

    .. math:: \ell = \sum_k \begin{cases} r_k^2 / 2 & |r_k| \le \delta \\
        \delta (|r_k| - \delta / 2) & \text{else} \end{cases}

    Parameters
    ----------
    delta : float, default 1
        Where it becomes linear, above 0.

    References
    ----------
    P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical
    Statistics 35 (1964) 73-101, section 2.
    """

    kind: ClassVar[int] = nets.HUBER
    classifies: ClassVar[bool] = False
    delta: float = option(1.0, positive)

    @property
    def parameter(self) -> float:
        """Where it becomes linear."""
        return self.delta

    def log_normaliser(self, outputs: int) -> float:
        """That of K least favourable densities: normal within delta, then exponential."""
        within = math.sqrt(2 * math.pi) * math.erf(self.delta / math.sqrt(2))
        beyond = 2 / self.delta * math.exp(-(self.delta**2) / 2)
        return outputs * math.log(within + beyond)


LOSSES: dict[str, Loss] = {
    "cross_entropy": CrossEntropy(),
    "logistic": Logistic(),
    "squared": Squared(),
    "squared_error": Squared(),
    "huber": Huber(),
}
