"""What several test modules share: settings, ask and tell, bits."""

import numpy as np

from optlab.evaluate import Objective
from optlab.methods import METHODS
from optlab.plan import plan_run
from optlab_c.machine import DONE, ITERATE, F, G, Machine

PAIR = Objective(lambda x: (0.0, x), True)  # stands for "f and its gradient are given"


def settings(method, n, **options):
    """The settings of a run, as `minimize` would make them."""
    return plan_run(METHODS[method], PAIR, n, options).settings


def answer(machine, want, x, fun):
    """Tell what was wanted at x."""
    f, g = fun(x)
    machine.tell(f=f if want & F else None, g=g if want & G else None)


def ask_tell(machine, fun, *, gtol=1e-5, evaluations=10_000, at_question=None):
    """Drive a machine by hand; yields (x, f, g) of every iterate.

    `at_question(machine)` may replace the machine while a question is open.
    """
    for _ in range(evaluations):
        want, x = machine.ask()
        if want == DONE:
            return
        if want == ITERATE:
            yield machine.x, machine.f, machine.g
            if machine.gnorm <= gtol:
                return
            continue
        if at_question is not None:
            machine = at_question(machine)
        answer(machine, want, x, fun)


def same_bits(a, b):
    """Equal in every bit, NaN included."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


__all__ = ["Machine", "answer", "ask_tell", "same_bits", "settings"]
