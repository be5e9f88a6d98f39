"""Line searches alone, against textbook twins and against their defining inequalities."""

import json
from pathlib import Path

import numpy as np
import pytest

from optlab.methods import LINE_SEARCHES
from optlab_c.machine import Search
from tests.support import settings
from tests.textbook import searches as textbook

CASES = {
    (path.stem, name): case
    for path in sorted((Path(__file__).parent / "linesearch_cases").glob("*.json"))
    for name, case in json.loads(path.read_text()).items()
}


def more_thuente_1(a, b=2.0):
    return -a / (a**2 + b), (a**2 - b) / (a**2 + b) ** 2


def more_thuente_2(a, b=0.004):
    return (a + b) ** 5 - 2 * (a + b) ** 4, 5 * (a + b) ** 4 - 8 * (a + b) ** 3


def more_thuente_3(a, b=0.01, waves=39):
    if a <= 1 - b:
        f, g = 1 - a, -1.0
    elif a >= 1 + b:
        f, g = a - 1, 1.0
    else:
        f, g = (a - 1) ** 2 / (2 * b) + b / 2, (a - 1) / b
    w = waves * np.pi / 2
    return f + (1 - b) / w * np.sin(w * a), g + (1 - b) * np.cos(w * a)


def yanai(b1, b2):
    def weight(b):
        return np.sqrt(1 + b**2) - b

    def phi(a):
        left, right = np.hypot(1 - a, b2), np.hypot(a, b1)
        return (
            weight(b1) * left + weight(b2) * right,
            weight(b1) * (a - 1) / left + weight(b2) * a / right,
        )

    return phi


# The six functions of Moré & Thuente 1994, section 5, with their c1 and c2 (which are
# equal for all but the first; here c2 has to be the larger).
MORE_THUENTE = {
    "5.1": (more_thuente_1, 0.001, 0.1),
    "5.2": (more_thuente_2, 0.1, 0.1001),
    "5.3": (more_thuente_3, 0.1, 0.1001),
    "5.4": (yanai(0.001, 0.001), 0.001, 0.001001),
    "5.5": (yanai(0.01, 0.001), 0.001, 0.001001),
    "5.6": (yanai(0.001, 0.01), 0.001, 0.001001),
}
MORE = {
    "quadratic": lambda a: (3 * (a - 0.7) ** 2, 6 * (a - 0.7)),
    "quartic": lambda a: ((a - 2) ** 4 - a, 4 * (a - 2) ** 3 - 1),
    "exponential": lambda a: (np.exp(-a) + a / 5, 0.2 - np.exp(-a)),
    "falling, then wavy": lambda a: (
        -a - 0.3 * np.sin(5 * a) + 0.05 * a**2,
        -1 - 1.5 * np.cos(5 * a) + 0.1 * a,
    ),
    "two valleys": lambda a: (
        a**4 / 4 - a**3 + 0.8 * a**2 - a / 2,
        a**3 - 3 * a**2 + 1.6 * a - 0.5,
    ),
}
PHIS = {name: row[0] for name, row in MORE_THUENTE.items()} | MORE
STARTS = (2e-3, 0.23, 1.3, 13.0, 1300.0)  # none where phi is back at phi(0) by symmetry


def run(search, phi, first, alpha_max=np.inf, **options):
    """The trials (alpha, phi, dphi) of a search alone, and whether the last was taken."""
    machine = Search(settings("gd", 1, line_search=search, **options), alpha_max)
    trials = []
    alpha = machine.start(*phi(0.0), first)
    while alpha is not None:
        trials.append((alpha, *phi(alpha)))
        alpha = machine.tell(*trials[-1][1:])
    assert machine.alpha == trials[-1][0]
    return trials, machine.accepted


def twin_trials(search, phi, first, **options):
    """The same of a textbook search."""
    trials = []

    def watched(alpha):
        trials.append((alpha, *phi(alpha)))
        return trials[-1][1:]

    getattr(textbook, search)(watched, *phi(0.0), first, **options)
    return trials


@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("name", PHIS)
@pytest.mark.parametrize("search", ["armijo", "wolfe", "strong_wolfe", "hager_zhang"])
def test_every_trial_is_the_twins(search, name, first):
    options = (
        {"c2": MORE_THUENTE.get(name, (0, 0, 0.9))[2]} if search != "armijo" else {}
    )
    options["c1"] = 0.99 * MORE_THUENTE[name][1] if name in MORE_THUENTE else 1e-3
    trials, accepted = run(
        search.replace("_", "-"), PHIS[name], first, maxls=100, **options
    )
    expected = twin_trials(search, PHIS[name], first, **options)
    assert accepted
    np.testing.assert_allclose(
        [t[0] for t in trials], [t[0] for t in expected], rtol=1e-7
    )


def waves(seed):
    """A random parabola with waves on it, and a first trial."""
    rng = np.random.default_rng(seed)
    k = rng.integers(1, 5)
    w, p = rng.uniform(0.5, 8, k), rng.uniform(0, 6.28, k)
    a = rng.normal(size=k) * rng.uniform(0.1, 2)
    q = rng.uniform(0.01, 0.5)

    def phi(t):
        return q * t * t + a @ np.sin(w * t + p), 2 * q * t + (a * w) @ np.cos(
            w * t + p
        )

    return phi, 10 ** rng.uniform(-2, 1)


@pytest.mark.parametrize("search", ["armijo", "wolfe", "strong_wolfe", "hager_zhang"])
def test_every_trial_is_the_twins_on_waves(search):
    options = {"c1": 0.01} | ({} if search == "armijo" else {"c2": 0.3})
    falling = 0
    # Beyond 300: rare turns of the searches, one each.
    for seed in [*range(300), 806, 1195, 1606, 2072, 3005, 3819, 5714]:
        phi, first = waves(seed)
        if phi(0.0)[1] > -1e-3:
            continue
        falling += 1
        trials, accepted = run(
            search.replace("_", "-"), phi, first, maxls=100, **options
        )
        expected = twin_trials(search, phi, first, **options)
        assert accepted
        np.testing.assert_allclose(
            [t[0] for t in trials], [t[0] for t in expected], rtol=1e-6, err_msg=seed
        )
    assert falling > 100


# Moré & Thuente 1994, tables I, II and III: evaluations and the step they end with.
TABLES = [
    ("5.1", 1e-3, 6, 1.4),
    ("5.1", 1e-1, 3, 1.4),
    ("5.1", 1e1, 1, 10),
    ("5.1", 1e3, 4, 37),
    ("5.2", 1e-3, 12, 1.6),
    ("5.2", 1e-1, 8, 1.6),
    ("5.2", 1e1, 8, 1.6),
    ("5.2", 1e3, 11, 1.6),
    ("5.3", 1e-3, 12, 1.0),
    ("5.3", 1e-1, 12, 1.0),
    ("5.3", 1e1, 10, 1.0),
    ("5.3", 1e3, 13, 1.0),
]


@pytest.mark.parametrize(("name", "first", "count", "alpha"), TABLES)
def test_strong_wolfe_does_as_its_paper_says(name, first, count, alpha):
    phi, c1, c2 = MORE_THUENTE[name]
    trials, accepted = run("strong-wolfe", phi, first, c1=c1, c2=c2)
    assert accepted
    assert len(trials) == count
    assert f"{trials[-1][0]:.2g}" == f"{alpha:.2g}"


def holds(search, function, trial, c1, c2):
    """The conditions of a search, from its definition."""
    phi0, dphi0 = function(0.0)
    alpha, phi, dphi = trial
    # Where no double meets the tolerance, the root lies between neighbours.
    around = [function(alpha * (1 + k * np.finfo(float).eps))[1] for k in (-8, 8)]
    root = abs(dphi) <= 1e-9 * abs(dphi0) or around[0] < 0 < around[1]
    armijo = phi <= phi0 + c1 * alpha * dphi0
    weak, strong = dphi >= c2 * dphi0, abs(dphi) <= c2 * abs(dphi0)
    approximate = (2 * c1 - 1) * dphi0 >= dphi >= c2 * dphi0 and phi <= phi0
    return {
        "fixed": True,
        "armijo": armijo,
        "nonmonotone": armijo,
        "wolfe": armijo and weak,
        "strong-wolfe": armijo and strong,
        "hager-zhang": (armijo and weak) or approximate,
        "exact": root and phi < phi0,
    }[search]


@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("name", PHIS)
@pytest.mark.parametrize("search", LINE_SEARCHES)
def test_what_is_accepted_meets_the_conditions(search, name, first):
    c1, c2 = (1e-3, 0.4)
    constants = {"c1": c1, "c2": c2}
    known = LINE_SEARCHES[search].options.__dataclass_fields__
    options = {key: value for key, value in constants.items() if key in known}
    if search == "fixed":
        options["step_length"] = first
    trials, accepted = run(search, PHIS[name], first, maxls=100, **options)
    assert accepted
    assert holds(search, PHIS[name], trials[-1], c1, c2)
    # No search but the exact one goes on after a trial that it would have taken.
    assert search == "exact" or not any(
        holds(search, PHIS[name], t, c1, c2) for t in trials[:-1]
    )


@pytest.mark.parametrize("search", LINE_SEARCHES)
@pytest.mark.parametrize("first", [0.3, 1.0, 40.0])
def test_a_point_out_of_the_domain_is_too_far(search, first):
    def phi(a):  # a barrier at 1, the minimum at 0.9
        if a >= 1:
            return np.nan, np.nan
        return -np.log(1 - a) - 10 * a, 1 / (1 - a) - 10

    trials, accepted = run(search, phi, first, maxls=100)
    assert accepted
    assert np.isfinite(trials[-1][1:]).all()
    beyond = [t[0] for t in trials if t[0] >= 1]
    assert beyond == sorted(beyond, reverse=True)  # each cut shortens


@pytest.mark.parametrize("search", LINE_SEARCHES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nothing_finite_at_all_is_a_failure(search, bad):
    trials, accepted = run(search, lambda a: (bad if a else 1.0, -1.0), 1.0, maxls=7)
    assert not accepted
    assert len(trials) == 7


@pytest.mark.parametrize("search", LINE_SEARCHES)
def test_a_slope_that_is_not_finite_is_no_step(search):
    def phi(a):
        return (a - 1) ** 2, 2 * (a - 1) if a < 0.99 else np.nan

    trials, accepted = run(search, phi, 1.0, **{"c2": 0.9} if "wolfe" in search else {})
    assert accepted == (search != "exact")  # whose step is the one at 1
    assert not accepted or np.isfinite(trials[-1][2])


@pytest.mark.parametrize(
    "search", set(LINE_SEARCHES) - {"fixed", "armijo", "nonmonotone"}
)
def test_no_trial_is_longer_than_alpha_max(search):
    trials, accepted = run(search, lambda a: (-a, -1.0), 0.1, alpha_max=3.0)
    assert accepted
    assert trials[-1][0] == 3.0
    assert max(t[0] for t in trials) == 3.0


@pytest.mark.parametrize("search", ["wolfe", "strong-wolfe", "hager-zhang", "exact"])
def test_a_falling_line_has_no_end(search):
    trials, accepted = run(search, lambda a: (-a, -1.0), 1.0, maxls=15)
    assert not accepted
    assert len(trials) == 15
    alphas = [t[0] for t in trials]
    assert alphas == sorted(alphas)
    assert alphas[-1] > 1e3


@pytest.mark.parametrize("search", LINE_SEARCHES)
def test_a_slope_that_lies_is_no_endless_search(search):
    trials, accepted = run(search, lambda a: (a, -1.0), 1.0)  # rises, says it falls
    assert accepted == (search == "fixed")
    assert len(trials) <= LINE_SEARCHES[search].options().maxls


class TestNoiseFloor:
    """phi(a) = 1e8 + (a - 1)^2: what falls is below the last place of phi."""

    @staticmethod
    def phi(a):
        return 1e8 + 1e-9 * (a - 1) ** 2, 2e-9 * (a - 1)

    @pytest.mark.parametrize(
        "search", ["armijo", "wolfe", "strong-wolfe", "hager-zhang", "nonmonotone"]
    )
    def test_the_slope_decides_where_phi_cannot(self, search):
        for first in (1.0, 1.3):
            trials, accepted = run(search, self.phi, first)
            assert accepted
            assert len(trials) == 1

    @pytest.mark.parametrize("search", ["wolfe", "strong-wolfe", "hager-zhang"])
    def test_a_bracket_is_found_by_the_slope_alone(self, search):
        trials, accepted = run(search, self.phi, 2.5)
        assert accepted
        c1 = LINE_SEARCHES[search].options().c1
        slope = trials[-1][2] / self.phi(0)[1]
        assert 2 * c1 - 1 <= slope <= 0.9


def test_the_reference_of_the_nonmonotone_search_is_the_papers():
    rng = np.random.default_rng(5)
    machine = Search(settings("gd", 1, line_search="nonmonotone", eta=0.7), np.inf)
    C, Q = None, 1.0
    for _ in range(30):
        f0 = float(rng.normal())
        C, Q = (
            (f0, 1.0)
            if C is None
            else ((0.7 * Q * C + f0) / (0.7 * Q + 1), 0.7 * Q + 1)
        )
        bound = max(C, f0) - 1e-4 * 0.5  # at alpha = 0.5, slope -1
        machine.start(f0, -1.0, 0.5)
        assert machine.tell(bound + 1e-9, 5.0) is not None  # refused
        machine.start(f0, -1.0, 0.5)  # the same again: f0 enters twice
        C, Q = (0.7 * Q * C + f0) / (0.7 * Q + 1), 0.7 * Q + 1
        bound = max(C, f0) - 1e-4 * 0.5
        assert machine.tell(bound - 1e-9, 5.0) is None
        assert machine.accepted


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_extremes_of_eta_are_armijo_and_the_average(eta):
    values = [4.0, 2.0, 3.0, 1.0]
    machine = Search(settings("gd", 1, line_search="nonmonotone", eta=eta), np.inf)
    for value in values:
        machine.start(value, -1.0, 1.0)
    # The last value is below the average of all, 2.5.
    machine.tell(1.5, 0.5)
    assert machine.accepted == (eta == 1.0)


@pytest.mark.parametrize(("search", "name"), CASES)
def test_recorded_case(search, name):
    """Fed with what was recorded, a search asks for the recorded trials again.

    `record_linesearch.py` made the cases. The tolerance is for processors with and
    without fused multiply-add, which differ in the last place.
    """
    case = CASES[search, name]
    machine = Search(settings("gd", 1, line_search=search), np.inf)
    alpha = machine.start(case["phi0"], case["dphi0"], case["first"])
    for trial, phi, dphi in case["trials"]:
        assert alpha == pytest.approx(trial, rel=1e-8)
        alpha = machine.tell(phi, dphi)
    assert alpha is None
    assert machine.accepted == case["accepted"]


def test_every_search_is_recorded():
    assert {search for search, _ in CASES} == set(LINE_SEARCHES)
