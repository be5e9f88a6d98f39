r"""Convex quadratics of a chosen spectrum, and linear least squares.

Their minima are known exactly, and Newton's method finds them in one step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optlab.checks import (
    as_matrix,
    as_targets,
    checked_dtype,
    checked_float,
    checked_int,
)
from optlab_c import objectives

from .data import panels
from .registry import Problem, problem

__all__ = ["least_squares", "quadratic", "random_least_squares"]

SPECTRA = ("geometric", "arithmetic", "clustered")


def eigenvalues(n: int, condition: float, spectrum: str) -> npt.NDArray[np.float64]:
    """Return n eigenvalues from 1 to `condition`."""
    if spectrum == "geometric":
        return np.geomspace(1, condition, n)
    if spectrum == "arithmetic":
        return np.linspace(1, condition, n)
    if spectrum == "clustered":
        low = np.linspace(1, min(1.1, condition), n - n // 2)
        return np.concatenate(
            [low, np.linspace(max(0.9 * condition, 1), condition, n // 2)]
        )
    raise ValueError(
        f"spectrum must be one of {', '.join(SPECTRA)} or an array, not {spectrum!r}"
    )


@problem("quadratic", "any-n", source="Nocedal & Wright, Numerical Optimization, 2006")
def quadratic(
    n: int | None = None,
    condition: float = 1e3,
    spectrum: str | npt.ArrayLike = "geometric",
    rng: np.random.Generator | int | None = 0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    r"""Quadratic function with chosen positive eigenvalues.

    .. math:: f(x) = \tfrac12 (x - x^*)^T Q D Q (x - x^*)

    D is diagonal, and :math:`Q = I - 2 u u^T` with a random unit vector u is a
    Householder reflection: the Hessian is dense, but a product with it costs only
    O(n), so that n may be a million.

    Parameters
    ----------
    n : int, optional
        Number of unknowns; by default 100, or the length of `spectrum`.
    condition : float, optional
        Condition number, at least 1: the eigenvalues go from 1 to it.
    spectrum : {"geometric", "arithmetic", "clustered"} or array_like, optional
        How the eigenvalues are spaced ("clustered": one half each within 10 % of the
        two ends), or the n eigenvalues, which have to be positive.
    rng : Generator or int or None, optional
        Where u and the minimum are drawn from, see `numpy.random.default_rng`.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        It starts at 0 and has its minimum 0 at a normally distributed `x_opt`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as said above; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from optlab import problems
    >>> problem = problems.quadratic(5, condition=100)
    >>> np.linalg.eigvalsh(problem.hess(problem.x0)).round(2)
    array([  1.  ,   3.16,  10.  ,  31.62, 100.  ])
    >>> problem.fun(problem.x_opt)
    0.0
    """
    if isinstance(spectrum, str):
        n = 100 if n is None else checked_int("n", n, 1)
        d = eigenvalues(n, checked_float("condition", condition, 1), spectrum)
    else:
        d = as_targets("spectrum", spectrum)
        if n is not None and checked_int("n", n, 1) != d.size:
            raise ValueError(f"spectrum has {d.size} values, but n is {n}")
        if not d.size or np.any(d <= 0):
            raise ValueError("spectrum must hold positive numbers")
        n = d.size
    generator = np.random.default_rng(rng)
    u = generator.standard_normal(n)
    u /= np.linalg.norm(u)
    x_opt = generator.standard_normal(n)
    kind: Any = np.float32 if checked_dtype(dtype) else np.float64
    capsule = objectives.quadratic(d.astype(kind), u.astype(kind), x_opt.astype(kind))
    return Problem(capsule, x0=np.zeros(n), f_opt=0.0, x_opt=x_opt)


class LeastSquares(Problem):
    """What `least_squares` returns: a `Problem` that can be pickled with its data."""

    A: npt.NDArray[Any]
    y: npt.NDArray[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the data, unless the registry can make it again."""
        if self._make is not None:
            return super().__reduce__()
        return least_squares, (self.A, self.y, self.dtype)


def least_squares(
    A: npt.ArrayLike, y: npt.ArrayLike, dtype: npt.DTypeLike = "float64"
) -> LeastSquares:
    r"""Linear least squares, with the known answer.

    .. math:: f(x) = \tfrac12 \|A x - y\|_2^2

    Parameters
    ----------
    A : array_like, shape (m, n)
        Matrix, of finite real numbers.
    y : array_like, shape (m,)
        Right-hand side, likewise.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        It starts at 0. `f_opt` and `x_opt` come from `numpy.linalg.lstsq`; `x_opt` is
        None if A has not full column rank, since there are many minima then.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as said above; the message names it.

    Examples
    --------
    >>> from optlab import problems
    >>> problem = problems.least_squares([[1, 0], [1, 1], [1, 2]], [0, 1, 5])
    >>> problem.x_opt.round(6)
    array([-0.5,  2.5])
    >>> round(problem.f_opt, 6)
    0.75
    """
    matrix = as_matrix("A", A)
    target = as_targets("y", y, matrix.shape[0])
    m, n = matrix.shape
    solution, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=None)
    residual = matrix @ solution - target
    single = checked_dtype(dtype)
    capsule = objectives.linear(
        panels(matrix, False, single),
        target.astype(np.float32 if single else np.float64),
        m,
        1,
        0,
        0.0,
        objectives.SQUARED,
    )
    made = LeastSquares(
        capsule,
        x0=np.zeros(n),
        f_opt=float(residual @ residual) / 2,
        x_opt=solution if rank == n else None,
        name="least_squares",
    )
    made.A, made.y = matrix, target
    return made


@problem("quadratic", "any-n", source="Golub & Van Loan, Matrix Computations, 2013")
def random_least_squares(
    n: int = 50,
    m: int | None = None,
    condition: float = 100.0,
    noise: float = 0.1,
    rng: np.random.Generator | int | None = 0,
    dtype: npt.DTypeLike = "float64",
) -> Problem:
    """Linear least squares with a random matrix of chosen condition.

    Parameters
    ----------
    n : int, optional
        Number of unknowns.
    m : int, optional
        Number of rows, at least n (default 4n).
    condition : float, optional
        Condition number of the matrix, at least 1: its singular values are spaced
        geometrically from 1 to it.
    noise : float, optional
        Standard deviation of what is added to the right-hand side.
    rng : Generator or int or None, optional
        Where all this is drawn from, see `numpy.random.default_rng`.
    dtype : {"float64", "float32"}, optional
        Precision.

    Returns
    -------
    Problem
        As by `least_squares`.

    Examples
    --------
    >>> from optlab import problems
    >>> problem = problems.random_least_squares(n=3, m=10)
    >>> abs(problem.fun(problem.x_opt) - problem.f_opt) < 1e-12
    True
    """
    n = checked_int("n", n, 1)
    m = 4 * n if m is None else checked_int("m", m, n)
    condition = checked_float("condition", condition, 1)
    noise = checked_float("noise", noise, 0)
    generator = np.random.default_rng(rng)
    left, _ = np.linalg.qr(generator.standard_normal((m, n)))
    right, _ = np.linalg.qr(generator.standard_normal((n, n)))
    A = left * np.geomspace(1, condition, n) @ right
    y = A @ generator.standard_normal(n) + noise * generator.standard_normal(m)
    return least_squares(A, y, dtype)
