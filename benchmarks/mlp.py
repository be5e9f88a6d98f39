"""How long do loss and gradient of a net take, beside its matrix products and its peers?"""

import functools
import warnings
from itertools import pairwise
from time import perf_counter

import numpy as np
from scipy.linalg import get_blas_funcs

import optlab
from optlab import nn

from .common import hold_to_one_thread

SHAPES = {
    "64-32-10, batch 32": ((64, 32, 10), 32),
    "784-128-10, batch 32": ((784, 128, 10), 32),
    "784-128-10, batch 128": ((784, 128, 10), 128),
    "784-512-512-10, batch 256": ((784, 512, 512, 10), 256),
}
KINDS = {"ReLU": ("relu", False), "Swish + batch norm": ("swish", True)}
LIBRARIES = ["optlab", "numpy", "torch", "jax"]
EPS = 1e-5


@functools.cache
def case(shape, kind, dtype):
    """A model, its objective, w and data."""
    sizes, batch = SHAPES[shape]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch, sizes[0])).astype(dtype)
    y = rng.integers(0, sizes[-1], batch)
    activation, batch_norm = KINDS[kind]
    model = nn.MLP(sizes, activation, batch_norm, dtype=dtype)
    return model, model.objective(X, y), model.init(rng=0), X, y


def products(shape, dtype):
    """The matrix products of a loss and its gradient, and nothing else, by BLAS.

    They are called past NumPy, with all memory at hand, so that next to nothing is added.
    """
    sizes, batch = SHAPES[shape]
    rng = np.random.default_rng(0)
    gemm = get_blas_funcs("gemm", dtype=dtype)
    calls = []

    def add(m, n, k, ta, tb):
        a = rng.standard_normal((k, m) if ta else (m, k)).astype(dtype, order="F")
        b = rng.standard_normal((n, k) if tb else (k, n)).astype(dtype, order="F")
        c = np.zeros((m, n), dtype, order="F")
        calls.append(
            lambda: gemm(1.0, a, b, c=c, trans_a=ta, trans_b=tb, overwrite_c=1)
        )

    # In columns as BLAS has them: all matrices are the transposed of rows.
    for i, (inputs, units) in enumerate(pairwise(sizes)):
        add(units, batch, inputs, 0, 0)
        add(units, inputs, batch, 0, 1)
        if i > 0:
            add(inputs, batch, units, 1, 0)
    return lambda: [call() for call in calls]


def own_products(shape, dtype):
    """The same products by optlab: nets of single affine layers, whose rest is next to
    nothing for large shapes. Their gradient by the weights is two of them."""
    sizes, batch = SHAPES[shape]
    model = nn.MLP(sizes, "identity", loss="squared", dtype=dtype)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch, sizes[0])).astype(dtype)
    objective = model.objective(X, np.zeros((batch, sizes[-1])))
    w = model.init(rng=0)
    return lambda: objective.fun_and_grad(w)


# ---- peers -----------------------------------------------------------------------------


def numpy_net(shape, kind, dtype):
    """The net in NumPy, as it would be written with some care."""
    model, _, w, X, y = case(shape, kind, dtype)
    layers = model.unpack(w)
    rows, m = np.arange(len(y)), X.dtype.type(len(y))
    swish, batch_norm = kind != "ReLU", kind != "ReLU"

    def evaluate():
        a, kept = X, []
        for layer in layers[:-1]:
            z = a @ layer["weights"]
            state = {"a": a}
            if batch_norm:
                z -= z.mean(axis=0)
                inverse = 1 / np.sqrt((z * z).mean(axis=0) + z.dtype.type(EPS))
                z *= inverse
                state |= {"normal": z, "inverse": inverse}
                z = z * layer["scale"] + layer["shift"]
            else:
                z += layer["bias"]
            if swish:
                s = 1 / (1 + np.exp(-z))
                a = z * s
                state["slope"] = s + a * (1 - s)
            else:
                state["slope"] = z > 0
                a = np.maximum(z, 0)
            kept.append(state)
        z = a @ layers[-1]["weights"] + layers[-1]["bias"]
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        f = float((np.log(total[:, 0]) - z[rows, y]).mean())
        p /= total
        p[rows, y] -= 1
        delta = p / m
        g = [(delta.sum(axis=0)), a.T @ delta]
        for i in range(len(kept) - 1, -1, -1):
            state = kept[i]
            delta = delta @ layers[i + 1]["weights"].T
            delta *= state["slope"]
            if batch_norm:
                normal = state["normal"]
                shift, scale = delta.sum(axis=0), (delta * normal).sum(axis=0)
                g += [shift, scale]
                delta -= shift / m + normal * (scale / m)
                delta *= layers[i]["scale"] * state["inverse"]
            else:
                g.append(delta.sum(axis=0))
            g.append(state["a"].T @ delta)
        return f, np.concatenate([part.ravel() for part in g[::-1]])

    return evaluate


def torch_net(shape, kind, dtype):
    """The net in torch, with its modules."""
    try:
        import torch
    except ImportError:
        raise NotImplementedError("torch is not installed") from None
    torch.set_num_threads(1)
    _, _, _, X, y = case(shape, kind, dtype)
    sizes, _ = SHAPES[shape]
    modules = []
    for i, (inputs, units) in enumerate(pairwise(sizes)):
        hidden = i < len(sizes) - 2
        plain = kind == "ReLU" or not hidden
        modules.append(torch.nn.Linear(inputs, units, bias=plain))
        if hidden:
            modules += (
                [torch.nn.ReLU()]
                if kind == "ReLU"
                else [torch.nn.BatchNorm1d(units), torch.nn.SiLU()]
            )
    model = torch.nn.Sequential(*modules).to(getattr(torch, dtype))
    data, labels = torch.tensor(X), torch.tensor(y)
    loss = torch.nn.CrossEntropyLoss()

    def evaluate():
        model.zero_grad(set_to_none=True)
        value = loss(model(data), labels)
        value.backward()
        return value.item()

    return evaluate


def jax_net(shape, kind, dtype):
    """The net in JAX, compiled."""
    try:
        import jax
    except ImportError:
        raise NotImplementedError("jax is not installed") from None
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    model, _, w, X, y = case(shape, kind, dtype)
    labels = jnp.asarray(y)
    data = jnp.asarray(X)

    def loss(layers):
        a = data
        for i, layer in enumerate(layers):
            z = a @ layer["weights"]
            if "scale" in layer:
                z = (z - z.mean(axis=0)) / jnp.sqrt(z.var(axis=0) + EPS)
                z = z * layer["scale"] + layer["shift"]
            else:
                z = z + layer["bias"]
            last = i == len(layers) - 1
            a = z if last else jax.nn.relu(z) if kind == "ReLU" else jax.nn.silu(z)
        return -jnp.mean(jax.nn.log_softmax(a)[jnp.arange(len(labels)), labels])

    both = jax.jit(jax.value_and_grad(loss))
    layers = [
        {k: jnp.asarray(v) for k, v in layer.items()} for layer in model.unpack(w)
    ]
    return lambda: jax.block_until_ready(both(layers))


def net(library, shape, kind, dtype):
    """Loss and gradient as a function without arguments."""
    if library == "optlab":
        _, objective, w, _, _ = case(shape, kind, dtype)
        return lambda: objective.fun_and_grad(w)
    return {"numpy": numpy_net, "torch": torch_net, "jax": jax_net}[library](
        shape, kind, dtype
    )


class LossAndGradient:
    params = (LIBRARIES, list(SHAPES)[::2], list(KINDS))
    param_names = ("library", "shape", "kind")

    def setup(self, library, shape, kind):
        hold_to_one_thread()
        self.evaluate = net(library, shape, kind, "float32")
        self.evaluate()

    def time_loss_and_gradient(self, library, shape, kind):
        self.evaluate()


class HessianProduct:
    params = (list(SHAPES), list(KINDS))
    param_names = ("shape", "kind")

    def setup(self, shape, kind):
        hold_to_one_thread()
        _, self.objective, self.w, _, _ = case(shape, kind, "float32")

    def time_product(self, shape, kind):
        self.objective.hessp(self.w, self.w)


# ---- training --------------------------------------------------------------------------

ALPHA, LOSS = 1e-3, 1e-3  # a prior that allows this loss


@functools.cache
def digits():
    """Digits, scaled to unit variance, three quarters to train with."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)


def train_optlab(method, activation, seed, dtype="float32"):
    """Seconds and test accuracy of a training down to the loss."""
    X, held, y, held_y = digits()
    start = perf_counter()
    prior = nn.GaussianPrior(ALPHA)
    model = nn.MLP([64, 64, 10], activation, prior=prior, dtype=dtype)
    objective = model.objective(X, y)

    def reached(intermediate_result):
        if intermediate_result.fun <= LOSS:
            raise StopIteration

    result = optlab.minimize(
        objective,
        model.init(rng=seed),
        method=method,
        callback=reached,
        options={"gtol": 0.0},
    )
    return perf_counter() - start, model.score(result.x, held, held_y), result.fun


def train_sklearn(activation, seed):
    """The same by MLPClassifier, whose own loss and iterations decide when it is there."""
    from sklearn.neural_network import MLPClassifier

    X, held, y, held_y = digits()
    make = functools.partial(
        MLPClassifier,
        (64,),
        activation=activation,
        solver="lbfgs",
        alpha=ALPHA,
        tol=0.0,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for iterations in range(5, 200):  # the first number that is enough
            if make(max_iter=iterations).fit(X, y).loss_ <= LOSS:
                break
        start = perf_counter()
        model = make(max_iter=iterations).fit(X, y)
        return perf_counter() - start, model.score(held, held_y), model.loss_


class Training:
    params = (["l-bfgs", "newton-cg", "trust-ncg"], ["relu", "tanh"])
    param_names = ("method", "activation")

    def setup(self, method, activation):
        hold_to_one_thread()
        digits()

    def time_digits(self, method, activation):
        train_optlab(method, activation, 0)
