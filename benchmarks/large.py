"""How close does L-BFGS come to the speed of memory?"""

import numpy as np

from .common import LIBRARIES, late_iteration, read_bandwidth, spectrum


class LBFGS:
    """Own time of a late iteration, with the pairs' traffic beside it."""

    params = (LIBRARIES, [100_000, 1_000_000], [10])
    param_names = ("library", "n", "maxcor")
    timeout = 300

    def setup(self, library, n, maxcor):
        self.fun, self.x0 = spectrum(n), np.ones(n)

    def track_own_time(self, library, n, maxcor):
        return late_iteration(
            library, "L-BFGS", self.fun, self.x0, 12, 22, maxcor=maxcor, gtol=0.0
        )

    def track_time_to_read_pairs_twice(self, library, n, maxcor):
        if library != "optlab":
            raise NotImplementedError("the machine's figure, not the library's")
        return 4 * maxcor * n * 8 / read_bandwidth()

    track_own_time.unit = track_time_to_read_pairs_twice.unit = "seconds"
