"""The points of a difference formula, evaluated side by side."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


_NO_MAP: AbstractContextManager[None] = nullcontext()


def pool(given: Map | int | None) -> AbstractContextManager[Map | None]:
    """The map that the option `workers` stands for; its processes end with the block.

    Examples
    --------
    >>> from optlab.workers import pool
    >>> with pool(2) as parallel_map:
    ...     list(parallel_map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if given is None:
        return _NO_MAP
    return nullcontext(given) if callable(given) else _processes(given)


@contextmanager
def _processes(number: int) -> Iterator[Map]:
    from multiprocessing import Pool  # costs more to import than a small run takes

    with Pool(None if number == -1 else number) as processes:
        yield processes.map
