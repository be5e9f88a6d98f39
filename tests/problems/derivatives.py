"""Points to differentiate a problem at, and how its derivatives are compared there."""

import numpy as np
import pytest


def near_start(problem, seed=0):
    """A point without symmetries, within the bounds where there are any."""
    rng = np.random.default_rng(seed)
    x0 = problem.x0.astype(float)
    size = np.abs(x0) if problem.name.startswith("meyer") else 0.5 + np.abs(x0)
    x = x0 + 0.1 * size * rng.uniform(-1, 1, problem.n)
    if problem.bounds is not None:
        x = np.clip(x, *problem.bounds.T)
    return x.astype(problem.dtype)


def close(got, expected, rtol):
    """Assert that vectors agree, relative to the largest component."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * abs(expected).max())


def check_derivatives(problem, x, v, f, g, hv, rtol):
    """Assert that f, g, Hv and H at x are these, and agree with each other."""
    fun, grad = problem.fun_and_grad(x)
    assert fun == pytest.approx(f, rel=1e-12)  # in double, whatever the dtype of x
    assert problem.fun(x) == fun == problem(x)
    assert grad.dtype == problem.dtype
    close(grad, g, rtol)
    np.testing.assert_array_equal(problem.grad(x), grad)
    close(problem.hessp(x, v), hv, rtol)
    hess = problem.hess(x)
    assert hess.shape == (problem.n, problem.n)
    np.testing.assert_array_equal(hess, hess.T)
    close(hess.astype(float) @ v.astype(float), hv, rtol)
