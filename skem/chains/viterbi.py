"""The likeliest path of hidden states (Viterbi 1967), on lanes.

Forward, with the log-density of the likeliest path to each state::

    best[l, k] = max_j(best[l - 1, j] + log transmat[j, k]) + log_density[l, k]

and back, from the likeliest last state to whichever state each maximum came from. Both ways lanes
hand over to each other as in the forward-backward algorithm; paths from all states soon are one.
"""

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import LOG_IMPOSSIBLE, LOG_ZERO, FloatArray, logarithm
from skem.chains.handing_over import EVERY, each_group, hand_over, unbuffered
from skem.chains.lanes import Group, Index, Lanes
from skem.chains.operators import MaxArithmetic, finite, handed_over
from skem.data.blocks import SERIAL, Workers

__all__ = ["likeliest_path"]

#: Log-densities of paths that agree to this, relative to their size from 1 on, are equal.
SAME = 1e-12

#: Lanes for which a thread of its own pays, and groups of lanes at most.
LANES_PER_GROUP, MAX_GROUPS = 1000, 8

States = NDArray[np.integer]


def likeliest_path(
    lanes: Lanes,
    log_densities: FloatArray,
    startprob: FloatArray,
    transmat: FloatArray,
    workers: Workers = SERIAL,
) -> States:
    """Return the states of the likeliest path of each sequence.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    log_densities : ndarray of shape (n_states, n_rows)
        Of each row in each state, columns in the order of the lanes. May be overwritten.
    startprob, transmat : ndarray of shape (n_states,) and (n_states, n_states)
        The chain.
    workers : Workers
        Who works.

    Returns
    -------
    states : integer ndarray of shape (n_rows,)
        In the order of the lanes, in the smallest type that holds them. The first state among
        equals; a row that no state can have produced counts as missing.
    """
    with unbuffered():
        if not np.minimum.reduce(log_densities, axis=None) > LOG_IMPOSSIBLE:
            np.maximum(log_densities, LOG_ZERO, out=log_densities)
            log_densities -= log_densities.max(axis=0)
        best = _Best(lanes, log_densities, startprob, transmat, workers)
        best.run()
        return _Path(best).run()


class _Best:
    """Log-densities of the likeliest paths to each state, up to a constant by column."""

    def __init__(
        self,
        lanes: Lanes,
        logs: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        workers: Workers,
    ) -> None:
        self.lanes, self.logs, self.startprob, self.transmat = lanes, logs, startprob, transmat
        self.workers = workers
        n_groups = 1
        while 2 * n_groups <= min(lanes.n_lanes / LANES_PER_GROUP, MAX_GROUPS):
            n_groups *= 2
        self.groups = lanes.groups(n_groups)
        self.log_transmat = logarithm(transmat)
        self.log_start = logarithm(startprob)[:, np.newaxis]
        self.values = np.empty_like(logs)

    def run(self) -> None:
        """Pass over all rows."""
        lanes, groups = self.lanes, self.groups
        self.first = first = np.zeros((len(self.logs), lanes.n_lanes))
        first[:, lanes.is_start[:-1]] = self.log_start
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))
        if hand_over(first, self._next_starts, self._again, groups, self.workers, _differ):
            return
        first[:], _ = handed_over(
            lanes, self.logs, self.startprob, self.transmat, MaxArithmetic(self.transmat)
        )
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))

    def _predict(self, values: FloatArray, out: FloatArray, work: FloatArray) -> FloatArray:
        """Write log-densities of the likeliest paths that go on to each state to out."""
        log_transmat = self.log_transmat[:, :, np.newaxis]
        np.add(values[0], log_transmat[0], out=out)
        for j in range(1, len(values)):
            np.add(values[j], log_transmat[j], out=work)
            np.maximum(out, work, out=out)
        return out

    def _pass(self, group: Group) -> None:
        """Pass over all lanes of a group."""
        work = np.empty((len(self.logs), len(group.members)))
        values: FloatArray = self.first[:, group.members.start : group.members.stop]
        for step, columns in enumerate(group.columns):
            width = columns.stop - columns.start
            out = self.values[:, columns]
            if step:
                self._predict(values[:, :width], out, work[:, :width])
                if group.starts[step] is not None:
                    out[:, group.starts[step]] = self.log_start
                out += self.logs[:, columns]
            else:
                np.add(values, self.logs[:, columns], out=out)
            if step % EVERY == 0:
                out -= finite(np.maximum.reduce(out, axis=0))
            values = out

    def _again(self, group: Group, who: Index) -> None:
        """Pass over some lanes, until they agree with what was there before."""
        values: FloatArray = self.first[:, group.members.start + who]
        for step, columns in enumerate(group.columns):
            stay = (who < columns.stop - columns.start) & (group.first_start[who] > step)
            if not stay.all():
                who, values = who[stay], values[:, stay]
            if not who.size:
                return
            if step:
                values = self._predict(values, np.empty_like(values), np.empty_like(values))
            these = columns.start + who
            values = values + self.logs[:, these]
            if step % EVERY == 0:
                values -= finite(np.maximum.reduce(values, axis=0))
                far = _differ(values, self.values[:, these])
                who, values, these = who[far], values[:, far], these[far]
            self.values[:, these] = values

    def _next_starts(self) -> tuple[Index, FloatArray]:
        who = np.flatnonzero(~self.lanes.is_start[:-1])
        ends = self.values[:, self.lanes.last_columns[who - 1]]
        starts = self._predict(ends, np.empty_like(ends), np.empty_like(ends))
        return who, starts - finite(np.maximum.reduce(starts, axis=0))


class _Path:
    """The likeliest path, from its end."""

    def __init__(self, best: _Best) -> None:
        self.best, self.lanes, self.values = best, best.lanes, best.values
        n_states = len(self.values)
        self.states = np.empty(self.lanes.n_rows, dtype=np.min_scalar_type(n_states))
        # The largest marks the first state.
        self.marks = np.arange(n_states, 0, -1, dtype=self.states.dtype)[:, np.newaxis]
        self.last = self._first_of_largest(self.values[:, self.lanes.last_columns])

    def run(self) -> States:
        """Return the states."""
        groups, workers = self.best.groups, self.best.workers
        each_group(groups, workers, lambda i: self._pass(groups[i]))
        while not hand_over(
            self.last, self._next_ends, self._again, groups, workers, np.not_equal
        ):
            pass
        return self.states

    def _first_of_largest(self, values: FloatArray) -> Index:
        """Return ``values.argmax(axis=0)``, in a third of the time where states are few."""
        marked = (values == np.maximum.reduce(values, axis=0)) * self.marks
        return np.subtract(len(values), np.maximum.reduce(marked, axis=0), dtype=np.intp)

    def _before(self, values: FloatArray, states: Index) -> Index:
        """Return the states that given ones come from, by values before (n_states, m)."""
        joint = np.take(self.best.log_transmat, states, axis=1)
        joint += values
        return self._first_of_largest(joint)

    def _pass(self, group: Group) -> None:
        """Trace all lanes of a group back."""
        last = self.last[group.members.start : group.members.stop]
        states = last[:0]
        for step in range(len(group.columns) - 1, -1, -1):
            columns, n_longer = group.columns[step], len(states)
            values = self.values[:, columns]
            if n_longer:
                states = self._before(values[:, :n_longer], states)
                starts = group.starts[step + 1]
                if starts is not None:
                    states[starts] = self._first_of_largest(values[:, starts])
            if n_longer < columns.stop - columns.start:
                states = np.append(states, last[n_longer : columns.stop - columns.start])
            self.states[columns] = states

    def _again(self, group: Group, who: Index) -> None:
        """Trace some lanes back until they meet the path that was there before."""
        states, n_longer = self.last[:0], 0
        for step in range(len(group.columns) - 1, -1, -1):
            columns = group.columns[step]
            here = int(np.searchsorted(who, columns.stop - columns.start))  # lanes as long as that
            these = columns.start + who[:here]
            if n_longer:
                states = self._before(self.values[:, these[:n_longer]], states)
                starts = group.starts[step + 1]
                if starts is not None:
                    at = np.flatnonzero(np.isin(who[:n_longer], starts))
                    states[at] = self._first_of_largest(self.values[:, these[at]])
            if n_longer < here:
                states = np.append(states, self.last[group.members.start + who[n_longer:here]])
            n_longer = here
            met = self.states[these] == states
            self.states[these] = states
            if here == len(who) and met.any():
                who, states = who[~met], states[~met]
                n_longer = len(who)
                if not n_longer:
                    return

    def _next_ends(self) -> tuple[Index, Index]:
        who = np.flatnonzero(~self.lanes.is_start[1:])
        after = self.states[who + 1].astype(np.intp)
        return who, self._before(self.values[:, self.lanes.last_columns[who]], after)


def _differ(new: FloatArray, old: FloatArray) -> NDArray[np.bool_]:
    """Return the columns in which some log-density differs."""
    same = np.abs(new - old) <= SAME * np.maximum(1.0, np.abs(new))
    return ~(same | (new == old)).all(axis=0)
