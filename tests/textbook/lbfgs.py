"""L-BFGS by the two loops, with pairs corrected by function values or not."""

import numpy as np


def two_loops(pairs, g):
    """H g: Nocedal & Wright, algorithm 7.4, with H0 = (s'y / y'y) I of the newest."""
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    s, y = pairs[-1]
    r = q * (s @ y / (y @ y))
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r += (alpha - y @ r / (s @ y)) * s
    return r


def lbfgs(fun, x0, search, iterations, maxcor=10, corrected=True):
    """The iterates, and the pairs that belong to the last one."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, pairs = [x], []
    trial = max(1, np.abs(x).max()) / np.linalg.norm(g)
    for _ in range(iterations):
        d = -two_loops(pairs, g) if pairs else -g

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        alpha = search(phi, f, g @ d, trial)
        x_new = x + alpha * d
        f_new, g_new = fun(x_new)
        s, y = x_new - x, g_new - g
        theta = 6 * (f - f_new) + 3 * (g + g_new) @ s  # Zhang, Deng & Chen 1999
        if corrected and -0.5 * (s @ y) < theta < s @ y:
            y = y + theta / (s @ s) * s
        x, f, g = x_new, f_new, g_new
        iterates.append(x)
        if s @ y > 0:
            pairs = [*pairs, (s, y)][-maxcor:]
            trial = 1.0
    return iterates, pairs
