"""Which entries of the parameters are free, and their unconstrained coordinates."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skem.ranges import POSITIVE, Covariance, Range, Real
from skem.state_space.lyapunov import with_stationary_start
from skem.state_space.series import FloatArray, StateSpace

__all__ = ["COEFFICIENTS", "COVARIANCES", "CovarianceForm", "Freedom", "Kind"]

Mask = NDArray[np.bool_]
Kind = Literal["full", "diagonal", "scalar"]

COEFFICIENTS = (
    "transition_matrix",
    "observation_matrix",
    "initial_state_mean",
    "observation_offset",
)
COVARIANCES = (
    "transition_covariance",
    "observation_covariance",
    "initial_state_covariance",
)


@dataclass(frozen=True, eq=False)
class CovarianceForm:
    """The form of a covariance matrix: what of it is free, and how.

    Variables that are free are independent of those that are held.

    Parameters
    ----------
    kind : {"full", "diagonal", "scalar"}
        Of the free block: any covariance, one without correlations, or one variance for all.
    free : bool ndarray of shape (d,)
        Variables whose variances, and covariances among them, are free.
    scale : ndarray of shape (d,)
        Units of the variables.
    """

    kind: Kind
    free: Mask
    scale: FloatArray

    def maximize(self, scatter: FloatArray, counts: Any, previous: FloatArray) -> FloatArray:
        """Return the likeliest matrix of the form.

        Parameters
        ----------
        scatter : ndarray of shape (d, d)
            Expected sum of outer products.
        counts : float or ndarray of shape (d,)
            How many, by variable.
        previous : ndarray of shape (d, d)
            The matrix before, from which what is held comes.

        Returns
        -------
        covariance : ndarray of shape (d, d)
            The matrix.
        """
        matrix, free = previous.copy(), self.free
        counts = np.broadcast_to(counts, len(free))
        if not free.any():
            return matrix
        block = np.ix_(free, free)
        if self.kind == "full":
            matrix[block] = (scatter[block] + scatter[block].T) / (2 * counts[free])
            np.linalg.cholesky(matrix[block])  # raises LinAlgError where it is singular
        elif self.kind == "diagonal":
            variances = np.diag(scatter)[free] / counts[free]
            matrix[block] = np.diag(np.maximum(variances, 0.0))  # rounding may go beyond
        else:
            variance = np.diag(scatter)[free].sum() / counts[free].sum()
            matrix[block] = max(variance, 0.0) * np.eye(free.sum())
        return matrix

    @property
    def range(self) -> Range:
        """The range of what is free."""
        return Covariance(self.scale[self.free]) if self.kind == "full" else POSITIVE

    def take(self, matrix: FloatArray) -> FloatArray:
        """Return what is free: the block, its diagonal, or the variance."""
        if self.kind == "full":
            return matrix[np.ix_(self.free, self.free)]
        variances = np.diag(matrix)[self.free]
        return variances if self.kind == "diagonal" else variances[:1]

    def put(self, values: FloatArray, like: FloatArray) -> FloatArray:
        """Undo :meth:`take`: a matrix in which what is held is as in like."""
        matrix = like.copy()
        if self.kind != "full":
            values = np.diag(np.broadcast_to(values, self.free.sum()))
        matrix[np.ix_(self.free, self.free)] = values
        return matrix

    def slope(self, slope: FloatArray, matrix: FloatArray) -> FloatArray:
        """Return the gradient in coordinates.

        Parameters
        ----------
        slope : ndarray of shape (d, d)
            Symmetric: a change D of the matrix changes the objective by ``trace(slope D)``.
        matrix : ndarray of shape (d, d)
            Where.

        Returns
        -------
        gradient : ndarray of shape (n_coordinates,)
            In the coordinates of ``range``.
        """
        slope, values = slope[np.ix_(self.free, self.free)], self.take(matrix)
        if self.kind == "full":
            L = np.linalg.cholesky(values)
            by_factor = 2 * slope @ L
            i, j = np.tril_indices(len(L))
            unit = self.scale[self.free][i]
            return by_factor[i, j] * np.where(i == j, L[i, j], unit)
        by_log = np.diag(slope) * values
        return by_log if self.kind == "diagonal" else by_log.sum(keepdims=True)


@dataclass(frozen=True, eq=False)
class Freedom:
    """What is free.

    Parameters
    ----------
    masks : dict of str to bool ndarray
        Free entries of A, C, m and d, by name.
    forms : dict of str to CovarianceForm
        Forms of Q, R and P.
    scales : dict of str to ndarray
        Units of A, C, m and d.
    is_stationary : bool, default=False
        Whether m and P follow from A and Q: see :mod:`.stationary`.
    """

    masks: dict[str, Mask]
    forms: dict[str, CovarianceForm]
    scales: dict[str, FloatArray]
    is_stationary: bool = False

    def to_vector(self, params: StateSpace) -> FloatArray:
        """Return the coordinates of what is free."""
        values = params._asdict()
        parts: list[FloatArray] = [
            Real(self.scales[name][mask]).to_vector(values[name][mask])
            for name, mask in self.masks.items()
        ]
        parts += [
            form.range.to_vector(form.take(values[name]))
            for name, form in self.forms.items()
            if form.free.any()
        ]
        return np.concatenate(parts)

    def from_vector(self, vector: FloatArray, like: StateSpace) -> StateSpace:
        """Return parameters, of which what is held is as in like."""
        values, found, start = like._asdict(), {}, 0
        for name, mask in self.masks.items():
            stop = start + int(mask.sum())
            found[name] = values[name].copy()
            found[name][mask] = vector[start:stop] * self.scales[name][mask]
            start = stop
        for name, form in self.forms.items():
            if form.free.any():
                part = form.take(values[name])
                stop = start + form.range.n_coordinates(part.shape)
                part = form.range.from_vector(vector[start:stop], part)
                found[name] = form.put(part, values[name])
                start = stop
        moved = like._replace(**found)
        return with_stationary_start(moved) if self.is_stationary else moved

    def gradient(self, params: StateSpace, slopes: dict[str, FloatArray]) -> FloatArray:
        """Return the gradient in coordinates, of slopes in the shapes of the parameters."""
        parts: list[FloatArray] = [
            slopes[name][mask] * self.scales[name][mask] for name, mask in self.masks.items()
        ]
        parts += [
            form.slope(slopes[name], getattr(params, name))
            for name, form in self.forms.items()
            if form.free.any()
        ]
        return np.concatenate(parts)
