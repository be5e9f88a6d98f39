"""What happens at every iterate: the user's callback, the history, the list of iterates."""

import inspect
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from optlab.checkpoint import array_of
from optlab.options import Common
from optlab.result import OptimizeResult, Status
from optlab_c.machine import PAUSED, Machine

FIELDS = ("f", "gnorm", "alpha", "nfev", "nhev", "seconds")


class Observer:
    """Called by the machine at every iterate, the start included."""

    def __init__(
        self, callback: Callable[..., Any] | None, common: Common, pauses: bool
    ) -> None:
        self.callback = callback
        self.pauses = pauses
        self.wants_result = callback is not None and wants_result(callback)
        self.rows: list[tuple[float, ...]] | None = [] if common.history else None
        self.iterates: list[np.ndarray] | None = [] if common.return_all else None
        self.began = perf_counter()

    @classmethod
    def of(
        cls,
        callback: Callable[..., Any] | None,
        common: Common,
        *,
        pauses: bool = False,
    ) -> "Observer | None":
        """An observer, if there is anything to observe, or to pause for."""
        if callback is None and not (common.history or common.return_all or pauses):
            return None
        return cls(callback, common, pauses)

    def __call__(self, machine: Machine) -> int:
        """Note an iterate and show it to the callback: 0, or the status to end with."""
        if self.iterates is not None:
            self.iterates.append(machine.x)
        if self.rows is not None:
            self.rows.append(
                (
                    machine.f,
                    machine.gnorm,
                    machine.alpha,
                    machine.nfev,
                    machine.nhev,
                    perf_counter() - self.began,
                )
            )
        on = PAUSED if self.pauses else 0
        if self.callback is None or machine.k == 0:
            return on
        try:
            if self.wants_result:
                self.callback(
                    intermediate_result=OptimizeResult(
                        x=machine.x,
                        fun=machine.f,
                        jac=machine.g,
                        nit=machine.k,
                        nfev=machine.nfev,
                    )
                )
            else:
                self.callback(machine.x)
        except StopIteration:
            return int(Status.CALLBACK)
        return on

    def save(self, arrays: dict[str, np.ndarray]) -> float:
        """Add what was noted to the arrays; return the seconds it took."""
        if self.rows is not None:
            arrays["history"] = np.array(self.rows, float).reshape(-1, len(FIELDS))
        if self.iterates is not None:
            arrays["allvecs"] = np.array(self.iterates)
        return perf_counter() - self.began

    def load(self, arrays: Mapping[str, np.ndarray], seconds: float, n: int) -> None:
        """Go on from what was saved."""
        self.began = perf_counter() - seconds
        if self.rows is not None:
            self.rows = [
                tuple(row) for row in array_of(arrays, "history", (-1, len(FIELDS)))
            ]
        if self.iterates is not None:
            none = len(arrays["allvecs"]) == 0
            self.iterates = [] if none else list(array_of(arrays, "allvecs", (-1, n)))

    def finish(self, result: OptimizeResult) -> None:
        """Add what was kept."""
        if self.iterates is not None:
            result["allvecs"] = self.iterates
        if self.rows is not None:
            columns = np.array(self.rows, dtype=float).reshape(-1, len(FIELDS)).T
            result["history"] = dict(zip(FIELDS, columns, strict=True))


def wants_result(callback: Callable[..., Any]) -> bool:
    """SciPy's rule: the one parameter is called `intermediate_result`."""
    try:
        parameters = inspect.signature(callback).parameters
    except (TypeError, ValueError):  # some built-in callables have no signature
        return False
    return set(parameters) == {"intermediate_result"}
