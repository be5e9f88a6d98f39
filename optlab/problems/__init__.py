"""Test problems: compiled objectives with a start and, where known, the minimum."""

from . import classic
from .classic import *
from .registry import Entry, Problem, get, names, problem, registry, unregister

__all__ = ["Entry", "Problem", "get", "names", "problem", "registry", "unregister"]
__all__ += classic.__all__
