"""The multi-layer perceptron: one flat vector of parameters, with a view for each layer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from optlab.checks import (
    Array,
    as_matrix,
    as_real,
    checked_dtype,
    checked_int,
    generator,
)
from optlab.nn import saving
from optlab.nn.activations import ACTIVATIONS, Activation, Identity
from optlab.nn.initialisers import INITIALISERS, Initialiser, Suited
from optlab.nn.losses import LOSSES, Loss
from optlab.nn.objective import NetObjective
from optlab.nn.parts import choose
from optlab.nn.priors import GROUPS, GaussianPrior
from optlab.options import positive
from optlab_c import nets

Moments = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class Block:
    """Where an array of parameters lies in w.

    Attributes
    ----------
    layer : int
        Its layer.
    name : str
        Its name there.
    start : int
        Where it starts in w.
    shape : tuple of int
        Its shape; it lies in C order.
    """

    layer: int
    name: str
    start: int
    shape: tuple[int, ...]

    @property
    def stop(self) -> int:
        """Where it stops in w."""
        return self.start + prod(self.shape)

    @property
    def group(self) -> str:
        """The group that it belongs to for a prior."""
        return self.name if self.name in GROUPS else "activation"


class Trace(NamedTuple):
    """What flows through a net, by layers.

    Attributes
    ----------
    inputs, outputs : list of ndarray, shape (n_samples, width)
        What each layer's activation is given, and what it puts out.
    derivatives : list of ndarray, shape (n_samples, width)
        Derivatives by these inputs.
    """

    inputs: list[Array]
    outputs: list[Array]
    derivatives: list[Array]


class MLP:
    """A multi-layer perceptron, whose parameters are one vector.

    Each hidden layer is affine, then batch norm if it has that, then its activation; the
    output layer is affine. The loss takes its outputs as they are (they are logits).

    Parameters
    ----------
    sizes : sequence of int
        Numbers of inputs, of units in each hidden layer, and of outputs. Classification
        by cross-entropy has an output for each class.
    activation : str, Activation or a sequence of these, default "relu"
        Of all hidden layers, or one for each: a name in `optlab.nn.ACTIVATIONS`, free of
        case, hyphens and underscores, or an instance.
    batch_norm : bool or sequence of bool, default False
        Whether all hidden layers, or which of them, normalise what they give to their
        activation by its mean and variance over the batch. They have no bias then, but a
        scale and a shift.
    init : str or Initialiser, optional
        Where training starts: a name in `optlab.nn.INITIALISERS` or an instance. By
        default He's rule for rectifiers, hard or smooth, and Xavier's else.
    loss : str or Loss, default "cross_entropy"
        "cross_entropy", "logistic", "squared" (or "squared_error"), "huber", or an
        instance.
    prior : GaussianPrior, optional
        A prior on the parameters, that is an L2 penalty; by default none.
    dtype : {"float64", "float32"}, default "float64"
        Precision of parameters, data and all that is computed.
    batch_norm_eps : float, default 1e-5
        What batch norm adds to variances, above 0.

    Attributes
    ----------
    n : int
        Number of parameters.
    sizes : tuple of int
        As given.
    activations : tuple of Activation
        One for each layer; that of the output layer is the identity.
    batch_norm : tuple of bool
        One for each layer; False for the output layer.
    initialiser : Initialiser
        Where training starts.
    loss : Loss
        What is minimised.
    prior : GaussianPrior or None
        The prior.
    dtype : numpy.dtype
        Precision.
    batch_norm_eps : float
        What batch norm adds to variances.
    blocks : tuple of Block
        Where each array of parameters lies in w.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    Notes
    -----
    w holds, layer after layer: ``weights``, shape (n_in, pieces * n_out), where column
    j * n_out + u is piece j of unit u (pieces is 1 but for maxout); ``bias``, or
    ``scale`` and ``shift`` with batch norm, shape (pieces * n_out,); and what the
    activation trains, in the order of its `Activation.parameters`, shape (n_out,) each.

    Predictions of a net with batch norm need the statistics of the training data: they
    are computed for w from the data of the objective that was made last, which the model
    keeps for that, or come with the file that a model is loaded from.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, chapter 5.

    S. Ioffe and C. Szegedy, Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift, ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> model = optlab.nn.MLP(
    ...     [2, 8, 2], activation="tanh", prior=optlab.nn.GaussianPrior(1e-2)
    ... )
    >>> model
    <MLP 2-8-2: n=42, float64, CrossEntropy(label_smoothing=0.0)>
    >>> objective = model.objective(X, y)
    >>> result = optlab.minimize(objective, model.init(rng=0), method="l-bfgs")
    >>> model.score(result.x, X, y) > 0.97
    True
    >>> [sorted(layer) for layer in model.unpack(result.x)]
    [['bias', 'weights'], ['bias', 'weights']]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Activation | Sequence[str | Activation] = "relu",
        batch_norm: bool | Sequence[bool] = False,
        init: str | Initialiser | None = None,
        loss: str | Loss = "cross_entropy",
        prior: GaussianPrior | None = None,
        dtype: npt.DTypeLike = "float64",
        *,
        batch_norm_eps: float = 1e-5,
    ) -> None:
        self.sizes = _sizes(sizes)
        hidden = len(self.sizes) - 2
        self.activations: tuple[Activation, ...] = (
            *(
                choose(name, value, Activation, ACTIVATIONS)
                for name, value in _each("activation", activation, hidden, str)
            ),
            Identity(),
        )
        self.batch_norm = (
            *(
                _bool(name, value)
                for name, value in _each("batch_norm", batch_norm, hidden, bool)
            ),
            False,
        )
        self.initialiser: Initialiser = (
            Suited()
            if init is None
            else choose("init", init, Initialiser, INITIALISERS)
        )
        self.loss: Loss = choose("loss", loss, Loss, LOSSES)
        if self.sizes[-1] < self.loss.least_outputs:
            raise ValueError(
                f"sizes must end with at least {self.loss.least_outputs} outputs for "
                f"{self.loss!r}, not {self.sizes[-1]}"
            )
        self.dtype: np.dtype[Any] = np.dtype(
            np.float32 if checked_dtype(dtype) else np.float64
        )
        self.batch_norm_eps = positive("batch_norm_eps", batch_norm_eps)
        self.blocks = self._lay_out()
        self.n = self.blocks[-1].stop
        if self.n > np.iinfo(np.intp).max:
            raise ValueError(f"sizes are too large: they make {self.n} parameters")
        if prior is not None and not isinstance(prior, GaussianPrior):
            raise TypeError(f"prior must be a GaussianPrior or None, got {prior!r}")
        if prior is not None and np.ndim(prior.mean) and np.size(prior.mean) != self.n:
            raise ValueError(
                f"prior must have a mean of shape ({self.n},), "
                f"not ({np.size(prior.mean)},)"
            )
        self.prior = prior
        # Where the statistics for a prediction come from: data, and those last computed.
        self._data: Array | None = None
        self._moments: tuple[Array, Moments] | None = None
        self._assemble()

    # ---- how it is built -------------------------------------------------------------

    def _lay_out(self) -> tuple[Block, ...]:
        blocks: list[Block] = []
        for layer, activation in enumerate(self.activations):
            inputs, units = self.sizes[layer : layer + 2]
            columns = activation.pieces * units
            shapes: dict[str, tuple[int, ...]] = {"weights": (inputs, columns)}
            for name in ("scale", "shift") if self.batch_norm[layer] else ("bias",):
                shapes[name] = (columns,)
            for name, shape in (shapes | activation.shapes(units)).items():
                start = blocks[-1].stop if blocks else 0
                blocks.append(Block(layer, name, start, shape))
        return tuple(blocks)

    def _assemble(self) -> None:
        """Make the compiled net, and note the buffers around each activation."""
        self._net = nets.Net(self.sizes[0], self.n, self.dtype == np.float32)
        self._inputs: list[int] = []
        self._outputs: list[int] = []
        source = 0
        for layer, activation in enumerate(self.activations):
            at = {item.name: item.start for item in self.blocks if item.layer == layer}
            units = self.sizes[layer + 1]
            columns = activation.pieces * units
            source = self._net.affine(
                source, columns, at["weights"], at.get("bias", -1)
            )
            if self.batch_norm[layer]:
                source = self._net.norm(
                    source, at["scale"], at["shift"], self.batch_norm_eps
                )
            self._inputs.append(source)
            if layer < len(self.activations) - 1:
                source = activation.add(
                    self._net, source, units, at, self.batch_norm_eps
                )
            self._outputs.append(source)

    def __getstate__(self) -> dict[str, Any]:
        """All but what is compiled."""
        state = self.__dict__.copy()
        del state["_net"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._assemble()

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        return f"<MLP {sizes}: n={self.n}, {self.dtype}, {self.loss!r}>"

    # ---- parameters ------------------------------------------------------------------

    def init(
        self,
        rng: np.random.Generator | int | None = None,
        X: npt.ArrayLike | None = None,
    ) -> Array:
        """Draw parameters to start from, by the model's initialiser.

        Parameters
        ----------
        rng : Generator or int or None, optional
            Where they are drawn from, see `numpy.random.default_rng`.
        X : array_like, shape (n_samples, n_inputs), optional
            Data, for `Autoencoder`.

        Returns
        -------
        ndarray, shape (n,)
            The parameters.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above; the message names it.
        """
        data = None if X is None else self._matrix(X)
        return self.pack(self.initialiser.start(self, generator(rng), data))

    def unpack(self, w: npt.ArrayLike) -> list[dict[str, Array]]:
        """Take a vector of parameters, or a gradient, apart.

        Parameters
        ----------
        w : array_like, shape (n,)
            The vector.

        Returns
        -------
        list of dict of str to ndarray
            For each layer, name to array. Where w is an array, these are views: writing
            into them writes into w.

        Raises
        ------
        TypeError, ValueError
            If w has another shape or does not hold real numbers.
        """
        vector = np.asarray(w)
        if vector.dtype.kind not in "fiub":
            raise TypeError(f"w must hold real numbers, not {vector.dtype}")
        if vector.shape != (self.n,):
            raise ValueError(f"w must have the shape ({self.n},), not {vector.shape}")
        layers: list[dict[str, Array]] = [{} for _ in self.activations]
        for block in self.blocks:
            part = vector[block.start : block.stop]
            layers[block.layer][block.name] = part.reshape(block.shape)
        return layers

    def pack(self, layers: Sequence[Mapping[str, npt.ArrayLike]]) -> Array:
        """Put a vector together, the way back from `unpack`.

        Parameters
        ----------
        layers : sequence of mappings of str to array_like
            For each layer, name to array.

        Returns
        -------
        ndarray, shape (n,)
            The vector, a new one of the model's precision.

        Raises
        ------
        TypeError, ValueError
            If a layer or an array is missing, not known, or of another shape; the message
            names it.
        """
        all_given = _sequence("layers", layers)
        if len(all_given) != len(self.activations):
            raise ValueError(
                f"layers must hold {len(self.activations)} layers, not {len(all_given)}"
            )
        w = np.empty(self.n, self.dtype)
        for layer, (given, views) in enumerate(
            zip(all_given, self.unpack(w), strict=True)
        ):
            if not isinstance(given, Mapping):
                raise TypeError(f"layers[{layer}] must be a dict, got {given!r}")
            if given.keys() != views.keys():
                raise ValueError(
                    f"layers[{layer}] must hold {', '.join(views)}, "
                    f"not {', '.join(map(str, given)) or 'nothing'}"
                )
            for name, view in views.items():
                array = np.asarray(given[name])
                if array.dtype.kind not in "fiub":
                    raise TypeError(
                        f"layers[{layer}][{name!r}] must hold real numbers, "
                        f"not {array.dtype}"
                    )
                if array.shape != view.shape:
                    raise ValueError(
                        f"layers[{layer}][{name!r}] must have the shape {view.shape}, "
                        f"not {array.shape}"
                    )
                view[...] = array
        return w

    # ---- training --------------------------------------------------------------------

    def objective(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        threads: int = 1,
    ) -> NetObjective:
        """Make the objective of the model on data, for `optlab.minimize`.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_inputs)
            Data, finite real numbers; they are copied. With batch norm, at least two
            samples.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Targets. For cross-entropy labels from 0 to n_outputs - 1 or one-hot rows, for
            the logistic loss 0 and 1, else finite real numbers. They are copied.
        sample_weight : array_like, shape (n_samples,), optional
            How much each sample counts, at least 0 and not 0 for all; by default 1. The
            statistics of batch norm do not depend on it.
        threads : int, default 1
            How many threads share an evaluation.

        Returns
        -------
        NetObjective
            The objective.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above; the message names it.
        """
        made = NetObjective.of(self, X, y, sample_weight, threads)
        if self._net.norms:
            self._data, self._moments = made.data[0], None
        return made

    # ---- prediction ------------------------------------------------------------------

    def predict(self, w: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Predict labels or values.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.
        X : array_like, shape (n_samples, n_inputs)
            Data.

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_outputs)
            Labels for losses of classes, else values; a vector for cross-entropy and where
            there is one output.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above; or if the model has batch norm, and its
            statistics for w are not known.
        """
        return self.loss.predict(self._scores(w, X))

    def predict_proba(self, w: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Predict the probabilities of classes.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.
        X : array_like, shape (n_samples, n_inputs)
            Data.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            For cross-entropy, and for the logistic loss of one output, that of each class.
            For the logistic loss of several outputs, that of 1 for each output.

        Raises
        ------
        TypeError, ValueError
            As for `predict`; and if the loss is not one of classes.
        """
        return self.loss.probabilities(self._scores(w, X))

    def decision_function(self, w: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Compute the outputs as they are.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.
        X : array_like, shape (n_samples, n_inputs)
            Data.

        Returns
        -------
        ndarray, shape (n_samples, n_outputs)
            The outputs.

        Raises
        ------
        TypeError, ValueError
            As for `predict`.
        """
        return self._scores(w, X)

    def score(self, w: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Compute how well the model predicts.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.
        X : array_like, shape (n_samples, n_inputs)
            Data.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Targets, as `objective` takes them.

        Returns
        -------
        float
            The share of samples predicted right, for losses of classes; else the
            coefficient of determination R², averaged over the outputs.

        Raises
        ------
        TypeError, ValueError
            As for `predict` and `objective`.
        """
        scores = self._scores(w, X)
        targets = self.loss.targets(y, len(scores), self.sizes[-1], self.dtype)
        return self.loss.score(targets, scores)

    def trace(
        self, w: npt.ArrayLike, X: npt.ArrayLike, delta: npt.ArrayLike | None = None
    ) -> Trace:
        """Compute what flows through the net, forwards and backwards.

        Batch norm takes the statistics of X itself here.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.
        X : array_like, shape (n_samples, n_inputs)
            Data.
        delta : array_like, shape (n_samples, n_outputs), optional
            Derivatives by the outputs, by default 0.

        Returns
        -------
        Trace
            A named tuple of ``inputs``, ``outputs`` and ``derivatives``, each a list of an
            array for each layer.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above; the message names it.
        """
        data = self._matrix(X)
        shape = len(data), self.sizes[-1]
        back = (
            np.zeros(shape, self.dtype)
            if delta is None
            else as_real("delta", delta, 2, self.dtype)
        )
        if back.shape != shape:
            raise ValueError(f"delta must have the shape {shape}, not {back.shape}")
        values, derivatives = self._net.trace(self._vector(w), data, back)
        return Trace(
            [values[i] for i in self._inputs],
            [values[i] for i in self._outputs],
            [d for i in self._inputs if (d := derivatives[i]) is not None],
        )

    def _scores(self, w: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        vector, data = self._vector(w), self._matrix(X)
        return self._net.forward(vector, data, self.moments(vector))

    def moments(self, w: npt.ArrayLike) -> Moments:
        """Mean and variance over the training data, for each batch norm in turn.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters.

        Returns
        -------
        sequence of pairs of ndarray
            The statistics that predictions use; they are computed once for a w.

        Raises
        ------
        ValueError
            If they are not known: there are no training data, and if the model was
            loaded, w is not what it was saved with.
        """
        vector = self._vector(w)
        if self._moments is not None and np.array_equal(self._moments[0], vector):
            return self._moments[1]
        if not self._net.norms:
            return ()
        if self._data is None:
            raise ValueError(
                "batch norm has no statistics of training data for this w: call "
                "model.objective(X, y) with them first"
            )
        found = self._net.statistics(vector, self._data)
        self._moments = vector, found
        return found

    def settle(self, w: npt.ArrayLike, moments: Moments | None = None) -> None:
        """Keep the statistics of batch norm for one w, and let go of training data.

        Parameters
        ----------
        w : array_like, shape (n,)
            Parameters; those that predictions will be made with.
        moments : sequence of pairs of ndarray, optional
            The statistics, as `moments` returns them; by default just these.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above, or as for `moments`.
        """
        vector = self._vector(w)
        known = self.moments(vector) if moments is None else moments
        if not all(np.isfinite(array).all() for pair in known for array in pair):
            raise ValueError("moments must be finite")
        self._data, self._moments = None, (vector, known)

    def _matrix(self, X: npt.ArrayLike) -> Array:
        data = as_matrix("X", X, self.dtype)
        if data.shape[1] != self.sizes[0]:
            raise ValueError(
                f"X must have {self.sizes[0]} columns, not {data.shape[1]}"
            )
        return data

    def _vector(self, w: npt.ArrayLike) -> Array:
        vector = as_real("w", w, 1, self.dtype)
        if len(vector) != self.n:
            raise ValueError(f"w must have the shape ({self.n},), not {vector.shape}")
        return vector

    # ---- files -----------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], w: npt.ArrayLike) -> None:
        """Save the model with its parameters, and the statistics of its batch norm.

        Parameters
        ----------
        path : str or path-like
            The file to write, in NumPy's format npz; nothing is added to its name.
        w : array_like, shape (n,)
            Parameters.

        Raises
        ------
        TypeError, ValueError
            If w is not as said above, or the model has a part that cannot be written.
        """
        saving.save(self, path, self._vector(w))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> tuple[MLP, Array]:
        """Load a model with its parameters.

        Nothing in the file is executed: it is read as JSON and plain arrays.

        Parameters
        ----------
        path : str or path-like
            A file that `save` wrote.

        Returns
        -------
        model : MLP
            The model.
        w : ndarray, shape (n,)
            Its parameters.

        Raises
        ------
        ValueError
            If it is no such file, or damaged.
        """
        return saving.load(cls, path)


def _sequence(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError(f"{name} must be a sequence, got {value!r}")
    return value  # type: ignore[return-value]  # an array will do


def _sizes(value: Any) -> tuple[int, ...]:
    sizes = _sequence("sizes", value)
    if len(sizes) < 2:
        raise ValueError(
            f"sizes must hold at least the numbers of inputs and outputs, got {sizes!r}"
        )
    return tuple(checked_int(f"sizes[{i}]", size, 1) for i, size in enumerate(sizes))


def _each(name: str, value: Any, hidden: int, single: type) -> list[tuple[str, Any]]:
    """A value for each hidden layer, with the name it was given by."""
    if isinstance(value, single | str) or not isinstance(value, Sequence | np.ndarray):
        return [(name, value)] * hidden
    if len(value) != hidden:
        raise ValueError(
            f"{name} must be one for all hidden layers, or a sequence of {hidden}, one "
            f"for each, not of {len(value)}"
        )
    return [(f"{name}[{i}]", item) for i, item in enumerate(value)]


def _bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {value!r}")
    return bool(value)
