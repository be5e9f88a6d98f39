"""Differences of f and of its gradient: within bounds, accurate, counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize._numdiff import approx_derivative

from optlab.bounds import in_precision
from optlab_c.callables import PythonObjective
from tests.functions import rosenbrock, softmax_sum
from tests.support import same_bits

SCHEMES = ["2-point", "3-point", "cs"]
# What the error of a smooth function's differences may be, relative to its size.
ERROR = {"2-point": 1e-6, "3-point": 1e-8, "cs": 1e-14}


def value(x):
    """Analytic, and with a Hessian that is no diagonal."""
    return np.sum(np.sin(x) + x * np.roll(x, 1) ** 2).item()


def gradient(x):
    a, b = np.roll(x, 1), np.roll(x, -1)
    return np.cos(x) + a**2 + 2 * x * b


def hessian(x):
    n = x.size
    H = np.diag(-np.sin(x) + 2 * np.roll(x, -1))
    for i in range(n):
        H[i, (i - 1) % n] += 2 * x[i - 1]
        H[i, (i + 1) % n] += 2 * x[i]
    return H


X = np.array([0.5, -1.5, 2.0, 0.25])


def test_the_formulas_here_are_right():
    np.testing.assert_allclose(
        approx_derivative(value, X, method="cs"), gradient(X), rtol=1e-12
    )
    np.testing.assert_allclose(
        approx_derivative(gradient, X, method="cs"), hessian(X), rtol=1e-12
    )


class Watched:
    """A function that checks where it is asked, and counts."""

    def __init__(self, function, lower, upper):
        self.function, self.lower, self.upper = function, lower, upper
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        real = x.real.astype(float)
        assert (real >= self.lower).all()
        assert (real <= self.upper).all()
        return self.function(x)


@st.composite
def boxes(draw, n=3):
    """x, lower and upper: sides open, far, near, at x, or closed around it."""
    x = np.array(draw(st.lists(st.floats(-1e3, 1e3, width=32), min_size=n, max_size=n)))
    room = st.sampled_from([0.0, 1e-300, 1e-15, 1e-9, 1e-6, 1e-4, 1.0, np.inf])
    below = np.array(draw(st.lists(room, min_size=n, max_size=n)))
    above = np.array(draw(st.lists(room, min_size=n, max_size=n)))
    return x, x - below, x + above


class TestBounds:
    """Nothing is ever evaluated outside."""

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("scheme", SCHEMES)
    @given(box=boxes(), bad=st.booleans(), wide=st.booleans())
    def test_gradient(self, scheme, dtype, box, bad, wide):
        x, lower, upper = box
        dtype = np.dtype(dtype)
        sides = in_precision((lower, upper), dtype)
        calls = []

        def fun(z):
            calls.append(z)
            if wide:  # nothing rises above rounding, so that wider steps are tried
                return z.dtype.type(1.0)
            if bad and (z != x.astype(dtype)).any() and z.sum() > x.sum():
                return np.nan if scheme != "cs" else np.complex128(np.nan)
            return (z @ z).item()

        watched = Watched(fun, lower, upper)
        objective = PythonObjective(
            scheme, watched, None, (), 3, dtype == np.float32, bounds=sides
        )
        g = objective.gradient(x)
        fixed = sides[0] == sides[1]
        assert (g[fixed] == 0).all()
        if fixed.all() and scheme != "cs":
            assert watched.calls == 1
        if not (bad or wide):
            assert np.isfinite(g).all()

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("scheme", SCHEMES)
    @given(
        box=boxes(),
        v=st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3),
        bad=st.booleans(),
    )
    def test_products(self, scheme, dtype, box, v, bad):
        x, lower, upper = box
        sides = in_precision((lower, upper), np.dtype(dtype))

        def jac(z):
            if bad and z.sum() > x.sum():
                return z * np.nan
            return 2 * z

        objective = PythonObjective(
            "separate",
            None,
            Watched(jac, lower, upper),
            (),
            3,
            np.dtype(dtype) == np.float32,
            second=scheme,
            bounds=sides,
        )
        assert objective.product(x, v).shape == (3,)
        assert objective.hessian(x).shape == (3, 3)

    @given(box=boxes(), v=st.lists(st.floats(-10, 10), min_size=3, max_size=3))
    def test_products_with_differences_of_f(self, box, v):
        x, lower, upper = box
        watched = Watched(lambda z: float(z @ z), lower, upper)
        for scheme in ("2-point", "3-point"):
            objective = PythonObjective(
                scheme, watched, None, (), 3, second="2-point", bounds=(lower, upper)
            )
            objective.product(x, v)

    @pytest.mark.parametrize("scheme", ["2-point", "3-point"])
    @pytest.mark.parametrize(
        ("below", "above"),
        [(0, 1), (1, 0), (0, 1e-3), (1e-3, 0), (1e-6, 1e-3), (1e-5, 1e-6), (1e-7, 1)],
    )
    def test_accuracy_at_bounds(self, scheme, below, above):
        sides = X - below, X + above
        tolerance = 1e-5 if scheme == "2-point" else 3e-8
        objective = PythonObjective(scheme, value, None, (), 4, bounds=sides)
        # Steps are shorter here, and what rounding does is larger.
        room = max(below, above)
        tolerance = max(tolerance, 1e-14 / min(room, 1.0))
        np.testing.assert_allclose(
            objective.gradient(X), gradient(X), rtol=tolerance, atol=tolerance
        )
        second = PythonObjective(
            "separate", value, gradient, (), 4, second=scheme, bounds=sides
        )
        v = np.array([1.0, -2.0, 0.5, 3.0])
        for answer, truth in (
            (second.product(X, v), hessian(X) @ v),
            (second.hessian(X), hessian(X)),
        ):
            np.testing.assert_allclose(
                answer, truth, rtol=10 * tolerance, atol=30 * tolerance
            )

    def test_a_product_between_blocked_sides(self):
        """One component may move up only, another one down only."""
        lower = np.array([X[0], -np.inf, X[2], -np.inf])
        upper = np.array([np.inf, X[1], np.inf, np.inf])
        v = np.array([1.0, 2.0, -1.0, 0.5])
        for scheme in ("2-point", "3-point"):
            watched = Watched(gradient, lower, upper)
            objective = PythonObjective(
                "separate", value, watched, (), 4, second=scheme, bounds=(lower, upper)
            )
            np.testing.assert_allclose(
                objective.product(X, v), hessian(X) @ v, rtol=1e-6, atol=1e-6
            )

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_what_is_fixed(self, scheme):
        lower, upper = X - 1, X + 1
        lower[1] = upper[1] = X[1]
        watched = Watched(value, lower, upper)
        objective = PythonObjective(scheme, watched, None, (), 4, bounds=(lower, upper))
        expected = gradient(X)
        expected[1] = 0
        np.testing.assert_allclose(objective.gradient(X), expected, rtol=1e-6)
        asked = {"2-point": 1 + 3, "3-point": 1 + 6, "cs": 3}
        assert watched.calls == asked[scheme]
        second = PythonObjective(
            "separate", value, gradient, (), 4, second=scheme, bounds=(lower, upper)
        )
        H = hessian(X)
        if scheme != "cs":
            H[1, 1] = 0  # the one element that nothing tells
        np.testing.assert_allclose(second.hessian(X), H, rtol=1e-6, atol=1e-6)

    def test_without_bounds_the_numbers_are_the_same(self):
        open_ = np.full(4, -np.inf), np.full(4, np.inf)
        for scheme in SCHEMES:
            plain = PythonObjective(scheme, value, None, (), 4).gradient(X)
            bound = PythonObjective(scheme, value, None, (), 4, bounds=open_)
            assert same_bits(bound.gradient(X), plain)
            some = ("separate", value, gradient, (), 4)
            plain = PythonObjective(*some, second=scheme).hessian(X)
            bound = PythonObjective(*some, second=scheme, bounds=open_)
            assert same_bits(bound.hessian(X), plain)


class TestAccuracy:
    @pytest.mark.parametrize("scheme", SCHEMES)
    @given(x=st.lists(st.floats(-100, 100), min_size=2, max_size=6))
    def test_gradient(self, scheme, x):
        x = np.array(x)
        scale = np.abs(x).max() ** 3 + 1
        ours = PythonObjective(scheme, value, None, (), x.size).gradient(x)
        scipys = approx_derivative(value, x, method=scheme)
        error = ERROR[scheme] * scale
        np.testing.assert_allclose(ours, gradient(x), rtol=0, atol=error)
        np.testing.assert_allclose(ours, scipys, rtol=0, atol=2 * error)

    @pytest.mark.parametrize("joint", [False, True])
    @pytest.mark.parametrize("scheme", SCHEMES)
    @given(
        x=st.lists(st.floats(-100, 100), min_size=3, max_size=3),
        v=st.lists(st.floats(-10, 10), min_size=3, max_size=3),
    )
    def test_hessian(self, scheme, joint, x, v):
        x, v = np.array(x), np.array(v)
        if joint:
            both = "joint", lambda x: (value(x), gradient(x)), None
        else:
            both = "separate", value, gradient
        objective = PythonObjective(*both, (), 3, second=scheme)
        H = hessian(x)
        error = ERROR[scheme] * (np.abs(x).max() ** 2 + 1)
        np.testing.assert_allclose(objective.hessian(x), H, rtol=0, atol=error)
        np.testing.assert_allclose(
            objective.product(x, v),
            H @ v,
            rtol=0,
            atol=10 * error * np.abs(v).sum() + 1e-300,  # 0 where v is denormal
        )
        assert same_bits(objective.hessian(x), objective.hessian(x).T.copy())

    @pytest.mark.parametrize("first", SCHEMES)
    @pytest.mark.parametrize("second", ["2-point", "3-point"])
    def test_differences_of_differences(self, first, second):
        objective = PythonObjective(first, value, None, (), 4, second=second)
        error = {"2-point": 2e-3, "3-point": 1e-4, "cs": 1e-6}[first]
        np.testing.assert_allclose(objective.hessian(X), hessian(X), atol=error)

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("size", [1e-150, 1e-20, 1e150, 1e300])
    def test_extreme_vectors(self, scheme, size):
        v = np.array([1.0, -2.0, 0.5, 3.0])
        objective = PythonObjective("separate", value, gradient, (), 4, second=scheme)
        np.testing.assert_allclose(
            objective.product(X, v * size) / size, hessian(X) @ v, rtol=1e-6
        )

    def test_no_vector(self):
        calls = []

        def jac(x):
            calls.append(x)
            return gradient(x)

        objective = PythonObjective("separate", value, jac, (), 4, second="2-point")
        assert same_bits(objective.product(X, np.zeros(4)), np.zeros(4))
        assert np.isnan(objective.product(X, [np.nan, 0, 0, 0])).all()
        assert len(calls) == 2  # each time that at X

    @pytest.mark.parametrize("scheme", ["2-point", "3-point"])
    @pytest.mark.parametrize("x", [1.7e308, -1.7e308, 1e300, 1e-300, 5e-324, 0.0])
    def test_extreme_points(self, scheme, x):
        """A slope of 2 is found anywhere, without an overflow."""
        top = np.finfo(float).max
        watched = Watched(lambda z: 2 * (z[0] / 4), -top, top)
        objective = PythonObjective(scheme, watched, None, (), 1)
        np.testing.assert_allclose(objective.gradient([x]), 0.5, rtol=1e-6)

    @pytest.mark.parametrize("scheme", ["2-point", "3-point"])
    @pytest.mark.parametrize("x", [3e38, -3e38, 1e30, 1e-30, 0.0])
    def test_extreme_points_in_float32(self, scheme, x):
        top = float(np.finfo(np.float32).max)
        watched = Watched(lambda z: float(z[0]) / 2, -top, top)
        objective = PythonObjective(scheme, watched, None, (), 1, 1)
        np.testing.assert_allclose(objective.gradient([x]), 0.5, rtol=1e-2)

    def test_components_of_several_sizes(self):
        """A step that suits the largest component would throw the others far off."""
        x = np.array([1e8, 1.0, 1e-3])

        def jac(z):
            return np.array([z[0] / 1e8, np.exp(z[1]), np.cos(z[2])])

        objective = PythonObjective("separate", None, jac, (), 3, second="2-point")
        expected = np.diag([1e-8, np.e, -np.sin(1e-3)])
        np.testing.assert_allclose(objective.hessian(x), expected, atol=1e-6)

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_float32(self, scheme):
        some = (lambda x: float(value(x)) if scheme != "cs" else value(x), None, (), 4)
        g = PythonObjective(scheme, *some, 1).gradient(X)
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, gradient(X), atol=1e-2)
        objective = PythonObjective(
            "separate", value, gradient, (), 4, 1, second=scheme
        )
        H = objective.hessian(X)
        assert H.dtype == np.float32
        np.testing.assert_allclose(H, hessian(X), atol=1e-2)

    def test_the_users_steps(self):
        """They are those of the gradient's differences, where jac is given."""
        asked = []

        def jac(x):
            asked.append(x)
            return gradient(x)

        each = np.array([1e-3, 1e-4, 1e-5, 1e-6])
        for steps in ((None, each), (each, None)):
            objective = PythonObjective(
                "separate", value, jac, (), 4, 0, *steps, second="2-point"
            )
            asked.clear()
            objective.hessian(X)
            made = np.abs(np.array(asked[1:]) - X).sum(axis=1)
            size = np.abs(X) if steps[0] is not None else 1
            np.testing.assert_allclose(made, each * size, rtol=1e-6)


class TestEdges:
    @pytest.mark.parametrize("scheme", ["2-point", "3-point"])
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_the_domain_ends(self, scheme, sign):
        """Where the gradient is not finite on one side, the other one serves."""

        def jac(x):
            with np.errstate(invalid="ignore"):
                return -0.5 / np.sqrt(1 - x) + x

        x = np.array([1 - 1e-3, 0.5])
        for edge in (1e-9, 1e-7):
            x[0] = 1 - edge
            objective = PythonObjective("separate", None, jac, (), 2, second=scheme)
            with np.errstate(invalid="ignore"):
                product = objective.product(x, [sign, 0.0])
            assert np.isfinite(product).all()
            assert sign * product[0] < 0

    def test_a_gradient_that_is_not_finite(self):
        calls = []

        def jac(x):
            calls.append(x)
            return x * np.nan

        objective = PythonObjective("separate", None, jac, (), 4, second="2-point")
        assert np.isnan(objective.product(X, X)).all()
        assert len(calls) == 1


class TestComplex:
    """Functions that do not know complex numbers are told so."""

    @pytest.mark.parametrize(
        "fun",
        [
            lambda x: float(abs(x[0])),
            lambda x: x.real.sum(),
            lambda x: np.abs(x).sum(),
            lambda x: None,
            lambda x: "1",
            lambda x: float(x),
            lambda x: x[0] < 1,
        ],
    )
    def test_fun(self, fun):
        objective = PythonObjective("cs", fun, None, (), 4)
        with pytest.raises(TypeError, match="jac='cs' needs a fun that computes with"):
            objective.gradient(X)

    @pytest.mark.parametrize(
        "jac", [lambda x: x.real, lambda x: [1.0] * 4, lambda x: np.abs(x)]
    )
    def test_jac(self, jac):
        objective = PythonObjective("separate", None, jac, (), 4, second="cs")
        with pytest.raises(TypeError, match="hess='cs' needs a jac that computes with"):
            objective.product(X, X)

    def test_shapes(self):
        objective = PythonObjective("cs", lambda x: x, None, (), 4)
        with pytest.raises(ValueError, match="fun must have shape"):
            objective.gradient(X)
        objective = PythonObjective("separate", None, lambda x: x[:2], (), 2)
        with pytest.raises(ValueError, match="x must have shape"):
            objective.gradient(X)

    def test_what_fun_raises(self):
        def fun(x):
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            PythonObjective("cs", fun, None, (), 4).gradient(X)

    def test_one_buffer(self):
        buffer = np.empty(4, complex)

        def jac(x):
            buffer[:] = gradient(x)
            return buffer if x.dtype == complex else buffer.real

        objective = PythonObjective("separate", None, jac, (), 4, second="cs")
        np.testing.assert_allclose(objective.hessian(X), hessian(X), rtol=1e-12)


@pytest.mark.parametrize("second", ["2-point", "3-point"])
def test_one_buffer_for_the_gradient(second):
    buffer = np.empty(4)

    def jac(x):
        buffer[:] = gradient(x)
        x[:] = np.nan
        return buffer

    fresh = PythonObjective("separate", None, gradient, (), 4, second=second)
    reused = PythonObjective("separate", None, jac, (), 4, second=second)
    assert same_bits(fresh.hessian(X), reused.hessian(X))
    assert same_bits(fresh.product(X, X), reused.product(X, X))


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_softmax_and_rosenbrock(seed):
    rng = np.random.default_rng(seed)
    for function in (rosenbrock(4), softmax_sum(4)):
        x, v = rng.normal(size=(2, 4))
        objective = PythonObjective(
            "separate", None, function.gradient, (), 4, second="3-point"
        )
        expected = approx_derivative(function.gradient, x, method="3-point") @ v
        scale = np.abs(expected).max() + 1e3
        np.testing.assert_allclose(objective.product(x, v), expected, atol=1e-7 * scale)
