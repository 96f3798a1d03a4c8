"""BinomialMixture: layouts, figures from the literature and from R, and the edges."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln, logsumexp
from scipy.stats import binom
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture
from skem.datasets import load_beta_blockers, load_saxony, load_two_coins

SAXONY = load_saxony()
COINS = load_two_coins().data[:, :1]
TRIALS = np.array([8, 20, 5])

WEIGHTS = np.array([0.6, 0.4])
PROBABILITIES = np.array([[0.2, 0.7, 0.5], [0.6, 0.3, 0.9]])


def known(**params):
    """Return a mixture that publishes given parameters."""
    start = {"weights_init": WEIGHTS, "probabilities_init": PROBABILITIES}
    return BinomialMixture(2, **{**start, **params}, max_iter=0)


def draw(n=200, seed=0):
    """Return successes out of TRIALS, and their components."""
    rng = np.random.default_rng(seed)
    y = rng.choice(2, size=n, p=WEIGHTS)
    return rng.binomial(TRIALS, PROBABILITIES[y]).astype(float), y


def with_failures(successes, trials=TRIALS):
    return np.hstack([successes, trials - successes])


def log_joint(successes, trials, weights=WEIGHTS, probabilities=PROBABILITIES):
    """Return log p(x_i, k) by SciPy."""
    columns = binom.logpmf(successes[:, np.newaxis], trials, probabilities)
    return np.log(weights) + columns.sum(axis=2)


# The two coins of Do & Batzoglou (2008).


def test_two_coins_gives_the_published_posteriors_and_expected_counts():
    start = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.6], [0.5]]}
    mixture = BinomialMixture(2, n_trials=10, max_iter=0, **start).fit(COINS)
    posterior = mixture.predict_proba(COINS)
    assert_array_equal(posterior[:, 0].round(2), [0.45, 0.80, 0.73, 0.35, 0.65])
    heads, tails = COINS.T @ posterior, (10 - COINS).T @ posterior
    assert_allclose(heads, [[21.3, 11.7]], atol=0.05)
    assert_allclose(tails, [[8.6, 8.4]], atol=0.05)


@pytest.mark.parametrize(("n_updates", "published"), [(1, [0.71, 0.58]), (10, [0.80, 0.52])])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_two_coins_of_equal_weights_gives_the_published_updates(n_updates, published):
    probabilities = np.array([[0.6], [0.5]])
    for _ in range(n_updates):
        start = {"weights_init": [0.5, 0.5], "probabilities_init": probabilities}
        mixture = BinomialMixture(2, n_trials=10, max_iter=1, tol=0, **start).fit(COINS)
        probabilities = mixture.probabilities_
    assert_array_equal(probabilities.ravel().round(2), published)


def test_two_coins_of_free_weights_reaches_the_optimum():
    start = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.6], [0.5]]}
    mixture = BinomialMixture(2, n_trials=10, tol=1e-15, **start).fit(COINS)
    assert_allclose(mixture.probabilities_.ravel(), [0.793368, 0.513917], atol=2e-6)
    assert_allclose(mixture.weights_, [0.522751, 1 - 0.522751], atol=2e-6)
    assert_allclose(5 * mixture.lower_bound_, -9.795419, atol=1e-6)


def test_two_coins_with_known_labels_is_counting():
    coins = load_two_coins()
    labels = coins.target == 0
    with pytest.warns(ConvergenceWarning):
        mixture = BinomialMixture(2, init_params=labels.astype(int), max_iter=1, tol=0).fit(
            coins.data
        )
    mixture.set_params(max_iter=0).fit(coins.data)
    by_label = [coins.data[labels == k].sum(axis=0) for k in (0, 1)]
    assert_allclose(
        mixture.probabilities_[:, 0], [heads / (heads + tails) for heads, tails in by_label]
    )
    assert sorted(mixture.probabilities_[:, 0].round(2)) == [0.45, 0.80]


# References: Saxony from EM run to 1e-15; the others from R.


@pytest.mark.parametrize(("K", "log_likelihood"), [(2, -12492.406220), (3, -12490.800116)])
def test_saxony_reaches_the_optimum(K, log_likelihood):
    mixture = BinomialMixture(K, tol=1e-12, max_iter=200_000, random_state=0)
    mixture.fit(SAXONY.data, sample_weight=SAXONY.sample_weight)
    n = SAXONY.sample_weight.sum()
    assert n == 6115
    assert_allclose(mixture.lower_bound_ * n, log_likelihood, atol=1e-4)
    if K == 2:
        order = mixture.weights_.argsort()[::-1]
        assert_allclose(mixture.probabilities_[order, 0], [0.481429, 0.616398], atol=1e-4)
        assert_allclose(mixture.weights_[order], [0.720039, 0.279961], atol=1e-3)


# flexmix 2.3.18 in R, from the rows in K groups of rising proportion of deaths:
# flexmix(cbind(deaths, patients - deaths) ~ 1, k = K, cluster = cut(rank(deaths / patients,
# ties.method = "first"), K, labels = FALSE), model = FLXMRglm(family = "binomial"), control =
# list(tolerance = 1e-15, minprior = 0)), then logLik, AIC, BIC and plogis(parameters(...)).
@pytest.mark.parametrize(
    ("K", "log_likelihood", "aic", "bic", "probabilities"),
    [
        (1, -275.211666964, 552.423333927, 554.207523561, [0.089255791]),
        (2, -200.033893276, 406.067786551, 411.420355453, [0.0670360938, 0.1258426814]),
        (
            3,
            -174.410460496,
            358.820920993,
            367.741869163,
            [0.0615570008, 0.0952260405, 0.1646348815],
        ),
    ],
)
def test_beta_blockers_agrees_with_flexmix(K, log_likelihood, aic, bic, probabilities):
    X = load_beta_blockers().data
    rank = (X[:, 0] / X.sum(axis=1)).argsort(kind="stable").argsort()
    groups = np.digitize(rank, np.linspace(0, len(X) - 1, K + 1)[1:-1])
    mixture = BinomialMixture(K, init_params=groups, tol=1e-13).fit(X)
    assert_allclose(mixture.lower_bound_ * len(X), log_likelihood, rtol=1e-9)
    assert_allclose(mixture.aic(X), aic, rtol=1e-9)
    assert_allclose(mixture.bic(X), bic, rtol=1e-9)
    assert_allclose(np.sort(mixture.probabilities_[:, 0]), probabilities, rtol=1e-4)


# The probability.


@pytest.mark.parametrize("layout", ["successes", "successes and failures"])
def test_score_samples_is_the_log_probability_of_scipy(layout):
    successes, _ = draw()
    expected = log_joint(successes, TRIALS)
    if layout == "successes":
        X, mixture = successes, known(n_trials=TRIALS)
    else:
        X, mixture = with_failures(successes), known()
    mixture.fit(X)
    log_probability = logsumexp(expected, axis=1)
    assert_allclose(mixture.score_samples(X), log_probability, rtol=1e-12)
    assert_allclose(mixture.score(X), log_probability.mean(), rtol=1e-12)
    assert_allclose(
        mixture.predict_proba(X), np.exp(expected - log_probability[:, np.newaxis]), atol=1e-12
    )
    assert_array_equal(mixture.predict(X), expected.argmax(axis=1))
    completed = expected.max(axis=1).sum()
    assert_allclose(mixture.icl(X), -2 * completed + 7 * np.log(len(X)), rtol=1e-12)
    assert mixture.n_parameters_ == 1 + 6


def test_trials_may_differ_in_every_cell():
    rng = np.random.default_rng(0)
    trials = rng.integers(0, 30, size=(100, 3))
    successes = rng.binomial(trials, 0.4).astype(float)
    mixture = known().fit(with_failures(successes, trials))
    expected = logsumexp(log_joint(successes, trials[:, np.newaxis]), axis=1)
    assert_allclose(mixture.score_samples(with_failures(successes, trials)), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Column 1 of X holds fractions")
def test_counts_may_be_fractional():
    s, f, p = np.array([2.5, 0.25]), np.array([0.75, 3.5]), np.array([0.3, 0.6])
    mixture = BinomialMixture(weights_init=[1], probabilities_init=[p], max_iter=0)
    X = np.hstack([s, f])[np.newaxis]
    log_coefficients = gammaln(s + f + 1) - gammaln(s + 1) - gammaln(f + 1)
    expected = (log_coefficients + s * np.log(p) + f * np.log1p(-p)).sum()
    assert_allclose(mixture.fit(X).score_samples(X), [expected], rtol=1e-12)


@pytest.mark.parametrize("n_trials", [20, [20, 20, 20], np.array([20.0, 20.0, 20.0])])
def test_the_two_layouts_give_the_same_fit(n_trials):
    successes, _ = draw()
    X = with_failures(successes, 20)
    params = {"n_components": 2, "random_state": 0}
    blocks = BinomialMixture(**params).fit(X)
    columns = BinomialMixture(**params, n_trials=n_trials).fit(successes)
    assert_array_equal(blocks.labels_, columns.labels_)
    assert_allclose(blocks.probabilities_, columns.probabilities_, rtol=1e-12)
    assert_allclose(blocks.weights_, columns.weights_, rtol=1e-12)
    assert_allclose(blocks.score_samples(X), columns.score_samples(successes), rtol=1e-12)
    assert np.ptp(blocks.probabilities_, axis=0).min() > 0.05


def test_a_fit_recovers_the_components():
    successes, y = draw(2000)
    mixture = BinomialMixture(2, n_trials=TRIALS, random_state=0).fit(successes)
    order = mixture.probabilities_[:, 0].argsort()
    errors = np.sqrt(0.25 / (2000 * WEIGHTS[:, np.newaxis] * TRIALS))
    assert np.all(np.abs(mixture.probabilities_[order] - PROBABILITIES) < 5 * errors)
    assert np.mean(order.argsort()[mixture.labels_] == y) > 0.95


# The edges.


def test_an_odd_number_of_columns_is_an_error_that_explains_both_layouts():
    with pytest.raises(ValueError, match=r"3 columns.*\[successes \| failures\].*n_trials"):
        BinomialMixture().fit(np.ones((5, 3)))


@pytest.mark.parametrize("column", [0.0, 10.0])
def test_zero_and_one_are_legitimate_probabilities(column):
    X = np.array([[0.0, column]] * 3 + [[10.0, column]] * 2 + [[9.0, column]])
    with warnings.catch_warnings(action="error"):
        mixture = BinomialMixture(2, n_trials=10, random_state=0).fit(X)
    order = mixture.probabilities_[:, 0].argsort()
    assert_allclose(mixture.probabilities_[order], [[0, column / 10], [29 / 30, column / 10]])
    assert_allclose(mixture.score_samples(X[:3]), np.log(0.5))
    assert np.isfinite(mixture.predict_proba(X)).all()
    assert np.isfinite(
        [mixture.lower_bound_, mixture.aic(X), mixture.bic(X), mixture.icl(X)]
    ).all()


def test_an_impossible_row_has_probability_zero_and_the_weights_as_posterior():
    start = {"weights_init": [0.7, 0.3], "probabilities_init": [[0.0, 0.5], [0.0, 0.2]]}
    mixture = BinomialMixture(2, n_trials=4, max_iter=0, **start).fit([[0, 1], [0, 3]])
    X = [[1, 2], [0, 2]]
    with warnings.catch_warnings(action="error"):
        assert_array_equal(np.isneginf(mixture.score_samples(X)), [True, False])
        assert_allclose(mixture.predict_proba(X)[0], [0.7, 0.3])
        assert mixture.predict(X)[0] == 0
        assert mixture.score(X) == -np.inf
        assert mixture.aic(X) == mixture.bic(X) == np.inf
        assert mixture.icl(X) == np.inf
        assert np.isfinite(mixture.score(X, sample_weight=[0, 1]))


def test_a_cell_without_trials_is_unobserved():
    successes, _ = draw(50)
    failures = TRIALS - successes
    successes[:10, 1] = failures[:10, 1] = 0
    mixture = known().fit(np.hstack([successes, failures]))
    expected = log_joint(
        successes[:10][:, [0, 2]], TRIALS[[0, 2]], WEIGHTS, PROBABILITIES[:, [0, 2]]
    )
    X = np.hstack([successes, failures])[:10]
    assert_allclose(mixture.score_samples(X), logsumexp(expected, axis=1), rtol=1e-12)
    nothing = np.zeros((1, 6))
    assert_allclose(mixture.score_samples(nothing), [0], atol=1e-15)
    assert_allclose(mixture.predict_proba(nothing), [WEIGHTS])


def test_a_row_without_any_trial_does_not_change_the_probabilities():
    successes, _ = draw()
    X = with_failures(successes)
    labels = (successes[:, 0] > 3).astype(int)
    plain = BinomialMixture(2, init_params=labels, tol=1e-13).fit(X)
    padded = BinomialMixture(2, init_params=np.append(labels, 0), tol=1e-13).fit(
        np.vstack([X, np.zeros(6)])
    )
    assert_allclose(padded.probabilities_, plain.probabilities_, atol=1e-5)
    assert_allclose(padded.weights_, plain.weights_, atol=1e-5)


@pytest.mark.parametrize(("K", "n_trials", "warned"), [(2, 2, True), (2, 3, False), (3, 4, True)])
def test_too_few_trials_to_identify_the_components_is_a_warning(K, n_trials, warned):
    X = np.arange(20)[:, np.newaxis] % (n_trials + 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        BinomialMixture(K, n_trials=n_trials, random_state=0).fit(X)
    said = [str(w.message) for w in caught if "cannot be identified" in str(w.message)]
    assert bool(said) == warned
    assert all(f"which tell at most {K - 1} apart" in message for message in said)


def test_several_columns_or_one_component_need_no_number_of_trials():
    with warnings.catch_warnings(action="error"):
        BinomialMixture(2, n_trials=1, random_state=0).fit([[0, 1], [1, 1], [0, 0], [1, 1]])
        BinomialMixture(1, n_trials=1).fit([[0], [1], [1]])


def test_a_single_trial_is_a_bernoulli_mixture():
    rng = np.random.default_rng(0)
    X = (rng.random((100, 4)) < 0.4).astype(float)
    P = rng.random((2, 4))
    mixture = BinomialMixture(
        2, n_trials=1, weights_init=WEIGHTS, probabilities_init=P, max_iter=0
    ).fit(X)
    product = np.where(X[:, np.newaxis] == 1, P, 1 - P).prod(axis=2) @ WEIGHTS
    assert_allclose(np.exp(mixture.score_samples(X)), product, rtol=1e-12)


def test_many_trials_lose_no_digits():
    n, p = 1e6, 0.3
    X = np.array([[n * p, n * (1 - p)]])
    mixture = BinomialMixture(weights_init=[1], probabilities_init=[[p]], max_iter=0).fit(X)
    # Stirling's series for the largest probability of a binomial.
    expected = -np.log(2 * np.pi * n * p * (1 - p)) / 2 + (1 - 1 / p - 1 / (1 - p)) / (12 * n)
    assert_allclose(mixture.score_samples(X), [expected], rtol=1e-9)


# Starts, samples, types.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_starting_values_are_used_and_never_overwritten():
    successes, _ = draw()
    weights, probabilities = WEIGHTS.copy(), PROBABILITIES.copy()
    weights.setflags(write=False)
    probabilities.setflags(write=False)
    mixture = BinomialMixture(
        2, n_trials=TRIALS, weights_init=weights, probabilities_init=probabilities, max_iter=0
    ).fit(successes)
    assert_array_equal(mixture.weights_, WEIGHTS)
    assert_array_equal(mixture.probabilities_, PROBABILITIES)
    assert mixture.n_iter_ == 0
    mixture.set_params(max_iter=5).fit(successes)
    assert mixture.weights_init is weights
    assert mixture.probabilities_init is probabilities
    assert_array_equal(probabilities, PROBABILITIES)
    assert not np.allclose(mixture.probabilities_, PROBABILITIES)


@pytest.mark.parametrize("max_iter", [0, 1, 1000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lower_bound_is_the_score_of_what_is_published(max_iter, dtype):
    X = with_failures(draw()[0]).astype(dtype)
    mixture = BinomialMixture(2, max_iter=max_iter, random_state=0).fit(X)
    assert abs(mixture.lower_bound_ - mixture.score(X)) <= 1e-12
    assert_array_equal(mixture.labels_, mixture.predict(X))
    assert mixture.probabilities_.dtype == mixture.predict_proba(X).dtype == dtype


def test_the_trace_never_falls():
    X = with_failures(draw()[0])
    mixture = BinomialMixture(2, init_params="random", random_state=0).fit(X)
    trace = np.array(mixture.lower_bounds_)
    assert trace[-1] > trace[0] + 0.1
    assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))


@pytest.mark.parametrize("layout", ["successes", "successes and failures"])
def test_samples_have_the_layout_and_the_moments_of_their_components(layout):
    n = 30_000
    if layout == "successes":
        X, y = known(n_trials=TRIALS).fit(np.ones((5, 3))).sample(n, random_state=0)
        successes = X
    else:
        X, y = known().fit(np.ones((5, 6))).sample(n, random_state=0, n_trials=TRIALS)
        successes, failures = X[:, :3], X[:, 3:]
        assert_array_equal(successes + failures, np.tile(TRIALS, (n, 1)))
    assert X.shape[0] == n
    assert abs((y == 0).sum() - 0.6 * n) < 5 * np.sqrt(0.24 * n)
    for k, p in enumerate(PROBABILITIES):
        Z = successes[y == k]
        errors = np.sqrt(TRIALS * p * (1 - p) / len(Z))
        assert np.all(np.abs(Z.mean(axis=0) - TRIALS * p) < 5 * errors)
        assert_allclose(Z.var(axis=0), TRIALS * p * (1 - p), rtol=0.06)


def test_repeated_samples_differ_and_can_be_reproduced():
    mixture = known(n_trials=1000, random_state=0).fit(np.ones((5, 3)))
    first, second = mixture.sample(5)[0], mixture.sample(5)[0]
    assert not np.array_equal(first, second)
    mixture.fit(np.ones((5, 3)))
    assert_array_equal(mixture.sample(5)[0], first)
    assert_array_equal(mixture.sample(5)[0], second)


def test_sample_says_where_the_number_of_trials_is_missing_or_given_twice():
    with pytest.raises(ValueError, match="sample needs n_trials"):
        known().fit(np.ones((5, 6))).sample(3)
    with pytest.raises(ValueError, match="n_trials is a parameter of the estimator"):
        known(n_trials=TRIALS).fit(np.ones((5, 3))).sample(3, n_trials=5)


# What is easily mistaken: shares for counts, trials by row, components alike.


def reads(n=300):
    """Return mutated reads and depths at sites of three kinds."""
    rng = np.random.default_rng(0)
    depths = rng.poisson(80, n)
    return rng.binomial(depths, np.array([0.1, 0.3, 0.5])[rng.choice(3, n)]), depths


def said(mixture, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture.fit(X)
    assert all(warning.filename == __file__ for warning in caught)
    return " ".join(str(warning.message) for warning in caught)


def test_shares_in_place_of_counts_draw_a_warning_and_so_do_components_alike():
    mutated, depths = reads()
    shares = np.column_stack([mutated / depths, depths - mutated])
    told = said(BinomialMixture(3, random_state=0), shares)
    assert "Column 0 of X holds fractions" in told and "fraction * depth" in told
    assert "have come out alike" in told
    assert "Column 'vaf' of X" in said(
        BinomialMixture(random_state=0), pd.DataFrame(shares, columns=["vaf", "ref"])
    )
    counts = np.column_stack([mutated, depths - mutated])
    assert said(BinomialMixture(3, random_state=0), counts) == ""
    assert "Column 0 of X holds fractions" in said(BinomialMixture(n_trials=80), shares[:, :1])
    assert "Column 0 of X holds fractions" in said(BinomialMixture(n_trials=1), shares[:, :1])
    assert said(BinomialMixture(), counts * 1.5) == ""


def test_components_that_start_alike_and_stay_so_are_told():
    X, _ = draw()
    alike = known(n_trials=TRIALS, probabilities_init=PROBABILITIES[[0, 0]]).set_params(
        max_iter=99
    )
    assert "two components have come out alike" in said(alike, X)
    assert said(known(n_trials=TRIALS).set_params(max_iter=999), X) == ""


@pytest.mark.parametrize("by", [(200,), (200, 1), (200, 3)])
def test_trials_by_row_are_an_error_that_shows_the_layout_that_works(by):
    n_trials = np.random.default_rng(0).integers(20, 30, by)
    X = draw()[0]
    with pytest.raises(ValueError, match=r"n_trials has the shape \(200,") as caught:
        BinomialMixture(2, n_trials=n_trials).fit(X)
    layout = re.search(r"np\.hstack\(.*\)(?=:)", str(caught.value)).group()
    both = eval(layout, {"np": np, "X": X, "n_trials": n_trials, "len": len})
    assert_array_equal(
        both[:, :3] + both[:, 3:], np.broadcast_to(n_trials.reshape(200, -1), X.shape)
    )
    BinomialMixture(2, random_state=0).fit(both)


def test_samples_have_the_trials_of_their_rows():
    trials = np.sort(np.random.default_rng(1).integers(1, 40, (4000, 3)), axis=0)
    mixture = BinomialMixture.from_parameters(weights=WEIGHTS, probabilities=PROBABILITIES)
    X, y = mixture.sample(4000, random_state=0, n_trials=trials)
    assert_array_equal(X[:, :3] + X[:, 3:], trials)
    for half in (slice(2000), slice(2000, None)):  # trials tell nothing of the component
        assert_allclose(y[half].mean(), WEIGHTS[1], atol=4 * np.sqrt(0.24 / 2000))
    for k, p in enumerate(PROBABILITIES):
        n = trials[y == k].sum(axis=0)
        assert_allclose(X[y == k, :3].sum(axis=0) / n, p, atol=4 * np.sqrt(0.25 / n.min()))
    with pytest.raises(ValueError, match=r"an array of shape \(5, 3\)"):
        mixture.sample(5, n_trials=trials[:4])
    with pytest.raises(ValueError, match="whole"):
        mixture.sample(5, n_trials=trials[:5] / 3)


def test_rows_without_a_trial_do_not_count():
    X = with_failures(draw()[0])
    more = np.vstack([np.zeros((300, 6)), X])
    without = BinomialMixture(2, random_state=0, init_params="kmeans", tol=1e-12).fit(X)
    labels = np.append(np.arange(300) % 2, without.labels_)
    with_them = BinomialMixture(2, init_params=labels, tol=1e-12).fit(more)
    assert_allclose(with_them.lower_bound_, without.lower_bound_, rtol=1e-9)
    assert_allclose(with_them.score(more), without.score(X), rtol=1e-9)
    assert_allclose(with_them.bic(more), without.bic(X), rtol=1e-9)
    assert_allclose(with_them.bic(more, np.full(500, 2.0)), without.bic(X, np.full(200, 2.0)))
    assert without.score_samples(more)[:300].tolist() == [0.0] * 300


@pytest.mark.parametrize(("fitted", "now"), [(10, None), (None, 10)])
def test_other_trials_than_in_the_fit_are_refused_by_name(fitted, now):
    X = np.random.default_rng(0).binomial(5, 0.4, (40, 2))
    mixture = BinomialMixture(1, n_trials=fitted).fit(X)
    mixture.set_params(n_trials=now)
    with pytest.raises(ValueError, match=f"n_trials={now} reads the columns of X .*Set n_trials"):
        mixture.score(X)
    mixture.set_params(n_trials=fitted).score(X)
