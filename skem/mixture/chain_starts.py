"""Where EM for a hidden Markov model starts from.

The likelihood of a chain has many optima, and which one EM comes to depends on what the states of
the start are like. So starts differ in kind: from the mixture that rows make as if they were
exchangeable, from clusters of rows, from clusters of rows averaged over time (states that last),
and from contiguous pieces (states that follow each other). Then states of the best are moved to
where they may help more, as the components of a mixture are in :mod:`.short_runs`: to rows that
are alike, or whose neighbours in time are. How often the best optimum known is found is counted in
``benchmarks/chain_starts.py``.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from skem.em.driver import LikelihoodFellError, Run, remaining_gain, run
from skem.em.model import DegenerateError
from skem.families.base import FloatArray
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import Independent, MixtureParameters
from skem.mixture.markov import Chain
from skem.mixture.model import MixtureModel
from skem.mixture.moves import HALF_OR_QUARTER, moved
from skem.mixture.posterior import normalise
from skem.mixture.starts import SHORT_RUNS, partition, start

__all__ = ["ImpossibleDataError", "starts"]

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


class ImpossibleDataError(ValueError):
    """No path of the chain can have made the rows, whatever its free parameters."""


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

    Raises
    ------
    ImpossibleDataError
        If what is held, or zeros that are given, leave no path that can have made the rows.
    """
    some = replace(model, sequences=model.sequences.some(rng, bool(model.labels.free.all())))
    trials: list[tuple[float, MixtureParameters]] = []
    is_possible = False
    for candidate in itertools.chain(
        _candidates(some, given.labels, n_best, rng), _moves(some, given.labels, trials, rng)
    ):
        known = [objective for objective, _ in trials]
        goal = known[-1] if len(known) == n_best else -np.inf
        merged = _merged(some, given, candidate)
        # Starts differ in what is free, which a step moves to where rows are possible.
        if not (is_possible := is_possible or some.is_possible(merged)):
            raise ImpossibleDataError
        try:
            trial = _trial(some, merged, goal, known)
        except (DegenerateError, LikelihoodFellError):
            continue
        if trial.reason != "stopped" and not _is_known(trial.objective, known):
            trials.append((trial.objective, trial.params))
            trials.sort(key=lambda trial: -trial[0])
            del trials[n_best:]
    return [params for _, params in trials]


def _is_known(objective: float, known: list[float]) -> bool:
    return any(abs(objective - other) <= TRIAL_TOL for other in known)


def _trial(model: HiddenChain, start: MixtureParameters, goal: float, known: list[float]) -> Run:
    """Run EM until little is left to gain, or it cannot come to the goal, or to what is known."""
    trace: list[float] = []

    def falls_short(n: int, objective: float, params: Any) -> bool:
        trace.append(objective)
        end = objective + remaining_gain(trace)
        return n >= SHORT and (end < goal or _is_known(end, known))

    return run(
        model,
        start,
        tol=TRIAL_TOL,
        max_iter=TRIAL_EVALUATIONS,
        accelerate=True,
        report=falls_short,
    )


def _moves(
    model: HiddenChain, chain: Chain, trials: list[tuple[float, MixtureParameters]], rng: Any
) -> Iterator[MixtureParameters]:
    """Yield starts in which one state of the best trial so far is somewhere else."""
    rows, K = model.sequences.rows, model.components.n_components
    if K == 1 or not trials:
        return
    coordinates = model.components.coordinates(rows.X, rows.each_weight)
    places = [_averaged(coordinates, window) for window in (1, *WINDOWS)]
    for i in range(MOVES * K):
        posterior = _posterior_of_chain(model, trials[0][1])
        here, weights = places[i % len(places)], rows.each_weight
        shares = moved(posterior, here, weights, HALF_OR_QUARTER, rng)
        yield _from_labels(model, chain, shares, None)


def _posterior_of_chain(model: HiddenChain, params: MixtureParameters) -> FloatArray:
    """Return the probability of each state in each row, (n_rows, K)."""
    rows, piece = model.sequences.rows, model.sequences.whole
    assert piece is not None
    expected = piece.expect(model.kernel(params), params.labels, model.workers)
    posterior = np.empty(expected.posterior.T.shape)
    posterior[piece.lanes.order] = expected.posterior.T
    return posterior / rows.each_weight[:, np.newaxis]


def _merged(
    model: HiddenChain, given: MixtureParameters, start: MixtureParameters
) -> MixtureParameters:
    """Return starting values: those given, and those of a start where there are none."""
    values, found = given.by_name(), start.by_name()
    merged = start.with_arrays(
        **{name: np.where(np.isnan(values[name]), found[name], values[name]) for name in found}
    )
    return merged._replace(labels=model.labels.tied(merged.labels))


def _candidates(
    model: HiddenChain, chain: Chain, n_best: int, rng: Any
) -> Iterator[MixtureParameters]:
    rows, K = model.sequences.rows, model.components.n_components
    lengths, n_rows = np.diff(model.sequences.ends, prepend=0), rows.n_rows
    places = model.components.coordinates(rows.X, rows.each_weight)
    if K == 1:
        yield _from_labels(model, chain, np.zeros(n_rows, dtype=np.intp), None)
        return
    mixture = MixtureModel(Independent(), model.components, rows, model.workers)
    try:
        params = start(SHORT_RUNS, mixture, rng)
        posterior = _posterior(mixture, params)
    except DegenerateError:
        pass
    else:
        yield _from_labels(model, chain, posterior.argmax(axis=0), None)
        for window in WINDOWS:
            yield _from_labels(model, chain, _averaged(posterior.T, window).argmax(axis=1), None)
    position = np.arange(n_rows) - np.repeat(model.sequences.ends - lengths, lengths)
    yield _from_labels(model, chain, position * K // np.repeat(lengths, lengths), position)
    for window in (1, *WINDOWS):
        labels = partition("kmeans", _averaged(places, window), rows.weights, K, rng)
        yield _from_labels(model, chain, labels, position)
    for _ in range(RANDOM_STARTS * n_best):
        window = int(rng.randint(1, max(2, min(50, n_rows // (2 * K)))))
        labels = partition("random_from_data", _averaged(places, window), rows.weights, K, rng)
        yield _from_labels(model, chain, labels, position)


def _posterior(mixture: MixtureModel, params: MixtureParameters) -> FloatArray:
    """Return the posterior probabilities of a mixture's components, (K, n_rows)."""
    kernel = mixture.kernel(params)
    log_joint = np.empty((mixture.components.n_components, mixture.rows.n_rows))
    block = kernel.load(mixture.rows.X, np.empty((kernel.width, mixture.rows.n_rows)))
    kernel.log_density(block, log_joint)
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
    rows, K, free = model.sequences.rows, model.components.n_components, model.labels.free
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    if not free.all() and position is not None:
        where = np.array(
            [position[labels == k].mean() if (labels == k).any() else np.inf for k in range(K)]
        )
        labels = where.argsort().argsort()[labels]
    if rows.labels is not None:
        labels = np.where(rows.labels >= 0, rows.labels, labels)
    posterior = np.full((K, rows.n_rows), 1e-3 / K)
    posterior[labels, np.arange(rows.n_rows)] += 1 - 1e-3
    first = np.zeros(rows.n_rows, dtype=bool)
    first[np.append(0, model.sequences.ends[:-1])] = True
    after = np.flatnonzero(~first)
    counts = np.full((K + 1, K), 1 / K)
    np.add.at(counts[0], labels[first], 1.0)
    np.add.at(counts[1:], (labels[after - 1], labels[after]), 1.0)
    table = np.nan_to_num(model.labels.table(*chain))
    found = model.labels.maximize(counts, Chain(table[0], table[1:]))
    if rows.weights is not None:
        posterior *= rows.weights
    return model.start(posterior, found)
