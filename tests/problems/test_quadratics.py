import pickle
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optlab import problems


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spectrum", ["geometric", "arithmetic", "clustered"])
def test_eigenvalues_and_minimum(spectrum, dtype):
    problem = problems.quadratic(9, 50.0, spectrum, dtype=dtype)
    eps = float(np.finfo(dtype).eps)
    hess = problem.hess(problem.x0)
    values = np.linalg.eigvalsh(hess.astype(float))
    assert values[0] == pytest.approx(1, rel=50 * eps)
    assert values[-1] == pytest.approx(50, rel=50 * eps)
    if spectrum == "geometric":
        np.testing.assert_allclose(np.diff(np.log(values)), np.log(50) / 8, 1e4 * eps)
    elif spectrum == "arithmetic":
        np.testing.assert_allclose(np.diff(values), 49 / 8, 1e3 * eps)
    else:
        assert sum(values < 1.1001) == 5
        assert sum(values > 44.999) == 4
    np.testing.assert_array_equal(problem.hess(problem.x0 + 1), hess)
    np.testing.assert_array_equal(hess, hess.T)
    assert abs(hess - np.diag(np.diag(hess))).max() > 0.1  # it is no diagonal matrix
    f, g = problem.fun_and_grad(problem.x_opt)
    assert f == 0 == problem.f_opt
    assert not g.any()


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 40),
    condition=st.floats(1, 1e6),
    seed=st.integers(0, 2**32 - 1),
)
def test_value_gradient_and_product_follow_from_the_hessian(n, condition, seed):
    problem = problems.quadratic(n, condition, rng=seed)
    rng = np.random.default_rng(seed)
    x, v = rng.standard_normal((2, n))
    hess, away = problem.hess(x), x - problem.x_opt
    f, g = problem.fun_and_grad(x)
    assert f >= 0
    tolerance = 1e-14 * n * condition
    np.testing.assert_allclose(f, away @ hess @ away / 2, rtol=1e-10, atol=tolerance)
    np.testing.assert_allclose(g, hess @ away, rtol=0, atol=10 * tolerance)
    np.testing.assert_allclose(problem.hessp(x, v), hess @ v, rtol=0, atol=tolerance)
    np.testing.assert_allclose(np.trace(hess), np.sum(np.geomspace(1, condition, n)))


def test_own_spectrum():
    problem = problems.quadratic(spectrum=[1, 4, 9])
    assert problem.n == 3
    np.testing.assert_allclose(np.linalg.eigvalsh(problem.hess(problem.x0)), [1, 4, 9])


def test_a_million_unknowns_cost_passes_over_memory_only():
    problem = problems.quadratic(10**6, 1e6)
    x = problem.x0
    problem.fun_and_grad(x)
    start = perf_counter()
    problem.fun_and_grad(x)
    assert perf_counter() - start < 0.5  # about 5 ms


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ({"n": 0}, ValueError, "n must be at least 1, not 0"),
        ({"n": 2.5}, TypeError, "n must be an int, not float"),
        (
            {"condition": 0.5},
            ValueError,
            "condition must be a finite number of at leas",
        ),
        ({"condition": np.inf}, ValueError, "condition must be a finite number"),
        ({"spectrum": "flat"}, ValueError, "spectrum must be one of geometric, arithm"),
        ({"spectrum": [1, 0]}, ValueError, "spectrum must hold positive numbers"),
        ({"spectrum": []}, ValueError, "spectrum must hold positive numbers"),
        ({"spectrum": [1, np.nan]}, ValueError, "spectrum must be finite"),
        ({"spectrum": [[1, 2]]}, ValueError, r"spectrum must have 1 dimension\(s\)"),
        ({"spectrum": [1j]}, TypeError, "spectrum must hold real numbers, not complex"),
        ({"spectrum": [1, 2], "n": 3}, ValueError, "spectrum has 2 values, but n is 3"),
        ({"dtype": "f2"}, ValueError, "dtype must be 'float64' or 'float32'"),
    ],
    ids=str,
)
def test_bad_arguments_of_quadratic_are_named(args, error, words):
    with pytest.raises(error, match=words):
        problems.quadratic(**args)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (7, 3), (16, 16), (33, 5), (700, 40)], ids=str
)
def test_least_squares_equals_numpy(shape, dtype):
    rng = np.random.default_rng(0)
    A, y = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[0])
    y = y.astype(dtype)
    problem = problems.least_squares(A, y, dtype)
    A, y = A.astype(float), y.astype(float)
    assert problem.n == shape[1]
    assert problem.n_samples == shape[0]
    x, v = rng.standard_normal((2, shape[1])).astype(dtype)
    rtol = 1e-13 if dtype == "float64" else 2e-6
    r = A @ x - y
    f, g = problem.fun_and_grad(x)
    assert f == pytest.approx(r @ r / 2, rel=rtol)
    assert abs(g - A.T @ r).max() <= rtol * abs(A.T @ r).max() * 10
    hv = A.T @ (A @ v)
    assert abs(problem.hessp(x, v) - hv).max() <= rtol * abs(hv).max() * 10
    f, g = problem.fun_and_grad(problem.x_opt)
    assert f == pytest.approx(problem.f_opt, rel=1e-5, abs=1e-9)
    assert abs(g).max() <= 100 * rtol * np.linalg.norm(A) * np.linalg.norm(y)


def test_least_squares_has_no_hessian_and_says_so():
    problem = problems.least_squares(np.eye(2), [1, 2])
    with pytest.raises(NotImplementedError, match="this objective has no Hessian"):
        problem.hess([0, 0])


def test_least_squares_without_full_rank_has_no_single_minimum():
    problem = problems.least_squares([[1, 1], [2, 2], [0, 0]], [1, 2, 5])
    assert problem.x_opt is None
    assert problem.f_opt == pytest.approx(12.5)
    assert problem.fun([0.25, 0.75]) == pytest.approx(12.5)


def test_least_squares_keeps_and_pickles_its_data():
    A, y = np.arange(6.0).reshape(3, 2), np.ones(3)
    problem = problems.least_squares(A, y, "float32")
    f = problem.fun([1, 2])
    A[:] = y[:] = 0
    assert problem.fun([1, 2]) == f
    twin = pickle.loads(pickle.dumps(problem))
    assert twin.dtype == "float32"
    assert twin.fun([1, 2]) == f


@pytest.mark.parametrize(
    ("A", "y", "error", "words"),
    [
        ([1, 2], [1, 2], ValueError, r"A must have 2 dimension\(s\), not 1"),
        (np.empty((0, 2)), [], ValueError, r"A is empty: its shape is \(0, 2\)"),
        ([[1, np.nan]], [1], ValueError, "A must be finite, but it holds NaN"),
        ([[1j]], [1], TypeError, "A must hold real numbers, not complex128"),
        ([["a"]], [1], TypeError, "A must hold real numbers"),
        ([[1], [2]], [1], ValueError, "y has 1 values, but there are 2 rows"),
        ([[1], [2]], [1, np.inf], ValueError, "y must be finite"),
        ([[1], [2]], [[1], [2]], ValueError, r"y must have 1 dimension\(s\), not 2"),
        ([[1], [2]], [1, 1j], TypeError, "y must hold real numbers"),
    ],
    ids=str,
)
def test_bad_data_of_least_squares_are_named(A, y, error, words):
    with pytest.raises(error, match=words):
        problems.least_squares(A, y)


def test_random_least_squares_has_the_condition_asked_for():
    problem = problems.random_least_squares(n=5, m=12, condition=1000)
    values = np.linalg.svd(problem.A, compute_uv=False)
    assert values[0] / values[-1] == pytest.approx(1000)
    with pytest.raises(ValueError, match="m must be at least 5, not 4"):
        problems.random_least_squares(n=5, m=4)
    with pytest.raises(ValueError, match="noise must be a finite number of at least 0"):
        problems.random_least_squares(noise=-1)
