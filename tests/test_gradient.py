"""`check_gradient`: right where the gradient is right, and it names what is wrong."""

import numpy as np
import pytest

from optlab import check_gradient, problems
from tests.functions import SMOOTH, Function, rosenbrock, softmax_sum

FUN = softmax_sum(5)


@pytest.mark.parametrize("fun", [*SMOOTH, rosenbrock(20)], ids=repr)
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_right_gradient_is_right(fun, scale):
    found = check_gradient(
        lambda x: scale * fun.value(x), lambda x: scale * fun.gradient(x), fun.x0
    )
    assert found
    assert found.ok is True
    assert "right" in str(found)


@pytest.mark.parametrize("name", problems.names())
def test_every_problem_of_the_registry(name):
    problem = problems.get(name)
    rng = np.random.default_rng(7)
    x = problem.x0 * (1 + 0.05 * rng.normal(size=problem.n))
    assert check_gradient(problem, None, x).ok is not False, name


@pytest.mark.parametrize("component", [0, 2, 4])
@pytest.mark.parametrize(
    "wrong", [lambda g: -g, lambda g: 0.0, lambda g: 1.01 * g, lambda g: g + 1e-3]
)
def test_the_wrong_component_is_named(component, wrong):
    def gradient(x):
        g = FUN.gradient(x)
        g[component] = wrong(g[component])
        return g

    found = check_gradient(FUN.value, gradient, FUN.x0)
    assert not found
    assert found.worst == component
    assert f"jac[{component}]" in found.message
    assert "wrong" in found.message
    assert f"{gradient(FUN.x0)[component]:.6g}" in str(found)


@pytest.mark.parametrize("error", [1e-2, 1e-4, 1e-5])
def test_small_errors_are_found(error):
    found = check_gradient(FUN.value, lambda x: FUN.gradient(x) + error, FUN.x0)
    assert not found


def test_the_estimate_is_accurate():
    found = check_gradient(FUN.value, FUN.gradient, FUN.x0)
    np.testing.assert_allclose(found.estimated, FUN.gradient(FUN.x0), atol=1e-8)
    np.testing.assert_array_equal(found.given, FUN.gradient(FUN.x0))
    np.testing.assert_allclose(found.error, np.abs(found.given - found.estimated))
    assert (found.error <= found.tolerance).all()


def test_all_ways_to_give_it():
    class Objective:
        def fun_and_grad(self, x):
            return FUN(x)

    assert check_gradient(FUN, True, FUN.x0)
    assert check_gradient(Objective(), None, FUN.x0)
    assert check_gradient(
        lambda x, a: a * FUN.value(x), lambda x, a: a * FUN.gradient(x), FUN.x0, (3,)
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_wrong(bad):
    def gradient(x):
        g = FUN.gradient(x)
        g[3] = bad
        return g

    found = check_gradient(FUN.value, gradient, FUN.x0)
    assert not found
    assert found.worst == 3


def test_a_value_that_is_not_finite_nearby():
    fun = Function("", lambda x: float(np.sqrt(x[0])), lambda x: np.ones(1), None)
    with np.errstate(invalid="ignore"):
        assert not check_gradient(fun.value, fun.gradient, [0.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": []}, "x"),
        ({"x": [np.nan]}, "x"),
        ({"jac": None}, "jac"),
        ({"jac": 5}, "jac"),
        ({"jac": "2-point"}, "jac"),
        ({"fun": None}, "fun"),
        ({"jac": lambda x: [1.0, 2.0]}, "jac must have shape"),
    ],
)
def test_bad_input(change, words):
    arguments = {"fun": FUN.value, "jac": FUN.gradient, "x": FUN.x0}
    with pytest.raises((TypeError, ValueError), match=rf"\b{words}\b"):
        check_gradient(**arguments | change)


def test_exceptions_pass():
    with pytest.raises(ZeroDivisionError):
        check_gradient(lambda x: 1 / 0, lambda x: x, [1.0])


def test_what_rounding_hides_is_neither_right_nor_wrong():
    def fun(x):
        return 1e10 + x[0] ** 2 + np.exp(x[1])

    check = check_gradient(
        fun, lambda x: np.array([2 * x[0], -np.exp(x[1])]), [1.0, 2.0]
    )
    assert check.ok is None
    assert not check
    assert "cannot be told" in check.message


def test_a_gradient_beside_a_singularity_is_right():
    def fun(x):
        return float(np.log(x[0])) if x[0] > 0 else np.nan

    assert check_gradient(fun, lambda x: 1 / x, [1e-7]).ok
