"""What docs/promises.rst promises, promise by promise.

The details are tested where they belong; here every sentence has at least one witness.
"""

import signal
import sys
import time
import warnings

import numpy as np
import pytest
from scipy.optimize import OptimizeWarning

from optlab import Status, minimize, problems
from tests.functions import Counted, Function, log_barrier, rosenbrock, softmax_sum
from tests.support import (
    BOUNDED,
    DISTINCT,
    FIRST_ORDER,
    SECOND_ORDER,
    WITHOUT_FIXED,
    in_threads,
    same_bits,
)

ROSENBROCK = rosenbrock()

every_method = pytest.mark.parametrize("method", DISTINCT)
every_search = pytest.mark.parametrize(("method", "search"), WITHOUT_FIXED)


class TestPromise1:
    """`success` is true only where the first-order test holds."""

    @every_method
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"gtol": 0.0},
            {"gtol": 1e-12},
            {"ftol": 1e-2},
            {"xrtol": 1e-2},
            {"maxiter": 3},
            {"maxfun": 4},
            {"maxfun": 1},
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("name", ["rosenbrock", "meyer", "brown_dennis", "bard"])
    def test_success_is_the_test_of_the_gradient(self, name, options, method):
        problem = problems.get(name)
        options = {"maxiter": 300} | options
        result = minimize(problem, problem.x0, method=method, options=options)
        gnorm = np.abs(problem.grad(result.x)).max()
        gtol = options.get("gtol", 1e-5)
        assert result.success == (gnorm <= gtol)
        assert (result.status is Status.CONVERGED) <= result.success
        # Which test fired is told, and so is what became of the gradient.
        assert result.message.startswith(result.status.sentence)
        if not result.success:
            assert "gtol" in result.message
            assert f"{gnorm:.3g}" in result.message

    def test_f_and_g_are_finite(self):
        for bad in (np.nan, np.inf, -np.inf):
            result = minimize(
                lambda x, bad=bad: (bad, np.zeros(2)), [1.0, 2.0], jac=True
            )
            assert not result.success
            result = minimize(
                lambda x, bad=bad: (1.0, np.array([bad, 0])),
                [1.0, 2.0],
                jac=True,
                options={"gtol": np.inf},
            )
            assert not result.success

    def test_a_user_of_ftol_alone_is_told_why_the_run_ended(self):
        result = minimize(
            ROSENBROCK, ROSENBROCK.x0, jac=True, options={"ftol": 1e-1, "gtol": 0}
        )
        assert not result.success
        assert "ftol" in result.message


class TestPromise2:
    """The result is the best finite point seen; the counts are true."""

    @every_search
    @pytest.mark.parametrize("maxfun", [1, 2, 3, 5, 8, 13, 21, 34])
    def test_wherever_a_run_is_cut_off(self, maxfun, search, method):
        counted = Counted(ROSENBROCK)
        result = minimize(
            counted.value,
            ROSENBROCK.x0,
            jac=counted.gradient,
            method=method,
            options={"maxfun": maxfun, "line_search": search},
        )
        best = min(f for _, f in counted.values)
        assert result.fun - best <= 1e-13 * abs(best)  # as far as f can tell
        assert same_bits(result.fun, ROSENBROCK.value(result.x))
        assert same_bits(result.jac, ROSENBROCK.gradient(result.x))
        assert result.fun <= ROSENBROCK.value(ROSENBROCK.x0)
        assert result.nfev == counted.nfev <= maxfun
        assert result.njev == counted.njev
        assert result.nhev == 0  # differences of the gradient are counted as such

    @pytest.mark.parametrize(
        ("method", "form"),
        [(method, form) for method in DISTINCT for form in ("separate", "joint")]
        + [(method, "differences") for method in FIRST_ORDER],
    )
    def test_counts(self, form, method):
        counted = Counted(softmax_sum(4))
        seen = []
        fun, jac = {
            "separate": (counted.value, counted.gradient),
            "joint": (counted.both, True),
            "differences": (counted.value, None),
        }[form]
        result = minimize(
            fun, counted.function.x0, jac=jac, method=method, callback=seen.append
        )
        assert result.nfev == counted.nfev
        assert result.nit == len(seen)
        if form != "differences":
            assert result.njev == counted.njev

    @pytest.mark.parametrize("method", SECOND_ORDER)
    @pytest.mark.parametrize("form", ["hess", "hessp"])
    def test_counts_of_second_derivatives(self, form, method):
        counted = Counted(softmax_sum(4))
        given = {"hess": counted.hessian, "hessp": counted.product}[form]
        result = minimize(
            counted.value,
            counted.function.x0,
            jac=counted.gradient,
            method=method,
            **{form: given},
        )
        assert result.success
        assert result.nfev == counted.nfev
        assert result.njev == counted.njev
        assert result.nhev == counted.nhev > 0

    def test_the_best_point_of_a_failed_search_is_not_thrown_away(self):
        result = minimize(
            lambda x: (float(np.abs(x).sum()), np.sign(x)), [1.1], jac=True
        )
        assert result.fun < 1e-8


class TestPromise3:
    """NaN, infinities and overflow mean "the step was too long", never an answer."""

    @every_search
    def test_a_log_barrier_is_solved(self, search, method):
        fun = log_barrier(3)
        result = minimize(
            fun, fun.x0, jac=True, method=method, options={"line_search": search}
        )
        assert result.success
        np.testing.assert_allclose(result.x, fun.x_opt, atol=1e-5)

    @every_method
    def test_a_logit_out_of_its_domain_is_solved(self, method):
        """log(p) + log(1 - p) with p itself unknown: NaN beyond 0 and 1."""
        k, n = np.array([3.0, 40.0, 99.0]), 100.0

        def fun(p):
            with np.errstate(invalid="ignore", divide="ignore"):
                f = -(k * np.log(p) + (n - k) * np.log1p(-p)).sum()
                return float(f), -k / p + (n - k) / (1 - p)

        result = minimize(
            fun, np.full(3, 0.5), jac=True, method=method, options={"first_step": 1.0}
        )
        assert result.success
        np.testing.assert_allclose(result.x, k / n, atol=1e-6)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_at_the_start_it_ends_at_once_with_its_own_status(self, bad):
        calls = []

        def fun(x):
            calls.append(1)
            return bad, np.ones(2)

        result = minimize(fun, [1.0, 2.0], jac=True)
        assert result.status is Status.NONFINITE_START
        assert not result.success
        assert len(calls) == result.nfev == 1
        assert same_bits(result.x, [1.0, 2.0])


class TestPromise4:
    """Nothing is evaluated outside bounds."""

    @pytest.mark.parametrize("method", BOUNDED)
    @pytest.mark.parametrize("jac", ["callable", "2-point", "3-point"])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_every_point(self, method, jac, dtype):
        """With sides at which no float32 is, and a minimum at one of them."""
        low, high = np.array([-1.3, -0.1]), np.array([0.7, np.inf])
        seen = []

        def value(x):
            seen.append(x.astype(float))
            return ROSENBROCK.value(x.astype(float))

        result = minimize(
            value,
            ROSENBROCK.x0,
            jac=(lambda x: ROSENBROCK.gradient(value(x) and x.astype(float)))
            if jac == "callable"
            else jac,
            method=method,
            bounds=np.transpose([low, high]),
            options={"dtype": dtype, "gtol": 1e-3},
        )
        assert ((low <= seen) & (seen <= high)).all()
        assert ((low <= result.x) & (result.x <= high)).all()
        np.testing.assert_allclose(result.x, [0.7, 0.49], atol=1e-2)

    @pytest.mark.parametrize("method", ["cg", *SECOND_ORDER])
    def test_a_method_that_cannot_says_so(self, method):
        with pytest.raises(ValueError, match=rf"bounds.*{method}.*l-bfgs-b"):
            minimize(ROSENBROCK, [0.5, 0.5], method=method, jac=True,
                     bounds=[(0, 1), (0, 1)])  # fmt: skip


class Alarm(Exception):
    """What the signal handler of a test raises."""


class TestPromise5:
    """Exceptions pass unchanged, Ctrl-C at once; arrays are not kept, not changed."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
    def test_exceptions(self, error):
        raised = error("mine")

        def fun(x):
            raise raised

        with pytest.raises(error) as caught:
            minimize(fun, [1.0])
        assert caught.value is raised

    @staticmethod
    def interrupted(run, handler=None):
        """Seconds that a run goes on after a signal whose handler raises."""
        if not hasattr(signal, "setitimer"):
            pytest.skip("needs an interval timer")
        at = []

        def raise_alarm(*_):
            at.append(time.perf_counter())
            raise (handler or Alarm)

        before = signal.signal(signal.SIGALRM, raise_alarm)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            began = time.perf_counter()
            with pytest.raises(handler or Alarm):
                run()
            return time.perf_counter() - began - 0.1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    @pytest.mark.parametrize("handler", [Alarm, KeyboardInterrupt, SystemExit])
    def test_an_interrupt_while_compiled_code_runs(self, handler):
        problem = problems.get("extended_rosenbrock", n=2000)
        options = {
            "line_search": "fixed", "step_length": 1e-12, "gtol": 0, "maxiter": 10**7
        }  # fmt: skip
        late = self.interrupted(
            lambda: minimize(problem, problem.x0, method="gd", options=options), handler
        )
        assert late < 0.5

    @pytest.mark.parametrize("method", [*SECOND_ORDER, "l-bfgs-b"])
    def test_an_interrupt_of_every_kind_of_question(self, method):
        """Products, Hessians and steps within bounds are polled for signals, too."""
        n = 30 if method == "newton" else 2000
        problem = problems.get("extended_rosenbrock", n=n)
        options = {
            "line_search": "fixed", "step_length": 1e-12, "gtol": 0, "maxiter": 10**7
        }  # fmt: skip
        bounds = None if method in SECOND_ORDER else [(-2, 2)] * n
        late = self.interrupted(
            lambda: minimize(
                problem, problem.x0, method=method, bounds=bounds, options=options
            )
        )
        assert late < 0.5

    def test_an_interrupt_while_compiled_callables_run(self):
        """Not a line of Python runs in between."""
        problem = problems.get("extended_rosenbrock", n=2000)
        options = {
            "line_search": "fixed", "step_length": 1e-12, "gtol": 0, "maxiter": 10**7
        }  # fmt: skip
        late = self.interrupted(
            lambda: minimize(
                problem.fun, problem.x0, jac=problem.grad, method="gd", options=options
            )
        )
        assert late < 0.5

    def test_an_interrupt_while_python_runs(self):
        late = self.interrupted(
            lambda: minimize(
                ROSENBROCK,
                ROSENBROCK.x0,
                jac=True,
                method="gd",
                options={
                    "line_search": "fixed",
                    "step_length": 1e-12,
                    "gtol": 0,
                    "maxiter": 10**7,
                },
            )
        )
        assert late < 0.5

    @every_method
    def test_arrays(self, method):
        plain = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, method=method)
        buffer = np.empty(2)

        def fun(x):
            buffer[:] = ROSENBROCK.gradient(x)
            f = ROSENBROCK.value(x)
            x[:] = np.nan
            return f, buffer

        def callback(xk):
            xk[:] = np.inf

        x0 = ROSENBROCK.x0.copy()
        result = minimize(fun, x0, jac=True, method=method, callback=callback)
        assert same_bits(result.x, plain.x)
        assert same_bits(x0, ROSENBROCK.x0)
        assert sys.getrefcount(x0) == 2


class TestPromise6:
    """Every bad argument is a ValueError or TypeError that names it."""

    BAD = (
        ("x0", {"x0": []}),
        ("x0", {"x0": [1j]}),
        ("x0", {"x0": [np.nan]}),
        ("x0", {"x0": [[1.0]]}),
        ("x0", {"x0": "a"}),
        ("fun", {"fun": 5}),
        ("jac", {"jac": 5}),
        ("method", {"method": "bfgss"}),
        ("bounds", {"bounds": [(0, 1)]}),
        ("bounds", {"bounds": [(0, 1)] * 2, "method": "newton"}),
        ("bounds", {"bounds": [(1, 0)] * 2}),
        ("hess", {"hess": 5, "method": "newton"}),
        ("hess", {"hess": "bad", "method": "newton"}),
        ("hess", {"hess": lambda x: np.eye(3), "method": "newton-cg"}),
        ("hess", {"hess": lambda x: np.eye(2) * np.nan, "method": "trust-ncg"}),
        ("hessp", {"hessp": 5, "method": "newton-cg"}),
        ("jac", {"jac": None, "method": "trust-ncg"}),
        ("constraints", {"constraints": [{"type": "eq"}]}),
        ("callback", {"callback": 5}),
        ("tol", {"tol": -1.0}),
        ("tol", {"tol": np.nan}),
        ("options", {"options": 5}),
        ("gtol", {"options": {"gtol": -1.0}}),
        ("gtol", {"options": {"gtol": np.nan}}),
        ("maxiter", {"options": {"maxiter": -1}}),
        ("maxiter", {"options": {"maxiter": np.nan}}),
        ("c1", {"options": {"c1": 0.9, "c2": 0.1}}),
        ("c2", {"options": {"c2": 1.0}}),
        ("c1", {"options": {"c1": 0.0}}),
        ("line_search", {"options": {"line_search": "wolfee"}}),
        ("gtoll.*did you mean 'gtol'", {"options": {"gtoll": 1.0}}),
    )

    @pytest.mark.parametrize(("name", "change"), BAD, ids=repr)
    def test_before_fun_is_called(self, name, change):
        calls = []

        def fun(x):
            calls.append(1)
            return 1.0, np.zeros(x.size)

        with pytest.raises((ValueError, TypeError), match=name):
            minimize(**({"fun": fun, "x0": [1.0, 2.0], "jac": True} | change))
        assert not calls

    @pytest.mark.parametrize(
        "answer", [None, [1.0, 2.0], 1j, "a", np.zeros(3)], ids=repr
    )
    def test_what_fun_returns(self, answer):
        with pytest.raises(TypeError, match="fun must return"):
            minimize(lambda x: answer, [1.0, 2.0])

    @pytest.mark.parametrize("g", [np.zeros(3), np.zeros((2, 2)), 1j * np.ones(2)])
    def test_what_jac_returns(self, g):
        with pytest.raises((TypeError, ValueError), match="jac must"):
            minimize(lambda x: 1.0, [1.0, 2.0], jac=lambda x: g)

    def test_an_option_of_another_method_only_warns(self):
        with pytest.warns(OptimizeWarning, match="maxcor"):
            result = minimize(
                ROSENBROCK, ROSENBROCK.x0, jac=True, options={"maxcor": 5}
            )
        assert result.success


class TestPromise7:
    """Reentrant, thread-safe, deterministic, silent."""

    @every_method
    def test_inside_fun(self, method):
        def fun(x):
            inner = minimize(
                lambda y: (float((y - x) @ (y - x)), 2 * (y - x)),
                np.zeros(2),
                jac=True,
                method=method,
            )
            return float(inner.x @ inner.x), 2 * inner.x

        assert minimize(fun, [1.0, 2.0], jac=True, method=method).success

    @every_method
    def test_from_many_threads_with_the_same_bits(self, method):
        problem = problems.get("wood")
        alone = minimize(problem, problem.x0, method=method)
        results = in_threads(lambda i: minimize(problem, problem.x0, method=method))
        assert all(same_bits(r.x, alone.x) for r in results)

    @every_method
    def test_silent(self, method, capfd):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, method=method)
            minimize(lambda x: (np.nan, x), [1.0], jac=True, method=method)
            minimize(lambda x: (float(x @ x), -x), [1.0, 2.0], jac=True, method=method)
        assert capfd.readouterr() == ("", "")

    def test_no_global_state(self):
        """NumPy's random state, error state and printing are as they were."""
        np.random.seed(5)  # noqa: NPY002
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        errors = np.geterr()
        minimize(ROSENBROCK, ROSENBROCK.x0, jac=True)
        assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
        assert np.geterr() == errors


class TestPromise8:
    """Near the noise floor it says so, and goes on by the slope while it can."""

    @staticmethod
    def offset(n=4, offset=1e6):
        plain = softmax_sum(n)
        return Function(
            "offset", lambda x: plain.value(x) + offset, plain.gradient, plain.x0
        )

    @pytest.mark.parametrize("offset", [1e3, 1e6, 1e9])
    @pytest.mark.parametrize(
        "search", ["wolfe", "strong-wolfe", "hager-zhang", "armijo", "nonmonotone"]
    )
    @every_method
    def test_the_slope_leads_on_where_f_shows_nothing(self, method, search, offset):
        """f is resolved to 1e-7 at best, which is a gradient of some 3e-4."""
        fun = self.offset(offset=offset)
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            options={"line_search": search, "gtol": 1e-8},
        )
        assert result.success, result.message

    @every_method
    def test_where_neither_shows_anything_it_ends_with_its_own_status(self, method):
        fun = self.offset()
        counted = Counted(fun)
        result = minimize(
            counted.value,
            fun.x0,
            jac=counted.gradient,
            method=method,
            options={"gtol": 0.0},
        )
        assert result.status is Status.ROUNDING
        assert not result.success
        assert "ounding" in result.message
        assert np.abs(result.jac).max() < 1e-6
        best = min(f for _, f in counted.values)
        assert result.fun - best <= 1e-13 * abs(best)

    @every_method
    @pytest.mark.parametrize("name", ["rosenbrock", "wood", "beale", "helical_valley"])
    def test_asked_for_more_than_there_is(self, name, method):
        problem = problems.get(name)
        result = minimize(problem, problem.x0, method=method, options={"gtol": 0.0})
        assert result.status in (Status.ROUNDING, Status.CONVERGED)
        assert np.abs(result.jac).max() < 1e-6


class TestPromise9:
    """`maxiter=0`, a zero gradient, an unbounded function."""

    @every_method
    def test_no_iteration(self, method):
        counted = Counted(ROSENBROCK)
        result = minimize(
            counted.value,
            ROSENBROCK.x0,
            jac=counted.gradient,
            method=method,
            options={"maxiter": 0},
        )
        assert (counted.nfev, counted.njev) == (1, 1)
        assert (result.nit, result.nfev, result.njev) == (0, 1, 1)
        assert same_bits(result.x, ROSENBROCK.x0)
        assert result.fun == ROSENBROCK.value(ROSENBROCK.x0)
        assert result.status is Status.MAXITER
        assert not result.success

    @every_method
    def test_no_iteration_at_the_minimum(self, method):
        result = minimize(
            ROSENBROCK, [1.0, 1.0], jac=True, method=method, options={"maxiter": 0}
        )
        assert result.success
        assert result.status is Status.CONVERGED

    @every_method
    @pytest.mark.parametrize("gtol", [1e-5, 0.0])
    def test_a_zero_gradient_is_success_at_once(self, method, gtol):
        result = minimize(
            lambda x: (3.0, np.zeros(2)),
            [1.0, 2.0],
            jac=True,
            method=method,
            options={"gtol": gtol},
        )
        assert result.success
        # Is it a saddle? That takes gradients for the differences of a Hessian.
        looks = 0 if method in FIRST_ORDER else 2
        assert result.nit == 0
        assert 1 <= result.nfev <= 1 + looks

    @every_method
    def test_unbounded(self, method):
        result = minimize(
            lambda x: (-float(x[0]) * float(x[0]), -2 * x),
            [1e-3],
            jac=True,
            method=method,
        )
        assert result.status is Status.UNBOUNDED
        assert not result.success
