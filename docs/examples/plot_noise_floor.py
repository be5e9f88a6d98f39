"""
Below the rounding level of f
=============================

Add a large constant to an objective, and its last digits are gone: the decrease that a line
search looks for drowns in rounding, while the gradient still has all its digits. A search
that insists on values stops there. optlab goes on by the slope.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import optlab


def shifted(x):
    """A quadratic with condition number 1e4, on top of a million."""
    h = np.geomspace(1, 1e4, x.size)
    g = h * x
    norms.append(np.abs(g).max())
    return 1e6 + 0.5 * (g @ x), g


fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
x0 = np.ones(20)
for label, solve, method in (
    ("scipy BFGS", minimize, "BFGS"),
    ("scipy L-BFGS-B", minimize, "L-BFGS-B"),
    ("optlab bfgs", optlab.minimize, "bfgs"),
    ("optlab l-bfgs", optlab.minimize, "l-bfgs"),
):
    norms = []
    options = {"gtol": 1e-8} | ({"ftol": 0.0} if method == "L-BFGS-B" else {})
    res = solve(shifted, x0, jac=True, method=method, options=options)
    axis.semilogy(np.minimum.accumulate(norms), label=label)
    print(f"{label:<15} max |g| = {np.abs(res.jac).max():.1e}  {res.message}")
axis.axhline(1e-8, color="grey", linewidth=0.8)
axis.set(xlabel="evaluations", ylabel="least max |g| so far")
axis.legend()
plt.show()
