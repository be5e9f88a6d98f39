"""The elementary functions in C, which only other C code calls, against exact values."""

import ctypes
import platform
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import mpmath
import numpy as np
import pytest
from scipy import special

FOLDER = Path(__file__).parents[2] / "optlab_c"
COMPILER = shlex.split(sysconfig.get_config_var("CC") or "")

SOURCE = """
#include "math_kernels.h"
#define LOOP(name, real) \\
    void loop_##name(const real *x, real *y, long n) \\
    { \\
        for (long i = 0; i < n; i++) \\
            y[i] = name(x[i]); \\
    }
#define BOTH(name) LOOP(name##_f64, double) LOOP(name##_f32, float)
BOTH(exp) BOTH(expm1) BOTH(log) BOTH(log1p) BOTH(tanh) BOTH(erf) BOTH(normal_cdf)
"""

# How far from the exact value in units in the last place, and where it is not constant.
BOUNDS = {
    "exp": (1.3, -746, 710),
    "expm1": (2.5, -40, 710),
    "log": (1.4, 0.3, 3),
    "log1p": (1.4, 0, 3),
    "tanh": (2.8, -20, 20),
    "erf": (2.9, -6, 6),
    "normal_cdf": (7.5, -38.6, 9),
}
EXACT = {name: getattr(mpmath, name, mpmath.ncdf) for name in BOUNDS}
DOUBLE = {name: getattr(np, name, None) for name in BOUNDS}
DOUBLE |= {"erf": special.erf, "normal_cdf": special.ndtr}
NOT_NEGATIVE = {"log", "log1p"}

pytestmark = pytest.mark.skipif(
    not COMPILER or shutil.which(COMPILER[0]) is None, reason="needs a C compiler"
)


@pytest.fixture(scope="module", params=["rounding each product", "contracting"])
def kernels(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    source, library = folder / "loops.c", folder / "loops.so"
    source.write_text(SOURCE, encoding="utf-8")
    how = ["-ffp-contract=off"]
    if request.param == "contracting":
        how = ["-ffp-contract=fast"]
        how += ["-march=native"] if platform.machine() == "x86_64" else []
    flags = ["-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", *how]
    command = [*COMPILER, *flags, "-shared", "-fPIC", f"-I{FOLDER}", "-o", library]
    built = subprocess.run(
        [*command, source], check=False, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    loops = ctypes.CDLL(str(library))

    def call(name, x):
        y = np.empty_like(x)
        loop = loops[f"loop_{name}_f{8 * x.itemsize}"]
        loop.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long
        loop.restype = None
        loop(x.ctypes.data, y.ctypes.data, x.size)
        return y

    return call


@pytest.fixture(scope="module")
def exact():
    """Points of float64 for each function, and the exact values there."""
    rng = np.random.default_rng(0)
    known = {}
    with mpmath.workdps(30):
        for name, (_, low, high) in BOUNDS.items():
            size = np.geomspace(5e-324, 700, 300)
            sign = 1 if name in NOT_NEGATIVE else rng.choice([-1, 1], 300)
            inner = np.clip([low, high], -2, 2)
            x = [sign * size, rng.uniform(low, high, 500), rng.uniform(*inner, 500)]
            x = np.concatenate(x)
            known[name] = x, [EXACT[name](value) for value in x.tolist()]
    return known


@pytest.mark.parametrize("name", BOUNDS)
def test_float64(kernels, exact, name):
    x, values = exact[name]
    y = kernels(name, x)
    with mpmath.workdps(30):
        for i, value in enumerate(values):
            exponent = mpmath.frexp(value)[1] - 53
            ulp = mpmath.ldexp(1, max(exponent, -1074))
            if abs(value) > np.finfo(float).max:
                assert np.isinf(y[i])
            else:
                assert abs(y[i] - value) <= BOUNDS[name][0] * ulp, x[i]


@pytest.mark.parametrize("name", BOUNDS)
def test_float32(kernels, name):
    patterns = np.arange(0, 2**32, 9973, dtype=np.uint32)  # of all sizes and signs
    x = patterns.view(np.float32)
    x = x[np.isfinite(x) & (x > 0 if name in NOT_NEGATIVE else True)]
    y = kernels(name, x)
    with np.errstate(over="ignore"):
        value = DOUBLE[name](x.astype(float))
    large = np.abs(value) > np.finfo(np.float32).max
    assert np.isinf(y[large]).all()
    x, y, value = x[~large], y[~large].astype(float), value[~large]
    ulp = np.ldexp(1.0, np.maximum(np.frexp(value)[1] - 24, -149))
    off = np.abs(y - value) / ulp
    assert off.max() <= BOUNDS[name][0], x[off.argmax()]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("exp", {0: 1, np.inf: np.inf, -np.inf: 0}),
        ("expm1", {np.inf: np.inf, -np.inf: -1}),
        ("log", {0: -np.inf, 1: 0, np.inf: np.inf, -1: np.nan, -np.inf: np.nan}),
        ("log1p", {0: 0, np.inf: np.inf}),
        ("tanh", {np.inf: 1, -np.inf: -1}),
        ("erf", {np.inf: 1, -np.inf: -1}),
        ("normal_cdf", {0: 0.5, np.inf: 1, -np.inf: 0}),
    ],
)
def test_special_values(kernels, name, values, dtype):
    x = np.array([*values, np.nan], dtype)
    np.testing.assert_array_equal(kernels(name, x), [*values.values(), np.nan])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["expm1", "tanh", "erf"])
def test_zero_and_denormals_keep_their_sign(kernels, name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, 5 * tiny, -5 * tiny], dtype)
    y = kernels(name, x)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(x))
    if name == "erf":  # 2/sqrt(pi) x
        x[4:] *= dtype(1.2)
    np.testing.assert_array_equal(y, x)
