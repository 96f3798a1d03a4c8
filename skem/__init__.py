"""Expectation-Maximization for the scikit-learn world."""

from skem.estimators import (
    BinomialHMM,
    BinomialMixture,
    GaussianHMM,
    GaussianMixtureEM,
    LinearGaussianSSM,
    Mixture,
    PoissonHMM,
    PoissonMixture,
)
from skem.families.density import Density

__all__ = [
    "BinomialHMM",
    "BinomialMixture",
    "Density",
    "GaussianHMM",
    "GaussianMixtureEM",
    "LinearGaussianSSM",
    "Mixture",
    "PoissonHMM",
    "PoissonMixture",
]

__version__ = "0.1.0"
