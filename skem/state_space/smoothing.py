"""Passes over sequences by lanes: cut, passed over in pieces, and checked where lanes meet."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from skem.state_space.lanes import Lanes, cut
from skem.state_space.overlap import memory
from skem.state_space.scalar import Pass, Step
from skem.state_space.scalars import Scalars, scalar_observations
from skem.state_space.series import FloatArray, Index, Series, StateSpace

__all__ = ["ByRow", "Sink", "last_state", "pass_over", "rows_of"]

#: Numbers that a pass over some lanes may keep.
MOST_NUMBERS = 2**23

#: Lanes have met where they differ by less than this share of the largest entry.
SAME = 1e-12

TINY = float(np.finfo(np.float64).tiny)


class Sink(Protocol):
    """Takes in the results of passes, each row of the sequences once."""

    #: Whether to go backward as well.
    smooths: bool

    def filtered(self, lanes: Lanes, forward: Pass) -> None:
        """Take in a pass forward."""

    def smoothed(self, lanes: Lanes, step: Step) -> None:
        """Take in the covariances of one step of a pass backward."""

    def finished(self, lanes: Lanes, both: Pass) -> None:
        """Take in a pass forward and backward."""


AnySink = TypeVar("AnySink", bound=Sink)


def pass_over(
    series: Series, params: StateSpace, sequences: Index, new_sink: Callable[[], AnySink]
) -> AnySink:
    """Filter, and smooth, some of the sequences.

    Lanes overlap by as many rows as the filter remembers. Where they have not met at the end of
    the overlap, all is done again with half as much more, at last without cutting any sequence.

    Parameters
    ----------
    series : Series
        Where the sequences are.
    params : StateSpace
        Parameters.
    sequences : integer ndarray of shape (n,)
        Which sequences.
    new_sink : callable
        Returns an empty sink.

    Returns
    -------
    sink : Sink
        The sink, with all that it was given.
    """
    guess, n_steps = memory(params)
    scalars = scalar_observations(series, params)
    longest = int(series.lengths[sequences].max())
    overlap = longest if n_steps is None else n_steps
    if series.observed is not None:  # it takes longer where there is less to learn from
        overlap = int(overlap / max(series.observed.mean(), 1e-3))
    while True:
        sink, lanes = new_sink(), cut(series, sequences, overlap, len(guess))
        if _pass(lanes, scalars, params, guess, sink):
            return sink
        overlap += overlap // 2 + 1


def _pass(
    lanes: Lanes, scalars: Scalars, params: StateSpace, guess: FloatArray, sink: Sink
) -> bool:
    """Make the passes in pieces, and return whether lanes have met."""
    p, n = params.observation_matrix.shape
    numbers = len(lanes.rows) * (n * n + 2 * n + p * (n + 2))
    size = max(1, MOST_NUMBERS // numbers)
    forward, backward = [], []
    for first in range(0, lanes.n_lanes, size):
        part = lanes.part(slice(first, first + size))
        one = Pass(part, scalars, params, guess)
        one.filter()
        sink.filtered(part, one)
        if sink.smooths:
            for step in one.smooth():
                sink.smoothed(part, step)
            sink.finished(part, one)
        forward.append(one.handed)
        backward.append(one.handed_back)
    if not lanes.overlap:
        return True
    return _have_met(lanes, forward, 0) and (not sink.smooths or _have_met(lanes, backward, 1))


def _have_met(lanes: Lanes, handed: list[list[tuple[FloatArray, FloatArray]]], begin: int) -> bool:
    """Whether what lanes hand over is what their neighbours came to by themselves.

    Parameters
    ----------
    lanes : Lanes
        All lanes.
    handed : list of lists of pairs
        By piece, states where cores begin and where they have ended.
    begin : int
        Which of the two is that where cores begin.

    Returns
    -------
    have_met : bool
        Whether they are the same to rounding.
    """
    follows = np.flatnonzero(lanes.follows)
    for kind in (0, 1):
        begins, ends = (
            np.concatenate([piece[place][kind] for piece in handed], axis=-1)
            for place in (begin, 1 - begin)
        )
        begins, ends = begins[..., follows], ends[..., follows - 1]
        if not (np.abs(begins - ends) <= SAME * np.abs(begins).max(initial=TINY)).all():
            return False
    return True


class ByRow:
    """A sink that writes down everything, row by row.

    Parameters
    ----------
    n_rows, n : int
        Rows, and states.
    smooths : bool
        Whether means and covariances are those given all observations, or given the past alone.
    """

    def __init__(self, n_rows: int, n: int, smooths: bool) -> None:
        self.smooths = smooths
        self.means = np.empty((n_rows, n))
        self.covariances = np.empty((n_rows, n, n))
        self.log_densities = np.empty(n_rows)

    def filtered(self, lanes: Lanes, forward: Pass) -> None:
        """Take in a pass forward."""
        rows, core = lanes.core_rows, lanes.core_steps
        self.log_densities[rows] = lanes.by_row(forward.log_densities())
        if not self.smooths:
            self.means[rows] = lanes.by_row(forward.means[core])
            self.covariances[rows] = lanes.by_row(forward.covariances[core])

    def smoothed(self, lanes: Lanes, step: Step) -> None:
        """Take in one step of a pass backward."""
        core = lanes.is_core[step.number]
        rows = lanes.rows[step.number, core]
        self.covariances[rows] = step.covariances.transpose(2, 0, 1)[core]

    def finished(self, lanes: Lanes, both: Pass) -> None:
        """Take in the means of a pass forward and backward."""
        self.means[lanes.core_rows] = lanes.by_row(both.means[lanes.core_steps])


def rows_of(series: Series, params: StateSpace, smooths: bool) -> ByRow:
    """Return means and covariances of states, and log-densities given the past, by row."""
    n = len(params.transition_matrix)
    every = np.arange(len(series.ends))
    return pass_over(series, params, every, lambda: ByRow(series.n_rows, n, smooths))


def last_state(series: Series, params: StateSpace) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the state at the end of the last sequence, given all of it."""
    rows = slice(series.starts[-1], None)
    values = series.values[rows]
    if series.observed is not None:
        values = np.where(series.observed[rows], values, np.nan)
    filtered = rows_of(Series.of(values), params, smooths=False)
    return filtered.means[-1], filtered.covariances[-1]
