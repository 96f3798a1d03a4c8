"""``prior`` of a BinomialMixture: pseudo-counts, held against closed forms and SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.special import expit, logsumexp
from scipy.stats import beta, binom
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skem import BinomialMixture
from skem.data.rows import Rows
from skem.families import Binomial
from skem.families.prior import BetaPrior
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from tests.families.cases import binomials

TRIALS = 6
CHANCES = np.array([[0.2, 0.7, 0.1], [0.7, 0.3, 0.9]])


def draw(n=300, seed=0):
    """Return successes out of TRIALS in three columns, and their components."""
    rng = np.random.default_rng(seed)
    y = rng.choice(2, size=n, p=[0.6, 0.4])
    return rng.binomial(TRIALS, CHANCES[y]).astype(float), y


X, Y = draw()


def log_posterior(mixture, X, successes, failures):
    """Return the log-likelihood, plus the log of the beta densities less their constants."""
    p = mixture.probabilities_
    log_pmf = binom.logpmf(X[:, np.newaxis], TRIALS, p).sum(axis=2)
    log_likelihood = logsumexp(np.log(mixture.weights_) + log_pmf, axis=1).sum()
    a, b = np.broadcast_to(successes, 3) + 1, np.broadcast_to(failures, 3) + 1
    return (
        log_likelihood
        + (beta.logpdf(p, a, b) - beta.logpdf(0.5, a, b)).sum()
        + len(p) * (np.log(0.5) * (a + b - 2).sum())
    )


@pytest.mark.parametrize(
    ("prior", "successes", "failures"),
    [
        ("conjugate", 0.5, 0.5),
        ({"successes": 2.0}, 2.0, 0.5),
        ({"successes": [0.0, 1.0, 3.0], "failures": 4}, np.array([0.0, 1.0, 3.0]), 4.0),
    ],
)
def test_complete_data_have_the_mode_of_the_beta_posterior(prior, successes, failures):
    mixture = BinomialMixture(2, n_trials=TRIALS, prior=prior).fit(X, known_labels=Y)
    for k in range(2):
        s, n = X[Y == k].sum(axis=0), TRIALS * (Y == k).sum()
        expected = (s + successes) / (n + successes + failures)
        assert_allclose(mixture.probabilities_[k], expected, rtol=1e-12)
    plain = BinomialMixture(2, n_trials=TRIALS).fit(X, known_labels=Y)
    assert np.abs(mixture.probabilities_ / plain.probabilities_ - 1).max() > 1e-4


@pytest.mark.parametrize("acceleration", [None, "quasi-newton"])
def test_the_objective_is_the_log_posterior_and_never_falls(acceleration):
    prior = {"successes": 20, "failures": 3}
    mixture = BinomialMixture(
        2, n_trials=TRIALS, prior=prior, acceleration=acceleration, random_state=0, tol=1e-12
    ).fit(X)
    assert (np.diff(mixture.lower_bounds_) >= 0).all()
    expected = log_posterior(mixture, X, 20, 3) / len(X)
    assert_allclose(mixture.lower_bounds_[-1], expected, rtol=1e-9)
    assert_allclose(mixture.score(X), mixture.lower_bound_, rtol=1e-14)
    assert abs(mixture.lower_bound_ - expected) > 1e-2  # the prior is not in the score


def test_gradient_is_the_slope_of_the_log_posterior():
    """In log-odds, and 0 at the estimate: what acceleration and standard errors rest on."""
    prior = BetaPrior(np.array([0.5, 2.0, 7.0]), np.array([3.0, 0.5, 0.0]))
    coins = Binomial(2, 3, np.full(3, float(TRIALS)))
    model = MixtureModel(Independent(), replace(coins, prior=prior), Rows(X))
    params = binomials(np.array([0.3, 0.7]), np.array([[0.3, 0.6, 0.2], [0.5, 0.5, 0.8]]))
    vector = model.to_vector(params)

    def objective(vector):
        moved = BinomialMixture.from_parameters(
            weights=[expit(vector[0]), expit(-vector[0])],
            probabilities=expit(vector[1:]).reshape(2, 3),
            n_trials=TRIALS,
        )
        return log_posterior(moved, X, prior.successes, prior.failures)

    step = model.evaluate(params)
    slope = approx_fprime(vector, objective, 1e-6)
    gradient = len(X) * model.gradient(params, step)
    assert_allclose(gradient, slope, rtol=1e-4, atol=1e-2)
    without = len(X) * replace(model, components=coins).gradient(params, step)
    assert np.abs(without - slope).max() > 0.5


def test_standard_errors_are_of_the_posterior():
    """One component: the curvature of its beta posterior in log-odds, N p (1 - p)."""
    prior = {"successes": 500.0, "failures": 100.0}
    mixture = BinomialMixture(1, n_trials=TRIALS, prior=prior).fit(X)
    n = len(X) * TRIALS + 600
    p = (X.sum(axis=0) + 500) / n
    errors = mixture.standard_errors(X)
    assert_allclose(errors.probabilities, [np.sqrt(p * (1 - p) / n)], rtol=1e-6)


def test_one_rare_answer_does_not_make_a_held_out_row_impossible():
    rng = np.random.default_rng(0)
    chances = np.array([[0.2, 0.3, 0.6, 0.1, 0.7, 0], [0.8, 0.6, 0.1, 0.5, 0.2, 0]])
    answers = (rng.random((400, 6)) < chances[rng.choice(2, 400, p=[0.6, 0.4])]).astype(float)
    answers[17, 5] = 1
    search = GridSearchCV(
        BinomialMixture(n_trials=1, prior="conjugate", random_state=0), {"n_components": [1, 2]}
    ).fit(answers)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_ == {"n_components": 2}
    assert (search.best_estimator_.probabilities_ > 0).all()
    plain = BinomialMixture(2, n_trials=1, random_state=0).fit(np.delete(answers, 17, axis=0))
    assert plain.score_samples(answers)[17] == -np.inf


def test_layouts_missing_cells_and_batches():
    long = np.hstack([X, TRIALS - X])
    options = {"prior": {"successes": 3.0}, "random_state": 0}
    short = BinomialMixture(2, n_trials=TRIALS, **options).fit(X)
    assert_allclose(BinomialMixture(2, **options).fit(long).probabilities_, short.probabilities_)
    unseen = X.copy()
    unseen[:, 2] = np.where(Y == 0, np.nan, X[:, 2])
    holes = BinomialMixture(2, n_trials=TRIALS, **options).fit(unseen, known_labels=Y)
    assert_allclose(holes.probabilities_[0, 2], 3.0 / 3.5)  # the prior's mode
    online = clone(holes).partial_fit(X).partial_fit(X)
    assert_allclose(online.probabilities_.sum(), short.probabilities_.sum(), rtol=0.02)


def test_fixed_probabilities_stay_and_pseudo_counts_of_zero_are_no_prior():
    start = {"weights_init": [0.5, 0.5], "probabilities_init": CHANCES}
    held = BinomialMixture(
        2, n_trials=TRIALS, prior="conjugate", fixed={"probabilities": [True, False]}, **start
    ).fit(X)
    assert_array_equal(held.probabilities_[0], CHANCES[0])
    none = {"successes": 0, "failures": 0}
    with_none = BinomialMixture(2, n_trials=TRIALS, prior=none, **start).fit(X)
    plain = BinomialMixture(2, n_trials=TRIALS, **start).fit(X)
    assert_array_equal(with_none.probabilities_, plain.probabilities_)


@pytest.mark.parametrize(
    ("prior", "match"),
    [
        ({"alpha": 1}, "prior has no hyperparameter 'alpha'; it has successes, failures"),
        ({"successes": -1}, r"prior\['successes'\] must hold pseudo-counts >= 0, got -1"),
        ({"failures": [1, 2]}, r"'prior\['failures'\]' should have the shape of \(3,\)"),
        ({"failures": np.inf}, r"'prior\['failures'\]' should be finite"),
        ({"failures": "many"}, "should be an array of numbers"),
        ("jeffreys", "The 'prior' parameter of BinomialMixture must be a str among"),
    ],
)
def test_bad_priors_are_named(prior, match):
    with pytest.raises(ValueError, match=match):
        BinomialMixture(2, n_trials=TRIALS, prior=prior).fit(X)
