"""
Paths within a box
==================

Rosenbrock's function with bounds that exclude its minimum. The constrained minimum is where
the valley meets the wall: there the gradient does not vanish, but what the bounds leave of a
step along it does, and that is what ``gtol`` is compared with.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab
from optlab.problems import stationarity

problem = optlab.problems.get("rosenbrock")
bounds = np.array([[-1.4, 0.6], [-0.2, 1.4]])

u, v = np.meshgrid(np.linspace(-1.6, 1.2, 200), np.linspace(-0.6, 1.8, 200))
levels = np.geomspace(0.05, 1000, 12)
heights = 100 * (v - u**2) ** 2 + (1 - u) ** 2

fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for axis, method in zip(axes, ["gd", "l-bfgs-b"], strict=True):
    res = optlab.minimize(
        problem,
        problem.x0,
        method=method,
        bounds=bounds,
        options={"return_all": True},
    )
    left = stationarity(res.x, res.jac, bounds)
    print(f"{method:<9} x = {res.x}, g = {res.jac}, projected {left:.1e}")
    path = np.array(res.allvecs)
    axis.contour(u, v, heights, levels, colors="0.75", linewidths=0.7)
    axis.add_patch(plt.Rectangle(bounds[:, 0], *np.ptp(bounds, axis=1), fill=False))
    axis.plot(*path.T, ".-", color="#0072b2", linewidth=1, markersize=4)
    axis.plot(*res.x, "*", color="#d55e00", markersize=10)
    axis.set(
        title=f"{method}: {res.nit} iterations, {res.nfev} evaluations", xlabel="$x_1$"
    )
axes[0].set_ylabel("$x_2$")
plt.show()
