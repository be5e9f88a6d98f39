"""The points of a difference formula, evaluated side by side."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from optlab.options import integer

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def workers(name: str, value: Any) -> Map | int | None:
    """None for one after the other; a callable like `map`; or how many processes."""
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]  # nothing tells what it takes
    number = integer(-1)(name, value)
    if number == 0:
        raise ValueError(
            f"{name} must be -1 (all cores), at least 1, or like map, got {value!r}"
        )
    return None if number == 1 else number


@contextmanager
def pool(given: Map | int | None) -> Iterator[Map | None]:
    """The map of what `workers` made of an argument; its processes end with the block.

    Examples
    --------
    >>> from optlab.workers import pool
    >>> with pool(2) as parallel_map:
    ...     list(parallel_map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if given is None or callable(given):
        yield given
        return
    from multiprocessing import Pool  # costs more to import than a small run takes

    with Pool(None if given == -1 else given) as processes:
        yield processes.map
