"""``python -m optlab``: what optlab does from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from optlab.comparison import add_arguments
from optlab.comparison import main as compare
from optlab.config import show_config
from optlab.training import add_arguments as add_training_arguments
from optlab.training import main as train


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and carry it out; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m optlab")
    commands = parser.add_subparsers(required=True, dest="command")
    config = commands.add_parser("config", help="show versions, BLAS and instructions")
    config.set_defaults(run=lambda _: show_config())
    side_by_side = commands.add_parser(
        "compare", help="run optlab and SciPy side by side over the test problems"
    )
    add_arguments(side_by_side)
    side_by_side.set_defaults(run=compare)
    training = commands.add_parser(
        "train", help="run stochastic and other methods side by side over nets"
    )
    add_training_arguments(training)
    training.set_defaults(run=train)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
