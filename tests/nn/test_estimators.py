"""MLPClassifier and MLPRegressor by scikit-learn's conventions."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from optlab import nn


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([nn.MLPClassifier(max_iter=50), nn.MLPRegressor(max_iter=50)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("solver", ["l-bfgs", "newton-cg", "bfgs"])
def test_labels_of_any_kind(solver):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    estimator = nn.MLPClassifier(
        (5,), solver=solver, alpha=0.1, max_iter=5000, random_state=0
    )
    estimator.fit(X, names)
    assert estimator.score(X, names) > 0.96
    assert list(estimator.classes_) == ["setosa", "versicolor", "virginica"]
    proba = estimator.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (estimator.classes_[proba.argmax(axis=1)] == estimator.predict(X)).all()


def test_regression_of_several_outputs():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    Y = np.column_stack([X[:, 0] * X[:, 1], np.sin(X[:, 2])])
    estimator = nn.MLPRegressor(
        (20,), activation="tanh", alpha=0.1, max_iter=5000, random_state=0
    )
    assert estimator.fit(X, Y).score(X, Y) > 0.97
    assert estimator.predict(X[:4]).shape == (4, 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_in_a_pipeline_with_batch_norm():
    X, y = load_diabetes(return_X_y=True)
    regressor = nn.MLPRegressor(
        (8,), "swish", batch_norm=True, alpha=30, random_state=0
    )
    scores = cross_val_score(
        make_pipeline(StandardScaler(), regressor), X, y / 100, cv=3
    )
    assert scores.mean() > 0.35


def test_a_seed_reproduces():
    X, y = load_iris(return_X_y=True)
    estimator = nn.MLPClassifier((4,), random_state=3, max_iter=5000, alpha=1.0)
    first, second = clone(estimator).fit(X, y), clone(estimator).fit(X, y)
    np.testing.assert_array_equal(first.w_, second.w_)


def test_what_has_not_converged_is_told():
    X, y = load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning):
        nn.MLPClassifier((4,), random_state=0, max_iter=2).fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "svrg"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stochastic_solvers_run_for_max_iter_epochs(solver):
    X, y = load_iris(return_X_y=True)
    estimator = nn.MLPClassifier((8,), solver=solver, random_state=0, max_iter=40)
    first, second = clone(estimator).fit(X, y), clone(estimator).fit(X, y)
    assert first.n_iter_ == 40
    np.testing.assert_array_equal(first.w_, second.w_)
