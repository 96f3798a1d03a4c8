"""Rows of sequences as a fitted chain sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import LOG_IMPOSSIBLE
from skem.chains.viterbi import likeliest_path
from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.estimators.warn_once import warn
from skem.families.base import FloatArray
from skem.missing import has_missing
from skem.mixture.labels import MixtureParameters
from skem.mixture.markov import Chain
from skem.mixture.piece import Piece

__all__ = ["ChainRows"]


class ChainRows:
    """Some sequences, cut into lanes, with their log-densities in each state of a fitted chain.

    Parameters
    ----------
    family : Family
        Components, without penalty.
    params : MixtureParameters
        The chain's parameters, and theirs.
    X : ndarray of shape (n_rows, n_features)
        Rows of all sequences.
    ends : ndarray of shape (n_sequences,)
        Where each sequence ends.
    labels : ndarray of shape (n_rows,), optional
        Known states, -1 where unknown.
    first_row : int, default=0
        Number of the first row, for messages.

    Raises
    ------
    ValueError
        If a row is impossible in the state that is known. What says something of states also
        raises where no path of states can have made the rows, and warns of a row that is
        impossible in every state, which counts as missing.
    """

    def __init__(
        self,
        family: Any,
        params: MixtureParameters,
        X: FloatArray,
        ends: Any,
        labels: Any = None,
        first_row: int = 0,
    ) -> None:
        self.family, self.components = family, params.components
        self.chain: Chain = params.labels
        self._first_row = first_row
        piece = Piece(Rows(X, labels=labels), ends, self.family.n_components)
        self.X, self.lanes, self._algorithm = X, piece.lanes, piece.algorithm
        with workers(X.size * family.n_statistics * family.n_components) as crew:
            kernel = family.kernel(self.components, np.zeros(family.n_components), has_missing(X))
            self.logs, constant = piece.log_densities(kernel, crew)
        if labels is not None:
            self._check_labels(labels)
        self.base = constant + family.log_base_measure(X)

    def _check_labels(self, labels: NDArray[np.intp]) -> None:
        """Raise ValueError where a row is impossible in the state that is known."""
        impossible = self.rows(self.logs.max(axis=0)) < LOG_IMPOSSIBLE
        impossible &= labels >= 0
        if impossible.any():
            i = int(impossible.argmax())
            row = self._first_row + i
            raise ValueError(
                f"known_labels[{row}] is {labels[i]}, but row {row} of X is impossible in that "
                "state. Set the label to -1"
            )

    def _check_possible(self) -> None:
        """Raise ValueError where no path can have made the rows; warn where no state can."""
        if np.minimum.reduce(self.logs, axis=None) > LOG_IMPOSSIBLE:
            return
        impossible = self.rows(~(self.logs.max(axis=0) > LOG_IMPOSSIBLE))
        if impossible.any():
            i = int(impossible.argmax())
            n = int(impossible.sum())
            others = f" (and {n - 1} others)" if n > 1 else ""
            warn(
                f"row {self._first_row + i} of X{others} is impossible in every state: "
                f"{self.X[i].tolist()}. It counts as a missing row here, and its log-density is "
                "-inf. Put NaN in its place where that is meant; with a prior for the states no "
                "row is impossible",
                UserWarning,
                stacklevel=6,
            )
        if all((values > 0).all() for values in self.chain):
            return
        evidence = self.rows(self._algorithm.filter(self.logs.copy(), *self.chain)[1])
        broken = (evidence == -np.inf) & ~impossible
        if broken.any():
            i = int(broken.argmax())
            raise ValueError(
                f"row {self._first_row + i} of X, {self.X[i].tolist()}, is impossible after those "
                "before it in its sequence: zeros among startprob_ and transmat_ leave no path to "
                "a state that can produce it. Nothing can be said of states in that sequence"
            )

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
        self._check_possible()
        return self.rows(self._algorithm.expect(self.logs, *self.chain).posterior)

    def likeliest_states(self) -> NDArray[np.intp]:
        """Return the likeliest state of each row, one by one.

        Returns
        -------
        states : ndarray of shape (n_rows,)
            The first among equals.
        """
        return self.smoothed().argmax(axis=1)

    def filtered(self) -> FloatArray:
        """Return what is known of each row's state, given the past and the row.

        Returns
        -------
        filtered : ndarray of shape (n_rows, n_states)
            Rows sum to one.
        """
        self._check_possible()
        return self.rows(self._algorithm.filter(self.logs, *self.chain)[0])

    def log_densities(self) -> FloatArray:
        """Return the log-density of each row given those before.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            In nats.
        """
        return self.rows(self._algorithm.filter(self.logs, *self.chain)[1]) + self.base

    def path(self) -> NDArray[np.integer]:
        """Return the likeliest path.

        Returns
        -------
        states : ndarray of shape (n_rows,)
            Of all sequences, one after another.
        """
        self._check_possible()
        with workers(self.logs.size * len(self.logs)) as crew:
            return self.rows(likeliest_path(self.lanes, self.logs, *self.chain, crew))
