"""What a pass over sequences gives."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOG_IMPOSSIBLE", "LOG_ZERO", "Expected", "FloatArray", "logarithm"]

FloatArray = NDArray[np.floating[Any]]

#: Stands for log(0) in log-densities, of which differences are no NaN; less than LOG_IMPOSSIBLE
#: can only come from it.
LOG_ZERO = -1e300
LOG_IMPOSSIBLE = -1e250


class Expected(NamedTuple):
    """What a chain expects of the hidden states of rows.

    Attributes
    ----------
    posterior : ndarray of shape (n_states, n_rows)
        Probability of each state given all of the sequence; columns in the order of the lanes.
    transitions : ndarray of shape (n_states, n_states)
        Expected number of transitions from each state to each.
    starts : ndarray of shape (n_states,)
        Expected number of sequences that start in each state.
    evidence : ndarray of shape (n_rows,)
        Adds up to the log evidence of a sequence over its columns, in nats. Only in a filtering
        pass are they what each row says given those before.
    """

    posterior: FloatArray
    transitions: FloatArray
    starts: FloatArray
    evidence: FloatArray


def logarithm(probabilities: FloatArray) -> FloatArray:
    """Return the logarithm of probabilities, -inf for zero."""
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
