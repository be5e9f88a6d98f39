"""optlab's methods where other libraries take a solver from their users."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from optlab.methods import find_method
from optlab.minimize import minimize
from optlab.result import OptimizeResult

# SciPy's L-BFGS-B has this on by default.
SCIPY_FTOL = 1e7 * float(np.finfo(float).eps)


@dataclass(frozen=True, repr=False)
class Solver:
    """A method with its options, which can be compared, copied and pickled."""

    method: str
    options: dict[str, Any]

    maker: ClassVar[str]  # the public function that makes it

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", find_method(self.method).name)

    def __repr__(self) -> str:
        options = "".join(f", {name}={v!r}" for name, v in self.options.items())
        return f"optlab.{self.maker}({self.method!r}{options})"


class SciPyMethod(Solver):
    """What `scipy_method` returns."""

    maker = "scipy_method"

    def __call__(
        self,
        fun: Callable[..., Any],
        x0: Any,
        args: Any = (),
        jac: Any = None,
        hess: Any = None,
        hessp: Any = None,
        bounds: Any = None,
        constraints: Any = (),
        callback: Callable[..., Any] | None = None,
        tol: float | None = None,
        **options: Any,
    ) -> OptimizeResult:
        """Minimise, as `scipy.optimize.minimize` asks for it."""
        if not find_method(self.method).second_order:
            hess = hessp = None  # callers give a callable all there is, used or not
        return minimize(
            fun,
            x0,
            args,
            self.method,
            jac,
            hess,
            hessp,
            bounds,
            constraints,
            tol,
            callback,
            self.options | options,
        )

    def lower(self) -> str:
        """SciPy's name for any callable; `scipy.optimize.shgo` asks for it."""
        return "_custom"


class SklearnOptimizer(Solver):
    """What `sklearn_optimizer` returns."""

    maker = "sklearn_optimizer"

    def __call__(
        self, obj_func: Callable[..., Any], initial_theta: Any, bounds: Any
    ) -> tuple[np.ndarray, float]:
        """Minimise, as a Gaussian process of scikit-learn asks for it."""
        result = minimize(
            obj_func,
            initial_theta,
            method=self.method,
            jac=True,
            bounds=bounds,
            options={"ftol": SCIPY_FTOL} | self.options,
        )
        return result.x, result.fun


def scipy_method(method: str, **options: Any) -> SciPyMethod:
    """Make a method of optlab one for `scipy.optimize.minimize`.

    Parameters
    ----------
    method : str
        A method of `optlab.minimize`.
    **options
        Its options, as defaults: SciPy's ``options={...}`` go before them.

    Returns
    -------
    callable
        It goes to SciPy in place of the name of a method, and everywhere where names are
        passed on: to ``basinhopping``, ``dual_annealing`` and ``shgo`` as
        ``minimizer_kwargs={"method": ...}``. The latter two hand bounds over, which not
        all methods take. It can be pickled.

    Raises
    ------
    TypeError, ValueError
        If there is no such method.

    Examples
    --------
    >>> from scipy.optimize import minimize, rosen, rosen_der
    >>> import optlab
    >>> method = optlab.scipy_method("l-bfgs", gtol=1e-8)
    >>> method
    optlab.scipy_method('l-bfgs', gtol=1e-08)
    >>> minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=method).x
    array([1., 1.])
    """
    return SciPyMethod(method, options)


def sklearn_optimizer(method: str = "l-bfgs-b", **options: Any) -> SklearnOptimizer:
    """Make a method of optlab the optimiser of scikit-learn's Gaussian processes.

    Parameters
    ----------
    method : str, default "l-bfgs-b"
        A method of `optlab.minimize` that takes bounds.
    **options
        Its options. ``ftol`` is SciPy's by default, 1e7 times the machine's epsilon, as
        scikit-learn has it: likelihoods may be flat for a long way.

    Returns
    -------
    callable
        ``optimizer(obj_func, initial_theta, bounds) -> (theta, f)``, for the argument
        ``optimizer`` of ``GaussianProcessRegressor`` and ``GaussianProcessClassifier``. It
        can be pickled, and estimators that hold it be cloned.

    Raises
    ------
    TypeError, ValueError
        If there is no such method.
    """
    return SklearnOptimizer(method, options)
