"""The scikit-learn face of the package: validation on the way in, publication on the way out."""

from skem.estimators.base import MixtureEM
from skem.estimators.binomial import BinomialMixture
from skem.estimators.binomial_hmm import BinomialHMM
from skem.estimators.categorical import CategoricalMixture
from skem.estimators.categorical_hmm import CategoricalHMM
from skem.estimators.gaussian import GaussianMixtureEM
from skem.estimators.gaussian_hmm import GaussianHMM
from skem.estimators.linear_gaussian_ssm import LinearGaussianSSM
from skem.estimators.mixture import Mixture
from skem.estimators.poisson import PoissonMixture
from skem.estimators.poisson_hmm import PoissonHMM
from skem.estimators.summary import Summary

__all__ = [
    "BinomialHMM",
    "BinomialMixture",
    "CategoricalHMM",
    "CategoricalMixture",
    "GaussianHMM",
    "GaussianMixtureEM",
    "LinearGaussianSSM",
    "Mixture",
    "MixtureEM",
    "PoissonHMM",
    "PoissonMixture",
    "Summary",
]
