"""Minimisation within bounds: feasibility, conditions of first order, edges."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import optimize
from scipy.optimize import Bounds, OptimizeWarning

from optlab import Status, minimize, problems
from optlab.evaluate import Objective
from optlab.methods import METHODS
from optlab.problems import stationarity
from optlab_c.machine import Machine
from tests.functions import Counted, quadratic, rosenbrock, softmax_sum
from tests.support import BOUNDED, WITH_SEARCHES, ask_tell, same_bits, settings

ROSENBROCK = rosenbrock()
JACS = ("callable", "joint", "2-point", "3-point")

every_method = pytest.mark.parametrize("method", BOUNDED)


def with_gradient(counted, jac):
    """`fun` and `jac` for one of JACS."""
    return {
        "callable": (counted.value, counted.gradient),
        "joint": (counted.both, True),
    }.get(jac, (counted.value, jac))


@st.composite
def boxed(draw):
    """A smooth function of up to six unknowns, a box and a start in it."""
    n = draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**16))
    kind = draw(st.sampled_from([quadratic, softmax_sum, rosenbrock]))
    fun = rosenbrock(max(n, 2)) if kind is rosenbrock else kind(n, seed=seed)
    n = fun.x0.size
    rng = np.random.default_rng(seed)
    low = fun.x0 - rng.exponential(size=n)
    high = fun.x0 + rng.exponential(size=n)
    side = rng.integers(0, 6, n)
    low[side == 0] = -np.inf
    high[side <= 1] = np.inf
    low[side == 2] = fun.x0[side == 2]  # the start is at a bound
    low[side == 3] = high[side == 3] = fun.x0[side == 3]  # fixed
    return fun, low, high


class TestFeasible:
    @examples(max_examples=80, deadline=None, derandomize=True)
    @given(boxed(), st.sampled_from(BOUNDED), st.sampled_from(JACS))
    def test_nothing_is_evaluated_outside(self, drawn, method, jac):
        fun, low, high = drawn
        counted = Counted(fun)
        value, gradient = with_gradient(counted, jac)
        result = minimize(
            value,
            fun.x0,
            jac=gradient,
            method=method,
            bounds=Bounds(low, high),
            options={"gtol": 1e-4, "maxiter": 200, "return_all": True},
        )
        for x, _ in (*counted.values, *counted.gradients):
            assert ((low <= x) & (x <= high)).all()
        for x in result.allvecs:
            assert ((low <= x) & (x <= high)).all()
        # And the rest of what is always promised.
        assert same_bits(result.fun, fun.value(result.x))
        assert result.fun <= fun.value(fun.x0)
        assert result.nfev == counted.nfev
        box = np.transpose([low, high])
        measure = stationarity(result.x, result.jac, box)
        if jac in ("callable", "joint"):
            assert same_bits(result.jac, fun.gradient(result.x))
            assert result.njev == counted.njev
            assert result.success == (measure <= 1e-4)
        elif result.success:
            assert measure <= 1e-4
        assert result.status in (Status.CONVERGED, Status.MAXITER, Status.ROUNDING)

    @pytest.mark.parametrize(
        ("method", "search"), [pair for pair in WITH_SEARCHES if pair[0] in BOUNDED]
    )
    def test_with_every_search(self, method, search):
        fun = softmax_sum(6)
        counted = Counted(fun)
        low, high = fun.x0 - 0.3, fun.x0 + 0.2
        options = {"line_search": search, "gtol": 1e-6}
        if search == "fixed":
            options["step_length"] = 0.5  # of the way to a feasible minimiser
        result = minimize(
            counted.both,
            fun.x0,
            jac=True,
            method=method,
            bounds=Bounds(low, high),
            options=options,
        )
        assert result.success
        assert all(((low <= x) & (x <= high)).all() for x, _ in counted.values)
        assert stationarity(result.x, result.jac, np.transpose([low, high])) <= 1e-6

    @every_method
    def test_a_wall_beyond_which_nothing_is_defined(self, method):
        """A log at its very bound: f is infinite there, and the run goes on."""

        def fun(x):
            with np.errstate(divide="ignore"):
                return float((x - np.log(x)).sum()), 1 - 1 / x

        with np.errstate(divide="ignore"):
            result = minimize(
                fun, [3.0, 0.1], jac=True, method=method, bounds=[(0, None)] * 2
            )
        assert result.success
        np.testing.assert_allclose(result.x, 1, atol=1e-4)


class TestConditions:
    """The Karush-Kuhn-Tucker conditions, and other solvers' minima."""

    @every_method
    @pytest.mark.parametrize("seed", range(6))
    def test_a_convex_quadratic(self, method, seed):
        fun = quadratic(12, 50.0, seed)
        low, high = fun.x_opt - 0.5, fun.x_opt + 0.5
        rng = np.random.default_rng(seed)
        side = rng.integers(0, 3, 12)
        low[side == 0] = fun.x_opt[side == 0] + 0.2
        high[side == 0] = low[side == 0] + 1
        bounds = Bounds(low, high)
        x0 = np.clip(fun.x0, low, high)
        result = minimize(
            fun, x0, jac=True, method=method, bounds=bounds, options={"gtol": 1e-9}
        )
        assert result.success
        theirs = optimize.minimize(
            fun.value, x0, jac=fun.gradient, hess=fun.hessian, bounds=bounds,
            method="trust-constr", options={"gtol": 1e-10, "xtol": 1e-12},
        )  # fmt: skip
        np.testing.assert_allclose(result.x, theirs.x, atol=1e-4)
        assert result.fun <= theirs.fun + 1e-9
        g = fun.gradient(result.x)
        inside = (low < result.x) & (result.x < high)
        assert (np.abs(g[inside]) <= 1e-9).all()
        assert (g[result.x == low] >= -1e-9).all()
        assert (g[result.x == high] <= 1e-9).all()

    @every_method
    def test_least_squares(self, method):
        rng = np.random.default_rng(4)
        A, b = rng.normal(size=(20, 8)), rng.normal(size=20)

        def fun(x):
            r = A @ x - b
            return float(r @ r / 2), A.T @ r

        options = {"gtol": 1e-9}
        result = minimize(
            fun, np.full(8, 0.1), jac=True, method=method, bounds=[(0, None)] * 8,
            options=options,
        )  # fmt: skip
        np.testing.assert_allclose(result.x, optimize.nnls(A, b)[0], atol=1e-7)
        expected = optimize.lsq_linear(A, b, (-0.1, 0.15), tol=1e-12)
        result = minimize(
            fun, np.zeros(8), jac=True, method=method, bounds=[(-0.1, 0.15)] * 8,
            options=options,
        )  # fmt: skip
        np.testing.assert_allclose(result.x, expected.x, atol=1e-6)

    @every_method
    @pytest.mark.parametrize(
        ("box", "x", "f"),
        [  # the minimum on the box, from the conditions by hand
            ([(-2, 0.5), (-2, 2)], [0.5, 0.25], 0.25),
            ([(1.5, 3), (-5, 5)], [1.5, 2.25], 0.25),
            ([(-2, 2), (-2, 0)], [0.161262, 0], 0.77110969),  # 400 x^3 = 2 (1 - x)
        ],
    )
    def test_rosenbrock(self, method, box, x, f):
        x0 = np.clip([-1.2, 1.0], *np.transpose(box))
        result = minimize(
            ROSENBROCK, x0, jac=True, method=method, bounds=box,
            options={"gtol": 1e-6, "maxiter": 50_000},
        )  # fmt: skip
        assert result.success
        assert result.fun == pytest.approx(f, abs=1e-6)
        np.testing.assert_allclose(result.x, x, atol=1e-4)
        theirs = optimize.minimize(
            ROSENBROCK.value, x0, jac=ROSENBROCK.gradient, method="L-BFGS-B", bounds=box
        )
        assert result.fun <= theirs.fun + 1e-4

    @every_method
    def test_success_is_judged_by_the_projected_gradient(self, method):
        """The gradient itself does not vanish at a bound."""
        result = minimize(
            lambda x: (float(x.sum()), np.ones(3)),
            [0.5, 1.0, 2.0],
            jac=True,
            method=method,
            bounds=[(0, None), (0.25, 1), (-1, 5)],
        )
        assert result.success
        assert same_bits(result.x, [0.0, 0.25, -1.0])
        assert same_bits(result.jac, np.ones(3))

    @every_method
    @pytest.mark.parametrize("norm", [np.inf, 2, 1])
    def test_its_norm(self, method, norm):
        fun = softmax_sum(5)
        box = np.transpose([fun.x0 - 0.2, fun.x0 + 0.2])
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            bounds=box,
            options={"norm": norm, "history": True, "return_all": True},
        )
        for x, gnorm in zip(result.allvecs, result.history["gnorm"], strict=True):
            step = np.clip(-fun.gradient(x), box[:, 0] - x, box[:, 1] - x)
            assert gnorm == pytest.approx(np.linalg.norm(step, norm), rel=1e-9)

    @every_method
    def test_a_wrong_gradient_is_no_success(self, method):
        result = minimize(
            ROSENBROCK.value,
            [-1.2, 1.0],
            jac=lambda x: -ROSENBROCK.gradient(x),
            method=method,
            bounds=[(-2, 2)] * 2,
        )
        assert not result.success or (np.abs(result.x) == 2).any()
        assert result.fun <= ROSENBROCK.value([-1.2, 1.0] * np.ones(2))

    @every_method
    def test_unbounded_below_in_an_open_direction(self, method):
        result = minimize(
            lambda x: (float(x[0] - x[1]), np.array([1.0, -1.0])),
            [1.0, 1.0],
            jac=True,
            method=method,
            bounds=[(0, 2), (0, None)],
        )
        assert result.status is Status.UNBOUNDED
        assert not result.success


class TestFixed:
    @every_method
    def test_a_fixed_variable_stays(self, method):
        fun = rosenbrock(4)
        box = [(-2, 2), (0.75, 0.75), (-2, 2), (None, None)]
        x0 = np.array([-1.2, 0.75, 0.3, 0.1])
        result = minimize(
            fun, x0, jac=True, method=method, bounds=box, options={"return_all": True}
        )
        assert result.success
        assert {x[1] for x in result.allvecs} == {0.75}
        free = [0, 2, 3]

        def rest(z):
            x = np.array([z[0], 0.75, z[1], z[2]])
            f, g = fun(x)
            return f, g[free]

        fewer = minimize(rest, x0[free], jac=True, method=method,
                         bounds=[box[i] for i in free])  # fmt: skip
        np.testing.assert_allclose(result.x[free], fewer.x, atol=1e-4)

    @every_method
    @pytest.mark.parametrize("jac", JACS)
    def test_all_of_them(self, method, jac):
        counted = Counted(ROSENBROCK)
        fun, gradient = with_gradient(counted, jac)
        result = minimize(
            fun,
            [0.5, 0.25],
            jac=gradient,
            method=method,
            bounds=[(0.5, 0.5), (0.25,) * 2],
        )
        assert result.success
        assert (result.nit, result.nfev) == (0, 1)
        assert same_bits(result.x, [0.5, 0.25])
        assert counted.nfev == 1

    @every_method
    def test_a_start_at_the_minimum_in_a_corner(self, method):
        counted = Counted(ROSENBROCK)
        result = minimize(
            counted.both,
            [2.0, -1.0],
            jac=True,
            method=method,
            bounds=[(2, 3), (-1, -1)],
        )
        assert result.success
        assert (result.nit, result.nfev) == (0, 1)


class TestStart:
    @every_method
    def test_it_is_moved_inside(self, method):
        box = [(0.0, 0.5), (-1.0, 1.0)]
        x0 = np.array([-1.2, 1.0])
        with pytest.warns(OptimizeWarning, match="Initial guess is not within"):
            outside = minimize(ROSENBROCK, x0, jac=True, method=method, bounds=box)
        inside = minimize(ROSENBROCK, [0.0, 1.0], jac=True, method=method, bounds=box)
        assert same_bits(outside.x, inside.x)
        assert outside.nfev == inside.nfev
        assert same_bits(x0, [-1.2, 1.0])

    @every_method
    def test_no_iteration(self, method):
        result = minimize(
            ROSENBROCK, [0.1, 0.2], jac=True, method=method, bounds=[(0, 1)] * 2,
            options={"maxiter": 0},
        )  # fmt: skip
        assert result.status is Status.MAXITER
        assert (result.nit, result.nfev) == (0, 1)
        assert same_bits(result.x, [0.1, 0.2])

    @every_method
    def test_not_finite(self, method):
        result = minimize(
            lambda x: (np.nan, x), [0.5], jac=True, method=method, bounds=[(0, 1)]
        )
        assert result.status is Status.NONFINITE_START


class TestOpen:
    """Infinite bounds are none, bit for bit."""

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        "bounds",
        [
            [(None, None)] * 2,
            [(-np.inf, np.inf)] * 2,
            Bounds(-np.inf, np.inf),
            np.array([[-np.inf, np.inf]] * 2),
        ],
        ids=lambda b: type(b).__name__,
    )
    def test_the_same_bits(self, method, bounds):
        options = {"return_all": True}
        how = {"jac": True, "method": method, "options": options}
        plain = minimize(ROSENBROCK, ROSENBROCK.x0, **how)
        result = minimize(ROSENBROCK, ROSENBROCK.x0, bounds=bounds, **how)
        assert same_bits(result.allvecs, plain.allvecs)
        assert (result.nfev, result.message) == (plain.nfev, plain.message)

    @every_method
    def test_bounds_that_are_never_met(self, method):
        """They find the same minimum."""
        fun = softmax_sum(5)
        plain = minimize(fun, fun.x0, jac=True, method=method)
        result = minimize(
            fun, fun.x0, jac=True, method=method, bounds=[(-1e3, 1e3)] * 5
        )
        assert result.success
        np.testing.assert_allclose(result.x, plain.x, atol=1e-4)


class TestWaysOfRunning:
    @every_method
    @pytest.mark.parametrize("name", ["rosenbrock_bounded", "torsion", "hs45"])
    def test_compiled_python_and_by_hand(self, name, method):
        problem = problems.get(name)
        how = {"method": method, "bounds": problem.bounds}
        options = {"return_all": True, "maxiter": 100}
        compiled = minimize(problem, problem.x0, options=options, **how)
        python = minimize(
            problem.fun, problem.x0, jac=problem.grad, options=options, **how
        )
        assert same_bits(compiled.allvecs, python.allvecs)
        assert (compiled.nfev, compiled.njev) == (python.nfev, python.njev)
        assert same_bits(compiled.jac, python.jac)
        box = tuple(np.ascontiguousarray(side) for side in problem.bounds.T)
        how = settings(method, problem.n, Objective(problem, None), bounded=True)
        machine = Machine(how, problem.x0, box)
        saved = ask_tell(
            machine,
            problem.fun_and_grad,
            at_question=lambda machine: Machine.load(machine.save()),
        )
        steps = [x for (x, _, _), _ in zip(saved, range(101), strict=False)]
        assert same_bits(steps, compiled.allvecs)

    @every_method
    def test_again_and_watched(self, method):
        problem = problems.get("beale_bounded")
        how = {"method": method, "bounds": problem.bounds}
        seen = []
        plain = minimize(problem, problem.x0, **how)
        watched = minimize(problem, problem.x0, callback=seen.append, **how)
        assert same_bits(plain.x, watched.x)
        assert len(seen) == plain.nit

    @every_method
    def test_float32(self, method):
        problem = problems.get("torsion", dtype="float32")
        result = minimize(
            problem, problem.x0, method=method, bounds=problem.bounds,
            options={"gtol": 1e-3},
        )  # fmt: skip
        assert result.x.dtype == np.float32
        assert result.success
        low, high = problem.bounds.T
        assert ((low <= result.x) & (result.x <= high)).all()

    @every_method
    def test_silent(self, method, capfd):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            minimize(
                ROSENBROCK, [0.5, 0.5], jac=True, method=method, bounds=[(0, 0.7)] * 2
            )
        assert capfd.readouterr() == ("", "")

    def test_the_bounds_are_only_read(self):
        lower, upper = np.zeros(2), np.ones(2)
        lower.setflags(write=False)
        upper.setflags(write=False)
        minimize(ROSENBROCK, [0.5, 0.5], jac=True, bounds=Bounds(lower, upper))
        assert same_bits(lower, np.zeros(2))
        assert same_bits(upper, np.ones(2))


class TestInverseHessian:
    """hess_inv of the methods that have one, with bounds."""

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "l-bfgs-b"])
    def test_the_secant_equation(self, method):
        fun = softmax_sum(6)
        options = {"return_all": True}
        if method != "bfgs":
            options["corrected"] = False
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            bounds=Bounds(fun.x0 - 0.3, fun.x0 + 0.3),
            options=options,
        )
        s = result.allvecs[-1] - result.allvecs[-2]
        y = fun.gradient(result.allvecs[-1]) - fun.gradient(result.allvecs[-2])
        H = result.hess_inv @ np.eye(6)
        np.testing.assert_allclose(H, H.T, atol=1e-12)
        if method != "bfgs":  # whose pairs are corrected
            np.testing.assert_allclose(H @ y, s, atol=1e-6 * np.abs(s).max())

    def test_a_first_one_is_refused(self):
        with pytest.raises(ValueError, match=r"hess_inv0 .* bounds"):
            minimize(
                ROSENBROCK, [0.5, 0.5], jac=True, method="bfgs", bounds=[(0, 1)] * 2,
                options={"hess_inv0": np.eye(2)},
            )  # fmt: skip


class TestScales:
    """No square of a gradient over- or underflows on the projected path."""

    @pytest.mark.parametrize("scale", [1e-200, 1e-110, 1e-30, 1.0])
    @pytest.mark.parametrize("method", BOUNDED)
    def test_of_f(self, method, scale):
        fun = rosenbrock()
        bounds = [(-2, 0.5), (None, 2)]
        if scale > 1:
            bounds[0] = (
                -2,
                5,
            )  # P(x - g) - x is as small as g at an inner minimum only
        result = minimize(
            lambda x: scale * fun.value(x),
            fun.x0 * 0.5,
            jac=lambda x: scale * fun.gradient(x),
            method=method,
            bounds=[(-2, 0.5), (None, 2)],
            options={"gtol": 1e-5 * scale, "maxfun": 5000},
        )
        assert result.success, result.message
        np.testing.assert_allclose(result.x, [0.5, 0.25], atol=1e-3)

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "l-bfgs-b"])
    def test_down_to_nothing(self, method):
        """Without a tolerance, until the gradient itself underflows."""
        result = minimize(
            lambda x: (float((x**4).sum()), 4 * x**3),
            [3.0, -2.0, 1.0],
            jac=True,
            method=method,
            bounds=[(0, 5), (-5, 0), (-4, 4)],
            options={"gtol": 0, "maxfun": 3000},
        )
        assert np.abs(result.x).max() < 1e-20

    def test_a_large_box_is_never_unbounded(self):
        result = minimize(
            lambda x: (-float(x.sum()), -np.ones(3)),
            np.full(3, 0.5),
            jac=True,
            bounds=[(-1e60, 1e60)] * 3,
        )
        assert result.status is Status.CONVERGED
        np.testing.assert_array_equal(result.x, 1e60)

    def test_a_box_is_never_unbounded(self):
        result = minimize(
            lambda x: (-1e160 * float(x.sum()), np.full(2, -1e160)),
            [0.0, 0.0],
            jac=True,
            bounds=[(0, 0.35), (0, 2.5)],
        )
        assert result.status is Status.CONVERGED
        np.testing.assert_array_equal(result.x, [0.35, 2.5])


class TestDifferences:
    """jac=None: what a bound holds needs no exact slope, and what is free gets one."""

    @pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
    def test_an_offset_of_f(self, offset):
        rng = np.random.default_rng(0)
        A = rng.normal(size=(5, 5))
        Q, c = A @ A.T + np.eye(5), 2 * rng.normal(size=5)

        def fun(x):
            return float(x @ Q @ x / 2 + c @ x) + offset

        result = minimize(fun, np.full(5, 0.1), bounds=[(-0.5, 0.5)] * 5)
        assert result.success, result.message
        exact = minimize(
            lambda x: (fun(x) - offset, Q @ x + c),
            np.full(5, 0.1),
            jac=True,
            bounds=[(-0.5, 0.5)] * 5,
        )
        np.testing.assert_allclose(result.x, exact.x, atol=1e-4)

    @pytest.mark.parametrize(
        ("x0", "bounds"),
        [
            ([4.646, -3.32, -0.175, 2.466, 2.138], None),
            ([1.643, 0.661, -2.606, 1.811, 0.893], [(-50, 50)] * 5),
        ],
    )
    def test_rough_ones_do_not_go_in_circles(self, x0, bounds):
        result = minimize(rosenbrock(5).value, x0, bounds=bounds)
        assert result.success, result.message
        assert result.nfev < 10_000

    def test_a_box_narrower_than_gtol(self):
        result = minimize(
            rosenbrock().value, [-0.5, 0.0], bounds=[(-0.5, -0.5 + 1e-10), (-2, 2)]
        )
        assert result.success, result.message

    @pytest.mark.parametrize("jac", [None, "3-point", "cs"])
    def test_the_slope_of_what_is_fixed_is_unknown(self, jac):
        """NaN, as in SciPy; of a gradient that is given it is known."""
        fun = rosenbrock(3)
        bounds = [(None, None), (0.5, 0.5), (0, 2)]

        def value(x):
            return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

        result = minimize(value, [0.1, 0.5, 1.0], jac=jac, bounds=bounds)
        assert result.success
        assert np.isnan(result.jac).tolist() == [False, True, False]
        given = minimize(fun, [0.1, 0.5, 1.0], jac=True, bounds=bounds)
        assert same_bits(given.jac, fun.gradient(given.x))
        np.testing.assert_allclose(result.x, given.x, atol=1e-5)
