"""Many problems at once: each as it is alone, whoever evaluates."""

import copy
import pickle
import signal
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import OptimizeWarning

import optlab
from optlab import BatchSolver, Solver, Status, Want, minimize, minimize_batch, problems
from optlab.methods import METHODS

from .functions import rosenbrock
from .support import BOUNDED, SECOND_ORDER, same_bits

B, N = 9, 4
FUN = rosenbrock(N)
X0 = np.random.default_rng(0).uniform(-1.5, 1.5, size=(B, N))
PROBLEM = problems.get("wood")  # compiled, n = 4
FIELDS = ("x", "fun", "jac", "nit", "nfev", "njev", "success", "status")
# Unbounded BFGS goes in lockstep, with other last bits: see test_lockstep.py.
EXACT = [name for name in METHODS if name != "bfgs"]


def fun(X, active):
    pairs = [FUN(x) for x in X]
    return np.array([f for f, _ in pairs]), np.array([g for _, g in pairs])


def hess(X, active):
    return np.array([FUN.hessian(x) for x in X])


def hessp(X, V, active):
    return np.array([FUN.hessian(x) @ v for x, v in zip(X, V, strict=True)])


def second(method):
    """Second derivatives of a vectorised function, where a method needs them."""
    return {"hess": hess} if method in SECOND_ORDER else {}


def assert_same(a, b):
    for name in FIELDS:
        assert same_bits(np.asarray(a[name]), np.asarray(b[name])), name


class TestVectorised:
    @pytest.mark.parametrize("method", EXACT)
    def test_each_problem_is_as_it_is_alone(self, method):
        batch = minimize_batch(fun, X0, method=method, **second(method))
        for one, x0 in zip(batch, X0, strict=True):
            extra = {"hess": FUN.hessian} if method in SECOND_ORDER else {}
            assert_same(one, minimize(FUN, x0, jac=True, method=method, **extra))

    @pytest.mark.parametrize("method", SECOND_ORDER)
    def test_products_alone(self, method):  # of n of them, for "newton"
        a = minimize_batch(fun, X0, method=method, hessp=hessp)
        b = minimize_batch(fun, X0, method=method, hess=hess)
        np.testing.assert_allclose(a.x, b.x, atol=1e-4)
        assert a.success.all()
        assert (a.nhev > 0).all()

    @pytest.mark.parametrize("method", BOUNDED)
    def test_bounds_of_all_and_of_each(self, method):
        inside = np.minimum(X0, 0.4)
        shared = [(-2.0, 0.5)] * N
        each = np.tile(np.array(shared), (B, 1, 1))
        each[::2, :, 1] = 0.45
        for bounds in (shared, each):
            asked = []

            def watched(X, active, asked=asked):
                asked.append((X.copy(), active.copy()))
                return fun(X, active)

            batch = minimize_batch(watched, inside, method=method, bounds=bounds)
            assert batch.success.all()
            limits = np.broadcast_to(np.array(bounds), (B, N, 2))
            for X, active in asked:
                assert (limits[active, :, 1] >= X).all()
                assert (limits[active, :, 0] <= X).all()
            for i, one in enumerate(batch):
                box = limits[i]
                alone = minimize(FUN, inside[i], jac=True, method=method, bounds=box)
                assert_same(one, alone)

    def test_starts_are_moved_inside_with_a_warning(self):
        with pytest.warns(OptimizeWarning, match="Initial guess"):
            batch = minimize_batch(fun, X0, bounds=[(-0.1, 0.1)] * N)
        assert np.abs(batch.x).max() <= 0.1

    def test_values_and_gradients_by_two_functions(self):
        both = minimize_batch(fun, X0, method="l-bfgs")
        apart = minimize_batch(
            lambda X, active: fun(X, active)[0],
            X0,
            method="l-bfgs",
            jac=lambda X, active: fun(X, active)[1],
        )
        assert_same(both, apart)

    def test_what_it_is_called_with(self):
        starts, calls = X0.copy(), np.zeros(B, int)

        def careful(X, active, scale, offset):
            assert X.shape == (len(active), N)
            assert len(set(active)) == len(active)
            assert active.dtype == np.int64
            calls[active] += 1
            answer = fun(X, active)
            X[:] = np.nan
            active[:] = -1
            return scale * answer[0] + offset, scale * answer[1]

        batch = minimize_batch(careful, starts, (1.0, 0.0), method="l-bfgs")
        assert same_bits(starts, X0)
        assert_same(batch, minimize_batch(fun, X0, method="l-bfgs"))
        np.testing.assert_array_equal(calls, batch.nfev)

    def test_buffers_may_be_used_again(self):
        F, G = np.empty(B), np.empty((B, N))

        def buffered(X, active):
            m = len(X)
            F[:m], G[:m] = fun(X, active)
            return F[:m], G[:m]

        batch = minimize_batch(buffered, X0, method="cg")
        assert_same(batch, minimize_batch(fun, X0, method="cg"))

    def test_exceptions_pass(self):
        error = LookupError("mine")

        def fails(X, active):
            raise error

        with pytest.raises(LookupError) as caught:
            minimize_batch(fails, X0)
        assert caught.value is error

    def test_tensors(self):
        torch = pytest.importorskip("torch")
        batch = minimize_batch(
            lambda X, active: tuple(map(torch.as_tensor, fun(X, active))),
            X0,
            method="cg",
        )
        assert_same(batch, minimize_batch(fun, X0, method="cg"))

    @pytest.mark.parametrize(
        ("answer", "error", "match"),
        [
            (lambda X: X.sum(axis=1), TypeError, "pair"),
            (lambda X: None, TypeError, "pair"),
            (lambda X: (X.sum(axis=1), None), TypeError, "gradients"),
            (lambda X: (None, X), TypeError, "values"),
            (lambda X: (X.sum(), X), ValueError, "values of fun must have shape"),
            (lambda X: (X.sum(axis=1), X[:, :2]), ValueError, "gradients must have"),
            (lambda X: (X.sum(axis=1), X.T), ValueError, "gradients must have"),
            (lambda X: (X.sum(axis=1) * 1j, X), TypeError, "values of fun"),
            (lambda X: (["a"] * len(X), X), TypeError, "values of fun"),
        ],
    )
    @pytest.mark.parametrize("method", ["bfgs", "cg"])
    def test_wrong_answers(self, answer, error, match, method):
        with pytest.raises(error, match=match):
            minimize_batch(lambda X, active: answer(X), X0, method=method)


class TestCompiled:
    @pytest.mark.parametrize("method", EXACT)
    @pytest.mark.parametrize("threads", [1, 3])
    def test_each_problem_is_as_it_is_alone(self, method, threads):
        batch = minimize_batch(PROBLEM, X0, method=method, threads=threads)
        for one, x0 in zip(batch, X0, strict=True):
            assert_same(one, minimize(PROBLEM, x0, method=method))

    @pytest.mark.parametrize("method", BOUNDED)
    def test_bounds(self, method):
        bounds = np.tile(np.array([-2.0, 0.5]), (B, N, 1))
        bounds[1::2, 0, 1] = 0.3
        inside = np.minimum(X0, 0.3)
        batch = minimize_batch(PROBLEM, inside, method=method, bounds=bounds, threads=2)
        for i, one in enumerate(batch):
            alone = minimize(PROBLEM, inside[i], method=method, bounds=bounds[i])
            assert_same(one, alone)

    def test_a_list_with_data_of_their_own(self):
        rng = np.random.default_rng(0)
        fits = []
        for _ in range(B):
            X = rng.normal(size=(30, N))
            y = (X @ rng.normal(size=N) + rng.normal(size=30) > 0).astype(int)
            fits.append(problems.logistic_regression(X, y, fit_intercept=False))
        for method in ("bfgs", "l-bfgs", "newton-cg"):
            batch = minimize_batch(fits, np.zeros((B, N)), method=method, threads=2)
            assert batch.success.all()
            for one, fit in zip(batch, fits, strict=True):
                assert np.abs(fit.grad(one.x)).max() <= 1e-5
                alone = minimize(fit, np.zeros(N), method=method)
                np.testing.assert_allclose(one.x, alone.x, atol=1e-4)

    def test_single_precision(self):
        problem = problems.get("wood", dtype="float32")
        starts = X0.astype(np.float32)
        options = {"gtol": 1e-2}
        for method in ("bfgs", "l-bfgs"):
            batch = minimize_batch(problem, starts, method=method, options=options)
            assert batch.x.dtype == batch.jac.dtype == np.float32
            for one, x0 in zip(batch, starts, strict=True):
                assert_same(one, minimize(problem, x0, method=method, options=options))

    def test_a_row_of_data_for_each(self):
        numba = pytest.importorskip("numba")
        types = numba.types
        vector = types.CPointer(types.double)

        @numba.cfunc(types.double(types.intc, vector, vector, types.voidptr))
        def bowl(n, x, grad, data):
            row = numba.carray(data, (n + 1,), numba.float64)
            row[n] += 1.0  # counts
            f = 0.0
            for i in range(n):
                grad[i] = 2 * (i + 1) * (x[i] - row[i])
                f += (i + 1) * (x[i] - row[i]) ** 2
            return f

        for method, threads in (("bfgs", 1), ("bfgs", 2), ("l-bfgs", 2)):
            data = np.zeros((B, N + 1))
            data[:, :N] = X0[::-1]
            zeros = np.zeros((B, N))
            batch = minimize_batch(bowl, zeros, (data,), method=method, threads=threads)
            np.testing.assert_allclose(batch.x, X0[::-1], atol=1e-5)
            np.testing.assert_array_equal(data[:, N], batch.nfev)
        with pytest.raises(ValueError, match="args must hold a row"):
            minimize_batch(bowl, zeros, (data[:3],))
        with pytest.raises(TypeError, match="args"):
            minimize_batch(bowl, zeros, (data[0],))

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({"hess": lambda x: x}, TypeError, "hess"),
            ({"hessp": lambda x, v: v}, TypeError, "hessp"),
            ({"args": (3,)}, ValueError, "args"),
            ({"X0": np.zeros((2, 3))}, ValueError, "X0 must have 4 columns"),
            ({"options": {"dtype": "float32"}}, ValueError, "dtype"),
        ],
        ids=str,
    )
    def test_bad_arguments(self, given, error, match):
        with pytest.raises(error, match=match):
            minimize_batch(PROBLEM, **{"X0": X0, **given})

    def test_bad_lists(self):
        single = problems.get("wood", dtype="float32")
        with pytest.raises(ValueError, match="fun must hold 9"):
            minimize_batch([PROBLEM] * 3, X0)
        with pytest.raises(ValueError, match="dtype"):
            minimize_batch([PROBLEM] * 8 + [single], X0)
        with pytest.raises(ValueError, match="columns"):
            minimize_batch([PROBLEM] * 8 + [problems.get("rosenbrock")], X0)


class TestListed:
    @pytest.mark.parametrize("threads", [1, 4])
    @pytest.mark.parametrize("method", METHODS)
    def test_each_problem_is_as_it_is_alone(self, method, threads):
        more = {"hess": FUN.hessian} if method in SECOND_ORDER else {}
        given = {"method": method, "jac": True, **more}
        batch = minimize_batch([FUN] * B, X0, threads=threads, **given)
        for one, x0 in zip(batch, X0, strict=True):
            alone = minimize(FUN, x0, **given)
            assert_same(one, alone)
            assert one.message == alone.message

    def test_an_objective_from_many_starts(self):
        class Joint:
            fun_and_grad = staticmethod(FUN)

        batch = minimize_batch(Joint(), X0, method="cg")
        assert_same(batch, minimize_batch(fun, X0, method="cg"))

    def test_functions_of_their_own(self):
        shifts = np.arange(3.0)
        functions = [lambda x, s=s: float(((x - s) ** 2).sum()) for s in shifts]
        batch = minimize_batch(functions, np.zeros((3, 2)), threads=2)
        np.testing.assert_allclose(batch.x, np.tile(shifts, (2, 1)).T, atol=1e-5)

    def test_bounds(self):
        bounds = np.tile([-2.0, 0.5], (B, N, 1))
        bounds[::2, :, 1] = 0.4
        inside = np.minimum(X0, 0.4)
        batch = minimize_batch([FUN] * B, inside, jac=True, bounds=bounds)
        for i, one in enumerate(batch):
            assert_same(one, minimize(FUN, inside[i], jac=True, bounds=bounds[i]))

    def test_other_options_warn_once(self):
        with pytest.warns(OptimizeWarning, match="maxcor") as caught:
            minimize_batch([FUN] * B, X0, jac=True, method="gd", options={"maxcor": 3})
        assert len(caught) == 1

    def test_kinds_may_mix_but_for_precision(self):
        functions = [PROBLEM, PROBLEM.__optlab_objective__, lambda x: PROBLEM.fun(x)]
        batch = minimize_batch(functions, X0[:3], method="l-bfgs", threads=2)
        for one, function, x0 in zip(batch, functions, X0, strict=False):
            assert_same(one, minimize(function, x0, method="l-bfgs"))
        single = problems.get("wood", dtype="float32")
        with pytest.raises(ValueError, match="dtype"):
            minimize_batch([single, FUN.value], X0[:2])

    def test_exceptions_pass(self):
        def fails(x):
            raise LookupError("mine")

        for threads in (1, 2):
            with pytest.raises(LookupError, match="mine"):
                minimize_batch([FUN, fails], X0[:2], jac=True, threads=threads)

    def test_all_are_checked_first(self):
        def never(x):
            raise AssertionError

        with pytest.raises(TypeError, match=r"fun\[1\]"):
            minimize_batch([never, 3], X0[:2], jac=True)


class Alarm(Exception):
    """What the signal handler of a test raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an interval timer")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["bfgs", "l-bfgs", "list", "vectorised"])
def test_ctrl_c_ends_a_batch_of_short_runs(kind, threads):
    many = np.tile([-1.2, 1.0], (200_000, 1))
    rosenbrock = problems.get("rosenbrock")
    if kind == "list":

        def run():
            some = many[:20_000]
            minimize_batch([rosen] * len(some), some, jac=True, threads=threads)
    elif kind == "vectorised":

        def run():
            def forever(X, active):
                return -X.sum(axis=1), -np.ones_like(X)

            options = {"maxiter": 10**9, "line_search": "fixed", "step_length": 1e-9}
            minimize_batch(forever, many[:100], method="gd", options=options)
    else:
        many = np.tile(many, (10, 1)) if kind == "bfgs" else many

        def run():
            minimize_batch(rosenbrock, many, method=kind, threads=threads)

    def raises(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, raises)
    try:
        # More than once: a callback of others' garbage collection may swallow one.
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.1)
        began = time.perf_counter()
        with pytest.raises(Alarm):
            run()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert time.perf_counter() - began < 0.2 + 0.5  # promise 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def rosen(x):
    """The same in Python."""
    a, b = x[1] - x[0] ** 2, 1 - x[0]
    return 100 * a**2 + b**2, np.array([-400 * x[0] * a - 2 * b, 200 * a])


class TestFailures:
    def test_they_stop_no_other(self):
        def mixed(X, active):
            with np.errstate(over="ignore"):  # where it falls for ever
                F, G = fun(X, active)
            kind = active % 3
            F = np.where(kind == 1, np.nan, np.where(kind == 2, -X.sum(axis=1), F))
            return F, np.where((kind == 2)[:, None], -1.0, G)

        for method in ("bfgs", "l-bfgs", "cg", "gd"):
            batch = minimize_batch(mixed, X0, method=method)
            assert batch.success[::3].all()
            assert (batch.status[1::3] == Status.NONFINITE_START).all()
            assert (batch.status[2::3] == Status.UNBOUNDED).all()
            assert not batch.success[1::3].any()
            assert same_bits(batch.x[1::3], X0[1::3])
            assert "unbounded" in batch.message[2]

    def test_limits(self):
        batch = minimize_batch(fun, X0, method="l-bfgs", options={"maxiter": 3})
        assert (batch.status == Status.MAXITER).all()
        assert (batch.nit == 3).all()


class TestArguments:
    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({"X0": np.zeros(3)}, ValueError, "X0 must have the shape"),
            ({"X0": np.zeros((2, 2, 2))}, ValueError, "X0 must have the shape"),
            ({"X0": np.zeros((2, 0))}, ValueError, "X0"),
            ({"X0": [[1.0], [1.0, 2.0]]}, ValueError, "X0"),
            ({"X0": [[np.nan, 1.0]]}, ValueError, "X0 must be finite"),
            ({"X0": [["a", "b"]]}, TypeError, "X0"),
            ({"X0": [[1j, 2.0]]}, TypeError, "X0"),
            ({"X0": None}, (TypeError, ValueError), "X0"),
            ({"fun": 3}, TypeError, "fun"),
            ({"fun": None}, TypeError, "fun"),
            ({"fun": [FUN]}, ValueError, "fun must hold 9"),
            ({"method": "adam"}, ValueError, "stochastic"),
            ({"method": "nelder"}, ValueError, "method"),
            ({"method": 3}, TypeError, "method"),
            ({"method": "newton"}, ValueError, "hess"),
            ({"fun": PROBLEM, "jac": lambda x: x}, TypeError, "jac"),
            ({"fun": PROBLEM.__optlab_objective__, "args": (1,)}, ValueError, "args"),
            ({"method": "newton-cg"}, ValueError, "hess"),
            ({"jac": 3}, TypeError, "jac"),
            ({"jac": "2-point"}, TypeError, "jac"),
            ({"hess": 3}, TypeError, "hess"),
            ({"hessp": 3}, TypeError, "hessp"),
            ({"bounds": [(0, 1)]}, ValueError, "bounds"),
            ({"bounds": np.zeros((B, N, 3))}, ValueError, "bounds must have shape"),
            ({"bounds": np.zeros((B - 1, N, 2))}, ValueError, "bounds must have shape"),
            ({"bounds": [(1, 0)] * N}, ValueError, "bounds"),
            ({"method": "cg", "bounds": [(0, 1)] * N}, ValueError, "bounds"),
            ({"tol": -1}, ValueError, "tol"),
            ({"options": {"gtoll": 1}}, (TypeError, ValueError), "gtol"),
            ({"options": {"history": True}}, ValueError, "history"),
            ({"options": {"return_all": True}}, ValueError, "return_all"),
            ({"options": {"checkpoint": "x"}}, ValueError, "checkpoint"),
            ({"options": 3}, TypeError, "options"),
            ({"threads": 0}, ValueError, "threads"),
            ({"threads": 1.5}, TypeError, "threads"),
            ({"threads": True}, TypeError, "threads"),
        ],
        ids=str,
    )
    def test_they_are_named_before_any_work(self, given, error, match):
        def never(X, active):
            raise AssertionError

        with pytest.raises(error, match=match):
            minimize_batch(**{"fun": never, "X0": X0, **given})

    def test_the_method_is_chosen_as_for_one(self):
        assert minimize_batch(fun, X0).method == "bfgs"
        assert minimize_batch(fun, X0, bounds=[(-2, 2)] * N).method == "l-bfgs-b"

    def test_tol_is_gtol(self):
        a = minimize_batch(fun, X0, method="cg", tol=1e-2)
        b = minimize_batch(fun, X0, method="cg", options={"gtol": 1e-2})
        assert_same(a, b)

    def test_disp(self, capsys):
        minimize_batch(fun, X0, options={"disp": True})
        assert "9 of 9 problems solved" in capsys.readouterr().out
        minimize_batch(fun, X0)
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("method", ["bfgs", "cg"])
    def test_no_problem_at_all(self, method):
        empty = np.empty((0, N))
        for function in (fun, PROBLEM, []):
            batch = minimize_batch(function, empty, method=method)
            assert batch.x.shape == (0, N)
            assert len(batch) == 0
            assert list(batch) == []
        solver = BatchSolver(empty, method=method)
        assert solver.done
        assert solver.result.fun.shape == (0,)


@given(
    count=st.integers(1, 6),
    n=st.integers(1, 6),
    method=st.sampled_from([*EXACT, "bfgs"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_convex_quadratics(count, n, method, seed):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(count, n, n)))[0]
    A = (Q * rng.uniform(1, 50, size=(count, 1, n))) @ Q.transpose(0, 2, 1)
    centres = rng.normal(size=(count, n))

    def quadratics(X, active):
        R = X - centres[active]
        G = np.einsum("bij,bj->bi", A[active], R)
        return 0.5 * (R * G).sum(axis=1), G

    more = {"hess": lambda X, active: A[active]} if method in SECOND_ORDER else {}
    starts = rng.normal(size=(count, n))
    batch = minimize_batch(quadratics, starts, method=method, **more)
    assert batch.success.all()
    # the least eigenvalue is 1 or more
    assert np.linalg.norm(batch.x - centres, axis=1).max() <= 1e-5 * np.sqrt(n) * 1.01


class TestResult:
    batch = minimize_batch(fun, X0, method="l-bfgs")

    def test_it_is_a_sequence_of_results(self):
        assert len(self.batch) == B
        singles = list(self.batch)
        assert len(singles) == B
        for i, one in enumerate(singles):
            assert isinstance(one, optlab.OptimizeResult)
            assert same_bits(one.x, self.batch.x[i])
            assert isinstance(one.fun, float)
            assert isinstance(one.success, bool)
            assert isinstance(one.status, Status)
            assert one.message == self.batch.message[i]
        assert same_bits(self.batch[-1].x, self.batch.x[-1])
        part = self.batch[2:5]
        assert [one.fun for one in part] == self.batch.fun[2:5].tolist()
        for i in (B, -B - 1):
            with pytest.raises(IndexError):
                self.batch[i]
        assert bool(self.batch)

    def test_it_is_a_dict_of_arrays(self):
        assert set(self.batch.keys()) >= {"x", "fun", "success", "status", "message"}
        assert "x" in self.batch
        assert self.batch["fun"] is self.batch.fun
        assert self.batch.get("none") is None
        assert dict(self.batch.items())["nit"] is self.batch.nit
        assert dict(self.batch)["nit"] is self.batch.nit

    def test_copies_and_pickles(self):
        for other in (
            self.batch.copy(),
            copy.copy(self.batch),
            copy.deepcopy(self.batch),
            pickle.loads(pickle.dumps(self.batch)),
        ):
            assert isinstance(other, optlab.BatchResult)
            assert_same(other, self.batch)
            assert list(other.message) == list(self.batch.message)

    def test_it_can_be_read(self):
        assert "success: [ True" in repr(self.batch)
        assert self.batch.summary().startswith("l-bfgs: 9 of 9 problems solved")


class TestBatchSolver:
    @pytest.mark.parametrize("method", METHODS)
    def test_it_is_minimize_batch(self, method):
        solver = BatchSolver(X0, method=method)
        while not solver.done:
            X, index = solver.ask()
            answers = dict(zip(("F", "G"), fun(X, index), strict=True))
            wanted = np.bitwise_or.reduce(solver.want)
            if wanted & Want.HV:
                answers["HV"] = hessp(X, solver.V, index)
            if wanted & Want.H:
                answers["H"] = hess(X, index)
            solver.tell(**answers)
        assert_same(
            solver.result, minimize_batch(fun, X0, method=method, **second(method))
        )

    @pytest.mark.parametrize("method", EXACT)
    def test_each_is_a_solver(self, method):
        batch = minimize_batch(fun, X0, method=method, **second(method))
        for one, x0 in zip(batch, X0, strict=True):
            solver = Solver(x0, method=method)
            while not solver.done:
                want, x = solver.ask()
                if want & Want.HV:
                    solver.tell(hv=FUN.hessian(x) @ solver.v)
                elif want & Want.H:
                    solver.tell(h=FUN.hessian(x))
                else:
                    solver.tell(*FUN(x))
            assert_same(one, solver.result)

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
    def test_asking_again_is_asking_the_same(self, method):
        solver = BatchSolver(X0, method=method)
        while not solver.done:
            X, index = solver.ask()
            again, same = solver.ask()
            assert same_bits(X, again)
            assert same_bits(index, same)
            X[:], index[:] = np.nan, -1  # the caller's own
            solver.tell(*fun(again, same))
        X, index = solver.ask()
        assert X.shape == (0, N)
        assert index.shape == (0,)
        assert_same(solver.result, minimize_batch(fun, X0, method=method))

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
    def test_results_on_the_way(self, method):
        solver = BatchSolver(X0, method=method)
        assert (solver.result.status == Status.RUNNING).all()
        assert not solver.result.success.any()
        assert np.isnan(solver.result.fun).all()
        best = np.full(B, np.inf)
        while not solver.done:
            solver.tell(*fun(*solver.ask()))
            now = solver.result
            for x, f in zip(now.x, now.fun, strict=True):
                assert FUN.value(x) == f
            assert (now.fun <= best).all()
            best = now.fun.copy()
        assert solver.result.success.all()
        assert_same(solver.result, solver.result)

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
    def test_a_result_stays_as_it_is(self, method):
        solver = BatchSolver(X0, method=method)
        for _ in range(4):
            solver.tell(*fun(*solver.ask()))
        result = solver.result
        kept = copy.deepcopy(result)
        while not solver.done:
            solver.tell(*fun(*solver.ask()))
        assert solver.result.success.all()
        assert_same(result, kept)

    @pytest.mark.parametrize("method", ["bfgs", "cg", "newton"])
    def test_wrong_answers_change_nothing(self, method):
        solver = BatchSolver(X0, method=method)
        F, G = fun(*solver.ask())
        for wrong, error, match in (
            ({}, ValueError, "F is wanted"),
            ({"F": F}, ValueError, "G is wanted"),
            ({"F": F[:-1], "G": G}, ValueError, "F must have shape"),
            ({"F": F, "G": G.T}, ValueError, "G must have shape"),
            ({"F": F * 1j, "G": G}, TypeError, "F must be real"),
            ({"F": F, "G": [["a"] * N] * B}, TypeError, "G must be real"),
            ({"F": F, "G": G, "HV": F}, ValueError, "HV must have shape"),
            ({"F": F, "G": G, "H": G}, ValueError, "H must have shape"),
        ):
            with pytest.raises(error, match=match):
                solver.tell(**wrong)
        solver.tell(F, G)
        while not solver.done:
            X, index = solver.ask()
            solver.tell(*fun(X, index), H=hess(X, index))
        assert solver.result.success.all()

    def test_what_it_is_called(self):
        text = "<BatchSolver bfgs: 9 problems, n=4, 9 running>"
        assert repr(BatchSolver(X0)) == text
