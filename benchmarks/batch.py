"""How many small problems are minimised in a second, beside JAX's vmap and SciPy's loop?"""

from functools import cache

import numpy as np
import scipy.optimize

import optlab
from optlab.problems import logistic_regression

from .overhead import rosenbrock

GTOL = 1e-5
ROWS = 50  # of each logistic regression
PENALTY = 1.0


def starts(n, count):
    """Return random starts for Rosenbrock's function, within [-2, 2]."""
    return np.random.default_rng(0).uniform(-2, 2, size=(count, n))


def compiled_run(n, count, threads=1):
    """Return a batch of Rosenbrock's function, compiled."""
    problem, X0 = rosenbrock(n), starts(n, count)
    return lambda: optlab.minimize_batch(problem, X0, threads=threads)


# ---- logistic regressions, each with data of its own ----------------------------------


@cache
def regressions(n, count):
    """Return data: X of shape (count, ROWS, n) and labels 0 or 1."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, ROWS, n))
    scores = np.einsum("bij,bj->bi", X, rng.normal(size=(count, n)))
    return X, (scores + rng.normal(size=scores.shape) > 0).astype(int)


def logistic_run(n, count, threads=1):
    """Return a batch of compiled regressions."""
    objectives = [
        logistic_regression(X, y, precision=PENALTY, fit_intercept=False)
        for X, y in zip(*regressions(n, count), strict=True)
    ]
    X0 = np.zeros((count, n))
    return lambda: optlab.minimize_batch(objectives, X0, threads=threads)


def jax_logistic_run(n, count):
    """Return the same by JAX's BFGS under vmap and jit, in double precision."""
    try:
        import jax
        from jax.scipy.optimize import minimize
    except ImportError:
        raise NotImplementedError("jax is not installed") from None
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    data = [jnp.asarray(part, float) for part in regressions(n, count)]

    def fit(X, y):
        def loss(w):
            z = X @ w
            return jnp.sum(jnp.logaddexp(0.0, z) - y * z) + PENALTY / 2 * w @ w

        options = {"gtol": GTOL}
        return minimize(loss, jnp.zeros(n), method="BFGS", options=options)

    fits = jax.jit(jax.vmap(fit))
    return lambda: jax.block_until_ready(fits(*data))


# ---- a vectorised Python function -----------------------------------------------------


def chained(X, active):
    """Return values and gradients of the chained Rosenbrock function, row by row."""
    a, b = X[:, 1:] - X[:, :-1] ** 2, 1 - X[:, :-1]
    G = np.zeros_like(X)
    G[:, :-1] = -400 * X[:, :-1] * a - 2 * b
    G[:, 1:] += 200 * a
    return (100 * a**2 + b**2).sum(axis=1), G


def single(x):
    """Return the same of one point."""
    F, G = chained(x[None], None)
    return F[0], G[0]


def vectorised_run(n, count, method=None):
    """Return a batch of a function of all points in NumPy."""
    X0 = starts(n, count)
    return lambda: optlab.minimize_batch(chained, X0, method=method)


def scipy_run(n, count):
    """Return the loop over SciPy's L-BFGS-B."""
    X0 = starts(n, count)

    def run():
        for x0 in X0:
            scipy.optimize.minimize(
                single,
                x0,
                jac=True,
                method="L-BFGS-B",
                options={"gtol": GTOL, "ftol": 0.0},
            )

    return run


class Compiled:
    """1000 problems, compiled."""

    params = (["rosenbrock", "logistic"], [2, 10], [1, 2])
    param_names = ("problem", "n", "threads")

    def setup(self, problem, n, threads):
        make = compiled_run if problem == "rosenbrock" else logistic_run
        self.run = make(n, 1000, threads)

    def time_batch(self, problem, n, threads):
        self.run()


class Vectorised:
    """1000 problems of a NumPy function, n = 5."""

    params = (["bfgs", "l-bfgs", "cg"],)
    param_names = ("method",)

    def setup(self, method):
        self.run = vectorised_run(5, 1000, method)

    def time_batch(self, method):
        self.run()
