"""Expectation-Maximization for the scikit-learn world."""

from skem.estimators import BinomialMixture, GaussianMixtureEM

__all__ = ["BinomialMixture", "GaussianMixtureEM"]

__version__ = "0.1.0"
