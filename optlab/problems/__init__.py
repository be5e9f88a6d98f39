"""Test problems: compiled objectives with a start and, where known, the minimum."""

from . import bounded, classic, nets, quadratics, statistics
from .bounded import *
from .classic import *
from .nets import *
from .quadratics import *
from .registry import (
    Entry,
    Problem,
    get,
    names,
    problem,
    registry,
    stationarity,
    unregister,
)
from .statistics import *

__all__ = [
    "Entry",
    "Problem",
    "get",
    "names",
    "problem",
    "registry",
    "stationarity",
    "unregister",
]
__all__ += bounded.__all__
__all__ += classic.__all__
__all__ += nets.__all__
__all__ += quadratics.__all__
__all__ += statistics.__all__
