"""Forward-backward of few rows, where calls of numpy take longer than arithmetic.

Lanes that guess what they start from are passed over several times, forward and then backward.
Here one pass does it, for both directions in the same calls, on matrices in place of vectors:
the product of the rows of a lane so far, ``diag(b[l]) transmat' diag(b[l - 1]) ...``, holds
whatever the lane starts from. A loop over lanes hands over from their ends; then a sum gives the
variables of all rows. That takes K times the arithmetic, and one call for each row and each lane
of about ``sqrt(n_rows)``.
"""

import numpy as np

from skem.chains.expected import LOG_IMPOSSIBLE, LOG_ZERO, Expected, FloatArray
from skem.chains.lanes import Lanes

__all__ = ["FewRows"]

#: Numbers in the products of all rows up to which this is faster.
MOST_NUMBERS = 200_000

#: Steps, and lanes, between two divisions by the sum.
EVERY = 8


class FewRows:
    """Forward-backward passes over the same lanes, again and again.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    n_states : int
        Number of states K.
    """

    def __init__(self, lanes: Lanes, n_states: int) -> None:
        K, B, L = n_states, lanes.n_lanes, lanes.n_steps
        self.lanes, self.n_states = lanes, n_states
        columns = np.arange(lanes.n_rows)
        self._before = np.maximum(columns - B, 0)
        self._before[1:B] = lanes.last_columns[:-1]
        self._eye = np.eye(K)[:, :, np.newaxis]
        # By direction and step from where it begins: [to, step, from, lane].
        self._products = np.empty((2, K, L, K, B))
        self._densities = np.ones((K, L, B))

    @staticmethod
    def suit(lanes: Lanes, n_states: int) -> bool:
        """Whether rows are so few, and lanes hand over to each other at all."""
        return n_states**2 * lanes.n_rows <= MOST_NUMBERS and not lanes.is_start.all()

    def expect(
        self,
        log_densities: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        weights: FloatArray | None,
    ) -> Expected:
        """Return what the chain expects.

        The arguments are those of :meth:`.ForwardBackward.expect`; log-densities stay as they are.
        No probability of the chain is near zero, so that no sum is.
        """
        lanes, K = self.lanes, self.n_states
        starts, n = lanes.start_columns, lanes.n_rows
        top = np.maximum.reduce(log_densities, axis=0)
        if not top.min() > LOG_IMPOSSIBLE:
            log_densities = np.maximum(log_densities, LOG_ZERO)
            top = np.maximum(top, LOG_ZERO)
        b = self._densities.reshape(K, -1)[:, :n]
        np.exp(np.subtract(log_densities, top, out=b), out=b)
        alpha, beta = self._variables(startprob, transmat)
        alpha /= np.add.reduce(alpha, axis=0)
        before = alpha[:, self._before]
        predicted = transmat.T @ before
        predicted[:, starts] = startprob[:, np.newaxis]
        sums = np.add.reduce(predicted * b, axis=0)
        posterior = np.multiply(alpha, beta, out=beta)
        posterior /= np.add.reduce(posterior, axis=0)
        ratio = posterior / predicted
        ratio[:, starts] = 0.0
        of_starts = posterior[:, starts]
        if weights is not None:
            ratio *= weights
            of_starts = of_starts * weights[starts]
        transitions = transmat * (before @ ratio.T)
        return Expected(
            posterior, transitions, np.add.reduce(of_starts, axis=1), top + np.log(sums)
        )

    def _variables(
        self, startprob: FloatArray, transmat: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return forward and backward variables (n_states, n_rows), up to factors by column."""
        products, n = self._products, self.lanes.n_rows
        ends = self._multiply(startprob, transmat)
        K, L, B = self.n_states, self.lanes.n_steps, self.lanes.n_lanes
        inputs = np.empty((B, 2, K, 1))
        inputs[0, 0, :, 0], inputs[0, 1] = startprob, 1.0
        for lane in range(1, B):
            given = np.matmul(ends[lane - 1], inputs[lane - 1], out=inputs[lane])
            if lane % EVERY == 0:
                given /= np.add.reduce(given, axis=1, keepdims=True)
        forward = np.ascontiguousarray(inputs[:, 0, :, 0].T)
        backward = np.ascontiguousarray(inputs[::-1, 1, :, 0].T)
        alpha = np.add.reduce(products[0] * forward, axis=2)
        beta = np.add.reduce(products[1] * backward, axis=2)[:, ::-1]
        return alpha.reshape(K, L * B)[:, :n], beta.reshape(K, L * B)[:, :n]

    def _multiply(self, startprob: FloatArray, transmat: FloatArray) -> FloatArray:
        """Fill in the products of rows, and return those of whole lanes (n_lanes, 2, K, K).

        They lead to the first row of the lane after, and to the last of the one before.
        """
        K, L, B = self.n_states, self.lanes.n_steps, self.lanes.n_lanes
        n_long, b = self.lanes.n_long, self._densities[:, :, np.newaxis]
        by_step = [self._products[:, :, step] for step in range(L)]
        both, work = np.stack([transmat.T, transmat]), np.empty((2, K, K, B))
        now = by_step[0]
        now[0], now[1] = self._eye * b[:, 0], self._eye
        start, flat = startprob[:, np.newaxis, np.newaxis], (2, K, K * B)
        for step, starts in enumerate(self.lanes.starts[1:], 1):
            before, now = now, by_step[step]
            work[0] = before[0]
            np.multiply(before[1], b[:, L - step], out=work[1])
            now[:] = (both @ work.reshape(flat)).reshape(work.shape)
            if starts is not None:
                now[0][:, :, starts] = start
            if (after := self.lanes.starts[L - step]) is not None:
                now[1][:, :, after] = 1.0
            if step == 1:
                now[1][:, :, n_long:] = self._eye  # the last row of a shorter lane
            now[0] *= b[:, step]
            if step % EVERY == 0:
                now /= np.add.reduce(now, axis=(1, 2), keepdims=True)
        if L > 1:
            now[0][:, :, n_long:] = by_step[L - 2][0][:, :, n_long:]
        work[0] = now[0]
        np.multiply(now[1], b[:, 0], out=work[1])
        work = (both @ work.reshape(flat)).reshape(work.shape)
        at_starts = np.flatnonzero(self.lanes.is_start[1:-1])
        work[0][:, :, at_starts] = start
        work[1][:, :, at_starts + 1] = 1.0
        work /= np.add.reduce(work, axis=(1, 2), keepdims=True)
        work[1] = work[1, :, :, ::-1].copy()
        return np.ascontiguousarray(np.moveaxis(work, 3, 0))
