"""Missing values, NaN in X: what a mixture says of what is observed, and fits to it."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import binom
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from skem import BinomialMixture, GaussianMixtureEM
from skem.data import blocks
from tests.estimators.incomplete import (
    EACH_CASE,
    EACH_STRUCTURE,
    FLIPS,
    HEADS,
    LABELS,
    ROWS,
    WHOLE,
    Mixture,
    N,
    assert_same_mixture,
    conditional,
    em_step,
    holes,
    known,
    log_joint,
    packed,
    parameters_of,
    trials_of,
)

STARTS = ["short-runs", "kmeans", "k-means++", "random", "random_from_data"]
RNG = np.random.default_rng(1)
WEIGHT = RNG.integers(0, 4, size=N)
SHUFFLED = RNG.permutation(np.repeat(np.arange(N), WEIGHT))

OBSERVED = ~np.isnan(ROWS).all(axis=1)

# What a mixture says of incomplete rows.


@EACH_STRUCTURE
def test_density_and_posterior_are_those_of_what_is_observed(structure):
    mixture, truth = known(structure)
    expected = log_joint(ROWS, truth)
    log_density, posterior = mixture.score_samples(ROWS), mixture.predict_proba(ROWS)
    assert_allclose(log_density, logsumexp(expected, axis=1), rtol=1e-12, atol=1e-12)
    assert_allclose(posterior, softmax(expected, axis=1), rtol=1e-11)
    assert_array_equal(mixture.predict(ROWS), expected.argmax(axis=1))
    assert_allclose(mixture.score(ROWS), log_density[OBSERVED].mean(), rtol=1e-14)
    assert_array_equal(mixture.score_samples(ROWS[::-1]), log_density[::-1])
    assert np.abs(log_density - mixture.score_samples(WHOLE)).max() > 1


@pytest.mark.parametrize("n_trials", [20, None])
def test_probability_of_counts_is_that_of_what_is_observed(n_trials):
    w, p = [0.3, 0.7], np.array([[0.2, 0.5, 0.9], [0.6, 0.4, 0.1]])
    mixture = BinomialMixture.from_parameters(weights=w, probabilities=p, n_trials=n_trials)
    X = HEADS if n_trials else FLIPS
    cells = binom.logpmf(HEADS[:, np.newaxis], 20, p)
    expected = np.log(w) + np.where(np.isnan(cells), 0, cells).sum(axis=2)
    log_density = logsumexp(expected, axis=1)
    assert_allclose(mixture.score_samples(X), log_density, rtol=1e-12, atol=1e-12)
    assert_allclose(mixture.predict_proba(X), softmax(expected, axis=1), rtol=1e-11)


@EACH_CASE
def test_row_with_nothing_observed_has_the_weights_as_posterior_and_log_density_zero(make, X):
    mixture, nothing = make().fit(X), np.full((2, X.shape[1]), np.nan)
    assert_allclose(mixture.score_samples(nothing), 0, atol=1e-15)
    assert_allclose(mixture.predict_proba(nothing), [mixture.weights_] * 2, rtol=1e-14)
    assert_array_equal(mixture.predict(nothing), mixture.weights_.argmax())


@EACH_STRUCTURE
def test_complete_rows_are_scored_as_ever_by_a_model_of_incomplete_ones(structure):
    ours = GaussianMixtureEM(3, covariance_type=structure, random_state=0).fit(ROWS)
    theirs = GaussianMixture(3, covariance_type=structure)
    for name in (*parameters_of(ours), "precisions_cholesky_"):
        setattr(theirs, name, getattr(ours, name))
    expected = theirs.score_samples(WHOLE)
    assert_allclose(ours.score_samples(WHOLE), expected, rtol=1e-10)
    assert_allclose(ours.score_samples(np.vstack([ROWS, WHOLE]))[N:], expected, rtol=1e-10)


@EACH_CASE
def test_criteria_are_of_the_density_of_what_is_observed(make, X):
    mixture, n = make().fit(X), OBSERVED.sum()
    total, penalty = mixture.score_samples(X).sum(), mixture.n_parameters_ * np.log(n)
    doubt = -np.log(mixture.predict_proba(X[OBSERVED]).max(axis=1)).sum()
    assert n == N - 2
    assert_allclose(mixture.lower_bound_, total / n, rtol=1e-12)
    assert_allclose(mixture.score(X), total / n, rtol=1e-12)
    assert_allclose(mixture.bic(X), penalty - 2 * total, rtol=1e-12)
    assert_allclose(mixture.icl(X), penalty - 2 * total + 2 * doubt, rtol=1e-12)


@pytest.mark.parametrize("assignment", ["soft", "hard"])
@EACH_CASE
def test_rows_of_which_nothing_is_known_count_nowhere(make, X, assignment):
    """Neither in the objective, nor in the weights of hard assignment; a known label does."""
    mixture = make(assignment=assignment).fit(X)
    alone = make(assignment=assignment).fit(X[OBSERVED])
    assert_same_mixture(mixture, alone, rtol=1e-12)
    assert_allclose(mixture.lower_bounds_, alone.lower_bounds_, rtol=1e-12)
    assert mixture.restarts_[0].log_likelihood == mixture.lower_bounds_[-1]
    assert len(mixture.labels_) == N
    labelled = make().fit(X, known_labels=np.where(OBSERVED, -1, 0))
    assert labelled.weights_[0] > 1.01 * make().fit(X).weights_[0]
    with pytest.raises(ValueError, match="has no row of which"):
        make().fit(X[~OBSERVED])


def test_cells_of_no_trial_say_nothing():
    empty = np.zeros((60, 6))
    mixture = BinomialMixture(3, random_state=0).fit(np.vstack([FLIPS, empty]))
    assert_same_mixture(mixture, BinomialMixture(3, random_state=0).fit(FLIPS), rtol=1e-12)
    assert_allclose(mixture.lower_bounds_[-1], mixture.lower_bound_, atol=1e-7)
    with pytest.raises(ValueError, match="has no row of which something is observed"):
        BinomialMixture(2).fit(empty)


# The maximum of the likelihood.


@EACH_STRUCTURE
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_steps_are_those_of_em_row_by_row(structure, weighted):
    weights = RNG.uniform(0.5, 3, N) if weighted else None
    start, mixture = known(structure, max_iter=4, acceleration=None, reg_covar=0.1)
    ours = start.set_params(warm_start=True).fit(ROWS, sample_weight=weights)
    objectives = []
    weights = np.where(OBSERVED, np.ones(N) if weights is None else weights, 0)
    for _ in range(4):
        mixture, objective = em_step(ROWS, mixture, structure, 0.1, weights)
        objectives.append(objective)
    assert_allclose(ours.lower_bounds_, objectives, rtol=1e-12)
    assert_allclose(ours.weights_, mixture.weights, rtol=1e-11)
    assert_allclose(ours.means_, mixture.means, rtol=1e-10, atol=1e-11)
    assert_allclose(ours.covariances_, packed(mixture.covariances, structure), atol=1e-11)
    assert objectives[-1] > objectives[0] + 1e-3


def test_one_gaussian_is_the_numerical_maximum_of_the_likelihood():
    rows, lower = ROWS[:40], np.tril_indices(3)

    def mixture(vector):
        L = np.zeros((3, 3))
        L[lower] = vector[3:]
        return Mixture(np.ones(1), vector[np.newaxis, :3], (L @ L.T)[np.newaxis])

    def loss(vector):
        return -log_joint(rows, mixture(vector)).sum()

    start = np.concatenate([np.nanmean(rows, axis=0), np.diag(np.nanstd(rows, axis=0))[lower]])
    best = minimize(loss, start, method="BFGS", tol=1e-6)
    ours = GaussianMixtureEM(1, reg_covar=0, tol=1e-13).fit(rows)
    assert_allclose(ours.lower_bound_ * OBSERVED[:40].sum(), -best.fun, rtol=1e-9)
    assert_allclose(ours.means_, mixture(best.x).means, atol=1e-4)
    assert_allclose(ours.covariances_, mixture(best.x).covariances, atol=1e-4)
    assert loss(start) > best.fun + 1


#: Thirteen cements: four components (%) and the heat of hardening (Woods, Steinour & Starke 1932).
CEMENT = np.array(
    [
        [7, 26, 6, 60, 78.5], [1, 29, 15, 52, 74.3], [11, 56, 8, 20, 104.3],
        [11, 31, 8, 47, 87.6], [7, 52, 6, 33, 95.9], [11, 55, 9, 22, 109.2],
        [3, 71, 17, 6, 102.7], [1, 31, 22, 44, 72.5], [2, 54, 18, 22, 93.1],
        [21, 47, 4, 26, 115.9], [1, 40, 23, 34, 83.8], [11, 66, 9, 12, 113.3],
        [10, 68, 8, 12, 109.4],
    ]
)  # fmt: skip


def test_one_gaussian_is_the_published_estimate_of_monotone_data():
    """Rubin (1976) left out these cells; Little & Rubin (2019), chapter 7, have the estimate."""
    rows = CEMENT.copy()
    rows[6:, 3] = rows[9:, :2] = np.nan
    ours = GaussianMixtureEM(1, reg_covar=0, tol=1e-13).fit(rows)
    assert_allclose(ours.means_[0], [6.655, 49.965, 11.769, 27.047, 95.423], atol=6e-4)
    assert_allclose(ours.means_[0], means_by_regression(rows, [[2, 4], [0, 1], [3]]), rtol=1e-5)
    assert np.abs(np.nanmean(rows, axis=0) - ours.means_[0]).max() > 5


def means_by_regression(X, groups):
    """Return the maximum likelihood means of monotone data (Anderson 1957).

    Each group of columns is regressed on those before it, in the rows that have them all.
    """
    means, before = np.empty(X.shape[1]), []
    for group in groups:
        rows = X[~np.isnan(X[:, group]).any(axis=1)]
        design = np.column_stack([np.ones(len(rows)), rows[:, before]])
        coefficients = np.linalg.lstsq(design, rows[:, group], rcond=None)[0]
        means[group] = np.append(1, means[before]) @ coefficients
        before = before + group
    return means


@pytest.mark.parametrize("structure", ["diag", "spherical"])
def test_one_gaussian_without_correlations_is_closed_form(structure):
    mixture = GaussianMixtureEM(1, covariance_type=structure, reg_covar=0.1).fit(ROWS)
    assert_allclose(mixture.means_[0], np.nanmean(ROWS, axis=0), rtol=1e-12)
    assert_allclose(mixture.covariances_[0], variances(ROWS, structure) + 0.1, rtol=1e-12)
    assert mixture.n_iter_ <= 2
    assert_allclose(mixture.lower_bounds_[0], mixture.lower_bounds_[-1], rtol=1e-14)


def variances(X, structure):
    """Return the variance of the observed cells of each column, or of all of them."""
    cells = (~np.isnan(X)).sum(axis=0)
    each = np.nanvar(X, axis=0)
    return each if structure == "diag" else each @ cells / cells.sum()


def test_missing_counts_are_cells_without_trials():
    untried = np.where(np.isnan(FLIPS), 0, FLIPS)
    successes = BinomialMixture(3, n_trials=20, init_params=LABELS).fit(HEADS)
    both = BinomialMixture(3, init_params=LABELS).fit(FLIPS)
    without_trials = BinomialMixture(3, init_params=LABELS).fit(untried)
    for a, b in pairwise([successes, both, without_trials]):
        assert_same_mixture(a, b, rtol=1e-10)
    one = BinomialMixture(1, n_trials=20).fit(HEADS)
    assert_allclose(one.probabilities_[0], np.nanmean(HEADS, axis=0) / 20, rtol=1e-12)


def test_values_missing_by_what_is_observed_do_no_harm():
    """The second value goes missing where the first is large: complete rows are biased."""
    rng = np.random.default_rng(1)
    centres = np.repeat([[0, 0], [6, -6]], 2000, axis=0)
    noise = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=4000)
    rows = centres + noise
    rows[rng.random(4000) < 1 / (1 + np.exp(-3 * noise[:, 0])), 1] = np.nan

    def of_the_second(X):
        mixture = GaussianMixtureEM(2, random_state=0).fit(X)
        order = mixture.means_[:, 0].argsort()
        return mixture.means_[order, 1], mixture.covariances_[order, 1, 1], mixture

    means, spreads, mixture = of_the_second(rows)
    errors = mixture.standard_errors(rows)
    assert np.abs(means - [0, -6]).max() < 4 * errors.means[:, 1].max() < 0.2
    assert np.abs(spreads - 1).max() < 4 * errors.covariances[:, 1, 1].max() < 0.4
    means, spreads, _ = of_the_second(rows[~np.isnan(rows).any(axis=1)])
    assert (means < [-0.3, -6.3]).all()
    assert (spreads < 0.85).all()
    _, spreads, _ = of_the_second(np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows))
    assert (np.abs(spreads - 1) > 0.5).all()


# Rows, columns and blocks.


@pytest.mark.parametrize("init_params", STARTS)
@EACH_CASE
def test_integer_weights_are_repeated_rows_in_any_order_from_the_start_on(make, X, init_params):
    params = {"init_params": init_params, "max_iter": 0}
    weighted = make(**params).fit(X, sample_weight=WEIGHT)
    repeated = make(**params).fit(X[SHUFFLED])
    assert_same_mixture(weighted, repeated)
    assert_array_equal(weighted.labels_[SHUFFLED], repeated.labels_)


@EACH_CASE
def test_integer_weights_are_repeated_rows_in_any_order_to_the_end(make, X):
    weighted = make(init_params="short-runs", n_init=2).fit(X, sample_weight=WEIGHT)
    repeated = make(init_params="short-runs", n_init=2).fit(X[SHUFFLED])
    assert_same_mixture(weighted, repeated)
    assert_array_equal(weighted.labels_[SHUFFLED], repeated.labels_)
    assert abs(make().fit(X).lower_bound_ - weighted.lower_bound_) > 1e-6


@EACH_CASE
def test_order_of_the_rows_does_not_matter(make, X):
    order = np.random.default_rng(3).permutation(N)
    straight, permuted = make().fit(X), make().fit(X[order])
    assert_same_mixture(permuted, straight, rtol=1e-10)
    assert_array_equal(permuted.labels_, straight.labels_[order])
    assert_array_equal(straight.labels_, straight.predict(X))


@EACH_CASE
def test_rows_with_nothing_observed_do_not_count(make, X):
    seen = ~np.isnan(X).all(axis=1)
    some, labels = X[seen], LABELS[seen]
    more = np.vstack([np.full((50, X.shape[1]), np.nan), some])
    without = make(init_params=labels, tol=1e-12).fit(some)
    with_them = make(init_params=np.append(LABELS[:50], labels), tol=1e-12).fit(more)
    for result in (with_them.lower_bound_, with_them.score(more)):
        assert_allclose(result, without.lower_bound_, rtol=1e-9)
    for criterion in ("aic", "bic", "icl"):
        assert_allclose(
            getattr(with_them, criterion)(more), getattr(without, criterion)(some), rtol=1e-6
        )
    with pytest.raises(ValueError, match="no row of which something is observed"):
        without.score(more[:50])
    for name, values in parameters_of(without).items():
        assert_allclose(getattr(with_them, name), values, atol=1e-4, err_msg=name)


@EACH_CASE
def test_rows_of_weight_zero_are_absent(make, X):
    outlandish = np.where(WEIGHT[:, np.newaxis] == 0, 0.0, X)
    weighted = make().fit(outlandish, sample_weight=WEIGHT)
    assert_same_mixture(weighted, make().fit(X[WEIGHT > 0], sample_weight=WEIGHT[WEIGHT > 0]))
    assert_array_equal(weighted.labels_, weighted.predict(outlandish))


def everything(mixture, X):
    """Return all arrays that a fitted mixture gives for rows."""
    trials = trials_of(mixture)
    return [
        *parameters_of(mixture).values(),
        mixture.lower_bounds_,
        mixture.score_samples(X),
        mixture.predict_proba(X),
        mixture.impute(X, **trials),
        mixture.impute(X, random_state=0, **trials),
    ]


@EACH_CASE
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_are_the_same_on_any_number_of_threads(make, X, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", 1)  # blocks of as few rows as there can be
    monkeypatch.setattr(blocks, "SMALL", 0)  # threads for any work at all
    X, seen = np.vstack([X, X[::-1], X[::2]]), []
    for limit in (1, 2, 8):
        with threadpool_limits(limit, user_api="blas"):
            seen.append(everything(make(max_iter=5).fit(X), X))
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_of_many_features_are_the_same_on_any_number_of_threads():
    wide = holes(np.random.default_rng(0).normal(size=(60, 50)), 0.2)
    seen = []
    for limit in (1, 2, 8):
        with threadpool_limits(limit, user_api="blas"):
            seen.append(everything(GaussianMixtureEM(1, max_iter=2).fit(wide), wide))
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            assert_array_equal(a, b)


@EACH_CASE
def test_cuts_between_blocks_do_not_matter(make, X, monkeypatch):
    X = np.vstack([X, X[::-1]])
    whole = make().fit(X)
    expected = everything(whole, X)
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", 1)
    assert blocks.block_rows(1, 1, len(X)) < len(X) / 4
    assert_same_mixture(make().fit(X), whole, rtol=1e-9)
    for a, b in zip(everything(whole, X), expected, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_every_row_may_miss_other_cells():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(250, 3)) @ rng.normal(size=(3, 30)) + 0.3 * rng.normal(size=(250, 30))
    rows = holes(whole, 0.3)
    assert len(np.unique(np.isnan(rows), axis=0)) == 249
    ours = GaussianMixtureEM(1, tol=1e-6, reg_covar=1e-3).fit(rows)
    assert (np.diff(ours.lower_bounds_) >= -1e-12).all()
    fitted = Mixture(ours.weights_, ours.means_, ours.covariances_)
    expected = log_joint(rows, fitted)[:, 0]
    assert_allclose(ours.score_samples(rows), expected, rtol=1e-10, atol=1e-10)
    again, _ = em_step(rows, fitted, "full", 1e-3)
    assert_allclose(again.means, ours.means_, atol=1e-3)
    assert_allclose(again.covariances, ours.covariances_, atol=1e-2)
    gone = np.isnan(rows)
    by_mean = (np.nanmean(rows, axis=0) - whole)[gone].std()
    assert (ours.impute(rows) - whole)[gone].std() < 0.5 < 1.2 < by_mean


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("K", "n_seen"), [(1, 1), (1, 2), (2, 2)])
@EACH_STRUCTURE
def test_column_may_be_observed_in_one_or_two_rows_alone(structure, K, n_seen):
    rows = np.random.default_rng(0).normal(size=(100, 3))
    rows += 6 * (np.arange(100)[:, np.newaxis] % 2)
    rows[n_seen:, 2] = np.nan
    mixture = GaussianMixtureEM(K, covariance_type=structure, random_state=0, max_iter=200)
    mixture.set_params(reg_covar=1e-6).fit(rows)
    assert (np.diff(mixture.lower_bounds_) >= -1e-12).all()
    assert np.isfinite(mixture.impute(rows)).all()
    if structure == "diag":
        seen = rows[:n_seen, 2]
        assert_allclose(np.sort(mixture.means_[:, 2]), [seen.mean()] if K == 1 else np.sort(seen))
        variance = seen.var() if K == 1 else 0
        assert_allclose(mixture.covariances_[:, 2], variance + 1e-6, rtol=1e-6)


def test_features_that_no_row_has_together_are_estimated_one_by_one():
    rows = WHOLE[:, :2].copy()
    rows[::2, 0] = rows[1::2, 1] = np.nan
    mixture = GaussianMixtureEM(1, reg_covar=0, tol=1e-12).fit(rows)
    alone = GaussianMixtureEM(1, reg_covar=0, covariance_type="diag").fit(rows)
    assert_allclose(mixture.means_, alone.means_, atol=1e-5)
    assert_allclose(np.diag(mixture.covariances_[0]), alone.covariances_[0], rtol=1e-5)
    assert_allclose(mixture.lower_bound_, alone.lower_bound_, atol=1e-10)


# Accuracy.


@EACH_STRUCTURE
def test_distance_from_the_origin_does_not_matter(structure):
    near, far = (
        GaussianMixtureEM(3, covariance_type=structure, random_state=0).fit(ROWS + offset)
        for offset in (0, 1e8)
    )
    assert_array_equal(far.labels_, near.labels_)
    assert_allclose(far.means_ - 1e8, near.means_, atol=1e-6)
    assert_allclose(far.covariances_, near.covariances_, atol=1e-6)
    assert_allclose(far.score_samples(ROWS + 1e8), near.score_samples(ROWS), atol=1e-6)
    assert_allclose(far.impute(ROWS + 1e8) - 1e8, near.impute(ROWS), atol=1e-6)


@pytest.mark.parametrize("structure", ["full", "tied", "diag"])
def test_units_do_not_matter(structure):
    units = np.array([1e-6, 1.0, 1e6])
    params = {"covariance_type": structure, "random_state": 0, "reg_covar": 0}
    one, other = (GaussianMixtureEM(3, **params).fit(X) for X in (ROWS, ROWS * units))
    assert_array_equal(other.labels_, one.labels_)
    assert_allclose(other.means_ / units, one.means_, rtol=1e-8)
    assert_allclose(other.impute(ROWS * units) / units, one.impute(ROWS), rtol=1e-8)


def test_nearly_singular_covariances_keep_their_digits():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    C = (axes * [1, 1e-4, 1e-8]) @ axes.T
    rows = holes(rng.multivariate_normal(np.zeros(3), C, size=200), 0.3)
    mixture = GaussianMixtureEM.from_parameters(weights=[1], means=[[0] * 3], covariances=[C])
    truth = Mixture(np.ones(1), np.zeros((1, 3)), C[np.newaxis])
    assert_allclose(mixture.score_samples(rows), log_joint(rows, truth)[:, 0], atol=1e-6)
    expected = [conditional(x, np.zeros(3), C)[0] for x in rows]
    assert_allclose(mixture.impute(rows), expected, atol=1e-6)


@pytest.mark.parametrize("structure", ["diag", "spherical"])
@pytest.mark.parametrize(("spread", "apart"), [(1.0, 1e6), (1e-3, 1.0)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_tight_components_far_from_each_other(structure, spread, apart):
    """Where squares must not be subtracted; the ridge is for observed cells, as elsewhere."""
    labels = np.arange(600) % 2
    rows = spread * np.random.default_rng(0).normal(size=(600, 3))
    rows = holes(rows + apart * np.array([[-1], [1]])[labels], 0.3)
    params = {"covariance_type": structure, "random_state": 0, "reg_covar": spread**2}
    mixture = GaussianMixtureEM(2, **params).fit(rows)
    assert (np.diff(mixture.lower_bounds_) >= -1e-12).all()
    for k, label in zip(mixture.means_[:, 0].argsort(), (0, 1), strict=True):
        own = rows[labels == label]
        assert_allclose(mixture.means_[k], np.nanmean(own, axis=0), rtol=1e-9)
        expected = variances(own, structure) + spread**2
        assert_allclose(mixture.covariances_[k], expected, rtol=1e-6)
