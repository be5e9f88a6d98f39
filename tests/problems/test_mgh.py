"""The problems of Moré, Garbow & Hillstrom against the paper, in 60 digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from optlab import problems

from . import textbook
from .derivatives import check_derivatives, close, near_start

NAMES = problems.names("mgh")
NUMBER = {name: i for i, name in enumerate(NAMES, start=1)}

# The residuals of each problem, and sizes other than the default to try.
M = [2, 2, 2, 3, 3, 10, 3, 15, 15, 16, 99, 10, 4, 6, 11, 20, 33, 13, 65, 31]
CASES = [(name, {}) for name in NAMES[:19]]
CASES += [("jennrich_sampson", {"m": 5}), ("gulf", {"m": 20}), ("box", {"m": 4})]
CASES += [("brown_dennis", {"m": 7}), ("biggs_exp6", {"m": 8})]
for name in NAMES[19:]:
    CASES += [(name, {"n": 4}), (name, {"n": 8})]
for name in NAMES[22:27] + NAMES[27:32] + NAMES[34:]:
    CASES += [(name, {"n": 1 if name != "brown_almost_linear" else 2})]
CASES += [("discrete_boundary_value", {"n": 2}), ("broyden_tridiagonal", {"n": 2})]
CASES += [("broyden_banded", {"n": 13}), ("broyden_banded", {"n": 2})]
CASES += [("watson", {"n": 2}), ("linear_rank1_zeros", {"n": 3})]
for name in ("linear_full_rank", "linear_rank1", "linear_rank1_zeros", "chebyquad"):
    CASES += [(name, {"n": 5, "m": 9})]


def rows(name, params, n):
    """The number of residuals."""
    if "m" in params:
        return params["m"]
    number = NUMBER[name]
    if number <= 20:
        return M[number - 1]
    return 2 * n if number in (32, 33, 34) else n


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "params"), CASES, ids=str)
def test_derivatives_equal_the_paper_in_high_precision(name, params, dtype):
    problem = problems.get(name, dtype=dtype, **params)
    number, n = NUMBER[name], problem.n
    m = rows(name, params, n)
    x = near_start(problem)
    v = np.random.default_rng(1).standard_normal(n).astype(dtype)
    rtol = 1e-13 if dtype == "float64" else 1e-6
    with mp.workdps(40):
        f = float(textbook.value(number, x.tolist(), m))
    g = [float(textbook.directional(number, x, m, e)) for e in np.eye(n)]
    hv = [float(textbook.directional(number, x, m, e, v)) for e in np.eye(n)]
    check_derivatives(problem, x, v, f, g, hv, rtol)


@pytest.mark.parametrize(
    ("name", "params", "norms"),
    [
        ("linear_full_rank", {"n": 5, "m": 10}, [5.0]),
        ("linear_full_rank", {"n": 5, "m": 50}, [8.0622577]),
        ("linear_rank1", {"n": 5, "m": 10}, [291.52187]),
        ("linear_rank1", {"n": 5, "m": 50}, [3101.6004]),
        ("linear_rank1_zeros", {"n": 5, "m": 10}, [126.03968]),
        ("linear_rank1_zeros", {"n": 5, "m": 50}, [1748.9500]),
        ("rosenbrock", {}, [4.9193496, 1340.0631, 143000.05]),
        ("helical_valley", {}, [50.0, 102.95630, 991.26182]),
        ("powell_singular", {}, [14.662878, 1270.9839, 126887.90]),
        ("freudenstein_roth", {}, [20.012496, 12432.834, 11426455.0]),
        ("bard", {}, [6.4561363, 36.141853, 384.11468]),
        ("kowalik_osborne", {}, [0.072891510, 2.9793701, 29.959062]),
        ("meyer", {}, [41153.467, 4168216.9]),
        ("watson", {"n": 6}, [5.4772256, 6433.1258, 674256.04]),
        ("watson", {"n": 9}, [5.4772256, 12088.127, 1269109.3]),
        ("watson", {"n": 12}, [5.4772256, 19220.759, 2018918.0]),
        ("box", {"m": 10}, [32.111584]),
        ("jennrich_sampson", {"m": 10}, [64.585650]),
        ("brown_dennis", {"m": 20}, [2815.4384, 555073.35, 61211252.0]),
        ("chebyquad", {"n": 1, "m": 8}, [1.8862380, 5.3833444e9, 1.1808873e18]),
        ("chebyquad", {"n": 5}, [0.22570657, 4117243.2, 5.6361303e11]),
        ("chebyquad", {"n": 8}, [0.19651386]),
        ("chebyquad", {"n": 10}, [0.18374783]),
        ("brown_almost_linear", {"n": 10}, [16.530216, 9765624.0, 9.7656250e16]),
        ("brown_almost_linear", {"n": 40}, [128.02636]),
        ("osborne1", {}, [0.93756402]),
        ("osborne2", {}, [1.4468654]),
        ("powell_badly_scaled", {}, [1.0654866, 1.0]),
        ("discrete_boundary_value", {"n": 10}, [0.028080582, 0.52555258, 106.57390]),
        ("discrete_integral_equation", {"n": 1}, [0.12792969, 2.5625, 836.11719]),
        ("discrete_integral_equation", {"n": 10}, [0.25182701, 6.1168330, 1269.3089]),
        ("trigonometric", {"n": 10}, [0.084117534, 20.305195, 93.369375]),
        ("broyden_tridiagonal", {"n": 10}, [4.5825757, 639.10093, 63337.583]),
        ("broyden_banded", {"n": 10}, [18.973666, 17130.922, 15949860.0]),
    ],
    ids=str,
)
def test_norms_at_the_three_starts_are_those_minpack_prints(name, params, norms):
    # "Initial l2 norm of the residuals" of MINPACK-1's test programs, 8 digits.
    for scale, norm in zip([1, 10, 100], norms, strict=False):
        problem = problems.get(name, scale=scale, **params)
        assert np.sqrt(problem.fun(problem.x0)) == pytest.approx(norm, rel=6e-8)


# Table of the paper: the minima, as many digits as it gives.
PUBLISHED = [
    ("freudenstein_roth", {}, 48.9842),
    ("jennrich_sampson", {}, 124.362),
    ("bard", {}, 8.21487e-3),
    ("bard", {}, 17.4286),
    ("gaussian", {}, 1.12793e-8),
    ("meyer", {}, 87.9458),
    ("kowalik_osborne", {}, 3.07505e-4),
    ("kowalik_osborne", {}, 1.02734e-3),
    ("brown_dennis", {}, 85822.2),
    ("osborne1", {}, 5.46489e-5),
    ("biggs_exp6", {}, 5.65565e-3),
    ("osborne2", {}, 4.01377e-2),
    ("watson", {"n": 6}, 2.28767e-3),
    ("watson", {"n": 9}, 1.39976e-6),
    ("watson", {"n": 12}, 4.72238e-10),
    ("penalty1", {"n": 4}, 2.24997e-5),
    ("penalty1", {"n": 10}, 7.08765e-5),
    ("penalty2", {"n": 4}, 9.37629e-6),
    ("penalty2", {"n": 10}, 2.93660e-4),
    ("brown_almost_linear", {}, 1.0),
    ("linear_full_rank", {"n": 5, "m": 10}, 5.0),
    ("linear_rank1", {"n": 5, "m": 10}, 10 * 9 / (2 * 21)),
    ("linear_rank1_zeros", {"n": 5, "m": 10}, (100 + 30 - 6) / (2 * 17)),
    ("chebyquad", {"n": 8}, 3.51687e-3),
    ("chebyquad", {"n": 10}, 6.50395e-3),
]


@pytest.mark.parametrize(("name", "params", "value"), PUBLISHED, ids=str)
def test_published_minima_are_listed(name, params, value):
    problem = problems.get(name, **params)
    # The paper truncates some values and rounds others.
    assert min(abs(known / value - 1) for known in problem.minima) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_the_listed_minimum_is_one(name):
    problem = problems.get(name)
    assert problem.f_opt == problem.minima[0]
    if problem.x_opt is None:
        return
    f, g = problem.fun_and_grad(problem.x_opt)
    assert f == pytest.approx(problem.f_opt, rel=1e-10, abs=1e-25)
    # x_opt is rounded: g is what half an ulp in each unknown makes of it.
    hess = problem.hess(problem.x_opt)
    noise = np.abs(hess) @ np.spacing(np.abs(problem.x_opt))
    assert np.all(np.abs(g) <= noise + 1e-13 * np.abs(hess).max())
    lowest, highest = np.linalg.eigvalsh(hess)[[0, -1]]
    assert lowest >= -1e-14 * highest


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("freudenstein_roth", [11.412778986902094, -0.89680525327447652], 48.9842),
        ("bard", [0.84066666666666667, -1e9, -1e9], 17.4286),
        ("box", [10, 1, -1], 0),
        ("box", [3, 3, 0], 0),
        ("brown_almost_linear", [0] * 9 + [11], 1),
        ("brown_almost_linear", [1] * 10, 0),
        (
            "biggs_exp6",
            [1.71141599, 17.68319818, 1.16314366, 5.18656155, 1.71141599, 1.16314366],
            5.65565e-3,
        ),
    ],
    ids=str,
)
def test_other_published_points(name, x, value):
    problem = problems.get(name)
    f, g = problem.fun_and_grad(x)
    assert f == pytest.approx(value, rel=1e-5, abs=1e-20)
    assert abs(g).max() < 1e-7


@pytest.mark.parametrize("name", ["chebyquad", "trigonometric", "penalty2", "watson"])
def test_minima_without_a_listed_point_are_reached(name):
    for n in (4, 6, 8, 10) if name != "trigonometric" else (10,):
        problem = problems.get(name, n=n)
        if problem.f_opt is None:
            continue
        x = problem.x0
        for _ in range(400):  # Newton, damped by steepest descent's scale
            f, g = problem.fun_and_grad(x)
            values, vectors = np.linalg.eigh(problem.hess(x))
            floor = 1e-12 * values[-1]
            step = vectors @ ((vectors.T @ g) / np.maximum(np.abs(values), floor))
            alpha = 1.0
            while problem.fun(x - alpha * step) > f and alpha > 1e-12:
                alpha /= 2
            x = x - alpha * step
        gap = min(abs(problem.fun(x) - known) for known in problem.minima)
        assert gap <= 1e-8 * max(problem.minima) + 1e-16


@pytest.mark.parametrize("name", NAMES)
def test_the_start_scales(name):
    standard, scaled = problems.get(name), problems.get(name, scale=10)
    if name == "watson":
        np.testing.assert_array_equal(scaled.x0, np.full(6, 10.0))
    else:
        np.testing.assert_array_equal(scaled.x0, 10 * standard.x0)


def test_brown_almost_linear_with_zeros_among_the_unknowns():
    problem = problems.get("brown_almost_linear", n=5)
    v = np.arange(1.0, 6)
    for zeros in ([2], [0, 3], [0, 1, 4], [4]):
        x = np.linspace(0.5, 2, 5)
        x[zeros] = 0
        g = [float(textbook.directional(27, x, 5, e)) for e in np.eye(5)]
        hv = [float(textbook.directional(27, x, 5, e, v)) for e in np.eye(5)]
        close(problem.grad(x), g, 1e-14)
        close(problem.hessp(x, v), hv, 1e-14)


def test_helical_valley_covers_the_whole_circle():
    problem = problems.get("helical_valley")
    for angle in np.linspace(0.1, 2 * np.pi, 17):
        x = np.array([1.5 * np.cos(angle), 1.5 * np.sin(angle), 0.3])
        f = float(textbook.value(7, x.tolist(), 3))
        assert problem.fun(x) == pytest.approx(f, rel=1e-13)
    assert np.isfinite(problem.fun([0, 1, 0]))


def test_gulf_at_a_data_point():
    # Where x2 meets a y_i, |y_i - x2|^x3 is 0; with x3 > 1 all is smooth there.
    problem = problems.get("gulf", m=100)
    f, g = problem.fun_and_grad([50, 25, 1.5])
    assert f < 1e-28
    assert abs(g).max() < 1e-13


@pytest.mark.parametrize("name", NAMES)
def test_undefined_points_give_nan_or_inf_and_no_crash(name):
    problem = problems.get(name)
    for value in (np.nan, np.inf, -np.inf, 1e308):
        x = problem.x0
        x[-1] = value
        f, g = problem.fun_and_grad(x)
        if np.isnan(value) and name != "linear_rank1_zeros":  # x_n is not in it
            assert np.isnan(f)
        assert g.shape == (problem.n,)
        assert problem.hess(x).shape == (problem.n, problem.n)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_are_the_hessians_and_gradients_fit_values(name, seed):
    problem = problems.get(name)
    rng = np.random.default_rng(seed)
    x = near_start(problem, seed)
    u, v = rng.standard_normal((2, problem.n))
    hess = problem.hess(x)
    scale = abs(hess).sum()
    hu, hv = problem.hessp(x, u), problem.hessp(x, v)
    assert abs(hess @ v - hv).max() <= 1e-12 * scale
    assert abs(u @ hv - v @ hu) <= 1e-11 * scale
    assert problem.fun(x) >= 0
