"""Newton's methods: saddles, where Hessians come from, counts, errors, options."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import optimize, sparse
from scipy.optimize import OptimizeWarning
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from optlab import Status, minimize, problems
from optlab.methods import METHODS
from optlab.run import DIFFERENCES_UP_TO
from tests.functions import (
    SMOOTH,
    Counted,
    Function,
    log_barrier,
    quadratic,
    rosenbrock,
    softmax_sum,
)
from tests.support import (
    FIRST_ORDER,
    SEARCHES_OF,
    SECOND_ORDER,
    in_threads,
    same_bits,
)

every_method = pytest.mark.parametrize("method", SECOND_ORDER)

# The ways to tell a Hessian: arguments of `minimize` for a function.
SOURCES = {
    "hess": lambda fun: {"hess": fun.hessian},
    "hessp": lambda fun: {"hessp": lambda x, v: fun.hessian(x) @ v},
    "sparse": lambda fun: {"hess": lambda x: sparse.csr_array(fun.hessian(x))},
    "operator": lambda fun: {"hess": lambda x: aslinearoperator(fun.hessian(x))},
    "2-point": lambda fun: {"hess": "2-point"},
    "3-point": lambda fun: {"hess": "3-point"},
    "nothing": lambda fun: {},
}
every_source = pytest.mark.parametrize("source", SOURCES)


def saddle(n, negative, seed=0, rotate=True):
    """A quadratic with so many negative eigenvalues, and quartic walls; 0 is a saddle."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0] if rotate else np.eye(n)
    values = rng.uniform(0.5, 2.0, n)
    values[:negative] *= -1
    Q = (basis * values) @ basis.T
    Q = (Q + Q.T) / 2
    return Function(
        f"saddle{n}-{negative}",
        lambda x: float(x @ Q @ x / 2 + (x**4).sum() / 4),
        lambda x: Q @ x + x**3,
        np.zeros(n),
        lambda x: Q + np.diag(3 * x**2),
    )


class TestSaddles:
    """A zero gradient where f falls: nothing that only sees gradients moves."""

    @every_method
    @every_source
    @pytest.mark.parametrize(
        ("n", "negative"), [(1, 1), (2, 1), (2, 2), (7, 1), (7, 7), (50, 3)]
    )
    def test_they_are_left(self, method, source, n, negative):
        fun = saddle(n, negative)
        result = minimize(fun, fun.x0, jac=True, method=method, **SOURCES[source](fun))
        assert result.success, result.message
        assert result.fun < -1e-2
        assert np.linalg.eigvalsh(fun.hessian(result.x))[0] > 0
        assert same_bits(fun.x0, np.zeros(n))

    @pytest.mark.parametrize(
        ("method", "search"), [(m, s) for m in SECOND_ORDER for s in SEARCHES_OF[m]]
    )
    @pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
    def test_with_every_search_and_at_any_scale(self, method, search, size):
        """The first step along z has the length of x, however far the walls are."""
        fun = saddle(3, 1)
        result = minimize(
            lambda x: (fun.value(x / size), fun.gradient(x / size) / size),
            fun.x0,
            jac=True,
            hess=lambda x: fun.hessian(x / size) / size**2,
            method=method,
            options={"line_search": search, "gtol": 1e-6 / size},
        )
        assert result.success, result.message
        assert result.fun < -1e-2

    @pytest.mark.parametrize(
        ("method", "search"),
        [
            ("newton", "exact"),
            ("newton-cg", "exact"),
            *((m, s) for m in SECOND_ORDER for s in SEARCHES_OF[m]),
        ],
    )
    def test_where_a_step_of_the_length_of_x_is_absurd(self, method, search):
        """f rises by 1e12 there: no slope tells where to go, but values do."""
        problem = problems.get("biggs_exp6")
        result = minimize(
            problem,
            problem.x0,
            method=method,
            options={"line_search": search, "gtol": 1e-6, "maxfun": 5000},
        )
        assert result.status is not Status.SADDLE
        assert result.success, result.message

    @every_method
    @pytest.mark.parametrize("form", ["hess", "hessp"])
    @pytest.mark.parametrize("seed", range(10))
    def test_beside_curvatures_that_are_larger_by_far(self, method, form, seed):
        """Where conjugate directions do not last for n products."""
        rng = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.normal(size=(10, 10)))[0]
        Q = (basis * np.r_[-0.5, np.geomspace(1, 1e4, 9)]) @ basis.T
        Q = (Q + Q.T) / 2
        fun = Function(
            "narrow",
            lambda x: float(x @ Q @ x / 2 + (x**4).sum() / 4),
            lambda x: Q @ x + x**3,
            np.zeros(10),
            lambda x: Q + np.diag(3 * x**2),
        )
        result = minimize(fun, fun.x0, jac=True, method=method, **SOURCES[form](fun))
        assert result.success
        assert result.fun < -1e-2

    @every_method
    @pytest.mark.parametrize("offset", [0.0, 1e4])
    def test_on_the_ridge_that_leads_to_one(self, method, offset):
        """Newton's steps converge to the saddle of x^2 - y^2 + y^4/2."""
        fun = Function(
            "ridge",
            lambda x: float(x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 2 + offset),
            lambda x: np.array([2 * x[0], -2 * x[1] + 2 * x[1] ** 3]),
            np.array([1.0, 0.0]),
            lambda x: np.diag([2.0, -2 + 6 * x[1] ** 2]),
        )
        result = minimize(fun, fun.x0, jac=True, hess=fun.hessian, method=method)
        assert result.success
        np.testing.assert_allclose(np.abs(result.x), [0, 1], atol=1e-4)
        assert result.fun == pytest.approx(offset - 0.5)
        for other in FIRST_ORDER:
            stuck = minimize(fun, fun.x0, jac=True, method=other)
            assert stuck.fun == pytest.approx(offset)

    @every_method
    def test_a_monkey_saddle_is_none_to_second_order(self, method):
        """x^3 - 3 x y^2 has a zero Hessian at 0: all that is known says minimum.

        Differences, with errors of their own, may see more.
        """

        def fun(x):
            a, b = x
            return float(a**3 - 3 * a * b**2), np.array([3 * (a**2 - b**2), -6 * a * b])

        def hess(x):
            a, b = x
            return 6 * np.array([[a, -b], [-b, -a]])

        for given_ in ({"hess": hess}, {"hessp": lambda x, v: hess(x) @ v}):
            result = minimize(fun, [0.0, 0.0], jac=True, method=method, **given_)
            assert result.success
            assert result.status is Status.CONVERGED
            assert result.nit == 0

    @every_method
    @every_source
    def test_an_unbounded_one(self, method, source):
        Q = np.diag([1.0, -1.0])
        fun = Function(
            "", lambda x: float(x @ Q @ x), lambda x: 2 * Q @ x, np.zeros(2),
            lambda x: 2 * Q,
        )  # fmt: skip
        result = minimize(fun, fun.x0, jac=True, method=method, **SOURCES[source](fun))
        assert result.status is Status.UNBOUNDED
        assert not result.success

    @every_method
    @pytest.mark.parametrize("form", ["hess", "hessp", "sparse", "operator"])
    def test_a_hessian_that_lies(self, method, form):
        """-I at a minimum: no step lowers f, so it is told, and is no success."""
        liar = Function("", None, None, None, lambda x: -np.eye(3))
        result = minimize(
            lambda x: (float(x @ x), 2 * x),
            np.zeros(3),
            jac=True,
            method=method,
            **SOURCES[form](liar),
        )
        assert result.status is Status.SADDLE
        assert not result.success
        assert same_bits(result.x, np.zeros(3))
        assert "curvature" in result.message
        assert result.message.startswith(Status.SADDLE.sentence)

    @every_method
    def test_a_limit_at_a_saddle_is_no_success(self, method):
        fun = saddle(3, 1)
        how = {"jac": True, "hess": fun.hessian, "method": method}
        result = minimize(fun, fun.x0, **how, options={"maxiter": 0})
        assert not result.success
        assert result.status is Status.MAXITER
        result = minimize(fun, fun.x0, **how, options={"maxfun": 1})
        assert not result.success
        assert result.status is Status.MAXFUN

    @every_method
    def test_one_escape_is_one_iteration(self, method):
        fun = saddle(4, 2)
        seen = []
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            hess=fun.hessian,
            method=method,
            callback=seen.append,
            options={"return_all": True},
        )
        assert len(seen) == result.nit
        assert fun.value(seen[0]) < 0
        assert same_bits(result.allvecs[1:], seen)


class TestMinima:
    """What is a minimum is not called a saddle, however flat or badly known."""

    @every_method
    @every_source
    @pytest.mark.parametrize("fun", [*SMOOTH, rosenbrock(8)], ids=repr)
    def test_ordinary_ones(self, method, source, fun):
        result = minimize(fun, fun.x0, jac=True, method=method, **SOURCES[source](fun))
        assert result.status is Status.CONVERGED
        assert result.success

    @every_method
    @pytest.mark.parametrize(
        "name",
        [
            "powell_singular",
            "extended_powell_singular",
            "linear_rank1",
            "linear_rank1_zeros",
            "brown_almost_linear",
            "variably_dimensioned",
        ],
    )
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("source", ["compiled", "2-point", "3-point"])
    def test_singular_ones(self, method, name, source, dtype):
        """Singular Hessians, and differences, whose zero curvature is none quite."""
        problem = problems.get(name, dtype=dtype)
        single = dtype == "float32"
        result = minimize(
            problem,
            problem.x0,
            method=method,
            hess=None if source == "compiled" else source,
            options={"gtol": 1e-2 if single else 1e-5, "maxfun": 10_000},
        )
        assert result.status is not Status.SADDLE, result.message
        assert result.success or single, result.message

    @every_method
    @pytest.mark.parametrize("power", [4, 6, 8])
    def test_flat_ones(self, method, power):
        """x^p: the Hessian vanishes at the minimum, where x is 1e-2 at best."""

        def fun(x):
            return float((x**power).sum()), power * x ** (power - 1)

        def hess(x):
            return np.diag(power * (power - 1) * x ** (power - 2))

        for given_ in ({"hess": hess}, {}):
            result = minimize(fun, [1.0, -2.0], jac=True, method=method, **given_)
            assert result.status is Status.CONVERGED
            assert result.success

    @examples(max_examples=60, deadline=None, derandomize=True)
    @given(
        st.sampled_from(SECOND_ORDER),
        st.integers(1, 8),
        st.integers(0, 7),
        st.floats(-3, 8),
        st.sampled_from(["hess", "hessp", "2-point"]),
        st.integers(0, 2**16),
    )
    def test_semidefinite_quadratics(self, method, n, rank, condition, source, seed):
        """Rank-deficient least squares: zero eigenvalues up to rounding."""
        rng = np.random.default_rng(seed)
        rank = max(1, min(rank, n - 1))
        A = rng.normal(size=(rank, n)) * np.geomspace(1, 10**condition, rank)[:, None]
        A /= np.linalg.norm(A, 2)
        b = A @ rng.normal(size=n)
        H = A.T @ A
        fun = Function(
            "", lambda x: float(0.5 * (A @ x - b) @ (A @ x - b)),
            lambda x: A.T @ (A @ x - b), np.zeros(n), lambda x: H,
        )  # fmt: skip
        result = minimize(fun, fun.x0, jac=True, method=method, **SOURCES[source](fun))
        assert result.success, result.message


class TestSources:
    @every_method
    @pytest.mark.parametrize("fun", [rosenbrock(6), softmax_sum(8)], ids=repr)
    def test_the_same_minimum_in_about_as_many_steps(self, method, fun):
        results = {
            source: minimize(
                fun, fun.x0, jac=True, method=method, options={"gtol": 1e-8},
                **given_(fun),
            )
            for source, given_ in SOURCES.items()
        }  # fmt: skip
        first = results["hess"]
        for source, result in results.items():
            assert result.success, source
            np.testing.assert_allclose(result.x, first.x, atol=1e-6)
            assert abs(result.nit - first.nit) <= 2 + 0.2 * first.nit, source

    @pytest.mark.parametrize(
        ("method", "first", "second"),
        [(method, "2-point", "nothing") for method in SECOND_ORDER]
        + [("newton-cg", "hess", "hessp"), ("trust-ncg", "hess", "hessp")],
    )
    def test_the_same_bits_where_the_numbers_are_the_same(self, method, first, second):
        fun = rosenbrock(6)
        a, b = (
            minimize(fun, fun.x0, jac=True, method=method, **SOURCES[source](fun))
            for source in (first, second)
        )
        assert same_bits(a.x, b.x)
        assert (a.nit, a.nfev, a.message) == (b.nit, b.nfev, b.message)

    @every_method
    def test_hess_is_preferred(self, method):
        fun = softmax_sum(4)

        def never(x, v):
            raise AssertionError

        plain = minimize(fun, fun.x0, jac=True, hess=fun.hessian, method=method)
        both = minimize(
            fun, fun.x0, jac=True, hess=fun.hessian, hessp=never, method=method
        )
        assert same_bits(plain.x, both.x)

    @every_method
    def test_a_problem_brings_its_own(self, method):
        problem = problems.get("wood")
        compiled = minimize(problem, problem.x0, method=method)
        by_differences = minimize(problem, problem.x0, method=method, hess="2-point")
        assert compiled.success
        assert by_differences.success
        assert by_differences.nhev == 0 < compiled.nhev
        assert by_differences.njev > compiled.njev

    @every_method
    def test_an_object_brings_its_own(self, method):
        fun = rosenbrock(4)

        class Valley:
            fun_and_grad = staticmethod(fun)
            hess = staticmethod(fun.hessian)

        plain = minimize(fun, fun.x0, jac=True, hess=fun.hessian, method=method)
        result = minimize(Valley(), fun.x0, method=method)
        assert same_bits(result.x, plain.x)
        assert result.nhev == plain.nhev

    @every_method
    def test_args(self, method):
        fun = rosenbrock()
        for given_ in (
            {"hess": lambda x, a, b: a * fun.hessian(x) + b},
            {"hessp": lambda x, v, a, b: a * fun.hessian(x) @ v + b},
        ):
            result = minimize(
                lambda x, a, b: a * fun.value(x) + b,
                fun.x0,
                (2.0, 0.0),
                jac=lambda x, a, b: a * fun.gradient(x),
                method=method,
                **given_,
            )
            assert result.success
            np.testing.assert_allclose(result.x, 1, atol=1e-4)

    def test_a_large_sparse_one(self):
        problem = problems.get("extended_rosenbrock", n=2000)

        def hess(x):
            a, b = x[::2], x[1::2]
            diagonal = np.empty(x.size)
            diagonal[::2] = 1200 * a**2 - 400 * b + 2
            diagonal[1::2] = 200
            side = np.zeros(x.size - 1)
            side[::2] = -400 * a
            return sparse.diags_array([side, diagonal, side], offsets=[-1, 0, 1])

        results = [
            minimize(problem, problem.x0, method=method, **given_)
            for method, given_ in (
                ("newton", {"hess": hess}),
                ("newton-cg", {"hess": hess}),
                ("newton-cg", {}),
                ("trust-ncg", {}),
            )
        ]
        for result in results:
            assert result.success
            np.testing.assert_allclose(result.x, 1, atol=1e-4)

    def test_differences_of_a_large_gradient_are_refused(self):
        n = DIFFERENCES_UP_TO + 1
        how = {"fun": lambda x: (float(x @ x), 2 * x), "x0": np.ones(n), "jac": True}
        with pytest.raises(ValueError, match=rf"hess .* n = {n}.*newton-cg"):
            minimize(method="newton", **how)
        assert minimize(method="newton-cg", **how).success


class TestCounts:
    @every_method
    @pytest.mark.parametrize("form", ["hess", "sparse", "operator"])
    @pytest.mark.parametrize("joint", [True, False])
    def test_of_matrices(self, method, form, joint):
        """One for each x, however many products are taken of it."""
        counted = Counted(rosenbrock(40) if form == "sparse" else rosenbrock(5))
        wrap = {
            "hess": np.asarray, "sparse": sparse.csr_array, "operator": aslinearoperator
        }[form]  # fmt: skip
        result = minimize(
            counted.both if joint else counted.value,
            counted.function.x0,
            jac=True if joint else counted.gradient,
            hess=lambda x: wrap(counted.hessian(x)),
            method=method,
        )
        assert result.success
        points = [x.tobytes() for x, _ in counted.hessians]
        assert len(points) == len(set(points))
        assert result.nhev == counted.nhev
        assert result.nfev == counted.nfev
        assert result.njev == counted.njev

    @every_method
    def test_of_products(self, method):
        counted = Counted(rosenbrock(5))
        result = minimize(
            counted.value,
            counted.function.x0,
            jac=counted.gradient,
            hessp=counted.product,
            method=method,
        )
        assert result.success
        assert result.nhev == counted.nhev
        assert (result.nfev, result.njev) == (counted.nfev, counted.njev)
        if method == "newton":
            assert result.nhev % 5 == 1  # one to see whether it is a product at all

    @every_method
    @pytest.mark.parametrize("scheme", ["2-point", "3-point"])
    @pytest.mark.parametrize("joint", [True, False])
    def test_of_differences(self, method, scheme, joint):
        """They are evaluations of the gradient, and nothing else."""
        counted = Counted(rosenbrock(5))
        result = minimize(
            counted.both if joint else counted.value,
            counted.function.x0,
            jac=True if joint else counted.gradient,
            hess=scheme,
            method=method,
        )
        assert result.success
        assert result.nhev == 0
        assert result.njev == counted.njev
        assert result.nfev == counted.nfev

    @every_method
    def test_the_history(self, method):
        fun = rosenbrock(4)
        result = minimize(
            fun, fun.x0, jac=True, hess=fun.hessian, method=method,
            options={"history": True},
        )  # fmt: skip
        nhev = result.history["nhev"]
        assert len(nhev) == result.nit + 1
        assert (np.diff(nhev) >= 0).all()
        assert nhev[-1] <= result.nhev


class TestErrors:
    """Each names its argument, before fun is called where that can be known."""

    BEFORE = (
        ("hess must", {"hess": 5}),
        ("hess must", {"hess": "bad"}),
        ("hess must", {"hess": lambda x: np.zeros((2, 3))}),
        ("hess must", {"hess": lambda x: np.zeros(2)}),
        ("hess must", {"hess": lambda x: [[1.0, 2.0], [0.0, 1.0]]}),
        ("hess must", {"hess": lambda x: np.full((2, 2), np.nan)}),
        ("hess must", {"hess": lambda x: np.eye(2) * 1j}),
        ("hess must", {"hess": lambda x: None}),
        ("hess must", {"hess": lambda x: sparse.eye_array(3)}),
        ("hess must", {"hess": lambda x: sparse.csr_array(np.triu(np.ones((2, 2))))}),
        ("hess must", {"hess": lambda x: aslinearoperator(np.eye(3))}),
        ("hess must", {"hess": optimize.BFGS()}),
        ("hessp must", {"hessp": 5}),
        ("hessp must", {"hessp": "2-point"}),
        ("jac is required", {"jac": None, "hess": np.outer}),
        ("jac is required", {"jac": "2-point", "hess": np.outer}),
        ("jac is required", {"jac": "3-point"}),
        ("jac", {"jac": None, "hess": "cs"}),
        ("constraints", {"constraints": [{"type": "eq", "fun": len}]}),
        ("bounds", {"bounds": [(0, 1), (0, 1)]}),
    )

    @every_method
    @pytest.mark.parametrize(("words", "change"), BEFORE, ids=repr)
    def test_before_fun_is_called(self, method, words, change):
        def never(x):
            raise AssertionError("fun was called")

        arguments = {"jac": True} | change
        with pytest.raises((TypeError, ValueError), match=words):
            minimize(never, [1.0, 2.0], method=method, **arguments)

    @every_method
    def test_hess_is_called_once_at_x0_before_fun(self, method):
        order = []

        def fun(x):
            order.append("fun")
            return float(x @ x), 2 * x

        def hess(x):
            order.append("hess")
            assert same_bits(x, [1.0, 2.0]) or "fun" in order
            return 2 * np.eye(2)

        minimize(fun, [1.0, 2.0], jac=True, hess=hess, method=method)
        assert order[:2] == ["hess", "fun"]
        assert order.count("hess") <= order.count("fun")  # that at x0 is kept

    @every_method
    @pytest.mark.parametrize(
        "answer",
        [np.zeros(3), np.zeros((2, 2)), 1.0, None, "ab", np.zeros(2) * 1j],
        ids=repr,
    )
    def test_what_hessp_returns(self, method, answer):
        fun = rosenbrock()
        with pytest.raises((TypeError, ValueError), match="hessp must"):
            minimize(fun, fun.x0, jac=True, hessp=lambda x, v: answer, method=method)

    @every_method
    @pytest.mark.parametrize("at", [1, 2, 4])
    @pytest.mark.parametrize("where", ["hess", "hessp", "product"])
    @pytest.mark.parametrize(
        "error", [ValueError("mine"), KeyboardInterrupt(), StopIteration("stop")],
        ids=lambda e: type(e).__name__,
    )  # fmt: skip
    def test_what_they_raise_passes_unchanged(self, method, error, where, at):
        fun = rosenbrock()
        calls = []

        def count():
            calls.append(1)
            if len(calls) == at:
                raise error

        def hess(x):
            count()
            return fun.hessian(x)

        def hessp(x, v):
            count()
            return fun.hessian(x) @ v

        def operator(x):
            H = fun.hessian(x)
            return LinearOperator((2, 2), matvec=lambda v: (count(), H @ v)[1])

        given_ = {
            "hess": {"hess": hess},
            "hessp": {"hessp": hessp},
            "product": {"hess": operator},
        }[where]
        with pytest.raises(type(error)) as caught:
            minimize(fun, fun.x0, jac=True, method=method, **given_)
        assert caught.value is error
        assert len(calls) == at

    @every_method
    def test_an_overflow_at_the_start(self, method):
        """f and g are finite there: gradient descent leads to where H is."""
        fun = rosenbrock()
        start = fun.x0 * 1.5

        def hess(x):
            return np.full((2, 2), np.inf) if same_bits(x, start) else fun.hessian(x)

        result = minimize(fun, start, jac=True, hess=hess, method=method)
        assert result.success
        np.testing.assert_allclose(result.x, 1, atol=1e-3)

    @every_method
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("form", ["hess", "hessp", "sparse", "2-point"])
    def test_what_is_not_finite_later(self, method, bad, form):
        """A Hessian is undefined somewhere on the way: the gradient leads on."""
        fun = rosenbrock()
        calls = []

        def hessian(x):
            calls.append(1)
            return fun.hessian(x) * (bad if 2 <= len(calls) <= 6 else 1.0)

        def gradient(x):
            calls.append(1)
            g = fun.gradient(x)
            return g * bad if form == "2-point" and len(calls) in (3, 9, 10) else g

        broken = Function("", fun.value, gradient, fun.x0, hessian)
        with np.errstate(invalid="ignore"):
            result = minimize(
                fun.value,
                fun.x0,
                jac=gradient if form == "2-point" else fun.gradient,
                method=method,
                **SOURCES[form](broken),
            )
        assert np.isfinite(result.x).all()
        assert result.success
        np.testing.assert_allclose(result.x, 1, atol=1e-3)

    @every_method
    def test_users_arrays(self, method):
        """One buffer for all Hessians, and an x that is overwritten."""
        fun = rosenbrock(4)
        buffer = np.empty((4, 4))

        def hess(x):
            buffer[:] = fun.hessian(x)
            x[:] = np.nan
            return buffer

        vector = np.empty(4)

        def hessp(x, v):
            vector[:] = fun.hessian(x) @ v
            x[:] = v[:] = np.nan
            return vector

        for given_, plain in (
            ({"hess": hess}, {"hess": fun.hessian}),
            ({"hessp": hessp}, {"hessp": lambda x, v: fun.hessian(x) @ v}),
        ):
            expected = minimize(fun, fun.x0, jac=True, method=method, **plain)
            result = minimize(fun, fun.x0, jac=True, method=method, **given_)
            assert same_bits(result.x, expected.x)

    def test_a_hessian_nobody_needs_is_told(self):
        fun = rosenbrock()
        for method in FIRST_ORDER:
            for name, value in (("hess", fun.hessian), ("hessp", np.outer)):
                with pytest.warns(RuntimeWarning, match=f"{name} is not used"):
                    minimize(fun, fun.x0, jac=True, method=method, **{name: value})

    @every_method
    def test_silent(self, method, capfd):
        fun = log_barrier(3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            minimize(fun, fun.x0, jac=True, hess=fun.hessian, method=method)
            minimize(saddle(3, 1), np.zeros(3), jac=True, method=method)
        assert capfd.readouterr() == ("", "")


class TestWolfe:
    """`strong=True` bounds the slope on both sides."""

    @pytest.mark.parametrize("method", ["gd", "cg", "bfgs", "l-bfgs", "newton"])
    @pytest.mark.parametrize("c2", [0.1, 0.5])
    @pytest.mark.parametrize("fun", SMOOTH, ids=repr)
    def test_both_conditions(self, fun, method, c2):
        result = minimize(
            fun,
            fun.x0,
            jac=True,
            method=method,
            options={"line_search": "wolfe", "strong": True, "c2": c2, "gtol": 1e-3,
                     "return_all": True, "maxls": 100},
        )  # fmt: skip
        assert result.success
        for x, x_next in zip(result.allvecs, result.allvecs[1:], strict=False):
            (f, g), (f_next, g_next) = fun(x), fun(x_next)
            s = x_next - x
            assert f_next <= f + 1e-4 * (g @ s) + 1e-12 * abs(f)
            assert abs(g_next @ s) <= c2 * abs(g @ s) * (1 + 1e-12)

    def test_it_is_the_default_of_cg_alone(self):
        fun = rosenbrock(4)
        options = {"return_all": True}
        how = {"jac": True, "options": options}
        given_ = {"strong": True, "c2": 0.1}
        plain = minimize(fun, fun.x0, method="cg", **how)
        named = minimize(fun, fun.x0, method="cg", jac=True, options=options | given_)
        assert same_bits(plain.allvecs, named.allvecs)
        weak = minimize(
            fun, fun.x0, method="cg", jac=True, options=options | {"strong": False}
        )
        assert not same_bits(plain.allvecs, weak.allvecs)


class TestNewtonCGOptions:
    def test_xtol_takes_the_place_of_gtol(self):
        """SciPy's test: the mean of |x_{k+1} - x_k| is at most xtol."""
        fun = rosenbrock(4)
        how = {"jac": True, "hess": fun.hessian, "method": "newton-cg"}
        result = minimize(
            fun, fun.x0, **how, options={"xtol": 1e-3, "return_all": True}
        )
        assert result.status in (Status.XTOL, Status.CONVERGED)
        steps = np.abs(np.diff(result.allvecs, axis=0)).mean(axis=1)
        assert result.status is Status.XTOL
        assert steps[-1] <= 1e-3
        assert (steps[:-1] > 1e-3).all()
        assert "xtol" in result.message
        # It counts as success where the gradient is small as well.
        assert result.success == (np.abs(result.jac).max() <= 1e-5)

    def test_both_are_tests_where_both_are_given(self):
        fun = rosenbrock(4)
        result = minimize(
            fun, fun.x0, jac=True, hess=fun.hessian, method="newton-cg",
            options={"xtol": 1e-12, "gtol": 1e-2},
        )  # fmt: skip
        assert result.status is Status.CONVERGED
        assert np.abs(result.jac).max() <= 1e-2

    @pytest.mark.parametrize("method", ["newton-cg", "trust-ncg"])
    @pytest.mark.parametrize("maxinner", [1, 2, 3])
    def test_maxinner_limits_products(self, method, maxinner):
        fun = softmax_sum(12)
        result = minimize(
            fun, fun.x0, jac=True, method=method,
            hessp=lambda x, v: fun.hessian(x) @ v,
            options={"maxinner": maxinner, "history": True},
        )  # fmt: skip
        assert result.success
        assert np.diff(result.history["nhev"]).max() <= maxinner
        free = minimize(
            fun, fun.x0, jac=True, method=method,
            hessp=lambda x, v: fun.hessian(x) @ v, options={"history": True},
        )  # fmt: skip
        assert np.diff(free.history["nhev"]).max() > maxinner
        assert free.nit <= result.nit

    def test_preconditioning_saves_products(self):
        for name, n, share in (
            ("discrete_boundary_value", 100, 0.3),  # condition 1e8
            ("watson", 6, 0.8),
        ):
            problem = problems.get(name, n=n)
            plain, better = (
                minimize(
                    problem,
                    problem.x0,
                    method="newton-cg",
                    options={"preconditioned": preconditioned, "gtol": 1e-8},
                )
                for preconditioned in (False, True)
            )
            assert plain.success
            assert better.success
            assert better.nhev < share * plain.nhev

    @pytest.mark.parametrize("maxcor", [1, 5, None])
    def test_preconditioned_it_is_right(self, maxcor):
        for fun in SMOOTH:
            result = minimize(
                fun, fun.x0, jac=True, hess=fun.hessian, method="newton-cg",
                options={"preconditioned": True, "maxcor": maxcor, "gtol": 1e-8},
            )  # fmt: skip
            assert result.success
            if fun.x_opt is not None:
                np.testing.assert_allclose(result.x, fun.x_opt, atol=1e-6)

    def test_superlinear(self):
        """Eisenstat & Walker's terms: the last steps square the gradient, nearly."""
        fun = softmax_sum(10)
        result = minimize(
            fun, fun.x0, jac=True, hess=fun.hessian, method="newton-cg",
            options={"gtol": 1e-10, "history": True},
        )  # fmt: skip
        gnorm = result.history["gnorm"]
        assert result.nit < 15
        assert gnorm[-1] < 0.1 * gnorm[-2] ** 1.3


class TestTrustRegion:
    @pytest.mark.parametrize("most", [0.05, 0.3, 1.0])
    @pytest.mark.parametrize("fun", [rosenbrock(4), softmax_sum(8)], ids=repr)
    def test_no_step_is_longer_than_max_trust_radius(self, fun, most):
        counted = Counted(fun)
        result = minimize(
            counted.both, fun.x0, jac=True, hess=fun.hessian, method="trust-ncg",
            options={"max_trust_radius": most, "initial_trust_radius": most / 2,
                     "return_all": True},
        )  # fmt: skip
        assert result.success
        steps = np.linalg.norm(np.diff(result.allvecs, axis=0), axis=1)
        assert steps.max() <= most * (1 + 1e-12)
        # Nor is a trial that was refused.
        for x, _ in counted.values[1:]:
            near = np.linalg.norm(result.allvecs - x, axis=1).min()
            assert near <= most * (1 + 1e-12)

    @pytest.mark.parametrize("radius", [1e-3, 0.1, 0.5])
    def test_the_first_trial_is_at_initial_trust_radius(self, radius):
        """Which is a guess, not a limit: the search goes on while f falls as steeply."""
        counted = Counted(rosenbrock(4))
        minimize(
            counted.both,
            counted.function.x0,
            jac=True,
            hess=counted.hessian,
            method="trust-ncg",
            options={"initial_trust_radius": radius, "maxiter": 1},
        )
        (x0, _), (x1, _) = counted.values[:2]
        assert np.linalg.norm(x1 - x0) == pytest.approx(radius)

    @pytest.mark.parametrize("eta", [0.0, 0.1, 0.24])
    def test_a_share_eta_of_what_was_promised_is_kept(self, eta):
        """f(x) - f(x + s) >= eta (m(0) - m(s)), the model along the direction."""
        fun = rosenbrock(6, np.linspace(-1.5, 2, 6))
        result = minimize(
            fun, fun.x0, jac=True, hess=fun.hessian, method="trust-ncg",
            options={"eta": eta, "return_all": True},
        )  # fmt: skip
        assert result.success
        for x, x_next in zip(result.allvecs, result.allvecs[1:], strict=False):
            s = x_next - x
            f, g = fun(x)
            promised = -(g @ s + s @ fun.hessian(x) @ s / 2)
            fell = f - fun.value(x_next)
            assert fell >= eta * promised * (1 - 1e-9) - 1e-12 * abs(f)

    @pytest.mark.parametrize(
        "options",
        [
            {"eta": 0.25},
            {"eta": -0.1},
            {"max_trust_radius": 0.0},
            {"initial_trust_radius": 2.0, "max_trust_radius": 1.0},
            {"initial_trust_radius": 0.0},
        ],
        ids=repr,
    )
    def test_what_is_refused_is_named(self, options):
        fun = rosenbrock()
        with pytest.raises(ValueError, match="|".join(options)):
            minimize(fun, fun.x0, jac=True, method="trust-ncg", options=options)


class TestCGOptions:
    @pytest.mark.parametrize("beta", ["hager-zhang", "polak-ribiere"])
    @pytest.mark.parametrize("fun", [*SMOOTH, rosenbrock(10)], ids=repr)
    def test_beta(self, beta, fun):
        result = minimize(
            fun, fun.x0, jac=True, method="cg", options={"beta": beta, "gtol": 1e-7}
        )
        assert result.success
        if fun.x_opt is not None:
            np.testing.assert_allclose(result.x, fun.x_opt, atol=1e-5)

    @pytest.mark.parametrize("beta", ["hager-zhang", "polak-ribiere"])
    def test_exact_steps_solve_a_quadratic_in_n(self, beta):
        """Linear conjugate gradients: Nocedal & Wright, theorem 5.1."""
        fun = quadratic(8, 50.0)
        result = minimize(
            fun, fun.x0, jac=True, method="cg",
            options={"beta": beta, "line_search": "exact", "gtol": 1e-6,
                     "return_all": True},
        )  # fmt: skip
        assert result.success
        assert result.nit <= 8
        H = fun.hessian(fun.x0)
        steps = np.diff(result.allvecs, axis=0)
        products = steps @ H @ steps.T
        scale = np.sqrt(np.outer(np.diag(products), np.diag(products)))
        np.testing.assert_allclose(products / scale, np.eye(len(steps)), atol=1e-5)


class TestWorkers:
    """Differences side by side give the same bits."""

    @every_method
    def test_of_the_gradient(self, method):
        fun = rosenbrock(4)
        calls = []

        def mapped(function, points):
            points = list(points)
            calls.append(len(points))
            return map(function, points)

        plain = minimize(fun.value, fun.x0, jac=fun.gradient, method=method)
        result = minimize(
            fun.value,
            fun.x0,
            jac=fun.gradient,
            method=method,
            options={"workers": mapped},
        )
        assert same_bits(result.x, plain.x)
        assert (result.nfev, result.njev) == (plain.nfev, plain.njev)
        if method == "newton":
            assert max(calls) == 4

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs-b"])
    def test_within_bounds(self, method):
        fun = rosenbrock(4)
        seen = []

        def mapped(function, points):
            points = list(points)
            seen.extend(points)
            return map(function, points)

        how = {"method": method, "bounds": [(-1.2, 0.9)] * 4}
        x0 = np.clip(fun.x0, -1.2, 0.9)
        plain = minimize(fun.value, x0, **how)
        result = minimize(fun.value, x0, **how, options={"workers": mapped})
        assert same_bits(result.x, plain.x)
        assert result.nfev == plain.nfev
        assert seen
        assert (np.abs(np.array(seen) + 0.15) <= 1.05 + 1e-15).all()


class TestReentrance:
    @every_method
    def test_from_many_threads(self, method):
        fun = softmax_sum(12)
        how = {"jac": True, "hess": fun.hessian, "method": method}
        alone = minimize(fun, fun.x0, **how)
        results = in_threads(lambda i: minimize(fun, fun.x0, **how))
        assert all(same_bits(r.x, alone.x) for r in results)

    @every_method
    def test_inside_hess(self, method):
        fun = rosenbrock()

        def hess(x):
            assert minimize(fun, x, jac=True, hess=fun.hessian, method=method).success
            return fun.hessian(x)

        plain = minimize(fun, fun.x0, jac=True, hess=fun.hessian, method=method)
        result = minimize(fun, fun.x0, jac=True, hess=hess, method=method)
        assert same_bits(result.x, plain.x)


def test_the_methods_that_want_a_hessian():
    assert set(SECOND_ORDER) == {"newton", "newton-cg", "trust-ncg"}
    assert METHODS["newton"].second == "hess"


class TestProducts:
    """A product is tried before any work: is it one?"""

    WRONG = (
        (lambda x, v: v * np.nan, "hessp must not give NaN"),
        (lambda x, v: np.ones(3), "hessp must"),
        (lambda x, v: 1j * v, "hessp must"),
        (lambda x, v: None, "hessp must"),
    )

    @every_method
    @pytest.mark.parametrize(("hessp", "words"), WRONG)
    def test_hessp(self, method, hessp, words):
        def never(x):
            raise AssertionError("fun was called")

        with pytest.raises((ValueError, TypeError), match=words):
            minimize(never, [1.0, 2.0], jac=True, hessp=hessp, method=method)

    @pytest.mark.parametrize("method", ["newton-cg", "trust-ncg"])
    @pytest.mark.parametrize("product", [lambda v: v * np.nan, lambda v: np.ones(3)])
    def test_an_operator(self, method, product):
        def hess(x):
            return LinearOperator((2, 2), matvec=product, dtype=float)

        with pytest.raises(ValueError, match="hess must"):
            minimize(rosenbrock(), [1.0, 2.0], jac=True, hess=hess, method=method)

    @pytest.mark.parametrize("method", ["newton-cg", "trust-ncg"])
    @pytest.mark.parametrize("scale", [1e-200, 1e-100, 1.0, 1e100, 1e200])
    def test_the_scale_of_f(self, method, scale):
        fun = rosenbrock()
        result = minimize(
            lambda x: scale * fun.value(x),
            fun.x0,
            jac=lambda x: scale * fun.gradient(x),
            hessp=lambda x, v: scale * (fun.hessian(x) @ v),
            method=method,
            options={"gtol": 1e-5 * scale},
        )
        assert result.success
        assert result.nfev < 100

    def test_a_large_sparse_hessian_of_zeros_stays_sparse(self):
        n = 40_000

        def hess(x):
            return sparse.diags_array(12 * x**2, format="csc")

        result = minimize(
            lambda x: (float((x**4).sum() + x.sum()), 4 * x**3 + 1),
            np.zeros(n),
            jac=True,
            hess=hess,
            method="newton",
        )
        assert result.success
        np.testing.assert_allclose(result.x, -(0.25 ** (1 / 3)), rtol=1e-4)

    def test_an_ignored_option_is_told_once(self):
        with pytest.warns(OptimizeWarning, match="maxcor") as told:
            minimize(
                rosenbrock(),
                [1.0, 2.0],
                jac=True,
                hess=lambda x: sparse.csc_array(rosenbrock().hessian(x)),
                method="newton",
                options={"maxcor": 5},
            )
        assert len(told) == 1

    @every_method
    def test_an_operator_that_knows_vectors_only(self, method):
        """Its matvec would make something else of a column."""
        d = np.array([1.0, 2.0, 3.0])

        def hess(x):
            return LinearOperator((3, 3), matvec=lambda v: d * v, dtype=float)

        result = minimize(
            lambda x: (float(d @ (x * x)) / 2, d * x),
            np.ones(3),
            jac=True,
            hess=hess,
            method=method,
        )
        assert result.success
        np.testing.assert_allclose(result.x, 0, atol=1e-5)
