"""What fun, jac, hess and hessp come to."""

import numpy as np
import pytest
from scipy.optimize import BFGS, SR1

from optlab import problems
from optlab.evaluate import Objective
from optlab.methods import METHODS
from optlab.plan import plan_run
from optlab_c.callables import PythonObjective


def f(x):
    return (x @ x).item()


def g(x):
    return 2 * x


def h(x):
    return 2 * np.eye(x.size)


def hp(x, v):
    return 2 * v


class WithHessian:
    """An objective object that brings all along."""

    def fun_and_grad(self, x):
        return f(x), g(x)

    def hess(self, x):
        return 2 * np.eye(x.size)


class WithAttributes:
    """It happens to have these names for something else."""

    hess, hessp = np.eye(2), "none"

    def fun_and_grad(self, x):
        return f(x), g(x)


class WithProducts:
    def fun_and_grad(self, x):
        return f(x), g(x)

    def hessp(self, x, v):
        return 2 * v


def bound(objective, **more):
    plan = plan_run(METHODS["bfgs"], objective, 2, {})
    return objective.bind((), plan, **more)


@pytest.mark.parametrize(
    ("arguments", "mode", "second"),
    [
        ((f, None), "2-point", "2-point"),
        ((f, "cs"), "cs", "2-point"),
        ((f, g), "separate", "2-point"),
        ((f, g, h), "separate", "hess"),
        ((f, g, h, hp), "separate", "hess"),
        ((f, g, None, hp), "separate", "hessp"),
        ((f, g, "2-point", hp), "separate", "2-point"),
        ((f, g, "3-point"), "separate", "3-point"),
        ((f, g, "cs"), "separate", "cs"),
        ((f, "3-point", "2-point"), "3-point", "2-point"),
        ((f, None, h), "2-point", "hess"),
        ((WithHessian(), None), "joint", "hess"),
        ((WithHessian(), True), "joint", "hess"),
        ((WithHessian(), None, None, hp), "joint", "hessp"),
        ((WithProducts(), None), "joint", "hessp"),
        ((WithAttributes(), None), "joint", "2-point"),
        ((WithProducts(), None, "3-point"), "joint", "3-point"),
        ((problems.get("rosenbrock"), None), "compiled", "compiled"),
        ((problems.get("rosenbrock"), None, h), "compiled", "hess"),
    ],
)
def test_where_derivatives_are_from(arguments, mode, second):
    objective = Objective(*arguments)
    assert (objective.mode, objective.second) == (mode, second)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((f, "4-point"), ValueError, "jac must be one of.*'cs'.*4-point"),
        ((f, g, "4-point"), ValueError, "hess must be one of.*'cs'.*4-point"),
        ((f, g, True), TypeError, "hess must be callable.*True"),
        ((f, g, False), TypeError, "hess must be callable.*False"),
        ((f, g, np.eye(2)), TypeError, "hess must be callable"),
        ((f, g, 5), TypeError, "hess must be callable.*5"),
        ((f, g, BFGS()), TypeError, "hess .*quasi-Newton.*BFGS.*method='bfgs'"),
        ((f, g, SR1()), TypeError, "hess .*quasi-Newton.*SR1"),
        ((f, g, None, 5), TypeError, "hessp must be callable, got 5"),
        ((f, g, h, "2-point"), TypeError, "hessp must be callable"),
        ((f, None, "cs"), ValueError, "hess='cs' needs the gradient"),
        ((f, "cs", "cs"), ValueError, "hess='cs' needs the gradient"),
    ],
)
def test_what_is_refused_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        Objective(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (f, None),
        (f, g),
        (f, "cs"),
        (f, g, h),
        (f, g, None, hp),
        (f, g, "3-point"),
        (WithHessian(), None),
        (WithProducts(), None),
    ],
)
def test_a_bound_one_answers(arguments):
    python = bound(Objective(*arguments), second=True)
    x, v = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    np.testing.assert_allclose(python.gradient(x), 2 * x, rtol=1e-6)
    np.testing.assert_allclose(python.product(x, v), 2 * v, rtol=1e-3)
    np.testing.assert_allclose(python.hessian(x), h(x), atol=1e-3)


def test_bounds_and_map_reach_it():
    points = []

    def record(function, given):
        points.extend(given)
        return map(function, given)

    sides = np.array([0.0, 0.0]), np.array([1.0, 2.0])
    python = bound(Objective(f, None), bounds=sides, map=record)
    python.gradient([1.0, 2.0])
    assert len(points) == 2
    assert all((x <= sides[1]).all() for x in points)


class TestCompiled:
    def test_it_stays_compiled(self):
        problem = problems.get("rosenbrock")
        for more in ({}, {"second": True}):
            assert not isinstance(
                bound(Objective(problem, None), **more), PythonObjective
            )
        assert not isinstance(bound(Objective(problem, None, h)), PythonObjective)

    def test_a_hessian_in_python(self):
        problem = problems.get("rosenbrock")
        python = bound(Objective(problem, None, problem.hess), second=True)
        x = problem.x0
        np.testing.assert_allclose(python.gradient(x), problem.grad(x))
        np.testing.assert_allclose(python.hessian(x), problem.hess(x))

    def test_differences_of_a_compiled_gradient(self):
        problem = problems.get("rosenbrock")
        python = bound(Objective(problem, None, "3-point"), second=True)
        x = problem.x0
        np.testing.assert_allclose(python.hessian(x), problem.hess(x), rtol=1e-6)
