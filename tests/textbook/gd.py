"""Gradient descent, x+ = x - alpha g, with its four rules for the first trial."""

import numpy as np


def gd(fun, x0, search, iterations, step="bb1"):
    """The iterates; `search` is one of `textbook.searches`."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates = [x]
    trial = max(1, np.abs(x).max()) / np.linalg.norm(g)
    for _ in range(iterations):
        slope = -g @ g

        def phi(alpha, x=x, g=g):
            value, gradient = fun(x - alpha * g)
            return value, -gradient @ g

        alpha = search(phi, f, slope, trial)
        x_new = x - alpha * g
        f, g_new = fun(x_new)
        s, y = x_new - x, g_new - g
        x, g = x_new, g_new
        iterates.append(x)
        match step:
            case "bb1":  # Barzilai & Borwein 1988, eqs. (5) and (6)
                trial = s @ s / (s @ y)
            case "bb2":
                trial = s @ y / (y @ y)
            case "previous":  # Nocedal & Wright, section 3.5
                trial = alpha * slope / (-g @ g)
            case "unit":
                trial = 1.0
        if step.startswith("bb") and s @ y <= 0:  # concave along s: ten times as far
            trial = 10 * np.linalg.norm(s) / np.abs(g).max()
    return iterates
