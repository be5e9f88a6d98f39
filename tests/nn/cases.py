"""Activations and losses beside their textbook twins, for tests that go over all."""

from functools import partial

import numpy as np

from optlab import nn
from optlab_c import nets

from ..textbook import mlp as twin

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def single(value):
    """Numbers that float32 holds, so that both precisions compute with the same."""
    return np.asarray(value, np.float32).astype(float)


def pairs(*rows):
    return {name: (ours, theirs) for name, ours, theirs in rows}


ACTIVATIONS = {
    **pairs(
        *(
            (name, nn.ACTIVATIONS[name], twin.plain(twin.UNARY[name]))
            for name in ("identity", "relu", "softplus", "sigmoid", "tanh", "gelu")
        ),
        ("leaky_relu", nn.LeakyReLU(0.125), twin.leaky(0.125)),
        ("prelu", nn.PReLU(), twin.leaky()),
        ("swish", nn.Swish(), twin.swish(1.0)),
        ("swish of -1.5", nn.Swish(-1.5), twin.swish(-1.5)),
        ("swish, trained", nn.Swish(0.5, trained=True), twin.swish()),
        ("acon_a", nn.AconA(), twin.swish()),
        ("acon_a, fixed", nn.AconA(2.0, trained=False), twin.swish(2.0)),
        ("acon_b", nn.AconB(), twin.acon_b()),
        ("acon_b, fixed", nn.AconB(0.25, 2.0, False), twin.acon_b(0.25, 2.0)),
        ("acon_c", nn.AconC(), twin.acon_c()),
        ("acon_c, fixed", nn.AconC(1.5, -0.5, 2.0, False), twin.acon_c(1.5, -0.5, 2.0)),
        ("meta_acon", nn.MetaAcon(), twin.meta_acon()),
        ("meta_acon, narrow", nn.MetaAcon(reduction=1), twin.meta_acon(reduction=1)),
        ("meta_acon, normed", nn.MetaAcon(batch_norm=True), twin.meta_acon(True)),
    ),
    **pairs(
        *(
            row
            for k in (2, 3, 5)
            for row in (
                (f"maxout of {k}", nn.Maxout(k), twin.maxout(k)),
                (f"smooth_maxout of {k}", nn.SmoothMaxout(k), twin.smooth_maxout(k)),
            )
        ),
        (
            "smooth_maxout, fixed",
            nn.SmoothMaxout(3, -1.5, False),
            twin.smooth_maxout(3, -1.5),
        ),
    ),
}


def composed(binary, first, second, trained=(), **betas):
    fixed = {name: None if name in trained else betas.get(name, 1.0) for name in BETAS}
    ours = nn.Composite(binary, first, second, **betas, trained=trained)
    return ours, twin.composite(binary, first, second, **fixed)


BETAS = ("beta_1", "beta_2", "beta")
COMPOSITES = {
    **{
        f"first {name}": composed("product", name, "identity", ("beta_1",))
        for name in nets.UNARY
    },
    **{
        f"second {name}": composed("sum", "identity", name, ("beta_2",))
        for name in nets.UNARY
    },
    **{
        f"{name}, trained": composed(name, "tanh", "gaussian", ("beta_1", "beta_2"))
        for name in nets.BINARY
    },
    **{
        f"{name}, fixed": composed(name, "atan", "sigmoid", beta_1=0.5, beta_2=-2.0)
        for name in nets.BINARY
    },
    "smooth_max, all trained": composed("smooth_max", "sin", "softplus", BETAS),
    "smooth_max of -2": composed("smooth_max", "sin", "softplus", beta=-2.0),
}

LOSSES = {
    "cross_entropy": (nn.CrossEntropy(), twin.cross_entropy),
    "smoothed": (
        nn.CrossEntropy(0.125),
        partial(twin.cross_entropy, smoothing=0.125),
    ),
    "logistic": (nn.Logistic(), twin.logistic),
    "squared": (nn.Squared(), twin.squared),
    "huber": (nn.Huber(0.5), partial(twin.huber, delta=0.5)),
}


def targets(loss, rows, outputs, rng):
    if loss in ("cross_entropy", "smoothed"):
        return rng.integers(0, outputs, rows)
    if loss == "logistic":
        return rng.integers(0, 2, (rows, outputs))
    return single(2 * rng.normal(size=(rows, outputs)))
