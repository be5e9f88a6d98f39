"""Finite sums: objectives that are a mean over samples, all of them or a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import checked_int
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

    least_batch = 1

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
Sum = PythonSum | Objective
"""What a stochastic run evaluates: a Python function, checked, or a compiled sum."""


def as_sum(fun: Any, n: int, dtype: str | None) -> Sum:
    """`fun` as a finite sum of n unknowns; a TypeError that says how to make one."""
    if isinstance(fun, FiniteSum):
        return PythonSum(fun.fun_and_grad, n, fun.n_samples, dtype == "float32")
    capsule = getattr(fun, "__optlab_objective__", None)
    if capsule is None or not is_finite_sum(capsule):
        raise TypeError(
            "fun must be a finite sum for a stochastic method: optlab.FiniteSum("
            "fun, n_samples) with fun(w, indices) -> (mean loss, gradient), or the "
            f"objective of a model of optlab.nn; got {type(fun).__name__}"
        )
    total = fun if isinstance(fun, Objective) else Objective(fun)
    if dtype is not None and np.dtype(dtype) != total.dtype:
        raise ValueError(f"dtype must be {total.dtype.name!r} for this fun")
    if total.n != n:
        raise ValueError(f"x0 must have {total.n} components for this fun, got {n}")
    return total


def hold_out(
    total: Sum, validation: Any, rng: np.random.Generator
) -> tuple[Sum, Validation | None]:
    """The samples to train with, and a function for the loss and score of the rest.

    `validation` is None, the fraction of samples that is held out, other data, or a
    function itself.
    """
    if validation is None:
        return total, None
    if callable(validation):
        return total, _checked(validation)
    if not isinstance(validation, float):
        if not hasattr(total, "held_out"):
            raise TypeError(
                "validation must be a fraction or a callable for this objective: "
                "data (X, y) are for those of nets"
            )
        return total, total.held_out(*validation)
    if total.n_samples < 2:
        raise ValueError("validation needs at least two samples")
    order = rng.permutation(total.n_samples)
    count = min(max(1, round(validation * total.n_samples)), total.n_samples - 1)
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    if hasattr(total, "split"):
        train, validate = total.split(kept, held)
        return train, validate
    if not isinstance(total, PythonSum):
        raise TypeError("validation must be a callable for this objective")
    function = total.function
    part = PythonSum(
        lambda w, indices: function(w, kept[indices]),
        total.n,
        len(kept),
        total.dtype == np.float32,
    )
    return part, lambda w: (total.fun(w, held), np.nan)


def _checked(validation: Callable[[Array], Any]) -> Validation:
    """A user's function of w: its loss, or its loss and score."""

    def validate(w: Array) -> tuple[float, float]:
        answer = validation(w)
        pair = answer if isinstance(answer, tuple) else (answer, np.nan)
        numbers = [np.asarray(number) for number in pair]
        if len(pair) != 2 or any(
            number.size != 1 or number.dtype.kind not in "fiub" for number in numbers
        ):
            raise TypeError(
                "validation must return its loss, or its loss and score, got "
                f"{answer!r}"
            )
        loss, score = (float(number.item()) for number in numbers)
        return loss, score

    return validate
