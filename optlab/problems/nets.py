r"""Neural nets as test problems, on real data and on data that are made.

Each is an `optlab.nn.MLP` on data, with the mean loss over the S samples and a Gaussian
prior on all parameters w:

.. math:: F(w) = \frac1S \Big[ \sum_i \ell_i(w) + \frac{\text{precision}}{2} \|w\|^2
          \Big],

which has a minimum, since its level sets are bounded. It may have many: F is not convex,
and in which of them a run ends may be a matter of rounding. So no least value is given, but
for `teacher_student`. All take the same parameters for the net, beside those for the data:

hidden : sequence of int
    Numbers of units in the hidden layers; there may be none.
activation, batch_norm, init : optional
    As `optlab.nn.MLP` takes them. With "relu" and others that have kinks, F has kinks,
    too, and a minimum may lie on one, where no gradient goes to 0. Batch norm adds 0.1 to
    variances: the prior shrinks weights whose scale it takes out until that number
    matters, and were it 1e-5, second derivatives could be thousands of times larger.
precision : float, at least 0
    Precision of the prior; 0 stands for no prior, and then F need not have a minimum.
rng : Generator or int or None
    Where the data, if they are made, and then the start are drawn from, see
    `numpy.random.default_rng`.
dtype : {"float64", "float32"}
    Precision of data, parameters and derivatives.

`optlab.problems.names` lists nets only where the tag ``"net"`` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from optlab.checks import Array, checked_float, checked_int, generator

from .data import real_data, standardised
from .registry import Problem, problem

if TYPE_CHECKING:  # optlab.nn is loaded when a net is made
    from optlab.nn import MLP, Activation, Initialiser, NetObjective

__all__ = [
    "NetProblem",
    "checkerboard",
    "net_breast_cancer",
    "net_diabetes",
    "net_digits",
    "net_wine",
    "noisy_sine",
    "teacher_student",
    "two_spirals",
]

VARIANCE = 0.1
"""What batch norm adds to variances here."""

Activations: TypeAlias = Union[str, "Activation", Sequence[Union[str, "Activation"]]]
Init: TypeAlias = Union[str, "Initialiser", None]
Rng: TypeAlias = np.random.Generator | int | None


class NetProblem(Problem):
    """A `Problem` that is a net on data.

    Like the objective, it takes ``indices=``: the numbers of the samples of a batch.

    Parameters
    ----------
    objective : NetObjective
        The net's objective, as by `optlab.nn.MLP.objective`.
    x0 : array_like, shape (n,)
        Start.
    f_opt : float, optional
        Lowest known value.

    Attributes
    ----------
    objective : NetObjective
        The net's objective, which holds the data.
    model : MLP
        The net: ``problem.model.unpack(x)`` takes a vector apart.

    Examples
    --------
    >>> import optlab
    >>> problem = optlab.problems.get("net-wine", hidden=(8, 8), activation="swish")
    >>> problem
    <Problem net_wine(hidden=(8, 8), activation='swish'): n=211>
    >>> result = optlab.minimize(problem, problem.x0, method="l-bfgs")
    >>> X, y = problem.objective.data[:2]
    >>> problem.model.score(result.x, X, y)
    1.0
    """

    objective: NetObjective

    def __init__(
        self, objective: NetObjective, *, x0: npt.ArrayLike, f_opt: float | None = None
    ) -> None:
        super().__init__(objective, x0=x0, f_opt=f_opt)
        self.objective = objective

    @property
    def model(self) -> MLP:
        """The net."""
        return self.objective.model

    # What stochastic methods ask for

    def split(
        self, kept: Array, held: Array
    ) -> tuple[NetObjective, Callable[[Array], tuple[float, float]]]:
        """As `NetObjective.split`."""
        return self.objective.split(kept, held)

    def held_out(
        self, X: npt.ArrayLike, y: npt.ArrayLike
    ) -> Callable[[Array], tuple[float, float]]:
        """As `NetObjective.held_out`."""
        return self.objective.held_out(X, y)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the objective, unless the registry can make it again."""
        if self._make is not None:
            return super().__reduce__()
        return _remake, (self.objective, self.x0, self.f_opt)


def _remake(objective: NetObjective, x0: Array, f_opt: float | None) -> NetProblem:
    return NetProblem(objective, x0=x0, f_opt=f_opt)


def net(
    X: Array,
    y: Array,
    outputs: int,
    loss: str,
    hidden: Sequence[int],
    activation: Activations,
    batch_norm: bool | Sequence[bool],
    init: Init,
    precision: float,
    rng: np.random.Generator,
    dtype: npt.DTypeLike,
) -> NetProblem:
    """A net on data, with a start of its own."""
    from optlab import nn
    from optlab.nn.priors import GROUPS

    precision = checked_float("precision", precision, 0)
    # On all parameters: were one left out, such as batch norm's scale, it could grow while
    # the others shrink, and F would have no minimum.
    prior = nn.GaussianPrior(precision, covers=GROUPS) if precision else None
    model = nn.MLP(
        [X.shape[1], *checked_hidden(hidden), outputs],
        activation,
        batch_norm,
        init,
        loss,
        prior,
        dtype,
        batch_norm_eps=VARIANCE,
    )
    return NetProblem(model.objective(X, y), x0=model.init(rng, X))


def checked_hidden(hidden: Any) -> tuple[int, ...]:
    """Return sizes of hidden layers, or an error naming `hidden`."""
    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        raise TypeError(f"hidden must be a sequence of int, got {hidden!r}")
    return tuple(checked_int(f"hidden[{i}]", n, 1) for i, n in enumerate(hidden))


# ---- real data -----------------------------------------------------------------------


@problem(
    "net",
    "data",
    source="Alpaydin & Kaynak, Kybernetika 34 (1998) 369-374; scikit-learn's digits",
    requires="sklearn",
)
def net_digits(
    hidden: Sequence[int] = (8,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 1.0,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net for handwritten digits: 1797 samples, 64 features, 10 classes.

    Parameters
    ----------
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`. Features get mean 0 and variance 1 (those
        that vary), the loss is cross-entropy.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374.
    """
    source = generator(rng)
    X, y = real_data("digits")
    data = standardised(X), y, 10, "cross_entropy"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


@problem(
    "net",
    "data",
    source=(
        "Wolberg, Street & Mangasarian, Anal. Quant. Cytol. Histol. 17 (1995) 77-87; "
        "scikit-learn's breast_cancer"
    ),
    requires="sklearn",
)
def net_breast_cancer(
    hidden: Sequence[int] = (8,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 1.0,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net for breast cancer data: 569 samples, 30 features, 2 classes.

    Parameters
    ----------
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`. Features get mean 0 and variance 1, the
        loss is logistic.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    W. H. Wolberg, W. N. Street and O. L. Mangasarian, Image analysis and machine learning
    applied to breast cancer diagnosis and prognosis, Analytical and Quantitative Cytology
    and Histology 17 (1995) 77-87.
    """
    source = generator(rng)
    X, y = real_data("breast_cancer")
    data = standardised(X), y, 1, "logistic"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


@problem(
    "net",
    "data",
    source=(
        "Efron, Hastie, Johnstone & Tibshirani, Ann. Stat. 32 (2004) 407-499; "
        "scikit-learn's diabetes"
    ),
    requires="sklearn",
)
def net_diabetes(
    hidden: Sequence[int] = (8,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 1.0,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net for the progression of diabetes: 442 samples, 10 features, one target.

    Parameters
    ----------
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`. Features and target get mean 0 and
        variance 1, the loss is the squared error.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, Least angle regression, Annals of
    Statistics 32 (2004) 407-499.
    """
    source = generator(rng)
    X, y = real_data("diabetes")
    data = standardised(X), standardised(y), 1, "squared"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


@problem(
    "net",
    "data",
    source=(
        "Aeberhard, Coomans & de Vel, Pattern Recognition 27 (1994) 1065-1077; "
        "scikit-learn's wine"
    ),
    requires="sklearn",
)
def net_wine(
    hidden: Sequence[int] = (8,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 1.0,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net for wines by their analysis: 178 samples, 13 features, 3 classes.

    Parameters
    ----------
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`. Features get mean 0 and variance 1, the
        loss is cross-entropy.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    S. Aeberhard, D. Coomans and O. de Vel, Comparative analysis of statistical pattern
    recognition methods in high dimensional settings, Pattern Recognition 27 (1994)
    1065-1077.
    """
    source = generator(rng)
    X, y = real_data("wine")
    data = standardised(X), y, 3, "cross_entropy"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


# ---- made data -----------------------------------------------------------------------


def spirals(
    samples: int, turns: float, noise: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Points of two spirals that wind into each other, and which of them each is on."""
    samples = checked_int("samples", samples, 4, multiple=2)
    turns = checked_float("turns", turns, 0, strict=True)
    noise = checked_float("noise", noise, 0)
    # The paper's are i = 0, ..., 96 with the radius 6.5 (104 - i) / 104, angle i pi / 16.
    along = np.linspace(0, 1, samples // 2)
    radius, angle = 6.5 * (1 - 96 / 104 * along), 2 * np.pi * turns * along
    one = radius[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    X = np.vstack([one, -one])
    X += noise * rng.standard_normal(X.shape)
    return X, np.repeat([1, 0], samples // 2)


@problem(
    "net",
    source="Lang & Witbrock, Proc. 1988 Connectionist Models Summer School, 52-59",
)
def two_spirals(
    samples: int = 194,
    turns: float = 3.0,
    noise: float = 0.0,
    hidden: Sequence[int] = (12, 12),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 0.1,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net that tells two spirals apart, which wind into each other: a hard problem.

    The points are at ±r (sin φ, cos φ), with r from 6.5 down to 0.5. The loss is logistic.

    Parameters
    ----------
    samples : int, optional
        Number of points, half of them on each spiral; the default gives the paper's.
    turns : float, optional
        How often they go around, above 0; the fewer, the easier.
    noise : float, optional
        Standard deviation of what is added to the points.
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    K. J. Lang and M. J. Witbrock, Learning to tell two spirals apart, in: Proceedings of
    the 1988 Connectionist Models Summer School, Morgan Kaufmann, 1988, 52-59.
    """
    source = generator(rng)
    data = *spirals(samples, turns, noise, source), 1, "logistic"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


def board(
    samples: int, cells: int, noise: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Points on a board of cells x cells squares, half of them on each colour."""
    cells = checked_int("cells", cells, 2)
    samples = checked_int("samples", samples, 2)
    noise = checked_float("noise", noise, 0)
    row, column = np.divmod(np.arange(cells * cells), cells)
    colour = (row + column) % 2
    y = np.arange(samples) % 2
    on = np.empty(samples, int)
    for kind in (0, 1):
        mine = y == kind
        on[mine] = rng.choice(np.flatnonzero(colour == kind), mine.sum())
    corners = np.column_stack([row[on], column[on]])
    X = 2 / cells * (corners + rng.uniform(size=corners.shape)) - 1
    X += noise * rng.standard_normal(X.shape)
    return X, y


@problem(
    "net",
    source="Ho & Kleinberg, Proc. 13th Int. Conf. Pattern Recognition (1996) 880-885",
)
def checkerboard(
    samples: int = 200,
    cells: int = 4,
    noise: float = 0.0,
    hidden: Sequence[int] = (10, 10),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 0.1,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net that tells the colours of a checkerboard.

    The points are uniform on the squares of each colour, as many on either, and the board
    is [-1, 1] x [-1, 1]. The loss is logistic.

    Parameters
    ----------
    samples : int, optional
        Number of points, at least 2.
    cells : int, optional
        Number of squares along a side, at least 2.
    noise : float, optional
        Standard deviation of what is added to the points, once they have their colours.
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    T. K. Ho and E. M. Kleinberg, Building projectable classifiers of arbitrary complexity,
    in: Proceedings of the 13th International Conference on Pattern Recognition, 1996,
    880-885.
    """
    source = generator(rng)
    data = *board(samples, cells, noise, source), 1, "logistic"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


def sine(samples: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two periods of a sine, at random places, and with noise."""
    samples = checked_int("samples", samples, 2)
    noise = checked_float("noise", noise, 0)
    x = rng.uniform(-1, 1, samples)
    y = np.sin(2 * np.pi * x) + noise * rng.standard_normal(samples)
    return x[:, None], y


@problem(
    "net",
    source="Bishop, Pattern Recognition and Machine Learning, 2006, 1.1",
)
def noisy_sine(
    samples: int = 100,
    noise: float = 0.1,
    hidden: Sequence[int] = (8,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 0.01,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net for values of a sine with noise: two periods, one feature.

    The target is sin 2πx + noise, with x uniform on [-1, 1]. The loss is the squared error.

    Parameters
    ----------
    samples : int, optional
        Number of values, at least 2.
    noise : float, optional
        Standard deviation of the noise.
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 1.1,
    where x is in [0, 1].
    """
    source = generator(rng)
    data = *sine(samples, noise, source), 1, "squared"
    return net(*data, hidden, activation, batch_norm, init, precision, source, dtype)


@problem(
    "net",
    source="Gardner & Derrida, J. Phys. A 22 (1989) 1983-1994",
)
def teacher_student(
    samples: int = 200,
    features: int = 5,
    teacher: int = 4,
    noise: float = 0.0,
    hidden: Sequence[int] = (4,),
    activation: Activations = "tanh",
    batch_norm: bool | Sequence[bool] = False,
    init: Init = None,
    precision: float = 0.0,
    rng: Rng = 0,
    dtype: npt.DTypeLike = "float64",
) -> NetProblem:
    """A net that learns from another one, which has drawn weights.

    The student is the net of these parameters, and the teacher is one like it, with
    `teacher` units in each hidden layer. Its weights are drawn from N(0, 1/n_in) for n_in
    inputs of a layer, and features from N(0, 1). The loss is the squared error.

    The least value is known where the student can be the teacher: it is 0 if there are no
    noise and no prior, and no hidden layer of the student is narrower than `teacher`. It
    is attained at many points, since units may be swapped; there may be other minima.

    Parameters
    ----------
    samples, features : int, optional
        Size of the data, at least 2 samples and 1 feature.
    teacher : int, optional
        Number of units in each hidden layer of the teacher.
    noise : float, optional
        Standard deviation of what is added to what the teacher says.
    hidden, activation, batch_norm, init, precision, rng, dtype : optional
        The net, see `optlab.problems.nets`.

    Returns
    -------
    NetProblem
        The problem.

    References
    ----------
    E. Gardner and B. Derrida, Three unfinished works on the optimal storage capacity of
    networks, Journal of Physics A 22 (1989) 1983-1994.

    D. Saad and S. A. Solla, On-line learning in soft committee machines, Physical Review E
    52 (1995) 4225-4243.
    """
    from optlab import nn

    source = generator(rng)
    samples = checked_int("samples", samples, 2)
    features = checked_int("features", features, 1)
    teacher = checked_int("teacher", teacher, 1)
    noise = checked_float("noise", noise, 0)
    hidden = checked_hidden(hidden)
    sizes = [features, *(teacher for _ in hidden), 1]
    other = nn.MLP(
        sizes,
        activation,
        batch_norm,
        nn.LeCun("normal"),
        "squared",
        batch_norm_eps=VARIANCE,
    )
    X = source.standard_normal((samples, features))
    y = other.trace(other.init(source), X).outputs[-1]
    y += noise * source.standard_normal(y.shape)
    data = X, y, 1, "squared"
    made = net(*data, hidden, activation, batch_norm, init, precision, source, dtype)
    if precision == noise == 0 and all(units >= teacher for units in hidden):
        made.f_opt = 0.0
        made.minima = (0.0,)
    return made
