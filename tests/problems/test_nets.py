"""Nets as test problems: their data, their derivatives, and all methods on them."""

import pickle
from inspect import signature

import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

from optlab import minimize, nn, problems
from optlab.methods import METHODS
from optlab.problems.nets import NetProblem, board, checked_hidden, sine, spirals

NAMES = problems.names("net")
MADE = [name for name in NAMES if "data" not in problems.registry()[name].tags]
COMMON = ("hidden", "activation", "batch_norm", "init", "precision", "rng", "dtype")

# Small enough that each method is soon done, gradient descent too.
SMALL = {
    "two_spirals": {"samples": 40, "turns": 1.0, "hidden": (6,)},
    "checkerboard": {"samples": 60, "cells": 2, "hidden": (5,)},
    "noisy_sine": {"samples": 40, "hidden": (4,), "precision": 0.1},
    "teacher_student": {"samples": 60, "teacher": 2, "hidden": (3,)},
    "net_digits": {"hidden": (2,), "precision": 100.0},
    "net_breast_cancer": {"hidden": (2,)},
    "net_diabetes": {"hidden": (3,)},
    "net_wine": {"hidden": (3,)},
}


def small(name, **params):
    return problems.get(name, **{**SMALL[name], **params})


def rng(seed=0):
    return np.random.default_rng(seed)


def differences(problem, x, v, h=1e-4):
    """Change of value and gradient along v, by central differences of 6th order."""
    steps = [(1, 45 / 60), (2, -9 / 60), (3, 1 / 60)]
    points = [(c, problem.fun_and_grad(x + s * k * h * v), s)
              for k, c in steps for s in (1, -1)]  # fmt: skip
    return (
        sum(s * c * f for c, (f, _), s in points) / h,
        sum(s * c * g for c, (_, g), s in points) / h,
    )


def check_derivatives(problem, seed=0, rtol=1e-7):
    x = problem.x0 + 0.1 * rng(seed).standard_normal(problem.n)
    v = rng(seed + 1).standard_normal(problem.n)
    slope, change = differences(problem, x, v)
    g, hv = problem.grad(x), problem.hessp(x, v)
    assert g @ v == pytest.approx(slope, rel=rtol, abs=rtol * np.linalg.norm(g))
    np.testing.assert_allclose(hv, change, rtol=0, atol=rtol * abs(hv).max())


class TestRegistry:
    def test_eight_nets_are_listed_by_their_tag_only(self):
        assert len(NAMES) == 8
        assert problems.names("net", "data") == NAMES[:4]
        assert not set(NAMES) & {*problems.names(), *problems.names("data")}
        for name in NAMES:
            assert not problems.registry()[name].listed
            assert type(problems.get(name)) is NetProblem

    def test_all_take_the_same_parameters(self):
        for name in NAMES:
            known = tuple(signature(problems.registry()[name].make).parameters)
            assert known[-len(COMMON) :] == COMMON

    @pytest.mark.parametrize("name", MADE)
    def test_made_data_need_nothing_else(self, name):
        assert problems.registry()[name].requires is None


class TestData:
    def test_the_spirals_are_the_papers(self):
        X, y = spirals(194, 3.0, 0.0, rng())
        assert X.shape == (194, 2)
        assert y.sum() == 97
        i = np.arange(97)
        radius, angle = 6.5 * (104 - i) / 104, i * np.pi / 16
        one = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
        np.testing.assert_allclose(X[y == 1], one, atol=1e-13)
        np.testing.assert_allclose(X[y == 0], -one, atol=1e-13)

    def test_the_spirals_wind_into_each_other(self):
        X, y = spirals(194, 3.0, 0.0, rng())
        ray = np.round(np.arctan2(X[:, 1], X[:, 0]) / (np.pi / 16)).astype(int) % 32
        for direction in range(32):  # outwards, points are on one, then on the other
            here = np.flatnonzero(ray == direction)
            outwards = here[np.argsort(np.hypot(*X[here].T))]
            assert len(here) >= 6
            assert (np.diff(y[outwards]) != 0).all()

    @pytest.mark.parametrize("cells", [2, 3, 4])
    def test_the_board_has_the_colours_of_its_squares(self, cells):
        X, y = board(201, cells, 0.0, rng())
        assert X.shape == (201, 2)
        assert y.sum() == 100
        assert abs(X).max() < 1
        row, column = np.floor((X + 1) / 2 * cells).astype(int).T
        np.testing.assert_array_equal((row + column) % 2, y)
        assert len(set(zip(row, column, strict=True))) == cells**2

    def test_the_sine_has_its_noise(self):
        X, y = sine(5000, 0.3, rng())
        assert X.shape == (5000, 1)
        assert y.shape == (5000,)
        assert abs(X).max() < 1
        noise = y - np.sin(2 * np.pi * X[:, 0])
        assert abs(noise.mean()) < 0.02
        assert noise.std() == pytest.approx(0.3, rel=0.05)

    @pytest.mark.parametrize("make", [
        lambda noise, seed: spirals(20, 3.0, noise, rng(seed)),
        lambda noise, seed: board(20, 4, noise, rng(seed)),
        lambda noise, seed: sine(20, noise, rng(seed)),
    ])  # fmt: skip
    def test_noise_is_drawn_and_a_seed_repeats_it(self, make):
        for first, again in zip(make(0.1, 0), make(0.1, 0), strict=True):
            np.testing.assert_array_equal(first, again)
        assert not np.array_equal(make(0.1, 0)[0], make(0.2, 0)[0]) or (
            not np.array_equal(make(0.1, 0)[1], make(0.2, 0)[1])
        )
        assert not np.array_equal(make(0.1, 0)[0], make(0.1, 1)[0])

    @pytest.mark.parametrize("name", [n for n in NAMES if n not in MADE])
    def test_real_data_are_standardised(self, name):
        X, y = problems.get(name).objective.data[:2]
        varying = X.std(axis=0) > 0
        assert abs(X.mean(axis=0)).max() < 1e-12
        np.testing.assert_allclose(X[:, varying].std(axis=0), 1)
        assert varying.sum() >= X.shape[1] - 3
        if name == "net_diabetes":
            assert abs(y.mean()) < 1e-12
            assert y.std() == pytest.approx(1)
        else:
            np.testing.assert_array_equal(np.unique(y), np.arange(y.max() + 1))


class TestTeacher:
    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("hidden", [(2, 2), (3, 5)])
    def test_a_student_as_wide_as_the_teacher_can_be_it(self, hidden, batch_norm):
        problem = problems.teacher_student(
            teacher=2, hidden=hidden, batch_norm=batch_norm
        )
        assert problem.f_opt == 0
        assert problem.minima == (0,)
        source = rng()
        X = source.standard_normal((200, 5))
        np.testing.assert_array_equal(X, problem.objective.data[0])
        teacher = nn.MLP([5, 2, 2, 1], "tanh", batch_norm, nn.LeCun("normal"), "huber")
        given = teacher.unpack(teacher.init(source))
        student = problem.model.unpack(np.zeros(problem.n))
        for mine, theirs in zip(student, given, strict=True):
            for name, array in theirs.items():  # more units have no effect
                mine[name][tuple(slice(k) for k in array.shape)] = array
        assert problem.fun(problem.model.pack(student)) < 1e-25

    @pytest.mark.parametrize(
        "params", [{"hidden": (3,)}, {"noise": 0.1}, {"precision": 0.1}], ids=str
    )
    def test_else_the_least_value_is_not_known(self, params):
        assert problems.teacher_student(**params).f_opt is None

    def test_it_is_reached(self):
        problem = problems.teacher_student(teacher=2, hidden=(4,))
        result = minimize(problem, problem.x0, method="bfgs", options={"gtol": 1e-8})
        assert result.success
        assert result.fun < 1e-9


class TestStart:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_seed_repeats_it_and_another_does_not(self, name):
        problem = small(name)
        again, other = small(name, rng=0), small(name, rng=1)
        np.testing.assert_array_equal(problem.x0, again.x0)
        assert problem.fun(problem.x0) == again.fun(problem.x0)
        assert not np.array_equal(problem.x0, other.x0)

    def test_a_generator_goes_on_and_is_pickled_as_it_was(self):
        source = rng(3)
        first, second = problems.noisy_sine(rng=source), problems.noisy_sine(rng=source)
        assert not np.array_equal(first.x0, second.x0)
        for problem in (first, second):
            twin = pickle.loads(pickle.dumps(problem))
            assert twin.fun(problem.x0) == problem.fun(problem.x0)
            np.testing.assert_array_equal(twin.x0, problem.x0)

    @pytest.mark.parametrize("init", nn.INITIALISERS)
    def test_every_initialiser(self, init):
        problem = problems.noisy_sine(hidden=(3, 3), init=init)
        assert problem.model.initialiser is nn.INITIALISERS[init]
        assert np.isfinite(problem.x0).all()
        assert problem.x0.any()


class TestDerivatives:
    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("name", NAMES)
    def test_of_every_problem(self, name, batch_norm):
        check_derivatives(small(name, batch_norm=batch_norm))

    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("activation", nn.ACTIVATIONS)
    def test_of_every_activation(self, activation, batch_norm):
        problem = problems.noisy_sine(
            samples=15, hidden=(3, 2), activation=activation, batch_norm=batch_norm
        )
        check_derivatives(problem, rtol=1e-6)

    def test_the_prior_is_on_all_parameters(self):
        params = {"activation": "prelu", "batch_norm": True}
        none, some = (problems.net_wine(precision=p, **params) for p in (0, 2.0))
        x = rng().standard_normal(none.n)
        assert none.model.prior is None
        penalty = 2 / 2 * x @ x / 178
        assert some.fun(x) - none.fun(x) == pytest.approx(penalty, rel=1e-12)


class TestMethods:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("name", NAMES)
    def test_every_method_reaches_a_small_gradient(self, name, method):
        problem = small(name)
        options = {"gtol": 1e-3 if method == "gd" else 1e-6, "maxfun": 5000}
        result = minimize(problem, problem.x0, method=method, options=options)
        assert result.success, result.message
        assert abs(problem.grad(result.x)).max() <= options["gtol"]
        assert result.fun == problem.fun(result.x) < problem.fun(problem.x0)

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "newton-cg"])
    @pytest.mark.parametrize(
        "params",
        [
            {"batch_norm": True},
            {"activation": "swish", "batch_norm": True, "init": "orthogonal"},
            {"activation": "acon_c", "hidden": (3, 3)},
            {"activation": ("gelu", "softplus"), "hidden": (4, 3), "init": "lecun"},
            {"activation": nn.Swish(trained=True), "batch_norm": (True, False),
             "hidden": (3, 4)},
            {"hidden": ()},
        ],
        ids=str,
    )  # fmt: skip
    @pytest.mark.parametrize("name", ["checkerboard", "net_wine"])
    def test_nets_of_all_kinds_are_minimised(self, name, params, method):
        problem = small(name, **params)
        options = {"gtol": 1e-5, "maxfun": 10_000}
        result = minimize(problem, problem.x0, method=method, options=options)
        assert result.success, result.message

    def test_the_spirals_are_told_apart(self):
        problem = problems.two_spirals()
        result = minimize(problem, problem.x0, method="trust-ncg")
        X, y = problem.objective.data[:2]
        assert problem.model.score(result.x, X, y) == 1

    def test_scipy_takes_them(self):
        problem = small("net_wine")
        result = scipy_minimize(
            problem, problem.x0, jac=problem.grad, hessp=problem.hessp,
            method="trust-ncg",
        )  # fmt: skip
        assert result.success

    def test_stochastic_methods_take_them(self):
        problem = small("net_wine")
        options = {"epochs": 20, "learning_rate": 0.01, "rng": 0, "validation": 0.2}
        result = minimize(problem, problem.x0, method="adam", options=options)
        assert problem.fun(result.x) < 0.5 * problem.fun(problem.x0)


class TestNetProblem:
    def test_batches_are_those_of_the_objective(self):
        problem = small("net_wine", batch_norm=True)
        x, v, indices = problem.x0, rng().standard_normal(problem.n), [3, 5, 8]
        assert problem.fun(x, indices) == problem.objective.fun(x, indices)
        assert problem(x, indices=indices) == problem.fun(x, indices)
        np.testing.assert_array_equal(
            problem.grad(x, indices), problem.objective.grad(x, indices)
        )
        np.testing.assert_array_equal(
            problem.hessp(x, v, indices), problem.objective.hessp(x, v, indices)
        )
        for ask in (problem.fun, problem.grad, problem.fun_and_grad):
            with pytest.raises(ValueError, match="indices must hold at least 2"):
                ask(x, [3])
        with pytest.raises(ValueError, match="indices must hold at least 2"):
            problem.hessp(x, v, [3])

    def test_one_of_ones_own_is_pickled_by_its_data(self):
        model = nn.MLP([1, 2, 1], "tanh", loss="squared")
        objective = model.objective([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0])
        problem = NetProblem(objective, x0=model.init(0), f_opt=0.0)
        assert problem.model is model
        twin = pickle.loads(pickle.dumps(problem))
        assert twin.fun(problem.x0) == problem.fun(problem.x0)
        np.testing.assert_array_equal(twin.x0, problem.x0)
        assert twin.f_opt == 0

    @pytest.mark.parametrize("name", NAMES)
    def test_precision_is_free(self, name):
        problem = small(name, dtype="float32", activation="swish", batch_norm=True)
        assert problem.model.dtype == problem.x0.dtype == np.float32
        result = minimize(problem, problem.x0, method="l-bfgs", options={"gtol": 1e-3})
        assert result.x.dtype == np.float32
        assert result.success


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"hidden": 8}, TypeError, "hidden must be a sequence of int, got 8"),
        ({"hidden": "8"}, TypeError, "hidden must be a sequence of int, got '8'"),
        ({"hidden": (8, 0)}, ValueError, r"hidden\[1\] must be at least 1, not 0"),
        ({"hidden": (8.0,)}, TypeError, r"hidden\[0\] must be an int, not float"),
        ({"activation": "tan"}, ValueError, "activation 'tan'; did you mean 'tanh'"),
        ({"activation": ()}, ValueError, "activation must be one for all hidden"),
        ({"batch_norm": 1}, TypeError, "batch_norm must be a bool, got 1"),
        ({"init": "hi"}, ValueError, "unknown init 'hi'"),
        ({"precision": -1.0}, ValueError, "precision must be a finite number of at l"),
        ({"precision": "1"}, TypeError, "precision must be a number, not str"),
        ({"rng": "seed"}, TypeError, "rng must be a Generator, an int or None"),
        ({"rng": -1}, ValueError, "rng must be a Generator, an int or None"),
        ({"dtype": "float16"}, ValueError, "dtype must be 'float64' or 'float32'"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_named(name, change, error, words):
    with pytest.raises(error, match=words):
        problems.get(name, **change)


@pytest.mark.parametrize(
    ("name", "change", "error", "words"),
    [
        ("two_spirals", {"samples": 5}, ValueError, "samples must be at least 4 and a"),
        ("two_spirals", {"samples": 2}, ValueError, "samples must be at least 4"),
        ("two_spirals", {"turns": 0}, ValueError, "turns must be a finite number abo"),
        ("two_spirals", {"noise": -1}, ValueError, "noise must be a finite number of"),
        ("checkerboard", {"samples": 1}, ValueError, "samples must be at least 2"),
        ("checkerboard", {"cells": 1}, ValueError, "cells must be at least 2, not 1"),
        ("checkerboard", {"noise": np.nan}, ValueError, "noise must be a finite num"),
        ("noisy_sine", {"samples": 1}, ValueError, "samples must be at least 2"),
        ("noisy_sine", {"noise": "0"}, TypeError, "noise must be a number, not str"),
        ("teacher_student", {"samples": 1}, ValueError, "samples must be at least 2"),
        ("teacher_student", {"features": 0}, ValueError, "features must be at least"),
        ("teacher_student", {"teacher": 0}, ValueError, "teacher must be at least 1"),
        ("teacher_student", {"noise": -1}, ValueError, "noise must be a finite numb"),
    ],
    ids=str,
)
def test_bad_sizes_of_data_are_named(name, change, error, words):
    with pytest.raises(error, match=words):
        problems.get(name, **change)


def test_hidden_may_be_any_sequence():
    assert checked_hidden([3, np.int64(4)]) == (3, 4)
    assert problems.noisy_sine(hidden=[3]).n == problems.noisy_sine(hidden=(3,)).n
