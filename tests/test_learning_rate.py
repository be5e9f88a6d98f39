"""The learning-rate finder: its curve, its suggestion, and what it refuses."""

import dataclasses

import numpy as np
import pytest

import optlab
from optlab import FiniteSum, find_learning_rate, minimize, nn, problems
from optlab.learning_rate import LearningRates
from optlab.stochastic import RULES

from .support import in_threads, same_bits

SWEPT = [method for method in RULES if method != "svrg"]

rng = np.random.default_rng(5)
A = rng.standard_normal((50, 3))
b = A @ [1.0, -2.0, 3.0] + 0.1 * rng.standard_normal(50)


def squares(w, indices):
    """Mean of half the squared residuals, added up in one order whatever BLAS does."""
    rows = A[indices]
    r = (rows * w).sum(axis=1) - b[indices]
    return 0.5 * np.mean(r * r), (rows * r[:, None]).sum(axis=0) / len(r)


LEAST_SQUARES = FiniteSum(squares, 50)
START = np.zeros(3)


def net(loss="cross_entropy", dtype="float64", batch_norm=False):
    X = np.random.default_rng(0).standard_normal((400, 2))
    product = X[:, 0] * X[:, 1]
    model = nn.MLP(
        [2, 16, 2 if loss == "cross_entropy" else 1],
        batch_norm=batch_norm,
        loss=loss,
        dtype=dtype,
    )
    y = (product > 0).astype(int) if loss != "squared" else product
    return model.objective(X, y), model.init(rng=0)


def trained(objective, w0, method, rate, **options):
    given = {"learning_rate": rate, "epochs": 20, "rng": 1} | options
    return minimize(objective, w0, method=method, options=given)


class TestSuggestion:
    @pytest.mark.parametrize("loss", ["cross_entropy", "logistic", "squared"])
    @pytest.mark.parametrize("method", SWEPT)
    def test_nets_are_trained_by_it(self, method, loss):
        objective, w0 = net(loss)
        found = find_learning_rate(objective, w0, method, rng=0)
        result = trained(objective, w0, method, found.suggestion)
        # Every epoch ends lower than the start, and the last by more than a quarter.
        assert (result.history["loss"][1:] < objective.fun(w0)).all()
        assert result.fun < 0.75 * objective.fun(w0)

    @pytest.mark.parametrize("method", SWEPT)
    def test_least_squares_are_solved_by_it(self, method):
        found = find_learning_rate(LEAST_SQUARES, START, method, rng=0)
        result = trained(LEAST_SQUARES, START, method, found.suggestion, epochs=40)
        best = squares(np.linalg.lstsq(A, b)[0], np.arange(50))[0]
        start = squares(START, np.arange(50))[0]
        assert result.fun - best < 0.1 * (start - best)

    @pytest.mark.parametrize("method", SWEPT)
    def test_single_precision_and_batch_norm(self, method):
        objective, w0 = net(dtype="float32", batch_norm=True)
        found = find_learning_rate(objective, w0, method, rng=0)
        result = trained(objective, w0, method, found.suggestion)
        assert result.fun < 0.75 * objective.fun(w0)

    def test_a_registered_problem(self):
        problem = problems.get("logistic_binary")
        found = find_learning_rate(problem, problem.x0, "momentum", rng=0)
        result = trained(problem, problem.x0, "momentum", found.suggestion)
        assert result.fun < problem.fun(problem.x0)

    @pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
    def test_it_scales_with_the_loss_for_sgd(self, scale):
        # The loss times s wants the rate divided by s.
        def scaled(w, indices):
            f, g = squares(w, indices)
            return scale * f, scale * g

        ours = find_learning_rate(
            FiniteSum(scaled, 50), START, low=1e-6 / scale, high=10 / scale, rng=0
        )
        plain = find_learning_rate(LEAST_SQUARES, START, rng=0)
        assert ours.suggestion * scale == pytest.approx(plain.suggestion, rel=1e-6)

    def test_it_lies_below_where_steps_are_too_long(self):
        # f = c/2 |w|^2 with one curvature: steps diverge from 2 / c on.
        for curvature in (0.5, 4.0, 100.0):
            total = FiniteSum(lambda w, i, c=curvature: (0.5 * c * (w @ w), c * w), 20)
            found = find_learning_rate(total, np.ones(3), rng=0)
            assert 1e-4 / curvature < found.suggestion < 2 / curvature

    def test_it_is_a_quarter_of_the_rate_of_the_lowest_smoothed_loss(self):
        for method in SWEPT:
            found = find_learning_rate(LEAST_SQUARES, START, method, rng=0)
            lowest = found.rates[found.smoothed.argmin()]
            assert found.suggestion == 0.25 * lowest


class TestCurve:
    @pytest.mark.parametrize("steps", [10, 37, 200])
    @pytest.mark.parametrize("method", SWEPT)
    def test_rates_grow_by_one_factor_from_low(self, method, steps):
        found = find_learning_rate(
            LEAST_SQUARES, START, method, low=1e-5, high=10.0, steps=steps, rng=0
        )
        count = len(found.rates)
        assert 1 <= count <= steps
        assert found.losses.shape == found.smoothed.shape == (count,)
        full = np.geomspace(1e-5, 10.0, steps)
        np.testing.assert_allclose(found.rates, full[:count], rtol=1e-12)
        for values in (found.rates, found.losses, found.smoothed):
            assert values.dtype == np.float64
            assert np.isfinite(values).all()

    def test_a_sweep_that_nothing_ends_is_whole(self):
        found = find_learning_rate(LEAST_SQUARES, START, high=1e-3, steps=25, rng=0)
        assert len(found.rates) == 25
        np.testing.assert_allclose(found.rates[-1], 1e-3, rtol=1e-12)

    def test_losses_are_those_after_each_step_over_all_samples(self):
        # Batches of all samples: the sweep is gradient descent, done here by hand.
        found = find_learning_rate(
            LEAST_SQUARES, START, high=1e-1, steps=30, batch_size=50, rng=0
        )
        w, everything = START, np.arange(50)
        losses = []
        for rate in found.rates:
            w = w - rate * squares(w, everything)[1]
            losses.append(squares(w, everything)[0])
        np.testing.assert_allclose(found.losses, losses, rtol=1e-10)

    def test_it_looks_at_some_samples_of_many(self):
        seen = []

        def fun(w, indices):
            seen.append(indices)
            return 0.5 * w @ w, w

        find_learning_rate(FiniteSum(fun, 5000), np.ones(2), steps=10, rng=0)
        probes = [indices for indices in seen if len(indices) > 32]
        assert len(probes) >= 10
        assert len(set(probes[0].tolist())) == 1000
        assert all(same_bits(probe, probes[0]) for probe in probes)

    def test_smoothing_is_a_mean_over_neighbours(self):
        found = find_learning_rate(
            LEAST_SQUARES, START, high=1e-2, steps=100, batch_size=5, rng=0
        )
        values = found.losses
        means = [values[max(0, i - 2) : i + 3].mean() for i in range(len(values))]
        np.testing.assert_allclose(found.smoothed, means, rtol=1e-10)

    def test_it_ends_where_the_loss_blows_up(self):
        found = find_learning_rate(LEAST_SQUARES, START, high=1e6, rng=0)
        assert len(found.rates) < 200
        first = squares(START, np.arange(50))[0]
        assert (found.losses <= found.losses.min() + 3 * first).all()
        assert found.suggestion < found.rates[-1]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_it_ends_where_the_loss_is_not_finite(self, bad):
        def cliff(w, indices):
            f, g = squares(w, indices)
            return (bad if np.abs(w).max() > 2.5 else f), g

        found = find_learning_rate(FiniteSum(cliff, 50), START, rng=0)
        assert np.isfinite(found.losses).all()
        assert len(found.rates) < 200
        assert found.suggestion <= found.rates[-1]

    def test_it_ends_where_gradients_are_not_finite(self):
        def steep(w, indices):
            f, g = squares(w, indices)
            return f, (g * np.nan if np.abs(w).max() > 1.0 else g)

        found = find_learning_rate(FiniteSum(steep, 50), START, rng=0)
        assert np.isfinite(found.losses).all()
        assert len(found.rates) < 200


class TestPromises:
    @pytest.mark.parametrize("method", SWEPT)
    def test_a_seed_gives_the_same_bits(self, method):
        objective, w0 = net()
        one, two, other = (
            find_learning_rate(objective, w0, method, rng=seed) for seed in (3, 3, 4)
        )
        for name in ("rates", "losses", "smoothed", "suggestion"):
            assert same_bits(getattr(one, name), getattr(two, name))
        assert not np.array_equal(one.losses, other.losses)

    def test_a_generator_is_used_up(self):
        random = np.random.default_rng(3)
        one = find_learning_rate(LEAST_SQUARES, START, batch_size=5, rng=random)
        two = find_learning_rate(LEAST_SQUARES, START, batch_size=5, rng=3)
        three = find_learning_rate(LEAST_SQUARES, START, batch_size=5, rng=random)
        assert same_bits(one.losses, two.losses)
        assert not np.array_equal(one.losses, three.losses)

    def test_the_start_stays_as_it_was(self):
        x0 = np.ones(3)
        find_learning_rate(LEAST_SQUARES, x0, "adam", rng=0)
        assert (x0 == 1).all()

    def test_a_net_in_python_has_the_same_curve(self):
        objective, w0 = net()
        total = FiniteSum(objective.fun_and_grad, objective.n_samples)
        for method in SWEPT:
            ours = find_learning_rate(objective, w0, method, rng=0)
            python = find_learning_rate(total, w0, method, rng=0)
            assert same_bits(ours.losses, python.losses)

    def test_the_function_may_ruin_what_it_is_given(self):
        def rude(w, indices):
            answer = squares(w, indices)
            w.fill(np.nan)
            indices.fill(0)
            return answer

        x0 = np.zeros(3)
        ours = find_learning_rate(FiniteSum(rude, 50), x0, "adam", rng=0)
        plain = find_learning_rate(LEAST_SQUARES, START, "adam", rng=0)
        assert same_bits(ours.losses, plain.losses)
        assert (x0 == 0).all()

    def test_a_reused_buffer(self):
        buffer = np.empty(3)

        def fun(w, indices):
            f, buffer[:] = squares(w, indices)
            return f, buffer

        ours = find_learning_rate(FiniteSum(fun, 50), START, "momentum", rng=0)
        plain = find_learning_rate(LEAST_SQUARES, START, "momentum", rng=0)
        assert same_bits(ours.losses, plain.losses)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StopIteration])
    @pytest.mark.parametrize("at", [1, 2, 7])
    def test_exceptions_pass_unchanged(self, at, error):
        calls, raised = [], error("mine")

        def fun(w, indices):
            calls.append(w)
            if len(calls) == at:
                raise raised
            return squares(w, indices)

        with pytest.raises(error, match="mine") as caught:
            find_learning_rate(FiniteSum(fun, 50), START, rng=0)
        assert caught.value is raised

    def test_side_by_side(self):
        objective, w0 = net()
        alone = find_learning_rate(objective, w0, "adam", rng=0)
        for found in in_threads(
            lambda i: find_learning_rate(objective, w0, "adam", rng=0)
        ):
            assert same_bits(found.losses, alone.losses)

    def test_the_result_is_frozen(self):
        found = find_learning_rate(LEAST_SQUARES, START, rng=0)
        assert isinstance(found, LearningRates)
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.suggestion = 1.0


class TestOptions:
    @pytest.mark.parametrize(
        ("method", "options"),
        [
            ("momentum", {"momentum": 0.5}),
            ("nesterov", {"momentum": 0.5}),
            ("adam", {"betas": (0.5, 0.9)}),
            ("adam", {"eps": 0.1}),
            ("sgd", {"weight_decay": 1.0}),
            ("sgd", {"clip_norm": 0.1}),
            ("sgd", {"shuffle": False}),
            ("sgd", {"shuffle": "replacement"}),
            ("sgd", {"dtype": "float32"}),
            ("sgd", {"batch_size": 1}),
        ],
        ids=str,
    )
    def test_they_do_something(self, method, options):
        given = {"batch_size": 5, "rng": 0, "high": 1e-1}
        plain = find_learning_rate(LEAST_SQUARES, START, method, **given)
        ours = find_learning_rate(LEAST_SQUARES, START, method, **given | options)
        assert not np.array_equal(plain.losses, ours.losses)

    def test_batches_larger_than_the_data_are_all_of_them(self):
        large = find_learning_rate(LEAST_SQUARES, START, batch_size=1000, rng=0)
        whole = find_learning_rate(LEAST_SQUARES, START, batch_size=50, rng=0)
        assert same_bits(large.losses, whole.losses)

    def test_names_of_methods_are_free_of_case(self):
        ours = find_learning_rate(LEAST_SQUARES, START, "ADAM", rng=0)
        assert (
            ours.suggestion
            == find_learning_rate(LEAST_SQUARES, START, "adam", rng=0).suggestion
        )

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ({"method": "svrg"}, ValueError, "method must be a stochastic one"),
            ({"method": "l-bfgs"}, ValueError, "method must be a stochastic one"),
            ({"method": None}, ValueError, "method must be a stochastic one"),
            ({"method": 3}, ValueError, "method must be a stochastic one"),
            ({"low": 0.0}, ValueError, "low must be positive"),
            ({"low": -1e-3}, ValueError, "low must be positive"),
            ({"low": np.nan}, ValueError, "low must not be NaN"),
            ({"low": np.inf}, ValueError, "low must be positive and finite"),
            ({"low": "1"}, TypeError, "low must be a real number"),
            ({"high": np.nan}, ValueError, "high must not be NaN"),
            ({"high": np.inf}, ValueError, "high must be positive and finite"),
            ({"high": None}, TypeError, "high must be a real number"),
            ({"low": 1.0, "high": 1.0}, ValueError, "high must be greater than low"),
            ({"steps": 9}, ValueError, "steps must be at least 10"),
            ({"steps": 20.5}, TypeError, "steps must be an int"),
            ({"steps": None}, TypeError, "steps must be an int"),
            ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
            ({"batch_size": 2.5}, ValueError, "batch_size must be an integer"),
            ({"rng": "seed"}, TypeError, "rng must be a Generator"),
            ({"rng": -1}, ValueError, "rng must be a Generator"),
            ({"momentum": 1.0}, ValueError, "momentum must be less than 1"),
            ({"clip_norm": -1}, ValueError, "clip_norm must be positive"),
            ({"weight_decay": np.nan}, ValueError, "weight_decay must not be NaN"),
            ({"dtype": "float16"}, ValueError, "dtype must be one of"),
            ({"epochs": 3}, TypeError, "epochs is not handled by find_learning_rate"),
            ({"schedule": "step"}, TypeError, "schedule is not handled"),
            ({"learning_rate": 1}, TypeError, "learning_rate is not handled"),
            ({"validation": 0.1}, TypeError, "validation is not handled"),
            ({"batchsize": 3}, TypeError, "batchsize is not handled"),
            ({"x0": [np.nan] * 3}, ValueError, "x0 must be finite"),
            ({"x0": []}, ValueError, "x0"),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_named_before_any_evaluation(
        self, arguments, error, words
    ):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        given = {"x0": START} | arguments
        with pytest.raises(error, match=words):
            find_learning_rate(FiniteSum(fun, 50), **given)
        assert not calls

    @pytest.mark.parametrize("batch", [False, True])
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (None, "fun must return the pair"),
            (1.0, "fun must return the pair"),
            ((1.0,), "fun must return the pair"),
            ((None, np.zeros(3)), "fun must return"),
            (("1", np.zeros(3)), "fun must return"),
            ((1j, np.zeros(3)), "fun must return"),
            ((np.ones(2), np.zeros(3)), "fun must return"),
            ((1.0, np.zeros(2)), "gradient must have shape"),
            ((1.0, None), "gradient must"),
            ((1.0, ["1"] * 3), "gradient must"),
            ((1.0, np.ones(3) * 1j), "gradient must"),
        ],
        ids=str,
    )
    def test_wrong_answers_are_named(self, answer, words, batch):
        """Of the samples that are looked at, and of those of a batch."""

        def fun(w, indices):
            wrong = len(indices) < 50 or not batch
            return answer if wrong else squares(w, indices)

        with pytest.raises((TypeError, ValueError), match=words):
            find_learning_rate(FiniteSum(fun, 50), START, rng=0)

    def test_what_is_no_sum_is_told_how_to_be_one(self):
        for fun in (squares, problems.get("rosenbrock")):
            with pytest.raises(TypeError, match=r"optlab\.FiniteSum\(fun, n_samples\)"):
                find_learning_rate(fun, np.zeros(2))

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_starts_without_a_finite_loss_are_refused(self, bad):
        total = FiniteSum(lambda w, i: (bad, w), 10)
        with pytest.raises(ValueError, match="x0 has no finite loss"):
            find_learning_rate(total, START, rng=0)

    def test_a_lowest_rate_that_is_too_high_is_named(self):
        with pytest.raises(ValueError, match="low must be less"):
            find_learning_rate(LEAST_SQUARES, START, low=1e3, high=1e6, rng=0)


class TestPlot:
    def test_curve_and_suggestion_are_drawn(self, pyplot):
        found = find_learning_rate(LEAST_SQUARES, START, rng=0)
        ax = found.plot()
        assert ax.get_xscale() == "log"
        assert ax.get_xlabel() == "learning rate"
        assert ax.get_ylabel() == "loss"
        lines = [(line.get_xdata(), line.get_ydata()) for line in ax.get_lines()]
        for values in (found.losses, found.smoothed):
            assert any(
                len(y) == len(values)
                and np.array_equal(x, found.rates)
                and np.array_equal(y, values)
                for x, y in lines
            )
        marked = [x for x, _ in lines if np.all(np.asarray(x) == found.suggestion)]
        assert len(marked) == 1
        assert f"{found.suggestion:.3g}" in ax.get_legend().get_texts()[-1].get_text()
        ax.figure.canvas.draw()

    def test_it_draws_where_it_is_told(self, pyplot):
        found = find_learning_rate(LEAST_SQUARES, START, rng=0)
        figure, (left, right) = pyplot.subplots(1, 2)
        assert found.plot(right) is right
        assert not left.get_lines()
        assert right.get_lines()
        assert pyplot.get_fignums() == [figure.number]


def test_it_is_exported():
    assert optlab.find_learning_rate is find_learning_rate
    assert "find_learning_rate" in optlab.__all__
