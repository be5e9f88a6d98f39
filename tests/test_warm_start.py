"""Warm starts: the curvature of one run is where the next one begins."""

import numpy as np
import pytest

import optlab
from optlab import minimize
from optlab.methods import METHODS

from .functions import rosenbrock
from .support import same_bits

N = 12
rng = np.random.default_rng(0)
Q = np.linalg.qr(rng.normal(size=(N, N)))[0]
A = Q @ np.diag(np.logspace(-1, 2, N)) @ Q.T
START = rng.normal(size=N)


def quadratic(x):
    return 0.5 * x @ A @ x, A @ x


def run(method, fun=quadratic, x0=START, **options):
    return minimize(fun, x0, jac=True, method=method, options={"gtol": 1e-8} | options)


def dense(result):
    inverse = result.hess_inv
    return inverse if isinstance(inverse, np.ndarray) else inverse.todense()


@pytest.mark.parametrize("first", ["bfgs", "l-bfgs"])
@pytest.mark.parametrize("second", ["bfgs", "l-bfgs", "l-bfgs-b"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_first_step_is_the_earlier_runs(first, second, dtype):
    single = {"dtype": dtype, "gtol": 1e-8 if dtype == "float64" else 1e-3}
    result = run(first, **single)
    if first == "bfgs" and second != "bfgs":
        with pytest.raises(ValueError, match="warm_start must have pairs"):
            run(second, warm_start=result, **single)
        return
    x0 = START[::-1].astype(dtype)
    options = single | {"warm_start": result, "maxiter": 1, "return_all": True}
    again = run(second, x0=x0, **options)
    step = again.allvecs[1] - again.allvecs[0]
    direction = -dense(result) @ (A @ x0.astype(float))
    alpha = step @ direction / (direction @ direction)
    tolerance = 1e-9 if dtype == "float64" else 1e-2
    scale = np.abs(direction).max()
    np.testing.assert_allclose(step, alpha * direction, atol=tolerance * scale)
    assert alpha == pytest.approx(1, rel=tolerance)  # the whole step


@pytest.mark.parametrize("first", ["l-bfgs", "l-bfgs-b"])
def test_the_first_step_within_bounds_is_the_earlier_runs(first):
    # Far from the bounds it is the Newton step of that inverse Hessian; the two forms
    # of L-BFGS are of the same pairs.
    far = [(-1e6, 1e6)] * N
    earlier = minimize(
        quadratic, START, jac=True, method=first, bounds=far, options={"gtol": 1e-8}
    )
    x0 = START[::-1].copy()
    options = {"warm_start": earlier, "maxiter": 1, "return_all": True}
    again = minimize(
        quadratic, x0, jac=True, method="l-bfgs-b", bounds=far, options=options
    )
    direction = -dense(earlier) @ (A @ x0)
    step = again.allvecs[1] - x0
    alpha = step @ direction / (direction @ direction)
    scale = np.abs(direction).max()
    np.testing.assert_allclose(step, alpha * direction, atol=1e-6 * scale)
    assert alpha == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
def test_the_curvature_it_begins_with_satisfies_the_secant_equation(method):
    # The last pair of the earlier run, from its iterates: H y = s.
    earlier = run(method, return_all=True, corrected=False) if (
        method == "l-bfgs"
    ) else run(method, return_all=True)  # fmt: skip
    before, last = earlier.allvecs[-2:]
    s, y = last - before, A @ (last - before)
    np.testing.assert_allclose(
        dense(earlier) @ y, s, atol=1e-6 * np.abs(s).max(), rtol=1e-6
    )


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "l-bfgs-b"])
def test_solvers_iterates_and_checkpoints_have_it_too(method, tmp_path):
    path = tmp_path / "run.npz"
    earlier = run("l-bfgs" if method == "l-bfgs-b" else method)
    x0 = START[::-1].copy()
    options = {"gtol": 1e-8, "warm_start": earlier}
    plain = run(method, x0=x0, warm_start=earlier)
    solver = optlab.Solver(x0, method=method, options=options)
    for _ in range(3):
        solver.tell(*quadratic(solver.ask()[1]))
    solver.save(path)
    solver = optlab.Solver.load(path)
    while not solver.done:
        solver.tell(*quadratic(solver.ask()[1]))
    steps = optlab.iterate(quadratic, x0, jac=True, method=method, options=options)
    count = len(list(steps))
    run(method, x0=x0, warm_start=earlier, checkpoint=path, maxiter=2)
    resumed = optlab.resume(path, quadratic, jac=True, options={"maxiter": 1000})
    assert count == plain.nit + 1
    for result in (solver.result, steps.result, resumed):
        assert same_bits(result.x, plain.x)
        assert (result.nfev, result.nit) == (plain.nfev, plain.nit)


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
def test_a_quadratic_is_solved_again_at_once(method):
    first = run(method, maxcor=N) if method == "l-bfgs" else run(method)
    again = run(method, x0=START[::-1], warm_start=first)
    assert again.success
    assert again.nfev < 0.6 * run(method, x0=START[::-1]).nfev


def path_of(method, warm, bounds=None):
    X = np.random.default_rng(1).normal(size=(200, 30)) * np.logspace(-1, 1, 30)
    y = np.where(X @ np.random.default_rng(2).normal(size=30) > 0, 1.0, -1.0)

    def logistic(w, penalty):
        margin = y * (X @ w)
        f = np.logaddexp(0, -margin).mean() + penalty / 2 * w @ w
        return f, X.T @ (-y / (1 + np.exp(margin))) / len(y) + penalty * w

    w, result, nfev = np.zeros(30), None, 0
    for penalty in np.logspace(0, -3, 15):
        options = {"gtol": 1e-7, "warm_start": result if warm else None}
        result = minimize(
            logistic, w, (penalty,), method, True, bounds=bounds, options=options
        )
        assert result.success
        w, nfev = result.x, nfev + result.nfev
    return w, nfev


@pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
def test_a_regularisation_path_takes_fewer_evaluations(method):
    (cold, evaluations), (warm, fewer) = path_of(method, False), path_of(method, True)
    np.testing.assert_allclose(warm, cold, atol=1e-3)
    assert fewer < 0.75 * evaluations


def test_bounds_are_kept_to():
    bounds = [(-0.5, 0.5)] * 30
    cold, warm = (path_of("l-bfgs-b", w, bounds)[0] for w in (False, True))
    np.testing.assert_allclose(warm, cold, atol=1e-3)
    assert np.abs(warm).max() <= 0.5


def test_the_earlier_run_is_left_alone():
    first = run("bfgs")
    before = minimize(quadratic, START, jac=True, method="bfgs", options={"gtol": 1e-8})
    run("bfgs", x0=START[::-1], warm_start=first)
    run("bfgs", x0=START[::-1], warm_start=first)
    assert same_bits(first.hess_inv, before.hess_inv)
    assert same_bits(first.x, before.x)


def test_twice_with_the_same_bits_and_after_a_pickle():
    import pickle

    first = run("bfgs")
    a = run("bfgs", x0=START[::-1], warm_start=first)
    b = run("bfgs", x0=START[::-1], warm_start=first)
    assert same_bits(a.x, b.x)
    assert a.nfev == b.nfev
    # A result that was pickled has its matrix only: no fewer than that is used.
    c = run("bfgs", x0=START[::-1], warm_start=pickle.loads(pickle.dumps(first)))
    assert c.success


def test_scipys_results_too():
    from scipy import optimize

    fun = rosenbrock(6, np.full(6, -1.0))
    theirs = optimize.minimize(fun, fun.x0, jac=True, method="L-BFGS-B")
    for method in ("bfgs", "l-bfgs"):
        options = {"warm_start": theirs}
        result = minimize(fun, theirs.x, jac=True, method=method, options=options)
        assert result.success
    theirs = optimize.minimize(fun, fun.x0, jac=True, method="BFGS")
    options = {"warm_start": theirs}
    assert minimize(fun, theirs.x, jac=True, method="bfgs", options=options).success


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"warm_start": 3}, TypeError, "warm_start"),
        ({"warm_start": np.eye(N)}, TypeError, "warm_start"),
        ({"warm_start": run("cg")}, TypeError, "warm_start"),
        ({"warm_start": run("bfgs", x0=START)}, ValueError, "12 unknowns|of 3"),
        ({"warm_start": run("l-bfgs", x0=START)}, ValueError, "12|of 3"),
        (
            {"warm_start": optlab.OptimizeResult(hess_inv=-np.eye(3))},
            ValueError,
            "warm_start.hess_inv",
        ),
        (
            {"warm_start": optlab.OptimizeResult(hess_inv=np.full((3, 3), np.nan))},
            ValueError,
            "warm_start.hess_inv",
        ),
    ],
)
def test_what_is_no_start_is_refused(options, error, match):
    def never(x):
        raise AssertionError

    with pytest.raises(error, match=match):
        minimize(never, np.zeros(3), jac=True, method="bfgs", options=options)


def test_two_starts_exclude_each_other():
    options = {"warm_start": run("bfgs"), "hess_inv0": np.eye(N)}
    with pytest.raises(ValueError, match="warm_start"):
        run("bfgs", **options)


@pytest.mark.parametrize("method", ["gd", "cg", "newton-cg"])
def test_methods_without_memory_only_warn(method):
    hess = {"hess": lambda x: A} if METHODS[method].second_order else {}
    with pytest.warns(optlab.plan.OptimizeWarning, match="warm_start"):
        minimize(
            quadratic,
            START,
            jac=True,
            method=method,
            options={"warm_start": run("bfgs"), "maxiter": 3},
            **hess,
        )


@pytest.mark.parametrize("second", ["l-bfgs", "l-bfgs-b"])
def test_pairs_of_another_length_are_refused_before_any_work(second):
    def never(x):
        raise AssertionError

    options = {"warm_start": run("l-bfgs")}
    for n in (1, N - 1, N + 1):
        with pytest.raises(ValueError, match=f"warm_start must be of {n} unknowns"):
            minimize(never, np.zeros(n), jac=True, method=second, options=options)
    options = {"warm_start": run("bfgs")}
    with pytest.raises(ValueError, match="warm_start must have pairs"):
        minimize(never, np.zeros(N), jac=True, method=second, options=options)
