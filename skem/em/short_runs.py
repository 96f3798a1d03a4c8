"""The default start: many short runs of EM, the best of them continued.

Many starts are drawn, each runs for a few evaluations, the better ones run on for longer, and so
on until one is left ("emEM": Biernacki, Celeux & Govaert 2003; rounds of halving: Jamieson &
Talwalkar 2016). Where the family allows it, all mixtures of a round share each pass over the
rows: to the kernel they are one mixture of all their components, and only the posterior tells
them apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.em.blocks import workers
from skem.em.numbering import agreeing
from skem.em.problem import Problem
from skem.em.shares import first_parameters
from skem.em.sweep import EStep
from skem.families.base import DegenerateComponentError, Family, FloatArray

__all__ = ["scatter", "short_runs"]


#: Mixtures in each round, and evaluations that each of them gets there.
ROUNDS = ((24, 3), (12, 6), (5, 12), (2, 16))

#: The same for up to two components, among which there is less to choose.
ROUNDS_OF_FEW = ((4, 2), (2, 4))

#: Multiplications that an evaluation of all starts may take. Beyond that there are fewer starts.
MOST_WORK = 10**8


def scatter(
    places: FloatArray, weights: FloatArray, n_mixtures: int, n_components: int, rng: Any
) -> NDArray[np.intp]:
    """Partition the rows around rows that are far from each other, in many ways.

    Each next row of a mixture is drawn with a probability proportional to the squared distance
    from those that it has (k-means++: Arthur & Vassilvitskii 2007), for all mixtures at once.

    Parameters
    ----------
    places : ndarray of shape (n_rows, n_coordinates)
        Rows, in coordinates where Euclidean distances make sense.
    weights : ndarray of shape (n_rows,)
        Weights of the rows.
    n_mixtures, n_components : int
        How many mixtures, and components of each.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    labels : integer ndarray of shape (n_mixtures, n_rows)
        Index of the nearest of the rows picked.
    """
    lengths = np.einsum("ij,ij->i", places, places)
    nearest = np.full((n_mixtures, len(places)), np.inf)
    labels = np.zeros(nearest.shape, dtype=np.intp)
    odds = np.broadcast_to(weights, nearest.shape)
    for k in range(n_components):
        ladder = odds.cumsum(axis=1)
        aims = rng.uniform(size=n_mixtures) * ladder[:, -1]
        picked = [
            np.searchsorted(row, aim, "right") for row, aim in zip(ladder, aims, strict=True)
        ]
        centres = places[np.minimum(picked, len(places) - 1)]
        distances = lengths - 2 * centres @ places.T
        distances += np.einsum("ij,ij->i", centres, centres)[:, np.newaxis]
        closer = distances < nearest
        labels[closer] = k
        np.copyto(nearest, np.maximum(distances, 0.0), where=closer)
        odds = nearest * weights
    return labels


def short_runs(problem: Problem, places: FloatArray, rng: Any) -> Any:
    """Return the parameters that the best of many short runs of EM came to.

    Parameters
    ----------
    problem : Problem
        What is to be fitted.
    places : ndarray of shape (n_rows, n_coordinates)
        The rows of the problem, in coordinates where Euclidean distances make sense once they
        are divided by their spread.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    params : object
        Parameters; None where no partition into so many components was found, or where a few
        starts alone would be too much work.

    Raises
    ------
    DegenerateComponentError
        Where every run collapsed.
    """
    family, rows, K = problem.family, problem.rows, problem.family.n_components
    rounds = ROUNDS if K > 2 else ROUNDS_OF_FEW
    work = rows.n_rows * family.n_statistics * K
    n_starts = min(rounds[0][0], MOST_WORK // work)
    if n_starts < 2:
        return None
    places = places.astype(np.float64)
    spread = places.std(axis=0)
    places = (places - places.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    partitions = [
        agreeing(labels, problem)
        for labels in scatter(places, rows.each_weight, n_starts, K, rng)
        if np.bincount(labels, minlength=K).all()
    ]
    if not partitions:
        return None
    with workers(len(partitions) * work) as crew:
        problem = replace(problem, workers=crew)
        population = _without_failures(partial(first_parameters, problem), partitions)
        population = population[: rounds[0][0]]
        for i, (_, n_evaluations) in enumerate(rounds):
            population = _advance(problem, population, n_evaluations)
            n_survivors = rounds[i + 1][0] if i + 1 < len(rounds) else 1
            population = _sound(problem, population, n_survivors)
    return population[0]


def _sound(problem: Problem, population: list[Any], n: int) -> list[Any]:
    """Return the first n mixtures, the spurious ones after the others.

    A spike on few rows is no merit; it goes on only where there is nothing else.
    """
    sound: list[Any] = []
    spurious: list[Any] = []
    for params in population:
        if len(sound) == n:
            break
        doubt = problem.family.spurious(params, problem.rows.effective)
        (sound if doubt is None else spurious).append(params)
    return (sound + spurious)[:n]


def _without_failures(function: Any, arguments: Sequence[Any]) -> list[Any]:
    """Return the results of a function, dropping arguments for which a component degenerates."""
    results = []
    for argument in arguments:
        try:
            results.append(function(argument))
        except DegenerateComponentError as error:
            failure = error
    if arguments and not results:
        raise failure
    return results


def _advance(problem: Problem, population: list[Any], n_evaluations: int) -> list[Any]:
    """Return the mixtures some evaluations later, the best first."""
    stacked = problem.family.stacked(len(population)) if len(population) > 1 else None
    if stacked is not None:
        try:
            objectives, population = _advance_stack(problem, stacked, population, n_evaluations)
            return [population[i] for i in _best_first(objectives)]
        except DegenerateComponentError as error:
            assert error.component is not None
            del population[error.component // problem.family.n_components]
            return _advance(problem, population, n_evaluations)

    def advance(params: Any) -> tuple[float, Any]:
        for _ in range(n_evaluations):
            params, objective, _ = problem.step(params)
        return objective, params

    advanced = _without_failures(advance, population)
    order = _best_first(np.array([objective for objective, _ in advanced]))
    return [advanced[i][1] for i in order]


def _best_first(objectives: FloatArray) -> NDArray[np.intp]:
    """Order mixtures; those that are equal to rounding stay in their order."""
    best = objectives.max()
    shortfalls = np.zeros(len(objectives))
    lower = objectives < best
    shortfalls[lower] = (best - objectives[lower]) / max(1.0, abs(best))
    return np.argsort(np.round(shortfalls, 10), kind="stable")


def _advance_stack(
    problem: Problem, stacked: Family, population: list[Any], n_evaluations: int
) -> tuple[FloatArray, list[Any]]:
    """Return objectives and mixtures after some evaluations of all of them in one stack."""
    n, stack = len(population), problem.family.joined(population)
    together = replace(problem, family=stacked)
    for _ in range(n_evaluations):
        by_mixture = EStep(stack.weights.reshape(n, -1), labels=problem.rows.labels)
        stack, objectives, _ = together.maximize(stack, by_mixture)
        weights = stack.weights.reshape(n, -1)
        stack = stack._replace(weights=(weights / weights.sum(axis=1, keepdims=True)).ravel())
    return objectives, problem.family.parted(stack, n)
