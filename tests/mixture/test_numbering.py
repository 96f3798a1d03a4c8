"""Clusters get the numbers of the components that are known, or held."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skem.data.rows import Rows
from skem.estimators.holding import with_held
from skem.families import Binomial, BinomialParameters, Gaussian, GaussianParameters
from skem.families.covariance import STRUCTURES
from skem.families.held import Held
from skem.mixture.labels import Independent, MixtureParameters, Weights
from skem.mixture.model import MixtureModel
from skem.mixture.numbering import match_components

CENTRES = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
Y = np.repeat(np.arange(3), 20)
X = CENTRES[Y] + np.random.default_rng(0).normal(size=(60, 2)) * [1.0, 4.0]
ORDERS = list(map(np.array, permutations(range(3))))


def gaussian(structure="full", labels=None, weights=None, held=None):
    """Return a mixture of three components with the rows."""
    family = Gaussian(STRUCTURES[structure], 3, np.zeros(2), np.ones(2), np.zeros(2), 1e-6)
    return MixtureModel(*with_held(family, held or Held()), Rows(X, weights, labels))


def gaussians(**given):
    """Return values of some parameters, NaN for the others."""
    nothing = np.array(np.nan)
    components = GaussianParameters(nothing, nothing, nothing)
    return MixtureParameters(Weights(nothing), components).with_arrays(**given)


def known(share, seed=0):
    """Return true labels of a share of the rows, -1 of the others."""
    return np.where(np.random.default_rng(seed).random(len(Y)) < share, Y, -1)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_clusters_take_the_numbers_of_the_rows_known(order):
    labels = np.full(60, -1)
    labels[[3, 25]] = 0, 1  # and of the third cluster none
    assert_array_equal(match_components(order[Y], gaussian(labels=labels)), Y)


def test_most_rows_decide_and_the_others_are_moved():
    labels = known(0.5)
    wrong = np.flatnonzero(labels == 2)[:2]
    labels[wrong] = 1
    numbered = match_components(np.array([2, 0, 1])[Y], gaussian(labels=labels))
    assert_array_equal(numbered[wrong], [1, 1])
    others = np.delete(np.arange(60), wrong)
    assert_array_equal(numbered[others], Y[others])


def test_rows_count_by_their_weights():
    labels = np.full(60, -1)
    labels[:5] = [0, 0, 0, 1, 1]  # of one cluster
    clusters = np.where(Y == 0, 0, 1)
    light = match_components(clusters, gaussian(labels=labels))
    weights = np.where(labels == 1, 2.0, 1.0)
    heavy = match_components(clusters, gaussian(labels=labels, weights=weights))
    assert light[10] == 0
    assert heavy[10] == 1


def test_rows_of_which_none_is_known_are_clusters_all_the_same():
    labels = np.full(60, -1)
    numbered = match_components(np.array([1, 2, 0])[Y], gaussian(labels=labels))
    assert len(set(zip(numbered, Y, strict=True))) == 3


def test_without_knowledge_nothing_is_renumbered():
    assert_array_equal(match_components(2 - Y, gaussian()), 2 - Y)
    nothing = Held({}, None)
    assert_array_equal(match_components(2 - Y, gaussian(held=nothing)), 2 - Y)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_clusters_take_the_places_of_means_that_are_held(structure, order):
    means = np.where([[True], [False], [True]], CENTRES + 3, np.nan)
    values = gaussians(means=means)
    held = Held({"means": np.array([True, False, True])}, values)
    assert_array_equal(match_components(order[Y], gaussian(structure, held=held)), Y)


def test_a_shared_covariance_that_is_held_says_nothing_of_the_numbers():
    values = gaussians(means=CENTRES, covariances=np.eye(2))
    held = Held({"covariances": np.full(3, True)}, values, shared=("covariances",))
    numbered = match_components(2 - Y, gaussian("tied", held=held))
    assert len(set(zip(numbered, Y, strict=True))) == 3
    held = replace(held, masks={**held.masks, "means": np.full(3, True)})
    assert_array_equal(match_components(2 - Y, gaussian("tied", held=held)), Y)


def test_covariances_and_weights_that_are_held_tell_clusters_apart():
    spread = np.array([1.0, 5.0, 25.0])
    rows = X - CENTRES[Y]
    rows *= np.sqrt(spread[Y])[:, np.newaxis]
    rows += CENTRES[Y]
    variances = np.array([rows[Y == k].var(axis=0) for k in range(3)])
    values = gaussians(covariances=variances)
    model = gaussian("diag", held=Held({"covariances": np.full(3, True)}, values))
    model = replace(model, rows=Rows(rows))
    assert_array_equal(match_components(np.array([2, 0, 1])[Y], model), Y)

    counts = np.repeat(np.arange(3), [10, 20, 30])
    weights = gaussians(weights=np.array([0.17, 0.33, 0.5]))
    model = gaussian("diag", held=Held({"weights": np.full(3, True)}, weights))
    assert_array_equal(match_components((counts + 1) % 3, model), counts)


def test_coins_take_the_places_of_probabilities_that_are_held():
    heads = np.repeat([[1.0], [5.0], [9.0]], 4, axis=0)
    y = np.repeat(np.arange(3), 4)
    values = BinomialParameters(np.array([[np.nan], [0.6], [np.nan]]))
    held = Held({"probabilities": np.array([False, True, False])}, values)
    model = MixtureModel(Independent(), Binomial(3, 1, np.array([10.0]), held=held), Rows(heads))
    for order in ORDERS:
        numbered = match_components(order[y], model)
        assert_array_equal(numbered == 1, y == 1)
        assert len(set(zip(numbered, y, strict=True))) == 3
