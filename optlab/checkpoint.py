"""Files that a run continues from: npz without pickle, of one version, replaced at once.

A file holds facts, as JSON, and arrays. It is written beside its place and then put there,
so that whoever reads it finds the old one or the new one, whenever the writing ends.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from optlab._version import __version__

FORMAT = 1
KINDS = ("descent", "stochastic")  # which machine it is of


class Checkpoint(NamedTuple):
    """What is in a file."""

    kind: str  # one of KINDS
    facts: dict[str, Any]  # what JSON can hold
    arrays: dict[str, np.ndarray]


def write(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Put a checkpoint in its place; the one before is there until it is complete."""
    place = Path(path).resolve()
    facts = {
        "format": FORMAT,
        "kind": checkpoint.kind,
        "optlab": __version__,
        **checkpoint.facts,
    }
    text = np.frombuffer(json.dumps(facts, default=_plain).encode(), np.uint8)
    beside = place.with_name(f".{place.name}.part")  # what a killed run left goes, too
    try:
        with open(beside, "wb") as file:
            np.savez(file, allow_pickle=False, facts=text, **checkpoint.arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is none, damaged, or of another version.
    """
    damaged = f"{os.fspath(path)!r} is damaged, or no checkpoint of optlab"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
        facts = json.loads(arrays.pop("facts").tobytes().decode())
        form, kind = facts.pop("format"), facts.pop("kind")
        facts.pop("optlab")
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # of NumPy, zipfile, JSON: any of theirs
        raise ValueError(f"{damaged}: {error}") from None
    if form != FORMAT:
        raise ValueError(
            f"{os.fspath(path)!r} has version {form!r} of the format, this is {FORMAT}"
        )
    if kind not in KINDS:
        raise ValueError(f"{damaged}: it is of a {kind!r} run")
    return Checkpoint(kind, facts, arrays)


@contextmanager
def named(path: str | None) -> Iterator[None]:
    """Errors about what is in a file name the file."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path!r} cannot be continued from: {error}") from None


def array_of(
    arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """The array of that name, of real numbers and that shape; -1 is any length."""
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        want in (-1, had) for want, had in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind != "f":
        raise ValueError(f"{name} is of shape {array.shape} and {array.dtype}")
    return array


def split(
    given: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray], list[str]]:
    """Options that JSON can hold, those that are arrays, and the names of the others."""
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    others: list[str] = []
    for name, value in given.items():
        try:
            plain[name] = json.loads(json.dumps(value, default=_plain))
        except (TypeError, ValueError):
            array = np.asarray(value) if isinstance(value, (np.ndarray, list)) else None
            if array is not None and array.dtype.kind in "fiub":
                arrays[f"option {name}"] = array
            else:
                others.append(name)
    return plain, arrays, others


def joined(
    facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], more: Mapping[str, Any]
) -> dict[str, Any]:
    """The options that were `split`, with those that are given anew."""
    named = {
        name.removeprefix("option "): array
        for name, array in arrays.items()
        if name.startswith("option ")
    }
    options: dict[str, Any] = facts["options"] | named | dict(more)
    for name in facts["others"]:
        if name not in options:
            raise ValueError(f"options must hold {name!r} again: it could not be saved")
    return options


class Keeper:
    """Called now and then in the midst of a run: it writes what `make` gives, if due."""

    def __init__(
        self, path: str, every: float, make: Callable[[Any], Checkpoint]
    ) -> None:
        self.path = os.path.abspath(path)  # the function may change the directory
        self.every, self.make = every, make
        self.last = monotonic()

    def __call__(self, machine: Any) -> None:
        """Write, if the last time was long enough ago."""
        if monotonic() - self.last >= self.every:
            self.write(machine)

    def write(self, machine: Any) -> None:
        """Write."""
        write(self.path, self.make(machine))
        self.last = monotonic()


def _plain(value: Any) -> Any:
    """What NumPy's numbers and paths are to JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(type(value).__name__)
