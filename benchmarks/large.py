"""How close does L-BFGS come to the speed of memory?"""

import numpy as np

from .common import LIBRARIES, late_iteration, read_bandwidth, spectrum


class LBFGS:
    """Own time of a late iteration."""

    params = (LIBRARIES, [100_000, 1_000_000], [10])
    param_names = ("library", "n", "maxcor")
    timeout = 300

    def setup(self, library, n, maxcor):
        self.fun, self.x0 = spectrum(n), np.ones(n)

    def track_own_time(self, library, n, maxcor):
        return late_iteration(
            library, "L-BFGS", self.fun, self.x0, 12, 22, maxcor=maxcor, gtol=0.0
        )

    track_own_time.unit = "seconds"


class Memory:
    """What the pairs' traffic alone would take: each of them read twice."""

    params = ([100_000, 1_000_000], [10])
    param_names = ("n", "maxcor")

    def track_reading_pairs_twice(self, n, maxcor):
        return 4 * maxcor * n * 8 / read_bandwidth(n)

    track_reading_pairs_twice.unit = "seconds"
