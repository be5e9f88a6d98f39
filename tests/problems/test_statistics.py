import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import exp, log, log1p, mp, mpf
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from optlab import problems
from optlab.problems.data import panels
from optlab_c import objectives


def data(rows, features, classes, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, features))
    y = rng.integers(classes, size=rows)
    y[:classes] = np.arange(classes)
    return X, y


def textbook(problem, X, y, w, v, precision):
    """Loss, gradient and Hessian product as the formulas stand."""
    K, intercept = len(problem.classes), problem.fit_intercept
    rows = np.arange(len(y))
    wide = np.column_stack([X, np.ones(len(X))]) if intercept else X
    W, V = (a.reshape(-1, wide.shape[1]).astype(float) for a in (w, v))
    prior = np.ones_like(W) * precision
    if intercept:
        prior[:, -1] = 0
    scores, along = wide @ W.T, wide @ V.T
    if K == 2:  # one score for the second class, 0 for the first
        scores, along = (np.column_stack([0 * a, a]) for a in (scores, along))
    p = softmax(scores, axis=1)
    f = -log_softmax(scores, axis=1)[rows, y].sum() + (prior * W**2).sum() / 2
    slope = p.copy()
    slope[rows, y] -= 1
    curve = p * (along - (p * along).sum(axis=1, keepdims=True))
    if K == 2:
        slope, curve = slope[:, 1:], curve[:, 1:]
    return f, slope.T @ wide + prior * W, curve.T @ wide + prior * V


SIZES = [
    # rows, features, classes: panels and tiles that are full, and not
    (2, 1, 2),
    (16, 8, 2),
    (17, 9, 2),
    (600, 3, 2),
    (5, 2, 3),
    (33, 7, 4),
    (40, 5, 5),
    (64, 6, 6),
    (50, 4, 7),
    (100, 11, 8),
    (90, 3, 9),
    (1100, 13, 10),
    (60, 2, 11),
    (700, 2, 23),
    (300, 3, 257),  # too many classes for the stack
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_loss_and_derivatives_equal_the_formulas(size, intercept, dtype):
    X, y = data(*size)
    X = X.astype(dtype)
    problem = problems.logistic_regression(X, y, 0.7, intercept, dtype)
    outputs = 1 if size[2] == 2 else size[2]
    assert problem.n == outputs * (size[1] + intercept)
    assert problem.n_samples == size[0]
    rng = np.random.default_rng(1)
    w, v = rng.standard_normal((2, problem.n)).astype(dtype)
    f, g = problem.fun_and_grad(w)
    expected = textbook(problem, X.astype(float), y, w, v, 0.7)
    rtol = 1e-13 if dtype == "float64" else 2e-6
    assert f == pytest.approx(expected[0], rel=rtol)
    assert problem.fun(w) == f
    assert g.dtype == dtype
    assert abs(g - expected[1].ravel()).max() <= 4 * rtol * abs(expected[1]).max()
    hv = problem.hessp(w, v)
    assert abs(hv - expected[2].ravel()).max() <= 4 * rtol * abs(expected[2]).max()


@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_width_of_vectors_gives_the_same(size, dtype, width):
    X, y = data(*size)
    problem = problems.logistic_regression(X, y, 0.7, dtype=dtype)
    binary = size[2] == 2
    capsule = objectives.linear(
        panels(X, True, dtype == "float32"),
        np.where(y, 1, -1).astype(dtype) if binary else y.astype(np.int32),
        size[0],
        1 if binary else size[2],
        1,
        0.7,
        objectives.LOGISTIC if binary else objectives.SOFTMAX,
        width,
    )
    narrow = objectives.Objective(capsule)
    w, v = np.random.default_rng(1).standard_normal((2, problem.n)).astype(dtype)
    rtol = 1e-13 if dtype == "float64" else 2e-6
    f, g = problem.fun_and_grad(w)
    fun, grad = narrow.fun_and_grad(w)
    assert fun == pytest.approx(f, rel=rtol)
    assert abs(grad - g).max() <= 4 * rtol * abs(g).max()
    hv = problem.hessp(w, v)
    assert abs(narrow.hessp(w, v) - hv).max() <= 4 * rtol * abs(hv).max()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_loss_of_one_sample_is_exact_for_every_score(dtype):
    # A second sample whose loss is exactly 0, and a prior too weak to be seen.
    X, y, tiny = [[1.0], [-1e6]], [1, 0], 1e-300
    problem = problems.logistic_regression(X, y, tiny, False, dtype)
    last = 700.0 if dtype == "float64" else 87.0
    eps = float(np.finfo(dtype).eps)
    for z in np.concatenate([np.geomspace(0.01, last, 300), [0.02, 1, 2]]).astype(
        dtype
    ):
        f, (g,) = problem.fun_and_grad([z])
        with mp.workdps(30):
            true = log1p(exp(-mpf(float(z))))
            slope = -1 / (1 + exp(mpf(float(z))))
        assert f == pytest.approx(float(true), rel=2 * eps)
        assert g == pytest.approx(float(slope), rel=4 * eps)
    flat = problems.logistic_regression([[1.0], [1e-30]], [0, 1], tiny, False, dtype)
    for z in np.geomspace(0.01, last, 50).astype(dtype):
        f, (g,) = flat.fun_and_grad([z])  # label 0 at score z, label 1 at score 0
        with mp.workdps(30):
            true = mpf(float(z)) + log1p(exp(-mpf(float(z)))) + log(2)
        assert f == pytest.approx(float(true), rel=2 * eps)
        assert g == pytest.approx(float(1 / (1 + np.exp(-float(z)))), rel=4 * eps)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_softmax_loss_keeps_its_digits(dtype):
    # Scores (z, 0, 0): the loss of class 0 is log(1 + 2 e^-z), far below the spacing
    # of 1 for large z; the other two samples have loss 0.
    X = np.diag([1.0, 1e6, 1e6])
    problem = problems.logistic_regression(X, [0, 1, 2], 1e-300, False, dtype)
    eps = float(np.finfo(dtype).eps)
    for z in np.linspace(0.5, 80, 100).astype(dtype):
        w = np.diag([z, 1, 1]).ravel()
        f, g = problem.fun_and_grad(w)
        with mp.workdps(30):
            true = float(log1p(2 * exp(-mpf(float(z)))))
        assert f == pytest.approx(true, rel=4 * eps)
        p = float(np.exp(-float(z)) / (1 + 2 * np.exp(-float(z))))
        np.testing.assert_allclose(g[[0, 3, 6]], [-2 * p, p, p], rtol=8 * eps)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_huge_scores_neither_overflow_nor_lose_the_answer(classes, dtype):
    X, y = data(40, 3, classes)
    problem = problems.logistic_regression(1e4 * X, y, 1.0, dtype=dtype)
    w = np.random.default_rng(0).standard_normal(problem.n).astype(dtype)
    expected = textbook(problem, (1e4 * X).astype(dtype), y, w, w, 1.0)
    f, g = problem.fun_and_grad(w)
    assert f == pytest.approx(expected[0], rel=1e-5)
    assert np.all(np.isfinite(g))
    assert np.all(np.isfinite(problem.hessp(w, w)))


@pytest.mark.parametrize("classes", [2, 4])
def test_a_nan_or_inf_in_w_gives_no_finite_answer(classes):
    X, y = data(20, 3, classes)
    problem = problems.logistic_regression(X, y)
    for value in (np.nan, np.inf, -np.inf):
        w = problem.x0
        w[0] = value
        f, g = problem.fun_and_grad(w)
        assert not np.isfinite(f)
        assert not np.all(np.isfinite(g))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(3, 80),
    features=st.integers(1, 12),
    classes=st.integers(2, 7),
    precision=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_loss_is_convex_and_its_hessian_symmetric(
    rows, features, classes, precision, seed
):
    X, y = data(max(rows, classes), features, classes, seed)
    problem = problems.logistic_regression(X, y, precision)
    rng = np.random.default_rng(seed)
    w, u, v = rng.standard_normal((3, problem.n))
    f, g = problem.fun_and_grad(w)
    ahead, g_ahead = problem.fun_and_grad(w + u)
    slack = 1e-10 * (1 + abs(f) + abs(ahead))
    assert ahead >= f + g @ u - slack  # it lies above its tangents
    assert (g_ahead - g) @ u >= -slack
    hu, hv = problem.hessp(w, u), problem.hessp(w, v)
    size = abs(hu) @ abs(v) + abs(hv) @ abs(u)
    assert abs(u @ hv - v @ hu) <= 1e-12 * size
    coef = problem.coef(u)
    assert u @ hu >= precision * (coef**2).sum() * (1 - 1e-10)


def test_layout_of_w():
    X, y = data(30, 4, 3)
    labels = np.array(["b", "c", "a"])[y]
    problem = problems.logistic_regression(X, labels)
    assert list(problem.classes) == ["a", "b", "c"]
    w = np.arange(15.0)
    np.testing.assert_array_equal(problem.coef(w)[1], [5, 6, 7, 8])
    np.testing.assert_array_equal(problem.intercept(w), [4, 9, 14])
    assert problem.coef(w).shape == (3, 4)
    bare = problems.logistic_regression(X, labels, fit_intercept=False)
    np.testing.assert_array_equal(bare.intercept(np.ones(12)), np.zeros(3))
    with pytest.raises(ValueError, match=r"w must have the shape \(15,\), not \(12,\)"):
        problem.coef(np.ones(12))
    binary = problems.logistic_regression(X, y > 0)
    assert list(binary.classes) == [False, True]
    assert binary.coef(np.arange(5.0)).shape == (1, 4)
    np.testing.assert_array_equal(binary.intercept(np.arange(5.0)), [4])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_data_are_copied_and_pickled(classes, dtype):
    X, y = data(37, 5, classes)
    problem = problems.logistic_regression(X, y, 2.0, False, dtype)
    w = np.linspace(-1, 1, problem.n)
    f = problem.fun(w)
    X[:] = 0
    assert problem.fun(w) == f
    twin = pickle.loads(pickle.dumps(problem))
    assert twin.fun(w) == f
    assert twin.dtype == dtype
    assert repr(twin) == repr(problem)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"X": [1, 2, 3]}, ValueError, r"X must have 2 dimension\(s\), not 1"),
        ({"X": [[1], [np.nan], [2]]}, ValueError, "X must be finite, but it holds NaN"),
        ({"X": [[1], [np.inf], [2]]}, ValueError, "X must be finite"),
        ({"X": [["a"], ["b"], ["c"]]}, TypeError, "X must hold real numbers, not <U1"),
        ({"X": np.empty((3, 0))}, ValueError, r"X is empty: its shape is \(3, 0\)"),
        ({"X": [[1j], [2], [3]]}, TypeError, "X must hold real numbers, not complex"),
        ({"y": [0, 1]}, ValueError, "y has 2 values, but there are 3 rows"),
        ({"y": [1, 1, 1]}, ValueError, "y must hold at least two classes, not 1"),
        ({"y": [0, 1, np.nan]}, ValueError, "y must be finite, but it holds NaN"),
        ({"y": [[0], [1], [0]]}, ValueError, r"y must have 1 dimension\(s\), not 2"),
        ({"y": [0, 1, 1j]}, TypeError, "y must hold labels that can be sorted"),
        ({"y": np.array([0, "a", None], object)}, TypeError, "y must hold labels that"),
        (
            {"precision": 0},
            ValueError,
            "precision must be a finite number above 0, not",
        ),
        ({"precision": -1.0}, ValueError, "precision must be a finite number above 0"),
        ({"precision": np.nan}, ValueError, "precision must be a finite number above"),
        ({"precision": "1"}, TypeError, "precision must be a number, not str"),
        ({"fit_intercept": 1}, TypeError, "fit_intercept must be a bool, not int"),
        ({"dtype": "int32"}, ValueError, "dtype must be 'float64' or 'float32'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(change, error, words):
    arguments = {"X": [[0.0], [1.0], [2.0]], "y": [0, 1, 0]} | change
    with pytest.raises(error, match=words):
        problems.logistic_regression(**arguments)


def test_random_data_have_all_classes_and_check_sizes():
    problem = problems.logistic_multinomial(samples=8, features=2, classes=8)
    assert len(problem.classes) == 8
    for params in ({"samples": 1}, {"features": 0}, {"classes": 1}):
        with pytest.raises(ValueError, match=f"{next(iter(params))} must be at least"):
            problems.logistic_multinomial(**params)
    with pytest.raises(ValueError, match="samples must be at least 5, not 4"):
        problems.logistic_multinomial(samples=4, classes=5)


@pytest.mark.parametrize("name", problems.names("data"))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loss_and_gradient_equal_scikit_learns(name, dtype):
    loss = pytest.importorskip("sklearn._loss")
    linear = pytest.importorskip("sklearn.linear_model._linear_loss")
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X, y = (X / 16).astype(dtype), y.astype(dtype)
    problem = problems.logistic_regression(X, y, 0.5, dtype=dtype)
    K, rows = len(problem.classes), len(y)
    base = loss.HalfBinomialLoss() if K == 2 else loss.HalfMultinomialLoss(n_classes=K)
    model = linear.LinearModelLoss(base_loss=base, fit_intercept=True)
    w = np.random.default_rng(0).normal(size=problem.n).astype(dtype) / 30
    # Theirs is the mean, and classes vary fastest in its unknowns.
    matrix = w.reshape(-1, X.shape[1] + 1)
    f, g = model.loss_gradient(
        matrix.ravel(order="F"), X, y, l2_reg_strength=0.5 / rows
    )
    fun, grad = problem.fun_and_grad(w)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    assert fun == pytest.approx(rows * f, rel=rtol)
    g = rows * g.reshape(matrix.shape, order="F").ravel()
    assert abs(grad - g).max() <= 10 * rtol * abs(g).max()


@pytest.mark.parametrize("name", problems.names("data"))
def test_the_minimum_is_scikit_learns(name):
    LogisticRegression = pytest.importorskip("sklearn.linear_model").LogisticRegression
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(X, y)
    problem = problems.get(name)
    w = np.column_stack([theirs.coef_, theirs.intercept_]).ravel()
    assert problem.fun(w) == pytest.approx(problem.f_opt, rel=1e-9)
    np.testing.assert_array_equal(problem.coef(w), theirs.coef_)
    np.testing.assert_array_equal(problem.intercept(w), theirs.intercept_)
    assert abs(problem.grad(w)).max() < 1e-4


@pytest.mark.parametrize("name", problems.names("data"))
def test_the_listed_minimum_of_real_data_is_reached(name):
    problem = problems.get(name)
    options = {"gtol": 1e-7}
    result = minimize(
        problem,
        problem.x0,
        jac=problem.grad,
        hessp=problem.hessp,
        method="trust-ncg",
        options=options,
    )
    assert result.fun == pytest.approx(problem.f_opt, rel=1e-12)
    assert problems.get(name, precision=2.0).f_opt is None
    assert problems.get(name, standardize=False).f_opt is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["logistic_binary", "logistic_multinomial"])
def test_batches_stand_for_all_samples(name, dtype):
    problem = problems.get(name, samples=203, dtype=dtype)
    rng = np.random.default_rng(0)
    w, v = rng.standard_normal((2, problem.n)) / 10
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    f, g = problem.fun_and_grad(w)
    hv = problem.hessp(w, v)
    order = rng.permutation(203)

    def mean(answers):
        weights = [len(batch) / 203 for batch in batches]
        return sum(share * a for share, a in zip(weights, answers, strict=True))

    for batches in (
        [order],
        np.array_split(order, 7),
        [order[i : i + 1] for i in range(203)],
    ):
        assert mean(problem.fun(w, b) for b in batches) == pytest.approx(f, tolerance)
        for found, whole in (
            (mean(problem.grad(w, b) for b in batches), g),
            (mean(problem.hessp(w, v, b) for b in batches), hv),
        ):
            scale = np.abs(whole).max()
            np.testing.assert_allclose(found, whole, rtol=0, atol=tolerance * scale)
    twice = problem.fun(w, [3, 3, 3])
    assert twice == pytest.approx(problem.fun(w, [3]), tolerance)
