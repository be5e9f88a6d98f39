from collections.abc import Callable
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

_Array: TypeAlias = npt.NDArray[Any]

EPOCH: int
DONE: int
RULES: tuple[str, ...]
SAMPLERS: tuple[str, ...]
SCHEDULES: tuple[str, ...]
MAGIC: bytes

@final
class PythonSum:
    function: Callable[..., Any]
    least_batch: int
    def __init__(
        self, fun: Callable[..., Any], n: int, samples: int, single: bool
    ) -> None: ...
    dtype: np.dtype[Any]
    @property
    def n(self) -> int: ...
    @property
    def n_samples(self) -> int: ...
    def fun(self, w: npt.ArrayLike, indices: npt.ArrayLike | None = None) -> float: ...
    def fun_and_grad(
        self, w: npt.ArrayLike, indices: npt.ArrayLike | None = None
    ) -> tuple[float, _Array]: ...

@final
class Machine:
    scale: float
    def __init__(
        self,
        w: _Array,
        *,
        samples: int,
        batch: int,
        least: int = 1,
        rule: str,
        sampler: str,
        schedule: str,
        rate: float,
        rate_min: float,
        decay: float,
        every: float,
        warmup: float,
        momentum: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        clip_norm: float,
        average_from: int,
        search: bool,
        c1: float,
        shrink: float,
        grow: float,
        maxls: int,
        seed: int,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def run(
        self, objective: object, keeper: Callable[[Machine], object] | None = None
    ) -> int: ...
    def ask(self) -> tuple[int, _Array, _Array | None]: ...
    def tell(self, f: float, g: _Array | None = None) -> None: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def x(self) -> _Array: ...
    @property
    def best(self) -> _Array: ...
    @property
    def epoch(self) -> int: ...
    @property
    def updates(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def nfev(self) -> int: ...
    @property
    def njev(self) -> int: ...
    def save(self) -> bytes: ...
    @staticmethod
    def load(saved: bytes) -> Machine: ...

def is_finite_sum(capsule: object) -> bool: ...
