"""
Logistic regression
===================

The loss of scikit-learn's ``LogisticRegression`` is a compiled objective here. On the
handwritten digits, the history of a run shows value and gradient at every iteration.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import optlab

X, y = load_digits(return_X_y=True)
problem = optlab.problems.logistic_regression(X / 16, y, precision=1.0)
res = optlab.minimize(
    problem, problem.x0, method="l-bfgs", options={"gtol": 1e-3, "history": True}
)
print(res.message)
print(f"n = {problem.n}, {res.nit} iterations, {res.nfev} evaluations")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
axes[0].semilogy(res.history["f"] - res.fun + 1e-9)
axes[0].set(xlabel="iteration", ylabel="f less its last value")
axes[1].semilogy(res.history["gnorm"])
axes[1].set(xlabel="iteration", ylabel="max |g|")
plt.show()
