"""How long does it take to fit a logistic regression as well as scikit-learn does?"""

import warnings
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import scipy.optimize

import optlab
from optlab import problems

from .common import Metered, hold_to_one_thread

DATA = ["digits", "breast_cancer"]


def load(name):
    """Return a data set of scikit-learn's, every column scaled to unit variance."""
    from sklearn import datasets, linear_model  # noqa: F401
    from sklearn.preprocessing import StandardScaler

    hold_to_one_thread()
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def fit_sklearn(X, y):
    """Fit with scikit-learn's defaults, iterations apart."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(max_iter=1000).fit(X, y)


def sklearn_loss(X, y, model):
    """Return the sum of log losses plus the penalty, which scikit-learn minimises."""
    logp = model.predict_log_proba(X)
    chosen = logp[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -chosen.sum() + 0.5 * np.sum(model.coef_**2) / model.C


def iterations_to(X, y, loss, method="l-bfgs"):
    """Return the iterations after which optlab is at or below a loss."""
    problem = problems.logistic_regression(X, y)
    options = {"gtol": 1e-8, "history": True}
    result = optlab.minimize(problem, problem.x0, method=method, options=options)
    return int(np.argmax(result.history["f"] <= loss))


def fit_optlab(X, y, iterations, method="l-bfgs"):
    """Fit from the raw data, for a number of iterations."""
    problem = problems.logistic_regression(X, y)
    options = {"gtol": 0.0, "maxiter": iterations}
    return optlab.minimize(problem, problem.x0, method=method, options=options)


@contextmanager
def solved_by(minimize):
    """Let scikit-learn's LogisticRegression minimise its own objective by another."""
    from sklearn.linear_model import _logistic

    theirs = _logistic.optimize.minimize
    _logistic.optimize.minimize = minimize
    try:
        yield
    finally:
        _logistic.optimize.minimize = theirs


def lbfgs(fun, x0, args=(), method=None, options=(), **others):
    """Minimise as scikit-learn asks L-BFGS-B to, by optlab's l-bfgs."""
    kept = {name: options[name] for name in ("gtol", "ftol", "maxiter")}
    return optlab.minimize(fun, x0, args, "l-bfgs", jac=True, options=kept)


MINIMIZERS = {"optlab": lbfgs, "scipy": scipy.optimize.minimize}


def solver_time(X, y, minimize):
    """Seconds of scikit-learn's fit, and those that the solver takes of them."""
    own = 0.0

    def timed(fun, *arguments, **options):
        nonlocal own
        metered, start = Metered(fun), perf_counter()
        result = minimize(metered, *arguments, **options)
        own += perf_counter() - start - metered.seconds
        return result

    with solved_by(timed):
        start = perf_counter()
        fit_sklearn(X, y)
        return perf_counter() - start, own


class SolverInSklearn:
    """The solver's own share of scikit-learn's fit, with its objective."""

    params = (list(MINIMIZERS), DATA)
    param_names = ("library", "data")

    def setup(self, library, data):
        X, y = load(data)
        runs = [solver_time(X, y, MINIMIZERS[library]) for _ in range(10)]
        self.fit, self.own = np.median(runs, axis=0)

    def track_own_time(self, library, data):
        return self.own

    def track_share(self, library, data):
        return 100 * self.own / self.fit

    track_own_time.unit = "seconds"
    track_share.unit = "% of the fit"


class Fit:
    """A whole fit, from raw data to scikit-learn's own loss."""

    params = (["optlab", "scikit-learn"], DATA)
    param_names = ("library", "data")

    def setup(self, library, data):
        self.X, self.y = load(data)
        self.loss = sklearn_loss(self.X, self.y, fit_sklearn(self.X, self.y))
        self.iterations = iterations_to(self.X, self.y, self.loss)

    def time_fit(self, library, data):
        if library == "optlab":
            fit_optlab(self.X, self.y, self.iterations)
        else:
            fit_sklearn(self.X, self.y)


class Loss:
    """The difference that remains: never above zero, and small."""

    params = DATA
    param_names = ("data",)

    def track_loss_above_sklearn(self, data):
        X, y = load(data)
        loss = sklearn_loss(X, y, fit_sklearn(X, y))
        return fit_optlab(X, y, iterations_to(X, y, loss)).fun - loss

    track_loss_above_sklearn.unit = "loss"
