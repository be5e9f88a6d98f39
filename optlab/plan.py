"""From a method's row and the user's options to the settings of a run.

Plans are cached: the thousandth run with the same options pays for a look-up only.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from warnings import warn

import numpy as np
from scipy.optimize import OptimizeWarning

from optlab.evaluate import DIFFERENCES, Objective
from optlab.methods import Method, find_line_search, known_options
from optlab.options import (
    NO_LIMIT,
    Common,
    Group,
    LineSearch,
    TrustRegion,
    split,
    stack_level,
)
from optlab_c.machine import Machine, Settings

# f is taken as resolved to this many units in its last place, until it proves noisier.
NOISE_ULPS = 100.0


class Kind(NamedTuple):
    """What of an objective, beside its size, decides about a plan."""

    dtype: np.dtype | None
    mode: str
    second: str | None
    bounded: bool
    solved: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a run but its start and its objective."""

    row: Method
    n: int
    dtype: np.dtype
    differences: bool  # the gradient is made of differences of f
    bounded: bool
    common: Common
    settings: Settings
    hess_inv0: np.ndarray | None
    warm_start: Any  # an inverse Hessian of another run
    ignored: tuple[str, ...]  # options of other methods

    @cached_property
    def dense(self) -> bool:
        """Whether the run keeps a whole matrix."""
        return self.row.dense and not self.bounded


def as_options(given: Any) -> Mapping[str, Any]:
    """The options that a user gave, or none."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"options must be a dict, got {type(given).__name__}")
    return given


def plan_run(
    row: Method,
    objective: Objective,
    n: int,
    given: Mapping[str, Any] | None,
    *,
    bounded: bool = False,
    solved: bool = False,
    tell: bool = True,
) -> Plan:
    """The plan for these options; errors name the option.

    `bounded`: there are bounds; `solved`: the objective factorises its own Hessian;
    `tell`: warn of options that are ignored.
    """
    second = objective.second if row.second else None
    kind = Kind(objective.dtype, objective.mode, second, bounded, solved)
    if given is None:
        return _cached(row, n, kind, (), ())
    given = as_options(given)
    items = tuple(given.items())
    types = tuple(map(type, given.values()))
    plan = None
    if "workers" not in given:  # what evaluates differences must not be kept alive
        try:
            plan = _cached(row, n, kind, items, types)
        except TypeError:  # an option that cannot be hashed: an array, or a mistake
            plan = None
    if plan is None:
        plan = _plan(row, n, kind, dict(items))
    for name in plan.ignored if tell else ():
        warn(
            f"option {name!r} has no meaning for method {row.name!r} and is ignored",
            OptimizeWarning,
            stacklevel=stack_level(),
        )
    return plan


@lru_cache(maxsize=256)
def _cached(
    row: Method,
    n: int,
    kind: Kind,
    items: tuple[tuple[str, Any], ...],
    types: tuple[type, ...],  # 1, 1.0 and True are equal as keys, not all of them valid
) -> Plan:
    return _plan(row, n, kind, dict(items))


def default_maxcor(n: int, bounded: bool = False) -> int:
    """Pairs that L-BFGS keeps: all that help, as long as they stay in cache; or 10.

    With bounds, systems of their number are factorised at every step.
    """
    enough = min(10 if bounded else 60, 5 * n)  # measured: more help no further
    return min(enough, max(10, 20_000 // n))


def _defaults(row: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """The method's own, unless the user's c1 leaves no room below its c2."""
    defaults = dict(row.defaults)
    with suppress(TypeError, ValueError):  # c1 is no number: that will be told
        if not given.get("c1", 0) < defaults.get("c2", 1):
            defaults.pop("c2", None)
    return defaults


def _hessian_error(second: str | None, eps: float) -> float:
    """What is left of a zero curvature by rounding, relative to the Hessian's norm."""
    powers = {"2-point": 1 / 2, "3-point": 2 / 3}
    if second in powers:
        return 100 * float(eps ** powers[second])
    return 10 * eps


def _plan(row: Method, n: int, kind: Kind, given: dict[str, Any]) -> Plan:
    wanted, bounded = kind.dtype, kind.bounded
    differences = kind.mode in DIFFERENCES
    search_row = find_line_search(given.pop("line_search", row.line_search))
    if search_row.name == row.line_search:
        given = {**_defaults(row, given), **given}
    groups: tuple[type[Group], ...] = (Common, search_row.options, *row.options)
    (common, search, *own), ignored = split(given, groups, known_options())
    assert isinstance(common, Common)
    assert isinstance(search, LineSearch)
    values = {name: v for group in own for name, v in vars(group).items()}
    trust = TrustRegion in row.options
    hess_inv0 = values.get("hess_inv0")
    for name in ("eps", "finite_diff_rel_step"):
        steps = getattr(common, name)
        if steps is not None and steps.size not in (1, n):
            raise ValueError(f"{name} must have 1 or {n} components, got {steps.size}")
    if hess_inv0 is not None and hess_inv0.shape != (n, n):
        raise ValueError(f"hess_inv0 must have shape {(n, n)}, got {hess_inv0.shape}")
    c1 = getattr(search, "c1", 1e-4)
    if trust and "c1" not in given:
        c1, c2 = values["eta"], getattr(search, "c2", 1.0)
        if not c1 < c2:
            raise ValueError(f"eta must be less than c2, got {c1} and {c2}")
    if hess_inv0 is not None and bounded:
        raise ValueError("hess_inv0 is not handled together with bounds")
    warm_start = values.get("warm_start")
    if warm_start is not None:
        _check_warm_start(warm_start, n, row.dense and not bounded)
        if hess_inv0 is not None:
            raise ValueError("hess_inv0 and warm_start exclude each other")
    if wanted is not None and common.dtype not in (None, wanted.name):
        raise ValueError(f"dtype must be {wanted.name!r} for this fun")
    dtype = wanted or np.dtype(common.dtype or np.float64)

    settings = Settings(
        direction=(bounded and row.bounded) or row.direction,
        line_search=search_row.name,
        dtype=dtype,
        gtol=0.0 if values.get("xtol") and "gtol" not in given else common.gtol,
        ftol=common.ftol,
        xrtol=common.xrtol,
        xtol=values.get("xtol") or 0.0,
        maxiter=max(15_000, 200 * n) if common.maxiter is None else common.maxiter,
        maxfun=NO_LIMIT if common.maxfun is None else common.maxfun,
        norm=common.norm,
        first_step=common.first_step or 0.0,
        step_rule=values.get("step", "unit"),
        maxcor=values.get("maxcor") or default_maxcor(n, bounded and not row.dense),
        corrected=values.get("corrected", bounded),
        bounded=bounded,
        beta=values.get("beta", "hager-zhang"),
        solved=kind.solved,
        preconditioned=values.get("preconditioned", False),
        trust=trust,
        maxinner=values.get("maxinner") or max(20, min(2 * n, 500)),
        radius=values.get("initial_trust_radius") or 0.0,
        radius_max=values.get("max_trust_radius", math.inf),
        refinable=kind.mode == "2-point"
        and common.eps is None
        and common.finite_diff_rel_step is None,
        hessian_error=_hessian_error(kind.second, float(np.finfo(dtype).eps)),
        noise=NOISE_ULPS * float(np.finfo(dtype).eps),
        values_first=differences,
        maxls=search.maxls,
        c1=c1,
        c2=getattr(search, "c2", 0.9),
        strong=getattr(search, "strong", False),
        step_length=getattr(search, "step_length", 1.0),
        tol=getattr(search, "slope_tol", getattr(search, "interval_tol", 0.0)),
        eta=getattr(search, "eta", 0.0),
        rho=getattr(search, "expansion", 5.0),
        theta=getattr(search, "theta", 0.5),
        gamma=getattr(search, "shrinkage", 0.66),
    )
    return Plan(
        row,
        n,
        dtype,
        differences,
        bounded,
        common,
        settings,
        hess_inv0,
        warm_start,
        ignored,
    )


def _check_warm_start(inverse: Any, n: int, dense: bool) -> None:
    """A ValueError where a run cannot begin with this inverse Hessian."""
    size = inverse.n if isinstance(inverse, Machine) else inverse.shape[0]
    if size != n:
        raise ValueError(f"warm_start must be of {n} unknowns, got {size}")
    if not dense and not hasattr(inverse, "sk"):
        raise ValueError(
            "warm_start must have pairs here: be the result of 'l-bfgs', not of 'bfgs'"
        )
