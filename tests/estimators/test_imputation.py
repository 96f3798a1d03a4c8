"""Imputation: the expectation of what is missing, or a draw, given what is observed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import binom, chisquare

from skem import BinomialMixture
from tests.estimators.incomplete import (
    EACH_CASE,
    EACH_STRUCTURE,
    FLIPS,
    HEADS,
    ROWS,
    TRUTH,
    Mixture,
    conditional,
    known,
    log_joint,
    trials_of,
)

N_DRAWS = 40_000
WEIGHTS, PROBABILITIES = np.array([0.3, 0.7]), np.array([[0.2, 0.5, 0.9], [0.6, 0.4, 0.1]])


def coins(n_trials):
    """Return a mixture of two sets of three coins."""
    return BinomialMixture.from_parameters(
        weights=WEIGHTS, probabilities=PROBABILITIES, n_trials=n_trials
    )


@EACH_STRUCTURE
def test_imputation_is_the_conditional_expectation(structure):
    mixture, truth = known(structure)
    posterior = softmax(log_joint(ROWS, truth), axis=1)
    expected = [
        shares @ [conditional(x, mean, C)[0] for mean, C in zip(*truth[1:], strict=True)]
        for x, shares in zip(ROWS, posterior, strict=True)
    ]
    imputed = mixture.impute(ROWS)
    assert_allclose(imputed, expected, rtol=1e-9, atol=1e-12)
    assert_array_equal(imputed[~np.isnan(ROWS)], ROWS[~np.isnan(ROWS)])
    assert_allclose(imputed[7], truth.weights @ truth.means, rtol=1e-12, atol=1e-12)


@EACH_CASE
def test_complete_rows_are_imputed_as_a_copy(make, X):
    mixture, whole = make().fit(X), np.where(np.isnan(X), 1.0, X)
    for random_state in (None, 0):
        copy = mixture.impute(whole, random_state=random_state)
        assert_array_equal(copy, whole)
        assert not np.shares_memory(copy, whole)


@EACH_CASE
def test_draws_are_reproducible_and_leave_what_is_observed(make, X):
    mixture = make().fit(X)
    trials = trials_of(mixture)
    one, same, other = (mixture.impute(X, random_state=seed, **trials) for seed in (0, 0, 1))
    assert_array_equal(one, same)
    assert_array_equal(one[~np.isnan(X)], X[~np.isnan(X)])
    assert not np.isnan(one).any()
    assert (one != other)[np.isnan(X)].mean() > 0.5
    rng = np.random.RandomState(0)
    first, second = (mixture.impute(X, random_state=rng, **trials) for _ in range(2))
    assert_array_equal(first, one)
    assert (first != second).any()


def assert_expectation(draws, expected):
    """Allow means of draws to be off by five standard errors."""
    errors = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - expected) <= 5 * errors + 1e-12).all()


@pytest.mark.parametrize("seen", [[], [0], [1, 2]], ids=str)
@EACH_STRUCTURE
def test_draws_have_the_moments_of_the_conditional_distribution(structure, seen):
    mixture, truth = known(structure)
    x = np.full(3, np.nan)
    x[seen] = np.array([2.0, 3.0, 1.0])[seen]
    shares = softmax(log_joint(x[np.newaxis], truth), axis=1)[0]
    moments = [conditional(x, mean, C) for mean, C in zip(*truth[1:], strict=True)]
    assert shares.max() < 0.98
    means = np.array([mean for mean, _ in moments])
    seconds = np.array([C + np.outer(mean, mean) for mean, C in moments])
    draws = mixture.impute(np.tile(x, (N_DRAWS, 1)), random_state=0)
    products = np.einsum("ni,nj->nij", draws, draws)
    assert_expectation(draws, shares @ means)
    assert_expectation(products.reshape(N_DRAWS, 9), shares @ seconds.reshape(3, 9))


def test_cells_of_a_row_are_drawn_from_one_component():
    far_apart = Mixture(np.array([0.3, 0.7]), np.array([[-50.0] * 3, [50.0] * 3]), TRUTH[2][:2])
    mixture, _ = known("full", far_apart)
    draws = mixture.impute(np.full((N_DRAWS, 3), np.nan), random_state=0)
    assert_array_equal(draws > 0, np.repeat(draws[:, :1] > 0, 3, axis=1))
    assert_expectation(draws[:, :1] > 0, [0.7])


@pytest.mark.parametrize("n_trials", [20, None])
def test_counts_are_imputed_by_trials_times_expected_probability(n_trials):
    mixture, trials = coins(n_trials), {} if n_trials else {"n_trials": [10, 20, 30]}
    n = np.array(trials.get("n_trials", [20, 20, 20]))
    X = HEADS if n_trials else FLIPS
    expected = np.where(np.isnan(HEADS), n * (mixture.predict_proba(X) @ PROBABILITIES), HEADS)
    if n_trials is None:
        expected = np.hstack([expected, np.where(np.isnan(HEADS), n, 20) - expected])
    assert_allclose(mixture.impute(X, **trials), expected, rtol=1e-12)


@pytest.mark.parametrize("n_trials", [20, None])
def test_counts_are_drawn_from_the_conditional_distribution(n_trials):
    mixture, trials = coins(n_trials), {} if n_trials else {"n_trials": [10, 20, 30]}
    n = np.array(trials.get("n_trials", [20, 20, 20]))
    x = [9, np.nan, np.nan] + ([] if n_trials else [11, np.nan, np.nan])
    shares = softmax(np.log(WEIGHTS) + binom.logpmf(9, 20, PROBABILITIES[:, 0]))
    assert 0.02 < shares[0] < 0.98
    draws = mixture.impute(np.tile(x, (N_DRAWS, 1)), random_state=0, **trials)
    if n_trials is None:
        assert_array_equal(draws[:, 1:3] + draws[:, 4:], np.tile(n[1:], (N_DRAWS, 1)))
    for j in (1, 2):
        probabilities = shares @ binom.pmf(np.arange(n[j] + 1), n[j], PROBABILITIES[:, [j]])
        expected = N_DRAWS * probabilities
        observed = np.bincount(draws[:, j].astype(int), minlength=n[j] + 1)
        often = expected >= 5
        counts = np.append(observed[often], observed[~often].sum())
        expected = np.append(expected[often], expected[~often].sum())
        assert chisquare(counts, expected).pvalue > 1e-4


def test_counts_without_known_trials_are_not_imputed():
    with pytest.raises(ValueError, match="impute needs n_trials"):
        coins(None).impute(FLIPS)
    with pytest.raises(ValueError, match=r"must hold whole numbers >= 0\. Got 2\.5"):
        coins(None).impute(FLIPS, random_state=0, n_trials=2.5)
    with pytest.raises(
        ValueError, match="'n_trials' parameter of BinomialMixture must hold numbers"
    ):
        coins(None).impute(FLIPS, n_trials="many")
    with pytest.raises(ValueError, match="n_trials is a parameter of the estimator already"):
        coins(20).impute(HEADS, n_trials=20)


@EACH_CASE
def test_single_precision_stays_single(make, X):
    single = X.astype(np.float32)
    mixture = make().fit(single)
    for random_state in (None, 0):
        values = mixture.impute(single, random_state, **trials_of(mixture))
        assert values.dtype == np.float32
        assert_array_equal(values[~np.isnan(X)], single[~np.isnan(X)])
