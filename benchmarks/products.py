"""The time of a net's matrix products alone: what its loss and gradient cannot undercut.

Each product is made by whatever makes it fastest: SciPy's, NumPy's or PyTorch's BLAS, or
the library's own kernel, which beats them where matrices are small. All are called in a
compiled loop, and write into memory that is there.
"""

import ctypes
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info

import optlab_c

HERE = Path(__file__).parent
KERNELS = Path(optlab_c.__file__).parent
OWN, BLAS_32, BLAS_64 = range(3)


class Job(ctypes.Structure):
    """A product, as products.c has it."""

    _fields_ = [
        (name, ctypes.c_void_p if name in ("gemm", "a", "b", "c") else ctypes.c_int64)
        for name in "maker dtype gemm m n k a lda a_transposed b ldb b_transposed c ldc"
        .split()
    ]  # fmt: skip


@cache
def compiled_loop():
    """Build products.c, against the kernels of the library."""
    compiler = (sysconfig.get_config_var("CC") or "").split()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "products.so"
        options = ["-O3", "-shared", "-fPIC", "-std=gnu11", "-fopenmp-simd", "-w"]
        options += ["-fno-math-errno", "-fno-trapping-math"]  # as setup.py has them
        includes = [f"-I{KERNELS}", f"-I{HERE}"]
        command = [*compiler, *options, *includes, HERE / "products.c", "-o", library]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotImplementedError("products.c needs a C compiler") from error
        return ctypes.CDLL(str(library)).run


def scipy_gemm(letter):
    """SciPy's routine, by the pointer that it publishes."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[f"{letter}gemm"]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


def gemms(letter):
    """Every BLAS routine that is loaded: name to kind and pointer."""
    found = {"scipy": (BLAS_32, scipy_gemm(letter))}
    for blas in threadpool_info():
        if "numpy.libs" in blas["filepath"]:
            library = ctypes.CDLL(blas["filepath"])
            if routine := getattr(library, f"scipy_{letter}gemm_64_", None):
                pointer = ctypes.cast(routine, ctypes.c_void_p).value
                found["numpy"] = BLAS_64, pointer
    if "torch" in sys.modules:  # whose MKL is in its own library
        folder = Path(sys.modules["torch"].__file__).parent / "lib"
        for path in folder.glob("*torch_cpu.*"):
            if routine := getattr(ctypes.CDLL(str(path)), f"{letter}gemm_", None):
                pointer = ctypes.cast(routine, ctypes.c_void_p).value
                found["torch"] = BLAS_32, pointer
    return found


class Products:
    """The products of a loss with its gradient, each by its fastest maker.

    `makers` says who makes each: "scipy", "numpy", "torch" or "optlab". Values, weights
    and derivatives lie in memory as a net would keep them, in rows of whole cache lines.
    """

    def __init__(self, sizes, batch, dtype):
        self.dtype, self.rng = np.dtype(dtype), np.random.default_rng(0)
        self.arrays, self.makers, jobs = {}, [], []
        for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
            values = self.matrix("values", layer, batch, inputs)
            after = self.matrix("values", layer + 1, batch, outputs)
            slopes = self.matrix("slopes", layer + 1, batch, outputs)
            weights = self.matrix("weights", layer, inputs, outputs)
            gradient = self.matrix("gradient", layer, inputs, outputs)
            jobs.append(self.fastest(values, weights, after))
            jobs.append(self.fastest(values.T, slopes, gradient))
            if layer > 0:  # nobody asks for the derivative by the data
                back = self.matrix("slopes", layer, batch, inputs)
                jobs.append(self.fastest(slopes, weights.T, back))
        self.jobs = (Job * len(jobs))(*jobs)

    def matrix(self, *key):
        """Return a matrix of random numbers, the same one for the same arguments."""
        if key not in self.arrays:
            *_, rows, columns = key
            line = 64 // self.dtype.itemsize
            width = -(-columns // line) * line
            raw = np.zeros(rows * width + line, self.dtype)
            start = -raw.ctypes.data % 64 // self.dtype.itemsize
            padded = raw[start : start + rows * width].reshape(rows, width)
            padded[:, :columns] = self.rng.normal(size=(rows, columns))
            self.arrays[key] = padded[:, :columns]
        return self.arrays[key]

    def fastest(self, a, b, c):
        """Return the product c = a b by who makes it fastest, each tried and checked."""
        letter = "s" if self.dtype.itemsize == 4 else "d"
        jobs = {name: self.job(a, b, c, *gemm) for name, gemm in gemms(letter).items()}
        # The library's own product takes b in rows, and whole lines of it: see
        # product_kernels.h. A net turns and pads its weights beforehand.
        turned = self.matrix("turned", *b.shape) if b.strides[0] < b.strides[1] else b
        turned[...] = b
        jobs["optlab"] = self.job(a, turned, c, OWN)
        expected, times = a @ b, {}
        for name, job in jobs.items():
            c[...] = np.nan
            run_jobs(job, 1, 1)
            assert np.abs(c - expected).max() <= 1e-4 * np.abs(expected).max(), name
            repeats = max(1, int(1e7 / (job.m * job.n * job.k)))
            times[name] = min(run_jobs(job, 1, repeats) for _ in range(15))
        self.makers.append(min(times, key=times.get))
        return jobs[self.makers[-1]]

    def job(self, a, b, c, maker, gemm=None):
        n = c.strides[0] // c.itemsize if maker == OWN else c.shape[1]
        job = Job(maker, c.itemsize == 4, gemm, len(c), n, a.shape[1])
        for name, array in (("a", a), ("b", b), ("c", c)):
            setattr(job, name, array.ctypes.data)
            setattr(job, f"ld{name}", max(array.strides) // array.itemsize)
            setattr(job, f"{name}_transposed", array.strides[0] < array.strides[1])
        return job

    def seconds(self, repeats=1):
        """Make them all, so many times; return the seconds of one."""
        return run_jobs(self.jobs, len(self.jobs), repeats)


def run_jobs(jobs, count, repeats):
    """Run jobs in the compiled loop; return the seconds of one round."""
    start = perf_counter()
    compiled_loop()(ctypes.byref(jobs), ctypes.c_int64(count), ctypes.c_int64(repeats))
    return (perf_counter() - start) / repeats
