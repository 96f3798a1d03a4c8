"""How a search splits the rows where nothing is held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import indexable

__all__ = ["WholeSample"]


class WholeSample(BaseCrossValidator):
    """One split, in which all rows are the training data and all rows are the test data.

    Information criteria correct the likelihood of the training data for the number of
    parameters. They belong on the rows that the model was fitted to, all of them.

    See Also
    --------
    neg_bic : A scorer to go with it.

    Examples
    --------
    >>> from skem.model_selection import WholeSample
    >>> list(WholeSample().split([[1.0], [2.0], [5.0]]))
    [(array([0, 1, 2]), array([0, 1, 2]))]
    """

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : object
            Ignored; present by convention.
        y : object
            Ignored; present by convention.
        groups : object
            Ignored; present by convention.

        Returns
        -------
        n_splits : int
            One.
        """
        return 1

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate the one split.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : object
            Ignored; present by convention.
        groups : object
            Ignored; present by convention.

        Yields
        ------
        train : ndarray of shape (n_samples,)
            Indices of all rows.
        test : ndarray of shape (n_samples,)
            The same.
        """
        (X,) = indexable(X)
        indices = np.arange(X.shape[0] if hasattr(X, "shape") else len(X))
        yield indices, indices.copy()
