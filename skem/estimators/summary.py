"""What a person wants to know of a fitted model: its components, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skem.estimators.parameters import Estimate, ParametricMixture
from skem.estimators.text import WIDTH, lay_out, spell
from skem.families.base import FloatArray

__all__ = ["Estimate", "Summary", "SummaryMixin", "column_names"]

#: A label whose probability is less than 1 - this is in doubt.
UNCERTAIN = 0.1


@dataclass(frozen=True, repr=False, eq=False)
class Summary:
    """What :meth:`~skem.GaussianMixtureEM.summary` tells; printed, it is a text.

    Attributes
    ----------
    model : str
        Name of the estimator's class.
    columns : list of str
        Names of the columns.
    weights : Estimate
        Mixing weights, of shape (n_components,).
    estimates : mapping of str to Estimate
        What describes a component, by name: ``mean`` and ``sd``, or ``probability``.
    n_parameters : int
        Number of free parameters.
    n_rows : float or None
        Number of rows, by weight.
    log_likelihood : float or None
        Total log-likelihood of the rows, in nats.
    bic : float or None
        Bayesian information criterion.
    uncertainty : float or None
        How uncertain the label of a row is on average: 1 less its probability.
    n_uncertain : float or None
        Number of rows, by weight, of which that is more than 0.1.
    doubts : list of str
        Why the fit cannot be trusted.
    """

    model: str
    columns: list[str]
    weights: Estimate
    estimates: Mapping[str, Estimate]
    n_parameters: int
    n_rows: float | None
    log_likelihood: float | None
    bic: float | None
    uncertainty: float | None
    n_uncertain: float | None
    doubts: list[str]

    #: What a component is called.
    _unit = "component"

    @property
    def table(self) -> Any:
        """All estimates, one in each row.

        Returns
        -------
        table : pandas.DataFrame or list of dict
            A list where pandas is not installed. Columns: ``component``, ``parameter``,
            ``column`` (empty for weights), ``value`` and, where they are known,
            ``standard_error``.
        """
        rows = []
        for k in range(len(self.weights.values)):
            rows.append(_entry(k, "weight", "", self.weights, (k,)))
            for j, column in enumerate(self.columns):
                for name, estimate in self.estimates.items():
                    rows.append(_entry(k, name, column, estimate, (k, j)))
        try:
            import pandas as pd
        except ImportError:
            return rows
        return pd.DataFrame(rows)

    def __repr__(self) -> str:  # numpydoc ignore=RT01
        """Describe the components in a table, and how far to trust it in sentences."""
        lines = [
            line
            for sentence in self._sentences()
            for line in wrap(sentence, WIDTH, break_on_hyphens=False)
        ]
        return "\n\n".join(["\n".join(lines), self._components()])

    def _sentences(self) -> list[str]:
        """Say in a line each what is known of the fit and of its labels."""
        n_rows = "" if self.n_rows is None else f", {_count(self.n_rows)} rows"
        K = len(self.weights.values)
        facts = [f"{self.model}: {K} {self._unit}{'s' * (K > 1)}{n_rows}"]
        facts.append(f"{self.n_parameters} parameters")
        if self.log_likelihood is not None and self.bic is not None:
            facts[1] += f", log-likelihood {self.log_likelihood:.2f}, BIC {self.bic:.2f}"
        if self.uncertainty is not None and K > 1:
            facts.append(
                f"labels uncertain by {self.uncertainty:.1%} on average, by more than "
                f"{UNCERTAIN:.0%} in {_count(self.n_uncertain)} of the rows"
            )
        facts += [f"not to be trusted: {doubt}" for doubt in self.doubts]
        first, *further = self.estimates
        shown = first + "".join(f" ({name})" for name in further)
        if any(each.errors is not None for each in self.estimates.values()):
            shown += ", each ± its standard error"
        return [*facts, f"shown: {shown}"]

    def _components(self) -> str:
        """Show one component per line: its number, weight, expected rows, and distributions."""
        weights, errors = self.weights
        shown = _with_errors(weights, errors, np.array([0.01]) if errors is None else errors)
        columns = {
            self._unit: [str(k) for k in range(len(weights))],
            "weight": shown,
        }
        if self.n_rows is not None:
            columns["rows"] = [f"{weight * self.n_rows:.0f}" for weight in weights]
        cells = [self._cells(j) for j in range(len(self.columns))]
        header = [*columns, *self.columns]
        return lay_out(header, list(zip(*columns.values(), *cells, strict=True)))

    def _cells(self, j: int) -> list[str]:
        """Return the first estimate of a column for each component, others in brackets."""
        parts = [
            (e.values[:, j], None if e.errors is None else e.errors[:, j])
            for e in self.estimates.values()
        ]
        first, errors = parts[0]
        scale = parts[-1][0] if len(parts) > 1 else np.array([1e-3])
        if errors is not None and np.isfinite(errors).any():
            scale = errors
        cells = _with_errors(first, errors, scale)
        for values, errors in parts[1:]:
            further = _with_errors(values, errors, scale)
            cells = [f"{cell} ({more})" for cell, more in zip(cells, further, strict=True)]
        return cells


def _count(rows: float | None) -> str:
    """Write a number of rows: a whole one as it is, another (of weights) to a tenth."""
    return "" if rows is None else f"{rows:.1f}".removesuffix(".0")


def _with_errors(values: FloatArray, errors: FloatArray | None, scale: FloatArray) -> list[str]:
    """Return numbers, with their standard errors behind them where those are known."""
    cells = spell(values, scale)
    if errors is None:
        return cells
    return [f"{cell} ± {error}" for cell, error in zip(cells, spell(errors, scale), strict=True)]


def _entry(
    k: int, parameter: str, column: str, estimate: Estimate, index: tuple[int, ...]
) -> dict[str, Any]:
    entry = {
        "component": k,
        "parameter": parameter,
        "column": column,
        "value": float(estimate.values[index]),
    }
    if estimate.errors is not None:
        entry["standard_error"] = float(estimate.errors[index])
    return entry


class SummaryMixin(ParametricMixture):
    """The part of a mixture estimator that tells a person what was fitted."""

    def summary(
        self,
        X: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        standard_errors: bool = False,
    ) -> Summary:
        """Return what was fitted, to be printed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in), default=None
            Rows, mostly those of the fit. Without them there is no telling how certain their
            labels are.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        standard_errors : bool, default=False
            Whether to add the standard errors of the parameters; X is the data of the fit then.

        Returns
        -------
        summary : Summary
            Printed, it is a table of the components: weights, expected numbers of rows, and for
            each column the mean (standard deviation in brackets) or the probability. Above it
            stand the number of rows, how uncertain their labels are, and what is doubtful.
            ``summary.table`` has all numbers.

        Raises
        ------
        ValueError
            If standard errors are asked for without X.

        Examples
        --------
        >>> from skem import GaussianMixtureEM
        >>> from skem.datasets import load_old_faithful
        >>> X = load_old_faithful(as_frame=True).data
        >>> mixture = GaussianMixtureEM(2, random_state=0).fit(X).reordered("eruptions")
        >>> mixture.summary(X)
        GaussianMixtureEM: 2 components, 272 rows
        11 parameters, log-likelihood -1130.26, BIC 2322.19
        labels uncertain by 0.1% on average, by more than 10% in 1 of the rows
        shown: mean (sd)
        <BLANKLINE>
          component  weight  rows    eruptions     waiting
                  0   0.356    97  2.04 (0.26)  54.5 (5.8)
                  1   0.644   175  4.29 (0.41)  80.0 (6.0)
        """
        check_is_fitted(self)
        model: Any = self
        errors = None
        if standard_errors:
            if X is None:
                raise ValueError("standard_errors=True needs X, the data of the fit")
            errors = model.standard_errors(X, sample_weight)
        uncertainty = n_uncertain = None
        if X is None:
            n_rows: Any = getattr(self, "_total_weight", None)
            log_likelihood = _of_fit(self, n_rows)
        else:
            of_rows = np.asarray(model.uncertainty(X))
            counts = np.broadcast_to(1.0 if sample_weight is None else sample_weight, len(of_rows))
            n_rows = float(counts.sum())
            uncertainty = float(counts @ of_rows / n_rows)
            n_uncertain = float(counts[of_rows > UNCERTAIN].sum())
            log_likelihood = model.score(X, sample_weight=sample_weight) * n_rows
        bic = None
        if log_likelihood is not None:
            bic = float(-2 * log_likelihood + model.n_parameters_ * np.log(n_rows))
        estimates = self._estimates(errors)
        n_columns = next(iter(estimates.values())).values.shape[1]
        return Summary(
            type(self).__name__,
            column_names(self, n_columns),
            Estimate(model.weights_, None if errors is None else errors.weights),
            estimates,
            model.n_parameters_,
            n_rows,
            log_likelihood,
            bic,
            uncertainty,
            n_uncertain,
            list(getattr(self, "doubts_", {}).values()),
        )


def column_names(estimator: Any, n_columns: int) -> list[str]:
    """Return the names of columns that an estimator was fitted to.

    Parameters
    ----------
    estimator : object
        Fitted.
    n_columns : int
        Number of columns that its components describe.

    Returns
    -------
    names : list of str
        Those of its features; x1, x2, ... where they have none.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return [f"x{j + 1}" for j in range(n_columns)]
    return [str(name) for name in names[:n_columns]]


def _of_fit(estimator: Any, n_rows: float | None) -> float | None:
    """Return the total log-likelihood of the rows of the fit, where that is published."""
    mean = getattr(estimator, "lower_bound_", None)
    if mean is None or n_rows is None or estimator.assignment == "hard":
        return None
    return float(mean * n_rows)
