"""Fitting batch by batch."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.estimators.doubts import doubts_of_stream, some_rows
from skem.estimators.fitting import ASSIGNMENTS, Starts, training_rows
from skem.estimators.parameters import ParametricMixture
from skem.estimators.sources import open_data, open_weights, rows_of
from skem.estimators.validation import check_parameters, unchanged_on_error
from skem.mixture.model import MixtureModel
from skem.mixture.online import Online, advance

__all__ = ["OnlineMixin"]

#: What a fit publishes that batches make out of date.
OF_FITS = frozenset(
    [
        "labels_",
        "converged_",
        "doubts_",
        "n_iter_",
        "lower_bound_",
        "lower_bounds_",
        "restarts_",
        "trace_",
        "_ascent",
    ]
)

#: Rows of the last batch that are kept, to tell whether components are alike.
ROWS_TO_KEEP = 100


class OnlineMixin(ParametricMixture):
    """The part of a mixture estimator that follows a stream of batches."""

    _online: Online
    _batch: Rows

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Move the parameters by one batch of rows: online EM.

        Running means of the sufficient statistics go a step towards those of the batch, and the
        M-step is made of them (Cappé & Moulines 2009). The step after t others has the length
        ``(t + 1) ** -0.7`` (Liang & Klein 2009). Batches of at least a few hundred rows, several
        times over the data, come near what :meth:`fit` finds.

        The first call continues from parameters that there are, of a fit or ``from_parameters``;
        where there are none it starts as fit does, from this batch, which should then show
        every component: some hundred rows of each. Units and the origin are those of this batch,
        too. ``tol``, ``max_iter``, ``n_init`` and ``acceleration`` do not matter.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            A batch of rows.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        self : object
            The estimator, ready to predict. ``n_steps_`` counts the batches. ``doubts_`` are of
            the parameters as they are, with each row as often as it came; nothing warns of them,
            since batches to come may help. What only a fit can tell (``converged_``, ``labels_``,
            ...) it does not have.

        Raises
        ------
        ValueError
            If the batch or a parameter is invalid, or there is nothing to start from. The
            estimator is then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the parameters stay as they are, because too little was seen.
        """
        with unchanged_on_error(self):
            self._partial_fit(X, sample_weight)
        return self

    def _partial_fit(self, X: Any, sample_weight: Any) -> None:
        check_parameters(self, self._checks)
        state = getattr(self, "_online", None)
        known = hasattr(self, "weights_")
        X = open_data(self, X, reset=not known)
        rows, _ = training_rows(rows_of(X, open_weights(sample_weight, X), None))
        if state is None:
            self._check_rows(rows, 1 if known else self.n_components)
            state, params = self._first_state(rows, known)
        else:
            params = self._continued(state.components)
        family = state.components
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            share = ASSIGNMENTS[self.assignment]
            model = MixtureModel(state.labels, family, rows, crew, share)
            state, new = advance(state, model, params)
        if new is None:
            warnings.warn(
                "The parameters stay as they are: some component has not seen enough rows for an "
                "estimate. Give larger batches, or decrease n_components.",
                ConvergenceWarning,
                stacklevel=3,
            )
        for name in OF_FITS & set(vars(self)):
            delattr(self, name)
        self._online = state
        params = params if new is None else new
        self._publish(family, params, X.dtype)
        self.n_steps_ = state.n_steps
        self.n_parameters_ = self._n_parameters()
        n_seen = state.total_weight * rows.effective / rows.total_weight
        self._batch = Rows(some_rows(rows, ROWS_TO_KEEP).copy(), counted=n_seen)

    @cached_property
    def doubts_(self) -> dict[str, str]:
        """Why the parameters cannot be trusted: set by a fit, after batches found when read.

        To look after every batch would take half as long again.

        Returns
        -------
        doubts : dict of str to str
            By a word.
        """
        if not hasattr(self, "_batch"):
            raise AttributeError(f"this {type(self).__name__} is not fitted: it has no doubts_")
        return doubts_of_stream(self, self._online.components, self._batch)

    def _first_state(self, rows: Rows, known: bool) -> tuple[Online, Any]:
        """Return where online EM starts, and parameters: those published, or of the batch."""
        labels, family, given, held = self._prepare(
            rows, self._continued if known else self._given
        )
        self._held = dict(held.masks)
        if known:
            return Online(labels, family.for_streams(), rows.total_weight), given
        share = ASSIGNMENTS[self.assignment]
        model = MixtureModel(labels, family.bound(rows), rows, share=share)
        starts = Starts(self, model, given, held, slice(None), rows.n_rows)
        return Online(labels, family.for_streams()), starts.make(0)
