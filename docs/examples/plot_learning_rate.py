"""
A learning rate from one sweep
==============================

Steps with ever higher rates, and the loss after each of them, over the same samples every
time. It falls where rates are useful, and explodes where they are too high. The suggestion is
a quarter of the rate at the bottom.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import optlab

X, y = load_digits(return_X_y=True)
model = optlab.nn.MLP([64, 64, 10], dtype="float32")
objective = model.objective(X / 16, y)
w0 = model.init(rng=0)

fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
found = {}
for axis, method in zip(axes, ("sgd", "momentum", "adam"), strict=True):
    found[method] = optlab.find_learning_rate(objective, w0, method, rng=0)
    found[method].plot(axis)
    axis.set(title=method, ylim=(0, 6))
plt.show()

# %%
# Trainings with that rate, a tenth of it and ten times of it.

fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
for axis, (method, sweep) in zip(axes, found.items(), strict=True):
    for factor in (0.1, 1, 10):
        rate = factor * sweep.suggestion
        options = {"epochs": 30, "learning_rate": rate, "rng": 0}
        res = optlab.minimize(objective, w0, method=method, options=options)
        axis.semilogy(res.history["loss"], label=f"{rate:.2g}")
    axis.set(title=method, xlabel="epoch")
    axis.legend(title="learning rate")
axes[0].set_ylabel("mean loss of batches")
plt.show()
