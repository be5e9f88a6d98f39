"""What does an iteration of BFGS cost as n grows?"""

import numpy as np

from .common import LIBRARIES, late_iteration, spectrum


class BFGS:
    """Own time of an iteration on an ill-conditioned quadratic."""

    params = (LIBRARIES, [100, 200, 500, 1000, 2000])
    param_names = ("library", "n")
    timeout = 300

    def setup(self, library, n):
        self.fun, self.x0 = spectrum(n), np.ones(n)

    def track_own_time(self, library, n):
        # SciPy's cost is that of dense products, the same from the first iteration on.
        first, last = (5, 60) if library == "optlab" else (1, 4)
        return late_iteration(library, "BFGS", self.fun, self.x0, first, last, gtol=0.0)

    track_own_time.unit = "seconds"
