"""
Leaving a saddle
================

From a start on the ridge between two valleys the gradient leads straight to the saddle, and
vanishes there. A method that knows gradients only takes it for a minimum. Newton's methods
look at the Hessian before they claim success, and leave along its negative curvature.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab


def fun(x):
    a, b = x[0] ** 2 - 1, x[1] - x[0] ** 2 / 2
    return a**2 / 4 + b**2, np.array([x[0] * (a - 2 * b), 2 * b])


def hess(x):
    return np.array([[6 * x[0] ** 2 - 1 - 2 * x[1], -2 * x[0]], [-2 * x[0], 2.0]])


u, v = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.6, 1.4, 200))
heights = (u**2 - 1) ** 2 / 4 + (v - u**2 / 2) ** 2
levels = np.geomspace(0.01, 3, 12)

methods = ["bfgs", "newton", "newton-cg", "trust-ncg"]
fig, axes = plt.subplots(
    2, 2, figsize=(8, 5.4), sharex=True, sharey=True, layout="constrained"
)
for axis, method in zip(axes.flat, methods, strict=True):
    second = {} if method == "bfgs" else {"hess": hess}
    res = optlab.minimize(
        fun, [0.0, 1.2], jac=True, method=method, options={"return_all": True}, **second
    )
    lowest = np.linalg.eigvalsh(hess(res.x))[0]
    print(f"{method:<10} f = {res.fun:.2g}, lowest curvature at the end {lowest:.2g}")
    path = np.array(res.allvecs)
    axis.contour(u, v, heights, levels, colors="0.75", linewidths=0.7)
    axis.plot(*path.T, ".-", color="#0072b2", linewidth=1, markersize=5)
    axis.plot(*res.x, "*", color="#d55e00", markersize=10)
    axis.set(title=f"{method}: {res.nit} iterations")
fig.supxlabel("$x_1$")
fig.supylabel("$x_2$")
plt.show()
