"""Figures of runs; matplotlib is imported where one is drawn, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

GRID = 60  # points a side for contours: a function in Python is asked 3600 times
LEVELS = np.linspace(0.02, 0.95, 14)  # quantiles, so that lines are spread evenly
MARGIN = 0.25  # around a path, as a share of its longer side


def axes(ax: Any = None) -> Any:
    """The axes given, or new ones; an ImportError tells how to get matplotlib."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            "plot needs the module matplotlib, which is not installed: "
            "pip install 'optlab[compare]'"
        ) from None
    return pyplot.figure(layout="constrained").subplots()


def draw_run(history: dict[str, Array], ax: Any, over: str) -> Any:
    """F above its lowest value, and the gradient's norm, on a logarithmic scale."""
    x = np.arange(len(history["f"]), dtype=np.float64)
    if over == "evaluations":
        x = history["nfev"] + history["nhev"]
    elif over == "seconds":
        x = history["seconds"]
    ax = axes(ax)
    f = history["f"]
    finite = f[np.isfinite(f)]
    gap = f - np.min(finite, initial=np.inf)
    # The lowest value itself has no place on a logarithmic scale.
    for y, label in ((gap, "f - lowest f"), (history["gnorm"], "|g|")):
        ax.plot(x, np.where(y > 0, y, np.nan), label=label)
    ax.set(yscale="log", xlabel=over)
    ax.legend()
    return ax


def draw_training(history: dict[str, Array], ax: Any, over: str) -> Any:
    """Losses over epochs, with f and the gradient's norm where they are known."""
    x = np.arange(1.0, len(history["loss"]) + 1)
    if over == "seconds":
        x = history["seconds"]
    ax = axes(ax)
    labels = {
        "loss": "loss of the batches",
        "f": "f",
        "gnorm": "|g|",
        "validation_loss": "validation loss",
    }
    drawn = []
    for name, label in labels.items():
        y = history[name]
        if np.isfinite(y).any():
            ax.plot(x, y, label=label)
            drawn.append(y[np.isfinite(y)])
    if drawn and (np.concatenate(drawn) > 0).all():
        ax.set_yscale("log")
    ax.set(xlabel=over)
    ax.legend()
    return ax


def draw_path(path: Array, fun: Any, ax: Any) -> Any:
    """The iterates, shape (k, 2), over contours of the function."""
    value = _value_of(fun)
    low, high = path.min(axis=0), path.max(axis=0)
    margin = MARGIN * np.max(high - low)
    if not margin > 0:  # a path of one point
        margin = max(1.0, np.abs(path).max())
    sides = [
        np.linspace(a - margin, b + margin, GRID)
        for a, b in zip(low, high, strict=True)
    ]
    u, v = np.meshgrid(*sides)
    points = np.stack([u, v], axis=-1).reshape(-1, 2)
    heights = np.array([value(point.copy()) for point in points]).reshape(u.shape)
    ax = axes(ax)
    known = np.ma.masked_invalid(heights)
    levels = np.quantile(known.compressed(), LEVELS) if known.count() else np.empty(0)
    levels = np.unique(levels)
    if levels.size > 1:
        ax.contour(u, v, known, levels, colors="0.75", linewidths=0.7)
    ax.plot(*path.T, ".-", label="iterates")
    ax.plot(*path[-1], "*", markersize=10, label="the last one")
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    return ax


def _value_of(fun: Any) -> Callable[[Array], float]:
    """F of a function of x, of one that gives f and its gradient, or of an objective."""
    both = getattr(fun, "fun_and_grad", None)
    if both is not None:
        fun = both
    elif not callable(fun):
        raise TypeError(f"fun must be callable, got {type(fun).__name__}")

    def value(x: Array) -> float:
        answer = fun(x)
        return float(answer[0] if isinstance(answer, tuple) else answer)

    return value
