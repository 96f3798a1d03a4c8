"""Whether a choice by held-out scores rests on a single row, as one wrong cell can make it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["METRICS", "LoneRow", "LoneRowWarning", "lone_row_behind", "lone_row_scores"]

FloatArray = NDArray[np.float64]

#: A row is alone from this share on in what the held-out rows of a split lose.
MOST = 0.9

#: Nats that it loses at least: it is some 14 standard deviations from all components. Rows at the
#: end of heavy tails seldom are, of the components that were fitted to the tails.
LEAST_LOSS = 100.0

#: The mean score of all rows of a split but the least likely one.
SCORE_BUT_ONE = "score_but_one"


class LoneRow(NamedTuple):
    """The least likely of the held-out rows of a split.

    Attributes
    ----------
    share : float
        Of this row in what all rows lose, which is how far log-densities are below the mean of
        those of the other rows; 0 where it loses less than 100 nats.
    column : float
        The number of its column that is furthest from the others, in mean deviations.
    value : float
        What it holds there.
    """

    share: float
    column: float
    value: float


NOBODY = LoneRow(0.0, 0.0, 0.0)

#: Scores of a search: numbers alone, under these names.
ROW = tuple(f"lone_{field}" for field in LoneRow._fields)
METRICS = (SCORE_BUT_ONE, *ROW)


class LoneRowWarning(UserWarning):
    """The choice among candidates rests on a single row.

    Parameters
    ----------
    row : LoneRow
        Which.
    """

    def __init__(self, row: LoneRow) -> None:
        super().__init__(row)
        self.row = row

    def __str__(self) -> str:  # numpydoc ignore=RT01
        """Name the cell, and say what to do."""
        return (
            f"The choice rests on one held-out row: X[:, {self.row.column:.0f}] is "
            f"{self.row.value:.15g} there, and without it another candidate is chosen. If it is "
            "wrong, correct it or leave the row out; otherwise choose by neg_bic or neg_icl."
        )


def lone_row_scores(model: Any, X: Any, seen: Any, weights: Any, score: float) -> dict[str, float]:
    """Return what there is to know of the least likely held-out row, by METRICS.

    Parameters
    ----------
    model : MixtureEM
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Held-out rows as the user has them.
    seen : array-like of shape (n_samples, n_features_in)
        The same as the mixture gets to see them.
    weights : array-like of shape (n_samples,) or None
        How often each row counts.
    score : float
        The weighted mean of the rows' log-densities.

    Returns
    -------
    scores : dict of str to float
        Where no row can be told from the others, SCORE_BUT_ONE is the score, and the share 0.
        Rows with missing cells cannot: their densities are of another kind.
    """
    nothing = dict(zip(METRICS, (score, *NOBODY), strict=True))
    try:
        cells = np.asarray(X, dtype=np.float64)
        missing = np.isnan(np.asarray(seen, dtype=np.float64))
    except (TypeError, ValueError):
        return nothing
    log_densities = np.asarray(model.score_samples(seen))
    known = np.flatnonzero(~missing.any(axis=1) & np.isfinite(log_densities))
    counts = np.broadcast_to(1.0 if weights is None else weights, len(cells))
    total = counts[~missing.all(axis=1)].sum()
    if not known.size or not np.isfinite(score):
        return nothing
    row = int(known[log_densities[known].argmin()])
    once = min(counts[row], 1.0)  # of a row that counts several times, one
    if not 0 < once < total:
        return nothing
    others = (score * total - once * log_densities[row]) / (total - once)
    losses = np.maximum(others - log_densities[known], 0)
    lone = NOBODY
    if losses.max() > LEAST_LOSS:
        column = _furthest(cells, row)
        share = once * losses.max() / (counts[known] @ losses)
        lone = LoneRow(share, column, cells[row, column])
    return dict(zip(METRICS, map(float, (others, *lone)), strict=True))


def _furthest(cells: FloatArray, row: int) -> int:
    """Return the column in which a row is furthest from the others, in mean deviations."""
    known = np.flatnonzero(~np.isnan(cells[row]))
    deviations = np.abs(cells[:, known] - np.nanmedian(cells[:, known], axis=0))
    scales = np.nanmean(deviations, axis=0)
    return int(known[(deviations[row] / np.where(scales > 0, scales, np.inf)).argmax()])


def lone_row_behind(
    results: dict[str, Any], chosen: int, choose: Callable[[str], int | None]
) -> LoneRow | None:
    """Return the row that a choice rests on, if there is one.

    That is so if another candidate is chosen where the least likely row of each split is left
    out, and if one row makes up most of what that candidate loses on a split.

    Parameters
    ----------
    results : dict
        ``cv_results_`` of a search.
    chosen : int
        The candidate that is chosen by all rows.
    choose : callable
        Returns the candidate to choose by a metric.

    Returns
    -------
    row : LoneRow or None
        None also where ``results`` do not tell.
    """
    if f"mean_test_{SCORE_BUT_ONE}" not in results:
        return None
    other = choose(SCORE_BUT_ONE)
    if other is None or other == chosen:
        return None
    names = (f"split{split}_test_" for split in count())
    splits = takewhile(lambda name: f"{name}{SCORE_BUT_ONE}" in results, names)
    most = max(LoneRow(*(float(results[f"{name}{key}"][other]) for key in ROW)) for name in splits)
    return most if most.share > MOST else None
