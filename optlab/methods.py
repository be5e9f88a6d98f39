"""The methods and line searches: one row each.

Whoever adds a method or a search adds its row here; validation, documentation, tests,
`python -m optlab compare` and the benchmarks are parametrised over these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar

from optlab import options as opt

Row = TypeVar("Row")


@dataclass(frozen=True, eq=False)
class LineSearch:
    """A line search that `options={"line_search": name}` chooses."""

    name: str
    options: type[opt.LineSearch]
    summary: str


@dataclass(frozen=True, eq=False)
class Method:
    """A method that `optlab.minimize(method=name)` chooses.

    Attributes
    ----------
    name : str
    direction : str
        The part of the compiled machine; a key of `optlab_c.machine.DIRECTIONS`.
    line_search : str
        The default; a key of LINE_SEARCHES.
    inverse : {"dense", "operator", None}
        What `result.hess_inv` is.
    options : tuple of Group
        The method's own options.
    summary : str
    bounded : str or None
        The direction that takes the place of `direction` with bounds.
    second : {"hess", "hessp", None}
        The second derivatives it needs: a matrix, or products.
    defaults : mapping
        Options of its line search that have other defaults here.
    """

    name: str
    direction: str
    line_search: str
    inverse: str | None
    options: tuple[type[opt.Group], ...]
    summary: str
    bounded: str | None = None
    second: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def bounds(self) -> bool:
        """Whether it handles bounds."""
        return self.bounded is not None

    @cached_property
    def dense(self) -> bool:
        """Whether it keeps a whole matrix, that is, all pairs."""
        return self.inverse == "dense"

    @cached_property
    def second_order(self) -> bool:
        """Whether it uses second derivatives."""
        return self.second is not None


LINE_SEARCHES = {
    row.name: row
    for row in (
        LineSearch("fixed", opt.Fixed, "a fixed step length"),
        LineSearch("armijo", opt.Armijo, "sufficient decrease, by backtracking"),
        LineSearch("wolfe", opt.Wolfe, "weak Wolfe conditions, by cubic steps"),
        LineSearch(
            "strong-wolfe", opt.StrongWolfe, "strong Wolfe conditions, Moré & Thuente"
        ),
        LineSearch(
            "hager-zhang", opt.HagerZhang, "approximate Wolfe conditions, Hager & Zhang"
        ),
        LineSearch("exact", opt.Exact, "the minimiser along the direction"),
        LineSearch(
            "nonmonotone", opt.Nonmonotone, "decrease on average, Zhang & Hager"
        ),
    )
}

METHODS = {
    row.name: row
    for row in (
        Method(
            "gd",
            "steepest",
            "nonmonotone",
            None,
            (opt.Steepest,),
            "gradient descent, with Barzilai-Borwein steps by default",
            bounded="steepest",
        ),
        Method(
            "cg",
            "cg",
            "wolfe",
            None,
            (opt.CG,),
            "nonlinear conjugate gradients; little memory",
            defaults={"c2": 0.1, "strong": True},
        ),
        Method(
            "bfgs",
            "bfgs",
            "wolfe",
            "dense",
            (opt.BFGS,),
            "BFGS with its first matrix rescaled at every step; n up to a few thousand",
            bounded="l-bfgs-b",
        ),
        Method(
            "l-bfgs",
            "l-bfgs",
            "wolfe",
            "operator",
            (opt.LBFGS,),
            "limited-memory BFGS; any n",
            bounded="l-bfgs-b",
        ),
        Method(
            "l-bfgs-b",
            "l-bfgs",
            "wolfe",
            "operator",
            (opt.LBFGS,),
            "the same by SciPy's name, known for its bounds",
            bounded="l-bfgs-b",
        ),
        Method(
            "newton",
            "newton",
            "wolfe",
            None,
            (),
            "Newton's method, with a dense or sparse Hessian",
            second="hess",
        ),
        Method(
            "newton-cg",
            "newton-cg",
            "wolfe",
            None,
            (opt.NewtonCG,),
            "truncated Newton, with Hessian products; any n",
            second="hessp",
        ),
        Method(
            "trust-ncg",
            "newton-cg",
            "wolfe",
            None,
            (opt.TrustRegion,),
            "the same within a trust region",
            defaults={"maxls": 3},
            second="hessp",
        ),
    )
}


def plain(name: str) -> str:
    """A name free of case, hyphens, underscores and blanks."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


_METHOD_OF = {plain(name): row for name, row in METHODS.items()}
_SEARCH_OF = {plain(name): row for name, row in LINE_SEARCHES.items()}


def find_method(name: object) -> Method:
    """The row of a method, by a name free of case and hyphens.

    Raises
    ------
    TypeError
        If `name` is no string.
    ValueError
        If there is no such method; the nearest name is suggested.

    Examples
    --------
    >>> from optlab.methods import find_method
    >>> find_method("L_BFGS").name
    'l-bfgs'
    """
    return find_row(name, "method", _METHOD_OF, METHODS)


def find_line_search(name: object, what: str = "line_search") -> LineSearch:
    """The row of a line search, by a name free of case and hyphens."""
    return find_row(name, what, _SEARCH_OF, LINE_SEARCHES)


def find_row(
    name: object, what: str, by_plain: Mapping[str, Row], rows: Mapping[str, Row]
) -> Row:
    """The row of that name, or of that name as `plain` has it.

    Raises
    ------
    TypeError
        If `name` is no string.
    ValueError
        If there is no such row; the nearest name is suggested.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a string, got {name!r}")
    row = rows.get(name) or by_plain.get(plain(name))
    if row is None:
        raise ValueError(f"unknown {what} {name!r}{opt.suggestion(name, rows)}")
    return row


def known_options() -> frozenset[str]:
    """Every option that some method or line search knows, here or in SciPy."""
    from optlab.stochastic import Stochastic  # which looks methods up here

    groups: list[type[opt.Group]] = [opt.Common, Stochastic]
    groups += [group for row in METHODS.values() for group in row.options]
    groups += [row.options for row in LINE_SEARCHES.values()]
    names = {item.name for group in groups for item in fields(group)}
    return frozenset(names | {"line_search"} | opt.SCIPY_ONLY)
