"""`line_search`: SciPy's call, on the searches of the package."""

import inspect

import numpy as np
import pytest
from scipy import optimize

from optlab import line_search
from optlab.methods import LINE_SEARCHES
from tests.functions import SMOOTH, Counted, rosenbrock

ROSENBROCK = rosenbrock()


def wolfe_holds(fun, x, p, result, c1=1e-4, c2=0.9):
    alpha, _, _, f_new, f, _ = result
    slope, slope_new = fun.gradient(x) @ p, fun.gradient(x + alpha * p) @ p
    return f_new <= f + c1 * alpha * slope and abs(slope_new) <= c2 * abs(slope)


class TestAgainstSciPy:
    def test_the_arguments_are_the_same(self):
        ours = inspect.signature(line_search).parameters
        theirs = inspect.signature(optimize.line_search).parameters
        assert list(ours)[: len(theirs)] == list(theirs)
        extra = list(ours)[len(theirs) :]
        assert all(ours[n].kind is inspect.Parameter.KEYWORD_ONLY for n in extra)
        for name, parameter in theirs.items():
            if name != "maxiter":  # trials are cheaper to end than to miss
                assert ours[name].default == parameter.default

    @pytest.mark.parametrize("fun", SMOOTH, ids=repr)
    @pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 30.0])
    def test_both_meet_the_conditions(self, fun, scale):
        p = -scale * fun.gradient(fun.x0)
        ours = line_search(fun.value, fun.gradient, fun.x0, p, maxiter=50)
        theirs = optimize.line_search(fun.value, fun.gradient, fun.x0, p, maxiter=50)
        assert wolfe_holds(fun, fun.x0, p, ours)
        if theirs[0] is not None:
            assert wolfe_holds(fun, fun.x0, p, theirs)
        assert len(ours) == len(theirs) == 6

    def test_on_a_parabola_both_find_the_same(self):
        def f(x):
            return float(x @ x)

        def g(x):
            return 2 * x

        x, p = np.array([3.0, 4.0]), np.array([-3.0, -4.0])
        ours, theirs = (s(f, g, x, p) for s in (line_search, optimize.line_search))
        assert ours[0] == theirs[0] == 1.0
        assert ours[3] == theirs[3] == 0.0
        assert ours[4] == theirs[4] == 25.0

    def test_arguments(self):
        def f(x, a):
            return float((x - a) @ (x - a))

        def g(x, a):
            return 2 * (x - a)

        x, p = np.zeros(2), np.ones(2)
        ours = line_search(f, g, x, p, args=(2.0,))
        theirs = optimize.line_search(f, g, x, p, args=(2.0,))
        assert ours[0] == theirs[0]
        assert ours[3] == theirs[3]


class TestResult:
    @pytest.mark.parametrize("method", LINE_SEARCHES)
    def test_it_is_what_it_says(self, method):
        counted = Counted(ROSENBROCK)
        x, p = ROSENBROCK.x0, -0.01 * ROSENBROCK.gradient(ROSENBROCK.x0)
        alpha, fc, gc, f_new, f_old, slope = line_search(
            counted.value, counted.gradient, x, p, method=method, maxiter=60
        )
        assert (fc, gc) == (counted.nfev, counted.njev)
        assert f_old == ROSENBROCK.value(x)
        assert f_new == ROSENBROCK.value(x + alpha * p)
        assert slope == ROSENBROCK.gradient(x + alpha * p) @ p
        if method != "fixed":
            assert f_new < f_old

    def test_spelling_is_free(self):
        p = -ROSENBROCK.gradient(ROSENBROCK.x0)
        one, two = (
            line_search(
                ROSENBROCK.value, ROSENBROCK.gradient, ROSENBROCK.x0, p, method=m
            )
            for m in ("strong-wolfe", "Strong Wolfe")
        )
        assert one == two

    def test_what_is_known_is_not_asked_again(self):
        counted = Counted(ROSENBROCK)
        x = ROSENBROCK.x0
        f, g = ROSENBROCK(x)
        plain = line_search(ROSENBROCK.value, ROSENBROCK.gradient, x, -g)
        given = line_search(counted.value, counted.gradient, x, -g, g, f)
        assert given[0] == plain[0]
        assert (given[1], given[2]) == (plain[1] - 1, plain[2] - 1)
        assert (given[1], given[2]) == (counted.nfev, counted.njev)
        assert not any((seen == x).all() for seen, _ in counted.values)

    def test_the_value_before_gives_the_first_trial(self):
        """Nocedal & Wright, eq. (3.60): 2 (f - f_before) / slope, up to 1."""
        counted = Counted(ROSENBROCK)
        x = ROSENBROCK.x0
        f, g = ROSENBROCK(x)
        p = -g
        line_search(counted.value, counted.gradient, x, p, g, f, f + 3.0)
        first = (counted.values[0][0] - x)[0] / p[0]
        assert first == pytest.approx(1.01 * 2 * 3.0 / (g @ g))
        counted.values.clear()
        line_search(counted.value, counted.gradient, x, p, g, f, f + 1e9)
        np.testing.assert_allclose(counted.values[0][0], x + p)

    @pytest.mark.parametrize("method", ["wolfe", "strong-wolfe", "hager-zhang"])
    @pytest.mark.parametrize(("c1", "c2"), [(1e-4, 0.9), (0.1, 0.2), (0.01, 0.05)])
    def test_constants(self, method, c1, c2):
        x = ROSENBROCK.x0
        p = -ROSENBROCK.gradient(x)
        alpha, _, _, f_new, f, slope_new = line_search(
            ROSENBROCK.value,
            ROSENBROCK.gradient,
            x,
            p,
            c1=c1,
            c2=c2,
            method=method,
            maxiter=60,
        )
        slope = -p @ p
        approximate = (2 * c1 - 1) * slope >= slope_new and f_new <= f
        assert f_new <= f + c1 * alpha * slope or (
            method == "hager-zhang" and approximate
        )
        assert slope_new >= c2 * slope
        assert method != "strong-wolfe" or slope_new <= -c2 * slope

    def test_amax(self):
        x, p = np.array([100.0]), np.array([-1.0])
        result = line_search(
            lambda x: float(x @ x), lambda x: 2 * x, x, p, amax=0.25, c2=0.1
        )
        assert result[0] == 0.25

    def test_extra_condition(self):
        seen = []

        def condition(alpha, x, f, g):
            seen.append((alpha, x.copy(), f, g.copy()))
            return False

        x = ROSENBROCK.x0
        p = -ROSENBROCK.gradient(x)
        refused = line_search(
            ROSENBROCK.value, ROSENBROCK.gradient, x, p, extra_condition=condition
        )
        assert refused[0] is refused[3] is refused[5] is None
        alpha, at, f, g = seen[0]
        np.testing.assert_array_equal(at, x + alpha * p)
        assert f == ROSENBROCK.value(at)
        np.testing.assert_array_equal(g, ROSENBROCK.gradient(at))
        taken = line_search(
            ROSENBROCK.value,
            ROSENBROCK.gradient,
            x,
            p,
            extra_condition=lambda *a: True,
        )
        assert taken == line_search(ROSENBROCK.value, ROSENBROCK.gradient, x, p)

    def test_a_refused_step_is_not_the_end(self):
        """The search goes on, as SciPy's does, with trials that meet the conditions."""
        x, p = np.array([1.0]), np.array([-1.0])
        refused = []

        def condition(alpha, x, f, g):
            refused.append(alpha)
            return len(refused) > 1

        result = line_search(
            lambda x: float(x[0] ** 4),
            lambda x: 4 * x**3,
            x,
            p,
            extra_condition=condition,
        )
        assert len(refused) == 2
        assert result[0] == refused[1] != refused[0]

    def test_failure(self):
        result = line_search(
            lambda x: float(x[0]), lambda x: -np.ones(1), [0.0], [1.0], maxiter=5
        )
        assert result[0] is result[3] is result[5] is None
        assert result[1:3] == (6, 6)
        assert result[4] == 0.0

    def test_maxiter(self):
        counted = Counted(ROSENBROCK)
        p = -1e6 * ROSENBROCK.gradient(ROSENBROCK.x0)
        line_search(
            counted.value,
            counted.gradient,
            ROSENBROCK.x0,
            p,
            maxiter=3,
            method="armijo",
        )
        assert counted.nfev == 4

    def test_the_domain(self):
        def f(x):
            return float(-np.log(1 - x[0]) - 10 * x[0]) if x[0] < 1 else np.nan

        def g(x):
            return 1 / (1 - x) - 10 if x[0] < 1 else np.full(1, np.nan)

        for method in LINE_SEARCHES:
            alpha, *_ = line_search(f, g, [0.0], [5.0], method=method, maxiter=60)
            assert 0 < alpha < 0.2

    def test_nothing_of_the_caller_is_changed(self):
        x = np.array([-1.2, 1.0])
        p = np.array([1.0, 0.5])
        g = ROSENBROCK.gradient(x)

        def value(z):
            f = ROSENBROCK.value(z)
            z[:] = np.nan
            return f

        before = x.copy(), p.copy(), g.copy()
        line_search(value, ROSENBROCK.gradient, x, p, g)
        for a, b in zip((x, p, g), before, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_one_unknown(self):
        result = line_search(lambda x: float(x[0] ** 2), lambda x: 2 * x, 1.0, [-1.0])
        assert result[0] == 1.0


def never(*args):
    raise AssertionError("f was called")


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"xk": []}, "xk"),
            ({"xk": [np.nan, 1]}, "xk"),
            ({"xk": [1j, 1]}, "xk"),
            ({"xk": [[1.0, 2.0]]}, "xk"),
            ({"pk": [1.0]}, "pk"),
            ({"pk": [1.0, np.inf]}, "pk"),
            ({"pk": [1j, 1.0]}, "pk"),
            ({"pk": "up"}, "pk"),
            ({"pk": [[1.0, 2.0]]}, "pk"),
            ({"pk": None}, "pk"),
            ({"gfk": [1.0]}, "gfk"),
            ({"gfk": [1.0, np.nan]}, "gfk"),
            ({"gfk": ["a", "b"]}, "gfk"),
            ({"old_fval": "a"}, "old_fval"),
            ({"old_fval": np.nan}, "old_fval"),
            ({"old_fval": [1.0, 2.0]}, "old_fval"),
            ({"old_old_fval": "a"}, "old_old_fval"),
            ({"c1": 0.9, "c2": 0.1}, "'c1' and 'c2' must satisfy"),
            ({"c1": -1.0}, "c1"),
            ({"c2": np.nan}, "c2"),
            ({"c2": "a"}, "c2"),
            ({"amax": 0.0}, "amax"),
            ({"amax": -1.0}, "amax"),
            ({"amax": np.nan}, "amax"),
            ({"extra_condition": 5}, "extra_condition"),
            ({"maxiter": 0}, "maxiter"),
            ({"maxiter": 2.5}, "maxiter"),
            ({"method": "wolf"}, "wolfe"),
            ({"method": 5}, "method"),
            ({"f": 5}, r"\bf\b"),
            ({"myfprime": 5}, "myfprime"),
            ({"myfprime": None}, "myfprime"),
            ({"myfprime": True}, "myfprime"),
        ],
    )
    def test_it_is_named(self, change, words):
        arguments = {"f": never, "myfprime": never, "xk": [1.0, 2.0], "pk": [1.0, 1.0]}
        with pytest.raises((TypeError, ValueError), match=words):
            line_search(**arguments | change)

    @pytest.mark.parametrize("p", [[1.0, 1.0], [0.0, 0.0]])
    def test_a_direction_that_does_not_go_down(self, p):
        with pytest.raises(ValueError, match="pk"):
            line_search(lambda x: float(x @ x), lambda x: 2 * x, [1.0, 1.0], p)

    def test_exceptions_pass(self):
        with pytest.raises(ZeroDivisionError):
            line_search(lambda x: 1 / 0, lambda x: x, [1.0], [-1.0])

    def test_a_value_that_is_not_finite_at_the_start(self):
        result = line_search(lambda x: np.nan, lambda x: x, [1.0], [-1.0])
        assert result[0] is None
