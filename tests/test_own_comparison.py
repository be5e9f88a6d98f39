"""`optlab.compare`: methods side by side on a function of one's own."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod
from scipy.sparse import csr_array

import optlab
from optlab import Comparison, OptimizeResult, Status, compare, problems
from optlab.comparison import Solver, optlab_solver, scipy_solver
from optlab.methods import METHODS
from optlab.problems import stationarity
from tests.functions import Counted, rosenbrock
from tests.support import lines_of

X0 = [-1.2, 1.0]
BOX = [(None, 0.5), (-2.0, 2.0)]  # the minimum, 0.25, is at (0.5, 0.25)
FIRST_ORDER = ["gd", "cg", "bfgs", "l-bfgs"]
SECOND_ORDER = ["newton", "newton-cg", "trust-ncg"]
SCIPYS_FIRST_ORDER = ["scipy:BFGS", "scipy:L-BFGS-B", "scipy:CG", "scipy:TNC"]
SCIPYS_PRODUCTS = ["scipy:Newton-CG", "scipy:trust-ncg", "scipy:trust-krylov"]
OF_SCIPY = [*SCIPYS_FIRST_ORDER, *SCIPYS_PRODUCTS, "scipy:trust-exact"]


def both(x):
    return float(rosen(x)), rosen_der(x)


@pytest.fixture(scope="module")
def everything():
    return compare(rosen, X0, jac=rosen_der, hess=rosen_hess, scipy=True)


class TestChoice:
    """Which methods run."""

    def test_all_that_apply(self, everything):
        assert set(everything) == {*FIRST_ORDER, *SECOND_ORDER, *OF_SCIPY}
        assert len(everything) == len(everything.rows) == 15

    def test_scipys_only_where_asked(self):
        c = compare(rosen, X0, jac=rosen_der, hess=rosen_hess)
        assert set(c) == {*FIRST_ORDER, *SECOND_ORDER}

    def test_without_jac(self):
        c = compare(rosen, X0, scipy=True)
        assert set(c) == {*FIRST_ORDER, *SCIPYS_FIRST_ORDER}
        assert all(row.njev == row.nhev == 0 for row in c.rows)
        assert sum(row.success for row in c.rows) >= 6

    @pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
    def test_with_differences_of_some_kind(self, jac):
        c = compare(rosen, X0, jac=jac, scipy=True)
        assert set(c) == {*FIRST_ORDER, *SCIPYS_FIRST_ORDER}
        assert c["bfgs"].success

    def test_with_products(self):
        c = compare(rosen, X0, jac=rosen_der, hessp=rosen_hess_prod, scipy=True)
        assert set(c) == {*FIRST_ORDER, *SECOND_ORDER, *OF_SCIPY} - {
            "scipy:trust-exact"
        }

    def test_with_jac_alone_second_derivatives_are_differences(self):
        c = compare(both, X0, jac=True, scipy=True)
        second = {*SECOND_ORDER, "scipy:Newton-CG"}
        assert set(c) == {*FIRST_ORDER, *SCIPYS_FIRST_ORDER, *second}
        assert all(row.success for row in c.rows)
        assert all(row.nhev == 0 for row in c.rows)

    def test_each_gets_the_second_derivative_that_it_is_made_for(self):
        asked = {"hess": set(), "hessp": set()}

        def note(kind, answer):
            def second(x, *v):
                asked[kind].add(len(v))
                return answer(x, *v)

            return second

        given = {
            "jac": rosen_der,
            "hess": note("hess", rosen_hess),
            "hessp": note("hessp", rosen_hess_prod),
        }
        compare(rosen, X0, methods=["newton", "scipy:trust-exact"], **given)
        assert asked == {"hess": {0}, "hessp": set()}
        asked["hess"].clear()
        products = ["newton-cg", "trust-ncg", *SCIPYS_PRODUCTS]
        compare(rosen, X0, methods=products, **given)
        assert asked == {"hess": set(), "hessp": {1}}

    def test_with_bounds(self):
        c = compare(rosen, X0, jac=rosen_der, bounds=BOX, scipy=True)
        assert set(c) == {"gd", "bfgs", "l-bfgs", "scipy:L-BFGS-B", "scipy:TNC"}
        c = compare(rosen, X0, jac=rosen_der, bounds=[(None, None)] * 2)
        assert "cg" in c  # no bounds at all

    def test_dense_matrices_only_unasked_where_they_are_small(self):
        n = 2001
        quadratic = (lambda x: (float(x @ x), 2 * x), np.ones(n))
        c = compare(*quadratic, jac=True, scipy=True)
        assert not set(c) & {"bfgs", "newton", "scipy:BFGS"}
        assert {"l-bfgs", "newton-cg"} <= set(c)

    def test_names_are_free_of_case_and_hyphens(self):
        c = compare(both, X0, jac=True, methods=["L_BFGS", "scipy:lbfgsb", "optlab:CG"])
        assert set(c) == {"l-bfgs", "scipy:L-BFGS-B", "cg"}
        assert set(compare(both, X0, jac=True, methods="bfgs")) == {"bfgs"}

    def test_a_name_means_scipys_as_well_where_asked(self):
        c = compare(both, X0, jac=True, methods=["bfgs", "l-bfgs"], scipy=True)
        assert set(c) == {"bfgs", "scipy:BFGS", "l-bfgs", "scipy:L-BFGS-B"}

    def test_methods_with_options_of_their_own(self):
        methods = [
            "bfgs",
            optlab_solver("bfgs", line_search="armijo"),
            scipy_solver("L-BFGS-B", maxcor=3),
        ]
        c = compare(both, X0, jac=True, methods=methods)
        armijo = "bfgs line_search=armijo"
        assert set(c) == {"bfgs", armijo, "scipy:L-BFGS-B maxcor=3"}
        direct = optlab.minimize(
            both, X0, jac=True, method="bfgs", options={"line_search": "armijo"}
        )
        assert c[armijo].nfev == direct.nfev != c["bfgs"].nfev

    @pytest.mark.parametrize(
        ("jac", "methods", "words"),
        [
            (None, ["newton"], "'newton' needs jac"),
            (None, ["scipy:Newton-CG"], "'scipy:Newton-CG' needs jac"),
            (rosen_der, ["scipy:trust-exact"], "'scipy:trust-exact' needs hess"),
            (rosen_der, ["scipy:trust-ncg"], "needs hess or hessp"),
            (rosen_der, ["bfgs", "nix"], "methods: no method 'nix'; there are"),
            (rosen_der, ["adam"], "methods: no method 'adam'"),
            (rosen_der, [], "methods must not be empty"),
        ],
    )
    def test_what_does_not_apply_is_told(self, jac, methods, words):
        with pytest.raises(ValueError, match=words):
            compare(never, X0, jac=jac, methods=methods)

    def test_newton_by_differences_for_few_unknowns_only(self):
        x0 = np.ones(501)
        with pytest.raises(ValueError, match="'newton' needs hess beyond n = 500"):
            compare(never, x0, jac=never, methods=["newton"])

    def test_bounds_that_a_method_does_not_handle(self):
        with pytest.raises(ValueError, match="'cg' does not handle bounds"):
            compare(never, X0, jac=never, bounds=BOX, methods=["cg"])


def never(x, *args):
    raise AssertionError("it must not be called")


class TestTable:
    @pytest.mark.parametrize("method", [*FIRST_ORDER, *SECOND_ORDER, *OF_SCIPY])
    @pytest.mark.parametrize("joint", [False, True])
    def test_counts_are_those_of_a_counting_wrapper(self, method, joint):
        counted = Counted(rosenbrock())
        c = compare(
            counted.both if joint else counted.value,
            X0,
            jac=True if joint else counted.gradient,
            hess=counted.hessian,
            methods=[method],
            repeats=1,
        )
        (row,) = c.rows
        # At x0 before the run, and at the end after it.
        assert row.nfev == counted.nfev - 2
        assert row.njev == counted.njev - 2
        assert row.nhev == counted.nhev
        assert (row.nhev > 0) == (method not in [*FIRST_ORDER, *SCIPYS_FIRST_ORDER])
        assert row.evaluations == max(row.nfev, row.njev) + row.nhev

    def test_counts_are_what_optlab_says(self, everything):
        for row in everything.rows:
            if row.method in METHODS:
                result = everything[row.method]
                assert isinstance(result, OptimizeResult)
                assert (row.nfev, row.njev) == (result.nfev, result.njev)
                assert row.nhev == result.nhev
                assert row.nit == result.nit

    def test_differences_are_counted(self):
        counted = Counted(rosenbrock())
        c = compare(counted.value, X0, methods=["bfgs"], repeats=1)
        (row,) = c.rows
        assert row.nfev == c["bfgs"].nfev
        assert counted.nfev == row.nfev + 2 * 5  # n = 2: f and central differences

    @pytest.mark.parametrize("method", OF_SCIPY)
    def test_scipys_rows_are_those_of_scipy(self, method):
        kind = method.removeprefix("scipy:")
        given = {"hess": rosen_hess} if "trust" in kind else {}
        options = {
            "L-BFGS-B": {"gtol": 1e-5, "ftol": 0},
            "TNC": {"gtol": 1e-5, "ftol": 0, "xtol": 0},
        }.get(kind, {"gtol": 1e-5})
        row = compare(rosen, X0, jac=rosen_der, methods=[method], **given).rows[0]
        if kind == "Newton-CG":  # it has no test of the gradient
            assert row.success
            return
        direct = scipy.optimize.minimize(
            rosen, X0, jac=rosen_der, method=kind, options=options, **given
        )
        np.testing.assert_array_equal(row.result.x, direct.x)
        assert (row.nfev, row.njev) == (direct.nfev, direct.get("njev", direct.nfev))
        assert (row.nit, row.status) == (direct.nit, direct.status)
        assert (row.claimed, row.message) == (direct.success, direct.message)

    def test_the_end_is_judged_anew(self, everything):
        for row in everything.rows:
            x = everything[row.method].x
            assert row.fun == rosen(x)
            assert row.gnorm == np.abs(rosen_der(x)).max()
            assert row.success == (row.gnorm <= 1e-5)
        assert all(row.success for row in everything.rows)

    def test_the_projected_gradient_with_bounds(self):
        c = compare(rosen, X0, jac=rosen_der, bounds=BOX, scipy=True)
        box = np.array([[-np.inf, 0.5], [-2, 2]])
        for row in c.rows:
            x = c[row.method].x
            assert x == pytest.approx([0.5, 0.25], abs=1e-5)
            assert row.gnorm == stationarity(x, rosen_der(x), box) <= 1e-5
            assert row.success
        assert "max |projected g|" in str(c)

    def test_nothing_is_evaluated_outside_bounds(self):
        def inside(x):
            assert (x <= [0.5, 2.0]).all()
            assert x[1] >= -2
            return rosen(x)

        c = compare(inside, X0, bounds=BOX, scipy=True)
        assert all(row.success for row in c.rows)

    def test_a_start_outside_bounds_is_moved_with_one_warning(self):
        with pytest.warns(scipy.optimize.OptimizeWarning) as told:
            c = compare(rosen, [3.0, 1.0], jac=rosen_der, bounds=BOX, scipy=True)
        assert len(told) == 1
        assert told[0].filename == __file__
        assert all(row.success for row in c.rows)

    def test_success_first_and_then_the_fewest_evaluations(self):
        c = compare(rosen, X0, jac=rosen_der, scipy=True, maxfun=60)
        keys = [(not row.success, row.evaluations) for row in c.rows]
        assert keys == sorted(keys)
        assert {row.success for row in c.rows} == {True, False}
        assert list(c) == [row.method for row in c.rows]

    def test_it_is_cut_off_at_the_limit(self):
        c = compare(rosen, X0, jac=rosen_der, methods=["bfgs"], scipy=True, maxfun=7)
        for row in c.rows:
            assert row.evaluations == 7
            assert not row.success
            assert not row.claimed
            assert row.status == Status.MAXFUN
            result = c[row.method]
            assert result.fun == rosen(result.x) == np.nanmin(row.trace["f"])
            np.testing.assert_array_equal(result.jac, rosen_der(result.x))

    def test_claims_are_not_believed(self):
        def boast(fun, x0, gtol, maxfun):
            fun(x0)
            return OptimizeResult(x=x0, nit=1, success=True, status=0, message="done")

        c = compare(both, X0, jac=True, methods=[Solver("my", "boast", boast)])
        (row,) = c.rows
        assert row.method == "my:boast"
        assert row.claimed
        assert not row.success
        assert row.gnorm == np.abs(rosen_der(X0)).max()
        line = next(
            line for line in str(c).splitlines() if line.startswith("my:boast ")
        )
        assert line.split()[-1] == "claimed"
        assert "my:boast: done" in str(c)

    def test_modesty_is_not_believed_either(self):
        def end(fun, x0, gtol, maxfun):
            return OptimizeResult(x=np.ones(2), nit=1, success=False, message="?")

        c = compare(both, X0, jac=True, methods=[Solver("my", "end", end)])
        assert c.rows[0].success
        assert not c.rows[0].claimed

    def test_a_saddle_that_was_found_is_no_success(self):
        # The Hessian says so, and no step lowers f.
        c = compare(
            lambda x: (float(x @ x), 2 * x),
            np.zeros(3),
            jac=True,
            hess=lambda x: -np.eye(3),
            methods=["newton", "bfgs"],
        )
        (bfgs, newton) = c.rows
        assert (bfgs.method, newton.method) == ("bfgs", "newton")
        assert newton.status is Status.SADDLE
        assert newton.gnorm == 0
        assert not newton.success
        assert bfgs.success

    def test_times(self):
        import time

        def slow(x):
            time.sleep(0.01)
            return both(x)

        c = compare(slow, X0, jac=True, methods=["bfgs"])
        (row,) = c.rows
        assert row.seconds >= 0.01 * row.nfev
        assert 0 < row.own_seconds < 0.5 * row.seconds

    def test_short_runs_are_repeated(self):
        def calls(repeats):
            counted = Counted(rosenbrock())
            c = compare(counted.both, X0, jac=True, methods="bfgs", repeats=repeats)
            return counted.nfev, c.rows[0].nfev

        total, once = calls(4)
        assert total == 1 + 4 * (once + 1)
        assert calls(1) == (once + 2, once)

    def test_the_trace(self):
        counted = Counted(rosenbrock())
        c = compare(counted.value, X0, jac=counted.gradient, methods=["cg"], repeats=1)
        (row,) = c.rows
        trace = row.trace
        assert set(trace) == {"evaluations", "seconds", "f", "gnorm"}
        f = trace["f"][~np.isnan(trace["f"])]
        gnorm = trace["gnorm"][~np.isnan(trace["gnorm"])]
        assert f.tolist() == [value for _, value in counted.values[1:-1]]
        assert gnorm.tolist() == [np.abs(g).max() for _, g in counted.gradients[1:-1]]
        assert trace["evaluations"][-1] == row.evaluations
        assert (np.diff(trace["seconds"]) >= 0).all()
        assert trace["seconds"][-1] <= 2 * row.seconds

    def test_arguments_are_passed_on(self):
        def fun(x, a, b):
            return float(a * np.sum((x - b) ** 2)), 2 * a * (x - b)

        def hess(x, a, b):
            return 2 * a * np.eye(2)

        c = compare(fun, X0, (3.0, 5.0), jac=True, hess=hess, scipy=True)
        assert all(np.allclose(c[name].x, 5) for name in c)
        c = compare(lambda x, a: (x @ x - a) ** 2, X0, 2.0)
        assert all(c[name].x @ c[name].x == pytest.approx(2) for name in c)

    def test_an_objective_brings_its_derivatives_along(self):
        class Own:
            def fun_and_grad(self, x):
                return both(x)

            def hessp(self, x, v):
                return rosen_hess_prod(x, v)

        c = compare(Own(), X0, scipy=True)
        assert set(SCIPYS_PRODUCTS) <= set(c)
        assert all(row.nhev for row in c.rows if row.method in SCIPYS_PRODUCTS)

    def test_compiled_objectives(self):
        problem = problems.get("rosenbrock")
        c = compare(problem, problem.x0, scipy=True)
        assert set(c) == {*FIRST_ORDER, *SECOND_ORDER, *OF_SCIPY}
        direct = optlab.minimize(problem, problem.x0, method="l-bfgs")
        assert c["l-bfgs"].nfev == direct.nfev
        net = problems.get("net_wine", hidden=(3,))  # it has products only
        c = compare(net, net.x0, methods=["newton-cg", "trust-ncg"], scipy=True)
        assert all(row.success for row in c.rows)
        single = problems.get("net_wine", hidden=(3,), dtype="float32")
        c = compare(single, single.x0, methods="l-bfgs", gtol=1e-3)
        assert c.rows[0].success


class TestPrinted:
    def test_text_is_aligned_and_complete(self, everything):
        title, blank, head, *lines = str(everything).splitlines()
        assert title == "n = 2, success is max |g| <= 1e-05"
        assert blank == ""
        assert head.split()[:4] == ["method", "f", "g", "H"]
        assert len(lines) == 15
        assert {len(line) for line in lines} == {len(head)}
        for line, row in zip(lines, everything.rows, strict=True):
            cells = line.split()
            assert cells[0] == row.method
            assert [int(c) for c in cells[1:4]] == [row.nfev, row.njev, row.nhev]
            assert float(cells[6]) == pytest.approx(row.fun, rel=1e-7)
            assert cells[8] == "yes"
        assert repr(everything) == str(everything)

    def test_html(self):
        c = compare(both, X0, jac=True, methods=["bfgs", "gd"], gtol=0.1, maxfun=45)
        text = c._repr_html_()
        assert text.count("<tr>") == 3
        assert "max |g| &lt;= 0.1" in text
        assert "<th>bfgs</th>" in text

    def test_frame(self, everything):
        pandas = pytest.importorskip("pandas")
        frame = everything.to_frame()
        assert isinstance(frame, pandas.DataFrame)
        assert list(frame.index) == list(everything)
        for row in everything.rows:
            for name in ("nfev", "njev", "nhev", "fun", "gnorm", "success", "message"):
                assert frame.loc[row.method, name] == getattr(row, name)
            assert frame.loc[row.method, "evaluations"] == row.evaluations

    @pytest.mark.parametrize(
        ("missing", "draw", "words"),
        [
            ("pandas", lambda c: c.to_frame(), "pip install pandas"),
            ("matplotlib", lambda c: c.plot(), r"pip install 'optlab\[compare\]'"),
        ],
    )
    def test_what_is_not_installed_is_told(
        self, everything, monkeypatch, missing, draw, words
    ):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ImportError, match=words):
            draw(everything)


class TestMapping:
    def test_it_is_one(self, everything):
        assert isinstance(everything, Comparison)
        assert everything["bfgs"] is dict(everything)["bfgs"]
        assert "nix" not in everything
        with pytest.raises(KeyError, match="nix"):
            everything["nix"]


class TestPlot:
    @pytest.mark.parametrize("over", ["evaluations", "seconds"])
    def test_the_gradient(self, pyplot, everything, over):
        ax = everything.plot(over=over)
        lines = lines_of(ax)
        for row in everything.rows:
            x, y = lines[row.method]
            np.testing.assert_array_equal(x, row.trace[over])
            known = ~np.isnan(row.trace["gnorm"])
            least = np.minimum.accumulate(row.trace["gnorm"][known])
            np.testing.assert_array_equal(y[known], least)
            assert y[-1] <= 1e-5
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert ax.get_xlabel() == over
        assert any(np.all(y == 1e-5) for _, y in lines.values())  # gtol
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == list(everything)
        looks = {
            (line.get_color(), str(line._dash_pattern))
            for line in ax.get_lines()
            if line.get_label() in everything
        }
        assert len(looks) == len(everything)
        ax.figure.canvas.draw()

    def test_f(self, pyplot, everything):
        _, (_, ax) = pyplot.subplots(1, 2)
        assert everything.plot(ax, what="f") is ax
        lines = lines_of(ax)
        lowest = min(np.nanmin(row.trace["f"]) for row in everything.rows)
        for row in everything.rows:
            _, y = lines[row.method]
            expected = np.fmin.accumulate(row.trace["f"]) - lowest
            drawn = np.isfinite(y)
            np.testing.assert_array_equal(y[drawn], expected[drawn])
            assert not (expected[~drawn] > 0).any()

    def test_without_jac_there_is_f_alone(self, pyplot):
        c = compare(rosen, X0, methods="bfgs")
        assert c.plot().get_ylabel() == "f - lowest f"
        with pytest.raises(ValueError, match="what must be 'f'"):
            c.plot(what="gnorm")

    @pytest.mark.parametrize("name", ["over", "what"])
    def test_a_bad_argument_is_named(self, everything, name):
        with pytest.raises(ValueError, match=f"{name} must be"):
            everything.plot(**{name: "nix"})


class TestErrors:
    @pytest.mark.parametrize(
        ("changed", "error", "words"),
        [
            ({"x0": []}, ValueError, "x0 must not be empty"),
            ({"x0": [np.nan, 0]}, ValueError, "x0 must be finite"),
            ({"fun": 3}, TypeError, "fun must be callable"),
            ({"jac": 3}, TypeError, "jac must be callable"),
            ({"jac": "4-point"}, ValueError, "jac must be one of"),
            ({"hess": 3}, TypeError, "hess must be callable"),
            ({"hessp": 3}, TypeError, "hessp must be callable"),
            ({"bounds": [(0, 1)]}, ValueError, "bounds must be 2 pairs"),
            ({"bounds": [(1, 0)] * 2}, ValueError, r"bounds\[0\]"),
            ({"gtol": -1}, ValueError, "gtol must not be negative"),
            ({"gtol": "small"}, TypeError, "gtol must be a real number"),
            ({"maxfun": 0}, ValueError, "maxfun must be at least 1"),
            ({"repeats": 0}, ValueError, "repeats must be at least 1"),
            ({"repeats": 1.5}, ValueError, "repeats must be an integer"),
            ({"scipy": "yes"}, TypeError, "scipy must be True or False"),
            ({"methods": 5}, TypeError, "methods must be a sequence of names"),
            ({"methods": [5]}, TypeError, "methods must be names"),
        ],
    )
    def test_a_bad_argument_is_named_before_anything_is_called(
        self, changed, error, words
    ):
        given = {"fun": never, "x0": X0, "jac": never} | changed
        with pytest.raises(error, match=words):
            compare(**given)

    def test_args_of_a_compiled_fun(self):
        problem = problems.get("rosenbrock")
        with pytest.raises(ValueError, match="args must be empty"):
            compare(problem, problem.x0, (1,))

    @pytest.mark.parametrize("method", ["bfgs", "newton", "scipy:BFGS", "scipy:CG"])
    @pytest.mark.parametrize("kind", [KeyError, ZeroDivisionError, KeyboardInterrupt])
    @pytest.mark.parametrize("at", [1, 2, 9])
    def test_what_the_function_raises_reaches_the_caller(self, method, kind, at):
        error, calls = kind("mine"), []

        def fun(x):
            calls.append(x)
            if len(calls) == at:
                raise error
            return both(x)

        with pytest.raises(kind) as caught:
            compare(fun, X0, jac=True, methods=[method])
        assert caught.value is error
        assert len(calls) == at

    @pytest.mark.parametrize("method", ["newton", "scipy:trust-exact"])
    def test_so_does_what_hess_raises(self, method):
        error = ArithmeticError("mine")

        def hess(x):
            raise error

        with pytest.raises(ArithmeticError) as caught:
            compare(both, X0, jac=True, hess=hess, methods=[method])
        assert caught.value is error

    @pytest.mark.parametrize(
        ("fun", "jac", "words"),
        [
            (lambda x: None, rosen_der, "fun must return one real number"),
            (lambda x: 1j, rosen_der, "fun must return one real number"),
            (rosen, True, "fun must return"),
            (rosen, lambda x: [1.0], "jac must have shape"),
            (rosen, lambda x: None, "jac must be real numbers"),
        ],
    )
    @pytest.mark.parametrize("method", ["bfgs", "scipy:BFGS"])
    def test_wrong_answers_are_told_as_minimize_tells_them(
        self, fun, jac, words, method
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            compare(fun, X0, jac=jac, methods=[method])

    @pytest.mark.parametrize("method", ["bfgs", "scipy:BFGS"])
    @pytest.mark.parametrize("wrong", [(1.0, [1.0]), (None, [1.0, 1.0]), 3.0])
    def test_also_later(self, wrong, method):
        calls = []

        def fun(x):
            calls.append(x)
            return both(x) if len(calls) < 5 else wrong

        with pytest.raises((TypeError, ValueError)):
            compare(fun, X0, jac=True, methods=[method])

    def test_a_solver_that_breaks_down_has_its_row(self):
        def broken(fun, x0, gtol, maxfun):
            fun(np.array([1.0, 1.0]))
            raise ZeroDivisionError("oh")

        methods = [Solver("my", "broken", broken), "bfgs"]
        c = compare(both, X0, jac=True, methods=methods)
        assert set(c) == {"my:broken", "bfgs"}
        row = next(row for row in c.rows if row.method == "my:broken")
        assert row.message == "ZeroDivisionError: oh"
        assert row.status is None
        assert row.nit is None
        assert c["my:broken"].x.tolist() == [1.0, 1.0]

    def test_sparse_hessians_are_a_failure_of_those_who_cannot(self):
        c = compare(
            rosen,
            X0,
            jac=rosen_der,
            hess=lambda x: csr_array(rosen_hess(x)),
            scipy=True,
        )
        assert {"newton", "scipy:trust-exact"} <= set(c)
        assert c["newton"].success

    def test_where_f_is_not_finite_at_the_start(self):
        c = compare(lambda x: (np.nan, x), X0, jac=True, scipy=True)
        assert not any(row.success for row in c.rows)
        str(c)

    def test_the_users_arrays_are_safe(self):
        x0 = np.array(X0)
        g = np.empty(2)

        def fun(x):
            f = rosen(x)
            g[:] = rosen_der(x)
            x[:] = 7.0
            return f, g

        c = compare(fun, x0, jac=True, scipy=True)
        assert x0.tolist() == X0
        assert all(row.success for row in c.rows)

    def test_the_users_handling_of_floating_point_errors_is_kept(self):
        def fun(x):
            return float(np.exp(1e4 * x[0] / x[0])), 2 * x

        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            compare(fun, [1.0], jac=True, methods=["scipy:BFGS"])

    def test_it_may_be_called_within_itself(self):
        def outer(x):
            inner = compare(both, X0, jac=True, methods="bfgs", maxfun=5)
            return float(x @ x) + 0 * inner.rows[0].nfev, 2 * x

        c = compare(outer, X0, jac=True, methods=["bfgs", "scipy:BFGS"])
        assert all(row.success for row in c.rows)


class TestName:
    @pytest.mark.parametrize(
        "first",
        [
            "import optlab.own_comparison",
            "import optlab.comparison",
            "import optlab.__main__",
            "import optlab.training",
            "import optlab.nn",
            "from optlab import compare",
        ],
    )
    def test_it_is_the_function_in_every_order(self, first):
        code = f"{first}; import optlab; print(optlab.compare.__name__, callable(optlab.compare))"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        assert told.split() == ["compare", "True"]

    def test_it_is_not_loaded_before_it_is_used(self):
        code = "import sys, optlab; print('optlab.comparison' in sys.modules)"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        assert told.strip() == "False"
        assert {"compare", "Comparison"} <= set(dir(optlab))
