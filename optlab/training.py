"""Training side by side: how soon stochastic and other methods bring a sum down.

``python -m optlab train`` runs them on the nets of `optlab.problems`, and on all other
problems that are sums over samples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from optlab.comparison import choose_problems, columns, one_thread
from optlab.learning_rate import find_learning_rate
from optlab.methods import METHODS, find_method
from optlab.minimize import minimize
from optlab.problems import Problem
from optlab.stochastic import RULES, find_rule

SHARE = 0.1  # of the loss at the start is what has to be reached, by default


@dataclass(frozen=True)
class Training:
    """One method on one problem.

    Attributes
    ----------
    problem, method : str
        Names.
    learning_rate : float or None
        The rate of a stochastic method, as `find_learning_rate` suggests it.
    epochs : ndarray
        Passes over the data after each epoch or iteration, a Hessian product being one.
    seconds : ndarray
        The time by then, without that for the losses below.
    losses : ndarray
        The loss over all samples then.
    gnorm : float
        The largest component of the final gradient.
    """

    problem: str
    method: str
    learning_rate: float | None
    epochs: np.ndarray
    seconds: np.ndarray
    losses: np.ndarray
    gnorm: float

    def reached(self, loss: float) -> tuple[float, float] | None:
        """Epochs and seconds until the loss was no greater, or None."""
        below = np.flatnonzero(self.losses <= loss)
        if not below.size:
            return None
        first = below[0]
        return float(self.epochs[first]), float(self.seconds[first])


def train(problem: Problem, method: str, epochs: int = 50, rng: int = 0) -> Training:
    """Train by one method.

    Parameters
    ----------
    problem : Problem
        A sum over samples, such as a net.
    method : str
        A stochastic or a deterministic method of `optlab.minimize`.
    epochs : int, default 50
        The budget: passes over the data; a deterministic method may end before.
    rng : int, default 0
        Seed of the batches.

    Returns
    -------
    Training
        What happened.

    Raises
    ------
    ValueError
        If there is no such method.
    """
    rule = find_rule(method)
    if rule is None:
        return _deterministic(problem, find_method(method).name, epochs)
    options: dict[str, Any] = {"epochs": epochs, "rng": rng}
    searched = rule.name if rule.name != "svrg" else "sgd"
    found = find_learning_rate(problem, problem.x0, searched, rng=rng)
    options["learning_rate"] = found.suggestion
    # The same iterates twice: once for the time, once for the losses.
    timed = minimize(problem, problem.x0, method=rule.name, options=options)
    told = minimize(
        problem, problem.x0, method=rule.name, options={**options, "full": True}
    )
    passes = 3 if rule.name == "svrg" else 1
    return Training(
        problem.name,
        rule.name,
        found.suggestion,
        passes * np.arange(1.0, len(timed.history["seconds"]) + 1),
        timed.history["seconds"],
        told.history["f"],
        float(np.abs(told.jac).max()),
    )


def _deterministic(problem: Problem, method: str, epochs: int) -> Training:
    options = {"history": True, "maxfun": max(1, epochs)}
    result = minimize(problem, problem.x0, method=method, options=options)
    history = result.history
    return Training(
        problem.name,
        method,
        None,
        history["nfev"] + history["nhev"],
        history["seconds"],
        history["f"],
        float(np.abs(result.jac).max()),
    )


def table(trainings: Sequence[Training], share: float = SHARE) -> str:
    """Write a table with a row for each training.

    Parameters
    ----------
    trainings : sequence of Training
        What was run.
    share : float, default 0.1
        The share of the first loss that has to be reached.

    Returns
    -------
    str
        The table.
    """
    rows = [["problem", "method", "rate", "epochs", "seconds", "final loss", "max |g|"]]
    starts: dict[str, float] = {}
    for training in trainings:
        if training.losses.size:
            first = starts.get(training.problem, -np.inf)
            starts[training.problem] = max(first, float(training.losses[0]))
    for training in trainings:
        reached = training.reached(share * starts.get(training.problem, np.nan))
        rate = training.learning_rate
        rows.append(
            [
                training.problem,
                training.method,
                "" if rate is None else f"{rate:.2g}",
                "never" if reached is None else f"{reached[0]:.0f}",
                "" if reached is None else f"{reached[1]:.2g}",
                f"{training.losses[-1]:.3g}" if training.losses.size else "",
                f"{training.gnorm:.1e}",
            ]
        )
    return columns(rows)


def choose(patterns: Iterable[str]) -> list[Problem]:
    """Problems of the registry with such names or tags that are sums over samples."""
    chosen: list[Problem] = [
        problem  # type: ignore[misc]  # the registry's own
        for problem in choose_problems(tuple(patterns), (1.0,))
        if problem.n_samples  # type: ignore[attr-defined]
    ]
    if not chosen:
        raise ValueError("none of these problems is a sum over samples")
    return chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``python -m optlab train`` to a parser."""
    parser.add_argument(
        "--method",
        nargs="+",
        default=["sgd", "momentum", "adam", "l-bfgs"],
        metavar="NAME",
        help=f"methods: {', '.join([*RULES, *METHODS])} (default: sgd momentum adam "
        "l-bfgs)",
    )
    parser.add_argument(
        "--problems",
        nargs="+",
        default=["net"],
        metavar="NAME",
        help="sums over samples in the registry, by name, shell pattern or tag "
        "(default: net)",
    )
    parser.add_argument(
        "--epochs", type=int, default=50, help="passes over the data (default: 50)"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=SHARE,
        help=f"of the first loss, which has to be reached (default: {SHARE})",
    )


def main(arguments: argparse.Namespace) -> int:
    """Carry out ``python -m optlab train``; return the exit status."""
    start = perf_counter()
    try:
        for method in arguments.method:
            if find_rule(method) is None:
                find_method(method)
        problems = choose(arguments.problems)
        if arguments.epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {arguments.epochs}")
    except ValueError as error:
        print(f"optlab train: {error}", file=sys.stderr)
        return 2
    with one_thread():
        trainings = [
            train(problem, method, arguments.epochs)
            for problem in problems
            for method in arguments.method
        ]
    print(
        f"Epochs and seconds until the loss is {arguments.share:g} of the first, within "
        f"{arguments.epochs} epochs; a Hessian product counts as an epoch.\n"
    )
    print(table(trainings, arguments.share))
    print(f"\n{perf_counter() - start:.1f} s")
    return 0
