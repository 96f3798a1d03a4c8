"""Rows are read once each, and summarised as numpy does it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skem.data.rows import Rows


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


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_distinct_rows_can_be_put_back(rows):
    X = np.array(rows, dtype=float)
    weights = np.arange(1.0, len(X) + 1)
    few, index = Rows(X, weights).distinct()
    unique, totals = few.X, few.weights
    assert len({tuple(row) for row in unique}) == len(unique) == len(set(rows))
    assert_array_equal(unique[index], X)
    for row, total in zip(unique, totals, strict=True):
        assert total == weights[(X == row).all(axis=1)].sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_distinct_rows_depend_neither_on_order_nor_on_repetition(weighted):
    rng = np.random.default_rng(0)
    X, counts = rng.standard_normal((20, 2)), rng.integers(1, 4, 20)
    repeated = rng.permutation(np.repeat(X, counts, axis=0))
    a, _ = Rows(X, counts.astype(float)).distinct()
    b, _ = Rows(repeated, np.ones(len(repeated)) if weighted else None).distinct()
    assert_array_equal(a.X, b.X)
    assert_array_equal(a.weights, b.weights)
