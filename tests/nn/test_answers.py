"""What models answer beside their objective: predictions, scores, traces, profiles."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.metrics import accuracy_score, r2_score

import optlab
from optlab import nn

from ..support import in_threads, same_bits
from ..textbook import mlp as twin
from .cases import ACTIVATIONS, EPS, composed

RNG = np.random.default_rng(5)
X = RNG.normal(size=(37, 4))


def test_raw_outputs_are_those_of_the_twin():
    """With batch norm those of the training data, whatever else is asked for."""
    for name, batch_norm in itertools.product(ACTIVATIONS, (False, True)):
        ours, theirs = ACTIVATIONS[name]
        model = nn.MLP([4, 6, 5, 3], ours, batch_norm)
        layers = [(units, theirs, ours.pieces, batch_norm) for units in (6, 5)]
        net = twin.Net(4, layers, 3)
        model.objective(X, np.zeros(37))
        w = model.init(rng=0)
        z = net(w, X)
        size = np.abs(z).max()
        for rows in (slice(None), slice(3, 4), slice(0, 20)):
            found = model.decision_function(w, X[rows])
            np.testing.assert_allclose(found, z[rows], rtol=0, atol=1e-12 * size)


@pytest.mark.parametrize("dtype", EPS)
class TestPredictions:
    def answers(self, loss, outputs, dtype):
        model = nn.MLP([4, 5, outputs], "tanh", loss=loss, dtype=dtype)
        w = model.init(rng=0)
        return model, w, model.decision_function(w, X)

    def test_cross_entropy(self, dtype):
        model, w, z = self.answers("cross_entropy", 3, dtype)
        y = RNG.integers(0, 3, 37)
        labels, p = model.predict(w, X), model.predict_proba(w, X)
        assert z.dtype == p.dtype == dtype
        np.testing.assert_array_equal(labels, z.argmax(axis=1))
        expected = np.exp(log_softmax(z.astype(float), axis=1))
        np.testing.assert_allclose(p, expected, rtol=20 * EPS[dtype])
        assert model.score(w, X, y) == accuracy_score(y, labels)

    def test_logistic_with_one_output(self, dtype):
        model, w, z = self.answers("logistic", 1, dtype)
        y = RNG.integers(0, 2, 37)
        labels, p = model.predict(w, X), model.predict_proba(w, X)
        np.testing.assert_array_equal(labels, (z[:, 0] > 0).astype(int))
        assert p.shape == (37, 2)
        np.testing.assert_allclose(
            p, expit(np.hstack([-z, z]).astype(float)), rtol=20 * EPS[dtype]
        )
        assert model.score(w, X, y) == accuracy_score(y, labels)

    def test_logistic_with_several_outputs(self, dtype):
        model, w, z = self.answers("logistic", 3, dtype)
        labels, p = model.predict(w, X), model.predict_proba(w, X)
        np.testing.assert_array_equal(labels, (z > 0).astype(int))
        np.testing.assert_allclose(p, expit(z.astype(float)), rtol=20 * EPS[dtype])
        y = np.where(np.arange(37)[:, None] % 3 == 0, labels, 1 - labels)
        assert model.score(w, X, y) == accuracy_score(y, labels) == 13 / 37

    @pytest.mark.parametrize("loss", ["squared", "huber"])
    @pytest.mark.parametrize("outputs", [1, 3])
    def test_values(self, outputs, loss, dtype):
        model, w, z = self.answers(loss, outputs, dtype)
        values = model.predict(w, X)
        assert same_bits(values, z[:, 0] if outputs == 1 else z)
        y = z.astype(float) + RNG.normal(size=z.shape)
        assert model.score(w, X, y) == pytest.approx(
            r2_score(y.astype(dtype), z), rel=100 * EPS[dtype], abs=100 * EPS[dtype]
        )
        assert model.score(w, X, z) == 1
        with pytest.raises(ValueError, match="loss must be one of classes"):
            model.predict_proba(w, X)


def test_large_scores_are_certain():
    model = nn.MLP([1, 2])
    p = model.predict_proba([0.0, 1e300, 0.0, 0.0], [[1.0], [-1.0]])
    np.testing.assert_array_equal(p, [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda model, w: model.predict(w[1:], X), ValueError, "w must have the shape"),
        (lambda model, w: model.predict(w * np.nan, X), ValueError, "w must be finite"),
        (lambda model, w: model.predict(w * 1j, X), TypeError, "w must hold real"),
        (lambda model, w: model.predict(w[None], X), ValueError, "w must have 1 dim"),
        (lambda model, w: model.predict(w, X[:, 1:]), ValueError, "X must have 4 col"),
        (lambda model, w: model.predict(w, X[0]), ValueError, "X must have 2 dim"),
        (lambda model, w: model.predict(w, X[:0]), ValueError, "X is empty"),
        (lambda model, w: model.predict(w, X * np.nan), ValueError, "X must be finite"),
        (
            lambda model, w: model.predict_proba(w, X + 1j),
            TypeError,
            "X must hold real",
        ),
        (lambda model, w: model.score(w, X, X[:3, 0]), ValueError, "y has 3 values"),
        (lambda model, w: model.trace(w, X, X[:3]), ValueError, "delta must have the"),
        (
            lambda model, w: model.trace(w, X, X * np.nan),
            ValueError,
            "delta must be fin",
        ),
        (lambda model, w: model.unpack(w[1:]), ValueError, "w must have the shape"),
        (lambda model, w: model.unpack(w * 1j), TypeError, "w must hold real numbers"),
        (lambda model, w: model.init("seed"), TypeError, "rng must be"),
        (lambda model, w: model.init(-1), ValueError, "rng must be"),
        (lambda model, w: model.init(0, X[:, 1:]), ValueError, "X must have 4 columns"),
        (
            lambda model, w: nn.variance_profile("relu", X),
            TypeError,
            "model must be an",
        ),
        (
            lambda model, w: nn.variance_profile(model, X[0]),
            ValueError,
            "X must have 2",
        ),
        (
            lambda model, w: nn.variance_profile(model, X, w=w[1:]),
            ValueError,
            "w must have the shape",
        ),
        (
            lambda model, w: nn.variance_profile(model, X * np.nan),
            ValueError,
            "X must be finite",
        ),
    ],
    ids=itertools.count(),
)
def test_bad_arguments_are_named(ask, error, words):
    model = nn.MLP([4, 5, 3])
    with pytest.raises(error, match=words):
        ask(model, model.init(rng=0))


def test_unpack_gives_views_and_pack_copies():
    model = nn.MLP([4, 5, 3], "meta_acon", dtype="float32")
    w = model.init(rng=0)
    for layer in model.unpack(w):
        for part in layer.values():
            assert part.base is not None
            assert np.shares_memory(part, w)
    again = model.pack(model.unpack(w))
    assert same_bits(again, w)
    assert not np.shares_memory(again, w)
    # A gradient, or a vector in another precision, is taken apart likewise.
    assert model.unpack(w.astype(float))[0]["p1"].dtype == float
    assert model.unpack([0] * model.n)[1]["bias"].shape == (3,)
    assert model.pack(model.unpack(w.astype(float))).dtype == np.float32


def test_traces_are_values_and_slopes():
    """The derivatives by each layer's input, with those by w, by changing the input."""
    model = nn.MLP(
        [4, 5, 6, 3], [nn.SmoothMaxout(2), "swish"], [True, False], loss="squared"
    )
    w = model.init(rng=0) + 0.1
    delta = RNG.normal(size=(37, 3))
    trace = model.trace(w, X, delta)
    assert [part.shape for part in trace.inputs] == [(37, 10), (37, 6), (37, 3)]
    assert [part.shape for part in trace.outputs] == [(37, 5), (37, 6), (37, 3)]
    assert [part.shape for part in trace.derivatives] == [(37, 10), (37, 6), (37, 3)]
    assert same_bits(trace.derivatives[2], delta)
    assert same_bits(trace.inputs[2], trace.outputs[2])
    layers = model.unpack(w)
    for layer, earlier in ((1, trace.outputs[0]), (2, trace.outputs[1])):
        z = earlier @ layers[layer]["weights"] + layers[layer]["bias"]
        np.testing.assert_allclose(trace.inputs[layer], z, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        trace.outputs[1], nn.Swish()(trace.inputs[1]), rtol=0, atol=1e-15
    )
    pieces = np.array(np.split(trace.inputs[0], 2, axis=1))
    np.testing.assert_allclose(
        trace.outputs[0], nn.SmoothMaxout(2)(pieces, beta=1.1), rtol=0, atol=1e-15
    )
    swish = nn.Swish().derivative(trace.inputs[1])
    back = (delta @ layers[2]["weights"].T) * swish
    np.testing.assert_allclose(trace.derivatives[1], back, rtol=0, atol=1e-14)
    slopes = nn.SmoothMaxout(2).derivative(pieces, beta=1.1)
    back = np.hstack((back @ layers[1]["weights"].T) * slopes)
    np.testing.assert_allclose(trace.derivatives[0], back, rtol=0, atol=1e-14)
    assert not any(part.any() for part in model.trace(w, X).derivatives)


def test_a_profile_is_of_the_trace():
    model = nn.MLP([4, 50, 60, 3], "tanh")
    w = model.init(rng=3)
    profile = nn.variance_profile(model, X, rng=7, w=w)
    delta = np.random.default_rng(7).normal(size=(37, 3))
    trace = model.trace(w, X, delta)
    for found, parts in (
        (profile.preactivations, trace.inputs),
        (profile.activations, trace.outputs),
        (profile.gradients, trace.derivatives),
    ):
        np.testing.assert_allclose(found, [part.var() for part in parts], rtol=1e-13)
    again = nn.variance_profile(model, X, rng=7, w=w)
    assert same_bits(again.gradients, profile.gradients)


def test_moments_are_those_of_the_training_data():
    model = nn.MLP([4, 5, 6, 3], "tanh", True)
    model.objective(X, np.zeros(37))
    w = model.init(rng=0)
    first, second = model.moments(w)
    z = X @ model.unpack(w)[0]["weights"]
    np.testing.assert_allclose(first, [z.mean(axis=0), z.var(axis=0)], atol=1e-14)
    a = np.tanh((z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5))
    z = a @ model.unpack(w)[1]["weights"]
    np.testing.assert_allclose(second, [z.mean(axis=0), z.var(axis=0)], atol=1e-13)
    # Another w has others, and other data give others again.
    assert not np.allclose(model.moments(w + 1)[0], first)
    assert same_bits(model.moments(w)[0][0], first[0])
    model.objective(2 * X, np.zeros(37))
    np.testing.assert_allclose(model.moments(w)[0][0], 2 * first[0], atol=1e-14)
    assert nn.MLP([4, 3]).moments(np.zeros(15)) == ()


def test_a_large_offset_does_not_spoil_batch_norm():
    """Var z is not E z² - (E z)²."""
    model = nn.MLP([1, 1, 2], "identity", True)
    x = RNG.normal(size=(200, 1))
    w = model.init(rng=0)
    y = RNG.integers(0, 2, 200)
    f, g = model.objective(x, y).fun_and_grad(w)
    for offset in (1e3, 1e6):
        moved, slope = model.objective(x + offset, y).fun_and_grad(w)
        assert moved == pytest.approx(f, rel=1e-15 * offset + 1e-13)
        np.testing.assert_allclose(slope[1:], g[1:], rtol=0, atol=1e-14 * offset)


def test_a_constant_feature_does_not_divide_by_nothing():
    for dtype in EPS:
        model = nn.MLP([2, 3, 2], "relu", True, dtype=dtype)
        objective = model.objective(np.full((6, 2), 3.0), [0, 1, 0, 1, 1, 1])
        w = model.init(rng=0)
        f, g = objective.fun_and_grad(w)
        assert f == pytest.approx(np.log(2), rel=1e-6)
        assert np.isfinite(g).all()
        assert np.isfinite(objective.hessp(w, w)).all()


def test_answers_from_many_threads():
    model = nn.MLP([4, 5, 3], "acon_c", True)
    model.objective(X, np.zeros(37))
    points = [model.init(rng=i) for i in range(4)]
    fresh = [nn.MLP([4, 5, 3], "acon_c", True) for _ in points]
    for each in fresh:
        each.objective(X, np.zeros(37))
    expected = [m.predict_proba(w, X) for m, w in zip(fresh, points, strict=True)]

    def task(i):
        return all(
            same_bits(model.predict_proba(points[i], X), expected[i])
            for _ in range(100)
        )

    assert all(in_threads(task, 4))


def test_objectives_of_one_model_are_independent():
    """Each keeps its own data, also where another one was made since."""
    model = nn.MLP([4, 5, 3], "tanh", True)
    y = RNG.integers(0, 3, 37)
    first = model.objective(X, y)
    w = model.init(rng=0)
    f = first.fun(w)
    second = model.objective(2 * X[:20], y[:20])
    assert first.fun(w) == f != second.fun(w)
    assert (first.n_samples, second.n_samples) == (37, 20)
    assert (first.n, first.dtype, first.total_weight) == (model.n, np.float64, 37.0)


def test_deep_nets_of_every_kind_are_trained():
    """A run of minimize on all activations at once, down to a small gradient."""
    parts = [
        *(ACTIVATIONS[name][0] for name in ("meta_acon", "acon_b", "swish, trained")),
        ACTIVATIONS["smooth_maxout of 3"][0],
        composed("gate", "identity", "atan", ("beta_1",))[0],
    ]
    prior = nn.GaussianPrior(
        dict.fromkeys(("weights", "bias", "scale", "shift", "activation"), 1.0)
    )
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    for method in ("l-bfgs", "bfgs", "newton-cg"):
        model = nn.MLP(
            [4, *[3] * 5, 2], parts, [True, False, True, False, True], prior=prior
        )
        objective = model.objective(X, y)
        w0 = model.init(rng=0)
        options = {"gtol": 1e-6, "maxiter": 5000}
        result = optlab.minimize(objective, w0, method=method, options=options)
        assert result.success
        assert np.abs(objective.grad(result.x)).max() <= 1e-6
        assert result.fun < objective.fun(w0)
