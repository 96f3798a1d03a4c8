"""Kalman filter and smoother of many lanes side by side, one scalar observation at a time.

Univariate treatment (Durbin & Koopman 2012, section 6.4): an update by a scalar needs no inverse,
and a missing cell is one of weight zero. The smoother goes backward with r and N, which need none
either.
Arrays have lanes as their last axis: an operation is elementwise over lanes, or one product. Only
products of two matrices of each lane are quicker with lanes first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.errors import DegenerateError
from skem.state_space.congruence import Congruence
from skem.state_space.lanes import Lanes
from skem.state_space.scalars import Scalars
from skem.state_space.series import FloatArray, StateSpace

__all__ = ["Pass", "Step"]

#: Below this share of the innovation's variance the noise's would be lost to rounding in what the
#: plain update subtracts: it keeps at least 12 digits here.
LEAST_NOISE = 1e-4

#: With so many states at most products by lane are sums over lanes last, else BLAS's, lanes first.
FEW_STATES = 4


@dataclass(frozen=True)
class Step:
    """What the smoother says of the covariances at one step of all lanes.

    Attributes
    ----------
    number : int
        Of the step.
    covariances : ndarray of shape (n, n, n_lanes)
        Smoothed.
    information : ndarray of shape (n, n, n_lanes)
        N of this step.
    cross : ndarray of shape (n, n, n_lanes)
        N of the next step, times A, times the filtered covariance of this one.
    """

    number: int
    covariances: FloatArray
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
        #: Of the states: filtered, and after the pass backward smoothed.
        self.means = np.empty((n_steps, n, B))
        self.covariances = np.empty((n_steps, n, n, B))  # filtered
        #: r, after the pass backward.
        self.disturbances = np.empty((n_steps, n, B))
        self._gain = np.empty((n_steps, p, n, B))
        # Before their step, these are the observations, and 1 where there is one.
        self._innovation = np.ascontiguousarray(scalars.values[lanes.rows].transpose(0, 2, 1))
        present = scalars.present[lanes.rows] * (lanes.rows >= 0)[..., np.newaxis]
        self._weight = np.ascontiguousarray(present.transpose(0, 2, 1))
        #: Predicted mean and covariance where a core begins, and after its end.
        self.handed: list[tuple[FloatArray, FloatArray]] = []
        #: The same of r and N, backward.
        self.handed_back: list[tuple[FloatArray, FloatArray]] = []

    def log_densities(self) -> FloatArray:
        """Return the log-densities of the cores' rows given the past (n_steps, n_lanes)."""
        core = self._lanes.core_steps
        w, v = self._weight[core], self._innovation[core]
        there = w > 0
        logs = np.log(np.where(there, w, 1.0))
        logs -= np.log(2 * np.pi) * there
        logs -= w * v * v
        return 0.5 * logs.sum(axis=1)

    def _loadings(self, step: int) -> tuple[FloatArray, Any]:
        """Return loadings (p, n) or (p, n, B), and variances of the noise."""
        s = self._scalars
        if s.pattern is None:
            return s.loadings[0], s.variances[0]
        pattern = s.pattern[self._lanes.rows[step]]
        return s.loadings[pattern].transpose(1, 2, 0), s.variances[pattern].T

    def filter(self) -> None:
        """Go forward: fill in means, covariances, and what log-densities are made of."""
        A, _, Q, _, m, P1, _ = self._params
        n, B = len(A), self._lanes.n_lanes
        overlap, n_steps = self._lanes.overlap, len(self._lanes.rows)
        a, P, work = np.zeros((n, B)), np.zeros((n, n, B)), np.empty((n, n, B))
        predict, Q = Congruence(A, B), Q[:, :, np.newaxis]
        begin_at = set(self._lanes.first_step)
        for step in range(n_steps):
            if step in begin_at:
                self._begin(step, a, P, m, P1)
            if overlap and step in (overlap, n_steps - overlap):
                self.handed.append((a.copy(), P.copy()))
            self._update(step, a, P, work)
            self.means[step], self.covariances[step] = a, P
            a = A @ a
            predict(P, out=work)
            np.add(work, Q, out=P)

    def _begin(self, step: int, a: FloatArray, P: FloatArray, m: FloatArray, P1: Any) -> None:
        """Let lanes begin whose first row this is."""
        begins = self._lanes.first_step == step
        starts = begins & self._lanes.is_start[step]
        a[:, begins], P[:, :, begins] = 0.0, self._guess[:, :, np.newaxis]
        a[:, starts], P[:, :, starts] = m[:, np.newaxis], P1[:, :, np.newaxis]

    def _update(self, step: int, a: FloatArray, P: FloatArray, work: FloatArray) -> None:
        """Take in the observations of a row of each lane, in place."""
        n, B = a.shape
        loadings, variances = self._loadings(step)
        for i, (z, r) in enumerate(zip(loadings, variances, strict=True)):
            v, w = self._innovation[step, i], self._weight[step, i]
            if z.ndim == 1:
                M = (z @ P.reshape(n, n * B)).reshape(n, B)
                v -= z @ a
                f = z @ M + r
            else:
                M = (z[:, np.newaxis] * P).sum(axis=0)
                v -= (z * a).sum(axis=0)
                f = (z * M).sum(axis=0) + r
            is_plain = np.all(r > LEAST_NOISE * f) if z.ndim > 1 else r > LEAST_NOISE * f.max()
            if not is_plain:
                if not (f[w > 0] > 0).all():
                    raise DegenerateError("the innovation of some output has no variance")
                f = np.where(f > 0, f, 1.0)
            w /= f
            k = np.multiply(M, w, out=self._gain[step, i])
            a += k * v
            if is_plain:
                np.multiply(k[:, np.newaxis], M, out=work)
                P -= work
            else:
                _update_by_joseph(P, z, M, k, r, work)

    def smooth(self) -> Iterator[Step]:
        """Go backward, step by step. Arrays of a step are overwritten by the next."""
        A = self._params.transition_matrix
        n, B = len(A), self._lanes.n_lanes
        overlap, n_steps = self._lanes.overlap, len(self._lanes.rows)
        r, N, work = np.zeros((n, B)), np.zeros((n, n, B)), np.empty((n, n, B))
        behind, rank_two = Congruence(A.T, B), self._rank_two()
        products = _Products(A, B)
        for step in range(n_steps - 1, overlap - 1, -1):
            if overlap and step == n_steps - overlap - 1:
                self.handed_back.append((r.copy(), N.copy()))
            is_core = step < n_steps - overlap
            P = self.covariances[step]
            r = A.T @ r
            self.means[step] += (P * r).sum(axis=1)
            if is_core:
                V, G = products(N, P)
            behind(N, out=work)
            N, work = work, N
            self._downdate(step, r, N, work, rank_two)
            self.disturbances[step] = r
            if is_core:
                yield Step(step, V, N, G)
        if overlap:
            self.handed_back.append((r.copy(), N.copy()))

    def _rank_two(self) -> FloatArray | None:
        """Return by output the matrix (n * n, n) that makes ``z h' + h z'`` of h; None if many."""
        if self._scalars.pattern is not None:
            return None
        C, one = self._scalars.loadings[0], np.eye(self._scalars.loadings.shape[-1])
        by_entry = np.einsum("pa,bc->pabc", C, one)
        return (by_entry + by_entry.swapaxes(1, 2)).reshape(len(C), -1, len(one))

    def _downdate(
        self, step: int, r: FloatArray, N: FloatArray, work: FloatArray, rank_two: Any
    ) -> None:
        """Go back over the observations of a row: ``r <- z w v + (I - z k') r``, N alike."""
        loadings, _ = self._loadings(step)
        n, B = r.shape
        for i in range(len(loadings) - 1, -1, -1):
            z = loadings[i] if loadings[i].ndim == 2 else loadings[i][:, np.newaxis]
            k, w, v = self._gain[step, i], self._weight[step, i], self._innovation[step, i]
            np.multiply(N, k, out=work)
            h = np.add.reduce(work, axis=1)
            h -= (0.5 * (w + np.add.reduce(k * h, axis=0))) * z
            r += z * (w * v - np.add.reduce(k * r, axis=0))
            if rank_two is not None:
                np.matmul(rank_two[i], h, out=work.reshape(n * n, B))
                N -= work
            else:
                np.multiply(z[:, np.newaxis], h, out=work)
                N -= work
                N -= work.transpose(1, 0, 2)


class _Products:
    """Products of matrices by lane: ``G = N A P`` and ``V = P - P A' G``.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        The same for all lanes.
    n_lanes : int
        Number of lanes.
    """

    def __init__(self, A: FloatArray, n_lanes: int) -> None:
        n = len(A)
        self._A, self._is_small = A, n <= FEW_STATES
        self._V, self._G, self._work = np.empty((3, n, n, n_lanes))
        self._first = np.empty((4, n_lanes, n, n))

    def __call__(self, N: FloatArray, P: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return V and G, in space that the next call takes."""
        A, V, G, work = self._A, self._V, self._G, self._work
        n, _, B = P.shape
        if self._is_small:
            np.matmul(A.T, N.reshape(n, n * B), out=work.reshape(n, n * B))
            np.einsum("kib,kjb->ijb", work, P, out=G)
            np.matmul(A.T, G.reshape(n, n * B), out=work.reshape(n, n * B))
            np.einsum("ikb,kjb->ijb", P, work, out=V)
        else:
            N_first, P_first, V_first, G_first = self._first
            np.copyto(N_first, N.transpose(2, 0, 1))
            np.copyto(P_first, P.transpose(2, 0, 1))
            np.matmul((N_first.reshape(-1, n) @ A).reshape(B, n, n), P_first, out=G_first)
            np.matmul((P_first.reshape(-1, n) @ A.T).reshape(B, n, n), G_first, out=V_first)
            np.copyto(G, G_first.transpose(1, 2, 0))
            np.copyto(V, V_first.transpose(1, 2, 0))
        np.subtract(P, V, out=V)
        return V, G


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
