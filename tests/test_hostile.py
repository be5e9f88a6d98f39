"""Functions that misbehave, and callers in a hurry."""

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest

from optlab import Status, minimize, problems
from tests.functions import Counted, Function, log_barrier, rosenbrock, softmax_sum
from tests.support import DISTINCT, WITHOUT_FIXED, same_bits


def check(result, counted=None):
    """What must hold however a run ended."""
    assert np.isfinite(result.x).all()
    assert result.success == (
        np.isfinite(result.fun) and np.abs(result.jac).max() <= 1e-5
    )
    assert result.message.startswith(result.status.sentence)
    if counted is not None:
        f, g = counted.function(result.x)
        assert same_bits(result.fun, f)
        assert same_bits(result.jac, g)
        seen = [v for _, v in counted.values if np.isfinite(v)]
        # The best point seen, up to what f can resolve.
        assert result.fun <= min(seen) + 1e-13 * abs(min(seen))
        assert result.fun <= counted.values[0][1]
        assert result.nfev == counted.nfev
        assert result.njev == counted.njev
        assert np.isfinite([x for x, _ in counted.values]).all()


def run(fun, x0=None, **more):
    """A run with counted, separate calls of value and gradient."""
    counted = Counted(fun)
    result = minimize(
        counted.value, fun.x0 if x0 is None else x0, jac=counted.gradient, **more
    )
    check(result, counted)
    return result


def fenced(bad, edge=0.5):
    """A parabola whose values are `bad` from x_0 = `edge` on, before its minimum."""

    def value(x):
        return float((x - 0.4) @ (x - 0.4)) if x[0] < edge else bad

    return Function("fenced", value, lambda x: 2 * (x - 0.4), np.array([-3.0, 1.0]))


class TestNotFinite:
    """NaN and infinities at a trial mean that the step was too long."""

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize(("method", "search"), WITHOUT_FIXED)
    def test_a_fence(self, method, search, bad):
        result = run(fenced(bad), method=method, options={"line_search": search})
        assert result.success
        np.testing.assert_allclose(result.x, 0.4, atol=1e-4)

    @pytest.mark.parametrize(("method", "search"), WITHOUT_FIXED)
    def test_minus_infinity_is_no_minimum_where_there_is_one(self, method, search):
        result = run(fenced(-np.inf), method=method, options={"line_search": search})
        assert result.success
        np.testing.assert_allclose(result.x, 0.4, atol=1e-4)

    @pytest.mark.parametrize(("method", "search"), WITHOUT_FIXED)
    def test_a_log_barrier(self, method, search):
        fun = log_barrier(4)
        result = run(fun, method=method, options={"line_search": search})
        assert result.success
        np.testing.assert_allclose(result.x, fun.x_opt, atol=1e-5)

    @pytest.mark.parametrize("method", DISTINCT)
    def test_a_first_step_far_outside(self, method):
        fun = log_barrier(4)
        result = run(fun, method=method, options={"first_step": 1e6})
        assert result.success

    @pytest.mark.parametrize(("method", "search"), WITHOUT_FIXED)
    @pytest.mark.parametrize("where", [np.nan, np.inf, -np.inf])
    def test_only_the_gradient_is_not_finite(self, method, search, where):
        def gradient(x):
            return 2 * (x - 0.4) if x[0] < 0.5 else np.array([where, 1.0])

        fun = Function(
            "", lambda x: float((x - 0.4) @ (x - 0.4)), gradient, np.array([-3.0, 1.0])
        )
        counted = Counted(fun)
        result = minimize(
            counted.value,
            fun.x0,
            jac=counted.gradient,
            method=method,
            options={"line_search": search},
        )
        assert result.success
        np.testing.assert_allclose(result.x, 0.4, atol=1e-4)

    @pytest.mark.parametrize("method", DISTINCT)
    def test_an_overflow_on_the_way(self, method):
        with np.errstate(over="ignore", invalid="ignore"):
            fun = Function(
                "",
                lambda x: float(np.exp(x[0] ** 4) + x[1] ** 2 + x[0]),
                lambda x: np.array([4 * x[0] ** 3 * np.exp(x[0] ** 4) + 1, 2 * x[1]]),
                np.array([2.0, 1.0]),
            )
            result = run(fun, method=method)
        assert result.success

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("method", DISTINCT)
    def test_at_the_start(self, method, bad):
        calls = []

        def value(x):
            calls.append("f")
            return bad

        def gradient(x):
            calls.append("g")
            return np.ones(2)

        result = minimize(value, [1.0, 2.0], jac=gradient, method=method)
        assert result.status is Status.NONFINITE_START
        assert not result.success
        assert same_bits(result.x, [1.0, 2.0])
        assert same_bits(result.fun, bad)
        assert (result.nit, result.nfev) == (0, 1)
        assert calls.count("f") == result.nfev
        assert calls.count("g") == result.njev
        assert "x0" in result.message

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("jac", [None, "3-point"])
    def test_at_the_start_without_a_gradient(self, jac, bad):
        calls = []

        def value(x):
            calls.append(1)
            return bad

        result = minimize(value, [1.0, 2.0], jac=jac)
        assert result.status is Status.NONFINITE_START
        assert not result.success
        assert result.nfev == len(calls)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_gradient_that_is_not_finite_at_the_start(self, bad):
        result = minimize(lambda x: (1.0, np.array([bad, 0])), [1.0, 2.0], jac=True)
        assert result.status is Status.NONFINITE_START
        assert not result.success
        assert result.fun == 1.0

    def test_nothing_else_is_finite(self):
        def value(x):
            return 1.0 if x[0] == 1.0 else np.nan

        result = minimize(value, [1.0], jac=lambda x: np.ones(1))
        assert not result.success
        assert result.x[0] == 1.0
        assert result.fun == 1.0

    @pytest.mark.parametrize("seed", range(10))
    @pytest.mark.parametrize("method", DISTINCT)
    def test_random_failures(self, method, seed):
        """One evaluation in four fails for no reason: a run still tells the truth."""
        rng = np.random.default_rng(seed)
        plain = rosenbrock()
        choice = [np.nan, np.inf, -np.inf]
        asked = {}

        def value(x):
            key = x.tobytes()
            if key not in asked:
                fails = asked and rng.random() < 0.25
                asked[key] = rng.choice(choice) if fails else plain.value(x)
            return asked[key]

        result = run(Function("", value, plain.gradient, plain.x0), method=method)
        assert result.fun < 4.5  # well down into the valley, whatever came then


UNBOUNDED = {
    "line": Function(
        "", lambda x: float(-x[0]), lambda x: np.array([-1.0, 0]), np.zeros(2)
    ),
    "parabola": Function(
        "",
        lambda x: float(-x @ x),
        lambda x: -2 * x,
        np.array([1e-3, 2e-3]),
    ),
    "cubic": Function(
        "",
        lambda x: float(x[0] ** 3 + x[1] ** 2),
        lambda x: np.array([3 * x[0] ** 2, 2 * x[1]]),
        np.array([-1.0, 1.0]),
    ),
    "valley": Function(
        "",
        lambda x: float(1e3 * (x[1] - x[0]) ** 2 - x[0]),
        lambda x: np.array([-2e3 * (x[1] - x[0]) - 1, 2e3 * (x[1] - x[0])]),
        np.array([0.0, 1.0]),
    ),
}

# Where rounding errors, or patience, end before f does.
OTHERWISE = {
    ("gd", "valley"): (Status.MAXITER,),  # it crawls along the valley
    # 1e3 (x_1 - x_0)^2 is noise from x = 1e13 on.
    ("bfgs", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
    ("l-bfgs", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
    ("newton", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
    ("newton-cg", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
    ("cg", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
    ("trust-ncg", "valley"): (Status.ROUNDING, Status.MAXITER, Status.UNBOUNDED),
}


class TestNoMinimum:
    @pytest.mark.parametrize("name", UNBOUNDED)
    @pytest.mark.parametrize("method", DISTINCT)
    def test_an_unbounded_function_is_named(self, method, name):
        with np.errstate(over="ignore", invalid="ignore"):
            result = run(UNBOUNDED[name], method=method, options={"maxiter": 1000})
        assert result.status in OTHERWISE.get((method, name), (Status.UNBOUNDED,))
        assert ("unbounded" in result.message) == (result.status is Status.UNBOUNDED)
        assert not result.success
        assert result.fun < -1e6

    @pytest.mark.parametrize("method", DISTINCT)
    def test_an_infimum_that_is_not_attained(self, method):
        fun = Function(
            "",
            lambda x: float(np.exp(-x[0]) + x[1] ** 2),
            lambda x: np.array([-np.exp(-x[0]), 2 * x[1]]),
            np.array([0.0, 1.0]),
        )
        result = run(fun, method=method)
        assert result.success  # the first-order test holds, which is what is promised


WRONG = {
    "sign": lambda g: -g,
    "one sign": lambda g: g * np.array([1, -1, 1]),
    "factor 2": lambda g: 2 * g,
    "half": lambda g: g / 2,
    "one component": lambda g: g * np.array([1, 1, 3]),
    "order": lambda g: g[::-1].copy(),
    "forgotten": lambda g: g * np.array([1, 0, 1]),
    "offset": lambda g: g + 0.5,
}


class TestWrongGradients:
    @pytest.mark.parametrize("wrong", WRONG)
    @pytest.mark.parametrize("method", DISTINCT)
    def test_no_false_success_and_the_gradient_is_named(self, method, wrong):
        fun = rosenbrock(3, [-1.2, 1.0, 0.5])
        result = minimize(
            fun.value,
            fun.x0,
            jac=lambda x: WRONG[wrong](fun.gradient(x)),
            method=method,
            options={"maxfun": 3000},
        )
        assert result.status is not Status.UNBOUNDED
        if (method, wrong) != ("cg", "offset"):  # along -g it may be right by chance
            assert result.status is not Status.ROUNDING
        given = np.abs(WRONG[wrong](fun.gradient(result.x))).max()
        # A Hessian of differences of a wrong gradient may show a saddle that is none.
        saddle = result.status is Status.SADDLE
        assert result.success == (given <= 1e-5 and not saddle)
        assert result.fun <= fun.value(fun.x0)
        if result.status is Status.WRONG_GRADIENT:
            assert "check_gradient" in result.message
        if wrong in ("sign", "one sign"):
            assert result.status is Status.WRONG_GRADIENT

    def test_a_gradient_of_another_function(self):
        result = minimize(lambda x: float(x @ x), [1.0, 2.0], jac=lambda x: -x)
        assert result.status is Status.WRONG_GRADIENT
        assert not result.success

    def test_the_evidence_is_in_the_message(self):
        result = minimize(lambda x: float(x @ x), [3.0, 4.0], jac=lambda x: -2 * x)
        # Along -g the given gradient promises -10; f rises by as much.
        assert "-10" in result.message
        assert " 10" in result.message


# Differences across a kink are curvatures of 1e8: steps get short, yet f falls.
FOR_EVER = {"newton", "newton-cg"}


class TestRough:
    """Kinks and jumps: no method here solves these; all of them tell so."""

    @pytest.mark.parametrize("x0", [[1.1], [-0.37], [2e-3]])
    @pytest.mark.parametrize("method", DISTINCT)
    def test_the_best_point_of_a_kink_is_returned(self, method, x0):
        """scipy #15643: 2e-16 was seen, and 1.1 returned."""
        fun = Function("abs", lambda x: float(abs(x[0])), np.sign, np.array(x0))
        result = run(fun, method=method)
        assert result.fun < 1e-6
        assert not result.success or result.jac[0] == 0

    @pytest.mark.parametrize("method", DISTINCT)
    def test_a_kink_in_the_plane(self, method):
        fun = Function(
            "",
            lambda x: float(abs(x[0]) + 10 * abs(x[1] - 0.1 * x[0])),
            lambda x: np.array(
                [
                    np.sign(x[0]) - np.sign(x[1] - 0.1 * x[0]),
                    10 * np.sign(x[1] - 0.1 * x[0]),
                ]
            ),
            np.array([1.3, -0.7]),
        )
        patience = {"maxiter": 500} if method in FOR_EVER else {}
        result = run(fun, method=method, options=patience)
        assert not result.success
        assert result.fun < 1.5
        assert result.status in (
            Status.DISCONTINUITY,
            Status.LINE_SEARCH,
            Status.ROUNDING,
        ) or (method in FOR_EVER and result.status is Status.MAXITER)

    @pytest.mark.parametrize("method", DISTINCT)
    @pytest.mark.parametrize("wall", [0.3, -2.0, 1e4])
    def test_a_jump(self, method, wall):
        """f falls towards a wall and is 1 higher behind it."""
        fun = Function(
            "",
            lambda x: float(x[0] - wall if x[0] >= wall else 1 + wall - x[0]),
            lambda x: np.ones(1) if x[0] >= wall else -np.ones(1),
            np.array([wall + 0.7]),
        )
        result = run(fun, method=method)
        assert not result.success
        assert 0 <= result.fun < 1e-4
        assert result.status is Status.DISCONTINUITY
        assert "smooth" in result.message

    @pytest.mark.parametrize("method", DISTINCT)
    def test_a_jump_at_zero_where_there_is_always_a_nearer_point(self, method):
        fun = Function(
            "",
            lambda x: float(x[0] if x[0] >= 0 else 1 - x[0]),
            lambda x: np.ones(1) if x[0] >= 0 else -np.ones(1),
            np.array([0.7]),
        )
        result = run(fun, method=method)
        assert result.status in (Status.DISCONTINUITY, Status.LINE_SEARCH)
        # A trust region ends where its radius is no longer resolved.
        assert 0 <= result.fun < (1e-30 if method == "trust-ncg" else 1e-100)
        assert "diverge" not in result.message

    def test_a_staircase(self):
        fun = Function(
            "",
            lambda x: float(np.floor(4 * x[0])),
            lambda x: np.ones(1),
            np.array([0.1]),
        )
        result = run(fun, options={"maxiter": 100})
        assert not result.success


class TestCounts:
    """One call that gives both counts for both, whatever was asked for."""

    @pytest.mark.parametrize(
        "fun",
        [
            lambda x: (float(np.abs(x).sum()), np.sign(x)),
            lambda x: (float(x @ x), -x),
            lambda x: (float(x @ x) + 1e8, 2 * x),
            lambda x: (float(x @ x) if x[0] > 0 else np.nan, 2 * x),
            lambda x: (float(-x[0]), np.array([-1.0, 0.0])),
        ],
        ids=["kink", "wrong gradient", "noise", "fence", "unbounded"],
    )
    @pytest.mark.parametrize("method", DISTINCT)
    def test_every_call(self, method, fun):
        calls = []

        def counted(x):
            calls.append(1)
            return fun(x)

        result = minimize(
            counted, [1.1, 0.3], jac=True, method=method, options={"gtol": 0}
        )
        assert result.nfev == result.njev == len(calls)


class Odd(Exception):
    """An exception that is false in a boolean context."""

    def __len__(self):
        return 0


class TestExceptions:
    """What the caller's code raises reaches the caller unchanged."""

    ERRORS = (
        ValueError("mine"),
        KeyboardInterrupt(),
        SystemExit(3),
        StopIteration("stop"),
        GeneratorExit(),
        MemoryError(),
        RecursionError(),
        FloatingPointError("overflow"),
        Odd("odd"),
        AssertionError(),
        OptimizeAbort := type("OptimizeAbort", (BaseException,), {})(),
    )

    @pytest.mark.parametrize("at", [1, 2, 7])
    @pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
    @pytest.mark.parametrize("where", ["value", "gradient", "joint", "difference"])
    def test_of_fun_and_jac(self, where, error, at):
        fun = rosenbrock()
        calls = []

        def count():
            calls.append(1)
            if len(calls) == at:
                raise error

        def value(x):
            if where in ("value", "difference"):
                count()
            return fun.value(x)

        def gradient(x):
            if where == "gradient":
                count()
            return fun.gradient(x)

        def joint(x):
            count()
            return fun(x)

        how = {"joint": (joint, True), "difference": (value, None)}
        fun_, jac = how.get(where, (value, gradient))
        with pytest.raises(type(error)) as caught:
            minimize(fun_, fun.x0, jac=jac)
        assert caught.value is error
        assert len(calls) == at
        assert caught.value.__cause__ is None
        assert caught.traceback[-1].name == "count"

    @pytest.mark.parametrize("at", [1, 5])
    @pytest.mark.parametrize(
        "error",
        [e for e in ERRORS if not isinstance(e, StopIteration)],
        ids=lambda e: type(e).__name__,
    )
    def test_of_the_callback(self, error, at):
        fun = rosenbrock()
        seen = []

        def callback(xk):
            seen.append(xk)
            if len(seen) == at:
                raise error

        with pytest.raises(type(error)) as caught:
            minimize(fun, fun.x0, jac=True, callback=callback)
        assert caught.value is error
        assert len(seen) == at

    @pytest.mark.parametrize(
        "error", [ValueError("mine"), KeyboardInterrupt(), Odd()], ids=repr
    )
    def test_of_the_callback_of_a_compiled_run(self, error):
        problem = problems.get("rosenbrock")
        seen = []

        def callback(xk):
            seen.append(xk)
            if len(seen) == 3:
                raise error

        with pytest.raises(type(error)) as caught:
            minimize(problem, problem.x0, callback=callback)
        assert caught.value is error
        assert len(seen) == 3

    def test_while_the_failure_is_looked_into(self):
        calls = []

        def value(x):
            calls.append(1)
            return float(x @ x)

        wrong = {"jac": lambda x: -2 * x}
        minimize(value, [1.0, 2.0], **wrong)
        total = len(calls)

        def value_that_ends(x):
            calls.append(1)
            if len(calls) == total - 3:
                raise LookupError
            return float(x @ x)

        calls.clear()
        with pytest.raises(LookupError):
            minimize(value_that_ends, [1.0, 2.0], **wrong)

    def test_of_a_gradient_that_is_no_array(self):
        class Strange:
            def __array__(self, *args, **kwargs):
                raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            minimize(lambda x: (1.0, Strange()), [1.0], jac=True)

    def test_of_a_value_that_is_no_number(self):
        class Strange:
            def __float__(self):
                raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            minimize(lambda x: (Strange(), x), [1.0], jac=True)

    @pytest.mark.parametrize("where", ["fun", "jac", "callback"])
    def test_nothing_of_the_run_outlives_it(self, where):
        """No reference cycle that only the garbage collector would find."""

        class Callable:
            def __init__(self, answer):
                self.answer = answer
                self.calls = 0

            def __call__(self, x):
                self.calls += 1
                if self.answer is None or self.calls > 3:
                    raise ZeroDivisionError
                return self.answer(x)

        fun = rosenbrock()
        callables = {
            "fun": Callable(fun.value),
            "jac": Callable(fun.gradient),
            "callback": Callable(lambda x: None),
        }
        callables[where].answer = None
        refs = [weakref.ref(c) for c in callables.values()]
        gc.collect()
        gc.disable()
        try:
            with contextlib.suppress(ZeroDivisionError):
                minimize(
                    callables["fun"],
                    fun.x0,
                    jac=callables["jac"],
                    callback=callables["callback"],
                )
            callables.clear()
            assert [ref() for ref in refs] == [None] * 3
        finally:
            gc.enable()

    def test_the_next_run_is_not_disturbed(self):
        fun = rosenbrock()
        before = minimize(fun, fun.x0, jac=True)
        with pytest.raises(ZeroDivisionError):
            minimize(lambda x: 1 / 0, fun.x0)
        assert same_bits(minimize(fun, fun.x0, jac=True).x, before.x)


class TestReentrance:
    @pytest.mark.parametrize("method", DISTINCT)
    def test_minimise_inside_fun(self, method):
        """The inner minimum over y of (x - y)^2 + y^2 is x^2/2 at y = x/2."""

        def inner(x):
            def fun(y):
                return float((x - y) @ (x - y) + y @ y), 2 * (y - x) + 2 * y

            return minimize(
                fun, np.zeros(2), jac=True, method=method, options={"gtol": 1e-10}
            )

        def outer(x):
            result = inner(x)
            return result.fun + float((x - 3) @ (x - 3)), x + 2 * (x - 3)

        result = minimize(outer, [10.0, -5.0], jac=True, method=method)
        assert result.success
        np.testing.assert_allclose(result.x, 2, atol=1e-4)

    def test_minimise_inside_the_callback(self):
        fun = rosenbrock()
        plain = minimize(fun, fun.x0, jac=True)
        inner = []

        def callback(xk):
            inner.append(minimize(fun, xk, jac=True).success)

        result = minimize(fun, fun.x0, jac=True, callback=callback)
        assert same_bits(result.x, plain.x)
        assert all(inner)
        assert len(inner) == plain.nit

    def test_deep_recursion(self):
        depth = []

        def fun(x):
            depth.append(1)
            if len(depth) < 30:
                minimize(fun, x + 1.0, jac=True, options={"maxiter": 0})
            return float(x @ x), 2 * x

        assert minimize(fun, [1.0, 2.0], jac=True).success
        assert len(depth) > 30

    def test_one_function_in_many_threads(self):
        """The workers meet inside fun, so that runs are truly interleaved."""
        n = 6
        fun = softmax_sum(5)
        expected = minimize(fun, fun.x0, jac=True)
        barrier = threading.Barrier(n)
        results, errors = [], []

        def value_and_gradient(x):
            if threading.get_ident() not in met:
                met.add(threading.get_ident())
                barrier.wait(10)
            return fun(x)

        met = set()

        def work():
            try:
                results.append(minimize(value_and_gradient, fun.x0, jac=True))
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert len(results) == n
        assert all(same_bits(r.x, expected.x) for r in results)
        assert all(r.nfev == expected.nfev for r in results)


class TestCallback:
    @pytest.mark.parametrize("method", DISTINCT)
    def test_it_may_overwrite_what_it_gets(self, method):
        fun = softmax_sum(5)
        plain = minimize(fun, fun.x0, jac=True, method=method)

        def plain_form(xk):
            xk[:] = np.nan

        def result_form(intermediate_result):
            intermediate_result.x[:] = np.nan
            intermediate_result.jac[:] = 7
            intermediate_result.fun = -1e9
            intermediate_result.clear()

        for callback in (plain_form, result_form):
            result = minimize(
                fun,
                fun.x0,
                jac=True,
                method=method,
                callback=callback,
                options={"return_all": True, "history": True},
            )
            assert same_bits(result.x, plain.x)
            assert result.nfev == plain.nfev
            assert np.isfinite(result.allvecs).all()

    def test_it_may_keep_what_it_gets(self):
        fun = rosenbrock()
        kept = []
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            callback=kept.append,
            options={"return_all": True},
        )
        assert same_bits(kept, result.allvecs[1:])
        assert len({x.ctypes.data for x in kept}) == len(kept)


class TestExtremeScales:
    @pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
    @pytest.mark.parametrize("method", DISTINCT)
    def test_of_f(self, method, scale):
        """|g|^2 over- or underflows; the direction does not."""
        fun = softmax_sum(3)
        result = minimize(
            lambda x: (scale * fun.value(x), scale * fun.gradient(x)),
            fun.x0,
            jac=True,
            method=method,
            options={"gtol": 1e-5 * scale},
        )
        assert result.success
        assert np.abs(fun.gradient(result.x)).max() <= 1.1e-5

    @pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
    @pytest.mark.parametrize("method", DISTINCT)
    def test_of_x(self, method, scale):
        fun = softmax_sum(3)
        result = minimize(
            lambda x: (fun.value(x / scale), fun.gradient(x / scale) / scale),
            fun.x0 * scale,
            jac=True,
            method=method,
            options={"gtol": 1e-5 / scale},
        )
        assert result.success

    @pytest.mark.parametrize("method", DISTINCT)
    def test_far_from_the_origin(self, method):
        result = minimize(
            lambda x: (float((x - 1e10) @ (x - 1e10)), 2 * (x - 1e10)),
            [1e10 + 3.0, 1e10 - 5.0],
            jac=True,
            method=method,
        )
        assert result.success

    @pytest.mark.parametrize("method", DISTINCT)
    def test_one_component_is_huge(self, method):
        weights = np.array([1e-8, 1.0, 1e8])
        result = minimize(
            lambda x: (float(weights @ (x - 1) ** 2), 2 * weights * (x - 1)),
            [3.0, 4.0, 5.0],
            jac=True,
            method=method,
            options={"gtol": 1e-3, "maxiter": 20000},
        )
        assert result.success
