"""Sums over rows of what a smoother says of uncertainty."""

from typing import NamedTuple

import numpy as np

from skem.state_space.series import FloatArray

__all__ = ["CovarianceSums"]


class CovarianceSums(NamedTuple):
    """Sums of smoothed covariances, by weight, as EM needs them.

    V_t is the covariance of x_t given all observations. N_t is the variance of r_t, the scaled
    smoothed disturbance, by which the smoothed mean differs from the predicted one (Durbin &
    Koopman 2012, section 4.4). The disturbance w_t has mean ``Q r_t``, covariance ``Q - Q N_t Q``,
    and covariance ``-Q N_t A P_(t-1|t-1)`` with the state before it. No matrix is inverted, and
    nothing large is subtracted where Q is small.

    Attributes
    ----------
    all, first, last : ndarray of shape (n, n)
        V summed over all rows, the first, and the last ones of sequences.
    information : ndarray of shape (n, n)
        N summed over all rows but the first ones.
    cross : ndarray of shape (n, n)
        ``N_t A P_(t-1|t-1)`` summed over the same rows.
    groups : ndarray of shape (n_groups, n, n)
        V summed over groups of rows: those that have an output, or a set of outputs.
    """

    all: FloatArray
    first: FloatArray
    last: FloatArray
    information: FloatArray
    cross: FloatArray
    groups: FloatArray

    @classmethod
    def zero(cls, n: int, n_groups: int) -> "CovarianceSums":
        """Return sums over nothing, to be added to in place."""
        a, b, c, d, e = np.zeros((5, n, n))
        return cls(a, b, c, d, e, np.zeros((n_groups, n, n)))
