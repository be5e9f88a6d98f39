"""Runs of stochastic methods: what theory says of them, and the promises."""

import itertools
import pickle
import warnings
from dataclasses import fields

import numpy as np
import pytest
from scipy.optimize import OptimizeWarning

from optlab import FiniteSum, Status, minimize, nn
from optlab.stochastic import RULES, Stochastic, machine_for
from optlab_c.stochastic import EPOCH

from .support import same_bits
from .textbook import sgd as textbook

rng = np.random.default_rng(11)
A = rng.standard_normal((29, 4))
b = A @ [1.0, -2.0, 3.0, 0.5] + 0.3 * rng.standard_normal(29)
ALL = np.arange(29)
START = np.zeros(4)


def squares(w, indices):
    """Mean of half the squared residuals, added up in one order whatever BLAS does."""
    rows = A[indices]
    r = (rows * w).sum(axis=1) - b[indices]
    return 0.5 * np.mean(r * r), (rows * r[:, None]).sum(axis=0) / len(r)


def run(method="sgd", fun=squares, *, callback=None, x0=START, tol=None, **options):
    given = {"batch_size": 8, "epochs": 3, "learning_rate": 0.05, "rng": 7} | options
    return minimize(
        FiniteSum(fun, 29), x0, method=method, callback=callback, tol=tol, options=given
    )


def logistic(precision):
    """Strongly convex: its Hessian is at least precision / samples."""
    random = np.random.default_rng(0)
    X = random.standard_normal((200, 4))
    y = (X @ [1.0, -2, 0, 1] + random.logistic(size=200) > 0).astype(int)
    prior = nn.GaussianPrior({"weights": precision, "bias": precision})
    return nn.MLP([4, 1], loss="logistic", prior=prior).objective(X, y)


class TestTheory:
    @pytest.mark.parametrize("batch", [1, 8])
    def test_svrg_loses_the_same_share_of_the_gap_every_few_epochs(self, batch):
        objective = logistic(20.0)
        best = minimize(
            objective, np.zeros(5), method="newton", options={"gtol": 1e-14}
        )
        options = {
            "epochs": 30,
            "learning_rate": 0.2,
            "batch_size": batch,
            "rng": 0,
            "full": True,
        }
        found = minimize(objective, np.zeros(5), method="svrg", options=options)
        gaps = found.history["f"] - best.fun
        above = np.flatnonzero(gaps > 1e-13)  # and below is rounding
        every = gaps[above[0] : above[-1] + 1 : 3]
        assert len(every) >= 2
        assert (every[1:] < 0.5 * every[:-1]).all()
        assert np.abs(found.x - best.x).max() < 1e-6
        plain = minimize(objective, np.zeros(5), method="sgd", options=options)
        assert plain.history["f"][-1] - best.fun > 1e4 * max(gaps[-1], 1e-13)

    def chains(self, method, noise, steps, curvature, **options):
        """As many quadratics h w^2 / 2 side by side, with the noise told."""
        given = {"batch_size": 1, "epochs": 1, "shuffle": False, "rng": 0}
        opt = Stochastic(**given | options)
        told = FiniteSum(lambda w, indices: None, steps)
        m = machine_for(RULES[method], opt, np.zeros(noise.shape[1]), told)
        while (asked := m.ask())[0] != EPOCH:
            m.tell(0.0, curvature * asked[1] + noise[asked[2][0]])
        return m.x

    @pytest.mark.parametrize(("rate", "curvature"), [(0.1, 1.0), (0.5, 3.0), (1.5, 1)])
    def test_the_stationary_variance_of_sgd(self, rate, curvature):
        # w+ = (1 - a h) w - a xi: its variance is a s^2 / (h (2 - a h)).
        noise = 2.0 * np.random.default_rng(1).standard_normal((150, 20_000))
        x = self.chains("sgd", noise, 150, curvature, learning_rate=rate)
        theory = rate * 4.0 / (curvature * (2 - rate * curvature))
        # Of 20,000 chains the variance has a standard deviation of 1 %.
        assert x.var() == pytest.approx(theory, rel=0.04)
        assert abs(x.mean()) < 4 * np.sqrt(theory / 20_000)

    @pytest.mark.parametrize("mass", [0.5, 0.9])
    def test_the_stationary_variance_of_the_heavy_ball(self, mass):
        # a s^2 (1 + mu) / (h (1 - mu) (2 (1 + mu) - a h))
        rate, curvature = 0.2, 1.5
        noise = np.random.default_rng(2).standard_normal((400, 20_000))
        x = self.chains(
            "momentum", noise, 400, curvature, learning_rate=rate, momentum=mass
        )
        theory = rate * (1 + mass) / curvature
        theory /= (1 - mass) * (2 * (1 + mass) - rate * curvature)
        assert x.var() == pytest.approx(theory, rel=0.04)

    def test_the_variance_of_the_mean_of_all_steps(self):
        # Each xi_s moves the mean by (1 - q^(T - s + 1)) / (h T), q = 1 - a h.
        rate, curvature, steps = 0.2, 1.5, 300
        noise = np.random.default_rng(3).standard_normal((steps, 20_000))
        options = {"learning_rate": rate, "averaging": True}
        x = self.chains("sgd", noise, steps, curvature, **options)
        shares = 1 - (1 - rate * curvature) ** np.arange(1, steps + 1)
        theory = (shares**2).sum() / (curvature * steps) ** 2
        assert x.var() == pytest.approx(theory, rel=0.04)
        last = self.chains("sgd", noise, steps, curvature, learning_rate=rate)
        assert x.var() < 0.1 * last.var()

    @pytest.mark.parametrize("method", ["sgd", "momentum", "nesterov", "adam"])
    def test_averaging_beats_the_last_step_under_noise(self, method):
        best = np.linalg.lstsq(A, b)[0]
        options = {"epochs": 100, "batch_size": 1, "learning_rate": 0.02}
        last, mean = [], []
        for seed in range(8):
            last.append(run(method, **options, rng=seed).x - best)
            mean.append(run(method, **options, rng=seed, averaging=30).x - best)
        assert np.linalg.norm(mean) < 0.5 * np.linalg.norm(last)

    def test_falling_rates_beat_constant_ones_under_noise(self):
        best = np.linalg.lstsq(A, b)[0]
        options = {"epochs": 100, "batch_size": 1, "learning_rate": 0.05}
        constant = np.linalg.norm(run(**options).x - best)
        for schedule in ("step", "inverse", "exponential", "cosine"):
            found = run(**options, schedule=schedule)
            assert np.linalg.norm(found.x - best) < 0.5 * constant

    def test_nesterov_and_the_heavy_ball_are_faster_than_plain_steps(self):
        scales = np.geomspace(0.01, 1.0, 20)
        options = {"epochs": 60, "learning_rate": 0.5, "batch_size": 1}
        total = FiniteSum(lambda w, i: (0.5 * w @ (scales * w), scales * w), 1)
        values = {
            method: minimize(total, np.ones(20), method=method, options=options).fun
            for method in ("sgd", "momentum", "nesterov")
        }
        assert values["momentum"] < 0.1 * values["sgd"]
        assert values["nesterov"] < 0.1 * values["sgd"]

    def test_clipping_bounds_every_step(self):
        points = [START]
        run("sgd", clip_norm=0.01, batch_size=29, callback=lambda xk: points.append(xk))
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        np.testing.assert_allclose(steps, 0.05 * 0.01, rtol=1e-12)


CONSTANTS = {
    "momentum": ("SGD", {"momentum": 0.5}, {"momentum": 0.5}),
    "nesterov": ("SGD", {"momentum": 0.5, "nesterov": True}, {"momentum": 0.5}),
    "adagrad": ("Adagrad", {"eps": 1e-3}, {"eps": 1e-3}),
    "rmsprop": (
        "RMSprop",
        {"alpha": 0.9, "eps": 1e-3},
        {"betas": (0.5, 0.9), "eps": 1e-3},
    ),
    "adam": (
        "Adam",
        {"betas": (0.7, 0.95), "eps": 1e-3},
        {"betas": (0.7, 0.95), "eps": 1e-3},
    ),
    "adamw": (
        "AdamW",
        {"betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.5},
        {"betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.5},
    ),
}


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("method", CONSTANTS)
def test_torch_takes_the_same_steps_with_other_constants(method, replacement):
    torch = pytest.importorskip("torch")
    name, theirs, ours = CONSTANTS[method]
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    peer = getattr(torch.optim, name)([w], lr=0.05, **theirs)
    decay = torch.optim.lr_scheduler.StepLR(peer, step_size=2, gamma=0.5)
    seed = int(np.random.default_rng(7).integers(2**64, dtype=np.uint64))
    sampler = "drawn" if replacement else "shuffled"
    for parts in textbook.batches(sampler, 29, 8, seed, 6):
        for part in parts:
            w.grad = torch.tensor(squares(w.detach().numpy(), part)[1])
            peer.step()
        decay.step()
    found = run(
        method,
        epochs=6,
        schedule="step",
        decay=0.5,
        decay_every=2,
        shuffle="replacement" if replacement else True,
        **ours,
    )
    np.testing.assert_allclose(found.x, w.detach().numpy(), rtol=1e-12)


class TestSchedules:
    """The rates of each epoch's last step: 29 samples in batches of 8, 8, 8 and 5."""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, lambda t: 1.0),
            ({"schedule": "constant"}, lambda t: 1.0),
            ({"schedule": "step"}, lambda t: 0.1 ** (t // 2)),
            (
                {"schedule": "step", "decay": 0.5, "decay_every": 1},
                lambda t: 0.5 ** (t // 1),
            ),
            ({"schedule": "inverse"}, lambda t: 1 / (1 + t)),
            ({"schedule": "inverse", "decay": 0.5}, lambda t: 1 / (1 + t / 2)),
            ({"schedule": "exponential"}, lambda t: 0.95**t),
            ({"schedule": "exponential", "decay": 0.5}, lambda t: 0.5**t),
            ({"schedule": "cosine"}, lambda t: (1 + np.cos(np.pi * t / 6)) / 2),
            (
                {"schedule": "cosine", "min_learning_rate": 0.01, "decay_every": 3},
                lambda t: 0.2 + 0.8 * (1 + np.cos(np.pi * min(t / 3, 1))) / 2,
            ),
            (
                {"schedule": lambda epoch: 1 / (1 + epoch**2)},
                lambda t: 1 / (1 + (t // 1) ** 2),
            ),
            ({"warmup": 2.5}, lambda t: min((t + 8 / 29) / 2.5, 1.0)),
            (
                {"warmup": 1.5, "schedule": "exponential", "decay": 0.5},
                lambda t: 0.5**t * min((t + 8 / 29) / 1.5, 1.0),
            ),
        ],
    )
    def test_rates_are_those_that_are_documented(self, options, expected):
        found = run(epochs=6, **options)
        times = np.arange(6) + 24 / 29
        np.testing.assert_allclose(
            found.history["learning_rate"],
            [0.05 * expected(t) for t in times],
            rtol=1e-12,
        )

    def test_a_rate_of_zero_does_nothing(self):
        assert same_bits(run(schedule=lambda epoch: 0.0).x, START)

    @pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "1", None, 1j])
    def test_functions_that_give_no_rate_are_named(self, value):
        for at in (0, 1):
            with pytest.raises((ValueError, TypeError), match=r"schedule\(epoch\)"):
                run(schedule=lambda epoch, at=at: value if epoch == at else 1.0)

    @pytest.mark.parametrize(
        ("method", "rate"),
        [(m, 1e-3 if m in ("rmsprop", "adam", "adamw") else 1e-2) for m in RULES],
    )
    def test_default_rates(self, method, rate):
        default = run(method, learning_rate=None)
        assert same_bits(default.x, run(method, learning_rate=rate).x)
        assert default.history["learning_rate"][0] == rate


def many_options(count=25):
    """Options by chance, rates that diverge among them."""
    chance = np.random.default_rng(4)
    for _ in range(count):
        yield {
            "batch_size": int(chance.integers(1, 21)),  # 20 are left by validation
            "learning_rate": float(10 ** chance.uniform(-4, 3)),
            "schedule": str(chance.choice(["constant", "inverse", "cosine"])),
            "weight_decay": float(chance.choice([0.0, 0.1])),
            "clip_norm": [None, 1.0][chance.integers(2)],
            "shuffle": [True, False, "replacement"][chance.integers(3)],
            "averaging": [False, True, 2][chance.integers(3)],
            "validation": [None, 0.3][chance.integers(2)],
            "full": bool(chance.integers(2)),
            "epochs": 5,
            "rng": int(chance.integers(1000)),
        }


class TestPromises:
    @pytest.mark.parametrize("method", RULES)
    def test_results_are_true_whatever_happens(self, method):
        seen = set()
        for options in many_options():
            with np.errstate(over="ignore", invalid="ignore"):  # in the function
                found = run(method, **options)
                again = run(method, **options)
            seen.add(found.status)
            kept = ALL
            if options["validation"]:  # the same draws as the run's
                order = np.random.default_rng(options["rng"]).permutation(29)
                kept = np.sort(order[round(0.3 * 29) :])
            f, g = squares(found.x, kept)
            assert np.isfinite(found.x).all()
            assert found.fun == f
            assert same_bits(found.jac, g)
            assert found.fun <= squares(START, kept)[0]
            assert found.success == (np.abs(g).max() <= 1e-5)
            assert found.status in (Status.EPOCHS, Status.DIVERGED)
            assert found.nit <= 5
            assert (found.status is Status.EPOCHS) <= (found.nit == 5)
            assert {len(column) for column in found.history.values()} == {found.nit}
            assert same_bits(found.x, again.x)
            assert same_bits(found.history["loss"], again.history["loss"])
            assert found.method == method
        assert Status.EPOCHS in seen

    @pytest.mark.parametrize("method", RULES)
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("at", [2, 10, 16])
    def test_losses_that_are_not_finite_end_it_at_a_good_point(self, method, bad, at):
        batches = itertools.count()

        def fun(w, indices):
            f, g = squares(w, indices)
            return (bad if len(indices) < 29 and next(batches) == at else f), g

        points = []
        found = run(method, fun, epochs=10, callback=points.append)
        epoch = at // (8 if method == "svrg" else 4)  # SVRG takes batches twice
        assert found.status is Status.DIVERGED
        assert found.nit == epoch
        assert f"in epoch {epoch + 1}" in found.message
        assert np.isfinite(found.x).all()
        assert found.fun == squares(found.x, ALL)[0]
        assert found.fun <= squares(START, ALL)[0]
        if epoch:  # the end of the epoch of the lowest loss, not somewhere in this one
            assert same_bits(found.x, points[found.history["loss"].argmin()])
        else:
            assert same_bits(found.x, START)

    @pytest.mark.parametrize("method", RULES)
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_gradients_that_are_not_finite_do_not_end_in_such_weights(
        self, method, bad
    ):
        batches = itertools.count()

        def fun(w, indices):
            f, g = squares(np.nan_to_num(w, posinf=1e3, neginf=-1e3), indices)
            wrong = len(indices) < 29 and next(batches) in (18, 19)
            return f, (g + bad if wrong else g)

        with np.errstate(invalid="ignore"):
            found = run(method, fun, epochs=10)
        assert found.status is Status.DIVERGED
        assert not found.success
        assert np.isfinite(found.x).all()
        assert found.fun == squares(found.x, ALL)[0]
        assert found.fun <= squares(START, ALL)[0]

    @pytest.mark.parametrize("method", RULES)
    @pytest.mark.parametrize(
        "answer",
        [
            lambda w: (np.nan, w),
            lambda w: (np.inf, w),
            lambda w: (-np.inf, w),
            lambda w: (1.0, w * np.nan),
        ],
    )
    def test_starts_that_are_not_finite_end_at_once(self, method, answer):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return answer(w)

        found = run(method, fun, x0=np.ones(4))
        assert found.status is Status.NONFINITE_START
        assert not found.success
        assert (found.x == 1).all()
        assert (found.nit, found.nfev, found.njev) == (0, 1, 1)
        assert len(calls) == 1

    @pytest.mark.parametrize(
        "options",
        [{}, {"full": True}, {"gtol": 1e-12}, {"averaging": True}, {"epochs": 1}],
        ids=str,
    )
    @pytest.mark.parametrize("method", RULES)
    def test_counts_are_true(self, method, options):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        found = run(method, fun, **options)
        assert found.njev == len(calls)
        # SVRG takes no value at its anchors.
        epochs = found.nit
        assert found.nfev == len(calls) - (4 * epochs if method == "svrg" else 0)
        assert found.nhev == 0

    def test_counts_of_armijo_are_true(self):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        found = run("sgd", fun, line_search="armijo", learning_rate=1.0)
        assert found.nfev == len(calls)
        assert found.njev == 3 * 4 + 2

    def test_it_is_silent(self, capfd):
        for method in RULES:
            run(method)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("method", RULES)
    def test_seeds_generators_and_their_absence(self, method):
        seeded = run(method)
        assert same_bits(seeded.x, run(method, rng=np.random.default_rng(7)).x)
        assert not same_bits(seeded.x, run(method, rng=8).x)
        assert not same_bits(run(method, rng=None).x, run(method, rng=None).x)

    def test_one_generator_goes_on_from_run_to_run(self):
        random = np.random.default_rng(7)
        first, second = run(rng=random), run(rng=random)
        assert same_bits(first.x, run().x)
        assert not same_bits(second.x, first.x)

    @pytest.mark.parametrize("x0", [[0, 0, 0, 0], (0.0,) * 4, np.zeros(4, np.float32)])
    def test_starts_of_other_kinds(self, x0):
        assert same_bits(run(x0=x0).x, run().x)

    @pytest.mark.parametrize("name", ["SGD", "AdamW", "Ada-Grad", "rms_prop"])
    def test_names_are_free_of_case_and_hyphens(self, name):
        plain = name.lower().replace("-", "").replace("_", "")
        found = run(name)
        assert found.method == plain
        assert same_bits(found.x, run(plain).x)

    def test_results_are_like_all_others(self):
        found = run(full=True)
        again = pickle.loads(pickle.dumps(found))
        assert same_bits(again.x, found.x)
        assert again.status is Status.EPOCHS
        assert found.summary().startswith("sgd: All epochs were run.")
        assert "history" not in run(history=False)
        assert found.hess_inv is None

    def test_convergence_is_tested_where_it_is_asked_for(self):
        options = {"epochs": 1000, "learning_rate": 0.2}
        found = run("svrg", **options, gtol=1e-7)
        assert found.status is Status.CONVERGED
        assert found.success
        assert np.abs(found.jac).max() <= 1e-7
        assert found.history["gnorm"][-1] == np.abs(found.jac).max()
        assert (found.history["gnorm"][:-1] > 1e-7).all()
        assert same_bits(run("svrg", **options, tol=1e-7).x, found.x)
        # The option goes before the argument, and so does another norm.
        assert run("svrg", **options, gtol=1e-7, tol=1e-2).nit == found.nit
        one = run("svrg", **options, gtol=1e-7, norm=1)
        assert np.abs(one.jac).sum() <= 1e-7
        never = run("svrg", epochs=20, learning_rate=0.2, gtol=0)
        assert never.status is Status.EPOCHS

    def test_a_small_gradient_at_the_end_is_success_without_gtol(self):
        found = run("svrg", epochs=300, learning_rate=0.2)
        assert found.status is Status.EPOCHS
        assert found.success
        assert "which meets gtol" in found.message


class TestCallbacks:
    @pytest.mark.parametrize("method", RULES)
    def test_both_forms_see_every_epoch(self, method):
        points, results = [], []

        def callback(intermediate_result):
            results.append(intermediate_result)

        run(method, callback=points.append)
        found = run(method, callback=callback)
        assert len(points) == len(results) == 3
        for point, shown in zip(points, results, strict=True):
            assert same_bits(point, shown.x)
        assert [shown.nit for shown in results] == [1, 2, 3]
        assert same_bits([r.fun for r in results], found.history["loss"])
        assert same_bits(points[-1], found.x)

    @pytest.mark.parametrize("at", [1, 2, 3])
    @pytest.mark.parametrize("method", RULES)
    def test_stop_iteration_ends_the_run(self, method, at):
        points = []

        def stop(xk):
            points.append(xk)
            if len(points) == at:
                raise StopIteration

        found = run(method, callback=stop)
        assert found.status is Status.CALLBACK
        assert found.nit == at
        assert same_bits(found.x, points[-1])
        assert same_bits(found.x, run(method, epochs=at).x)
        assert {len(column) for column in found.history.values()} == {at}

    @pytest.mark.parametrize("form", ["point", "result"])
    def test_it_may_overwrite_what_it_is_given(self, form):
        def ruin(xk):
            xk.fill(np.nan)

        def ruin_result(intermediate_result):
            intermediate_result.x.fill(np.nan)
            intermediate_result.fun = -1.0

        callback = ruin if form == "point" else ruin_result
        for options in ({}, {"averaging": True}, {"validation": 0.3}):
            plain = run("adam", **options)
            assert same_bits(run("adam", callback=callback, **options).x, plain.x)

    def test_what_cannot_be_called_is_named(self):
        with pytest.raises(TypeError, match="callback must be callable"):
            run(callback=3)


class TestValidation:
    def test_patience_counts_epochs_without_a_lower_loss(self):
        losses = iter([5.0, 3.0, 4.0, 2.0, 2.0, np.nan, np.inf, 1.0, 0.0])
        points = []
        found = run(
            "adam",
            epochs=9,
            validation=lambda w: next(losses),
            patience=3,
            callback=points.append,
        )
        assert found.status is Status.PATIENCE
        assert found.nit == 7
        assert same_bits(found.x, points[3])
        np.testing.assert_array_equal(
            found.history["validation_loss"], [5, 3, 4, 2, 2, np.nan, np.inf]
        )
        assert np.isnan(found.history["validation_score"]).all()
        assert "That is 3" in found.message

    def test_without_patience_the_best_point_is_returned_all_the_same(self):
        losses = iter([5.0, 3.0, 4.0, 6.0])
        points = []
        found = run(epochs=4, validation=lambda w: next(losses), callback=points.append)
        assert found.status is Status.EPOCHS
        assert found.nit == 4
        assert same_bits(found.x, points[1])

    def test_scores_are_kept(self):
        found = run(validation=lambda w: (w @ w, w[0]))
        assert found.history["validation_score"].shape == (3,)
        assert np.isfinite(found.history["validation_score"]).all()

    def test_it_sees_the_mean_of_the_steps_and_a_copy(self):
        seen = []

        def validate(w):
            seen.append(w.copy())
            loss = squares(w, ALL)[0]
            w.fill(np.nan)
            return loss

        means = []
        run("sgd", averaging=True, callback=means.append)
        found = run("sgd", averaging=True, validation=validate)
        for ours, mean in zip(seen, means, strict=True):
            assert same_bits(ours, mean)
        assert np.isfinite(found.x).all()
        assert any(same_bits(found.x, mean) for mean in means)

    @pytest.mark.parametrize("answer", ["1", None, (1.0, 2.0, 3.0), np.ones(3), 1j])
    def test_answers_that_are_no_loss_are_named(self, answer):
        with pytest.raises((TypeError, ValueError), match="validation"):
            run(validation=lambda w: answer)

    @pytest.mark.parametrize("part", [0.01, 0.3, 0.99])
    def test_a_fraction_is_held_out(self, part):
        trained, held = set(), set()
        count = min(max(1, round(part * 29)), 28)

        def fun(w, indices):
            (held if len(indices) == count else trained).update(indices.tolist())
            return squares(w, indices)

        if count == 28:  # one is left to train with
            found = run("sgd", fun, validation=part, batch_size=1)
        else:
            found = run("sgd", fun, validation=part, batch_size=4)
        assert len(held) == count
        assert held | trained == set(range(29))
        assert not held & trained
        assert np.isfinite(found.history["validation_loss"]).all()

    def nets(self, loss="cross_entropy", batch_norm=False, weights=False):
        random = np.random.default_rng(0)
        X = random.standard_normal((97, 3))
        y = (X[:, 0] + 0.5 * random.standard_normal(97) > 0).astype(int)
        outputs = 2 if loss == "cross_entropy" else 1
        model = nn.MLP([3, 8, outputs], "tanh", batch_norm, loss=loss)
        weight = random.uniform(0.5, 2.0, 97) if weights else None
        return model, X, y, weight

    @pytest.mark.parametrize("weights", [False, True])
    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("loss", ["cross_entropy", "logistic", "squared"])
    def test_losses_and_scores_of_held_out_samples(self, loss, batch_norm, weights):
        model, X, y, weight = self.nets(loss, batch_norm, weights)
        w0 = model.init(rng=0)
        points = []
        options = {"epochs": 3, "learning_rate": 0.02, "rng": 5, "validation": 0.25}
        found = minimize(
            model.objective(X, y, weight),
            w0,
            method="adam",
            callback=points.append,
            options=options,
        )
        order = np.random.default_rng(5).permutation(97)
        held, kept = np.sort(order[:24]), np.sort(order[24:])
        part = None if weight is None else weight[kept]
        train = model.objective(X[kept], y[kept], part)  # its statistics are used below
        assert found.fun == train.fun(found.x)
        for i, x in enumerate(points):
            score = model.score(x, X[held], y[held])
            assert found.history["validation_score"][i] == pytest.approx(score)
            z = model.decision_function(x, X[held]).reshape(24, -1)
            if loss == "squared":
                each = 0.5 * ((z[:, 0] - y[held]) ** 2)
            elif loss == "logistic":
                each = np.logaddexp(0, z[:, 0]) - y[held] * z[:, 0]
            else:
                each = np.logaddexp(*z.T) - z[np.arange(24), y[held]]
            mean = np.average(each, weights=None if weight is None else weight[held])
            np.testing.assert_allclose(
                found.history["validation_loss"][i], mean, rtol=1e-10
            )
        assert same_bits(found.x, points[found.history["validation_loss"].argmin()])

    def test_predictions_after_training_use_exact_statistics(self):
        model, X, y, _ = self.nets(batch_norm=True)
        objective = model.objective(X, y)
        options = {"epochs": 5, "learning_rate": 0.02, "rng": 0, "batch_size": 16}
        for method in RULES:
            found = minimize(
                objective, model.init(rng=0), method=method, options=options
            )
            first, last = model.unpack(found.x)
            z = X @ first["weights"]
            normal = (z - z.mean(axis=0)) / np.sqrt(
                z.var(axis=0) + model.batch_norm_eps
            )
            hidden = np.tanh(first["scale"] * normal + first["shift"])
            outputs = hidden @ last["weights"] + last["bias"]
            np.testing.assert_allclose(
                model.decision_function(found.x, X), outputs, rtol=1e-9, atol=1e-11
            )
            # One sample alone is told the same as among others.
            np.testing.assert_allclose(
                model.decision_function(found.x, X[:1]), outputs[:1], rtol=1e-9
            )
            # And the loss over all samples is that of these outputs.
            each = np.logaddexp(*outputs.T) - outputs[np.arange(97), y]
            assert found.fun == pytest.approx(each.mean(), rel=1e-10)

    def test_batches_of_one_sample_are_no_batches_with_batch_norm(self):
        model, X, y, _ = self.nets(batch_norm=True)
        objective, w0 = model.objective(X, y), model.init(rng=0)
        with pytest.raises(ValueError, match="batch_size must be at least 2"):
            minimize(objective, w0, method="adam", options={"batch_size": 1})
        # 97 = 6 * 16 + 1: the last sample joins the batch before.
        found = minimize(objective, w0, method="adam", options={"batch_size": 16})
        assert found.nfev == 10 * 6 + 2

    @pytest.mark.parametrize(
        ("validation", "words"),
        [
            ((1,), "validation must be a pair"),
            ((1, 2, 3), "validation must be a pair"),
            (0.0, "validation must lie between 0 and 1"),
            (1, "validation must lie between 0 and 1"),
            (np.nan, "validation must not be NaN"),
            (True, "validation"),
            ("0.1", "validation must be a fraction, data"),
            ({}, "validation must be a fraction, data"),
        ],
        ids=str,
    )
    def test_what_is_none_is_named(self, validation, words):
        model, X, y, _ = self.nets()
        with pytest.raises((TypeError, ValueError), match=words):
            minimize(
                model.objective(X, y),
                model.init(rng=0),
                method="sgd",
                options={"validation": validation},
            )

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (lambda X, y: (X[:, :2], y), "X must have 3 columns"),
            (lambda X, y: (X[:5], y), "y"),
            (lambda X, y: (X, y + 5), "y"),
            (lambda X, y: (X * np.nan, y), "X"),
            (lambda X, y: ("X", y), "X"),
        ],
    )
    def test_data_that_do_not_fit_are_named(self, data, words):
        model, X, y, _ = self.nets()
        with pytest.raises((TypeError, ValueError), match=words):
            minimize(
                model.objective(X, y),
                model.init(rng=0),
                method="sgd",
                options={"validation": data(X, y)},
            )


USED_BY = {
    "momentum": ({"momentum", "nesterov"}, 0.5),
    "betas": ({"rmsprop", "adam", "adamw"}, (0.5, 0.5)),
    "eps": ({"adagrad", "rmsprop", "adam", "adamw"}, 1e-3),
    "c1": ({"sgd"}, 0.2),
    "maxls": ({"sgd"}, 5),
    "line_search": ({"sgd"}, "armijo"),
}


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            (item.name, value)
            for item in fields(Stochastic)
            for value in (object(), "nonsense", [1, 2, 3], 1j)
            # A seed may be a list of integers, a path any string.
            if not (item.name == "rng" and isinstance(value, list))
            and not (item.name == "checkpoint" and isinstance(value, str))
        ],
        ids=lambda x: x if isinstance(x, str) else type(x).__name__,
    )
    def test_every_option_refuses_nonsense_by_name(self, name, value):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        given = {"validation": 0.3} if name == "patience" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # of other methods
            with pytest.raises((TypeError, ValueError), match=name):
                run("sgd", fun, **given | {name: value})
        assert not calls

    @pytest.mark.parametrize(
        "name",
        [
            "batch_size",
            "epochs",
            "learning_rate",
            "decay",
            "decay_every",
            "min_learning_rate",
            "warmup",
            "weight_decay",
            "clip_norm",
            "c1",
            "maxls",
            "gtol",
            "patience",
            "momentum",
            "eps",
        ],
    )
    @pytest.mark.parametrize("value", [np.nan, -1, -np.inf])
    def test_numbers_that_cannot_be_are_refused_by_name(self, name, value):
        given = {"validation": 0.3, "line_search": "armijo"}
        with pytest.raises(ValueError, match=name):
            run("sgd", **given | {name: value})

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"learning_rate": np.inf}, "learning_rate must be positive and finite"),
            ({"min_learning_rate": np.inf}, "min_learning_rate must be finite"),
            ({"warmup": np.inf}, "warmup"),
            ({"weight_decay": np.inf}, "weight_decay"),
            ({"decay": np.inf, "schedule": "inverse"}, "decay"),
            ({"eps": np.inf}, "eps"),
            ({"betas": (0.9, 0.99, 0.999)}, "betas must be a pair"),
            ({"betas": (-0.1, 0.9)}, r"betas\[0\]"),
            ({"betas": (0.9, np.nan)}, r"betas\[1\]"),
            ({"averaging": 3}, "averaging must begin before the end"),
            ({"averaging": 1.5}, "averaging must be an integer"),
        ],
        ids=str,
    )
    def test_values_that_make_no_sense_are_refused_by_name(self, options, words):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            with pytest.raises((ValueError, TypeError), match=words):
                run("adam", **options)

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("batchsize", "batch_size"),
            ("epoch", "epochs"),
            ("learningrate", "learning_rate"),
            ("weightdecay", "weight_decay"),
            ("Momentum", "momentum"),
            ("shufle", "shuffle"),
        ],
    )
    def test_unknown_options_are_refused_with_the_nearest_name(self, name, near):
        with pytest.raises(ValueError, match=f"'{name}'; did you mean '{near}'"):
            run(**{name: 1})

    @pytest.mark.parametrize("method", RULES)
    @pytest.mark.parametrize("name", USED_BY)
    def test_options_of_other_stochastic_methods_only_warn(self, name, method):
        users, value = USED_BY[name]
        option = {name: value}
        if method in users:
            run(method, **option)  # warnings are errors
            return
        words = f"option '{name}' has no meaning for method '{method}' and is ignored"
        with pytest.warns(OptimizeWarning, match=words):
            found = run(method, **option)
        assert same_bits(found.x, run(method).x)

    @pytest.mark.parametrize(
        "option", [{"maxiter": 5}, {"ftol": 1e-3}, {"maxcor": 5}, {"hess_inv0": None}]
    )
    def test_options_of_deterministic_methods_only_warn(self, option):
        with pytest.warns(OptimizeWarning, match="has no meaning for method 'adam'"):
            found = run("adam", **option)
        assert same_bits(found.x, run("adam").x)

    def test_stochastic_options_only_warn_elsewhere(self):
        with pytest.warns(OptimizeWarning, match="batch_size"):
            found = minimize(
                FiniteSum(squares, 29), START, method="bfgs", options={"batch_size": 3}
            )
        assert found.success

    @pytest.mark.parametrize("method", RULES)
    def test_large_batches_are_capped_with_a_warning(self, method):
        with pytest.warns(OptimizeWarning, match="batch_size = 30 is capped .* 29"):
            found = run(method, batch_size=30)
        assert same_bits(found.x, run(method, batch_size=29).x)
        with pytest.warns(OptimizeWarning, match="batch_size = 29 is capped .* 20"):
            run(method, batch_size=29, validation=0.3)

    def test_a_default_batch_is_capped_in_silence(self):
        options = {"epochs": 3, "learning_rate": 0.05, "rng": 7}
        found = minimize(FiniteSum(squares, 29), START, method="sgd", options=options)
        assert same_bits(found.x, run(batch_size=29).x)

    @pytest.mark.parametrize("method", RULES)
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"bounds": [(0, 1)] * 4}, "bounds is not handled by method"),
            ({"hess": lambda w: np.eye(4)}, "hess is not handled by method"),
            ({"hessp": lambda w, v: v}, "hessp is not handled by method"),
            ({"constraints": ({},)}, "constraints is not handled by method"),
            ({"args": (1,)}, "args is not handled by method"),
            ({"jac": "2-point"}, "jac must be None or True"),
            ({"jac": False}, "jac must be None or True"),
        ],
        ids=str,
    )
    def test_arguments_that_are_not_handled_are_refused_by_name(
        self, method, arguments, words
    ):
        calls = []

        def fun(w, indices):
            calls.append(indices)
            return squares(w, indices)

        with pytest.raises(ValueError, match=words):
            minimize(FiniteSum(fun, 29), START, method=method, **arguments)
        assert not calls

    @pytest.mark.parametrize("empty", [None, (), []])
    def test_empty_ones_are_none(self, empty):
        arguments = dict.fromkeys(("bounds", "constraints"), empty)
        options = {"batch_size": 8, "epochs": 3, "learning_rate": 0.05, "rng": 7}
        found = minimize(
            FiniteSum(squares, 29),
            START,
            method="sgd",
            jac=True,
            options=options,
            **arguments,
        )
        assert same_bits(found.x, run().x)

    def test_numbers_of_numpy_are_numbers(self):
        found = run(
            batch_size=np.int64(8),
            epochs=np.float64(3),
            learning_rate=np.array(0.05),
            shuffle=np.True_,
            averaging=np.False_,
        )
        assert same_bits(found.x, run().x)
