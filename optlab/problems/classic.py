r"""The 35 problems of Moré, Garbow & Hillstrom.

Each is a sum of squares :math:`f(x) = \sum_{i=1}^m f_i(x)^2` with value, gradient,
Hessian and Hessian products in C. The numbers in brackets are the paper's; so are the
residuals :math:`f_i` below, the starts and the minima, of which `f_opt` and `x_opt` have
been computed to full double precision. ``scale`` multiplies the start, as the paper
proposes (10 and 100 make it harder); where the start is 0 it is replaced by the vector
whose elements are all ``scale``.

References
----------
J. J. Moré, B. S. Garbow and K. E. Hillstrom, Testing unconstrained optimization
software, ACM Transactions on Mathematical Software 7 (1981) 17-41,
doi:10.1145/355934.355936; the code is Algorithm 566, pages 136-140.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from optlab.checks import checked_dtype, checked_float, checked_int
from optlab_c import objectives

from .registry import P, Problem, problem

__all__ = [
    "bard",
    "beale",
    "biggs_exp6",
    "box",
    "brown_almost_linear",
    "brown_badly_scaled",
    "brown_dennis",
    "broyden_banded",
    "broyden_tridiagonal",
    "chebyquad",
    "discrete_boundary_value",
    "discrete_integral_equation",
    "extended_powell_singular",
    "extended_rosenbrock",
    "freudenstein_roth",
    "gaussian",
    "gulf",
    "helical_valley",
    "jennrich_sampson",
    "kowalik_osborne",
    "linear_full_rank",
    "linear_rank1",
    "linear_rank1_zeros",
    "meyer",
    "osborne1",
    "osborne2",
    "penalty1",
    "penalty2",
    "powell_badly_scaled",
    "powell_singular",
    "rosenbrock",
    "trigonometric",
    "variably_dimensioned",
    "watson",
    "wood",
]


def mgh(
    number: int, *tags: str
) -> Callable[[Callable[P, Problem]], Callable[P, Problem]]:
    """Register problem `number` of the paper."""
    return problem(
        "mgh",
        *tags,
        source=(
            "Moré, Garbow & Hillstrom, ACM Trans. Math. Softw. 7 (1981) 17-41, "
            f"problem {number}"
        ),
    )


def make(
    number: int,
    m: int,
    x0: npt.ArrayLike,
    scale: float,
    dtype: npt.DTypeLike,
    f_opt: float | None = 0.0,
    x_opt: npt.ArrayLike | None = None,
    other_minima: tuple[float, ...] = (),
) -> Problem:
    """Make problem `number` with m residuals."""
    scale = checked_float("scale", scale)
    start = np.array(x0, dtype=float)
    if scale != 1:
        start = start * scale if start.any() else np.full_like(start, scale)
    known = () if f_opt is None else (f_opt,)
    return Problem(
        objectives.mgh(number, len(start), m, checked_dtype(dtype)),
        x0=start,
        f_opt=f_opt,
        x_opt=x_opt,
        minima=known + other_minima,
    )


@mgh(1)
def rosenbrock(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Rosenbrock's function [1].

    .. math:: f_1 = 10 (x_2 - x_1^2), \quad f_2 = 1 - x_1
    """
    return make(1, 2, [-1.2, 1], scale, dtype, x_opt=[1, 1])


@mgh(2)
def freudenstein_roth(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Freudenstein & Roth's function [2].

    .. math::
        f_1 &= -13 + x_1 + ((5 - x_2) x_2 - 2) x_2 \\
        f_2 &= -29 + x_1 + ((x_2 + 1) x_2 - 14) x_2

    From the standard start most methods end in the local minimum 48.9842 at
    (11.41, -0.8968).
    """
    return make(
        2,
        2,
        [0.5, -2],
        scale,
        dtype,
        x_opt=[5, 4],
        other_minima=(48.984253679240021,),
    )


@mgh(3)
def powell_badly_scaled(
    scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Powell's badly scaled function [3].

    .. math:: f_1 = 10^4 x_1 x_2 - 1, \quad f_2 = e^{-x_1} + e^{-x_2} - 1.0001
    """
    x_opt = [1.0981593296998175e-5, 9.106146739866524]
    return make(3, 2, [0, 1], scale, dtype, x_opt=x_opt)


@mgh(4)
def brown_badly_scaled(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Brown's badly scaled function [4].

    .. math:: f_1 = x_1 - 10^6, \quad f_2 = x_2 - 2 \cdot 10^{-6}, \quad
              f_3 = x_1 x_2 - 2
    """
    return make(4, 3, [1, 1], scale, dtype, x_opt=[1e6, 2e-6])


@mgh(5)
def beale(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Beale's function [5].

    .. math:: f_i = y_i - x_1 (1 - x_2^i), \quad y = (1.5, 2.25, 2.625)
    """
    return make(5, 3, [1, 1], scale, dtype, x_opt=[3, 0.5])


@mgh(6)
def jennrich_sampson(
    m: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Jennrich & Sampson's function [6].

    .. math:: f_i = 2 + 2 i - (e^{i x_1} + e^{i x_2}), \quad i = 1 \dots m
    """
    m = checked_int("m", m, 2)
    known = m == 10
    return make(
        6,
        m,
        [0.3, 0.4],
        scale,
        dtype,
        f_opt=124.36218235561485 if known else None,
        x_opt=[0.25782521367036408] * 2 if known else None,
    )


@mgh(7)
def helical_valley(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Fletcher & Powell's helical valley [7].

    .. math:: f_1 = 10 (x_3 - 10 \theta), \quad f_2 = 10 (\sqrt{x_1^2 + x_2^2} - 1),
              \quad f_3 = x_3

    with the angle :math:`\theta` of :math:`(x_1, x_2)` in turns, from -1/4 to 3/4: f
    jumps where :math:`x_1 = 0` and :math:`x_2 < 0`.
    """
    return make(7, 3, [-1, 0, 0], scale, dtype, x_opt=[1, 0, 0])


@mgh(8, "data-fit")
def bard(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Bard's function [8].

    .. math:: f_i = y_i - \left(x_1 + \frac{u_i}{v_i x_2 + w_i x_3}\right), \quad
              u_i = i, \; v_i = 16 - i, \; w_i = \min(u_i, v_i), \; i = 1 \dots 15

    17.4286... is the infimum as :math:`x_2, x_3 \to -\infty`, with :math:`x_1` = 0.8406.
    """
    return make(
        8,
        15,
        [1, 1, 1],
        scale,
        dtype,
        f_opt=8.2148773065789748e-3,
        x_opt=[0.082410559749788932, 1.1330360920297216, 2.3436951786425371],
        other_minima=(17.428693333333333,),
    )


@mgh(9, "data-fit")
def gaussian(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Gaussian function [9].

    .. math:: f_i = x_1 \exp\left(-\tfrac12 x_2 (t_i - x_3)^2\right) - y_i, \quad
              t_i = (8 - i)/2, \; i = 1 \dots 15
    """
    return make(
        9,
        15,
        [0.4, 1, 0],
        scale,
        dtype,
        f_opt=1.127932769618648e-8,
        x_opt=[0.39895613783875668, 1.0000190844878057, 0],
    )


@mgh(10, "data-fit")
def meyer(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Meyer's function [10].

    .. math:: f_i = x_1 \exp\left(\frac{x_2}{t_i + x_3}\right) - y_i, \quad
              t_i = 45 + 5 i, \; i = 1 \dots 16

    Its gradient cannot be made small in double precision: near the minimum, one rounding
    of :math:`x_2` changes it by 0.003.
    """
    return make(
        10,
        16,
        [0.02, 4000, 250],
        scale,
        dtype,
        f_opt=87.945855170851121,
        x_opt=[0.0056096364710280525, 6181.3463462863723, 345.2236346241365],
    )


@mgh(11, "data-fit")
def gulf(m: int = 99, scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Gulf research and development function [11].

    .. math:: f_i = \exp\left(-\frac{|y_i - x_2|^{x_3}}{x_1}\right) - t_i, \quad
              t_i = i/100, \; y_i = 25 + (-50 \ln t_i)^{2/3}, \; i = 1 \dots m

    The factor "mi" in the paper's formula is a misprint of a minus sign.
    """
    m = checked_int("m", m, 3, 100)
    return make(11, m, [5, 2.5, 0.15], scale, dtype, x_opt=[50, 25, 1.5])


@mgh(12, "data-fit")
def box(m: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Box's three-dimensional function [12].

    .. math:: f_i = e^{-t_i x_1} - e^{-t_i x_2} - x_3 (e^{-t_i} - e^{-10 t_i}), \quad
              t_i = i/10, \; i = 1 \dots m

    0 is attained at (1, 10, 1), at (10, 1, -1) and wherever :math:`x_1 = x_2` and
    :math:`x_3 = 0`.
    """
    return make(12, checked_int("m", m, 3), [0, 10, 20], scale, dtype)


@mgh(13)
def powell_singular(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Powell's singular function [13].

    .. math:: f_1 = x_1 + 10 x_2, \; f_2 = \sqrt5 (x_3 - x_4), \;
              f_3 = (x_2 - 2 x_3)^2, \; f_4 = \sqrt{10} (x_1 - x_4)^2

    The Hessian is singular at the minimum.
    """
    return make(13, 4, [3, -1, 0, 1], scale, dtype, x_opt=[0, 0, 0, 0])


@mgh(14)
def wood(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Wood's function [14].

    .. math::
        & f_1 = 10 (x_2 - x_1^2), \; f_2 = 1 - x_1, \;
          f_3 = \sqrt{90} (x_4 - x_3^2), \; f_4 = 1 - x_3, \\
        & f_5 = \sqrt{10} (x_2 + x_4 - 2), \; f_6 = (x_2 - x_4)/\sqrt{10}
    """
    return make(14, 6, [-3, -1, -3, -1], scale, dtype, x_opt=[1, 1, 1, 1])


@mgh(15, "data-fit")
def kowalik_osborne(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Kowalik & Osborne's function [15].

    .. math:: f_i = y_i - \frac{x_1 (u_i^2 + u_i x_2)}{u_i^2 + u_i x_3 + x_4}, \quad
              i = 1 \dots 11

    1.02734e-3 is an infimum at infinity.
    """
    return make(
        15,
        11,
        [0.25, 0.39, 0.415, 0.39],
        scale,
        dtype,
        f_opt=3.0750560384923743e-4,
        x_opt=[
            0.19280693457903785,
            0.19128232873436696,
            0.12305650692632065,
            0.13606233068379484,
        ],
        other_minima=(1.02734e-3,),
    )


@mgh(16, "data-fit")
def brown_dennis(
    m: int = 20, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Brown & Dennis' function [16].

    .. math:: f_i = (x_1 + t_i x_2 - e^{t_i})^2 + (x_3 + x_4 \sin t_i - \cos t_i)^2,
              \quad t_i = i/5, \; i = 1 \dots m
    """
    m = checked_int("m", m, 4)
    known = m == 20
    x_opt = [
        -11.594439904762165,
        13.203630051207204,
        -0.40343948817685952,
        0.2367787744557363,
    ]
    return make(
        16,
        m,
        [25, 5, -5, -1],
        scale,
        dtype,
        f_opt=85822.201626356345 if known else None,
        x_opt=x_opt if known else None,
    )


@mgh(17, "data-fit")
def osborne1(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Osborne's first function [17].

    .. math:: f_i = y_i - (x_1 + x_2 e^{-t_i x_4} + x_3 e^{-t_i x_5}), \quad
              t_i = 10 (i - 1), \; i = 1 \dots 33
    """
    return make(
        17,
        33,
        [0.5, 1.5, -1, 0.01, 0.02],
        scale,
        dtype,
        f_opt=5.4648946974829064e-5,
        x_opt=[
            0.37541005210695204,
            1.9358469127123674,
            -1.4646871366134231,
            0.012867534640057289,
            0.022122699661672611,
        ],
    )


@mgh(18, "data-fit")
def biggs_exp6(
    m: int = 13, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Biggs' EXP6 function [18].

    .. math::
        f_i &= x_3 e^{-t_i x_1} - x_4 e^{-t_i x_2} + x_6 e^{-t_i x_5} - y_i, \quad
               t_i = i/10, \; i = 1 \dots m \\
        y_i &= e^{-t_i} - 5 e^{-10 t_i} + 3 e^{-4 t_i}

    The start has :math:`x_1 = x_5` and :math:`x_3 = x_6`, and so have all points that
    descent reaches from there in exact arithmetic; the lowest of those, for m = 13, is
    5.65565e-3, which the paper lists as a minimum but is a saddle.
    """
    m = checked_int("m", m, 6)
    return make(
        18,
        m,
        [1, 2, 1, 1, 1, 1],
        scale,
        dtype,
        x_opt=[1, 10, 1, 5, 4, 3],
        other_minima=(5.65564992549994e-3,) if m == 13 else (),
    )


@mgh(19, "data-fit")
def osborne2(scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Osborne's second function [19].

    .. math:: f_i = y_i - \left(x_1 e^{-t_i x_5}
              + x_2 e^{-(t_i - x_9)^2 x_6}
              + x_3 e^{-(t_i - x_{10})^2 x_7}
              + x_4 e^{-(t_i - x_{11})^2 x_8}\right)

    with :math:`t_i = (i - 1)/10` for i = 1 ... 65.
    """
    return make(
        19,
        65,
        [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5],
        scale,
        dtype,
        f_opt=0.040137736293547738,
        x_opt=[
            1.3099771546273005,
            0.43155379460298892,
            0.633661698960724,
            0.5994305347859163,
            0.75418322632801128,
            0.90428857985963366,
            1.3658118352370285,
            4.8236988172271556,
            2.3986848661317546,
            4.5688745976676716,
            5.6753414705806412,
        ],
    )


@mgh(20, "any-n", "data-fit")
def watson(n: int = 6, scale: float = 1.0, dtype: npt.DTypeLike = "float64") -> Problem:
    r"""Watson's function [20], 2 <= n <= 31.

    .. math:: f_i = \sum_{j=2}^n (j - 1) x_j t_i^{j-2}
              - \Big(\sum_{j=1}^n x_j t_i^{j-1}\Big)^2 - 1, \quad
              t_i = i/29, \; i = 1 \dots 29

    and :math:`f_{30} = x_1`, :math:`f_{31} = x_2 - x_1^2 - 1`. The Hessian is the worse
    conditioned the larger n is.
    """
    n = checked_int("n", n, 2, 31)
    known = {
        2: 0.5466078558746469,
        3: 0.4713997225209567,
        4: 0.06958772678589437,
        5: 0.01715436626901868,
        6: 2.2876700535524362e-3,
        7: 2.2420710116242559e-4,
        8: 1.8162282123290188e-5,
        9: 1.3997601380990199e-6,
        10: 1.0193951822515346e-7,
        11: 7.1083836418564675e-9,
        12: 4.7223811058917574e-10,
    }
    return make(20, 31, np.zeros(n), scale, dtype, f_opt=known.get(n))


@mgh(21, "any-n")
def extended_rosenbrock(
    n: int = 100, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Rosenbrock's function extended to any even n [21].

    .. math:: f_{2i-1} = 10 (x_{2i} - x_{2i-1}^2), \quad f_{2i} = 1 - x_{2i-1}
    """
    n = checked_int("n", n, 2, multiple=2)
    return make(21, n, np.tile([-1.2, 1], n // 2), scale, dtype, x_opt=np.ones(n))


@mgh(22, "any-n")
def extended_powell_singular(
    n: int = 100, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    """Powell's singular function extended to n = 4, 8, ... [22].

    `powell_singular` on each four consecutive unknowns.
    """
    n = checked_int("n", n, 4, multiple=4)
    x0 = np.tile([3.0, -1, 0, 1], n // 4)
    return make(22, n, x0, scale, dtype, x_opt=np.zeros(n))


@mgh(23, "any-n")
def penalty1(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Penalty function I [23].

    .. math:: f_i = \sqrt{10^{-5}} (x_i - 1), \; i = 1 \dots n, \quad
              f_{n+1} = \sum_j x_j^2 - \tfrac14
    """
    n = checked_int("n", n, 1)
    # All x_j are equal at the minimum: a (x - 1) + 2 x (n x^2 - 1/4) = 0.
    a, x = 1e-5, 0.5 / np.sqrt(n)
    for _ in range(10):
        slope = a + 6 * n * x * x - 0.5
        x -= (a * (x - 1) + 2 * x * (n * x * x - 0.25)) / slope
    f_opt = float(a * n * (x - 1) ** 2 + (n * x * x - 0.25) ** 2)
    x0 = np.arange(1.0, n + 1)
    return make(23, n + 1, x0, scale, dtype, f_opt=f_opt, x_opt=np.full(n, x))


@mgh(24, "any-n")
def penalty2(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Penalty function II [24].

    .. math::
        f_1 &= x_1 - 0.2 \\
        f_i &= \sqrt{10^{-5}} (e^{x_i/10} + e^{x_{i-1}/10} - y_i),
               \; y_i = e^{i/10} + e^{(i-1)/10}, \; i = 2 \dots n \\
        f_i &= \sqrt{10^{-5}} (e^{x_{i-n+1}/10} - e^{-1/10}), \; i = n+1 \dots 2n-1 \\
        f_{2n} &= \sum_j (n - j + 1) x_j^2 - 1
    """
    n = checked_int("n", n, 1)
    known = {4: 9.3762930073554415e-6, 10: 2.9366053745674594e-4}
    return make(24, 2 * n, np.full(n, 0.5), scale, dtype, f_opt=known.get(n))


@mgh(25, "any-n")
def variably_dimensioned(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Variably dimensioned function [25].

    .. math:: f_i = x_i - 1, \; i = 1 \dots n, \quad
              f_{n+1} = \sum_j j (x_j - 1), \quad f_{n+2} = f_{n+1}^2
    """
    n = checked_int("n", n, 1)
    x0 = 1 - np.arange(1, n + 1) / n
    return make(25, n + 2, x0, scale, dtype, x_opt=np.ones(n))


@mgh(26, "any-n")
def trigonometric(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Trigonometric function [26].

    .. math:: f_i = n - \sum_j \cos x_j + i (1 - \cos x_i) - \sin x_i

    For n = 10 there is a local minimum 2.79506e-5.
    """
    n = checked_int("n", n, 1)
    return make(
        26,
        n,
        np.full(n, 1 / n),
        scale,
        dtype,
        other_minima=(2.7950561218794563e-5,) if n == 10 else (),
    )


@mgh(27, "any-n")
def brown_almost_linear(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Brown's almost-linear function [27].

    .. math:: f_i = x_i + \sum_j x_j - (n + 1), \; i = 1 \dots n - 1, \quad
              f_n = \prod_j x_j - 1

    Besides 0 there is the local minimum 1 at (0, ..., 0, n + 1).
    """
    n = checked_int("n", n, 2)
    return make(27, n, np.full(n, 0.5), scale, dtype, other_minima=(1.0,))


@mgh(28, "any-n")
def discrete_boundary_value(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Discrete boundary value function [28].

    .. math:: f_i = 2 x_i - x_{i-1} - x_{i+1} + h^2 (x_i + t_i + 1)^3/2, \quad
              h = 1/(n + 1), \; t_i = i h, \; x_0 = x_{n+1} = 0
    """
    n = checked_int("n", n, 1)
    t = np.arange(1, n + 1) / (n + 1)
    return make(28, n, t * (t - 1), scale, dtype)


@mgh(29, "any-n")
def discrete_integral_equation(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Discrete integral equation function [29].

    .. math:: f_i = x_i + \frac h2 \Big((1 - t_i) \sum_{j=1}^i t_j (x_j + t_j + 1)^3
              + t_i \sum_{j=i+1}^n (1 - t_j) (x_j + t_j + 1)^3\Big), \quad
              h = 1/(n + 1), \; t_i = i h
    """
    n = checked_int("n", n, 1)
    t = np.arange(1, n + 1) / (n + 1)
    return make(29, n, t * (t - 1), scale, dtype)


@mgh(30, "any-n")
def broyden_tridiagonal(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Broyden's tridiagonal function [30].

    .. math:: f_i = (3 - 2 x_i) x_i - x_{i-1} - 2 x_{i+1} + 1, \quad x_0 = x_{n+1} = 0
    """
    n = checked_int("n", n, 1)
    return make(30, n, np.full(n, -1.0), scale, dtype)


@mgh(31, "any-n")
def broyden_banded(
    n: int = 10, scale: float = 1.0, dtype: npt.DTypeLike = "float64"
) -> Problem:
    r"""Broyden's banded function [31].

    .. math:: f_i = x_i (2 + 5 x_i^2) + 1 - \sum_{j \in J_i} x_j (1 + x_j), \quad
              J_i = \{j \ne i: \max(1, i - 5) \le j \le \min(n, i + 1)\}
    """
    n = checked_int("n", n, 1)
    return make(31, n, np.full(n, -1.0), scale, dtype)


@mgh(32, "any-n", "quadratic")
def linear_full_rank(
    n: int = 10,
    m: int | None = None,
    scale: float = 1.0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Linear function of full rank [32], m >= n (default 2n).

    .. math:: f_i = x_i - \frac2m \sum_j x_j - 1, \; i \le n; \quad
              f_i = -\frac2m \sum_j x_j - 1, \; n < i \le m
    """
    n = checked_int("n", n, 1)
    m = 2 * n if m is None else checked_int("m", m, n)
    x_opt = np.full(n, -1.0)
    return make(32, m, np.ones(n), scale, dtype, f_opt=float(m - n), x_opt=x_opt)


@mgh(33, "any-n", "quadratic")
def linear_rank1(
    n: int = 10,
    m: int | None = None,
    scale: float = 1.0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Linear function of rank 1 [33], m >= n (default 2n).

    .. math:: f_i = i \sum_j j x_j - 1

    The minimum m(m - 1)/(2(2m + 1)) is attained wherever the sum is 3/(2m + 1).
    """
    n = checked_int("n", n, 1)
    m = 2 * n if m is None else checked_int("m", m, n)
    f_opt = m * (m - 1) / (2 * (2 * m + 1))
    return make(33, m, np.ones(n), scale, dtype, f_opt=f_opt)


@mgh(34, "any-n", "quadratic")
def linear_rank1_zeros(
    n: int = 10,
    m: int | None = None,
    scale: float = 1.0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Linear function of rank 1 with zero columns and rows [34], m >= n (default 2n).

    .. math:: f_1 = f_m = -1, \quad
              f_i = (i - 1) \sum_{j=2}^{n-1} j x_j - 1, \; 1 < i < m

    The minimum (m² + 3m - 6)/(2(2m - 3)) is attained wherever the sum is 3/(2m - 3).
    """
    n = checked_int("n", n, 3)
    m = 2 * n if m is None else checked_int("m", m, n)
    f_opt = (m * m + 3 * m - 6) / (2 * (2 * m - 3))
    return make(34, m, np.ones(n), scale, dtype, f_opt=f_opt)


@mgh(35, "any-n")
def chebyquad(
    n: int = 8,
    m: int | None = None,
    scale: float = 1.0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Chebyquad [35], n <= m <= 1000 (default m = n).

    .. math:: f_i = \frac1n \sum_j T_i(x_j) - \int_0^1 T_i(x)\,dx

    with the Chebyshev polynomials :math:`T_i` shifted to [0, 1]. The minimum is 0 for
    m = n from 1 to 7 and for 9. For m = n = 10, 6.50395e-3 is the value the paper
    gives; there is a lower one, 4.77271e-3.
    """
    n = checked_int("n", n, 1, 1000)
    m = n if m is None else checked_int("m", m, n, 1000)
    known = dict.fromkeys([1, 2, 3, 4, 5, 6, 7, 9], 0.0)
    known |= {8: 3.5168737256779317e-3, 10: 4.772713696375349e-3}
    return make(
        35,
        m,
        np.arange(1, n + 1) / (n + 1),
        scale,
        dtype,
        f_opt=known.get(n) if m == n else None,
        other_minima=(6.5039548008823061e-3,) if m == n == 10 else (),
    )
