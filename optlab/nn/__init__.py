"""Neural nets: MLPs whose parameters are one vector, as objectives for every method.

`MLPClassifier` and `MLPRegressor` need scikit-learn, and are loaded when they are used.
"""

from typing import TYPE_CHECKING, Any

from optlab.nn.activations import (
    ACTIVATIONS,
    GELU,
    AconA,
    AconB,
    AconC,
    Activation,
    Composite,
    Identity,
    LeakyReLU,
    Maxout,
    MetaAcon,
    PReLU,
    ReLU,
    Sigmoid,
    SmoothMaxout,
    Softplus,
    Swish,
    Tanh,
)
from optlab.nn.functions import smooth_maximum
from optlab.nn.initialisers import (
    INITIALISERS,
    Autoencoder,
    He,
    Heuristic,
    Initialiser,
    LeCun,
    Orthogonal,
    Suited,
    Xavier,
)
from optlab.nn.losses import LOSSES, CrossEntropy, Huber, Logistic, Loss, Squared
from optlab.nn.mlp import MLP
from optlab.nn.objective import NetObjective
from optlab.nn.priors import GaussianPrior
from optlab.nn.profile import VarianceProfile, variance_profile

if TYPE_CHECKING:
    from optlab.nn.estimators import MLPClassifier as MLPClassifier
    from optlab.nn.estimators import MLPRegressor as MLPRegressor

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "INITIALISERS",
    "LOSSES",
    "MLP",
    "AconA",
    "AconB",
    "AconC",
    "Activation",
    "Autoencoder",
    "Composite",
    "CrossEntropy",
    "GaussianPrior",
    "He",
    "Heuristic",
    "Huber",
    "Identity",
    "Initialiser",
    "LeCun",
    "LeakyReLU",
    "Logistic",
    "Loss",
    "Maxout",
    "MetaAcon",
    "NetObjective",
    "Orthogonal",
    "PReLU",
    "ReLU",
    "Sigmoid",
    "SmoothMaxout",
    "Softplus",
    "Squared",
    "Suited",
    "Swish",
    "Tanh",
    "VarianceProfile",
    "Xavier",
    "smooth_maximum",
    "variance_profile",
]

_ESTIMATORS = ("MLPClassifier", "MLPRegressor")


def __getattr__(name: str) -> Any:
    if name not in _ESTIMATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from optlab.nn import estimators
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise ImportError(
            f"optlab.nn.{name} needs scikit-learn: pip install 'optlab[data]'"
        ) from error
    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ESTIMATORS})
