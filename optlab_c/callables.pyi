from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import numpy as np
import numpy.typing as npt

__pyx_capi__: dict[str, object]
DIFFERENCES: dict[str, int]
MODES: dict[str, int]
SECOND: dict[str, int]
DTYPES: tuple[np.dtype, ...]

def unit_vectors(n: int, which: Iterable[int]) -> Iterator[np.ndarray]: ...
def complex_points(
    x: np.ndarray, V: Iterable[np.ndarray], steps: Iterable[float]
) -> Iterator[np.ndarray]: ...
def second_halves(answers: Iterable[Any]) -> Iterator[Any]: ...
def vectors(answers: Iterable[Any], n: int) -> Iterator[np.ndarray]: ...
def complex_answers(answers: Iterable[Any], name: str, what: str) -> Iterator[Any]: ...
def stencil(
    x: np.ndarray,
    v: np.ndarray,
    h: float,
    lower: np.ndarray | None,
    upper: np.ndarray | None,
    central: bool,
) -> list[tuple[np.ndarray, float]]: ...

class Applied:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None: ...
    def __call__(self, x: np.ndarray) -> Any: ...

@final
class PythonObjective:
    fun: Callable[..., Any]
    jac: Callable[..., Any] | None
    hess: Callable[..., Any] | None
    hessp: Callable[..., Any] | None
    error: BaseException | None
    gradient_error: float
    def __init__(
        self,
        mode: str,
        fun: Callable[..., Any],
        jac: Callable[..., Any] | None,
        args: tuple[Any, ...],
        n: int,
        dtype: int = 0,
        steps: npt.NDArray[Any] | None = None,
        absolute_steps: npt.NDArray[Any] | None = None,
        *,
        second: str | None = None,
        hess: Callable[..., Any] | None = None,
        hessp: Callable[..., Any] | None = None,
        bounds: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None,
        map: Callable[..., Iterable[Any]] | None = None,
    ) -> None: ...
    def first_hessian(self, x: npt.ArrayLike) -> Any: ...
    def first_product(self, x: npt.ArrayLike) -> None: ...
    def save(self) -> tuple[dict[str, Any], npt.NDArray[Any] | None]: ...
    def load(self, saved: dict[str, Any], hess_x: npt.NDArray[Any] | None) -> None: ...
    def value(self, x: npt.ArrayLike) -> float: ...
    def gradient(self, x: npt.ArrayLike) -> npt.NDArray[Any]: ...
    def product(self, x: npt.ArrayLike, v: npt.ArrayLike) -> npt.NDArray[Any]: ...
    def hessian(self, x: npt.ArrayLike) -> npt.NDArray[Any]: ...
    def newton(
        self, x: npt.ArrayLike
    ) -> tuple[npt.NDArray[Any], float, npt.NDArray[Any] | None]: ...
