"""The 35 problems of Moré, Garbow & Hillstrom 1981 as the paper writes them.

Plain Python: `RESIDUALS[number](x, m)` returns the list r_1(x) ... r_m(x). Indices count
from 1 where the paper's do. Functions come from mpmath, so that an `mpf` vector gives an
answer as exact as the working precision.
"""

from mpmath import atan as arctan
from mpmath import cos, exp, log, mp, mpf, pi, sin, sqrt

BARD_Y = [
    "0.14",
    "0.18",
    "0.22",
    "0.25",
    "0.29",
    "0.32",
    "0.35",
    "0.39",
    "0.37",
    "0.58",
    "0.73",
    "0.96",
    "1.34",
    "2.10",
    "4.39",
]
GAUSS_Y = [
    "0.0009",
    "0.0044",
    "0.0175",
    "0.0540",
    "0.1295",
    "0.2420",
    "0.3521",
    "0.3989",
    "0.3521",
    "0.2420",
    "0.1295",
    "0.0540",
    "0.0175",
    "0.0044",
    "0.0009",
]
MEYER_Y = [
    "34780",
    "28610",
    "23650",
    "19630",
    "16370",
    "13720",
    "11540",
    "9744",
    "8261",
    "7030",
    "6005",
    "5147",
    "4427",
    "3820",
    "3307",
    "2872",
]
KOWALIK_Y = [
    "0.1957",
    "0.1947",
    "0.1735",
    "0.1600",
    "0.0844",
    "0.0627",
    "0.0456",
    "0.0342",
    "0.0323",
    "0.0235",
    "0.0246",
]
KOWALIK_U = [
    "4.0000",
    "2.0000",
    "1.0000",
    "0.5000",
    "0.2500",
    "0.1670",
    "0.1250",
    "0.1000",
    "0.0833",
    "0.0714",
    "0.0625",
]
OSBORNE1_Y = [
    "0.844",
    "0.908",
    "0.932",
    "0.936",
    "0.925",
    "0.908",
    "0.881",
    "0.850",
    "0.818",
    "0.784",
    "0.751",
    "0.718",
    "0.685",
    "0.658",
    "0.628",
    "0.603",
    "0.580",
    "0.558",
    "0.538",
    "0.522",
    "0.506",
    "0.490",
    "0.478",
    "0.467",
    "0.457",
    "0.448",
    "0.438",
    "0.431",
    "0.424",
    "0.420",
    "0.414",
    "0.411",
    "0.406",
]
OSBORNE2_Y = [
    "1.366",
    "1.191",
    "1.112",
    "1.013",
    "0.991",
    "0.885",
    "0.831",
    "0.847",
    "0.786",
    "0.725",
    "0.746",
    "0.679",
    "0.608",
    "0.655",
    "0.616",
    "0.606",
    "0.602",
    "0.626",
    "0.651",
    "0.724",
    "0.649",
    "0.649",
    "0.694",
    "0.644",
    "0.624",
    "0.661",
    "0.612",
    "0.558",
    "0.533",
    "0.495",
    "0.500",
    "0.423",
    "0.395",
    "0.375",
    "0.372",
    "0.391",
    "0.396",
    "0.405",
    "0.428",
    "0.429",
    "0.523",
    "0.562",
    "0.607",
    "0.653",
    "0.672",
    "0.708",
    "0.633",
    "0.668",
    "0.645",
    "0.632",
    "0.591",
    "0.559",
    "0.597",
    "0.625",
    "0.739",
    "0.710",
    "0.729",
    "0.720",
    "0.636",
    "0.581",
    "0.428",
    "0.292",
    "0.162",
    "0.098",
    "0.054",
]


def rosenbrock(x, m):
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def freudenstein_roth(x, m):
    x1, x2 = x
    return [
        -13 + x1 + ((5 - x2) * x2 - 2) * x2,
        -29 + x1 + ((x2 + 1) * x2 - 14) * x2,
    ]


def powell_badly_scaled(x, m):
    x1, x2 = x
    return [10**4 * x1 * x2 - 1, exp(-x1) + exp(-x2) - mpf("1.0001")]


def brown_badly_scaled(x, m):
    x1, x2 = x
    return [x1 - 10**6, x2 - mpf("2e-6"), x1 * x2 - 2]


def beale(x, m):
    x1, x2 = x
    y = [mpf("1.5"), mpf("2.25"), mpf("2.625")]
    return [y[i - 1] - x1 * (1 - x2**i) for i in (1, 2, 3)]


def jennrich_sampson(x, m):
    x1, x2 = x
    return [2 + 2 * i - (exp(i * x1) + exp(i * x2)) for i in range(1, m + 1)]


def helical_valley(x, m):
    x1, x2, x3 = x
    theta = arctan(x2 / x1) / (2 * pi) + (mpf(1) / 2 if x1 < 0 else 0)
    return [10 * (x3 - 10 * theta), 10 * (sqrt(x1**2 + x2**2) - 1), x3]


def bard(x, m):
    x1, x2, x3 = x
    r = []
    for i in range(1, 16):
        u, v = i, 16 - i
        w = min(u, v)
        r.append(mpf(BARD_Y[i - 1]) - (x1 + u / (v * x2 + w * x3)))
    return r


def gaussian(x, m):
    x1, x2, x3 = x
    return [
        x1 * exp(-x2 * (mpf(8 - i) / 2 - x3) ** 2 / 2) - mpf(GAUSS_Y[i - 1])
        for i in range(1, 16)
    ]


def meyer(x, m):
    x1, x2, x3 = x
    return [
        x1 * exp(x2 / (45 + 5 * i + x3)) - mpf(MEYER_Y[i - 1]) for i in range(1, 17)
    ]


def gulf(x, m):
    x1, x2, x3 = x
    r = []
    for i in range(1, m + 1):
        t = mpf(i) / 100
        y = 25 + (-50 * log(t)) ** (mpf(2) / 3)
        r.append(exp(-(abs(y - x2) ** x3) / x1) - t)
    return r


def box(x, m):
    x1, x2, x3 = x
    r = []
    for i in range(1, m + 1):
        t = mpf(i) / 10
        r.append(exp(-t * x1) - exp(-t * x2) - x3 * (exp(-t) - exp(-10 * t)))
    return r


def powell_singular(x, m):
    x1, x2, x3, x4 = x
    return [
        x1 + 10 * x2,
        sqrt(mpf(5)) * (x3 - x4),
        (x2 - 2 * x3) ** 2,
        sqrt(mpf(10)) * (x1 - x4) ** 2,
    ]


def wood(x, m):
    x1, x2, x3, x4 = x
    return [
        10 * (x2 - x1**2),
        1 - x1,
        sqrt(mpf(90)) * (x4 - x3**2),
        1 - x3,
        sqrt(mpf(10)) * (x2 + x4 - 2),
        (x2 - x4) / sqrt(mpf(10)),
    ]


def kowalik_osborne(x, m):
    x1, x2, x3, x4 = x
    r = []
    for y, u in zip(KOWALIK_Y, KOWALIK_U, strict=True):
        y, u = mpf(y), mpf(u)
        r.append(y - x1 * (u**2 + u * x2) / (u**2 + u * x3 + x4))
    return r


def brown_dennis(x, m):
    x1, x2, x3, x4 = x
    r = []
    for i in range(1, m + 1):
        t = mpf(i) / 5
        r.append((x1 + t * x2 - exp(t)) ** 2 + (x3 + x4 * sin(t) - cos(t)) ** 2)
    return r


def osborne1(x, m):
    x1, x2, x3, x4, x5 = x
    r = []
    for i in range(1, 34):
        t = 10 * (i - 1)
        r.append(mpf(OSBORNE1_Y[i - 1]) - (x1 + x2 * exp(-t * x4) + x3 * exp(-t * x5)))
    return r


def biggs_exp6(x, m):
    x1, x2, x3, x4, x5, x6 = x
    r = []
    for i in range(1, m + 1):
        t = mpf(i) / 10
        y = exp(-t) - 5 * exp(-10 * t) + 3 * exp(-4 * t)
        r.append(x3 * exp(-t * x1) - x4 * exp(-t * x2) + x6 * exp(-t * x5) - y)
    return r


def osborne2(x, m):
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x
    r = []
    for i in range(1, 66):
        t = mpf(i - 1) / 10
        model = (
            x1 * exp(-t * x5)
            + x2 * exp(-((t - x9) ** 2) * x6)
            + x3 * exp(-((t - x10) ** 2) * x7)
            + x4 * exp(-((t - x11) ** 2) * x8)
        )
        r.append(mpf(OSBORNE2_Y[i - 1]) - model)
    return r


def watson(x, m):
    n = len(x)
    r = []
    for i in range(1, 30):
        t = mpf(i) / 29
        slope = sum((j - 1) * x[j - 1] * t ** (j - 2) for j in range(2, n + 1))
        value = sum(x[j - 1] * t ** (j - 1) for j in range(1, n + 1))
        r.append(slope - value**2 - 1)
    return [*r, x[0], x[1] - x[0] ** 2 - 1]


def extended_rosenbrock(x, m):
    r = []
    for i in range(1, len(x) // 2 + 1):
        r.append(10 * (x[2 * i - 1] - x[2 * i - 2] ** 2))
        r.append(1 - x[2 * i - 2])
    return r


def extended_powell_singular(x, m):
    r = []
    for i in range(0, len(x), 4):
        r += powell_singular(x[i : i + 4], 4)
    return r


def penalty1(x, m):
    a = mpf("1e-5")
    return [sqrt(a) * (xi - 1) for xi in x] + [sum(xi**2 for xi in x) - mpf(1) / 4]


def penalty2(x, m):
    n = len(x)
    a = mpf("1e-5")
    r = [x[0] - mpf("0.2")]
    for i in range(2, n + 1):
        y = exp(mpf(i) / 10) + exp(mpf(i - 1) / 10)
        r.append(sqrt(a) * (exp(x[i - 1] / 10) + exp(x[i - 2] / 10) - y))
    for i in range(n + 1, 2 * n):
        r.append(sqrt(a) * (exp(x[i - n] / 10) - exp(-mpf(1) / 10)))
    r.append(sum((n - j + 1) * x[j - 1] ** 2 for j in range(1, n + 1)) - 1)
    return r


def variably_dimensioned(x, m):
    s = sum((j + 1) * (xj - 1) for j, xj in enumerate(x))
    return [xi - 1 for xi in x] + [s, s**2]


def trigonometric(x, m):
    n = len(x)
    c = sum(cos(xj) for xj in x)
    return [n - c + (i + 1) * (1 - cos(xi)) - sin(xi) for i, xi in enumerate(x)]


def brown_almost_linear(x, m):
    n = len(x)
    product = mpf(1)
    for xj in x:
        product *= xj
    return [x[i] + sum(x) - (n + 1) for i in range(n - 1)] + [product - 1]


def discrete_boundary_value(x, m):
    n = len(x)
    h = mpf(1) / (n + 1)
    padded = [0, *x, 0]
    return [
        2 * padded[i]
        - padded[i - 1]
        - padded[i + 1]
        + h**2 * (padded[i] + i * h + 1) ** 3 / 2
        for i in range(1, n + 1)
    ]


def discrete_integral_equation(x, m):
    n = len(x)
    h = mpf(1) / (n + 1)
    t = [i * h for i in range(n + 1)]
    c = [(x[j - 1] + t[j] + 1) ** 3 if j else 0 for j in range(n + 1)]
    r = []
    for i in range(1, n + 1):
        low = sum(t[j] * c[j] for j in range(1, i + 1))
        high = sum((1 - t[j]) * c[j] for j in range(i + 1, n + 1))
        r.append(x[i - 1] + h * ((1 - t[i]) * low + t[i] * high) / 2)
    return r


def broyden_tridiagonal(x, m):
    padded = [0, *x, 0]
    return [
        (3 - 2 * padded[i]) * padded[i] - padded[i - 1] - 2 * padded[i + 1] + 1
        for i in range(1, len(x) + 1)
    ]


def broyden_banded(x, m):
    n = len(x)
    r = []
    for i in range(1, n + 1):
        near = [j for j in range(max(1, i - 5), min(n, i + 1) + 1) if j != i]
        xi = x[i - 1]
        r.append(
            xi * (2 + 5 * xi**2) + 1 - sum(x[j - 1] * (1 + x[j - 1]) for j in near)
        )
    return r


def linear_full_rank(x, m):
    n = len(x)
    mean = 2 * sum(x) / mpf(m)
    return [(x[i] if i < n else 0) - mean - 1 for i in range(m)]


def linear_rank1(x, m):
    s = sum((j + 1) * xj for j, xj in enumerate(x))
    return [i * s - 1 for i in range(1, m + 1)]


def linear_rank1_zeros(x, m):
    n = len(x)
    s = sum(j * x[j - 1] for j in range(2, n))
    return [-1, *((i - 1) * s - 1 for i in range(2, m)), -1]


def chebyquad(x, m):
    n = len(x)
    r = []
    for i in range(1, m + 1):
        mean = sum(shifted_chebyshev(i, xj) for xj in x) / mpf(n)
        r.append(mean - (0 if i % 2 else mpf(-1) / (i**2 - 1)))
    return r


def shifted_chebyshev(degree, x):
    """T_degree(2x - 1)."""
    before, at = mpf(1), 2 * x - 1
    for _ in range(degree - 1):
        before, at = at, 2 * (2 * x - 1) * at - before
    return at


RESIDUALS = [
    rosenbrock,
    freudenstein_roth,
    powell_badly_scaled,
    brown_badly_scaled,
    beale,
    jennrich_sampson,
    helical_valley,
    bard,
    gaussian,
    meyer,
    gulf,
    box,
    powell_singular,
    wood,
    kowalik_osborne,
    brown_dennis,
    osborne1,
    biggs_exp6,
    osborne2,
    watson,
    extended_rosenbrock,
    extended_powell_singular,
    penalty1,
    penalty2,
    variably_dimensioned,
    trigonometric,
    brown_almost_linear,
    discrete_boundary_value,
    discrete_integral_equation,
    broyden_tridiagonal,
    broyden_banded,
    linear_full_rank,
    linear_rank1,
    linear_rank1_zeros,
    chebyquad,
]


def value(number, x, m):
    """f(x) of problem `number` (from 1 on)."""
    return sum(r**2 for r in RESIDUALS[number - 1]([mpf(xi) for xi in x], m))


def directional(number, x, m, *directions):
    """Derivative of f at x along one or two directions."""
    residuals = RESIDUALS[number - 1]
    return derivative(lambda at: sum(r**2 for r in residuals(at, m)), x, *directions)


def derivative(f, x, *directions):
    """Derivative of any f at x along one or two directions, by central differences.

    With 60 digits a step of 1e-15 leaves an error of about 1e-29.
    """
    with mp.workdps(60):
        h = mpf(10) ** -15
        x = [mpf(float(xi)) for xi in x]

        def shifted(*steps):
            return f(
                [
                    xi
                    + sum(
                        s * mpf(float(d[i]))
                        for s, d in zip(steps, directions, strict=True)
                    )
                    for i, xi in enumerate(x)
                ]
            )

        if len(directions) == 1:
            return (shifted(h) - shifted(-h)) / (2 * h)
        total = shifted(h, h) - shifted(h, -h) - shifted(-h, h) + shifted(-h, -h)
        return total / (4 * h * h)


# ---- functions that are published with bounds -----------------------------------------


def hs1(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def hs3(x):
    return x[1] + mpf("1e-5") * (x[1] - x[0]) ** 2


def hs4(x):
    return (x[0] + 1) ** 3 / 3 + x[1]


def hs5(x):
    x1, x2 = x
    return sin(x1 + x2) + (x1 - x2) ** 2 - mpf("1.5") * x1 + mpf("2.5") * x2 + 1


def hs25(x):
    x1, x2, x3 = x
    total = 0
    for i in range(1, 100):
        u = 25 + (-50 * log(mpf(i) / 100)) ** (mpf(2) / 3)
        total += (-mpf(i) / 100 + exp(-(abs(u - x2) ** x3) / x1)) ** 2
    return total


def hs38(x):
    x1, x2, x3, x4 = x
    return (
        100 * (x2 - x1**2) ** 2
        + (1 - x1) ** 2
        + 90 * (x4 - x3**2) ** 2
        + (1 - x3) ** 2
        + mpf("10.1") * ((x2 - 1) ** 2 + (x4 - 1) ** 2)
        + mpf("19.8") * (x2 - 1) * (x4 - 1)
    )


def hs45(x):
    return 2 - x[0] * x[1] * x[2] * x[3] * x[4] / 120


def hs110(x):
    total, product = 0, 1
    for xi in x:
        total += log(xi - 2) ** 2 + log(10 - xi) ** 2
        product *= xi
    return total - product ** mpf("0.2")


def lbfgsb_sample(x):
    total = (x[0] - 1) ** 2 / 4
    for i in range(1, len(x)):
        total += (x[i] - x[i - 1] ** 2) ** 2
    return 4 * total


def elements(x, nx, ny, hx, hy, weight, load):
    """Energy of a membrane by linear elements, triangle by triangle.

    The heights at corner (i, j) belong to abscissa i; `weight` is averaged over the three
    corners of a triangle and `load` goes with the corner it is at.
    """

    def height(i, j):
        inside = 1 <= i <= nx and 1 <= j <= ny
        return x[nx * (j - 1) + i - 1] if inside else mpf(0)

    energy = mpf(0)
    for i in range(nx + 1):
        for j in range(ny + 1):
            for a, b, step in ((i, j, 1), (i + 1, j + 1, -1)):  # of each rectangle
                dx = (height(a + step, b) - height(a, b)) / hx
                dy = (height(a, b + step) - height(a, b)) / hy
                mean = (2 * weight(a) + weight(a + step)) / 3
                energy += hx * hy / 2 * mean * (dx**2 + dy**2) / 2
    for i in range(1, nx + 1):
        for j in range(1, ny + 1):
            energy -= hx * hy * load(i) * height(i, j)
    return energy


def torsion(x, nx, ny, c):
    hx, hy = 1 / mpf(nx + 1), 1 / mpf(ny + 1)
    return elements(x, nx, ny, hx, hy, lambda i: mpf(1), lambda i: mpf(c))


def journal_bearing(x, nx, ny, eccentricity, b):
    e, hx, hy = mpf(eccentricity), 2 * pi / (nx + 1), 2 * mpf(b) / (ny + 1)
    return elements(
        x,
        nx,
        ny,
        hx,
        hy,
        lambda i: (1 + e * cos(i * hx)) ** 3,
        lambda i: e * sin(i * hx),
    )


def obstacle(x, nx, ny):
    return torsion(x, nx, ny, 1)
