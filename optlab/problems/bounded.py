r"""Problems with bounds: published ones, and boxes around the registry's own.

``problem.bounds`` holds the lower and upper bounds, as ``bounds=`` takes them, and
`stationarity` measures the first-order conditions. `f_opt` and `x_opt` have been computed
to full double precision and agree with the published digits.

- ``hs1`` to ``hs110`` are the nine problems of Hock & Schittkowski with bounds and no
  other constraints; the numbers are theirs.
- ``lbfgsb_sample`` is the example that comes with L-BFGS-B.
- ``torsion``, ``journal_bearing`` and ``obstacle`` are quadratic problems of any size, with
  many bounds active: membranes on a grid, first solved by Dembo & Tulowitzki.
- The others are problems of Moré, Garbow & Hillstrom in the boxes of Gay, "_bounded" being
  added to the name; in most of them one or two bounds are active. Their size is fixed, and
  the start, ``scale`` times the standard one, is moved into the box.

References
----------
B. M. Averick, R. G. Carter, J. J. Moré and G.-L. Xue, The MINPACK-2 test problem
collection, Preprint MCS-P153-0692, Argonne National Laboratory, 1992.

R. S. Dembo and U. Tulowitzki, On the minimization of quadratic functions subject to box
constraints, Working paper B 71, Yale University, 1983.

D. M. Gay, A trust-region approach to linearly constrained optimization, in: D. F.
Griffiths (ed.), Numerical Analysis, Lecture Notes in Mathematics 1066, Springer 1984,
72-105.

W. Hock and K. Schittkowski, Test Examples for Nonlinear Programming Codes, Lecture Notes
in Economics and Mathematical Systems 187, Springer 1981.

J. J. Moré and G. Toraldo, On the solution of large quadratic programming problems with
bound constraints, SIAM Journal on Optimization 1 (1991) 93-113.

C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, Algorithm 778: L-BFGS-B, Fortran subroutines for
large-scale bound-constrained optimization, ACM Transactions on Mathematical Software 23
(1997) 550-560.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import checked_dtype, checked_float, checked_int
from optlab_c import objectives

from . import classic
from .registry import P, Problem, problem

__all__ = [
    "bard_bounded",
    "beale_bounded",
    "biggs_exp6_bounded",
    "box_bounded",
    "boxed",
    "brown_almost_linear_bounded",
    "brown_badly_scaled_bounded",
    "brown_dennis_bounded",
    "chebyquad_bounded",
    "freudenstein_roth_bounded",
    "gaussian_bounded",
    "helical_valley_bounded",
    "hs1",
    "hs2",
    "hs3",
    "hs4",
    "hs5",
    "hs25",
    "hs38",
    "hs45",
    "hs110",
    "jennrich_sampson_bounded",
    "journal_bearing",
    "kowalik_osborne_bounded",
    "lbfgsb_sample",
    "linear_full_rank_bounded",
    "linear_rank1_bounded",
    "meyer_bounded",
    "obstacle",
    "osborne1_bounded",
    "powell_badly_scaled_bounded",
    "powell_singular_bounded",
    "rosenbrock_bounded",
    "torsion",
    "watson_bounded",
    "wood_bounded",
]

inf = np.inf


def boxed(
    problem: Problem,
    bounds: npt.ArrayLike | None = None,
    *,
    share: float = 0.5,
    f_opt: float | None = None,
    x_opt: npt.ArrayLike | None = None,
) -> Problem:
    r"""Put a box around a problem.

    Parameters
    ----------
    problem : Problem
        What to minimise within the box. It stays as it was.
    bounds : array_like, shape (n, 2), optional
        The box. By default a share of the unknowns, spread evenly from the first one on,
        are kept off the minimum, after Conn, Gould & Toint (1988):
        :math:`x^*_i + \sigma_i/10 \le x_i \le x^*_i + 11 \sigma_i/10` with
        :math:`\sigma_i = \max(1, |x^*_i|)`, and the others are free. If the function is
        convex, then at least one of these bounds is active at the minimum, and if it is
        separable as well, all lower ones are.
    share : float, optional
        That share, above 0 and up to 1.
    f_opt : float, optional
        Lowest known value in the box.
    x_opt : array_like, shape (n,), optional
        Where it is attained.

    Returns
    -------
    Problem
        With the same objective, and the start moved to the nearest point of the box.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as said above, or no box is given and the problem has no
        `x_opt`.

    References
    ----------
    A. R. Conn, N. I. M. Gould and P. L. Toint, Testing a class of methods for solving
    minimization problems with simple bounds on the variables, Mathematics of Computation
    50 (1988) 399-430.

    Examples
    --------
    >>> from optlab import problems
    >>> problem = problems.boxed(problems.get("rosenbrock"), [[-2, 0.5], [-2, 2]])
    >>> problem.bounds
    array([[-2. ,  0.5],
           [-2. ,  2. ]])
    >>> problems.boxed(problems.get("rosenbrock")).bounds
    array([[ 1.1,  2.1],
           [-inf,  inf]])
    """
    if bounds is None:
        box = _box_beside(problem, checked_float("share", share, 0, strict=True))
    else:
        box = np.array(bounds, dtype=float)
        if box.shape != (problem.n, 2):
            raise ValueError(
                f"bounds must have the shape ({problem.n}, 2), not {box.shape}"
            )
    made = Problem(
        problem,
        x0=np.clip(problem.x0, *box.T),
        f_opt=f_opt,
        x_opt=x_opt,
        bounds=box,
        name=f"{problem.name}_bounded",
        source=problem.source,
    )
    made.params = {"problem": problem, "bounds": box, "f_opt": f_opt, "x_opt": x_opt}
    made._make = boxed
    return made


def _box_beside(problem: Problem, share: float) -> npt.NDArray[np.float64]:
    """The default box of `boxed`."""
    if share > 1:
        raise ValueError(f"share must be at most 1, not {share}")
    if problem.x_opt is None:
        raise ValueError("bounds must be given, since the problem has no x_opt")
    x_opt = problem.x_opt.astype(float)
    size = np.maximum(1, np.abs(x_opt))
    # Unknown i is taken where ceil(share * i) steps up: 0, 2, 4, ... for one half.
    count = np.ceil(share * np.arange(problem.n + 1))
    taken = np.diff(count) > 0
    box = np.column_stack([x_opt + 0.1 * size, x_opt + 1.1 * size])
    return np.where(taken[:, None], box, [-inf, inf])


# ---- Hock & Schittkowski 1981 -------------------------------------------------------


def hock_schittkowski(
    number: int,
) -> Callable[[Callable[P, Problem]], Callable[P, Problem]]:
    """Register problem `number` of the book."""
    return problem(
        "bounded",
        source=(
            "Hock & Schittkowski, Test Examples for Nonlinear Programming Codes, Lecture "
            f"Notes in Economics and Mathematical Systems 187 (1981), problem {number}"
        ),
    )


def make(
    kind: int,
    dtype: npt.DTypeLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    x0: Sequence[float],
    f_opt: float,
    x_opt: Sequence[float],
) -> Problem:
    """Make one of the functions of optlab_c/objectives/bounded.h within its bounds."""
    n = len(x0)
    box = np.column_stack([np.broadcast_to(low, n), np.broadcast_to(high, n)])
    start = np.clip(x0, low, high)
    capsule = objectives.bounded(kind, n, checked_dtype(dtype))
    return Problem(capsule, x0=start, bounds=box, f_opt=f_opt, x_opt=x_opt)


@hock_schittkowski(1)
def hs1(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Rosenbrock's function with a bound that is not active [1].

    :math:`x_2 \ge -1.5`. The start is (-2, 1).
    """
    base = classic.rosenbrock(dtype=dtype)
    return _restarted(base, [-2, 1], [-inf, -1.5], [inf, inf], 0.0, [1, 1])


@hock_schittkowski(2)
def hs2(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Rosenbrock's function with a bound that is active [2].

    :math:`x_2 \ge 1.5`. The start, (-2, 1), is moved to (-2, 1.5). There is a local minimum, 4.94122932, on
    the other side of the valley.
    """
    base = classic.rosenbrock(dtype=dtype)
    # 400 x^3 - 598 x - 2 = 0, by its roots' trigonometric form
    a = np.sqrt(598 / 1200)
    x = 2 * a * np.cos(np.arccos(1 / (400 * a**3)) / 3)
    f_opt = 0.05042618789360708
    made = _restarted(base, [-2, 1], [-inf, 1.5], [inf, inf], f_opt, [x, 1.5])
    made.minima = (f_opt, 4.941229317989185)
    return made


@hock_schittkowski(3)
def hs3(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Schuldt's function, which is nearly linear [3].

    .. math:: f = x_2 + 10^{-5} (x_2 - x_1)^2, \quad x_2 \ge 0
    """
    low, high = [-inf, 0], [inf, inf]
    return make(objectives.HS3, dtype, low, high, [10, 1], 0.0, [0, 0])


@hock_schittkowski(4)
def hs4(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Asaadi's function, with its minimum at a corner [4].

    .. math:: f = (x_1 + 1)^3/3 + x_2, \quad x_1 \ge 1, \; x_2 \ge 0
    """
    low, high = [1, 0], [inf, inf]
    return make(objectives.HS4, dtype, low, high, [1.125, 0.125], 8 / 3, [1, 0])


@hock_schittkowski(5)
def hs5(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""McCormick's function, with no bound active [5].

    .. math:: f = \sin(x_1 + x_2) + (x_1 - x_2)^2 - 1.5 x_1 + 2.5 x_2 + 1, \quad
              -1.5 \le x_1 \le 4, \; -3 \le x_2 \le 3
    """
    f_opt = float(-np.sqrt(3) / 2 - np.pi / 3)
    x_opt = [0.5 - np.pi / 3, -0.5 - np.pi / 3]
    return make(objectives.HS5, dtype, [-1.5, -3], [4, 3], [0, 0], f_opt, x_opt)


@hock_schittkowski(25)
def hs25(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Gulf research and development function [25].

    It is `gulf` with :math:`0.1 \le x_1 \le 100, \; 0 \le x_2 \le 25.6, \;
    0 \le x_3 \le 5`. At the start, (100, 12.5, 3), the gradient is nearly 0.
    """
    base = classic.gulf(m=99, dtype=dtype)
    low, high = [0.1, 0, 0], [100, 25.6, 5]
    return _restarted(base, [100, 12.5, 3], low, high, 0.0, [50, 25, 1.5])


@hock_schittkowski(38)
def hs38(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Colville's fourth function, which is Wood's [38].

    It is `wood` with :math:`|x_i| \le 10`.
    """
    base = classic.wood(dtype=dtype)
    return _restarted(base, base.x0, [-10] * 4, [10] * 4, 0.0, np.ones(4))


@hock_schittkowski(45)
def hs45(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""A product, with all bounds active at the minimum [45].

    .. math:: f = 2 - x_1 x_2 x_3 x_4 x_5/120, \quad 0 \le x_i \le i

    The start, (2, ..., 2), is moved to (1, 2, ..., 2).
    """
    high = [1, 2, 3, 4, 5]
    return make(objectives.HS45, dtype, 0, high, [2] * 5, 1.0, high)


@hock_schittkowski(110)
def hs110(dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Paviani's function, which is not defined beyond the bounds [110].

    .. math:: f = \sum_{i=1}^{10} \left(\ln^2(x_i - 2) + \ln^2(10 - x_i)\right)
              - \Big(\prod_i x_i\Big)^{0.2}, \quad 2.001 \le x_i \le 9.999
    """
    return make(
        objectives.HS110,
        dtype,
        2.001,
        9.999,
        [9] * 10,
        -45.77846970744627,
        [9.350265833069386] * 10,
    )


def _restarted(
    base: Problem,
    x0: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    f_opt: float,
    x_opt: npt.ArrayLike,
) -> Problem:
    """A problem from a start of its own, which is moved into the box."""
    return Problem(
        base,
        x0=np.clip(x0, low, high),
        bounds=np.column_stack([low, high]),
        f_opt=f_opt,
        x_opt=x_opt,
    )


# ---- problems of any size -----------------------------------------------------------


@problem(
    "bounded",
    "any-n",
    source="Zhu, Byrd, Lu & Nocedal, ACM Trans. Math. Softw. 23 (1997) 550-560, driver1",
)
def lbfgsb_sample(n: int = 25, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Sample problem of L-BFGS-B, a curved valley in n dimensions.

    .. math:: f = (x_1 - 1)^2 + 4 \sum_{i=2}^n (x_i - x_{i-1}^2)^2

    with :math:`1 \le x_i \le 100` for odd i and :math:`|x_i| \le 100` for even i. At the
    minimum the lower bounds of the former are active with multipliers 0.
    """
    n = checked_int("n", n, 1)
    low = np.where(np.arange(n) % 2, -100.0, 1.0)
    return make(objectives.VALLEY, dtype, low, np.full(n, 100.0), [3] * n, 0.0, [1] * n)


def membrane(
    nx: int,
    ny: int,
    weights: npt.NDArray[np.float64],
    load: npt.NDArray[np.float64],
    sides: tuple[float, float],
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    x0: npt.ArrayLike,
    dtype: npt.DTypeLike,
    f_opt: float | None,
) -> Problem:
    """A membrane on a grid within a rectangle, discretised as in MINPACK-2.

    `weights` are those of the columns, the two edges' included (nx + 2), `load` is that
    of the columns (nx); bounds and start have the shape (ny, nx), or fit to it.
    """
    hx, hy = sides[0] / (nx + 1), sides[1] / (ny + 1)
    mean = (weights[:-1] + weights[1:]) / 2  # of linear elements on triangles
    inner = (weights[:-2] + 4 * weights[1:-1] + weights[2:]) / 6
    capsule = objectives.grid(
        mean * hy / hx, inner * hx / hy, load * hx * hy, ny, checked_dtype(dtype)
    )
    low, high, x0 = (np.broadcast_to(a, (ny, nx)).ravel() for a in (low, high, x0))
    return Problem(capsule, x0=x0, bounds=np.column_stack([low, high]), f_opt=f_opt)


def unit_square(nx: int, ny: int) -> tuple[Any, Any]:
    """Coordinates of the grid's points: a row, and a column."""
    return np.arange(1, nx + 1) / (nx + 1), np.arange(1, ny + 1)[:, None] / (ny + 1)


GRIDS = "Moré & Toraldo, SIAM J. Optim. 1 (1991) 93-113; MINPACK-2"


@problem("bounded", "any-n", "quadratic", source=GRIDS)
def torsion(
    nx: int = 20, ny: int = 20, c: float = 5.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Elastic-plastic torsion of a square bar.

    .. math:: f(v) = \tfrac12 \int \|\nabla v\|^2 - c \int v, \quad
              |v(\xi)| \le \text{distance of } \xi \text{ from the edge}

    on the unit square, v being 0 at its edge. The larger c, the larger the plastic part,
    where a bound is active. The start is the upper bound.

    Parameters
    ----------
    nx, ny : int, optional
        Points of the grid within the square in both directions; n = nx ny.
    c : float, optional
        Twist of the bar; 5, 10 and 20 are usual.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        The unknown at point (i, j) has the index nx (j - 1) + i - 1.
    """
    nx, ny = checked_int("nx", nx, 1), checked_int("ny", ny, 1)
    c = checked_float("c", c)
    across, along = unit_square(nx, ny)
    distance = np.minimum(np.minimum(across, 1 - across), np.minimum(along, 1 - along))
    known = {
        5.0: -0.4161128717918905,
        10.0: -1.1994864947713448,
        20.0: -2.840596253618605,
    }
    return membrane(
        nx,
        ny,
        np.ones(nx + 2),
        np.full(nx, c),
        (1, 1),
        -distance,
        distance,
        distance,
        dtype,
        known.get(c) if (nx, ny) == (20, 20) else None,
    )


@problem("bounded", "any-n", "quadratic", source=GRIDS)
def journal_bearing(
    nx: int = 20,
    ny: int = 20,
    eccentricity: float = 0.1,
    b: float = 10.0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Pressure of the lubricant in a journal bearing.

    .. math:: f(v) = \int \left(\tfrac12 (1 + \epsilon \cos \xi_1)^3 \|\nabla v\|^2
              - \epsilon \sin(\xi_1) \, v\right), \quad v \ge 0

    on the rectangle :math:`(0, 2 \pi) \times (0, 2 b)`, v being 0 at its edge. About half
    of the bounds are active.

    Parameters
    ----------
    nx, ny : int, optional
        Points of the grid within the rectangle in both directions; n = nx ny.
    eccentricity : float, optional
        :math:`\epsilon`, above 0 and below 1.
    b : float, optional
        Half the length of the bearing, above 0.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        The unknown at point (i, j) has the index nx (j - 1) + i - 1. The start is
        :math:`\max(0, \sin \xi_1)`.
    """
    nx, ny = checked_int("nx", nx, 1), checked_int("ny", ny, 1)
    e = checked_float("eccentricity", eccentricity, 0, strict=True)
    b = checked_float("b", b, 0, strict=True)
    if e >= 1:
        raise ValueError(f"eccentricity must be below 1, not {e}")
    angle = 2 * np.pi * np.arange(nx + 2) / (nx + 1)
    known = (nx, ny, e, b) == (20, 20, 0.1, 10)
    return membrane(
        nx,
        ny,
        (1 + e * np.cos(angle)) ** 3,
        e * np.sin(angle[1:-1]),
        (2 * np.pi, 2 * b),
        0,
        inf,
        np.maximum(0, np.sin(angle[1:-1])),
        dtype,
        -0.17997935149217026 if known else None,
    )


@problem("bounded", "any-n", "quadratic", source=GRIDS)
def obstacle(
    nx: int = 20,
    ny: int = 20,
    case: str = "A",
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""A membrane above an obstacle, or between two.

    .. math:: f(v) = \tfrac12 \int \|\nabla v\|^2 - \int v, \quad
              \psi_l \le v \le \psi_u

    on the unit square, v being 0 at its edge. Case A has the obstacle
    :math:`\psi_l = \sin(3.2 \xi_1) \sin(3.3 \xi_2)` and no upper one; case B has
    :math:`\psi_l = s^3, \psi_u = s^2 + 0.02` with
    :math:`s = \sin(9.2 \xi_1) \sin(9.3 \xi_2)`. The start is the lower bound.

    Parameters
    ----------
    nx, ny : int, optional
        Points of the grid within the square in both directions; n = nx ny.
    case : {"A", "B"}, optional
        Which obstacles.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        The unknown at point (i, j) has the index nx (j - 1) + i - 1.
    """
    nx, ny = checked_int("nx", nx, 1), checked_int("ny", ny, 1)
    across, along = unit_square(nx, ny)
    low: Any
    high: Any
    if case == "A":
        low, high = np.sin(3.2 * across) * np.sin(3.3 * along), inf
    elif case == "B":
        s = np.sin(9.2 * across) * np.sin(9.3 * along)
        low, high = s**3, s**2 + 0.02
    else:
        raise ValueError(f"case must be 'A' or 'B', not {case!r}")
    known = {"A": 1.9596595900535707, "B": 6.836235296530661}
    return membrane(
        nx,
        ny,
        np.ones(nx + 2),
        np.ones(nx),
        (1, 1),
        low,
        high,
        low,
        dtype,
        known[case] if (nx, ny) == (20, 20) else None,
    )


# ---- Moré, Garbow & Hillstrom in the boxes of Gay 1984 -------------------------------


def gay(
    base: Callable[..., Problem],
    low: Sequence[float],
    high: Sequence[float],
    f_opt: float,
    x_opt: Sequence[float] | None = None,
    **size: int,
) -> Callable[..., Problem]:
    """Register a problem of `classic`, of one size, in a box."""

    def factory(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
        box = np.column_stack([low, high])
        made = base(**size, scale=scale, dtype=dtype)
        return boxed(made, box, f_opt=f_opt, x_opt=x_opt)

    called = (base.__doc__ or "").split("]")[0]
    factory.__name__ = factory.__qualname__ = f"{base.__name__}_bounded"
    factory.__doc__ = f"{called}], in Gay's box."
    return problem(
        "bounded",
        "variant",
        source="Gay, in: Numerical Analysis, Lecture Notes in Mathematics 1066 (1984)",
    )(factory)


rosenbrock_bounded = gay(classic.rosenbrock, [-50, 0], [0.5, 100], 0.25)
freudenstein_roth_bounded = gay(
    classic.freudenstein_roth, [0, -30], [20, -0.9], 48.985202
)
powell_badly_scaled_bounded = gay(
    classic.powell_badly_scaled, [0, 1], [1, 9], 1.5125936724396718e-10
)
brown_badly_scaled_bounded = gay(
    classic.brown_badly_scaled, [0, 0.00003], [1e6, 100], 783.999999295184
)
beale_bounded = gay(classic.beale, [0.6, 0.5], [10, 100], 0.0)
jennrich_sampson_bounded = gay(
    classic.jennrich_sampson, [0.26, 0], [10, 20], 124.3831129163779
)
helical_valley_bounded = gay(
    classic.helical_valley, [-100, -1, -1], [0.8, 1, 1], 0.9904221209613999
)
bard_bounded = gay(classic.bard, [0.1, 0, 0], [50, 100, 50], 0.009582284721153243)
gaussian_bounded = gay(
    classic.gaussian, [0.398, 1, -0.5], [4.2, 2, 0.1], 1.127932769618648e-8
)
meyer_bounded = gay(
    classic.meyer,
    [0.006, 0, 0],
    [2, 3e5, 3e4],
    127.45177121132276,
    x_opt=[0.006, 6125.418985011778, 343.3377228210616],
)
box_bounded = gay(classic.box, [0, 5, 0], [2, 9.5, 20], 0.00011434818026414597)
powell_singular_bounded = gay(
    classic.powell_singular,
    [0.1, -20, -1, -1],
    [100, 20, 1, 50],
    0.00018781963005830334,
)
wood_bounded = gay(
    classic.wood, [-100, -100, -100, -100], [0, 10, 100, 100], 1.5567008004385652
)
kowalik_osborne_bounded = gay(
    classic.kowalik_osborne,
    [0, -1, 0.13, 0.12],
    [10, 12, 13, 12],
    0.00030783072346419755,
)
brown_dennis_bounded = gay(
    classic.brown_dennis, [-10, 0, -100, -20], [100, 15, 0, 0.2], 88860.47976750048
)
osborne1_bounded = gay(
    classic.osborne1, [0, 0, -50, 0, 0], [50, 1.9, -0.1, 10, 10], 5.470283343373724e-5
)
biggs_exp6_bounded = gay(
    classic.biggs_exp6, [0, 0, 0, 1, 0, 0], [2, 8, 1, 7, 5, 5], 5.320986590782544e-4
)
watson_bounded = gay(
    classic.watson,
    [-1e-5, 0, 0, 0, 0, -3, 0, -3, 0],
    [1e-5, 0.9, 0.1, 1, 1, 0, 4, 0, 2],
    0.03740139779318446,
    n=9,
)
brown_almost_linear_bounded = gay(
    classic.brown_almost_linear,
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    [100, 100, 0.9, 100, 100, 100, 100, 100, 100, 100],
    0.006093178576596832,
    n=10,
)
linear_full_rank_bounded = gay(
    classic.linear_full_rank, [-0.5] + [-2] * 9, [100] * 10, 10.25, n=10, m=20
)
linear_rank1_bounded = gay(
    classic.linear_rank1, [-0.9] + [-2] * 9, [100] * 10, 20 * 19 / 82, n=10, m=20
)
chebyquad_bounded = gay(
    classic.chebyquad,
    [0, 0, 0.1, 0, 0, 0, 0, 0],
    [0.04, 0.2, 0.3, 1, 1, 1, 1, 1],
    0.003592242385974158,
    n=8,
)
