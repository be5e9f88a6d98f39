"""What a test problem is, and where all of them are listed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt

from optlab.checks import generator
from optlab_c.objectives import Objective

__all__ = [
    "Entry",
    "Problem",
    "get",
    "names",
    "problem",
    "registry",
    "stationarity",
]

P = ParamSpec("P")


def stationarity(
    x: npt.ArrayLike, g: npt.ArrayLike, bounds: npt.ArrayLike | None = None
) -> float:
    r"""Measure how far x is from meeting the first-order conditions.

    That is the projected gradient,

    .. math:: \|P(x - g) - x\|_\infty,

    where P projects on the box: the component that points out of it is left out at an
    active bound. Without bounds it is :math:`\|g\|_\infty`.

    Parameters
    ----------
    x, g : array_like, shape (n,)
        Point and gradient there.
    bounds : array_like, shape (n, 2), optional
        Lower and upper bounds, infinite where open.

    Returns
    -------
    float
        0 at a stationary point; NaN where g is.

    References
    ----------
    R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, A limited memory algorithm for bound
    constrained optimization, SIAM Journal on Scientific Computing 16 (1995) 1190-1208,
    equation (6.1).

    Examples
    --------
    >>> from optlab.problems import stationarity
    >>> stationarity([0.0, 3.0], [5.0, -0.5], [[0, 9], [0, 9]])
    0.5
    """
    x, step = np.asarray(x, dtype=float), -np.asarray(g, dtype=float)
    if bounds is not None:
        low, high = np.asarray(bounds, dtype=float).T
        step = np.clip(step, low - x, high - x)  # as P(x - g) - x, but without rounding
        step[low == high] = 0  # whatever the slope, known or not
    return float(np.max(np.abs(step)))


class Problem(Objective):
    """A compiled objective with a start and what is known of its minimum.

    It is an objective that `optlab.minimize` takes as it is, and then never leaves
    compiled code; and it is callable, so that every other optimiser takes it too:
    ``scipy.optimize.minimize(problem, problem.x0, jac=problem.grad)``.

    Any number of threads may evaluate one problem at once.

    Parameters
    ----------
    capsule : PyCapsule or object
        The compiled objective, see `optlab_c.objectives.Objective`.
    x0 : array_like, shape (n,)
        Start.
    f_opt : float, optional
        Lowest known value.
    x_opt : array_like, shape (n,), optional
        Where it is attained.
    bounds : array_like, shape (n, 2), optional
        Lower and upper bounds on x, infinite where open; `x0` must lie within. They are
        rounded to the precision of x.
    minima : tuple of float, optional
        All values at which descent is known to end: local minima, infima at infinity,
        and a saddle or two; ``(f_opt,)`` if not given.
    name, source : str, optional
        Name and reference; a problem of the registry gets them from there.

    Attributes
    ----------
    n : int
        Number of unknowns.
    dtype : numpy.dtype
        Precision of x and of the derivatives.
    n_samples : int
        Number of terms if the objective is a finite sum over data, else 0.
    x0 : ndarray, shape (n,)
        Start, a new array each time.
    f_opt : float or None
        Lowest known value.
    x_opt : ndarray, shape (n,), or None
        Where it is attained; None if that is unknown or not one point.
    bounds : ndarray, shape (n, 2), float64, or None
        Lower and upper bounds on x, a new array each time, as ``bounds=`` takes them
        here and in SciPy; None if there are none.
    minima : tuple of float
        Values at which descent is known to end, the lowest first.
    name : str
        Name in the registry.
    params : dict
        What the registry's function was called with.
    source : str
        Reference.
    tags : tuple of str
        Groups it belongs to.
    """

    name: str
    params: dict[str, Any]
    source: str
    tags: tuple[str, ...]
    f_opt: float | None
    minima: tuple[float, ...]

    def __init__(
        self,
        capsule: object,
        *,
        x0: npt.ArrayLike,
        f_opt: float | None = None,
        x_opt: npt.ArrayLike | None = None,
        bounds: npt.ArrayLike | None = None,
        minima: tuple[float, ...] | None = None,
        name: str = "",
        source: str = "",
    ) -> None:
        self._x0 = self._vector("x0", x0)
        self._x_opt = None if x_opt is None else self._vector("x_opt", x_opt)
        self._bounds = None if bounds is None else self._box(bounds)
        self.f_opt = f_opt
        if minima is None:
            minima = () if f_opt is None else (f_opt,)
        self.minima = tuple(sorted(minima))
        self.name = name
        self.source = source
        self.tags = ()
        self.params = {}
        self._make: Callable[..., Problem] | None = None

    def _vector(self, name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
        array = np.array(value, dtype=self.dtype)
        if array.shape != (self.n,):
            raise ValueError(
                f"{name} must have the shape ({self.n},), not {array.shape}"
            )
        return array

    def _box(self, bounds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        # Rounded as x is, so that a point at a bound stays there.
        box = np.array(bounds, dtype=self.dtype).astype(np.float64)
        if box.shape != (self.n, 2):
            raise ValueError(
                f"bounds must have the shape ({self.n}, 2), not {box.shape}"
            )
        low, high = box.T
        if not np.all(low <= high):
            raise ValueError("bounds must be pairs of numbers, the lower one first")
        if not np.all((low <= self._x0) & (self._x0 <= high)):
            raise ValueError("x0 must lie within the bounds")
        return box

    @property
    def bounds(self) -> npt.NDArray[np.float64] | None:
        """Lower and upper bounds, a new array each time, or None."""
        return None if self._bounds is None else self._bounds.copy()

    @property
    def x0(self) -> npt.NDArray[Any]:
        """Start, a new array each time."""
        return self._x0.copy()

    @property
    def x_opt(self) -> npt.NDArray[Any] | None:
        """Where `f_opt` is attained, a new array each time, or None."""
        return None if self._x_opt is None else self._x_opt.copy()

    def __repr__(self) -> str:
        """Name, how it was made, and n."""
        given = ", ".join(
            f"{key}={value!r}"
            for key, value in self.params.items()
            if not isinstance(value, np.ndarray)
        )
        return f"<Problem {self.name or 'without name'}({given}): n={self.n}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the way it was made; compiled memory does not travel."""
        if self._make is None:
            raise TypeError(f"cannot pickle {self!r}: it was not made by a function")
        return _remake, (self._make, self.params)


def _remake(make: Callable[..., Problem], params: dict[str, Any]) -> Problem:
    return make(**deepcopy(params))  # a random generator must stay as it was


@dataclass(frozen=True)
class Entry:
    """A row of the registry.

    Attributes
    ----------
    name : str
        Name, as `get` takes it.
    make : callable
        Makes the problem; all its parameters have defaults.
    tags : tuple of str
        Groups it belongs to.
    source : str
        Reference.
    requires : str or None
        Module beyond NumPy and SciPy that it needs.
    """

    name: str
    make: Callable[..., Problem]
    tags: tuple[str, ...]
    source: str
    requires: str | None

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.make) or "").split("\n")[0]

    @property
    def bounded(self) -> bool:
        """Whether it has bounds."""
        return "bounded" in self.tags

    @property
    def listed(self) -> bool:
        """Whether `names` lists it unasked, that is unless it has bounds or is a net."""
        return not set(ON_REQUEST) & set(self.tags)

    @property
    def available(self) -> bool:
        """Whether the module it needs is installed."""
        return self.requires is None or find_spec(self.requires) is not None


ON_REQUEST = ("bounded", "net")
"""Tags of the problems that `names` lists only where the tag is given."""

_entries: dict[str, Entry] = {}


def problem(
    *tags: str, source: str, requires: str | None = None
) -> Callable[[Callable[P, Problem]], Callable[P, Problem]]:
    """Register a function that makes a problem.

    Parameters
    ----------
    *tags : str
        Groups the problem belongs to.
    source : str
        Reference.
    requires : str, optional
        Module beyond NumPy and SciPy that it needs.

    Returns
    -------
    callable
        The decorator. The function it returns may be called as before.

    Examples
    --------
    >>> import numpy as np
    >>> from optlab import problems
    >>> @problems.problem("mine", source="folklore")
    ... def bowl(n=2):
    ...     '''A quadratic with all eigenvalues 1.'''
    ...     return problems.quadratic(n, condition=1)
    >>> problems.get("bowl", n=3)
    <Problem bowl(n=3): n=3>
    >>> problems.registry()["bowl"].summary
    'A quadratic with all eigenvalues 1.'
    >>> problems.unregister("bowl")
    """

    def register(factory: Callable[P, Problem]) -> Callable[P, Problem]:
        name = factory.__name__
        if name in _entries:
            raise ValueError(f"there is a problem named {name!r} already")
        signature = inspect.signature(factory)
        for parameter in signature.parameters.values():
            if parameter.default is parameter.empty:
                raise TypeError(f"{name}: parameter {parameter.name!r} has no default")

        @functools.wraps(factory)
        def make(*args: P.args, **kwargs: P.kwargs) -> Problem:
            if requires is not None and find_spec(requires) is None:
                raise ImportError(
                    f"the problem {name!r} needs the module {requires}, which is not "
                    "installed: pip install 'optlab[data]'"
                )
            bound = signature.bind(*args, **kwargs)
            params = dict(bound.arguments)
            if not isinstance(params.get("rng", 0), int | np.integer):
                bound.arguments["rng"] = generator(params["rng"])
                params["rng"] = deepcopy(bound.arguments["rng"])  # before it is used
            made = factory(*bound.args, **bound.kwargs)
            if (made.bounds is not None) != ("bounded" in tags):
                raise ValueError(
                    f"the problem {name!r} must have the tag 'bounded' if, and only "
                    "if, it has bounds"
                )
            made.name = name
            made.source = source
            made.tags = tags
            made.params = params
            made._make = make
            return made

        _entries[name] = Entry(name, make, tags, source, requires)
        return make

    return register


def unregister(name: str) -> None:
    """Take a problem out of the registry.

    Parameters
    ----------
    name : str
        Its name.
    """
    del _entries[_key(name)]


def _key(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    key = name.lower().replace("-", "_").replace(" ", "_")
    if key not in _entries:
        near = get_close_matches(key, _entries, n=1, cutoff=0.0)
        raise ValueError(f"no problem named {name!r}; did you mean {near[0]!r}?")
    return key


def get(name: str, **params: Any) -> Problem:
    """Make a problem of the registry.

    Parameters
    ----------
    name : str
        Its name; case, hyphens and blanks do not matter.
    **params
        Parameters of that problem, such as ``n``, ``scale`` (of the start) or
        ``dtype``; each has a default.

    Returns
    -------
    Problem
        The problem.

    Raises
    ------
    ValueError
        If there is no such problem (the nearest name is suggested), or a parameter has
        a value the problem does not allow.
    TypeError
        If the problem has no such parameter, or a value is of the wrong type.
    ImportError
        If the problem needs a module that is not installed.

    Examples
    --------
    >>> from optlab import problems
    >>> problem = problems.get("extended-rosenbrock", n=4)
    >>> problem.x0
    array([-1.2,  1. , -1.2,  1. ])
    >>> problem.fun_and_grad(problem.x0)
    (48.4, array([-215.6,  -88. , -215.6,  -88. ]))
    """
    entry = _entries[_key(name)]
    known = inspect.signature(entry.make).parameters
    for param in params:
        if param not in known:
            raise TypeError(
                f"the problem {entry.name!r} has no parameter {param!r}; "
                f"it has {', '.join(known)}"
            )
    return entry.make(**params)


def names(*tags: str) -> list[str]:
    """Return the names of the problems that carry all the given tags.

    Problems with bounds are listed only where the tag ``"bounded"`` is given, since an
    unconstrained method must not be run on them. So are nets, where ``"net"`` is given:
    they are not convex and have many minima, and in which of them a run ends, after how
    many evaluations, is a matter of rounding, so that they would blur what the others
    show. `registry` has all. Problems whose module is not installed are left out.

    Parameters
    ----------
    *tags : str
        Groups, such as ``"mgh"``, ``"quadratic"``, ``"statistics"`` or ``"data"``;
        ``"bounded"`` for the problems with bounds, ``"net"`` for nets.

    Returns
    -------
    list of str
        Names, in the order of registration.

    Examples
    --------
    >>> from optlab import problems
    >>> len(problems.names("mgh"))
    35
    >>> problems.names("bounded", "quadratic")
    ['torsion', 'journal_bearing', 'obstacle']
    >>> problems.names("net", "data")
    ['net_digits', 'net_breast_cancer', 'net_diabetes', 'net_wine']
    """
    known = {tag for entry in _entries.values() for tag in entry.tags}
    for tag in tags:
        if tag not in known:
            raise ValueError(f"no tag {tag!r}; there are {', '.join(sorted(known))}")
    return [
        entry.name
        for entry in _entries.values()
        if set(tags) <= set(entry.tags)
        and entry.available
        and set(ON_REQUEST) & set(entry.tags) <= set(tags)
    ]


def registry() -> Mapping[str, Entry]:
    """Return all rows of the registry, by name, in the order of registration.

    Returns
    -------
    mapping of str to Entry
        A read-only view.
    """
    return MappingProxyType(_entries)
