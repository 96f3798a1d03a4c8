"""From a first sharing-out of the rows to parameters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.mixture.model import MixtureModel

__all__ = ["Partition", "first_parameters", "lend_rows_to_empty"]

#: Labels (n_rows,), or responsibilities (n_rows, n_components).
Partition = NDArray[Any]


def first_parameters(model: MixtureModel, shares: Partition) -> Any:
    """Return the M-step of a first sharing-out of the rows.

    Parameters
    ----------
    model : MixtureModel
        What is to be fitted.
    shares : ndarray of shape (n_rows,) or (n_rows, n_components)
        Labels, or responsibilities. Rows of known component go there.

    Returns
    -------
    params : object
        Parameters.
    """
    rows, K = model.rows, model.components.n_components
    if rows.labels is not None:
        labels = np.asarray(rows.labels)
        known = labels >= 0
        shares = shares.copy()
        shares[known] = labels[known] if shares.ndim == 1 else np.eye(K)[labels[known]]
    return model.start(lend_rows_to_empty(shares, K, rows.total_weight))


def lend_rows_to_empty(
    shares: Partition, n_components: int, total_weight: float | None = None
) -> Partition:
    """Give every component something to start from.

    A component without rows starts as a copy of the whole sample that weighs as much as one row.

    Parameters
    ----------
    shares : ndarray of shape (n_rows,) or (n_rows, n_components)
        Labels, or responsibilities.
    n_components : int
        Number of components.
    total_weight : float, default=None
        How many rows the rows count for. None for once each.

    Returns
    -------
    shares : ndarray
        The same array where no component is empty, else responsibilities.
    """
    if shares.ndim == 1:
        filled = np.bincount(shares, minlength=n_components) > 0
        if filled.all():
            return shares
        shares = (shares[:, np.newaxis] == np.arange(n_components)).astype(np.float64)
    else:
        filled = shares.sum(axis=0) > 0
        if filled.all():
            return shares
        shares = shares.astype(np.float64)
    shares[:, ~filled] = 1 / (total_weight or len(shares))
    return shares
