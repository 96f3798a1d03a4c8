"""Triangles are inverted and multiplied as whole matrices are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem.families.triangles import PANEL, inverse_triangles, multiply_lower, upper_triangle


@pytest.mark.parametrize("d", [1, 2, 7, 40])
@pytest.mark.parametrize("K", [1, 5, 100])
def test_inverse_times_triangle_is_the_identity(K, d):
    A = np.random.default_rng(0).standard_normal((K, d, 2 * d))
    L = np.linalg.cholesky(A @ A.swapaxes(1, 2))
    inverse = inverse_triangles(L)
    assert_allclose(inverse @ L, np.broadcast_to(np.eye(d), L.shape), rtol=0, atol=1e-13)
    assert_array_equal(inverse, np.tril(inverse))


@pytest.mark.parametrize("d", [1, PANEL, PANEL + 1, 100])
def test_product_leaves_out_nothing_but_zeros(d):
    rng = np.random.default_rng(0)
    L, Z = np.tril(rng.standard_normal((d, d))), rng.standard_normal((d, 17))
    assert_allclose(multiply_lower(L, Z), L @ Z, rtol=1e-12, atol=1e-12)
    wider, Z = np.hstack([rng.standard_normal((d, 2)), L]), rng.standard_normal((d + 2, 17))
    out = np.full((d, 17), np.nan)
    assert multiply_lower(wider, Z, out) is out
    assert_allclose(out, wider @ Z, rtol=1e-12, atol=1e-12)


def test_upper_triangle_comes_row_by_row():
    i, j = upper_triangle(3)
    assert_array_equal(np.arange(9).reshape(3, 3)[i, j], [0, 1, 2, 4, 5, 8])
