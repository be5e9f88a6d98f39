"""
Signals through twenty layers
=============================

The variance of signals on their way forwards, and of gradients on their way back, through
twenty layers of 200 units, for three ways to begin: the old U(-1/√n, 1/√n), Xavier's rule and
He's. Where the curves fall or rise, training stalls: this is why the rules exist.
"""

import matplotlib.pyplot as plt
import numpy as np

from optlab import nn

X = np.random.default_rng(0).standard_normal((300, 200))
sizes = [200] * 21 + [10]
activations = ("identity", "tanh", "relu")

fig, axes = plt.subplots(
    2, 3, figsize=(10, 6), sharex=True, sharey=True, layout="constrained"
)
for column, activation in zip(axes.T, activations, strict=True):
    for init in ("heuristic", "xavier", "he"):
        model = nn.MLP(sizes, activation, init=init)
        profile = nn.variance_profile(model, X, rng=1)
        signals, gradients = profile.preactivations[:-1], profile.gradients[:-1]
        column[0].semilogy(signals / signals[0], label=init)
        column[1].semilogy(gradients / gradients[-1], label=init)
        print(
            f"{activation:<8} {init:<9} signals {signals[-1] / signals[0]:7.1e}, "
            f"gradients {gradients[0] / gradients[-1]:7.1e}"
        )
    column[0].set_title(activation)
    column[1].set_xlabel("layer")
theory = 3.0 ** -np.arange(20)
axes[0, 0].semilogy(theory, "k:", label="$3^{-l}$")
axes[1, 0].semilogy(theory[::-1], "k:")
axes[0, 0].set_ylabel("signals: variance over the first's")
axes[1, 0].set_ylabel("gradients: variance over the last's")
axes[0, 0].legend()
plt.show()

# %%
# The factor of a layer is :math:`n \operatorname{Var} w`, times what the activation lets
# through. With the identity, the heuristic has 1/3 as in theory, Xavier's rule 1, and He's 2.
# With ReLU, which lets half of the second moment through, these become 1/6, 1/2 and 1. tanh
# lets through the less the larger a signal is: with Xavier's rule signals fade slowly, with
# He's they settle where its 2 is made up for.
