"""
Signals through twenty layers
=============================

The variance of signals and of gradients, layer by layer, for three ways to begin: the old
1/√n, Xavier's rule and He's. Where the curves fall or rise, training stalls.
"""

import matplotlib.pyplot as plt
import numpy as np

from optlab import nn

X = np.random.default_rng(0).standard_normal((300, 200))
sizes = [200] * 21 + [10]

figure, axes = plt.subplots(2, 2, figsize=(8, 6), sharex=True, layout="constrained")
for column, activation in zip(axes.T, ("tanh", "relu"), strict=True):
    for init in ("heuristic", "xavier", "he"):
        model = nn.MLP(sizes, activation, init=init)
        profile = nn.variance_profile(model, X, rng=1)
        column[0].semilogy(profile.preactivations[:-1], label=init)
        column[1].semilogy(profile.gradients[:-1], label=init)
    column[0].set_title(activation)
    column[1].set_xlabel("layer")
axes[0, 0].set_ylabel("variance of signals")
axes[1, 0].set_ylabel("variance of gradients")
axes[0, 0].legend()
plt.show()
