"""Record how many evaluations the methods take: `python -m` this module.

Where a method is changed on purpose, record again, and read the difference before it is
committed.
"""

import json
from pathlib import Path

import numpy as np

from optlab import minimize, problems
from tests.support import DISTINCT

FILE = Path(__file__).parent / "evaluations.json"
STARTS = 15


def evaluations(name, method, seed=None):
    """Those of one run; with a seed x0 is perturbed in its last place."""
    problem = problems.get(name)
    x0 = problem.x0
    if seed is not None:
        rng = np.random.default_rng(seed)
        x0 = x0 * (1 + rng.choice([-2.0, 0.0, 2.0], x0.size) * np.finfo(float).eps)
    options = {"gtol": 1e-3 if method == "gd" else 1e-6, "maxfun": 5000}
    return minimize(problem, x0, method=method, options=options).nfev


if __name__ == "__main__":
    recorded = {}
    for method in DISTINCT:
        recorded[method] = {}
        for name in problems.names():  # those without bounds
            if "data" in problems.registry()[name].tags:
                continue
            counts = [evaluations(name, method, seed) for seed in range(STARTS)]
            if max(counts) < 1000:  # beyond, a run is a matter of luck
                recorded[method][name] = [
                    min(counts), int(np.median(counts)), max(counts)
                ]  # fmt: skip
    rows = [
        f"{json.dumps(method)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {row}" for name, row in names.items())
        + "\n}"
        for method, names in recorded.items()
    ]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
