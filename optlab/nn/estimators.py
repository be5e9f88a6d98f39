"""MLPs as scikit-learn's estimators, which is needed for nothing else here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self
from warnings import warn

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from optlab.checks import Array, checked_int
from optlab.minimize import minimize
from optlab.nn.activations import Activation
from optlab.nn.initialisers import Initialiser
from optlab.nn.losses import CrossEntropy, Loss
from optlab.nn.mlp import MLP
from optlab.nn.priors import GaussianPrior
from optlab.options import not_negative
from optlab.result import OptimizeResult
from optlab.stochastic import find_rule


class BaseMLP(BaseEstimator):  # type: ignore[misc]  # no types there
    """What both estimators share."""

    hidden_layer_sizes: Any
    activation: Any
    batch_norm: Any
    init: Any
    alpha: float
    solver: str
    solver_options: Any
    max_iter: int
    tol: float
    random_state: Any
    warm_start: bool
    verbose: bool
    dtype: Any
    threads: int
    w_: Array

    def _model(self, inputs: int, outputs: int, loss: Any) -> MLP:
        hidden = self.hidden_layer_sizes
        if isinstance(hidden, int | np.integer):
            hidden = (hidden,)
        if not isinstance(hidden, Sequence | np.ndarray):
            raise TypeError(f"hidden_layer_sizes must be a sequence, got {hidden!r}")
        sizes = [
            checked_int(f"hidden_layer_sizes[{i}]", size, 1)
            for i, size in enumerate(hidden)
        ]
        alpha = not_negative("alpha", self.alpha)
        return MLP(
            [inputs, *sizes, outputs],
            self.activation,
            self.batch_norm,
            self.init,
            loss,
            GaussianPrior(alpha) if alpha else None,
            self.dtype,
        )

    def _train(self, model: MLP, X: Array, y: Array, sample_weight: Any) -> None:
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        options: dict[str, Any] = {
            "gtol": not_negative("tol", self.tol),
            "disp": bool(self.verbose),
        }
        if find_rule(self.solver) is None:
            options["maxiter"] = checked_int("max_iter", self.max_iter, 0)
        else:
            options["epochs"] = checked_int("max_iter", self.max_iter, 1)
            options["rng"] = seed
        own = {} if self.solver_options is None else self.solver_options
        if not isinstance(own, Mapping):
            raise TypeError(f"solver_options must be a dict or None, got {own!r}")
        objective = model.objective(X, y, sample_weight, self.threads)
        if self.warm_start and hasattr(self, "w_"):
            if len(self.w_) != model.n:
                raise ValueError(
                    "warm_start must be False where the net has changed: it had "
                    f"{len(self.w_)} parameters, and has {model.n}"
                )
            w = self.w_
        else:
            w = model.init(seed, X)
        result: OptimizeResult = minimize(
            objective,
            w,
            method=self.solver,
            options={**options, **own},
        )
        if not result.success:
            warn(result.message, ConvergenceWarning, stacklevel=3)
        model.settle(result.x)
        self.model_, self.result_, self.w_ = model, result, result.x
        self.loss_, self.n_iter_ = result.fun, result.nit

    def _data(self, X: npt.ArrayLike) -> Array:
        check_is_fitted(self)
        data: Array = validate_data(self, X, reset=False)
        return data


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A classifier by scikit-learn's conventions: cross-entropy, minimised by optlab.

    Parameters have the names of scikit-learn's own ``MLPClassifier`` where it has them.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int or int, default (100,)
        Numbers of units in the hidden layers.
    activation, batch_norm, init, dtype
        As for `MLP`.
    label_smoothing : float, default 0
        See `CrossEntropy`.
    alpha : float, default 1e-4
        Strength of the L2 penalty on the weights: the precision of their prior.
    solver : str, default "l-bfgs"
        A method of `optlab.minimize`.
    solver_options : dict, optional
        Its options; they go before `max_iter`, `tol` and `verbose`.
    max_iter : int, default 200
        Limit on iterations.
    tol : float, default 1e-4
        The largest component of the gradient must fall to it.
    random_state : int, RandomState or None, optional
        Where the initial parameters are drawn from.
    warm_start : bool, default False
        Whether `fit` starts from where it ended the last time.
    verbose : bool, default False
        Whether it is printed how a run ended.
    threads : int, default 1
        How many threads share an evaluation.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of columns of X.
    model_ : MLP
        The net.
    w_ : ndarray, shape (n,)
        Its parameters.
    result_ : OptimizeResult
        What `optlab.minimize` returned.
    loss_ : float
        The value of the objective, penalty included.
    n_iter_ : int
        Number of iterations.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import optlab
    >>> X, y = load_iris(return_X_y=True)
    >>> net = optlab.nn.MLPClassifier((10,), activation="swish", random_state=0)
    >>> make_pipeline(StandardScaler(), net).fit(X, y).score(X, y) > 0.97
    True
    """

    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Activation | Any = "relu",
        *,
        batch_norm: bool | Any = False,
        init: str | Initialiser | None = None,
        label_smoothing: float = 0.0,
        alpha: float = 1e-4,
        solver: str = "l-bfgs",
        solver_options: dict[str, Any] | None = None,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: npt.DTypeLike = "float64",
        threads: int = 1,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.init = init
        self.label_smoothing = label_smoothing
        self.alpha = alpha
        self.solver = solver
        self.solver_options = solver_options
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype
        self.threads = threads

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data, finite real numbers.
        y : array_like, shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array_like, shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        MLPClassifier
            This estimator.
        """
        data, targets = validate_data(self, X, y)
        check_classification_targets(targets)
        classes, labels = np.unique(targets, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y must hold at least two classes, but it has 1 class, {classes[0]!r}"
            )
        if (
            self.warm_start
            and hasattr(self, "classes_")
            and not np.array_equal(classes, self.classes_)
        ):
            raise ValueError("warm_start must be False where the classes of y change")
        loss = CrossEntropy(self.label_smoothing)
        model = self._model(data.shape[1], len(classes), loss)
        self._train(model, data, labels, sample_weight)
        self.classes_ = classes
        return self

    def decision_function(self, X: npt.ArrayLike) -> Array:
        """Scores: logarithms of the probabilities, up to a term for all classes.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray, shape (n_samples, n_classes), or (n_samples,) for two classes
            The scores; for two classes, that of the second one less that of the first.
        """
        data = self._data(X)
        scores = self.model_.decision_function(self.w_, data)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predict labels.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray, shape (n_samples,)
            Labels.
        """
        data = self._data(X)
        labels: Array = self.classes_[self.model_.predict(self.w_, data)]
        return labels

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`.
        """
        data = self._data(X)
        return self.model_.predict_proba(self.w_, data)

    def predict_log_proba(self, X: npt.ArrayLike) -> Array:
        """Predict the logarithms of the probabilities, without underflow.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            Logarithms, in the order of `classes_`.
        """
        data = self._data(X)
        scores = self.model_.decision_function(self.w_, data)
        return np.asarray(log_softmax(scores, axis=1))


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A regressor by scikit-learn's conventions, of one output or several.

    Parameters have the names of scikit-learn's own ``MLPRegressor`` where it has them.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int or int, default (100,)
        Numbers of units in the hidden layers.
    activation, batch_norm, init, dtype
        As for `MLP`.
    loss : str or Loss, default "squared_error"
        "squared_error", "huber", or an instance such as ``Huber(delta=2.0)``. Errors are
        summed over the outputs.
    alpha : float, default 1e-4
        Strength of the L2 penalty on the weights: the precision of their prior.
    solver : str, default "l-bfgs"
        A method of `optlab.minimize`.
    solver_options : dict, optional
        Its options; they go before `max_iter`, `tol` and `verbose`.
    max_iter : int, default 200
        Limit on iterations.
    tol : float, default 1e-4
        The largest component of the gradient must fall to it.
    random_state : int, RandomState or None, optional
        Where the initial parameters are drawn from.
    warm_start : bool, default False
        Whether `fit` starts from where it ended the last time.
    verbose : bool, default False
        Whether it is printed how a run ended.
    threads : int, default 1
        How many threads share an evaluation.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    model_ : MLP
        The net.
    w_ : ndarray, shape (n,)
        Its parameters.
    result_ : OptimizeResult
        What `optlab.minimize` returned.
    loss_ : float
        The value of the objective, penalty included.
    n_iter_ : int
        Number of iterations.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> X = np.linspace(-3, 3, 50)[:, np.newaxis]
    >>> net = optlab.nn.MLPRegressor((20,), activation="tanh", random_state=0)
    >>> net.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Activation | Any = "relu",
        *,
        batch_norm: bool | Any = False,
        init: str | Initialiser | None = None,
        loss: str | Loss = "squared_error",
        alpha: float = 1e-4,
        solver: str = "l-bfgs",
        solver_options: dict[str, Any] | None = None,
        max_iter: int = 200,
        tol: float = 1e-4,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: npt.DTypeLike = "float64",
        threads: int = 1,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.init = init
        self.loss = loss
        self.alpha = alpha
        self.solver = solver
        self.solver_options = solver_options
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype
        self.threads = threads

    def __sklearn_tags__(self) -> Any:
        """Several outputs are fine."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data, finite real numbers.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Values, finite real numbers.
        sample_weight : array_like, shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        MLPRegressor
            This estimator.
        """
        data, targets = validate_data(self, X, y, multi_output=True, y_numeric=True)
        outputs = 1 if targets.ndim == 1 else targets.shape[1]
        model = self._model(data.shape[1], outputs, self.loss)
        if model.loss.classifies:
            raise ValueError(f"loss must be one of values, not {self.loss!r}")
        self._train(model, data, targets, sample_weight)
        self._flat = targets.ndim == 1
        return self

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predict values.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray, shape (n_samples,) or (n_samples, n_outputs)
            Values, in the shape of y for `fit`.
        """
        data = self._data(X)
        values = self.model_.predict(self.w_, data)
        return values if self._flat else values.reshape(len(data), -1)
