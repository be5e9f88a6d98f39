from collections.abc import Callable
from typing import Any, final

import numpy.typing as npt

MODES: dict[str, int]

@final
class PythonObjective:
    fun: Callable[..., Any]
    jac: Callable[..., Any] | None
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
    ) -> None: ...
    def value(self, x: npt.ArrayLike) -> float: ...
    def gradient(self, x: npt.ArrayLike) -> npt.NDArray[Any]: ...
