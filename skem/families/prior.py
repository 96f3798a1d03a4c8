"""Conjugate priors, which keep components from collapsing and probabilities from 0 and 1.

Gaussians: given its covariance ``C``, each mean has the prior ``N(mean, C / shrinkage)``, and the
covariances have inverse Wishart (inverse gamma, where they are diagonal or spherical) priors of so
many ``degrees`` of freedom (Fraley & Raftery 2007). The M-step then finds the maximum a
posteriori: it is that of ``shrinkage`` further rows at ``mean``, of ``scale`` added to the
scatter, and of a larger divisor.

Binomials: each probability has the prior ``Beta(successes + 1, failures + 1)``. The M-step is that
of so many further successes and failures in each component.

Poisson counts: each rate has the prior ``Gamma(counts + 1, rows)``: so many further rows, whose
counts add up to that. Categories: probabilities have the prior ``Dirichlet(counts + 1)``.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import xlogy

from skem.families.base import FloatArray
from skem.families.covariance import Counts, Structure

if TYPE_CHECKING:
    from skem.families.gaussian_density import GaussianParameters

__all__ = ["BetaPrior", "ConjugatePrior", "DirichletPrior", "GammaPrior"]


class BetaPrior(NamedTuple):
    """Pseudo-counts of every component.

    Attributes
    ----------
    successes, failures : ndarray of shape (n_columns,)
        Trials of each column that the prior stands for.
    """

    successes: FloatArray
    failures: FloatArray

    def log_density(self, probabilities: FloatArray) -> FloatArray:
        """Return the log of the prior density by component, up to a constant."""
        return (
            xlogy(self.successes, probabilities) + xlogy(self.failures, 1 - probabilities)
        ).sum(axis=1)


class GammaPrior(NamedTuple):
    """Pseudo-counts of every component.

    Attributes
    ----------
    counts, rows : ndarray of shape (n_columns,)
        What the counts of a column add up to in the rows that the prior stands for, and how many
        these are.
    """

    counts: FloatArray
    rows: FloatArray

    def log_density(self, rates: FloatArray) -> FloatArray:
        """Return the log of the prior density by component, up to a constant."""
        return (xlogy(self.counts, rates) - self.rows * rates).sum(axis=1)


class DirichletPrior(NamedTuple):
    """Pseudo-counts of every component.

    Attributes
    ----------
    counts : ndarray of shape (n_columns, n_levels)
        How often each level occurs in the rows that the prior stands for; 0 beyond the levels of
        a column.
    """

    counts: FloatArray

    def log_density(self, probabilities: FloatArray) -> FloatArray:
        """Return the log of the prior density by component, up to a constant."""
        return xlogy(self.counts, probabilities).sum(axis=(1, 2))


class ConjugatePrior(NamedTuple):
    """Hyperparameters.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Prior mean of every component, about the origin of the family.
    shrinkage : float
        For how many rows it counts.
    degrees : float
        Degrees of freedom.
    scale : ndarray of shape (n_second,)
        Prior scatter, packed as the structure packs second moments.
    """

    mean: FloatArray
    shrinkage: float
    degrees: float
    scale: FloatArray

    def counts(self, structure: Structure, counts: Counts) -> Counts:
        """Return counts with those that the prior stands for."""
        K, d = counts.scatter.shape
        further = structure.prior_count(self.degrees, K, d)
        return Counts(counts.mean + self.shrinkage, counts.scatter + further)

    def moments(
        self, structure: Structure, first: FloatArray, second: FloatArray, centres: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return statistics about some centres with those that the prior stands for."""
        K = len(first)
        offsets = np.broadcast_to(self.mean - centres, first.shape)
        ones = np.ones(1)
        further = np.array([structure.weighted_second(z[:, np.newaxis], ones) for z in offsets])
        further = self.shrinkage * further + self.scale / (K if structure.shared else 1)
        if len(second) < K:  # pooled
            further = further.sum(axis=0, keepdims=True)
        return first + self.shrinkage * offsets, second + further

    def log_density(self, structure: Structure, params: "GaussianParameters") -> FloatArray:
        """Return the log of the prior density at params by component, up to a constant."""
        U, (K, d) = params.precisions_cholesky, params.means.shape
        further = structure.prior_count(self.degrees, K, d)
        shape = (structure.quadratic(U) @ self.scale) / (K if structure.shared else 1)
        whitened = structure.whiten_means(U, params.means - self.mean)
        distances = self.shrinkage * (whitened**2).sum(axis=1)
        return further * structure.log_det(U, d) - (shape + distances) / 2
