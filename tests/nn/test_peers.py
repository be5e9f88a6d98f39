"""Nets against what others compute: torch, least squares, scikit-learn."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression

import optlab
from optlab import nn

torch = pytest.importorskip("torch")

DTYPES = {"float64": (torch.float64, 1e-12), "float32": (torch.float32, 2e-5)}

LAYERS = {
    "identity": torch.nn.Identity,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "prelu": lambda: torch.nn.PReLU(6),
    "softplus": torch.nn.Softplus,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "gelu": torch.nn.GELU,
    "swish": torch.nn.SiLU,
}
LOSSES = {
    "cross_entropy": (
        nn.CrossEntropy(0.1),
        torch.nn.CrossEntropyLoss(label_smoothing=0.1),
    ),
    "logistic": (nn.Logistic(), torch.nn.BCEWithLogitsLoss(reduction="sum")),
    "squared": (nn.Squared(), torch.nn.MSELoss(reduction="sum")),
    "huber": (nn.Huber(0.7), torch.nn.HuberLoss(delta=0.7, reduction="sum")),
}


def torch_loss(name, layers, loss, vector, X, y, batch_norm, dtype):
    """The same net in torch, as a function of one vector laid out as w is."""
    kind = DTYPES[dtype][0]
    at = 0

    def take(*shape):
        nonlocal at
        count = int(np.prod(shape))
        part = vector[at : at + count].reshape(shape)
        at += count
        return part

    a = torch.tensor(X, dtype=kind)
    for i, (inputs, units) in enumerate(itertools.pairwise(layers)):
        a = a @ take(inputs, units)
        hidden = i < len(layers) - 2
        if hidden and batch_norm:
            scale, shift = take(units), take(units)
            a = torch.nn.functional.batch_norm(
                a, None, None, scale, shift, True, 0, 1e-5
            )
        else:
            a = a + take(units)
        if hidden and name == "prelu":
            a = torch.nn.functional.prelu(a, take(units))
        elif hidden:
            a = LAYERS[name]()(a)
    value = LOSSES[loss][1](
        a, torch.tensor(y, dtype=None if loss == "cross_entropy" else kind)
    )
    share = {"cross_entropy": 1, "squared": 2 * len(X)}.get(loss, len(X))
    return value / share


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("name", "loss"),
    [(name, "cross_entropy") for name in LAYERS] + [("tanh", loss) for loss in LOSSES],
)
def test_torch_has_the_same_value_gradient_and_products(name, loss, batch_norm, dtype):
    layers = [5, 6, 6, 3]
    rng = np.random.default_rng(len(name))
    X = rng.standard_normal((20, 5)).astype(np.float32)
    y = {
        "cross_entropy": rng.integers(0, 3, 20),
        "logistic": rng.integers(0, 2, (20, 3)),
    }.get(loss, rng.standard_normal((20, 3)).astype(np.float32))
    model = nn.MLP(layers, name, batch_norm, loss=LOSSES[loss][0], dtype=dtype)
    objective = model.objective(X, y)
    w = (model.init(rng=1) + rng.normal(0, 0.2, model.n)).astype(dtype)
    v = rng.standard_normal(model.n).astype(dtype)
    f, g = objective.fun_and_grad(w)
    hv = objective.hessp(w, v)

    def fun(vector):
        return torch_loss(name, layers, loss, vector, X, y, batch_norm, dtype)

    point = torch.tensor(w, requires_grad=True)
    value = fun(point)
    (slope,) = torch.autograd.grad(value, point, create_graph=True)
    (product,) = torch.autograd.grad(slope @ torch.tensor(v), point)
    tolerance = DTYPES[dtype][1]
    assert f == pytest.approx(value.item(), rel=tolerance)
    for found, expected in ((g, slope.detach().numpy()), (hv, product.numpy())):
        atol = tolerance * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=10 * atol)


def test_identity_nets_are_linear_least_squares():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    A = np.column_stack([X, np.ones(50)])
    best = np.linalg.lstsq(A, y)[0]
    for sizes in ([4, 2], [4, 6, 2], [4, 3, 5, 2]):
        model = nn.MLP(sizes, "identity", loss="squared")
        objective = model.objective(X, y)
        options = {"gtol": 1e-12}
        w0 = model.init(rng=0)
        result = optlab.minimize(objective, w0, method="bfgs", options=options)
        assert result.fun == pytest.approx(((A @ best - y) ** 2).sum() / 100, rel=1e-10)
        np.testing.assert_allclose(model.predict(result.x, X), A @ best, atol=1e-5)
    # Newton's method is there in one step.
    direct = nn.MLP([4, 2], loss="squared")
    result = optlab.minimize(
        direct.objective(X, y), np.zeros(direct.n), method="newton"
    )
    assert result.nit == 1
    np.testing.assert_allclose(result.x.reshape(5, 2), best, atol=1e-12)


@pytest.mark.parametrize(
    ("load", "scale"), [(load_wine, 1.0), (load_breast_cancer, 10.0)]
)
def test_without_hidden_layers_it_is_multinomial_logistic_regression(load, scale):
    X, y = load(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    classes = y.max() + 1
    if classes == 2:
        model = nn.MLP([X.shape[1], 1], loss="logistic", prior=nn.GaussianPrior(scale))
    else:
        model = nn.MLP([X.shape[1], classes], prior=nn.GaussianPrior(scale))
    objective = model.objective(X, y)
    result = optlab.minimize(
        objective, np.zeros(model.n), method="newton", options={"gtol": 1e-12}
    )
    peer = LogisticRegression(
        C=1 / scale, tol=1e-12, max_iter=10_000, solver="newton-cg"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its line search at the end of the numbers
        peer.fit(X, y)
    layer = model.unpack(result.x)[0]
    np.testing.assert_allclose(layer["weights"].T, peer.coef_, rtol=0, atol=1e-8)
    theirs, ours = peer.predict_proba(X), model.predict_proba(result.x, X)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)
    assert (model.predict(result.x, X) == peer.predict(X)).all()
