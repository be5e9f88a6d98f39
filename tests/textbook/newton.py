"""Newton's method, with the eigenvalues of an indefinite Hessian made positive."""

import numpy as np

ERROR = 10 * np.finfo(float).eps  # of a Hessian, relative to its norm


def newton_step(H, g):
    """-M^-1 g: Nocedal & Wright, section 3.4, with absolute values."""
    values, vectors = np.linalg.eigh(H)
    if values[0] <= 0:
        least = g.size * ERROR * np.abs(values).max()
        values = np.maximum(np.abs(values), least)
    return -vectors @ (vectors.T @ g / values)


def newton(fun, x0, search, iterations):
    """The iterates; ``fun.hessian`` gives H."""
    x = np.array(x0, dtype=float)
    f, g = fun(x)
    iterates = [x]
    for _ in range(iterations):
        d = newton_step(fun.hessian(x), g)

        def phi(alpha, x=x, d=d):
            value, gradient = fun(x + alpha * d)
            return value, gradient @ d

        x = x + search(phi, f, g @ d, 1.0) * d
        f, g = fun(x)
        iterates.append(x)
    return iterates
