"""Hessians that users give: checked, copied, and solved with.

A Hessian is an object with three verbs, whatever it is made of: `product(v)`, `dense()`,
and `newton(g)`, which gives a Newton step and the lowest curvature.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, splu

from optlab.options import of_objects

EPS = float(np.finfo(np.float64).eps)

# Up to this size a sparse matrix gains nothing.
SMALL = 32

# A step -M^-1 g; the lowest curvature, or 0 where none is negative; and the unit vector
# that has it.
Newton = tuple[np.ndarray, float, np.ndarray | None]


class Matrix(Protocol):
    """What the verbs are."""

    def product(self, v: np.ndarray) -> np.ndarray:
        """H v."""

    def dense(self) -> np.ndarray:
        """H as an array of shape (n, n)."""

    def newton(self, g: np.ndarray) -> Newton:
        """-M^-1 g, with M = H where H is positive definite, and made so where not."""


class Hessian:
    """The user's `hess`, whose answers are checked and given the three verbs."""

    def __init__(self, hess: Callable[..., Any], n: int) -> None:
        self.hess = hess
        self.n = n
        self.first = True

    def __call__(self, x: np.ndarray, *args: Any) -> Matrix:
        """The Hessian at x.

        Raises
        ------
        TypeError, ValueError
            Naming hess, where it has another shape, no real numbers, or no symmetry; and
            where the very first one is NaN.
        """
        answer = self.hess(x, *args)
        whole = sparse.issparse(answer) or isinstance(answer, LinearOperator)
        if not whole:
            answer = self._as_array(answer)
        if answer.dtype is not None and answer.dtype.kind not in "fiub":
            raise TypeError(f"hess must be real numbers, got dtype {answer.dtype}")
        if answer.shape != (self.n, self.n):
            raise ValueError(
                f"hess must have shape {(self.n, self.n)}, got {answer.shape}"
            )
        if isinstance(answer, LinearOperator):
            return Operator(answer)
        if not whole:
            return Dense(self._symmetric(answer.astype(np.float64), answer.dtype))
        copy = sparse.csc_array(answer, dtype=np.float64, copy=True)
        return Sparse(self._symmetric(copy, answer.dtype))

    def _as_array(self, answer: Any) -> np.ndarray:
        try:
            array = np.asarray(answer)
        except ValueError:  # rows of several lengths
            raise TypeError(
                f"hess must be real numbers, got {type(answer).__name__}"
            ) from None
        if array.dtype.kind == "O":
            array = of_objects("hess", array)
        return array.reshape(1, 1) if self.n == array.size == 1 else array

    @np.errstate(all="ignore")  # infinity is found, and needs no warning
    def _symmetric(self, H: Any, dtype: np.dtype) -> Any:
        """H, its rounding errors made symmetric; an error where it is no Hessian."""
        largest, difference = abs(H).max(), abs(H - H.T).max()
        if not np.isfinite(largest):
            if self.first and np.isnan(largest):
                raise ValueError("hess must not be NaN at x0")
            return H  # an overflow, say: the gradient is still good
        self.first = False
        # Users make Hessians of differences, too, which are asymmetric by some 1e-8 to
        # 1e-5 of the largest element; a mistake in a formula by far more.
        eps = np.finfo(dtype).eps if dtype.kind == "f" else EPS
        if difference > eps**0.25 * largest:
            raise ValueError(
                "hess must be symmetric, but H and its transpose differ by "
                f"{difference:.2g}, where the largest element is {largest:.2g}"
            )
        return (H + H.T) / 2 if difference > 0 else H


class Dense:
    """An array; definite where Cholesky's method says so, else by its eigenvalues."""

    def __init__(self, H: np.ndarray) -> None:
        self.H = H

    @np.errstate(all="ignore")
    def product(self, v: np.ndarray) -> np.ndarray:
        """H v."""
        return np.asarray(self.H @ v)

    def dense(self) -> np.ndarray:
        """H itself."""
        return self.H

    @np.errstate(all="ignore")
    def newton(self, g: np.ndarray) -> Newton:
        """Where H is not positive definite, M has its eigenvalues' absolute values.

        References
        ----------
        Nocedal & Wright, *Numerical Optimization*, 2nd ed., 2006, section 3.4.
        """
        H = self.H
        if not np.isfinite(H).all():
            return np.full(g.size, np.nan), 0.0, None
        try:
            L, lower = linalg.cho_factor(H, lower=True, check_finite=False)
        except linalg.LinAlgError:
            pass
        else:
            if _clearly_positive(L.diagonal() ** 2, H.diagonal()):
                return -linalg.cho_solve((L, lower), g, check_finite=False), 0.0, None
        values, vectors = linalg.eigh(H, check_finite=False)
        largest = np.abs(values).max()
        if largest == 0:
            return -g, 0.0, None  # M = I
        size = np.maximum(np.abs(values), g.size * EPS * largest)
        step = -vectors @ ((vectors.T @ g) / size)
        if values[0] >= -g.size * EPS * largest:
            return step, 0.0, None
        return step, float(values[0]), _downhill(vectors[:, 0], g)


class Sparse:
    """A sparse matrix, factorised as it is or with a multiple of I added."""

    def __init__(self, H: sparse.csc_array) -> None:
        self.H = H

    @np.errstate(all="ignore")
    def product(self, v: np.ndarray) -> np.ndarray:
        """H v."""
        return np.asarray(self.H @ v)

    def dense(self) -> np.ndarray:
        """H as an array."""
        return np.asarray(self.H.toarray())

    @np.errstate(all="ignore")
    def newton(self, g: np.ndarray) -> Newton:
        """Where H is not positive definite, M = H + tau I.

        tau grows until M is definite (algorithm 3.3); Lanczos' method on M^-1 then tells
        the lowest eigenvalue of H, and with it the tau that turns its sign.

        References
        ----------
        Nocedal & Wright, *Numerical Optimization*, 2nd ed., 2006, section 3.4.
        """
        if g.size <= SMALL:
            return Dense(self.dense()).newton(g)
        largest = abs(self.H).max()
        if not np.isfinite(largest):  # there is no step
            return np.full(g.size, np.nan), 0.0, None
        if largest == 0:
            return -g, 0.0, None  # M = I
        H = self.H / largest
        factor, tau = _definite_factor(H, 0.0), 0.0
        if factor is not None:
            return factor.solve(-g / largest), 0.0, None
        tau = max(1e-3, -2 * H.diagonal().min())
        while (factor := _definite_factor(H, tau)) is None:
            tau *= 4  # at the latest where H + tau I is dominated by its diagonal
        u = _lowest(H, tau, factor)
        curvature = float(u @ (H @ u))
        better = max(-2 * curvature, np.sqrt(EPS))
        if better < tau:
            factor = _definite_factor(H, better) or factor
        step = factor.solve(-g / largest)
        if curvature >= -g.size * EPS:
            return step, 0.0, None
        return step, curvature * largest, _downhill(u, g)


class Operator:
    """A LinearOperator: products, which are the user's, are all that is known of it."""

    def __init__(self, H: LinearOperator) -> None:
        self.H = H

    def product(self, v: np.ndarray) -> np.ndarray:
        """H v.

        Raises
        ------
        ValueError
            Naming hess, where the operator's product has another shape.
        """
        Hv = np.asarray(self.H._matvec(v))  # what a user's operator defines, unreshaped
        if Hv.size != v.size:
            raise ValueError(
                f"hess must have products of shape {v.shape}, got {Hv.shape}"
            )
        return Hv.reshape(v.shape)

    def dense(self) -> np.ndarray:
        """H by n products, symmetric."""
        H = np.array([self.product(e) for e in np.eye(self.H.shape[0])])
        return np.asarray((H + H.T) / 2)

    def newton(self, g: np.ndarray) -> Newton:
        """That of the dense matrix."""
        return Dense(self.dense()).newton(g)


def _clearly_positive(pivots: np.ndarray, diagonal: np.ndarray) -> bool:
    """Whether pivots are more than what rounding leaves of the diagonal."""
    return bool((pivots > diagonal.size * EPS * np.abs(diagonal)).all())


def _downhill(u: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The vector or its opposite."""
    return -u if u @ g > 0 else u


def _definite_factor(H: sparse.csc_array, tau: float) -> Any:
    """A factorisation of H + tau I, or None where that is not positive definite.

    With its rows and columns in the same order, the pivots have the signs of the
    eigenvalues (Sylvester's law of inertia).
    """
    M = H + tau * sparse.eye_array(H.shape[0], format="csc") if tau else H
    diagonal = M.diagonal()
    if not (diagonal > 0).all():
        return None
    try:
        factor = splu(
            M,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:  # exactly singular
        return None
    order = factor.perm_c
    if not np.array_equal(factor.perm_r, order):
        return None
    pivots = factor.U.diagonal()[order]
    return factor if _clearly_positive(pivots, diagonal) else None


def _lowest(H: sparse.csc_array, tau: float, factor: Any) -> Any:
    """A unit vector near the eigenvector of H's lowest eigenvalue, above -tau."""
    n = H.shape[0]
    start = np.random.default_rng(0).normal(size=n)  # always the same
    inverse = LinearOperator((n, n), matvec=factor.solve, dtype=np.float64)
    try:
        vectors = eigsh(H, k=1, sigma=-tau, OPinv=inverse, v0=start, tol=1e-3)[1]
    except ArpackError as error:
        vectors = getattr(error, "eigenvectors", np.empty((n, 0)))
    u = vectors[:, 0] if vectors.shape[1] else start
    for _ in range(0 if vectors.shape[1] else 20):  # inverse iteration, never failing
        u = factor.solve(u)
        u /= np.linalg.norm(u)
    return u
