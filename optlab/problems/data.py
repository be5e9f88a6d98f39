"""Data sets, and how those of linear models are laid out in memory."""

from __future__ import annotations

import numpy as np

from optlab.checks import Array
from optlab_c import objectives


def real_data(name: str) -> tuple[Array, Array]:
    """Load a data set that scikit-learn brings along: samples and targets."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.asarray(X, float), np.asarray(y)


def standardised(values: Array) -> Array:
    """Shift and scale columns to mean 0 and variance 1, constant ones to 0."""
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1))


def panels(matrix: Array, intercept: bool, single: bool) -> Array:
    """Lay a matrix out for `optlab_c.objectives.linear`, with an intercept's column.

    Returns
    -------
    ndarray, shape (number of panels, columns, rows in a panel)
        Element (p, j, i) is row ``p * rows + i`` of column j; the last panel is filled
        up with zeros. It starts at a multiple of 64 bytes.
    """
    dtype = np.dtype(np.float32 if single else np.float64)
    height = objectives.PANEL // dtype.itemsize
    rows, columns = matrix.shape
    shape = (-(-rows // height), columns + intercept, height)
    size = int(np.prod(shape))
    space = np.zeros(size + 64 // dtype.itemsize, dtype)
    start = -space.ctypes.data % 64 // dtype.itemsize
    laid_out = space[start : start + size].reshape(shape)
    full, rest = divmod(rows, height)
    body = matrix[: full * height].reshape(full, height, columns)
    laid_out[:full, :columns] = body.transpose(0, 2, 1)
    if rest:
        laid_out[full, :columns, :rest] = matrix[full * height :].T
    if intercept:
        laid_out[:full, columns] = 1
        laid_out[full:, columns, :rest] = 1
    return laid_out


def matrix_of(laid_out: Array, rows: int, columns: int) -> Array:
    """Undo `panels`: the first `columns` columns."""
    wide = laid_out.transpose(0, 2, 1).reshape(-1, laid_out.shape[1])
    return np.ascontiguousarray(wide[:rows, :columns])
