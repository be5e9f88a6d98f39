"""The points of a difference formula, evaluated side by side."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def pool(given: Map | int | None) -> Iterator[Map | None]:
    """The map that the option `workers` stands for; its processes end with the block.

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
