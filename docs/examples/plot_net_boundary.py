"""
Activations on two spirals
==========================

The same net with three activations, trained by L-BFGS on a problem that no linear model can
solve. Smooth activations have smooth boundaries.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab
from optlab import nn

rng = np.random.default_rng(0)
angle = np.sqrt(rng.uniform(0.05, 1, 300)) * 3 * np.pi
label = rng.integers(0, 2, 300)
turned = angle + np.pi * label
X = np.column_stack([angle * np.cos(turned), angle * np.sin(turned)]) / 8
X += rng.normal(0, 0.03, X.shape)

grid = np.linspace(-1.4, 1.4, 150)
plane = np.column_stack([a.ravel() for a in np.meshgrid(grid, grid)])
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, activation in zip(axes, ("relu", "swish", "acon_c"), strict=True):
    model = nn.MLP([2, 32, 32, 2], activation, prior=nn.GaussianPrior(1e-3))
    objective = model.objective(X, label)
    result = optlab.minimize(
        objective, model.init(rng=1), method="l-bfgs", options={"maxiter": 1000}
    )
    p = model.predict_proba(result.x, plane)[:, 1].reshape(150, 150)
    ax.contourf(grid, grid, p, 20, cmap="RdBu", alpha=0.7)
    ax.scatter(*X.T, c=label, cmap="RdBu", s=8, edgecolor="black", linewidth=0.3)
    ax.set(title=f"{activation}: {result.nit} iterations, loss {result.fun:.1e}")
    ax.set_axis_off()
plt.show()
