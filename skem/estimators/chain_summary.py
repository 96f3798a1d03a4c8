"""What a person wants to know of a fitted hidden Markov model: its states, in a chosen order."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skem.estimators.chain_prediction import PredictiveChain
from skem.estimators.continuing import given_starting_values
from skem.estimators.parameters import Estimate
from skem.estimators.reordering import reorder_restarts
from skem.estimators.row_validation import check_sample_weight
from skem.estimators.summary import UNCERTAIN, Summary, column_names
from skem.estimators.text import lay_out, spell
from skem.families.base import FloatArray

__all__ = ["ChainSummary", "DescribedChain"]


@dataclass(frozen=True, repr=False, eq=False)
class ChainSummary(Summary):
    """What :meth:`~skem.GaussianHMM.summary` tells; printed, it is a text.

    It has what a mixture's summary has; ``weights`` are the shares of the rows in each state.

    Attributes
    ----------
    startprob : Estimate
        Distribution of the first state.
    transmat : Estimate
        Transition matrix.
    """

    startprob: Estimate
    transmat: Estimate

    _unit = "state"

    def _components(self) -> str:
        """Show one state per line, then the transitions."""
        K = len(self.transmat.values)
        numbers = [str(k) for k in range(K)]
        scale = np.array([1e-3])
        start = ["start", *spell(self.startprob.values, scale)]
        rows = [
            [k, *spell(row, scale)] for k, row in zip(numbers, self.transmat.values, strict=True)
        ]
        header = ["from", *(f"to {k}" for k in numbers)]
        return "\n\n".join([super()._components(), lay_out(header, [start, *rows])])


class DescribedChain(PredictiveChain):
    """The part of a hidden Markov model that tells a person what was fitted."""

    def summary(
        self,
        X: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        standard_errors: bool = False,
    ) -> ChainSummary:
        """Return what was fitted, to be printed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in), default=None
            Rows of all sequences, mostly those of the fit.
        groups, lengths : array-like, default=None
            Where sequences are, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sequence counts, as in :meth:`fit`.
        standard_errors : bool, default=False
            Whether to add the standard errors of the parameters; X is the data of the fit then.

        Returns
        -------
        summary : ChainSummary
            Printed, it is a table of the states and one of the transitions. The weight of a state
            is its expected share of the rows of X; without X, of all time in the long run.

        Raises
        ------
        ValueError
            If standard errors are asked for without X.
        AttributeError
            If X is not given and the chain has several stationary distributions.
        """
        check_is_fitted(self)
        if X is None and standard_errors:
            raise ValueError("standard_errors=True needs X, the data of the fit")
        errors = None
        n_rows = log_likelihood = bic = uncertainty = n_uncertain = None
        if X is None:
            shares = self.stationary_distribution_
        else:
            if standard_errors:
                errors = self.standard_errors(
                    X, groups=groups, lengths=lengths, sample_weight=sample_weight
                )
            posterior = self.predict_proba(X, groups=groups, lengths=lengths)
            counts = check_sample_weight(sample_weight, len(posterior))
            counts = np.ones(len(posterior)) if counts is None else counts
            shares = counts @ posterior / counts.sum()
            doubts_of_rows = 1 - posterior.max(axis=1)
            uncertainty = float(counts @ doubts_of_rows / counts.sum())
            n_uncertain = float(counts[doubts_of_rows > UNCERTAIN].sum())
            log_likelihood, n_rows = self._total(X, groups, lengths, sample_weight)
            bic = float(-2 * log_likelihood + self.n_parameters_ * np.log(n_rows))
        estimates = self._mixture()._estimates(errors)
        if not estimates:
            raise TypeError(
                f"{type(self).__name__} has no summary: its states have no number for each "
                "column. Read its parameters by their names"
            )
        return ChainSummary(
            model=type(self).__name__,
            columns=column_names(self, next(iter(estimates.values())).values.shape[1]),
            weights=Estimate(shares),
            estimates=estimates,
            n_parameters=self.n_parameters_,
            n_rows=n_rows,
            log_likelihood=log_likelihood,
            bic=bic,
            uncertainty=uncertainty,
            n_uncertain=n_uncertain,
            doubts=list(getattr(self, "doubts_", {}).values()),
            startprob=_estimate(self, errors, "startprob"),
            transmat=_estimate(self, errors, "transmat"),
        )

    def reordered(self, order: str | int | ArrayLike = "weights") -> Self:
        """Return a copy of the model with its states in another order.

        Parameters
        ----------
        order : 'weights', str, int or array-like of shape (n_components,), default='weights'
            'weights': the state that the chain is in most of the time first. The name or the index
            of a column: the smallest mean or probability in it first. An array: the present number
            of each state, in the new order.

        Returns
        -------
        model : object
            A fitted copy. All that is known by state is in the new order: fitted attributes,
            starting values, priors and masks in the constructor's parameters. The model itself is
            left as it is.

        Raises
        ------
        ValueError
            If there is no such column, or the array is no order of the states.
        AttributeError
            For 'weights', if the chain has several stationary distributions.
        """
        check_is_fitted(self)
        mixture = self._mixture()
        if isinstance(order, str) and order == "weights":
            mixture.weights_ = self.stationary_distribution_
        places = mixture._order(order)
        other = copy(self)
        other.set_params(**self._reordered_params(mixture, places))
        for name in mixture._component_attributes():
            if name != "weights_":
                setattr(other, name, getattr(self, name)[places])
        other.startprob_ = self.startprob_[places]
        other.transmat_ = self.transmat_[np.ix_(places, places)]
        other._started_from = given_starting_values(other)
        if hasattr(self, "_last_state"):
            other._last_state = self._last_state[places]
        if hasattr(self, "restarts_"):
            other.restarts_ = reorder_restarts(self.restarts_, places)
        return other

    def _reordered_params(self, mixture: Any, places: NDArray[np.intp]) -> dict[str, Any]:
        """Return the constructor's parameters that are by state, in the new order."""
        own: dict[str, Any] = self.get_params(deep=False)

        def in_order(name: str, values: Any) -> Any:
            if np.ndim(values) == 0:
                return values
            index = np.ix_(places, places) if name.startswith("transmat") else places
            return np.asarray(values)[index]

        of_chain = {
            name: in_order(name, values)
            for name, values in own.items()
            if name.startswith(("startprob", "transmat")) and values is not None
        }
        fixed = {name: in_order(name, mask) for name, mask in (own["fixed"] or {}).items()}
        return {
            **mixture._reordered_params(places),
            **of_chain,
            "fixed": fixed or own["fixed"],
        }


def _estimate(estimator: Any, errors: Any, name: str) -> Estimate:
    """Return an array of the chain, with its standard errors where those are known."""
    values: FloatArray = getattr(estimator, f"{name}_")
    return Estimate(values, None if errors is None else errors[name])
