"""A default fit is not below scikit-learn's, nor a richer model below one that it contains."""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful

#: What scikit-learn's default lets pass at the end of a run, in nats per row.
CLOSE = 1e-3
#: What rounding and the end of a run may take.
EQUAL = 1e-6
#: Each one contains the next.
STRUCTURES = ("full", "diag", "spherical")


def one_inside_another(rng):
    """One feature, a narrow component inside a wide one."""
    return np.r_[rng.normal(0, 2.4, (300, 1)), rng.normal(0, 1, (700, 1))]


def peak_in_a_background(rng):
    """A narrow peak, beside the centre of a wide background."""
    return np.r_[rng.normal(45, 1.5, (100, 2)), rng.normal(50, 20, (300, 2))]


def crossing(rng):
    """Two long thin clusters that cross each other."""
    E = rng.normal(size=(600, 2)) * [4, 0.4]
    return np.r_[E[:300], E[300:, ::-1]]


def with_a_rare_class(rng):
    """Three clusters, one of them with one row in thirty."""
    return rng.normal(size=(900, 2)) + np.repeat([[0, 0], [5, 0], [0, 6]], [430, 440, 30], axis=0)


def rounded(rng):
    """Four items from 1 to 5, in two groups."""
    means = np.repeat([2.1, 3.9], 125)[:, np.newaxis]
    return np.clip(np.round(means + 0.8 * rng.normal(size=(250, 4))), 1, 5)


def with_a_code(rng):
    """Two groups, and a code of 999 in the first of two columns of six rows."""
    groups = np.repeat([[-5.0, 0.0], [3.0, 3.0]], [400, 200], axis=0)
    X = groups + rng.normal(size=(600, 2))
    X[rng.choice(600, 6, replace=False), 0] = 999
    return X


def skewed(rng):
    """Amounts of money, and an area."""
    k = rng.random(400) < 0.4
    return np.c_[np.exp(rng.normal(np.where(k, 4, 6), 0.8)), np.exp(rng.normal(4, 0.4, 400))]


SAMPLES = {
    "one inside another": lambda: one_inside_another(np.random.default_rng(4)),
    "a peak in a background": lambda: peak_in_a_background(np.random.default_rng(0)),
    "crossing": lambda: crossing(np.random.default_rng(0)),
    "a rare class": lambda: with_a_rare_class(np.random.default_rng(0)),
    "skewed": lambda: skewed(np.random.default_rng(0)),
    "rounded": lambda: rounded(np.random.default_rng(0)),
    "iris": lambda: load_iris().data,
    "Old Faithful": lambda: load_old_faithful().data,
}


@cache
def default_score(sample, structure, K):
    """Fit by default, and return the mean log-likelihood."""
    X = SAMPLES[sample]()
    return GaussianMixtureEM(K, covariance_type=structure, random_state=0).fit(X).score(X)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_default_fit_is_not_below_that_of_scikit_learn(sample):
    X = SAMPLES[sample]()
    for structure in STRUCTURES:
        for K in (1, 2, 3):
            theirs = GaussianMixture(K, covariance_type=structure, random_state=0).fit(X)
            assert default_score(sample, structure, K) >= theirs.score(X) - CLOSE, (structure, K)


@pytest.mark.parametrize("seed", [3, 8, 13])
def test_nor_where_a_few_rows_far_from_all_others_are_a_component(seed):
    X = with_a_code(np.random.default_rng(seed))
    tied = GaussianMixtureEM(2, covariance_type="tied", random_state=seed).fit(X)
    theirs = GaussianMixture(2, covariance_type="tied", random_state=seed).fit(X)
    assert tied.score(X) >= theirs.score(X) - CLOSE
    assert sorted(np.bincount(tied.labels_)) == [6, 594]


def test_it_is_above_where_one_component_is_inside_another():
    X = SAMPLES["one inside another"]()
    theirs = GaussianMixture(2, init_params="random_from_data", random_state=0).fit(X)
    assert default_score("one inside another", "full", 2) > theirs.score(X) + CLOSE


@pytest.mark.parametrize("scale", [1, np.logspace(-8, 8, 20)])
def test_clusters_are_found_among_many_coordinates_in_any_units(scale):
    """Digits: k-means on features of equal spread ends at -55.1 nats a row on average."""
    X = PCA(20, random_state=0).fit_transform(load_digits().data)
    gmm = GaussianMixtureEM(10, random_state=0).fit(X * scale)
    assert gmm.score(X * scale) + np.log(scale * np.ones(20)).sum() > -54.85


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_richer_structure_is_not_below_a_simpler_one(sample):
    for richer, simpler in (("full", "diag"), ("diag", "spherical")):
        for K in (1, 2, 3):
            score = default_score(sample, richer, K)
            assert score >= default_score(sample, simpler, K) - EQUAL, (richer, K)


@pytest.mark.parametrize("sample", SAMPLES)
def test_one_component_more_is_not_below(sample):
    for structure in STRUCTURES:
        scores = [default_score(sample, structure, K) for K in (1, 2, 3)]
        assert np.diff(scores).min() >= -EQUAL, structure


@pytest.mark.parametrize("n_trials", [1, 20])
def test_one_binomial_component_more_is_not_below(n_trials):
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, size=(3, 6))
    X = rng.binomial(n_trials, p[rng.integers(3, size=500)])
    scores = [
        BinomialMixture(K, n_trials=n_trials, random_state=0).fit(X).score(X) for K in range(1, 6)
    ]
    assert np.diff(scores[:3]).min() > CLOSE  # the three that there are
    assert np.diff(scores).min() >= -EQUAL
