"""
Paths down a curved valley
==========================

Three methods on Rosenbrock's function, from the same start. Gradient descent takes the
steps of Barzilai and Borwein; the quasi-Newton methods learn the valley's curvature.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab

problem = optlab.problems.get("rosenbrock")

u, v = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.6, 2.0, 200))
levels = np.geomspace(0.3, 1000, 10)
heights = 100 * (v - u**2) ** 2 + (1 - u) ** 2

fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for axis, method in zip(axes, ["gd", "l-bfgs", "bfgs"], strict=True):
    res = optlab.minimize(
        problem, problem.x0, method=method, options={"return_all": True}
    )
    path = np.array(res.allvecs)
    axis.contour(u, v, heights, levels, colors="0.75", linewidths=0.7)
    axis.plot(*path.T, ".-", color="#0072b2", linewidth=1, markersize=4)
    axis.plot(1, 1, "*", color="#d55e00", markersize=10)
    axis.set(
        title=f"{method}: {res.nit} iterations, {res.nfev} evaluations", xlabel="$x_1$"
    )
    axis.set(xlim=(-1.6, 1.6), ylim=(-0.6, 2.0))
axes[0].set_ylabel("$x_2$")
plt.show()
