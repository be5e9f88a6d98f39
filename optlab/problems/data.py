"""Checking of data and their layout in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from optlab_c import objectives

Array = npt.NDArray[Any]


def as_real(name: str, value: npt.ArrayLike, ndim: int) -> Array:
    """Return a finite float array of `ndim` dimensions, a copy; else name the argument."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not {array.ndim}")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, but it holds NaN or infinity")
    return array


def as_matrix(name: str, value: npt.ArrayLike) -> Array:
    """Return a finite float matrix that is not empty, a copy; else name the argument."""
    matrix = as_real(name, value, 2)
    if not matrix.size:
        raise ValueError(f"{name} is empty: its shape is {matrix.shape}")
    return matrix


def as_targets(name: str, value: npt.ArrayLike, rows: int | None = None) -> Array:
    """Return a finite float vector (of given length), a copy; else name the argument."""
    vector = as_real(name, value, 1)
    check_length(name, vector, rows)
    return vector


def check_length(name: str, vector: Array, rows: int | None) -> None:
    """Raise a ValueError unless there is one value for each row."""
    if rows is not None and len(vector) != rows:
        raise ValueError(f"{name} has {len(vector)} values, but there are {rows} rows")


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
