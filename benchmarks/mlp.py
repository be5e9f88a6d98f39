"""How long do loss and gradient of a net take, and how long to train one?"""

import warnings
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import numpy as np
import scipy.optimize
from scipy.linalg import get_blas_funcs

import optlab
from optlab import nn

from .common import hold_to_one_thread
from .peers import KINDS, SHAPES, hold_to_one_core, make
from .products import Products

DTYPES = ["float32", "float64"]
METHODS = ["l-bfgs", "newton-cg", "trust-ncg"]
ACTIVATIONS = ["relu", "tanh"]
LAYERS = [64, 64, 10]
LOSS = 1e-3  # of training, with the prior's share
PRECISIONS = [1e-3, 1e-2]  # of the prior; scikit-learn's alpha


class LossAndGradient:
    """Loss with gradient, the call from Python included."""

    params = (["optlab", "numpy", "torch", "jax"], list(SHAPES), list(KINDS))
    param_names = ("library", "shape", "layers")

    def setup(self, library, shape, layers):
        hold_to_one_core()
        self.evaluate, _ = make(library, shape, layers, "float32")

    def time_loss_and_gradient(self, library, shape, layers):
        self.evaluate()


class HessianProduct:
    """One product of the Hessian with a vector."""

    params = (["optlab", "torch", "jax"], list(SHAPES))
    param_names = ("library", "shape")

    def setup(self, library, shape):
        hold_to_one_core()
        _, self.product = make(library, shape, "ReLU", "float32")

    def time_product(self, library, shape):
        self.product()


class MatrixProducts:
    """The products in loss and gradient alone, by whatever makes them fastest."""

    params = (list(SHAPES), DTYPES)
    param_names = ("shape", "dtype")

    def setup(self, shape, dtype):
        hold_to_one_core()
        self.products = Products(*SHAPES[shape], dtype)

    def time_products(self, shape, dtype):
        self.products.seconds()


# ---- what other files share -----------------------------------------------------------


def products(shape, dtype):
    """The matrix products of a loss and its gradient, and nothing else, by BLAS.

    They are called past NumPy, with all memory at hand, so that next to nothing is added.
    """
    sizes, batch = SHAPES[shape]
    rng = np.random.default_rng(0)
    gemm = get_blas_funcs("gemm", dtype=dtype)
    calls = []

    def add(m, n, k, ta, tb):
        a = rng.standard_normal((k, m) if ta else (m, k)).astype(dtype, order="F")
        b = rng.standard_normal((n, k) if tb else (k, n)).astype(dtype, order="F")
        c = np.zeros((m, n), dtype, order="F")
        calls.append(
            lambda: gemm(1.0, a, b, c=c, trans_a=ta, trans_b=tb, overwrite_c=1)
        )

    # In columns as BLAS has them: all matrices are the transposed of rows.
    for i, (inputs, units) in enumerate(pairwise(sizes)):
        add(units, batch, inputs, 0, 0)
        add(units, inputs, batch, 0, 1)
        if i > 0:
            add(inputs, batch, units, 1, 0)
    return lambda: [call() for call in calls]


@cache
def digits():
    """Digits, scaled to unit variance, three quarters to train with."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)


# ---- training --------------------------------------------------------------------------


def first(losses):
    """Return the index of the first loss that is low enough."""
    reached = np.asarray(losses) <= LOSS
    assert reached.any(), f"no loss at or below {LOSS}"
    return int(np.argmax(reached))


class Task:
    """The digits, split and started as a seed says, down to a training loss.

    Both libraries minimise the same function from the same point, which scikit-learn
    draws. Neither has a test of the loss, so each is given the number of iterations after
    which, in a run beforehand, it was at or below `LOSS` for the first time.
    """

    def __init__(self, activation, precision, seed):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        hold_to_one_thread()
        self.activation, self.precision, self.seed = activation, precision, seed
        X, y = load_digits(return_X_y=True)
        X, self.held, self.y, self.held_y = train_test_split(
            X, y, random_state=seed, stratify=y
        )
        scaler = StandardScaler().fit(X)
        self.X, self.held = scaler.transform(X), scaler.transform(self.held)
        self.losses = []
        with self.recorded():
            self.sklearn(200)
        self.enough = first(self.losses) + 1

    @contextmanager
    def recorded(self):
        """Keep the start and the losses of scikit-learn's iterations."""
        theirs = scipy.optimize.minimize

        def minimize(fun, x0, **options):
            hidden = LAYERS[0] * LAYERS[1]
            coefs = hidden + LAYERS[1] * LAYERS[2]
            self.start = [
                {"weights": x0[:hidden].reshape(LAYERS[:2]),
                 "bias": x0[coefs : coefs + LAYERS[1]]},
                {"weights": x0[hidden:coefs].reshape(LAYERS[1:]),
                 "bias": x0[coefs + LAYERS[1] :]},
            ]  # fmt: skip

            def keep(intermediate_result):
                self.losses.append(intermediate_result.fun)

            return theirs(fun, x0, callback=keep, **options)

        scipy.optimize.minimize = minimize
        try:
            yield
        finally:
            scipy.optimize.minimize = theirs

    def sklearn(self, iterations=None):
        """Train scikit-learn's classifier."""
        from sklearn.neural_network import MLPClassifier

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MLPClassifier(
                LAYERS[1:-1],
                self.activation,
                solver="lbfgs",
                alpha=self.precision,
                tol=0.0,
                max_iter=iterations or self.enough,
                random_state=self.seed,
            ).fit(self.X, self.y)

    def optlab(self, method, dtype, iterations, **options):
        """Train optlab's model, from the raw data."""
        prior = nn.GaussianPrior(self.precision)
        model = nn.MLP(LAYERS, self.activation, prior=prior, dtype=dtype)
        objective = model.objective(self.X, self.y)
        options = {"gtol": 0.0, "maxiter": iterations} | options
        w0 = model.pack(self.start)
        return model, optlab.minimize(objective, w0, method=method, options=options)

    def iterations(self, method, dtype):
        """Return the number of iterations that optlab needs."""
        _, result = self.optlab(method, dtype, 200, history=True)
        return first(result.history["f"])

    def scores(self, method, dtype, iterations):
        """Return final losses and test accuracies, optlab's and scikit-learn's."""
        theirs = self.sklearn()
        model, result = self.optlab(method, dtype, iterations)
        return (
            (result.fun, theirs.loss_),
            (
                model.score(result.x, self.held, self.held_y),
                theirs.score(self.held, self.held_y),
            ),
        )


class Training:
    """A whole training of the digits, from the raw data."""

    params = (["sklearn", *METHODS], ACTIVATIONS)
    param_names = ("method", "activation")

    def setup(self, method, activation):
        self.task = Task(activation, PRECISIONS[-1], 0)
        if method != "sklearn":
            self.iterations = self.task.iterations(method, "float32")

    def time_training(self, method, activation):
        if method == "sklearn":
            self.task.sklearn()
        else:
            self.task.optlab(method, "float32", self.iterations)
