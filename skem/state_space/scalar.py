"""Kalman filter and smoother of many lanes side by side, one scalar observation at a time.

Univariate treatment (Durbin & Koopman 2012, section 6.4): an update by a scalar needs no inverse,
and a missing cell is one of weight zero. The smoother goes backward with r and N, which need none
either.
Arrays have lanes as their last axis: an operation is elementwise over lanes, or one product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.errors import DegenerateError
from skem.state_space.lanes import Lanes
from skem.state_space.scalars import Scalars
from skem.state_space.series import FloatArray, StateSpace

__all__ = ["Pass", "Step"]

#: Below this share of the innovation's variance the noise's would be lost to rounding in what the
#: plain update subtracts: it keeps at least 12 digits here.
LEAST_NOISE = 1e-4


@dataclass(frozen=True)
class Step:
    """What the smoother says of one step of all lanes.

    Attributes
    ----------
    number : int
        Of the step.
    means : ndarray of shape (n, n_lanes)
        Smoothed.
    covariances : ndarray of shape (n, n, n_lanes)
        Smoothed.
    disturbances : ndarray of shape (n, n_lanes)
        r of this step.
    information : ndarray of shape (n, n, n_lanes)
        N of this step.
    cross : ndarray of shape (n, n, n_lanes)
        N of the next step, times A, times the filtered covariance of this one.
    """

    number: int
    means: FloatArray
    covariances: FloatArray
    disturbances: FloatArray
    information: FloatArray
    cross: FloatArray


class Pass:
    """One pass forward and one backward over some lanes.

    Parameters
    ----------
    lanes : Lanes
        Where rows are.
    scalars : Scalars
        The observations.
    params : StateSpace
        Parameters.
    guess : ndarray of shape (n, n)
        Covariance that lanes start from inside a sequence; the mean is zero.
    """

    def __init__(
        self, lanes: Lanes, scalars: Scalars, params: StateSpace, guess: FloatArray
    ) -> None:
        self._lanes, self._scalars, self._params = lanes, scalars, params
        self._guess = guess
        n_steps, B = lanes.rows.shape
        p, n = params.observation_matrix.shape
        self.means = np.empty((n_steps, n, B))  # filtered
        self.covariances = np.empty((n_steps, n, n, B))
        self.log_densities = np.zeros((n_steps, B))
        self._gain = np.empty((n_steps, p, n, B))
        self._weight = np.empty((n_steps, p, B))
        self._innovation = np.empty((n_steps, p, B))
        #: Predicted mean and covariance where a core begins, and after its end.
        self.handed: list[tuple[FloatArray, FloatArray]] = []
        #: The same of r and N, backward.
        self.handed_back: list[tuple[FloatArray, FloatArray]] = []

    def _observations(self, step: int) -> tuple[FloatArray, FloatArray, Any, Any]:
        """Return values and presence (p, B), loadings (p, n) or (p, n, B), variances."""
        rows, s = self._lanes.rows[step], self._scalars
        there = rows >= 0
        values = s.values[rows].T
        present = (s.present[rows] * there[:, np.newaxis]).T
        if s.pattern is None:
            return values, present, s.loadings[0], s.variances[0]
        pattern = s.pattern[rows]
        return values, present, s.loadings[pattern].transpose(1, 2, 0), s.variances[pattern].T

    def filter(self) -> None:
        """Go forward: fill in means, covariances and log-densities given the past."""
        A, _, Q, _, m, P1, _ = self._params
        n, B = len(A), self._lanes.n_lanes
        overlap, n_steps = self._lanes.overlap, len(self._lanes.rows)
        a, P = np.zeros((n, B)), np.zeros((n, n, B))
        work, other = np.empty((n, n, B)), np.empty((n, n, B))
        for step in range(n_steps):
            self._begin(step, a, P, m, P1)
            if overlap and step in (overlap, n_steps - overlap):
                self.handed.append((a.copy(), P.copy()))
            self._update(step, a, P, work)
            self.means[step], self.covariances[step] = a, P
            a = A @ a
            np.matmul(A, P.reshape(n, n * B), out=work.reshape(n, n * B))
            np.copyto(other, work.transpose(1, 0, 2))
            np.matmul(A, other.reshape(n, n * B), out=work.reshape(n, n * B))
            np.add(work, work.transpose(1, 0, 2), out=P)  # symmetric to the last bit
            P *= 0.5
            P += Q[:, :, np.newaxis]

    def _begin(self, step: int, a: FloatArray, P: FloatArray, m: FloatArray, P1: Any) -> None:
        """Let lanes begin whose first row this is."""
        begins = self._lanes.first_step == step
        if not begins.any():
            return
        starts = begins & self._lanes.is_start[step]
        a[:, begins], P[:, :, begins] = 0.0, self._guess[:, :, np.newaxis]
        a[:, starts], P[:, :, starts] = m[:, np.newaxis], P1[:, :, np.newaxis]

    def _update(self, step: int, a: FloatArray, P: FloatArray, work: FloatArray) -> None:
        """Take in the observations of a row of each lane, in place."""
        n, B = a.shape
        values, present, loadings, variances = self._observations(step)
        for i in range(len(values)):
            z, o = loadings[i], present[i]
            if z.ndim == 1:
                M = (z @ P.reshape(n, n * B)).reshape(n, B)
                v, f = values[i] - z @ a, z @ M + variances[i]
            else:
                M = (z[:, np.newaxis] * P).sum(axis=0)
                v, f = values[i] - (z * a).sum(axis=0), (z * M).sum(axis=0) + variances[i]
            if not (f > 0).all():
                if not (f[o > 0] > 0).all():
                    raise DegenerateError("the innovation of some output has no variance")
                f = np.where(f > 0, f, 1.0)
            w = o / f
            self._weight[step, i], self._innovation[step, i] = w, v
            k = np.multiply(M, w, out=self._gain[step, i])
            self.log_densities[step] -= 0.5 * (o * np.log(2 * np.pi * f) + w * v * v)
            a += k * v
            if (variances[i] > LEAST_NOISE * f).all():
                M *= np.sqrt(w)
                np.multiply(M[:, np.newaxis], M, out=work)
                P -= work
            else:
                _update_by_joseph(P, z, M, k, variances[i], work)

    def smooth(self) -> Iterator[Step]:
        """Go backward, step by step. Arrays of a step are overwritten by the next."""
        A = self._params.transition_matrix
        n, B = len(A), self._lanes.n_lanes
        overlap, n_steps = self._lanes.overlap, len(self._lanes.rows)
        r, N = np.zeros((n, B)), np.zeros((n, n, B))
        NA, G, ANA, V, work = (np.empty((n, n, B)) for _ in range(5))
        for step in range(n_steps - 1, -1, -1):
            if overlap and step in (n_steps - overlap - 1, overlap - 1):
                self.handed_back.append((r.copy(), N.copy()))
            if step < overlap:
                return
            r = A.T @ r
            np.matmul(A.T, N.reshape(n, n * B), out=work.reshape(n, n * B))
            np.copyto(NA, work.transpose(1, 0, 2))
            np.matmul(A.T, NA.reshape(n, n * B), out=ANA.reshape(n, n * B))
            P = self.covariances[step]
            means = self.means[step] + (P * r).sum(axis=1)
            if step < n_steps - overlap:
                _product(NA, P, G, work)
                np.matmul(A.T, G.reshape(n, n * B), out=NA.reshape(n, n * B))
                _product(P, NA, V, work)
                np.subtract(P, V, out=V)
            np.add(ANA, ANA.transpose(1, 0, 2), out=N)
            N *= 0.5
            self._downdate(step, r, N, work)
            if step < n_steps - overlap:
                yield Step(step, means, V, r, N, G)

    def _downdate(self, step: int, r: FloatArray, N: FloatArray, work: FloatArray) -> None:
        """Go back over the observations of a row: ``r <- z w v + (I - z k') r``, N alike."""
        _, _, loadings, _ = self._observations(step)
        for i in range(len(loadings) - 1, -1, -1):
            z = loadings[i] if loadings[i].ndim == 2 else loadings[i][:, np.newaxis]
            k, w, v = self._gain[step, i], self._weight[step, i], self._innovation[step, i]
            np.multiply(N, k, out=work)
            h = work.sum(axis=1)
            h -= (0.5 * (w + (k * h).sum(axis=0))) * z
            r += z * (w * v - (k * r).sum(axis=0))
            np.multiply(z[:, np.newaxis], h, out=work)
            N -= work
            N -= work.transpose(1, 0, 2)


def _update_by_joseph(
    P: FloatArray, z: FloatArray, M: FloatArray, k: FloatArray, r: Any, work: FloatArray
) -> None:
    """Write ``(I - k z') P (I - k z')' + r k k'``, which holds where r is next to nothing too.

    First ``P (I - k z')'``, then what that times z lacks.
    """
    n, B = k.shape
    np.multiply(M[:, np.newaxis], k, out=work)
    P -= work
    if z.ndim == 1:
        lack = (z @ P.reshape(n, n * B)).reshape(n, B)
    else:
        lack = (z[:, np.newaxis] * P).sum(axis=0)
    lack -= r * k
    np.multiply(k[:, np.newaxis], lack, out=work)
    P -= work


def _product(X: FloatArray, Y: FloatArray, out: FloatArray, work: FloatArray) -> None:
    """Write the products of matrices by lane."""
    np.multiply(X[:, 0, np.newaxis], Y[np.newaxis, 0], out=out)
    for k in range(1, len(X)):
        np.multiply(X[:, k, np.newaxis], Y[np.newaxis, k], out=work)
        out += work
