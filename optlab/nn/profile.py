"""How signals and gradients grow or fade from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optlab.checks import Array, generator
from optlab.nn.mlp import MLP


@dataclass(frozen=True, eq=False)
class VarianceProfile:
    """What `variance_profile` returns; the last entries are those of the output layer.

    Attributes
    ----------
    preactivations : ndarray, shape (n_layers,)
        Variance of what each layer's activation is given, over samples and units.
    activations : ndarray, shape (n_layers,)
        Variance of what each layer puts out.
    gradients : ndarray, shape (n_layers,)
        Variance of the derivatives by what each layer's activation is given.
    """

    preactivations: Array
    activations: Array
    gradients: Array


def variance_profile(
    model: MLP,
    X: npt.ArrayLike,
    rng: np.random.Generator | int | None = None,
    w: npt.ArrayLike | None = None,
) -> VarianceProfile:
    """Compute the variance of signals and gradients in each layer.

    A net can be trained from where these neither grow nor fade: that is what initialisers
    are for. The gradients are those of a function of the outputs whose derivatives by them
    are drawn from N(0, 1), independently.

    Parameters
    ----------
    model : MLP
        The net.
    X : array_like, shape (n_samples, n_inputs)
        Data.
    rng : Generator or int or None, optional
        Where parameters and derivatives are drawn from, see `numpy.random.default_rng`.
    w : array_like, shape (n,), optional
        Parameters, by default ``model.init(rng, X)``.

    Returns
    -------
    VarianceProfile
        Variances, an entry for each layer.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks, AISTATS 2010, equations (5) and (6).

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> X = np.random.default_rng(0).normal(size=(500, 200))
    >>> def signals(init):
    ...     model = optlab.nn.MLP([200] * 8 + [2], "relu", init=init)
    ...     return optlab.nn.variance_profile(model, X, rng=0).preactivations
    >>> he, old = signals("he"), signals("heuristic")
    >>> bool(he[6] > 0.5 * he[0]), bool(old[6] < 1e-3 * old[0])
    (True, True)
    """
    if not isinstance(model, MLP):
        raise TypeError(f"model must be an MLP, not {type(model).__name__}")
    source = generator(rng)
    if w is None:
        w = model.init(source, X)
    delta = source.standard_normal((len(np.asarray(X)), model.sizes[-1]))
    inputs, outputs, derivatives = model.trace(w, X, delta)
    return VarianceProfile(*map(_variances, (inputs, outputs, derivatives)))


def _variances(arrays: list[Array]) -> Array:
    return np.array([array.var(dtype=np.float64) for array in arrays])
