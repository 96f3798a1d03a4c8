"""Rows of successes out of trials: their layouts, and what cannot be counts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.column_name import column_name
from skem.estimators.row_validation import check_cells
from skem.estimators.validation import InvalidParameterError
from skem.estimators.warn_once import warn
from skem.families.base import FloatArray
from skem.families.binomial import Binomial
from skem.missing import has_missing

__all__ = ["SuccessesOutOfTrials", "check_trials"]

#: First rows in which to look for what cannot be counts.
ROWS_TO_LOOK_AT = 10_000

#: Log-likelihoods of larger counts could not be told from those of impossible rows.
MOST_COUNTS = 1e100


class SuccessesOutOfTrials(MixtureEM):
    """The half of a mixture of binomials that knows the layouts of its rows."""

    n_trials: Any

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        name = self._name
        message = f"Negative values in data passed to {name}: counts must be >= 0"
        check_cells(X, X < 0, message, first_row)
        if float(np.fmax.reduce(X, axis=None)) > MOST_COUNTS:
            too_many = X.astype(np.float64) > MOST_COUNTS
            check_cells(X, too_many, f"{name} takes counts up to {MOST_COUNTS:g}", first_row)
        trials = self._trials(X.shape[1])
        if trials is not None:
            message = f"{name} got more successes than n_trials={self.n_trials}"
            check_cells(X, X > trials, message, first_row)
        elif has_missing(X):
            successes, failures = np.split(np.isnan(X), 2, axis=1)
            half = successes != failures
            message = "A missing cell is NaN in both successes and failures, but one is given"
            given = np.hstack([half & ~successes, half & ~failures])
            check_cells(X, given, message, first_row)
        return X

    def _trials(self, n_features: int) -> FloatArray | None:
        """Return the trials of each column, or None; raise ValueError if X cannot be so wide."""
        if self.n_trials is not None:
            return check_trials(self.n_trials, n_features, self._name)
        if n_features % 2:
            raise ValueError(
                f"X has {n_features} columns, an odd number. With n_trials=None, X must be "
                "[successes | failures], two blocks of equally many columns; for columns of "
                "successes alone, set n_trials to the number of trials (an int, or one for each "
                "column)"
            )
        return None

    def _family(self, n_components: int, n_features: int) -> Binomial:
        trials = self._trials(n_features)
        return Binomial(n_components, n_features // 2 if trials is None else n_features, trials)

    def _fitted(self) -> tuple[Any, Any]:
        """Return family and parameters; raise where n_trials now reads the columns otherwise."""
        family, params = super()._fitted()
        n_fitted = params.components.probabilities.shape[1]
        if n_fitted != family.n_columns:
            raise ValueError(
                f"n_trials={self.n_trials!r} reads the columns of X as {family.n_columns} of "
                f"successes, but {n_fitted} were fitted. Set n_trials as it was, or fit again"
            )
        return family, params

    def _trials_of_missing(self, n_trials: Any, n_columns: int) -> FloatArray | None:
        """Return n_trials as an array, None where not given; raise where given twice."""
        if n_trials is None:
            return None
        if self.n_trials is not None:
            raise ValueError("n_trials is a parameter of the estimator already")
        return check_trials(n_trials, n_columns, self._name)

    def _zeros_say_nothing(self) -> bool:
        return self.n_trials is None or not np.all(self.n_trials)

    def _unobserved(self, X: FloatArray) -> NDArray[np.bool_] | None:
        trials = self._trials(X.shape[1])
        if trials is None:  # the sum of no trials, or of none that is known, is 0
            return np.nansum(X, axis=1) == 0
        if not trials.all():
            return (np.isnan(X) | (trials == 0)).all(axis=1)
        return super()._unobserved(X)

    def _warn_about_data(self, rows: Rows) -> None:
        """Warn where a column holds parts of one: a share where a count should be, mostly."""
        X = rows.first(ROWS_TO_LOOK_AT)
        broken = X != np.floor(X)
        broken &= ~np.isnan(X)
        shares_only = broken.any(axis=0) & ~(X > 1).any(axis=0)
        if not shares_only.any():
            return
        column = int(shares_only.argmax())
        row = int(broken[:, column].argmax())
        name = column_name(self, column)
        warn(
            f"Column {name!r} of X holds fractions (the first is {X[row, column]:g}) and nothing "
            "above 1, but each cell is read as a count, of less than one success or failure. "
            "Give counts: with a fraction and a depth the successes are fraction * depth, and "
            "the failures depth less these",
            UserWarning,
            stacklevel=6,
        )

    def _doubts_about_data(self, rows: Rows) -> dict[str, str]:
        """Return that there are too few trials to tell so many components apart, if it is so."""
        family = self._family(self.n_components, rows.X.shape[1])
        if family.n_columns > 1 or self.n_components == 1:
            return {}
        most = float(rows.fold(partial(_most_trials, family), 2**16, max))
        told_apart = int(most + 1) // 2
        if self.n_components <= told_apart:
            return {}
        return {
            "unclear": "so many binomial components cannot be identified from one column with at "
            f"most {most:g} trials, which tell at most {told_apart} apart: other parameters fit "
            "these data equally well. Decrease n_components."
        }


def _most_trials(family: Binomial, X: FloatArray, weights: FloatArray) -> float:
    successes, failures = family.split(X)
    return float((successes + failures).max())


def check_trials(n_trials: Any, n_columns: int, name: str, n_rows: int = 0) -> FloatArray:
    """Return the number of trials of each column as an array; of n_rows rows, too, if so given."""
    try:
        trials = np.asarray(n_trials, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            f"The 'n_trials' parameter of {name} must hold numbers: {error}"
        ) from None
    if trials.ndim == 0:
        trials = np.full(n_columns, trials)
    if trials.shape not in [(n_columns,), (n_rows, n_columns)]:
        by_row = (
            f", or an array of shape {(n_rows, n_columns)}"
            if n_rows
            else ". Where trials differ from row to row, leave n_trials=None and let the data be "
            "np.hstack([X, np.reshape(n_trials, (len(X), -1)) - X]): [successes | failures]"
        )
        raise ValueError(
            f"n_trials has the shape {trials.shape}, but X has {n_columns} columns of successes: "
            f"give an int, or one number for each column{by_row}"
        )
    if not (np.isfinite(trials).all() and (trials >= 0).all() and (trials % 1 == 0).all()):
        raise InvalidParameterError(
            f"The 'n_trials' parameter of {name} must hold whole numbers >= 0. Got {n_trials!r}."
        )
    return trials
