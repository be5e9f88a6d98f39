"""Where other libraries take a solver from their users."""

import copy
import inspect
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import optlab
from optlab import Status, interop, minimize, scipy_method, sklearn_optimizer
from optlab.methods import METHODS
from tests.functions import Counted, rosenbrock
from tests.support import same_bits

ROSENBROCK = rosenbrock()
MAKERS = (scipy_method, sklearn_optimizer)


def hessian(method, hess):
    """The Hessian, for a method that has a use for it."""
    return {"hess": hess} if METHODS[method].second_order else {}


def egg_box(x):
    """Minima at all the integers, the least of them at 0."""
    f = 10 * (1 - np.cos(2 * np.pi * x)).sum() + x @ x
    return f, 20 * np.pi * np.sin(2 * np.pi * x) + 2 * x


def egg_box_hessian(x):
    return np.diag(40 * np.pi**2 * np.cos(2 * np.pi * x) + 2)


def camel(x):
    """The six-hump camel back: two of its six minima are the least."""
    u, v = x
    return (4 - 2.1 * u**2 + u**4 / 3) * u**2 + u * v + (4 * v**2 - 4) * v**2


def camel_gradient(x):
    u, v = x
    return np.array([8 * u - 8.4 * u**3 + 2 * u**5 + v, u + 16 * v**3 - 8 * v])


class TestSolvers:
    @pytest.mark.parametrize("make", MAKERS)
    def test_the_method_is_checked_at_once(self, make):
        with pytest.raises(ValueError, match=r"unknown method 'bgfs'.*'bfgs'"):
            make("bgfs")
        with pytest.raises(TypeError, match="method"):
            make(None)

    @pytest.mark.parametrize("make", MAKERS)
    def test_it_can_be_copied_pickled_and_compared(self, make):
        solver = make("L_BFGS", gtol=1e-7, maxcor=5)
        assert copy.deepcopy(solver) == solver
        assert pickle.loads(pickle.dumps(solver)) == solver
        assert solver != make("l-bfgs", gtol=1e-7)
        assert solver != make("bfgs", gtol=1e-7, maxcor=5)

    @pytest.mark.parametrize("make", MAKERS)
    def test_it_shows_the_call_that_makes_it(self, make):
        solver = make("L_BFGS", gtol=1e-7, line_search="wolfe")
        shown = f"optlab.{make.__name__}('l-bfgs', gtol=1e-07, line_search='wolfe')"
        assert repr(solver) == shown
        assert eval(shown, {"optlab": optlab}) == solver


class TestSciPy:
    @pytest.mark.parametrize(
        ("method", "jac"),
        [
            (name, jac)
            for name, row in METHODS.items()
            for jac in (True, ROSENBROCK.gradient, None)
            if jac is not None or not row.second_order
        ],
    )
    def test_minimize_gives_what_optlab_gives(self, method, jac):
        fun = ROSENBROCK if jac is True else ROSENBROCK.value
        given = {"jac": jac, "tol": 1e-4} | hessian(method, optimize.rosen_hess)
        ours = minimize(fun, ROSENBROCK.x0, method=method, **given)
        theirs = optimize.minimize(
            fun, ROSENBROCK.x0, method=scipy_method(method), **given
        )
        assert ours.success
        assert theirs.method == method
        assert same_bits(theirs.x, ours.x)
        assert (theirs.nfev, theirs.nit) == (ours.nfev, ours.nit)

    def test_options_of_the_call_go_before_those_of_the_method(self):
        method = scipy_method("bfgs", maxiter=3, history=True)
        call = {"jac": ROSENBROCK.gradient, "method": method}
        value, x0 = ROSENBROCK.value, ROSENBROCK.x0
        assert optimize.minimize(value, x0, **call).nit == 3
        result = optimize.minimize(value, x0, **call, options={"maxiter": 5})
        assert result.nit == 5
        assert len(result.history["f"]) == 6
        assert method.options == {"maxiter": 3, "history": True}

    def test_tol_args_and_callback_arrive(self):
        seen = []
        result = optimize.minimize(
            lambda x, a: float(((x - a) ** 4).sum()),
            [0.0, 0.0],
            args=(np.array([1.0, 2.0]),),
            jac=lambda x, a: 4 * (x - a) ** 3,
            method=scipy_method("bfgs"),
            tol=1e-9,
            callback=lambda xk: seen.append(xk),
        )
        assert result.success
        assert np.abs(result.jac).max() <= 1e-9
        assert len(seen) == result.nit

    def test_what_the_method_has_no_use_for_is_not_warned_of(self):
        def never(*args):
            raise AssertionError

        optimize.minimize(
            ROSENBROCK, ROSENBROCK.x0, jac=True, hess=never, method=scipy_method("bfgs")
        )

    @pytest.mark.parametrize("method", METHODS)
    def test_constraints_are_refused(self, method):
        fun = Counted(ROSENBROCK)
        constraint = optimize.LinearConstraint([[1, 1]], 0, 1)
        for constraints in (constraint, [constraint], {"type": "eq", "fun": min}):
            with pytest.raises(ValueError, match=rf"constraints .* '{method}'"):
                optimize.minimize(
                    fun.value,
                    ROSENBROCK.x0,
                    jac=fun.gradient,
                    method=scipy_method(method),
                    constraints=constraints,
                )
        assert fun.nfev == 0

    @pytest.mark.parametrize("method", METHODS)
    def test_basinhopping(self, method):
        kwargs = {"method": scipy_method(method, gtol=1e-8), "jac": True}
        kwargs |= hessian(method, egg_box_hessian)
        result = optimize.basinhopping(
            egg_box, [3.0, -2.0], niter=100, stepsize=1, minimizer_kwargs=kwargs, rng=0
        )
        np.testing.assert_allclose(result.x, 0, atol=1e-8)
        assert result.lowest_optimization_result.method == method

    @pytest.mark.parametrize("search", [optimize.dual_annealing, optimize.shgo])
    def test_the_searches_of_a_box(self, search, monkeypatch):
        """On the way they hand over bounds, which need a method that has them."""
        method = "l-bfgs-b" if "l-bfgs-b" in METHODS else "l-bfgs"
        if method == "l-bfgs":
            monkeypatch.setattr(
                interop, "minimize", lambda *a: minimize(*a[:7], None, *a[8:])
            )
        kwargs = {"method": scipy_method(method), "jac": camel_gradient}
        more = {"rng": 0, "maxiter": 100} if search is optimize.dual_annealing else {}
        box = [(-2, 3), (-1, 2)]  # with the saddle at 0 not in the middle
        result = search(camel, box, minimizer_kwargs=kwargs, **more)
        assert result.fun == pytest.approx(-1.0316284535, abs=1e-9)


@pytest.mark.skipif("l-bfgs-b" not in METHODS, reason="needs bounds")
class TestGaussianProcesses:
    def data(self):
        X = np.linspace(0, 6, 40)[:, None]
        noise = np.random.default_rng(0).normal(scale=0.1, size=40)
        return X, np.sin(X[:, 0]) + noise

    def kernel(self):
        return ConstantKernel(1.0) * RBF(1.0) + WhiteKernel(0.1)

    def test_the_regressor_finds_what_it_finds_by_itself(self):
        X, y = self.data()
        theirs = GaussianProcessRegressor(self.kernel()).fit(X, y)
        ours = GaussianProcessRegressor(self.kernel(), optimizer=sklearn_optimizer())
        ours = clone(ours).fit(X, y)
        np.testing.assert_allclose(ours.kernel_.theta, theirs.kernel_.theta, atol=1e-3)
        worst = theirs.log_marginal_likelihood_value_ - 1e-8
        assert ours.log_marginal_likelihood_value_ >= worst
        pickle.loads(pickle.dumps(ours)).predict(X)

    def test_bounds_hold(self):
        X, y = self.data()
        kernel = RBF(0.3, (0.1, 0.5)) + WhiteKernel(0.1)  # 0.5 is too short
        model = GaussianProcessRegressor(kernel, optimizer=sklearn_optimizer())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the kernel tells of its bound
            model.fit(X, y)
        assert model.kernel_.k1.length_scale == pytest.approx(0.5, rel=1e-12)

    def test_the_classifier(self):
        X, y = self.data()
        model = GaussianProcessClassifier(RBF(1.0), optimizer=sklearn_optimizer())
        theirs = GaussianProcessClassifier(RBF(1.0)).fit(X, y > 0)
        ours = model.fit(X, y > 0)
        np.testing.assert_allclose(ours.kernel_.theta, theirs.kernel_.theta, atol=1e-3)


def test_the_optimizer_of_a_gaussian_process_answers_in_pairs(monkeypatch):
    asked = {}

    def unbounded(*args, bounds, **kwargs):
        asked["bounds"] = bounds
        return minimize(*args, **kwargs)

    monkeypatch.setattr(interop, "minimize", unbounded)
    solver = sklearn_optimizer("l-bfgs", gtol=1e-9, ftol=0.0)
    bounds = np.array([[-5.0, 5.0]] * 2)
    x, f = solver(ROSENBROCK, ROSENBROCK.x0, bounds=bounds)
    np.testing.assert_allclose(x, 1, atol=1e-7)
    assert f == ROSENBROCK.value(x)
    assert asked["bounds"] is bounds


class TestThePageOfDifferences:
    PAGE = (Path(__file__).parent.parent / "docs" / "from_scipy.rst").read_text("utf-8")

    @pytest.mark.parametrize(
        "method", ["BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-ncg"]
    )
    def test_it_has_every_option_that_scipy_documents(self, method):
        text = optimize.show_options("minimize", method, disp=False)
        names = re.findall(r"^(\w+) : ", text, re.MULTILINE)
        assert "gtol" in names or "xtol" in names
        rows = re.findall(r"^    \* - (.*)$", self.PAGE, re.MULTILINE)
        assert [name for name in names if f"``{name}``" not in " ".join(rows)] == []
        assert f'``"{method}"``' in rows

    def test_it_has_every_argument_and_field(self):
        arguments = inspect.signature(optimize.minimize).parameters
        text = inspect.cleandoc(optimize.OptimizeResult.__doc__)
        fields = re.findall(r"^([\w, ]+) : ", text, re.MULTILINE)
        for name in [*arguments, *", ".join(fields).split(", ")]:
            assert f"``{name}``" in self.PAGE

    def test_it_has_every_status(self):
        assert [s.name for s in Status if f"``{s.name}``" not in self.PAGE] == []
