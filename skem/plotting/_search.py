"""What a SelectionDisplay shows of a fitted search: metric, candidates, the best of each kind."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def metric_of(results: dict[str, Any], metric: str | None, chosen_by: str) -> str:
    """Return the name of the metric to show."""
    start = "mean_test_"
    known = [key.removeprefix(start) for key in results if key.startswith(start)]
    if metric is None and chosen_by not in known:
        raise ValueError(f"the search has several metrics: set metric to one of {known}")
    metric = chosen_by if metric is None else metric
    if metric not in known:
        raise ValueError(f"the search has no metric {metric!r}; it has {known}")
    return metric


def name_of(search: Any, metric: str) -> str:
    """Return what the metric is called; a search calls that of a single scorer 'score'."""
    name = None if search.multimetric_ else search.scoring
    name = getattr(name, "__name__", name)
    return name if isinstance(name, str) and name.isidentifier() else metric


def candidates_of(search: Any, prefix: str | None) -> tuple[NDArray[np.int_], NDArray[Any] | None]:
    """Return number of components and covariance type, if it was varied, of each candidate."""
    start, end = "param_", "n_components"
    results = search.cv_results_
    keys = [key for key in results if key.startswith(start)]
    prefixes = [key[len(start) : -len(end)] for key in keys if key.endswith(end)]
    if prefix is None:
        if len(prefixes) > 1:
            raise ValueError(f"several steps have n_components: set prefix to one of {prefixes}")
        prefix = "".join(prefixes)
    if prefix not in prefixes:
        tried = [key.removeprefix(start) for key in keys]
        raise ValueError(f"the search did not try several {prefix}n_components, but {tried}")
    # A grid of several parts may leave a parameter at the estimator's own value in one.
    own = search.estimator.get_params()
    K, types = (
        np.array([params.get(name, own.get(name)) for params in results["params"]])
        for name in (f"{prefix}n_components", f"{prefix}covariance_type")
    )
    return K, types if f"{start}{prefix}covariance_type" in keys else None


def best_of_each(
    K: NDArray[np.int_],
    covariance_types: NDArray[Any] | None,
    scores: NDArray[np.float64],
    chosen: int | None,
) -> tuple[NDArray[np.int_], int | None]:
    """Return the candidate to show for each K and covariance type, and the place of the chosen.

    It is the one with the best score, but for the chosen one, which is shown in any case.
    """
    ranks = np.where(np.isnan(scores), -np.inf, scores)
    if chosen is None and not np.isnan(scores).all():
        chosen = int(ranks.argmax())
    if chosen is not None:
        ranks[chosen] = np.inf
    types = np.full(len(K), None) if covariance_types is None else covariance_types
    shown: dict[tuple[Any, Any], int] = {}
    for i, key in enumerate(zip(K.tolist(), types, strict=True)):
        if key not in shown or ranks[i] > ranks[shown[key]]:
            shown[key] = i
    indices = list(shown.values())
    return np.array(indices), None if chosen is None else indices.index(chosen)
