"""What an MLP is put together from is chosen by name, or given as an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from optlab.methods import find_row, plain

Part = TypeVar("Part")


def choose(
    what: str, value: object, kind: type[Part], rows: Mapping[str, Part]
) -> Part:
    """An instance of `kind` itself, or the row of that name, free of case and hyphens.

    Raises
    ------
    TypeError, ValueError
        If it is neither; the argument `what` is named, and the nearest name suggested.

    Examples
    --------
    >>> from optlab.nn.losses import LOSSES, Loss
    >>> from optlab.nn.parts import choose
    >>> choose("loss", "Cross-Entropy", Loss, LOSSES)
    CrossEntropy(label_smoothing=0.0)
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise TypeError(
            f"{what} must be a name or an instance of optlab.nn.{kind.__name__}, "
            f"got {value!r}"
        )
    return find_row(value, what, {plain(name): row for name, row in rows.items()}, rows)
