"""The objective of a net on data, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from optlab.checks import Array, as_matrix, as_targets, checked_int
from optlab_c import nets
from optlab_c.objectives import Objective

if TYPE_CHECKING:
    from optlab.nn.mlp import MLP


class NetObjective(Objective):
    r"""What `MLP.objective` returns: an objective for every method of `optlab.minimize`.

    .. math:: F(w) = \frac1S \Big[ \sum_i s_i\, \ell_i(w)
        + \sum_j \frac{\lambda_j}{2} (w_j - \bar w_j)^2 \Big], \qquad S = \sum_i s_i,

    with the sample weights s and the prior's precisions λ: that is minus the logarithm of
    the posterior, over S, and up to a constant. On a batch B of m of the N samples,

    .. math:: F_B(w) = \frac NS\, \frac1m \sum_{i \in B} s_i\, \ell_i(w)
        + \frac1S \sum_j \frac{\lambda_j}{2} (w_j - \bar w_j)^2,

    whose mean over all batches is F, but not with batch norm, where a loss depends on the
    batch that the sample is in.

    Value, gradient and products of the Hessian are exact, and compiled; ``fun(w)``,
    ``grad(w)``, ``fun_and_grad(w)`` and ``hessp(w, v)`` all take ``indices=``, a vector
    of the numbers of samples: those of the batch, repeated ones as often as they are
    there.

    Attributes
    ----------
    model : MLP
        The model.
    n : int
        Number of parameters.
    n_samples : int
        Number of samples.
    dtype : numpy.dtype
        Precision of w and of the derivatives; values are always doubles.
    total_weight : float
        The sum S of the sample weights, that is the number of samples if there are none.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> model = optlab.nn.MLP([1, 1], loss="squared")
    >>> objective = model.objective([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    >>> w = np.array([0.0, 0.0])
    >>> objective.fun_and_grad(w)
    (2.333..., array([-2.666..., -2. ]))
    >>> objective.fun(w, indices=[0, 1])
    1.25
    >>> optlab.minimize(objective, w).x.round(3)
    array([1., 1.])
    """

    model: MLP
    total_weight: float
    data: tuple[Array, Array, Array | None, int]
    """X, y and the sample weights as they are kept, and the number of threads."""

    @staticmethod
    def of(
        model: MLP,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None,
        threads: int,
    ) -> NetObjective:
        """Make it, see `MLP.objective`."""
        # Copies, always: the kernels read them at every evaluation, without a check, so
        # they must not change when the caller's arrays do.
        data = as_matrix("X", X, model.dtype)
        rows, columns = data.shape
        if columns != model.sizes[0]:
            raise ValueError(f"X must have {model.sizes[0]} columns, not {columns}")
        net = model._net
        if net.norms and rows < 2:
            raise ValueError("X must have at least two samples with batch norm")
        targets = model.loss.targets(y, rows, net.outputs, model.dtype)
        weights = None if sample_weight is None else _weights(sample_weight, rows)
        threads = min(checked_int("threads", threads, 1), rows)
        total = float(rows if weights is None else weights.sum())
        prior = model.prior
        mean = None
        if prior is not None and np.any(prior.mean):
            mean = np.full(model.n, prior.mean, model.dtype)
        capsule = nets.objective(
            net,
            data,
            targets,
            None if weights is None else (weights / total * rows).astype(model.dtype),
            model.loss.kind,
            model.loss.parameter,
            []
            if prior is None
            else [
                (start, stop, precision / total)
                for start, stop, precision in prior.pieces(model.blocks)
            ],
            mean,
            threads,
        )
        made = NetObjective(capsule)
        made.least_batch = 2 if net.norms else 1
        made.model = model
        made.total_weight = total
        made.data = data, targets, weights, threads
        return made

    def log_prior(self, w: npt.ArrayLike) -> float:
        """Logarithm of the prior's density at w, over the parameters that it covers.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.

        Returns
        -------
        float
            The logarithm; 0 if there is no prior.
        """
        vector = self.model._vector(w)
        prior = self.model.prior
        return 0.0 if prior is None else prior.log_density(vector, self.model.blocks)

    def log_likelihood(self, w: npt.ArrayLike) -> float:
        """Logarithm of the likelihood of the data at w.

        Each sample counts as often as its weight says. Squared error is a normal density
        of variance 1, Huber's loss its least favourable one; the losses of classes are
        probabilities, but for label smoothing, where the loss is taken as it is.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.

        Returns
        -------
        float
            The logarithm.
        """
        vector = self.model._vector(w)
        model = self.model
        prior = model.prior
        penalty = 0.0 if prior is None else prior.penalty(vector, model.blocks)
        normaliser = model.loss.log_normaliser(model.sizes[-1])
        return penalty - self.total_weight * (self.fun(vector) + normaliser)

    def log_posterior(self, w: npt.ArrayLike) -> float:
        """Logarithm of the posterior at w, up to the constant log p(data).

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.

        Returns
        -------
        float
            `log_prior` + `log_likelihood`.
        """
        return self.log_prior(w) + self.log_likelihood(w)

    # What stochastic methods ask for

    def split(
        self, kept: Array, held: Array
    ) -> tuple[NetObjective, Callable[[Array], tuple[float, float]]]:
        """The objective of some samples, and the mean loss and score of others.

        Parameters
        ----------
        kept, held : ndarray of int
            The numbers of the samples.

        Returns
        -------
        NetObjective
            On the samples that are kept.
        callable
            As by `held_out`.
        """
        X, y, weights, threads = self.data
        part, rest = (None if weights is None else weights[i] for i in (kept, held))
        train = NetObjective.of(self.model, X[kept], y[kept], part, threads)
        return train, train.held_out(X[held], y[held], rest)

    def held_out(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Callable[[Array], tuple[float, float]]:
        """Make a function of w for the mean loss and the score on other data.

        Parameters
        ----------
        X, y, sample_weight : array_like
            The data, as `MLP.objective` takes them.

        Returns
        -------
        callable
            ``held_out(w) -> (loss, score)``, without the prior; batch norm takes the
            statistics of the training data.
        """
        model = self.model
        data, loss = model._matrix(X), model.loss
        outputs, normed = model.sizes[-1], model._net.norms > 0
        targets = loss.targets(y, len(data), outputs, model.dtype)
        # The loss of given outputs is that of a net that passes them on.
        passing = type(model)([outputs, outputs], loss=loss, dtype=model.dtype.name)
        w0 = passing.pack([{"weights": np.eye(outputs), "bias": np.zeros(outputs)}])

        def evaluate(w: Array) -> tuple[float, float]:
            # The statistics of these training data, whatever the model last saw.
            vector = model._vector(w)
            moments = model._net.statistics(vector, self.data[0]) if normed else ()
            z = model._net.forward(vector, data, moments)
            if not np.isfinite(z).all():
                return np.inf, np.nan
            mean = passing.objective(z, targets, sample_weight).fun(w0)
            return mean, loss.score(targets, z)

        return evaluate

    def __repr__(self) -> str:
        return f"<NetObjective of {self.model!r} on {self.n_samples} samples>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the model and the data; compiled memory does not travel."""
        return _remake, (self.model, *self.data)


def _remake(model: MLP, *data: Any) -> NetObjective:
    return model.objective(*data)


def _weights(value: npt.ArrayLike, rows: int) -> Array:
    weights = as_targets("sample_weight", value, rows)
    if (weights < 0).any():
        raise ValueError("sample_weight must not be negative")
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not 0 < total < np.inf:
        raise ValueError("sample_weight must not be all zero, and have a finite sum")
    return weights
