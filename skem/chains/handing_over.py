"""Handing over between lanes until nothing changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.chains.expected import FloatArray
from skem.chains.lanes import Group, Index
from skem.data.blocks import Workers

__all__ = ["EVERY", "differ", "each_group", "hand_over", "unbuffered"]

#: Trajectories that agree to this relative difference in every entry are one.
SAME = 1e-13

#: Entries that are both below this may differ.
NOTHING = 1e-280

#: Rounds of handing over before the chain counts as slow.
MAX_ROUNDS = 4

#: Steps between two comparisons.
EVERY = 8

#: Numbers in a buffer of numpy.
LEAST_BUFFER = 256


@contextmanager
def unbuffered() -> Iterator[None]:
    """Let numpy work on parts of rows as they are, and say nothing of what is not finite.

    It copies operands of less than its buffer size whose rows are not next to each other. A step
    of few thousand lanes, of which there are many, takes two to three times as long so.
    """
    with np.errstate(all="ignore"):
        size = np.setbufsize(LEAST_BUFFER)
        try:
            yield
        finally:
            np.setbufsize(size)


def differ(new: FloatArray, old: FloatArray) -> NDArray[np.bool_]:
    """Return the columns in which some entry differs; zero differs from all that is not."""
    far: NDArray[np.bool_] = np.abs(new - old) > SAME * new
    far &= (new > NOTHING) | (old > NOTHING)
    return np.logical_or.reduce(far, axis=0)


def each_group(groups: list[Group], workers: Workers, function: Callable[[int], Any]) -> None:
    """Call a function with the number of each group."""

    def call(numbers: range) -> None:
        with unbuffered():  # each thread has settings of its own
            for number in numbers:
                function(number)

    for _ in workers.map(call, len(groups), 1):
        pass


def hand_over(
    inputs: NDArray[Any],
    neighbours: Callable[[], tuple[Index, NDArray[Any]]],
    again: Callable[[Group, Index], None],
    groups: list[Group],
    workers: Workers,
    differ: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]] = differ,
) -> bool:
    """Hand over between lanes until nothing changes.

    Parameters
    ----------
    inputs : ndarray of shape (..., n_lanes)
        What each lane was passed over with. Overwritten.
    neighbours : callable
        Returns lanes that depend on a neighbour, and what its end says their inputs should be.
    again : callable
        Passes again over some lanes of a group, counted from its first, with changed inputs.
    groups : list of Group
        The lanes.
    workers : Workers
        Who passes.
    differ : callable, default=differ
        Returns which columns of new and old inputs differ.

    Returns
    -------
    is_done : bool
        Whether nothing changes any more. False for a chain that remembers for long.
    """
    for left in range(MAX_ROUNDS, -1, -1):
        who, new = neighbours()
        far = differ(new, inputs[..., who])
        who, new = who[far], new[..., far]
        if not who.size or not left:
            break
        inputs[..., who] = new
        cuts = [np.searchsorted(who, (g.members.start, g.members.stop)) for g in groups]
        todo = [who[a:b] - g.members.start for g, (a, b) in zip(groups, cuts, strict=True)]

        def some(number: int, todo: list[Index] = todo) -> None:
            if todo[number].size:
                again(groups[number], todo[number])

        each_group(groups, workers, some)
    return not who.size
