"""A mixture as a step of a pipeline: rows go in, posterior probabilities come out."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skem.families.base import FloatArray

__all__ = ["PosteriorMixin"]


class PosteriorMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The part of an estimator that gives posterior probabilities away.

    It asks for ``predict_proba`` and ``classes_``.
    """

    @property
    def _n_features_out(self) -> int:
        """Number of columns of the output: components."""
        return len(self.classes_)

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the posterior probability of each component: what a pipeline passes on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components)
            As of ``predict_proba``; a table if ``set_output`` says so.
        """
        return self.predict_proba(X)

    def uncertainty(self, X: ArrayLike) -> FloatArray:
        """Return how uncertain the label of each row is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_in)
            Data.

        Returns
        -------
        uncertainty : ndarray of shape (n_samples,)
            1 less the largest posterior probability: 0 where the label is certain, 1 - 1 / K
            where nothing is known.
        """
        posterior: Any = self.predict_proba(X)
        return 1 - posterior.max(axis=1)
