"""Python objectives: what they are handed, what they may do with it, and differences."""

import gc
import sys
import weakref

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from optlab import Status, minimize
from optlab_c.callables import PythonObjective
from optlab_c.machine import Machine
from tests.functions import Counted, rosenbrock, softmax_sum
from tests.support import same_bits, settings

ROSENBROCK = rosenbrock()
REFERENCE = minimize(ROSENBROCK, ROSENBROCK.x0, jac=True, options={"return_all": True})


def assert_undisturbed(result):
    assert same_bits(result.x, REFERENCE.x)
    assert (result.nit, result.nfev) == (REFERENCE.nit, REFERENCE.nfev)
    assert same_bits(result.jac, REFERENCE.jac)


class TestX:
    """x belongs to the callee."""

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_what_it_is(self, dtype):
        seen = []

        def fun(x):
            seen.append((type(x), x.dtype, x.shape, x.flags.carray, x.flags.owndata))
            return float(x @ x), 2 * x

        minimize(fun, [1, 2, 3], jac=True, options={"dtype": dtype})
        assert set(seen) == {(np.ndarray, np.dtype(dtype), (3,), True, True)}

    def test_one_unknown_comes_as_a_vector(self):
        shapes = set()

        def fun(x):
            shapes.add(x.shape)
            return float((x - 3) @ (x - 3)), 2 * (x - 3)

        result = minimize(fun, 0.0, jac=True)
        assert shapes == {(1,)}
        assert result.x.shape == result.jac.shape == (1,)
        assert result.hess_inv.shape == (1, 1)

    def test_it_may_be_overwritten(self):
        def fun(x):
            answer = ROSENBROCK(x)
            x[:] = np.nan
            return answer

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    @pytest.mark.parametrize("jac", ["2-point", "3-point"])
    def test_it_may_be_overwritten_between_differences(self, jac):
        def fun(x):
            f = ROSENBROCK.value(x)
            x[:] = np.nan
            return f

        plain = minimize(ROSENBROCK.value, ROSENBROCK.x0, jac=jac)
        assert same_bits(minimize(fun, ROSENBROCK.x0, jac=jac).x, plain.x)

    @pytest.mark.parametrize(
        "keep",
        [
            lambda x: x,
            lambda x: x[:],
            lambda x: x[1:],
            lambda x: x.reshape(2, 1),
            memoryview,
            lambda x: x.view(np.int64),
            lambda x: [x],
        ],
    )
    def test_it_may_be_kept(self, keep):
        kept, copies = [], []

        def fun(x):
            kept.append(keep(x))
            copies.append(x.copy())
            return ROSENBROCK(x)

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))
        for what, copy in zip(kept, copies, strict=True):
            assert np.asarray(what).tobytes() == np.asarray(keep(copy)).tobytes()

    def test_what_is_kept_may_be_overwritten_later(self):
        last = []

        def fun(x):
            for array in last:
                array[:] = np.nan
            last.append(x)
            return ROSENBROCK(x)

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy
    @pytest.mark.parametrize(
        "harm",
        [
            lambda x: x.setflags(write=False),
            lambda x: x.resize(7, refcheck=False),
            lambda x: x.resize(1, refcheck=False),
            lambda x: setattr(x, "shape", (2, 1)),
            lambda x: setattr(x, "dtype", np.int64),
            lambda x: setattr(x, "dtype", np.int32),
            lambda x: setattr(x, "dtype", ">f8"),
            lambda x: setattr(x, "strides", (0,)),
        ],
        ids=["read-only", "longer", "shorter", "2-D", "int64", "int32", "swapped", "0"],
    )
    def test_its_very_shape_may_be_changed(self, harm):
        def fun(x):
            answer = ROSENBROCK(x)
            harm(x)
            return answer

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    def test_its_memory_is_used_again_where_nobody_kept_it(self):
        places = set()

        def fun(x):
            places.add(x.ctypes.data)
            return ROSENBROCK(x)

        minimize(fun, ROSENBROCK.x0, jac=True)
        assert len(places) == 1

    def test_no_array_outlives_its_run(self):
        alive = []

        def fun(x):
            alive.append(weakref.ref(x))
            return ROSENBROCK(x)

        x0 = ROSENBROCK.x0.copy()
        references = sys.getrefcount(x0)
        result = minimize(fun, x0, jac=True)
        assert result.success
        assert sys.getrefcount(x0) == references
        gc.collect()
        assert not any(ref() is not None for ref in alive)

    def test_x0_is_not_changed(self):
        for x0 in (np.array([-1.2, 1.0]), [-1.2, 1.0], np.array([-1, 1])):
            before = np.array(x0)
            minimize(ROSENBROCK, x0, jac=True)
            assert same_bits(np.array(x0), before)

    def test_what_comes_back_shares_nothing(self):
        kept = []

        def fun(x):
            f, g = ROSENBROCK(x)
            kept.extend((x, g))
            return f, g

        x0 = ROSENBROCK.x0.copy()
        result = minimize(fun, x0, jac=True, options={"return_all": True})
        kept.append(x0)
        given = [result.x, result.jac, *result.allvecs]
        for i, a in enumerate(given):
            assert a.flags.owndata
            assert a.flags.writeable
            assert not any(np.shares_memory(a, b) for b in kept)
            assert not any(np.shares_memory(a, b) for b in given[i + 1 :])


class TestGradient:
    """However it comes, it is read at once and copied."""

    def test_one_buffer_may_be_used_again(self):
        buffer = np.empty(2)

        def fun(x):
            buffer[:] = ROSENBROCK.gradient(x)
            return ROSENBROCK.value(x), buffer

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    def test_x_itself_may_be_that_buffer(self):
        def fun(x):
            f, x[:] = ROSENBROCK(x)
            return f, x

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    @pytest.mark.parametrize(
        "wrap",
        [
            list,
            tuple,
            lambda g: np.repeat(g, 3)[::3],
            lambda g: g[::-1].copy()[::-1],
            lambda g: g.astype(">f8"),
            lambda g: g.astype(object),
            lambda g: np.ma.array(g),
            lambda g: g.astype(np.longdouble),
            memoryview,
        ],
        ids=str,
    )
    def test_forms(self, wrap):
        def fun(x):
            f, g = ROSENBROCK(x)
            return f, wrap(g)

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    def test_read_only(self):
        def fun(x):
            f, g = ROSENBROCK(x)
            g.setflags(write=False)
            return f, g

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    def test_unaligned(self):
        bytes_ = np.zeros(17, np.uint8)
        g = bytes_[1:].view(np.float64)
        assert not g.flags.aligned

        def fun(x):
            f, g[:] = ROSENBROCK(x)
            return f, g

        assert_undisturbed(minimize(fun, ROSENBROCK.x0, jac=True))

    @pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
    def test_less_precise(self, dtype):
        result = minimize(
            lambda x: (float(x @ x), (2 * x).astype(dtype)), [3.0, -2.0], jac=True
        )
        assert result.success
        np.testing.assert_allclose(result.x, 0, atol=1.0 if dtype == "int64" else 1e-3)

    def test_a_scalar_will_do_for_one_unknown(self):
        result = minimize(lambda x: (float(x[0] ** 2), 2 * x[0]), 3.0, jac=True)
        assert result.success

    @pytest.mark.parametrize(
        ("g", "error", "words"),
        [
            (np.zeros(3), ValueError, r"jac must have shape \(2,\), got \(3,\)"),
            (np.zeros((1, 2)), ValueError, r"jac .*\(2,\).*\(1, 2\)"),
            (np.zeros((2, 1)), ValueError, r"jac .*\(2,\).*\(2, 1\)"),
            (1.0, ValueError, r"jac .*\(2,\).*\(\)"),
            ([], ValueError, r"jac .*\(2,\).*\(0,\)"),
            (np.zeros(2, complex), TypeError, "jac must be real.*complex"),
            (["a", "b"], TypeError, "jac must be real"),
            (None, TypeError, "jac must be real"),
            ([None, 1.0], TypeError, "jac must be real"),
            ([object(), 1.0], TypeError, "jac must be real"),
        ],
    )
    def test_what_is_no_gradient_is_named(self, g, error, words):
        with pytest.raises(error, match=words):
            minimize(lambda x: (1.0, g), [0.0, 0.0], jac=True)
        with pytest.raises(error, match=words):
            minimize(lambda x: 1.0, [0.0, 0.0], jac=lambda x: g)

    def test_ragged(self):
        with pytest.raises((TypeError, ValueError), match="jac"):
            minimize(lambda x: 1.0, [0.0, 0.0], jac=lambda x: [1.0, [2.0, 3.0]])


class TestValue:
    @pytest.mark.parametrize(
        "wrap",
        [
            np.float64,
            np.float32,
            np.array,
            lambda f: np.array([f]),
            lambda f: np.array([[f]]),
            lambda f: np.longdouble(f),
            lambda f: np.array(f, object),
        ],
        ids=str,
    )
    def test_forms(self, wrap):
        result = minimize(lambda x: (wrap(x @ x), 2 * x), [3.0, -2.0], jac=True)
        assert result.success
        assert type(result.fun) is float

    @pytest.mark.parametrize("value", [1, True, np.int8(1), np.bool_(False)])
    def test_integers_are_numbers(self, value):
        assert minimize(lambda x: value, [0.0], jac=lambda x: [0.0]).fun == int(value)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "None"),
            (np.zeros(2), r"shape \(2,\)"),
            (np.zeros(0), r"shape \(0,\)"),
            ([1.0, 2.0], r"shape \(2,\)"),
            (1 + 0j, "complex"),
            (np.array([1j]), "complex"),
            ("1.0", "str"),
            (object(), "object"),
            ({}, "dict"),
            (np.datetime64("2020"), "datetime"),
        ],
    )
    def test_what_is_no_value_is_named(self, value, words):
        for more in ({"jac": lambda x: x}, {}, {"jac": "3-point"}):
            with pytest.raises(TypeError, match=f"fun must return.*{words}"):
                minimize(lambda x: value, [1.0, 2.0], **more)
        with pytest.raises(TypeError, match=f"fun must return.*{words}"):
            minimize(lambda x: (value, x), [1.0, 2.0], jac=True)

    @pytest.mark.parametrize("answer", [1.0, None, (1.0,), (1.0, 2.0, 3.0), np.ones(2)])
    def test_what_is_no_pair_is_named(self, answer):
        with pytest.raises(TypeError, match="fun must return the pair"):
            minimize(lambda x: answer, [1.0, 2.0], jac=True)


class TestDifferences:
    X = np.array([1.5, -0.7, 0.0, 40.0])

    @staticmethod
    def value(x):
        return float(np.exp(x[0]) + np.sin(3 * x[1]) + x[2] * x[0] + x[3] ** 2 / 7)

    TRUE = np.array([np.exp(1.5), 3 * np.cos(-2.1), 1.5, 80 / 7])

    def gradient(self, jac, x=None, value=None, **options):
        x = self.X if x is None else x
        result = minimize(
            value or self.value, x, jac=jac, options={"maxiter": 0} | options
        )
        return result.jac

    @pytest.mark.parametrize("eps", [1e-8, 1e-5])
    def test_forward_is_scipys(self, eps):
        ours = self.gradient("2-point", eps=eps)
        np.testing.assert_allclose(ours, approx_fprime(self.X, self.value, eps))

    @pytest.mark.parametrize(
        ("jac", "error"), [(None, 1e-6), ("2-point", 1e-6), ("3-point", 1e-9)]
    )
    def test_errors(self, jac, error):
        np.testing.assert_allclose(
            self.gradient(jac), self.TRUE, rtol=error, atol=error
        )

    def test_none_is_forward(self):
        assert same_bits(self.gradient(None), self.gradient("2-point"))

    def points(self, jac, x=None, **options):
        """Where f is asked for beyond x itself, as steps from x."""
        asked = []

        def value(x):
            asked.append(x.copy())
            return self.value(x)

        x = self.X if x is None else np.asarray(x)
        self.gradient(jac, x, value, **options)
        assert same_bits(asked[0], x)
        steps = np.array(asked[1:]) - x
        assert (np.count_nonzero(steps, axis=1) == 1).all()  # one component at a time
        return steps.sum(axis=1)

    def test_default_steps(self):
        eps = np.finfo(float).eps
        size = np.maximum(1, np.abs(self.X))
        sign = np.array([1, -1, 1, 1])
        np.testing.assert_allclose(
            self.points("2-point"), sign * size * eps ** (1 / 2), rtol=1e-6
        )
        np.testing.assert_allclose(
            self.points("3-point")[::2], sign * size * eps ** (1 / 3), rtol=1e-6
        )

    def test_the_second_point_of_three_is_the_mirror_image(self):
        steps = self.points("3-point")
        np.testing.assert_allclose(steps[1::2], -steps[::2], rtol=1e-6)

    def test_relative_steps(self):
        """|x_i| times the step, and the default where that is nothing: as SciPy."""
        steps = self.points("2-point", finite_diff_rel_step=1e-4)
        default = np.sqrt(np.finfo(float).eps)
        expected = [1.5e-4, -0.7e-4, default, 40e-4]
        np.testing.assert_allclose(steps, expected, rtol=1e-7)

    def test_steps_for_each_component(self):
        each = np.array([1e-3, 1e-4, 1e-5, 1e-6])
        np.testing.assert_allclose(self.points("2-point", eps=each), each, rtol=1e-6)
        relative = self.points(
            "2-point", [1.0, 1.0, 2.0, 2.0], finite_diff_rel_step=each
        )
        np.testing.assert_allclose(relative, [1e-3, 1e-4, 2e-5, 2e-6], rtol=1e-6)

    def test_a_step_below_the_spacing_of_x_is_not_used(self):
        x = [-1e10, -1e10, 1e10, 1e10]
        steps = self.points("2-point", x, eps=1e-8)
        assert (np.abs(steps) > 1).all()

    @pytest.mark.parametrize("jac", ["2-point", "3-point"])
    def test_float32(self, jac):
        gradient = self.gradient(jac, dtype="float32")
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, self.TRUE, rtol=1e-2)

    def test_float32_without_a_gradient_does_not_end_at_the_start(self):
        """An absolute step of 1.5e-8 is nothing there, and the slope would be 0."""
        result = minimize(
            lambda x: np.float32((x[0] - 3) ** 2 + (x[1] + 1) ** 2),
            np.array([10.0, 10.0]),
            options={"dtype": "float32", "gtol": 1e-2},
        )
        assert result.success
        np.testing.assert_allclose(result.x, [3, -1], atol=1e-1)

    @pytest.mark.parametrize("jac", [None, "3-point"])
    @pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
    def test_an_offset_is_no_obstacle(self, offset, jac):
        fun = rosenbrock()
        result = minimize(lambda x: fun.value(x) + offset, fun.x0, jac=jac)
        assert result.success
        np.testing.assert_allclose(result.x, 1, atol=1e-3)

    @pytest.mark.parametrize("jac", [None, "3-point"])
    @pytest.mark.parametrize("x0", [[-1.2, 1.0], [1.00001, 1.0]])
    def test_a_slope_that_rounding_hides_is_no_success(self, x0, jac):
        fun = rosenbrock()
        result = minimize(lambda x: fun.value(x) + 1e12, x0, jac=jac)
        assert not result.success
        assert result.status is Status.ROUNDING
        assert "differences" in result.message

    @pytest.mark.parametrize("jac", [None, "3-point"])
    def test_a_constant_is_flat(self, jac):
        assert minimize(lambda x: 0.0, [1.0, 2.0], jac=jac).success
        assert minimize(lambda x: 1.0, [1.0, 2.0], jac=jac).success

    @pytest.mark.parametrize("jac", ["2-point", "3-point"])
    def test_the_edge_of_the_domain(self, jac):
        """Where one side is not finite the other one serves."""

        def value(x):
            with np.errstate(invalid="ignore"):
                return float(np.sqrt(1 - x[0]) - x[0])

        x = np.array([1 - 1e-9])
        slope = self.gradient(jac, x, value)[0]
        assert np.isfinite(slope)
        assert slope < 0

    @pytest.mark.parametrize(
        ("jac", "each"), [(None, 4), ("2-point", 4), ("3-point", 8)]
    )
    def test_every_call_is_counted(self, jac, each):
        counted = Counted(softmax_sum(4))
        result = minimize(counted.value, counted.function.x0, jac=jac)
        assert result.success
        assert result.nfev == counted.nfev
        assert result.nfev >= (each + 1) * result.njev

    def test_complex_steps_are_counted(self):
        calls = []

        def value(x):
            calls.append(x.dtype)
            return np.sum(np.cosh(x - 1)).item()

        result = minimize(value, [3.0, -2.0], jac="cs", options={"gtol": 1e-12})
        assert result.success
        assert result.nfev == len(calls)
        assert calls.count(np.dtype(complex)) == 2 * result.njev
        np.testing.assert_allclose(result.x, 1, rtol=1e-12)

    @pytest.mark.parametrize("scheme", ["2-point", "3-point", "cs"])
    def test_mapped_calls_are_counted(self, scheme):
        fun = softmax_sum(4)
        calls = []

        def value(x):
            calls.append(x)
            return (x @ x + np.exp(x[0])).item()

        def mapped(function, points):
            return [function(x) for x in points]

        runs = []
        for given in (mapped, None):
            calls.clear()
            machine = Machine(settings("bfgs", 4), fun.x0)
            objective = PythonObjective(scheme, value, None, (), 4, map=given)
            machine.run(objective)
            assert machine.nfev == len(calls)
            runs.append(machine)
        assert same_bits(runs[0].x, runs[1].x)
        assert runs[0].nfev == runs[1].nfev

    def test_arguments_reach_the_differences(self):
        result = minimize(
            lambda x, a, b: float((x - a) @ (x - b)), [0.0, 0.0], args=(1.0, 3.0)
        )
        np.testing.assert_allclose(result.x, 2, atol=1e-5)

    def test_what_fun_raises_between_differences(self):
        calls = []

        def value(x):
            calls.append(1)
            if len(calls) == 4:
                raise KeyError("here")
            return self.value(x)

        with pytest.raises(KeyError, match="here"):
            minimize(value, self.X)
        assert len(calls) == 4


class TestAlone:
    """PythonObjective without a machine, as line_search and check_gradient use it."""

    def test_value_and_gradient(self):
        fun = softmax_sum(3)
        objective = PythonObjective("separate", fun.value, fun.gradient, (), 3)
        assert objective.value(fun.x0) == fun.value(fun.x0)
        assert same_bits(objective.gradient(fun.x0), fun.gradient(fun.x0))
        joint = PythonObjective("joint", fun, None, (), 3)
        assert joint.value(fun.x0.tolist()) == fun.value(fun.x0)
        assert same_bits(joint.gradient(fun.x0), fun.gradient(fun.x0))

    def test_another_length_is_refused(self):
        objective = PythonObjective("joint", softmax_sum(3), None, (), 3)
        with pytest.raises(ValueError, match="x must have shape"):
            objective.value(np.zeros(2))
        with pytest.raises(ValueError, match="x must have shape"):
            objective.gradient(np.zeros(4))
