"""`fmin_bfgs` and its like: SciPy's calls, held against SciPy's answers."""

import inspect
import sys

import numpy as np
import pytest
from scipy import optimize

import optlab
from optlab.methods import METHODS
from tests.functions import Counted, quadratic, rosenbrock, softmax_sum
from tests.support import same_bits

ROSENBROCK = rosenbrock()
QUADRATIC = quadratic(20, 1e4)
SOFTMAX = softmax_sum(4)

METHOD_OF = {
    "fmin_bfgs": "bfgs",
    "fmin_cg": "cg",
    "fmin_ncg": "newton-cg",
    "fmin_l_bfgs_b": "l-bfgs-b",
}
EXIST = [name for name, method in METHOD_OF.items() if method in METHODS]
# These return a point, or a tuple that `full_output` and `retall` make longer.
LONGER = [name for name in EXIST if name != "fmin_l_bfgs_b"]

needs_box = pytest.mark.skipif("l-bfgs-b" not in METHODS, reason="needs l-bfgs-b")
needs_cg = pytest.mark.skipif("cg" not in METHODS, reason="needs cg")
needs_ncg = pytest.mark.skipif("newton-cg" not in METHODS, reason="needs newton-cg")


def both(name):
    """optlab's function and SciPy's."""
    return getattr(optlab, name), getattr(optimize, name)


def silent(name):
    """Further arguments that keep SciPy silent."""
    return {} if name == "fmin_l_bfgs_b" else {"disp": 0}


def counted(result, name):
    """The evaluations of f and the flag among what a full output has."""
    if name == "fmin_l_bfgs_b":
        return result[2]["funcalls"], result[2]["warnflag"]
    return result[4 if name == "fmin_bfgs" else 2], result[-1]


def full(name):
    """The arguments that make an output full."""
    return {} if name == "fmin_l_bfgs_b" else {"full_output": 1}


class TestCall:
    @pytest.mark.parametrize("name", METHOD_OF)
    def test_the_signature_is_scipys(self, name):
        ours, theirs = (inspect.signature(f).parameters for f in both(name))
        assert list(ours) == list(theirs)
        for parameter in theirs.values():
            mine = ours[parameter.name]
            assert mine.kind == parameter.kind
            if parameter.name == "disp":
                assert not mine.default
            elif mine.default is not None:  # which leaves it to the method
                assert mine.default == parameter.default

    @pytest.mark.parametrize("name", EXIST)
    def test_the_same_minimum(self, name):
        ours, theirs = both(name)
        for fun in (ROSENBROCK, SOFTMAX):
            x = ours(fun.value, fun.x0, fun.gradient, **full(name))[0]
            y = theirs(fun.value, fun.x0, fun.gradient, **full(name), **silent(name))[0]
            np.testing.assert_allclose(x, y, atol=1e-3)

    @pytest.mark.parametrize("name", EXIST)
    def test_what_is_returned_has_scipys_shape(self, name):
        ours, theirs = both(name)
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        for more in (0, 1):
            given = {"full_output": more, "retall": more} if name in LONGER else {}
            x = ours(*asked, **given)
            y = theirs(*asked, **given, **silent(name))
            assert type(x) is type(y)
            if isinstance(x, tuple):
                assert [np.shape(part) for part in x if not isinstance(part, list)] == [
                    np.shape(part) for part in y if not isinstance(part, list)
                ]
                assert [isinstance(part, list) for part in x] == [
                    isinstance(part, list) for part in y
                ]

    @pytest.mark.parametrize("name", LONGER)
    def test_the_parts_are_those_of_the_result(self, name):
        fun = Counted(ROSENBROCK)
        x, f, *parts, flag, iterates = getattr(optlab, name)(
            fun.value, ROSENBROCK.x0, fun.gradient, full_output=True, retall=True
        )
        assert f == ROSENBROCK.value(x)
        assert flag == 0
        assert same_bits(iterates[0], ROSENBROCK.x0)
        assert same_bits(iterates[-1], x)
        if name == "fmin_bfgs":
            assert same_bits(parts.pop(0), ROSENBROCK.gradient(x))
            assert parts.pop(0).shape == (2, 2)
        assert parts[:2] == [fun.nfev, fun.njev]

    @pytest.mark.parametrize("name", LONGER)
    def test_the_iterates_alone(self, name):
        x, iterates = getattr(optlab, name)(
            ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient, retall=True
        )
        assert same_bits(iterates[-1], x)

    @pytest.mark.parametrize("pack", [tuple, list])
    @pytest.mark.parametrize("name", EXIST)
    def test_arguments(self, name, pack):
        c = np.array([1.0, -2.0])
        x = getattr(optlab, name)(
            lambda x, c, scale: scale * ((x - c) ** 2).sum(),
            [0.0, 0.0],
            lambda x, c, scale: 2 * scale * (x - c),
            args=pack((c, 3.0)),
        )
        x = x[0] if name == "fmin_l_bfgs_b" else x
        np.testing.assert_allclose(x, c, atol=1e-5)

    @pytest.mark.parametrize("name", EXIST)
    def test_the_callback_sees_every_iterate(self, name):
        seen, counts = [], []
        for function in both(name):
            seen.clear()
            function(
                SOFTMAX.value,
                SOFTMAX.x0,
                SOFTMAX.gradient,
                callback=lambda xk: seen.append(xk),
                **silent(name),
            )
            assert all(xk.shape == SOFTMAX.x0.shape for xk in seen)
            counts.append(len(seen))
        assert min(counts) > 1

    @pytest.mark.parametrize("name", EXIST)
    def test_nothing_is_printed_unless_asked(self, name, capfd):
        function = getattr(optlab, name)
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        function(*asked)
        sys.stdout.flush()
        assert capfd.readouterr() == ("", "")
        function(*asked, disp=1)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        assert METHOD_OF[name] in out
        assert "evaluations" in out
        assert err == ""


class TestFlag:
    @pytest.mark.parametrize("name", EXIST)
    def test_iterations(self, name):
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        for function in both(name):
            more = {"maxiter": 2} | full(name) | silent(name)
            assert counted(function(*asked, **more), name)[1] == 1

    @pytest.mark.parametrize("name", LONGER)
    def test_not_finite(self, name):
        more = {"full_output": 1, "disp": 0}
        for function in both(name):
            result = function(lambda x: np.nan, [1.0], lambda x: x * np.nan, **more)
            assert result[-1] == 3

    @pytest.mark.parametrize("name", EXIST)
    def test_no_further_progress(self, name):
        result = getattr(optlab, name)(
            lambda x: float(x @ x), [1.0, 2.0], lambda x: -2 * x, **full(name)
        )
        assert counted(result, name)[1] == 2


class TestBFGS:
    def test_gtol_and_norm(self):
        asked = (SOFTMAX.value, SOFTMAX.x0, SOFTMAX.gradient)
        for norm in (1, 2, np.inf):
            loose = optlab.fmin_bfgs(*asked, gtol=1e-2, norm=norm, full_output=1)
            tight = optlab.fmin_bfgs(*asked, gtol=1e-9, norm=norm, full_output=1)
            assert np.linalg.norm(loose[2], norm) <= 1e-2
            assert np.linalg.norm(tight[2], norm) <= 1e-9
            assert loose[4] < tight[4]

    def test_differences_and_their_steps(self):
        points = []

        def value(x):
            points.append(x.copy())
            return SOFTMAX.value(x)

        x = optlab.fmin_bfgs(value, SOFTMAX.x0, epsilon=1e-6)
        y = optimize.fmin_bfgs(SOFTMAX.value, SOFTMAX.x0, epsilon=1e-6, disp=0)
        np.testing.assert_allclose(x, y, atol=1e-4)
        apart = np.abs(np.array(points[1:5]) - SOFTMAX.x0).max(axis=1)
        np.testing.assert_allclose(apart, 1e-6, rtol=1e-8)

    def test_xrtol_is_a_stop_that_was_asked_for(self):
        asked = (SOFTMAX.value, SOFTMAX.x0, SOFTMAX.gradient)
        for function in (optlab.fmin_bfgs, optimize.fmin_bfgs):
            result = function(*asked, gtol=1e-12, xrtol=0.1, full_output=1, disp=0)
            assert result[-1] == 0
            assert np.abs(result[2]).max() > 1e-12

    def test_the_search_takes_its_constants(self):
        with pytest.raises(ValueError, match="c1"):
            optlab.fmin_bfgs(SOFTMAX.value, SOFTMAX.x0, c1=0.5, c2=0.3)
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        default, strict = (
            optlab.fmin_bfgs(*asked, c2=c2, full_output=1) for c2 in (None, 0.01)
        )
        assert default[4] != strict[4]

    def test_the_first_inverse_hessian(self):
        A = np.diag([1.0, 100.0])
        asked = (lambda x: x @ A @ x / 2, [1.0, 1.0], lambda x: A @ x)
        H0 = np.linalg.inv(A)
        ours, theirs = (
            function(*asked, hess_inv0=H0, full_output=1, disp=0)
            for function in (optlab.fmin_bfgs, optimize.fmin_bfgs)
        )
        assert ours[4] == theirs[4] == 2  # Newton's step, at once


@needs_box
class TestLBFGSB:
    BOX = ((0.2, None), (None, 0.5))

    def test_three_ways_to_give_a_gradient(self):
        given = (
            (ROSENBROCK, {}),
            (ROSENBROCK.value, {"fprime": ROSENBROCK.gradient}),
            (ROSENBROCK.value, {"approx_grad": True}),
        )
        for fun, more in given:
            x, f, d = optlab.fmin_l_bfgs_b(fun, ROSENBROCK.x0, **more)
            y, _, _ = optimize.fmin_l_bfgs_b(fun, ROSENBROCK.x0, **more)
            np.testing.assert_allclose(x, y, atol=1e-3)
            assert f == ROSENBROCK.value(x)
            np.testing.assert_allclose(d["grad"], ROSENBROCK.gradient(x), atol=1e-4)

    def test_bounds(self):
        ours, theirs = (
            function(ROSENBROCK, [0.3, 0.3], bounds=self.BOX)
            for function in (optlab.fmin_l_bfgs_b, optimize.fmin_l_bfgs_b)
        )
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-7)
        assert ours[2]["warnflag"] == theirs[2]["warnflag"] == 0

    def test_what_is_told(self):
        fun = Counted(ROSENBROCK)
        _, _, d = optlab.fmin_l_bfgs_b(fun.both, ROSENBROCK.x0, factr=0)
        assert d.keys() == {"grad", "task", "funcalls", "nit", "warnflag"}
        assert isinstance(d["task"], str)
        assert d["funcalls"] == fun.nfev
        assert np.abs(d["grad"]).max() <= 1e-5
        assert d["warnflag"] == 0

    def test_factr_stops_early(self):
        early, late = (
            optlab.fmin_l_bfgs_b(ROSENBROCK, ROSENBROCK.x0, factr=factr)
            for factr in (1e13, 0)
        )
        assert early[2]["nit"] < late[2]["nit"]
        assert "ftol" in early[2]["task"]
        assert np.abs(early[2]["grad"]).max() > 1e-5
        assert early[2]["warnflag"] == late[2]["warnflag"] == 0

    def test_pgtol(self):
        _, _, d = optlab.fmin_l_bfgs_b(ROSENBROCK, ROSENBROCK.x0, factr=0, pgtol=1e-9)
        assert np.abs(d["grad"]).max() <= 1e-9

    @pytest.mark.parametrize("limit", [{"maxfun": 5}, {"maxiter": 5}])
    def test_limits(self, limit):
        for function in (optlab.fmin_l_bfgs_b, optimize.fmin_l_bfgs_b):
            assert function(ROSENBROCK, ROSENBROCK.x0, **limit)[2]["warnflag"] == 1

    def test_not_finite_is_another_reason(self):
        _, _, d = optlab.fmin_l_bfgs_b(lambda x: (np.nan, x), [1.0])
        assert d["warnflag"] == 2
        assert "not finite" in d["task"]

    def test_m_and_maxls(self):
        one, many = (
            optlab.fmin_l_bfgs_b(QUADRATIC, QUADRATIC.x0, m=m)[2]["funcalls"]
            for m in (1, 20)
        )
        assert many < one
        _, _, d = optlab.fmin_l_bfgs_b(ROSENBROCK, ROSENBROCK.x0, maxls=1)
        assert d["warnflag"] in (0, 2)
        with pytest.raises(ValueError, match="maxls"):
            optlab.fmin_l_bfgs_b(ROSENBROCK, ROSENBROCK.x0, maxls=0)

    def test_epsilon_is_the_step_of_the_differences(self):
        points = []

        def value(x):
            points.append(x.copy())
            return SOFTMAX.value(x)

        optlab.fmin_l_bfgs_b(value, SOFTMAX.x0, approx_grad=1, epsilon=1e-6)
        apart = np.abs(np.array(points[1:5]) - SOFTMAX.x0).max(axis=1)
        np.testing.assert_allclose(apart, 1e-6, rtol=1e-8)

    @pytest.mark.parametrize("name", ["factr", "pgtol"])
    def test_errors_have_the_names_of_this_call(self, name):
        with pytest.raises(ValueError, match=name):
            optlab.fmin_l_bfgs_b(ROSENBROCK, ROSENBROCK.x0, **{name: -1.0})


@needs_cg
class TestCG:
    def test_gtol_norm_and_epsilon(self):
        x = optlab.fmin_cg(SOFTMAX.value, SOFTMAX.x0, epsilon=1e-7, gtol=1e-4, norm=2)
        assert np.linalg.norm(SOFTMAX.gradient(x)) <= 2e-4

    def test_the_search_takes_its_constants(self):
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        a, b = (optlab.fmin_cg(*asked, c2=c2, full_output=1) for c2 in (0.4, 0.01))
        assert a[2] != b[2]


@needs_ncg
class TestNCG:
    def test_a_hessian_its_products_or_neither(self):
        hess = optimize.rosen_hess
        asked = (ROSENBROCK.value, ROSENBROCK.x0, ROSENBROCK.gradient)
        for more in ({"fhess": hess}, {"fhess_p": optimize.rosen_hess_prod}, {}):
            ours, theirs = (
                function(*asked, **more, full_output=1, disp=0)
                for function in both("fmin_ncg")
            )
            np.testing.assert_allclose(ours[0], theirs[0], atol=1e-3)
            assert ours[-1] == theirs[-1] == 0
            assert (ours[4] > 0) == bool(more)

    def test_products_are_not_used_where_there_is_a_hessian(self):
        def never(x, p):
            raise AssertionError

        optlab.fmin_ncg(
            ROSENBROCK.value,
            ROSENBROCK.x0,
            ROSENBROCK.gradient,
            never,
            optimize.rosen_hess,
        )

    def test_avextol_ends_the_run(self):
        loose, tight = (
            optlab.fmin_ncg(
                ROSENBROCK.value,
                ROSENBROCK.x0,
                ROSENBROCK.gradient,
                fhess=optimize.rosen_hess,
                avextol=avextol,
                full_output=1,
            )
            for avextol in (1.0, 1e-10)
        )
        assert loose[2] < tight[2]
        assert loose[-1] == tight[-1] == 0
