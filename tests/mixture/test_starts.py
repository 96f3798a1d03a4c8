"""Every start shares out all rows, and leaves no component with nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import GaussianMixtureEM
from skem.mixture.starts import PARTITIONS, lend_rows_to_empty, partition

strategies = pytest.mark.parametrize("strategy", PARTITIONS)


def draw(strategy, X, weights=None, K=3, seed=0):
    return partition(strategy, X, weights, K, np.random.RandomState(seed))


def shares_of(labels_or_responsibilities, K):
    shares = np.asarray(labels_or_responsibilities)
    return np.eye(K)[shares] if shares.ndim == 1 else shares


def clouds(n=30):
    """Return three clouds of rows, far apart, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], n)
    return rng.standard_normal((3 * n, 2)) + 100 * np.eye(3)[labels][:, :2], labels


@strategies
@pytest.mark.parametrize("weighted", [False, True])
def test_every_row_is_shared_out_in_full(strategy, weighted):
    X, _ = clouds()
    weights = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    shares = shares_of(draw(strategy, X, weights), 3)
    assert shares.shape == (len(X), 3)
    assert (shares >= 0).all()
    assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-14)


@strategies
def test_start_repeats_with_its_seed_and_differs_without(strategy):
    X = np.random.default_rng(0).standard_normal((100, 2))
    assert_array_equal(draw(strategy, X, seed=1), draw(strategy, X, seed=1))
    others = [draw(strategy, X, seed=seed) for seed in range(2, 6)]
    assert any((other != draw(strategy, X, seed=1)).any() for other in others)


@strategies
def test_rows_no_more_than_components_have_one_each(strategy):
    assert_array_equal(draw(strategy, np.zeros((2, 1)), K=3), [0, 1])


@pytest.mark.parametrize("strategy", ["kmeans", "k-means++"])
def test_clouds_are_told_apart(strategy):
    X, labels = clouds()
    found = draw(strategy, X)
    assert len({(a, b) for a, b in zip(labels, found, strict=True)}) == 3


@pytest.mark.parametrize("strategy", ["kmeans", "k-means++", "random_from_data"])
def test_weights_draw_the_start_to_themselves(strategy):
    """Rows that count for next to nothing found no component of their own."""
    X, labels = clouds()
    weights = np.where(labels == 2, 1e-12, 1.0)
    for seed in range(5):
        found = draw(strategy, X, weights, K=2, seed=seed)
        heavy = found[labels != 2]
        assert len(np.unique(heavy)) == 2


def test_repeated_rows_are_no_clusters_and_no_cause_for_a_warning_of_k_means(recwarn):
    X = np.repeat([[0.25], [1.5]], 3000, axis=0)
    GaussianMixtureEM(3, init_params="kmeans", max_iter=0).fit(X)
    assert not [each for each in recwarn if "distinct clusters" in str(each.message)]
    assert [each for each in recwarn if "only 2 distinct rows" in str(each.message)]


@pytest.mark.parametrize("shares", [np.array([0, 1, 2, 1]), np.full((4, 3), 1 / 3)], ids=str)
def test_shares_are_left_alone_where_no_component_is_empty(shares):
    assert lend_rows_to_empty(shares, 3) is shares


@pytest.mark.parametrize("shares", [np.array([0, 2, 2, 0]), np.eye(4)[:, [0, 3, 1]]], ids=str)
def test_empty_component_is_lent_one_row_in_all(shares):
    before = shares.copy()
    if shares.ndim == 2:
        shares[:, 1] = 0.0
        before = shares.copy()
    lent = lend_rows_to_empty(shares, 3)
    assert_array_equal(shares, before)
    assert_allclose(lent[:, 1], 0.25)
    assert_allclose(lent[:, 1].sum(), 1.0)
    assert_array_equal(lent[:, [0, 2]], shares_of(before, 3)[:, [0, 2]])


def test_empty_component_is_lent_one_of_the_rows_that_are_counted():
    lent = lend_rows_to_empty(np.array([0, 0]), 2, total_weight=100.0)
    assert_allclose(lent[:, 1] @ [50.0, 50.0], 1.0)
