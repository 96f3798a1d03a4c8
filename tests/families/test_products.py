"""Products by tiles are products."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skem.families import products
from skem.families.products import multiply, weighted_sums

SIZES = [1, 300, products.MANY_ROWS - 1, products.MANY_ROWS, products.MANY_ROWS + 7, 9000]


@pytest.fixture
def calls(monkeypatch):
    """Return the shapes that were cut into tiles."""
    seen, tiles = [], products._tiles
    monkeypatch.setattr(
        products, "_tiles", lambda matrix: seen.append(matrix.shape) or tiles(matrix)
    )
    return seen


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize(("K", "width"), [(1, 1), (3, 6), (10, 66), (20, 231)])
def test_products_are_those_of_numpy(K, width, n_rows, calls):
    rng = np.random.default_rng(0)
    # Some columns of a larger space, as the last block of a segment is.
    block = rng.standard_normal((width, n_rows + 3))[:, :n_rows]
    eta, weights = rng.standard_normal((K, width)), rng.uniform(size=(K, n_rows))
    out = np.full((K, n_rows), np.nan)
    assert multiply(eta, block, out) is out
    assert_allclose(out, eta @ block, rtol=1e-12, atol=1e-12)
    assert_allclose(weighted_sums(weights, block), weights @ block.T, rtol=1e-11, atol=1e-11)
    by_tiles = n_rows >= products.MANY_ROWS and K * width <= products.FEW_NUMBERS
    assert bool(calls) == by_tiles
    assert all(n % products.TILE == 0 and n <= n_rows for _, n in calls)
