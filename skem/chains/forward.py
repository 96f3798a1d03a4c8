"""The forward pass on lanes: distributions of the states given the past.

With ``b`` a row's densities relative to the largest, and step l - 1 the row before::

    predicted[l] = transmat' @ filtered[l - 1]        filtered[l] = predicted[l] * b[l]

``filtered`` is divided by its sum now and then; the sums make the log evidence.
"""

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import LOG_IMPOSSIBLE, LOG_ZERO, FloatArray, logarithm
from skem.chains.handing_over import EVERY, differ, each_group, hand_over
from skem.chains.lanes import Group, Index, Lanes
from skem.chains.operators import LogArithmetic, ScaledArithmetic, handed_over
from skem.data.blocks import Workers

__all__ = ["BLOCK_NUMBERS", "SAFE", "Forward", "Space"]

#: With no transition probability below this, EVERY steps without a division are safe: in each
#: a sum falls by that factor at most, and what underflows is no part of any result.
SAFE = 1e-30

#: Otherwise an entry below LOST may have lost its digits, or all, although its state may matter in
#: the end. Positive transition probabilities are taken as at least LEAST_TRANSITION: LOST times
#: that is a number still, and that is nothing beside LOST.
LOST, LEAST_TRANSITION = 1e-140, 1e-160
LOG_LOST = np.log(LOST)

#: Log of the largest density relative to another one.
LOG_LARGEST = 690.0

#: Numbers that are worked on at a time where the order of columns does not matter.
BLOCK_NUMBERS = 2**15


class Space:
    """Arrays that a pass fills in, kept for the next: new ones take as long as the arithmetic."""

    def __init__(self, n_states: int, lanes: Lanes) -> None:
        # With a multiple of the page as width all entries of a column would share a cache set.
        width = -(-lanes.n_rows // 512) * 512 + 24
        self.filtered = np.empty((n_states, width))[:, : lanes.n_rows]
        self.predicted = np.empty((n_states, width))[:, : lanes.n_rows]
        self.evidence = np.empty(lanes.n_rows)
        self.sums = np.empty((lanes.n_steps, lanes.n_lanes))


class Forward:
    """A forward pass.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    groups : list of Group
        The same, for threads.
    space : Space
        Where results go: ``filtered``, up to a factor by column; ``predicted``; ``evidence``.
    log_densities : ndarray of shape (n_states, n_rows)
        Of each row in each state. Overwritten: by densities relative to the row's largest where
        the chain is safe, by their logarithms where it is not.
    startprob, transmat : ndarray of shape (n_states,) and (n_states, n_states)
        The chain.
    workers : Workers
        Who works.
    every : int, default=EVERY
        Steps between two divisions by the sum, where that is safe.
    """

    def __init__(
        self,
        lanes: Lanes,
        groups: list[Group],
        space: Space,
        log_densities: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        workers: Workers,
        every: int = EVERY,
    ) -> None:
        self.lanes, self.groups, self.workers = lanes, groups, workers
        self.log_densities, self.startprob, self.transmat = log_densities, startprob, transmat
        self.is_safe = bool(transmat.min() >= SAFE)
        self.every = every if self.is_safe else 1
        self.b = log_densities if self.is_safe else np.empty_like(log_densities)
        self.A = transmat if self.is_safe else _at_least(transmat, LEAST_TRANSITION)
        self.At = np.ascontiguousarray(self.A.T)
        start = startprob if self.is_safe else _at_least(startprob, LEAST_TRANSITION)
        self.start = start[:, np.newaxis]
        self.alpha, self.p = space.filtered, space.predicted
        self.evidence, self.sums = space.evidence, space.sums
        self.weights_of_ends: FloatArray | None = None

    def run(self, is_slow: bool) -> bool:
        """Pass over all rows; return whether the chain mixes slowly, as may be known before.

        Where it does, ``weights_of_ends`` are what the rows after each lane say of its last state.
        """
        K, lanes = len(self.A), self.lanes
        at_starts = None
        if self.is_safe and self.startprob.min() < SAFE:
            at_starts = self.log_densities[:, lanes.start_columns]
        for _ in self.workers.map(self._exponentiate, lanes.n_rows, max(1, BLOCK_NUMBERS // K)):
            pass
        if at_starts is not None:
            self._begin_within_reach(at_starts)
        first = self.p[:, : lanes.n_lanes]
        first[:] = 1 / K
        first[:, lanes.is_start[:-1]] = self.start
        if lanes.is_start.all() or not is_slow:
            each_group(self.groups, self.workers, lambda i: self._pass(self.groups[i]))
            if hand_over(first, self._next_starts, self._again, self.groups, self.workers):
                return is_slow
        log_first, log_after = handed_over(
            lanes,
            self.b if self.is_safe else self.log_densities,
            self.startprob,
            self.transmat,
            ScaledArithmetic if self.is_safe else LogArithmetic,
        )
        first[:] = np.exp(log_first)
        if not self.is_safe:
            first[(first < LEAST_TRANSITION) & (log_first > -np.inf)] = LEAST_TRANSITION
        self.weights_of_ends = np.exp(log_after)
        each_group(self.groups, self.workers, lambda i: self._pass(self.groups[i]))
        return True

    def lost(self) -> NDArray[np.bool_] | None:
        """Return which sequences have to be done in logarithms; None for none."""
        if self.is_safe:
            return None
        is_lost = np.zeros(self.lanes.n_rows, dtype=bool)
        block = max(1, BLOCK_NUMBERS // len(self.A))
        for start in range(0, self.lanes.n_rows, block):
            columns = slice(start, min(start + block, self.lanes.n_rows))
            alpha, p, sums = self.alpha[:, columns], self.p[:, columns], self.sums.ravel()[columns]
            small = ((alpha * sums < LOST) & (alpha > 0)) | ((p < LOST) & (p > 0))
            is_lost[columns] = small.any(axis=0) | ~(sums >= LOST)
        return self.lanes.by_sequence(is_lost.astype(np.intp)) > 0 if is_lost.any() else None

    def add_sums(self) -> None:
        """Complete the evidence by the sums that filtered distributions were divided by."""
        lanes = self.lanes
        for step in range(0, lanes.n_steps, self.every):
            columns = slice(step * lanes.n_lanes, min((step + 1) * lanes.n_lanes, lanes.n_rows))
            self.evidence[columns] += np.log(self.sums[step, : columns.stop - columns.start])
        if self.every > 1:
            undivided = lanes.all_ends
            self.evidence[undivided] += np.log(self.alpha[:, undivided].sum(axis=0))

    def _exponentiate(self, starts: range) -> None:
        """Turn log-densities into densities relative to the largest, whose log is evidence."""
        for start in starts:
            columns = slice(start, min(start + starts.step, starts.stop))
            logs, out = self.log_densities[:, columns], self.b[:, columns]
            top = np.maximum.reduce(logs, axis=0, out=self.evidence[columns])
            if not top.min() > LOG_IMPOSSIBLE:
                np.maximum(logs, LOG_ZERO, out=logs)  # of which differences are numbers
                np.maximum(top, LOG_ZERO, out=top)
            logs -= top
            if not self.is_safe:
                out[:] = logs
                np.maximum(out, LOG_LOST - 1, out=out, where=out > LOG_IMPOSSIBLE)
            np.exp(out, out=out)

    def _begin_within_reach(self, logs: FloatArray) -> None:
        """Make densities of first rows relative to the best state that a sequence can start in.

        Relative to one that it cannot start in all others might vanish.
        """
        log_joint = logs + logarithm(self.startprob)[:, np.newaxis]
        top = log_joint.max(axis=0)
        possible = top > LOG_IMPOSSIBLE
        top = np.where(possible, top, LOG_ZERO)
        b = np.exp(np.minimum(logs - top, LOG_LARGEST))
        b[self.startprob == 0] = 0.0
        columns = self.lanes.start_columns
        self.b[:, columns] = np.where(possible, b, 1.0)
        self.evidence[columns] = top

    def _sums_of(self, step: int, group: Group) -> FloatArray:
        return self.sums[step, group.members.start : group.members.stop]

    def _inverse(self, sums: FloatArray) -> FloatArray:
        return 1.0 / sums if self.is_safe else np.where(sums > 0, 1.0 / sums, 0.0)

    def _pass(self, group: Group, again: bool = False) -> None:
        """Pass over a group; again: until it agrees with what was there before."""
        b, alpha, p, At = self.b, self.alpha, self.p, self.At
        columns = group.columns[0]
        a = np.multiply(p[:, columns], b[:, columns], out=alpha[:, columns])
        a *= self._inverse(np.add.reduce(a, axis=0, out=self._sums_of(0, group)))
        before = a
        for step in range(1, len(group.columns)):
            columns, starts = group.columns[step], group.starts[step]
            width = columns.stop - columns.start
            if not width:
                return
            predicted = np.matmul(At, a[:, :width], out=p[:, columns])
            if starts is not None:
                predicted[:, starts] = self.start
            a = alpha[:, columns]
            if again and step % EVERY == 0:
                before = a.copy()
            np.multiply(predicted, b[:, columns], out=a)
            if step % self.every == 0:
                a *= self._inverse(
                    np.add.reduce(a, axis=0, out=self._sums_of(step, group)[:width])
                )
            if again and step % EVERY == 0:
                far = differ(a, before)
                if 4 * np.count_nonzero(far) < width:
                    self._pass_few(group, step, np.flatnonzero(far))
                    return

    def _pass_few(self, group: Group, last: int, who: Index) -> None:
        """Go on from a step with few lanes, until they agree with what was there before."""
        a = self.alpha[:, group.columns[last].start + who]
        for step in range(last + 1, len(group.columns)):
            columns = group.columns[step]
            stay = (group.first_start[who] > step) & (who < columns.stop - columns.start)
            if not stay.all():
                who, a = who[stay], a[:, stay]
            if not who.size:
                return
            these = columns.start + who
            self.p[:, these] = predicted = self.At @ a
            a = predicted * self.b[:, these]
            if step % self.every == 0:
                self._sums_of(step, group)[who] = sums = a.sum(axis=0)
                a *= self._inverse(sums)
            far = differ(a, self.alpha[:, these]) if step % EVERY == 0 else None
            self.alpha[:, these] = a
            if far is not None:
                who, a = who[far], a[:, far]

    def _again(self, group: Group, todo: Index) -> None:
        """Pass over some lanes from other starts."""
        if 4 * todo.size >= len(group.members):
            self._pass(group, again=True)
            return
        these = group.columns[0].start + todo
        a = self.p[:, these] * self.b[:, these]
        self._sums_of(0, group)[todo] = sums = a.sum(axis=0)
        self.alpha[:, these] = a * self._inverse(sums)
        self._pass_few(group, 0, todo)

    def _next_starts(self) -> tuple[Index, FloatArray]:
        """Return lanes that go on with a sequence, and what they are to start from."""
        who = np.flatnonzero(~self.lanes.is_start[:-1])
        ends = self.alpha[:, self.lanes.last_columns[who - 1]]
        return who, self.At @ (ends * self._inverse(ends.sum(axis=0)))


def _at_least(probabilities: FloatArray, least: float) -> FloatArray:
    """Return probabilities, those above zero not below some least one."""
    return np.where(probabilities > 0, np.maximum(probabilities, least), 0.0)
