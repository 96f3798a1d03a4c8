"""PoissonMixture against scipy, direct maximisation, and what it must refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import poisson
from sklearn.utils.estimator_checks import check_estimator

from skem import PoissonMixture

RATES = np.array([[2.0, 9.0], [11.0, 4.0]])


def draw(n=400):
    rng = np.random.default_rng(0)
    labels = (rng.random(n) < 0.3).astype(int)
    return rng.poisson(RATES[labels]).astype(float), labels


def log_likelihood(X, weights, rates):
    log_joint = np.log(weights) + poisson.logpmf(X[:, np.newaxis], rates).sum(axis=2)
    return logsumexp(log_joint, axis=1)


def test_fit_is_what_direct_maximisation_finds():
    X, _ = draw()
    mixture = PoissonMixture(2, tol=1e-12, random_state=0).fit(X)

    def negative(vector):
        weights = np.array([expit(vector[0]), expit(-vector[0])])
        return -log_likelihood(X, weights, np.exp(vector[1:]).reshape(2, 2)).mean()

    found = minimize(negative, np.r_[0.8, np.log(RATES).ravel()], tol=1e-12)
    assert_allclose(mixture.lower_bound_, -found.fun, rtol=1e-10)
    order = mixture.rates_[:, 0].argsort()
    assert_allclose(mixture.rates_[order], np.exp(found.x[1:]).reshape(2, 2), rtol=1e-4)
    assert abs(negative(np.r_[0.8, np.log(RATES).ravel()]) + mixture.lower_bound_) > 1e-3
    expected = log_likelihood(X, mixture.weights_, mixture.rates_)
    assert_allclose(mixture.score_samples(X), expected, rtol=1e-12)


def test_one_component_is_the_sample_mean_with_its_standard_error():
    X, _ = draw()
    mixture = PoissonMixture().fit(X)
    assert_allclose(mixture.rates_, [X.mean(axis=0)], rtol=1e-12)
    errors = mixture.standard_errors(X).rates
    assert_allclose(errors, [np.sqrt(X.mean(axis=0) / len(X))], rtol=1e-6)


def test_missing_cells_say_nothing():
    X, _ = draw()
    holes = np.random.default_rng(1).random(X.shape) < 0.3
    incomplete = np.where(holes, np.nan, X)
    mixture = PoissonMixture(2, random_state=0).fit(incomplete)
    log_joint = np.log(mixture.weights_) + np.nansum(
        poisson.logpmf(incomplete[:, np.newaxis], mixture.rates_), axis=2
    )
    seen = ~holes.all(axis=1)  # a row that says nothing does not count
    expected = logsumexp(log_joint[seen], axis=1).mean()
    assert_allclose(mixture.score(incomplete), expected, rtol=1e-12)
    filled = mixture.impute(incomplete)
    assert_array_equal(filled[~holes], X[~holes])
    expected = mixture.predict_proba(incomplete) @ mixture.rates_
    assert_allclose(filled[holes], expected[holes], rtol=1e-12)
    drawn = mixture.impute(incomplete, random_state=0)[holes]
    assert (drawn == np.floor(drawn)).all() and abs(drawn.mean() - filled[holes].mean()) < 1


def test_starting_values_can_be_given_and_held():
    X, _ = draw()
    start = {"rates_init": [[2.0, 9.0], [np.nan, np.nan]], "fixed": {"rates": [True, False]}}
    mixture = PoissonMixture(2, random_state=0, **start).fit(X)
    assert_array_equal(mixture.rates_[0], RATES[0])
    assert_allclose(mixture.rates_[1], RATES[1], rtol=0.1)
    assert mixture.n_parameters_ == 1 + 2


def test_known_parameters_draw_what_they_say():
    mixture = PoissonMixture.from_parameters(weights=[0.7, 0.3], rates=RATES, random_state=0)
    X, y = mixture.sample(20_000)
    means = np.array([X[y == k].mean(axis=0) for k in range(2)])
    assert (np.abs(means - RATES) < 5 * np.sqrt(RATES / 6000)).all()
    assert mixture.n_parameters_ == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PoissonMixture().fit([[1.0], [-1.0]]), "Negative values"),
        (lambda: PoissonMixture(2, rates_init=[[1.0], [-2.0]]).fit([[1], [2]]), "rates_init.*-2"),
        (lambda: PoissonMixture(2, rates_init=[[1.0, 2.0]]).fit([[1], [2]]), "rates_init"),
        (lambda: PoissonMixture.from_parameters(weights=[1.0], rates=[1.0]), "shape"),
        (lambda: PoissonMixture.from_parameters(weights=[0.5, 0.6], rates=RATES), "weights"),
        (lambda: PoissonMixture.from_parameters(weights=[0.5, 0.5], rates=-RATES), "rates"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_estimator_passes_the_checks_of_scikit_learn():
    check_estimator(PoissonMixture())
