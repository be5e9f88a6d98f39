from collections.abc import Callable
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from optlab_c.callables import PythonObjective

_Array: TypeAlias = npt.NDArray[Any]

F: int
G: int
HV: int
H: int
SOLVE: int
FINE: int
ITERATE: int
DONE: int
CURVATURE: int
RUNNING: int
PAUSED: int
MAGIC: bytes
DTYPES: tuple[np.dtype[Any], np.dtype[Any]]
DIRECTIONS: dict[str, int]
SEARCHES: dict[str, int]
STEP_RULES: dict[str, int]
BETAS: dict[str, int]

@final
class Settings:
    # Keywords only; at run time the signature of a slot shows (*args, **kwargs).
    def __init__(
        self,
        direction: str,
        line_search: str,
        dtype: npt.DTypeLike,
        gtol: float,
        ftol: float,
        xrtol: float,
        xtol: float,
        maxiter: int,
        maxfun: int,
        norm: float,
        first_step: float,
        step_rule: str,
        maxcor: int,
        corrected: bool,
        bounded: bool,
        beta: str,
        solved: bool,
        preconditioned: bool,
        trust: bool,
        maxinner: int,
        radius: float,
        radius_max: float,
        refinable: bool,
        hessian_error: float,
        noise: float,
        maxls: int,
        values_first: bool,
        c1: float,
        c2: float,
        strong: bool,
        step_length: float,
        tol: float,
        eta: float,
        rho: float,
        theta: float,
        gamma: float,
    ) -> None: ...

@final
class Search:
    def __init__(self, settings: Settings, alpha_max: float) -> None: ...
    def start(self, phi0: float, dphi0: float, alpha: float) -> float | None: ...
    def tell(self, phi: float, dphi: float) -> float | None: ...
    @property
    def accepted(self) -> bool: ...
    @property
    def alpha(self) -> float: ...
    @property
    def noise(self) -> float: ...

@final
class Machine:
    def __init__(
        self,
        settings: Settings,
        x0: _Array,
        bounds: tuple[_Array, _Array] | None = None,
    ) -> None: ...
    def run(
        self,
        objective: PythonObjective | object,
        observer: Callable[[Machine], int] | None = None,
        keeper: Callable[[Machine], object] | None = None,
    ) -> int: ...
    @property
    def status(self) -> int: ...
    def reopen(self, settings: Settings | None = None) -> None: ...
    def question(
        self, observer: Callable[[Machine], int] | None = None
    ) -> tuple[int, _Array | None]: ...
    def ask(self) -> tuple[int, _Array | None]: ...
    @property
    def v(self) -> _Array: ...
    def tell(
        self,
        f: float | None = None,
        g: npt.ArrayLike | None = None,
        hv: npt.ArrayLike | None = None,
        h: npt.ArrayLike | None = None,
        solve: tuple[npt.ArrayLike, float, npt.ArrayLike | None] | None = None,
    ) -> None: ...
    def doubt(self) -> bool: ...
    def refine(self) -> bool: ...
    @property
    def curvature(self) -> float: ...
    @property
    def at_saddle(self) -> bool: ...
    @property
    def n(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def k(self) -> int: ...
    @property
    def x(self) -> _Array: ...
    @property
    def f(self) -> float: ...
    @property
    def g(self) -> _Array: ...
    @property
    def gnorm(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def outcome(self) -> int: ...
    @property
    def nfev(self) -> int: ...
    @property
    def njev(self) -> int: ...
    @property
    def nhev(self) -> int: ...
    @property
    def pairs(self) -> int: ...
    def result(self) -> tuple[_Array, float, _Array, float]: ...
    def probes(self) -> tuple[list[tuple[float, float, float]], float] | None: ...
    def give_inverse(self, H0: npt.NDArray[np.float64]) -> None: ...
    def inherit(self, other: Machine) -> None: ...
    def give_pair(self, s: npt.ArrayLike, y: npt.ArrayLike) -> None: ...
    def inverse(self) -> npt.NDArray[np.float64]: ...
    def apply(self, v: npt.ArrayLike) -> _Array: ...
    def pair(self, age: int) -> tuple[_Array, _Array]: ...
    def save(self) -> bytes: ...
    @staticmethod
    def load(saved: bytes) -> Machine: ...
    def __reduce__(self) -> tuple[Callable[[bytes], Machine], tuple[bytes]]: ...

def objective_dtype(capsule: object) -> np.dtype[Any]: ...
def first_empty(lower: _Array, upper: _Array) -> int: ...
def all_open(lower: _Array, upper: _Array) -> bool: ...
def has_hessian(capsule: object) -> bool: ...
def all_finite(array: npt.NDArray[Any]) -> bool: ...
