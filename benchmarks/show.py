"""optlab beside its peers, in ratios of medians measured in turn within one run.

``python -m benchmarks.show`` prints everything; names of parts choose among them.
"""

import argparse
from time import perf_counter

import numpy as np

import optlab
from optlab.comparison import choose_problems, run, table

from . import logistic, mlp, sgd
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


def nets():
    """Loss and gradient of nets, beside their matrix products and beside peers."""
    for dtype in ("float32", "float64"):
        for shape in mlp.SHAPES:
            floor = [mlp.products(shape, dtype), mlp.own_products(shape, dtype)]
            for kind in mlp.KINDS:
                peers = [mlp.net(name, shape, kind, dtype) for name in mlp.LIBRARIES]
                _, objective, w, _, _ = mlp.case(shape, kind, dtype)
                peers.append(lambda o=objective, w=w: o.hessp(w, w))
                repeats = 20 if shape.endswith("32") else 3
                blas, own, ours, *theirs, product = in_turn(
                    40, *floor, *peers, repeats=repeats
                )
                ratios = [
                    f"{name} {time / ours:.1f}"
                    for name, time in zip(mlp.LIBRARIES[1:], theirs, strict=True)
                ]
                print(
                    f"{shape}, {kind}, {dtype}: {1e6 * ours:.1f} µs, "
                    f"{ours / blas:.2f} of its products by BLAS ({1e6 * blas:.1f} µs), "
                    f"{ours / own:.2f} of the net without them ({1e6 * own:.1f} µs); "
                    f"times as long: {', '.join(ratios)}; "
                    f"a Hessian product {product / ours:.2f} gradients",
                    flush=True,
                )


def digits():
    """Digits, 64-64-10, to a training loss of 1e-3, beside scikit-learn's lbfgs."""
    for activation in ("relu", "tanh"):
        for method in ("l-bfgs", "newton-cg", "trust-ncg"):
            rows = [
                (
                    *mlp.train_optlab(method, activation, seed)[:2],
                    *mlp.train_sklearn(activation, seed)[:2],
                )
                for seed in range(5)
            ]
            ours, score, theirs, peer = np.median(rows, axis=0)
            line(f"{activation}, {method}", ours, theirs, "ms", peer="scikit-learn")
            print(f"{'test accuracy':<44} {score:10.4f}   scikit-learn {peer:10.4f}")


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
