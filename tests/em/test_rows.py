"""Rows are read once each, and summarised as numpy does it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem.em.rows import Rows


def rows_of(n=50_000, d=3, weighted=True):
    rng = np.random.default_rng(0)
    X = np.round(rng.standard_normal((n, d)) * [1, 10, 100], 3)
    return Rows(X, rng.uniform(0.1, 3, n) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block", [1, 7, 100, 1000])
def test_blocks_hold_every_row_once_with_its_weight(block, weighted):
    rows = rows_of(100, weighted=weighted)
    X, weights = (np.concatenate(parts) for parts in zip(*rows.read(block), strict=True))
    assert_array_equal(X, rows.X)
    assert_array_equal(weights, np.ones(100) if rows.weights is None else rows.weights)
    assert_allclose(rows.total_weight, weights.sum(), rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_summary_is_that_of_numpy(weighted):
    rows = rows_of(weighted=weighted)
    mean = np.average(rows.X, axis=0, weights=rows.weights)
    assert_allclose(rows.summary.mean, mean, rtol=1e-10, atol=1e-12)
    variance = np.average((rows.X - mean) ** 2, axis=0, weights=rows.weights)
    assert_allclose(rows.summary.variance, variance, rtol=1e-12)
    assert_array_equal(rows.summary.largest, np.abs(rows.X).max(axis=0))


@pytest.mark.parametrize("shift", [1e8, -1e12])
def test_summary_keeps_its_digits_far_from_the_origin(shift):
    rows = rows_of()
    X = np.round(rows.X * 2**10) / 2**10  # so that the shift is exact
    near, far = (Rows(values, rows.weights).summary for values in (X, X + shift))
    assert_allclose(far.variance, near.variance, rtol=1e-12)
    assert_allclose(far.mean, near.mean + shift, rtol=1e-15)


def test_single_precision_is_summed_in_double():
    X = rows_of().X.astype(np.float32)
    single, double = Rows(X).summary, Rows(X.astype(np.float64)).summary
    for a, b in zip(single, double, strict=True):
        assert_array_equal(a, b)


def test_constant_feature_has_exactly_no_variance():
    X = np.column_stack([np.full(100, 0.1), np.arange(100)])
    assert Rows(X).summary.variance[0] == 0.0
