"""Covariances that are raised until no direction is too narrow."""

import numpy as np
import pytest

from skem.families.covariance.widening import LOW_RANK_FROM, widened


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
    wide = widened(np.array([C, 2 * C]), unit)
    np.testing.assert_allclose(wide[0], expected, rtol=1e-9, atol=1e-11)
    assert np.linalg.eigvalsh(wide[1] / np.outer(unit, unit))[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("d", [3, LOW_RANK_FROM])
def test_wide_matrices_stay_as_they_are_to_the_bit(d):
    C = np.array([np.eye(d) * 4, np.eye(d) / 4])
    wide = widened(C, np.ones(d))
    assert np.array_equal(wide[0], C[0])
    np.testing.assert_allclose(wide[1], np.eye(d), rtol=1e-14)
