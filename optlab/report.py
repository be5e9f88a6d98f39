"""The message of a result: which test ended the run, and the evidence for it."""

from typing import TYPE_CHECKING

from optlab.result import Status
from optlab_c.machine import Machine

if TYPE_CHECKING:
    from optlab.plan import Plan


def explain(
    status: Status,
    f: float,
    gnorm: float,
    gradient_error: float,
    machine: Machine,
    plan: "Plan",
) -> str:
    """The status in words, with what was seen; f and gnorm are those of the result."""
    if status is Status.CONVERGED or status is Status.NONFINITE_START:
        return status.sentence
    if machine.nfev == 0:
        return f"{status.sentence} Nothing was evaluated yet."
    gtol = plan.common.gtol
    met = "which meets" if gnorm <= gtol else "which does not meet"
    parts = [status.sentence, _evidence(status, f, machine)]
    gradient = "projected gradient" if plan.bounded else "gradient"
    parts.append(f"The {gradient}'s norm is {gnorm:.3g}, {met} gtol = {gtol:g}.")
    if gradient_error > gtol:
        parts.append(
            f"It is made of differences, in which the rounding of f may hide slopes of "
            f"{gradient_error:.2g}: give jac, or a greater gtol."
        )
    return " ".join(filter(None, parts))


def _evidence(status: Status, result_f: float, machine: Machine) -> str:
    """What the probes on both sides of the last iterate have shown."""
    if machine.f > result_f and status is Status.LINE_SEARCH:
        return f"The last iterate had f = {machine.f:.6g}: the iterates diverge."
    if status is Status.SADDLE:
        return f"The lowest curvature seen is {machine.curvature:.3g}."
    probes = machine.probes()
    if probes is None:
        return ""
    rows, slope = probes
    f = machine.f
    quotients = [
        (h, (plus - minus) / (2 * h), max(abs(plus - f), abs(minus - f)))
        for h, plus, minus in rows
    ]
    # The middle widths are the least disturbed, by curvature or by rounding.
    h, quotient, _ = quotients[len(quotients) // 2]
    if status is Status.WRONG_GRADIENT:
        return (
            f"Along -g the gradient promises a slope of {slope:.6g}, while f changes at "
            f"{quotient:.6g} (difference over {h:.2g}); optlab.check_gradient names the "
            "worst component."
        )
    if status is Status.DISCONTINUITY:
        h, _, jump = quotients[-1]
        return (
            f"Within a distance of {h:.2g} along the gradient f changes by {jump:.3g}."
        )
    if status is Status.ROUNDING:
        return (
            f"Along -g the slope {slope:.3g} is confirmed by differences only as far as "
            f"f = {f:.17g} can be resolved."
        )
    return f"Along -g the slope is {slope:.3g}, by differences {quotient:.3g}."
