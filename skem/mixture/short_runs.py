"""The default start: many short runs of EM, the best few of them continued.

Many starts are drawn, each runs for a few evaluations, the better ones run on for longer
("emEM": Biernacki, Celeux & Govaert 2003; rounds of halving: Jamieson & Talwalkar 2016), and the
last few nearly to their ends: which hill is the highest shows late. Where the family allows it,
all mixtures of a round share each pass over the rows: to the kernel they are one mixture of all
their components, and only the posterior tells them apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import workers
from skem.em.driver import LikelihoodFellError, Run, run
from skem.families.base import DegenerateComponentError, FloatArray, joined, parted
from skem.mixture.labels import MixtureParameters
from skem.mixture.numbering import agreeing
from skem.mixture.problem import Problem
from skem.mixture.shares import first_parameters

__all__ = ["scatter", "short_runs"]


#: Mixtures that start, and rounds: how many evaluations each gets, and how many go on from there.
STARTS, ROUNDS = 24, ((3, 12), (9, 6), (12, 3))

#: The same for up to two components, among which there is less to choose.
STARTS_OF_FEW, ROUNDS_OF_FEW = 4, ((2, 2), (4, 1))

#: Those that are left run on, one by one and accelerated, until they have less than this to gain,
#: in nats per row, or for so many evaluations.
FINAL_TOL, FINAL_EVALUATIONS = 1e-5, 25

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
        np.copyto(labels, k, where=closer)
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
    family, rows, K = problem.components, problem.rows, problem.components.n_components
    most, rounds = (STARTS, ROUNDS) if K > 2 else (STARTS_OF_FEW, ROUNDS_OF_FEW)
    work = rows.n_rows * family.n_statistics * K
    n_starts = min(most, MOST_WORK // work)
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
        population = _started(problem, partitions)
        for n_evaluations, n_survivors in rounds:
            population = _advance(problem, population, n_evaluations)
            population = _sound(problem, population, n_survivors)
        return _finished(problem, population) if len(population) > 1 else population[0]


def _sound(problem: Problem, population: list[Any], n: int) -> list[Any]:
    """Return the first n mixtures, the spurious ones after the others.

    A spike on few rows is no merit; it goes on only where there is nothing else.
    """
    sound: list[Any] = []
    spurious: list[Any] = []
    for params in population:
        if len(sound) == n:
            break
        doubt = problem.spurious(params)
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


def _started(problem: Problem, partitions: list[NDArray[np.intp]]) -> list[Any]:
    """Return the mixtures that start from partitions, less those that degenerate."""
    together, K = _together(problem, len(partitions)), problem.components.n_components
    if together is None or not all(np.bincount(each, minlength=K).all() for each in partitions):
        return _without_failures(partial(first_parameters, problem), partitions)
    try:
        stack = together.start(np.array(partitions))
    except DegenerateComponentError as error:
        _drop_degenerate(partitions, error, problem)
        return _started(problem, partitions)
    return _parted(problem, stack, len(partitions))


def _advance(problem: Problem, population: list[Any], n_evaluations: int) -> list[Any]:
    """Return the mixtures some evaluations later, the best first."""
    together = _together(problem, len(population))
    if together is not None:
        try:
            objectives, population = _advance_stack(problem, together, population, n_evaluations)
            return [population[i] for i in _best_first(objectives)]
        except DegenerateComponentError as error:
            _drop_degenerate(population, error, problem)
            return _advance(problem, population, n_evaluations)

    def advance(params: Any) -> tuple[float, Any]:
        for _ in range(n_evaluations):
            params, objective, _ = problem.evaluate(params)
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
    problem: Problem, together: Problem, population: list[Any], n_evaluations: int
) -> tuple[FloatArray, list[Any]]:
    """Return objectives and mixtures after some evaluations of all of them in one stack."""
    stack = MixtureParameters(
        joined([params.labels for params in population]),
        problem.components.joined([params.components for params in population]),
    )
    for _ in range(n_evaluations):
        stack, objectives, _ = together.maximize(stack, together.e_step(stack))
    return objectives, _parted(problem, stack, len(population))


def _together(problem: Problem, n_mixtures: int) -> Problem | None:
    """Return the problem of several mixtures side by side; None where there is no such thing."""
    stacked = problem.components.stacked(n_mixtures) if n_mixtures > 1 else None
    if stacked is None:
        return None
    return replace(problem, labels=problem.labels.side_by_side(n_mixtures), components=stacked)


def _parted(problem: Problem, stack: MixtureParameters, n_mixtures: int) -> list[Any]:
    """Return the mixtures that stand side by side."""
    parts = (
        parted(stack.labels, n_mixtures),
        problem.components.parted(stack.components, n_mixtures),
    )
    return [MixtureParameters(*pair) for pair in zip(*parts, strict=True)]


def _drop_degenerate(
    population: list[Any], error: DegenerateComponentError, problem: Problem
) -> None:
    """Take the mixture of a stack in which a component has degenerated out of a list."""
    assert error.component is not None
    del population[error.component // problem.components.n_components]


def _finished(problem: Problem, population: list[Any]) -> Any:
    """Run mixtures nearly to their ends, and return the best that is sound."""

    def finish(start: Any) -> Run:
        run_on = partial(run, problem, start, tol=FINAL_TOL, max_iter=FINAL_EVALUATIONS)
        try:
            return run_on(accelerate=problem.components.accelerable)
        except LikelihoodFellError:
            return Run(start, (), "stopped")

    runs = _without_failures(finish, population)
    order = _best_first(np.array([run.objective for run in runs]))
    return _sound(problem, [runs[i].params for i in order], 1)[0]
