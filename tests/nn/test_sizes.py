"""Every activation at sizes that are no multiple of anything, and at large ones."""

import numpy as np
import pytest

from optlab import nn

from ..textbook import mlp as twin
from .cases import ACTIVATIONS, COMPOSITES, EPS, LOSSES, single, targets

SMOOTH = {
    name: pair
    for name, pair in ACTIVATIONS.items()
    if name.split(" ")[0] not in ("relu", "leaky_relu", "prelu", "maxout")
}
# Inputs, hidden units, outputs and samples: widths around those of vectors, and batches
# that are one sample, or a last chunk of few.
SIZES = [
    (1, (1,), 2, 1),
    (3, (10, 16), 3, 2),
    (16, (17, 3, 33), 10, 31),
    (10, (3, 17), 16, 33),
    (33, (33,), 17, 300),
    (5, (16, 10), 3, 1103),
]


class Pair:
    """A net, its twin, and what both are asked."""

    def __init__(self, activation, batch_norm, sizes, loss="smoothed", seed=0):
        inputs, hidden, outputs, samples = sizes
        ours, theirs = activation
        our_loss, self.their_loss = LOSSES[loss]
        rng = np.random.default_rng([seed, inputs, samples])
        layers = [(units, theirs, ours.pieces, batch_norm) for units in hidden]
        self.net = twin.Net(inputs, layers, outputs)
        self.model, self.single = (
            nn.MLP(
                [inputs, *hidden, outputs], ours, batch_norm, loss=our_loss, dtype=dtype
            )
            for dtype in EPS
        )
        n = self.model.n
        self.X = single(rng.normal(size=(samples, inputs)))
        self.y = targets(loss, samples, outputs, rng)
        self.w = single(self.model.init(rng=rng) + 0.1 * rng.normal(size=n))
        self.u, self.v = single(rng.normal(size=(2, n)) / np.sqrt(n))

    def value(self, w):
        return twin.objective(self.net, self.their_loss, w, self.X, self.y)

    def check_value_and_slope(self):
        objective = self.model.objective(self.X, self.y)
        f, g = objective.fun_and_grad(self.w)
        assert f == pytest.approx(self.value(self.w), rel=1e-13)
        for direction in (self.u, self.v):
            slope = twin.slope(self.value, self.w.astype(complex), direction)
            assert g @ direction == pytest.approx(slope, abs=1e-12 * np.linalg.norm(g))
        return objective, g

    def check_single(self, objective, g, hv):
        """Float32 is off by some roundings, and by what those of w do in float64."""
        single = self.single.objective(self.X, self.y)
        w, v, eps = self.w.astype(np.float32), self.v.astype(np.float32), EPS["float32"]
        signs = np.random.default_rng(0).choice([-1, 1], (5, self.model.n))
        rounded = self.w * (1 + eps * signs)
        for got, expected, answer in (
            (single.grad(w), g, objective.grad),
            (single.hessp(w, v), hv, lambda w: objective.hessp(w, self.v)),
        ):
            moved = max(np.abs(answer(x) - expected).max() for x in rounded)
            atol = 200 * eps * np.abs(expected).max() + 20 * moved
            np.testing.assert_allclose(got, expected, rtol=0, atol=atol)

    def check_product(self, objective, h=1e-3):
        """Hv is how the gradient changes; that is known to about 1e-14 / h."""
        hv = objective.hessp(self.w, self.v)
        expected = twin.change(lambda t: objective.grad(self.w + t), self.v, h)
        atol = 1e-9 * np.abs(expected).max()
        np.testing.assert_allclose(hv, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", [*ACTIVATIONS, "smooth_max, all trained"])
def test_odd_sizes(name, batch_norm, sizes):
    activation = (ACTIVATIONS | COMPOSITES)[name]
    normed = batch_norm or getattr(activation[0], "batch_norm", False)
    if normed and sizes[-1] < 5:
        sizes = (*sizes[:-1], 5)  # two samples become -1 and 1, whatever w is
    pair = Pair(activation, batch_norm, sizes)
    objective, g = pair.check_value_and_slope()
    if name in SMOOTH:
        pair.check_product(objective)
    pair.check_single(objective, g, objective.hessp(pair.w, pair.v))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    "name", ["swish", "acon_c", "smooth_maxout of 2", "maxout of 2"]
)
def test_products_by_blas(name, batch_norm):
    pair = Pair(ACTIVATIONS[name], batch_norm, (700, (500, 30), 3, 70))
    objective, g = pair.check_value_and_slope()
    if name in SMOOTH:
        pair.check_product(objective)
    pair.check_single(objective, g, objective.hessp(pair.w, pair.v))


@pytest.mark.parametrize("name", ["relu", "prelu", "maxout of 3", "acon_b"])
def test_products_are_means_of_those_of_single_samples(name):
    pair = Pair(ACTIVATIONS[name], False, (7, (17, 9), 3, 333))
    objective = pair.model.objective(pair.X, pair.y)
    each = [objective.hessp(pair.w, pair.v, [i]) for i in range(333)]
    hv = objective.hessp(pair.w, pair.v)
    atol = 1e-14 * np.abs(each).max()
    np.testing.assert_allclose(np.mean(each, axis=0), hv, rtol=0, atol=atol)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_with_one_output_and_many_samples(loss, batch_norm):
    outputs = 2 if loss in ("cross_entropy", "smoothed") else 1
    pair = Pair(ACTIVATIONS["tanh"], batch_norm, (3, (5,), outputs, 1031), loss)
    objective, g = pair.check_value_and_slope()
    pair.check_single(objective, g, objective.hessp(pair.w, pair.v))


def away_from_poles(activation, batch_norm, loss):
    """Roots, logarithms and quotients are steep at 0: data near it are drawn again."""
    for seed in range(40):
        pair = Pair(activation, batch_norm, (3, (5,), 2, 9), loss, seed)
        objective = pair.model.objective(pair.X, pair.y)
        hv, g = objective.hessp(pair.w, pair.v), objective.grad(pair.w)
        if max(np.abs(g).max(), np.abs(hv).max()) < 1000:
            return pair
    raise AssertionError("all of them are steep")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *COMPOSITES])
def test_every_activation_with_every_loss(name, batch_norm, loss):
    activation = (ACTIVATIONS | COMPOSITES)[name]
    pair = away_from_poles(activation, batch_norm, loss)
    objective, g = pair.check_value_and_slope()
    pair.check_product(objective, 1e-5)  # so near that no kink is between
    pair.check_single(objective, g, objective.hessp(pair.w, pair.v))
