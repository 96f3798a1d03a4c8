"""Rows of X as sequences of a state-space model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.estimators.column_name import column_name
from skem.estimators.number_validation import validate_numbers
from skem.estimators.sequences import outer_index, sequence_ends, sequence_weights
from skem.state_space.series import FloatArray, Series

__all__ = ["open_series"]


def open_series(
    estimator: Any,
    X: Any,
    groups: Any = None,
    lengths: Any = None,
    sample_weight: Any = None,
    *,
    reset: bool = False,
) -> tuple[Series, FloatArray]:
    """Return X as sequences about a centre, and the centre.

    Observations of 1e8 with a spread of one would lose eight digits otherwise.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Which it is for.
    X : array-like of shape (n_samples, n_features)
        Sequences; NaN where a cell is missing.
    groups, lengths : array-like, default=None
        Where sequences begin.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sequence counts.
    reset : bool, default=False
        Whether X is to be fitted anew: it decides the number and names of columns, and the centre,
        which else is the published offset.

    Returns
    -------
    series : Series
        X less the centre.
    centre : ndarray of shape (n_features,)
        The centre.

    Raises
    ------
    ValueError
        If X, or what belongs to it, is invalid.
    """
    index = outer_index(X)
    X = validate_numbers(
        estimator,
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
        ensure_min_samples=2 if reset else 1,
        reset=reset,
    )
    X = np.asarray(X, dtype=np.float64)
    ends = sequence_ends(len(X), groups, lengths, index)
    weights = sequence_weights(sample_weight, ends)
    if not reset:
        centre = estimator.observation_offset_
        return Series.of(X - centre, ends, weights), centre
    if weights is not None and not weights.all():  # absent
        n_rows = np.diff(ends, prepend=0)[weights > 0]
        X = X[np.repeat(weights > 0, np.diff(ends, prepend=0))]
        ends, weights = np.cumsum(n_rows), weights[weights > 0]
    there = ~np.isnan(X)
    counts = there.sum(axis=0)
    _check_columns(estimator, counts)
    centre = np.where(there, X, 0.0).sum(axis=0) / counts
    return Series.of(X - centre, ends, weights), centre


def _check_columns(estimator: Any, counts: NDArray[np.intp]) -> None:
    """Raise where a column has no cell."""
    if not counts.all():
        column = int(np.argmin(counts > 0))
        name = column_name(estimator, column)
        raise ValueError(
            f"X has no observed value in column {name!r}: all of its cells are missing. "
            "Leave it out"
        )
