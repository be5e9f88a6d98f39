"""Test problems: compiled objectives with a start and, where known, the minimum."""

from . import classic, quadratics, statistics
from .classic import *
from .quadratics import *
from .registry import Entry, Problem, get, names, problem, registry, unregister
from .statistics import *

__all__ = ["Entry", "Problem", "get", "names", "problem", "registry", "unregister"]
__all__ += classic.__all__
__all__ += quadratics.__all__
__all__ += statistics.__all__
