"""Bounds: what is taken, what is refused, and how they are rounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, OptimizeWarning

from optlab.bounds import as_bounds, clip_start, in_precision
from tests.support import same_bits

SINGLE = np.dtype(np.float32)


class TestForms:
    LOWER, UPPER = np.array([0.0, -np.inf, 2.0]), np.array([1.0, 5.0, 2.0])

    @pytest.mark.parametrize(
        "bounds",
        [
            [(0, 1), (None, 5), (2, 2)],
            ((0, 1), (-np.inf, 5), (2, 2)),
            [[0, 1], [None, 5], [2, 2]],
            np.array([[0, 1], [-np.inf, 5], [2, 2]]),
            np.array([[0, 1], [None, 5], [2, 2]], dtype=object),
            Bounds([0, -np.inf, 2], [1, 5, 2]),
            iter([(0, 1), (None, 5), (2, 2)]),
            zip([0, None, 2], [1, 5, 2], strict=True),
        ],
        ids=lambda b: type(b).__name__,
    )
    def test_what_is_taken(self, bounds):
        lower, upper = as_bounds(bounds, 3)
        assert same_bits(lower, self.LOWER)
        assert same_bits(upper, self.UPPER)
        assert lower.flags.owndata
        assert lower.flags.writeable

    def test_none(self):
        assert as_bounds(None, 3) is None

    def test_open_ones_are_bounds_still(self):
        lower, upper = as_bounds([(None, None)], 1)
        assert (lower[0], upper[0]) == (-np.inf, np.inf)

    def test_single_numbers_are_those_of_all(self):
        lower, upper = as_bounds(Bounds(0, [1, 2]), 2)
        assert same_bits(lower, np.zeros(2))
        assert same_bits(upper, np.array([1.0, 2.0]))
        assert as_bounds(Bounds(), 4)[0].shape == (4,)

    def test_two_pairs_are_pairs(self):
        lower, upper = as_bounds([[0, 1], [2, 3]], 2)
        assert same_bits(lower, np.array([0.0, 2.0]))
        assert same_bits(upper, np.array([1.0, 3.0]))

    def test_the_users_arrays_are_copied(self):
        given_ = np.array([[0.0, 1.0]])
        lower, _ = as_bounds(given_, 1)
        lower[0] = 7
        assert given_[0, 0] == 0


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ([(0, 1)], ValueError),
        ([(0, 1)] * 3, ValueError),
        ([(0, 1, 2), (0, 1)], ValueError),
        ([(0,), (0, 1)], ValueError),
        (np.zeros((3, 2)), ValueError),
        (np.zeros((2, 3)), ValueError),
        (np.zeros(2), ValueError),
        (Bounds([0, 0, 0], [1, 1, 1]), ValueError),
        ([(1, 0), (0, 1)], ValueError),
        ([(np.nan, 1), (0, 1)], ValueError),
        ([(0, np.nan), (0, 1)], ValueError),
        ([(np.inf, np.inf), (0, 1)], ValueError),
        ([(-np.inf, -np.inf), (0, 1)], ValueError),
        ([(1j, 2), (0, 1)], TypeError),
        ([("a", "b"), (0, 1)], TypeError),
        (["ab", "cd"], TypeError),
        ([(True, False), (False, True)], TypeError),
        ([0, 1], TypeError),
        (5, TypeError),
        (np.zeros((2, 2), complex), TypeError),
    ],
    ids=repr,
)
def test_what_is_refused_is_named(bounds, error):
    with pytest.raises(error, match="bounds"):
        as_bounds(bounds, 2)


class TestPrecision:
    @given(st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30)).map(sorted))
    def test_inwards(self, pair):
        low, high = (np.array([v]) for v in pair)
        if low == high:  # fixed: at the nearest
            for side in in_precision((low, high), SINGLE):
                assert side == np.float32(low[0])
            return
        try:
            single_low, single_high = in_precision((low, high), SINGLE)
        except ValueError:  # then there is none: the next float32 is beyond
            nearest = np.float32(low[0])
            assert not low[0] <= nearest <= high[0]
            return
        assert single_low.dtype == SINGLE
        assert low <= single_low.astype(float) <= single_high.astype(float) <= high
        below = np.nextafter(single_low, np.float32(-np.inf)).astype(float)
        above = np.nextafter(single_high, np.float32(np.inf)).astype(float)
        assert below < low
        assert above > high

    def test_beyond_its_range(self):
        low, high = in_precision((np.array([-1e300]), np.array([np.inf])), SINGLE)
        assert low[0] == np.finfo(SINGLE).min
        assert high[0] == np.inf

    def test_doubles_stay(self):
        sides = np.array([0.1, -np.inf]), np.array([0.1, 0.3])
        assert all(map(same_bits, in_precision(sides, np.dtype(float)), sides))

    @pytest.mark.parametrize("side", [0.1, 1e300])
    def test_none_between(self, side):
        above = np.nextafter(side, np.inf)
        with pytest.raises(ValueError, match=r"bounds\[1\] hold no float32"):
            in_precision((np.array([0, side]), np.array([1, above])), SINGLE)


class TestStart:
    LOWER, UPPER = np.zeros(2), np.ones(2)

    def test_inside(self):
        x0 = np.array([0.0, 1.0])
        assert clip_start(x0, self.LOWER, self.UPPER) is x0

    def test_outside(self):
        x0 = np.array([-1.0, 0.5])
        with pytest.warns(OptimizeWarning, match="Initial guess is not within"):
            clipped = clip_start(x0, self.LOWER, self.UPPER)
        assert same_bits(clipped, np.array([0.0, 0.5]))
        assert x0[0] == -1
