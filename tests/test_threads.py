"""Many threads at once: the results of serial runs, and no memory that grows."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from optlab import minimize, minimize_batch, problems

from .functions import rosenbrock

THREADS, RUNS = 8, 10_000
PYTHON = rosenbrock(3, np.array([-1.2, 1.0, 0.5]))
COMPILED = [problems.get("rosenbrock"), problems.get("wood"), problems.get("box")]


def run(i):
    """A run of one kind or another: x, f and the count."""
    kind = i % 5
    if kind < 3:
        problem = COMPILED[kind]
        method = ("bfgs", "l-bfgs", "cg")[i % 3]
        result = minimize(problem, problem.x0 * (1 + i % 7 / 100), method=method)
    elif kind == 3:
        result = minimize(PYTHON, PYTHON.x0 + i % 11 / 50, jac=True, method="bfgs")
    else:
        starts = PYTHON.x0[:2] + np.arange(6).reshape(3, 2) / (50 + i % 11)
        result = minimize_batch(COMPILED[0], starts)
    return np.array(result.x).tobytes(), np.sum(result.fun), np.sum(result.nfev)


def resident():
    """Bytes in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def test_ten_thousand_runs_from_eight_threads():
    different = 5 * 7 * 9 * 11  # runs repeat after so many
    serial = [run(i) for i in range(min(different, 3465))]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(run, range(RUNS), chunksize=50))
    for i, result in enumerate(together):
        assert result == serial[i % len(serial)]


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@needs_proc
def test_memory_does_not_grow():
    def some(count):
        for i in range(count):
            run(i)
        gc.collect()
        return resident()

    before = some(3000)
    assert some(9000) - before < 200e3  # less than 23 bytes a run


@needs_proc
def test_memory_does_not_grow_with_threads():
    with ThreadPoolExecutor(THREADS) as pool:

        def some(count):
            list(pool.map(lambda i: run(i) and None, range(count)))
            gc.collect()
            return resident()

        before = some(20_000)  # malloc's arenas of each thread fill up for so long
        assert some(16_000) - before < 2e6  # less than 125 bytes a run
