"""What a given mixture says of rows: log-density, posterior, labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.blocks import block_rows, workers
from skem.families.base import LOG_IMPOSSIBLE, Family
from skem.missing import by_pattern, has_missing
from skem.mixture.labels import Independent, MixtureParameters
from skem.mixture.posterior import normalise
from skem.mixture.sweep import load_blocks

__all__ = ["components_alike", "evaluate"]

#: Components whose densities differ by less, in total variation, have come out alike: two
#: Gaussians of which one is shifted by a hundredth of a standard deviation, say.
ALIKE = 0.005


def evaluate(
    family: Family,
    params: MixtureParameters,
    X: NDArray[np.floating[Any]],
    *,
    log_density: NDArray[Any] | None = None,
    posterior: NDArray[Any] | None = None,
    labels: NDArray[Any] | None = None,
    log_certainty: NDArray[Any] | None = None,
    in_parallel: bool = True,
) -> None:
    """Evaluate a mixture on rows, block by block, into whichever arrays are given.

    Parameters
    ----------
    family : Family
        The components, without a penalty.
    params : MixtureParameters
        Their parameters, and the mixing weights.
    X : ndarray of shape (n, n_features)
        The rows.
    log_density : ndarray of shape (n,), optional
        Log-density of each row, in nats.
    posterior : ndarray of shape (n, n_components), optional
        Posterior probability of each component.
    labels : integer ndarray of shape (n,), optional
        The likeliest component.
    log_certainty : ndarray of shape (n,), optional
        Log of the posterior probability of the likeliest component.
    in_parallel : bool, default=True
        Whether several threads may share the work.
    """
    outputs = (log_density, posterior, labels, log_certainty)
    incomplete = has_missing(X)
    if incomplete:
        order = by_pattern(np.isnan(X))
        if (np.diff(order) < 0).any():
            ordered = [None if output is None else np.empty_like(output) for output in outputs]
            _evaluate(family, params, X[order], incomplete, in_parallel, *ordered)
            for output, values in zip(outputs, ordered, strict=True):
                if output is not None:
                    output[order] = values
            return
    _evaluate(family, params, X, incomplete, in_parallel, *outputs)


def components_alike(
    family: Family, params: Any, X: NDArray[np.floating[Any]]
) -> tuple[int, int] | None:
    """Return two components that no row tells apart, if there are such.

    ``posterior_k / weight_k`` is the density of component k relative to the mixture's. The mean
    over rows of the mixture of half the absolute difference of two of these is the total variation
    distance of the components. Those without weight are left out.

    Parameters
    ----------
    family : Family
        The distributions, without a penalty.
    params : object
        Their parameters.
    X : ndarray of shape (n, n_features)
        Rows of the mixture.

    Returns
    -------
    pair : tuple of int or None
        The first two components that are nearer than ``ALIKE``.
    """
    weights = params.labels.weights
    posterior = np.empty((len(X), len(weights)))
    evaluate(family, params, X, posterior=posterior)
    seen = np.flatnonzero(posterior.any(axis=0) & (weights > 0))
    relative = posterior[:, seen] / weights[seen]
    for i in range(len(seen) - 1):
        differences = np.abs(relative[:, i + 1 :] - relative[:, [i]]).sum(axis=0)
        sums = (relative[:, i + 1 :] + relative[:, [i]]).sum(axis=0)
        alike = differences < ALIKE * sums
        if alike.any():
            return int(seen[i]), int(seen[i + 1 + alike.argmax()])
    return None


def _evaluate(
    family: Family,
    params: MixtureParameters,
    X: NDArray[np.floating[Any]],
    incomplete: bool,
    in_parallel: bool,
    log_density: NDArray[Any] | None,
    posterior: NDArray[Any] | None,
    labels: NDArray[Any] | None,
    log_certainty: NDArray[Any] | None,
) -> None:
    """Evaluate rows in the order in which they are."""
    bias = Independent().bias(params.labels)
    kernel = family.kernel(params.components, bias, incomplete)
    weights, K = params.labels.weights, family.n_components

    @np.errstate(over="ignore", invalid="ignore")  # rows far beyond any component
    def evaluate_segment(starts: range) -> None:
        for these, block, (log_joint, r) in load_blocks(kernel, K, X, starts):
            constant = kernel.log_density(block, out=log_joint)
            if np.isnan(np.add.reduce(log_joint, axis=None)):
                # Squares that overflow, with either sign: no component reaches as far as that.
                np.copyto(log_joint, -np.inf, where=np.isnan(log_joint))
            if labels is not None:
                _likeliest(log_joint, weights, out=labels[these])
                if log_density is posterior is log_certainty is None:
                    continue
            log_evidence = normalise(log_joint, weights, responsibilities=r)
            if log_density is not None:
                log_evidence += constant + family.log_base_measure(X[these])
                log_density[these] = log_evidence
            if posterior is not None:
                posterior[these] = r.T
            if log_certainty is not None:
                np.log(r.max(axis=0), out=log_certainty[these])

    block = block_rows(kernel.width, K, len(X))
    with workers(len(X) * kernel.width * K if in_parallel else 0) as crew:
        for _ in crew.map(evaluate_segment, len(X), block):
            pass


def _likeliest(
    log_joint: NDArray[np.floating[Any]], weights: NDArray[Any], out: NDArray[Any]
) -> None:
    """Write the index of the largest element of each column, the first among equals.

    A row that is impossible under every component has the weights as posterior. (Comparing row
    by row is several times faster than argmax along the first axis.)
    """
    out[:] = 0
    largest = log_joint[0].copy()
    for k in range(1, len(log_joint)):
        np.copyto(out, k, where=log_joint[k] > largest)
        np.maximum(largest, log_joint[k], out=largest)
    out[largest < LOG_IMPOSSIBLE] = weights.argmax()
