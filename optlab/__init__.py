"""Numerical optimisation with compiled cores: SciPy's call, faster and truthful."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from optlab import problems
from optlab._version import __version__
from optlab.batch import BatchResult, BatchSolver, minimize_batch
from optlab.config import show_config
from optlab.finite_sum import FiniteSum
from optlab.fmin import fmin_bfgs, fmin_cg, fmin_l_bfgs_b, fmin_ncg
from optlab.gradient import check_gradient
from optlab.interop import scipy_method, sklearn_optimizer
from optlab.learning_rate import find_learning_rate
from optlab.minimize import minimize
from optlab.result import OptimizeResult, Status
from optlab.search import line_search
from optlab.solver import Iterates, Solver, Want, iterate, resume

if TYPE_CHECKING:
    from optlab import nn as nn
    from optlab.own_comparison import Comparison as Comparison
    from optlab.own_comparison import compare as compare

__all__ = [
    "BatchResult",
    "BatchSolver",
    "Comparison",
    "FiniteSum",
    "Iterates",
    "OptimizeResult",
    "Solver",
    "Status",
    "Want",
    "__version__",
    "check_gradient",
    "compare",
    "find_learning_rate",
    "fmin_bfgs",
    "fmin_cg",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "iterate",
    "line_search",
    "minimize",
    "minimize_batch",
    "nn",
    "problems",
    "resume",
    "scipy_method",
    "show_config",
    "sklearn_optimizer",
]


def __getattr__(name: str) -> Any:
    if name == "nn":  # loaded when it is used
        return import_module("optlab.nn")
    if name in ("Comparison", "compare"):  # and so are these
        return getattr(import_module("optlab.own_comparison"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
