"""The stochastic machine by hand: sampler, rules, saving, misuse."""

import itertools
import math
import pickle
import signal
import zlib

import numpy as np
import pytest

from optlab import problems
from optlab_c.stochastic import (
    DONE,
    EPOCH,
    RULES,
    SAMPLERS,
    SCHEDULES,
    Machine,
    PythonSum,
    is_finite_sum,
)
from tests.support import in_threads, same_bits
from tests.textbook import sgd as textbook

F, G, BATCH = 1, 2, 16  # of abi.h, see test_the_questions

PLAIN = {
    "samples": 23,
    "batch": 5,
    "least": 1,
    "rule": "sgd",
    "sampler": "shuffled",
    "schedule": "constant",
    "rate": 0.05,
    "rate_min": 0.0,
    "decay": 1.0,
    "every": 1.0,
    "warmup": 0.0,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "clip_norm": math.inf,
    "average_from": -1,
    "search": False,
    "c1": 0.1,
    "shrink": 0.9,
    "grow": 2.0,
    "maxls": 50,
    "seed": 7,
}

rng = np.random.default_rng(0)
A = rng.standard_normal((23, 5))
b = A @ np.arange(1.0, 6) + 0.3 * rng.standard_normal(23)
START = np.linspace(-1.0, 1.0, 5)


def squares(w, indices=None):
    """Mean of half the squared residuals.

    The gradient is rounded to multiples of 2^-10, so that the sum of its squares is exact
    in any order: clipping has the same bits however a norm is added up.
    """
    rows = A if indices is None else A[indices]
    r = (rows * w).sum(axis=1) - (b if indices is None else b[indices])
    g = (rows * r[:, None]).sum(axis=0) / len(r)
    return float(0.5 * np.mean(r * r)), (np.round(g * 1024) / 1024).astype(w.dtype)


def machine(w=START, **options):
    return Machine(np.array(w), **PLAIN | options)


def epochs(m, count, fun=squares, *, reload=False):
    """Drive a machine by hand; the points after each step, and the machine.

    With `reload` it is saved and loaded before and after each question, and each answer.
    """

    def again(m):
        return Machine.load(m.save()) if reload else m

    points, updates = [], m.updates
    while count:
        m = again(m)
        want, w, indices = m.ask()
        if m.updates > updates:
            points.append(m.x)
            updates = m.updates
        if want == EPOCH:
            count -= 1
            continue
        assert want != DONE
        m = again(m)
        f, g = fun(w, indices)
        m.tell(f, g)
    return points, again(m)


def twin(w, count, fun=squares, **options):
    """The points after each step, by the textbook."""
    opt = PLAIN | options
    rule = textbook.Rule(
        opt["rule"],
        w.size,
        mass=opt["momentum"],
        betas=(opt["beta1"], opt["beta2"]),
        eps=opt["eps"],
        decay=opt["weight_decay"],
    )
    rule.v, rule.s = rule.v.astype(w.dtype), rule.s.astype(w.dtype)
    samples, batch, first = opt["samples"], opt["batch"], opt["average_from"]
    shape = {"decay": opt["decay"], "every": opt["every"], "least": opt["rate_min"]}
    points, mean, averaged = [], np.zeros_like(w), 0
    sampled = textbook.batches(opt["sampler"], samples, batch, opt["seed"], count)
    for epoch, parts in enumerate(sampled):
        if len(parts) > 1 and len(parts[-1]) < opt["least"]:
            parts[-2:] = [np.concatenate(parts[-2:])]
        anchor, position = w, 0
        full = fun(w)[1]
        for part in parts:
            t = epoch + position / samples
            rate = textbook.rate(opt["schedule"], t, opt["rate"], **shape)
            if opt["warmup"]:
                rate *= min(1.0, (t + batch / samples) / opt["warmup"])
            g = fun(w, part)[1]
            if opt["rule"] == "svrg":
                g = (g - fun(anchor, part)[1]) + full
            norm = math.sqrt(sum(float(x) ** 2 for x in g))
            factor = opt["clip_norm"] / norm if norm > opt["clip_norm"] else 1.0
            w = rule.step(w, factor * g, rate)
            assert w.dtype == g.dtype
            position += len(part)
            if 0 <= first <= epoch:
                averaged += 1
                mean = mean + (w - mean) / averaged
            points.append(mean if averaged else w)
    return points


def equal(ours, theirs):
    assert len(ours) == len(theirs)
    return all(same_bits(x, y) for x, y in zip(ours, theirs, strict=True))


def same_state(a, b):
    """Equal in all that can be read, and in where they go from here."""
    names = ("nfev", "njev", "epoch", "updates", "loss", "rate", "scale", "x", "best")
    read = all(same_bits(getattr(a, name), getattr(b, name)) for name in names)
    return read and equal(epochs(a, 1)[0], epochs(b, 1)[0])


class TestRandomNumbers:
    def test_the_twin_has_the_published_numbers(self):
        # splitmix64 of the seed 1234567, and xoshiro256** from the state 1, 2, 3, 4: the
        # first numbers of their authors' programs.
        assert textbook.splitmix(1234567) == [
            6457827717110365317,
            3203168211198807973,
            9817491932198370423,
            4593380528125082431,
        ]
        random = textbook.Xoshiro(0)
        random.s = [1, 2, 3, 4]
        assert [random.next() for _ in range(6)] == [
            11520,
            0,
            1509978240,
            1215971899390074240,
            1216172134540287360,
            607988272756665600,
        ]

    @pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
    @pytest.mark.parametrize(("samples", "batch"), [(1, 1), (2, 2), (97, 10), (64, 64)])
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_batches_are_the_textbooks(self, sampler, samples, batch, seed):
        m = machine(sampler=sampler, samples=samples, batch=batch, seed=seed)
        for parts in textbook.batches(sampler, samples, batch, seed, 4):
            for part in parts:
                want, _, indices = m.ask()
                assert want == F | G | BATCH
                assert indices.dtype == np.int64
                assert same_bits(indices, part.astype(np.int64))
                m.tell(0.0, np.zeros(5))
            assert m.ask()[0] == EPOCH

    @pytest.mark.parametrize("samples", [3 * 2**30 + 1, 2**32 - 1, 2**32, 2**40 + 5])
    def test_numbers_below_large_bounds_are_without_bias(self, samples):
        # Where draws are rejected, which below small bounds happens once in 2^32 / n.
        random = textbook.Xoshiro(3)
        mask = 2 ** (samples - 1).bit_length() - 1

        def below():
            if samples < 2**32:
                return random.below(samples)
            while (drawn := random.next() & mask) >= samples:
                pass
            return drawn

        m = machine(sampler="drawn", samples=samples, batch=500, seed=3)
        np.testing.assert_array_equal(m.ask()[2], [below() for _ in range(500)])

    @pytest.mark.parametrize("sampler", ["shuffled", "drawn"])
    def test_numbers_are_uniform(self, sampler):
        # Which sample comes first, of 12: 11 degrees of freedom.
        m = machine(np.zeros(1), sampler=sampler, samples=12, batch=12, seed=5)
        counts = np.zeros((12, 12))
        rounds = 3000
        for _ in range(rounds):
            _, _, indices = m.ask()
            counts[np.arange(12), indices] += 1
            m.tell(0.0, [0.0])
            assert m.ask()[0] == EPOCH
        expected = rounds / 12
        chi_square = ((counts - expected) ** 2).sum(axis=1) / expected
        # 12 places of 11 degrees each: all between the quantiles 1e-4 and 1 - 1e-4.
        assert (chi_square > 1.1).all()
        assert (chi_square < 37.4).all()

    def test_all_orders_are_as_likely(self):
        m = machine(np.zeros(1), samples=4, batch=4, seed=11)
        counts = dict.fromkeys(itertools.permutations(range(4)), 0)
        for _ in range(12_000):
            counts[tuple(m.ask()[2].tolist())] += 1
            m.tell(0.0, [0.0])
            m.ask()
        chi_square = sum((c - 500) ** 2 / 500 for c in counts.values())
        assert 5.4 < chi_square < 59.0  # 23 degrees of freedom: 1e-4 and 1 - 5e-5

    @pytest.mark.parametrize(
        ("samples", "batch", "least", "sizes"),
        [
            (9, 4, 1, [4, 4, 1]),
            (9, 4, 2, [4, 5]),
            (10, 4, 2, [4, 4, 2]),
            (5, 4, 2, [5]),
            (8, 4, 2, [4, 4]),
            (3, 3, 2, [3]),
        ],
    )
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_what_is_too_few_joins_the_batch_before(
        self, sampler, samples, batch, least, sizes
    ):
        m = machine(sampler=sampler, samples=samples, batch=batch, least=least)
        for _ in range(3):
            seen = []
            while (asked := m.ask())[0] != EPOCH:
                seen.append(asked[2])
                m.tell(0.0, np.zeros(5))
            assert [len(part) for part in seen] == sizes
            if sampler != "drawn":
                np.testing.assert_array_equal(
                    np.sort(np.concatenate(seen)), range(samples)
                )

    def test_gradients_of_an_epoch_average_to_the_full_one(self):
        # At rate 0, so to say: told zeros, w stays where it is.
        m = machine(samples=23, batch=5)
        rows = np.round(A * 64) / 64  # sums of these are exact, in any order
        for _ in range(3):
            total = np.zeros(5)
            while (asked := m.ask())[0] != EPOCH:
                total += rows[asked[2]].sum(axis=0)
                m.tell(0.0, np.zeros(5))
            assert same_bits(total, rows.sum(axis=0))


def variants():
    """Options by chance, so that each one meets all others."""
    chance = np.random.default_rng(2)
    choices = {
        "sampler": SAMPLERS,
        "schedule": SCHEDULES,
        "batch": (1, 5, 8, 22, 23),
        "least": (1, 1, 4),
        "rate_min": (0.0, 0.01),
        "decay": (0.5, 0.95, 1.0),
        "every": (0.4, 1.0, 2.5),
        "warmup": (0.0, 0.0, 0.3, 1.7),
        "momentum": (0.0, 0.5, 0.9),
        "beta1": (0.0, 0.8, 0.9),
        "beta2": (0.0, 0.9, 0.999),
        "eps": (1e-8, 1e-3),
        "weight_decay": (0.0, 0.1),
        "clip_norm": (math.inf, 0.5, 5.0),
        "average_from": (-1, -1, 0, 2),
        "seed": range(100),
    }
    for _ in range(12):
        made = {name: chance.choice(values).item() for name, values in choices.items()}
        yield made | {"least": min(made["least"], made["batch"])}


class TestRules:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("rule", RULES)
    def test_all_options_together_are_the_textbooks(self, rule, dtype):
        w = START.astype(dtype)
        for options in variants():
            ours, _ = epochs(machine(w, rule=rule, **options), 4)
            theirs = twin(w, 4, rule=rule, **options)
            assert equal(ours, theirs), options

    def test_the_options_do_something(self):
        # Else the test above would compare the same run again and again.
        plain = twin(START, 4, rule="adam")
        for options in (
            {"warmup": 1.0},
            {"clip_norm": 0.5},
            {"weight_decay": 0.1},
            {"average_from": 2},
            {"schedule": "inverse"},
            {"beta1": 0.5},
            {"beta2": 0.5},
            {"eps": 1e-3},
            {"sampler": "drawn"},
            {"least": 4},
        ):
            assert not same_bits(twin(START, 4, rule="adam", **options)[-1], plain[-1])

    @pytest.mark.parametrize("rule", RULES)
    def test_long_vectors_and_odd_lengths(self, rule):
        # Past every width of vector registers, with a rest.
        for n in (1, 2, 3, 7, 8, 9, 31, 67):
            target = np.random.default_rng(n).standard_normal((23, n))

            def fun(w, indices=None, target=target):
                rows = target if indices is None else target[indices]
                return 0.0, (w - rows).sum(axis=0)

            options = {"weight_decay": 0.05, "average_from": 1}
            ours, _ = epochs(machine(np.ones(n), rule=rule, **options), 3, fun)
            assert equal(ours, twin(np.ones(n), 3, fun, rule=rule, **options))

    def test_the_rate_is_told(self):
        m = machine(schedule="inverse", decay=2.0, batch=6, samples=12)
        rates = []
        for _ in range(4):
            m.ask()
            rates.append(m.rate)
            m.tell(0.0, np.zeros(5))
            if len(rates) % 2 == 0:
                assert m.ask()[0] == EPOCH
        assert rates == [0.05 / (1 + 2 * t) for t in (0.0, 0.5, 1.0, 1.5)]

    def test_scale_multiplies_the_rate(self):
        m = machine()
        assert m.scale == 1
        m.scale = 0.25
        points, _ = epochs(m, 1)
        assert equal(points, twin(START, 1, rate=0.05 * 0.25))

    def test_the_loss_of_an_epoch_is_the_mean_over_its_samples(self):
        m = machine(samples=7, batch=3)
        assert math.isnan(m.loss)
        for f in (1.0, 2.0, 5.0):
            m.ask()
            m.tell(f, np.zeros(5))
        assert m.ask()[0] == EPOCH
        assert m.loss == (3 * 1.0 + 3 * 2.0 + 5.0) / 7

    def test_best_is_the_end_of_the_epoch_of_the_lowest_loss(self):
        m = machine(samples=4, batch=4)
        assert same_bits(m.best, START)
        ends = []
        for f in (3.0, 1.0, 2.0):
            m.ask()
            m.tell(f, np.ones(5))
            assert m.ask()[0] == EPOCH
            ends.append(m.x)
        assert same_bits(m.best, ends[1])
        assert not same_bits(m.best, m.x)


class TestQuestions:
    def test_the_questions(self):
        m = machine(samples=10, batch=10)
        want, w, indices = m.ask()
        assert want == F | G | BATCH
        assert same_bits(w, START)
        np.testing.assert_array_equal(np.sort(indices), range(10))

    def test_svrg_asks_for_all_then_each_batch_twice(self):
        m = machine(rule="svrg", samples=6, batch=3)
        wanted, points, batches = [], [], []
        while (asked := m.ask())[0] != EPOCH:
            wanted.append(asked[0])
            points.append(asked[1])
            batches.append(asked[2])
            m.tell(1.0, np.full(5, float(len(wanted) ** 2)))
        pair = [F | G | BATCH, G | BATCH]
        assert wanted == [F | G, *pair, *pair]
        assert batches[0] is None
        for i in (1, 3):
            assert same_bits(batches[i], batches[i + 1])
            assert same_bits(points[i + 1], START)  # the anchor
        assert not same_bits(points[3], START)
        assert (m.nfev, m.njev) == (3, 5)

    def test_a_question_is_repeated_until_it_is_answered(self):
        m = machine()
        first, second = m.ask(), m.ask()
        assert first[0] == second[0]
        assert same_bits(first[1], second[1])
        assert same_bits(first[2], second[2])

    def test_what_is_asked_belongs_to_the_caller(self):
        m, other = machine(rule="adam"), machine(rule="adam")
        while m.updates < 12:
            want, w, indices = m.ask()
            same = other.ask()
            if want == EPOCH:
                continue
            f, g = squares(w, indices)
            m.tell(f, g)
            other.tell(f, g)
            for array in (w, indices, g, m.x, m.best):
                array.fill(0)
            assert same[0] == want
        assert same_bits(m.x, other.x)

    def test_the_start_is_copied(self):
        w = START.copy()
        m = Machine(w, **PLAIN)
        w[:] = np.nan
        assert same_bits(m.x, START)

    @pytest.mark.parametrize("f", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("rule", RULES)
    def test_a_loss_that_is_not_finite_ends_it(self, rule, f):
        m = machine(rule=rule)
        _, m = epochs(m, 1)
        before = m.best
        m.ask()
        m.tell(f, np.zeros(5))
        assert m.ask() == (DONE, None, None)
        assert m.ask() == (DONE, None, None)  # for good
        assert same_bits(m.best, before)
        assert np.isfinite(m.best).all()
        with pytest.raises(ValueError, match="only what was asked"):
            m.tell(1.0, np.zeros(5))
        assert Machine.load(m.save()).ask()[0] == DONE

    def test_weights_that_are_not_finite_are_never_the_best(self):
        m = machine(samples=4, batch=4)
        m.ask()
        m.tell(1.0, np.full(5, np.inf))
        assert m.ask()[0] == EPOCH
        assert not np.isfinite(m.x).any()
        assert same_bits(m.best, START)


class TestArmijo:
    """Vaswani et al. 2019."""

    def test_every_step_lowers_its_batch_enough(self):
        m = machine(search=True, rate=1.0)
        before, batch, g, f, length, checked = None, None, None, 0.0, 0.0, 0
        lengths = []
        while checked < 40:
            want, w, indices = m.ask()
            if want == EPOCH:
                continue
            if want == F | G | BATCH:
                if before is not None:
                    assert squares(w, batch)[0] <= f - 0.1 * length * (g @ g) + 1e-12
                    np.testing.assert_allclose(w, before - length * g, rtol=1e-12)
                    checked += 1
                    lengths.append(length)
                before, batch = w, indices
                f, g = squares(w, indices)
                m.tell(f, g)
                continue
            assert want == F | BATCH
            assert same_bits(indices, batch)  # trials see the same samples
            length = float((before - w) @ g / (g @ g))
            m.tell(squares(w, indices)[0])
        assert len(set(lengths)) > 1

    def test_it_shortens_by_shrink_and_gives_up_after_maxls(self):
        m = machine(np.zeros(1), search=True, samples=4, batch=4, maxls=4, shrink=0.5)
        m.ask()
        m.tell(0.0, [1.0])
        lengths = []
        while (asked := m.ask())[0] == F | BATCH:
            lengths.append(-asked[1][0])
            m.tell(1.0)  # never low enough
        assert asked[0] == EPOCH
        np.testing.assert_allclose(lengths, 0.05 * 0.5 ** np.arange(4), rtol=1e-15)
        assert m.x[0] == -lengths[-1]
        assert (m.nfev, m.njev) == (5, 1)

    def test_searches_begin_where_the_last_one_ended_and_somewhat_higher(self):
        # By grow^(batch / samples): four steps of a quarter of the samples double it.
        m = machine(np.zeros(1), search=True, samples=8, batch=2, shrink=0.25)
        firsts = []
        for step in range(12):
            while (asked := m.ask())[0] == EPOCH:
                pass
            m.tell(0.0, [1.0])
            trial = m.ask()
            firsts.append(asked[1][0] - trial[1][0])
            if step == 0:
                m.tell(1.0)  # too high: the next trial is a quarter as long
                m.ask()
            m.tell(-1.0)
        expected = [0.05, *(0.0125 * 2 ** (k / 4) for k in range(1, 12))]
        np.testing.assert_allclose(firsts, np.minimum(expected, 0.05), rtol=1e-12)
        assert firsts[-1] == pytest.approx(0.05)  # and not above the rate

    @pytest.mark.parametrize("f", [np.nan, np.inf])
    def test_trials_that_are_not_finite_are_too_long(self, f):
        m = machine(np.zeros(1), search=True, samples=4, batch=4)
        m.ask()
        m.tell(0.0, [1.0])
        for _ in range(3):
            assert m.ask()[0] == F | BATCH
            m.tell(f)
        m.ask()
        m.tell(-1.0)
        assert m.ask()[0] == EPOCH
        np.testing.assert_allclose(m.x, [-0.05 * 0.9**3], rtol=1e-14)

    @pytest.mark.parametrize("f", [np.nan, np.inf])
    def test_where_no_trial_is_finite_it_ends(self, f):
        m = machine(np.zeros(1), search=True, samples=4, batch=4, maxls=6)
        m.ask()
        m.tell(0.0, [1.0])
        tried = 0
        while m.ask()[0] == F | BATCH:
            m.tell(f)
            tried += 1
            assert tried <= 6, "there is a limit"
        assert m.ask()[0] == DONE
        assert tried == 6
        assert same_bits(m.best, np.zeros(1))

    def test_gradients_that_are_not_finite_end_it(self):
        m = machine(np.zeros(1), search=True, samples=4, batch=4)
        m.ask()
        m.tell(0.0, [np.nan])
        assert m.ask()[0] == DONE
        assert same_bits(m.x, np.zeros(1))


class TestSaving:
    @pytest.mark.parametrize("search", [False, True])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("rule", RULES)
    def test_at_every_step_it_goes_on_bit_for_bit(self, rule, dtype, search):
        w = START.astype(dtype)
        for options in itertools.islice(variants(), 4):
            options = options | {"rule": rule, "search": search and rule == "sgd"}
            plain, first = epochs(machine(w, **options), 3)
            saved, second = epochs(machine(w, **options), 3, reload=True)
            assert equal(plain, saved)
            assert same_state(first, second)

    def test_pickle_is_the_same(self):
        _, m = epochs(machine(rule="adam"), 2)
        assert same_state(pickle.loads(pickle.dumps(m)), m)

    def test_every_cut_and_every_flipped_byte_is_refused(self):
        _, m = epochs(
            machine(np.zeros(2), samples=3, batch=2), 1, lambda w, i: (0.0, w)
        )
        saved = m.save()
        for end in range(len(saved)):
            with pytest.raises(ValueError, match="saved: "):
                Machine.load(saved[:end])
        for at in range(len(saved)):
            damaged = bytearray(saved)
            damaged[at] ^= 1 << (at % 8)
            with pytest.raises(ValueError, match="saved: "):
                Machine.load(bytes(damaged))
        with pytest.raises(ValueError, match="saved: "):
            Machine.load(saved + b"\0")

    @pytest.mark.parametrize("place", [0, 1])
    def test_another_builds_sizes_are_refused_though_the_sum_is_right(self, place):
        saved = machine().save()
        start = len(b"optlab stochastic 1") + 8 * place
        size = int.from_bytes(saved[start : start + 8], "little")
        for other in (size + 8, size - 8, 0, -1, 2**62):
            body = saved[:start] + other.to_bytes(8, "little", signed=True)
            body += saved[start + 8 : -4]
            with pytest.raises(ValueError, match="made by another build"):
                Machine.load(body + zlib.crc32(body).to_bytes(4, "little"))

    @pytest.mark.parametrize("state", [None, "text", bytearray(b"optlab"), 3])
    def test_only_bytes_are_loaded(self, state):
        with pytest.raises(TypeError):
            Machine.load(state)


class TestRunning:
    def total(self, fun=squares, n=5, samples=23, single=False):
        return PythonSum(lambda w, i: fun(w, i), n, samples, single)

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("rule", RULES)
    def test_to_run_is_to_ask_and_tell(self, rule, dtype):
        w = START.astype(dtype)
        for options in itertools.islice(variants(), 4):
            ran = machine(w, rule=rule, **options)
            total = self.total(single=dtype == np.float32)
            for _ in range(3):
                assert ran.run(total) == EPOCH
            _, told = epochs(machine(w, rule=rule, **options), 3)
            assert same_state(ran, told)

    def test_both_may_take_turns(self):
        _, plain = epochs(machine(rule="nesterov"), 4)
        _, m = epochs(machine(rule="nesterov"), 1)
        assert m.run(self.total()) == EPOCH
        _, m = epochs(m, 1)
        # in the midst of an epoch
        _, w, indices = m.ask()
        m.tell(*squares(w, indices))
        assert m.run(self.total()) == EPOCH
        assert same_state(m, plain)

    def test_a_run_answers_what_was_asked(self):
        m, plain = machine(), machine()
        m.ask()
        assert m.run(self.total()) == plain.run(self.total()) == EPOCH
        assert same_state(m, plain)

    def test_a_run_that_failed_may_be_taken_up_again(self):
        calls = []

        def fails_once(w, indices):
            calls.append(indices)
            if len(calls) == 3:
                raise LookupError("mine")
            return squares(w, indices)

        m = machine()
        with pytest.raises(LookupError, match="mine"):
            m.run(self.total(fails_once))
        assert m.updates == 2

    @pytest.mark.parametrize(
        "wrong", [{"n": 4}, {"samples": 22}, {"single": True}], ids=str
    )
    def test_another_objective_is_refused(self, wrong):
        with pytest.raises(ValueError, match="not the one that the run is for"):
            machine().run(self.total(**wrong))

    @pytest.mark.parametrize("objective", [None, squares, 3, object()])
    def test_what_is_none_is_refused(self, objective):
        with pytest.raises(TypeError, match="__optlab_objective__"):
            machine().run(objective)

    def test_compiled_objectives_that_are_no_sums_are_refused(self):
        capsule = problems.get("rosenbrock").__optlab_objective__
        assert not is_finite_sum(capsule)
        with pytest.raises(TypeError, match="no finite sum"):
            machine().run(capsule)
        assert is_finite_sum(problems.get("logistic_binary").__optlab_objective__)
        assert not is_finite_sum(squares)

    def test_signals_get_through_while_compiled_code_runs(self):
        # One epoch of batches of one sample, again and again, far longer than a second.
        problem = problems.get("logistic_binary")
        m = machine(
            problem.x0, samples=problem.n_samples, batch=1, sampler="drawn", rate=1e-6
        )

        class Alarm(BaseException):
            pass

        def ring(*_):
            raise Alarm

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(Alarm):  # noqa: PT012
                while True:
                    m.run(problem.__optlab_objective__)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_machines_side_by_side(self):
        problem = problems.get("logistic_binary")

        def run(i):
            m = machine(
                problem.x0, samples=problem.n_samples, batch=7, rule="adam", seed=i % 2
            )
            for _ in range(20):
                m.run(problem.__optlab_objective__)
            return m.x

        alone = [run(0), run(1)]
        assert not same_bits(*alone)
        for i, x in enumerate(in_threads(run)):
            assert same_bits(x, alone[i % 2])


class TestMisuse:
    @pytest.mark.parametrize(
        ("w", "error"),
        [
            (None, TypeError),
            ([1.0, 2.0], TypeError),
            (np.zeros(0), TypeError),
            (np.zeros((2, 2)), TypeError),
            (np.zeros(4, int), TypeError),
            (np.zeros(4, np.float16), TypeError),
            (np.zeros(8)[::2], TypeError),
            (np.zeros(4, ">f8"), TypeError),
        ],
        ids=repr,
    )
    def test_points_that_are_none(self, w, error):
        with pytest.raises(error):
            Machine(w, **PLAIN)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"samples": 0},
            {"samples": -1},
            {"batch": 0},
            {"batch": -1},
            {"batch": 24},
            {"rule": "sgd2"},
            {"sampler": "all"},
            {"schedule": "linear"},
        ],
        ids=str,
    )
    def test_options_that_cannot_be(self, wrong):
        with pytest.raises(ValueError, match=r"batch|index|not in"):
            machine(**wrong)

    def test_it_is_made_once(self):
        m = machine()
        with pytest.raises(RuntimeError, match="made once"):
            m.__init__(START, **PLAIN)
        assert same_bits(m.x, START)

    def test_only_what_was_asked_for_can_be_told(self):
        m = machine()
        with pytest.raises(ValueError, match="only what was asked"):
            m.tell(1.0, np.zeros(5))
        m.ask()
        m.tell(1.0, np.zeros(5))
        with pytest.raises(ValueError, match="only what was asked"):
            m.tell(1.0, np.zeros(5))

    @pytest.mark.parametrize("g", [np.zeros(4), np.zeros((5, 1)), 0.0, []], ids=repr)
    def test_gradients_of_another_shape_are_refused_and_may_be_told_again(self, g):
        m, plain = machine(), machine()
        m.ask()
        with pytest.raises(ValueError, match=r"g must have shape \(5,\)"):
            m.tell(1.0, g)
        plain.ask()
        for one in (m, plain):
            one.tell(1.0, np.ones(5))
            one.ask()
        assert same_bits(m.x, plain.x)
        assert (m.nfev, m.njev) == (plain.nfev, plain.njev)

    @pytest.mark.parametrize("f", ["1", None, [1.0, 2.0]])
    def test_losses_that_are_no_number_are_refused(self, f):
        m = machine()
        m.ask()
        with pytest.raises(TypeError):
            m.tell(f, np.zeros(5))
        assert m.nfev == m.njev == 0
