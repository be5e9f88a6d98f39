"""Stochastic methods: rules, samplers, schedules, how runs end, and what is refused."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import OptimizeWarning
from scipy.optimize import minimize as scipy_minimize

import optlab
from optlab import FiniteSum, Status, minimize, nn
from optlab.methods import METHODS
from optlab.stochastic import RULES
from optlab_c.stochastic import DONE, EPOCH, Machine

from .support import in_threads, same_bits
from .textbook import sgd as textbook

rng = np.random.default_rng(0)
A = rng.standard_normal((37, 5))
b = A @ np.arange(1.0, 6) + 0.3 * rng.standard_normal(37)


def squares(w, indices):
    """Mean of half the squared residuals, added up in one order whatever BLAS does."""
    rows = A[indices]
    r = (rows * w).sum(axis=1) - b[indices]
    return 0.5 * np.mean(r * r), (rows * r[:, None]).sum(axis=0) / len(r)


LEAST_SQUARES = FiniteSum(squares, 37)
BEST = np.linalg.lstsq(A, b)[0]


def seed_of(rng):
    return int(np.random.default_rng(rng).integers(2**64, dtype=np.uint64))


def run_of(method, **options):
    """A run's last point, and all of them by ask and tell."""
    options = {"batch_size": 8, "epochs": 3, "learning_rate": 0.05, "rng": 7} | options
    return minimize(LEAST_SQUARES, np.zeros(5), method=method, options=options)


VARIANTS = [
    ({}, {}),
    ({"weight_decay": 0.1}, {"decay": 0.1}),
    ({"warmup": 1.5}, {"warmup": 1.5}),
    ({"shuffle": False}, {"sampler": "ordered"}),
    ({"shuffle": "replacement"}, {"sampler": "drawn"}),
    ({"batch_size": 37}, {"batch": 37}),
    ({"batch_size": 1}, {"batch": 1}),
]
SCHEDULES = [
    ({"schedule": "step", "decay": 0.5}, {"schedule": "step", "decay": 0.5}),
    ({"schedule": "inverse"}, {"schedule": "inverse", "decay": 1.0}),
    ({"schedule": "exponential"}, {"schedule": "exponential", "decay": 0.95}),
    (
        {"schedule": "cosine", "min_learning_rate": 0.01},
        {"schedule": "cosine", "every": 3.0, "least": 0.01},
    ),
]


@pytest.mark.parametrize(("options", "same"), VARIANTS, ids=str)
@pytest.mark.parametrize("method", RULES)
def test_every_rule_is_its_textbook_twin_bit_for_bit(method, options, same):
    result = run_of(method, **options)
    same = {"decay": RULES[method].weight_decay, "batch": 8} | same
    decay = same.pop("decay")
    rule = {"seed": seed_of(7), "epochs": 3, "alpha": 0.05} | same
    twin = Twin(decay)
    seen, _ = twin.run(method, **rule)
    # The best of the epochs' ends, or the last one; the twin has them all.
    assert any(same_bits(result.x, w) for w in seen)
    assert same_bits(result.x, seen[-1])


@pytest.mark.parametrize("method", RULES)
def test_every_rule_clips_as_its_textbook_twin(method):
    # Not to the bit: the last one of a norm depends on the order of its sum.
    result = run_of(method, clip_norm=2.0)
    rule = {"seed": seed_of(7), "batch": 8, "epochs": 3, "alpha": 0.05}
    seen, _ = Twin(RULES[method].weight_decay).run(method, clip=2.0, **rule)
    np.testing.assert_allclose(result.x, seen[-1], rtol=1e-13)


class Twin:
    """The textbook with the decay of weights beside that of rates."""

    def __init__(self, decay):
        self.decay = decay

    def run(self, method, **rule):
        original = textbook.Rule

        def made(name, n, **constants):
            return original(name, n, decay=self.decay, **constants)

        textbook.Rule = made
        try:
            return textbook.run(squares, np.zeros(5), 37, method, **rule)
        finally:
            textbook.Rule = original


@pytest.mark.parametrize(("options", "same"), SCHEDULES, ids=str)
def test_every_schedule_is_its_textbook_twin_bit_for_bit(options, same):
    result = run_of("momentum", **options)
    seen, _ = textbook.run(
        squares,
        np.zeros(5),
        37,
        "momentum",
        seed=seed_of(7),
        batch=8,
        epochs=3,
        alpha=0.05,
        **same,
    )
    assert same_bits(result.x, seen[-1])


@pytest.mark.parametrize("method", ["sgd", "svrg"])
def test_a_clipped_step_is_no_longer_than_it_may_be(method):
    def far(w, indices):
        f, g = squares(w, indices)
        return f, g + 100.0 * (indices.mean() - 18)  # batches that disagree

    options = {"clip_norm": 0.5, "learning_rate": 0.1, "epochs": 1, "rng": 0}
    total, w0 = FiniteSum(far, 37), np.zeros(5)
    result = minimize(total, w0, method=method, options=options | {"batch_size": 37})
    assert np.linalg.norm(result.x) <= 0.05 * (1 + 1e-12)
    seen = []
    watched = FiniteSum(lambda w, i: seen.append(w) or far(w, i), 37)
    minimize(watched, w0, method=method, options=options | {"batch_size": 10})
    steps = np.diff([w for w in seen if w.any()], axis=0)
    assert np.linalg.norm(steps, axis=1).max() <= 0.05 * (1 + 1e-12)


@pytest.mark.parametrize("first", [0, 2])
def test_the_average_is_the_textbooks(first):
    result = run_of("sgd", averaging=first)
    _, mean = textbook.run(
        squares,
        np.zeros(5),
        37,
        "sgd",
        seed=seed_of(7),
        batch=8,
        epochs=3,
        alpha=0.05,
        average_from=first,
    )
    assert same_bits(result.x, mean)
    assert same_bits(run_of("sgd", averaging=True).x, run_of("sgd", averaging=0).x)


def test_a_schedule_may_be_a_function_of_the_epoch():
    asked = []

    def schedule(epoch):
        asked.append(epoch)
        return 0.5**epoch

    result = run_of("sgd", schedule=schedule)
    same = run_of("sgd", schedule="step", decay=0.5)
    assert asked == [0, 1, 2]
    assert same_bits(result.x, same.x)
    np.testing.assert_array_equal(
        result.history["learning_rate"], [0.05, 0.025, 0.0125]
    )


TORCH = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", {"eps": 1e-8}),
    "rmsprop": ("RMSprop", {"alpha": 0.999}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {"weight_decay": 0.1}),
}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("method", TORCH)
def test_torch_takes_the_same_steps(method, decay):
    torch = pytest.importorskip("torch")
    name, constants = TORCH[method]
    w = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    peer = getattr(torch.optim, name)(
        [w], lr=0.05, **constants | {"weight_decay": decay}
    )
    for parts in textbook.batches("shuffled", 37, 8, seed_of(7), 3):
        for part in parts:
            w.grad = torch.tensor(squares(w.detach().numpy(), part)[1])
            torch.nn.utils.clip_grad_norm_([w], 3.0)
            peer.step()
    ours = run_of(method, weight_decay=decay, clip_norm=3.0)
    # torch adds 1e-6 to the norm that it clips by
    np.testing.assert_allclose(ours.x, w.detach().numpy(), rtol=2e-6)


class TestSampling:
    def machine(self, samples, batch, sampler="shuffled", seed=0):
        return Machine(
            np.zeros(1),
            samples=samples,
            batch=batch,
            rule="sgd",
            sampler=sampler,
            schedule="constant",
            rate=1.0,
            rate_min=0.0,
            decay=1.0,
            every=1.0,
            warmup=0.0,
            momentum=0.0,
            beta1=0.0,
            beta2=0.0,
            eps=0.0,
            weight_decay=0.0,
            clip_norm=np.inf,
            average_from=-1,
            search=False,
            c1=0.1,
            shrink=0.5,
            grow=2.0,
            maxls=5,
            seed=seed,
        )

    def epoch(self, machine):
        parts = []
        while True:
            want, _, indices = machine.ask()
            if want == EPOCH:
                return parts
            parts.append(indices)
            machine.tell(0.0, [0.0])

    @pytest.mark.parametrize(
        ("samples", "batch"), [(1, 1), (10, 3), (64, 64), (1000, 32)]
    )
    def test_every_sample_comes_once_an_epoch(self, samples, batch):
        machine = self.machine(samples, batch)
        orders = []
        for _ in range(3):
            parts = self.epoch(machine)
            assert [len(p) for p in parts[:-1]] == [batch] * (len(parts) - 1)
            orders.append(np.concatenate(parts))
            np.testing.assert_array_equal(np.sort(orders[-1]), np.arange(samples))
        if samples > 20:
            assert (orders[0] != orders[1]).any()

    def test_drawn_samples_are_uniform(self):
        machine = self.machine(10, 10, "drawn")
        counts = np.zeros(10)
        for _ in range(2000):
            for part in self.epoch(machine):
                np.add.at(counts, part, 1)
        chi_square = ((counts - 2000) ** 2 / 2000).sum()
        assert 1.7 < chi_square < 27  # 9 degrees of freedom: 0.5 % and 99.9 %

    def test_the_gradients_of_an_epoch_are_the_full_one(self):
        machine = self.machine(37, 5)
        w = np.ones(5)
        total = sum(len(p) / 37 * squares(w, p)[1] for p in self.epoch(machine))
        np.testing.assert_allclose(total, squares(w, np.arange(37))[1], rtol=1e-13)


class TestMachine:
    def machine(self, method, **options):
        from optlab.stochastic import Stochastic, machine_for

        given = {"batch_size": 8, "epochs": 4, "learning_rate": 0.05, "rng": 7}
        opt = Stochastic(**given | options)
        return machine_for(RULES[method], opt, np.zeros(5), LEAST_SQUARES)

    def drive(self, machine, epochs, at=None):
        done, count = 0, 0
        while done < epochs:
            if at is not None:
                machine = at(machine)
            want, w, indices = machine.ask()
            if want == EPOCH:
                done += 1
                continue
            if at is not None:
                machine = at(machine)
            f, g = squares(w, np.arange(37) if indices is None else indices)
            machine.tell(f, g)
            count += 1
        return machine, count

    @pytest.mark.parametrize("method", RULES)
    def test_ask_and_tell_is_the_same_run(self, method):
        machine, count = self.drive(self.machine(method), 4)
        result = run_of(method, epochs=4)
        assert same_bits(machine.x, result.x)
        assert machine.updates == 20
        assert result.njev == count + 2  # at x0 and at the end

    @pytest.mark.parametrize("method", RULES)
    def test_saved_anywhere_it_goes_on_with_the_same_bits(self, method):
        options = {"averaging": 1}
        plain, _ = self.drive(self.machine(method, **options), 4)
        saved, _ = self.drive(
            self.machine(method, **options), 4, at=lambda m: Machine.load(m.save())
        )
        assert same_bits(plain.x, saved.x)
        assert (plain.loss, plain.nfev) == (saved.loss, saved.nfev)
        assert same_bits(pickle.loads(pickle.dumps(plain)).x, plain.x)

    def test_armijo_may_be_saved_too(self):
        plain, _ = self.drive(self.machine("sgd", line_search="armijo"), 4)
        saved, _ = self.drive(
            self.machine("sgd", line_search="armijo"),
            4,
            at=lambda m: Machine.load(m.save()),
        )
        assert same_bits(plain.x, saved.x)

    def test_damaged_and_foreign_bytes_are_refused(self):
        saved = self.machine("adam").save()
        wrong = (
            b"",
            b"x" * 500,
            saved[:-1],
            saved[:50] + b"\xff" + saved[51:],
            saved + b"0",
        )
        for state in wrong:
            with pytest.raises(ValueError, match="saved"):
                Machine.load(state)

    def test_a_nan_ends_it(self):
        machine = self.machine("sgd")
        _, _, _ = machine.ask()
        machine.tell(np.nan, np.zeros(5))
        assert machine.ask()[0] == DONE


def logistic_net(precision=0.5):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    y = (X @ [1.0, -2, 0, 1] + rng.logistic(size=200) > 0).astype(int)
    model = nn.MLP(
        [4, 1],
        loss="logistic",
        prior=nn.GaussianPrior({"weights": precision, "bias": precision}),
    )
    return model.objective(X, y)


class TestConvergence:
    def test_svrg_converges_linearly(self):
        objective = logistic_net(20.0)
        best = minimize(
            objective, np.zeros(5), method="newton", options={"gtol": 1e-14}
        )
        options = {
            "epochs": 40,
            "learning_rate": 0.5,
            "batch_size": 10,
            "rng": 0,
            "full": True,
        }
        svrg = minimize(objective, np.zeros(5), method="svrg", options=options)
        gaps = svrg.history["f"] - best.fun
        assert gaps[19] < 1e-4 * gaps[4]
        assert gaps[34] < 1e-13
        sgd = minimize(objective, np.zeros(5), method="sgd", options=options)
        assert sgd.history["f"][34] - best.fun > 1e-6

    def test_the_mean_of_the_steps_is_better_than_the_last(self):
        options = {"epochs": 60, "learning_rate": 0.1, "batch_size": 1, "rng": 0}
        last = run_of("sgd", **options)
        mean = run_of("sgd", **options, averaging=10)
        assert np.linalg.norm(mean.x - BEST) < 0.3 * np.linalg.norm(last.x - BEST)

    def test_the_stationary_variance_is_that_of_theory(self):
        # f_i = (w - z_i)^2 / 2 with N(0, 1) noise z: w+ = (1 - a) w + a z has the
        # variance a / (2 - a).
        z = np.random.default_rng(1).standard_normal(4000)
        z = (z - z.mean()) / z.std()
        total = FiniteSum(
            lambda w, i: (0.5 * np.mean((w - z[i]) ** 2), w - z[i].mean()), 4000
        )
        seen = []
        a = 0.2
        minimize(
            FiniteSum(lambda w, i: seen.append(w[0]) or total.fun_and_grad(w, i), 4000),
            np.zeros(1),
            method="sgd",
            options={
                "batch_size": 1,
                "epochs": 10,
                "learning_rate": a,
                "shuffle": "replacement",
                "rng": 0,
            },
        )
        chain = np.array(seen[1000:-5])
        # 39,000 steps with a memory of 2 / a: their variance is known to 2.3 %
        assert chain.var() == pytest.approx(a / (2 - a), rel=0.1)

    def test_armijo_needs_no_rate_where_all_samples_can_be_met(self):
        exact = A @ BEST

        def fun(w, indices):
            r = A[indices] @ w - exact[indices]
            return 0.5 * np.mean(r * r), A[indices].T @ r / len(r)

        options = {"line_search": "armijo", "epochs": 40, "batch_size": 8, "rng": 0}
        total = FiniteSum(fun, 37)
        result = minimize(total, np.zeros(5), method="sgd", options=options)
        np.testing.assert_allclose(result.x, BEST, rtol=1e-8)
        assert result.nfev > result.njev  # the trials

    @pytest.mark.parametrize("method", RULES)
    def test_every_method_lowers_the_loss_of_a_net(self, method):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((300, 2))
        model = nn.MLP([2, 16, 2], dtype="float32")
        objective = model.objective(X, (X[:, 0] * X[:, 1] > 0).astype(int))
        options = {"epochs": 30, "learning_rate": 0.03, "rng": 0}
        w0 = model.init(rng=0)
        result = minimize(objective, w0, method=method, options=options)
        assert result.fun < 0.8 * objective.fun(w0)
        assert result.x.dtype == np.float32


class TestResults:
    def test_value_and_gradient_are_those_at_x_over_all_samples(self):
        for method in RULES:
            result = run_of(method)
            f, g = squares(result.x, np.arange(37))
            assert result.fun == f
            assert same_bits(result.jac, g)
            assert result.fun <= squares(np.zeros(5), np.arange(37))[0]
            assert result.status is Status.EPOCHS
            assert result.nit == 3

    def test_success_is_a_small_gradient(self):
        result = run_of("sgd")
        assert not result.success
        assert "does not meet gtol" in result.message
        result = run_of("svrg", epochs=500, gtol=1e-6)
        assert result.success
        assert result.status is Status.CONVERGED
        assert np.abs(result.jac).max() <= 1e-6
        assert result.nit < 500
        assert minimize(
            LEAST_SQUARES, BEST, method="sgd", tol=1e-2, options={"learning_rate": 1e-6}
        ).success

    def test_history(self):
        result = run_of("momentum", full=True)
        history = result.history
        assert set(map(len, history.values())) == {3}
        assert history["f"][-1] == result.fun
        assert history["gnorm"][-1] == np.abs(result.jac).max()
        assert np.isnan(history["validation_loss"]).all()
        assert (np.diff(history["seconds"]) > 0).all()
        assert same_bits(run_of("momentum").x, result.x)

    def test_a_diverging_run_ends_at_the_best_point(self):
        with np.errstate(over="ignore", invalid="ignore"):  # in the function, above
            result = run_of("sgd", learning_rate=1e200, epochs=5)
        assert result.status is Status.DIVERGED
        assert "too great" in result.message
        assert np.isfinite(result.x).all()
        assert np.isfinite(result.fun)
        assert result.fun <= squares(np.zeros(5), np.arange(37))[0]

    def test_a_last_step_into_nothing_is_no_answer(self):
        def fun(w, indices):
            with np.errstate(over="ignore"):
                f = float(np.exp(-np.abs(w)).sum())
            return f, np.where(np.isinf(w), 0.0, -1e200)

        options = {"learning_rate": 1e200, "epochs": 1, "batch_size": 10, "rng": 0}
        result = minimize(
            FiniteSum(fun, 10), np.zeros(2), method="sgd", options=options
        )
        assert result.status is Status.DIVERGED
        assert (result.x == 0).all()

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_armijo_ends_where_a_gradient_is_not_finite(self, bad):
        def fun(w, indices):
            g = 2 * w - 1
            f = 1 + w @ w - w.sum() if np.isfinite(w).all() else np.nan
            return f, g if len(indices) == 10 else g * bad

        options = {"line_search": "armijo", "batch_size": 4, "rng": 0}
        result = minimize(
            FiniteSum(fun, 10), np.zeros(3), method="sgd", options=options
        )
        assert result.status is Status.DIVERGED
        assert np.isfinite(result.x).all()

    def test_a_start_that_is_not_finite(self):
        total = FiniteSum(lambda w, i: (np.nan, w), 10)
        result = minimize(total, np.ones(2), method="adam")
        assert result.status is Status.NONFINITE_START
        assert not result.success
        assert (result.x == 1).all()

    def test_counts_are_true(self):
        calls = []

        def fun(w, indices):
            calls.append(len(indices))
            return squares(w, indices)

        for method in ("sgd", "svrg", "adam"):
            calls.clear()
            options = {"epochs": 2, "batch_size": 10, "learning_rate": 0.01, "rng": 0}
            result = minimize(
                FiniteSum(fun, 37), np.zeros(5), method=method, options=options
            )
            assert result.njev == len(calls)

    def test_the_start_stays_as_it_was(self):
        x0 = np.ones(5)
        minimize(LEAST_SQUARES, x0, method="adam", options={"rng": 0})
        assert (x0 == 1).all()

    def test_runs_side_by_side(self):
        alone = run_of("adam", epochs=20)
        for x in in_threads(lambda i: run_of("adam", epochs=20).x):
            assert same_bits(x, alone.x)

    def test_a_python_sum_of_a_net_takes_the_same_steps(self):
        objective = logistic_net()
        total = FiniteSum(objective.fun_and_grad, objective.n_samples)
        for method in RULES:
            options = {"epochs": 3, "learning_rate": 0.05, "rng": 3}
            compiled = minimize(objective, np.zeros(5), method=method, options=options)
            python = minimize(total, np.zeros(5), method=method, options=options)
            assert same_bits(compiled.x, python.x)
            assert compiled.njev == python.njev


class TestValidation:
    def objective(self, batch_norm=False):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((120, 3))
        y = (X[:, 0] + rng.standard_normal(120) > 0).astype(int)
        self.X, self.y = X, y
        model = nn.MLP([3, 30, 2], "tanh", batch_norm)
        return model.objective(X, y)

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_patience_ends_at_the_best_point(self, batch_norm):
        objective = self.objective(batch_norm)
        w0 = objective.model.init(rng=0)
        options = {
            "epochs": 300,
            "learning_rate": 0.03,
            "validation": 0.3,
            "patience": 5,
            "rng": 0,
        }
        result = minimize(objective, w0, method="adam", options=options)
        assert result.status is Status.PATIENCE
        losses = result.history["validation_loss"]
        best = losses.argmin()
        assert len(losses) == best + 1 + 5
        scores = result.history["validation_score"]
        assert ((scores >= 0) & (scores <= 1)).all()
        # The model has the statistics of the samples that it was trained with.
        assert objective.model.predict(result.x, self.X[:1]).shape == (1,)
        shorter = minimize(
            objective, w0, method="adam", options=options | {"epochs": int(best) + 1}
        )
        assert same_bits(shorter.x, result.x)

    def test_other_objectives_of_the_model_do_not_matter(self):
        objective = self.objective(batch_norm=True)
        model, w0 = objective.model, objective.model.init(rng=0)
        options = {"validation": 0.3, "epochs": 5, "rng": 0, "learning_rate": 0.05}

        def other(xk):
            model.objective(5 * self.X[:50], self.y[:50])

        plain = minimize(objective, w0, method="adam", options=options)
        disturbed = minimize(
            objective, w0, method="adam", options=options, callback=other
        )
        assert same_bits(
            plain.history["validation_loss"], disturbed.history["validation_loss"]
        )

    def test_a_function_may_write_into_its_indices(self):
        def fun(w, indices):
            answer = squares(w, indices)
            indices[:] = 0
            return answer

        options = {"validation": 0.3, "epochs": 3, "rng": 0}
        for total in (LEAST_SQUARES, FiniteSum(fun, 37)):
            result = minimize(total, np.zeros(5), method="sgd", options=options)
            found = optlab.find_learning_rate(total, np.zeros(5), rng=0)
            if total is LEAST_SQUARES:
                expected = result.x, found.suggestion
        assert same_bits(result.x, expected[0])
        assert found.suggestion == expected[1]

    def test_data_and_functions(self):
        objective = self.objective()
        model = objective.model
        w0 = model.init(rng=0)
        held = self.X[:30], self.y[:30]
        options = {"epochs": 3, "learning_rate": 0.03, "rng": 0}
        by_data = minimize(
            objective, w0, method="adam", options=options | {"validation": held}
        )
        twin = model.objective(*held)
        by_function = minimize(
            objective,
            w0,
            method="adam",
            options=options
            | {"validation": lambda w: (twin.fun(w), model.score(w, *held))},
        )
        for name in ("validation_loss", "validation_score"):
            np.testing.assert_allclose(
                by_data.history[name], by_function.history[name], rtol=1e-12
            )

    def test_a_fraction_of_a_python_sum_is_never_trained_with(self):
        seen = set()

        def fun(w, indices):
            seen.update(indices.tolist() if len(indices) <= 4 else ())
            return squares(w, indices)

        options = {"batch_size": 4, "epochs": 3, "learning_rate": 0.01, "rng": 0}
        result = minimize(
            FiniteSum(fun, 37),
            np.zeros(5),
            method="sgd",
            options=options | {"validation": 0.25},
        )
        assert len(seen) == 28  # of 37, 9 are held out
        assert (np.diff(result.history["validation_loss"]) < 0).all()


class TestCallbacks:
    def test_both_forms(self):
        points, results = [], []
        options = {"epochs": 3, "learning_rate": 0.05, "rng": 7, "batch_size": 8}

        def callback(intermediate_result):
            results.append(intermediate_result)

        for function in (points.append, callback):
            minimize(
                LEAST_SQUARES,
                np.zeros(5),
                method="sgd",
                callback=function,
                options=options,
            )
        assert [r.nit for r in results] == [1, 2, 3]
        assert same_bits(points[-1], results[-1].x)

    def test_stop_iteration_ends_the_run(self):
        def stop(xk):
            raise StopIteration

        result = minimize(LEAST_SQUARES, np.zeros(5), method="sgd", callback=stop)
        assert result.status is Status.CALLBACK
        assert result.nit == 1

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_exceptions_pass(self, error):
        def fun(w, indices):
            if len(indices) < 37:
                raise error("mine")
            return squares(w, indices)

        with pytest.raises(error, match="mine"):
            minimize(FiniteSum(fun, 37), np.zeros(5), method="adam")

    def test_a_reused_buffer_and_an_overwritten_point(self):
        buffer = np.empty(5)

        def fun(w, indices):
            f, buffer[:] = squares(w, indices)
            w[:] = np.nan
            indices[:] = 0
            return f, buffer

        options = {"epochs": 3, "learning_rate": 0.05, "rng": 7, "batch_size": 8}
        result = minimize(
            FiniteSum(fun, 37), np.zeros(5), method="momentum", options=options
        )
        assert same_bits(result.x, run_of("momentum").x)

    def test_disp_shows_the_epochs(self, capsys):
        run_of("sgd", disp=True)
        assert "3/3" in capsys.readouterr().err


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"learning_rate": 0}, ValueError, "learning_rate must be positive"),
            ({"learning_rate": -1}, ValueError, "learning_rate must be positive"),
            ({"learning_rate": np.nan}, ValueError, "learning_rate must not be NaN"),
            ({"learning_rate": "1"}, TypeError, "learning_rate must be a real number"),
            ({"epochs": 0}, ValueError, "epochs must be at least 1"),
            ({"epochs": 1.5}, ValueError, "epochs must be an integer"),
            ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
            ({"schedule": "linear"}, ValueError, "schedule must be one of"),
            ({"schedule": lambda e: np.nan}, ValueError, "schedule"),
            ({"momentum": 1.0}, ValueError, "momentum must be less than 1"),
            ({"betas": (0.9, 1.0)}, ValueError, "betas must be less than 1"),
            ({"betas": 0.9}, TypeError, "betas must be a pair"),
            ({"clip_norm": 0}, ValueError, "clip_norm must be positive"),
            ({"weight_decay": -1}, ValueError, "weight_decay must not be negative"),
            ({"shuffle": "yes"}, ValueError, "shuffle must be True, False or"),
            ({"averaging": -1}, ValueError, "averaging must be at least 0"),
            ({"validation": 1.5}, ValueError, "validation must lie between 0 and 1"),
            ({"validation": "x"}, TypeError, "validation must be a fraction"),
            (
                {"validation": (A, b)},
                TypeError,
                "validation must be a fraction or a call",
            ),
            ({"patience": 3}, ValueError, "patience needs validation"),
            ({"rng": "seed"}, TypeError, "rng must be a Generator"),
            ({"line_search": "wolfe"}, ValueError, "line_search must be one of"),
            ({"gtol": -1}, ValueError, "gtol must not be negative"),
            (
                {"learning_rat": 1},
                ValueError,
                "'learning_rat'; did you mean 'learning_r",
            ),
        ],
        ids=str,
    )
    def test_bad_options_are_named_before_the_first_step(self, options, error, words):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        with pytest.raises(error, match=words):
            minimize(FiniteSum(fun, 37), np.zeros(5), method="sgd", options=options)
        assert len(calls) <= ("schedule" in options)

    @pytest.mark.parametrize(
        "options", [{"maxiter": 5}, {"momentum": 0.5}, {"betas": (0, 0)}]
    )
    def test_options_of_other_methods_only_warn(self, options):
        with pytest.warns(OptimizeWarning, match="has no meaning for method 'sgd'"):
            minimize(LEAST_SQUARES, np.zeros(5), method="sgd", options=options)

    def test_a_large_batch_is_capped(self):
        with pytest.warns(OptimizeWarning, match="batch_size = 100 is capped .* 37"):
            large = run_of("sgd", batch_size=100)
        assert same_bits(large.x, run_of("sgd", batch_size=37).x)

    def test_what_is_no_sum_is_told_how_to_be_one(self):
        for fun in (lambda w: 1.0, optlab.problems.get("rosenbrock")):
            with pytest.raises(TypeError, match=r"optlab\.FiniteSum\(fun, n_samples\)"):
                minimize(fun, np.zeros(2), method="adam")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"bounds": [(0, 1)] * 5}, "bounds is not handled by method 'adam'"),
            ({"hess": lambda w: 0}, "hess is not handled"),
            ({"constraints": {"type": "eq"}}, "constraints is not handled"),
            ({"args": (1,)}, "args is not handled"),
            ({"jac": lambda w: w}, "jac must be None or True"),
        ],
    )
    def test_what_is_not_handled_is_named(self, arguments, words):
        with pytest.raises(ValueError, match=words):
            minimize(LEAST_SQUARES, np.zeros(5), method="adam", **arguments)

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (1.0, TypeError, r"fun must return the pair \(mean loss, gradient\)"),
            (
                (1.0, np.zeros(4)),
                ValueError,
                r"gradient must have shape \(5,\), got \(4,\)",
            ),
            ((None, np.zeros(5)), TypeError, "fun must return one real number"),
        ],
    )
    def test_wrong_answers_are_named(self, answer, error, words):
        def fun(w, indices):
            return squares(w, indices) if len(indices) == 37 else answer

        with pytest.raises(error, match=words):
            minimize(FiniteSum(fun, 37), np.zeros(5), method="sgd")

    def test_sums_name_what_is_wrong(self):
        with pytest.raises(TypeError, match="fun must be callable"):
            FiniteSum(3, 10)
        with pytest.raises(ValueError, match="n_samples must be at least 1"):
            FiniteSum(squares, 0)

    def test_the_length_of_the_start(self):
        with pytest.raises(ValueError, match="x0 must have 5 components"):
            minimize(logistic_net(), np.zeros(3), method="sgd")


@pytest.mark.parametrize("method", [m for m, row in METHODS.items() if not row.second])
def test_deterministic_methods_take_sums(method):
    result = minimize(LEAST_SQUARES, np.zeros(5), method=method)
    np.testing.assert_allclose(result.x, BEST, atol=1e-4)


def test_scipy_takes_sums():
    result = scipy_minimize(LEAST_SQUARES, np.zeros(5), jac=LEAST_SQUARES.grad)
    np.testing.assert_allclose(result.x, BEST, atol=1e-4)
    assert LEAST_SQUARES.fun(BEST) == LEAST_SQUARES(BEST)


class TestLearningRates:
    def objective(self):
        X = np.random.default_rng(0).standard_normal((500, 2))
        model = nn.MLP([2, 16, 2])
        return model.objective(X, (X[:, 0] * X[:, 1] > 0).astype(int))

    @pytest.mark.parametrize("method", [m for m in RULES if m != "svrg"])
    def test_the_suggestion_works(self, method):
        objective = self.objective()
        w0 = objective.model.init(rng=0)
        found = optlab.find_learning_rate(objective, w0, method, rng=0)
        assert found.rates.shape == found.losses.shape == found.smoothed.shape
        assert (np.diff(found.rates) > 0).all()
        options = {"learning_rate": found.suggestion, "epochs": 20, "rng": 0}
        result = minimize(objective, w0, method=method, options=options)
        assert result.fun < 0.75 * objective.fun(w0)

    def test_it_stops_where_the_loss_blows_up(self):
        found = optlab.find_learning_rate(LEAST_SQUARES, np.zeros(5), high=1e6, rng=0)
        assert found.rates[-1] < 1e3
        assert found.suggestion < found.rates[-1]

    def test_plot(self):
        matplotlib = pytest.importorskip("matplotlib")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib.use("Agg")
        found = optlab.find_learning_rate(LEAST_SQUARES, np.zeros(5), rng=0)
        ax = found.plot()
        assert ax.get_xlabel() == "learning rate"
        assert found.plot(ax) is ax
        matplotlib.pyplot.close(ax.figure)

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            (
                {"method": "svrg"},
                ValueError,
                "method must be a stochastic one but svrg",
            ),
            ({"method": "bfgs"}, ValueError, "method must be a stochastic one"),
            ({"low": 0}, ValueError, "low must be positive"),
            ({"low": 1.0, "high": 0.1}, ValueError, "high must be greater than low"),
            ({"steps": 3}, ValueError, "steps must be at least 10"),
            ({"steps": 30.0}, TypeError, "steps must be an int"),
            ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ],
    )
    def test_bad_arguments_are_named(self, arguments, error, words):
        with pytest.raises(error, match=words):
            optlab.find_learning_rate(LEAST_SQUARES, np.zeros(5), **arguments)
