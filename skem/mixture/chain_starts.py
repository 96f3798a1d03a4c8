"""Where EM for a hidden Markov model starts from.

The likelihood of a chain has many optima, and which one EM comes to depends on what the states of
the start are like. So starts differ in kind: from the mixture that rows make as if they were
exchangeable, from clusters of rows, from clusters of rows averaged over time (states that last),
and from contiguous pieces (states that follow each other). Then states of the best are moved to
where they may help more, as the components of a mixture are in :mod:`.short_runs`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from skem.chains.lanes import Lanes, ends_of
from skem.em.driver import LikelihoodFellError, Run, remaining_gain, run
from skem.families.base import DegenerateComponentError, FloatArray
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import Independent, MixtureParameters
from skem.mixture.markov import Chain
from skem.mixture.model import MixtureModel
from skem.mixture.posterior import normalise
from skem.mixture.short_runs import moved
from skem.mixture.starts import SHORT_RUNS, partition, start

__all__ = ["some_sequences", "starts"]

#: Rows that starts are made from, at most.
MOST_ROWS = 20_000

#: Windows of moving averages whose clusters make starts.
WINDOWS = (5, 25)

#: How far each start is followed before the best are chosen.
TRIAL_TOL, TRIAL_EVALUATIONS = 1e-4, 30

#: Evaluations after which a start may be given up: its gains shrink so fast that it cannot
#: overtake.
SHORT = 5

#: Starts for each one that is followed to the end, beside those of the mixture and of pieces.
RANDOM_STARTS = 1

#: Moves that are tried for each state.
MOVES = 3


def some_sequences(lengths: NDArray[np.intp], rng: Any) -> NDArray[np.intp]:
    """Return the rows of as many sequences as make about MOST_ROWS rows, in their order."""
    if lengths.sum() <= MOST_ROWS:
        return np.arange(lengths.sum())
    order = rng.permutation(len(lengths))
    n_taken = int(np.searchsorted(np.cumsum(lengths[order]), MOST_ROWS)) + 1
    taken = np.sort(order[:n_taken])
    first = np.cumsum(lengths) - lengths
    longest = max(MOST_ROWS // len(taken), 2)
    return np.concatenate(
        [np.arange(first[i], first[i] + min(lengths[i], longest)) for i in taken]
    )


def starts(
    model: HiddenChain, given: MixtureParameters, n_best: int, rng: Any
) -> list[MixtureParameters]:
    """Return the parameters that are the best after some steps of EM from diverse starts.

    Parameters
    ----------
    model : HiddenChain
        What is to be fitted.
    given : MixtureParameters
        Parameters to start from, NaN where they are left to the data.
    n_best : int
        How many to return at most.
    rng : RandomState
        Source of randomness.
    """
    some = _restricted(model, rng)
    trials: list[tuple[float, MixtureParameters]] = []
    for candidate in itertools.chain(
        _candidates(some, given.labels, n_best, rng), _moves(some, given.labels, trials, rng)
    ):
        goal = trials[-1][0] if len(trials) == n_best else -np.inf
        try:
            trial = _trial(some, _merged(given, candidate), goal)
        except (DegenerateComponentError, LikelihoodFellError):
            continue
        if all(abs(trial.objective - objective) > TRIAL_TOL for objective, _ in trials):
            trials.append((trial.objective, trial.params))
            trials.sort(key=lambda trial: -trial[0])
            del trials[n_best:]
    return [params for _, params in trials]


def _trial(model: HiddenChain, start: MixtureParameters, goal: float) -> Run:
    """Run EM until little is left to gain, or it cannot come to the goal."""
    trace: list[float] = []

    def falls_short(n: int, objective: float, params: Any) -> bool:
        trace.append(objective)
        return n >= SHORT and objective + remaining_gain(trace) < goal

    return run(model, start, tol=TRIAL_TOL, max_iter=TRIAL_EVALUATIONS, report=falls_short)


def _moves(
    model: HiddenChain, chain: Chain, trials: list[tuple[float, MixtureParameters]], rng: Any
) -> Iterator[MixtureParameters]:
    """Yield starts in which one state of the best trial so far is somewhere else."""
    lanes, K = model.lanes, model.components.n_components
    if K == 1 or not trials:
        return
    rows = model.rows.take(np.argsort(lanes.order))
    places = model.components.coordinates(rows.X, rows.each_weight)
    for _ in range(MOVES * K):
        posterior = np.empty((lanes.n_rows, K))
        posterior[lanes.order] = model.expect(trials[0][1])[0].posterior.T
        posterior /= rows.each_weight[:, np.newaxis]
        yield _from_labels(model, chain, moved(posterior, places, rows.each_weight, rng), None)


def _merged(given: MixtureParameters, start: MixtureParameters) -> MixtureParameters:
    """Return starting values: those given, and those of a start where there are none."""
    values, found = given.by_name(), start.by_name()
    return start.with_arrays(
        **{name: np.where(np.isnan(values[name]), found[name], values[name]) for name in found}
    )


def _restricted(model: HiddenChain, rng: Any) -> HiddenChain:
    """Return the model of some of the rows, in their own order, which is that of one lane."""
    lanes, rows = model.lanes, model.rows
    in_order = rows.take(np.argsort(lanes.order))
    index = some_sequences(lanes.lengths, rng)
    number = np.repeat(np.arange(len(lanes.lengths)), lanes.lengths)[index]
    lengths = np.diff(np.flatnonzero(np.diff(number, prepend=-1, append=-2)))
    part = Lanes(ends_of(lengths))
    return replace(model, rows=in_order.take(index[part.order]), lanes=part)


def _candidates(
    model: HiddenChain, chain: Chain, n_best: int, rng: Any
) -> Iterator[MixtureParameters]:
    lanes, K = model.lanes, model.components.n_components
    rows = model.rows.take(np.argsort(lanes.order))
    places = model.components.coordinates(rows.X, rows.each_weight)
    if K == 1:
        yield _from_labels(model, chain, np.zeros(lanes.n_rows, dtype=np.intp), None)
        return
    mixture = MixtureModel(Independent(), model.components, rows, model.workers)
    try:
        params = start(SHORT_RUNS, mixture, rng)
        posterior = _posterior(mixture, params)
    except DegenerateComponentError:
        pass
    else:
        yield _from_labels(model, chain, posterior.argmax(axis=0), None)
        for window in WINDOWS:
            yield _from_labels(model, chain, _averaged(posterior.T, window).argmax(axis=1), None)
    position = np.arange(lanes.n_rows) - np.repeat(lanes.ends - lanes.lengths, lanes.lengths)
    yield _from_labels(
        model, chain, position * K // np.repeat(lanes.lengths, lanes.lengths), position
    )
    for window in (1, *WINDOWS):
        labels = partition("kmeans", _averaged(places, window), rows.weights, K, rng)
        yield _from_labels(model, chain, labels, position)
    for _ in range(RANDOM_STARTS * n_best):
        window = int(rng.randint(1, max(2, min(50, lanes.n_rows // (2 * K)))))
        labels = partition("random_from_data", _averaged(places, window), rows.weights, K, rng)
        yield _from_labels(model, chain, labels, position)


def _posterior(mixture: MixtureModel, params: MixtureParameters) -> FloatArray:
    """Return the posterior probabilities of a mixture's components, (K, n_rows)."""
    kernel = mixture.kernel(params)
    log_joint = np.empty((kernel.n_components, mixture.rows.n_rows))
    block = kernel.load(mixture.rows.X, np.empty((kernel.width, mixture.rows.n_rows)))
    kernel.log_joint(block, log_joint)
    posterior = np.empty_like(log_joint)
    normalise(log_joint, params.labels.weights, posterior)
    return posterior


def _averaged(values: FloatArray, window: int) -> FloatArray:
    """Return moving averages along the rows."""
    return uniform_filter1d(values, window, axis=0) if window > 1 else values


def _from_labels(
    model: HiddenChain, chain: Chain, labels: NDArray[Any], position: NDArray[Any] | None
) -> MixtureParameters:
    """Return the M-step of states by row, each of which has been in every state a little.

    Where states cannot follow each other in any order they are numbered by where they are.
    """
    lanes, K, free = model.lanes, model.components.n_components, model.labels.free
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    if not free.all() and position is not None:
        where = np.array(
            [position[labels == k].mean() if (labels == k).any() else np.inf for k in range(K)]
        )
        labels = where.argsort().argsort()[labels]
    known = model.rows.labels
    if known is not None:
        known = known[np.argsort(lanes.order)]
        labels = np.where(known >= 0, known, labels)
    posterior = np.full((K, lanes.n_rows), 1e-3 / K)
    posterior[labels, np.arange(lanes.n_rows)] += 1 - 1e-3
    first = np.zeros(lanes.n_rows, dtype=bool)
    first[lanes.ends - lanes.lengths] = True
    after = np.flatnonzero(~first)
    counts = np.full((K + 1, K), 1 / K)
    np.add.at(counts[0], labels[first], 1.0)
    np.add.at(counts[1:], (labels[after - 1], labels[after]), 1.0)
    table = np.nan_to_num(model.labels.table(*chain))
    found = model.labels.maximize(counts, Chain(table[0], table[1:]))
    if model.rows.weights is not None:
        posterior *= model.rows.weights[np.argsort(lanes.order)]
    return model.start(posterior[:, lanes.order], found)
