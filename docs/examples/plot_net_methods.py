"""
Methods on a small net
======================

One net from one start: eight smooth hidden units that learn a sine from noisy values. There
are a hundred samples, and every method sees them all.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab

problem = optlab.problems.get("noisy_sine")
print(problem, problem.model)

# %%
# The work is counted in evaluations: a value with its gradient is one, and a product of the
# Hessian with a vector is another.

methods = ("gd", "cg", "bfgs", "l-bfgs", "newton-cg", "trust-ncg")
runs = {
    method: optlab.minimize(
        problem, problem.x0, method=method, options={"history": True, "maxiter": 3000}
    )
    for method in methods
}
for method, res in runs.items():
    print(
        f"{method:<9} {res.nit:4d} iterations, {res.nfev + res.nhev:4d} evaluations, "
        f"loss {res.fun:.7f}. {res.message}"
    )

# %%
# BFGS and L-BFGS need the fewest evaluations, Newton's methods the fewest iterations. At last
# all losses are about the same, but gradients tell how much of the way is left: gradient
# descent has not arrived.

least = min(res.fun for res in runs.values())
fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for method, res in runs.items():
    work = res.history["nfev"] + res.history["nhev"]
    axes[0].loglog(work, res.history["f"], label=method, linewidth=1)
    lowest = np.minimum.accumulate(res.history["gnorm"])
    axes[1].loglog(work, lowest, linewidth=1)
axes[0].axhline(least, color="0.7", linestyle=":")
axes[0].set(xlabel="evaluations", ylabel="loss")
axes[1].set(xlabel="evaluations", ylabel="largest component of g, lowest so far")
axes[0].legend()
plt.show()

# %%
# What was learnt is the same to the eye. The last digits of a minimum say much about a method
# and little about a fit.

X, y = problem.objective.data[:2]
order = np.argsort(X[:, 0])
fig, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(X, y, ".", color="0.6")
for method in ("gd", "bfgs"):
    fit = problem.model.predict(runs[method].x, X)
    axis.plot(X[order, 0], fit[order], label=method)
axis.legend()
plt.show()
