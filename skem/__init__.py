"""Expectation-Maximization for the scikit-learn world."""

from skem.estimators import (
    BinomialHMM,
    BinomialMixture,
    CategoricalHMM,
    CategoricalMixture,
    GaussianHMM,
    GaussianMixtureEM,
    LinearGaussianSSM,
    Mixture,
    PoissonHMM,
    PoissonMixture,
)
from skem.families.density import Density
from skem.version import __version__ as __version__

__all__ = [
    "BinomialHMM",
    "BinomialMixture",
    "CategoricalHMM",
    "CategoricalMixture",
    "Density",
    "GaussianHMM",
    "GaussianMixtureEM",
    "LinearGaussianSSM",
    "Mixture",
    "PoissonHMM",
    "PoissonMixture",
]
