"""Expectation-Maximization for the scikit-learn world."""

from skem.estimators import BinomialMixture, GaussianMixtureEM, PoissonMixture

__all__ = ["BinomialMixture", "GaussianMixtureEM", "PoissonMixture"]

__version__ = "0.1.0"
