"""Components whose weight fell to 0 come back where the likelihood would rise with them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM

RNG = np.random.default_rng(0)
X = np.append(RNG.normal(0, 1, 300), RNG.normal(8, 1, 100))[:, np.newaxis]


def dead(mean, **params):
    """Return a mixture of which the second component, at some mean, has died."""
    return GaussianMixtureEM.from_parameters(
        weights=[1.0, 0.0],
        means=[[2.0], [mean]],
        covariances=[[[13.0]], [[1.0]]],
        warm_start=True,
        **params,
    )


def growth(mixture):
    """Return the mean over rows of f_k / p of each component, by SciPy."""
    log_f = norm.logpdf(X, mixture.means_[:, 0], np.sqrt(mixture.covariances_[:, 0, 0]))
    with np.errstate(divide="ignore"):
        log_p = logsumexp(np.log(mixture.weights_) + log_f, axis=1, keepdims=True)
    return np.exp(log_f - log_p).mean(axis=0)


@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
def test_a_dead_component_comes_back_where_it_is_needed(acceleration):
    mixture = dead(0.0, acceleration=acceleration)
    assert growth(mixture)[1] > 1.5
    with warnings.catch_warnings(action="error"):
        mixture.fit(X)
    assert mixture.converged_
    assert (growth(mixture) < 1 + 1e-3).all()
    assert_allclose(np.sort(mixture.weights_), [0.25, 0.75], atol=0.01)
    assert (np.diff(mixture.lower_bounds_) >= -1e-12).all()
    assert mixture.n_iter_ == len(mixture.lower_bounds_)
    fresh = GaussianMixtureEM(2, random_state=0).fit(X)
    assert_allclose(mixture.lower_bound_, fresh.lower_bound_, atol=1e-7)


def test_it_stays_dead_where_it_is_not():
    mixture = dead(1000.0)
    with pytest.warns(ConvergenceWarning, match=r"a component is empty"):
        mixture.fit(X)
    assert mixture.converged_ and mixture.weights_[1] == 0
    assert growth(mixture)[1] <= 1


def test_held_weights_stay_and_counts_come_back():
    held = dead(0.0, weights_init=[1.0, 0.0], fixed={"weights": True})
    with pytest.warns(ConvergenceWarning, match="empty"):
        assert held.fit(X).weights_.tolist() == [1.0, 0.0]
    coins = BinomialMixture.from_parameters(
        weights=[1.0, 0.0], probabilities=[[0.5], [0.9]], n_trials=20, warm_start=True
    )
    heads = RNG.binomial(20, np.repeat([0.2, 0.8], [60, 40]))[:, np.newaxis]
    assert_allclose(np.sort(coins.fit(heads).weights_), [0.4, 0.6], atol=0.05)
