"""Newton's method by conjugate gradients, truncated; and within a trust region."""

import numpy as np

from tests.textbook.newton import ERROR


def to_boundary(p, c, radius):
    """The a >= 0 with |p + a c| = radius."""
    roots = np.roots([c @ c, 2 * (p @ c), p @ p - radius**2])
    return roots.real.max()


def truncated_cg(H, g, forcing, maxinner, radius=np.inf):
    """H p = -g until |H p + g| <= forcing |g|, and whether the radius ended it.

    Nocedal & Wright, algorithms 7.1 and 7.2. Along negative curvature p goes as far as
    a Newton step with its absolute value would, or to the boundary.
    """
    p, r, c = np.zeros_like(g), g, -g
    for _ in range(maxinner):
        Hc = H @ c
        rounding = ERROR * np.linalg.norm(Hc) * np.linalg.norm(c)
        bent = c @ Hc <= rounding
        a = r @ r / max(abs(c @ Hc), rounding)
        if np.isfinite(radius) and (bent or np.linalg.norm(p + a * c) >= radius):
            return p + to_boundary(p, c, radius) * c, True
        p = p + a * c
        if bent:
            break
        r_new = r + a * Hc
        if np.linalg.norm(r_new) <= forcing * np.linalg.norm(g):
            break
        c, r = -r_new + (r_new @ r_new) / (r @ r) * c, r_new
    return p, False


def next_forcing(forcing, ratio):
    """Eisenstat & Walker 1996, eq. (2.6), safeguarded; `ratio` is |g+| / |g|."""
    power = (1 + np.sqrt(5)) / 2
    before = 0.9 * forcing**power
    eta = max(0.9 * ratio**power, before if before > 0.1 else 0.0)
    return min(max(eta, 1e-8), 0.5)


def trial(fell, slope):
    """1, or less where that promises far more than the last step: twice eq. (3.60)."""
    return min(1.0, 4 * fell / slope) if fell > 0 else 1.0


def newton_cg(fun, x0, search, iterations, maxinner=20, grows=True):
    """The iterates; ``fun.hessian`` gives H. `grows`: the search may go beyond a trial."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, forcing, f_before = [x], 0.5, f
    for _ in range(iterations):
        d, _ = truncated_cg(fun.hessian(x), g, forcing, maxinner)

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        first = trial(f_before - f, -g @ d) if grows else 1.0
        x = x + search(phi, f, g @ d, first) * d
        f_before, before, (f, g) = f, np.linalg.norm(g), fun(x)
        forcing = next_forcing(forcing, np.linalg.norm(g) / before)
        iterates.append(x)
    return iterates


def trust_ncg(fun, x0, search, iterations, maxinner=20, radius=None):
    """The same within a radius; `search` takes the model's curvature `ddphi0`, too."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, forcing = [x], 0.5
    radius = max(1.0, np.abs(x).max()) if radius is None else radius
    for _ in range(iterations):
        H = fun.hessian(x)
        d, at_boundary = truncated_cg(H, g, forcing, maxinner, radius)

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        alpha = search(phi, f, g @ d, 1.0, ddphi0=d @ H @ d)
        promised = -alpha * (g @ d + alpha * (d @ H @ d) / 2)
        x = x + alpha * d
        f_before, before, (f, g) = f, np.linalg.norm(g), fun(x)
        if alpha > 1 or alpha < 0.5:
            radius = alpha * np.linalg.norm(d)
        elif f_before - f < 0.25 * promised:  # Nocedal & Wright, algorithm 4.1
            radius = 0.25 * np.linalg.norm(d)
        elif f_before - f > 0.75 * promised and at_boundary and alpha == 1:
            radius = 2 * radius
        forcing = next_forcing(forcing, np.linalg.norm(g) / before)
        iterates.append(x)
    return iterates
