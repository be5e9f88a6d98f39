import csv
import math
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.optimize import (
    OptimizeResult,
    rosen,
    rosen_der,
    rosen_hess,
    rosen_hess_prod,
)

from optlab import comparison, problems
from optlab.__main__ import main
from optlab.comparison import Run, Solver, performance_profile
from optlab.methods import METHODS


@dataclass
class Rosenbrock:
    name: str = "rosenbrock"
    n: int = 2
    f_opt: float | None = 0.0
    x0: np.ndarray = field(default_factory=lambda: np.array([-1.2, 1.0]))
    bounds: np.ndarray | None = None

    def fun_and_grad(self, x):
        return float(rosen(x)), rosen_der(x)

    def hessp(self, x, v):
        return rosen_hess_prod(x, v)

    def hess(self, x):
        return rosen_hess(x)


class ProductsOnly(Rosenbrock):
    def hess(self, x):
        raise NotImplementedError


BOX = np.array([[-np.inf, 0.5], [-2.0, 2.0]])  # the minimum, 0.25, is at (0.5, 0.25)


def in_the_box():
    return Rosenbrock(name="in a box", bounds=BOX, f_opt=0.25)


def made_up(**changed):
    facts = {
        "problem": "p",
        "n": 2,
        "solver": "optlab bfgs",
        "gtol": 1e-6,
        "evaluations": 10,
        "products": 0,
        "nfev": 10,
        "nit": 5,
        "own_time": 1e-3,
        "objective_time": 1e-3,
        "f": 0.0,
        "gnorm": 1e-7,
        "f_opt": 0.0,
        "success": True,
        "message": "",
        "gnorms": np.geomspace(1, 1e-7, 10),
    }
    return Run(**{**facts, **changed})


class TestPerformanceProfile:
    def test_three_problems_two_solvers_by_hand(self):
        # Ratios: (1, 3), (2, 1), (failed, 1).
        tau, rho = performance_profile([[2, 6], [8, 4], [math.nan, 5]])
        assert tau.tolist() == [1, 2, 3]
        assert rho[:, 0].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
        assert rho[:, 1].tolist() == pytest.approx([2 / 3, 2 / 3, 1])

    def test_a_tie_counts_for_both(self):
        tau, rho = performance_profile([[7, 7]])
        assert tau.tolist() == [1]
        assert rho.tolist() == [[1, 1]]

    def test_problems_that_nobody_solves_stay_in_the_denominator(self):
        tau, rho = performance_profile([[1.0, 2.0], [math.inf, math.nan]])
        assert tau.tolist() == [1, 2]
        assert rho.tolist() == [[0.5, 0.0], [0.5, 0.5]]

    def test_nobody_solves_anything(self):
        tau, rho = performance_profile([[math.inf, math.inf]])
        assert tau.tolist() == [1]
        assert rho.tolist() == [[0, 0]]

    def test_profiles_rise_to_the_share_solved(self):
        rng = np.random.default_rng(1)
        costs = rng.lognormal(size=(40, 3))
        costs[rng.random(costs.shape) < 0.2] = np.inf
        tau, rho = performance_profile(costs)
        assert np.all(np.diff(tau) > 0)
        assert np.all(np.diff(rho, axis=0) >= 0)
        np.testing.assert_allclose(rho[-1], np.isfinite(costs).mean(axis=0))

    def test_the_argument_is_left_alone(self):
        costs = np.array([[1.0, math.nan]])
        performance_profile(costs)
        assert math.isnan(costs[0, 1])

    @pytest.mark.parametrize("costs", [[1.0, 2.0], [], [[0.0, 1.0]], [[-1.0, 1.0]]])
    def test_what_is_no_table_of_costs_is_refused(self, costs):
        with pytest.raises(ValueError, match="costs must be"):
            performance_profile(costs)


class TestRatio:
    def test_geometric_mean_where_both_solve(self):
        runs = [
            made_up(problem="a", evaluations=10),
            made_up(problem="a", solver="scipy BFGS", evaluations=40),
            made_up(problem="b", evaluations=30),
            made_up(problem="b", solver="scipy BFGS", evaluations=30),
            made_up(problem="c", evaluations=1),
            made_up(problem="c", solver="scipy BFGS", evaluations=None),
        ]
        mean, count = comparison.ratio(
            runs, "optlab bfgs", "scipy BFGS", lambda r: r.evaluations
        )
        assert count == 2
        assert mean == pytest.approx(0.5)

    def test_the_same_problem_in_two_sizes_is_two_problems(self):
        runs = [
            made_up(n=n, solver=solver, evaluations=n)
            for n in (2, 8)
            for solver in ("optlab bfgs", "scipy BFGS")
        ]
        _, count = comparison.ratio(
            runs, "optlab bfgs", "scipy BFGS", lambda r: r.evaluations
        )
        assert count == 2

    def test_nothing_to_compare(self):
        mean, count = comparison.ratio([], "a", "b", lambda r: r.evaluations)
        assert math.isnan(mean)
        assert count == 0


class TestRun:
    def test_success_that_the_gradient_bears_out(self):
        assert not made_up().false_success

    @pytest.mark.parametrize("gnorm", [1e-5, math.nan, math.inf])
    def test_success_that_it_does_not(self, gnorm):
        assert made_up(gnorm=gnorm).false_success

    def test_failure_owned_up_to_is_no_false_success(self):
        assert not made_up(gnorm=1.0, success=False).false_success

    def test_a_higher_minimum(self):
        assert made_up(f=0.5).higher_minimum
        assert not made_up(f=1e-9).higher_minimum
        assert not made_up(f=0.5, f_opt=None).higher_minimum
        assert not made_up(f=0.5, evaluations=None).higher_minimum

    def test_no_iterations_no_time_an_iteration(self):
        assert math.isnan(made_up(nit=0).own_time_per_iteration)
        assert math.isnan(made_up(nit=None).own_time_per_iteration)


class TestMeasure:
    @pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG"])
    def test_scipy_solves_rosenbrock(self, method):
        r = comparison.measure(comparison.scipy_solver(method), Rosenbrock())
        assert r.solved
        assert r.success
        assert not r.false_success
        assert not r.higher_minimum
        assert r.solver == f"scipy {method}"
        assert 1 < r.evaluations <= r.nfev == r.gnorms.size
        assert (
            r.gnorms[r.evaluations - 1] <= r.gtol < r.gnorms[: r.evaluations - 1].min()
        )
        assert r.own_time > 0
        assert r.objective_time > 0

    @pytest.mark.parametrize(
        "method", ["Newton-CG", "trust-ncg", "trust-krylov", "trust-exact"]
    )
    def test_second_derivatives_are_counted_as_evaluations(self, method):
        r = comparison.measure(comparison.scipy_solver(method), Rosenbrock())
        assert r.solved
        assert not r.false_success
        assert 0 < r.products < r.evaluations
        assert r.nfev < r.gnorms.size
        assert r.gnorms[r.evaluations - 1] <= r.gtol

    def test_first_order_methods_take_no_products(self):
        assert (
            comparison.measure(comparison.scipy_solver("BFGS"), Rosenbrock()).products
            == 0
        )

    def test_products_make_up_for_a_missing_hessian(self):
        solver = comparison.scipy_solver("trust-exact")
        whole = comparison.measure(solver, Rosenbrock())
        columns = comparison.measure(solver, ProductsOnly())
        assert columns.evaluations == whole.evaluations
        assert columns.products == whole.products

    def test_products_count_towards_the_limit(self):
        def multiply(fun, x0, gtol, maxfun):
            while True:
                fun.hessp(x0, x0)

        solver = Solver("mine", "multiply", multiply)
        r = comparison.measure(solver, Rosenbrock(), maxfun=7)
        assert (r.nfev, r.products, r.gnorms.size) == (0, 7, 7)
        assert np.all(np.isinf(r.gnorms))
        assert "7 evaluations" in r.message

    def test_products_after_the_solution_are_not_counted(self):
        def linger(fun, x0, gtol, maxfun):
            fun(np.ones(2))
            fun.hess(x0)
            return OptimizeResult(x=np.ones(2), nit=1, success=True, message="")

        r = comparison.measure(Solver("mine", "linger", linger), Rosenbrock())
        assert (r.evaluations, r.products) == (1, 0)

    @pytest.mark.parametrize("method", ["L-BFGS-B", "TNC"])
    def test_bounds_are_handed_on_and_judged_by_the_projected_gradient(self, method):
        r = comparison.measure(comparison.scipy_solver(method), in_the_box())
        assert r.solved
        assert not r.higher_minimum
        assert r.f == pytest.approx(0.25, rel=1e-6)
        assert r.gnorms.min() <= r.gtol < abs(rosen_der([0.5, 0.25])).max()

    def test_success_at_a_point_that_is_not_stationary_in_the_box_is_false(self):
        def boast(fun, x0, gtol, maxfun):
            x = np.array([0.5, 1.0])
            assert fun.bounds is BOX
            fun(x)
            return OptimizeResult(x=x, nit=1, success=True, message="")

        r = comparison.measure(
            Solver("mine", "boast", boast, bounds=True), in_the_box()
        )
        assert r.false_success
        assert r.gnorm == 3.0  # from x2 = 1 down to its bound, -2

    def test_a_minimum_outside_the_box_does_not_solve(self):
        def cheat(fun, x0, gtol, maxfun):
            fun(np.ones(2))
            return OptimizeResult(x=np.ones(2), nit=1, success=True, message="")

        r = comparison.measure(
            Solver("mine", "cheat", cheat, bounds=True), in_the_box()
        )
        assert not r.solved
        assert r.false_success
        assert r.gnorm == 0.5  # the way back into the box

    def test_the_tolerance_follows_a_steep_start(self):
        r = comparison.measure(
            comparison.scipy_solver("BFGS"), Rosenbrock(x0=np.array([-1e3, 1e3]))
        )
        assert r.gtol == pytest.approx(1e-12 * r.gnorms[0])
        assert r.gtol > 1e-6

    def test_a_solver_is_cut_off_at_the_limit(self):
        r = comparison.measure(comparison.scipy_solver("BFGS"), Rosenbrock(), maxfun=5)
        assert r.nfev == 5
        assert not r.solved
        assert not r.success
        assert r.nit is None
        assert "5 evaluations" in r.message

    def test_a_false_success_is_seen(self):
        def boast(fun, x0, gtol, maxfun):
            fun(x0)
            return OptimizeResult(x=x0, nit=1, success=True, message="done")

        r = comparison.measure(Solver("mine", "boast", boast), Rosenbrock())
        assert r.false_success
        assert not r.solved

    def test_a_rejected_trial_far_up_does_not_solve(self):
        class Ridge(Rosenbrock):  # flat and high beyond 5
            def fun_and_grad(self, x):
                if x[0] > 5:
                    return 1e3, np.zeros(2)
                return super().fun_and_grad(x)

        def wander(fun, x0, gtol, maxfun):
            fun(x0)
            fun(np.array([6.0, 0.0]))
            return OptimizeResult(x=x0, nit=1, success=False, message="lost")

        assert not comparison.measure(Solver("mine", "wander", wander), Ridge()).solved

    def test_a_solver_that_breaks_down_has_failed(self):
        def broken(fun, x0, gtol, maxfun):
            raise ZeroDivisionError("oh")

        r = comparison.measure(Solver("mine", "broken", broken), Rosenbrock())
        assert not r.success
        assert r.message == "ZeroDivisionError: oh"

    def test_an_interrupt_is_not_swallowed(self):
        def interrupted(fun, x0, gtol, maxfun):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            comparison.measure(Solver("mine", "interrupted", interrupted), Rosenbrock())

    def test_time_in_the_objective_is_not_the_solvers(self):
        class Slow(Rosenbrock):
            def fun_and_grad(self, x):
                time.sleep(0.02)
                return super().fun_and_grad(x)

        def look(fun, x0, gtol, maxfun):
            for _ in range(10):
                fun(x0)
            return OptimizeResult(x=x0, nit=10, success=False, message="")

        r = comparison.measure(Solver("mine", "look", look), Slow())
        assert r.objective_time >= 0.2
        assert r.own_time < 0.1

    def test_the_problems_start_is_left_alone(self):
        def trample(fun, x0, gtol, maxfun):
            x0[:] = 1.0
            return OptimizeResult(x=x0, nit=0, success=True, message="")

        problem = Rosenbrock()
        comparison.measure(Solver("mine", "trample", trample), problem)
        assert problem.x0.tolist() == [-1.2, 1.0]


@pytest.fixture(scope="module")
def runs():
    chosen = [comparison.scipy_solver(m) for m in ("BFGS", "L-BFGS-B")]
    seen = []

    def progress(pairs):
        for pair in pairs:
            seen.append(pair)
            yield pair

    found = comparison.run(
        chosen,
        [Rosenbrock(), Rosenbrock(name="far", x0=np.array([3.0, -4.0]))],
        progress=progress,
    )
    assert len(seen) == len(found) == 4
    return found


class TestBounds:
    def test_only_solvers_that_handle_bounds_get_them(self):
        chosen = [comparison.scipy_solver(m) for m in ("BFGS", "L-BFGS-B")]
        runs = comparison.run(chosen, [Rosenbrock(), in_the_box()])
        assert [(r.problem, r.solver) for r in runs] == [
            ("rosenbrock", "scipy BFGS"),
            ("rosenbrock", "scipy L-BFGS-B"),
            ("in a box", "scipy L-BFGS-B"),
        ]
        text = comparison.table(runs)
        assert "1/1" in text
        assert "2/2" in text
        assert "over the 1 of 2" in text  # only one was for both

    def test_methods_say_whether_they_handle_bounds(self):
        found = comparison.solvers()
        for name, row in METHODS.items():
            assert found[f"optlab:{name}"].bounds == row.bounds
        theirs = [k for k, s in found.items() if s.bounds and s.library == "scipy"]
        assert theirs == ["scipy:l-bfgs-b", "scipy:tnc"]

    def test_the_command_line_refuses_methods_without_bounds(self, capsys):
        assert main(["compare", "--method", "scipy:cg", "--problems", "hs1"]) == 2
        assert "none of the methods handles bounds" in capsys.readouterr().err

    def test_the_command_line_takes_tags(self, capsys):
        arguments = ["compare", "--method", "scipy:l-bfgs-b", "--problems", "hs*"]
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "9 problems and starts" in text
        assert "max |projected g|" in text

    def test_the_command_line_takes_parameters(self, capsys):
        arguments = "compare --method l-bfgs --problems noisy_sine --params".split()
        arguments += ["hidden=3,3", "activation=gelu", "dtype=float32"]
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "1 problems and starts" in text
        assert "max(0.0001, 1e-05 of the first)" in text
        assert main([*arguments, "hidden=3"]) == 2
        assert "hidden must be a sequence" in capsys.readouterr().err
        assert main([*arguments, "hidden"]) == 2
        assert "params must be NAME=VALUE, not 'hidden'" in capsys.readouterr().err


class TestNets:
    @pytest.mark.parametrize("key", comparison.solvers())
    def test_every_solver_runs_on_them(self, key):
        problem = problems.get("net_wine", hidden=(3,))
        run = comparison.measure(comparison.solvers()[key], problem)
        assert run.solved, run.message

    @pytest.mark.parametrize("key", ["optlab:bfgs", "optlab:newton-cg", "scipy:bfgs"])
    def test_single_precision_is_kept(self, key):
        problem = problems.get("net_wine", hidden=(3,), dtype="float32")
        run = comparison.measure(comparison.solvers()[key], problem)
        assert run.gtol == 1e-4
        assert run.solved, run.message
        assert run.success


class TestSolversOfOptlab:
    """What a row of METHODS says is what `minimize` is given."""

    @pytest.fixture
    def asked(self, monkeypatch):
        given = {}

        def fake(fun, x0, **options):
            given.update(options)
            fun(x0)
            return OptimizeResult(x=x0, nit=0, success=False, message="")

        monkeypatch.setattr(sys.modules["optlab.minimize"], "minimize", fake)
        return given

    @pytest.mark.parametrize(
        ("name", "bounds", "passed"),
        [
            ("cg", False, set()),
            ("l-bfgs-b", True, set()),
            ("newton-cg", False, {"hessp"}),
            ("trust-ncg", False, {"hessp"}),
            ("newton", False, {"hess"}),
        ],
    )
    def test_bounds_and_second_derivatives(self, asked, name, bounds, passed):
        row = METHODS[name]
        assert row.bounds == bounds
        solver = comparison.optlab_solver(name)
        assert solver.bounds == row.bounds
        comparison.measure(solver, in_the_box() if row.bounds else Rosenbrock())
        assert asked.keys() & {"hess", "hessp"} == passed
        assert asked["bounds"] is (BOX if row.bounds else None)
        assert asked["method"] == name


class TestChoice:
    def test_the_standard_choice_of_solvers(self):
        names = [str(s) for s in comparison.choose_solvers(["bfgs", "l-bfgs"])]
        assert names == ["optlab bfgs", "scipy BFGS", "optlab l-bfgs", "scipy L-BFGS-B"]

    def test_tags_choose_problems(self):
        chosen = comparison.choose_problems(["bounded"], [1])
        assert [p.name for p in chosen] == problems.names("bounded")
        chosen = comparison.choose_problems(["data-fit", "hs45"], [1])
        expected = [*problems.names("data-fit"), "hs45"]
        assert [p.name for p in chosen] == expected

    def test_bounds_only_where_nothing_else_matches(self):
        assert all(p.bounds is None for p in comparison.choose_problems())
        assert all(p.bounds is None for p in comparison.choose_problems(["brown*"]))
        chosen = comparison.choose_problems(["brown*_bounded"], [1])
        assert len(chosen) == 3

    def test_nets_only_where_nothing_else_matches(self):
        nets = problems.names("net")
        assert [p.name for p in comparison.choose_problems(["net"])] == nets
        assert [p.name for p in comparison.choose_problems(["*digits"])] == ["digits"]
        for patterns in ([], ["*"], ["data"]):
            chosen = comparison.choose_problems(patterns, [1])
            assert not {p.name for p in chosen} & set(nets)

    def test_parameters_are_for_the_problems_that_have_them(self):
        params = {"hidden": (3, 3), "activation": "swish", "n": 4}
        patterns = ["net_wine", "extended_rosenbrock"]
        rosenbrock, wine = comparison.choose_problems(patterns, [1], params)
        assert rosenbrock.n == 4
        assert wine.model.sizes == (13, 3, 3, 3)
        assert repr(wine.model.activations[0]).startswith("Swish")
        (scaled,) = comparison.choose_problems(["wood"], params={"scale": 2.0})
        np.testing.assert_allclose(scaled.x0, problems.get("wood", scale=2.0).x0)

    @pytest.mark.parametrize(
        ("params", "error", "words"),
        [
            ({"hiden": (3,)}, ValueError, "none of the problems has a parameter 'hid"),
            ({"activation": "swich"}, ValueError, "did you mean 'swish'"),
            ({"hidden": 3}, TypeError, "hidden must be a sequence"),
        ],
    )
    def test_a_bad_parameter_is_named(self, params, error, words):
        with pytest.raises(error, match=words):
            comparison.choose_problems(["net_wine"], params=params)

    def test_a_pattern_without_a_match_is_named(self):
        with pytest.raises(
            ValueError, match=r"no problem 'nix\*'; there are rosenbrock"
        ):
            comparison.choose_problems(["nix*"])

    def test_a_methods_name_means_every_library(self):
        names = [str(s) for s in comparison.choose_solvers(["L-BFGS", "bfgs"])]
        assert names == ["optlab l-bfgs", "scipy L-BFGS-B", "optlab bfgs", "scipy BFGS"]

    def test_each_once(self):
        names = [str(s) for s in comparison.choose_solvers(["scipy:cg", "CG"])]
        assert names == ["scipy CG", "optlab cg"]

    def test_starts(self):
        chosen = comparison.choose_problems(["wood"], [1, 10])
        assert [p.name for p in chosen] == ["wood", "wood x10"]
        np.testing.assert_allclose(chosen[1].x0, 10 * chosen[0].x0)

    def test_patterns(self):
        chosen = comparison.choose_problems(["brown*", "wood"], [1])
        assert {"wood", "brown_dennis"} <= {p.name for p in chosen}
        assert "beale" not in {p.name for p in chosen}

    def test_options_are_part_of_a_solvers_name(self):
        solver = comparison.optlab_solver("bfgs", line_search="armijo")
        assert str(solver) == "optlab bfgs line_search=armijo"
        assert comparison.measure(solver, Rosenbrock()).solved


class TestReport:
    def test_table(self, runs):
        text = comparison.table(runs)
        assert "scipy BFGS" in text
        assert text.count("2/2") == 2
        assert "over the 2 of 2" in text
        assert "Ratios" not in text  # nothing of optlab in it

    def test_ratios_pair_methods_of_the_same_kind(self):
        runs = [
            made_up(solver=s, evaluations=e)
            for s, e in {
                "optlab bfgs": 10,
                "optlab l-bfgs": 30,
                "scipy BFGS": 40,
                "scipy L-BFGS-B": 60,
            }.items()
        ]
        lines = comparison.table(runs).splitlines()
        pairs = {a.split("  ")[0]: a.split() for a in lines if " / " in a}
        assert list(pairs) == [
            "optlab bfgs / scipy BFGS",
            "optlab l-bfgs / scipy L-BFGS-B",
        ]
        assert "0.250" in pairs["optlab bfgs / scipy BFGS"]
        assert "0.500" in pairs["optlab l-bfgs / scipy L-BFGS-B"]

    def test_a_method_without_a_twin_is_set_beside_all(self):
        runs = [made_up(solver=s) for s in ("optlab gd", "scipy BFGS", "scipy CG")]
        text = comparison.table(runs)
        assert "optlab gd / scipy BFGS" in text
        assert "optlab gd / scipy CG" in text

    def test_products_have_a_column_where_there_are_any(self, runs):
        assert "products" not in comparison.table(runs)
        text = comparison.table([made_up(), made_up(solver="mine", products=4)])
        assert "products" in text.splitlines()[0]
        assert [line.split()[-2] for line in text.splitlines()[2:4]] == ["0.0", "4.0"]

    def test_csv(self, runs, tmp_path):
        path = tmp_path / "runs.csv"
        comparison.write_csv(runs, path)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 4
        assert rows[0]["problem"] == "rosenbrock"
        assert int(rows[0]["evaluations"]) == runs[0].evaluations
        assert float(rows[0]["own_time"]) == runs[0].own_time

    def test_plot(self, runs, tmp_path):
        pytest.importorskip("matplotlib")
        written = comparison.plot(runs, tmp_path / "new")
        assert [p.name for p in written] == ["profiles.png", "convergence.png"]
        assert all(p.stat().st_size > 10_000 for p in written)
