"""Bad input: each is refused by name, before fun is called even once."""

import inspect
import warnings

import numpy as np
import pytest
from scipy import optimize

import optlab
from optlab import minimize
from optlab.methods import LINE_SEARCHES, METHODS, known_options
from optlab.options import SCIPY_ONLY, Common
from tests import functions

X0 = [-1.2, 1.0]


def never(x, *args):
    raise AssertionError("fun was called")


def refused(words, error=(TypeError, ValueError), /, fun=never, x0=X0, **arguments):
    """The error names the argument, and fun is not called."""
    arguments = {"jac": True} | arguments
    with pytest.raises(error, match=words):
        minimize(fun, x0, **arguments)


class TestX0:
    @pytest.mark.parametrize(
        ("x0", "error"),
        [
            ([], ValueError),
            (np.zeros((0,)), ValueError),
            (np.zeros((2, 2)), ValueError),
            (np.zeros((1, 2)), ValueError),
            ([[1.0, 2.0]], ValueError),
            ([np.nan, 1.0], ValueError),
            ([np.inf, 1.0], ValueError),
            ([-np.inf, 1.0], ValueError),
            ([1j, 1.0], TypeError),
            (np.array([1 + 0j]), TypeError),
            (["a", "b"], TypeError),
            (["1", "2"], TypeError),
            ("12", TypeError),
            (None, (TypeError, ValueError)),
            ([None, 1.0], (TypeError, ValueError)),
            (np.array(["1", "2"], object), TypeError),
            ([object()], TypeError),
            ({1.0, 2.0}, TypeError),
            ({}, TypeError),
            (np.array(["2020"], "M8[Y]"), TypeError),
            (np.zeros(2, [("a", float)]), TypeError),
            ([[1.0], [2.0, 3.0]], (TypeError, ValueError)),
            ([np.longdouble("1e4000")], ValueError),  # infinite for some compilers
            ([10**400], ValueError),
        ],
    )
    def test_refused(self, x0, error):
        refused("x0", error, x0=x0)

    def test_out_of_the_range_of_the_dtype(self):
        refused("x0", ValueError, x0=[1e300, 1.0], options={"dtype": "float32"})


class TestMethod:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("bfsg", "bfgs"),
            ("LBGFS", "l-bfgs"),
            ("gdd", "gd"),
            ("L-BFGS-BB", "l-bfgs-b"),
        ],
    )
    def test_the_nearest_name_is_suggested(self, name, near):
        refused(f"method.*{name}.*did you mean '{near}'", ValueError, method=name)

    def test_nothing_is_near(self):
        refused("method.*known are.*bfgs", ValueError, method="simulated annealing")

    @pytest.mark.parametrize("method", [5, b"bfgs", ["bfgs"], len, True])
    def test_no_string(self, method):
        refused("method", TypeError, method=method)

    @pytest.mark.parametrize(
        "name", ["l-bfgs", "L-BFGS", "lbfgs", "L_BFGS", "l bfgs", "L--bFgS"]
    )
    def test_spelling_is_free(self, name):
        result = minimize(optimize.rosen, X0, jac=optimize.rosen_der, method=name)
        assert result.method == "l-bfgs"
        assert result.success


@pytest.mark.parametrize("jac", [5, 1.0, [], (), "4-point", "CS", "", b"2-point", {}])
def test_jac(jac):
    refused("jac must be", fun=never, jac=jac)


@pytest.mark.parametrize("fun", [None, 5, "rosenbrock", [len]])
def test_fun(fun):
    refused("fun must be callable", TypeError, fun=fun, jac=True)
    refused("fun must be callable", TypeError, fun=fun, jac=None)


@pytest.mark.parametrize("callback", [5, "print", [print], True])
def test_callback(callback):
    refused("callback", TypeError, callback=callback)


class TestOtherArguments:
    @pytest.mark.parametrize(
        "bounds", [[(0, 1)], [(1, 0), (0, 1)], [(np.nan, 1), (0, 1)], 5]
    )
    @pytest.mark.parametrize("method", [None, *METHODS])
    def test_bounds(self, bounds, method):
        refused("bounds", bounds=bounds, method=method)

    @pytest.mark.parametrize("bounds", [[(0, 1), (None, 1)], optimize.Bounds(0, 1)])
    @pytest.mark.parametrize(
        "method", [m for m, row in METHODS.items() if not row.bounds]
    )
    def test_bounds_of_a_method_without(self, bounds, method):
        refused(f"bounds.*'{method}'.*l-bfgs-b", bounds=bounds, method=method)

    @pytest.mark.parametrize(
        "constraints",
        [
            {"type": "eq", "fun": len},
            [{"type": "eq", "fun": len}],
            optimize.LinearConstraint(np.eye(2)),
            5,
        ],
    )
    def test_constraints(self, constraints):
        refused("constraints", constraints=constraints)

    @pytest.mark.parametrize("constraints", [(), [], {}, None])
    def test_no_constraints(self, constraints):
        result = minimize(
            optimize.rosen, X0, jac=optimize.rosen_der, constraints=constraints
        )
        assert result.success

    @pytest.mark.parametrize("name", ["hess", "hessp"])
    def test_what_is_not_used_is_told(self, name):
        with pytest.warns(
            RuntimeWarning, match=f"^{name} is not used by method 'bfgs'"
        ):
            result = minimize(
                optimize.rosen,
                X0,
                jac=optimize.rosen_der,
                **{name: optimize.rosen_hess},
            )
        assert result.success

    @pytest.mark.parametrize("tol", [-1.0, np.nan, "1e-5", [1e-5], 1j, True])
    def test_tol(self, tol):
        refused("tol", tol=tol)

    @pytest.mark.parametrize("options", [5, "gtol", [("gtol", 1e-5)], {"gtol"}])
    def test_options(self, options):
        refused("options", TypeError, options=options)
        refused("options", TypeError, options=options, tol=1e-3)

    def test_args_of_a_compiled_objective(self):
        problem = optlab.problems.get("rosenbrock")
        with pytest.raises(ValueError, match="args"):
            minimize(problem, problem.x0, args=(1.0,))

    def test_x0_of_another_length_than_the_problem(self):
        problem = optlab.problems.get("rosenbrock")
        with pytest.raises(ValueError, match="x0 must have 2"):
            minimize(problem, np.zeros(3))

    def test_another_dtype_than_the_problem(self):
        problem = optlab.problems.get("rosenbrock", dtype="float32")
        with pytest.raises(ValueError, match="dtype"):
            minimize(problem, problem.x0, options={"dtype": "float64"})


class TestNames:
    def test_an_unknown_option_is_refused_with_the_nearest(self):
        refused("gtoll.*did you mean 'gtol'", ValueError, options={"gtoll": 1e-3})
        refused("maxiters.*'maxiter'", ValueError, options={"maxiters": 3})
        refused(
            "line-search.*'line_search'", ValueError, options={"line-search": "wolfe"}
        )

    @pytest.mark.parametrize("name", ["qqqqqq", 5, None, ("gtol",)])
    def test_nothing_is_near(self, name):
        refused("option", ValueError, options={name: 1})

    @pytest.mark.parametrize("method", METHODS)
    def test_an_option_of_another_method_warns(self, method):
        own = {f for g in METHODS[method].options for f in g.__dataclass_fields__}
        # eta and c1 belong to searches as well, and `eta` to gd's.
        row = METHODS[method]
        own |= set(LINE_SEARCHES[row.line_search].options.__dataclass_fields__)
        other = {
            f
            for m in METHODS.values()
            for g in m.options
            for f in g.__dataclass_fields__
        } - own
        assert other
        for name in other:
            with pytest.warns(optimize.OptimizeWarning, match=f"'{name}'.*'{method}'"):
                result = minimize(
                    optimize.rosen,
                    X0,
                    jac=optimize.rosen_der,
                    method=method,
                    options={name: 1, "gtol": 1e-2},
                )
            assert result.success

    @pytest.mark.parametrize("name", sorted(SCIPY_ONLY))
    def test_an_option_of_scipys_other_methods_warns(self, name):
        if name in LINE_SEARCHES["wolfe"].options.__dataclass_fields__:
            return
        with pytest.warns(optimize.OptimizeWarning, match=f"'{name}'"):
            minimize(optimize.rosen, X0, jac=optimize.rosen_der, options={name: 1})

    @pytest.mark.parametrize(
        "method", ["CG", "BFGS", "L-BFGS-B", "Newton-CG", "trust-ncg", "Nelder-Mead"]
    )
    def test_every_option_of_scipy_is_known(self, method):
        """Code written for SciPy keeps running."""
        private = {
            "BFGS": optimize._optimize._minimize_bfgs,
            "CG": optimize._optimize._minimize_cg,
            "Newton-CG": optimize._optimize._minimize_newtoncg,
            "Nelder-Mead": optimize._optimize._minimize_neldermead,
            "L-BFGS-B": optimize._lbfgsb_py._minimize_lbfgsb,
            "trust-ncg": optimize._trustregion._minimize_trust_region,
        }[method]
        arguments = {"fun", "func", "x0", "args", "jac", "hess", "hessp", "bounds"}
        skip = arguments | {"callback", "subproblem", "unknown_options"}
        assert set(inspect.signature(private).parameters) - skip <= known_options()

    def test_the_warning_points_at_the_caller(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            minimize(optimize.rosen, X0, jac=optimize.rosen_der, options={"maxcor": 5})
            minimize(optimize.rosen, X0, jac=optimize.rosen_der, hess=len)
        assert [w.filename for w in caught] == [__file__] * 2


def groups():
    """Every option with the method and line search it belongs to."""
    rows = [("bfgs", "wolfe", name) for name in Common.__dataclass_fields__]
    rows += [
        (method, None, name)
        for method, row in METHODS.items()
        for group in row.options
        for name in group.__dataclass_fields__
    ]
    rows += [
        ("bfgs", search, name)
        for search, row in LINE_SEARCHES.items()
        for name in row.options.__dataclass_fields__
    ]
    return rows


class Odd:
    """No number, no string, nothing."""

    def __repr__(self):
        return "<odd>"


NEVER_RIGHT = [
    np.nan,
    np.float64("nan"),
    -1.0,
    -3,
    1j,
    np.complex128(1),
    "nonsense",
    b"x",
    [],
    {},
    (),
    Odd(),
    np.array([1.0, np.nan]),
    np.zeros((2, 3)),
    [[1.0], [1.0, 2.0]],
    {"a": 1},
    -np.inf,
    np.array(["a"]),
]
FLAGS = {"disp", "return_all", "history", "corrected", "preconditioned", "strong"}


@pytest.mark.parametrize(("method", "search", "name"), groups())
class TestEveryOption:
    """For all options of the registries, so for those that are yet to come."""

    def options(self, search, name, value):
        return {name: value} | ({"line_search": search} if search else {})

    @pytest.mark.parametrize("value", NEVER_RIGHT, ids=repr)
    def test_nonsense_is_refused_by_name(self, method, search, name, value):
        if name in FLAGS and isinstance(value, int):
            return  # truth values
        if name == "workers" and isinstance(value, float) and value == -1:
            return  # all cores
        if name == "norm" and isinstance(value, float | int) and value < 0:
            return  # numpy.linalg.norm has these, too
        if name == "checkpoint" and isinstance(value, str):
            return  # any name of a file will do
        refused(
            rf"\b{name}\b", method=method, options=self.options(search, name, value)
        )

    def test_the_default_may_be_given(self, method, search, name):
        groups = [Common, *METHODS[method].options]
        if search:
            groups.insert(0, LINE_SEARCHES[search].options)
        default = next(
            g.__dataclass_fields__[name].default
            for g in groups
            if name in g.__dataclass_fields__
        )
        result = minimize(
            lambda x: (float(x @ x), 2 * x),
            [0.3, 0.4],
            jac=True,
            method=method,
            options=self.options(search, name, default),
        )
        assert np.isfinite(result.fun)

    def test_truth_is_no_number(self, method, search, name):
        if name in FLAGS:
            return
        refused(rf"\b{name}\b", method=method, options=self.options(search, name, True))


class TestLineSearchConstants:
    @pytest.mark.parametrize("search", ["wolfe", "strong-wolfe", "hager-zhang"])
    @pytest.mark.parametrize(
        ("c1", "c2"),
        [(0.5, 0.4), (0.3, 0.3), (0.0, 0.9), (-0.1, 0.9), (0.1, 1.0), (0.1, 1.5)],
    )
    def test_order(self, search, c1, c2):
        refused(
            r"\bc[12]\b",
            ValueError,
            options={"line_search": search, "c1": c1, "c2": c2},
        )

    @pytest.mark.parametrize("search", ["wolfe", "strong-wolfe"])
    @pytest.mark.parametrize("method", METHODS)
    def test_order_with_the_default_of_the_method(self, method, search):
        """c1 alone may be out of order, too: both are named."""
        refused(
            "'c1' and 'c2' must satisfy",
            ValueError,
            method=method,
            options={"line_search": search, "c1": 0.95},
        )

    def test_approximate_wolfe_needs_c1_below_a_half(self):
        refused(
            "c1",
            ValueError,
            options={"line_search": "hager-zhang", "c1": 0.6, "c2": 0.9},
        )

    @pytest.mark.parametrize("search", ["armijo", "nonmonotone"])
    @pytest.mark.parametrize("c1", [0.0, 1.0, 2.0, -1e-4])
    def test_armijo(self, search, c1):
        refused("c1", ValueError, options={"line_search": search, "c1": c1})

    @pytest.mark.parametrize("name", ["wolf", "moré-thuente", "hz", "backtracking", 5])
    def test_unknown(self, name):
        refused("line_search", options={"line_search": name})

    @pytest.mark.parametrize("name", ["Hager Zhang", "HAGER_ZHANG", "hagerzhang"])
    def test_spelling_is_free(self, name):
        result = minimize(
            optimize.rosen,
            X0,
            jac=optimize.rosen_der,
            options={"line_search": name},
        )
        assert result.success


class TestShapes:
    @pytest.mark.parametrize("name", ["eps", "finite_diff_rel_step"])
    @pytest.mark.parametrize(
        "value", [[1e-8] * 3, [[1e-8, 1e-8]], 0.0, [0.0, 1e-8], [1e-8, -1e-8], np.inf]
    )
    def test_steps(self, name, value):
        refused(name, jac=None, options={name: value})

    @pytest.mark.parametrize(
        "value",
        [
            np.eye(3),
            np.eye(2)[:1],
            [[1.0, 0.5], [0.0, 1.0]],
            [[1.0, np.nan], [np.nan, 1.0]],
            [[np.inf, 0], [0, 1]],
            np.eye(2) * 1j,
            -np.eye(2),
            np.zeros((2, 2)),
            np.diag([1.0, -1.0]),
            1.0,
            [1.0, 2.0],
            "identity",
        ],
    )
    def test_hess_inv0(self, value):
        refused("hess_inv0", options={"hess_inv0": value})

    @pytest.mark.parametrize("value", [0, 1.5, -1, "10", np.nan])
    def test_maxcor(self, value):
        refused("maxcor", method="l-bfgs", options={"maxcor": value})

    @pytest.mark.parametrize("value", [1e5, 10**6, 2**31, 1e300, np.inf])
    def test_more_pairs_than_there_will_ever_be(self, value):
        """All of them are kept, or the memory that is missing is told."""
        told = ""
        try:
            result = minimize(
                optimize.rosen,
                X0,
                jac=optimize.rosen_der,
                method="l-bfgs",
                options={"maxcor": value},
            )
        except MemoryError as error:
            told = str(error)
        assert "maxcor" in told or result.hess_inv.n_corrs == result.nit

    @pytest.mark.parametrize("value", [-1, "10", np.nan])
    def test_maxiter(self, value):
        refused("maxiter", options={"maxiter": value})

    @pytest.mark.parametrize("value", [0, -1, 0.5, "10", np.nan])
    def test_maxfun(self, value):
        refused("maxfun", options={"maxfun": value})

    @pytest.mark.parametrize(
        ("name", "count"), [("maxiter", "nit"), ("maxfun", "nfev")]
    )
    def test_a_limit_with_a_fraction_is_rounded_down(self, name, count):
        """As in SciPy, where users write n / 2."""
        rosenbrock = functions.rosenbrock()
        result = minimize(rosenbrock, X0, jac=True, options={name: 2.5})
        assert result[count] == 2
        assert not result.success

    @pytest.mark.parametrize("name", ["maxiter", "maxfun"])
    @pytest.mark.parametrize(
        "value", [np.inf, 1e30, 10**40, 2**63, 1e3, np.int32(1000)]
    )
    def test_no_limit(self, name, value):
        result = minimize(
            optimize.rosen, X0, jac=optimize.rosen_der, options={name: value}
        )
        assert result.success

    def test_a_bad_option_stays_bad(self):
        """Plans are kept: 1, 1.0 and True are the same key, not the same option."""
        minimize(optimize.rosen, X0, jac=optimize.rosen_der, options={"maxls": 1})
        refused("maxls", TypeError, options={"maxls": True})
        minimize(optimize.rosen, X0, jac=optimize.rosen_der, options={"gtol": 1})
        refused("gtol", TypeError, options={"gtol": True})
