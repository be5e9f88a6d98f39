"""Models in files: arrays in NumPy's npz, the rest as JSON, and no pickle."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from optlab.checks import Array
from optlab.nn.activations import ACTIVATIONS, Composite
from optlab.nn.initialisers import INITIALISERS
from optlab.nn.losses import LOSSES
from optlab.nn.priors import GaussianPrior
from optlab.options import Checked

if TYPE_CHECKING:
    from optlab.nn.mlp import MLP

FORMAT = "optlab.nn.MLP"
VERSION = 1


def _classes() -> dict[str, type[Checked]]:
    """All that a model may be put together from, by the names of the classes."""
    tables: tuple[dict[str, Any], ...] = (ACTIVATIONS, INITIALISERS, LOSSES)
    rows = (type(row) for table in tables for row in table.values())
    return {kind.__name__: kind for kind in (*rows, Composite, GaussianPrior)}


def _encoded(value: Any) -> Any:
    """What JSON can hold; a dataclass becomes a dict that tells its class."""
    if isinstance(value, Checked):
        name = type(value).__name__
        if _classes().get(name) is not type(value):
            raise TypeError(f"{value!r} is of a class that is not known here")
        own = {item.name: _encoded(getattr(value, item.name)) for item in fields(value)}
        return {"type": name, **own}
    if isinstance(value, tuple):
        return [_encoded(item) for item in value]
    return value


def _decoded(value: Any) -> Any:
    """The way back from `_encoded`."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict) and "type" in value:
        own = {name: _decoded(item) for name, item in value.items() if name != "type"}
        return _classes()[value["type"]](**own)
    return value


def _path(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, str | os.PathLike):  # open() takes numbers, too
        raise TypeError(f"path must be a str or path-like, got {path!r}")
    return os.fspath(path)


def save(model: MLP, path: str | os.PathLike[str], w: Array) -> None:
    """Write a model with its parameters, see `MLP.save`."""
    name = _path(path)
    arrays = {"w": w}
    prior = model.prior
    if prior is not None and isinstance(prior.mean, np.ndarray):
        arrays["prior_mean"] = prior.mean
        prior = replace(prior, mean=0.0)
    for number, (mean, variance) in enumerate(model.moments(w)):
        arrays[f"mean_{number}"], arrays[f"variance_{number}"] = mean, variance
    config = {
        "format": FORMAT,
        "version": VERSION,
        "sizes": model.sizes,
        "activation": _encoded(model.activations[:-1]),
        "batch_norm": model.batch_norm[:-1],
        "init": _encoded(model.initialiser),
        "loss": _encoded(model.loss),
        "prior": _encoded(prior),
        "dtype": model.dtype.name,
        "batch_norm_eps": model.batch_norm_eps,
    }
    try:
        text = json.dumps(config)
    except TypeError as error:
        raise TypeError(f"the model cannot be saved: {error}") from None
    with open(name, "wb") as file:  # np.savez would add to the name
        np.savez(file, allow_pickle=False, config=np.array(text), **arrays)


def load(kind: type[MLP], path: str | os.PathLike[str]) -> tuple[MLP, Array]:
    """Read a model with its parameters, see `MLP.load`."""
    name = _path(path)
    try:
        with open(name, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
        config = json.loads(str(arrays["config"]))
        if config.pop("format") != FORMAT:
            raise ValueError("it has another format")
        version = config.pop("version")
        if version != VERSION:
            raise ValueError(f"it has version {version!r}, known is {VERSION}")
        return _built(kind, config, arrays)
    except (
        AttributeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"path must be a file that MLP.save wrote, got {name!r}: {error}"
        ) from error


def _built(
    kind: type[MLP], config: dict[str, Any], arrays: dict[str, Array]
) -> tuple[MLP, Array]:
    parts = {name: _decoded(value) for name, value in config.items()}
    if "prior_mean" in arrays:
        parts["prior"] = replace(parts["prior"], mean=arrays["prior_mean"])
    model = kind(**parts)
    w = arrays["w"]
    count = sum(name.startswith("mean_") for name in arrays)
    moments = [(arrays[f"mean_{i}"], arrays[f"variance_{i}"]) for i in range(count)]
    model.settle(w, moments)
    model.predict(w, np.zeros((1, model.sizes[0])))  # looks at each array's size
    return model, w
