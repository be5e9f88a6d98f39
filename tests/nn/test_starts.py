"""Where nets start: what is drawn, what pretraining learns, and what both are for."""

import itertools

import numpy as np
import pytest

import optlab
from optlab import nn

from ..support import same_bits

RULES = {
    "xavier": lambda inputs, outputs: 2 / (inputs + outputs),
    "he": lambda inputs, outputs: 2 / inputs,
    "lecun": lambda inputs, outputs: 1 / inputs,
    "heuristic": lambda inputs, outputs: 1 / (3 * inputs),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("rule", RULES)
def test_every_layer_has_its_own_variance_and_distribution(rule, distribution, dtype):
    init = type(nn.INITIALISERS[rule])(distribution)
    sizes = [150, 300, 100, 200]
    model = nn.MLP(sizes, "relu", init=init, dtype=dtype)
    w = model.init(rng=1)
    assert w.dtype == dtype
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        weights = model.unpack(w)[layer]["weights"].astype(float)
        variance, n = RULES[rule](inputs, outputs), weights.size
        # Var of x² is (kurtosis - 1) Var² x: 2 and 0.8 of it for these two.
        kurtosis = {"uniform": 9 / 5, "normal": 3.0}[distribution]
        error = 5 * np.sqrt((kurtosis - 1) / n)
        assert (weights**2).mean() == pytest.approx(variance, rel=error)
        found = (weights**4).mean() / (weights**2).mean() ** 2
        assert found == pytest.approx(kurtosis, abs=5 * np.sqrt(96 / n))
        if distribution == "uniform":
            limit = np.sqrt(3 * variance)
            assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)


def test_each_piece_of_maxout_is_drawn_for_itself():
    model = nn.MLP([200, 100, 2], nn.Maxout(3), init="xavier")
    pieces = np.split(model.unpack(model.init(rng=0))[0]["weights"], 3, axis=1)
    for piece in pieces:  # the number of outputs is that of units
        assert piece.var() == pytest.approx(2 / 300, rel=5 * np.sqrt(0.8 / 20_000))
    corners = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in itertools.combinations(pieces, 2)
    ]
    assert np.abs(corners).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize(("inputs", "outputs"), [(30, 20), (20, 30), (25, 25), (1, 7)])
def test_orthogonal_weights(inputs, outputs, gain):
    model = nn.MLP([inputs, outputs, 2], init=nn.Orthogonal(gain))
    W = model.unpack(model.init(rng=0))[0]["weights"]
    gram = W.T @ W if inputs >= outputs else W @ W.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), rtol=0, atol=1e-13)


def test_orthogonal_weights_have_no_preference():
    """Without the signs of R, the first entry of the first column would be negative."""
    draws = [nn.MLP([3, 3, 2], init="orthogonal").init(rng=i)[:9] for i in range(400)]
    assert np.abs(np.mean(draws, axis=0)).max() < 5 / np.sqrt(3 * 400)
    assert np.cov(np.transpose(draws)).diagonal() == pytest.approx(1 / 3, abs=0.1)


def test_by_default_the_activation_decides():
    parts = ["relu", "gelu", nn.LeakyReLU(0.5), "maxout", "tanh", "sigmoid", "identity"]
    sizes = [200] * 8 + [200]
    layers = nn.MLP(sizes, parts).unpack(nn.MLP(sizes, parts).init(rng=0))
    # Rectifiers take He's rule with their slope, maxout that of slope 1.
    factors = [2, 2, 2 / 1.25, 1, 1, 1, 1, 1]
    for layer, factor in zip(layers, factors, strict=True):
        variance = layer["weights"].var() * 200
        assert variance == pytest.approx(factor, rel=5 * np.sqrt(0.8 / 40_000))


@pytest.mark.parametrize("name", nn.INITIALISERS)
def test_a_seed_reproduces_and_a_generator_goes_on(name):
    X = np.random.default_rng(0).normal(size=(20, 4))
    model = nn.MLP([4, 5, 3], "acon_c", True, init=name)
    assert same_bits(model.init(rng=1, X=X), model.init(rng=1, X=X))
    assert not np.array_equal(model.init(rng=1, X=X), model.init(rng=2, X=X))
    rng = np.random.default_rng(1)
    assert same_bits(model.init(rng, X), model.init(1, X))
    assert not np.array_equal(model.init(rng, X), model.init(1, X))


def test_activations_start_as_published():
    model = nn.MLP([3, 2000, 3], "acon_c")
    layer = model.unpack(model.init(rng=0))[0]
    for name in ("p1", "p2"):  # N(0, 1)
        assert layer[name].mean() == pytest.approx(0, abs=5 / np.sqrt(2000))
        assert layer[name].var() == pytest.approx(1, rel=5 * np.sqrt(2 / 2000))
    assert (layer["beta"] == 1).all()
    assert abs(np.corrcoef(layer["p1"], layer["p2"])[0, 1]) < 5 / np.sqrt(2000)
    fixed = nn.MLP([3, 4, 3], nn.AconC(0.75, -0.5, 2.0))
    layer = fixed.unpack(fixed.init(rng=0))[0]
    assert (layer["p1"][0], layer["p2"][0], layer["beta"][0]) == (0.75, -0.5, 2.0)
    meta = nn.MLP([3, 40, 3], nn.MetaAcon(batch_norm=True))
    layer = meta.unpack(meta.init(rng=0))[0]
    assert layer["beta_weights_1"].shape == (40, 16)  # max(16, 40 // 16) units between
    assert (layer["beta_scale_1"] == 1).all()
    assert (layer["beta_shift_2"] == 0).all()
    wide = nn.MLP([1, 320, 2], "meta_acon").unpack
    assert wide(np.zeros(nn.MLP([1, 320, 2], "meta_acon").n))[0][
        "beta_weights_2"
    ].shape == (20, 320)


# ---- signals through 20 layers -------------------------------------------------------

WIDTH, DEPTH, SAMPLES = 200, 20, 200


def growth(activation, init, seed):
    """Logarithms of what signals and gradients grow by in 19 layers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(SAMPLES, WIDTH))
    model = nn.MLP([WIDTH] * (DEPTH + 1) + [WIDTH], activation, init=init)
    found = nn.variance_profile(model, X, rng=rng)
    forth, back = found.preactivations, found.gradients
    return np.log([forth[DEPTH - 1] / forth[0], back[0] / back[DEPTH - 1]])


@pytest.mark.parametrize(
    ("activation", "good"),
    [
        ("identity", ["xavier", "xavier_normal", "lecun", "orthogonal"]),
        ("relu", ["he", "he_normal"]),
        (nn.LeakyReLU(0.5), ["he", "he_normal"]),
    ],
)
def test_variances_are_kept_by_the_rules_that_suit_and_lost_by_the_old_one(
    activation, good
):
    """To the sampling error, estimated from nets that are drawn again."""
    for init in good:
        draws = np.array([growth(activation, init, seed) for seed in range(8)])
        # A layer's factor has a relative variance of at most (5 + 1) / width.
        error = np.sqrt(19 * 6 / WIDTH)
        bias = 19 * 6 / WIDTH / 2  # of the logarithm of a mean
        assert np.abs(draws.mean(axis=0)).max() < 4 * error / np.sqrt(8) + bias
    lost = growth(activation, "heuristic", 0)
    slope = {"identity": 1.0, "relu": 0.5}.get(activation, 1.25 / 2)
    # A third, of what each activation lets through, in each of 19 layers.
    assert lost[0] == pytest.approx(19 * np.log(slope / 3), abs=4 * error + bias)
    assert lost[1] == pytest.approx(19 * np.log(slope / 3), abs=4 * error + bias)


# ---- pretraining ---------------------------------------------------------------------


def manifold(samples=150, features=12):
    """Data on a curved surface of two dimensions."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, (samples, 2))
    waves = np.sin(t @ rng.normal(size=(2, features)) + rng.uniform(0, 6, features))
    return waves + 0.01 * rng.normal(size=waves.shape)


def reconstruction(activation, batch_norm, units, w, X):
    """The least mean squared error of getting X back from a layer with these weights."""
    model = nn.MLP([X.shape[1], units, X.shape[1]], activation, batch_norm)
    start = model.unpack(model.init(rng=0))
    codes = model.trace(model.pack([w, start[1]]), X).outputs[0]
    design = np.column_stack([codes, np.ones(len(X))])
    return np.mean((design @ np.linalg.lstsq(design, X)[0] - X) ** 2), codes


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "swish", "maxout"])
def test_pretrained_layers_encode_their_inputs(activation, batch_norm):
    """Each one more of what it is given than a layer that is drawn."""
    X = manifold()
    sizes = [12, 6, 3, 2]
    drawn = nn.MLP(sizes, activation, batch_norm)
    learned = nn.MLP(
        sizes, activation, batch_norm, init=nn.Autoencoder(options={"maxiter": 150})
    )
    before, after = drawn.unpack(drawn.init(rng=0)), learned.unpack(learned.init(0, X))
    given = X
    for layer, units in enumerate(sizes[1:3]):
        error, _ = reconstruction(activation, batch_norm, units, before[layer], given)
        left, codes = reconstruction(activation, batch_norm, units, after[layer], given)
        assert left < 0.8 * error
        given = codes  # what the next layer was trained on
    assert (after[2]["bias"] == 0).all()


def test_a_pretrained_encoder_is_a_minimum_of_its_loss():
    """The first layer's autoencoder, minimised from the same start."""
    X = manifold()
    options = {"maxiter": 2000, "gtol": 1e-5}
    init = nn.Autoencoder("bfgs", options, "xavier", 0.01)
    layer = nn.MLP([12, 2, 3], "tanh", init=init)
    learned = layer.unpack(layer.init(0, X))[0]
    encoder = nn.MLP(
        [12, 2, 12], "tanh", loss="squared", prior=nn.GaussianPrior(0.01), init="xavier"
    )
    objective = encoder.objective(X, X)
    # The decoder that suits these codes best: the rest of the gradient is 0 as well.
    codes = np.tanh(X @ learned["weights"] + learned["bias"])
    design = np.column_stack([codes, np.ones(len(X))])
    penalty = 0.01 * np.diag([1.0, 1.0, 0.0])
    best = np.linalg.solve(design.T @ design + penalty, design.T @ X)
    w = encoder.pack([learned, {"weights": best[:2], "bias": best[2]}])
    assert np.abs(objective.grad(w)).max() < 1e-4
    assert objective.fun(w) < 0.5 * objective.fun(encoder.init(rng=0))


def test_a_deep_net_starts_better_when_pretrained():
    """What its last layer is given tells more of X, and it is trained from there."""
    X = manifold()
    sizes = [12, 8, 6, 5, 4, 3, 2]

    def lost(init):
        model = nn.MLP(sizes, "tanh", init=init)
        codes = model.trace(model.init(0, X), X).outputs[-2]
        design = np.column_stack([codes, np.ones(len(X))])
        return np.mean((design @ np.linalg.lstsq(design, X)[0] - X) ** 2)

    for base in ("heuristic", "xavier"):
        assert lost(nn.Autoencoder(base=base)) < 0.8 * lost(base)
    model = nn.MLP(sizes, "tanh", init="autoencoder", loss="squared")
    objective = model.objective(X, X[:, :2] * X[:, 2:4])
    w0 = model.init(0, X)
    result = optlab.minimize(objective, w0, options={"maxiter": 50})
    assert result.fun < 0.2 * objective.fun(w0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.He("gaussian"), ValueError, "distribution must be"),
        (lambda: nn.He(a=np.nan), ValueError, "a must not be NaN"),
        (lambda: nn.He(a="1"), TypeError, "a must be a real number"),
        (lambda: nn.Orthogonal(0.0), ValueError, "gain must be positive"),
        (lambda: nn.Autoencoder("l-bgfs"), ValueError, "did you mean 'l-bfgs'"),
        (lambda: nn.Autoencoder(options=3), TypeError, "options must be a dict"),
        (lambda: nn.Autoencoder(base="xavir"), ValueError, "did you mean 'xavier'"),
        (lambda: nn.Autoencoder(base=3), TypeError, "base must be"),
        (lambda: nn.Autoencoder(precision=-1.0), ValueError, "precision must not be"),
        (lambda: nn.MLP([2, 2], init=nn.He), TypeError, "init must be a name or an"),
        (lambda: nn.MLP([2, 2], init=3), TypeError, "init must be a name or an"),
    ],
    ids=itertools.count(),
)
def test_bad_initialisers_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
