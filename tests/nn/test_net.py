"""Nets of every size, threads, vector widths and batches: the same function everywhere."""

import itertools
import os
import pickle
import resource
import signal
from time import perf_counter

import numpy as np
import pytest

import optlab
from optlab import nn
from optlab.methods import METHODS
from optlab_c import nets
from optlab_c.objectives import Objective

from ..support import in_threads, same_bits

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def data(samples, inputs, classes, rng=0):
    rng = np.random.default_rng(rng)
    X = rng.standard_normal((samples, inputs))
    return X, rng.integers(0, classes, samples)


def plain(model, w, X, y, *, rows=None):
    """Loss and gradient of a net of tanh and cross-entropy, in NumPy's double."""
    layers = model.unpack(np.asarray(w, float))
    a = [X]
    for i, layer in enumerate(layers):
        z = a[-1] @ layer["weights"] + layer["bias"]
        a.append(np.tanh(z) if i < len(layers) - 1 else z)
    z = a[-1] - a[-1].max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    f = -np.log(p[np.arange(len(y)), y]).mean()
    delta = p
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    gradient = []
    for i in reversed(range(len(layers))):
        gradient.append({"weights": a[i].T @ delta, "bias": delta.sum(axis=0)})
        delta = (delta @ layers[i]["weights"].T) * (1 - a[i] ** 2)
    return f, np.concatenate(
        [np.ravel(part[k]) for part in gradient[::-1] for k in ("weights", "bias")]
    )


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize(
    ("samples", "sizes"),
    [
        (1, [1, 1, 2]),
        (2, [3, 16, 2]),
        (31, [7, 17, 10, 3]),
        (33, [33, 32, 33, 10]),
        (300, [10, 3, 1, 5]),
        (1100, [5, 64, 64, 16]),
        (2500, [64, 8, 11]),
        (70, [600, 700, 3]),  # large enough for BLAS with all vectors but the widest
        (40, [1100, 600, 4]),  # and with these
    ],
    ids=str,
)
def test_sizes_do_not_matter(samples, sizes, dtype):
    X, y = data(samples, sizes[0], sizes[-1])
    X = X.astype(dtype).astype(float)
    model = nn.MLP(sizes, "tanh", dtype=dtype)
    w = model.init(rng=1)
    expected_f, expected_g = plain(model, w, X, y)
    f, g = model.objective(X, y).fun_and_grad(w)
    assert f == pytest.approx(expected_f, rel=100 * EPS[dtype])
    atol = 100 * EPS[dtype] * np.abs(expected_g).max()
    np.testing.assert_allclose(g, expected_g, rtol=0, atol=atol)


def build(sizes, *, batch_norm, single, width):
    """A net of swish by hand, for vectors of at most so many bytes."""
    shapes = [
        a * b + (2 if batch_norm else 1) * b for a, b in itertools.pairwise(sizes)
    ]
    net = nets.Net(sizes[0], sum(shapes), single, width)
    buffer = at = 0
    for i, (inputs, units) in enumerate(itertools.pairwise(sizes)):
        after = at + inputs * units
        if batch_norm:
            buffer = net.affine(buffer, units, at)
            buffer = net.norm(buffer, after, after + units, 1e-5)
        else:
            buffer = net.affine(buffer, units, at, after)
        if i < len(sizes) - 2:
            buffer = net.activate(buffer, nets.SWISH, offsets=[-1], values=[1.5])
        at += shapes[i]
    return net


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dtype", EPS)
def test_the_width_of_vectors_does_not_matter(dtype, batch_norm):
    sizes, samples = [13, 40, 21, 10], 75
    X, y = data(samples, 13, 10)
    X, y = X.astype(dtype), y.astype(np.int32)
    rng = np.random.default_rng(1)
    answers = []
    for width in (64, 32, 16):
        net = build(
            sizes, batch_norm=batch_norm, single=dtype == "float32", width=width
        )
        made = nets.objective(
            net, X, y, None, nets.CROSS_ENTROPY, 0.1, [(3, 200, 0.1)], None
        )
        objective = Objective(made)
        if not answers:
            w, v = rng.standard_normal((2, net.n)).astype(dtype) / 2
        f, g = objective.fun_and_grad(w)
        answers.append((f, g, objective.hessp(w, v)))
    for f, g, hv in answers[1:]:
        assert f == pytest.approx(answers[0][0], rel=20 * EPS[dtype])
        for found, expected in ((g, answers[0][1]), (hv, answers[0][2])):
            atol = 200 * EPS[dtype] * np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


ARCHITECTURES = [
    pytest.param(activation, batch_norm, id=f"{activation}-{batch_norm}")
    for activation in ("relu", "acon_c", "meta_acon", "maxout", "smooth_maxout")
    for batch_norm in (False, True)
]


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize(("activation", "batch_norm"), ARCHITECTURES)
def test_threads_share_the_samples(activation, batch_norm, dtype):
    X, y = data(1003, 13, 4)
    model = nn.MLP([13, 33, 17, 4], activation, batch_norm, dtype=dtype)
    w, rng = model.init(rng=0), np.random.default_rng(1)
    v = rng.standard_normal(model.n).astype(dtype)
    one = model.objective(X, y)
    f, g = one.fun_and_grad(w)
    hv = one.hessp(w, v)
    for threads in (2, 3, 5):
        objective = model.objective(X, y, threads=threads)
        ft, gt = objective.fun_and_grad(w)
        hvt = objective.hessp(w, v)
        assert ft == pytest.approx(f, rel=100 * EPS[dtype])
        atol = 1000 * EPS[dtype]
        np.testing.assert_allclose(gt, g, rtol=0, atol=atol * np.abs(g).max())
        np.testing.assert_allclose(hvt, hv, rtol=0, atol=atol * np.abs(hv).max())
        again = objective.fun_and_grad(w)
        assert again[0] == ft
        assert objective.fun(w) == ft
        assert same_bits(again[1], gt)
        assert same_bits(objective.hessp(w, v), hvt)


def test_a_forked_child_may_use_threads():
    X, y = data(500, 5, 3)
    model = nn.MLP([5, 8, 3], batch_norm=True)
    w = model.init(rng=0)
    model.objective(X, y, threads=2).fun(w)
    child = os.fork()
    if child == 0:
        os._exit(0 if model.objective(X, y, threads=2).fun(w) > 0 else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("batch_norm", [False, True])
def test_python_threads_may_share_an_objective(batch_norm):
    X, y = data(200, 5, 3)
    model = nn.MLP([5, 8, 3], "swish", batch_norm)
    objective = model.objective(X, y)
    points = [model.init(rng=i) for i in range(6)]
    expected = [(objective.fun_and_grad(w), objective.hessp(w, w)) for w in points]

    def task(i):
        for _ in range(100):
            f, g = objective.fun_and_grad(points[i])
            hv = objective.hessp(points[i], points[i])
            (f0, g0), hv0 = expected[i]
            if f != f0 or not same_bits(g, g0) or not same_bits(hv, hv0):
                return False
            objective.fun(points[i], [i, i + 1])
        return True

    assert all(in_threads(task))


@pytest.mark.parametrize("dtype", EPS)
def test_batches_are_parts_of_the_whole(dtype):
    X, y = data(203, 5, 3)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, 203)
    model = nn.MLP([5, 9, 3], "gelu", prior=nn.GaussianPrior(0.1), dtype=dtype)
    objective = model.objective(X, y, weights)
    w, v = model.init(rng=0), rng.standard_normal(model.n)
    f, g = objective.fun_and_grad(w)
    hv = objective.hessp(w, v)
    order = rng.permutation(203)
    for batches in ([order], np.array_split(order, 9), order[:, None]):
        share = np.array([len(b) for b in batches]) / 203
        fs = [objective.fun(w, b) for b in batches]
        assert share @ fs == pytest.approx(f, rel=100 * EPS[dtype])
        for answer, whole in (
            (lambda b: objective.grad(w, b), g),
            (lambda b: objective.hessp(w, v, b), hv),
        ):
            mean = sum(
                s * answer(b).astype(float) for s, b in zip(share, batches, strict=True)
            )
            atol = 100 * EPS[dtype] * np.abs(whole).max()
            np.testing.assert_allclose(mean, whole, rtol=0, atol=atol)


def test_a_batch_may_be_larger_than_the_data():
    X, y = data(20, 5, 3)
    for batch_norm in (False, True):
        objective = nn.MLP([5, 9, 3], "tanh", batch_norm).objective(X, y)
        w = objective.model.init(rng=0)
        indices = np.tile(np.arange(20), 7)
        f, g = objective.fun_and_grad(w, indices)
        assert f == pytest.approx(objective.fun(w), rel=1e-14)
        np.testing.assert_allclose(g, objective.grad(w), rtol=0, atol=1e-14)


def test_memory_does_not_grow():
    X, y = data(300, 20, 3)
    objectives = [
        nn.MLP([20, 64, 3], "swish", batch_norm).objective(X, y)
        for batch_norm in (False, True)
    ]
    w = objectives[0].model.init(rng=0)
    points = [objective.model.init(rng=0) for objective in objectives]

    def work():
        for i in range(1500):
            for objective, w in zip(objectives, points, strict=True):
                objective.fun_and_grad(w)
                objective.hessp(w, w)
                objective.fun(w, [i % 300, 5, 7])

    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    del w
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000  # kB


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_a_net_with_the_same_bits_as_a_python_function(method):
    X, y = data(60, 3, 2)
    model = nn.MLP([3, 4, 2], "tanh", prior=nn.GaussianPrior(5.0))
    objective = model.objective(X, y)
    w0 = model.init(rng=0)
    kept = w0.copy()
    result = optlab.minimize(objective, w0, method=method)
    assert result.success, result.message
    assert np.abs(objective.grad(result.x)).max() <= 1e-5
    assert (result.fun, same_bits(w0, kept)) == (objective.fun(result.x), True)
    hessp = {"hessp": objective.hessp} if METHODS[method].second_order else {}
    if METHODS[method].second == "hess":
        hessp = {
            "hess": lambda w: np.array([objective.hessp(w, e) for e in np.eye(model.n)])
        }
    twin = optlab.minimize(
        lambda w: objective.fun_and_grad(w), w0, method=method, jac=True, **hessp
    )
    if METHODS[method].second != "hess":  # where rounding makes the matrix symmetric
        assert same_bits(twin.x, result.x)
    assert twin.fun == pytest.approx(result.fun, rel=1e-9)


def test_an_objective_can_be_pickled():
    X, y = data(30, 5, 3)
    model = nn.MLP([5, 4, 3], "acon_c", True, prior=nn.GaussianPrior(0.1))
    objective = model.objective(X, y, np.arange(30.0))
    w = model.init(rng=0)
    twin = pickle.loads(pickle.dumps(objective))
    assert twin.fun(w) == objective.fun(w)
    assert same_bits(twin.model.predict_proba(w, X), model.predict_proba(w, X))


def test_the_data_are_the_objectives_own():
    X, y = data(30, 5, 3)
    model = nn.MLP([5, 4, 3])
    objective = model.objective(X, y)
    w = model.init(rng=0)
    f = objective.fun(w)
    X[:] = np.nan
    y[:] = 0
    assert objective.fun(w) == f


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_ends_an_evaluation_that_takes_long(threads):
    class Alarm(Exception):
        pass

    def ring(*_):
        raise Alarm

    X, y = data(30_000, 400, 10)
    model = nn.MLP([400, 512, 512, 10], "tanh")
    objective = model.objective(X, y, threads=threads)
    w = model.init(rng=0)
    calls = (
        lambda: objective.fun_and_grad(w),
        lambda: objective.hessp(w, w),
        lambda: model.predict(w, X),
        lambda: optlab.minimize(objective, w, method="l-bfgs"),
        lambda: optlab.minimize(objective, w, method="sgd"),
    )
    start = perf_counter()
    f = objective.fun(w)
    whole = perf_counter() - start
    before = signal.signal(signal.SIGALRM, ring)
    try:
        for call in calls:
            signal.setitimer(signal.ITIMER_REAL, whole / 8)
            start = perf_counter()
            with pytest.raises(Alarm):
                call()
            # Else it had waited for the end of the evaluation.
            assert perf_counter() - start < max(0.5, whole / 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert objective.fun(w) == f
