"""How the hidden labels of rows hang together."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skem.families.base import FloatArray, log_or_impossible
from skem.ranges import SIMPLEX

__all__ = ["Independent", "MixtureParameters", "Weights"]


class MixtureParameters(NamedTuple):
    """Parameters of a mixture: two named tuples of arrays, no two of which have one name.

    Attributes
    ----------
    labels : NamedTuple
        Parameters of the labels, such as :class:`Weights`.
    components : NamedTuple
        Parameters of the components.
    """

    labels: Any
    components: Any

    def by_name(self) -> dict[str, FloatArray]:
        """Return all arrays by their names."""
        return {**self.labels._asdict(), **self.components._asdict()}

    def with_arrays(self, **arrays: FloatArray) -> "MixtureParameters":
        """Return the parameters with some arrays replaced by others of the same names."""
        return MixtureParameters(
            *(
                part._replace(**{name: arrays[name] for name in part._fields if name in arrays})
                for part in self
            )
        )


class Weights(NamedTuple):
    """Parameters of independent labels.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
        Mixing weights, summing to one.
    """

    weights: FloatArray


@dataclass(frozen=True, eq=False)
class Independent:
    """Labels that are drawn independently, row by row, with K mixing weights.

    Parameters
    ----------
    held : bool ndarray of shape (n_components,) or None, default=None
        Weights that the M-step leaves alone.
    values : Weights or None, default=None
        What they are.
    n_mixtures : int, default=1
        Number of mixtures side by side, whose components follow each other. Each has K weights.
    """

    held: NDArray[np.bool_] | None = None
    values: Weights | None = None
    n_mixtures: int = 1

    def bias(self, params: Weights) -> FloatArray:
        """Return the log-weights, which are added to the log-density of each component."""
        return log_or_impossible(params.weights)

    def maximize(self, counts: FloatArray) -> Weights:
        """M-step: each component's share of the total responsibility, ``n_k / N``.

        Free weights share what those that are held leave.
        """
        if self.held is None and self.n_mixtures == 1:
            return Weights(counts / np.add.reduce(counts))
        if self.held is None:
            by_mixture = counts.reshape(self.n_mixtures, -1)
            return Weights((by_mixture / np.add.reduce(by_mixture, 1, keepdims=True)).ravel())
        assert self.values is not None
        shares = [
            _share_out(each, self.held, self.values.weights)
            for each in np.split(counts, self.n_mixtures)
        ]
        return Weights(np.concatenate(shares))

    def n_parameters(self, params: Weights) -> int:
        """Count the free weights, less one: they have a given sum."""
        return SIMPLEX.n_coordinates(params.weights.shape, self.held)

    def to_vector(self, params: Weights) -> FloatArray:
        """Return the coordinates of the free weights in their range, the simplex."""
        return SIMPLEX.to_vector(params.weights, self.held)

    def from_vector(self, vector: FloatArray, like: Weights) -> Weights:
        """Undo :meth:`to_vector`; the weights that are held, and their sum, are those of like."""
        return Weights(SIMPLEX.from_vector(vector, like.weights, self.held))

    def gradient(self, params: Weights, counts: FloatArray) -> FloatArray:
        """Return the slope of ``sum_k n_k log w_k`` in those coordinates: ``n_k - N w_k``."""
        weights = params.weights
        n = np.add.reduce(counts)
        if self.held is not None and not self.held.all():
            n = counts[~self.held].sum() / weights[~self.held].sum()
        return SIMPLEX.select(counts - n * weights, weights, self.held)


def _share_out(counts: FloatArray, held: NDArray[np.bool_], values: FloatArray) -> FloatArray:
    """Return weights: some of given values, the others in proportion to the counts."""
    weights = values.copy()
    if not held.all():
        free = counts[~held]
        total = free.sum()
        rest = max(1.0 - values[held].sum(), 0.0)
        weights[~held] = rest * (free / total if total > 0 else 1 / free.size)
    return weights
