"""
One method, every line search
=============================

The line search is an option of every method. Here each of them serves BFGS on the problems
of Moré, Garbow and Hillstrom; the figure shows which share of the problems it solves within
a factor of the least number of evaluations (a performance profile).
"""

import matplotlib.pyplot as plt
import numpy as np

from optlab import problems
from optlab.comparison import optlab_solver, performance_profile, run

searches = ["armijo", "wolfe", "strong-wolfe", "hager-zhang", "exact"]
solvers = [optlab_solver("bfgs", line_search=search) for search in searches]
chosen = [problems.get(name) for name in problems.names("mgh")]
runs = run(solvers, chosen, maxfun=2000)

evaluations = np.array([r.evaluations or np.inf for r in runs]).reshape(len(chosen), -1)
tau, rho = performance_profile(evaluations)

fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for search, share in zip(searches, rho.T, strict=True):
    axis.step(tau, share, where="post", label=search)
axis.set(
    xscale="log",
    xlim=(1, tau[-1]),
    xlabel="evaluations, as a multiple of the fewest",
    ylabel="share of the problems solved",
)
axis.legend(loc="lower right")
axis.grid(alpha=0.3)
plt.show()
