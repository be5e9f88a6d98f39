from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

from optlab_c.machine import Settings

_Array: TypeAlias = npt.NDArray[Any]
_Numbers: TypeAlias = npt.NDArray[np.int64]

DTYPES: tuple[np.dtype[Any], np.dtype[Any]]

@disjoint_base
class Problems:
    count: int
    x: _Array
    f: npt.NDArray[np.float64]
    g: _Array
    gnorm: npt.NDArray[np.float64]
    nit: _Numbers
    nfev: _Numbers
    njev: _Numbers
    nhev: _Numbers
    status: npt.NDArray[np.intc]
    saddle: npt.NDArray[np.bool_]
    def __init__(
        self,
        settings: Settings,
        X0: _Array,
        bounds: tuple[_Array, _Array] | None = None,
    ) -> None: ...

@final
class Runs(Problems):
    def __init__(
        self,
        settings: Settings,
        X0: _Array,
        bounds: tuple[_Array, _Array] | None,
        objectives: object,
        threads: int = 1,
    ) -> None: ...
    def stop(self) -> None: ...
    def work(self) -> None: ...

@final
class Machines(Problems):
    def questions(self) -> tuple[_Numbers, npt.NDArray[np.intc], _Array]: ...
    def vectors(self, positions: _Numbers) -> _Array: ...
    def tell(
        self,
        positions: _Numbers,
        F: npt.NDArray[np.float64] | None = None,
        G: _Array | None = None,
        HV: _Array | None = None,
        H: _Array | None = None,
    ) -> None: ...
    def finish(self) -> None: ...
