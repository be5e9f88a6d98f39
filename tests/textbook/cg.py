"""Nonlinear conjugate gradients, d+ = -g+ + beta d."""

import numpy as np


def hager_zhang(g, g_new, d):
    """Hager & Zhang 2005, eq. (1.3), with the bound of 2013, eq. (7.3)."""
    y = g_new - g
    beta = (y - 2 * d * (y @ y) / (d @ y)) @ g_new / (d @ y)
    return max(beta, 0.4 * (d @ g) / (d @ d))


def polak_ribiere(g, g_new, d):
    """Nocedal & Wright, eq. (5.45)."""
    return max(0.0, g_new @ (g_new - g) / (g @ g))


BETAS = {"hager-zhang": hager_zhang, "polak-ribiere": polak_ribiere}


def cg(fun, x0, search, iterations, beta="hager-zhang"):
    """The iterates; `search` is one of `textbook.searches`."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, d, count = [x], -g, 0
    trial = max(1, np.abs(x).max()) / np.linalg.norm(g)
    for _ in range(iterations):
        slope = g @ d

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        alpha = search(phi, f, slope, trial)
        x_new = x + alpha * d
        f, g_new = fun(x_new)
        s, y = x_new - x, g_new - g
        d_new, count = -g_new + BETAS[beta](g, g_new, d) * d, count + 1
        if count >= 6 * x.size or g_new @ d_new > -0.01 * (g_new @ g_new):
            d_new, count = -g_new, 0
            trial = np.linalg.norm(s) * (1 if s @ y > 0 else 10) / np.linalg.norm(d_new)
        else:
            trial = alpha * slope / (g_new @ d_new)  # the same first-order change
            if s @ y > 0:  # and the minimiser if the curvature were the same
                by_curvature = -(g_new @ d_new) / (d_new @ d_new) * (s @ s) / (s @ y)
                trial = np.sqrt(trial * by_curvature)
        x, g, d = x_new, g_new, d_new
        iterates.append(x)
    return iterates
