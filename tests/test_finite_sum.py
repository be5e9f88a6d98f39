"""Finite sums: for every method and for SciPy, from Python and compiled."""

import copy
import signal
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

import optlab
from optlab import FiniteSum, Status, minimize, nn, problems
from optlab.methods import METHODS
from optlab.stochastic import RULES
from optlab_c.objectives import Objective

from .support import in_threads, same_bits

rng = np.random.default_rng(3)
A = rng.standard_normal((41, 4))
b = A @ [1.0, -2.0, 3.0, 0.5] + 0.2 * rng.standard_normal(41)
BEST = np.linalg.lstsq(A, b)[0]
ALL = np.arange(41)


def squares(w, indices):
    """Mean of half the squared residuals, added up in one order whatever BLAS does."""
    rows = A[indices]
    r = (rows * w).sum(axis=1) - b[indices]
    return 0.5 * np.mean(r * r), (rows * r[:, None]).sum(axis=0) / len(r)


def ridge(w, indices):
    """The same with a penalty, so that a fixed rate converges from anywhere."""
    f, g = squares(w, indices)
    return f + 0.05 * (w @ w), g + 0.1 * w


def options(**given):
    return {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "rng": 7} | given


class TestTheObject:
    def test_its_parts_are_those_of_the_function(self):
        total = FiniteSum(squares, 41)
        w = np.ones(4)
        f, g = squares(w, ALL)
        assert total.n_samples == 41
        assert total(w) == total.fun(w) == f
        assert same_bits(total.grad(w), g)
        assert total.fun_and_grad(w)[0] == f
        some = np.array([3, 3, 0])
        f, g = squares(w, some)
        assert total.fun(w, some) == f
        assert same_bits(total.grad(w, some), g)
        assert same_bits(total.fun_and_grad(w, some)[1], g)

    def test_batches_average_to_the_whole(self):
        total, w = FiniteSum(squares, 41), np.ones(4)
        for order in (ALL, np.random.default_rng(1).permutation(41)):
            parts = np.split(order, [7, 20, 21])
            f = sum(len(p) * total.fun(w, p) for p in parts) / 41
            g = sum(len(p) * total.grad(w, p) for p in parts) / 41
            np.testing.assert_allclose(f, total(w), rtol=1e-14)
            np.testing.assert_allclose(g, total.grad(w), rtol=1e-13)

    def test_its_repr_names_it(self):
        assert repr(FiniteSum(squares, 41)).startswith("FiniteSum(<function squares")
        assert repr(FiniteSum(squares, 41)).endswith(", 41)")

    def test_it_may_be_copied(self):
        again = copy.deepcopy(FiniteSum(squares, 41))
        assert again(np.ones(4)) == FiniteSum(squares, 41)(np.ones(4))

    @pytest.mark.parametrize("fun", [None, 3, "squares", np.ones(3)], ids=repr)
    def test_functions_that_are_none(self, fun):
        with pytest.raises(TypeError, match="fun must be callable"):
            FiniteSum(fun, 10)

    @pytest.mark.parametrize(
        ("n_samples", "error"),
        [
            (0, ValueError),
            (-1, ValueError),
            (2.5, TypeError),
            ("3", TypeError),
            (None, TypeError),
            (np.nan, TypeError),
            (True, TypeError),
        ],
        ids=repr,
    )
    def test_numbers_of_samples_that_are_none(self, n_samples, error):
        with pytest.raises(error, match="n_samples must be"):
            FiniteSum(squares, n_samples)

    def test_integers_of_numpy_are_numbers(self):
        assert FiniteSum(squares, np.int32(41)).n_samples == 41


class TestDeterministicMethods:
    @pytest.mark.parametrize("method", METHODS)
    def test_every_method_takes_it_over_all_samples(self, method):
        seen = []

        def fun(w, indices):
            seen.append(indices)
            return squares(w, indices)

        result = minimize(FiniteSum(fun, 41), np.zeros(4), method=method)
        assert result.success
        np.testing.assert_allclose(result.x, BEST, atol=1e-4)
        assert result.fun == squares(result.x, ALL)[0]
        assert same_bits(result.jac, squares(result.x, ALL)[1])
        assert all(same_bits(indices, ALL) for indices in seen)

    @pytest.mark.parametrize("method", METHODS)
    def test_it_is_the_same_run_as_that_of_the_plain_function(self, method):
        total = minimize(FiniteSum(squares, 41), np.ones(4), method=method)
        plain = minimize(lambda w: squares(w, ALL), np.ones(4), method=method, jac=True)
        assert same_bits(total.x, plain.x)
        assert (total.nit, total.nfev, total.njev) == (
            plain.nit,
            plain.nfev,
            plain.njev,
        )

    def test_bounds(self):
        bounds = [(0, 0.5)] * 4
        result = minimize(FiniteSum(squares, 41), np.full(4, 0.25), bounds=bounds)
        assert result.success
        assert ((result.x >= 0) & (result.x <= 0.5)).all()

    @pytest.mark.parametrize("method", ["BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP"])
    def test_scipy_takes_it(self, method):
        total = FiniteSum(squares, 41)
        result = scipy_minimize(total, np.zeros(4), jac=total.grad, method=method)
        np.testing.assert_allclose(result.x, BEST, atol=1e-3)
        both = scipy_minimize(total.fun_and_grad, np.zeros(4), jac=True, method=method)
        assert same_bits(both.x, result.x)


def net(dtype="float64"):
    X = np.random.default_rng(0).standard_normal((60, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = nn.MLP([3, 6, 2], "tanh", prior=nn.GaussianPrior(0.1), dtype=dtype)
    return model.objective(X, y), model.init(rng=0)


class Foreign:
    """Someone else's compiled sum: nothing but the capsule."""

    def __init__(self, objective):
        self.__optlab_objective__ = objective.__optlab_objective__
        self.keeps = objective


class TestCompiledAndPython:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("method", RULES)
    def test_nets_take_the_same_steps_either_way(self, method, dtype):
        objective, w0 = net(dtype)
        total = FiniteSum(objective.fun_and_grad, objective.n_samples)
        given = options(full=True, weight_decay=0.01, clip_norm=0.5, averaging=1)
        ours = minimize(objective, w0, method=method, options=given)
        python = minimize(total, w0, method=method, options=given | {"dtype": dtype})
        assert same_bits(ours.x, python.x)
        assert ours.x.dtype == dtype
        assert ours.fun == python.fun
        assert same_bits(ours.jac, python.jac)
        assert (ours.nfev, ours.njev) == (python.nfev, python.njev)
        for name in ("loss", "f", "gnorm", "learning_rate"):
            assert same_bits(ours.history[name], python.history[name])

    @pytest.mark.parametrize("name", ["logistic_binary", "logistic_multinomial"])
    @pytest.mark.parametrize("method", RULES)
    def test_problems_do_so_too(self, method, name):
        problem = problems.get(name)
        total = FiniteSum(problem.fun_and_grad, problem.n_samples)
        given = options(learning_rate=1e-4)  # these are sums, with steep slopes
        ours = minimize(problem, problem.x0, method=method, options=given)
        python = minimize(total, problem.x0, method=method, options=given)
        assert same_bits(ours.x, python.x)
        assert (ours.nfev, ours.njev) == (python.nfev, python.njev)
        assert ours.fun < problem.fun(problem.x0)

    def test_armijo_does_so_too(self):
        objective, w0 = net()
        total = FiniteSum(objective.fun_and_grad, objective.n_samples)
        given = options(line_search="armijo", learning_rate=1.0)
        ours = minimize(objective, w0, method="sgd", options=given)
        python = minimize(total, w0, method="sgd", options=given)
        assert same_bits(ours.x, python.x)
        assert (ours.nfev, ours.njev) == (python.nfev, python.njev)
        assert ours.nfev > ours.njev

    @pytest.mark.parametrize("wrap", [Objective, Foreign])
    def test_any_capsule_of_a_sum_is_one(self, wrap):
        problem = problems.get("logistic_binary")
        plain = minimize(problem, problem.x0, method="adam", options=options())
        other = minimize(wrap(problem), problem.x0, method="adam", options=options())
        assert same_bits(plain.x, other.x)

    def test_the_precision_of_a_compiled_sum_is_its_own(self):
        objective, w0 = net("float32")
        with pytest.raises(ValueError, match="dtype must be 'float32' for this fun"):
            minimize(objective, w0, method="sgd", options={"dtype": "float64"})

    def test_float32_of_a_python_sum(self):
        seen = set()

        def fun(w, indices):
            seen.add(w.dtype)
            return squares(w, indices)

        result = minimize(
            FiniteSum(fun, 41),
            np.zeros(4),
            method="adam",
            options=options(dtype="float32"),
        )
        assert seen == {np.dtype(np.float32)}
        assert result.x.dtype == result.jac.dtype == np.float32


class TestWhatTheFunctionSees:
    @pytest.mark.parametrize("method", RULES)
    def test_batches_hold_each_sample_once_an_epoch(self, method):
        seen = []

        def fun(w, indices):
            assert w.shape == (4,)
            assert w.dtype == np.float64
            assert indices.dtype == np.int64
            seen.append(indices)
            return squares(w, indices)

        minimize(FiniteSum(fun, 41), np.zeros(4), method=method, options=options())
        batches = [indices for indices in seen if len(indices) < 41]
        if method == "svrg":
            assert all(
                same_bits(x, y)
                for x, y in zip(batches[::2], batches[1::2], strict=True)
            )
            batches = batches[::2]
        assert [len(part) for part in batches] == [8, 8, 8, 8, 8, 1] * 3
        for start in (0, 6, 12):
            epoch = np.concatenate(batches[start : start + 6])
            np.testing.assert_array_equal(np.sort(epoch), ALL)

    @pytest.mark.parametrize("method", RULES)
    def test_its_arrays_are_its_own(self, method):
        buffer, kept = np.empty(4), []

        def fun(w, indices):
            f, buffer[:] = squares(w, indices)
            kept.append((w, w.copy(), indices, indices.copy()))
            return f, buffer

        def rude(w, indices):
            answer = squares(w, indices)
            w.fill(np.nan)
            indices.fill(-1)
            return answer

        given = options(averaging=1, full=True)
        x0 = np.zeros(4)
        plain, reusing, ruined = (
            minimize(FiniteSum(f, 41), x0, method=method, options=given)
            for f in (squares, fun, rude)
        )
        assert same_bits(plain.x, reusing.x)
        assert same_bits(plain.x, ruined.x)
        assert same_bits(plain.jac, reusing.jac)
        assert same_bits(plain.jac, ruined.jac)
        assert (x0 == 0).all()
        for w, w_then, indices, indices_then in kept:
            assert same_bits(w, w_then)
            assert same_bits(indices, indices_then)

    def test_validation_is_protected_from_it_too(self):
        def rude(w, indices):
            answer = squares(w, indices)
            w.fill(np.nan)
            indices.fill(0)
            return answer

        given = options(validation=0.25)
        plain, ruined = (
            minimize(FiniteSum(f, 41), np.zeros(4), method="adam", options=given)
            for f in (squares, rude)
        )
        assert same_bits(plain.x, ruined.x)
        assert same_bits(
            plain.history["validation_loss"], ruined.history["validation_loss"]
        )

    @pytest.mark.parametrize(
        "answer",
        [
            lambda f, g: [f, g],
            lambda f, g: (np.float32(f), g),
            lambda f, g: (np.array([f]), g),
            lambda f, g: (f, list(g)),
            lambda f, g: (f, g.astype(np.longdouble)),
            lambda f, g: (f, g.astype(object)),  # as all other methods do
            lambda f, g: (Fraction(f), g),
        ],
    )
    def test_answers_of_other_kinds_are_taken(self, answer):
        total = FiniteSum(lambda w, i: answer(*ridge(w, i)), 41)
        result = minimize(total, np.zeros(4), method="sgd", options=options())
        plain = minimize(
            FiniteSum(ridge, 41), np.zeros(4), method="sgd", options=options()
        )
        assert same_bits(result.x, plain.x)

    def test_integer_gradients_are_taken(self):
        total = FiniteSum(lambda w, i: (0, np.sign(w).astype(int)), 10)
        result = minimize(total, [3.0, -3.0], method="sgd", options=options())
        assert (np.abs(result.x) < 3).all()

    @pytest.mark.parametrize("first", [True, False])
    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (None, TypeError, "pair"),
            (1.0, TypeError, "pair"),
            ((1.0,), TypeError, "pair"),
            ((1.0, np.zeros(4), 0), TypeError, "pair"),
            ((1.0, np.zeros(3)), ValueError, r"gradient must have shape \(4,\)"),
            ((1.0, np.zeros((4, 1))), ValueError, r"gradient must have shape \(4,\)"),
            ((1.0, 0.0), ValueError, r"gradient must have shape \(4,\)"),
            ((None, np.zeros(4)), TypeError, "fun must return one real number"),
            (("1", np.zeros(4)), TypeError, "fun must return one real number"),
            ((1j, np.zeros(4)), TypeError, "fun must return one real number"),
            ((np.ones(2), np.zeros(4)), TypeError, "fun must return one real number"),
            ((1.0, None), (TypeError, ValueError), "gradient"),
            ((1.0, ["a"] * 4), (TypeError, ValueError), "gradient"),
            ((1.0, ["1"] * 4), (TypeError, ValueError), "gradient"),
            ((1.0, np.ones(4) * 1j), TypeError, "gradient"),
            ((1.0, [[1.0], [1.0, 2.0]]), (TypeError, ValueError), "gradient"),
            ((1.0, {1, 2, 3, 4}), TypeError, "gradient"),
        ],
        ids=str,
    )
    def test_wrong_answers_are_named(self, answer, error, words, first):
        """At the start, where all samples are asked for, and in a batch."""

        def fun(w, indices):
            wrong = first or len(indices) < 41
            return answer if wrong else squares(w, indices)

        with pytest.raises(error, match=words):
            minimize(FiniteSum(fun, 41), np.zeros(4), method="sgd")


class TestExceptions:
    @pytest.mark.parametrize("at", [1, 2, 5, 9])
    @pytest.mark.parametrize("error", [ValueError, StopIteration, KeyboardInterrupt])
    @pytest.mark.parametrize("method", ["sgd", "svrg"])
    def test_they_pass_unchanged(self, method, error, at):
        calls, raised = [], error("mine")

        def fun(w, indices):
            calls.append(indices)
            if len(calls) == at:
                raise raised
            return squares(w, indices)

        with pytest.raises(error, match="mine") as caught:
            minimize(FiniteSum(fun, 41), np.zeros(4), method=method, options=options())
        assert caught.value is raised
        assert len(calls) == at

    @pytest.mark.parametrize("name", ["validation", "schedule"])
    @pytest.mark.parametrize("error", [ValueError, StopIteration, KeyboardInterrupt])
    def test_those_of_other_functions_do_so_too(self, name, error):
        def fails(_):
            raise error("mine")

        with pytest.raises(error, match="mine"):
            minimize(
                FiniteSum(squares, 41),
                np.zeros(4),
                method="sgd",
                options=options(**{name: fails}),
            )

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
    def test_those_of_callbacks_do_so_too(self, error):
        def fails(xk):
            raise error("mine")

        with pytest.raises(error, match="mine"):
            minimize(FiniteSum(squares, 41), np.zeros(4), method="sgd", callback=fails)

    def test_a_signal_ends_a_compiled_run(self):
        problem = problems.get("logistic_binary")

        class Alarm(BaseException):
            pass

        def ring(*_):
            raise Alarm

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(Alarm):  # else it would go on for days
                minimize(
                    problem,
                    problem.x0,
                    method="sgd",
                    options={"epochs": 10**9, "history": False},
                )
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class TestReentrance:
    def test_minimize_inside_of_a_sum(self):
        def nested(w, indices):
            minimize(
                FiniteSum(squares, 41),
                np.zeros(4),
                method="adam",
                options=options(epochs=1),
            )
            return squares(w, indices)

        plain, inside = (
            minimize(FiniteSum(f, 41), np.zeros(4), method="adam", options=options())
            for f in (squares, nested)
        )
        assert same_bits(plain.x, inside.x)

    @pytest.mark.parametrize("method", RULES)
    def test_runs_side_by_side_on_one_net(self, method):
        objective, w0 = net()

        def run(seed):
            given = options(epochs=10, rng=seed)
            return minimize(objective, w0, method=method, options=given).x

        alone = [run(seed) for seed in range(4)]
        assert not same_bits(alone[0], alone[1])
        for x, y in zip(in_threads(run, 4), alone, strict=True):
            assert same_bits(x, y)


class TestWhatIsNoSum:
    @pytest.mark.parametrize(
        "fun",
        [
            lambda w: 1.0,
            squares,
            None,
            3,
            problems.get("rosenbrock"),
            problems.get("quadratic"),
        ],
        ids=lambda fun: type(fun).__name__,
    )
    @pytest.mark.parametrize("method", RULES)
    def test_it_is_told_how_to_make_one(self, method, fun):
        with pytest.raises(TypeError) as caught:
            minimize(fun, np.zeros(2), method=method)
        message = str(caught.value)
        for words in ("fun must be a finite sum", "optlab.FiniteSum(fun, n_samples)"):
            assert words in message
        assert type(fun).__name__ in message

    @pytest.mark.parametrize("n", [1, 20, 22])
    def test_starts_of_another_length_are_named(self, n):
        problem = problems.get("logistic_binary")
        with pytest.raises(ValueError, match=f"x0 must have 21 .* got {n}"):
            minimize(problem, np.zeros(n), method="adam")

    @pytest.mark.parametrize(
        ("x0", "error"),
        [
            ([np.nan, 0, 0, 0], ValueError),
            ([np.inf, 0, 0, 0], ValueError),
            ([], ValueError),
            (["a"] * 4, TypeError),
            ([1j] * 4, TypeError),
            (None, TypeError),
        ],
        ids=repr,
    )
    def test_starts_that_are_none_are_named(self, x0, error):
        with pytest.raises(error, match="x0"):
            minimize(FiniteSum(squares, 41), x0, method="adam")


class TestOneSample:
    @pytest.mark.parametrize("method", RULES)
    def test_a_sum_of_one(self, method):
        total = FiniteSum(lambda w, i: (0.5 * w @ w, w.copy()), 1)
        given = {"batch_size": 1, "epochs": 5, "learning_rate": 0.1, "rng": 0}
        result = minimize(total, np.ones(3), method=method, options=given)
        assert result.status is Status.EPOCHS
        assert result.fun < 1.5

    def test_nothing_can_be_held_out_of_it(self):
        total = FiniteSum(lambda w, i: (0.5 * w @ w, w.copy()), 1)
        with pytest.raises(ValueError, match="validation needs at least two samples"):
            minimize(total, np.ones(3), method="sgd", options={"validation": 0.5})

    def test_one_of_two_can(self):
        total = FiniteSum(lambda w, i: (0.5 * w @ w, w.copy()), 2)
        for part in (0.01, 0.5, 0.99):
            given = {"validation": part, "batch_size": 1, "rng": 0}
            result = minimize(total, np.ones(3), method="sgd", options=given)
            assert np.isfinite(result.history["validation_loss"]).all()


def test_it_is_exported():
    assert optlab.FiniteSum is FiniteSum
    assert "FiniteSum" in optlab.__all__
