"""sample_weight: how often a row counts, in every method that takes it."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

FAITHFUL = load_old_faithful().data[:80]
RNG = np.random.default_rng(0)
COUNTS = RNG.binomial(20, RNG.choice([0.2, 0.5, 0.9], size=(80, 1)), size=(80, 2)).astype(float)
COUNTS = np.hstack([COUNTS, 20 - COUNTS])
COUNTS[::7, [0, 2]] = 0  # no trials: unobserved
WEIGHT = RNG.integers(0, 4, size=80)
SHUFFLED = RNG.permutation(np.repeat(np.arange(80), WEIGHT))

CASES = {
    "full": (GaussianMixtureEM(3), FAITHFUL),
    "tied": (GaussianMixtureEM(3, covariance_type="tied"), FAITHFUL),
    "diag": (GaussianMixtureEM(3, covariance_type="diag"), FAITHFUL),
    "spherical": (GaussianMixtureEM(3, covariance_type="spherical"), FAITHFUL),
    "binomial": (BinomialMixture(3), COUNTS),
}
STARTS = ["short-runs", "kmeans", "k-means++", "random", "random_from_data"]


@pytest.fixture(params=CASES)
def case(request):
    """Return a function that makes an estimator, and the rows to fit it to."""
    estimator, X = CASES[request.param]

    def make(**params):
        return type(estimator)(**{**estimator.get_params(), "random_state": 0, **params})

    return make, X


def assert_same_mixture(a, b, rtol=1e-7):
    for name in ["weights_", "means_", "covariances_", "probabilities_"]:
        if hasattr(a, name):
            assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-9)
    assert_allclose(a.lower_bound_, b.lower_bound_, rtol=1e-10)


@pytest.mark.parametrize("init_params", STARTS)
@pytest.mark.parametrize("max_iter", [0, 1000])
def test_integer_weights_are_repeated_rows_from_the_start_on(case, init_params, max_iter):
    make, X = case
    params = {"init_params": init_params, "max_iter": max_iter, "n_init": 2}
    weighted = make(**params).fit(X, sample_weight=WEIGHT)
    repeated = make(**params).fit(X[SHUFFLED])
    assert_same_mixture(weighted, repeated)
    assert_array_equal(weighted.labels_[SHUFFLED], repeated.labels_)
    unweighted = make(**params).fit(X)
    assert abs(unweighted.lower_bound_ - weighted.lower_bound_) > 1e-6


@pytest.mark.parametrize("init_params", STARTS)
def test_rows_of_weight_zero_are_absent_and_yet_labelled(case, init_params):
    make, X = case
    absent = np.zeros(len(X), dtype=bool)
    absent[::3] = True
    outlandish = np.where(absent[:, np.newaxis], X[::-1] * 10, X)
    weighted = make(init_params=init_params).fit(outlandish, sample_weight=~absent)
    without = make(init_params=init_params).fit(X[~absent])
    assert_same_mixture(weighted, without, rtol=1e-10)
    assert_array_equal(weighted.labels_, without.predict(outlandish))


def test_a_given_partition_loses_the_rows_of_weight_zero(case):
    make, X = case
    labels = np.arange(len(X)) % 3
    present = WEIGHT > 0
    for start in [labels, np.eye(3)[labels] + 0.1]:
        weighted = make(init_params=start).fit(X, sample_weight=present)
        assert_same_mixture(weighted, make(init_params=start[present]).fit(X[present]))


def test_initial_components_without_rows_are_the_same_with_weights_as_with_repetition(case):
    make, X = case
    labels = np.arange(len(X)) % 2  # of three components
    weighted = make(init_params=labels, max_iter=0).fit(X, sample_weight=WEIGHT)
    repeated = make(init_params=labels[SHUFFLED], max_iter=0).fit(X[SHUFFLED])
    assert_same_mixture(weighted, repeated)


def test_a_common_factor_of_the_weights_changes_nothing_but_the_number_of_rows(case):
    make, X = case
    # (The default start asks how many rows there are, to tell a component from a spike.)
    once = make(init_params="kmeans").fit(X, sample_weight=np.full(80, 0.5))
    thrice = make(init_params="kmeans").fit(X, sample_weight=3)
    assert_same_mixture(once, thrice)
    assert_allclose(
        thrice.aic(X, sample_weight=3), 6 * -80 * once.score(X) + 2 * once.n_parameters_
    )


@pytest.mark.parametrize("method", ["score", "aic", "bic", "icl"])
def test_every_criterion_weighs_the_rows(case, method):
    make, X = case
    criterion = getattr(make().fit(X), method)
    assert_allclose(criterion(X, sample_weight=WEIGHT), criterion(X[SHUFFLED]), rtol=1e-10)
    assert abs(criterion(X, sample_weight=WEIGHT) - criterion(X)) > 1e-6


def test_bic_takes_the_sum_of_the_weights_as_the_number_of_rows(case):
    make, X = case
    mixture = make().fit(X)
    weight = WEIGHT * 0.7
    N = weight.sum()
    log_likelihood = (weight * mixture.score_samples(X)).sum()
    assert_allclose(
        mixture.bic(X, sample_weight=weight),
        -2 * log_likelihood + mixture.n_parameters_ * np.log(N),
        rtol=1e-12,
    )


def test_fit_predict_takes_weights(case):
    make, X = case
    labels = make().fit_predict(X, sample_weight=WEIGHT)
    assert_array_equal(labels, make().fit(X, sample_weight=WEIGHT).labels_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_rows_that_count_are_enough_for_the_components(case):
    make, X = case
    with pytest.raises(ValueError, match="n_samples >= n_components"):
        make().fit(X[:4], sample_weight=[1, 1, 0, 0])
    with pytest.raises(ValueError, match="n_samples >= n_components"):
        make().fit(X[:2])
    mixture = make()
    if isinstance(mixture, GaussianMixtureEM):
        mixture.set_params(reg_covar=1e-6)  # or else two values make a grid with wide components
    twice = clone(mixture).fit(X[:2], sample_weight=[2, 2])
    assert_same_mixture(twice, mixture.fit(np.repeat(X[:2], 2, axis=0)))


def test_weights_of_a_frequency_table_are_the_families_themselves():
    saxony = load_saxony()
    rows = np.repeat(saxony.data, saxony.sample_weight, axis=0)
    table = BinomialMixture(2, random_state=0).fit(saxony.data, sample_weight=saxony.sample_weight)
    families = BinomialMixture(2, random_state=0).fit(rows)
    assert_allclose(families.probabilities_, table.probabilities_, rtol=1e-6)
    assert_allclose(
        table.bic(saxony.data, sample_weight=saxony.sample_weight), families.bic(rows), rtol=1e-10
    )


def test_an_unobserved_row_counts_nowhere_in_the_start():
    X, weight = np.array([[0, 10], [1, 9], [10, 0], [0, 0]]), [1, 1, 9, 1]
    start = {"n_components": 2, "random_state": 0, "max_iter": 0, "init_params": "kmeans"}
    weighted = BinomialMixture(**start).fit(X, sample_weight=weight)
    assert_same_mixture(weighted, BinomialMixture(**start).fit(np.repeat(X, weight, axis=0)))
    assert_allclose(sorted(weighted.weights_), [2 / 11, 9 / 11])


def test_a_row_that_is_impossible_does_no_harm_while_it_has_no_weight():
    X, weight = np.array([[10.0], [10.0], [3.0]]), [1, 1, 0]
    mixture = BinomialMixture(1, n_trials=10).fit(X, sample_weight=weight)
    assert mixture.probabilities_ == 1
    assert mixture.lower_bound_ == mixture.score(X, sample_weight=weight) == 0
    assert np.isfinite(mixture.icl(X, sample_weight=weight))
    assert mixture.score(X) == -np.inf


@pytest.mark.parametrize("criterion", ["aic", "bic", "icl"])
def test_weights_that_can_be_no_frequencies_draw_a_warning_from_criteria(criterion):
    """Normalised to the sum one, say: BIC would take N for one."""
    X = np.random.default_rng(0).normal(size=(50, 2))
    mixture = GaussianMixtureEM(1).fit(X)
    weights = np.ones(50)
    with pytest.warns(UserWarning, match="sums to 1 over 50 rows") as caught:
        getattr(mixture, criterion)(X, weights / 50)
    assert caught[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        getattr(mixture, criterion)(X, weights)
        getattr(mixture, criterion)(X, np.where(np.arange(50) < 5, 10, 0))
        mixture.score(X, sample_weight=weights / 50)
