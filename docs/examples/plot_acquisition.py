"""
Many starts of an acquisition function
======================================

Bayesian optimisation asks at every step where the expected improvement over the best value
so far is greatest. That function has many maxima, so it is climbed from many starts. It is
cheap for many points at once and dear for each alone: the libraries that do this build a
batched L-BFGS-B around private parts of SciPy. `optlab.BatchSolver` has one.

The expected improvement is that of Jones, Schonlau & Welch, Efficient global optimization of
expensive black-box functions, J. Global Optim. 13 (1998) 455-492, equation (15).
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize
from scipy.linalg import cho_factor, cho_solve
from scipy.special import ndtr

import optlab

rng = np.random.default_rng(3)
BOX = np.array([[0.0, 1.0], [0.0, 1.0]])
LENGTH, NOISE = 0.2, 1e-6


def target(X):
    """What is dear to evaluate."""
    return np.sin(8 * X[:, 0]) + np.cos(7 * X[:, 1]) + 2 * (X[:, 0] - 0.6) ** 2


# %%
# A Gaussian process through 12 points of it, with a squared exponential kernel.

seen = rng.uniform(size=(12, 2))
values = target(seen)
mean, scale = values.mean(), values.std()
best = (values.min() - mean) / scale


def kernel(A, B):
    squares = ((A[:, None] - B[None]) ** 2).sum(axis=2)
    return np.exp(-0.5 * squares / LENGTH**2)


factor = cho_factor(kernel(seen, seen) + NOISE * np.eye(len(seen)))
alpha = cho_solve(factor, (values - mean) / scale)


def minus_improvement(X):
    """Minus the expected improvement at the rows of X, and its gradients."""
    k = kernel(X, seen)
    dk = -(X[:, None] - seen[None]) / LENGTH**2 * k[:, :, None]
    v = cho_solve(factor, k.T).T
    mu = k @ alpha
    sigma = np.sqrt(np.maximum(1 - (k * v).sum(axis=1), 1e-12))
    dmu = np.einsum("mij,i->mj", dk, alpha)
    dsigma = -np.einsum("mij,mi->mj", dk, v) / sigma[:, None]
    z = (best - mu) / sigma
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    f = (best - mu) * ndtr(z) + sigma * density
    g = -ndtr(z)[:, None] * dmu + density[:, None] * dsigma
    return -f, -g


# %%
# From 64 starts: all points of a round are evaluated in one call.

starts = rng.uniform(size=(64, 2))
began = perf_counter()
solver = optlab.BatchSolver(starts, method="l-bfgs-b", bounds=BOX)
calls = 0
while not solver.done:
    X, index = solver.ask()
    solver.tell(*minus_improvement(X))
    calls += 1
result = solver.result
batched = perf_counter() - began
print(f"optlab, one batch: {calls} calls, {1e3 * batched:.0f} ms")
print(result.summary())

# %%
# The loop over SciPy's L-BFGS-B, which sees one point at a time:

began = perf_counter()
calls, found = 0, []
for x0 in starts:
    one = scipy.optimize.minimize(
        lambda x: tuple(part[0] for part in minus_improvement(x[None])),
        x0,
        jac=True,
        method="L-BFGS-B",
        bounds=BOX,
        options={"gtol": 1e-5, "ftol": 0.0},
    )
    calls += one.nfev
    found.append(one.fun)
looped = perf_counter() - began
print(f"SciPy, in a loop: {calls} calls, {1e3 * looped:.0f} ms")
print(f"best: {-result.fun.min():.6f} and {-min(found):.6f}")
print(f"{looped / batched:.1f} times as fast")

# %%
# Where the starts went: the maxima of the expected improvement, and the next point.

grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 120)] * 2), axis=-1)
surface = -minus_improvement(grid.reshape(-1, 2))[0].reshape(120, 120)
fig, ax = plt.subplots(figsize=(6.5, 5.5), layout="constrained")
shades = ax.contourf(grid[..., 0], grid[..., 1], surface, 20, cmap="viridis")
fig.colorbar(shades, label="expected improvement")
for a, b in zip(starts, result.x, strict=True):
    ax.plot([a[0], b[0]], [a[1], b[1]], color="white", linewidth=0.4)
ax.plot(*starts.T, ".", color="white", markersize=3, label="starts")
ax.plot(*seen.T, "s", color="black", markersize=5, label="evaluated")
ax.plot(*result.x.T, "o", color="tab:orange", markersize=5, label="maxima")
ax.plot(*result.x[result.fun.argmin()], "*", color="red", markersize=16, label="next")
ax.legend(loc="upper right", fontsize="small")
plt.show()
