"""Blocks cover the rows, and threads change nothing."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits

from skem import BinomialMixture, GaussianMixtureEM
from skem.data import blocks
from skem.data.blocks import Workers, block_rows, segments, workers
from skem.data.rows import Rows
from skem.mixture.sweep import EStep, sweep
from tests.families.cases import binomial_case, gaussian_case

LARGE = 100 * blocks.SMALL


def blas_threads():
    """Return how many threads each BLAS may use."""
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


@given(st.integers(1, 10**5), st.integers(1, 1000), st.integers(1, 10**9))
def test_block_fits_its_work_space_unless_it_is_the_smallest(width, n_components, n_rows):
    rows = block_rows(width, n_components, n_rows)
    assert rows % blocks.MIN_BLOCK == 0
    assert blocks.MIN_BLOCK <= rows < n_rows + blocks.MIN_BLOCK
    fewer = rows - blocks.MIN_BLOCK
    assert fewer * (width + 2 * n_components + 1) < blocks.BLOCK_NUMBERS
    assert fewer < blocks.MAX_BLOCK


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 10**7))
def test_blocks_are_few_and_shared_out_evenly(width, n_components, n_rows):
    rows = block_rows(width, n_components, n_rows)
    space = min(blocks.BLOCK_NUMBERS / (width + 2 * n_components + 1), blocks.MAX_BLOCK)
    n_blocks = -(-n_rows // rows)
    assert n_blocks <= n_rows / space + blocks.EVEN
    if n_rows <= space / blocks.EVEN:
        assert n_blocks == 1
    if rows > 10 * blocks.MIN_BLOCK * n_blocks:  # so that rounding up leaves out no block
        assert n_blocks <= blocks.EVEN or n_blocks % blocks.EVEN == 0


@given(st.integers(1, 10**7), st.integers(8, 13).map(lambda i: 2**i))
def test_segments_cover_every_row_once_and_are_of_nearly_equal_length(n_rows, block):
    cut = segments(n_rows, block)
    assert 1 <= len(cut) <= blocks.MAX_SEGMENTS
    assert cut[0].start == 0
    assert cut[-1].stop == n_rows
    assert all(a.stop == b.start for a, b in pairwise(cut))
    assert all(starts.step == block and starts.start % block == 0 for starts in cut)
    lengths = [len(starts) for starts in cut]
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 1


def test_small_work_is_done_by_the_caller():
    with workers(blocks.SMALL - 1) as crew:
        assert crew.pool is None


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_large_work_is_shared_among_as_many_threads_as_blas_may_use(limit):
    with threadpool_limits(limit, user_api="blas"):
        before = blas_threads()
        with workers(LARGE) as crew:
            assert blas_threads() == [1] * len(before)
            assert (crew.pool is None) == (limit == 1)
            assert 1 + crew.n_others == max(before) == limit
        assert blas_threads() == before


def test_limit_of_the_blas_is_lifted_by_the_last_of_concurrent_passes():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first, second = workers(LARGE), workers(LARGE)
        first.__enter__()
        assert second.__enter__().n_others == 1
        first.__exit__(None, None, None)
        assert blas_threads() == [1] * len(before)
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_results_come_in_the_order_of_the_rows():
    def slow_at_first(starts):
        time.sleep(0.02 if starts.start == 0 else 0)
        return starts.start

    with threadpool_limits(4, user_api="blas"), workers(LARGE) as crew:
        assert crew.pool is not None
        results = list(crew.map(slow_at_first, 5 * 256, 256))
    assert results == list(Workers().map(slow_at_first, 5 * 256, 256)) == [0, 256, 512, 768, 1024]


@pytest.mark.parametrize("in_caller", [True, False])
def test_error_in_a_thread_reaches_the_caller_and_ends_the_work(in_caller):
    begun = []

    def fail(starts):
        begun.append(starts)
        time.sleep(0.01)
        if in_caller == (threading.current_thread() is threading.main_thread()):
            raise ZeroDivisionError

    with threadpool_limits(2, user_api="blas"), workers(LARGE) as crew:
        with pytest.raises(ZeroDivisionError):
            list(crew.map(fail, 32 * 256, 256))
    assert len(begun) <= (4 if in_caller else 32)


@pytest.mark.parametrize(
    "case", [gaussian_case("full", 3, 4), binomial_case(3, 3)], ids=lambda case: case.name
)
def test_sweep_has_the_same_bits_on_any_number_of_threads(case):
    X = np.tile(case.X, (100, 1))
    rows = Rows(X, np.random.default_rng(0).uniform(size=len(X)))
    results = []
    for limit in (1, 2, 8):
        with threadpool_limits(limit, user_api="blas"), workers(LARGE) as crew:
            kernel = case.model().kernel(case.params)
            results.append(sweep(kernel, rows, EStep(case.params.labels.weights), crew))
    for objective, totals in results[1:]:
        assert objective == results[0][0]
        assert_array_equal(totals, results[0][1])


@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("far", [0.0, 1e5])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_too_small_for_threads_has_the_same_bits_whatever_blas_may_use(far, K):
    X = np.random.default_rng(0).standard_normal((8000, 5))
    X[::2] += far
    seen = []
    for limit in (1, 2, 8):
        with threadpool_limits(limit, user_api="blas"):
            mixture = GaussianMixtureEM(K, init_params=np.arange(8000) % K, max_iter=20).fit(X)
            seen.append([mixture.means_, mixture.covariances_, mixture.lower_bounds_])
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("estimator", "attributes", "X"),
    [
        (
            GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0, max_iter=20),
            ["means_", "covariances_"],
            np.random.default_rng(0).standard_normal((30_000, 3)) + np.arange(30_000)[:, None] % 3,
        )
        for covariance_type in ("full", "tied", "diag", "spherical")
    ]
    + [
        (
            BinomialMixture(3, n_trials=20, random_state=0, max_iter=20),
            ["probabilities_"],
            np.random.default_rng(0).binomial(20, np.arange(30_000)[:, None] % 3 / 4 + [0.2] * 4),
        )
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray | list) else str(value),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_has_the_same_bits_on_any_number_of_threads(estimator, attributes, X):
    seen = []
    for limit in (1, 2, 8):
        with threadpool_limits(limit, user_api="blas"):
            estimator.fit(X)
            fitted = [getattr(estimator, name) for name in attributes]
            seen.append(
                [*fitted, estimator.weights_, estimator.lower_bounds_, estimator.score_samples(X)]
            )
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            assert_array_equal(a, b)
