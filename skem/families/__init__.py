"""Families of distributions: what a component is, and nothing about how it is fitted.

A family states its sufficient statistics, natural parameters and M-step; the algorithm in
:mod:`skem.em` does the rest. :mod:`skem.families.base` is the protocol.
"""

from skem.families.base import Family, Kernel
from skem.families.binomial import Binomial, BinomialParameters
from skem.families.categorical import Categorical, CategoricalParameters
from skem.families.exponential import ExponentialFamily, LinearKernel
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import GaussianParameters
from skem.families.poisson import Poisson, PoissonParameters

__all__ = [
    "Binomial",
    "BinomialParameters",
    "Categorical",
    "CategoricalParameters",
    "ExponentialFamily",
    "Family",
    "Gaussian",
    "GaussianParameters",
    "Kernel",
    "LinearKernel",
    "Poisson",
    "PoissonParameters",
]
