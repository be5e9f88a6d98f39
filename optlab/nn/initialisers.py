"""Initialisers: where the weights of a net start, and the table of their names.

For y = Σ w_i x_i over n independent terms with E w = 0, Var y = n Var w E[x²]. Each rule
here is a choice of Var w; `variance_profile` shows what comes of it, layer by layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from optlab.checks import Array
from optlab.methods import find_method
from optlab.minimize import minimize
from optlab.nn.parts import choose
from optlab.nn.priors import GaussianPrior
from optlab.options import (
    Checked,
    finite,
    not_negative,
    one_of,
    option,
    optional,
    positive,
)

if TYPE_CHECKING:
    from optlab.nn.activations import Activation
    from optlab.nn.mlp import MLP


@dataclass(frozen=True)
class Initialiser(Checked):
    """Where the parameters of a net start.

    Weights are drawn; biases and shifts of batch norm are 0, its scales 1, and
    parameters of activations start where those say.
    """

    def draw(
        self,
        inputs: int,
        outputs: int,
        activation: Activation,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the weights of an affine map.

        Parameters
        ----------
        inputs, outputs : int
            Size of the map.
        activation : Activation
            What it is followed by.
        rng : Generator
            Where they are drawn from.

        Returns
        -------
        ndarray, shape (inputs, outputs)
            The weights.
        """
        raise NotImplementedError

    def start(
        self, model: MLP, rng: np.random.Generator, X: Array | None
    ) -> list[dict[str, Array]]:
        """Where all parameters of a net start, layer by layer, as `MLP.pack` takes them.

        Parameters
        ----------
        model : MLP
            The net.
        rng : Generator
            Where they are drawn from.
        X : ndarray, shape (n_samples, n_inputs), or None
            Data, for an initialiser that wants them.

        Returns
        -------
        list of dict
            Name to array.
        """
        layers = []
        for layer, activation in enumerate(model.activations):
            inputs, units = model.sizes[layer : layer + 2]
            drawn = [
                self.draw(inputs, units, activation, rng)
                for _ in range(activation.pieces)
            ]
            start = {"weights": np.hstack(drawn)}
            columns = start["weights"].shape[1]
            if model.batch_norm[layer]:
                start["scale"], start["shift"] = np.ones(columns), np.zeros(columns)
            else:
                start["bias"] = np.zeros(columns)
            layers.append(start | activation.start(units, rng))
        return layers


@dataclass(frozen=True)
class Scaled(Initialiser):
    """Independent weights of mean 0 with a variance that each rule chooses.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default "uniform"
        What they are drawn from; the variance is the same.
    """

    distribution: str = option("uniform", one_of("uniform", "normal"))

    def variance(self, inputs: int, outputs: int, activation: Activation) -> float:
        """The variance of the weights of an affine map, see `draw`."""
        raise NotImplementedError

    def draw(
        self,
        inputs: int,
        outputs: int,
        activation: Activation,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the weights of an affine map."""
        deviation = np.sqrt(self.variance(inputs, outputs, activation))
        if self.distribution == "normal":
            return rng.normal(0, deviation, (inputs, outputs))
        limit = np.sqrt(3) * deviation
        return rng.uniform(-limit, limit, (inputs, outputs))


@dataclass(frozen=True)
class Xavier(Scaled):
    """Var w = 2 / (n_in + n_out), which suits activations that are linear near 0.

    It is a compromise between keeping the variance of signals, 1/n_in, and that of
    gradients, 1/n_out. Uniform, that is on ±√(6 / (n_in + n_out)).

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default "uniform"
        What weights are drawn from; the variance is the same.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks, AISTATS 2010, equations (12) and (16).

    Examples
    --------
    >>> import optlab
    >>> model = optlab.nn.MLP([4, 2], init=optlab.nn.Xavier("normal"))
    >>> model.init(rng=0).round(2)
    array([ 0.07, -0.08,  0.37,  0.06, -0.31,  0.21,  0.75,  0.55,  0.  ,  0.  ])
    """

    def variance(self, inputs: int, outputs: int, activation: Activation) -> float:
        """2 / (inputs + outputs)."""
        return 2 / (inputs + outputs)


@dataclass(frozen=True)
class He(Scaled):
    """Var w = 2 / ((1 + a²) n_in), which suits rectifiers with the slope a on the left.

    A rectifier lets half of the second moment through, a leaky one (1 + a²) / 2.
    Uniform, that is on ±√(6 / ((1 + a²) n_in)).

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default "uniform"
        What weights are drawn from; the variance is the same.
    a : float, optional
        The slope; by default that of the layer's activation, or 0 if that is no
        rectifier.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015,
    equations (10), (14) and (15).
    """

    a: float | None = option(None, optional(finite))

    def variance(self, inputs: int, outputs: int, activation: Activation) -> float:
        """2 / ((1 + a²) inputs)."""
        a = (activation.slope or 0.0) if self.a is None else self.a
        return 2 / ((1 + a**2) * inputs)


@dataclass(frozen=True)
class LeCun(Scaled):
    """Var w = 1 / n_in, which keeps the variance of signals through linear layers.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default "uniform"
        What weights are drawn from; the variance is the same.

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, Efficient BackProp, in: Neural
    Networks: Tricks of the Trade, Springer 1998, equation (16).
    """

    def variance(self, inputs: int, outputs: int, activation: Activation) -> float:
        """1 / inputs."""
        return 1 / inputs


@dataclass(frozen=True)
class Heuristic(Scaled):
    """Var w = 1 / (3 n_in), uniform on ±1/√n_in: what was usual before 2010.

    Signals shrink threefold in each layer, which is why the others exist.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default "uniform"
        What weights are drawn from; the variance is the same.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks, AISTATS 2010, equation (1).
    """

    def variance(self, inputs: int, outputs: int, activation: Activation) -> float:
        """1 / (3 inputs)."""
        return 1 / (3 * inputs)


@dataclass(frozen=True)
class Orthogonal(Initialiser):
    """A random matrix with orthonormal rows or columns, whichever are fewer.

    Parameters
    ----------
    gain : float, default 1
        What it is multiplied by, above 0.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks, ICLR 2014, section 3.

    F. Mezzadri, How to generate random matrices from the classical compact groups,
    Notices of the AMS 54 (2007) 592-604, section 5.
    """

    gain: float = option(1.0, positive)

    def draw(
        self,
        inputs: int,
        outputs: int,
        activation: Activation,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the weights of an affine map."""
        shape = max(inputs, outputs), min(inputs, outputs)
        q, r = np.linalg.qr(rng.standard_normal(shape))
        q *= self.gain * np.sign(np.diag(r))  # without it q is not uniform
        return q if inputs >= outputs else q.T


@dataclass(frozen=True)
class Suited(Initialiser):
    """`He` for layers with a rectifier, hard or smooth, and `Xavier` for all others."""

    def draw(
        self,
        inputs: int,
        outputs: int,
        activation: Activation,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the weights of an affine map."""
        rule = Xavier() if activation.slope is None else He()
        return rule.draw(inputs, outputs, activation, rng)


def _initialiser(name: str, value: Any) -> Initialiser:
    return choose(name, value, Initialiser, INITIALISERS)


def _options(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {value!r}")
    return dict(value)


@dataclass(frozen=True)
class Autoencoder(Initialiser):
    """Greedy pretraining: each hidden layer first learns to encode what it is given.

    A net of the layer, with its activation and its batch norm, and an affine layer that
    maps back is trained on squared error, `optlab.minimize` doing it; then the affine
    layer is dropped, and the next hidden layer is trained on what this one puts out. It
    needs data: ``model.init(rng, X)``.

    Parameters
    ----------
    method : str, default "l-bfgs"
        A method of `optlab.minimize`.
    options : dict, optional
        Its options, by default ``{"maxiter": 100}``.
    base : str or Initialiser, default "suited"
        Where each of these nets, and the output layer, starts.
    precision : float, default 0
        Precision of a Gaussian prior on the weights while they are pretrained.

    References
    ----------
    Y. Bengio, P. Lamblin, D. Popovici and H. Larochelle, Greedy Layer-Wise Training of
    Deep Networks, NIPS 2006 (published 2007), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> init = optlab.nn.Autoencoder(options={"maxiter": 5})
    >>> model = optlab.nn.MLP([3, 4, 2], activation="tanh", init=init)
    >>> model.init(rng=0, X=X).shape
    (26,)
    """

    method: str = option("l-bfgs", lambda name, value: find_method(value).name)
    options: dict[str, Any] = field(
        default_factory=lambda: {"maxiter": 100},
        metadata={"check": _options},
        hash=False,
    )
    base: Initialiser = option(Suited(), _initialiser)
    precision: float = option(0.0, not_negative)

    def start(
        self, model: MLP, rng: np.random.Generator, X: Array | None
    ) -> list[dict[str, Array]]:
        """Where all parameters of a net start, layer by layer."""
        if X is None:
            raise ValueError("X must be given: the layers are pretrained on it")
        from optlab.nn.mlp import MLP  # which imports this module

        layers = self.base.start(model, rng, X)
        for layer in range(len(layers) - 1):
            inputs, units = model.sizes[layer : layer + 2]
            encoder = MLP(
                (inputs, units, inputs),
                model.activations[layer],
                model.batch_norm[layer],
                self.base,
                "squared",
                GaussianPrior(self.precision) if self.precision else None,
                model.dtype,
                batch_norm_eps=model.batch_norm_eps,
            )
            objective = encoder.objective(X, X)
            w = minimize(
                objective, encoder.init(rng), method=self.method, options=self.options
            ).x
            layers[layer] = encoder.unpack(w)[0]
            X = encoder.trace(w, X).outputs[0]
        return layers


INITIALISERS: dict[str, Initialiser] = {
    "suited": Suited(),
    "xavier": Xavier(),
    "xavier_uniform": Xavier("uniform"),
    "xavier_normal": Xavier("normal"),
    "glorot": Xavier(),
    "glorot_uniform": Xavier("uniform"),
    "glorot_normal": Xavier("normal"),
    "he": He(),
    "he_uniform": He("uniform"),
    "he_normal": He("normal"),
    "lecun": LeCun(),
    "lecun_uniform": LeCun("uniform"),
    "lecun_normal": LeCun("normal"),
    "heuristic": Heuristic(),
    "orthogonal": Orthogonal(),
}
INITIALISERS["autoencoder"] = Autoencoder()  # whose own base is one of the others
