"""optlab beside its peers, in ratios of medians measured in turn within one run.

``python -m benchmarks.show`` prints everything; names of parts choose among them.
"""

import argparse
import contextlib
from itertools import product
from time import perf_counter

import numpy as np

import optlab
from optlab.comparison import choose_problems, run, table

from . import batch as many
from . import compiled as small
from . import logistic, mlp, peers, sgd
from .common import (
    LIBRARIES,
    METHODS,
    extras_of,
    late_iteration,
    minimize,
    own_times,
    read_bandwidth,
    seconds,
    spectrum,
)
from .overhead import rosenbrock
from .products import Products
from .quality import BOUNDED, SECOND_ORDER, solvers


def line(what, ours, theirs, unit, peer="scipy"):
    """Print two medians and their ratio."""
    scale = {"µs": 1e6, "ms": 1e3}[unit]
    print(
        f"{what:<44} {scale * ours:10.2f} {unit}   {peer} {scale * theirs:10.2f} {unit}"
        f"   1/{theirs / ours:.1f}",
        flush=True,
    )


def in_turn(rounds, *functions, repeats=1):
    """Time each function once a round, `repeats` calls at a stretch; return the medians."""
    times = [
        [seconds(function, repeats=repeats) for function in functions]
        for _ in range(rounds)
    ]
    return np.median(times, axis=0)


def overhead():
    """Own cost of an iteration with a Python objective."""
    cases = [("L-BFGS", 2), ("BFGS", 2), ("L-BFGS", 1000)]
    new = [kind for kind in METHODS if kind not in ("BFGS", "L-BFGS")]
    cases += [(method, n) for method in new for n in (2, 10, 100)]
    tight = [("L-BFGS-B", n) for n in (2, 10, 100)]
    for i, (method, n) in enumerate(cases + tight):
        held = i >= len(cases)
        problem = rosenbrock(n)
        times = own_times(
            LIBRARIES,
            method,
            problem.fun_and_grad,
            problem.x0,
            rounds=100 if method in ("BFGS", "L-BFGS") else 20,
            extras=extras_of(method, problem, held),
            gtol=1e-8,
        )
        what = f"{method}{', half at bounds' if held else ''}, n = {n}"
        line(f"own cost of an iteration, {what}", *np.median(times, axis=0), "µs")


def call():
    """Fixed cost of a call of minimize."""
    answer, x0 = (0.0, np.zeros(2)), np.ones(2)
    for method in ("BFGS", "L-BFGS"):
        calls = [
            lambda library=library, method=method: minimize(
                library, method, lambda x: answer, x0
            )
            for library in LIBRARIES
        ]
        line(f"call of minimize, {method}", *in_turn(100, *calls, repeats=20), "µs")


def compiled():
    """A whole run on Rosenbrock's function, compiled; SciPy's with a Python objective."""
    problem = rosenbrock(2)
    for method, name in (("BFGS", "bfgs"), ("L-BFGS", "l-bfgs")):
        times = in_turn(
            30,
            lambda name=name: optlab.minimize(problem, problem.x0, method=name),
            lambda method=method: minimize(
                "scipy", method, problem.fun_and_grad, problem.x0
            ),
            repeats=20,
        )
        line(f"whole run, Rosenbrock n = 2, {method}", *times, "µs")


def nlopt():
    """A whole run on Rosenbrock's function, compiled by numba; NLopt's to the same f."""
    for n in small.SIZES:
        runs = [make(n) for make in small.RUNS.values()]
        repeats = max(1, 10_000 // n)
        times = in_turn(20, *runs, repeats=min(repeats, 200))
        line(f"whole run, Rosenbrock n = {n}", *times, "µs", "nlopt")


def batch():
    """Small problems, one core: problems a second."""

    def rate(what, run, count, other=None, other_count=0, peer=""):
        solved = np.mean(run().success)
        runs = [run] if other is None else [run, other]
        for function in runs:
            function()  # compiled, and in cache
        times = in_turn(5, *runs)
        text = f"{what:<44} {count / times[0]:12,.0f}/s   solved {solved:.4f}"
        if other is not None:
            theirs = other_count / times[1]
            text += (
                f"   {peer} {theirs:10,.0f}/s   {count / times[0] / theirs:.0f} times"
            )
        print(text, flush=True)

    for n, count in ((2, 50_000), (10, 20_000)):
        rate(f"Rosenbrock, n = {n}", many.compiled_run(n, count), count)
    for n in (2, 10):
        peer = many.jax_logistic_run(n, 2000), 2000, "jax"
        run = many.logistic_run(n, 2000)
        rate(f"logistic regression, 50 rows, n = {n}", run, 2000, *peer)
    peer = many.scipy_run(5, 200), 200, "scipy"
    for method in ("bfgs", "l-bfgs"):
        run = many.vectorised_run(5, 10_000, method)
        rate(f"vectorised Python, n = 5, {method}", run, 10_000, *peer)


def threads():
    """The same by two threads; for a machine that has nothing else to do."""
    for n, count in ((2, 200_000), (10, 50_000)):
        runs = [many.compiled_run(n, count, number) for number in (2, 1)]
        two, one = in_turn(7, *runs)
        print(f"Rosenbrock, n = {n}: {one / two:.2f} times as fast", flush=True)


def bfgs():
    """An iteration of BFGS at n = 1000: of the first 200, and long after."""
    fun, x0 = spectrum(1000), np.ones(1000)
    theirs = [
        late_iteration("scipy", "BFGS", fun, x0, 2, 7, gtol=0.0) for _ in range(5)
    ]
    # SciPy's iterations cost the same at all times; optlab's turn dense at n / 4.
    for what, first, last in (("1 to 200", 1, 200), ("400 to 600", 400, 600)):
        ours = [
            late_iteration("optlab", "BFGS", fun, x0, first, last, gtol=0.0)
            for _ in range(5)
        ]
        line(
            f"iterations {what} of BFGS, n = 1000",
            np.median(ours),
            np.median(theirs),
            "µs",
        )


def large():
    """An iteration of L-BFGS at n = 1,000,000 beside the speed of memory."""
    n, m = 1_000_000, 10
    fun, x0 = spectrum(n), np.ones(n)
    times = [
        [
            late_iteration(lib, "L-BFGS", fun, x0, 12, 27, maxcor=m, gtol=0.0)
            for lib in LIBRARIES
        ]
        for _ in range(3)
    ]
    ours, theirs = np.median(times, axis=0)
    limit = 4 * m * n * 8 / read_bandwidth(n, 2 * m)
    line("own cost of an iteration, L-BFGS, n = 1e6, m = 10", ours, theirs, "ms")
    print(
        f"{'reading the pairs twice':<44} {1e3 * limit:10.2f} ms   {ours / limit:.2f} of it"
    )


def registry():
    """The registry by one common test."""
    print(
        table(run(list(solvers(["BFGS", "L-BFGS", "CG"]).values()), choose_problems()))
    )


def second_order():
    """The registry, by methods that use second derivatives."""
    chosen = list(solvers(SECOND_ORDER).values())
    print(table(run(chosen, choose_problems())))


def bounded():
    """The problems with bounds."""
    chosen = list(solvers(BOUNDED).values())
    print(table(run(chosen, choose_problems(["bounded"]))))


def fits():
    """A logistic regression, to scikit-learn's own loss."""
    for data in logistic.DATA:
        X, y = logistic.load(data)
        loss = logistic.sklearn_loss(X, y, logistic.fit_sklearn(X, y))
        k = logistic.iterations_to(X, y, loss)
        times = in_turn(
            15,
            lambda X=X, y=y, k=k: logistic.fit_optlab(X, y, k),
            lambda X=X, y=y: logistic.fit_sklearn(X, y),
        )
        line(f"logistic regression, {data}", *times, "ms", peer="scikit-learn")


def sklearn_solver():
    """The solver's share of scikit-learn's own fit, with scikit-learn's objective."""
    for data in logistic.DATA:
        X, y = logistic.load(data)
        times = {library: [] for library in LIBRARIES}
        for _ in range(15):
            for library in LIBRARIES:
                solve = logistic.MINIMIZERS[library]
                times[library].append(logistic.solver_time(X, y, solve))
        medians = {library: np.median(times[library], axis=0) for library in LIBRARIES}
        fit, own = zip(*(medians[library] for library in LIBRARIES), strict=True)
        line(f"scikit-learn's fit, {data}", *fit, "ms")
        line(f"the solver in it, {data}", *own, "ms")
        shares = [
            f"{library} {100 * o / f:.1f} %"
            for library, f, o in zip(LIBRARIES, fit, own, strict=True)
        ]
        print(f"{'its share':<44} {'   '.join(shares)}")


PRODUCTS = {  # times the matrix products that loss and gradient may take, at most
    "64-32-10, batch 32": {"ReLU": 2.5, "Swish + batch norm": 4.0},
    "784-128-10, batch 32": {"ReLU": 1.2, "Swish + batch norm": 1.3},
    "784-128-10, batch 128": {"ReLU": 1.2, "Swish + batch norm": 1.3},
    "784-512-512-10, batch 256": {"ReLU": 1.1, "Swish + batch norm": 1.25},
}


@peers.one_core()
def nets():
    """Loss and gradient of nets in one core, beside their matrix products and peers."""
    # Peers' times are in optlab's, those of Hessian products in the library's gradients.
    for shape, dtype in product(PRODUCTS, mlp.DTYPES):
        least = {"numpy": 1, "torch": 10 if shape.startswith("64") else 2, "jax": 1}
        for kind, most in PRODUCTS[shape].items():
            floor, makers, times = net_times(shape, kind, dtype)
            ours, _ = times["optlab"]
            rows = [
                (
                    "matrix products",
                    floor,
                    f"{ours / floor:.2f} (≤ {most})   by {', '.join(makers)}",
                )
            ]
            for library, (time, _) in times.items():
                if library != "optlab":
                    target = f" (≥ {least[library]})" if library in least else ""
                    rows.append((library, time, f"1/{time / ours:.1f}{target}"))
            for library, (time, hv) in times.items():
                if hv is not None:
                    target = " (≤ 2.5)" if library == "optlab" else ""
                    ratio = f"{hv / time:.2f} gradients{target}"
                    rows.append((f"Hessian product, {library}", hv, ratio))
            print(f"{f'{shape}, {kind}, {dtype}':<54} {1e6 * ours:10.2f} µs")
            for what, time, ratio in rows:
                print(f"    {what:<50} {1e6 * time:10.2f} µs   {ratio}", flush=True)


def net_times(shape, kind, dtype, rounds=40):
    """Time the matrix products, and each library's gradient and product, in turn."""
    made = {}
    for library in peers.NETS:
        with contextlib.suppress(NotImplementedError):
            made[library] = peers.make(library, shape, kind, dtype)
    products = Products(*peers.SHAPES[shape], dtype)
    repeats = max(1, min(50, int(2e-3 / products.seconds())))

    def time(function):
        return np.nan if function is None else seconds(function, repeats=repeats)

    functions = [function for both in made.values() for function in both]
    table = [[products.seconds(repeats), *map(time, functions)] for _ in range(rounds)]
    floor, *medians = np.median(table, axis=0)
    pairs = zip(medians[::2], medians[1::2], strict=True)
    times = {
        library: (f, None if np.isnan(hv) else hv)
        for library, (f, hv) in zip(made, pairs, strict=True)
    }
    return floor, products.makers, times


@peers.one_core()
def digits():
    """The digits, 64-64-10, to a training loss of 1e-3, beside MLPClassifier's lbfgs."""
    # Targets: a third of scikit-learn's time, and a mean test accuracy of 0.97.
    for activation, precision in product(mlp.ACTIVATIONS, mlp.PRECISIONS):
        tasks = [mlp.Task(activation, precision, seed) for seed in range(5)]
        for dtype, method in product(mlp.DTYPES, mlp.METHODS):
            what = f"{activation}, prior {precision:g}, {method}, {dtype}"
            train(tasks, method, dtype, what)


def train(tasks, method, dtype, what):
    """Train by both libraries, and print what came of it."""
    times, losses, scores, counts = [], [], [], []
    for task in tasks:
        count = task.iterations(method, dtype)
        loss, score = task.scores(method, dtype, count)
        losses.append(loss)
        scores.append(score)
        counts.append((count, task.enough))
        times.append(
            in_turn(
                5,
                lambda task=task, count=count: task.optlab(method, dtype, count),
                task.sklearn,
            )
        )
    line(what, *np.median(times, axis=0), "ms", peer="scikit-learn")
    ratios = np.array(times)[:, 1] / np.array(times)[:, 0]
    rows = {
        "seeds' ratios": f"1/{ratios.min():.1f} to 1/{ratios.max():.1f}",
        "iterations": "{:.0f}, {:.0f}".format(*np.median(counts, axis=0)),
        "greatest loss": "{:.2e}, {:.2e}".format(*np.max(losses, axis=0)),
        "test accuracy": "{:.4f}, {:.4f}".format(*np.mean(scores, axis=0)),
        "least accuracy": "{:.4f}, {:.4f}".format(*np.min(scores, axis=0)),
    }
    print("    " + "   ".join(f"{k} {v}" for k, v in rows.items()), flush=True)


def epochs():
    """An epoch on the digits: 64-64-10, batches of 32, float32; medians, and the aims."""
    sgd.show_digits()


def wide():
    """An epoch of 784-128-10 on 20,000 samples, batches of 128, beside its products."""
    sgd.show_wide()


def regression():
    """Logistic regression, 200,000 x 50, to 1e-6 of the optimum, beside saga."""
    sgd.show_regression()


PARTS = {
    part.__name__: part
    for part in (
        overhead,
        call,
        compiled,
        nlopt,
        batch,
        threads,
        bfgs,
        large,
        registry,
        second_order,
        bounded,
        fits,
        sklearn_solver,
        nets,
        digits,
        epochs,
        wide,
        regression,
    )
}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.show")
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    chosen = parser.parse_args().part or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    optlab.show_config()
    for name in chosen:
        start = perf_counter()
        print(f"\n{PARTS[name].__doc__}")
        PARTS[name]()
        print(f"({name}: {perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()
