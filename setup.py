"""The extension modules and their flags; everything else is in pyproject.toml."""

import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

# Never -ffast-math: NaN, infinities and denormals keep their meaning. Reductions that
# may be reordered say so one by one with `#pragma omp simd`.
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c11", "/openmp:experimental"], []
else:
    compile_args = [
        "-O3",
        "-g0",
        "-std=gnu11",
        "-fopenmp-simd",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fvisibility=hidden",
        "-ffp-contract=fast",
    ]
    link_args = ["-Wl,-s"] if sys.platform == "linux" else []

CORE = Path("optlab_c")
HEADERS = sorted(str(p) for p in CORE.rglob("*.h"))


def extension(name, *sources, exact=False):
    """One extension module: its .pyx and the C files of the folders it needs.

    `exact`: no fused operations, so that every formula has the bits of its steps.
    """
    return Extension(
        f"optlab_c.{name}",
        [f"optlab_c/{name}.pyx", *sorted(str(p) for p in sources)],
        include_dirs=["optlab_c", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        extra_compile_args=compile_args + (["-ffp-contract=off"] if exact else []),
        extra_link_args=link_args,
        depends=["setup.py", *HEADERS],
    )


# The descent machine, its parts and its loop; linked into each module that runs it.
DESCENT = [
    *CORE.glob("*.c"),
    *(CORE / "direction").glob("*.c"),
    *(CORE / "linesearch").glob("*.c"),
]

extensions = [
    extension("machine", *DESCENT),
    extension(
        "batch",
        *DESCENT,
        *(CORE / "batch").glob("*.c"),
        *(CORE / "lockstep").glob("*.c"),
        CORE / "objectives" / "foreign.c",
    ),
    extension("callables"),
    extension("objectives", *(CORE / "objectives").glob("*.c")),
    extension("nets", CORE / "vec.c", *(CORE / "nn").glob("*.c")),
    extension(
        "stochastic", CORE / "vec.c", *(CORE / "stochastic").glob("*.c"), exact=True
    ),
    extension("config"),
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",  # generated C stays out of the source tree
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "autotestdict": False,
            "auto_pickle": False,
            "embedsignature": True,
            "embedsignature.format": "python",
        },
    )
)
