"""Value, gradient and Hessian products of nets, against their formulas in long doubles."""

import itertools

import numpy as np
import pytest

from optlab import nn
from optlab_c import nets

from ..textbook import net as twin

Real = np.longdouble
NORMED_MAP = nn.MetaAcon(batch_norm=True, reduction=2)

ACTIVATIONS = {
    **nn.ACTIVATIONS,
    "maxout of 3": nn.Maxout(3),
    "smooth_maxout of 3": nn.SmoothMaxout(3, beta=-0.7, trained=False),
    "swish, trained": nn.Swish(1.3, trained=True),
    "meta_acon, normed": NORMED_MAP,
}
COMPOSITES = {
    **{
        f"composite of {name}": nn.Composite(
            "product", "identity", name, trained=("beta_1", "beta_2")
        )
        for name in nets.UNARY
    },
    **{
        f"composite {name}": nn.Composite(
            name, "sin", "sigmoid", beta_1=1.2, trained=("beta_2",)
        )
        for name in nets.BINARY
    },
    "composite smooth_max, trained": nn.Composite(
        "smooth_max", "atan", "square", trained=("beta_1", "beta")
    ),
}
LOSSES = {
    "cross_entropy": nn.CrossEntropy(0.1),
    "logistic": nn.Logistic(),
    "squared": nn.Squared(),
    "huber": nn.Huber(0.8),
}


class Case:
    """A small net with data, its twin, and directions."""

    def __init__(self, name, activation, batch_norm, loss, dtype="float64", seed=0):
        rng = np.random.default_rng([seed, len(name), batch_norm, len(loss)])
        self.name = name.split(" ")[0].rstrip(",")
        self.model = nn.MLP(
            [3, 4, 5, 2],
            activation,
            batch_norm,
            loss=LOSSES[loss],
            prior=nn.GaussianPrior({"weights": 0.3, "activation": 0.1}, 0.2),
            dtype=dtype,
        )
        n = self.model.n
        self.X = rng.standard_normal((9, 3)).astype(np.float32).astype(float)
        self.y = {
            "cross_entropy": rng.integers(0, 2, 9),
            "logistic": rng.integers(0, 2, (9, 2)),
        }.get(loss, rng.standard_normal((9, 2)).astype(np.float32).astype(float))
        self.weights = rng.integers(1, 5, 9) / 2
        self.objective = self.model.objective(self.X, self.y, self.weights)
        w = self.model.init(rng=rng) + rng.normal(0, 0.3, n)
        self.w = w.astype(np.float32).astype(float)
        self.u, self.v = rng.standard_normal((2, n)).astype(np.float32).astype(float)
        self.loss, self.parameter = loss, LOSSES[loss].parameter
        groups = {"weights": 0.3, "bias": 0, "scale": 0, "shift": 0}
        self.precision = np.zeros(n)
        for layer in self.model.unpack(np.arange(n)):
            for key, where in layer.items():
                self.precision[where.ravel()] = groups.get(key, 0.1)

    def twin(self, step=0.0, indices=None):
        w = self.w.astype(Real) + step
        penalty = (self.precision / 2 * (w - Real(0.2)) ** 2).sum()
        return twin.objective(
            self.model,
            self.name,
            w,
            self.X,
            self.y,
            self.loss,
            self.parameter,
            self.weights,
            penalty,
            indices,
        )


def smooth_case(*args):
    """A case, its slopes along u and v, and u'Hv, by differences.

    A kink or a pole within the stencil shows by another answer from half its width; then
    the data are drawn again.
    """
    for seed in range(40):
        case = Case(*args, seed=seed)
        wide, narrow = (
            (
                twin.along(case.twin, case.u, share * 2e-4),
                twin.along(case.twin, case.v, share * 2e-4),
                twin.twice_along(case.twin, case.u, case.v, share * 1e-3),
            )
            for share in (1, 0.5)
        )
        if (
            np.allclose(np.float64(wide), np.float64(narrow), rtol=1e-9, atol=1e-9)
            and np.isfinite(np.float64(narrow)).all()
        ):
            return case, *map(float, narrow)
    raise AssertionError("no smooth place was found")


EVERY = [
    pytest.param(name, activation, batch_norm, loss, id=f"{name}-{batch_norm}-{loss}")
    for (name, activation), batch_norm, loss in itertools.chain(
        itertools.product(ACTIVATIONS.items(), (False, True), LOSSES),
        itertools.product(COMPOSITES.items(), (False, True), ("cross_entropy",)),
        itertools.product(COMPOSITES.items(), (False,), ("squared",)),
    )
]


@pytest.mark.parametrize(("name", "activation", "batch_norm", "loss"), EVERY)
def test_value_gradient_and_products_are_those_of_the_formulas(
    name, activation, batch_norm, loss
):
    case, *slopes, curvature = smooth_case(name, activation, batch_norm, loss)
    f, g = case.objective.fun_and_grad(case.w)
    hv = case.objective.hessp(case.w, case.v)
    hu = case.objective.hessp(case.w, case.u)
    assert f == pytest.approx(float(case.twin()), rel=1e-13)
    assert case.objective.fun(case.w) == f
    for direction, slope in zip((case.u, case.v), slopes, strict=True):
        size = np.abs(g) @ np.abs(direction)
        assert g @ direction == pytest.approx(slope, abs=1e-11 * size)
    size = np.abs(case.u) @ np.abs(hv)
    assert case.u @ hv == pytest.approx(curvature, abs=1e-9 * size)
    assert case.u @ hv == pytest.approx(case.v @ hu, abs=1e-13 * size)


@pytest.mark.parametrize(("name", "activation", "batch_norm", "loss"), EVERY)
def test_single_precision_is_double_precision_rounded(
    name, activation, batch_norm, loss
):
    double = Case(name, activation, batch_norm, loss)
    single = Case(name, activation, batch_norm, loss, "float32")
    f, g = double.objective.fun_and_grad(double.w)
    hv = double.objective.hessp(double.w, double.v)
    w, v = double.w.astype(np.float32), double.v.astype(np.float32)
    fs, gs = single.objective.fun_and_grad(w)
    assert fs == pytest.approx(f, rel=2e-6)
    np.testing.assert_allclose(gs, g, rtol=0, atol=2e-5 * np.abs(g).max())
    # Second derivatives of roots and quotients are large where the point is near 0.
    atol = 2e-4 * np.abs(hv).max()
    np.testing.assert_allclose(single.objective.hessp(w, v), hv, rtol=0, atol=atol)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_batches_are_those_of_the_formulas(loss, batch_norm):
    case = Case("tanh", nn.Tanh(), batch_norm, loss)
    indices = [5, 2, 2, 8]
    f, g = case.objective.fun_and_grad(case.w, indices)
    assert f == pytest.approx(float(case.twin(0.0, indices)), rel=1e-13)
    for direction in (case.u, case.v):
        slope = float(twin.along(lambda t: case.twin(t, indices), direction))
        assert g @ direction == pytest.approx(slope, abs=1e-11 * np.abs(g).sum())
    curvature = twin.twice_along(lambda t: case.twin(t, indices), case.u, case.v, 2e-4)
    hv = case.objective.hessp(case.w, case.v, indices)
    assert case.u @ hv == pytest.approx(float(curvature), abs=1e-9 * np.abs(hv).sum())
