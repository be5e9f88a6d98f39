"""How long does an epoch of a stochastic method take, beside its peers and its products?"""

import functools
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import numpy as np

import optlab
from optlab import nn

from .common import hold_to_one_thread, seconds
from .mlp import digits, products

LIBRARIES = ["optlab", "jax", "numpy", "scikit-learn", "torch"]
RATES = {"momentum": 0.02, "adam": 0.002}
SIZES, BATCH, EPOCHS, DTYPE = (64, 64, 10), 32, 20, "float32"


class Run(NamedTuple):
    """Seconds of an epoch, and the accuracy on the test data at the end."""

    epoch: float
    score: float


def model_and_start(seed):
    """The net, and where every library but scikit-learn starts."""
    model = nn.MLP(SIZES, dtype=DTYPE)
    return model, model.init(rng=seed)


def data():
    """Digits as arrays of the precision of the net."""
    X, held, y, held_y = digits()
    return X.astype(DTYPE), held.astype(DTYPE), y, held_y


# ---- a training a library: prepared first, so that a run is epochs and nothing else ----


def optlab_trainer(method):
    """optlab, whose epochs are compiled."""
    X, held, y, held_y = data()

    def train(seed, epochs):
        model, w0 = model_and_start(seed)
        options = {
            "batch_size": BATCH,
            "epochs": epochs,
            "learning_rate": RATES[method],
            "rng": seed,
        }
        objective = model.objective(X, y)
        start = perf_counter()
        result = optlab.minimize(objective, w0, method=method, options=options)
        epoch = (perf_counter() - start) / epochs
        return Run(epoch, model.score(result.x, held, held_y))

    return train


def jax_trainer(method):
    """JAX: an epoch is a jitted scan over its batches, without the last, smaller one."""
    try:
        import jax
    except ImportError:
        raise NotImplementedError("jax is not installed") from None
    jnp = jax.numpy
    X, held, y, held_y = data()
    device_X, device_y = jnp.asarray(X), jnp.asarray(y, jnp.int32)
    rate, steps = RATES[method], len(X) // BATCH
    tree_map = jax.tree_util.tree_map

    def loss(layers, a, labels):
        (first, second) = layers
        a = jax.nn.relu(a @ first["weights"] + first["bias"])
        z = a @ second["weights"] + second["bias"]
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(BATCH), labels])

    def momentum_step(carry, batch):
        w, v, s, t = carry
        g = jax.grad(loss)(w, device_X[batch], device_y[batch])
        v = tree_map(lambda v, g: 0.9 * v + g, v, g)
        w = tree_map(lambda w, v: w - rate * v, w, v)
        return (w, v, s, t), None

    def adam_step(carry, batch):
        w, v, s, t = carry
        g = jax.grad(loss)(w, device_X[batch], device_y[batch])
        t = t + 1
        v = tree_map(lambda v, g: 0.9 * v + 0.1 * g, v, g)
        s = tree_map(lambda s, g: 0.999 * s + 0.001 * (g * g), s, g)
        first, second = 1 - 0.9**t, 1 / jnp.sqrt(1 - 0.999**t)
        w = tree_map(
            lambda w, v, s: w - rate / first * (v / (jnp.sqrt(s) * second + 1e-8)),
            w,
            v,
            s,
        )
        return (w, v, s, t), None

    step = momentum_step if method == "momentum" else adam_step
    epoch = jax.jit(lambda carry, batches: jax.lax.scan(step, carry, batches)[0])

    def begin(seed):
        model, w0 = model_and_start(seed)
        w = [{k: jnp.asarray(v) for k, v in part.items()} for part in model.unpack(w0)]
        zero = tree_map(jnp.zeros_like, w)
        return model, (w, zero, zero, jnp.float32(0))

    def train(seed, epochs):
        model, carry = begin(seed)
        rng = np.random.default_rng(seed)
        start = perf_counter()
        for _ in range(epochs):
            order = rng.permutation(len(X))[: steps * BATCH].astype(np.int32)
            carry = epoch(carry, order.reshape(steps, BATCH))
        jax.block_until_ready(carry)
        taken = (perf_counter() - start) / epochs
        w = model.pack([{k: np.asarray(v) for k, v in p.items()} for p in carry[0]])
        return Run(taken, model.score(w, held, held_y))

    train(0, 1)  # compile
    return train


def numpy_trainer(method):
    """NumPy, as it would be written with some care: one vector, and views of it."""
    X, held, y, held_y = data()
    one = np.float32(1)

    def gradient(layers, a0, labels, g):
        (first, second), (g1, g2) = layers, g
        z = a0 @ first["weights"] + first["bias"]
        a1 = np.maximum(z, 0)
        p = a1 @ second["weights"] + second["bias"]
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(labels)), labels] -= one
        p /= np.float32(len(labels))
        np.matmul(a1.T, p, out=g2["weights"])
        p.sum(axis=0, out=g2["bias"])
        delta = p @ second["weights"].T
        delta *= z > 0
        np.matmul(a0.T, delta, out=g1["weights"])
        delta.sum(axis=0, out=g1["bias"])

    def train(seed, epochs):
        model, w = model_and_start(seed)
        g, v, s = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        layers, slopes = model.unpack(w), model.unpack(g)  # views
        rng, rate, t = np.random.default_rng(seed), np.float32(RATES[method]), 0
        start = perf_counter()
        for _ in range(epochs):
            order = rng.permutation(len(X))
            for at in range(0, len(X), BATCH):
                batch = order[at : at + BATCH]
                gradient(layers, X[batch], y[batch], slopes)
                t += 1
                if method == "momentum":
                    v *= np.float32(0.9)
                    v += g
                    w -= rate * v
                else:
                    v *= np.float32(0.9)
                    v += np.float32(0.1) * g
                    s *= np.float32(0.999)
                    g *= g
                    s += np.float32(0.001) * g
                    root = np.sqrt(s)
                    root *= np.float32(1 / np.sqrt(1 - 0.999**t))
                    root += np.float32(1e-8)
                    w -= np.float32(rate / (1 - 0.9**t)) * (v / root)
        taken = (perf_counter() - start) / epochs
        return Run(taken, model.score(w, held, held_y))

    return train


def sklearn_trainer(method):
    """scikit-learn's MLPClassifier, which starts from points of its own."""
    from sklearn.neural_network import MLPClassifier

    X, held, y, held_y = data()
    solver = {"momentum": "sgd", "adam": "adam"}[method]

    def train(seed, epochs):
        model = MLPClassifier(
            SIZES[1:-1],
            solver=solver,
            nesterovs_momentum=False,
            batch_size=BATCH,
            learning_rate_init=RATES[method],
            alpha=0.0,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=epochs,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it ends with its iterations
            start = perf_counter()
            model.fit(X, y)
        taken = (perf_counter() - start) / epochs
        return Run(taken, model.score(held, held_y))

    return train


def torch_trainer(method):
    """Torch, with its modules and its optimisers; Adam is its fused one, the fastest."""
    try:
        import torch
    except ImportError:
        raise NotImplementedError("torch is not installed") from None
    torch.set_num_threads(1)
    X, held, y, held_y = data()
    tensors, labels = torch.tensor(X), torch.tensor(y)
    loss = torch.nn.CrossEntropyLoss()

    def train(seed, epochs):
        model, w0 = model_and_start(seed)
        first, second = torch.nn.Linear(*SIZES[:2]), torch.nn.Linear(*SIZES[1:])
        linear = [first, second]
        with torch.no_grad():
            for module, part in zip(linear, model.unpack(w0), strict=True):
                module.weight.copy_(torch.tensor(part["weights"].T))
                module.bias.copy_(torch.tensor(part["bias"]))
        net = torch.nn.Sequential(first, torch.nn.ReLU(), second)
        optimiser = (
            torch.optim.SGD(net.parameters(), RATES[method], momentum=0.9, fused=True)
            if method == "momentum"
            else torch.optim.Adam(net.parameters(), RATES[method], fused=True)
        )
        rng = np.random.default_rng(seed)
        start = perf_counter()
        for _ in range(epochs):
            order = torch.from_numpy(rng.permutation(len(X)))
            for batch in order.split(BATCH):
                optimiser.zero_grad(set_to_none=True)
                loss(net(tensors[batch]), labels[batch]).backward()
                optimiser.step()
        taken = (perf_counter() - start) / epochs
        w = model.pack(
            [
                {
                    "weights": module.weight.detach().numpy().T,
                    "bias": module.bias.detach().numpy(),
                }
                for module in linear
            ]
        )
        return Run(taken, model.score(w, held, held_y))

    return train


TRAINERS = {
    "optlab": optlab_trainer,
    "jax": jax_trainer,
    "numpy": numpy_trainer,
    "scikit-learn": sklearn_trainer,
    "torch": torch_trainer,
}


@functools.cache
def trainer(library, method) -> Callable[[int, int], Run]:
    """`train(seed, epochs) -> Run` on the digits."""
    train = TRAINERS[library](method)
    hold_to_one_thread()
    return train


class Digits:
    """64-64-10, ReLU, batches of 32, float32."""

    params = (LIBRARIES, list(RATES))
    param_names = ("library", "method")

    def setup(self, library, method):
        self.train = trainer(library, method)
        self.train(0, 1)

    def track_epoch(self, library, method):
        return float(np.median([self.train(0, EPOCHS).epoch for _ in range(5)]))

    def track_accuracy(self, library, method):
        return float(np.median([self.train(seed, EPOCHS).score for seed in range(5)]))

    track_epoch.unit = "seconds"
    track_accuracy.unit = "share"


# ---- a larger net, beside its matrix products -------------------------------------------

WIDE, SAMPLES, WIDE_BATCH = (784, 128, 10), 20_000, 128
WIDE_METHODS = ("sgd", "momentum", "adam")


@functools.cache
def wide_objective():
    """A net on made samples, and w."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, WIDE[0]), dtype=np.float32)
    y = rng.integers(0, WIDE[-1], SAMPLES)
    model = nn.MLP(WIDE, dtype="float32")
    return model.objective(X, y), model.init(rng=0)


def wide_epochs(method, epochs=3):
    """Seconds of an epoch of optlab's, shuffling and gathering of samples included."""
    objective, w0 = wide_objective()
    options = {
        "batch_size": WIDE_BATCH,
        "epochs": epochs + 1,
        "learning_rate": 1e-3,
        "rng": 0,
    }
    result = optlab.minimize(objective, w0, method=method, options=options)
    at = result.history["seconds"]
    return (at[-1] - at[0]) / epochs


@functools.cache
def wide_products():
    """The matrix products of an epoch, by BLAS, with all memory at hand."""
    whole = products("784-128-10, batch 128", "float32")
    rest = products("784-128-10, batch 32", "float32")
    full, left = divmod(SAMPLES, WIDE_BATCH)
    if left != 32:
        raise ValueError("the last batch must be of 32")

    def epoch():
        for _ in range(full):
            whole()
        rest()

    return epoch


class Wide:
    """784-128-10 on 20,000 samples, batches of 128, float32."""

    params = WIDE_METHODS
    param_names = ("method",)

    def setup(self, method):
        hold_to_one_thread()
        wide_epochs(method, 1)

    def track_epoch(self, method):
        return wide_epochs(method)

    def track_of_its_products(self, method):
        runs = [(wide_epochs(method), seconds(wide_products())) for _ in range(3)]
        ours, floor = np.median(runs, axis=0)
        return ours / floor

    track_epoch.unit = "seconds"
    track_of_its_products.unit = "times the products"


# ---- a convex problem, to six digits ----------------------------------------------------

ROWS, COLUMNS, DIGITS = 200_000, 50, 1e-6
FITS = {  # options of each method, the best of those tried, epochs apart
    "svrg": {"batch_size": 128, "learning_rate": 0.2},
    "sgd": {
        "batch_size": 64,
        "learning_rate": 0.12,
        "schedule": "inverse",
        "averaging": 2,
    },
}
PENALTY = 1.0  # precision of the prior on the weights; scikit-learn's 1 / C


@functools.cache
def regression():
    """Correlated columns of unit variance, labels drawn from a logistic model."""
    rng = np.random.default_rng(0)
    mixing, _ = np.linalg.qr(rng.standard_normal((COLUMNS, COLUMNS)))
    mixing *= np.geomspace(1, 0.1, COLUMNS)[:, None]
    X = rng.standard_normal((ROWS, COLUMNS)) @ mixing
    X /= X.std(axis=0)
    z = X @ rng.standard_normal(COLUMNS) / np.sqrt(COLUMNS) * 2
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-z))).astype(int)
    return X, y


@functools.cache
def regression_objective():
    """The mean loss and penalty of scikit-learn's LogisticRegression, as a net."""
    prior = nn.GaussianPrior(PENALTY)
    model = nn.MLP([COLUMNS, 1], loss="logistic", prior=prior)
    return model, model.objective(*regression())


@functools.cache
def optimum():
    """The least value, by L-BFGS to the end."""
    model, objective = regression_objective()
    options = {"gtol": 1e-10}
    return optlab.minimize(objective, np.zeros(model.n), options=options).fun


def enough(f):
    """Whether a value is within 1e-6 of the optimum, relative to it."""
    return f <= optimum() * (1 + DIGITS)


def fit_optlab(method, epochs, seed=0):
    """A fit of so many epochs, or iterations; f at its end."""
    model, objective = regression_objective()
    if method == "l-bfgs":
        options = {"gtol": 0.0, "maxiter": epochs}
    else:
        options = FITS[method] | {"epochs": epochs, "rng": seed}
    w0 = np.zeros(model.n)
    return optlab.minimize(objective, w0, method=method, options=options).fun


def fit_saga(epochs, seed=0):
    """The same by scikit-learn's saga; the fitted model."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it ends with its iterations
        return LogisticRegression(
            C=1 / PENALTY, solver="saga", tol=0.0, max_iter=epochs, random_state=seed
        ).fit(*regression())


def saga_value(fitted):
    """optlab's f at a fit of scikit-learn's."""
    model, objective = regression_objective()
    w = model.pack([{"weights": fitted.coef_.T, "bias": fitted.intercept_}])
    return objective.fun(w)


@functools.cache
def epochs_needed(method, seed=0, most=300):
    """The least number of epochs that is enough, or None."""
    for epochs in range(1, most):
        f = (
            saga_value(fit_saga(epochs, seed))
            if method == "saga"
            else fit_optlab(method, epochs, seed)
        )
        if enough(f):
            return epochs
    return None


def fit(method, seed=0):
    """A fit that is enough, by a method of optlab's or by saga."""
    epochs = epochs_needed(method, seed)
    if epochs is None:
        raise NotImplementedError(f"{method} does not reach it")
    if method == "saga":
        return fit_saga(epochs, seed)
    return fit_optlab(method, epochs, seed)


# ---- what show.py prints ----------------------------------------------------------------


def show_digits(rounds=15):
    """Print the seconds of an epoch on the digits, ratios with their aims, accuracies."""
    aims = {"jax": 1.6, "scikit-learn": 15.0, "torch": 20.0}
    most = {"momentum": 0.33, "adam": 0.36}
    for method in RATES:
        trainers = [trainer(library, method) for library in LIBRARIES]
        runs = np.array(
            [[train(0, EPOCHS).epoch for train in trainers] for _ in range(rounds)]
        )
        times = dict(zip(LIBRARIES, np.median(runs, axis=0), strict=True))
        scores = {
            library: [train(seed, EPOCHS).score for seed in range(5)]
            for library, train in zip(LIBRARIES, trainers, strict=True)
        }
        for library, epoch in times.items():
            aim = f"at most {most[method]:.2f} ms"
            if library != "optlab":
                aim = f"at least {aims[library]:.1f}" if library in aims else ""
            print(
                f"{method + ', ' + library:<24} {1e3 * epoch:8.3f} ms an epoch   "
                f"{epoch / times['optlab']:6.1f} times optlab's   {aim:<18} "
                f"accuracy {np.mean(scores[library]):.4f} "
                f"({min(scores[library]):.4f} to {max(scores[library]):.4f})",
                flush=True,
            )


def show_wide(rounds=7):
    """Print the seconds of an epoch of the larger net, beside its products."""
    for method in WIDE_METHODS:
        runs = [
            (wide_epochs(method, 1), seconds(wide_products())) for _ in range(rounds)
        ]
        ours, floor = np.median(runs, axis=0)
        print(
            f"784-128-10, {method:<12} {1e3 * ours:8.1f} ms an epoch   "
            f"{ours / floor:.2f} of its products ({1e3 * floor:.1f} ms)   at most 1.25",
            flush=True,
        )


def show_regression(rounds=3):
    """Print the seconds of fits to 1e-6 of the optimum."""
    methods = (*FITS, "l-bfgs", "saga")
    for method in methods:
        epochs_needed(method)
    able = [method for method in methods if epochs_needed(method) is not None]
    runs = [[seconds(fit, method) for method in able] for _ in range(rounds)]
    times = dict(zip(able, np.median(runs, axis=0), strict=True))
    for method in methods:
        if method not in able:
            print(f"{method:<12} does not reach it")
            continue
        print(
            f"{method:<12} {1e3 * times[method]:10.1f} ms   {epochs_needed(method):4d} "
            f"epochs   {times['saga'] / times[method]:6.2f} times as fast as saga"
        )
