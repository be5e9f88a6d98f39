"""L-BFGS-B's directions against the dense model, whatever has led to the pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from optlab_c.machine import ITERATE, F, Machine
from tests.support import same_bits, settings
from tests.textbook import lbfgsb as textbook

THREE = 3 * np.sqrt(np.finfo(np.float32).eps)


def walk(seed, n, maxcor, steps, *, open_share=0.2, dtype="float64", reload=False):
    """(pairs, x, g, trial, box) of a random run, over `steps` iterations.

    The gradient is that of a quadratic whose centre jumps at every evaluation, so that
    many variables come to their bounds and leave them. Every first trial is accepted: it
    is told to be lower, and armijo looks at values only.
    """
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    Q = (basis * np.geomspace(1, 30, n)) @ basis.T
    low, high = -rng.uniform(0, 1, n), rng.uniform(0, 1, n)
    low[rng.random(n) < open_share] = -np.inf
    high[rng.random(n) < open_share] = np.inf
    fixed = rng.random(n) < 0.1
    high[fixed] = low[fixed] = 0.0
    low, high = low.astype(dtype), high.astype(dtype)
    how = settings(
        "l-bfgs-b",
        n,
        bounded=True,
        maxcor=maxcor,
        corrected=False,
        line_search="armijo",
        dtype=dtype,
        gtol=0.0,
    )
    machine = Machine(how, np.zeros(n, dtype), (low, high))
    f, start = 0.0, None
    while machine.k < steps:
        if reload:
            machine = Machine.load(machine.save())
        want, x = machine.ask()
        if want == ITERATE:
            pairs = [machine.pair(age) for age in range(machine.pairs)][::-1]
            start = pairs, machine.x, machine.g
            continue
        if want < 0:
            return
        if want & F:
            f -= 1.0
            if start is not None:
                yield *start, x, (low, high)
                start = None
        g = Q @ (x - 2 * rng.normal(size=n))
        machine.tell(f=f if want & F else None, g=g)


def double(pairs):
    return [(s.astype(float), y.astype(float)) for s, y in pairs]


def check(pairs, x, g, trial, box, rtol):
    """The direction is the dense one; replies the bounds that are active, or None."""
    if not pairs:
        return None
    x, g, (low, high) = x.astype(float), g.astype(float), np.array(box, dtype=float)
    direction = trial.astype(float) - x
    B = textbook.hessian(double(pairs))
    expected = textbook.direction(B, x, g, low, high)
    np.testing.assert_allclose(
        direction, expected, rtol=0, atol=rtol * max(np.abs(expected).max(), 1e-3)
    )
    assert g @ direction < 0
    assert ((low <= trial) & (trial <= high)).all()
    return textbook.cauchy_step(B, x, g, low, high)[1]


class TestDirection:
    @examples(max_examples=60, deadline=None, derandomize=True)
    @given(
        seed=st.integers(0, 2**32 - 1),
        n=st.integers(1, 25),
        maxcor=st.sampled_from([1, 2, 3, 5, 10]),
        open_share=st.sampled_from([0.0, 0.2, 0.8]),
    )
    def test_it_is_the_dense_one(self, seed, n, maxcor, open_share):
        """Over more steps than there are pairs, so that the ring turns several times."""
        for state in walk(seed, n, maxcor, 4 * maxcor + 5, open_share=open_share):
            check(*state, 1e-6)

    @examples(max_examples=20, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 25))
    def test_float32(self, seed, n):
        for state in walk(seed, n, 3, 12, dtype="float32"):
            check(*state, THREE)

    def test_sums_are_kept_through_many_changes_of_the_active_set(self):
        """What is added and taken away again leaves no trace."""
        changes, before, count = 0, None, 0
        for state in walk(3, 40, 7, 300, open_share=0.0):
            active = check(*state, 1e-6)
            if active is not None and before is not None:
                changes += int((active != before).sum())
            before, count = active, count + 1
        assert count > 250
        assert changes > 1000

    @pytest.mark.parametrize("n", [7, 8, 9, 15, 16, 17, 33])
    def test_sizes_around_those_of_vectors(self, n):
        for state in walk(n, n, 4, 20):
            check(*state, 1e-6)

    def test_saved_at_every_question(self):
        plain = list(walk(5, 12, 3, 30))
        resumed = list(walk(5, 12, 3, 30, reload=True))
        assert len(plain) == len(resumed)
        assert all(same_bits(a[3], b[3]) for a, b in zip(plain, resumed, strict=True))


class TestTextbook:
    """The twin itself, against what defines its parts."""

    @staticmethod
    def model(seed, n=6):
        rng = np.random.default_rng(seed)
        R = rng.normal(size=(n, n))
        low, high = -rng.uniform(0, 1, n), rng.uniform(0, 1, n)
        return R @ R.T + 0.1 * np.eye(n), rng.normal(size=n) * 5, low, high

    @pytest.mark.parametrize("seed", range(20))
    def test_the_cauchy_point_is_the_first_minimiser_on_the_path(self, seed):
        B, g, low, high = self.model(seed)
        x = np.zeros(6)
        z, _ = textbook.cauchy_step(B, x, g, low, high)

        def along(t):
            p = np.clip(x - t * g, low, high) - x
            return g @ p + p @ B @ p / 2, p

        # Walk the path in small steps until the model rises.
        t, step, best = 0.0, 1e-4, (0.0, np.zeros(6))
        while (now := along(t + step))[0] < best[0]:
            t, best = t + step, now
        assert g @ z + z @ B @ z / 2 <= best[0] + 1e-12
        np.testing.assert_allclose(z, best[1], atol=2 * step * np.abs(g).max())

    def test_b_meets_the_secant_equation(self):
        rng = np.random.default_rng(0)
        Q = self.model(1)[0]
        pairs = [(s, Q @ s) for s in rng.normal(size=(4, 6))]
        B = textbook.hessian(pairs)
        np.testing.assert_allclose(B @ pairs[-1][0], pairs[-1][1])
        assert np.linalg.eigvalsh(B)[0] > 0
