"""Estimators: their parameters reach the net, and bad ones are named by `fit`."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import optlab
from optlab import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
LABELS = np.array(["no", "yes"])[(X[:, 0] * X[:, 1] > 0).astype(int)]
VALUES = np.sin(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fit_is_minimize_on_the_same_objective(dtype):
    estimator = nn.MLPClassifier(
        (5, 4),
        ["swish", nn.AconB()],
        batch_norm=[True, False],
        init="he",
        label_smoothing=0.1,
        alpha=2.0,
        solver="l-bfgs",
        max_iter=12,
        tol=0.0,
        random_state=7,
        dtype=dtype,
        threads=2,
    ).fit(X, LABELS)
    model = nn.MLP(
        [3, 5, 4, 2],
        ["swish", nn.AconB()],
        [True, False],
        "he",
        nn.CrossEntropy(0.1),
        nn.GaussianPrior(2.0),
        dtype,
    )
    objective = model.objective(X, LABELS == "yes", threads=2)
    assert estimator.loss_ == objective.fun(estimator.w_)
    seed = np.random.RandomState(7).randint(np.iinfo(np.int32).max)
    w0, options = model.init(seed), {"gtol": 0.0, "maxiter": 12}
    result = optlab.minimize(objective, w0, method="l-bfgs", options=options)
    np.testing.assert_array_equal(estimator.w_, result.x)
    assert (estimator.loss_, estimator.n_iter_) == (result.fun, 12)
    assert estimator.w_.dtype == dtype
    raw = model.decision_function(estimator.w_, X)
    margin = raw[:, 1] - raw[:, 0]
    np.testing.assert_array_equal(estimator.decision_function(X), margin)
    np.testing.assert_array_equal(
        estimator.predict(X), np.where(margin > 0, "yes", "no")
    )
    # Rows alone have the statistics of the training data.
    np.testing.assert_allclose(
        estimator.predict_proba(X[:1]), estimator.predict_proba(X)[:1], rtol=1e-5
    )


@pytest.mark.parametrize("loss", ["squared_error", "huber", nn.Huber(0.25)])
def test_losses_of_the_regressor(loss):
    estimator = nn.MLPRegressor(
        (6,), "tanh", loss=loss, alpha=0.5, max_iter=2000, random_state=0
    ).fit(X, VALUES)
    model = nn.MLP([3, 6, 3], "tanh", loss=loss, prior=nn.GaussianPrior(0.5))
    assert estimator.loss_ == model.objective(X, VALUES).fun(estimator.w_)
    assert estimator.predict(X).shape == (60, 3)
    assert estimator.fit(X, VALUES[:, 0]).predict(X).shape == (60,)
    assert estimator.fit(X, VALUES[:, :1]).predict(X).shape == (60, 1)


def test_sample_weights_are_repetitions():
    weights = np.arange(60) % 3
    options = {"alpha": 1.0, "tol": 1e-9, "max_iter": 5000, "random_state": 0}
    for kind, y in ((nn.MLPClassifier, LABELS), (nn.MLPRegressor, VALUES)):
        weighted = kind((3,), "tanh", **options).fit(X, y, weights)
        repeated = kind((3,), "tanh", **options).fit(
            np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0)
        )
        assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)
        np.testing.assert_allclose(weighted.w_, repeated.w_, rtol=0, atol=1e-4)


def test_a_warm_start_goes_on():
    estimator = nn.MLPClassifier(
        (4,), "tanh", alpha=1.0, warm_start=True, random_state=0, max_iter=2000
    )
    first = estimator.fit(X, LABELS).loss_
    assert estimator.n_iter_ > 0
    assert estimator.fit(X, LABELS).loss_ <= first
    assert estimator.n_iter_ == 0  # it was there
    with pytest.raises(ValueError, match="warm_start must be False"):
        estimator.fit(X, np.where(LABELS == "no", "maybe", LABELS))
    with pytest.raises(ValueError, match="warm_start must be False"):
        estimator.set_params(hidden_layer_sizes=(5,)).fit(X, LABELS)


def test_copies_and_grids():
    estimator = nn.MLPRegressor((4,), "tanh", alpha=1.0, random_state=0, max_iter=2000)
    search = GridSearchCV(estimator, {"alpha": [0.1, 100.0]}, cv=3).fit(X, VALUES)
    assert search.best_params_ == {"alpha": 0.1}
    with pytest.raises(NotFittedError):
        clone(search.best_estimator_).predict(X)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"hidden_layer_sizes": (0,)}, ValueError, r"hidden_layer_sizes\[0\] must be"),
        ({"hidden_layer_sizes": (2.5,)}, TypeError, r"hidden_layer_sizes\[0\] must be"),
        ({"hidden_layer_sizes": None}, TypeError, "hidden_layer_sizes must be a seq"),
        ({"activation": "rellu"}, ValueError, "did you mean 'relu'"),
        ({"batch_norm": 1}, TypeError, "batch_norm must be a bool"),
        ({"init": "hee"}, ValueError, "did you mean 'he'"),
        ({"alpha": -1.0}, ValueError, "alpha must not be negative"),
        ({"alpha": "1"}, TypeError, "alpha must be a real number"),
        ({"solver": "lbfsg"}, ValueError, "lbfsg"),
        ({"solver_options": 3}, TypeError, "solver_options must be a dict"),
        ({"solver_options": {"gotl": 1.0}}, ValueError, "gotl"),
        ({"max_iter": -1}, ValueError, "max_iter must be at least 0"),
        ({"max_iter": 2.5}, TypeError, "max_iter must be an int"),
        ({"tol": -1.0}, ValueError, "tol must not be negative"),
        ({"dtype": "float16"}, ValueError, "dtype must be"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(parameters, error, words):
    for kind, y in ((nn.MLPClassifier, LABELS), (nn.MLPRegressor, VALUES)):
        with pytest.raises(error, match=words):
            kind(**parameters).fit(X, y)


def test_what_is_peculiar_to_one_of_them_is_named():
    with pytest.raises(ValueError, match="label_smoothing must be"):
        nn.MLPClassifier(label_smoothing=1.0).fit(X, LABELS)
    with pytest.raises(ValueError, match="loss must be one of values"):
        nn.MLPRegressor(loss="logistic").fit(X, LABELS == "yes")
    with pytest.raises(ValueError, match="y must hold at least two classes"):
        nn.MLPClassifier().fit(X, np.zeros(60))
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        nn.MLPClassifier().fit(X, LABELS, -np.ones(60))


def test_any_method_is_a_solver():
    for solver in ("gd", "cg", "bfgs", "l-bfgs", "newton-cg"):
        estimator = nn.MLPClassifier(
            (3,), "tanh", alpha=10.0, solver=solver, max_iter=5000, random_state=0
        ).fit(X, LABELS)
        assert isinstance(estimator.result_, optlab.OptimizeResult)
        assert estimator.result_.success
        assert estimator.result_.method == solver
