"""Covariances that are raised until no direction is too narrow."""

import numpy as np
import pytest

from skem.families.covariance.widening import LOW_RANK_FROM, _by_eigenvalues, widened


@pytest.mark.parametrize("n_rows", [10, LOW_RANK_FROM // 2, LOW_RANK_FROM, 4 * LOW_RANK_FROM])
def test_eigenvalues_are_raised_to_one_whatever_the_rank(n_rows):
    """A matrix of few rows takes another way than one of many; both keep its eigenvectors."""
    d, rng = LOW_RANK_FROM + 3, np.random.default_rng(n_rows)
    X = rng.normal(size=(n_rows, d)) * np.geomspace(0.1, 10, d)
    X[:, 1] = X[:, 0]
    unit = rng.uniform(0.5, 2, d)
    C = X.T @ X / n_rows
    eigenvalues, V = np.linalg.eigh(C / np.outer(unit, unit))
    assert eigenvalues[0] < 0.5 < 2 < eigenvalues[-1]
    expected = (V * np.maximum(eigenvalues, 1)) @ V.T * np.outer(unit, unit)
    wide, narrow, _ = widened(np.array([C, 2 * C]), unit)
    assert narrow.all()
    np.testing.assert_allclose(wide[0], expected, rtol=1e-9, atol=1e-11)
    assert np.linalg.eigvalsh(wide[1] / np.outer(unit, unit))[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("d", [3, LOW_RANK_FROM])
def test_wide_matrices_stay_as_they_are_to_the_bit(d):
    C = np.array([np.eye(d) * 4, np.eye(d) / 4])
    wide, narrow, U = widened(C, np.ones(d))
    assert np.array_equal(wide[0], C[0]) and narrow.tolist() == [False, True]
    np.testing.assert_allclose(wide[1], np.eye(d), rtol=1e-14)
    np.testing.assert_allclose(U, [np.eye(d)], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("d", [4, LOW_RANK_FROM])
def test_triangles_know_narrow_directions_better_than_a_factor_does(d):
    """``|U'v|^2`` is the precision along v: 1 where the variance was raised to 1."""
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.normal(size=(d, d)))[0]
    wide_ones = np.arange(d) < d // 4
    C = (V * np.where(wide_ones, 1e10, 1e-3)) @ V.T
    wide, _, (U,) = widened(np.array([C]), np.ones(d))
    assert np.array_equal(U, np.triu(U)) and (np.diag(U) > 0).all()

    def deviation(U):
        return np.abs(np.square(U.T @ V[:, ~wide_ones]).sum(axis=0) - 1).max()

    of_factor = np.linalg.inv(np.linalg.cholesky(wide[0])).T
    assert deviation(U) < 1e-9 < 1e-7 < deviation(of_factor)
    np.testing.assert_allclose(U @ U.T @ wide[0], np.eye(d), atol=1e-4)


def test_a_narrow_feature_beside_very_wide_ones_is_known_to_many_digits():
    """In units of the features some have variances of 1e10, eps of which is 2e-6."""
    d, rng = 4, np.random.default_rng(0)
    X = rng.normal(size=(16, d)) @ rng.normal(size=(d, d))
    unit = X.std(axis=0) * [0.2, 1e-5, 1e-5, 2]
    C = X.T @ X / len(X)
    (wide,), narrow, (U,) = widened(C[np.newaxis], unit)
    assert narrow.all()
    # Only one direction was raised, along an eigenvector: L is one there, and in no other more.
    L, V = np.linalg.eigh(unit[:, np.newaxis] * (U @ U.T) * unit)
    assert L[-1] == pytest.approx(1, abs=1e-12)
    before = np.linalg.inv(C) * np.outer(unit, unit)
    raised = np.outer(V[:, -1], V[:, -1]) * (1 - 1 / (V[:, -1] @ before @ V[:, -1]))
    np.testing.assert_allclose(wide, C + raised * np.outer(unit, unit), rtol=1e-8)

    def deviation(U):
        return np.abs(U.T @ wide @ U - np.eye(d)).max()

    of_eigenvalues = _by_eigenvalues(C[np.newaxis], unit)[2][0]
    assert deviation(U) < 1e-8 < 1e-7 < deviation(of_eigenvalues)
