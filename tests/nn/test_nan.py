"""NaN and overflow inside a net are told: F must not look like a good value there."""

import numpy as np
import pytest

import optlab
from optlab import nn
from optlab_c import nets

from .cases import ACTIVATIONS, COMPOSITES, EPS, LOSSES, targets

ALONE = {
    name: activation
    for name, (activation, _) in (ACTIVATIONS | COMPOSITES).items()
    if activation.pieces == 1 and not name.startswith(("meta_acon", "acon_c"))
}


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", ALONE)
def test_activations_of_nan_are_nan(name, dtype):
    z = np.array([1.0, np.nan, -1.0] * 7, dtype)
    np.testing.assert_array_equal(np.isnan(ALONE[name](z)), np.isnan(z))


@pytest.mark.parametrize("binary", nets.BINARY)
@pytest.mark.parametrize("name", nets.UNARY)
def test_composites_of_nan_are_nan_in_either_place(name, binary):
    for first, second in ((name, "identity"), ("identity", name)):
        assert np.isnan(nn.Composite(binary, first, second)(np.nan))


@pytest.mark.parametrize("name", ["maxout", "smooth_maxout"])
def test_maxima_of_nan_are_nan_in_every_place(name):
    activation = type(nn.ACTIVATIONS[name])(3)
    for place in range(3):
        z = np.array([[1.0, -2.0], [0.5, 4.0], [3.0, 5.0]])
        z[place, 1] = np.nan
        np.testing.assert_array_equal(np.isnan(activation(z)), [False, True])


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *COMPOSITES])
def test_nan_anywhere_in_w_reaches_the_value(name, batch_norm, dtype):
    activation, _ = (ACTIVATIONS | COMPOSITES)[name]
    rng = np.random.default_rng(0)
    model = nn.MLP([2, 3, 2], activation, batch_norm, dtype=dtype)
    objective = model.objective(rng.normal(size=(40, 2)), rng.integers(0, 2, 40))
    w = model.init(rng=0)
    assert np.isfinite(objective.fun(w))
    quiet = [
        i
        for i in range(model.n)
        if not np.isnan(
            objective.fun(np.where(np.arange(model.n) == i, np.nan, w).astype(dtype))
        )
    ]
    assert quiet == []


@pytest.mark.parametrize("loss", LOSSES)
def test_nan_in_outputs_reaches_the_value(loss):
    rng = np.random.default_rng(0)
    model = nn.MLP([2, 3], loss=LOSSES[loss][0])
    objective = model.objective(rng.normal(size=(9, 2)), targets(loss, 9, 3, rng))
    for i in range(model.n):
        w = np.zeros(model.n)
        w[i] = np.nan
        assert np.isnan(objective.fun(w))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "swish", "maxout of 2"])
def test_an_overflow_is_no_good_value(name, batch_norm):
    """Sums of what is larger than all floats, in both directions, are not 0."""
    model = nn.MLP([2, 1, 1], ACTIVATIONS[name][0], batch_norm, loss="squared")
    X = np.array([[10.0, 10.0], [10.0, 10.0], [20.0, 10.0]])
    w = np.ones(model.n)
    layer = model.unpack(w)[0]
    layer["weights"][0], layer["weights"][1] = 1.7e308, -1.5e308
    # Both terms overflow; without that, z would be 2e308, 2e308 and 1.9e309.
    f = model.objective(X, [0.0, 0.0, 0.0]).fun(w)
    assert not np.isfinite(f) or f >= 1e300 or name == "tanh"
    if name == "tanh":
        assert not np.isfinite(f) or f == pytest.approx(2.0)  # of 1 + the bias


def test_a_step_into_overflow_is_too_long():
    """As for any function: a trial where f is not finite is refused, never accepted."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    objective = nn.MLP([3, 4, 2], "relu").objective(X, y)
    w0 = objective.model.init(rng=0)
    options = {"line_search": "fixed", "step_length": 1e308, "maxiter": 3}
    result = optlab.minimize(objective, w0, method="gd", options=options)
    assert result.fun == objective.fun(result.x) <= objective.fun(w0)
    assert np.isfinite(result.x).all()
    assert np.isfinite(objective.grad(result.x)).all()
