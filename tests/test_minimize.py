"""`minimize`: SciPy's call, its options, callbacks, limits and what comes back."""

import inspect
import itertools
import sys
import warnings

import numpy as np
import pytest
from scipy import optimize

import optlab
from optlab import OptimizeResult, Status, minimize, problems
from optlab.evaluate import Objective
from optlab.methods import METHODS
from optlab.plan import plan_run
from optlab.run import BFGS_UP_TO
from optlab_c.machine import DONE, FINE, ITERATE, F, G, Machine
from tests.functions import SMOOTH, Counted, quadratic, rosenbrock, softmax_sum
from tests.support import (
    DISTINCT,
    FIRST_ORDER,
    WITH_SEARCHES,
    same_bits,
)

ROSENBROCK = rosenbrock()
BY_DIFFERENCES = (None, "2-point", "3-point")
WITH_GRADIENT = [(method, True) for method in DISTINCT]
WITHOUT_GRADIENT = [(method, None) for method in FIRST_ORDER]


class TestCall:
    def test_the_signature_is_scipys(self):
        ours = inspect.signature(minimize).parameters
        theirs = inspect.signature(optimize.minimize).parameters
        assert list(ours) == list(theirs)
        for name, parameter in theirs.items():
            assert ours[name].default == parameter.default
            assert ours[name].kind == parameter.kind

    @pytest.mark.parametrize(
        ("method", "jac"),
        [(method, jac) for method in DISTINCT for jac in (True, "callable")]
        + [(method, jac) for method in FIRST_ORDER for jac in BY_DIFFERENCES],
    )
    def test_every_kind_of_gradient(self, method, jac):
        fun = softmax_sum(4)
        value = fun if jac is True else fun.value
        result = minimize(
            value,
            fun.x0,
            jac=fun.gradient if jac == "callable" else jac,
            method=method,
            options={"gtol": 1e-4},
        )
        assert result.success
        assert np.abs(fun.gradient(result.x)).max() < 2e-4

    @pytest.mark.parametrize("jac", [False, np.False_])
    def test_false_is_none_and_numpys_truth_is_truth(self, jac):
        fun = softmax_sum(4)
        plain = minimize(fun.value, fun.x0)
        assert same_bits(minimize(fun.value, fun.x0, jac=jac).x, plain.x)
        both = minimize(fun, fun.x0, jac=True)
        assert same_bits(minimize(fun, fun.x0, jac=np.True_).x, both.x)

    def test_arguments(self):
        def value(x, a, b):
            return float((x - a) @ (x - a) + b)

        def gradient(x, a, b):
            return 2 * (x - a)

        a = np.array([1.0, 2.0])
        for jac in (gradient, None, "3-point"):
            result = minimize(value, [0.0, 0.0], (a, 7.0), jac=jac)
            np.testing.assert_allclose(result.x, a, atol=1e-5)
            assert result.fun == pytest.approx(7)
        joint = minimize(
            lambda x, a, b: (value(x, a, b), gradient(x, a, b)),
            [0, 0],
            (a, 7),
            jac=True,
        )
        np.testing.assert_allclose(joint.x, a, atol=1e-5)

    def test_a_single_argument_needs_no_tuple(self):
        result = minimize(lambda x, a: float((x[0] - a) ** 2), [0.0], 3.0)
        assert result.x[0] == pytest.approx(3, abs=1e-5)

    def test_an_objective_object(self):
        class Objective:
            def fun_and_grad(self, x):
                return ROSENBROCK(x)

        plain = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True)
        assert same_bits(minimize(Objective(), ROSENBROCK.x0).x, plain.x)

    @pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype(np.float32)])
    def test_its_dtype_is_that_of_the_run(self, dtype):
        class Objective:
            def fun_and_grad(self, x):
                assert x.dtype == np.float32
                return x @ x, 2 * x

        Objective.dtype = dtype
        result = minimize(Objective(), [1.0, 2.0])
        assert result.x.dtype == result.jac.dtype == np.float32

    @pytest.mark.parametrize("dtype", ["int64", "float16", "complex128"])
    def test_a_dtype_that_nobody_has(self, dtype):
        class Objective:
            def fun_and_grad(self, x):
                raise AssertionError

        Objective.dtype = dtype
        with pytest.raises(TypeError, match="dtype"):
            minimize(Objective(), [1.0, 2.0])

    def test_a_problem_of_the_registry(self):
        problem = problems.get("wood")
        result = minimize(problem, problem.x0)
        assert result.success
        assert result.fun == pytest.approx(0, abs=1e-8)

    @pytest.mark.parametrize("jac", ["2-point", "3-point"])
    def test_a_problem_by_differences(self, jac):
        problem = problems.get("rosenbrock")
        result = minimize(problem, problem.x0, jac=jac)
        assert result.success
        assert result.nfev > 2 * result.njev

    @pytest.mark.parametrize(
        ("n", "method"), [(2, "bfgs"), (BFGS_UP_TO, "bfgs"), (BFGS_UP_TO + 1, "l-bfgs")]
    )
    def test_the_default_method_is_chosen_by_n_and_told(self, n, method):
        result = minimize(lambda x: (float(x @ x), 2 * x), np.ones(n), jac=True)
        assert result.method == method

    @pytest.mark.parametrize("n", [2, BFGS_UP_TO + 1])
    def test_with_bounds_it_is_another(self, n):
        def fun(x):
            return float(x @ x), 2 * x

        box = [(0.5, 2.0)] * n
        result = minimize(fun, np.ones(n), jac=True, bounds=box)
        assert result.method == "l-bfgs-b"
        assert same_bits(result.x, np.full(n, 0.5))
        named = minimize(fun, np.ones(n), jac=True, bounds=box, method="L-BFGS-B")
        assert same_bits(named.x, result.x)
        assert named.nfev == result.nfev

    def test_tol_is_gtol(self):
        by_tol = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, tol=1e-2)
        by_gtol = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, options={"gtol": 1e-2})
        assert by_tol.nit == by_gtol.nit < minimize(ROSENBROCK, [-1.2, 1], jac=True).nit
        assert 1e-5 < np.abs(by_tol.jac).max() <= 1e-2

    def test_the_option_is_stronger_than_tol(self):
        result = minimize(
            ROSENBROCK, ROSENBROCK.x0, jac=True, tol=1e-2, options={"gtol": 1e-9}
        )
        assert np.abs(result.jac).max() <= 1e-9

    def test_options_are_not_changed(self):
        options = {"gtol": 1e-3, "line_search": "armijo"}
        minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, tol=1.0, options=options)
        assert options == {"gtol": 1e-3, "line_search": "armijo"}

    def test_as_a_method_of_scipys_minimize(self):
        """SciPy hands over its own wrappers; they are functions like any other."""

        def method(fun, x0, args, **more):
            return minimize(
                fun,
                x0,
                args,
                jac=more["jac"],
                callback=more["callback"],
                options={k: more[k] for k in ("gtol",)},
            )

        result = optimize.minimize(
            optimize.rosen,
            [-1.2, 1.0],
            jac=optimize.rosen_der,
            method=method,
            options={"gtol": 1e-8},
        )
        assert isinstance(result, OptimizeResult)
        assert np.abs(result.jac).max() <= 1e-8


class TestAgainstSciPy:
    """The same minima, within the tolerance, and no more evaluations than double."""

    @pytest.mark.parametrize(
        "fun", [*SMOOTH, rosenbrock(10, np.linspace(0, 2, 10))], ids=repr
    )
    @pytest.mark.parametrize(
        ("method", "theirs"), [("bfgs", "BFGS"), ("l-bfgs", "L-BFGS-B")]
    )
    def test_minima(self, fun, method, theirs):
        expected = optimize.minimize(
            fun.value,
            fun.x0,
            jac=fun.gradient,
            method=theirs,
            options={"gtol": 1e-6} | ({"ftol": 0} if theirs == "L-BFGS-B" else {}),
        )
        result = minimize(fun, fun.x0, jac=True, method=method, tol=1e-6)
        assert result.success
        assert result.fun == pytest.approx(expected.fun, abs=1e-10)
        np.testing.assert_allclose(result.x, expected.x, atol=1e-4)
        assert result.nfev <= 2 * expected.nfev

    @pytest.mark.parametrize("method", DISTINCT)
    def test_scipys_own_functions(self, method):
        for value, gradient, x0 in (
            (optimize.rosen, optimize.rosen_der, [1.3, 0.7, 0.8, 1.9, 1.2]),
        ):
            result = minimize(value, x0, jac=gradient, method=method)
            assert result.success
            np.testing.assert_allclose(result.x, 1, atol=1e-3)

    def test_code_written_for_scipy_runs_unchanged(self):
        call = {
            "fun": optimize.rosen,
            "x0": np.array([1.3, 0.7, 0.8]),
            "args": (),
            "jac": optimize.rosen_der,
            "hess": None,
            "bounds": None,
            "constraints": (),
            "tol": None,
            "callback": None,
        }
        for method, options in (
            ("BFGS", {"gtol": 1e-6, "norm": 2, "maxiter": 200, "disp": False,
                      "return_all": True, "eps": 1e-8, "xrtol": 0,
                      "c1": 1e-4, "c2": 0.9, "hess_inv0": np.eye(3)}),
            ("L-BFGS", {"maxcor": 20, "ftol": 1e-12, "gtol": 1e-6, "eps": 1e-8,
                        "maxfun": 500, "maxiter": 200, "maxls": 30}),
        ):  # fmt: skip
            theirs = optimize.minimize(
                **call, method=method.replace("L-BFGS", "L-BFGS-B"), options=options
            )
            ours = minimize(**call, method=method, options=options)
            assert theirs.success
            assert ours.success
            assert set(theirs) <= set(ours)
            np.testing.assert_allclose(ours.x, theirs.x, atol=1e-4)


class TestStops:
    @pytest.mark.parametrize(("method", "search"), WITH_SEARCHES)
    def test_gtol(self, method, search):
        fun = quadratic(5, 5.0)
        options = {"line_search": search, "gtol": 1e-7}
        if search == "fixed":
            options["step_length"] = 0.15
        result = minimize(fun, fun.x0, jac=True, method=method, options=options)
        assert result.status is Status.CONVERGED
        assert result.success
        assert np.abs(result.jac).max() <= 1e-7

    @pytest.mark.parametrize("norm", [np.inf, 1, 2, 3.5, -np.inf, 0])
    def test_the_norm_is_numpys(self, norm):
        fun = softmax_sum(6)
        gtol = 1e-4 if norm else 0.5
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            options={"norm": norm, "gtol": gtol, "history": True, "return_all": True,
                     "maxiter": 8},
        )  # fmt: skip
        for gnorm, x in zip(result.history["gnorm"], result.allvecs, strict=True):
            expected = np.linalg.norm(fun.gradient(x), norm)
            assert gnorm == pytest.approx(expected, rel=1e-12)
            assert (gnorm <= gtol) == (x is result.allvecs[-1] and result.success)

    @pytest.mark.parametrize("ftol", [1e-3, 1e-6])
    def test_ftol(self, ftol):
        """SciPy's L-BFGS-B: f_k - f_{k+1} <= ftol max(|f_k|, |f_{k+1}|, 1)."""
        fun = rosenbrock(4)
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            options={"ftol": ftol, "gtol": 0, "history": True},
        )
        assert result.status is Status.FTOL
        f = result.history["f"]
        scale = np.maximum(np.maximum(np.abs(f[1:]), np.abs(f[:-1])), 1)
        small = f[:-1] - f[1:] <= ftol * scale
        assert small[-1]
        assert not small[:-1].any()
        assert not result.success
        assert "ftol" in result.message

    @pytest.mark.parametrize("xrtol", [1e-2, 1e-5])
    def test_xrtol(self, xrtol):
        """SciPy's BFGS: |s| <= xrtol (xrtol + |x|)."""
        fun = rosenbrock(4)
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            options={"xrtol": xrtol, "gtol": 0, "return_all": True},
        )
        assert result.status is Status.XTOL
        xs = np.array(result.allvecs)
        steps = np.linalg.norm(np.diff(xs, axis=0), axis=1)
        small = steps <= xrtol * (xrtol + np.linalg.norm(xs[1:], axis=1))
        assert small[-1]
        assert not small[:-1].any()

    @pytest.mark.parametrize("stop", ["ftol", "xrtol"])
    def test_success_where_the_gradient_is_small_as_well(self, stop):
        fun = quadratic(4, 10.0)
        result = minimize(fun, fun.x0, jac=True, options={stop: 1e-12, "gtol": 1e-5})
        assert result.success

    @pytest.mark.parametrize("method", DISTINCT)
    @pytest.mark.parametrize("maxiter", [0, 1, 2, 7])
    def test_maxiter(self, method, maxiter):
        result = minimize(
            ROSENBROCK,
            ROSENBROCK.x0,
            jac=True,
            method=method,
            options={"maxiter": maxiter},
        )
        assert result.status is Status.MAXITER
        assert result.nit == maxiter
        assert not result.success
        assert "maxiter" in result.message

    @pytest.mark.parametrize("jac", ["both", None])
    @pytest.mark.parametrize("maxfun", [1, 2, 3, 10, 25])
    def test_maxfun(self, maxfun, jac):
        counted = Counted(ROSENBROCK)
        result = minimize(
            counted.value,
            ROSENBROCK.x0,
            jac=counted.gradient if jac else None,
            options={"maxfun": maxfun},
        )
        assert result.status is Status.MAXFUN
        # A gradient by differences is not broken off.
        most = maxfun if jac else maxfun + 2
        assert result.nfev == counted.nfev <= most
        if jac:
            assert result.fun == min(f for _, f in counted.values)
        assert not result.success

    def test_a_limit_at_the_minimum_is_no_failure(self):
        fun = quadratic(3, 5.0)
        whole = minimize(fun, fun.x0, jac=True)
        result = minimize(fun, fun.x0, jac=True, options={"maxiter": whole.nit})
        assert result.success
        assert result.status is Status.CONVERGED

    @pytest.mark.parametrize("method", DISTINCT)
    def test_a_start_at_the_minimum(self, method):
        result = minimize(ROSENBROCK, [1.0, 1.0], jac=True, method=method)
        assert result.success
        assert result.nit == 0
        # Whether it is a minimum is judged by a Hessian, here by its differences.
        looks = {"newton": (2,), "newton-cg": (2, 3), "trust-ncg": (2, 3)}
        assert result.nfev == result.njev
        assert result.nfev - 1 in looks.get(method, (0,))


class TestCallback:
    @pytest.mark.parametrize("method", DISTINCT)
    def test_it_sees_every_iterate_but_the_start(self, method):
        seen = []
        result = minimize(
            ROSENBROCK,
            ROSENBROCK.x0,
            jac=True,
            method=method,
            callback=seen.append,
            options={"return_all": True},
        )
        assert same_bits(seen, result.allvecs[1:])
        assert len(seen) == result.nit

    def test_intermediate_result(self):
        seen = []

        def callback(intermediate_result):
            seen.append(intermediate_result)

        counted = Counted(ROSENBROCK)
        result = minimize(
            counted.value, ROSENBROCK.x0, jac=counted.gradient, callback=callback
        )
        assert len(seen) == result.nit
        for k, r in enumerate(seen, 1):
            assert isinstance(r, optimize.OptimizeResult)
            assert r.nit == k
            assert same_bits(r.fun, ROSENBROCK.value(r.x))
            assert same_bits(r.jac, ROSENBROCK.gradient(r.x))
        assert all(a.nfev < b.nfev for a, b in itertools.pairwise(seen))
        assert same_bits(seen[-1].x, result.x)

    def test_its_form_is_told_as_in_scipy(self):
        """By the one parameter's name, and by nothing else."""
        got = {}

        class Callback:
            def __call__(self, intermediate_result):
                got["object"] = intermediate_result

        def keyword(*, intermediate_result):
            got["keyword"] = intermediate_result

        def other(result):
            got["other"] = result

        def two(intermediate_result, more=None):
            got["two"] = intermediate_result

        for callback in (Callback(), keyword, other, two):
            minimize(ROSENBROCK, [-1.2, 1], jac=True, callback=callback)
        assert isinstance(got["object"], OptimizeResult)
        assert isinstance(got["keyword"], OptimizeResult)
        assert isinstance(got["other"], np.ndarray)
        assert isinstance(got["two"], np.ndarray)

    def test_a_callable_without_a_signature(self):
        class Odd(list):
            def __call__(self, xk):
                self.append(xk)

            __signature__ = "none"

        seen = Odd()
        result = minimize(ROSENBROCK, [-1.2, 1.0], jac=True, callback=seen)
        assert len(seen) == result.nit

    @pytest.mark.parametrize("at", [1, 4])
    @pytest.mark.parametrize("method", DISTINCT)
    def test_stop_iteration_ends_the_run(self, method, at):
        seen = []

        def callback(xk):
            seen.append(xk)
            if len(seen) == at:
                raise StopIteration

        result = minimize(
            ROSENBROCK, ROSENBROCK.x0, jac=True, method=method, callback=callback
        )
        assert result.status is Status.CALLBACK
        assert result.status == 99
        assert result.nit == at
        assert not result.success
        assert same_bits(result.x, seen[-1]) or result.fun <= ROSENBROCK.value(seen[-1])
        assert "callback" in result.message

    def test_what_it_returns_is_of_no_interest(self):
        result = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, callback=lambda xk: True)
        assert result.success


class TestOnRequest:
    @pytest.mark.parametrize("method", DISTINCT)
    def test_return_all(self, method):
        result = minimize(
            ROSENBROCK, ROSENBROCK.x0, jac=True, method=method,
            options={"return_all": True},
        )  # fmt: skip
        assert len(result.allvecs) == result.nit + 1
        assert same_bits(result.allvecs[0], ROSENBROCK.x0)
        assert same_bits(result.allvecs[-1], result.x)

    def test_nothing_that_was_not_asked_for(self):
        result = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True)
        assert "allvecs" not in result
        assert "history" not in result

    def test_disp(self, capsys):
        result = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, options={"disp": True})
        out, err = capsys.readouterr()
        assert result.message in out
        assert f"{result.nit} iterations" in out
        assert f"{result.nfev} evaluations" in out
        assert err == ""

    def test_otherwise_nothing_is_printed(self, capfd):
        for method, jac in (*WITH_GRADIENT, *WITHOUT_GRADIENT):
            fun = ROSENBROCK if jac else ROSENBROCK.value
            minimize(fun, ROSENBROCK.x0, jac=jac, method=method)
        minimize(lambda x: np.nan, [1.0])
        minimize(lambda x: float(x @ x), [1.0, 2.0], jac=lambda x: -x)
        sys.stdout.flush()
        assert capfd.readouterr() == ("", "")

    def test_nor_warned_of(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for bad in (np.nan, np.inf, -np.inf, 1e308):
                minimize(lambda x, bad=bad: bad if x[0] > 1.5 else -x[0], [1.0])
                minimize(lambda x, bad=bad: bad, [1.0, 2.0])
                minimize(lambda x, bad=bad: (1.0, np.full(2, bad)), [1, 2], jac=True)


class TestFloat32:
    @pytest.mark.parametrize(("method", "search"), WITH_SEARCHES)
    def test_it_converges_as_far_as_it_can_resolve(self, method, search):
        fun = quadratic(6, 10.0)
        options = {"line_search": search, "dtype": "float32", "gtol": 1e-3}
        if search == "fixed":
            options["step_length"] = 0.15
        result = minimize(fun, fun.x0, jac=True, method=method, options=options)
        assert result.success
        np.testing.assert_allclose(result.x, fun.x_opt, atol=2e-3)

    @pytest.mark.parametrize("method", DISTINCT)
    def test_beyond_that_it_says_so(self, method):
        fun = softmax_sum(6)
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            options={"dtype": "float32", "gtol": 1e-12},
        )
        assert result.status is Status.ROUNDING
        assert not result.success
        assert np.abs(result.jac).max() < 1e-4


class TestPackage:
    def test_the_public_names(self):
        for name in optlab.__all__:
            assert getattr(optlab, name) is not None

    @pytest.mark.parametrize("name", METHODS)
    def test_the_page_of_minimize_names_every_option(self, name):
        text = minimize.__doc__
        options = [f for g in METHODS[name].options for f in g.__dataclass_fields__]
        options += optlab.options.Common.__dataclass_fields__
        for option in options:
            assert option in text
        assert name in text


class TestForwardDifferences:
    """Where a search fails, forward differences turn to central ones."""

    @staticmethod
    def by_hand(fun, bias, reload=False, **options):
        """Run with a gradient that is off by `bias` until a better one is asked for."""
        plan = plan_run(
            METHODS["bfgs"], Objective(fun.value, None), fun.x0.size, options
        )
        machine = Machine(plan.settings, fun.x0)
        fine, at = 0, None
        for _ in range(2000):
            want, x = machine.ask()
            if want == DONE or (want == ITERATE and machine.gnorm <= 1e-5):
                break
            if want == ITERATE:
                at = machine.x
                continue
            if reload:
                machine = Machine.load(machine.save())
            if want & FINE and not fine:
                assert want == G | FINE
                assert same_bits(x, at)
            assert bool(want & FINE) >= bool(fine and want & G)  # from then on
            fine |= want & FINE
            f, g = fun(x)
            g = g if fine else g + bias
            machine.tell(f=f if want & F else None, g=g if want & G else None)
        return machine, fine

    @pytest.mark.parametrize("fun", [quadratic(), softmax_sum()], ids=repr)
    def test_better_ones_are_asked_for_and_lead_on(self, fun):
        machine, fine = self.by_hand(fun, 1e-2)
        assert fine
        assert machine.gnorm <= 1e-5
        assert same_bits(machine.g, fun.gradient(machine.x))
        again, _ = self.by_hand(fun, 1e-2, reload=True)
        assert same_bits(machine.x, again.x)

    def test_not_where_steps_were_given(self):
        machine, fine = self.by_hand(rosenbrock(), 1e-2, eps=1e-8)
        assert not fine
        assert machine.outcome != Status.CONVERGED

    def test_no_iterate_is_shown_twice(self):
        """f is rough on the scale of forward differences, smooth on that of central."""

        def fun(x):
            return float(np.cosh(x - 1).sum() + 1e-10 * np.sin(1e6 * x).sum())

        seen = []
        result = minimize(
            fun, np.zeros(3), callback=lambda xk: seen.append(xk.tobytes())
        )
        assert len(set(seen)) == len(seen) == result.nit

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "cg"])
    def test_better_ones_that_are_nan_are_not_taken(self, method):
        """And a gradient of NaN is never small."""
        calls = []

        def fun(x):
            calls.append(x.copy())
            return np.nan if len(calls) > 2 else [1.0, 0.5][len(calls) - 1]

        result = minimize(fun, [1.0], method=method)
        assert not result.success
        assert np.isfinite(result.jac).all()
        assert result.fun == 1.0
