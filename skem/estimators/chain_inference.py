"""How sure the parameters of a hidden Markov model are."""

from __future__ import annotations

from dataclasses import replace

from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.estimators.chain_parameters import ParametricChain
from skem.estimators.inference import at_edges, standard_errors_of
from skem.estimators.validation import InvalidParameterError, boolean
from skem.mixture.markov import Chain

__all__ = ["ChainInferenceMixin"]


class ChainInferenceMixin(ParametricChain):
    """The part of a hidden Markov model that says how sure its parameters are."""

    def standard_errors(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        known_labels: ArrayLike | None = None,
        robust: bool = False,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information of the data (Louis 1982), by the delta method where
        parameters are constrained.

        Parameters
        ----------
        X, groups, lengths, sample_weight, known_labels : array-like
            The data of the fit, as in :meth:`fit`.
        robust : bool, default=False
            Whether to take the sandwich form (White 1982), which holds also where weights are no
            frequencies, or the model is not quite true. Sequences are the units: it takes many
            more of them than parameters.

        Returns
        -------
        errors : Bunch
            An array for each kind of parameter, in its shape: ``errors.transmat``, and so on. 0
            for one that was fixed, NaN for one at the edge of its range.

        Raises
        ------
        ValueError
            If ``robust`` asks for more sequences than there are.

        Warns
        -----
        ConvergenceWarning
            If some standard errors do not exist.
        """
        check_is_fitted(self)
        if not boolean.accepts(robust):
            raise InvalidParameterError(f"robust must be {boolean.description}, got {robust!r}")
        _, sequences = self._training_sequences(
            X, groups, lengths, sample_weight, known_labels, reset=False
        )
        # Not bound to the rows: what they share would be missing from the scores of each.
        model, given, _ = self._prepare(sequences, continuing=True)
        rows, family = sequences.rows, model.components
        names = tuple(name for name in self._mixture()._fixable if name != "weights")
        n_free, n_sequences = model.n_parameters(given), len(sequences.ends)
        if robust and n_sequences <= n_free:
            raise ValueError(
                f"robust standard errors of {n_free} parameters need more sequences than that, "
                f"but there are {n_sequences}: say where they begin (groups or lengths), or set "
                "robust=False"
            )
        with workers(rows.n_rows * family.n_statistics * self.n_components) as crew:
            model = replace(model, workers=crew)
            params = at_edges(model, given)
            params = params._replace(labels=model.labels.tied(params.labels))
            return standard_errors_of(model, params, (*Chain._fields, *names), robust)
