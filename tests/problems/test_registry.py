import gc
import pickle
import threading
from copy import copy

import numpy as np
import pytest
from scipy.optimize import minimize

import optlab.problems as package
from optlab import problems
from optlab_c.objectives import Objective

NAMES = problems.names() + problems.names("bounded") + problems.names("net")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_every_problem_is_complete(name, dtype):
    problem = problems.get(name, dtype=dtype)
    entry = problems.registry()[name]
    assert problem.name == name
    assert problem.tags == entry.tags
    assert problem.source == entry.source
    assert problem.source
    assert entry.summary.endswith((".", "].", "classes."))
    assert entry.available
    assert problem.dtype == dtype
    assert problem.x0.shape == (problem.n,)
    assert problem.x0.dtype == dtype
    f, g = problem.fun_and_grad(problem.x0)
    assert isinstance(f, float)
    assert np.isfinite(f)
    assert g.dtype == dtype
    assert g.shape == (problem.n,)
    if problem.f_opt is not None:
        assert f >= problem.f_opt
        assert problem.minima[0] == problem.f_opt
    if problem.x_opt is not None:
        assert problem.x_opt.dtype == dtype
        assert problem.f_opt is not None
    assert entry.bounded == (problem.bounds is not None) == ("bounded" in entry.tags)
    assert f"{name}(" in repr(problem)
    assert f"n={problem.n}>" in repr(problem)


@pytest.mark.parametrize("name", NAMES)
def test_products_with_the_hessian_are_differences_of_gradients(name):
    problem = problems.get(name)
    rng = np.random.default_rng(0)
    x = problem.x0 + 0.1 * (0.1 + abs(problem.x0)) * rng.uniform(-1, 1, problem.n)
    v = rng.standard_normal(problem.n) * (0.1 + abs(x))
    h = 3e-6  # central differences of 4th order
    steps = [(-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12)]
    slope = sum(c * problem.grad(x + k * h * v) for k, c in steps) / h
    hv = problem.hessp(x, v)
    noise = 1e-15 * abs(problem.grad(x)).max() / h
    assert abs(hv - slope).max() <= 1e-7 * abs(hv).max() + noise


@pytest.mark.parametrize("name", NAMES)
def test_float32_agrees_with_float64(name):
    single, double = problems.get(name, dtype="float32"), problems.get(name)
    x = single.x0
    v = np.linspace(-1, 1, single.n).astype(np.float32)
    f, g = single.fun_and_grad(x)
    f64, g64 = double.fun_and_grad(x)
    assert f == pytest.approx(f64, rel=3e-6)
    assert abs(g - g64).max() <= 1e-5 * abs(g64).max()
    hv, hv64 = single.hessp(x, v), double.hessp(x, v)
    assert abs(hv - hv64).max() <= 1e-5 * abs(hv64).max() + 1e-30


@pytest.mark.parametrize("name", NAMES)
def test_pickle_and_copy(name):
    problem = problems.get(name)
    f = problem.fun(problem.x0)
    for twin in (pickle.loads(pickle.dumps(problem)), copy(problem)):
        assert repr(twin) == repr(problem)
        assert twin.fun(twin.x0) == f
        np.testing.assert_array_equal(twin.x0, problem.x0)


def test_pickle_keeps_what_a_generator_drew():
    rng = np.random.default_rng(5)
    first, second = problems.quadratic(4, rng=rng), problems.quadratic(4, rng=rng)
    assert not np.array_equal(first.x_opt, second.x_opt)
    for problem in (first, second, problems.quadratic(4, rng=None)):
        for _ in range(2):
            twin = pickle.loads(pickle.dumps(problem))
            np.testing.assert_array_equal(twin.x_opt, problem.x_opt)
            np.testing.assert_array_equal(copy(problem).x_opt, problem.x_opt)


def test_arrays_are_fresh_and_arguments_stay_as_they_were():
    problem = problems.get("rosenbrock")
    problem.x0[:] = 7
    problem.x_opt[:] = 7
    np.testing.assert_array_equal(problem.x0, [-1.2, 1])
    np.testing.assert_array_equal(problem.x_opt, [1, 1])
    x = problem.x0
    x.flags.writeable = False
    _, g = problem.fun_and_grad(x)
    assert g is not problem.fun_and_grad(x)[1]


def test_x_of_any_layout_is_read():
    problem = problems.get("wood")
    x = np.array([-3.0, -1, -3, -1])
    f = problem.fun(x)
    wide = np.zeros(8)
    wide[::2] = x
    assert problem.fun(wide[::2]) == f
    assert problem.fun([-3, -1, -3, -1]) == f
    assert problem.fun(x.astype(int)) == f
    assert problem.fun(x.astype(">f8")) == f
    assert problem.fun(x.astype(np.float32)) == f


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ([1, 2, 3], ValueError, r"x must have the shape \(2,\), not \(3,\)"),
        ([[1, 2]], ValueError, "x must have the shape"),
        (1.0, ValueError, "x must have the shape"),
        ([1, 2j], TypeError, "x must be real numbers, not complex128"),
        (["a", "b"], TypeError, "x must be real numbers"),
        (None, TypeError, "x must be real numbers"),
    ],
    ids=str,
)
def test_a_bad_x_is_named(value, error, words):
    problem = problems.get("rosenbrock")
    for ask in (problem.fun, problem.grad, problem.fun_and_grad, problem.hess, problem):
        with pytest.raises(error, match=words):
            ask(value)
    with pytest.raises(error, match=words.replace("x must", "v must")):
        problem.hessp([1, 2], value)


def test_a_capsule_outlives_its_problem():
    problem = problems.quadratic(50)
    x = problem.x0
    f, g = problem.fun_and_grad(x)
    capsule = problem.__optlab_objective__
    del problem
    gc.collect()
    twin = Objective(capsule)
    assert twin.n == 50
    again, grad = twin.fun_and_grad(x)
    assert again == f
    np.testing.assert_array_equal(grad, g)


def test_objective_takes_problems_and_refuses_the_rest():
    problem = problems.get("beale")
    assert Objective(problem).fun(problem.x0) == problem.fun(problem.x0)
    with pytest.raises(TypeError, match="PyCapsule named 'optlab_objective'"):
        Objective(print)
    with pytest.raises(TypeError, match="cannot pickle an Objective"):
        pickle.dumps(Objective(problem))


@pytest.mark.parametrize("name", ["osborne2", "chebyquad", "quadratic", "digits"])
def test_threads_may_share_a_problem(name):
    problem = problems.get(name)
    rng = np.random.default_rng(0)
    points = [problem.x0 + 0.1 * rng.uniform(-1, 1, problem.n) for _ in range(4)]
    expected = [problem.fun_and_grad(x) for x in points]
    wrong = []

    def work(x, f, g):
        for _ in range(200):
            fun, grad = problem.fun_and_grad(x)
            if fun != f or not np.array_equal(grad, g):
                wrong.append(fun)

    threads = [
        threading.Thread(target=work, args=(x, f, g))
        for x, (f, g) in zip(points, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_any_optimiser_takes_a_problem():
    problem = problems.get("rosenbrock")
    result = minimize(problem, problem.x0, jac=problem.grad)
    np.testing.assert_allclose(result.x, problem.x_opt, atol=1e-5)


def test_names_are_free_of_case_hyphens_and_blanks():
    for name in ("Extended-Rosenbrock", "extended rosenbrock", "EXTENDED_ROSENBROCK"):
        assert problems.get(name).name == "extended_rosenbrock"


def test_all_35_problems_are_there_and_tags_select():
    assert len(problems.names("mgh")) == 35
    assert set(problems.names("mgh", "quadratic")) == {
        "linear_full_rank",
        "linear_rank1",
        "linear_rank1_zeros",
    }
    assert set(problems.names("data")) == {"digits", "breast_cancer"}
    assert set(NAMES) == set(problems.registry())
    with pytest.raises(ValueError, match=r"no tag 'mg'; there are .*mgh"):
        problems.names("mg")


def test_problems_with_bounds_are_listed_only_when_asked_for():
    with_bounds = problems.names("bounded")
    assert len(with_bounds) == 35
    assert set(problems.names("bounded", "variant")) < set(with_bounds)
    for name in problems.names() + problems.names("quadratic"):
        assert problems.get(name).bounds is None
    for name in with_bounds:
        assert problems.get(name).bounds is not None


def test_public_names_exist():
    for name in package.__all__:
        assert hasattr(package, name)
    assert set(NAMES) <= set(package.__all__)


@pytest.mark.parametrize(
    ("name", "params", "error", "words"),
    [
        ("rosenbrok", {}, ValueError, "no problem named 'rosenbrok'; .* 'rosenbrock'"),
        (3, {}, TypeError, "name must be a str, not int"),
        ("bard", {"n": 3}, TypeError, "'bard' has no parameter 'n'; it has scale, d"),
        ("bard", {"scale": np.nan}, ValueError, "scale must be a finite number, not"),
        ("bard", {"scale": "10"}, TypeError, "scale must be a number, not str"),
        ("bard", {"dtype": "int64"}, ValueError, "dtype must be 'float64' or 'float3"),
        ("bard", {"dtype": None}, ValueError, "dtype must be 'float64' or 'float32'"),
        ("bard", {"dtype": "x"}, ValueError, "dtype must be 'float64' or 'float32'"),
        ("watson", {"n": 1}, ValueError, "n must be from 2 to 31, not 1"),
        ("watson", {"n": 32}, ValueError, "n must be from 2 to 31, not 32"),
        ("watson", {"n": 6.0}, TypeError, "n must be an int, not float"),
        ("watson", {"n": True}, TypeError, "n must be an int, not bool"),
        ("extended_rosenbrock", {"n": 5}, ValueError, "n must be at least 2 and a mul"),
        ("extended_powell_singular", {"n": 6}, ValueError, "and a multiple of 4, not"),
        ("penalty1", {"n": 0}, ValueError, "n must be at least 1, not 0"),
        ("gulf", {"m": 101}, ValueError, "m must be from 3 to 100, not 101"),
        ("chebyquad", {"n": 5, "m": 4}, ValueError, "m must be from 5 to 1000, not 4"),
        ("linear_rank1", {"n": 5, "m": 4}, ValueError, "m must be at least 5, not 4"),
        ("jennrich_sampson", {"m": 1}, ValueError, "m must be at least 2"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(name, params, error, words):
    with pytest.raises(error, match=words):
        problems.get(name, **params)


def test_a_problem_without_its_module_says_what_to_install():
    @problems.problem("made-up", source="nowhere", requires="no_such_module")
    def unavailable():
        """Nothing."""

    try:
        assert "unavailable" not in problems.names()
        assert not problems.registry()["unavailable"].available
        with pytest.raises(ImportError, match=r"needs the module no_such_module.*pip"):
            problems.get("unavailable")
    finally:
        problems.unregister("unavailable")


def test_registering_checks_name_and_defaults():
    def rosenbrock(n=2): ...

    def needy(n): ...

    with pytest.raises(ValueError, match="there is a problem named 'rosenbrock' alr"):
        problems.problem(source="mine")(rosenbrock)
    with pytest.raises(TypeError, match="needy: parameter 'n' has no default"):
        problems.problem(source="mine")(needy)


def test_a_problem_with_bounds_has_the_tag_and_no_other_has_it():
    def open_box(n=2):
        return problems.boxed(problems.quadratic(n), [[-np.inf, np.inf]] * n)

    def no_box(n=2):
        return problems.quadratic(n)

    for factory, tags in ((open_box, ("mine",)), (no_box, ("mine", "bounded"))):
        problems.problem(*tags, source="nowhere")(factory)
        try:
            with pytest.raises(ValueError, match="must have the tag 'bounded' if, and"):
                problems.get(factory.__name__)
        finally:
            problems.unregister(factory.__name__)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ([[0, 1]], r"bounds must have the shape \(2, 2\), not \(1, 2\)"),
        ([[0, 1, 2], [0, 1, 2]], "bounds must have the shape"),
        ([[0, np.nan], [0, 1]], "bounds must be pairs of numbers, the lower one first"),
        ([[1, 0], [0, 1]], "bounds must be pairs of numbers, the lower one first"),
        ([[0, 1], [0, 0.5]], "x0 must lie within the bounds"),
    ],
    ids=str,
)
def test_bad_bounds_are_named(bounds, words):
    capsule = problems.get("rosenbrock").__optlab_objective__
    with pytest.raises(ValueError, match=words):
        problems.Problem(capsule, x0=[0, 1], bounds=bounds)


def test_bounds_are_fresh_and_rounded_as_x_is():
    problem = problems.get("hs110", dtype="float32")
    assert problem.bounds.dtype == np.float64
    np.testing.assert_array_equal(problem.bounds[:, 0], np.float32(2.001))
    problem.bounds[:] = 0
    np.testing.assert_array_equal(problem.bounds[:, 1], np.float32(9.999))
    assert problems.get("rosenbrock").bounds is None


class TestStationarity:
    def test_without_bounds_it_is_the_norm_of_the_gradient(self):
        assert problems.stationarity([5.0, 6.0], [3.0, -4.0]) == 4

    @pytest.mark.parametrize(
        ("x", "g", "measure"),
        [
            (0.0, 3.0, 0),  # at the lower bound, and f rises into the box
            (0.0, -3.0, 2),  # the step ends at the upper bound
            (2.0, -3.0, 0),
            (2.0, 0.5, 0.5),
            (1.0, 0.0, 0),
            (1.0, 5.0, 1),
            (3.0, 0.0, 1),  # outside
        ],
    )
    def test_with_bounds_it_is_that_of_the_projected_step(self, x, g, measure):
        assert problems.stationarity([x], [g], [[0, 2]]) == measure

    def test_it_is_the_definition(self):
        rng = np.random.default_rng(0)
        bounds = np.sort(rng.standard_normal((50, 2)))
        bounds[::5, 0], bounds[1::5, 1] = -np.inf, np.inf
        x, g = np.clip(rng.standard_normal(50), *bounds.T), rng.standard_normal(50)
        expected = abs(np.clip(x - g, *bounds.T) - x).max()
        assert problems.stationarity(x, g, bounds) == pytest.approx(expected, rel=1e-14)

    def test_a_small_gradient_is_not_rounded_away(self):
        assert problems.stationarity([1e9], [1e-9], [[0, 2e9]]) == 1e-9

    def test_nan_stays(self):
        assert np.isnan(problems.stationarity([0.0, 1], [np.nan, 0], [[0, 1], [0, 1]]))


def test_a_problem_checks_its_points_and_says_why_it_cannot_be_pickled():
    capsule = problems.get("rosenbrock").__optlab_objective__
    with pytest.raises(ValueError, match=r"x0 must have the shape \(2,\), not \(3,\)"):
        problems.Problem(capsule, x0=[1, 2, 3])
    with pytest.raises(ValueError, match="x_opt must have the shape"):
        problems.Problem(capsule, x0=[1, 2], x_opt=[1])
    bare = problems.Problem(capsule, x0=[1, 2])
    assert repr(bare) == "<Problem without name(): n=2>"
    assert bare.minima == ()
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(bare)
