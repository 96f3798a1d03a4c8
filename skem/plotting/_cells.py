"""Rows in two features counted in cells, where there are too many for a scatter."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

#: Cells along each axis where there are too many rows for a scatter.
N_CELLS = 80


class Cells(NamedTuple):
    """Rows counted in cells of a grid.

    Attributes
    ----------
    totals : ndarray of shape (n_cells, n_cells)
        Weight of the rows in each cell; the first axis is that of the second feature.
    posterior : ndarray of shape (n_cells, n_cells, n_components)
        Their mean posterior probabilities; zero in an empty cell.
    extent : tuple of float
        Left, right, bottom and top of the grid.
    """

    totals: NDArray[np.float64]
    posterior: NDArray[np.float64]
    extent: tuple[float, float, float, float]

    @classmethod
    def count(
        cls, points: NDArray[Any], posterior: NDArray[Any], weights: NDArray[np.float64]
    ) -> Self:
        """Count rows in cells, and average their posterior probabilities."""
        low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
        flat = high <= low
        low, high = np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high)
        place = np.minimum((points - low) / (high - low) * N_CELLS, N_CELLS - 1).astype(int)
        cell = place[:, 1] * N_CELLS + place[:, 0]

        def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.bincount(cell, values, minlength=N_CELLS**2).reshape(N_CELLS, N_CELLS)

        totals = total(weights)
        sums = np.stack([total(weights * column) for column in posterior.T], axis=-1)
        means = sums / np.where(totals > 0, totals, 1)[..., None]
        return cls(totals, means, (low[0], high[0], low[1], high[1]))

    def image(self, colors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mix colours (n_components, 4) by posterior; the logarithm of the weight is opacity."""
        image = self.posterior @ colors
        filled = self.totals > 0
        height = np.log1p(self.totals / self.totals[filled].min())
        image[..., 3] = np.where(filled, 0.15 + 0.75 * height / height.max(), 0)
        return np.clip(image, 0, 1)
