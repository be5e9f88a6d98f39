"""Every component of gradients and Hessian products, against differences in 50 digits."""

import mpmath
import numpy as np
import pytest

from optlab import nn

from ..textbook import mlp as twin
from .cases import (
    ACTIVATIONS,
    BETAS,
    COMPOSITES,
    EPS,
    LOSSES,
    composed,
    single,
    targets,
)


def check(activation, batch_norm, loss, *, hidden=(2,), seed=0, indices=None, prior=0):
    """Compare a small net with its twin, in both precisions."""
    rng = np.random.default_rng([seed, batch_norm])
    (ours, theirs), (our_loss, their_loss) = activation, LOSSES[loss]
    net = twin.Net(2, [(u, theirs, ours.pieces, batch_norm) for u in hidden], 2)
    rows = 4
    X, y = single(rng.normal(size=(rows, 2))), targets(loss, rows, 2, rng)
    weights = rng.integers(1, 8, rows) / 4
    found, n = net.layout()
    w, v = single(rng.normal(size=(2, n)))
    covered = ("weights", "shift")
    precision = np.concatenate(
        [np.full(np.prod(shape), prior * (name in covered)) for _, name, shape in found]
    )
    expected = twin.derivatives(
        lambda w: twin.objective(
            net, their_loss, w, X, y, weights, precision, mpmath.mpf(0.25), indices
        ),
        w,
        v,
    )
    for dtype, eps in EPS.items():
        model = nn.MLP(
            [2, *hidden, 2],
            ours,
            batch_norm,
            loss=our_loss,
            prior=nn.GaussianPrior(prior, 0.25, covered) if prior else None,
            dtype=dtype,
        )
        assert model.n == n
        objective = model.objective(X, y, weights)
        point, along = w.astype(dtype), v.astype(dtype)
        f, g = objective.fun_and_grad(point, indices)
        hv = objective.hessp(point, along, indices)
        assert g.dtype == hv.dtype == dtype
        # A few dozen roundings, each a few eps of the largest terms.
        assert f == pytest.approx(expected[0], rel=40 * eps)
        for got, truth, roundings in zip(
            (g, hv), expected[1:], (100, 1000), strict=True
        ):
            atol = roundings * eps * np.abs(truth).max()
            np.testing.assert_allclose(got, truth, rtol=0, atol=atol)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, batch_norm):
    check(ACTIVATIONS[name], batch_norm, "smoothed")


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", COMPOSITES)
def test_composites(name, batch_norm):
    check(COMPOSITES[name], batch_norm, "cross_entropy")


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_a_prior_with_a_mean(loss, batch_norm):
    for seed in range(2):
        check(ACTIVATIONS["acon_c"], batch_norm, loss, seed=seed, prior=0.75)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", ["tanh", "prelu", "smooth_maxout of 3"])
def test_batches_with_repetitions(name, batch_norm):
    indices = [3, 1, 1, 2, 3, 3, 0]
    check(ACTIVATIONS[name], batch_norm, "squared", indices=indices, prior=0.5)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    "name", ["softplus", "acon_b", "meta_acon, normed", "maxout of 2"]
)
def test_depth(name, batch_norm):
    check(ACTIVATIONS[name], batch_norm, "huber", hidden=(2, 1, 2))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_hidden_layer(loss):
    check(ACTIVATIONS["identity"], False, loss, hidden=(), prior=0.5)


def test_the_layout_is_as_documented():
    """Names, shapes and order of everything in w."""
    mixed = [
        (3, ACTIVATIONS["maxout of 3"], True),
        (4, ACTIVATIONS["meta_acon, normed"], False),
        (5, ACTIVATIONS["meta_acon"], True),
        (2, composed("smooth_max", "sin", "softplus", BETAS), False),
        (1, ACTIVATIONS["acon_c"], True),
        (6, ACTIVATIONS["prelu"], False),
        (20, ACTIVATIONS["acon_b"], False),
    ]
    net = twin.Net(2, [(u, a[1], a[0].pieces, b) for u, a, b in mixed], 2)
    found, n = net.layout()
    model = nn.MLP(
        [2, *(row[0] for row in mixed), 2],
        [row[1][0] for row in mixed],
        [row[2] for row in mixed],
    )
    assert model.n == n
    layers = model.unpack(np.arange(n))
    listed = [
        (i, name, part.shape)
        for i, layer in enumerate(layers)
        for name, part in layer.items()
    ]
    assert listed == found
    joined = [part.ravel() for layer in layers for part in layer.values()]
    np.testing.assert_array_equal(np.concatenate(joined), np.arange(n))
    # The same function of the same numbers, in one net of all of these.
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(40, 2)), rng.integers(0, 2, 40), rng.normal(size=n)
    f = twin.objective(net, twin.cross_entropy, w.astype(np.longdouble), X, y)
    assert model.objective(X, y).fun(w) == pytest.approx(float(f), rel=1e-13)
