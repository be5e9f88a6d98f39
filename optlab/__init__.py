"""Numerical optimisation with compiled cores: SciPy's call, faster and truthful."""

from optlab import problems
from optlab._version import __version__
from optlab.config import show_config
from optlab.gradient import check_gradient
from optlab.minimize import minimize
from optlab.result import OptimizeResult, Status
from optlab.search import line_search

__all__ = [
    "OptimizeResult",
    "Status",
    "__version__",
    "check_gradient",
    "line_search",
    "minimize",
    "problems",
    "show_config",
]
