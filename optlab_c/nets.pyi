from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

_Array: TypeAlias = npt.NDArray[Any]
_Statistics: TypeAlias = Sequence[tuple[_Array, _Array]]

IDENTITY: int
RELU: int
LEAKY: int
SOFTPLUS: int
SIGMOID: int
TANH: int
GELU: int
SWISH: int
ACON_B: int
ACON_C: int
MAXOUT: int
SMOOTH_MAXOUT: int
COMPOSITE: int
CROSS_ENTROPY: int
LOGISTIC: int
SQUARED: int
HUBER: int
UNARY: tuple[str, ...]
BINARY: tuple[str, ...]
PARAMETERS: dict[int, int]

@disjoint_base
class Net:
    dtype: np.dtype[Any]
    def __new__(cls, inputs: int, n: int, single: bool, width: int = ...) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def n(self) -> int: ...
    @property
    def inputs(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def widths(self) -> list[int]: ...
    @property
    def norms(self) -> int: ...
    def affine(
        self, source: int, outputs: int, weights: int, bias: int = -1
    ) -> int: ...
    def norm(self, source: int, scale: int, shift: int, eps: float) -> int: ...
    def activate(
        self,
        source: int,
        kind: int,
        *,
        pieces: int = 1,
        offsets: Sequence[int] = (),
        values: Sequence[float] = (),
        source2: int = -1,
        parts: Sequence[int] = (),
    ) -> int: ...
    def forward(
        self,
        w: _Array,
        X: _Array,
        statistics: _Statistics | None = None,
        threads: int = 1,
    ) -> _Array: ...
    def statistics(
        self, w: _Array, X: _Array, threads: int = 1
    ) -> list[tuple[_Array, _Array]]: ...
    def trace(
        self, w: _Array, X: _Array, delta: _Array
    ) -> tuple[list[_Array], list[_Array | None]]: ...

def objective(
    net_: Net,
    X: _Array,
    y: _Array,
    weights: _Array | None,
    loss: int,
    parameter: float,
    penalties: Sequence[tuple[int, int, float]],
    mean: _Array | None,
    threads: int = 1,
) -> object: ...
def activation(
    kind: int,
    pieces: int,
    parts: Sequence[int],
    values: Sequence[npt.ArrayLike],
    z: _Array,
    v: Iterable[npt.ArrayLike],
    width: int = ...,
) -> tuple[_Array, list[_Array], list[_Array]]: ...
