"""A fit to rows on disk is the fit to the same rows in memory, in bounded memory."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from skem import BinomialMixture, GaussianMixtureEM
from skem.data import stored
from skem.data.blocks import BLOCK_NUMBERS, block_rows
from tests.estimators.outside import (
    INCOMPLETE,
    MEASURED,
    WEIGHTS,
    assert_same_fit,
    counts,
    each_case,
    fitted,
    measured,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Read a few hundred rows at a time, so that there are several pieces."""
    monkeypatch.setattr(stored, "PIECE", 2**13)


@pytest.fixture
def mapped(tmp_path):
    """Return a function that puts an array into a file, and maps that."""

    def put(X, order="C", mode="r", offset=0):
        path = tmp_path / "rows.dat"
        form = {"dtype": X.dtype, "shape": X.shape, "order": order, "offset": offset}
        np.memmap(path, mode="w+", **form)[:] = X
        return np.memmap(path, mode=mode, **form)

    return put


class Recorded:
    """Rows of which contiguous slices can be read, and nothing else; writes them down."""

    def __init__(self, X, **attributes):
        self._X = X
        self.shape, self.dtype = X.shape, X.dtype
        self.slices = []
        vars(self).update(attributes)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        assert rows.step is None
        self.slices.append((rows.start, rows.stop))
        return self._X[rows].copy()

    def __array__(self, *args, **kwargs):
        raise AssertionError("made an array in memory")

    def passes(self):
        """Return how often all rows were read."""
        return sum(min(stop, len(self._X)) - start for start, stop in self.slices) / len(self._X)


@each_case
def test_fit_is_that_in_memory(mixture, X, data):
    assert_same_fit(fitted(mixture, Recorded(X), **data), fitted(mixture, X, **data))


def h5py_dataset(X, **options):
    h5py = pytest.importorskip("h5py")
    return h5py.File(io.BytesIO(), "w").create_dataset("rows", data=X, **options)


def zarr_array(X, chunks):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(zarr.storage.MemoryStore(), data=X, chunks=chunks)
    assert not isinstance(array, np.ndarray)
    return array


STORES = {
    "map": lambda X, mapped: mapped(X),
    "map in Fortran's order": lambda X, mapped: mapped(X, order="F"),
    "map to write to": lambda X, mapped: mapped(X, mode="r+"),
    "map of one's own": lambda X, mapped: mapped(X, mode="c"),
    "map of part of a file": lambda X, mapped: mapped(X, offset=5000),
    "every other row of a map": lambda X, mapped: mapped(np.repeat(X, 2, axis=0))[::2],
    "some columns of a map": lambda X, mapped: mapped(np.hstack([X, X, X]))[:, 2 : 2 + X.shape[1]],
    "map upside down": lambda X, mapped: mapped(X[::-1])[::-1],
    "h5py": lambda X, mapped: h5py_dataset(X),
    "h5py in chunks": lambda X, mapped: h5py_dataset(X, chunks=(300, 1), compression="gzip"),
    "h5py in large chunks": lambda X, mapped: h5py_dataset(X, chunks=(1500, 1)),
    "zarr": lambda X, mapped: zarr_array(X, (300, X.shape[1])),
}
each_store = pytest.mark.parametrize("store", STORES.values(), ids=list(STORES))


@each_store
def test_whatever_holds_the_rows(store, mapped):
    mixture = GaussianMixtureEM(3)
    expected = fitted(mixture, INCOMPLETE, sample_weight=WEIGHTS)
    X = store(INCOMPLETE, mapped)
    assert_same_fit(fitted(mixture, X, sample_weight=WEIGHTS), expected)
    assert_array_equal(expected.predict(X), expected.predict(INCOMPLETE))
    for name in ("predict_proba", "score_samples"):
        actual, there = (getattr(expected, name)(rows) for rows in (X, INCOMPLETE))
        assert isinstance(actual, np.ndarray)
        assert_allclose(actual, there, rtol=1e-12, atol=1e-300)
    for name in ("score", "aic", "bic", "icl"):
        actual, there = (
            getattr(expected, name)(rows, sample_weight=WEIGHTS) for rows in (X, INCOMPLETE)
        )
        assert_allclose(actual, there, rtol=1e-12)
    assert_array_equal(expected.impute(X), expected.impute(INCOMPLETE))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, np.bool_])
@pytest.mark.parametrize("store", ["map", "h5py"])
def test_types_of_numbers(dtype, store, mapped):
    X = (np.abs(MEASURED) * 20 if dtype != np.bool_ else MEASURED > 1).astype(dtype)
    mixture = GaussianMixtureEM(2)
    actual, expected = fitted(mixture, STORES[store](X, mapped)), fitted(mixture, X)
    assert_same_fit(actual, expected)
    assert actual.means_.dtype == expected.means_.dtype
    assert actual.predict_proba(X).dtype == expected.predict_proba(X).dtype


@pytest.mark.parametrize(
    ("mixture", "X", "cell", "message"),
    [
        (GaussianMixtureEM(2), MEASURED, np.inf, r"infinity; X\[1877, 1\] is inf"),
        (GaussianMixtureEM(2), MEASURED, -np.inf, r"infinity; X\[1877, 1\] is -inf"),
        (BinomialMixture(2, n_trials=200), counts(), -3, r"Negative .*; X\[1877, 1\] is -3"),
        (BinomialMixture(2, n_trials=200), counts(), 201, r"more .* X\[1877, 1\] is 201"),
        (BinomialMixture(2), counts(layout="both"), np.nan, r"one is given; X\[1877, 3\]"),
    ],
)
def test_error_names_the_row(mixture, X, cell, message):
    bad = X.copy()
    bad[1877, 1] = cell
    with pytest.raises(ValueError, match=message):
        mixture.fit(Recorded(bad))
    assert not hasattr(mixture, "weights_")
    with pytest.raises(ValueError, match=message):
        fitted(mixture, Recorded(X)).predict(Recorded(bad))


def test_missing_cells_where_none_may_be():
    class Strict(GaussianMixtureEM):
        _missing = False

    with pytest.raises(ValueError, match=r"X contains NaN; X\[\d+, \d\] is nan"):
        Strict(2).fit(Recorded(INCOMPLETE))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (MEASURED.astype(complex), TypeError, "must hold numbers"),
        (MEASURED[:, 0], ValueError, "Expected 2D array"),
        (MEASURED[:1], ValueError, "minimum of 2 is required"),
        (MEASURED[:2], ValueError, "n_components = 3, n_samples = 2"),
    ],
)
def test_map_that_cannot_be_fitted(X, error, message, mapped):
    with pytest.raises(error, match=message):
        GaussianMixtureEM(3).fit(mapped(X))


def test_function_as_a_start_is_refused():
    mixture = GaussianMixtureEM(2, init_params=lambda X, n_components, random_state: X[:, 0] > 0)
    with pytest.raises(TypeError, match="needs rows in memory"):
        mixture.fit(Recorded(MEASURED))


def test_rows_are_read_in_order_in_pieces_of_whole_chunks():
    X = Recorded(MEASURED, chunks=(100, 2))
    GaussianMixtureEM(2, random_state=0).fit(MEASURED).predict(X)
    assert X.slices == [(start, min(start + 500, 2000)) for start in range(0, 2000, 500)]


def test_passes_are_those_of_em():
    X = Recorded(measured(20_000))
    evaluations = fitted(GaussianMixtureEM(3, init_params="random"), X).n_iter_
    # Besides: a summary, two samples (here of all rows), and labels with their likelihood.
    assert evaluations > 10
    assert X.passes() == pytest.approx(evaluations + 4, abs=0.2)


def test_sample_reads_no_more_than_it_needs():
    X = Recorded(measured(60_000))
    mixture = fitted(GaussianMixtureEM(2), X)
    assert_same_fit(mixture, fitted(mixture, measured(60_000)))
    assert X.passes() < mixture.n_iter_ + 4.1


def test_counts_are_counted_once():
    rng = np.random.default_rng(0)
    X = rng.binomial(10, rng.choice([0.3, 0.5], (5000, 1)), (5000, 2))
    rows = Recorded(X)
    mixture = fitted(BinomialMixture(2, n_trials=10, acceleration=None, tol=1e-10), rows)
    assert rows.passes() < 6 < mixture.n_iter_
    assert_same_fit(mixture, fitted(mixture, X))


def test_row_of_weight_zero_is_absent():
    X, weights = np.vstack([MEASURED, MEASURED]), np.ones(2 * len(MEASURED))
    X[1::2], weights[1::2] = 1e300, 0.0
    mixture, there = GaussianMixtureEM(3), weights > 0
    actual = fitted(mixture, Recorded(X), sample_weight=weights)
    expected = fitted(mixture, X[there])
    assert_array_equal(actual.labels_[there], expected.labels_)
    actual.labels_ = expected.labels_
    assert_same_fit(actual, expected)
    assert_allclose(actual.score(Recorded(X), sample_weight=weights), expected.score(X[there]))


def test_impossible_row_of_weight_zero():
    X, weights = np.array([[2.0], [2], [1]]), [1.0, 1, 0]
    coin = BinomialMixture.from_parameters(weights=[1.0], probabilities=[[1.0]], n_trials=2)
    assert coin.score(Recorded(X), sample_weight=weights) == pytest.approx(0.0, abs=1e-15)
    assert coin.score(Recorded(X)) == -np.inf


def test_standard_errors(mapped):
    mixture = fitted(GaussianMixtureEM(3), MEASURED, sample_weight=WEIGHTS)
    for robust in (False, True):
        actual, expected = (
            mixture.standard_errors(X, sample_weight=WEIGHTS, robust=robust)
            for X in (mapped(MEASURED), MEASURED)
        )
        for name, errors in expected.items():
            assert_allclose(actual[name], errors, rtol=1e-6)


def test_warm_start_goes_on():
    mixtures = [
        GaussianMixtureEM(3, warm_start=True, max_iter=3, random_state=0, init_params="random")
        for _ in range(2)
    ]
    for _ in range(3):
        mixtures[0].fit(Recorded(MEASURED))
        mixtures[1].fit(MEASURED)
    assert_same_fit(*mixtures)


def test_masked_cells_are_missing(mapped):
    mask = np.isnan(INCOMPLETE)
    masked = np.ma.MaskedArray(np.where(mask, 1e6, INCOMPLETE), mask)
    mixture = GaussianMixtureEM(2)
    expected = fitted(mixture, INCOMPLETE)
    assert_same_fit(fitted(mixture, masked), expected)

    class MaskedRows(Recorded):
        def __getitem__(self, rows):
            return masked[rows]

    assert_same_fit(fitted(mixture, MaskedRows(INCOMPLETE)), expected)


def test_cross_validation(mapped):
    mixture = GaussianMixtureEM(2, random_state=0)
    scores = [cross_val_score(mixture, X, cv=3) for X in (mapped(MEASURED), MEASURED)]
    assert_allclose(*scores, rtol=1e-10)


def peak_of(function):
    """Return the largest number of bytes that are allocated at a time."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident_of_files():
    """Return the bytes of files that are in memory."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines["RssFile"].split()[0])


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_memory_is_what_the_guide_says(covariance_type, mapped, monkeypatch):
    monkeypatch.setattr(stored, "PIECE", 2**24)
    X = mapped(np.tile(measured(10_000), (25, 4)) * np.linspace(1, 2, 250_000)[:, np.newaxis])
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, max_iter=3, random_state=0)
    fitted(mixture, X[:10_000])  # what is imported and allocated once
    before = resident_of_files() if Path("/proc/self/status").exists() else 0
    pieces, threads, labels = 3, 2, 4 * len(X)
    with sklearn.config_context(working_memory=1), threadpool_limits(threads):  # 1 MiB each
        peak = peak_of(lambda: mixture.fit(X).score(X))
    assert peak < (pieces + threads) * 2**20 + labels < X.nbytes / 2
    if before:
        assert resident_of_files() - before < X.nbytes / 2
    assert mixture.n_iter_ == 3


def test_working_memory_bounds_pieces_and_blocks():
    plain = block_rows(100, 10, 10**9)
    assert abs(plain - BLOCK_NUMBERS / 121) < 32
    X, few = Recorded(MEASURED), Recorded(MEASURED)
    mixture = fitted(GaussianMixtureEM(3), X)
    with sklearn.config_context(working_memory=2**-10):  # a kibibyte
        assert block_rows(100, 10, 10**9) == 32
        assert_same_fit(fitted(mixture, few), mixture)
        assert_same_fit(fitted(mixture, MEASURED), mixture)
    assert max(stop - start for start, stop in few.slices) == 64
    assert max(stop - start for start, stop in X.slices) == 512
    assert block_rows(100, 10, 10**9) == plain
