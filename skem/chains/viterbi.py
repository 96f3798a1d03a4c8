"""The likeliest path of hidden states (Viterbi 1967), on lanes.

Forward, with the log-density of the likeliest path to each state, and the state that it is from::

    best[l, k] = max_j(best[l - 1, j] + log transmat[j, k]) + log_density[l, k]

and back, from the likeliest last state to whichever state each maximum came from. Both ways lanes
hand over to each other as in the forward-backward algorithm; paths from all states soon are one.
"""

from typing import Any

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

#: Pairs of states, times lanes, that are worked on at a time. They stay in a cache, and are so
#: many that threads seldom wait for each other.
NUMBERS_PER_GROUP = 2**18

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
    """Where the likeliest path to each state comes from.

    Attributes
    ----------
    before : integer ndarray of shape (n_states, n_rows)
        State of the row before on the likeliest path to each state of a row; before the start of
        a sequence the likeliest last state of the one before it.
    ends : ndarray of shape (n_states, n_lanes)
        Log-densities of the likeliest paths to each state of a lane's last row, up to a constant.
    """

    def __init__(
        self,
        lanes: Lanes,
        logs: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        workers: Workers,
    ) -> None:
        self.lanes, self.logs, self.startprob, self.transmat = lanes, logs, startprob, transmat
        self.workers, K = workers, len(logs)
        self.groups = lanes.groups(-(-K * K * lanes.n_lanes // NUMBERS_PER_GROUP))
        self.log_transmat = logarithm(transmat)
        self.log_start = logarithm(startprob)[:, np.newaxis]
        self.before = np.empty(logs.shape, dtype=np.min_scalar_type(K))
        # The largest marks the first state.
        self._marks = np.arange(K, 0, -1, dtype=self.before.dtype)
        self.ends = np.empty((K, lanes.n_lanes))
        self._known = np.empty((-(-lanes.n_steps // EVERY), K, lanes.n_lanes))

    def run(self) -> None:
        """Pass over all rows."""
        lanes, groups = self.lanes, self.groups
        self.first = first = np.zeros(self.ends.shape)
        first[:, lanes.is_start[:-1]] = self.log_start
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))
        if hand_over(first, self._next_starts, self._again, groups, self.workers, _differ):
            return
        first[:], _ = handed_over(
            lanes, self.logs, self.startprob, self.transmat, MaxArithmetic(self.transmat)
        )
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))

    def predict(self, values: FloatArray, work: Any = None) -> tuple[FloatArray, States]:
        """Return the likeliest paths that go on to each state, and the states they come from."""
        joint, equal = (None, None) if work is None else work
        joint = np.add(values[:, np.newaxis], self.log_transmat[:, :, np.newaxis], out=joint)
        best = np.maximum.reduce(joint, axis=0)
        return best, self._first(np.equal(joint, best, out=equal))

    def likeliest(self, values: FloatArray) -> States:
        """Return ``values.argmax(axis=0)``, in a third of the time where states are few."""
        return self._first(values == np.maximum.reduce(values, axis=0))

    def _first(self, equal: NDArray[np.bool_]) -> States:
        marks = self._marks.reshape(-1, *(1,) * (equal.ndim - 1))
        # A bool is as wide as the marks of less than 256 states.
        out = equal.view(np.uint8) if marks.dtype == np.uint8 else None
        first: States = np.maximum.reduce(np.multiply(equal, marks, out=out), axis=0)
        return np.subtract(len(equal), first, out=first, casting="unsafe")

    def _pass(self, group: Group) -> None:
        """Pass over all lanes of a group."""
        K, B = len(self.logs), len(group.members)
        members = slice(group.members.start, group.members.stop)
        work = np.empty((K, K, B)), np.empty((K, K, B), dtype=bool)
        values: FloatArray = self.first[:, members]
        for step, columns in enumerate(group.columns):
            width = columns.stop - columns.start
            if step:
                before = values[:, :width]
                values, self.before[:, columns] = self.predict(
                    before, work if width == B else None
                )
                starts = group.starts[step]
                if starts is not None:
                    self.before[:, columns][:, starts] = self.likeliest(before[:, starts])
                    values[:, starts] = self.log_start
                values += self.logs[:, columns]
            else:
                values = values + self.logs[:, columns]
            if step % EVERY == 0:
                values -= finite(np.maximum.reduce(values, axis=0))
                self._known[step // EVERY, :, members][:, :width] = values
            n_longer = group.n_in(step + 1)
            self.ends[:, members][:, n_longer:width] = values[:, n_longer:]

    def _again(self, group: Group, who: Index) -> None:
        """Pass over some lanes, until they agree with what was there before."""
        first = group.members.start
        values: FloatArray = self.first[:, first + who]
        for step, columns in enumerate(group.columns):
            goes_on = who < columns.stop - columns.start
            if step:
                starts = goes_on & (group.first_start[who] == step)
                if starts.any():
                    ends = values[:, starts]
                    self.before[:, columns.start + who[starts]] = self.likeliest(ends)
                goes_on &= ~starts
            who, values = who[goes_on], values[:, goes_on]
            if not who.size:
                return
            if step:
                values, self.before[:, columns.start + who] = self.predict(values)
            values = values + self.logs[:, columns.start + who]
            if step % EVERY == 0:
                values -= finite(np.maximum.reduce(values, axis=0))
                known = self._known[step // EVERY]
                far = _differ(values, known[:, first + who])
                who, values = who[far], values[:, far]
                known[:, first + who] = values
            is_last = who >= group.n_in(step + 1)
            self.ends[:, first + who[is_last]] = values[:, is_last]

    def _next_starts(self) -> tuple[Index, FloatArray]:
        who = np.flatnonzero(~self.lanes.is_start[:-1])
        starts, _ = self.predict(self.ends[:, who - 1])
        return who, starts - finite(np.maximum.reduce(starts, axis=0))


class _Path:
    """The likeliest path, from its end."""

    def __init__(self, best: _Best) -> None:
        self.best, self.lanes, self.before = best, best.lanes, best.before.ravel()
        self.states = np.empty_like(self.before, shape=self.lanes.n_rows)
        self.last = best.likeliest(best.ends).astype(np.intp)

    def run(self) -> States:
        """Return the states."""
        groups, workers = self.best.groups, self.best.workers
        each_group(groups, workers, lambda i: self._pass(groups[i]))
        while not hand_over(
            self.last, self._next_ends, self._again, groups, workers, np.not_equal
        ):
            pass
        return self.states

    def _step_back(self, columns: Index, states: Index) -> Index:
        """Return the states of the rows before columns in given states."""
        return self.before.take(states * self.lanes.n_rows + columns).astype(np.intp)

    def _pass(self, group: Group) -> None:
        """Trace all lanes of a group back."""
        last = self.last[group.members.start : group.members.stop]
        states = last[:0]
        for step in range(len(group.columns) - 1, -1, -1):
            columns, n_longer = group.columns[step], len(states)
            if n_longer:
                after = group.columns[step + 1]
                states = self._step_back(np.arange(after.start, after.stop), states)
            if n_longer < columns.stop - columns.start:
                states = np.append(states, last[n_longer : columns.stop - columns.start])
            self.states[columns] = states

    def _again(self, group: Group, who: Index) -> None:
        """Trace some lanes back until they meet the path that was there before."""
        states, n_longer = self.last[:0], 0
        for step in range(len(group.columns) - 1, -1, -1):
            columns = group.columns[step]
            here = int(np.searchsorted(who, columns.stop - columns.start))  # lanes as long as that
            if n_longer:
                after = group.columns[step + 1].start + who[:n_longer]
                states = self._step_back(after, states)
            if n_longer < here:
                states = np.append(states, self.last[group.members.start + who[n_longer:here]])
            these, n_longer = columns.start + who[:here], here
            met = self.states[these] == states
            self.states[these] = states
            if here == len(who) and met.any():
                who, states = who[~met], states[~met]
                n_longer = len(who)
                if not n_longer:
                    return

    def _next_ends(self) -> tuple[Index, Index]:
        who = np.flatnonzero(~self.lanes.is_start[1:])
        _, before = self.best.predict(self.best.ends[:, who])
        return who, before[self.states[who + 1], np.arange(len(who))].astype(np.intp)


def _differ(new: FloatArray, old: FloatArray) -> NDArray[np.bool_]:
    """Return the columns in which some log-density differs."""
    same = np.abs(new - old) <= SAME * np.maximum(1.0, np.abs(new))
    return ~(same | (new == old)).all(axis=0)
