from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

_Array: TypeAlias = npt.NDArray[Any]

__pyx_capi__: dict[str, object]
PANEL: int
SQUARED: int
LOGISTIC: int
SOFTMAX: int
HS3: int
HS4: int
HS5: int
HS45: int
HS110: int
VALLEY: int

def mgh(number: int, n: int, m: int, single: bool) -> object: ...
def bounded(kind: int, n: int, single: bool) -> object: ...
def grid(
    across: _Array, along: _Array, load: _Array, ny: int, single: bool
) -> object: ...
def quadratic(d: _Array, u: _Array, c: _Array) -> object: ...
def linear(
    panels: _Array,
    y: _Array,
    rows: int,
    outputs: int,
    free_columns: int,
    precision: float,
    loss: int,
    width: int = 64,
) -> object: ...
def function_in(capsule: object) -> tuple[str, int, int]: ...
def foreign(fun: int, hv: int, n: int, user_data: int, keep: object) -> object: ...

@disjoint_base
class Objective:
    __optlab_objective__: object
    dtype: np.dtype[Any]
    least_batch: int
    def __new__(cls, capsule: object, *args: Any, **kwargs: Any) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def n(self) -> int: ...
    @property
    def n_samples(self) -> int: ...
    def __call__(
        self, x: npt.ArrayLike, indices: npt.ArrayLike | None = None
    ) -> float: ...
    def fun(self, x: npt.ArrayLike, indices: npt.ArrayLike | None = None) -> float: ...
    def grad(
        self, x: npt.ArrayLike, indices: npt.ArrayLike | None = None
    ) -> _Array: ...
    def fun_and_grad(
        self, x: npt.ArrayLike, indices: npt.ArrayLike | None = None
    ) -> tuple[float, _Array]: ...
    def hessp(
        self,
        x: npt.ArrayLike,
        v: npt.ArrayLike,
        indices: npt.ArrayLike | None = None,
    ) -> _Array: ...
    def hess(self, x: npt.ArrayLike) -> _Array: ...
