"""
Stopping where the loss on other data rises
===========================================

A regression with as many weights as samples fits their noise, if it is let. `optlab.iterate`
hands over every iterate, so that a loop may judge them by what it likes: here by samples
that are held out. It ends when these have not been fitted better for ten iterations.
"""

import matplotlib.pyplot as plt
import numpy as np

import optlab

rng = np.random.default_rng(1)
weights = rng.normal(size=80) * (rng.uniform(size=80) < 0.15)
X, other = rng.normal(size=(80, 80)), rng.normal(size=(400, 80))
y, held_out = (Z @ weights + rng.normal(size=len(Z)) for Z in (X, other))


def loss(w):
    """The mean of squared residuals over the training data, and its gradient."""
    r = X @ w - y
    return r @ r / len(y), 2 * X.T @ r / len(y)


training, validation, best = [], [], 0
for step in optlab.iterate(loss, np.zeros(80), jac=True, method="l-bfgs"):
    training.append(step.fun)
    validation.append(np.mean((other @ step.x - held_out) ** 2))
    if validation[-1] <= validation[best]:
        best, chosen = step.nit, step.x
    if step.nit - best == 10:
        break
print(f"best after {best} iterations: {validation[best]:.3f} on the data held out")
print(f"{step.nit} iterations, {step.nfev} evaluations")

# %%
# Left to itself, the method goes on to the least training loss, where the other data are
# fitted worse by far. The figure has the iterations of the loop.

result = optlab.minimize(loss, np.zeros(80), jac=True, method="l-bfgs")
final = np.mean((other @ result.x - held_out) ** 2)
print(f"after {result.nit} iterations: {final:.3f} on the data held out")

fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ax.semilogy(training, label="training data")
ax.semilogy(validation, label="data held out")
ax.plot(
    best, validation[best], "*", color="C3", markersize=14, label="the best iterate"
)
ax.set(xlabel="iteration", ylabel="mean squared residual")
ax.legend()
plt.show()
