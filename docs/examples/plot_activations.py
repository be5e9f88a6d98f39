"""
Activations and their slopes
============================

Every activation in `optlab.nn.ACTIVATIONS`, with its first and second derivative; then the
smooth ones beside the hard ones that they approach.
"""

import matplotlib.pyplot as plt
import numpy as np

from optlab import nn

z = np.linspace(-4, 4, 401)

# %%
# Parameters that start at random, or that a net generates, are given values here. Maxout is
# drawn of two affine maps, z and -z/2. Kinks of slopes are jumps, and second derivatives are
# those between them.

drawn = {"p1": 1.2, "p2": -0.3, "beta": 1.0}
distinct = {}
for name, activation in nn.ACTIVATIONS.items():
    distinct.setdefault(repr(activation), name)  # "silu" is another name of "swish"
names = list(distinct.values())

columns = 4
rows = -(-len(names) // columns)
fig, axes = plt.subplots(
    rows, columns, figsize=(10, 2.2 * rows), sharex=True, layout="constrained"
)
for axis in axes.flat[len(names) :]:
    axis.set_axis_off()
for axis, name in zip(axes.flat, names, strict=False):
    activation = nn.ACTIVATIONS[name]
    given = {p.name: drawn[p.name] for p in activation.parameters if p.value is None}
    slopes = np.linspace(1, -0.5, activation.pieces)  # of z in the pieces
    pieces = np.outer(slopes, z) if activation.pieces > 1 else z
    first = activation.derivative(pieces, **given)
    second = activation.derivative(pieces, order=2, **given)
    if activation.pieces > 1:  # the chain rule
        first, second = slopes @ first, np.einsum("i,ijz,j", slopes, second, slopes)
    axis.axhline(0, color="0.85", linewidth=0.8)
    axis.plot(z, activation(pieces, **given), label="f")
    axis.plot(z, first, "--", label="f′")
    axis.plot(z, second, ":", label="f″")
    axis.set(title=name, ylim=(-1.5, 2.5))
axes[0, 0].legend(loc="upper left")
plt.show()

# %%
# The smooth maximum of two lines is a smooth activation, and the sharper it is (β), the
# nearer it comes to the hard one. At β = 0 it is their mean, and linear.

pairs = {
    "ReLU and Swish": (nn.ReLU(), nn.Swish()),
    "leaky ReLU and ACON-B, p = 0.25": (nn.LeakyReLU(0.25), nn.AconB(0.25)),
    "maxout and ACON-C, 1.2 z and -0.3 z": (nn.Maxout(), nn.AconC(1.2, -0.3)),
}
fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharex=True, layout="constrained")
for axis, (title, (hard, smooth)) in zip(axes, pairs.items(), strict=True):
    for beta, shade in ((0, 0.3), (0.5, 0.5), (1, 0.7), (4, 0.9)):
        color = plt.cm.Blues(shade)
        axis.plot(z, smooth(z, beta=beta), color=color, label=f"β = {beta}")
    line = hard(np.outer([1.2, -0.3], z) if hard.pieces == 2 else z)
    axis.plot(z, line, "k:", label="hard")
    axis.set_title(title, fontsize=10)
axes[0].legend()
plt.show()

# %%
# Compositions of two functions, with their slopes, as in the search that found Swish, which
# is the first.

composites = (
    nn.Composite("product", "identity", "sigmoid"),
    nn.Composite("max", "identity", "sin"),
    nn.Composite("difference", "cos", "identity"),
    nn.Composite("product", "identity", "gaussian"),
)
fig, axes = plt.subplots(1, 4, figsize=(10, 2.6), sharex=True, layout="constrained")
for axis, composite in zip(axes, composites, strict=True):
    axis.plot(z, composite(z))
    axis.plot(z, composite.derivative(z), "--")
    parts = f"{composite.binary}({composite.first}, {composite.second})"
    axis.set_title(parts, fontsize=10)
plt.show()
