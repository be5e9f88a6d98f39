"""
Which method for this function?
===============================

A curve is fitted to noisy data: two exponentials, four parameters, whose scales differ.
``optlab.compare`` runs every method that applies, of optlab and of SciPy, with one stop
test, and judges where they end.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab

rng = np.random.default_rng(0)
t = np.linspace(0, 10, 80)
y = 5 * np.exp(-0.3 * t) + 2 * np.exp(-2 * t) + 0.05 * rng.normal(size=t.size)


def misfit(p):
    a, b, c, d = p
    slow, fast = np.exp(-b * t), np.exp(-d * t)
    residual = a * slow + c * fast - y
    jacobian = np.stack([slow, -a * t * slow, fast, -c * t * fast])
    return float(residual @ residual), 2 * jacobian @ residual


start = [1.0, 0.1, 1.0, 1.0]
comparison = optlab.compare(misfit, start, jac=True, scipy=True)
print(comparison)

# %%
# Over evaluations, and over seconds, where a method's own work counts as well. SciPy's
# lines are broken.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
comparison.plot(axes[0])
comparison.plot(axes[1], over="seconds")
axes[1].get_legend().remove()
plt.show()

# %%
# The same for a few of them, by f.

chosen = ["bfgs", "l-bfgs", "cg", "newton"]
few = optlab.compare(misfit, start, jac=True, methods=chosen)
few.plot(what="f")
plt.show()

# %%
# A single run draws itself, if it has kept its history; with two unknowns, its path too.


def valley(x):
    a, b = x[1] - x[0] ** 2, 1 - x[0]
    return 100 * a**2 + b**2, np.array([-400 * x[0] * a - 2 * b, 200 * a])


options = {"history": True, "return_all": True}
run = optlab.minimize(valley, [-1.2, 1.0], jac=True, method="bfgs", options=options)
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
run.plot(axes[0])
run.plot(axes[1], fun=valley)
plt.show()
