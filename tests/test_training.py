"""`python -m optlab train`: stochastic and other methods side by side."""

import numpy as np
import pytest

from optlab import minimize, problems
from optlab.__main__ import main
from optlab.training import choose, table, train


@pytest.fixture(scope="module")
def problem():
    return problems.get("logistic_multinomial", samples=300)


@pytest.mark.parametrize("method", ["adam", "SVRG", "l-bfgs", "newton-cg"])
def test_a_training_tells_what_was_run(problem, method):
    training = train(problem, method, epochs=15)
    assert training.method == method.lower()
    assert (training.learning_rate is None) == (method in ("l-bfgs", "newton-cg"))
    assert np.all(np.diff(training.epochs) > 0)
    assert np.all(np.diff(training.seconds) >= 0)
    assert training.losses[-1] < problem.fun(problem.x0)
    assert training.losses.shape == training.epochs.shape == training.seconds.shape


def test_losses_are_those_of_all_samples(problem):
    training = train(problem, "momentum", epochs=3)
    options = {"epochs": 3, "learning_rate": training.learning_rate, "rng": 0}
    result = minimize(problem, problem.x0, method="momentum", options=options)
    assert training.losses[-1] == problem.fun(result.x)


def test_reached_is_the_first_time(problem):
    training = train(problem, "l-bfgs", epochs=40)
    loss = training.losses[3]
    assert training.reached(loss) == (training.epochs[3], training.seconds[3])
    assert training.reached(-1.0) is None


def test_the_table_has_a_row_for_each(problem):
    lines = table([train(problem, m, epochs=5) for m in ("sgd", "l-bfgs")]).split("\n")
    assert len(lines) == 3
    assert lines[1].split()[:2] == ["logistic_multinomial", "sgd"]


def test_the_command_runs(capsys):
    arguments = "train --problems logistic_binary --method sgd l-bfgs --epochs 5"
    assert main(arguments.split()) == 0
    out = capsys.readouterr().out
    assert "logistic_binary" in out
    assert "l-bfgs" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--method adamm", "unknown method 'adamm'"),
        ("--problems bard", "none of these problems is a sum over samples"),
        ("--problems no-such", "no problem 'no-such'"),
        ("--problems logistic_binary --epochs 0", "epochs must be at least 1"),
    ],
)
def test_bad_arguments_are_named(arguments, words, capsys):
    assert main(["train", *arguments.split()]) == 2
    assert words in capsys.readouterr().err


def test_only_sums_are_chosen():
    assert [p.name for p in choose(["statistics"])] == problems.names("statistics")
