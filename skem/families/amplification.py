"""How much the expanded form of a Gaussian may amplify rounding errors."""

import numpy as np

__all__ = ["CLIMBING_AMPLIFICATION", "MAX_AMPLIFICATION", "admissible_amplification"]

#: Largest amplification of rounding errors for which the expanded form is trusted with what is
#: published: it leaves an error of some 1e-11 nats in a log-density.
MAX_AMPLIFICATION = 5e4

#: The most that is allowed while EM climbs, whatever the tolerance: some 1e-9 nats. With 200,000
#: rows of ten features, mixed at random in each of ten components, a pass takes a quarter of the
#: centred kernel's time, and the log-likelihood after 60 of them differs by 8e-12 nats per row.
CLIMBING_AMPLIFICATION = 5e6


def admissible_amplification(tol: float) -> float:
    """Return how much rounding may be amplified while EM climbs: to a tenth of its tolerance."""
    of_tolerance = tol / 10 / np.finfo(np.float64).eps
    return float(np.clip(of_tolerance, MAX_AMPLIFICATION, CLIMBING_AMPLIFICATION))
