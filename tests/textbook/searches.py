"""Line searches as their sources print them: loops over phi, no state between calls.

Each takes ``phi(alpha) -> (value, slope)``, the value and the slope at 0, and a first
trial, and returns alpha. None of them knows of rounding errors or of infinities.
"""

import numpy as np


def fixed(phi, phi0, dphi0, alpha, step_length):
    phi(step_length)
    return step_length


def armijo(phi, phi0, dphi0, alpha, c1=1e-4, reference=None):
    """Nocedal & Wright, algorithm 3.1; steps of Dennis & Schnabel, A6.3.1."""
    reference = phi0 if reference is None else reference
    while (f := phi(alpha)[0]) > reference + c1 * alpha * dphi0:
        parabola = -dphi0 * alpha**2 / (2 * (f - phi0 - dphi0 * alpha))
        alpha = min(max(parabola, 0.1 * alpha), 0.5 * alpha)
    return alpha


class Nonmonotone:
    """Zhang & Hager 2004, eqs. (1.5) and (1.6)."""

    def __init__(self, eta=0.85):
        self.eta, self.C, self.Q = eta, None, 1.0

    def __call__(self, phi, phi0, dphi0, alpha, c1=1e-4):
        if self.C is None:
            self.C = phi0
        else:
            Q = self.eta * self.Q + 1
            self.C, self.Q = (self.eta * self.Q * self.C + phi0) / Q, Q
        return armijo(phi, phi0, dphi0, alpha, c1, max(self.C, phi0))


def cubic(a, fa, ga, b, fb, gb):
    """Nocedal & Wright, eq. (3.59)."""
    d1 = ga + gb - 3 * (fa - fb) / (a - b)
    root = d1**2 - ga * gb
    if root < 0:
        return np.nan
    d2 = np.sign(b - a) * np.sqrt(root)
    return b - (b - a) * (gb + d2 - d1) / (gb - ga + 2 * d2)


def wolfe(
    phi,
    phi0,
    dphi0,
    alpha,
    c1=1e-4,
    c2=0.9,
    strong=False,
    ddphi0=0.0,
    longest=np.inf,
    maxls=50,
):
    """Weak Wolfe: grow by cubic extrapolation, then shrink the bracket by the cubic.

    Bisection follows two trials that did not halve the bracket between them. `strong`
    bounds the slope on both sides; `ddphi0` is the curvature of a model, of whose decrease
    c1 is a share; at alpha = `longest` decrease is enough. Near a minimum, where phi is
    noise, no step may ever be found: hence `maxls`.
    """
    before = low = (0.0, phi0, dphi0)
    high, widths = None, (np.inf, np.inf)
    alpha = min(alpha, longest)
    for _ in range(maxls):
        f, g = phi(alpha)
        along = min(alpha, 1.0) if ddphi0 > 0 else alpha
        if f > phi0 + c1 * alpha * (dphi0 + along * ddphi0 / 2) or (
            strong and g > -c2 * dphi0
        ):
            high = (alpha, f, g)
        elif g >= c2 * dphi0 or (alpha == longest and high is None):
            return alpha
        else:
            before, low = low, (alpha, f, g)
        if high is None:
            step = cubic(*before, *low)
            step = step if step > alpha else np.inf
            alpha = min(max(step, 1.1 * alpha), 30 * alpha, longest)
        else:
            width = high[0] - low[0]
            step = cubic(*low, *high)
            if width > 0.5 * widths[0] or not np.isfinite(step):
                step = low[0] + 0.5 * width
            alpha = min(max(step, low[0] + 0.1 * width), high[0] - 0.1 * width)
            widths = (widths[1], width)
    raise RuntimeError(f"no step after {maxls} trials")


def strong_wolfe(phi, phi0, dphi0, alpha, c1=1e-4, c2=0.9):
    """Moré & Thuente 1994, as SciPy has it from MINPACK-2."""
    from scipy.optimize._dcsrch import DCSRCH

    trial = [alpha, phi0, dphi0]
    search = DCSRCH(None, None, c1, c2, 1e-14, 1e-100, 1e100)
    task = b"START"
    while True:
        trial[0], *_, task = search._iterate(*trial, task)
        if not task.startswith(b"FG"):
            assert task.startswith(b"CONV"), task
            return trial[0]
        trial[1:] = phi(trial[0])


def hager_zhang(
    phi, phi0, dphi0, alpha, c1=0.1, c2=0.9, expansion=5.0, theta=0.5, shrinkage=0.66
):
    """Hager & Zhang 2005, section 4, L0 to L3, by the paper's own names; epsilon = 0."""
    known = {0.0: (phi0, dphi0)}

    class Found(Exception):
        pass

    def at(c):
        if c not in known:
            f, g = known[c] = phi(c)
            if (f - phi0 <= c1 * dphi0 * c and g >= c2 * dphi0) or (
                f <= phi0 and (2 * c1 - 1) * dphi0 >= g >= c2 * dphi0
            ):
                raise Found(c)
        return known[c]

    def theta_search(a, b):  # U3
        while True:
            d = (1 - theta) * a + theta * b
            f, g = at(d)
            if g >= 0:
                return a, d
            a, b = (d, b) if f <= phi0 else (a, d)

    def update(a, b, c):
        if not a < c < b:
            return a, b  # U0
        f, g = at(c)
        if g >= 0:
            return a, c  # U1
        return (c, b) if f <= phi0 else theta_search(a, c)  # U2, U3

    def secant(a, b):
        ga, gb = known[a][1], known[b][1]
        return (a * gb - b * ga) / (gb - ga) if gb != ga else np.inf

    def secant2(a, b):
        c = secant(a, b)
        if not a < c < b:  # not in the paper: its S1 would leave the bracket as it is
            c = 0.5 * (a + b)
        A, B = update(a, b, c)  # S1
        if c == B:
            return update(A, B, secant(b, B))  # S2, S4
        if c == A:
            return update(A, B, secant(a, A))  # S3, S4
        return A, B

    def bracket(c):  # B0 to B3
        low = 0.0
        while True:
            f, g = at(c)
            if g >= 0:
                return low, c
            if f > phi0:
                return theta_search(low, c)
            low, c = c, expansion * c

    try:
        a, b = bracket(alpha)
        while True:
            A, B = secant2(a, b)  # L1
            if (B - A) / (b - a) > shrinkage:  # L2
                A, B = update(A, B, 0.5 * (A + B))
            a, b = A, B  # L3
    except Found as found:
        return found.args[0]


def exact(phi, phi0, dphi0, alpha):
    """The first root of the slope beyond a falling stretch, by Brent's method."""
    from scipy.optimize import brentq

    low = 0.0
    while phi(alpha)[1] < 0 and phi(alpha)[0] < phi0:
        low, alpha = alpha, 2 * alpha
    return brentq(lambda a: phi(a)[1], low, alpha, xtol=1e-300, rtol=1e-15)
