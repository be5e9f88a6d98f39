"""
SGD against L-BFGS on the same net
==================================

One net, one loss, one start: the handwritten digits, three quarters of them to train with,
and 64-64-10 units. A method that sees all samples at every step, and methods that see 32.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import optlab

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)

prior = optlab.nn.GaussianPrior(0.01)
model = optlab.nn.MLP([64, 64, 10], prior=prior, dtype="float32")
objective = model.objective(X, y)
w0 = model.init(rng=0)

# %%
# Stochastic methods get 60 epochs and a rate from a sweep, which falls to zero along a
# cosine. L-BFGS gets as many evaluations of loss and gradient as there are epochs, so all
# see every sample equally often. With ``full``, the loss over all samples is computed after
# each epoch; that takes time, so seconds come from runs without it. Runs are repeated, and
# for each epoch the fastest time counts: what interrupted the others is not their own.

EPOCHS, REPEATS = 60, 15
curves = {}


def run(method, **options):
    """Minimise from the same start."""
    return optlab.minimize(objective, w0, method=method, options=options)


def record(method, passes, losses, options):
    """Time runs, keep what is to be drawn, and print the end."""
    runs = [run(method, **options) for _ in range(REPEATS)]
    steps = [np.diff(res.history["seconds"], prepend=0) for res in runs]
    seconds = np.cumsum(np.min(steps, axis=0))
    if len(seconds) < len(losses):
        seconds = np.append(0, seconds)  # the start
    curves[method] = passes, 1e3 * seconds, losses
    print(
        f"{method:<9} loss {losses[-1]:.2e} in {1e3 * seconds[-1]:5.1f} ms, "
        f"test accuracy {model.score(runs[0].x, X_test, y_test):.3f}"
    )


for method in ("sgd", "momentum", "adam"):
    rate = optlab.find_learning_rate(objective, w0, method, rng=0).suggestion
    options = {
        "epochs": EPOCHS,
        "learning_rate": rate,
        "schedule": "cosine",
        "rng": 0,
    }
    losses = run(method, **options, full=True).history["f"]
    losses = np.append(objective.fun(w0), losses)
    record(method, np.arange(EPOCHS + 1), losses, options)

options = {"gtol": 0.0, "maxfun": EPOCHS, "history": True}
history = run("l-bfgs", **options).history
record("l-bfgs", history["nfev"], history["f"], options)

# %%
# By epochs, a batch method is far ahead at first: in one pass it takes 43 steps, where
# L-BFGS takes one. Later L-BFGS catches up, as its steps know the curvature and have no
# noise to average out. By seconds it does so sooner, since the products of large matrices
# are faster than those of small ones.

fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), sharey=True, layout="constrained")
for name, (passes, milliseconds, losses) in curves.items():
    axes[0].semilogy(passes, losses, label=name)
    axes[1].semilogy(milliseconds, losses)
axes[0].set(xlabel="passes over the samples", ylabel="loss over all samples")
axes[1].set(xlabel="milliseconds")
axes[0].legend()
plt.show()
