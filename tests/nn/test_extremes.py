"""Activations with parameters, and composites, at numbers of every size."""

import itertools

import mpmath
import numpy as np
import pytest

from optlab import nn
from optlab_c import nets

from ..textbook import mlp as twin

DTYPES = {np.float64: 1e300, np.float32: 1e38}


def sigmoid_and_slopes(u):
    """σ, σ' and σ'' of mpmath's u."""
    e = mpmath.exp(-abs(u))
    slope = e / (1 + e) ** 2
    below = e / (1 + e)
    value = below if u < 0 else 1 / (1 + e)
    return value, slope, slope * (1 - 2 * value)


def acon(z, p1, p2, beta):
    """S_beta(p1 z, p2 z), its slopes by z, p1, p2 and beta, and the second one by z."""
    apart = p1 - p2
    u = beta * apart * z
    s, ds, dds = sigmoid_and_slopes(u)
    gate = s + u * ds
    return (
        apart * z * s + p2 * z,
        apart * gate + p2,
        z * gate,
        z * (1 - gate),
        apart**2 * z**2 * ds,
        apart**2 * beta * (2 * ds + u * dds),
    )


def check(got, exact, terms, dtype):
    """Right to some roundings of the largest term, infinite where it is, never NaN."""
    limits = np.finfo(dtype)
    if abs(exact) > limits.max:
        assert abs(got) >= limits.max / 2
        assert np.sign(got) == mpmath.sign(exact)
    else:
        size = max([abs(exact), *map(abs, terms)])
        atol = 16 * float(limits.eps) * float(min(size, limits.max)) + 4 * float(
            limits.tiny
        )
        assert abs(float(got) - float(exact)) <= atol


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.0, 2.0**-27, -(2.0**-27), 1.0, -2.0, 2.0**27])
@pytest.mark.parametrize(
    ("p1", "p2"), [(1.0, 0.0), (-0.5, 0.25), (8.0, 7.5), (2.0, 2.0)]
)
def test_acon_and_its_slopes_by_parameters(p1, p2, beta, dtype):
    z = np.array([0, 2.0**-60, 2.0**-26, 0.75, 3, 40, 600, 1e5, 1e9, 1e17, 1e30], dtype)
    z = np.concatenate([z, -z, np.array([1, -1], dtype) * dtype(DTYPES[dtype] / 16)])
    along_z = [1.0, 0.0, 0.0, 0.0]
    value, slopes, change = nets.activation(
        nets.ACON_C, 1, (), [p1, p2, beta], z[None], along_z
    )
    found = [value, *slopes, change[0]]
    with mpmath.workdps(60):
        for i, x in enumerate(z.astype(float)):
            exact = acon(*map(mpmath.mpf, (x, p1, p2, beta)))
            u = beta * (p1 - p2) * x
            near = min(abs(u), 800)  # beyond it σ' is nothing
            terms = (
                (p1 * x, p2 * x),
                (p1, p2, near * p1, near * p2),
                (x, near * x) if abs(u) < 800 else (x,),
                (x, near * x) if abs(u) < 800 else (x,),
                (),
                (),
            )
            # e^-u has the error of u, relative to e^-u itself.
            for got, truth, parts in zip(found, exact, terms, strict=True):
                check(got[i], truth, (*parts, near * abs(truth)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [1.5, -0.5])
def test_relatives_of_acon_have_its_slopes_by_parameters(beta, dtype):
    z = np.linspace(-9, 9, 37).astype(dtype)[None]
    whole = nets.activation(
        nets.ACON_C, 1, (), [1.0, 0.25, beta], z, [0.5, 0.0, -1.0, 2.0]
    )
    part = nets.activation(nets.ACON_B, 1, (), [0.25, beta], z, [0.5, -1.0, 2.0])
    np.testing.assert_allclose(part[0], whole[0], rtol=1e-6)
    for ours, theirs in zip(part[1:], whole[1:], strict=True):
        np.testing.assert_allclose(ours, [theirs[0], *theirs[2:]], rtol=1e-5, atol=1e-6)
    whole = nets.activation(
        nets.ACON_C, 1, (), [1.0, 0.0, beta], z, [0.5, 0.0, 0.0, 2.0]
    )
    part = nets.activation(nets.SWISH, 1, (), [beta], z, [0.5, 2.0])
    for ours, theirs in zip(part[1:], whole[1:], strict=True):
        np.testing.assert_allclose(ours, [theirs[0], theirs[3]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_leaky_slopes_by_the_parameter(dtype):
    largest = DTYPES[dtype]
    z = np.array([[-largest, -2, 0, 3, largest]], dtype)
    value, slopes, change = nets.activation(nets.LEAKY, 1, (), [0.5], z, [1.0, 3.0])
    below = z[0] <= 0
    np.testing.assert_array_equal(value, np.where(below, z[0] / 2, z[0]))
    np.testing.assert_array_equal(slopes, [np.where(below, 0.5, 1), z[0] * below])
    # The slope by z is a, which changes by 3 along v; that by a is z, which does by 1.
    np.testing.assert_array_equal(change, [3 * below, below])


class TestMaxout:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("pieces", [2, 3, 5])
    def test_largest_numbers(self, pieces, dtype):
        largest = DTYPES[dtype]
        points = [-largest, -1e30, -3, 0, 2, 1e30, largest]
        z = np.array(list(itertools.product(points, repeat=pieces)), dtype).T
        hard = nn.Maxout(pieces)
        np.testing.assert_array_equal(hard(z), z.max(axis=0))
        np.testing.assert_array_equal(
            hard.derivative(z), np.eye(pieces)[z.argmax(axis=0)].T
        )
        assert not hard.derivative(z, 2).any()

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("pieces", [2, 3])
    @pytest.mark.parametrize("beta", [0.0, 1.0, -1.0, 1e8, -1e8, 1e-8])
    def test_smooth_values_and_slopes(self, beta, pieces, dtype):
        """Against the formula: the slope by a piece is p_i (1 + beta (z_i - S))."""
        points = [-DTYPES[dtype], -1e30, -40, 0, 2, 2.5, 1e30, DTYPES[dtype]]
        z = np.array(list(itertools.product(points, repeat=pieces)), dtype).T
        smooth = nn.SmoothMaxout(pieces, beta=beta)
        value, slopes = smooth(z), smooth.derivative(z)
        eps = float(np.finfo(dtype).eps)
        with mpmath.workdps(60):
            sharp = mpmath.mpf(float(dtype(beta)))
            for i, column in enumerate(z.T.astype(float)):
                x = [mpmath.mpf(a) for a in column]
                top = max(sharp * a for a in x)
                e = [mpmath.exp(sharp * a - top) for a in x]
                S = sum(a * b for a, b in zip(x, e, strict=True)) / sum(e)
                size = float(max(abs(a) for a in x))
                assert abs(float(value[i]) - float(S)) <= 16 * eps * size
                for a, weight, slope in zip(x, e, slopes[:, i], strict=True):
                    exact = weight / sum(e) * (1 + sharp * (a - S))
                    # The weight's error is that of beta times the distance from the top.
                    far = min(float(abs(sharp * a - top)), 800.0)
                    scale = (1 + far) * (1 + float(abs(exact)))
                    if abs(exact) > np.finfo(dtype).max:
                        assert abs(slope) > np.finfo(dtype).max / 16
                    else:
                        assert abs(float(slope) - float(exact)) <= 32 * eps * scale
        assert not np.isnan(smooth.derivative(z, 2)).any()

    def test_second_slopes_are_symmetric(self):
        z = np.random.default_rng(0).normal(size=(4, 50))
        bent = nn.SmoothMaxout(4, beta=1.5).derivative(z, 2)
        np.testing.assert_allclose(bent, bent.transpose(1, 0, 2), rtol=0, atol=1e-14)
        # Along (1, ..., 1) it is straight.
        np.testing.assert_allclose(bent.sum(axis=1), 0, rtol=0, atol=1e-14)


# Where none of the functions overflows but exp, square and cube, which are let off there.
FAR = np.array([0.0, 1e-100, 1e-30, 1e-3, 0.5, 1.0, 3.0, 30.0, 700.0])
FARTHER = np.array([1e5, 1e30, 1e100, 1e300])
GROWING = {"exp", "square", "cube"}


@pytest.mark.parametrize("binary", nets.BINARY)
def test_composites_are_never_nan_and_right_where_they_are_finite(binary):
    """All pairs of functions, against the formula in 60 digits."""
    for first, second in itertools.product(nets.UNARY, repeat=2):
        activation = nn.Composite(binary, first, second)
        points = FAR
        if not GROWING & {first, second} and not {"sin", "cos"} & {first, second}:
            points = np.concatenate([FAR, FARTHER])
        points = np.concatenate([points, -points[1:]])
        value = activation(points)
        assert not np.isnan(value).any(), (first, second)
        with mpmath.workdps(60):
            exact = twin.exactly(points)
            # log_abs stops at the smallest normal number.
            kept = exact.copy()
            kept[0] = mpmath.mpf(np.finfo(float).tiny)
            a, b = (
                twin.UNARY[name](kept if name == "log_abs" else exact)
                for name in (first, second)
            )
            if binary == "quotient":  # decides by a sign, which underflow takes away
                b = twin.exactly(b)
            truth = twin.BINARY[binary](a, b, 1)
            terms = {
                "product": truth,
                "quotient": truth,
                "gate": truth * (1 + np.minimum(twin.size(a), 750)),
            }.get(binary, twin.size(a) + twin.size(b))
        finite = twin.size(truth) < np.finfo(float).max
        assert np.isinf(value[~finite]).all(), (first, second)
        off = np.abs(value[finite] - truth[finite].astype(float))
        size = np.abs(terms[finite].astype(float))
        # A few roundings, in arguments as large as 750.
        assert (off <= 64 * 2.0**-52 * size + 1e-300).all(), (
            first,
            second,
            points[finite][np.argmax(off / (size + 1e-300))],
        )


@pytest.mark.parametrize("binary", nets.BINARY)
def test_slopes_of_composites_are_never_nan(binary):
    """All pairs of functions, where neither they nor their slopes overflow."""
    near = np.array([1e-30, 1e-3, 0.5, 1.0, 3.0, 30.0, 200.0])
    for first, second in itertools.product(nets.UNARY, repeat=2):
        activation = nn.Composite(binary, first, second)
        points = np.concatenate([[0.0], near, -near])
        if not GROWING & {first, second}:
            points = np.concatenate([points, FARTHER, -FARTHER])
        for order in (1, 2):
            slope = activation.derivative(points, order)
            assert not np.isnan(slope).any(), (first, second, order)
