"""Several mixtures in one pass: each does what it does alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skem.data.rows import Rows
from skem.em.driver import Run, run
from skem.families import Binomial, Gaussian
from skem.families.base import DegenerateComponentError
from skem.families.covariance import STRUCTURES
from skem.families.prior import BetaPrior
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.side_by_side import climb_side_by_side, most_side_by_side

K = 3


def gaussians(X, structure, **known):
    d = X.shape[1]
    family = Gaussian(
        STRUCTURES[structure], K, np.zeros(d), np.ones(d), np.zeros(d), least=0.01 * np.ones(d)
    )
    rows = Rows(X, **known)
    return MixtureModel(Independent(), family.bound(rows), rows)


def data(n=150, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((K, d))[rng.integers(K, size=n)] + rng.standard_normal((n, d))


def starts_of(model, n=4):
    rng = np.random.default_rng(1)
    return [
        Run(model.start(rng.dirichlet(np.ones(K), model.rows.n_rows)), (), "max_iter")
        for _ in range(n)
    ]


def check_each_as_alone(model):
    starts = starts_of(model)
    assert most_side_by_side(model) >= len(starts)
    for begun, together in zip(starts, climb_side_by_side(model, starts, 7), strict=True):
        alone = run(model, begun.params, tol=0, max_iter=7)
        assert_allclose(together.trace, alone.trace, rtol=1e-12)
        for name, values in together.params.by_name().items():
            assert_allclose(values, alone.params.by_name()[name], rtol=1e-9, atol=1e-9)
    ends = [each.trace[-1] for each in climb_side_by_side(model, starts, 7)]
    assert np.ptp(ends) > 1e-6  # or else it would not matter which is which


@pytest.mark.parametrize("structure", ["full", "diag", "spherical"])
def test_each_mixture_climbs_as_it_does_alone(structure):
    check_each_as_alone(gaussians(data(), structure))


@pytest.mark.parametrize("structure", ["full", "diag"])
def test_with_missing_cells(structure):
    X = data()
    X[np.random.default_rng(2).uniform(size=X.shape) < 0.1] = np.nan
    check_each_as_alone(gaussians(X, structure))


def test_with_weights_and_known_labels():
    weights = np.random.default_rng(3).uniform(0.5, 2, 150)
    labels = np.where(np.arange(150) < 30, np.arange(150) % K, -1)
    check_each_as_alone(gaussians(data(), "full", weights=weights, labels=labels))


def test_with_weights_that_are_held():
    model = gaussians(data(), "full")
    values = starts_of(model)[0].params.labels
    held = Independent(np.array([True, False, False]), values)
    check_each_as_alone(replace(model, labels=held))


def test_counts():
    X = np.random.default_rng(0).binomial(9, 0.4, (100, 2)).astype(float)
    X = np.c_[X, 9 - X]
    family = Binomial(K, 2)
    check_each_as_alone(MixtureModel(Independent(), family, Rows(X)))
    prior = BetaPrior(np.ones(2), np.ones(2))
    assert (
        most_side_by_side(MixtureModel(Independent(), replace(family, prior=prior), Rows(X))) == 1
    )


def test_one_that_collapses_is_left_out():
    X = data()
    model = gaussians(X, "full")
    model = replace(model, components=replace(model.components, least=0.0))
    first, second, *_ = starts_of(model)
    labels = np.arange(len(X)) % K
    labels[labels == 1] = 0
    labels[0] = 1  # a component of one row has no covariance
    C = first.params.components.covariances.copy()
    C[1] = 1e-14 * np.eye(3)
    at_row = model.components.parameters(
        np.where(np.arange(K)[:, None] == 1, X[0], first.params.components.means), C
    )
    doomed = replace(first, params=first.params._replace(components=at_row))
    with pytest.raises(DegenerateComponentError):
        climb_side_by_side(model, [doomed], 3)
    left = climb_side_by_side(model, [first, doomed, second], 3)
    expected = climb_side_by_side(model, [first, second], 3)
    assert [each.trace for each in left] == [each.trace for each in expected]


def test_a_shared_covariance_is_for_one_mixture_alone():
    assert most_side_by_side(gaussians(data(), "tied")) == 1


def test_many_rows_gain_nothing():
    X = np.tile(data(), (400, 1))
    assert most_side_by_side(gaussians(X, "full")) == 1
