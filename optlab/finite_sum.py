"""Finite sums: objectives that are a mean over samples, all of them or a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import checked_int
from optlab_c.machine import objective_dtype
from optlab_c.objectives import Objective
from optlab_c.stochastic import PythonSum, is_finite_sum

Array = npt.NDArray[Any]


class FiniteSum:
    """A mean over samples, from a function that takes some of them.

    Stochastic methods ask it for batches; all others, and SciPy, take it as it is, over
    all samples.

    Parameters
    ----------
    fun : callable
        ``fun(w, indices) -> (mean loss, gradient)`` over the samples with these numbers,
        a vector of int64; w has the shape (n,). Penalties that are no mean over samples
        are added in full to every batch's.
    n_samples : int
        The number of samples.

    Attributes
    ----------
    n_samples : int
        The number of samples.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import optlab
    >>> rng = np.random.default_rng(0)
    >>> A, w = rng.normal(size=(1000, 3)), np.array([1.0, 2.0, 3.0])
    >>> b = A @ w
    >>> def squares(w, indices):
    ...     rows = A[indices]
    ...     r = rows @ w - b[indices]
    ...     return r @ r / (2 * len(r)), rows.T @ r / len(r)
    >>> objective = optlab.FiniteSum(squares, len(A))
    >>> options = {"epochs": 20, "learning_rate": 0.1, "rng": 0}
    >>> result = optlab.minimize(objective, np.zeros(3), method="sgd", options=options)
    >>> result.x.round(4)
    array([1., 2., 3.])
    >>> optlab.minimize(objective, np.zeros(3), method="l-bfgs").x.round(4)
    array([1., 2., 3.])
    """

    def __init__(
        self, fun: Callable[[Array, Array], tuple[float, Array]], n_samples: int
    ) -> None:
        if not callable(fun):
            raise TypeError(f"fun must be callable, got {type(fun).__name__}")
        self._fun = fun
        self.n_samples = checked_int("n_samples", n_samples, 1)

    def fun_and_grad(
        self, w: Array, indices: Array | None = None
    ) -> tuple[float, Array]:
        """Compute the mean loss and its gradient.

        Parameters
        ----------
        w : ndarray, shape (n,)
            Where.
        indices : ndarray of int64, optional
            The samples, by default all.

        Returns
        -------
        float, ndarray
            What `fun` returns.
        """
        if indices is None:
            indices = np.arange(self.n_samples)
        return self._fun(w, indices)

    def __call__(self, w: Array) -> float:
        """Mean loss over all samples."""
        return self.fun_and_grad(w)[0]

    def fun(self, w: Array, indices: Array | None = None) -> float:
        """Mean loss."""
        return self.fun_and_grad(w, indices)[0]

    def grad(self, w: Array, indices: Array | None = None) -> Array:
        """Gradient of the mean loss."""
        return self.fun_and_grad(w, indices)[1]

    def __repr__(self) -> str:
        return f"FiniteSum({self._fun!r}, {self.n_samples})"


Validation = Callable[[Array], tuple[float, float]]


class Sum:
    """A finite sum as a stochastic run sees it, Python or compiled.

    Attributes
    ----------
    source : object
        What the user gave.
    handle : PythonSum or capsule
        What the machine evaluates.
    dtype : numpy.dtype
        Precision of w.
    n_samples : int
        Number of samples.
    """

    def __init__(self, source: Any, handle: Any, dtype: np.dtype, samples: int) -> None:
        self.source = source
        self.handle = handle
        self.dtype = dtype
        self.n_samples = samples

    def fun_and_grad(self, w: Array) -> tuple[float, Array]:
        """Mean loss and gradient over all samples."""
        answer = self.source.fun_and_grad(w.copy())
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise TypeError(
                "fun must return the pair (mean loss, gradient), got "
                f"{type(answer).__name__}"
            )
        f, slope = np.asarray(answer[0]), np.asarray(answer[1])
        if f.size != 1 or f.dtype.kind not in "fiub":
            raise TypeError(
                f"fun must return one real number first, got {type(answer[0]).__name__}"
            )
        if slope.dtype.kind not in "fiub":
            raise TypeError(f"gradient must be real numbers, got dtype {slope.dtype}")
        if slope.shape != w.shape:
            raise ValueError(f"gradient must have shape {w.shape}, got {slope.shape}")
        return float(f.item()), slope.astype(self.dtype)

    def split(
        self, validation: Any, rng: np.random.Generator
    ) -> tuple[Sum, Validation | None]:
        """The samples to train with, and a function for the loss and score of the rest.

        `validation` is None, the fraction of samples that is held out, other data, or a
        function itself.
        """
        if validation is None:
            return self, None
        if callable(validation):
            return self, _checked(validation)
        if not isinstance(validation, float):
            if not hasattr(self.source, "held_out"):
                raise TypeError(
                    "validation must be a fraction or a callable for this objective: "
                    "data (X, y) are for those of nets"
                )
            return self, self.source.held_out(*validation)
        order = rng.permutation(self.n_samples)
        count = min(max(1, round(validation * self.n_samples)), self.n_samples - 1)
        if count < 1:
            raise ValueError("validation needs at least two samples")
        held, kept = np.sort(order[:count]), np.sort(order[count:])
        source = self.source
        if hasattr(source, "split"):
            train, validate = source.split(kept, held)
            capsule = train.__optlab_objective__
            return Sum(train, capsule, self.dtype, len(kept)), validate
        if not isinstance(source, FiniteSum):
            raise TypeError("validation must be a callable for this objective")
        train = FiniteSum(lambda w, i: source.fun_and_grad(w, kept[i]), len(kept))
        handle = PythonSum(
            train.fun_and_grad,
            self.handle.n,
            len(kept),
            self.dtype == np.float32,
        )
        return (
            Sum(train, handle, self.dtype, len(kept)),
            lambda w: (float(source.fun_and_grad(w, held.copy())[0]), np.nan),
        )


def _checked(validation: Callable[[Array], Any]) -> Validation:
    """A user's function of w: its loss, or its loss and score."""

    def validate(w: Array) -> tuple[float, float]:
        answer = validation(w)
        loss, score = answer if isinstance(answer, tuple) else (answer, np.nan)
        return float(loss), float(score)

    return validate


def as_sum(fun: Any, n: int, dtype: str | None) -> Sum:
    """`fun` as a finite sum of n unknowns; a TypeError that says how to make one."""
    if isinstance(fun, FiniteSum):
        kind = np.dtype(dtype or np.float64)
        handle = PythonSum(fun.fun_and_grad, n, fun.n_samples, kind == np.float32)
        return Sum(fun, handle, kind, fun.n_samples)
    capsule = getattr(fun, "__optlab_objective__", None)
    if capsule is not None and not isinstance(fun, Objective):
        fun = Objective(fun)  # whoever made it
    if capsule is None or not is_finite_sum(capsule):
        raise TypeError(
            "fun must be a finite sum for a stochastic method: optlab.FiniteSum("
            "fun, n_samples) with fun(w, indices) -> (mean loss, gradient), or the "
            f"objective of a model of optlab.nn; got {type(fun).__name__}"
        )
    own = objective_dtype(capsule)
    if dtype is not None and np.dtype(dtype) != own:
        raise ValueError(f"dtype must be {own.name!r} for this fun")
    if fun.n != n:
        raise ValueError(f"x0 must have {fun.n} components for this fun, got {n}")
    return Sum(fun, capsule, own, fun.n_samples)
