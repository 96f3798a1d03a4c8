"""The backward pass on lanes: posterior distributions of the states.

It goes from posterior to posterior (Rauch, Tung & Striebel 1965), so that neither densities nor
the factors of the forward pass are needed::

    posterior[l - 1] = filtered[l - 1] * (transmat @ (posterior[l] / predicted[l]))
"""

import numpy as np

from skem.chains.expected import FloatArray
from skem.chains.forward import BLOCK_NUMBERS, Forward
from skem.chains.handing_over import EVERY, differ, each_group, hand_over
from skem.chains.lanes import Group, Index
from skem.families.products import weighted_sums

__all__ = ["Backward"]

#: Stands for a predicted probability of zero, where the posterior is zero as well.
TINY = 1e-300


class Backward:
    """A backward pass.

    Parameters
    ----------
    forward : Forward
        The forward pass before it.
    posterior : ndarray of shape (n_states, n_rows)
        Where the result goes. It may be the densities of the forward pass.
    """

    def __init__(self, forward: Forward, posterior: FloatArray) -> None:
        self.forward, self.gamma = forward, posterior
        self.alpha, self.p, self.A = forward.alpha, forward.p, forward.A
        last = self.alpha[:, forward.lanes.last_columns]
        if forward.weights_of_ends is not None:
            last = last * forward.weights_of_ends
        self.last = last * forward._inverse(last.sum(axis=0))

    def run(self) -> None:
        """Pass over all rows.

        A chain that forgets the past forgets the future: rounds do not run out here where they did
        not before, and if they do the lanes are passed over until nothing changes.
        """
        forward = self.forward
        groups, workers = forward.groups, forward.workers
        each_group(groups, workers, lambda i: self._pass(groups[i]))
        if forward.weights_of_ends is None:
            while not hand_over(self.last, self._next_ends, self._again, groups, workers):
                pass

    def transitions(self, weights: FloatArray | None) -> FloatArray:
        """Return expected numbers of transitions (n_states, n_states), by weight of columns."""
        lanes, n, B = self.forward.lanes, self.forward.lanes.n_rows, self.forward.lanes.n_lanes
        starts = lanes.sorted_starts

        def sums(of: range) -> FloatArray:
            total: FloatArray = np.zeros_like(self.A)
            for start in of:
                columns = slice(B + start, B + min(start + of.step, of.stop))
                w = self._ratio(columns)
                a, b = np.searchsorted(starts, (columns.start, columns.stop))
                w[:, starts[a:b] - columns.start] = 0.0
                if weights is not None:
                    w *= weights[columns]
                before = self.alpha[:, columns.start - B : columns.stop - B]
                total += weighted_sums(before, w)
            return total

        total: FloatArray = np.zeros_like(self.A)
        if n > B:
            block = max(1, BLOCK_NUMBERS // len(self.A))
            for part in self.forward.workers.map(sums, n - B, block):
                total = total + part
        who = np.flatnonzero(~lanes.is_start[:-1])
        ends = self.alpha[:, lanes.last_columns[who - 1]]
        w = self._ratio(who) if weights is None else self._ratio(who) * weights[who]
        total = total + (ends * self.forward._inverse(ends.sum(axis=0))) @ w.T
        return self.A * total

    def _ratio(self, columns: slice | Index, gamma: FloatArray | None = None) -> FloatArray:
        """Return posterior / predicted, zero where both are."""
        p = self.p[:, columns]
        if not self.forward.is_safe:
            p = np.maximum(p, TINY)
        return (self.gamma[:, columns] if gamma is None else gamma) / p

    def _pass(self, group: Group, again: bool = False) -> None:
        """Pass over a group; again: until it agrees with what was there before."""
        alpha, gamma, A = self.alpha, self.gamma, self.A
        last = self.last[:, group.members.start : group.members.stop]
        n_steps = len(group.columns)
        g: FloatArray = last
        width = 0
        for step in range(n_steps - 1, -1, -1):
            columns = group.columns[step]
            compare = again and (n_steps - 1 - step) % EVERY == 0
            out = gamma[:, columns]
            before = out.copy() if compare else out
            if width:
                a, starts = alpha[:, columns][:, :width], group.starts[step + 1]
                w = self._ratio(group.columns[step + 1], g)
                np.matmul(A, w, out=out[:, :width])
                if starts is not None:
                    out[:, starts] = self.forward._inverse(a[:, starts].sum(axis=0))
                out[:, :width] *= a
            out[:, width:] = last[:, width : out.shape[1]]
            g, width = out, out.shape[1]
            if compare and width == last.shape[1]:
                far = differ(g, before)
                if 4 * np.count_nonzero(far) < width:
                    self._pass_few(group, step, np.flatnonzero(far))
                    return

    def _pass_few(self, group: Group, last: int, who: Index) -> None:
        """Go on from a step with few lanes, until they agree with what was there before."""
        n_steps = len(group.columns)
        g = self.gamma[:, group.columns[last].start + who]
        for step in range(last - 1, -1, -1):
            stay = group.last_start[who] <= step
            if not stay.all():
                who, g = who[stay], g[:, stay]
            if not who.size:
                return
            w = self._ratio(group.columns[step + 1].start + who, g)
            these = group.columns[step].start + who
            g = (self.A @ w) * self.alpha[:, these]
            far = differ(g, self.gamma[:, these]) if (n_steps - 1 - step) % EVERY == 0 else None
            self.gamma[:, these] = g
            if far is not None:
                who, g = who[far], g[:, far]

    def _again(self, group: Group, todo: Index) -> None:
        """Pass over some lanes from other ends."""
        self._pass(group, again=True)

    def _next_ends(self) -> tuple[Index, FloatArray]:
        """Return lanes with which a sequence does not end, and their posterior at the end."""
        lanes = self.forward.lanes
        who = np.flatnonzero(~lanes.is_start[1:])
        ends = self.alpha[:, lanes.last_columns[who]] * (self.A @ self._ratio(who + 1))
        return who, ends * self.forward._inverse(ends.sum(axis=0))
