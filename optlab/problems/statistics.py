r"""Logistic regression, binary and multinomial, with a Gaussian prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import (
    Array,
    as_matrix,
    check_length,
    checked_dtype,
    checked_float,
    checked_int,
)
from optlab_c import objectives

from .data import matrix_of, panels, real_data, standardised
from .registry import Problem, problem

__all__ = [
    "LogisticRegression",
    "breast_cancer",
    "digits",
    "logistic_binary",
    "logistic_multinomial",
    "logistic_regression",
]

ESL = "Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2009, 4.4"


class LogisticRegression(Problem):
    """What `logistic_regression` returns: a `Problem` that knows its weights' layout.

    The unknowns w are a matrix, row by row: one row for each class, or a single row if
    there are two classes, with the coefficients first and the intercept, if there is
    one, last.

    Attributes
    ----------
    classes : ndarray, shape (n_classes,)
        The labels, sorted. With two classes the scores are those of the second.
    n_features : int
        Number of columns of X.
    fit_intercept : bool
        Whether there are intercepts.
    precision : float
        Precision of the prior.
    """

    classes: Array
    n_features: int
    fit_intercept: bool
    precision: float
    _panels: Array
    _labels: Array

    def coef(self, w: npt.ArrayLike) -> Array:
        """Return the coefficients in w.

        Parameters
        ----------
        w : array_like, shape (n,)
            Unknowns.

        Returns
        -------
        ndarray, shape (1 or n_classes, n_features)
            As scikit-learn's ``coef_``.
        """
        return self._rows(w)[:, : self.n_features]

    def intercept(self, w: npt.ArrayLike) -> Array:
        """Return the intercepts in w.

        Parameters
        ----------
        w : array_like, shape (n,)
            Unknowns.

        Returns
        -------
        ndarray, shape (1 or n_classes,)
            As scikit-learn's ``intercept_``; zeros if there are none.
        """
        rows = self._rows(w)
        if self.fit_intercept:
            return rows[:, -1].copy()
        return np.zeros(len(rows), rows.dtype)

    def _rows(self, w: npt.ArrayLike) -> Array:
        array = np.array(w)
        if array.shape != (self.n,):
            raise ValueError(f"w must have the shape ({self.n},), not {array.shape}")
        return array.reshape(-1, self.n_features + self.fit_intercept)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the data, unless the registry can make it again."""
        if self._make is not None:
            return super().__reduce__()
        X = matrix_of(self._panels, self.n_samples, self.n_features)
        y = self.classes[self._labels]
        return logistic_regression, (
            X,
            y,
            self.precision,
            self.fit_intercept,
            self.dtype,
        )


def logistic_regression(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    precision: float = 1.0,
    fit_intercept: bool = True,
    dtype: npt.DTypeLike = "float64",
) -> LogisticRegression:
    r"""Logistic regression with a Gaussian prior on the coefficients.

    With the scores :math:`z_{ik} = b_k + w_k \cdot x_i`, for K > 2 classes,

    .. math:: f = \sum_i \Big(\log \sum_k e^{z_{ik}} - z_{i y_i}\Big)
              + \frac{\text{precision}}{2} \sum_k \|w_k\|^2,

    and for two classes, with one score for the second of them and
    :math:`y_i = \pm 1`,

    .. math:: f = \sum_i \log(1 + e^{-y_i z_i})
              + \frac{\text{precision}}{2} \|w\|^2 .

    This is minus the logarithm of the posterior for the prior
    N(0, precision\ :sup:`-1`) on the coefficients and none on the intercepts b; and
    scikit-learn's ``LogisticRegression(C=1/precision)`` minimises f/precision.

    Loss and gradient are one fused pass over the data, and so are Hessian products.
    Large scores neither overflow nor cancel.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Data, finite real numbers; they are copied.
    y : array_like, shape (n_samples,)
        Labels of any kind that can be sorted, of at least two classes.
    precision : float, optional
        Precision (the inverse of the variance) of the prior, above 0.
    fit_intercept : bool, optional
        Whether the scores have intercepts.
    dtype : {"float64", "float32"}, optional
        Precision of data, unknowns and derivatives.

    Returns
    -------
    LogisticRegression
        A `Problem` that starts at 0, with `coef` and `intercept` to take w apart.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as said above; the message names it.

    References
    ----------
    T. Hastie, R. Tibshirani and J. Friedman, The Elements of Statistical Learning,
    2nd ed., Springer 2009, section 4.4.

    Examples
    --------
    >>> from scipy.optimize import minimize
    >>> from optlab import problems
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> y = ["no", "yes", "no", "yes"]
    >>> problem = problems.logistic_regression(X, y)
    >>> problem
    <Problem logistic_regression(precision=1.0): n=2>
    >>> result = minimize(problem, problem.x0, jac=problem.grad)
    >>> problem.coef(result.x).round(3), problem.intercept(result.x).round(3)
    (array([[0.453]]), array([-0.679]))
    """
    data = as_matrix("X", X)
    rows, features = data.shape
    classes, labels = as_labels("y", y, rows)
    precision = checked_float("precision", precision, 0, strict=True)
    if not isinstance(fit_intercept, bool | np.bool_):
        raise TypeError(
            f"fit_intercept must be a bool, not {type(fit_intercept).__name__}"
        )
    single = checked_dtype(dtype)
    laid_out = panels(data, bool(fit_intercept), single)
    binary = len(classes) == 2
    outputs = 1 if binary else len(classes)
    signs = np.where(labels, 1.0, -1.0).astype(laid_out.dtype)
    capsule = objectives.linear(
        laid_out,
        signs if binary else labels,
        rows,
        outputs,
        int(fit_intercept),
        precision,
        objectives.LOGISTIC if binary else objectives.SOFTMAX,
    )
    made = LogisticRegression(
        capsule,
        x0=np.zeros(outputs * (features + bool(fit_intercept))),
        name="logistic_regression",
        source=ESL,
    )
    made.params = {"precision": precision}
    made.classes = classes
    made.n_features = features
    made.fit_intercept = bool(fit_intercept)
    made.precision = precision
    made._panels = laid_out
    made._labels = labels
    return made


def as_labels(name: str, value: npt.ArrayLike, rows: int) -> tuple[Array, Array]:
    """Return the sorted classes and each row's index among them."""
    labels = np.asarray(value)
    if labels.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension(s), not {labels.ndim}")
    check_length(name, labels, rows)
    if labels.dtype.kind == "c":
        raise TypeError(f"{name} must hold labels that can be sorted, not complex ones")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
        raise ValueError(f"{name} must be finite, but it holds NaN or infinity")
    try:
        classes, index = np.unique(labels, return_inverse=True)
    except TypeError:
        raise TypeError(f"{name} must hold labels that can be sorted") from None
    if len(classes) < 2:
        raise ValueError(f"{name} must hold at least two classes, not {len(classes)}")
    return classes, index.astype(np.int32)


def random_data(
    samples: int, features: int, classes: int, rng: np.random.Generator | int | None
) -> tuple[Array, Array]:
    """Draw correlated normal data, and labels from a softmax model of them."""
    classes = checked_int("classes", classes, 2)
    samples = checked_int("samples", samples, classes)
    features = checked_int("features", features, 1)
    generator = np.random.default_rng(rng)
    mix = np.eye(features) + 0.5 * generator.standard_normal((features, features))
    X = generator.standard_normal((samples, features)) @ mix
    scores = X @ generator.standard_normal((features, classes)) / np.sqrt(features)
    y = np.argmax(scores + generator.gumbel(size=scores.shape), axis=1)
    y[:classes] = np.arange(classes)  # no class goes missing
    return X, y


@problem("statistics", source=ESL)
def logistic_binary(
    samples: int = 500,
    features: int = 20,
    precision: float = 1.0,
    rng: np.random.Generator | int | None = 0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    """Logistic regression of two classes on random data.

    Parameters
    ----------
    samples, features : int, optional
        Size of the data.
    precision : float, optional
        Precision of the prior, above 0.
    rng : Generator or int or None, optional
        Where the data are drawn from, see `numpy.random.default_rng`.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    LogisticRegression
        As by `logistic_regression`.
    """
    X, y = random_data(samples, features, 2, rng)
    return logistic_regression(X, y, precision, dtype=dtype)


@problem("statistics", source=ESL)
def logistic_multinomial(
    samples: int = 500,
    features: int = 10,
    classes: int = 5,
    precision: float = 1.0,
    rng: np.random.Generator | int | None = 0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    """Logistic regression of several classes on random data.

    Parameters
    ----------
    samples, features, classes : int, optional
        Size of the data.
    precision : float, optional
        Precision of the prior, above 0.
    rng : Generator or int or None, optional
        Where the data are drawn from, see `numpy.random.default_rng`.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    LogisticRegression
        As by `logistic_regression`.
    """
    X, y = random_data(samples, features, classes, rng)
    return logistic_regression(X, y, precision, dtype=dtype)


def on_real_data(
    name: str, precision: float, standardize: bool, dtype: npt.DTypeLike, known: float
) -> Problem:
    """Logistic regression on a data set that scikit-learn brings along."""
    X, y = real_data(name)
    made = logistic_regression(
        standardised(X) if standardize else X, y, precision, dtype=dtype
    )
    if precision == 1 and standardize:
        made.f_opt = known
        made.minima = (known,)
    return made


@problem(
    "statistics",
    "data",
    source="Alpaydin & Kaynak, Kybernetika 34 (1998) 369-374; scikit-learn's digits",
    requires="sklearn",
)
def digits(
    precision: float = 1.0,
    standardize: bool = True,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    """Logistic regression on handwritten digits: 1797 samples, 64 features, 10 classes.

    Parameters
    ----------
    precision : float, optional
        Precision of the prior, above 0.
    standardize : bool, optional
        Whether features get mean 0 and variance 1 (those that vary).
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    LogisticRegression
        As by `logistic_regression`.
    """
    return on_real_data("digits", precision, standardize, dtype, 113.4799547803342)


@problem(
    "statistics",
    "data",
    source=(
        "Wolberg, Street & Mangasarian, Anal. Quant. Cytol. Histol. 17 (1995) 77-87; "
        "scikit-learn's breast_cancer"
    ),
    requires="sklearn",
)
def breast_cancer(
    precision: float = 1.0,
    standardize: bool = True,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    """Logistic regression on breast cancer data: 569 samples, 30 features, 2 classes.

    Parameters
    ----------
    precision : float, optional
        Precision of the prior, above 0.
    standardize : bool, optional
        Whether features get mean 0 and variance 1.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    LogisticRegression
        As by `logistic_regression`.
    """
    return on_real_data(
        "breast_cancer", precision, standardize, dtype, 37.75894596187597
    )
