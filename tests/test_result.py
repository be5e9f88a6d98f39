"""What a run returns, and how it travels."""

import copy
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest
from scipy import optimize
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from optlab import OptimizeResult, Status, minimize, nn, problems
from optlab.methods import METHODS
from optlab.result import InverseHessian
from tests.functions import rosenbrock, softmax_sum
from tests.support import lines_of, same_bits

FUN = softmax_sum(6)
FIELDS = {
    "x", "fun", "jac", "hess_inv", "nit", "nfev", "njev", "nhev", "success", "status",
    "message", "method",
}  # fmt: skip


def run(method, **options):
    return minimize(FUN, FUN.x0, jac=True, method=method, options=options)


@pytest.mark.parametrize("method", METHODS)
class TestFields:
    def test_they_are_the_same_for_all_methods(self, method):
        assert set(run(method)) == FIELDS
        more = run(method, history=True, return_all=True)
        assert set(more) == FIELDS | {"history", "allvecs"}

    def test_types(self, method):
        result = run(method)
        assert isinstance(result, OptimizeResult)
        assert isinstance(result, optimize.OptimizeResult)
        assert isinstance(result, dict)
        assert type(result.fun) is float
        assert type(result.success) is bool
        assert type(result.message) is str
        assert isinstance(result.status, Status)
        for name in ("nit", "nfev", "njev", "nhev"):
            assert type(result[name]) is int
        for name in ("x", "jac"):
            assert result[name].shape == (6,)
            assert result[name].dtype == np.float64
        assert result.nhev == 0

    def test_items_are_attributes(self, method):
        result = run(method)
        for name in FIELDS:
            assert getattr(result, name) is result[name]
            assert result.get(name) is result[name]
        assert result.get("nothing", 5) == 5
        with pytest.raises(AttributeError):
            _ = result.nothing
        with pytest.raises(KeyError):
            result["nothing"]
        result.mine = 3
        assert result["mine"] == 3
        assert set(dir(result)) >= FIELDS

    def test_it_is_written_out_in_full(self, method):
        text = repr(run(method))
        for name in FIELDS:
            assert name in text
        assert "Deferred" not in text
        assert "CONVERGED" in text or "status: 0" in text

    def test_whatever_reads_it_as_a_dict_gets_values(self, method):
        """Also what goes past __getitem__."""
        readings = [
            dict(run(method)),
            {**run(method)},
            dict(run(method).items()),
            dict(zip(run(method).keys(), run(method).values(), strict=True)),
            run(method).copy(),
            copy.copy(run(method)),
            optimize.OptimizeResult(run(method)),
            run(method) | {},
            {} | run(method),
            {name: run(method).pop(name) for name in FIELDS},
            {name: run(method).setdefault(name, None) for name in FIELDS},
        ]
        updated = {}
        updated.update(run(method))
        for reading in [*readings, updated]:
            assert set(reading) >= FIELDS
            value = dict.__getitem__(reading, "hess_inv")
            assert value is None or value.shape == (6, 6)

    def test_equality_does_not_raise_for_itself(self, method):
        result = run(method)
        assert result == result  # noqa: PLR0124
        assert result != {}

    @pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy"])
    def test_it_travels(self, method, way):
        result = run(method, history=True, return_all=True)
        if way == "pickle":
            other = pickle.loads(pickle.dumps(result))
        else:
            other = getattr(copy, way)(result)
        assert type(other) is OptimizeResult
        assert set(other) == set(result)
        for name in FIELDS - {"hess_inv", "x", "jac"}:
            assert other[name] == result[name]
        assert type(other.status) is Status
        assert same_bits(other.x, result.x)
        assert same_bits(other.allvecs, result.allvecs)
        assert same_bits(other.history["f"], result.history["f"])
        if result.hess_inv is not None:
            eye = np.eye(6)
            assert same_bits(other.hess_inv @ eye, result.hess_inv @ eye)

    def test_nothing_leaks(self, method):
        result = run(method)
        eye = result.hess_inv @ np.eye(6) if result.hess_inv is not None else None
        ref = weakref.ref(result.x)
        del result, eye
        gc.collect()
        assert ref() is None


class TestStatus:
    def test_numbers_that_scipy_documents(self):
        assert (Status.CONVERGED, Status.MAXITER, Status.CALLBACK) == (0, 1, 99)

    def test_every_status_has_its_sentence(self):
        sentences = [status.sentence for status in Status]
        assert len(set(sentences)) == len(Status)
        assert all(s.endswith(".") for s in sentences)

    def test_summary(self):
        text = run("bfgs").summary()
        assert text.startswith("bfgs: The gradient meets gtol.")
        assert "iterations" in text


class TestInverseHessian:
    """As SciPy's LbfgsInvHessProduct."""

    def operator(self, n=6):
        fun = softmax_sum(n)
        return minimize(
            fun, fun.x0, jac=True, method="l-bfgs", options={"maxcor": 5}
        ).hess_inv

    def test_interface(self):
        H = self.operator()
        scipys = optimize.LbfgsInvHessProduct(H.sk, H.yk)
        public = {name for name in dir(scipys) if not name.startswith("_")}
        assert public <= set(dir(H))
        assert isinstance(H, InverseHessian)
        assert isinstance(H, LinearOperator)
        assert aslinearoperator(H) is H
        assert H.shape == (6, 6)
        assert H.dtype == np.float64
        assert H.n_corrs == scipys.n_corrs == 5
        np.testing.assert_allclose(H.rho, scipys.rho)

    @pytest.mark.parametrize("n", [1, 2, 6, 50])
    def test_products(self, n):
        H = self.operator(n)
        dense = H.todense()
        v = np.linspace(-1, 2, n)
        M = np.arange(3.0 * n).reshape(n, 3)
        close = {"atol": 1e-12 * np.abs(dense).max() * 3 * n}
        np.testing.assert_allclose(H @ v, dense @ v, **close)
        np.testing.assert_allclose(H.matvec(v), dense @ v, **close)
        np.testing.assert_allclose(H.rmatvec(v), dense @ v, **close)
        np.testing.assert_allclose(H.T @ v, dense @ v, **close)
        np.testing.assert_allclose(H.H @ v, dense @ v, **close)
        np.testing.assert_allclose(H @ M, dense @ M, **close)
        np.testing.assert_allclose(H.matmat(M), dense @ M, **close)
        np.testing.assert_allclose((2 * H + H) @ v, 3 * dense @ v, **close)
        np.testing.assert_allclose((H * v.reshape(n, 1))[:, 0], dense @ v, **close)
        np.testing.assert_allclose(H @ v.tolist(), dense @ v, **close)
        np.testing.assert_allclose(H @ v[::-1][::-1], dense @ v, **close)

    def test_another_length_is_refused(self):
        with pytest.raises(ValueError, match="dimension"):
            self.operator() @ np.zeros(7)

    def test_reading_it_twice_is_the_same(self):
        H = self.operator()
        v = np.ones(6)
        first = H @ v
        H.todense()
        _ = H.sk, H.yk
        assert same_bits(H @ v, first)

    def test_float32(self):
        fun = rosenbrock(4)
        H = minimize(
            fun,
            fun.x0,
            jac=True,
            method="l-bfgs",
            options={"dtype": "float32", "gtol": 0.1},
        ).hess_inv
        assert H.dtype == (H @ np.ones(4)).dtype == H.sk.dtype == np.float32
        np.testing.assert_allclose(H.todense(), H.todense().T, rtol=1e-3, atol=1e-3)


class TestPlot:
    @pytest.mark.parametrize("over", [None, "iterations", "evaluations", "seconds"])
    def test_the_history_is_drawn(self, pyplot, over):
        result = run("newton-cg", history=True)
        ax = result.plot(over=over)
        history = result.history
        assert ax.get_yscale() == "log"
        assert ax.get_xlabel() == (over or "iterations")
        lines = lines_of(ax)
        assert set(lines) == {"f - lowest f", "|g|"}
        expected = {
            "evaluations": history["nfev"] + history["nhev"],
            "seconds": history["seconds"],
        }.get(over, np.arange(result.nit + 1))
        for x, _ in lines.values():
            np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(lines["|g|"][1], history["gnorm"])
        gap = history["f"] - history["f"].min()
        np.testing.assert_array_equal(
            lines["f - lowest f"][1], np.where(gap > 0, gap, np.nan)
        )
        ax.figure.canvas.draw()

    def test_it_draws_where_it_is_told(self, pyplot):
        _, (_, right) = pyplot.subplots(1, 2)
        assert run("bfgs", history=True).plot(right) is right

    def test_training(self, pyplot):
        X = np.random.default_rng(0).normal(size=(200, 2))
        model = nn.MLP([2, 4, 2])
        objective = model.objective(X, (X[:, 0] > X[:, 1]).astype(int))
        result = minimize(
            objective,
            model.init(rng=0),
            method="adam",
            options={"epochs": 6, "validation": 0.25, "rng": 0},
        )
        ax = result.plot()
        lines = lines_of(ax)
        names = {"loss of the batches": "loss", "validation loss": "validation_loss"}
        assert set(lines) == set(names)
        for label, name in names.items():
            x, y = lines[label]
            np.testing.assert_array_equal(x, np.arange(1, 7))
            np.testing.assert_array_equal(y, result.history[name])
        assert ax.get_xlabel() == "epochs"
        assert ax.get_yscale() == "log"
        x, _ = lines_of(result.plot(over="seconds"))["validation loss"]
        np.testing.assert_array_equal(x, result.history["seconds"])
        with pytest.raises(ValueError, match=r"over must be one of \['epochs'"):
            result.plot(over="iterations")

    @pytest.mark.parametrize("form", ["value", "both", "objective"])
    def test_the_path_over_contours(self, pyplot, form):
        result = run_in_valley(return_all=True)
        problem = problems.get("rosenbrock")
        valley = rosenbrock()
        fun = {"value": valley.value, "both": valley, "objective": problem}[form]
        ax = result.plot(fun=fun)
        x, y = lines_of(ax)["iterates"]
        np.testing.assert_array_equal(np.stack([x, y], axis=1), result.allvecs)
        assert [*lines_of(ax)["the last one"][0]] == [result.x[0]]
        (contours,) = ax.collections
        heights = [valley.value(p.vertices[0]) for p in contours.get_paths() if len(p)]
        assert len(heights) > 10
        assert (np.diff(heights) > 0).all()
        ax.figure.canvas.draw()

    def test_contours_where_the_function_has_no_values(self, pyplot):
        result = minimize(
            lambda x: float(x @ x) if x[0] > 0 else np.nan,
            [2.0, 1.0],
            method="bfgs",
            options={"return_all": True, "maxiter": 0},
        )
        for fun in (lambda x: np.log(x[0]) if x[0] > 0 else np.nan, lambda x: 1.0):
            ax = result.plot(fun=fun)
            assert len(lines_of(ax)["iterates"][0]) == 1

    def test_what_was_not_kept_is_told(self):
        with pytest.raises(ValueError, match=r"options=\{'history': True\}"):
            run("bfgs").plot()
        with pytest.raises(ValueError, match=r"options=\{'return_all': True\}"):
            run_in_valley(history=True).plot(fun=rosenbrock())
        with pytest.raises(ValueError, match="two unknowns for contours, but n = 6"):
            run("bfgs", return_all=True).plot(fun=FUN)

    def test_bad_arguments_are_named(self, pyplot):
        with pytest.raises(ValueError, match="over must be one of"):
            run("bfgs", history=True).plot(over="epochs")
        with pytest.raises(TypeError, match="fun must be callable"):
            run_in_valley(return_all=True).plot(fun=3)

    def test_what_the_function_raises_reaches_the_caller(self, pyplot):
        def fun(x):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            run_in_valley(return_all=True).plot(fun=fun)

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"pip install 'optlab\[compare\]'"):
            run("bfgs", history=True).plot()


def run_in_valley(**options):
    fun = rosenbrock()
    return minimize(fun, [-1.2, 1.0], jac=True, method="bfgs", options=options)
