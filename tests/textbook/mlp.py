"""Multi-layer perceptrons, formula by formula, for every kind of number.

Values only: float64, longdouble, complex where a formula is analytic, and object arrays of
mpmath's numbers, whose differences give derivatives to as many digits as are wanted. The
parameters are read off the vector w in their order, so its layout is written here as well.
"""

import mpmath
import numpy as np
from scipy import special

# ---- functions of all kinds of numbers -----------------------------------------------


def by_mpmath(function):
    """`function` of each element: of mpmath's numbers, or of long doubles by way of them."""

    def one(x):
        if not isinstance(x, np.floating):
            return function(x)
        with mpmath.workdps(30):
            high = float(x)
            y = function(mpmath.mpf(high) + mpmath.mpf(float(x - high)))
            return np.longdouble(float(y)) + np.longdouble(float(y - float(y)))

    return np.frompyfunc(one, 1, 1)


def function(numpy, exact, long=True):
    """NumPy's function, or mpmath's: for its own numbers, and where NumPy has no `long`."""
    slow = by_mpmath(exact)

    def call(x):
        x = np.asarray(x)
        if x.dtype == object:
            return slow(x)
        return numpy(x) if long or x.dtype != np.longdouble else slow(x).astype(x.dtype)

    return call


exp, log = function(np.exp, mpmath.exp), function(np.log, mpmath.log)
log1p, sqrt = function(np.log1p, mpmath.log1p), function(np.sqrt, mpmath.sqrt)
sin, cos = function(np.sin, mpmath.sin), function(np.cos, mpmath.cos)
tanh, atan = function(np.tanh, mpmath.tanh), function(np.arctan, mpmath.atan)
erf = function(special.erf, mpmath.erf, long=False)
erfc = function(  # beyond 1e4 it is 0 or 2, and mpmath's fails from 1e154 on
    special.erfc, lambda x: mpmath.erfc(max(min(x, 1e4), -1e4)), long=False
)


def where(condition, a, b):
    return np.where(np.asarray(condition, bool), a, b)


def size(x):
    return where(x.real < 0, -x, x)


def sigmoid(x):
    e = exp(-size(x))
    return where(x.real < 0, e, 1) / (1 + e)


def softplus(x):
    return log1p(exp(-size(x))) + where(x.real > 0, x, 0)


def largest(z, axis):
    return z.real.max(axis=axis, keepdims=True)


def smooth_maximum(z, beta):
    """S_beta over the first axis."""
    u = beta * z
    e = exp(u - largest(u, 0))
    return (z * e).sum(axis=0) / e.sum(axis=0)


# ---- activations: of z and `take`, which reads the next parameters off w -------------


def plain(f):
    return lambda z, take: f(z)


def leaky(a=None):
    return lambda z, take: where(z.real > 0, z, number("a", a, z, take) * z)


def swish(beta=None):
    return lambda z, take: z * sigmoid(number("beta", beta, z, take) * z)


def acon_b(p=None, beta=None):
    def f(z, take):
        a, b = number("p", p, z, take), number("beta", beta, z, take)
        return (1 - a) * z * sigmoid(b * (1 - a) * z) + a * z

    return f


def acon_c(p1=None, p2=None, beta=None):
    def f(z, take):
        a, b = number("p1", p1, z, take), number("p2", p2, z, take)
        c = number("beta", beta, z, take)
        return (a - b) * z * sigmoid(c * (a - b) * z) + b * z

    return f


def meta_acon(batch_norm=False, reduction=16, eps=1e-5):
    def f(z, take):
        units = z.shape[1]
        a, b = take("p1", units), take("p2", units)
        hidden = min(units, max(reduction, units // reduction))
        inner = z
        for i, (rows, columns) in enumerate(((units, hidden), (hidden, units)), 1):
            inner = inner @ take(f"beta_weights_{i}", rows, columns)
            if batch_norm:
                scale = take(f"beta_scale_{i}", columns)
                inner = norm(inner, eps) * scale + take(f"beta_shift_{i}", columns)
            else:
                inner = inner + take(f"beta_bias_{i}", columns)
        return (a - b) * z * sigmoid(sigmoid(inner) * (a - b) * z) + b * z

    return f


def maxout(pieces):
    return lambda z, take: np.max(np.array(np.split(z, pieces, axis=1)), axis=0)


def smooth_maxout(pieces, beta=None):
    def f(z, take):
        parts = np.array(np.split(z, pieces, axis=1))
        return smooth_maximum(parts, number("beta", beta, parts[0], take))

    return f


def composite(binary, first, second, beta_1=1.0, beta_2=1.0, beta=1.0):
    """A beta that is None is trained."""

    def f(z, take):
        b1, b2 = number("beta_1", beta_1, z, take), number("beta_2", beta_2, z, take)
        b = number("beta", beta, z, take)
        return BINARY[binary](UNARY[first](b1 * z), UNARY[second](b2 * z), b)

    return f


def number(name, value, z, take):
    """A fixed number, or the next ones of w, one for each unit."""
    return take(name, z.shape[1]) if value is None else value


def gelu(x):
    return x * erfc(-x / sqrt(2 + 0 * x)) / 2


UNARY = {
    "identity": lambda x: x,
    "negation": lambda x: -x,
    "abs": size,
    "square": lambda x: x * x,
    "cube": lambda x: x * x * x,
    "sqrt_abs": lambda x: sqrt(size(x)),
    "exp": exp,
    "log_abs": lambda x: log(size(x)),
    "sin": sin,
    "cos": cos,
    "tanh": tanh,
    "atan": atan,
    "erf": erf,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": lambda x: where(x.real > 0, x, 0 * x),
    "min0": lambda x: where(x.real < 0, x, 0 * x),
    "gaussian": lambda x: exp(-x * x),
    "gelu": gelu,
}

BINARY = {
    "sum": lambda a, b, beta: a + b,
    "difference": lambda a, b, beta: a - b,
    "product": lambda a, b, beta: a * b,
    "max": lambda a, b, beta: where(a.real >= b.real, a, b),
    "min": lambda a, b, beta: where(a.real <= b.real, a, b),
    "gate": lambda a, b, beta: sigmoid(a) * b,
    "smooth_max": lambda a, b, beta: (a - b) * sigmoid(beta * (a - b)) + b,
    "quotient": lambda a, b, beta: (
        a / where(size(b).real >= 1e-7, b, where(b.real < 0, -1e-7, 1e-7))
    ),
}

# ---- the net -------------------------------------------------------------------------


def norm(z, eps):
    """Batch norm without scale and shift; the variance is the biased one."""
    apart = z - z.sum(axis=0) / len(z)
    return apart / sqrt((apart * apart).sum(axis=0) / len(z) + eps)


class Reader:
    """What w holds, in its order; `found` notes the layer, name and shape of each part."""

    def __init__(self, w):
        self.w, self.at, self.layer, self.found = w, 0, 0, []

    def take(self, name, *shape):
        start, self.at = self.at, self.at + int(np.prod(shape))
        assert self.at <= len(self.w), name
        self.found.append((self.layer, name, shape))
        return self.w[start : self.at].reshape(shape)


class Net:
    """Layers of (units, activation, pieces, whether normed), then an affine one."""

    def __init__(self, inputs, layers, outputs, eps=1e-5):
        self.inputs, self.outputs, self.eps = inputs, outputs, eps
        self.layers = [*layers, (outputs, plain(UNARY["identity"]), 1, False)]

    def read(self, w, X):
        """Outputs for the rows of X, and the reader of w."""
        reader, a, width = Reader(w), X, self.inputs
        for units, activation, pieces, normed in self.layers:
            z = a @ reader.take("weights", width, pieces * units)
            if normed:
                scale = reader.take("scale", pieces * units)
                z = norm(z, self.eps) * scale + reader.take("shift", pieces * units)
            else:
                z = z + reader.take("bias", pieces * units)
            a, width = activation(z, reader.take), units
            reader.layer += 1
        return a, reader

    def __call__(self, w, X):
        a, reader = self.read(w, X)
        assert reader.at == len(w)
        return a

    def layout(self):
        """Layer, name and shape of all that w holds, and its length."""
        reader = self.read(np.ones(10_000), np.ones((2, self.inputs)))[1]
        return reader.found, reader.at


# ---- losses of each sample, and the objective ----------------------------------------


def cross_entropy(z, y, smoothing=0.0):
    K, top = z.shape[1], largest(z, 1)
    q = (1 - smoothing) * np.eye(K, dtype=int)[y] + smoothing / K
    lse = top[:, 0] + log(exp(z - top).sum(axis=1))
    return lse - (q * z).sum(axis=1)


def logistic(z, y):
    return (softplus(z) - y * z).sum(axis=1)


def squared(z, y):
    return ((z - y) * (z - y)).sum(axis=1) / 2


def huber(z, y, delta=1.0):
    r = size(z - y)
    return where(r.real <= delta, r * r / 2, delta * (r - delta / 2)).sum(axis=1)


def objective(net, loss, w, X, y, weights=None, precision=0, mean=0, indices=None):
    """F(w), or F of a batch; `loss` is of z and y, `precision` a number or a vector."""
    N = len(X)
    s = np.ones(N) if weights is None else weights
    B = np.arange(N) if indices is None else np.asarray(indices)
    S = s.sum()
    penalty = (precision * (w - mean) * (w - mean) / 2).sum()
    each = loss(net(w, alike(X[B], w)), y[B])
    return N / S * (s[B] * each).sum() / len(B) + penalty / S


def alike(x, w):
    """x in w's kind of number."""
    return (
        np.array(x, object) * mpmath.mpf(1) if w.dtype == object else x.astype(w.dtype)
    )


# ---- derivatives, by differences in many digits --------------------------------------


def exactly(x):
    """An array of mpmath's numbers."""
    x = np.asarray(x, float)
    flat = [mpmath.mpf(float(value)) for value in x.flat]
    return np.array(flat, object).reshape(x.shape)


def derivatives(f, w, v):
    """f, its gradient and its Hessian times v at w, of 18 digits and more, as doubles."""
    with mpmath.workdps(50):
        w, v, h = exactly(w), exactly(v), mpmath.mpf(10) ** -12
        steps = h * exactly(np.eye(len(w)))
        g = [(f(w + e) - f(w - e)) / (2 * h) for e in steps]
        ahead, behind = w + h * v, w - h * v
        hv = [
            (f(ahead + e) - f(ahead - e) - f(behind + e) + f(behind - e)) / (4 * h * h)
            for e in steps
        ]
        return float(f(w)), np.array(g, float), np.array(hv, float)


def slope(f, w, v):
    """The derivative of an analytic f along v, by a step into the complex plane."""
    return f(w + 1e-30j * v).imag / 1e-30


def change(f, v, h=1e-2):
    """The derivative at 0 along v of what f(step) gives, to eighth order in h."""
    weights = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    return sum(c * (f(k * h * v) - f(-k * h * v)) for k, c in enumerate(weights, 1)) / h
