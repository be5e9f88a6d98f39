"""A net and its losses in plain NumPy, with long doubles: formulas, and values only.

Derivatives are had by differences of these values, which 64 bits of mantissa resolve to
what double precision holds.
"""

import mpmath
import numpy as np

Real = np.longdouble


def precise(function):
    """A function of mpmath for arrays of long doubles."""

    def one(x):
        with mpmath.workdps(25):
            return Real(mpmath.nstr(function(mpmath.mpf(repr(x).split("'")[1])), 23))

    return np.vectorize(one, otypes=[Real])


_erf = precise(mpmath.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def smooth_max(values, beta):
    """S_beta over the first axis."""
    u = beta * np.array(values)
    e = np.exp(u - u.max(axis=0))
    return (np.array(values) * e).sum(axis=0) / e.sum(axis=0)


UNARY = {
    "identity": lambda x: x,
    "negation": lambda x: -x,
    "abs": abs,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "sqrt_abs": lambda x: np.sqrt(abs(x)),
    "exp": np.exp,
    "log_abs": lambda x: np.log(abs(x)),
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "atan": np.arctan,
    "erf": _erf,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": lambda x: np.maximum(x, 0),
    "min0": lambda x: np.minimum(x, 0),
    "gaussian": lambda x: np.exp(-(x**2)),
    "gelu": lambda x: x * (1 + _erf(x / np.sqrt(Real(2)))) / 2,
}

BINARY = {
    "sum": lambda a, b, beta: a + b,
    "difference": lambda a, b, beta: a - b,
    "product": lambda a, b, beta: a * b,
    "max": lambda a, b, beta: np.maximum(a, b),
    "min": lambda a, b, beta: np.minimum(a, b),
    "gate": lambda a, b, beta: sigmoid(a) * b,
    "smooth_max": lambda a, b, beta: smooth_max([a, b], beta),
    "quotient": lambda a, b, beta: a / b,
}


def swish(z, p, **_):
    return z * sigmoid(p["beta"] * z)


def acon_c(z, p, **_):
    return smooth_max([p["p1"] * z, p["p2"] * z], p["beta"])


def meta_acon(z, p, *, batch_norm, eps):
    beta = z
    for i in "12":
        beta = beta @ p[f"beta_weights_{i}"]
        if batch_norm:
            beta = norm(beta, p[f"beta_scale_{i}"], p[f"beta_shift_{i}"], eps)
        else:
            beta = beta + p[f"beta_bias_{i}"]
    return acon_c(z, {**p, "beta": sigmoid(beta)})


PARAMETRIC = {
    "leaky_relu": lambda z, p, **_: np.where(z > 0, z, p["a"] * z),
    "prelu": lambda z, p, **_: np.where(z > 0, z, p["a"] * z),
    "swish": swish,
    "silu": swish,
    "acon_a": swish,
    "acon_b": lambda z, p, **_: acon_c(z, {"p1": 1, "p2": p["p"], "beta": p["beta"]}),
    "acon_c": acon_c,
    "meta_acon": meta_acon,
    "maxout": lambda z, p, **_: np.max(z, axis=0),
    "smooth_maxout": lambda z, p, **_: smooth_max(z, p["beta"]),
}


def composite(activation, z, p):
    first = UNARY[activation.first](p["beta_1"] * z)
    second = UNARY[activation.second](p["beta_2"] * z)
    return BINARY[activation.binary](first, second, p["beta"])


def activate(name, activation, z, p, eps):
    """By its name in ACTIVATIONS, or "composite"."""
    fixed = {
        item.name: item.value for item in activation.parameters if not item.trained
    }
    p = {**{k: v if v is None else Real(v) for k, v in fixed.items()}, **p}
    if activation.pieces > 1:
        z = np.split(z, activation.pieces, axis=1)
    if name == "composite":
        return composite(activation, z, p)
    if name in UNARY:
        return UNARY[name](z)
    more = {"batch_norm": getattr(activation, "batch_norm", False), "eps": eps}
    return PARAMETRIC[name](z, p, **more)


def norm(z, scale, shift, eps):
    """Over the batch, with the biased variance."""
    return (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + eps) * scale + shift


def outputs(model, name, w, X):
    """What the net makes of X; `name` is that of its activation."""
    a = X.astype(Real)
    layers = model.unpack(np.arange(model.n))  # where everything is
    eps = Real(model.batch_norm_eps)
    for layer, at in enumerate(layers):
        p = {key: w[index] for key, index in at.items()}
        a = a @ p["weights"]
        if "scale" in p:  # noqa: SIM108
            a = norm(a, p["scale"], p["shift"], eps)
        else:
            a = a + p["bias"]
        if layer < len(layers) - 1:
            a = activate(name, model.activations[layer], a, p, eps)
    return a


def losses(loss, parameter, z, y):
    """Of every sample; labels for "cross_entropy", else rows of targets."""
    if loss == "cross_entropy":
        top = z.max(axis=1, keepdims=True)
        lse = top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))
        q = np.full(z.shape, Real(parameter) / z.shape[1])
        q[np.arange(len(y)), y] += 1 - Real(parameter)
        return (q * (lse - z)).sum(axis=1)
    if loss == "logistic":
        return (softplus(z) - y * z).sum(axis=1)
    r = abs(z - y)
    if loss == "squared":
        return (r**2 / 2).sum(axis=1)
    return np.where(r <= parameter, r**2 / 2, parameter * (r - parameter / 2)).sum(
        axis=1
    )


def objective(
    model, name, w, X, y, loss, parameter=0.0, weights=None, penalty=0.0, indices=None
):
    """F(w), or F of a batch; the penalty is a function of w."""
    N = len(X)
    s = np.ones(N) if weights is None else weights
    B = np.arange(N) if indices is None else np.asarray(indices)
    each = losses(loss, parameter, outputs(model, name, w, X[B]), y[B])
    total = s.sum()
    return N / total * np.mean(s[B] * each) + penalty / total


def along(f, v, h=2e-4):
    """The derivative of f(t) = F(w + t v) at 0, of eighth order: Fornberg 1988."""
    terms = (
        (1, 4 / Real(5)),
        (2, -1 / Real(5)),
        (3, 4 / Real(105)),
        (4, -1 / Real(280)),
    )
    h = Real(h)
    return sum(c * (f(k * h * v) - f(-k * h * v)) for k, c in terms) / h


def twice_along(f, u, v, h=2e-3):
    """u'Hv."""
    return along(lambda s: along(lambda t: f(s + t), u, h), v, h)
