"""Test functions in plain NumPy, independent of the compiled ones in the package.

Each is a `Function`: `f.value(x)`, `f.gradient(x)`, `f(x)` for both, and `f.x0`. Every
call is counted by a `Counted` wrapper only, so the functions themselves are pure.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Function:
    """A smooth function with its gradient and a start."""

    name: str
    value: object
    gradient: object
    x0: np.ndarray
    hessian: object = None
    x_opt: np.ndarray | None = None

    def __call__(self, x):
        return self.value(x), self.gradient(x)

    def __repr__(self):
        return self.name


@dataclass
class Counted:
    """A function that remembers where it was asked, and what it said."""

    function: Function
    values: list = field(default_factory=list)
    gradients: list = field(default_factory=list)
    hessians: list = field(default_factory=list)

    def value(self, x):
        f = self.function.value(x)
        self.values.append((x.copy(), f))
        return f

    def gradient(self, x):
        g = self.function.gradient(x)
        self.gradients.append((x.copy(), g))
        return g

    def both(self, x):
        return self.value(x), self.gradient(x)

    def hessian(self, x):
        H = self.function.hessian(x)
        self.hessians.append((x.copy(), H))
        return H

    def product(self, x, v):
        return self.hessian(x) @ v

    @property
    def nfev(self):
        return len(self.values)

    @property
    def njev(self):
        return len(self.gradients)

    @property
    def nhev(self):
        return len(self.hessians)


def rosenbrock(n=2, x0=None):
    """Rosenbrock's valley in its chained form; n = 2 is the classic."""

    def value(x):
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    def gradient(x):
        g = np.zeros_like(x)
        t = x[1:] - x[:-1] ** 2
        g[:-1] = -400 * x[:-1] * t - 2 * (1 - x[:-1])
        g[1:] += 200 * t
        return g

    def hessian(x):
        diagonal = np.zeros_like(x)
        diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
        diagonal[1:] += 200
        side = np.diag(-400 * x[:-1], 1)
        return np.diag(diagonal) + side + side.T

    start = np.tile([-1.2, 1.0], (n + 1) // 2)[:n] if x0 is None else np.array(x0)
    return Function(f"rosenbrock{n}", value, gradient, start, hessian, np.ones(n))


def quadratic(n=10, condition=100.0, seed=0):
    """(x - c)'Q(x - c)/2 with a random basis and a geometric spectrum 1 .. condition."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    Q = (basis * np.geomspace(1, condition, n)) @ basis.T
    Q = (Q + Q.T) / 2
    c = rng.normal(size=n)
    return Function(
        f"quadratic{n}",
        lambda x: float((x - c) @ (Q @ (x - c)) / 2),
        lambda x: Q @ (x - c),
        rng.normal(size=n),
        lambda x: Q,
        c,
    )


def softmax_sum(n=8, rows=20, seed=0):
    """log sum exp(Ax + b) + |x|^2/20: strictly convex, smooth, no polynomial."""
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(rows, n)), rng.normal(size=rows)

    def value(x):
        z = A @ x + b
        return float(z.max() + np.log(np.exp(z - z.max()).sum()) + x @ x / 20)

    def gradient(x):
        z = A @ x + b
        p = np.exp(z - z.max())
        return A.T @ (p / p.sum()) + x / 10

    def hessian(x):
        z = A @ x + b
        p = np.exp(z - z.max())
        p /= p.sum()
        centred = A - p @ A
        return (centred.T * p) @ centred + np.eye(n) / 10

    return Function(f"softmax_sum{n}", value, gradient, rng.normal(size=n), hessian)


def log_barrier(n=3, seed=0):
    """c'x - sum log x - sum log(1 - x): NaN outside the unit box."""
    c = np.random.default_rng(seed).normal(size=n) * 20

    def value(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(c @ x - np.log(x).sum() - np.log(1 - x).sum())

    def gradient(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return c - 1 / x + 1 / (1 - x)

    def hessian(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.diag(1 / x**2 + 1 / (1 - x) ** 2)

    # c_i x (1 - x) - (1 - x) + x = 0
    root = (2 + c - np.sqrt(4 + c**2)) / (2 * c)
    return Function("log_barrier", value, gradient, np.full(n, 0.5), hessian, root)


SMOOTH = (rosenbrock(), quadratic(), softmax_sum())
