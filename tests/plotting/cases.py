"""Mixtures of known parameters, and every display of them."""

import warnings

import numpy as np
from scipy.stats import multivariate_normal
from sklearn.model_selection import GridSearchCV

from skem import BinomialMixture, GaussianMixtureEM, PoissonHMM
from skem.datasets import load_earthquakes
from skem.plotting import (
    ClusterDisplay,
    CountDisplay,
    DensityDisplay,
    ResponsibilitiesDisplay,
    SelectionDisplay,
    StatesDisplay,
    TraceDisplay,
    TransitionDisplay,
)

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 5.0, 1.0], [3.0, -5.0, 2.0], [-2.0, 0.0, 9.0]])
FULL = np.array(
    [
        [[2.0, 0.9, 0.1], [0.9, 1.0, 0.3], [0.1, 0.3, 0.5]],
        [[1.0, -0.4, 0.0], [-0.4, 3.0, 0.7], [0.0, 0.7, 2.0]],
        [[0.3, 0.1, 0.1], [0.1, 0.2, 0.0], [0.1, 0.0, 1.5]],
    ]
)
VARIANCES = np.array([[1.0, 2.0, 3.0], [0.5, 0.2, 4.0], [2.5, 1.5, 0.3]])

#: Covariances in the shape of each type, and as one matrix for each component. There are as many
#: components as features: only so can a tied matrix be mistaken for variances.
COVARIANCES = {
    "full": (FULL, FULL),
    "tied": (FULL[0], np.stack([FULL[0]] * 3)),
    "diag": (VARIANCES, np.stack([np.diag(v) for v in VARIANCES])),
    "spherical": (VARIANCES[0], np.stack([v * np.eye(3) for v in VARIANCES[0]])),
}


def gaussian(covariance_type="full", n_components=3):
    """Return a Gaussian mixture of three features."""
    K = n_components
    C = COVARIANCES[covariance_type][0]
    return GaussianMixtureEM.from_parameters(
        weights=WEIGHTS[:K] / WEIGHTS[:K].sum(),
        means=MEANS[:K],
        covariances=C if covariance_type == "tied" else C[:K],
        covariance_type=covariance_type,
    )


def density(points, features, covariance_type="full"):
    """Return the density of the three components of `gaussian`, in some features, by scipy."""
    C = COVARIANCES[covariance_type][1]
    return sum(
        weight * multivariate_normal(mean[features], cov[np.ix_(features, features)]).pdf(points)
        for weight, mean, cov in zip(WEIGHTS, MEANS, C, strict=True)
    )


def binomial(weights, probabilities, n_trials=None):
    """Return a binomial mixture of given parameters."""
    K, m = np.shape(probabilities)
    mixture = BinomialMixture(
        K,
        n_trials=n_trials,
        weights_init=weights,
        probabilities_init=probabilities,
        max_iter=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the rows need not tell the components apart
        return mixture.fit(np.ones((K, 2 * m if n_trials is None else m)))


ROWS = gaussian().sample(200, random_state=0)[0]
HEADS = np.array([[0.0], [2.0], [2.0], [3.0], [5.0], [5.0], [4.0], [1.0], [2.0], [0.0]])
COINS = binomial([0.4, 0.6], [[0.2], [0.7]], n_trials=5)
LINE = np.array([0.1, 0.2, 0.4, 0.8, 5.0, 5.3, 5.8, 6.0, 6.1, 9.0])[:, None]
ONE_FEATURE = GaussianMixtureEM(2, init_params="k-means++", random_state=0).fit(LINE)
SEARCH = GridSearchCV(
    GaussianMixtureEM(init_params="k-means++", random_state=0),
    {"n_components": [1, 2], "covariance_type": ["full", "tied"]},
    cv=3,
).fit(ROWS)

CHAIN = PoissonHMM(2, random_state=0).fit(load_earthquakes().data)

#: Each display of ten rows or more, given the further arguments of ``from_estimator``.
DISPLAYS = {
    "clusters": lambda **kw: ClusterDisplay.from_estimator(
        gaussian(), ROWS, features=(0, 1), **kw
    ),
    "counts": lambda **kw: CountDisplay.from_estimator(COINS, HEADS, **kw),
    "density": lambda **kw: DensityDisplay.from_estimator(gaussian(), ROWS, **kw),
    "responsibilities": lambda **kw: ResponsibilitiesDisplay.from_estimator(COINS, HEADS, **kw),
    "selection": lambda **kw: SelectionDisplay.from_estimator(SEARCH, **kw),
    "states": lambda **kw: StatesDisplay.from_estimator(CHAIN, load_earthquakes().data, **kw),
    "trace": lambda **kw: TraceDisplay.from_estimator(ONE_FEATURE, **kw),
    "transitions": lambda **kw: TransitionDisplay.from_estimator(CHAIN, **kw),
}
