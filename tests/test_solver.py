"""Runs that are asked and told, and watched: the same iterates as `minimize`."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optlab
from optlab import Solver, Status, Want, iterate, minimize
from optlab.methods import METHODS

from .functions import rosenbrock
from .support import BOUNDED, SECOND_ORDER, same_bits

FUN = rosenbrock(5, np.array([-1.2, 1.0, 0.3, -0.7, 1.4]))
BOX = [(-2.0, 0.5)] * 5
OPTIONS = {"history": True, "return_all": True}
FIELDS = ("x", "fun", "jac", "nit", "nfev", "njev", "nhev", "status", "success")


def answer(solver):
    """Answer one question, all of it."""
    want, x = solver.ask()
    if want & Want.HV:
        solver.tell(hv=FUN.hessian(x) @ solver.v)
    elif want & Want.H:
        solver.tell(h=FUN.hessian(x))
    else:
        solver.tell(*FUN(x))


def told(solver, between=lambda solver: solver):
    while not solver.done:
        answer(solver)
        solver = between(solver)
    return solver.result


def called(method, bounds=None, **more):
    """The same by `minimize`; Hessians as the solver has them."""
    second = {}
    if METHODS[method].second == "hess":
        second["hess"] = FUN.hessian
    elif METHODS[method].second == "hessp":
        second["hessp"] = lambda x, v: FUN.hessian(x) @ v
    x0 = np.minimum(FUN.x0, 0.5) if bounds else FUN.x0
    return minimize(FUN, x0, jac=True, method=method, bounds=bounds, **second, **more)


def assert_same(a, b, products_tried=0):
    for name in FIELDS:
        if name == "nhev":  # minimize tries hessp once before the run
            assert a.nhev + products_tried == b.nhev
        else:
            assert same_bits(a[name], b[name]), name
    assert a.message == b.message
    if "allvecs" in b:
        assert same_bits(a.allvecs, b.allvecs)
        for name in set(b.history) - {"seconds", "nhev"}:
            assert same_bits(a.history[name], b.history[name])


def products_tried(method):
    return 1 if METHODS[method].second == "hessp" else 0


class TestSolver:
    @pytest.mark.parametrize("method", METHODS)
    def test_it_is_the_run_of_minimize(self, method):
        result = told(Solver(FUN.x0, method=method, options=OPTIONS))
        assert result.success
        assert_same(result, called(method, options=OPTIONS), products_tried(method))

    @pytest.mark.parametrize("method", BOUNDED)
    def test_within_bounds_too(self, method):
        x0 = np.minimum(FUN.x0, 0.5)
        solver = Solver(x0, method=method, bounds=BOX, options=OPTIONS)
        seen = []
        while not solver.done:
            seen.append(solver.ask()[1])
            answer(solver)
        assert np.max(seen) <= 0.5
        assert_same(solver.result, called(method, BOX, options=OPTIONS))

    @pytest.mark.parametrize("method", METHODS)
    def test_saved_and_loaded_between_any_two_answers(self, method, tmp_path):
        path = tmp_path / "solver.npz"

        def through_a_file(solver):
            solver.save(path)
            return Solver.load(path)

        options = OPTIONS | {"maxiter": 12}
        plain = told(Solver(FUN.x0, method=method, options=options))
        filed = told(Solver(FUN.x0, method=method, options=options), through_a_file)
        pickled = told(
            Solver(FUN.x0, method=method, options=options),
            lambda solver: pickle.loads(pickle.dumps(solver)),
        )
        assert_same(filed, plain)
        assert_same(pickled, plain)

    def test_a_question_survives_its_file(self, tmp_path):
        path = tmp_path / "solver.npz"
        x0 = np.minimum(FUN.x0, 0.5)
        solver = Solver(x0, bounds=BOX, options={"gtol": 1e-9})
        for _ in range(7):
            answer(solver)
        want, x = solver.ask()
        solver.tell(f=FUN.value(x))
        solver.save(path)
        other = Solver.load(path)
        assert other.ask()[0] == Want.G
        assert same_bits(other.ask()[1], x)
        assert want == Want.F | Want.G

    def test_asking_again_is_asking_the_same(self):
        solver = Solver(FUN.x0)
        for _ in range(20):
            want, x = solver.ask()
            again, same = solver.ask()
            assert want == again
            assert same_bits(x, same)
            x[:] = np.nan  # the caller's own
            assert solver.result is not None
            assert same_bits(solver.ask()[1], same)
            answer(solver)

    def test_parts_may_be_told_one_by_one(self):
        solver = Solver(FUN.x0, method="bfgs")
        while not solver.done:
            want, x = solver.ask()
            if want & Want.G:
                solver.tell(g=FUN.gradient(x))
            if want & Want.F:
                solver.tell(f=FUN.value(x))
        assert_same(solver.result, called("bfgs"))

    def test_both_may_be_told_where_one_is_wanted(self):
        # On |x| a search fails, and probes ask for values alone.
        alone = set()
        solver = Solver([0.7, -0.3], options={"gtol": 1e-12})
        while not solver.done:
            want, x = solver.ask()
            alone.add(want)
            solver.tell(np.abs(x).sum(), np.sign(x))
        assert Want.F in alone
        single = minimize(
            lambda x: (np.abs(x).sum(), np.sign(x)),
            [0.7, -0.3],
            jac=True,
            options={"gtol": 1e-12},
        )
        assert same_bits(solver.result.x, single.x)
        assert solver.result.message == single.message

    def test_what_is_not_finite_is_too_far(self):
        def barrier(x):
            with np.errstate(all="ignore"):
                return np.sum(x - np.log(x)), 1 - 1 / x

        for bad in (np.nan, np.inf):
            solver = Solver([10.0, 0.01])
            while not solver.done:
                f, g = barrier(solver.ask()[1])
                solver.tell(f if np.isfinite(f) else bad, g)
            assert solver.result.success
            np.testing.assert_allclose(solver.result.x, 1, atol=1e-4)

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs", "cg", "gd"])
    def test_what_float32_cannot_hold_is_too_far(self, method):
        def steep(x):
            far = np.abs(x).max() > 2
            return (1.0 if far else x @ x / 2), np.full(3, 1e300) if far else x

        options = {"dtype": "float32", "first_step": 1e3}
        solver = Solver([1.0, -1.0, 0.5], method=method, options=options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            while not solver.done:
                solver.tell(*steep(solver.ask()[1].astype(float)))
        assert solver.result.success
        np.testing.assert_allclose(solver.result.x, 0, atol=1e-5)

    def test_a_start_that_is_not_finite(self):
        solver = Solver([1.0])
        solver.tell(np.nan, [1.0])
        assert solver.done
        assert solver.result.status is Status.NONFINITE_START
        with pytest.raises(RuntimeError, match="ended"):
            solver.ask()
        with pytest.raises(ValueError, match="wanted"):
            solver.tell(1.0, [1.0])

    def test_the_result_in_the_midst(self):
        solver = Solver(FUN.x0)
        result = solver.result
        assert result.status is Status.RUNNING
        assert not result.success
        assert np.isnan(result.fun)
        assert result.nfev == 0
        best = np.inf
        while not solver.done:
            answer(solver)
            result = solver.result
            assert result.fun == FUN.value(result.x)
            assert same_bits(result.jac, FUN.gradient(result.x)) or not solver.done
            assert result.fun <= best
            best = result.fun
        assert result.status is Status.CONVERGED

    @pytest.mark.parametrize("method", ["bfgs", "l-bfgs"])
    def test_looking_at_a_result_changes_nothing(self, method):
        solver = Solver(FUN.x0, method=method)
        while not solver.done:
            answer(solver)
            assert solver.done or solver.result.hess_inv is None
            repr(solver.result)
        assert solver.result.hess_inv is not None
        assert_same(solver.result, called(method))

    def test_single_precision(self):
        solver = Solver(
            FUN.x0, method="bfgs", options={"dtype": "float32", "gtol": 1e-2}
        )
        while not solver.done:
            _, x = solver.ask()
            assert x.dtype == np.float32
            solver.tell(*FUN(x.astype(float)))
        assert solver.result.x.dtype == np.float32
        assert solver.result.success

    @pytest.mark.parametrize("options", [{"maxiter": 0}, {"maxiter": 4}, {"maxfun": 5}])
    def test_limits(self, options):
        assert_same(
            told(Solver(FUN.x0, method="bfgs", options=options)),
            called("bfgs", options=options),
        )

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({}, ValueError, "wanted"),
            ({"hv": np.ones(5)}, ValueError, "hv"),
            ({"h": np.eye(5)}, ValueError, "h is not wanted"),
            ({"f": 1.0, "g": np.ones(4)}, ValueError, r"g must have shape \(5,\)"),
            ({"f": 1.0, "g": np.ones((5, 1))}, ValueError, "g must have shape"),
            ({"f": 1.0, "g": "x"}, TypeError, "g must"),
            ({"f": 1.0, "g": [1j] * 5}, TypeError, "g must"),
            ({"f": "1", "g": np.ones(5)}, TypeError, "f must"),
            ({"f": 1j, "g": np.ones(5)}, TypeError, "f must"),
            ({"f": [1.0, 2.0], "g": np.ones(5)}, TypeError, "f must"),
            ({"f": None, "g": None}, ValueError, "wanted"),
        ],
        ids=str,
    )
    def test_wrong_answers_are_named_and_change_nothing(self, given, error, match):
        solver = Solver(FUN.x0, method="bfgs")
        for _ in range(3):
            answer(solver)
        before = pickle.dumps(solver)
        with pytest.raises(error, match=match):
            solver.tell(**given)
        assert same_bits(pickle.loads(before).ask()[1], solver.ask()[1])
        assert_same(told(solver), called("bfgs"))

    @pytest.mark.parametrize(
        ("arguments", "error", "match"),
        [
            ({"x0": []}, ValueError, "x0"),
            ({"x0": [np.nan]}, ValueError, "x0"),
            ({"x0": [1j]}, TypeError, "x0"),
            ({"method": "adam"}, ValueError, "FiniteSum"),
            ({"method": "nelder"}, ValueError, "method"),
            ({"bounds": [(0, 1)]}, ValueError, "bounds"),
            ({"method": "cg", "bounds": [(0, 1), (0, 1)]}, ValueError, "bounds"),
            ({"tol": -1}, ValueError, "tol"),
            ({"options": {"gtoll": 1}}, (TypeError, ValueError), "gtol"),
            ({"options": 3}, TypeError, "options"),
        ],
        ids=str,
    )
    def test_bad_arguments(self, arguments, error, match):
        with pytest.raises(error, match=match):
            Solver(**{"x0": [1.0, 2.0], **arguments})

    @pytest.mark.parametrize("method", SECOND_ORDER)
    def test_wrong_second_derivatives_change_nothing(self, method):
        solver = Solver(FUN.x0, method=method, options=OPTIONS)
        answer(solver)
        want, x = solver.ask()
        assert want in (Want.H, Want.HV)
        name, other = ("h", "hv") if want == Want.H else ("hv", "h")
        shape = (5, 5) if want == Want.H else (5,)
        before = solver.result
        for value, error in (
            (np.ones(4), ValueError),
            (np.ones((5, 4)), ValueError),
            (1.0, ValueError),
            (np.ones(shape, complex), TypeError),
            (np.full(shape, "1"), TypeError),
            (np.full(shape, None), TypeError),
        ):
            with pytest.raises(error, match=rf"^{name} must"):
                solver.tell(**{name: value})
        with pytest.raises(ValueError, match=rf"^{other} is not wanted"):
            solver.tell(**{other: np.ones((5, 5) if other == "h" else 5)})
        with pytest.raises(ValueError, match="wanted"):
            solver.tell(*FUN(x))
        again, same = solver.ask()
        assert want == again
        assert same_bits(x, same)
        for count in ("nfev", "njev", "nhev"):
            assert solver.result[count] == before[count]
        result = told(solver)
        assert_same(result, called(method, options=OPTIONS), products_tried(method))

    def test_a_vector_only_where_it_is_wanted(self):
        solver = Solver(FUN.x0, method="newton-cg")
        with pytest.raises(ValueError, match="no Hessian product is wanted"):
            _ = solver.v
        answer(solver)
        assert solver.ask()[0] == Want.HV
        v = solver.v
        v[:] = np.nan  # the caller's own
        assert np.isfinite(solver.v).all()

    def test_copies_go_their_own_ways(self):
        solver = Solver(FUN.x0, method="bfgs", options=OPTIONS)
        for _ in range(5):
            answer(solver)
        other, third = copy.deepcopy(solver), copy.copy(solver)
        result = told(solver)
        assert other.result.nfev == third.result.nfev == 5
        assert_same(told(other), result)
        assert_same(told(third), result)

    def test_what_it_is_called(self):
        assert repr(Solver(np.ones(3))) == "<Solver bfgs: n=3, 0 iterations>"


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_however_it_is_driven_it_is_the_run_of_minimize(data):
    """Any parts in any order, copies, looks and mistakes in between; any start."""
    method = data.draw(st.sampled_from(sorted(METHODS)), "method")
    bounds = data.draw(st.booleans(), "bounds") and method in BOUNDED
    numbers = st.floats(-2, 2, allow_subnormal=False)
    x0 = np.array(data.draw(st.lists(numbers, min_size=5, max_size=5), "x0"))
    x0 = np.minimum(x0, 0.5) if bounds else x0
    box = BOX if bounds else None
    options = OPTIONS | {"maxiter": 8}
    solver = Solver(x0, method=method, bounds=box, options=options)
    moods = st.sampled_from(["whole", "f", "g", "look", "pickle", "mistake"])
    while not solver.done:
        want, x = solver.ask()
        mood = data.draw(moods)
        if mood == "look":
            _ = solver.result, solver.done, repr(solver)
        elif mood == "pickle":
            solver = pickle.loads(pickle.dumps(solver))
        elif mood == "mistake":
            with pytest.raises(ValueError, match="must have shape"):
                solver.tell(g=np.ones(4))
        elif mood == "f" and want & Want.F:
            solver.tell(f=FUN.value(x))
        elif mood == "g" and want & Want.G:
            solver.tell(g=FUN.gradient(x))
        else:
            answer(solver)
    second = {}
    if METHODS[method].second == "hess":
        second["hess"] = FUN.hessian
    elif METHODS[method].second == "hessp":
        second["hessp"] = lambda x, v: FUN.hessian(x) @ v
    plain = minimize(
        FUN, x0, jac=True, method=method, bounds=box, options=options, **second
    )
    assert_same(solver.result, plain, products_tried(method))


class TestIterate:
    @pytest.mark.parametrize("method", METHODS)
    def test_it_gives_the_iterates_of_minimize(self, method):
        second = {"hess": FUN.hessian} if method in SECOND_ORDER else {}
        arguments = {"jac": True, "method": method, **second}
        steps = iterate(FUN, FUN.x0, **arguments)
        seen = list(steps)
        plain = minimize(FUN, FUN.x0, **arguments, options=OPTIONS)
        assert same_bits([step.x for step in seen], plain.allvecs)
        assert [step.nit for step in seen] == list(range(plain.nit + 1))
        for name in ("gnorm", "alpha", "nfev"):
            assert same_bits([float(s[name]) for s in seen], plain.history[name])
        for step in seen:
            assert step.fun == FUN.value(step.x)
            assert same_bits(step.jac, FUN.gradient(step.x))
        assert_same(steps.result, minimize(FUN, FUN.x0, **arguments))

    @pytest.mark.parametrize("jac", [None, "3-point"])
    def test_differences_and_bounds(self, jac):
        x0 = np.minimum(FUN.x0, 0.4)
        arguments = {"jac": jac, "bounds": BOX}
        steps = iterate(FUN.value, x0, **arguments)
        assert len(list(steps)) == steps.result.nit + 1
        assert_same(steps.result, minimize(FUN.value, x0, **arguments))

    def test_the_loop_may_end_when_it_likes(self):
        calls = []

        def fun(x):
            calls.append(x)
            return FUN(x)

        steps = iterate(fun, FUN.x0, jac=True)
        for step in steps:
            if step.nit == 3:
                break
        assert steps.result.status is Status.RUNNING
        assert steps.result.nfev == len(calls)
        assert next(steps).nit == 4  # and be taken up

    def test_exceptions_pass_and_the_loop_may_go_on(self):
        def fun(x):
            fun.calls += 1
            if fun.calls == 9:
                raise LookupError("mine")
            return FUN(x)

        fun.calls = 0
        steps = iterate(fun, FUN.x0, jac=True, method="bfgs")
        with pytest.raises(LookupError, match="mine"):
            list(steps)
        for _ in steps:
            pass
        assert same_bits(steps.result.x, called("bfgs").x)

    def test_a_stop_iteration_of_the_function_does_not_end_the_loop_unseen(self):
        def fun(x):
            raise StopIteration

        with pytest.raises(RuntimeError, match="fun raised StopIteration"):
            list(iterate(fun, FUN.x0, jac=True))

    def test_it_is_not_entered_twice(self):
        def fun(x):
            fun.calls += 1
            if fun.calls == 4:
                next(steps)
            return FUN(x)

        fun.calls = 0
        steps = iterate(fun, FUN.x0, jac=True)
        with pytest.raises(RuntimeError, match="going on"):
            list(steps)
        list(steps)  # and may go on afterwards
        assert steps.result.success
        assert steps.result.fun == FUN.value(steps.result.x)

    def test_stochastic_methods_have_epochs(self):
        with pytest.raises(ValueError, match="epochs"):
            iterate(FUN, FUN.x0, method="adam")

    def test_bad_arguments_come_first(self):
        with pytest.raises(TypeError, match="jac"):
            iterate(FUN, FUN.x0, jac=5)


def test_what_is_wanted_are_flags():
    assert Want.F | Want.G == 3
    assert optlab.Want(3) == Want.F | Want.G
