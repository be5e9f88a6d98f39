"""Activations: one class each, with its parameters, and the table of their names.

A new one is a class here, with a kernel in optlab_c, and a row in `ACTIVATIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from optlab.checks import Array
from optlab.methods import find_row, plain
from optlab.nn.initialisers import Xavier
from optlab.options import Checked, finite, flag, integer, option, optional, real
from optlab_c import nets


@dataclass(frozen=True)
class Parameter:
    """A parameter of an activation.

    Attributes
    ----------
    name : str
        Its name, also in what `MLP.unpack` returns.
    value : float or None
        What it is fixed at, or where training starts; None if it has no value of its
        own: trained ones then start at random, from N(0, 1).
    trained : bool
        Whether it is trained, and then one for each unit.
    """

    name: str
    value: float | None
    trained: bool = False


@dataclass(frozen=True)
class Activation(Checked):
    """An activation: it can be compared, printed, used as a key, saved, and called.

    The subclasses are named where strings are: ``"relu"`` is ``ReLU()``.

    Attributes
    ----------
    pieces : int
        How many affine maps each unit has; 1 but for maxout.
    parameters : tuple of Parameter
        Its parameters, in the order of their place in w.
    slope : float or None
        For a rectifier, hard or smooth, the slope on its left; None for any other. It
        decides about the variance of initial weights, see `He`.

    Examples
    --------
    >>> import optlab
    >>> swish = optlab.nn.Swish(beta=2.0)
    >>> swish
    Swish(beta=2.0, trained=False)
    >>> swish([-1.0, 0.0, 1.0]).round(4)
    array([-0.1192,  0.    ,  0.8808])
    >>> swish.derivative(0.0), swish.derivative(0.0, order=2)
    (0.5, 1.0)
    """

    kind: ClassVar[int]

    @property
    def pieces(self) -> int:
        """How many affine maps each unit has."""
        return 1

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters."""
        return ()

    @property
    def parts(self) -> tuple[int, ...]:
        """Numbers of the functions it is composed of."""
        return ()

    @property
    def slope(self) -> float | None:
        """Slope on the left, of a rectifier."""
        return None

    # ---- as a function ---------------------------------------------------------------

    def __call__(self, z: npt.ArrayLike, **parameters: float) -> Any:
        """Value at z.

        Parameters
        ----------
        z : array_like
            Real numbers; with several pieces, the first axis is that of the pieces.
        **parameters : float
            Values of parameters, by default those that they are fixed or start at.

        Returns
        -------
        ndarray or float
            The shape of z (without the axis of the pieces); float32 if z is, else
            float64.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above, or a parameter has no value.
        """
        pieces, values = self._arguments(z, parameters)
        shape = pieces.shape[1:]
        still = [0.0] * (self.pieces + len(values))
        value = self._evaluate(pieces, values, still)[0]
        return value.reshape(shape)[()]

    def derivative(self, z: npt.ArrayLike, order: int = 1, **parameters: float) -> Any:
        """First or second derivative by z.

        At a kink it is one that is between those of both sides, mostly 0.

        Parameters
        ----------
        z : array_like
            As for a call.
        order : {1, 2}, default 1
            Which derivative.
        **parameters : float
            As for a call.

        Returns
        -------
        ndarray or float
            The shape of z. With several pieces, the second derivative has one axis
            more, before the others: ``[i, j]`` is that by pieces i and j.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as said above, or a parameter has no value.
        """
        pieces, values = self._arguments(z, parameters)
        if order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, got {order!r}")
        k = self.pieces
        units = np.eye(k, k + len(values)).tolist()
        if order == 1:
            found = np.array(self._evaluate(pieces, values, units[0])[1][:k])
        else:
            found = np.array(
                [self._evaluate(pieces, values, unit)[2][:k] for unit in units]
            )
        shape = pieces.shape if k > 1 else pieces.shape[1:]
        return found.reshape(shape if order == 1 or k == 1 else (k, *shape))[()]

    def _arguments(
        self, z: npt.ArrayLike, given: Mapping[str, float]
    ) -> tuple[Array, list[float]]:
        array = np.asarray(z)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"z must hold real numbers, not {array.dtype}")
        if array.dtype != np.float32:
            array = array.astype(np.float64)
        if self.pieces == 1:
            array = array[np.newaxis]
        elif not array.ndim or len(array) != self.pieces:
            raise ValueError(
                f"z must have a first axis of {self.pieces} pieces, got the shape "
                f"{array.shape}"
            )
        values = {item.name: item.value for item in self.parameters}
        for name in given:
            if name not in values:
                raise TypeError(
                    f"{self!r} has no parameter {name!r}; it has {', '.join(values)}"
                    if values
                    else f"{self!r} has no parameters"
                )
        values |= given
        for name, value in values.items():
            if value is None:
                raise TypeError(f"{name} must be given: it has no value of its own")
            values[name] = real(name, value)
        return array, list(values.values())  # type: ignore[arg-type]  # none is None

    def _evaluate(
        self, pieces: Array, values: list[float], v: Sequence[float]
    ) -> tuple[Array, list[Array], list[Array]]:
        flat = np.ascontiguousarray(pieces.reshape(self.pieces, -1))
        return nets.activation(self.kind, self.pieces, self.parts, values, flat, v)

    # ---- as a part of a net ----------------------------------------------------------

    def shapes(self, units: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what is trained in a layer of so many units."""
        return {item.name: (units,) for item in self.parameters if item.trained}

    def start(self, units: int, rng: np.random.Generator) -> dict[str, Array]:
        """Where its training starts, in a layer of so many units."""
        return {
            item.name: rng.standard_normal(units)
            if item.value is None
            else np.full(units, item.value)
            for item in self.parameters
            if item.trained
        }

    def add(
        self, net: nets.Net, source: int, units: int, at: Mapping[str, int], eps: float
    ) -> int:
        """Add it to a net, and return the number of the buffer it fills.

        Parameters
        ----------
        net : optlab_c.nets.Net
            What it is added to.
        source : int
            The buffer it is applied to.
        units : int
            How many units the layer has.
        at : mapping of str to int
            Where in w the arrays of `shapes` start.
        eps : float
            What its batch norm, if it has one, adds to the variance.
        """
        return net.activate(
            source,
            self.kind,
            pieces=self.pieces,
            offsets=[at.get(item.name, -1) for item in self.parameters],
            values=[item.value or 0.0 for item in self.parameters],
            parts=self.parts,
        )


@dataclass(frozen=True)
class Identity(Activation):
    """z itself."""

    kind: ClassVar[int] = nets.IDENTITY


@dataclass(frozen=True)
class ReLU(Activation):
    """The rectifier max(z, 0), with the derivative 0 at 0."""

    kind: ClassVar[int] = nets.RELU

    @property
    def slope(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """The leaky rectifier: z where z > 0, else a z.

    Parameters
    ----------
    a : float, default 0.01
        Slope on the left, finite.
    """

    kind: ClassVar[int] = nets.LEAKY
    a: float = option(0.01, finite)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The slope a, fixed."""
        return (Parameter("a", self.a),)

    @property
    def slope(self) -> float:
        """The slope a."""
        return self.a


@dataclass(frozen=True)
class PReLU(LeakyReLU):
    """The leaky rectifier with a slope that is trained, one for each unit.

    Parameters
    ----------
    a : float, default 0.25
        Where the slope on the left starts, finite.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, Delving Deep into Rectifiers, ICCV 2015,
    equation (1).
    """

    a: float = option(0.25, finite)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The slope a, trained."""
        return (Parameter("a", self.a, trained=True),)


@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + exp(z)), a smooth rectifier; it does not overflow."""

    kind: ClassVar[int] = nets.SOFTPLUS

    @property
    def slope(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function 1 / (1 + exp(-z))."""

    kind: ClassVar[int] = nets.SIGMOID


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent."""

    kind: ClassVar[int] = nets.TANH


@dataclass(frozen=True)
class GELU(Activation):
    """z Φ(z), with the standard normal distribution function Φ.

    References
    ----------
    D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, arXiv:1606.08415, 2016,
    section 2.
    """

    kind: ClassVar[int] = nets.GELU

    @property
    def slope(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class Swish(Activation):
    """z σ(beta z), where σ is the logistic function; SiLU where beta is 1.

    It is the smooth maximum of z and 0.

    Parameters
    ----------
    beta : float, default 1
        How sharp it is, or where that starts; finite.
    trained : bool, default False
        Whether beta is trained, one for each unit.

    References
    ----------
    P. Ramachandran, B. Zoph and Q. V. Le, Searching for Activation Functions,
    arXiv:1710.05941, 2017, section 3.
    """

    kind: ClassVar[int] = nets.SWISH
    beta: float = option(1.0, finite)
    trained: bool = option(False, flag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """How sharp it is."""
        return (Parameter("beta", self.beta, self.trained),)

    @property
    def slope(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class AconA(Swish):
    """ACON-A: the smooth maximum S_beta(z, 0) = z σ(beta z), trained by default.

    Parameters
    ----------
    beta : float, default 1
        Where beta starts, or what it is fixed at; finite.
    trained : bool, default True
        Whether beta is trained, one for each unit.

    References
    ----------
    N. Ma, X. Zhang, M. Liu and J. Sun, Activate or Not: Learning Customized Activation,
    CVPR 2021, section 3 and table 1.
    """

    trained: bool = option(True, flag)


@dataclass(frozen=True)
class AconB(Activation):
    """ACON-B: the smooth maximum S_beta(z, p z), a smooth leaky rectifier.

    That is (1 - p) z σ(beta (1 - p) z) + p z.

    Parameters
    ----------
    p : float, default 0.25
        Where the slope of the second argument starts, or what it is fixed at; finite.
    beta : float, default 1
        The same of how sharp the maximum is.
    trained : bool, default True
        Whether both are trained, one each for each unit.

    References
    ----------
    N. Ma, X. Zhang, M. Liu and J. Sun, Activate or Not: Learning Customized Activation,
    CVPR 2021, section 3 and table 1.
    """

    kind: ClassVar[int] = nets.ACON_B
    p: float = option(0.25, finite)
    beta: float = option(1.0, finite)
    trained: bool = option(True, flag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Slope and sharpness."""
        return (
            Parameter("p", self.p, self.trained),
            Parameter("beta", self.beta, self.trained),
        )

    @property
    def slope(self) -> float:
        """The slope p."""
        return self.p


@dataclass(frozen=True)
class AconC(Activation):
    """ACON-C: the smooth maximum S_beta(p1 z, p2 z).

    That is (p1 - p2) z σ(beta (p1 - p2) z) + p2 z: Swish where p1 is 1 and p2 is 0.

    Parameters
    ----------
    p1, p2 : float, optional
        Where the slopes start, or what they are fixed at; by default they start at
        random, from N(0, 1).
    beta : float, default 1
        Where the sharpness of the maximum starts, or what it is fixed at; finite.
    trained : bool, default True
        Whether all three are trained, one each for each unit. If not, p1 and p2 have to
        be given.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    N. Ma, X. Zhang, M. Liu and J. Sun, Activate or Not: Learning Customized Activation,
    CVPR 2021, section 3 and table 1.
    """

    kind: ClassVar[int] = nets.ACON_C
    p1: float | None = option(None, optional(finite))
    p2: float | None = option(None, optional(finite))
    beta: float = option(1.0, finite)
    trained: bool = option(True, flag)

    def __post_init__(self) -> None:
        """Slopes that are fixed have to be known."""
        super().__post_init__()
        for name in ("p1", "p2"):
            if not self.trained and getattr(self, name) is None:
                raise ValueError(f"{name} must be given where it is not trained")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Two slopes, and sharpness."""
        return (
            Parameter("p1", self.p1, self.trained),
            Parameter("p2", self.p2, self.trained),
            Parameter("beta", self.beta, self.trained),
        )

    @property
    def slope(self) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class MetaAcon(Activation):
    """Meta-ACON: ACON-C with a beta that its input decides, for each sample.

    With the vector z of a layer's n units and h = min(n, max(reduction, n // reduction)),
    beta = σ(V2 (V1 z + c1) + c2), where V1 has h rows: `beta_weights_1`, `beta_bias_1`,
    `beta_weights_2` and `beta_bias_2` in what `MLP.unpack` returns.

    Parameters
    ----------
    p1, p2 : float, optional
        Where the slopes start; by default at random, from N(0, 1). They are trained, one
        each for each unit.
    batch_norm : bool, default False
        Whether both maps are normalised over the batch, as in the authors' code. `scale`
        and `shift` take the place of `bias` then, and one sample is no batch.
    reduction : int, default 16
        See above.

    References
    ----------
    N. Ma, X. Zhang, M. Liu and J. Sun, Activate or Not: Learning Customized Activation,
    CVPR 2021, section 3 and table 1.
    """

    kind: ClassVar[int] = nets.ACON_C
    p1: float | None = option(None, optional(finite))
    p2: float | None = option(None, optional(finite))
    batch_norm: bool = option(False, flag)
    reduction: int = option(16, integer(1))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Two slopes, trained, and beta, which is generated."""
        return (
            Parameter("p1", self.p1, trained=True),
            Parameter("p2", self.p2, trained=True),
            Parameter("beta", None),
        )

    @property
    def slope(self) -> float:
        """0."""
        return 0.0

    def _maps(self, units: int) -> tuple[tuple[str, int, int], ...]:
        """Number, inputs and outputs of both maps."""
        hidden = min(units, max(self.reduction, units // self.reduction))
        return ("1", units, hidden), ("2", hidden, units)

    def shapes(self, units: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what is trained in a layer of so many units."""
        shapes = super().shapes(units)
        for number, inputs, outputs in self._maps(units):
            shapes[f"beta_weights_{number}"] = inputs, outputs
            for name in ("scale", "shift") if self.batch_norm else ("bias",):
                shapes[f"beta_{name}_{number}"] = (outputs,)
        return shapes

    def start(self, units: int, rng: np.random.Generator) -> dict[str, Array]:
        """Where its training starts: the maps as the sigmoid after them suggests."""
        start = super().start(units, rng)
        for number, inputs, outputs in self._maps(units):
            weights = Xavier().draw(inputs, outputs, Sigmoid(), rng)
            start[f"beta_weights_{number}"] = weights
            if self.batch_norm:
                start[f"beta_scale_{number}"] = np.ones(outputs)
                start[f"beta_shift_{number}"] = np.zeros(outputs)
            else:
                start[f"beta_bias_{number}"] = np.zeros(outputs)
        return start

    def add(
        self, net: nets.Net, source: int, units: int, at: Mapping[str, int], eps: float
    ) -> int:
        """Add it to a net, and return the number of the buffer it fills."""
        beta = source
        for number, _, outputs in self._maps(units):
            weights = at[f"beta_weights_{number}"]
            bias = at.get(f"beta_bias_{number}", -1)
            beta = net.affine(beta, outputs, weights, bias)
            if self.batch_norm:
                scale, shift = at[f"beta_scale_{number}"], at[f"beta_shift_{number}"]
                beta = net.norm(beta, scale, shift, eps)
        return net.activate(
            source,
            self.kind,
            offsets=[at["p1"], at["p2"], -2],
            values=[0.0] * 3,
            source2=net.activate(beta, nets.SIGMOID),
        )


@dataclass(frozen=True)
class Maxout(Activation):
    """The maximum of several affine maps; where they tie, the first has the derivative.

    Parameters
    ----------
    pieces : int, default 2
        How many maps each unit has, at least 2.

    References
    ----------
    I. J. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville and Y. Bengio, Maxout
    Networks, ICML 2013, section 3.

    Examples
    --------
    >>> import optlab
    >>> optlab.nn.Maxout()([[1.0, -2.0], [0.5, 3.0]])
    array([1., 3.])
    """

    kind: ClassVar[int] = nets.MAXOUT
    pieces: int = option(2, integer(2))

    @property
    def slope(self) -> float:
        """1: the larger one of two independent z has the second moment of z itself."""
        return 1.0


@dataclass(frozen=True)
class SmoothMaxout(Maxout):
    """The smooth maximum of several affine maps, see `smooth_maximum`.

    Parameters
    ----------
    pieces : int, default 2
        How many maps each unit has, at least 2.
    beta : float, default 1
        Where the sharpness of the maximum starts, or what it is fixed at; finite.
    trained : bool, default True
        Whether beta is trained, one for each unit.
    """

    kind: ClassVar[int] = nets.SMOOTH_MAXOUT
    beta: float = option(1.0, finite)
    trained: bool = option(True, flag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """How sharp it is."""
        return (Parameter("beta", self.beta, self.trained),)


def _function(names: tuple[str, ...]) -> Any:
    """A check: one of these functions, by a name free of case and hyphens."""
    rows = {name: name for name in names}
    by_plain = {plain(name): name for name in names}
    return lambda what, value: find_row(value, what, by_plain, rows)


def _trained(name: str, value: Any) -> tuple[str, ...]:
    known = ("beta_1", "beta_2", "beta")
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a sequence of names, got {value!r}")
    for item in value:
        if item not in known:
            raise ValueError(f"{name} must hold some of {known}, got {item!r}")
    return tuple(item for item in known if item in value)


@dataclass(frozen=True)
class Composite(Activation):
    r"""g(h1(beta_1 z), h2(beta_2 z)), composed as in the search that found Swish.

    Parameters
    ----------
    binary : str
        The function g of two arguments a and b: "sum", "difference", "product", "max",
        "min", "gate" (σ(a) b), "smooth_max" (S_beta(a, b), see `smooth_maximum`) or
        "quotient" (a / b, where \|b\| counts as at least 1e-7).
    first, second : str
        The functions h1 and h2: "identity", "negation", "abs", "square", "cube",
        "sqrt_abs", "exp", "log_abs", "sin", "cos", "tanh", "atan", "erf", "sigmoid",
        "softplus", "relu" (max(z, 0)), "min0" (min(z, 0)), "gaussian" (exp(-z²)) or
        "gelu".
    beta_1, beta_2 : float, default 1
        Factors of z, or where they start; finite.
    beta : float, default 1
        How sharp "smooth_max" is, or where that starts; finite.
    trained : sequence of {"beta_1", "beta_2", "beta"}, default none
        Which of these are trained, one each for each unit.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    References
    ----------
    P. Ramachandran, B. Zoph and Q. V. Le, Searching for Activation Functions,
    arXiv:1710.05941, 2017, section 2.

    Examples
    --------
    >>> import optlab
    >>> swish = optlab.nn.Composite("product", "identity", "sigmoid", beta_2=2.0)
    >>> swish(1.5) == optlab.nn.Swish(beta=2.0)(1.5)
    True
    """

    kind: ClassVar[int] = nets.COMPOSITE
    binary: str = field(metadata={"check": _function(nets.BINARY)})
    first: str = field(metadata={"check": _function(nets.UNARY)})
    second: str = field(metadata={"check": _function(nets.UNARY)})
    beta_1: float = option(1.0, finite)
    beta_2: float = option(1.0, finite)
    beta: float = option(1.0, finite)
    trained: tuple[str, ...] = option((), _trained)

    def __post_init__(self) -> None:
        """A parameter without any effect is not trained."""
        super().__post_init__()
        if "beta" in self.trained and self.binary != "smooth_max":
            raise ValueError(
                "trained must hold 'beta' with 'smooth_max' only: it is for no other"
            )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The factors of both, and how sharp the maximum is."""
        return tuple(
            Parameter(name, getattr(self, name), name in self.trained)
            for name in ("beta_1", "beta_2", "beta")
        )

    @property
    def parts(self) -> tuple[int, ...]:
        """Numbers of the functions it is composed of."""
        return (
            nets.BINARY.index(self.binary),
            nets.UNARY.index(self.first),
            nets.UNARY.index(self.second),
        )


ACTIVATIONS: dict[str, Activation] = {
    "identity": Identity(),
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "prelu": PReLU(),
    "softplus": Softplus(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "gelu": GELU(),
    "swish": Swish(),
    "silu": Swish(),
    "acon_a": AconA(),
    "acon_b": AconB(),
    "acon_c": AconC(),
    "meta_acon": MetaAcon(),
    "maxout": Maxout(),
    "smooth_maxout": SmoothMaxout(),
}
