"""Hard assignment: every row to one component, k-means' kin, with an objective of its own."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.base import clone
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_beta_blockers, load_old_faithful, load_two_coins
from skem.families.base import LOG_ZERO
from skem.mixture.posterior import classify
from skem.mixture.starts import STRATEGIES
from tests import reference

FAITHFUL = load_old_faithful().data
SCALED = (FAITHFUL - FAITHFUL.mean(axis=0)) / FAITHFUL.std(axis=0)
COINS = load_two_coins()
CENTRES = load_beta_blockers().data
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]
each_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)

MIXTURES = [
    *(
        pytest.param(
            GaussianMixtureEM(
                3, covariance_type=name, assignment="hard", reg_covar=0.0, random_state=0
            ),
            FAITHFUL,
            id=name,
        )
        for name in COVARIANCE_TYPES
    ),
    pytest.param(BinomialMixture(3, assignment="hard", random_state=0), CENTRES, id="binomial"),
]
each_mixture = pytest.mark.parametrize(("mixture", "X"), MIXTURES)


def weights_of(X, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 3, len(X))


def rough_labels(X, seed=0):
    """Return a start: thirds by the first column, many rows misplaced."""
    rng = np.random.default_rng(seed)
    thirds = np.digitize(X[:, 0], np.quantile(X[:, 0], [1 / 3, 2 / 3]))
    return np.where(rng.random(len(X)) < 0.4, rng.integers(0, 3, len(X)), thirds)


# The C-step.


def test_a_row_goes_to_its_likeliest_component_the_first_among_equals():
    log_joint = np.array([[0.0, 1.0, 2.0, -5.0], [0.0, 3.0, 2.0, -4.0], [-1.0, 3.0, 1.0, -9.0]])
    r = np.full((3, 4), np.nan)
    contributions = classify(log_joint, np.array([0.2, 0.3, 0.5]), r)
    assert_array_equal(r.argmax(axis=0), [0, 1, 0, 1])
    assert_array_equal(r.sum(axis=0), np.ones(4))
    assert set(r.ravel()) == {0.0, 1.0}
    assert_array_equal(contributions, log_joint.max(axis=0))


@pytest.mark.parametrize("zero", [LOG_ZERO, 7 * LOG_ZERO, -np.inf])
def test_the_heaviest_component_has_the_rows_that_none_can_have_produced(zero):
    log_joint = np.zeros((2, 3, 2))
    log_joint[:, :, 1] = zero
    r = np.empty((2, 3, 2))
    contributions = classify(log_joint, np.array([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2]]), r)
    assert_array_equal(r[:, :, 1], [[0, 1, 0], [1, 0, 0]])
    assert_array_equal(contributions, [[0.0, -np.inf]] * 2)


# k-means.


def kmeans(X, centres, weight=None, max_iter=300):
    fitted = KMeans(len(centres), init=centres, n_init=1, tol=0, max_iter=max_iter)
    return fitted.fit(X, sample_weight=weight)


def as_kmeans(covariance_type, centres, variance=1.0, **params):
    """Return the mixture that is k-means: equal weights and one variance for all, held."""
    K, d = centres.shape
    C = {
        "full": [variance * np.eye(d)] * K,
        "tied": variance * np.eye(d),
        "diag": np.full((K, d), variance),
        "spherical": np.full(K, variance),
    }[covariance_type]
    return GaussianMixtureEM(
        K,
        covariance_type=covariance_type,
        weights_init=np.full(K, 1 / K),
        means_init=centres,
        covariances_init=C,
        fixed={"weights": True, "covariances": True},
        assignment="hard",
        **params,
    )


@pytest.mark.parametrize("K", [2, 3, 5, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_equal_weights_and_variances_held_it_is_kmeans(K, weighted):
    weight = weights_of(SCALED) if weighted else None
    centres = kmeans_plusplus(SCALED, K, random_state=K)[0]
    theirs = kmeans(SCALED, centres, weight)
    assert theirs.n_iter_ > 1
    for covariance_type in COVARIANCE_TYPES:
        ours = as_kmeans(covariance_type, centres).fit(SCALED, sample_weight=weight)
        assert_allclose(ours.means_, theirs.cluster_centers_, rtol=1e-10, atol=1e-12)
        assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.converged_


def test_the_objective_is_that_of_kmeans_but_for_constants():
    K, d, variance = 4, 2, 0.3
    centres = kmeans_plusplus(SCALED, K, random_state=0)[0]
    theirs = kmeans(SCALED, centres)
    ours = as_kmeans("spherical", centres, variance).fit(SCALED)
    inertia = theirs.inertia_ / len(SCALED)
    constants = np.log(K) + d / 2 * np.log(2 * np.pi * variance)
    assert_allclose(ours.lower_bound_, -inertia / (2 * variance) - constants, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_is_kmeans_step_by_step():
    centres = kmeans_plusplus(SCALED, 6, random_state=0)[0]
    n_iter = kmeans(SCALED, centres).n_iter_
    assert n_iter > 10
    for max_iter in range(1, n_iter, 3):
        theirs = kmeans(SCALED, centres, max_iter=max_iter)
        ours = as_kmeans("spherical", centres, max_iter=max_iter).fit(SCALED)
        assert_allclose(ours.means_, theirs.cluster_centers_, rtol=1e-12)
        assert_array_equal(ours.labels_, theirs.labels_)


def test_soft_assignment_is_something_else():
    centres = kmeans_plusplus(SCALED, 4, random_state=0)[0]
    hard = as_kmeans("spherical", centres).fit(SCALED)
    soft = as_kmeans("spherical", centres).set_params(assignment="soft").fit(SCALED)
    assert abs(hard.means_ - soft.means_).max() > 0.05
    narrow = as_kmeans("spherical", centres, 1e-4).set_params(assignment="soft").fit(SCALED)
    assert_allclose(narrow.means_, hard.means_, atol=0.02)  # as the variance tends to zero


# The objective: the likelihood of rows and labels together.


@each_mixture
@pytest.mark.parametrize(
    ("init_params", "weighted"), [(name, i % 2 == 1) for i, name in enumerate(STRATEGIES)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_ends_where_neither_step_changes_anything(mixture, X, init_params, weighted):
    weight = weights_of(X) if weighted else None
    fitted = clone(mixture).set_params(init_params=init_params, n_components=2)
    fitted.fit(X, sample_weight=weight)
    assert fitted.converged_
    r = reference.responsibilities(fitted, X, hard=True)
    assert_array_equal(fitted.labels_, r.argmax(axis=1))
    for name, values in reference.m_step(fitted, X, r, weight).items():
        found, known = getattr(fitted, name), ~np.isnan(values)  # of components that have rows
        assert_allclose(found[known], values[known], rtol=1e-9, atol=1e-12, err_msg=name)
    expected = reference.objective(fitted, X, weight, hard=True)
    assert_allclose(fitted.lower_bound_, expected, rtol=1e-12)
    assert_allclose(fitted.lower_bounds_[-1], expected, rtol=1e-12)
    assert fitted.lower_bound_ <= fitted.score(X, sample_weight=weight)


@each_mixture
@pytest.mark.parametrize("acceleration", ["quasi-newton", None])
def test_the_trace_never_falls_and_is_that_of_plain_steps(mixture, X, acceleration):
    for seed in range(3):
        labels = rough_labels(X, seed)
        fitted = clone(mixture).set_params(acceleration=acceleration, init_params=labels)
        fitted.fit(X, sample_weight=weights_of(X))
        trace = np.array(fitted.lower_bounds_)
        assert trace[-1] > trace[0] + 1e-3
        assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))
        same = clone(fitted).set_params(acceleration=None).fit(X, sample_weight=weights_of(X))
        assert same.lower_bounds_ == fitted.lower_bounds_


def best_partition(X, K):
    """Return the labels with the largest likelihood of rows and labels, of all that there are."""
    heads, trials = X[:, 0], X.sum(axis=1)
    best = (-np.inf, None)
    for labels in product(range(K), repeat=len(X)):
        labels, total = np.array(labels), 0.0
        for k in range(K):
            mine = labels == k
            if mine.any():
                p = heads[mine].sum() / trials[mine].sum()
                total += (binom.logpmf(heads[mine], trials[mine], p) + np.log(mine.mean())).sum()
        best = max(best, (total, tuple(labels)))
    return best


def test_the_best_of_all_partitions_is_found_and_not_left():
    X = CENTRES[:10]
    best, labels = best_partition(X, 2)
    mixture = BinomialMixture(2, assignment="hard", init_params=np.array(labels)).fit(X)
    assert_array_equal(mixture.labels_, labels)
    assert_allclose(len(X) * mixture.lower_bound_, best, rtol=1e-12)
    found = BinomialMixture(
        2, assignment="hard", init_params="random_from_data", n_init=20, random_state=0
    ).fit(X)
    assert_allclose(len(X) * found.lower_bound_, best, rtol=1e-12)
    assert min(restart.log_likelihood for restart in found.restarts_) < best / len(X) - 1e-3


def test_two_coins_are_told_apart():
    """Each series is given to one coin, rightly, so that the estimates are those of counting."""
    start = {"weights_init": [0.5, 0.5], "probabilities_init": [[0.6], [0.5]]}
    mixture = BinomialMixture(2, assignment="hard", fixed={"weights": True}, **start)
    mixture.fit(COINS.data)
    assert_array_equal(mixture.labels_, COINS.target)
    assert_allclose(mixture.probabilities_, [[24 / 30], [9 / 20]], rtol=1e-15)
    assert mixture.predict_proba(COINS.data).max() < 1.0  # which is still a probability


# Weights, ties, empty components, missing cells.


@each_mixture
def test_integer_weights_are_repeated_rows(mixture, X):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    start = rough_labels(X)
    weighted = clone(mixture).set_params(init_params=start).fit(X, sample_weight=weight)
    repeated = clone(mixture).set_params(init_params=np.repeat(start, weight))
    repeated.fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.weights_, repeated.weights_, rtol=1e-12)
    assert_allclose(weighted.lower_bounds_, repeated.lower_bounds_, rtol=1e-12)
    assert_array_equal(weighted.labels_[weight > 0], repeated.predict(X)[weight > 0])


def test_a_row_between_two_components_belongs_to_the_first():
    X = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    for order in ([0, 1], [1, 0]):
        centres = np.array([[-1.5], [1.5]])[order]
        mixture = as_kmeans("spherical", centres).fit(X)
        assert_array_equal(mixture.means_[0], [[-1.0], [1.0]][order[0]])
        assert_array_equal(mixture.labels_ == 0, np.array([1, 1, 1, 0, 0])[:: 1 - 2 * order[0]])
        assert mixture.converged_


def test_components_alike_are_empty_but_for_the_first():
    mixture = BinomialMixture(
        2,
        assignment="hard",
        weights_init=[0.5, 0.5],
        probabilities_init=[[0.4], [0.4]],
    )
    with pytest.warns(ConvergenceWarning, match="a component is empty"):
        mixture.fit(COINS.data)
    assert_array_equal(mixture.weights_, [1, 0])
    assert_array_equal(mixture.probabilities_, [[33 / 50], [0.4]])


@each_covariance_type
def test_a_component_without_rows_keeps_its_shape(covariance_type):
    far = np.array([[2.0, 55.0], [1e3, 1e3], [4.3, 80.0]])
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, assignment="hard", means_init=far, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="a component is empty"):
        mixture.fit(FAITHFUL)
    assert mixture.weights_[1] == 0
    assert_array_equal(mixture.means_[1], far[1])
    two = clone(mixture).set_params(n_components=2, means_init=far[[0, 2]]).fit(FAITHFUL)
    assert_allclose(mixture.means_[[0, 2]], two.means_, rtol=1e-9)
    expected = reference.objective(two, FAITHFUL, hard=True)
    assert_allclose(mixture.lower_bound_, expected, rtol=1e-9)
    assert_allclose(mixture.lower_bounds_[-1], two.lower_bounds_[-1], rtol=1e-9)


@each_mixture
def test_missing_cells(mixture, X):
    holes = np.random.default_rng(3).random((len(X), 2)) < 0.1
    if isinstance(mixture, BinomialMixture):
        holes = np.repeat(holes[:, :1], 2, axis=1)
    X = np.where(holes, np.nan, X)
    X = X[~np.isnan(X).all(axis=1)]  # a row of which nothing is known is left out of a fit
    fitted = clone(mixture).fit(X)
    trace = np.array(fitted.lower_bounds_)
    assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))
    r = reference.responsibilities(fitted, X, hard=True)
    assert_array_equal(fitted.labels_, r.argmax(axis=1))
    assert_allclose(fitted.weights_, r.mean(axis=0), rtol=1e-12)
    assert_allclose(fitted.lower_bound_, reference.objective(fitted, X, hard=True), rtol=1e-11)


# From soft to hard and back.


@each_mixture
def test_a_hard_fit_continues_a_soft_one_and_the_other_way_round(mixture, X):
    fitted = clone(mixture).set_params(assignment="soft", warm_start=True).fit(X)
    likelihood = fitted.lower_bound_
    fitted.set_params(assignment="hard").fit(X)
    hard = fitted.lower_bound_
    assert_allclose(hard, reference.objective(fitted, X, hard=True), rtol=1e-12)
    assert fitted.score(X) < likelihood  # whose maximum this is not
    fitted.set_params(assignment="soft", tol=1e-10).fit(X)
    assert_allclose(fitted.lower_bound_, reference.objective(fitted, X), rtol=1e-12)
    assert_allclose(fitted.lower_bound_, likelihood, atol=2e-2)


def test_estimates_are_further_apart_than_those_of_soft_assignment():
    """The bias of classification EM: components are cut off where they overlap."""
    hard, soft = (
        BinomialMixture(2, assignment=assignment, random_state=0).fit(CENTRES)
        for assignment in ("hard", "soft")
    )
    assert np.ptp(hard.probabilities_) > np.ptp(soft.probabilities_)
    assert hard.score(CENTRES) < soft.score(CENTRES)


@pytest.mark.parametrize("assignment", ["firm", None, True])
def test_another_assignment_is_refused(assignment):
    mixture = GaussianMixtureEM(2, assignment=assignment)
    with pytest.raises(ValueError, match="'assignment' parameter of GaussianMixtureEM must be"):
        mixture.fit(FAITHFUL)
