"""The message of a result: which test ended the run, and the evidence for it."""

from typing import TYPE_CHECKING

from optlab.result import Status
from optlab_c.machine import Machine

if TYPE_CHECKING:
    from optlab.plan import Plan


def explain(status: Status, gnorm: float, machine: Machine, plan: "Plan") -> str:
    """The status in words, with what was seen."""
    if status is Status.CONVERGED:
        return status.sentence
    size = f"The gradient's norm is {gnorm:.3g}"
    gtol = plan.common.gtol
    if status is Status.NONFINITE_START:
        return status.sentence
    verdict = (
        f"{size}, which meets gtol = {gtol:g}."
        if gnorm <= gtol
        else f"{size}; gtol = {gtol:g} is not met."
    )
    return " ".join(
        filter(None, (status.sentence, _evidence(status, machine), verdict))
    )


def _evidence(status: Status, machine: Machine) -> str:
    """What the probes on both sides of x have shown."""
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
