"""L-BFGS-B with a dense B: Byrd, Lu, Nocedal & Zhu 1995; Morales & Nocedal 2011."""

import numpy as np


def hessian(pairs):
    """B of the pairs, the oldest first, from theta I: Nocedal & Wright, eq. (6.19)."""
    s, y = pairs[-1]
    B = np.eye(s.size) * (y @ y / (s @ y))
    for s, y in pairs:
        Bs = B @ s
        B = B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (s @ y)
    return B


def longest_step(x, d, lower, upper):
    """The largest alpha with x + alpha d in the box."""
    room = np.where(d > 0, upper - x, lower - x)
    return min(room[d != 0] / d[d != 0], default=np.inf)


def cauchy_step(B, x, g, lower, upper):
    """z to the first minimiser along P(x - t g), and what is at a bound there."""
    bound = np.where(g > 0, lower, upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = np.where(g == 0, np.inf, (x - bound) / g)
    active = np.where(g == 0, (x == lower) | (x == upper), breaks <= 0)
    z, t = np.zeros_like(x), 0.0
    d = np.where(active, 0.0, -g)
    for i in np.argsort(breaks):
        if active[i]:
            continue
        slope, bend = d @ (g + B @ z), d @ B @ d
        if slope >= 0:
            return z, active
        if t - slope / bend < breaks[i]:
            return z - slope / bend * d, active
        z = z + (breaks[i] - t) * d
        z[i], d[i], active[i], t = bound[i] - x[i], 0.0, True, breaks[i]
    return z, active


def direction(B, x, g, lower, upper):
    """The step to the minimiser of the model over what is free at the Cauchy point."""
    z, active = cauchy_step(B, x, g, lower, upper)
    free = ~active
    r = np.zeros_like(x)
    r[free] = -np.linalg.solve(B[np.ix_(free, free)], (g + B @ z)[free])
    projected = np.clip(z + r, lower - x, upper - x)
    if projected @ g < 0:
        return projected
    return z + min(1.0, longest_step(x + z, r, lower, upper)) * r


def lbfgsb(fun, x0, search, iterations, bounds, maxcor=10, corrected=True):
    """The iterates, and the pairs; `search` takes the longest step, too."""
    lower, upper = bounds
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, pairs = [x], []
    t = max(1, np.abs(x).max()) / np.linalg.norm(g)
    if np.isfinite(bounds).all():
        t = max(1, t)
    for _ in range(iterations):
        if pairs:
            d = direction(hessian(pairs), x, g, lower, upper)
        else:
            d = np.clip(x - t * g, lower, upper) - x

        def phi(alpha, x=x, d=d):
            value, gradient = fun(np.clip(x + alpha * d, lower, upper))
            return value, gradient @ d

        longest = longest_step(x, d, lower, upper)
        alpha = search(phi, f, g @ d, 1.0, longest=longest)
        x_new = np.clip(x + alpha * d, lower, upper)
        f_new, g_new = fun(x_new)
        s, y = x_new - x, g_new - g
        t = np.linalg.norm(s) / np.linalg.norm(g_new) * (1 if s @ y > 0 else 10)
        theta = 6 * (f - f_new) + 3 * (g + g_new) @ s  # Zhang, Deng & Chen 1999
        if corrected and -0.5 * (s @ y) < theta < s @ y:
            y = y + theta / (s @ s) * s
        x, f, g = x_new, f_new, g_new
        iterates.append(x)
        if s @ y > 0:
            pairs = [*pairs, (s, y)][-maxcor:]
    return iterates, pairs
