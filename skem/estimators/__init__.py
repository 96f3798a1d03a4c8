"""The scikit-learn face of the package: validation on the way in, publication on the way out."""

from skem.estimators.base import MixtureEM
from skem.estimators.binomial import BinomialMixture
from skem.estimators.gaussian import GaussianMixtureEM
from skem.estimators.poisson import PoissonMixture
from skem.estimators.summary import Summary

__all__ = ["BinomialMixture", "GaussianMixtureEM", "MixtureEM", "PoissonMixture", "Summary"]
