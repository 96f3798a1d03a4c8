"""Expectation-Maximization for the scikit-learn world."""

from skem.estimators import (
    BinomialHMM,
    BinomialMixture,
    GaussianHMM,
    GaussianMixtureEM,
    PoissonHMM,
    PoissonMixture,
)

__all__ = [
    "BinomialHMM",
    "BinomialMixture",
    "GaussianHMM",
    "GaussianMixtureEM",
    "PoissonHMM",
    "PoissonMixture",
]

__version__ = "0.1.0"
