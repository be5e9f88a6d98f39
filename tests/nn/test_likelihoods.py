"""Losses at extreme outputs, targets, sample weights, likelihoods and priors."""

import itertools

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from optlab import nn

from ..support import same_bits
from ..textbook import mlp as twin
from .cases import EPS, LOSSES, targets

GROUPS = ("weights", "bias", "scale", "shift", "activation")


def passing(outputs, loss, dtype="float64"):
    """A net that gives its inputs back, and its w."""
    model = nn.MLP([outputs, outputs], loss=loss, dtype=dtype)
    return model, model.pack([{"weights": np.eye(outputs), "bias": np.zeros(outputs)}])


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", ["cross_entropy", "smoothed", "logistic"])
def test_large_outputs_do_not_overflow(name, dtype):
    loss, formula = LOSSES[name]
    model, w = passing(2, loss, dtype)
    large = 1e30 if dtype == "float32" else 1e300
    outputs = [0.0, 1e-30, 40.0, -700.0, 1e4, -large, large]
    for z in itertools.product(outputs, repeat=2):
        y = np.array([1]) if name != "logistic" else np.array([[1, 0]])
        X = np.array([z], dtype)
        f, g = model.objective(X, y).fun_and_grad(w)
        with mpmath.workdps(700):  # 1e300 cancels
            exact = formula(twin.exactly(X), y)[0]
        assert f == pytest.approx(float(exact), rel=4 * EPS[dtype], abs=1e-300)
        # By the bias the gradient is that by the outputs: softmax - q, or sigmoid - y.
        slope = model.unpack(g)[0]["bias"]
        assert np.isfinite(slope).all()
        if name == "logistic":
            expected = twin.sigmoid(np.array(z)) - y[0]
        else:
            smoothing = loss.label_smoothing
            p = twin.sigmoid(np.array([z[0] - z[1], z[1] - z[0]]))
            expected = p - (1 - smoothing) * np.array([0, 1]) - smoothing / 2
        np.testing.assert_allclose(slope, expected, rtol=0, atol=4 * EPS[dtype])
        hv = model.objective(X, y).hessp(w, np.ones(model.n, dtype) / 1e8)
        assert not np.isnan(hv).any()


def test_small_probabilities_keep_their_digits():
    """Where a class is nearly certain the loss is about e^-margin, not 0."""
    for loss, X, y in (
        (nn.CrossEntropy(), [[50.0, 0.0]], [0]),
        (nn.Logistic(), [[-50.0]], [0]),
    ):
        model, w = passing(len(X[0]), loss)
        f, g = model.objective(X, y).fun_and_grad(w)
        assert f == pytest.approx(np.exp(-50.0), rel=1e-13)
        assert np.abs(g[-1]) == pytest.approx(np.exp(-50.0), rel=1e-13)


def test_huber_is_continued_with_its_slope():
    model, w = passing(1, nn.Huber(2.0))
    for r, value, slope in (
        (-5.0, 8.0, -2.0),
        (-2.0, 2.0, -2.0),
        (1.0, 0.5, 1.0),
        (2.0, 2.0, 2.0),
        (2.5, 3.0, 2.0),
    ):
        objective = model.objective([[r + 1]], [1.0])
        f, g = objective.fun_and_grad(w)
        assert (f, g[1]) == (value, slope)
        curvature = objective.hessp(w, np.array([0.0, 1.0]))[1]
        if abs(r) != 2:
            assert curvature == (abs(r) < 2)


def data(loss, samples=12, outputs=3):
    rng = np.random.default_rng(3)
    return rng.normal(size=(samples, 4)), targets(loss, samples, outputs, rng)


def test_one_hot_rows_are_labels():
    X, y = data("smoothed")
    model = nn.MLP([4, 5, 3], loss=nn.CrossEntropy(0.1))
    w = model.init(rng=0)
    labels = model.objective(X, y)
    for hot in (np.eye(3)[y], np.eye(3, dtype=int)[y], np.eye(3, dtype=bool)[y]):
        objective = model.objective(X, hot)
        assert objective.fun(w) == labels.fun(w)
        assert same_bits(objective.grad(w), labels.grad(w))
        assert model.score(w, X, hot) == model.score(w, X, y)


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("loss", LOSSES)
def test_whole_weights_are_repetitions(loss, dtype):
    X, y = data(loss)
    prior = nn.GaussianPrior(0.5)
    model = nn.MLP([4, 5, 3], "swish", loss=LOSSES[loss][0], prior=prior, dtype=dtype)
    w, v = model.init(rng=0), model.init(rng=1)
    weights = np.arange(12) % 4  # some of them 0
    weighted = model.objective(X, y, weights)
    repeated = model.objective(np.repeat(X, weights, axis=0), np.repeat(y, weights, 0))
    assert weighted.fun(w) == pytest.approx(repeated.fun(w), rel=20 * EPS[dtype])
    for ours, theirs in (
        (weighted.grad(w), repeated.grad(w)),
        (weighted.hessp(w, v), repeated.hessp(w, v)),
    ):
        atol = 50 * EPS[dtype] * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
    assert weighted.log_posterior(w) == pytest.approx(
        repeated.log_posterior(w), rel=20 * EPS[dtype]
    )


def test_the_scale_of_weights_does_not_matter_without_a_prior():
    X, y = data("squared")
    model = nn.MLP([4, 5, 3], "gelu", loss="squared")
    w = model.init(rng=0)
    weights = np.linspace(0.5, 2, 12)
    f = model.objective(X, y, weights).fun(w)
    for factor in (1e-300, 1e-10, 1e300):
        scaled = model.objective(X, y, factor * weights)
        assert scaled.fun(w) == pytest.approx(f, rel=1e-13)


def test_batch_norm_does_not_weight_its_statistics():
    X, y = data("squared")
    model = nn.MLP([4, 5, 3], "gelu", True, loss="squared")
    w = model.init(rng=0)
    weights = np.arange(12.0)
    residuals = model.trace(w, X).outputs[-1] - y
    expected = (weights * (residuals**2).sum(axis=1)).sum() / 2 / weights.sum()
    assert model.objective(X, y, weights).fun(w) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_likelihood_is_a_density_of_the_targets(loss):
    """It sums, or integrates, to 1 over them, but where labels are smoothed."""
    z = np.array([0.7, -1.2])
    K = 1 if loss in ("squared", "huber") else 2
    model, w = passing(K, LOSSES[loss][0])
    X = [z[:K]]

    def density(y):
        return np.exp(model.objective(X, [y]).log_likelihood(w))

    if loss == "cross_entropy":
        total = density(0) + density(1)
    elif loss == "smoothed":
        assert density(1) == pytest.approx(
            np.exp(-twin.cross_entropy(np.array(X), np.array([1]), 0.125)[0])
        )
        return
    elif loss == "logistic":
        total = sum(map(density, itertools.product((0, 1), repeat=2)))
    else:
        total, _ = integrate.quad(
            lambda y: density([y]), -60, 60, points=[0.2, 0.7, 1.2]
        )
    assert total == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    "covers", [(group,) for group in GROUPS] + [GROUPS, GROUPS[1:4]]
)
def test_a_prior_covers_its_groups_and_nothing_else(covers):
    X, y = data("smoothed")
    rng = np.random.default_rng(0)
    shape = [4, 5, 6, 3], ["meta_acon", "acon_b"], [True, False]
    free = nn.MLP(*shape)
    mean = rng.normal(size=free.n)
    precisions = {group: 0.5 + GROUPS.index(group) for group in covers}
    w, v = rng.normal(size=(2, free.n))
    plain, precision = free.objective(X, y), np.zeros(free.n)
    for layer in free.unpack(np.arange(free.n)):
        for name, where in layer.items():
            group = name if name in GROUPS else "activation"
            precision[where.ravel()] = precisions.get(group, 0)
    assert (precision > 0).any()
    model = nn.MLP(*shape, prior=nn.GaussianPrior(precisions, mean))
    objective = model.objective(X, y)
    off = w - mean
    assert objective.fun(w) - plain.fun(w) == pytest.approx(
        (precision * off**2).sum() / 2 / 12, rel=1e-12
    )
    np.testing.assert_allclose(
        objective.grad(w) - plain.grad(w), precision * off / 12, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        objective.hessp(w, v) - plain.hessp(w, v),
        precision * v / 12,
        rtol=0,
        atol=1e-11,
    )
    covered = precision > 0
    density = stats.norm.logpdf(
        w[covered], mean[covered], precision[covered] ** -0.5
    ).sum()
    assert objective.log_prior(w) == pytest.approx(density, rel=1e-13)
    assert plain.log_prior(w) == 0
    assert objective.log_likelihood(w) == pytest.approx(
        plain.log_likelihood(w), rel=1e-12
    )
    assert objective.log_posterior(w) == pytest.approx(
        density - 12 * plain.fun(w), rel=1e-12
    )


def test_precision_and_groups_may_be_given_apart():
    """A number for all groups that are covered is a dict of the same numbers."""
    apart = nn.GaussianPrior(2.0, 0.5, ("bias", "weights"))
    assert apart == nn.GaussianPrior({"weights": 2.0, "bias": 2.0}, 0.5)
    assert apart != nn.GaussianPrior({"weights": 2.0, "bias": 2.5}, 0.5)
    assert apart.covers == ("weights", "bias")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0.0,), ValueError, "precision must be positive"),
        ((-1.0,), ValueError, "precision must be positive"),
        ((np.nan,), ValueError, "precision must not be NaN"),
        ((np.inf,), ValueError, "precision must be positive and finite"),
        (("1",), TypeError, "precision must be a real number"),
        (({},), ValueError, "precision must not be empty"),
        (({"weights": -1.0},), ValueError, r"precision\['weights'\] must be positive"),
        (({"wieghts": 1.0},), ValueError, "'wieghts'; did you mean 'weights'"),
        ((1.0, np.nan), ValueError, "mean must not be NaN"),
        ((1.0, [0.0, np.inf]), ValueError, "mean must be finite"),
        ((1.0, [[0.0]]), ValueError, "mean must have 1 dim"),
        ((1.0, 0.0, ()), ValueError, "covers must not be empty"),
        ((1.0, 0.0, "weights"), TypeError, "covers must be a sequence"),
        ((1.0, 0.0, ("biases",)), ValueError, "covers"),
    ],
    ids=itertools.count(),
)
def test_bad_priors_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.GaussianPrior(*arguments)


def test_a_mean_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"prior must have a mean of shape \(8,\)"):
        nn.MLP([3, 2], prior=nn.GaussianPrior(1.0, np.zeros(7)))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.CrossEntropy(1.0), ValueError, "label_smoothing must be"),
        (lambda: nn.CrossEntropy(-0.1), ValueError, "label_smoothing must be"),
        (
            lambda: nn.CrossEntropy(np.nan),
            ValueError,
            "label_smoothing must not be NaN",
        ),
        (lambda: nn.CrossEntropy("0"), TypeError, "label_smoothing must be a real"),
        (lambda: nn.Huber(0.0), ValueError, "delta must be positive"),
        (lambda: nn.Huber(np.inf), ValueError, "delta must be positive and finite"),
    ],
    ids=itertools.count(),
)
def test_bad_losses_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "error", "words"),
    [
        ("logistic", 1, [0, 2], ValueError, "y must hold labels that are 0 or 1"),
        ("logistic", 1, [0, 0.5], ValueError, "y must hold labels that are 0 or 1"),
        ("logistic", 2, [0, 1], ValueError, "y must have 2 dim"),
        ("squared", 1, [0, np.inf], ValueError, "y must be finite"),
        ("squared", 1, ["a", "b"], TypeError, "y must hold real numbers"),
        ("squared", 1, [0, 1j], TypeError, "y must hold real numbers"),
        ("squared", 2, [[0], [1]], ValueError, r"y must have 2 column\(s\)"),
        ("squared", 1, [0, 1, 2], ValueError, "y has 3 values, but there are 2 rows"),
        ("squared", 1, None, TypeError, "y must hold real numbers"),
        ("cross_entropy", 2, [0, np.nan], ValueError, "y must be finite"),
        ("cross_entropy", 2, [[0, 0], [1, 0]], ValueError, "y must be one-hot"),
        ("cross_entropy", 2, [[1, 1], [1, 0]], ValueError, "y must be one-hot"),
        ("cross_entropy", 2, [[[0]]], ValueError, "y must have 1 dim"),
        ("huber", 1, [[[0]], [[1]]], ValueError, "y must have 2 dim"),
    ],
    ids=itertools.count(),
)
def test_bad_targets_are_named(loss, outputs, y, error, words):
    model = nn.MLP([1, outputs], loss=loss)
    with pytest.raises(error, match=words):
        model.objective([[0.0], [1.0]], y)
    with pytest.raises(error, match=words):
        model.score(np.zeros(model.n), [[0.0], [1.0]], y)


def test_what_is_not_finite_in_single_precision_is_refused():
    model = nn.MLP([1, 1], loss="squared", dtype="float32")
    with pytest.raises(ValueError, match="X must be finite"):
        model.objective([[1e39], [0.0]], [0.0, 1.0])
    with pytest.raises(ValueError, match="y must be finite"):
        model.objective([[1.0], [0.0]], [0.0, 1e39])
