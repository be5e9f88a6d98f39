"""BFGS in product form: every step starts again from gamma I and applies all pairs."""

import numpy as np


def inverse_hessian(pairs, n, H0=None):
    """Nocedal & Wright, eq. (6.17) over all pairs, from (s'y / y'y) I of the newest."""
    s, y = pairs[-1]
    H = np.eye(n) * (s @ y / (y @ y)) if H0 is None else H0.copy()
    for s, y in pairs:
        rho = 1 / (s @ y)
        V = np.eye(n) - rho * np.outer(y, s)
        H = V.T @ H @ V + rho * np.outer(s, s)
    return H


def bfgs(fun, x0, search, iterations, hess_inv0=None):
    """The iterates, and the inverse Hessian that belongs to the last one."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates, pairs = [x], []
    H = np.eye(x.size) if hess_inv0 is None else hess_inv0
    trial = max(1, np.abs(x).max()) / np.linalg.norm(g) if hess_inv0 is None else 1.0
    for _ in range(iterations):
        d = -H @ g

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        alpha = search(phi, f, g @ d, trial)
        x_new = x + alpha * d
        f, g_new = fun(x_new)
        s, y = x_new - x, g_new - g
        x, g = x_new, g_new
        iterates.append(x)
        if s @ y > 0:
            pairs.append((s, y))
            H = inverse_hessian(pairs, x.size, hess_inv0)
            trial = 1.0
    return iterates, H
