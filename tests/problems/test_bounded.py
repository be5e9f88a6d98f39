"""Problems with bounds against their sources, in 60 digits, and the minima by KKT."""

import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from scipy.optimize import minimize

from optlab import problems
from optlab.problems import stationarity

from . import textbook
from .derivatives import check_derivatives, near_start

NAMES = problems.names("bounded")
VARIANTS = problems.names("bounded", "variant")
GRIDS = problems.names("bounded", "quadratic")

# Each function as its source writes it.
TWINS = [
    ("hs1", {}, textbook.hs1),
    ("hs2", {}, textbook.hs1),
    ("hs3", {}, textbook.hs3),
    ("hs4", {}, textbook.hs4),
    ("hs5", {}, textbook.hs5),
    ("hs25", {}, textbook.hs25),
    ("hs38", {}, textbook.hs38),
    ("hs45", {}, textbook.hs45),
    ("hs110", {}, textbook.hs110),
    ("lbfgsb_sample", {"n": 1}, textbook.lbfgsb_sample),
    ("lbfgsb_sample", {"n": 2}, textbook.lbfgsb_sample),
    ("lbfgsb_sample", {"n": 9}, textbook.lbfgsb_sample),
]
for nx, ny in ((1, 1), (1, 4), (3, 1), (4, 3)):
    size = {"nx": nx, "ny": ny}
    TWINS += [
        ("torsion", {**size, "c": 7.0}, partial(textbook.torsion, c=7, **size)),
        (
            "journal_bearing",
            {**size, "eccentricity": 0.375, "b": 3.0},
            partial(textbook.journal_bearing, eccentricity=0.375, b=3, **size),
        ),
        ("obstacle", size, partial(textbook.obstacle, **size)),
    ]

# What is published: the value, to so many digits, and where it is attained.
PUBLISHED = {
    "hs1": (0, [1, 1]),
    "hs2": (0.0504261879, [1.224370748736, 1.5]),
    "hs3": (0, [0, 0]),
    "hs4": (8 / 3, [1, 0]),
    "hs5": (-np.sqrt(3) / 2 - np.pi / 3, [0.5 - np.pi / 3, -0.5 - np.pi / 3]),
    "hs25": (0, [50, 25, 1.5]),
    "hs38": (0, [1, 1, 1, 1]),
    "hs45": (1, [1, 2, 3, 4, 5]),
    "hs110": (-45.77846971, None),  # the point of the book is right to 5 digits only
    "rosenbrock_bounded": (0.25, [0.5, 0.25]),
    "freudenstein_roth_bounded": (48.985202, [11.37, -0.9]),
    "powell_badly_scaled_bounded": (0.15125900e-9, None),
    "brown_badly_scaled_bounded": (0.78400000e3, None),
    "beale_bounded": (0, [3, 0.5]),
    "jennrich_sampson_bounded": (124.383113, [0.26, 0.255751]),
    "helical_valley_bounded": (0.99042212, [0.8, 0.561937, 0.964934]),
    "bard_bounded": (0.0095822847, [0.1, 1.519451, 1.981874]),
    "gaussian_bounded": (0.11279300e-7, None),
    "meyer_bounded": (127.451771, [0.006, 6125.418985, 343.337723]),
    "box_bounded": (0.11434818e-3, [1.037944, 9.5, 0.972228]),
    "powell_singular_bounded": (0.18781963e-3, [0.1, -0.009982, 0.043073, 0.043784]),
    "wood_bounded": (0.15567008e1, None),
    "kowalik_osborne_bounded": (0.30783072e-3, [0.193033, 0.197840, 0.13, 0.138346]),
    "brown_dennis_bounded": (0.88860480e5, [-10, 12.677818, -0.485528, 0.2]),
    "osborne1_bounded": (0.54702833e-4, [0.375092, 1.9, -1.4286, 0.012793, 0.022272]),
    "biggs_exp6_bounded": (0.53209865e-3, None),
    "watson_bounded": (0.0374013978, None),
    "brown_almost_linear_bounded": (
        0.0060931786,
        [0.969674, 1, 0.9, *[0.969674] * 6, 1.348716],
    ),
    "linear_full_rank_bounded": (10.25, [-0.5, *[-1] * 9]),
    "linear_rank1_bounded": (20 * 19 / 82, None),
    "chebyquad_bounded": (0.0035922424, None),
}

# Where to look for those minima that are not next to the start: near these points.
START = {
    "powell_badly_scaled_bounded": [1.1e-5, 9],
    "bard_bounded": [0.1, 1.5, 2],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "params", "twin"), TWINS, ids=str)
def test_derivatives_equal_the_source_in_high_precision(name, params, twin, dtype):
    problem = problems.get(name, dtype=dtype, **params)
    n = problem.n
    x = near_start(problem)
    v = np.random.default_rng(1).standard_normal(n).astype(dtype)
    rtol = 2e-13 if dtype == "float64" else 1e-6
    with mp.workdps(40):
        f = float(twin([mp.mpf(float(xi)) for xi in x]))
    g = [float(textbook.derivative(twin, x, e)) for e in np.eye(n)]
    hv = [float(textbook.derivative(twin, x, e, v)) for e in np.eye(n)]
    check_derivatives(problem, x, v, f, g, hv, rtol)


def minimum(problem, x):
    """A minimum of high precision: L-BFGS-B, then Newton among the free unknowns."""
    box = problem.bounds
    low, high = box.T
    options = {"ftol": 0, "gtol": 1e-10, "maxiter": 20_000, "maxfun": 40_000}
    x = minimize(problem, x, jac=problem.grad, bounds=box, options=options).x
    for _ in range(10):
        f, g = problem.fun_and_grad(x)
        free = ~(((x <= low) & (g > 0)) | ((x >= high) & (g < 0)))
        if not free.any():
            break
        step = np.zeros_like(x)
        hess = problem.hess(x)[np.ix_(free, free)]
        step[free] = -np.linalg.lstsq(hess, g[free], rcond=1e-13)[0]
        trial = np.clip(x + step, low, high)
        f_trial, g_trial = problem.fun_and_grad(trial)
        left, before = stationarity(trial, g_trial, box), stationarity(x, g, box)
        # Where f cannot tell any more, the gradient still does.
        if f_trial > f + 1e-14 * abs(f) and left >= before:
            break
        x = trial
    return x


def lowest_point(problem):
    """Where `f_opt` is attained: as stated, or else as found."""
    if problem.x_opt is not None:
        return problem.x_opt
    near = START.get(problem.name, problem.x0)
    return minimum(problem, np.clip(near, *problem.bounds.T))


@pytest.mark.parametrize("name", NAMES)
def test_the_minimum_meets_the_conditions_of_first_and_second_order(name):
    problem = problems.get(name)
    low, high = problem.bounds.T
    x = lowest_point(problem)
    assert np.all((low <= x) & (x <= high))
    f, g = problem.fun_and_grad(x)
    assert f == pytest.approx(problem.f_opt, rel=1e-10, abs=1e-14)
    hess = problem.hess(x)
    noise = np.finfo(float).eps * (abs(hess) @ abs(x)).max()  # as x is rounded
    assert stationarity(x, g, problem.bounds) <= max(1e-8, noise)
    free = (low < x) & (x < high)
    if free.any():
        curvature = np.linalg.eigvalsh(hess[np.ix_(free, free)])
        assert curvature[0] >= -1e-10 * abs(curvature).max()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_minima(name):
    problem = problems.get(name)
    value, x = PUBLISHED[name]
    assert problem.f_opt == pytest.approx(value, rel=2e-8)
    if x is not None:
        np.testing.assert_allclose(lowest_point(problem), x, rtol=1e-6, atol=6e-7)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GRIDS])
def test_no_point_near_the_minimum_is_lower(name):
    problem = problems.get(name)
    low, high = problem.bounds.T
    x = lowest_point(problem)
    rng = np.random.default_rng(0)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            away = size * np.maximum(0.1, abs(x)) * rng.standard_normal(problem.n)
            f = problem.fun(np.clip(x + away, low, high))
            assert f >= problem.f_opt - 1e-12 * abs(problem.f_opt)


@pytest.mark.parametrize(
    ("points", "value"), [(2, -0.22474), (8, -0.17896), (21, -0.18005), (30, -0.1803)]
)
def test_published_values_of_the_journal_bearing(points, value):
    # JNLBRNG1 of the CUTE collection, with 4, 10, 23 and 32 points a side.
    problem = problems.journal_bearing(points, points)
    assert problem.fun(minimum(problem, problem.x0)) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "params", "lower", "upper"),
    [
        ("torsion", {"c": 5.0}, 0, 128),
        ("torsion", {"c": 10.0}, 0, 280),
        ("torsion", {"c": 20.0}, 0, 360),
        ("torsion", {"c": -5.0}, 128, 0),
        ("journal_bearing", {}, 130, 0),
        ("obstacle", {"case": "A"}, 279, 0),
        ("obstacle", {"case": "B"}, 39, 130),
    ],
    ids=str,
)
def test_membranes_have_many_bounds_active(name, params, lower, upper):
    problem = problems.get(name, **params)
    x = minimum(problem, problem.x0)
    f, g = problem.fun_and_grad(x)
    low, high = problem.bounds.T
    assert stationarity(x, g, problem.bounds) < 1e-13
    assert (np.sum(x <= low), np.sum(x >= high)) == (lower, upper)
    if problem.f_opt is not None:
        assert f == pytest.approx(problem.f_opt, rel=1e-13)


def test_sizes_without_a_known_minimum_have_none():
    assert problems.torsion(5, 5).f_opt is None
    assert problems.torsion(c=6).f_opt is None
    assert problems.journal_bearing(eccentricity=0.2).f_opt is None
    assert problems.obstacle(20, 21).f_opt is None
    assert problems.torsion(3, 5).n == 15


def test_a_membrane_of_a_million_points_costs_passes_over_memory_only():
    problem = problems.torsion(1000, 1000)
    f, g = problem.fun_and_grad(problem.x0)
    assert np.isfinite(f)
    assert g.shape == (10**6,)


def test_the_start_of_a_variant_scales_and_stays_in_the_box():
    standard, scaled = problems.wood_bounded(), problems.wood_bounded(scale=10)
    np.testing.assert_array_equal(standard.x0, [-3, -1, -3, -1])
    np.testing.assert_array_equal(scaled.x0, [-30, -10, -30, -10])
    np.testing.assert_array_equal(problems.wood_bounded(scale=-20).x0, [0, 10, 60, 20])


def test_variants_and_their_originals_have_one_objective():
    problem, original = problems.get("wood_bounded"), problems.get("wood")
    x = near_start(problem)
    assert problem.fun(x) == original.fun(x)
    np.testing.assert_array_equal(problem.hess(x), original.hess(x))


class TestBoxed:
    def test_the_default_box_keeps_a_share_of_the_unknowns_off_the_minimum(self):
        base = problems.quadratic(10)
        for share, taken in ((0.5, [0, 2, 4, 6, 8]), (0.2, [0, 5]), (1.0, range(10))):
            box = problems.boxed(base, share=share).bounds
            assert np.flatnonzero(np.isfinite(box[:, 0])).tolist() == list(taken)
            size = np.maximum(1, abs(base.x_opt))[list(taken)]
            off = box[list(taken)] - base.x_opt[list(taken), None]
            np.testing.assert_allclose(off, np.outer(size, [0.1, 1.1]))

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.01, 1))
    def test_some_bound_is_active_if_the_function_is_convex(self, seed, share):
        problem = problems.boxed(problems.quadratic(8, 10, rng=seed), share=share)
        low, high = problem.bounds.T
        x = minimum(problem, problem.x0)
        assert stationarity(x, problem.grad(x), problem.bounds) < 1e-8
        active = np.sum((x <= low) | (x >= high))
        assert 1 <= active <= np.ceil(share * 8)

    def test_all_of_them_are_if_it_is_separable(self):
        problem = problems.boxed(problems.quadratic(9, condition=1))
        low, _ = problem.bounds.T
        x = minimum(problem, problem.x0)
        np.testing.assert_array_equal(x[::2], low[::2])

    def test_the_start_is_moved_into_the_box_and_the_problem_left_alone(self):
        base = problems.get("rosenbrock")
        problem = problems.boxed(base, [[0, 1], [-np.inf, 0.5]])
        np.testing.assert_array_equal(problem.x0, [0, 0.5])
        np.testing.assert_array_equal(base.x0, [-1.2, 1])
        assert base.bounds is None
        assert problem.f_opt is None
        assert problem.name == "rosenbrock_bounded"

    def test_pickle(self):
        problem = problems.boxed(problems.quadratic(4, rng=3), f_opt=1.5)
        twin = pickle.loads(pickle.dumps(problem))
        np.testing.assert_array_equal(twin.bounds, problem.bounds)
        assert twin.f_opt == 1.5
        assert twin.fun(twin.x0) == problem.fun(problem.x0)
        assert repr(twin) == repr(problem)

    @pytest.mark.parametrize(
        ("name", "params", "words"),
        [
            (
                "rosenbrock",
                {"bounds": [[0, 1]]},
                r"bounds must have the shape \(2, 2\)",
            ),
            ("rosenbrock", {"bounds": [[1, 0], [0, 1]]}, "the lower one first"),
            ("rosenbrock", {"share": 0}, "share must be a finite number above 0"),
            ("rosenbrock", {"share": 1.5}, "share must be at most 1, not 1.5"),
            ("box", {}, "bounds must be given, since the problem has no x_opt"),
        ],
        ids=str,
    )
    def test_bad_arguments_are_named(self, name, params, words):
        with pytest.raises(ValueError, match=words):
            problems.boxed(problems.get(name), **params)


@pytest.mark.parametrize(
    ("name", "params", "error", "words"),
    [
        ("torsion", {"nx": 0}, ValueError, "nx must be at least 1, not 0"),
        ("torsion", {"ny": 2.0}, TypeError, "ny must be an int, not float"),
        ("torsion", {"c": np.inf}, ValueError, "c must be a finite number"),
        ("journal_bearing", {"eccentricity": 1}, ValueError, "must be below 1, not 1"),
        (
            "journal_bearing",
            {"eccentricity": 0},
            ValueError,
            "eccentricity must be a fi",
        ),
        ("journal_bearing", {"b": 0}, ValueError, "b must be a finite number above 0"),
        ("obstacle", {"case": "C"}, ValueError, "case must be 'A' or 'B', not 'C'"),
        ("lbfgsb_sample", {"n": 0}, ValueError, "n must be at least 1, not 0"),
        ("hs45", {"dtype": "int64"}, ValueError, "dtype must be 'float64' or 'float3"),
        ("wood_bounded", {"n": 4}, TypeError, "has no parameter 'n'; it has scale, d"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(name, params, error, words):
    with pytest.raises(error, match=words):
        problems.get(name, **params)


def test_scipy_takes_the_bounds_as_they_are():
    problem = problems.get("hs2")
    for method in ("L-BFGS-B", "TNC", "trust-constr"):
        result = minimize(
            problem,
            [2.0, 2.0],
            jac=problem.grad,
            bounds=problem.bounds,
            method=method,
            options={"gtol": 1e-9} if method == "trust-constr" else {},
        )
        assert result.fun == pytest.approx(problem.f_opt, rel=1e-3)


def test_the_product_of_hs45_with_zeros_among_the_unknowns():
    problem = problems.get("hs45")
    v = np.arange(1.0, 6)
    for zeros in ([2], [0, 3], [0, 1, 4]):
        x = np.linspace(0.5, 2, 5)
        x[zeros] = 0
        hv = [float(textbook.derivative(textbook.hs45, x, e, v)) for e in np.eye(5)]
        np.testing.assert_allclose(problem.hessp(x, v), hv, rtol=0, atol=1e-15)
