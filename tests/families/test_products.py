"""Products by tiles are products."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skem.families import products
from skem.families.products import multiply, weighted_sums

SIZES = [1, 255, 256, 300, 4096, 9000]


@pytest.fixture
def calls(monkeypatch):
    """Return the shapes that were cut into tiles."""
    seen, tiles = [], products._tiles
    monkeypatch.setattr(
        products, "_tiles", lambda matrix: seen.append(matrix.shape) or tiles(matrix)
    )
    return seen


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize(("K", "width"), [(1, 1), (3, 6), (10, 66), (20, 231), (21, 10)])
def test_products_are_those_of_numpy(K, width, n_rows, calls):
    rng = np.random.default_rng(0)
    # Some columns of a larger space, as the last block of a segment is.
    block = rng.standard_normal((width, n_rows + 3))[:, :n_rows]
    eta, weights = rng.standard_normal((K, width)), rng.uniform(size=(K, n_rows))
    out = np.full((K, n_rows), np.nan)
    assert multiply(eta, block, out) is out
    assert_allclose(out, eta @ block, rtol=1e-12, atol=1e-12)
    large = K * width * products.TILE > products.SMALL_PRODUCT
    small = K * width <= products.SMALL_RESULT and K * width * n_rows <= products.SMALL_PRODUCT
    by_tiles = n_rows >= products.TILE and K <= products.FEW_COMPONENTS and not small
    assert bool(calls) == (by_tiles and not large)
    calls.clear()
    assert_allclose(weighted_sums(weights, block), weights @ block.T, rtol=1e-11, atol=1e-11)
    assert bool(calls) == by_tiles
    assert all(n % products.TILE == 0 and n <= n_rows for _, n in calls)
    assert sum(k for k, _ in calls[1:]) == (width if by_tiles else 0)
    assert all(K * k <= products.SMALL_RESULT + K for k, _ in calls[1:])
