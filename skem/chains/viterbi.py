"""The likeliest path of hidden states (Viterbi 1967), on lanes.

Forward, with the log-density of the likeliest path to each state::

    best[l, k] = max_j(best[l - 1, j] + log transmat[j, k]) + log_density[l, k]

and back, from the likeliest last state to whichever state each maximum came from. Both ways lanes
hand over to each other as in the forward-backward algorithm; paths from all states soon are one.
"""

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import LOG_ZERO, FloatArray, logarithm
from skem.chains.handing_over import EVERY, hand_over
from skem.chains.lanes import Group, Index, Lanes
from skem.chains.operators import MaxArithmetic, finite, handed_over
from skem.data.blocks import SERIAL

__all__ = ["likeliest_path"]

#: Log-densities of paths that agree to this, relative to their size from 1 on, are equal.
SAME = 1e-12


def likeliest_path(
    lanes: Lanes, log_densities: FloatArray, startprob: FloatArray, transmat: FloatArray
) -> NDArray[np.intp]:
    """Return the states of the likeliest path of each sequence.

    Parameters
    ----------
    lanes : Lanes
        How rows are cut.
    log_densities : ndarray of shape (n_states, n_rows)
        Of each row in each state, columns in the order of the lanes. Overwritten.
    startprob, transmat : ndarray of shape (n_states,) and (n_states, n_states)
        The chain.

    Returns
    -------
    states : ndarray of shape (n_rows,)
        In the order of the lanes. The first state among equals; a row that no state can have
        produced counts as missing.
    """
    with np.errstate(invalid="ignore"):
        np.maximum(log_densities, LOG_ZERO, out=log_densities)
        log_densities -= log_densities.max(axis=0)
        best = _Best(lanes, log_densities, startprob, transmat)
        best.run()
        return _Path(best).run()


class _Best:
    """Log-densities of the likeliest paths to each state, up to a constant by column."""

    def __init__(
        self, lanes: Lanes, logs: FloatArray, startprob: FloatArray, transmat: FloatArray
    ) -> None:
        self.lanes, self.logs, self.startprob, self.transmat = lanes, logs, startprob, transmat
        self.group = lanes.groups(1)[0]
        self.log_transmat = logarithm(transmat)
        self.log_start = logarithm(startprob)[:, np.newaxis]
        self.values = np.empty_like(logs)

    def run(self) -> None:
        """Pass over all rows."""
        lanes, first = self.lanes, np.zeros((len(self.logs), self.lanes.n_lanes))
        first[:, lanes.is_start[:-1]] = self.log_start
        self.first = first
        self._pass(self.group)
        if hand_over(first, self._next_starts, self._again, [self.group], SERIAL, _differ):
            return
        first[:], _ = handed_over(
            lanes, self.logs, self.startprob, self.transmat, MaxArithmetic(self.transmat)
        )
        self._pass(self.group)

    def _predict(self, values: FloatArray) -> FloatArray:
        log_transmat = self.log_transmat[:, :, np.newaxis]
        out = values[0] + log_transmat[0]
        for j in range(1, len(values)):
            np.maximum(out, values[j] + log_transmat[j], out=out)
        return out

    def _pass(self, group: Group, todo: Index | None = None) -> None:
        """Pass over all lanes; or some, until they agree with what was there before."""
        who = np.arange(len(group.members)) if todo is None else todo
        values: FloatArray = self.first[:, who]
        for step, columns in enumerate(group.columns):
            width = columns.stop - columns.start
            stay = who < width if todo is None else (who < width) & (group.first_start[who] > step)
            if not stay.all():
                who, values = who[stay], values[:, stay]
            if not who.size:
                return
            these = columns.start + who if todo is not None else columns
            if step:
                values = self._predict(values)
                if todo is None and group.starts[step] is not None:
                    values[:, group.starts[step]] = self.log_start
            values = values + self.logs[:, these]
            if step % EVERY == 0:
                values -= finite(values.max(axis=0))
                if todo is not None:
                    far = _differ(values, self.values[:, these])
                    who, values = who[far], values[:, far]
                    these = columns.start + who
            self.values[:, these] = values

    def _again(self, group: Group, todo: Index) -> None:
        self._pass(group, todo)

    def _next_starts(self) -> tuple[Index, FloatArray]:
        who = np.flatnonzero(~self.lanes.is_start[:-1])
        starts = self._predict(self.values[:, self.lanes.last_columns[who - 1]])
        return who, starts - finite(starts.max(axis=0))


class _Path:
    """The likeliest path, from its end."""

    def __init__(self, best: _Best) -> None:
        self.best, self.lanes, self.group = best, best.lanes, best.group
        self.states = np.full(self.lanes.n_rows, -1, dtype=np.intp)
        self.last = best.values[:, self.lanes.last_columns].argmax(axis=0)

    def run(self) -> NDArray[np.intp]:
        """Return the states."""
        self._pass(self.group, np.arange(self.lanes.n_lanes))
        while not hand_over(
            self.last, self._next_ends, self._pass, [self.group], SERIAL, np.not_equal
        ):
            pass
        return self.states

    def _before(self, columns: slice | Index, states: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the states at columns before given ones."""
        values, log_transmat = self.best.values[:, columns], self.best.log_transmat
        top, out = values[0] + log_transmat[0][states], np.zeros(len(states), dtype=np.intp)
        for j in range(1, len(values)):
            value = values[j] + log_transmat[j][states]
            np.copyto(out, j, where=value > top)
            np.maximum(top, value, out=top)
        return out

    def _pass(self, group: Group, who: Index) -> None:
        """Trace lanes back until they meet the path that was there before."""
        states = np.empty(0, dtype=np.intp)
        n_before = 0
        for step in range(len(group.columns) - 1, -1, -1):
            columns = group.columns[step]
            here = int(np.searchsorted(who, columns.stop - columns.start))  # lanes as long as that
            last = self.last[who[n_before:here]]
            these = columns.start + who[:here]
            if n_before:
                states = self._before(these[:n_before], states)
                starts = group.starts[step + 1]
                if starts is not None:
                    at = np.flatnonzero(np.isin(who[:n_before], starts))
                    states[at] = self.best.values[:, these[at]].argmax(axis=0)
            states, n_before = np.concatenate([states, last]), here
            met = self.states[these] == states
            self.states[these] = states
            if n_before == len(who) and met.any():
                who, states = who[~met], states[~met]
                n_before = len(who)
                if not n_before:
                    return

    def _next_ends(self) -> tuple[Index, NDArray[np.intp]]:
        who = np.flatnonzero(~self.lanes.is_start[1:])
        return who, self._before(self.lanes.last_columns[who], self.states[who + 1])


def _differ(new: FloatArray, old: FloatArray) -> NDArray[np.bool_]:
    """Return the columns in which some log-density differs."""
    same = np.abs(new - old) <= SAME * np.maximum(1.0, np.abs(new))
    return ~(same | (new == old)).all(axis=0)
