"""What a run returns: SciPy's OptimizeResult, with the same fields for all methods."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, Self

import numpy as np
from scipy import optimize
from scipy.sparse.linalg import LinearOperator

from optlab.drawing import draw_path, draw_run, draw_training
from optlab_c.machine import Machine


class Status(IntEnum):
    """How a run ended. Where SciPy's BFGS and L-BFGS-B document a number, it is theirs.

    Attributes
    ----------
    sentence : str
        What it means, in one sentence.
    """

    sentence: str

    def __new__(cls, value: int, sentence: str) -> Self:
        """Make a member of a number and its sentence."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    @classmethod
    def of(cls, number: int) -> "Status":
        """The member of that number, faster than ``Status(number)``."""
        return _STATUS[int(number)]

    RUNNING = -1, "The run has not ended."
    CONVERGED = 0, "The gradient meets gtol."
    MAXITER = 1, "The limit on iterations was reached (maxiter)."
    LINE_SEARCH = 2, "The line search found no acceptable step."
    NONFINITE_START = 3, "f or its gradient is not finite at x0."
    FTOL = 4, "f fell by no more than ftol allows in one iteration."
    XTOL = 5, "x moved by no more than xrtol or xtol allows in one iteration."
    MAXFUN = 6, "The limit on evaluations of f was reached (maxfun)."
    UNBOUNDED = 7, "f appears to be unbounded below."
    ROUNDING = 8, "Rounding errors hide any further progress."
    WRONG_GRADIENT = 9, "The gradient does not agree with f."
    DISCONTINUITY = 10, "f is not smooth here."
    SADDLE = 11, "The Hessian shows a saddle, yet no step from it lowers f."
    DIVERGED = 12, "The loss of a batch is not finite: the learning rate is too great."
    PATIENCE = 13, "The validation loss has not fallen for as many epochs as patience."
    EPOCHS = 14, "All epochs were run."
    CALLBACK = 99, "`callback` raised `StopIteration`."


_STATUS = {int(status): status for status in Status}


class Deferred:
    """A field that is costly and often not wanted: made when it is first read."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class OptimizeResult(optimize.OptimizeResult):  # type: ignore[misc]  # no types there
    """The result of `optlab.minimize`: a dict whose keys are also attributes.

    Attributes
    ----------
    x : ndarray, shape (n,)
        The best point seen.
    fun : float
        f(x).
    jac : ndarray, shape (n,)
        The gradient at x.
    success : bool
        Whether the norm of `jac` meets `gtol`, with `fun` and `jac` finite.
    status : Status
        Which test ended the run; an integer.
    message : str
        The same in words, with the evidence.
    nit, nfev, njev, nhev : int
        Iterations, and evaluations of f, of its gradient and of its Hessian.
    hess_inv : ndarray, LinearOperator or None
        The approximate inverse Hessian, where the method has one.
    method : str
        The method that ran.
    history : dict of ndarray
        With the option `history`: per iterate `f`, `gnorm`, `alpha`, `nfev`, `nhev`
        and `seconds`.
    allvecs : list of ndarray
        With the option `return_all`: the iterates.
    """

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, Deferred):
            value = self[name] = value.make()
        return value

    def _settle(self) -> None:
        for name in self:
            self[name]

    # dict reads its values past __getitem__: these settle them first. That __iter__ is
    # defined at all makes dict(result) and {**result} go through __getitem__.

    def __iter__(self) -> Iterator[str]:
        names: Iterator[str] = super().__iter__()
        return names

    def __repr__(self) -> str:
        self._settle()
        text: str = super().__repr__()
        return text

    def __eq__(self, other: object) -> bool:
        self._settle()
        equal: bool = super().__eq__(other)
        return equal

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        self._settle()
        return type(self), (dict(self),)

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The field, made `default` where there is none."""
        return self[name] if name in self else super().setdefault(name, default)

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or `default` where there is none."""
        return self[name] if name in self else default  # noqa: SIM401

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a field and return it."""
        self.get(name)
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last field with its name."""
        self._settle()
        return super().popitem()  # type: ignore[no-any-return]

    def items(self) -> Any:
        """All fields with their names."""
        self._settle()
        return super().items()

    def values(self) -> Any:
        """All fields."""
        self._settle()
        return super().values()

    def copy(self) -> "OptimizeResult":
        """A shallow copy."""
        return type(self)(self)

    def summary(self) -> str:
        """A few lines, as `disp` prints them."""
        counts = (
            f"{self.nit} iterations, {self.nfev} evaluations of f, {self.njev} of g"
        )
        if self.nhev:
            counts += f", {self.nhev} of the Hessian"
        return f"{self.method}: {self.message}\n  f = {self.fun:.10g} after {counts}."

    def plot(self, ax: Any = None, fun: Any = None, *, over: str | None = None) -> Any:
        """Draw how the run went; needs matplotlib.

        By default that is f, minus the lowest of all iterates, and the norm of the
        gradient, on a logarithmic scale. For stochastic methods it is the loss, with
        the validation loss and whatever else is known. With `fun`, it is the path.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; by default new ones.
        fun : callable or objective, optional
            ``fun(x) -> float`` or ``-> (float, gradient)``, or an object with a method
            ``fun_and_grad(x)``. The iterates are drawn over its contours, for which it is
            called 3600 times. For n = 2, and with the option `return_all`.
        over : {"iterations", "evaluations", "seconds"}, optional
            By default "iterations"; for stochastic methods "epochs", or "seconds".

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ValueError, TypeError
            If the run has not kept what is needed (the message names the option), or an
            argument is not as said above.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from scipy.optimize import rosen, rosen_der
        >>> import optlab
        >>> result = optlab.minimize(
        ...     rosen, [-1.2, 1.0], jac=rosen_der, options={"history": True}
        ... )
        >>> ax = result.plot(over="evaluations")  # doctest: +SKIP
        """
        if fun is not None:
            if "allvecs" not in self:
                raise ValueError(
                    "fun needs the path: run with options={'return_all': True}"
                )
            if self.x.size != 2:
                raise ValueError(
                    f"fun needs two unknowns for contours, but n = {self.x.size}"
                )
            return draw_path(np.array(self.allvecs, dtype=float), fun, ax)
        if "history" not in self:
            raise ValueError("plot needs the option options={'history': True}")
        stochastic = "loss" in self.history
        choices = ["iterations", "evaluations", "seconds"]
        if stochastic:
            choices = ["epochs", "seconds"]
        over = choices[0] if over is None else over
        if over not in choices:
            raise ValueError(f"over must be one of {choices}, got {over!r}")
        draw = draw_training if stochastic else draw_run
        return draw(self.history, ax, over)


class InverseHessian(LinearOperator):  # type: ignore[misc]
    """The inverse Hessian of a finished L-BFGS run, as SciPy's LbfgsInvHessProduct.

    It shares the memory of the run instead of copying its pairs.
    """

    def __init__(self, machine: Machine) -> None:
        # What LinearOperator.__init__ would set, without its general checks, which
        # take longer than many a small run.
        self.shape = (machine.n, machine.n)
        self.dtype = machine.dtype
        self._machine = machine

    @property
    def n_corrs(self) -> int:
        """The number of pairs."""
        return self._machine.pairs

    @property
    def sk(self) -> np.ndarray:
        """The steps s, oldest first, shape (n_corrs, n)."""
        return self._rows(0)

    @property
    def yk(self) -> np.ndarray:
        """The changes y of the gradient, oldest first, shape (n_corrs, n).

        With the option `corrected` these are corrected with function values, and the
        secant equation holds for them.
        """
        return self._rows(1)

    @property
    def rho(self) -> np.ndarray:
        """1 / sᵀy of each pair, oldest first, shape (n_corrs,)."""
        return np.asarray(1 / np.einsum("ij,ij->i", self.sk, self.yk))

    def _rows(self, which: int) -> np.ndarray:
        ages = range(self.n_corrs - 1, -1, -1)
        rows = [self._machine.pair(age)[which] for age in ages]
        return np.array(rows).reshape(self.n_corrs, self.shape[0])

    def _matvec(self, v: Any) -> np.ndarray:
        if np.iscomplexobj(v):
            raise TypeError("hess_inv multiplies real vectors only")
        return self._machine.apply(np.ravel(v))

    _rmatvec = _matvec

    def _adjoint(self) -> "InverseHessian":
        return self

    def todense(self) -> np.ndarray:
        """The dense matrix, shape (n, n)."""
        return self @ np.eye(self.shape[0])
