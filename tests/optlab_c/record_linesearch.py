"""Record line searches as lists of (alpha, phi, dphi): `python -m` this module.

The cases pin what the searches do today: where a search is changed on purpose, record
again, and read the difference before it is committed.
"""

import json
from pathlib import Path

import numpy as np

from optlab import problems
from optlab.methods import LINE_SEARCHES
from optlab_c.machine import Search
from tests.support import settings

FOLDER = Path(__file__).parent / "linesearch_cases"


def fence(a):
    """A barrier at 1; the minimum is at 0.9."""
    if a >= 1:
        return np.nan, np.nan
    return -np.log(1 - a) - 10 * a, 1 / (1 - a) - 10


def floor(a):
    """What falls is below the last place of phi."""
    return 1e8 + 1e-9 * (a - 1) ** 2, 2e-9 * (a - 1)


def along(name):
    """Down the gradient of a test problem, from its start."""
    problem = problems.get(name)
    x = problem.x0
    g = problem.grad(x)

    def phi(a):
        f, gradient = problem.fun_and_grad(x - a * g)
        return f, -gradient @ g

    return phi, 1 / np.linalg.norm(g)


CASES = {
    "quadratic": (lambda a: (3 * (a - 0.7) ** 2, 6 * (a - 0.7)), 1.0),
    "quartic, too short": (lambda a: ((a - 2) ** 4, 4 * (a - 2) ** 3), 1e-3),
    "quartic, too long": (lambda a: ((a - 2) ** 4, 4 * (a - 2) ** 3), 50.0),
    "waves": (
        lambda a: (np.cos(3 * a + 1) + a**2 / 9, -3 * np.sin(3 * a + 1) + 2 * a / 9),
        4.0,
    ),
    "fence": (fence, 20.0),
    "noise floor": (floor, 2.5),
    "falling for ever": (lambda a: (-a, -1.0), 1.0),
    "a slope that lies": (lambda a: (a, -1.0), 1.0),
} | {
    name: along(name)
    for name in ("rosenbrock", "meyer", "brown_badly_scaled", "gulf", "osborne1")
}


def record(search, phi, first):
    machine = Search(settings("gd", 1, line_search=search), np.inf)
    phi0, dphi0 = map(float, phi(0.0))
    trials, alpha = [], machine.start(phi0, dphi0, first)
    while alpha is not None:
        trials.append([alpha, *map(float, phi(alpha))])
        alpha = machine.tell(*trials[-1][1:])
    return {
        "phi0": phi0,
        "dphi0": dphi0,
        "first": first,
        "accepted": machine.accepted,
        "trials": trials,
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for search in LINE_SEARCHES:
        cases = {name: record(search, *case) for name, case in CASES.items()}
        text = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()
        )
        (FOLDER / f"{search}.json").write_text(f"{{\n{text}\n}}\n")
