"""What several test modules share: settings, ask and tell, threads, bits."""

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from optlab.evaluate import Objective
from optlab.hessian import Dense
from optlab.methods import LINE_SEARCHES, METHODS
from optlab.plan import plan_run
from optlab_c.machine import CURVATURE, DONE, HV, ITERATE, SOLVE, F, G, H, Machine

PAIR = Objective(lambda x: (0.0, x), True)  # stands for "f and its gradient are given"

# Without bounds "l-bfgs-b" is "l-bfgs": test_descent.py shows it, and others leave it out.
DISTINCT = tuple(name for name in METHODS if name != "l-bfgs-b")
BOUNDED = tuple(name for name, row in METHODS.items() if row.bounds)
FIRST_ORDER = tuple(name for name in DISTINCT if not METHODS[name].second_order)
SECOND_ORDER = tuple(name for name, row in METHODS.items() if row.second_order)

# The searches that tell something about a direction. All of them do with gd and the
# quasi-Newton methods. Conjugate directions want an accurate step, never a fixed one;
# a Newton direction has its length, so that most searches accept the first trial.
_NEWTON = ("armijo", "hager-zhang", "wolfe")
SEARCHES_OF = {
    "cg": ("exact", "hager-zhang", "strong-wolfe", "wolfe"),
    **dict.fromkeys(SECOND_ORDER, _NEWTON),
}
WITH_SEARCHES = [
    (method, search)
    for method in DISTINCT
    for search in SEARCHES_OF.get(method, sorted(LINE_SEARCHES))
]
WITHOUT_FIXED = [pair for pair in WITH_SEARCHES if pair[1] != "fixed"]


def settings(method, n, objective=PAIR, *, bounded=False, solved=False, **options):
    """The settings of a run, as `minimize` would make them."""
    row = METHODS[method]
    return plan_run(row, objective, n, options, bounded=bounded, solved=solved).settings


def _hessian(fun, x):
    """Of a function that has one, or by central differences of its gradient."""
    hessian = getattr(fun, "hessian", None)
    if hessian is not None:
        return hessian(x)
    x = np.asarray(x, float)
    h = 1e-5 * max(1.0, np.abs(x).max())
    columns = [
        (fun(x + h * e)[1] - fun(x - h * e)[1]) / (2 * h) for e in np.eye(x.size)
    ]
    return (np.array(columns) + np.transpose(columns)) / 2


def in_threads(task, count=6):
    """What ``task(i)`` gives for every i below `count`, from as many threads at once."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(task, range(count)))


def answer(machine, want, x, fun, hess=None, hessp=None):
    """Tell what was wanted at x.

    ``fun(x)`` gives f and g, ``hess(x)`` the Hessian and ``hessp(x, v)`` its product.
    """
    if want & (F | G):
        f, g = fun(x)
        machine.tell(f=f if want & F else None, g=g if want & G else None)
        return
    if want == HV and hessp is not None:
        machine.tell(hv=hessp(x, machine.v))
        return
    matrix = _hessian(fun, x) if hess is None else hess(x)
    if want == HV:
        machine.tell(hv=matrix @ machine.v)
    elif want == H:
        machine.tell(h=matrix)
    else:
        assert want == SOLVE
        machine.tell(solve=Dense(matrix).newton(fun(x)[1]))


def ask_tell(
    machine,
    fun,
    hess=None,
    hessp=None,
    *,
    gtol=1e-5,
    evaluations=10_000,
    at_question=None,
):
    """Drive a machine by hand as `minimize` does; yields (x, f, g) of every iterate.

    `at_question(machine)` may replace the machine while a question is open.
    """
    for _ in range(evaluations):
        want, x = machine.ask()
        if want == DONE:
            return
        if want == ITERATE:
            yield machine.x, machine.f, machine.g
            if machine.gnorm <= gtol and not machine.doubt():
                return
            continue
        if want == CURVATURE:
            if not machine.at_saddle:
                return
            continue
        if at_question is not None:
            machine = at_question(machine)
        answer(machine, want, x, fun, hess, hessp)


def same_bits(a, b):
    """Equal in every bit, NaN included."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


__all__ = [
    "BOUNDED",
    "DISTINCT",
    "FIRST_ORDER",
    "SEARCHES_OF",
    "SECOND_ORDER",
    "WITHOUT_FIXED",
    "WITH_SEARCHES",
    "Machine",
    "answer",
    "ask_tell",
    "same_bits",
    "settings",
]


def cython_module(folder, name):
    """The module that ``setup.py`` in a folder builds, outside the tree; imported."""
    built = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (library,) = [*folder.glob(f"{name}*.so"), *folder.glob(f"{name}*.pyd")]
    spec = importlib.util.spec_from_file_location(name, library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(ax):
    """What is drawn in some axes: x and y of each line, by its label."""
    return {
        line.get_label(): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in ax.get_lines()
    }
