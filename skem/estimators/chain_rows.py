"""Rows of sequences as a fitted chain sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.viterbi import likeliest_path
from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.families.base import FloatArray
from skem.missing import has_missing
from skem.mixture.piece import Piece

__all__ = ["ChainRows"]


class ChainRows:
    """Some sequences, cut into lanes, with their log-densities in each state of a fitted chain.

    Parameters
    ----------
    estimator : FittedChain
        The fitted model.
    X : ndarray of shape (n_rows, n_features)
        Rows of all sequences.
    ends : ndarray of shape (n_sequences,)
        Where each sequence ends.
    labels : ndarray of shape (n_rows,), optional
        Known states, -1 where unknown.
    """

    def __init__(self, estimator: Any, X: FloatArray, ends: Any, labels: Any = None) -> None:
        self.family, self.components = estimator._fitted()
        self.chain = estimator.startprob_, estimator.transmat_
        piece = Piece(Rows(X, labels=labels), ends, self.family.n_components)
        self.X, self.lanes, self._algorithm = X, piece.lanes, piece.algorithm
        family = self.family.for_missing() if has_missing(X) else self.family
        with workers(X.size * family.n_statistics * family.n_components) as crew:
            kernel = family.kernel(self.components, np.zeros(family.n_components))
            self.logs = piece.log_densities(kernel, crew)
        self.base = kernel.offset + family.log_base_measure(X)

    def rows(self, by_column: NDArray[Any]) -> NDArray[Any]:
        """Return values in the order of the rows.

        Parameters
        ----------
        by_column : ndarray of shape (..., n_rows)
            Values in the order of the lanes.

        Returns
        -------
        values : ndarray of shape (n_rows, ...)
            The same by row.
        """
        out = np.empty((by_column.shape[-1], *by_column.shape[:-1]), by_column.dtype)
        out[self.lanes.order] = np.moveaxis(by_column, -1, 0)
        return out

    def smoothed(self) -> FloatArray:
        """Return what is known of the states, given all rows.

        Returns
        -------
        posterior : ndarray of shape (n_rows, n_states)
            Rows sum to one.
        """
        return self.rows(self._algorithm.expect(self.logs, *self.chain).posterior)

    def filtered(self) -> tuple[FloatArray, FloatArray]:
        """Return what is known of each row's state, and of the row, given the past.

        Returns
        -------
        filtered : ndarray of shape (n_rows, n_states)
            Distribution of the state given the rows up to this one.
        log_density : ndarray of shape (n_rows,)
            Of each row given those before, in nats.
        """
        distribution, log_likelihood = self._algorithm.filter(self.logs, *self.chain)
        return self.rows(distribution), self.rows(log_likelihood) + self.base

    def path(self) -> NDArray[np.integer]:
        """Return the likeliest path.

        Returns
        -------
        states : ndarray of shape (n_rows,)
            Of all sequences, one after another.
        """
        with workers(self.logs.size * len(self.logs)) as crew:
            return self.rows(likeliest_path(self.lanes, self.logs, *self.chain, crew))
