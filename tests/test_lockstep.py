"""Batches of BFGS in lockstep: as single runs, whoever the neighbours are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optlab
from optlab import BatchSolver, Status, minimize, minimize_batch, problems

FIELDS = ("x", "fun", "jac", "nit", "nfev", "njev", "success", "status")


def rows_of(problem):
    """A compiled problem as a vectorised function with its bits."""

    def fun(X, active):
        pairs = [problem.fun_and_grad(x) for x in X]
        return np.array([f for f, _ in pairs]), np.array([g for _, g in pairs])

    return fun


def starts(problem, count, seed=0):
    rng = np.random.default_rng(seed)
    return problem.x0 + rng.normal(size=(count, problem.n))


def assert_same(a, b, which=slice(None)):
    for name in FIELDS:
        np.testing.assert_array_equal(a[name], b[name][which], err_msg=name)


NAMES = {
    "rosenbrock": {},
    "extended_rosenbrock": {"n": 10},
    "helical_valley": {},
    "wood": {},
    "powell_singular": {},
    "box": {},
    "variably_dimensioned": {"n": 7},
    "trigonometric": {"n": 12},
}


@pytest.fixture(params=NAMES, ids=str)
def problem(request):
    return problems.get(request.param, **NAMES[request.param])


def test_all_ways_to_evaluate_give_the_same_bits(problem):
    X0 = starts(problem, 37)
    compiled = minimize_batch(problem, X0, method="bfgs")
    assert_same(minimize_batch(rows_of(problem), X0, method="bfgs"), compiled)
    assert_same(minimize_batch([problem] * 37, X0, method="bfgs"), compiled)
    assert_same(minimize_batch(problem, X0, method="bfgs", threads=3), compiled)
    solver = BatchSolver(X0, method="bfgs")
    while not solver.done:
        X, index = solver.ask()
        solver.tell(*rows_of(problem)(X, index))
    assert_same(solver.result, compiled)


def test_neighbours_and_lanes_do_not_matter(problem):
    X0 = starts(problem, 40)
    whole = minimize_batch(problem, X0, method="bfgs")
    order = np.random.default_rng(1).permutation(40)
    assert_same(minimize_batch(problem, X0[order], method="bfgs"), whole, order)
    for part in (slice(0, 1), slice(3, 18), slice(20, 37), slice(39, 40)):
        assert_same(minimize_batch(problem, X0[part], method="bfgs"), whole, part)


def test_they_are_single_runs_but_for_rounding(problem):
    X0 = starts(problem, 40)
    batch = minimize_batch(problem, X0, method="bfgs")
    singles = [minimize(problem, x0, method="bfgs") for x0 in X0]
    # Last bits may lead a long run to another basin, or some steps further.
    same = [abs(a.nfev - b.nfev) <= 3 for a, b in zip(batch, singles, strict=True)]
    assert np.mean(same) >= 0.8
    for a, b in zip(batch, singles, strict=True):
        assert a.success == b.success
    close = np.isclose(batch.fun, [one.fun for one in singles], rtol=1e-6, atol=1e-8)
    assert close.mean() >= 0.95


def test_results_are_what_the_function_says(problem):
    batch = minimize_batch(problem, starts(problem, 50), method="bfgs")
    for one in batch:
        f, g = problem.fun_and_grad(one.x)
        assert one.fun == f
        np.testing.assert_array_equal(one.jac, g)
        assert one.success == (np.abs(g).max() <= 1e-5)


@pytest.mark.parametrize("order", [1, 2, np.inf, 3, -np.inf])
@pytest.mark.parametrize("gtol", [1e-2, 1e-9])
def test_every_norm_is_the_one_that_is_met(order, gtol):
    problem = problems.get("rosenbrock")
    options = {"norm": order, "gtol": gtol}
    batch = minimize_batch(problem, starts(problem, 20), method="bfgs", options=options)
    assert batch.success.all()
    for g in batch.jac:
        assert np.linalg.norm(g, order) <= gtol * (1 + 1e-15)


@pytest.mark.parametrize(
    "options", [{"maxiter": 0}, {"maxiter": 7}, {"maxfun": 9}], ids=str
)
def test_limits_are_kept_to_and_told(options):
    problem = problems.get("rosenbrock")
    X0 = starts(problem, 20)
    batch = minimize_batch(problem, X0, method="bfgs", options=options)
    for one, x0 in zip(batch, X0, strict=True):
        single = minimize(problem, x0, method="bfgs", options=options)
        assert one.status == single.status
        assert one.nit == single.nit
        assert one.nfev == single.nfev
        np.testing.assert_array_equal(one.x, single.x)  # the same machine ran it


HOSTILE = {
    "a barrier": (lambda x: np.sum(x - np.log(x)), lambda x: 1 - 1 / x),
    "falls for ever": (lambda x: -np.sum(x), lambda x: -np.ones_like(x)),
    "falls faster and faster": (lambda x: -np.exp(x).sum(), lambda x: -np.exp(x)),
    "flat": (lambda x: 1.0, np.zeros_like),
    "a kink": (lambda x: np.abs(x).sum(), np.sign),
    "NaN at the start": (lambda x: np.nan, np.ones_like),
    "an infinite slope": (lambda x: 0.0, lambda x: np.full_like(x, np.inf)),
    "a wrong slope": (lambda x: x @ x, lambda x: -2 * x),
    "a saddle": (lambda x: x[0] ** 2 - x[1] ** 2, lambda x: x * [2.0, -2.0]),
    "tiny": (lambda x: 1e-200 * (x @ x), lambda x: 2e-200 * x),
    "huge": (lambda x: 1e200 * (x @ x), lambda x: 2e200 * x),
    "noisy": (lambda x: 1e12 + x @ x, lambda x: 2 * x),
    "fine": (lambda x: (x - 3) @ (x - 3), lambda x: 2 * (x - 3)),
}


def test_the_unusual_end_as_they_do_alone_and_disturb_nobody():
    x0 = np.array([0.7, 1.3])
    functions = list(HOSTILE.values()) * 3

    def fun(X, active):
        with np.errstate(all="ignore"):
            F = [functions[i][0](x) for i, x in zip(active, X, strict=True)]
            G = [functions[i][1](x) for i, x in zip(active, X, strict=True)]
        return F, G

    X0 = np.tile(x0, (len(functions), 1))
    batch = minimize_batch(fun, X0, method="bfgs")
    for one, (f, g) in zip(batch, functions, strict=True):
        with np.errstate(all="ignore"):
            single = minimize(f, x0, jac=g, method="bfgs")
        assert one.status == single.status
        assert one.success == single.success
        np.testing.assert_allclose(one.x, single.x, rtol=1e-6, atol=1e-6)
    kinds = {Status(one.status).name for one in batch}
    assert {"CONVERGED", "UNBOUNDED", "NONFINITE_START", "WRONG_GRADIENT"} <= kinds


@given(
    n=st.integers(1, 12),
    count=st.integers(1, 20),
    condition=st.floats(0, 4),
    scale=st.floats(-3, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_convex_quadratics_are_solved(n, count, condition, scale, seed):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(count, n, n)))[0]
    d = 10 ** (scale + rng.uniform(0, condition, size=(count, n)))
    A = (Q * d[:, None, :]) @ Q.transpose(0, 2, 1)
    centres = rng.normal(size=(count, n))

    def fun(X, active):
        R = X - centres[active]
        G = np.einsum("bij,bj->bi", A[active], R)
        return 0.5 * (R * G).sum(axis=1), G

    gtol = 1e-6 * 10**scale
    result = minimize_batch(
        fun, rng.normal(size=(count, n)), method="bfgs", options={"gtol": gtol}
    )
    assert result.success.all()
    # || x - c || <= || A^-1 || || g ||, by the least eigenvalue.
    error = np.linalg.norm(result.x - centres, axis=1)
    assert (error <= 1.01 * np.sqrt(n) * gtol / d.min(axis=1)).all()


def test_counts_are_those_of_the_calls():
    problem = problems.get("rosenbrock")
    calls = np.zeros(30, int)

    def fun(X, active):
        calls[active] += 1
        F, G = rows_of(problem)(X, active)
        return np.where(active % 7 == 3, -X.sum(axis=1), F), np.where(
            (active % 7 == 3)[:, None], -1.0, G
        )

    batch = minimize_batch(fun, starts(problem, 30), method="bfgs")
    np.testing.assert_array_equal(batch.nfev, calls)
    np.testing.assert_array_equal(batch.njev >= batch.nit, True)
    assert (batch.status[3::7] == Status.UNBOUNDED).all()


def test_a_batch_may_be_looked_at_at_any_time():
    problem = problems.get("wood")
    X0 = starts(problem, 20)
    solver = BatchSolver(X0, method="bfgs")
    best = np.full(20, np.inf)
    whole = minimize_batch(problem, X0, method="bfgs")
    while not solver.done:
        X, index = solver.ask()
        F, G = rows_of(problem)(X, index)
        solver.tell(F, G)
        now = solver.result
        begun = now.nfev > 0
        for i in np.flatnonzero(begun):
            assert now.fun[i] == problem.fun(now.x[i])
        assert (now.fun[begun] <= best[begun]).all()
        best = np.where(begun, now.fun, best)
    assert_same(solver.result, whole)


def test_large_problems_go_one_by_one():
    problem = problems.get("extended_rosenbrock", n=100)
    X0 = starts(problem, 3)
    batch = minimize_batch(problem, X0, method="bfgs")
    for one, x0 in zip(batch, X0, strict=True):
        np.testing.assert_array_equal(one.x, minimize(problem, x0, method="bfgs").x)


def test_what_a_batch_cannot_do_in_lockstep_it_does_otherwise():
    problem = problems.get("rosenbrock")
    X0 = starts(problem, 20)
    for options in (
        {"line_search": "strong-wolfe"},
        {"line_search": "armijo"},
        {"ftol": 1e-3},
        {"xrtol": 1e-3},
    ):
        batch = minimize_batch(problem, X0, method="bfgs", options=options)
        for one, x0 in zip(batch, X0, strict=True):
            single = minimize(problem, x0, method="bfgs", options=options)
            np.testing.assert_array_equal(one.x, single.x)
            assert one.nfev == single.nfev
            assert one.status == single.status


def test_single_precision_too():
    problem = problems.get("rosenbrock", dtype="float32")
    X0 = np.array([[-1.2, 1.0], [0.5, 0.5]])
    batch = optlab.minimize_batch(problem, X0, method="bfgs")
    assert batch.x.dtype == np.float32
    for one, x0 in zip(batch, X0, strict=True):
        np.testing.assert_array_equal(one.x, minimize(problem, x0, method="bfgs").x)
