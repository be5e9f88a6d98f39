"""Activations alone: derivatives in high precision, extremes, and their relatives."""

import itertools

import mpmath
import numpy as np
import pytest

from optlab import nn
from optlab_c import nets

TINY = {np.float64: 1e-300, np.float32: 1e-30}


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def acon(x, p1, p2, beta):
    return (p1 - p2) * x * sigmoid(beta * (p1 - p2) * x) + p2 * x


UNARY = {
    "identity": lambda x: x,
    "negation": lambda x: -x,
    "abs": abs,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "sqrt_abs": lambda x: mpmath.sqrt(abs(x)),
    "exp": mpmath.exp,
    "log_abs": lambda x: mpmath.log(abs(x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "atan": mpmath.atan,
    "erf": mpmath.erf,
    "sigmoid": sigmoid,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "min0": lambda x: min(x, mpmath.mpf(0)),
    "gaussian": lambda x: mpmath.exp(-(x**2)),
    "gelu": lambda x: x * mpmath.ncdf(x),
}
FUNCTIONS = {
    **{
        f"composite of {name}": (nn.Composite("sum", name, "identity"), function)
        for name, function in UNARY.items()
    },
    "leaky_relu": (nn.LeakyReLU(0.1), lambda x: x if x > 0 else mpmath.mpf(0.1) * x),
    "swish": (nn.Swish(1.5), lambda x: x * sigmoid(1.5 * x)),
    "acon_b": (nn.AconB(), lambda x: acon(x, 1, mpmath.mpf(0.25), 1)),
    "acon_c": (
        nn.AconC(1.2, -0.3),
        lambda x: acon(x, mpmath.mpf(1.2), mpmath.mpf(-0.3), 1),
    ),
    **{
        name: (nn.ACTIVATIONS[name], UNARY[name])
        for name in ("identity", "relu", "softplus", "sigmoid", "tanh", "gelu")
    },
}
# Away from the kinks at 0, where one-sided derivatives differ.
POINTS = [-30.0, -8.5, -3.0, -1.0, -0.25, -1e-3, 2e-3, 0.5, 1.0, 2.5, 7.0, 25.0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_derivatives_in_high_precision(name):
    activation, function = FUNCTIONS[name]
    if name.startswith("composite"):
        inner, function = function, lambda x: inner(x) + x
    points = np.array(POINTS)
    with mpmath.workdps(60):
        for order, found in enumerate(
            (
                activation(points),
                activation.derivative(points),
                activation.derivative(points, 2),
            )
        ):
            expected = [
                float(
                    mpmath.diff(function, mpmath.mpf(x), order, h=mpmath.mpf(10) ** -15)
                )
                for x in POINTS
            ]
            np.testing.assert_allclose(found, expected, rtol=2e-13, atol=1e-15)
            single = [
                activation(points.astype(np.float32)),
                activation.derivative(points.astype(np.float32)),
                activation.derivative(points.astype(np.float32), 2),
            ][order]
            assert single.dtype == np.float32
            scale = 1 + np.abs(expected)
            np.testing.assert_array_less(np.abs(single - expected) / scale, 1e-5)


EXTREME = {
    name: activation
    for name, activation in {
        **nn.ACTIVATIONS,
        "acon_c": nn.AconC(1.7, -0.6),
        "swish of -2": nn.Swish(-2.0),
    }.items()
    if activation.pieces == 1 and name != "meta_acon"
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", EXTREME)
def test_nothing_overflows_before_the_result_does(name, dtype):
    largest = np.finfo(dtype).max / 4
    points = np.array([-largest, -1e30, -1e3, -100, 0, 100, 1e3, 1e30, largest], dtype)
    activation = EXTREME[name]
    value = activation(points)
    assert np.isfinite(value).all()
    for order in (1, 2):
        derivative = activation.derivative(points, order)
        assert np.isfinite(derivative).all()
        # They are straight or flat far out, at the latest where e^-x is nothing.
        far = np.abs(points) >= 1e3
        if order == 2:
            np.testing.assert_array_equal(derivative[far], 0)
        else:
            lines = derivative[far] * points[far]
            flat = np.abs(value[far]) <= 1e4
            np.testing.assert_allclose(lines[~flat], value[far][~flat], rtol=1e-6)


@pytest.mark.parametrize("binary", nets.BINARY)
def test_joins_are_stable(binary):
    activation = nn.Composite(binary, "identity", "negation")
    for order in (1, 2):
        assert np.isfinite(
            activation.derivative([-1e150, -1.0, 1.0, 1e150], order)
        ).all()


def test_at_kinks_one_of_the_slopes_is_taken():
    for name, slope in (("abs", 0), ("relu", 0), ("min0", 0), ("sqrt_abs", 0)):
        activation = nn.Composite("sum", name, "identity")
        assert activation.derivative(0.0) == slope + 1
        assert activation.derivative(0.0, 2) == 0
    assert nn.ReLU().derivative(0.0) == 0
    assert nn.LeakyReLU(0.2).derivative(0.0) == 0.2
    log = nn.Composite("sum", "log_abs", "identity")
    assert log(0.0) == pytest.approx(np.log(np.finfo(float).tiny), rel=1e-14)
    quotient = nn.Composite("quotient", "cos", "identity")
    assert quotient(0.0) == pytest.approx(1e7)


class TestRelatives:
    x = np.linspace(-6, 6, 101)

    def test_acon_c_with_1_and_0_is_swish(self):
        np.testing.assert_allclose(
            nn.AconC(1.0, 0.0)(self.x), nn.Swish()(self.x), 1e-14
        )

    def test_acon_c_with_1_and_0_is_acon_a(self):
        np.testing.assert_allclose(
            nn.AconC(1.0, 0.0)(self.x, beta=2.0), nn.AconA()(self.x, beta=2.0), 1e-14
        )

    def test_sharp_acon_c_is_leaky_relu(self):
        a = 0.1
        sharp = nn.AconC(1.0, a)(self.x, beta=1e8)
        np.testing.assert_allclose(sharp, nn.LeakyReLU(a)(self.x), rtol=1e-14)

    def test_sharp_swish_is_relu(self):
        np.testing.assert_allclose(nn.Swish(1e8)(self.x), nn.ReLU()(self.x), rtol=1e-14)

    def test_swish_is_a_product(self):
        product = nn.Composite("product", "identity", "sigmoid", beta_2=1.7)
        for order in (1, 2):
            np.testing.assert_allclose(
                product.derivative(self.x, order),
                nn.Swish(1.7).derivative(self.x, order),
                rtol=1e-12,
                atol=1e-15,
            )

    def test_two_pieces_of_smooth_maxout_are_acon_c(self):
        pieces = np.array([1.3 * self.x, -0.4 * self.x])
        np.testing.assert_allclose(
            nn.SmoothMaxout(2, beta=2.0)(pieces),
            nn.AconC(1.3, -0.4)(self.x, beta=2.0),
            rtol=1e-13,
            atol=1e-15,
        )

    def test_sharp_smooth_maxout_is_maxout(self):
        pieces = np.random.default_rng(0).normal(size=(4, 50))
        sharp = nn.SmoothMaxout(4, beta=1e8)(pieces)
        np.testing.assert_allclose(sharp, nn.Maxout(4)(pieces), rtol=1e-13)
        np.testing.assert_array_equal(nn.Maxout(4)(pieces), pieces.max(axis=0))

    def test_a_composite_maximum_is_relu(self):
        relu = nn.Composite("max", "identity", "identity", beta_2=0.0)
        np.testing.assert_array_equal(relu(self.x), nn.ReLU()(self.x))


class TestSmoothMaximum:
    def test_against_the_definition(self):
        x = np.random.default_rng(0).normal(size=(3, 7))
        for beta in (-3.0, -0.1, 0.5, 4.0):
            e = np.exp(beta * x)
            expected = (x * e).sum(axis=1) / e.sum(axis=1)
            np.testing.assert_allclose(nn.smooth_maximum(x, beta), expected, rtol=1e-14)
            np.testing.assert_allclose(
                nn.smooth_maximum(x.T, beta, axis=0), expected, rtol=1e-14
            )

    @pytest.mark.parametrize("scale", [1e-300, 1.0, 1e307])
    def test_limits(self, scale):
        x = scale * np.array([3.0, -4.0, 1.0, 8.0])
        assert nn.smooth_maximum(x, 0) == pytest.approx(2 * scale, rel=1e-15)
        assert nn.smooth_maximum(x, np.inf) == 8 * scale
        assert nn.smooth_maximum(x, -np.inf) == -4 * scale
        assert nn.smooth_maximum(x, 1e308 if scale > 1 else 1e3 / scale) == 8 * scale

    @pytest.mark.parametrize(
        ("x", "beta", "axis", "error", "words"),
        [
            ([], 1, -1, ValueError, "x must not be empty"),
            (1.0, 1, -1, ValueError, "x must have at least one dimension"),
            (["a"], 1, -1, TypeError, "x must hold real numbers"),
            ([1.0], np.nan, -1, ValueError, "beta must not be NaN"),
            ([1.0], 1, 3, ValueError, "axis must be"),
        ],
    )
    def test_bad_input_is_named(self, x, beta, axis, error, words):
        with pytest.raises(error, match=words):
            nn.smooth_maximum(x, beta, axis)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Composite("plus", "sin", "cos"), ValueError, "binary"),
        (lambda: nn.Composite("sum", "sine", "cos"), ValueError, "first"),
        (lambda: nn.Composite("sum", "sin", "cosine"), ValueError, "second"),
        (
            lambda: nn.Composite("sum", "sin", "cos", trained=("beta",)),
            ValueError,
            "beta",
        ),
        (
            lambda: nn.Composite("sum", "sin", "cos", beta_1=np.nan),
            ValueError,
            "beta_1",
        ),
        (lambda: nn.Swish(np.inf), ValueError, "beta"),
        (lambda: nn.Swish("1"), TypeError, "beta"),
        (lambda: nn.LeakyReLU(np.nan), ValueError, "a must"),
        (lambda: nn.Maxout(0), ValueError, "pieces"),
        (lambda: nn.Maxout(2.5), ValueError, "pieces"),
        (lambda: nn.Swish(1.0, trained=2.0), TypeError, "trained"),
        (
            lambda: nn.MLP([2, 2, 2], "swosh"),
            ValueError,
            "'swosh'; did you mean 'swish'",
        ),
        (lambda: nn.ReLU()(["a"]), TypeError, "z must"),
        (lambda: nn.ReLU().derivative(1.0, order=3), ValueError, "order"),
    ],
    ids=itertools.count(),
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
