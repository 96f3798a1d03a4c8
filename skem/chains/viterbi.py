"""The likeliest path of hidden states (Viterbi 1967), on lanes.

Forward, with the log-density of the likeliest path to each state::

    best[l, k] = max_j(best[l - 1, j] + log transmat[j, k]) + log_density[l, k]

and back, from the likeliest last state to whichever state each maximum came from. That is found
again along the one path, which takes K comparisons a row; to keep it for all states would take
K * K. Both ways lanes hand over to each other as in the forward-backward algorithm; paths from all
states soon are one.
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
        Of each row in each state, columns in the order of the lanes. Overwritten.
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
    """The likeliest path to each state.

    Attributes
    ----------
    values : ndarray of shape (n_states, n_rows)
        Log-densities of the likeliest paths to each state of a row, up to a constant by row. They
        take the place of the rows' own, which follow from them unless a path is impossible.
    """

    def __init__(
        self,
        lanes: Lanes,
        logs: FloatArray,
        startprob: FloatArray,
        transmat: FloatArray,
        workers: Workers,
    ) -> None:
        self.lanes, self.startprob, self.transmat = lanes, startprob, transmat
        self.workers, K = workers, len(logs)
        self.groups = lanes.groups(-(-K * K * lanes.n_lanes // NUMBERS_PER_GROUP))
        self.log_transmat = logarithm(transmat)
        self.log_start = logarithm(startprob)[:, np.newaxis]
        self.in_place = bool(startprob.min() > 0 and transmat.min() > 0)
        self.logs = logs = np.ascontiguousarray(logs, dtype=np.float64)
        self.values = logs if self.in_place else np.empty_like(logs)
        self._logs_of_first = logs[:, : lanes.n_lanes].copy()
        self._rows = np.arange(K)[:, np.newaxis] * lanes.n_rows

    def run(self) -> None:
        """Pass over all rows."""
        lanes, groups = self.lanes, self.groups
        self.first = first = np.zeros(self._logs_of_first.shape)
        first[:, lanes.is_start[:-1]] = self.log_start
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))
        if hand_over(first, self._next_starts, self._again, groups, self.workers, _differ):
            return
        if self.in_place:
            each_group(groups, self.workers, lambda i: self._recover_logs(groups[i]))
        first[:], _ = handed_over(lanes, self.logs, self.startprob, self.transmat, MaxArithmetic)
        each_group(groups, self.workers, lambda i: self._pass(groups[i]))

    def _predict(
        self, values: FloatArray, joint: FloatArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the likeliest paths that go on to each state; joint is work space."""
        joint = np.add(values[:, np.newaxis], self.log_transmat[:, :, np.newaxis], out=joint)
        predicted: FloatArray = np.maximum.reduce(joint, axis=0, out=out)
        return predicted

    def _pass(self, group: Group) -> None:
        """Pass over all lanes of a group."""
        K, B = len(self.logs), len(group.members)
        joint = np.empty((K, K, B))
        work = self.first[:, group.members.start : group.members.stop].copy()
        values: FloatArray = work
        for step, (columns, starts) in enumerate(zip(group.columns, group.starts, strict=True)):
            width = columns.stop - columns.start
            predicted = work[:, :width]
            if step:
                self._predict(values[:, :width], joint[:, :, :width], predicted)
                if starts is not None:
                    predicted[:, starts] = self.log_start
            values = self.values[:, columns]
            np.add(predicted, self.logs[:, columns], out=values)
            if step % EVERY == 0:
                values -= finite(np.maximum.reduce(values, axis=0))

    def _again(self, group: Group, who: Index) -> None:
        """Pass over some lanes, until they agree with what was there before."""
        lanes = group.members.start + who
        stop = np.minimum(group.first_start, group.lengths)[who]
        values, index = self.values.reshape(-1), self.places(lanes)
        old = values.take(index)
        new = self.first.take(lanes, axis=1) + self._logs_of_first.take(lanes, axis=1)
        for step in range(len(group.columns)):
            if step:
                after = values.take(index)
                logs = after - self._predict(old) if self.in_place else self.logs.take(index)
                old, new = after, self._predict(new) + logs
            goes_on = stop > step + 1
            if step % EVERY == 0:
                new -= finite(np.maximum.reduce(new, axis=0))
                goes_on &= _differ(new, old)
            values[index] = new
            if not goes_on.all():
                if not goes_on.any():
                    return
                stop = stop[goes_on]
                index, old, new = (each.compress(goes_on, axis=1) for each in (index, old, new))
            index += self.lanes.n_lanes

    def places(self, columns: Index) -> Index:
        """Return where columns are in the flat array of values, (n_states, n_columns)."""
        return columns + self._rows

    def _recover_logs(self, group: Group) -> None:
        """Undo a pass: values become log-densities again, up to a constant by row."""
        for step in range(len(group.columns) - 1, 0, -1):
            columns, starts = group.columns[step], group.starts[step]
            before = self.values[:, group.columns[step - 1]]
            predicted = self._predict(before[:, : columns.stop - columns.start])
            if starts is not None:
                predicted[:, starts] = self.log_start
            self.values[:, columns] -= predicted
        members = group.columns[0]
        self.values[:, members] = self._logs_of_first[:, members]

    def _next_starts(self) -> tuple[Index, FloatArray]:
        who = np.flatnonzero(~self.lanes.is_start[:-1])
        starts = self._predict(self.values[:, self.lanes.last_columns[who - 1]])
        return who, starts - finite(np.maximum.reduce(starts, axis=0))


class _Path:
    """The likeliest path, from its end."""

    def __init__(self, best: _Best) -> None:
        self.best, self.lanes, self.values = best, best.lanes, best.values
        self.log_transmat = best.log_transmat
        self.states = np.empty(self.lanes.n_rows, dtype=np.min_scalar_type(len(self.values)))
        self.last = _likeliest(self.values[:, self.lanes.last_columns])

    def run(self) -> States:
        """Return the states."""
        groups, workers = self.best.groups, self.best.workers
        each_group(groups, workers, lambda i: self._pass(groups[i]))
        while not hand_over(
            self.last, self._next_ends, self._again, groups, workers, np.not_equal
        ):
            pass
        return self.states

    def _pass(self, group: Group) -> None:
        """Trace all lanes of a group back."""
        last = self.last[group.members.start : group.members.stop]
        work = np.empty((len(self.values), len(last)))
        states = last[:0]
        for step in range(len(group.columns) - 1, -1, -1):
            columns, n_longer = group.columns[step], len(states)
            values, joint = self.values[:, columns], work[:, :n_longer]
            self.log_transmat.take(states, axis=1, out=joint, mode="clip")
            joint += values[:, :n_longer]
            if n_longer and (ends := group.starts[step + 1]) is not None:
                joint[:, ends] = values[:, ends]
            states = self.states[columns]
            states[:n_longer] = _likeliest(joint)
            states[n_longer:] = last[n_longer : len(states)]

    def _again(self, group: Group, who: Index) -> None:
        """Trace some lanes back until they meet the path that was there before."""
        n_steps = len(group.columns)
        n_long = np.searchsorted(who, group.n_in(n_steps - 1))
        self._trace(group, who[:n_long], n_steps - 1)
        self._trace(group, who[n_long:], n_steps - 2)

    def _trace(self, group: Group, who: Index, last: int) -> None:
        """Trace lanes back whose last step is given."""
        states = self.last[group.members.start + who]
        for step in range(last, -1, -1):
            these = group.columns[step].start + who
            if step < last:
                states = self._step_back(these, states)
            goes_on = (self.states[these] != states) & (group.last_start[who] != step)
            self.states[these] = states
            who, states = who[goes_on], states[goes_on]
            if not who.size:
                return

    def _step_back(self, columns: Index, states: States) -> States:
        """Return the states in columns that come before given ones."""
        values = self.values.reshape(-1).take(self.best.places(columns))
        values += self.log_transmat.take(states, axis=1)
        return _likeliest(values)

    def _next_ends(self) -> tuple[Index, States]:
        who = np.flatnonzero(~self.lanes.is_start[1:])
        return who, self._step_back(self.lanes.last_columns[who], self.states[who + 1])


def _likeliest(values: FloatArray) -> States:
    """Return ``values.argmax(axis=0)``, in a third of the time where states are few."""
    K = len(values)
    equal = values == np.maximum.reduce(values, axis=0)
    # The largest mark is the first state's. A bool is as wide as marks of less than 256 states.
    marks = np.arange(K, 0, -1, dtype=np.min_scalar_type(K))[:, np.newaxis]
    out = equal.view(np.uint8) if marks.dtype == np.uint8 else None
    first: States = np.maximum.reduce(np.multiply(equal.view(np.uint8), marks, out=out), axis=0)
    return np.subtract(K, first, out=first)


def _differ(new: FloatArray, old: FloatArray) -> NDArray[np.bool_]:
    """Return the columns in which some log-density differs."""
    same = np.abs(new - old) <= SAME * np.maximum(1.0, np.abs(new))
    return ~(same | (new == old)).all(axis=0)
