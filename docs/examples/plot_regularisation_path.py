"""
A regularisation path, warm
===========================

Logistic regression on breast cancer data, for penalties from strong to weak. Each fit
begins where the last one ended; with the option ``warm_start`` it begins with the
curvature seen there as well.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

import optlab

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
X = np.column_stack([X, np.ones(len(X))])
sign = np.where(y == 1, 1.0, -1.0)


def loss(w, penalty):
    margin = sign * (X @ w)
    f = np.logaddexp(0, -margin).mean() + penalty / 2 * w @ w
    return f, X.T @ (-sign / (1 + np.exp(margin))) / len(y) + penalty * w


penalties = np.logspace(0, -4, 25)


def path(method, warm):
    """Evaluations of each fit, and its weights."""
    w, result, nfev, weights = np.zeros(X.shape[1]), None, [], []
    for penalty in penalties:
        options = {"gtol": 1e-6, "warm_start": result if warm else None}
        result = optlab.minimize(
            loss, w, args=(penalty,), jac=True, method=method, options=options
        )
        assert result.success, result.message
        w = result.x
        nfev.append(result.nfev)
        weights.append(w)
    return np.array(nfev), np.array(weights)


# %%
# Evaluations along the path: both curves of a colour begin at the same points.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for colour, method in enumerate(["bfgs", "l-bfgs"]):
    for warm, style in ((False, "--"), (True, "-")):
        nfev, weights = path(method, warm)
        label = f"{method}, {'warm' if warm else 'cold'}: {nfev.sum()}"
        left.semilogx(penalties, nfev, style, color=f"C{colour}", label=label)
        print(label)
left.invert_xaxis()
left.set(xlabel="penalty", ylabel="evaluations")
left.legend()
right.semilogx(penalties, weights[:, :-1])
right.invert_xaxis()
right.set(xlabel="penalty", ylabel="weights")
plt.show()
