"""The default start: k-means, then components are moved to where they help more.

EM ends on the hill on which it starts, and on a wrong one some component is mostly to spare (two
share what one could explain) while another has to explain what needs two. So a component is taken
away, some of another's rows are given to it, and a short run of EM shows whether that leads higher
("random swap EM": Zhao, Hautamaki & Franti 2012; split and merge: Ueda, Nakano, Ghahramani &
Hinton 2000). This finds the best hill far more often than as many evaluations in new starts.

Where there are few rows a few moves are tried at once (:mod:`.side_by_side`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from skem.data.blocks import workers
from skem.em.driver import LikelihoodFellError, Run, remaining_gain, run
from skem.em.restarts import SAME_OPTIMUM
from skem.families.base import DegenerateComponentError, FloatArray
from skem.mixture.model import MixtureModel
from skem.mixture.moves import HALF_OR_QUARTER, PARTS, clusters_in_a_background, moved
from skem.mixture.numbering import match_components
from skem.mixture.scoring import evaluate
from skem.mixture.shares import first_parameters
from skem.mixture.side_by_side import climb_side_by_side, most_side_by_side

__all__ = ["free_of_units", "short_runs"]

#: Moves that are tried for each component. More of them find hardly more.
MOVES = 3

#: Evaluations after which a run may be given up: its gains shrink so fast that it cannot overtake.
SHORT = 8

#: Moves of the best mixture that are made side by side before one of them is taken.
MOST_AT_ONCE = 6

#: Evaluations after which this is looked at again while runs climb together, and those after which
#: each goes on alone.
FURTHER, MOST_TOGETHER = 2, 16

#: A run that is not given up ends where it has less than this to gain, in nats per row, or after
#: so many evaluations.
TOL, MOST_EVALUATIONS = 1e-4, 40

#: Coordinates from which on a further start weighs them: of few, none drowns among the others.
MANY_COORDINATES = 5

#: Decimals of coordinates that count, in units of their spread: rounding, which differs with the
#: units of the data, then breaks no ties.
DECIMALS = 9

#: Multiplications that one evaluation may take, and those that all moves together may take.
MOST_WORK, WORK_OF_MOVES = 2 * 10**8, 10**8


def short_runs(model: MixtureModel, places: FloatArray, rng: Any) -> Any:
    """Return the parameters of the best mixture found in short runs of EM.

    Parameters
    ----------
    model : MixtureModel
        What is to be fitted.
    places : ndarray of shape (n_rows, n_coordinates)
        The rows of the model, in coordinates where Euclidean distances make sense once they
        are divided by their spread.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    params : object
        Parameters; None where a single evaluation would be too much work.

    Raises
    ------
    DegenerateComponentError
        Where every run collapsed.
    """
    rows, K = model.rows, model.components.n_components
    # Few rows of many features take the time of the M-step's matrices.
    work = max(places.shape) * model.components.n_statistics * K
    if work > MOST_WORK:
        return None
    weights = rows.each_weight / rows.each_weight.mean()
    places = free_of_units(places, weights)
    starts = _first_clusters(places, weights, K, rng)
    n_moves = min(MOVES * K, WORK_OF_MOVES // (SHORT * work))
    # Few rows far from all others are no sound component where each may become a spike.
    components: Any = model.components
    separable = getattr(components, "separable", False)
    may_be_spikes = separable and getattr(components, "minds_copies", False)
    parts = HALF_OR_QUARTER if may_be_spikes else PARTS
    with workers(work) as crew:
        search = _Search(replace(model, workers=crew))
        search.try_from([match_components(labels, model) for labels in starts])
        while n_moves > 0:
            n = min(n_moves, search.at_once)
            r = search.posterior()
            search.try_from([moved(r, places, weights, parts, rng) for _ in range(n)])
            n_moves -= n
        return search.best().params


def free_of_units(places: FloatArray, weights: FloatArray) -> FloatArray:
    """Return coordinates (n_rows, n_coordinates) less their means, in units of their spread."""
    places = places.astype(np.float64)
    labels = np.zeros(len(places), dtype=np.intp)
    return _scaled(places - places.mean(axis=0), weights, labels).round(DECIMALS)


def _first_clusters(
    places: FloatArray, weights: FloatArray, K: int, rng: Any
) -> list[NDArray[np.intp]]:
    """Return the labels of several ways to cluster the rows.

    Coordinates that tell clusters apart weigh more and more: k-means finds the digits among 20
    principal components so, which drown in noise where all of them have the same spread.
    """
    clusters = _clusters(places, weights, K, rng)
    scaled = _scaled(places, weights, clusters)
    starts = [clusters, _clusters(scaled, weights, K, rng)]
    if places.shape[1] >= MANY_COORDINATES:
        starts.append(_clusters(_stressed(scaled, weights, starts[1]), weights, K, rng))
    if np.bincount(clusters, minlength=K).all():
        starts.append(clusters_in_a_background(places, weights, clusters))
    return starts


def _scaled(places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    """Divide coordinates by their spread within clusters, which frees them of units."""
    spread = np.sqrt(_variances_within(places, weights, labels))
    return places / np.where(spread > 0, spread, 1.0)


def _stressed(places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    """Multiply coordinates by the root of the share of their variance that is between clusters.

    That is the sparse k-means of Witten & Tibshirani (2010) without its penalty.
    """
    within = _variances_within(places, weights, labels)
    total = _variances_within(places, weights, np.zeros_like(labels))
    between = np.maximum(total - within, 0.0)
    return places * np.sqrt(between / np.where(total > 0, total, 1.0))


def _variances_within(
    places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]
) -> FloatArray:
    """Return the variance of each coordinate about the centres of clusters."""
    deviations = np.empty_like(places)
    for k in np.unique(labels):
        own = labels == k
        deviations[own] = places[own] - np.average(places[own], 0, weights[own])
    variances: FloatArray = np.average(deviations**2, 0, weights)
    return variances


def _clusters(places: FloatArray, weights: FloatArray, K: int, rng: Any) -> NDArray[np.intp]:
    """Return the labels of one run of k-means."""
    return KMeans(K, n_init=1, random_state=rng).fit(places, sample_weight=weights).labels_


class _Search:
    """The best mixture that short runs of EM have found so far."""

    def __init__(self, model: MixtureModel) -> None:
        self.model = model
        self._best: Run | None = None
        self._is_sound = False
        self._posterior: FloatArray | None = None
        self._failure: Exception | None = None

    def best(self) -> Run:
        """Return the run that led to it; raises what went wrong where all runs failed."""
        if self._best is None:
            assert self._failure is not None
            raise self._failure
        return self._best

    def posterior(self) -> FloatArray:
        """Return the responsibilities of the best mixture, (n_rows, n_components)."""
        if self._posterior is None:
            X, K = self.model.rows.X, self.model.components.n_components
            self._posterior = np.empty((len(X), K))
            evaluate(self.model.components, self.best().params, X, posterior=self._posterior)
        return self._posterior

    @property
    def at_once(self) -> int:
        """How many moves of the best mixture are made before one of them is taken."""
        return min(most_side_by_side(self.model), MOST_AT_ONCE)

    def try_from(self, shares: Sequence[NDArray[Any]]) -> None:
        """Run EM from some sharings-out of the rows, and keep what leads to a better mixture."""
        starts = []
        for each in shares:
            try:
                starts.append(first_parameters(self.model, each))
            except DegenerateComponentError as error:
                self._failure = error
        runs = self._climb_together([Run(each, (), "max_iter") for each in starts])
        # Rounding, which differs with how rows are stored, does not say which of two comes first.
        for begun in sorted(runs, key=lambda run: -round(run.objective, DECIMALS)):
            if begun.objective == -np.inf:  # still: more steps do not make a row possible
                self._keep_if_better(begun)
            elif not self._falls_short(begun.trace):
                self._climb_alone(begun)

    def _climb_together(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Take first steps in all runs, and more in those that may still overtake the best."""
        n_steps = SHORT
        while runs:
            runs = [run for run in self._climb(runs, n_steps) if not self._falls_short(run.trace)]
            n_steps = FURTHER
            few = len(runs) < 2 or self.at_once == 1
            if few or len(runs[0].trace) >= MOST_TOGETHER:
                break
        return runs

    def _climb(self, runs: Sequence[Run], n_steps: int) -> list[Run]:
        """Take some steps in each run, by EM alone; collapsed ones are left out.

        Far from an optimum EM is left to itself, and what the accelerator costs is saved.
        """
        further: list[Run] = []
        for i in range(0, len(runs), self.at_once):
            try:
                those = runs[i : i + self.at_once]
                further += climb_side_by_side(self.model, those, n_steps)
            except DegenerateComponentError as error:
                self._failure = error
        return further

    def _falls_short(self, trace: Sequence[float]) -> bool:
        """Say whether a run cannot overtake the best by what counts."""
        return self._is_sound and trace[-1] + remaining_gain(trace) < self.best().objective + TOL

    def _climb_alone(self, begun: Run) -> None:
        """Run EM until little is left to gain, or it cannot overtake the best."""
        trace = list(begun.trace)

        def falls_short(n: int, objective: float, params: Any) -> bool:
            trace.append(objective)
            return self._falls_short(trace)

        try:
            result = run(
                self.model,
                begun.params,
                tol=TOL,
                max_iter=MOST_EVALUATIONS,
                accelerate=True,
                history=begun.trace,
                report=falls_short,
            )
        except (DegenerateComponentError, LikelihoodFellError) as error:
            self._failure = error
        else:
            self._keep_if_better(result)

    def _keep_if_better(self, result: Run) -> None:
        """Keep a run that is the best so far.

        A spike on few rows is no merit: what is sound comes before what is spurious.
        """
        is_sound = self.model.spurious(result.params) is None
        if self._best is None or (is_sound, result.objective) > (self._is_sound, self._goal()):
            self._best, self._is_sound, self._posterior = result, is_sound, None

    def _goal(self) -> float:
        """Return what is higher than the best by more than two runs to one optimum may differ."""
        return self.best().objective + SAME_OPTIMUM
