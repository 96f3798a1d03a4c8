"""The default start: k-means, then one component after another is moved to where it helps more.

EM ends on the hill on which it starts, and on a wrong one some component is mostly to spare (two
share what one could explain) while another has to explain what needs two. So a component is taken
away, half of another's rows are given to it, and a short run of EM shows whether that leads higher
("random swap EM": Zhao, Hautamaki & Franti 2012; split and merge: Ueda, Nakano, Ghahramani &
Hinton 2000). This finds the best hill far more often than as many evaluations in new starts.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from skem.data.blocks import workers
from skem.em.driver import LikelihoodFellError, Run, remaining_gain, run
from skem.em.restarts import SAME_OPTIMUM
from skem.families.base import DegenerateComponentError, FloatArray
from skem.mixture.model import MixtureModel
from skem.mixture.numbering import match_components
from skem.mixture.posterior import normalise
from skem.mixture.scoring import evaluate
from skem.mixture.shares import first_parameters

__all__ = ["clusters_in_a_background", "moved", "short_runs"]

#: Moves that are tried for each component. More of them find hardly more.
MOVES = 3

#: Evaluations after which a run may be given up: its gains shrink so fast that it cannot overtake.
SHORT = 8

#: A run that is not given up ends where it has less than this to gain, in nats per row, or after
#: so many evaluations.
TOL, MOST_EVALUATIONS = 1e-4, 40

#: Decimals of coordinates that count, in units of their spread: rounding, which differs with the
#: units of the data, then breaks no ties.
DECIMALS = 9

#: Multiplications that one evaluation may take, and those that all moves together may take.
MOST_WORK, WORK_OF_MOVES = 5 * 10**7, 10**8


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
    work = rows.n_rows * model.components.n_statistics * K
    if work > MOST_WORK:
        return None
    weights = rows.each_weight / rows.each_weight.mean()
    places = places.astype(np.float64)
    places = _scaled(places - places.mean(axis=0), weights, np.zeros(rows.n_rows, dtype=np.intp))
    places = places.round(DECIMALS)
    clusters = _clusters(places, weights, K, rng)
    starts = [_clusters(_scaled(places, weights, clusters), weights, K, rng)]
    if np.bincount(clusters, minlength=K).all():
        starts.append(clusters_in_a_background(places, weights, clusters))
    n_moves = min(MOVES * K, WORK_OF_MOVES // (SHORT * work))
    with workers(work) as crew:
        search = _Search(replace(model, workers=crew))
        for labels in starts:
            search.try_from(match_components(labels, model))
        for _ in range(n_moves):
            search.try_from(moved(search.posterior(), places, weights, rng))
        return search.best().params


def _scaled(places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    """Divide coordinates by their spread within clusters, which frees them of units.

    Then those that tell clusters apart weigh more: k-means finds the digits among 20 principal
    components so, which drown in noise where all components have the same spread.
    """
    deviations = np.empty_like(places)
    for k in np.unique(labels):
        own = labels == k
        deviations[own] = places[own] - np.average(places[own], 0, weights[own])
    spread = np.sqrt(np.average(deviations**2, 0, weights))
    return places / np.where(spread > 0, spread, 1.0)


def _clusters(places: FloatArray, weights: FloatArray, K: int, rng: Any) -> NDArray[np.intp]:
    """Return the labels of one run of k-means."""
    return KMeans(K, n_init=1, random_state=rng).fit(places, sample_weight=weights).labels_


def clusters_in_a_background(
    places: FloatArray, weights: FloatArray, labels: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Join two clusters, and gather the outer half of each into one that lies behind them all.

    Parameters
    ----------
    places : ndarray of shape (n_rows, n_coordinates)
        Rows.
    weights : ndarray of shape (n_rows,)
        Their weights.
    labels : integer ndarray of shape (n_rows,)
        Their clusters. The two that are joined are those whose sum of squares grows least by it.

    Returns
    -------
    labels : integer ndarray of shape (n_rows,)
        As many clusters as before.
    """
    clusters, sizes = np.unique(labels), np.bincount(labels, weights)
    centres = [np.average(places[labels == k], 0, weights[labels == k]) for k in clusters]
    cost = cdist(centres, centres, "sqeuclidean") / np.add.outer(1 / sizes, 1 / sizes)
    np.fill_diagonal(cost, np.inf)
    kept, joined = np.unravel_index(cost.argmin(), cost.shape)
    labels = np.where(labels == joined, kept, labels)
    result = np.full_like(labels, joined)
    for k in np.delete(clusters, joined):
        own = np.flatnonzero(labels == k)
        centre = np.average(places[own], 0, weights[own])
        result[own[_nearer_half(places[own], weights[own], centre)]] = k
    return result


def moved(posterior: FloatArray, places: FloatArray, weights: FloatArray, rng: Any) -> FloatArray:
    """Take one component away and give it half of another's rows, those around one of them.

    Parameters
    ----------
    posterior : ndarray of shape (n_rows, n_components)
        Responsibilities of a mixture.
    places : ndarray of shape (n_rows, n_coordinates)
        Rows.
    weights : ndarray of shape (n_rows,)
        Their weights.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    responsibilities : ndarray of shape (n_rows, n_components)
        Shares to start from. The component is drawn by how little is lost without it.
    """
    losses = -weights @ np.log(np.maximum(1 - posterior, 1e-30))
    away = _draw(1 / np.maximum(losses, 1e-9), rng)
    rest = posterior.copy()
    rest[:, away] = 0.0
    total = rest.sum(axis=1, keepdims=True)
    rest = np.divide(rest, total, out=np.ones_like(rest), where=total > 0)
    rest[:, away] = 0.0
    around = _draw(weights, rng)
    likeliest = rest.argmax(axis=1)
    own = np.flatnonzero(likeliest == likeliest[around])
    taken = own[_nearer_half(places[own], weights[own], places[around])]
    rest[taken] = np.arange(rest.shape[1]) == away
    return rest / rest.sum(axis=1, keepdims=True)


def _draw(ratios: FloatArray, rng: Any) -> int:
    """Draw an index with probabilities in proportion to odds."""
    sums = ratios.cumsum()
    return int(min(np.searchsorted(sums, rng.uniform() * sums[-1], "right"), len(ratios) - 1))


def _nearer_half(places: FloatArray, weights: FloatArray, centre: FloatArray) -> NDArray[np.bool_]:
    """Return which rows are nearer to a centre than half of them are, by weight.

    Rows equally far are not parted, and all are near where all are equally far.
    """
    distances = ((places - centre) ** 2).sum(axis=1)
    order = distances.argsort(kind="stable")
    sums = weights[order].cumsum()
    middle = distances[order[np.searchsorted(sums, sums[-1] / 2)]]
    if distances.min() < middle == distances.max():
        return distances < middle
    return distances <= middle


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

    def try_from(self, shares: NDArray[Any]) -> None:
        """Run EM from a sharing-out of the rows, and keep what it leads to if that is better.

        A spike on few rows is no merit: what is sound comes before what is spurious.
        """
        try:
            result = self._run(first_parameters(self.model, shares))
        except (DegenerateComponentError, LikelihoodFellError) as error:
            self._failure = error
            return
        is_sound = self.model.spurious(result.params) is None
        if self._best is None or (is_sound, result.objective) > (self._is_sound, self._goal()):
            self._best, self._is_sound, self._posterior = result, is_sound, None

    def _goal(self) -> float:
        """Return what is higher than the best by more than two runs to one optimum may differ."""
        return self.best().objective + SAME_OPTIMUM

    def _run(self, start: Any) -> Run:
        """Run EM until little is left to gain, or it cannot overtake the best."""
        trace: list[float] = []

        def falls_short(n: int, objective: float, params: Any) -> bool:
            trace.append(objective)
            if n < SHORT or not self._is_sound:
                return False
            return objective + remaining_gain(trace) < self.best().objective

        climb = partial(run, self.model, tol=TOL, report=falls_short)
        # Far from an optimum EM is left to itself, and what the accelerator costs is saved.
        first = climb(start, max_iter=SHORT)
        if first.reason != "max_iter":
            return first
        accelerate = self.model.components.accelerable and self.model.share is normalise
        return climb(
            first.params, max_iter=MOST_EVALUATIONS, accelerate=accelerate, history=first.trace
        )
