"""The forward-backward algorithm, in numbers that are scaled as they go.

A pass over lanes needs the state before each lane. A guess will do at first, since a chain forgets
where it started: the end of each lane is handed over to the next, which is passed over again until
old and new agree; and so on until nothing changes. The result is exact, by induction along the
lanes. A chain that forgets too slowly takes the starts of its lanes from :mod:`.operators`. Few
rows are a matter of calls, not of arithmetic, and go to :mod:`.few_rows`.

Scaling is safe where every state can follow every other. Where it cannot, what underflows may
matter in the end. So probabilities of zero are raised to some 1e-30 first. If the sequences hardly
ever make use of that, they would not have without: the probability that a path does is less than
the expected number of times. Otherwise the chain is taken as it is, and sequences in which
something was lost that may matter are done again in :mod:`.log_space`.
"""

from collections import deque
from typing import Any

import numpy as np

from skem.chains.backward import Backward
from skem.chains.expected import LOG_IMPOSSIBLE, Expected, FloatArray
from skem.chains.few_rows import FewRows
from skem.chains.forward import SAFE, Forward, Space
from skem.chains.handing_over import unbuffered
from skem.chains.lanes import Index, Lanes
from skem.chains.log_space import LogChain
from skem.data.blocks import SERIAL, Workers

__all__ = ["ForwardBackward"]

#: Numbers in a step from which a second thread pays, and groups of lanes at most.
NUMBERS_PER_GROUP, MAX_GROUPS = 25_000, 8

#: Expected number of times that a path makes use of raised probabilities which is none.
NEVER = 1e-14


class ForwardBackward:
    """Forward-backward passes over the same lanes, again and again.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    n_states : int
        Number of states K.
    """

    def __init__(self, lanes: Lanes, n_states: int) -> None:
        self.lanes, self.n_states = lanes, n_states
        n_groups = 1
        while 2 * n_groups <= min(n_states * lanes.n_lanes / NUMBERS_PER_GROUP, MAX_GROUPS):
            n_groups *= 2
        self.groups = lanes.groups(n_groups)
        self._is_slow = False
        self._spaces: deque[Space] = deque()
        self._has_few_rows = FewRows.suit(lanes, n_states)
        self._for_few_rows: deque[FewRows] = deque()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without work space."""
        return {**self.__dict__, "_spaces": deque(), "_for_few_rows": deque()}

    def expect(
        self,
        log_densities: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        weights: FloatArray | None = None,
        workers: Workers = SERIAL,
    ) -> Expected:
        """Return what the chain expects.

        Parameters
        ----------
        log_densities : ndarray of shape (n_states, n_rows)
            Of each row in each state, columns in the order of the lanes. May be overwritten. A row
            of zeros is a missing one; log(0) is LOG_ZERO or -inf.
        startprob : ndarray of shape (n_states,)
            Distribution of a sequence's first state.
        transmat : ndarray of shape (n_states, n_states)
            Transition matrix: row i is the distribution of the state after i.
        weights : ndarray of shape (n_rows,), optional
            How often columns count in the expected transitions and starts; the same all along a
            sequence.
        workers : Workers
            Who works.

        Returns
        -------
        Expected
            A sequence that the chain cannot produce has an evidence of -inf. A row that no state
            can produce counts as missing otherwise, and where no path can produce the rows all of
            them do.
        """
        table = np.vstack([startprob, transmat])
        raised = np.maximum(table, SAFE)
        is_safe = bool((raised == table).all())
        with unbuffered():  # lost sequences are found by their values
            logs = log_densities if is_safe else log_densities.copy()
            expected = self._expect(logs, raised[0], raised[1:], weights, workers)
            if not is_safe:
                counts = np.vstack([expected.starts, expected.transitions])
                least_weight = 1.0 if weights is None else float(weights.min())
                if counts[table < SAFE].sum() <= NEVER * least_weight:
                    counts *= table / raised
                    expected = expected._replace(starts=counts[0], transitions=counts[1:])
                else:
                    expected = self._expect_by_scaling(
                        log_densities, startprob, transmat, weights, workers
                    )
        expected.evidence[expected.evidence < LOG_IMPOSSIBLE] = -np.inf
        return expected

    def _expect(self, log_densities: FloatArray, *chain_and_weights: Any) -> Expected:
        """Return what a chain expects whose probabilities are not near zero."""
        if not self._has_few_rows:
            return self._expect_by_scaling(log_densities, *chain_and_weights)
        kept = self._for_few_rows
        few = kept.pop() if kept else FewRows(self.lanes, self.n_states)
        expected = few.expect(log_densities, *chain_and_weights[:3])
        kept.append(few)
        return expected

    def _expect_by_scaling(
        self,
        log_densities: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        weights: FloatArray | None,
        workers: Workers,
    ) -> Expected:
        """Return what any chain expects, some sequences by logarithms where need be."""
        # Calls in concurrent threads have a space each.
        space = self._spaces.pop() if self._spaces else Space(self.n_states, self.lanes)
        forward = Forward(
            self.lanes, self.groups, space, log_densities, startprob, transmat, workers
        )
        self._is_slow = forward.run(self._is_slow)
        lost = self._lost(forward)
        forward.add_sums()
        backward = Backward(forward, log_densities)
        backward.run()
        if lost is not None:
            log_densities[:, lost[0]] = 0.0
        transitions = backward.transitions(weights)
        starts = log_densities[:, self.lanes.start_columns]
        if weights is not None:
            starts = starts * weights[self.lanes.start_columns]
        evidence = space.evidence
        expected = Expected(log_densities, transitions, starts.sum(axis=1), evidence)
        if lost is not None:
            columns, chain = lost
            logs = chain.expected(None if weights is None else weights[columns])
            log_densities[:, columns], evidence[columns] = logs.posterior, chain.evidence
            expected = expected._replace(
                transitions=transitions + logs.transitions,
                starts=expected.starts + logs.starts,
            )
        expected = expected._replace(evidence=evidence.copy())
        self._spaces.append(space)
        return expected

    def filter(
        self, log_densities: FloatArray, startprob: FloatArray, transmat: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what is known of each row's state, and of the row, given the past.

        Parameters
        ----------
        log_densities, startprob, transmat : ndarray
            As for :meth:`expect`. Log-densities are overwritten.

        Returns
        -------
        filtered : ndarray of shape (n_states, n_rows)
            Distribution of the state given the rows of the sequence up to this one.
        log_likelihood : ndarray of shape (n_rows,)
            ``log p(x_t | x_1 ... x_t-1)`` in nats. From the first row that is impossible given
            the past on, a sequence has -inf.
        """
        space = Space(self.n_states, self.lanes)
        with unbuffered():
            forward = Forward(
                self.lanes, self.groups, space, log_densities, startprob, transmat, SERIAL, every=1
            )
            forward.run(self._is_slow)
            lost = self._lost(forward)
            forward.add_sums()
            filtered = space.filtered / space.filtered.sum(axis=0)
        if lost is not None:
            columns, chain = lost
            filtered[:, columns] = np.exp(chain.log_filtered)
            space.evidence[columns] = chain.evidence
        space.evidence[space.evidence < LOG_IMPOSSIBLE] = -np.inf
        return filtered, space.evidence

    def _lost(self, forward: Forward) -> tuple[Index, LogChain] | None:
        """Return columns of sequences that need logarithms, in the order of rows, and these."""
        lost = forward.lost()
        if lost is None:
            return None
        lengths = self.lanes.lengths
        columns = self.lanes.columns(np.flatnonzero(np.repeat(lost, lengths)))
        logs = forward.log_densities[:, columns]
        chain = LogChain(logs, lengths[lost], forward.startprob, forward.transmat)
        chain.evidence += forward.evidence[columns]
        return columns, chain
