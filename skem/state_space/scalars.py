"""Rows as scalar observations whose noise is independent, so that a filter takes one at a time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.errors import DegenerateError
from skem.state_space.series import FloatArray, Index, Series, StateSpace, pieces

__all__ = ["Scalars", "is_diagonal", "masked", "scalar_observations"]


class Scalars(NamedTuple):
    """Observations ``y_i = z_i' x + e_i``, ``e_i ~ N(0, r_i)``.

    Attributes
    ----------
    values : ndarray of shape (n_rows, p)
        y; 0 where missing.
    present : ndarray of shape (n_rows, p)
        1 where there is an observation, else 0.
    loadings : ndarray of shape (n_patterns, p, n)
        z.
    variances : ndarray of shape (n_patterns, p)
        r.
    pattern : integer ndarray of shape (n_rows,) or None
        Which of these a row has; None if there is but one.
    """

    values: FloatArray
    present: FloatArray
    loadings: FloatArray
    variances: FloatArray
    pattern: Index | None


def is_diagonal(matrix: FloatArray) -> bool:
    """Whether all entries off the diagonal are zero."""
    return bool(np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix)))


def scalar_observations(series: Series, params: StateSpace) -> Scalars:
    """Return the rows as scalar observations.

    With R diagonal they are the cells themselves. Else R is ``L D L'`` with ones on the diagonal
    of L, and the cells are multiplied by the inverse of L, which leaves densities as they are.
    Where some cells of a row are missing there is an R, and an L, for each set of cells.
    """
    C, R, d = params.observation_matrix, params.observation_covariance, params.observation_offset
    values = series.values - d
    if series.observed is None:
        present = np.ones(values.shape)
    else:
        present = series.observed.astype(np.float64)
        values *= present
    if is_diagonal(R):
        return Scalars(values, present, C[np.newaxis], np.diag(R)[np.newaxis], None)
    if not series.has_partial_rows:
        inverse, variances = _factor(R)
        return Scalars(
            values @ inverse.T, present, (inverse @ C)[np.newaxis], variances[np.newaxis], None
        )
    sets, pattern = series.patterns
    inverse, variances = _factor(masked(R, sets))
    for rows in pieces(0, len(values), R.size):
        values[rows] = np.einsum("tij,tj->ti", inverse[pattern[rows]], values[rows])
    loadings = inverse @ (C * sets[:, :, np.newaxis])
    return Scalars(values, present, loadings, variances, pattern)


def masked(R: FloatArray, sets: NDArray[np.bool_]) -> FloatArray:
    """Return R for sets of cells (n_sets, p): the others are alone, with a variance of 1."""
    both = sets[:, :, np.newaxis] & sets[:, np.newaxis]
    return np.where(both, R, np.eye(len(R)))


def _factor(R: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the inverse of L, and D, of ``R = L D L'`` with ones on the diagonal of L."""
    try:
        L = np.linalg.cholesky(R)
    except np.linalg.LinAlgError:
        raise DegenerateError("observation_covariance is not positive definite") from None
    diagonal = np.diagonal(L, axis1=-2, axis2=-1)
    return np.tril(np.linalg.inv(L / diagonal[..., np.newaxis, :])), diagonal**2
