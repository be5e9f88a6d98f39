"""Nets in NumPy, PyTorch and JAX, as their users would write them to be fast.

Each maker takes a `Case`, and returns functions without arguments: the loss with its
gradient, and a product of the Hessian if it has one.
"""

import os
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from typing import NamedTuple

import numpy as np

from optlab import nn

from .common import hold_to_one_thread

EPS = 1e-5  # what batch norm adds to variances
SHAPES = {
    "64-32-10, batch 32": ((64, 32, 10), 32),
    "784-128-10, batch 32": ((784, 128, 10), 32),
    "784-128-10, batch 128": ((784, 128, 10), 128),
    "784-512-512-10, batch 256": ((784, 512, 512, 10), 256),
}
KINDS = {"ReLU": ("relu", False), "Swish + batch norm": ("swish", True)}


def hold_to_one_core():
    """Hold this process to one core: XLA's threads heed nothing else."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextmanager
def one_core():
    """Hold this process to one core for a while."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    hold_to_one_core()
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


class Case(NamedTuple):
    """A net with data."""

    model: nn.MLP
    X: np.ndarray
    y: np.ndarray
    w: np.ndarray
    v: np.ndarray
    rectified: bool  # by ReLU, without batch norm; else Swish with it


@cache
def case(shape, kind, dtype):
    """Draw a net of a kind, its data, and a direction."""
    sizes, batch = SHAPES[shape]
    activation, batch_norm = KINDS[kind]
    model = nn.MLP(sizes, activation, batch_norm, dtype=dtype, batch_norm_eps=EPS)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(batch, sizes[0])).astype(dtype)
    y = rng.integers(sizes[-1], size=batch)
    v = rng.normal(size=model.n).astype(dtype)
    return Case(model, X, y, model.init(rng=0), v, not batch_norm)


def fastest(functions):
    """Return the fastest of some functions."""

    def best(function, rounds=20):
        times = []
        for _ in range(rounds):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
        return min(times)

    return min(functions, key=best)


# ---- NumPy -----------------------------------------------------------------------------


class NumPyNet:
    """Loss and gradient in NumPy: in place, into memory that is there."""

    def __init__(self, case):
        self.case, dtype = case, case.model.dtype
        self.layers = case.model.unpack(case.w)
        self.g = np.empty_like(case.w)
        self.gradients = case.model.unpack(self.g)
        rows, sizes = len(case.y), case.model.sizes
        self.rows, self.scale = np.arange(rows), dtype.type(1 / rows)
        # Of each layer: its outputs, what goes on, and two that the way back needs
        self.kept = [np.empty((4, rows, units), dtype) for units in sizes[1:]]

    def __call__(self):
        a, inputs, inverses = self.case.X, [], []
        for layer, (z, out, slope, normal) in zip(self.layers, self.kept, strict=True):
            inputs.append(a)
            np.matmul(a, layer["weights"], out=z)
            if "bias" in layer:
                z += layer["bias"]
            else:
                np.subtract(z, z.mean(axis=0), out=normal)
                variance = np.einsum("ij,ij->j", normal, normal) * self.scale
                inverses.append(1 / np.sqrt(variance + variance.dtype.type(EPS)))
                normal *= inverses[-1]
                np.multiply(normal, layer["scale"], out=z)
                z += layer["shift"]
            if layer is self.layers[-1]:
                break
            if self.case.rectified:
                np.maximum(z, 0, out=out)
            else:  # the slope of z s(z) is s + z s (1 - s)
                np.negative(z, out=slope)
                np.exp(slope, out=slope)
                slope += 1
                np.reciprocal(slope, out=slope)
                np.multiply(z, slope, out=out)
                np.subtract(1, slope, out=z)
                z *= out
                slope += z
            a = out
        f = self.loss(z)
        self.back(z, inputs, inverses)
        return f, self.g

    def loss(self, z):
        """Return the loss, and leave its derivative in z."""
        z -= z.max(axis=1, keepdims=True)
        chosen = z[self.rows, self.case.y]
        np.exp(z, out=z)
        totals = z.sum(axis=1, keepdims=True)
        z *= self.scale / totals
        z[self.rows, self.case.y] -= self.scale
        return float(np.mean(np.log(totals[:, 0]) - chosen))

    def back(self, delta, inputs, inverses):
        for i in range(len(self.layers) - 1, -1, -1):
            layer, gradient = self.layers[i], self.gradients[i]
            if "bias" in layer:
                delta.sum(axis=0, out=gradient["bias"])
            else:
                normal = self.kept[i][3]
                shift = delta.sum(axis=0, out=gradient["shift"])
                scale = np.einsum("ij,ij->j", delta, normal, out=gradient["scale"])
                normal *= scale * self.scale
                normal += shift * self.scale
                delta -= normal
                delta *= layer["scale"] * inverses[i]
            np.matmul(inputs[i].T, delta, out=gradient["weights"])
            if i == 0:
                return
            z, out, slope, _ = self.kept[i - 1]
            np.matmul(delta, layer["weights"].T, out=z)
            z *= out > 0 if self.case.rectified else slope
            delta = z


def numpy_net(case):
    """Loss and gradient in NumPy."""
    return NumPyNet(case), None


# ---- PyTorch ---------------------------------------------------------------------------


def torch_nets(case, compiled=False):
    """Loss and gradient in PyTorch in several forms, and a product of the Hessian."""
    try:
        import torch
        from torch.nn import functional as F
    except ImportError:
        raise NotImplementedError("PyTorch is not installed") from None
    torch.set_num_threads(1)
    hold_to_one_thread()
    X, y = torch.tensor(case.X), torch.tensor(case.y)

    def tensors(vector, turned, **options):
        return [
            {
                name: torch.tensor(
                    np.ascontiguousarray(part.T if turned else part), **options
                )
                for name, part in layer.items()
            }
            for layer in case.model.unpack(vector)
        ]

    def loss_of(layers, turned):
        a = X
        for layer in layers:
            weights, bias = layer["weights"], layer.get("bias")
            if turned:
                z = F.linear(a, weights, bias)
            else:
                z = a @ weights if bias is None else torch.addmm(bias, a, weights)
            if bias is None:
                scale, shift = layer["scale"], layer["shift"]
                z = F.batch_norm(z, None, None, scale, shift, True, eps=EPS)
            a = F.relu(z) if case.rectified else F.silu(z)
        return F.cross_entropy(z, y)

    def flat(layers):
        return [part for layer in layers for part in layer.values()]

    def form(turned, backward):
        layers = tensors(case.w, turned, requires_grad=True)
        leaves = flat(layers)

        def by_backward():
            for leaf in leaves:
                leaf.grad = None
            loss = loss_of(layers, turned)
            loss.backward()
            return loss, [leaf.grad for leaf in leaves]

        def by_grad():
            loss = loss_of(layers, turned)
            return loss, torch.autograd.grad(loss, leaves)

        chosen = by_backward if backward else by_grad
        chosen.turned = turned
        return chosen

    if compiled:
        torch.compiler.reset()  # or it gives up after a few nets
        parts = tensors(case.w, False)
        both = torch.func.grad_and_value(lambda layers: loss_of(layers, False))
        function = torch.compile(lambda: both(parts))

        def evaluate():
            with torch.no_grad():
                g, f = function()
            return f, flat(g)

        return [evaluate], None

    layers = tensors(case.w, False, requires_grad=True)
    direction = flat(tensors(case.v, False))

    def product():
        leaves = flat(layers)
        loss = loss_of(layers, False)
        g = torch.autograd.grad(loss, leaves, create_graph=True)
        return torch.autograd.grad(g, leaves, direction, materialize_grads=True)

    forms = [form(turned, backward) for turned in (0, 1) for backward in (0, 1)]
    return forms, product


def torch_net(case):
    """Loss and gradient in PyTorch, eager, in the form that is fastest."""
    forms, product = torch_nets(case)
    return fastest(forms), product


def torch_compiled(case):
    """The same, compiled."""
    (evaluate,), _ = torch_nets(case, compiled=True)
    try:
        evaluate()
    except Exception as error:
        raise NotImplementedError("torch.compile does not work here") from error
    return evaluate, None


# ---- JAX -------------------------------------------------------------------------------


@cache
def load_jax():
    """Import JAX, to compute in this thread; its flags are set in common.py."""
    try:
        import jax
    except ImportError:
        raise NotImplementedError("JAX is not installed") from None
    jax.config.update("jax_enable_x64", True)
    # Handing a small net to another thread takes longer than the net.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return jax


def jax_net(case):
    """Loss and gradient in JAX, compiled, and a product of the Hessian."""
    jax = load_jax()
    X, y = jax.numpy.asarray(case.X), jax.numpy.asarray(case.y, np.int32)

    def loss_of(layers, X, y):
        a = X
        for layer in layers:
            z = a @ layer["weights"]
            if "bias" in layer:
                z = z + layer["bias"]
            else:
                z = z - z.mean(axis=0)
                z = z * jax.lax.rsqrt((z * z).mean(axis=0) + EPS)
                z = z * layer["scale"] + layer["shift"]
            a = jax.nn.relu(z) if case.rectified else jax.nn.silu(z)
        chosen = jax.numpy.take_along_axis(z, y[:, None], axis=1)[:, 0]
        return (jax.nn.logsumexp(z, axis=1) - chosen).mean()

    layers, direction = (
        jax.tree.map(jax.numpy.asarray, case.model.unpack(vector))
        for vector in (case.w, case.v)
    )
    both = jax.jit(jax.value_and_grad(loss_of))

    @jax.jit
    def hessp(layers, direction, X, y):
        g = jax.grad(lambda layers: loss_of(layers, X, y))
        return jax.jvp(g, (layers,), (direction,))[1]

    return (
        lambda: jax.block_until_ready(both(layers, X, y)),
        lambda: jax.block_until_ready(hessp(layers, direction, X, y)),
    )


# ---- optlab ----------------------------------------------------------------------------


def optlab_net(case):
    """Loss and gradient by optlab, and a product of the Hessian."""
    objective = case.model.objective(case.X, case.y)
    return (
        lambda: objective.fun_and_grad(case.w),
        lambda: objective.hessp(case.w, case.v),
    )


NETS = {
    "optlab": optlab_net,
    "numpy": numpy_net,
    "torch": torch_net,
    "torch.compile": torch_compiled,
    "jax": jax_net,
}


def vector(parts, case, turned=False):
    """A gradient as one vector, however a library returns it."""
    if isinstance(parts, np.ndarray):
        return parts
    layers = case.model.unpack(case.w)
    if isinstance(parts[0], dict):  # JAX: layers, whose names it has sorted
        parts = [parts[i][name] for i, layer in enumerate(layers) for name in layer]
    arrays = [np.asarray(part) for part in parts]
    return np.concatenate([(a.T if turned else a).ravel() for a in arrays])


def make(library, shape, kind, dtype):
    """Make a library's two functions, whose loss and gradient agree with optlab's."""
    given = case(shape, kind, dtype)
    evaluate, product = NETS[library](given)
    ours, hessp = optlab_net(given)
    (f, g), (f0, g0) = evaluate(), ours()
    assert abs(float(f.detach() if library == "torch" else f) - f0) <= 1e-4 * f0
    pairs = [(vector(g, given, getattr(evaluate, "turned", False)), g0)]
    if product:
        pairs.append((vector(product(), given), hessp()))
    for theirs, expected in pairs:
        # In single precision, a few units are on the other side of ReLU's kink.
        off = np.linalg.norm(theirs - expected)
        allowed = 1e-2 if dtype == "float32" else 1e-9
        assert off <= allowed * np.linalg.norm(expected), (library, off)
    return evaluate, product
