"""Hessians that users give: forms, products, Newton steps, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, aslinearoperator

import optlab.hessian
from optlab.hessian import SMALL, Hessian
from optlab_c.callables import PythonObjective
from tests.support import same_bits

N = 5
RNG = np.random.default_rng(1)
A = RNG.normal(size=(N, N))
A = A + A.T
V = RNG.normal(size=N)


def gradient(x):
    return A @ x


def objective(hess, n=N, dtype=0, args=(), jac=gradient):
    return PythonObjective(
        "separate", None, jac, args, n, dtype, second="hess", hess=Hessian(hess, n)
    )


FORMS = {
    "array": np.array,
    "list": lambda H: H.tolist(),
    "object": lambda H: H.astype(object),
    "Fortran": np.asfortranarray,
    "swapped": lambda H: H.astype(">f8"),
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "dia": sparse.dia_matrix,
    "lil": sparse.lil_array,
    "operator": aslinearoperator,
    "matvec only": lambda H: LinearOperator(H.shape, matvec=lambda v: H @ v),
}


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("dtype", [0, 1])
    def test_the_same_hessian(self, form, dtype):
        python = objective(lambda x: FORMS[form](A), dtype=dtype)
        error = 1e-5 if dtype else 1e-14
        x = np.ones(N)
        np.testing.assert_allclose(python.product(x, V), A @ V, atol=10 * error)
        np.testing.assert_allclose(python.hessian(x), A, atol=error)
        assert python.hessian(x).dtype == python.product(x, V).dtype
        assert python.product(x, V).dtype == (np.float32 if dtype else np.float64)
        step, curvature, direction = python.newton(x)
        values, vectors = np.linalg.eigh(A)
        assert curvature == pytest.approx(values[0])
        assert abs(direction @ vectors[:, 0]) == pytest.approx(1)
        assert step @ (A @ x) < 0

    @pytest.mark.parametrize("form", ["array", "csc", "operator"])
    def test_arguments(self, form):
        python = objective(
            lambda x, a, b: FORMS[form](a * A + b),
            args=(2.0, 0.0),
            jac=lambda x, a, b: x,
        )
        np.testing.assert_allclose(python.product(np.ones(N), V), 2 * A @ V)

    def test_one_unknown(self):
        for answer in (2.0, [2.0], np.array(2), [[2.0]], sparse.csr_array([[2.0]])):
            python = objective(lambda x, H=answer: H, 1, jac=lambda x: x)
            assert python.product([3.0], [4.0]) == [8.0]
            assert python.hessian([3.0]) == [[2.0]]
            assert python.newton([3.0])[0] == pytest.approx(-1.5)

    @pytest.mark.parametrize("form", ["array", "csc"])
    def test_one_buffer_and_an_overwritten_x(self, form):
        buffer = FORMS[form](A)

        def hess(x):
            buffer[0, 0] = x[0]
            x[:] = np.nan
            return buffer

        python = objective(hess)
        expected = A.copy()
        x = np.ones(N)
        for x[0] in (3.0, 4.0):
            expected[0, 0] = x[0]
            H = python.hessian(x)
            np.testing.assert_allclose(H, expected)
            buffer[0, 0] = 7
            np.testing.assert_allclose(python.product(x, V), expected @ V)

    def test_read_only(self):
        H = A.copy()
        H.setflags(write=False)
        assert same_bits(objective(lambda x: H).hessian(np.ones(N)), A)


class TestCache:
    def test_one_call_for_each_x(self):
        calls = []

        def hess(x):
            calls.append(x)
            return A

        python = objective(hess)
        x = np.ones(N)
        for _ in range(3):
            python.product(x, V)
            python.hessian(x)
            python.newton(x)
        assert len(calls) == 1
        python.product(x + 1, V)
        assert len(calls) == 2
        python.product(x, V)
        assert len(calls) == 3

    def test_a_failed_call_is_not_remembered(self):
        answers = [A, None, 2 * A]
        python = objective(lambda x: answers.pop(0))
        x = np.ones(N)
        python.product(x, V)
        with pytest.raises(TypeError, match="hess"):
            python.product(x + 1, V)
        np.testing.assert_allclose(python.product(x, V), 2 * A @ V)


class TestRefused:
    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (np.zeros((N, N + 1)), ValueError, r"shape \(5, 5\), got \(5, 6\)"),
            (np.zeros(N), ValueError, r"shape \(5, 5\), got \(5,\)"),
            (sparse.csr_array((4, 4)), ValueError, "shape"),
            (aslinearoperator(np.zeros((4, 4))), ValueError, "shape"),
            (1.0, ValueError, "shape"),
            (A + 1j, TypeError, "real numbers, got dtype complex"),
            (sparse.csc_array(A + 1j), TypeError, "real numbers, got dtype complex"),
            (aslinearoperator(A + 1j), TypeError, "real numbers, got dtype complex"),
            (None, TypeError, "real numbers"),
            ("H", TypeError, "real numbers"),
            ([[None] * N] * N, TypeError, "real numbers"),
            ([["1"] * N] * N, TypeError, "real numbers"),
            ([[1.0], [1.0, 2.0]], TypeError, "real numbers, got list"),
            (object(), TypeError, "real numbers, got object"),
            ([[10**400] * N] * N, ValueError, "finite"),
            (np.triu(A), ValueError, "symmetric"),
            (sparse.csr_array(np.triu(A)), ValueError, "symmetric"),
            (A + 1e-3 * np.eye(N, k=1), ValueError, "symmetric"),
            (A * np.nan, ValueError, "NaN"),
            (sparse.csr_array(A * np.nan), ValueError, "NaN"),
        ],
        ids=str,
    )
    def test_it_is_named(self, answer, error, words):
        with pytest.raises(error, match=f"hess must.*{words}"):
            objective(lambda x: answer).hessian(np.ones(N))

    @pytest.mark.parametrize("form", ["array", "csc"])
    def test_what_is_not_finite_passes_later(self, form):
        answers = [A, A * np.nan]
        python = objective(lambda x: FORMS[form](answers.pop(0)))
        python.hessian(np.zeros(N))
        x = np.ones(N)
        assert np.isnan(python.hessian(x)).all()
        assert np.isnan(python.product(x, V)).all()
        step, curvature, direction = python.newton(x)
        assert np.isnan(step).all()
        assert curvature == 0
        assert direction is None

    def test_what_an_operator_gives(self):
        operator = LinearOperator(
            (N, N), matvec=lambda v: np.zeros(N, complex), dtype=float
        )
        with pytest.raises(TypeError, match=r"hess must be real.*complex"):
            objective(lambda x: operator).product(np.ones(N), V)

    def test_rounding_is_no_asymmetry(self):
        H = A + 1e-9 * RNG.normal(size=(N, N))
        given_ = objective(lambda x: H).hessian(np.ones(N))
        assert same_bits(given_, given_.T.copy())
        np.testing.assert_allclose(given_, A, atol=1e-8)
        single = (A + 1e-6 * RNG.normal(size=(N, N))).astype(np.float32)
        objective(lambda x: single).hessian(np.ones(N))

    def test_what_it_raises(self):
        def hess(x):
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            objective(hess).hessian(np.ones(N))


class TestProducts:
    """hessp."""

    def python(self, hessp, n=N, **more):
        return PythonObjective(
            "separate", None, gradient, (), n, second="hessp", hessp=hessp, **more
        )

    @pytest.mark.parametrize("wrap", [np.array, list, lambda v: v.astype(np.float32)])
    def test_forms(self, wrap):
        python = self.python(lambda x, v: wrap(A @ v))
        np.testing.assert_allclose(python.product(V, V), A @ V, rtol=1e-5)
        np.testing.assert_allclose(python.hessian(V), A, rtol=1e-5)

    def test_x_and_v_belong_to_the_callee(self):
        kept = []
        buffer = np.empty(N)

        def hessp(x, v):
            kept.append((x, v, x.copy(), v.copy()))
            buffer[:] = A @ v
            return buffer

        python = self.python(hessp)
        H = python.hessian(V)
        np.testing.assert_allclose(H, A)
        assert all(same_bits(x, a) and same_bits(v, b) for x, v, a, b in kept)
        w = V.copy()
        python = self.python(lambda x, v: v.fill(np.nan) or x)
        python.product(V, w)
        assert same_bits(w, V)

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (np.zeros(3), ValueError, r"hessp must have shape \(5,\), got \(3,\)"),
            (np.zeros((N, N)), ValueError, "hessp must have shape"),
            (1.0, ValueError, "hessp must have shape"),
            (V + 1j, TypeError, "hessp must be real.*complex"),
            (None, TypeError, "hessp must be real.*None"),
            (["a"] * N, TypeError, "hessp must be real"),
        ],
    )
    def test_refused(self, answer, error, words):
        python = self.python(lambda x, v: answer)
        with pytest.raises(error, match=words):
            python.product(V, V)
        with pytest.raises(error, match=words):
            python.hessian(V)

    def test_nan_passes(self):
        assert np.isnan(self.python(lambda x, v: v * np.nan).product(V, V)).all()

    def test_float32(self):
        seen = []
        python = self.python(
            lambda x, v: seen.append((x.dtype, v.dtype)) or 2 * v, dtype=1
        )
        assert python.product(V, V).dtype == np.float32
        python.hessian(V)
        assert set(seen) == {(np.dtype(np.float32),) * 2}

    def test_no_hessian(self):
        python = PythonObjective("separate", None, gradient, (), N)
        with pytest.raises(NotImplementedError):
            python.product(V, V)
        with pytest.raises(NotImplementedError):
            self.python(gradient).newton(V)


def laplacian(n):
    return sparse.diags_array(
        [-np.ones(n - 1), np.full(n, 2.0), -np.ones(n - 1)], offsets=[-1, 0, 1]
    ).tocsc()


@st.composite
def spectra(draw):
    """A sparse symmetric matrix larger than SMALL, of any definiteness."""
    n = draw(st.integers(SMALL + 1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    B = sparse.random_array((n, n), density=0.1, rng=rng).tocsc()
    shift = draw(st.sampled_from([-10.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 10.0]))
    scale = draw(st.sampled_from([1e-200, 1e-8, 1.0, 1e8, 1e200]))
    return (scale * (B + B.T + shift * sparse.eye_array(n))).tocsc()


class TestNewton:
    @given(H=spectra(), seed=st.integers(0, 10**6), dense=st.booleans())
    def test_any_matrix(self, H, seed, dense):
        n = H.shape[0]
        g = np.random.default_rng(seed).normal(size=n)
        matrix = Hessian(lambda x: H.toarray() if dense else H, n)(np.zeros(n))
        step, curvature, direction = matrix.newton(g)
        scale = abs(H).max()
        values = np.linalg.eigvalsh(H.toarray() / scale)
        assert np.isfinite(step).all()
        assert step @ g < 0  # downhill, as -M^-1 g with a definite M is
        if values[0] > 1e-9:
            assert curvature == 0
            np.testing.assert_allclose(
                H @ step, -g, atol=1e-12 / values[0] * np.abs(g).max()
            )
        elif values[0] < -1e-9:
            assert np.linalg.norm(direction) == pytest.approx(1)
            assert direction @ g <= 0
            assert curvature / scale == pytest.approx(values[0], rel=1e-2)
            assert direction @ (H @ direction) == pytest.approx(curvature)
        else:
            assert abs(curvature / scale) <= 1e-8

    @pytest.mark.parametrize("shift", [0.0, 1.0])
    def test_float32(self, shift):
        n = 50
        H = (laplacian(n) - shift * sparse.eye_array(n)).astype(np.float32)
        x = np.ones(n)
        single, double = (
            objective(lambda x: H, n, dtype, jac=lambda x: x).newton(x)
            for dtype in (1, 0)
        )
        assert single[0].dtype == np.float32
        np.testing.assert_allclose(single[0], double[0], rtol=1e-6)
        assert single[1] == double[1]

    def test_the_same_bits_again(self):
        H = laplacian(200) - 0.5 * sparse.eye_array(200)
        g = np.random.default_rng(2).normal(size=200)
        runs = [Hessian(lambda x: H, 200)(g).newton(g) for _ in range(2)]
        assert same_bits(runs[0][0], runs[1][0])
        assert same_bits(runs[0][2], runs[1][2])

    def test_large_and_definite(self):
        n = 20_000
        H = laplacian(n)
        g = np.ones(n)
        step, curvature, _ = Hessian(lambda x: H, n)(g).newton(g)
        i = np.arange(1, n + 1)
        np.testing.assert_allclose(step, -i * (n + 1 - i) / 2, rtol=1e-6)
        assert curvature == 0

    def test_a_bad_scale_alone_is_no_indefiniteness(self):
        scales = np.geomspace(1e-20, 1e20, 50)
        H = sparse.diags_array(scales).tocsc()
        step, curvature, _ = Hessian(lambda x: H, 50)(scales).newton(scales)
        np.testing.assert_allclose(step, -1)
        assert curvature == 0

    def test_the_lowest_eigenvalue_changes_its_sign(self):
        n = 100
        H = sparse.diags_array(np.linspace(-2, 5, n)).tocsc()
        g = np.eye(n)[0]
        step, curvature, _ = Hessian(lambda x: H, n)(g).newton(g)
        assert curvature == pytest.approx(-2, rel=1e-2)
        assert step[0] == pytest.approx(-1 / 2, rel=1e-1)

    def test_zero(self):
        for n in (3, 50):
            H = sparse.csc_array((n, n))
            g = np.arange(1.0, n + 1)
            step, curvature, _ = Hessian(lambda x, H=H: H, n)(g).newton(g)
            assert np.isfinite(step).all()
            assert step @ g < 0
            assert curvature == 0

    def test_an_eigenvalue_method_that_fails(self, monkeypatch):
        def fails(H, **options):
            raise ArpackNoConvergence("no", np.empty(0), np.empty((H.shape[0], 0)))

        n = 100
        H = sparse.diags_array(np.r_[-2.0, np.linspace(1, 5, n - 1)]).tocsc()
        monkeypatch.setattr(optlab.hessian, "eigsh", fails)
        _, curvature, direction = Hessian(lambda x: H, n)(V).newton(np.ones(n))
        assert curvature == pytest.approx(-2, rel=1e-2)
        assert abs(direction[0]) == pytest.approx(1, rel=1e-2)
