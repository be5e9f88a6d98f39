"""Models: parameters, starts, priors, predictions, files, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlab
from optlab import nn


def data(samples=40, inputs=5, classes=3, rng=0):
    rng = np.random.default_rng(rng)
    return rng.standard_normal((samples, inputs)), rng.integers(0, classes, samples)


class TestParameters:
    model = nn.MLP([5, 4, 6, 3], ["acon_c", "meta_acon"], [True, False])

    def test_unpack_gives_views(self):
        w = np.zeros(self.model.n)
        layers = self.model.unpack(w)
        for i, layer in enumerate(layers):
            for view in layer.values():
                view[...] = i + 1
        assert (w > 0).all()
        assert list(layers[0]) == ["weights", "scale", "shift", "p1", "p2", "beta"]
        assert list(layers[2]) == ["weights", "bias"]
        assert layers[0]["weights"].shape == (5, 4)

    def test_pack_is_the_way_back(self):
        w = np.random.default_rng(0).standard_normal(self.model.n)
        np.testing.assert_array_equal(self.model.pack(self.model.unpack(w)), w)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda layers: layers.pop(), "layers must hold 3 layers, not 2"),
            (
                lambda layers: layers[1].pop("bias"),
                r"layers\[1\] must hold weights, bias",
            ),
            (lambda layers: layers[0].update(bias=0), r"layers\[0\] must hold weights"),
            (
                lambda layers: layers[2].update(bias=[1, 2]),
                r"layers\[2\]\['bias'\] must",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(self, change, words):
        layers = self.model.unpack(np.zeros(self.model.n))
        change(layers)
        with pytest.raises(ValueError, match=words):
            self.model.pack(layers)


class TestStarts:
    @pytest.mark.parametrize(
        ("init", "variance"),
        [
            ("xavier", 2 / 700),
            ("xavier_normal", 2 / 700),
            ("he", 2 / 400),
            ("he_normal", 2 / 400),
            ("lecun", 1 / 400),
            ("heuristic", 1 / 1200),
            (nn.He(a=0.5), 2 / 400 / 1.25),
        ],
        ids=str,
    )
    def test_variances_are_those_of_the_formulas(self, init, variance):
        model = nn.MLP([400, 300, 2], init=init)
        weights = model.unpack(model.init(rng=0))[0]["weights"]
        # of 120,000 numbers, whose fourth moments are at most the normal one's
        assert weights.var() == pytest.approx(
            variance, rel=5 * np.sqrt(2 / weights.size)
        )
        assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)

    def test_he_knows_the_slope_of_its_activation(self):
        leaky = nn.MLP([400, 300, 2], nn.LeakyReLU(0.5), init="he")
        weights = leaky.unpack(leaky.init(rng=0))[0]["weights"]
        assert weights.var() == pytest.approx(2 / 400 / 1.25, rel=0.03)

    def test_orthogonal_weights_are_orthogonal(self):
        for sizes in ([30, 20, 2], [20, 30, 2]):
            model = nn.MLP(sizes, init="orthogonal")
            W = model.unpack(model.init(rng=0))[0]["weights"]
            gram = W.T @ W if sizes[0] > sizes[1] else W @ W.T
            np.testing.assert_allclose(gram, gram[0, 0] * np.eye(20), atol=1e-12)

    def test_the_rest_starts_where_it_does_nothing(self):
        model = nn.MLP([3, 4, 5, 2], ["prelu", "acon_c"], [False, True])
        first, second, last = model.unpack(model.init(rng=0))
        assert (first["bias"] == 0).all()
        assert (first["a"] == 0.25).all()
        assert (second["scale"] == 1).all()
        assert (second["shift"] == 0).all()
        assert (second["beta"] == 1).all()
        assert (last["bias"] == 0).all()

    def test_a_seed_reproduces(self):
        model = nn.MLP([3, 4, 2], "acon_c")
        np.testing.assert_array_equal(model.init(rng=5), model.init(rng=5))
        assert (model.init(rng=5) != model.init(rng=6)).any()

    def test_xavier_and_he_keep_the_variance_through_20_layers(self):
        X = np.random.default_rng(0).standard_normal((400, 300))
        sizes = [300] * 21 + [10]

        def profile(activation, init):
            return nn.variance_profile(nn.MLP(sizes, activation, init=init), X, rng=1)

        # Each layer multiplies by 1 + O(sqrt(2 / 300)) at random: 0.4 after 20 layers.
        for activation, init in (("identity", "xavier"), ("relu", "he")):
            found = profile(activation, init)
            for variances in (found.preactivations, found.gradients):
                ratio = np.log(variances[19] / variances[0])
                assert abs(ratio) < 5 * 0.4
        for activation, init in (("identity", "heuristic"), ("relu", "heuristic")):
            found = profile(activation, init)
            assert found.preactivations[19] < 3.0**-17 * found.preactivations[0]
            assert found.gradients[0] < 3.0**-17 * found.gradients[19]

    def test_pretraining_lowers_the_autoencoders_loss(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((200, 2)) @ rng.standard_normal((2, 8))
        model = nn.MLP([8, 2, 3], "identity", init=nn.Autoencoder())
        weights = model.unpack(model.init(rng=0, X=X))[0]
        codes = X @ weights["weights"] + weights["bias"]
        # Two units hold all of data of rank two, so that they can be had back.
        design = np.column_stack([codes, np.ones(200)])
        back = design @ np.linalg.lstsq(design, X)[0]
        assert np.abs(back - X).max() < 1e-3 * np.abs(X).max()

    def test_pretraining_needs_data(self):
        with pytest.raises(ValueError, match="X"):
            nn.MLP([8, 2, 3], init=nn.Autoencoder()).init(rng=0)


class TestPriors:
    X, y = data()

    def test_the_objective_is_minus_the_log_posterior(self):
        weights = np.random.default_rng(0).uniform(0.5, 2, 40)
        for loss, y in (("cross_entropy", self.y), ("huber", self.X[:, :3])):
            model = nn.MLP(
                [5, 4, 3],
                "acon_c",
                True,
                loss=loss,
                prior=nn.GaussianPrior({"weights": 2.0, "scale": 0.5}, mean=0.3),
            )
            objective = model.objective(self.X, y, weights)
            rng = np.random.default_rng(1)
            sums = []
            for _ in range(3):
                w = rng.standard_normal(model.n)
                posterior = objective.log_posterior(w)
                parts = objective.log_prior(w) + objective.log_likelihood(w)
                assert posterior == pytest.approx(parts, rel=1e-14)
                sums.append(posterior + weights.sum() * objective.fun(w))
            np.testing.assert_allclose(sums, sums[0], rtol=1e-10)

    def test_the_prior_is_a_normal_density(self):
        model = nn.MLP([5, 3], prior=nn.GaussianPrior(4.0, mean=0.5))
        w = np.random.default_rng(0).standard_normal(model.n)
        covered = model.unpack(w)[0]["weights"].ravel()
        expected = -0.5 * 4 * ((covered - 0.5) ** 2).sum() + 15 / 2 * np.log(
            4 / (2 * np.pi)
        )
        found = model.objective(self.X, self.y).log_prior(w)
        assert found == pytest.approx(expected, rel=1e-13)

    def test_squared_error_is_a_normal_likelihood(self):
        model = nn.MLP([5, 3], loss="squared")
        w = np.random.default_rng(0).standard_normal(model.n)
        r = model.decision_function(w, self.X) - self.X[:, :3]
        expected = -0.5 * (r**2).sum() - 60 * np.log(2 * np.pi)
        found = model.objective(self.X, self.X[:, :3]).log_likelihood(w)
        assert found == pytest.approx(expected, rel=1e-13)

    def test_l2_covers_weights_only_by_default(self):
        plain = nn.MLP([5, 4, 3], "prelu", True)
        model = nn.MLP([5, 4, 3], "prelu", True, prior=nn.GaussianPrior(3.0))
        w = np.random.default_rng(0).standard_normal(model.n)
        penalty = (
            sum((layer["weights"] ** 2).sum() for layer in model.unpack(w)) * 1.5 / 40
        )
        difference = model.objective(self.X, self.y).fun(w) - plain.objective(
            self.X, self.y
        ).fun(w)
        assert difference == pytest.approx(penalty, rel=1e-10)


class TestPredictions:
    def test_batch_norm_uses_the_training_data(self):
        X, y = data(100)
        model = nn.MLP([5, 6, 3], "tanh", True)
        objective = model.objective(X, y)
        w = model.init(rng=0)
        layers = model.unpack(w)
        z = X @ layers[0]["weights"]
        normal = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        scores = np.tanh(normal) @ layers[1]["weights"] + layers[1]["bias"]
        np.testing.assert_allclose(model.decision_function(w, X), scores, atol=1e-13)
        # One row at a time, which has no statistics of its own.
        single = np.vstack([model.decision_function(w, row[None]) for row in X])
        np.testing.assert_allclose(single, scores, atol=1e-13)
        assert objective.fun(w) == pytest.approx(
            -np.log(model.predict_proba(w, X)[np.arange(100), y]).mean(), rel=1e-12
        )

    def test_without_training_data_batch_norm_says_so(self):
        model = nn.MLP([5, 6, 3], batch_norm=True)
        with pytest.raises(ValueError, match="statistics"):
            model.predict(model.init(rng=0), np.zeros((2, 5)))

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_files(self, tmp_path, dtype):
        X, y = data()
        model = nn.MLP(
            [5, 4, 6, 3],
            [
                nn.Composite("product", "identity", "sigmoid", trained=("beta_2",)),
                "meta_acon",
            ],
            [True, False],
            init=nn.He(a=0.1),
            loss=nn.CrossEntropy(0.1),
            prior=nn.GaussianPrior({"weights": 1.0}),
            dtype=dtype,
        )
        model.objective(X, y)
        w = model.init(rng=0)
        path = tmp_path / "model.npz"
        model.save(path, w)
        twin, again = nn.MLP.load(path)
        np.testing.assert_array_equal(again, w)
        np.testing.assert_array_equal(
            twin.predict_proba(again, X), model.predict_proba(w, X)
        )
        assert twin.objective(X, y).fun(w) == model.objective(X, y).fun(w)
        with np.load(path, allow_pickle=False) as file:  # plain arrays
            assert all(array.dtype.kind != "O" for array in file.values())

    def test_foreign_and_damaged_files_are_refused(self, tmp_path):
        model = nn.MLP([5, 3])
        path = tmp_path / "model.npz"
        model.save(path, model.init(rng=0))
        whole = path.read_bytes()
        for content in (b"", b"nothing", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=r"model\.npz|path"):
                nn.MLP.load(path)
        np.savez(path, config=np.array(json.dumps({"sizes": [1]})))
        with pytest.raises(ValueError, match=r"model\.npz|path"):
            nn.MLP.load(path)


X, y = data()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"X": np.where(X > 2, np.nan, X)}, ValueError, "X must be finite"),
        ({"X": np.where(X > 2, np.inf, X)}, ValueError, "X must be finite"),
        ({"X": X[:, :4]}, ValueError, "X must have 5 columns, not 4"),
        ({"X": X[0]}, ValueError, "X must have 2 dimension"),
        ({"X": X[:0]}, ValueError, "X is empty"),
        ({"X": X.astype(str)}, TypeError, "X must hold real numbers"),
        ({"X": X * 1j}, TypeError, "X must hold real numbers"),
        ({"X": X[:3]}, ValueError, "y has 40 values, but there are 3 rows"),
        ({"y": y - 1}, ValueError, "y must hold labels from 0 to 2, not -1 to 1"),
        ({"y": y + 1}, ValueError, "y must hold labels from 0 to 2, not 1 to 3"),
        ({"y": y + 0.5}, ValueError, "y must hold labels that are whole numbers"),
        ({"y": np.eye(3)[y] * 2}, ValueError, "y must be one-hot"),
        ({"y": np.eye(4)[y]}, ValueError, "y must have 3 column"),
        ({"y": np.full(40, np.nan)}, ValueError, "y must be finite"),
        ({"sample_weight": -np.ones(40)}, ValueError, "sample_weight must not be neg"),
        ({"sample_weight": np.zeros(40)}, ValueError, "sample_weight must not be all"),
        ({"sample_weight": np.ones(3)}, ValueError, "sample_weight has 3 values"),
        ({"sample_weight": [np.nan] * 40}, ValueError, "sample_weight must be finite"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
        ({"threads": 1.5}, TypeError, "threads must be an int"),
    ],
)
def test_bad_data_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.MLP([5, 3]).objective(**{"X": X, "y": y} | arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"sizes": [5]}, ValueError, "sizes must hold at least"),
        ({"sizes": [5, 0, 3]}, ValueError, r"sizes\[1\] must be at least 1"),
        ({"sizes": [5, 2.5, 3]}, TypeError, r"sizes\[1\] must be an int"),
        ({"sizes": "5"}, TypeError, "sizes must be a sequence"),
        ({"sizes": [5, 4, 1]}, ValueError, "sizes must end with at least 2 outputs"),
        ({"activation": "rellu"}, ValueError, "'rellu'; did you mean 'relu'"),
        (
            {"activation": ["relu", "relu"]},
            ValueError,
            "activation must be one for all",
        ),
        ({"activation": 3}, TypeError, "activation must be"),
        ({"batch_norm": [True, True]}, ValueError, "batch_norm must be one for all"),
        ({"batch_norm": "yes"}, TypeError, "batch_norm must be a bool"),
        ({"batch_norm_eps": 0}, ValueError, "batch_norm_eps must be positive"),
        ({"init": "xavie"}, ValueError, "'xavie'; did you mean 'xavier'"),
        ({"loss": "hinge"}, ValueError, "unknown loss 'hinge'"),
        ({"prior": 0.1}, TypeError, "prior must be a GaussianPrior"),
        ({"dtype": "int64"}, ValueError, "dtype must be 'float64' or 'float32'"),
    ],
)
def test_bad_models_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.MLP(**{"sizes": [5, 4, 3]} | arguments)


@pytest.mark.parametrize(
    ("indices", "error", "words"),
    [
        ([], ValueError, "indices must be a vector of some numbers"),
        ([[1]], ValueError, "indices must be a vector of some numbers"),
        ([40], ValueError, "indices must be from 0 to 39"),
        ([-1], ValueError, "indices must be from 0 to 39"),
        ([1.5], TypeError, "indices must be whole numbers"),
    ],
)
def test_bad_indices_are_named(indices, error, words):
    objective = nn.MLP([5, 3]).objective(X, y)
    w = objective.model.init(rng=0)
    for call in (objective.fun, objective.grad, objective.fun_and_grad):
        with pytest.raises(error, match=words):
            call(w, indices)
    with pytest.raises(error, match=words):
        objective.hessp(w, w, indices)


def test_batch_norm_refuses_one_sample():
    model = nn.MLP([5, 4, 3], batch_norm=True)
    with pytest.raises(ValueError, match="X must have at least two samples"):
        model.objective(X[:1], y[:1])
    with pytest.raises(ValueError, match="indices must hold at least 2 samples"):
        model.objective(X, y).fun(model.init(rng=0), [3])


@settings(deadline=None, max_examples=40)
@given(
    hidden=st.lists(st.integers(1, 20), max_size=3),
    activation=st.sampled_from(
        ["tanh", "swish", "acon_b", "meta_acon", "smooth_maxout"]
    ),
    batch_norm=st.booleans(),
    samples=st.integers(2, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_for_every_architecture_the_gradient_is_the_slope_and_the_hessian_symmetric(
    hidden, activation, batch_norm, samples, seed
):
    rng = np.random.default_rng(seed)
    X, y = data(samples, 4, 3, seed)
    model = nn.MLP([4, *hidden, 3], activation, batch_norm and bool(hidden))
    objective = model.objective(X, y)
    w = model.init(rng=rng)
    u, v = rng.standard_normal((2, model.n))
    h = 1e-3 / np.sqrt(model.n)
    f = [objective.fun(w + k * h * v) for k in (-2, -1, 1, 2)]
    slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
    g = objective.grad(w)
    bound = np.linalg.norm(g) * np.linalg.norm(v)
    if not batch_norm:  # two samples that are nearly equal make it as rough as may be
        assert slope == pytest.approx(g @ v, abs=1e-5 * bound + 1e-8)
    hu, hv = objective.hessp(w, u), objective.hessp(w, v)
    size = np.linalg.norm(u) * np.linalg.norm(hv) + np.linalg.norm(v) * np.linalg.norm(
        hu
    )
    assert u @ hv == pytest.approx(v @ hu, abs=1e-10 * size)
    np.testing.assert_allclose(
        objective.hessp(w, 2 * u - v), 2 * hu - hv, rtol=0, atol=1e-11 * size
    )


def test_digits_net_learns():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    model = nn.MLP([64, 32, 10], "swish", prior=nn.GaussianPrior(0.1), dtype="float32")
    objective = model.objective(X[:1200] / 16, y[:1200])
    result = optlab.minimize(objective, model.init(rng=0), options={"gtol": 1e-4})
    assert result.success
    assert model.score(result.x, X[:1200] / 16, y[:1200]) > 0.999
    assert model.score(result.x, X[1200:] / 16, y[1200:]) > 0.9
