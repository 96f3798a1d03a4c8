"""A fit to a dask array is that to the same rows in memory, and the rows stay where they are."""

import logging
import multiprocessing
import os
import pickle
import signal
from concurrent.futures import ProcessPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skem import BinomialMixture, GaussianMixtureEM
from tests.estimators.outside import (
    INCOMPLETE,
    KNOWN,
    MEASURED,
    WEIGHTS,
    assert_same_fit,
    counts,
    each_case,
    each_case_with_columns,
    fitted,
    measured,
)

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def chunked(X, rows=300):
    """Return rows, or a column, as a dask array."""
    return da.from_array(X, chunks=(rows, *X.shape[1:]))


def without(X, first, last, rows=300):
    """Return rows in chunks, less some: with chunks that are empty."""
    there = np.ones(len(X), dtype=bool)
    there[first:last] = False
    return chunked(X, rows)[chunked(there, rows)].compute_chunk_sizes(), X[there]


@pytest.fixture
def nothing_computed():
    """Raise where dask computes anything."""

    def refuse(graph, keys, **options):
        raise AssertionError("computed")

    with dask.config.set(scheduler=refuse):
        yield


@each_case
def test_fit_is_that_in_memory(mixture, X, data):
    actual, expected = fitted(mixture, chunked(X), **data), fitted(mixture, X, **data)
    assert isinstance(actual.labels_, da.Array)
    assert_same_fit(actual, expected)


@each_case_with_columns
def test_columns_may_be_dask_arrays_too(mixture, X, data):
    columns = {name: chunked(values, 170) for name, values in data.items()}
    assert_same_fit(fitted(mixture, chunked(X), **columns), fitted(mixture, X, **data))


@pytest.mark.parametrize("weights", [None, "unequal", "equal or zero"])
def test_rows_of_a_sample_are_those_drawn_in_memory(weights):
    X, rng = measured(12_000), np.random.default_rng(0)
    if weights == "unequal":
        weights = rng.uniform(size=len(X)) * (rng.random(len(X)) > 0.2)
    elif weights:
        weights = 2.0 * (rng.random(len(X)) > 0.2)
    for init in ("short-runs", "kmeans"):
        mixture = GaussianMixtureEM(3, init_params=init)
        actual = fitted(mixture, chunked(X, 700), sample_weight=weights)
        assert_same_fit(actual, fitted(mixture, X, sample_weight=weights))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_any_scheduler(scheduler):
    mixture = GaussianMixtureEM(2)
    expected = fitted(mixture, INCOMPLETE)
    if scheduler != "processes":
        with dask.config.set(scheduler=scheduler):
            assert_same_fit(fitted(mixture, chunked(INCOMPLETE, 1000)), expected)
        return
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, context) as pool,  # or each evaluation starts processes of its own
        dask.config.set(scheduler=scheduler, pool=pool),
    ):
        assert_same_fit(fitted(mixture, chunked(INCOMPLETE, 1000)), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, np.bool_])
def test_types_of_numbers(dtype):
    X = (np.abs(MEASURED) * 20 if dtype != np.bool_ else MEASURED > 1).astype(dtype)
    mixture = GaussianMixtureEM(2)
    actual, expected = fitted(mixture, chunked(X)), fitted(mixture, X)
    assert_same_fit(actual, expected)
    assert actual.means_.dtype == expected.means_.dtype
    assert actual.predict_proba(chunked(X)).dtype == expected.predict_proba(X).dtype
    assert actual.score_samples(chunked(X)).compute().dtype == expected.score_samples(X).dtype


def test_answers_are_lazy_and_in_the_same_chunks(nothing_computed):
    mixture, X = fitted(GaussianMixtureEM(3), MEASURED), chunked(MEASURED)
    for name in ("predict", "score_samples"):
        assert getattr(mixture, name)(X).chunks == (X.chunks[0],)
    assert mixture.predict_proba(X).chunks == (X.chunks[0], (3,))
    assert mixture.impute(X).chunks == X.chunks
    with pytest.raises(AssertionError, match="computed"):
        mixture.score(X)


@pytest.mark.parametrize(
    ("mixture", "X"),
    [
        (GaussianMixtureEM(3), MEASURED),
        (GaussianMixtureEM(3), INCOMPLETE),
        (GaussianMixtureEM(3, covariance_type="diag"), INCOMPLETE),
        (BinomialMixture(3, n_trials=200), counts(missing=0.1)),
    ],
)
def test_answers_are_those_in_memory(mixture, X):
    mixture = fitted(mixture, X)
    for name in ("predict", "predict_proba", "score_samples", "impute"):
        lazy, expected = getattr(mixture, name)(chunked(X)), getattr(mixture, name)(X)
        assert lazy.dtype == expected.dtype
        assert_allclose(lazy.compute(), expected, rtol=1e-10, atol=1e-300)
    for name in ("score", "aic", "bic", "icl"):
        for weights in (None, WEIGHTS):
            lazy, expected = (
                getattr(mixture, name)(rows, sample_weight=weights) for rows in (chunked(X), X)
            )
            assert isinstance(lazy, float)
            assert_allclose(lazy, expected, rtol=1e-12)


def test_imputation_by_draws():
    mixture = fitted(GaussianMixtureEM(3), INCOMPLETE)
    one, again, other = (mixture.impute(chunked(INCOMPLETE), seed).compute() for seed in (0, 0, 1))
    assert_array_equal(one, again)
    missing = np.isnan(INCOMPLETE)
    assert_array_equal(one[~missing], INCOMPLETE[~missing])
    assert (one[missing] != other[missing]).all()
    expected = mixture.impute(INCOMPLETE)
    assert np.std(one[missing] - expected[missing]) > 0.5
    assert abs(np.mean(one[missing] - expected[missing])) < 0.2
    # Chunks do not repeat each other.
    twice = chunked(np.tile(INCOMPLETE, (2, 1)), len(INCOMPLETE))
    first, second = np.split(mixture.impute(twice, 0).compute(), 2)
    assert (first[missing] != second[missing]).all()


def test_fitted_attributes_are_numpy_but_for_labels():
    mixture = fitted(GaussianMixtureEM(2), chunked(MEASURED))
    assert isinstance(mixture.fit_predict(chunked(MEASURED)), da.Array)
    lazy = {name for name, value in vars(mixture).items() if dask.is_dask_collection(value)}
    assert lazy == {"labels_"}
    assert isinstance(mixture.means_, np.ndarray)
    assert isinstance(mixture.lower_bound_, float)


def test_pickle_leaves_lazy_labels_out():
    mixture = fitted(GaussianMixtureEM(2), chunked(MEASURED))
    stored = pickle.dumps(mixture)
    assert len(stored) < MEASURED.nbytes / 4
    loaded = pickle.loads(stored)
    assert not hasattr(loaded, "labels_")
    assert_array_equal(loaded.predict(MEASURED), mixture.labels_)
    assert hasattr(pickle.loads(pickle.dumps(fitted(mixture, MEASURED))), "labels_")
    assert not hasattr(clone(mixture), "means_")


# Chunks of all kinds.


@pytest.mark.parametrize("emptied", [(0, 300), (600, 1200), (1500, 2000)])
def test_empty_chunks(emptied):
    lazy, X = without(MEASURED, *emptied)
    assert 0 in lazy.chunks[0]
    mixture = fitted(GaussianMixtureEM(3), X)
    assert_same_fit(fitted(mixture, lazy), mixture)
    assert_array_equal(mixture.predict(lazy).compute(), mixture.predict(X))
    assert mixture.predict_proba(lazy).compute().shape == (len(X), 3)
    assert_array_equal(mixture.impute(lazy).compute(), X)


def test_chunks_that_count_for_nothing():
    weights = np.where(np.arange(len(MEASURED)) < 700, 0.0, WEIGHTS)
    mixture = GaussianMixtureEM(3)
    expected = fitted(mixture, MEASURED, sample_weight=weights)
    for column in (weights, chunked(weights)):
        assert_same_fit(fitted(mixture, chunked(MEASURED), sample_weight=column), expected)


def test_row_of_weight_zero_is_absent():
    X, weights = np.vstack([MEASURED, MEASURED]), np.ones(2 * len(MEASURED))
    X[1::2], weights[1::2] = 1e300, 0.0
    actual = fitted(GaussianMixtureEM(3), chunked(X), sample_weight=weights)
    expected = fitted(GaussianMixtureEM(3), X[::2])
    actual.labels_ = actual.labels_[::2]
    assert_same_fit(actual, expected)
    assert_allclose(actual.score(chunked(X), sample_weight=weights), expected.score(X[::2]))


def test_one_weight_for_all(nothing_computed):
    from skem.estimators.sources import open_data, open_weights

    X = open_data(GaussianMixtureEM(), chunked(MEASURED), reset=True)
    assert open_weights(2.0, X).chunks == (chunked(MEASURED).chunks[0],)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (lambda X: chunked(X)[chunked(X)[:, 0] > 0], ValueError, r"compute_chunk_sizes\(\)"),
        (lambda X: da.from_array(X, chunks=(300, 1)), ValueError, r"X.rechunk\(\{1: -1\}\)"),
        (lambda X: chunked(X[:, 0]), ValueError, "Expected 2D array"),
        (lambda X: chunked(X[:, :, np.newaxis]), ValueError, "dim 3"),
        (lambda X: chunked(X[:1]), ValueError, "minimum of 2 is required"),
        (lambda X: chunked(X[:0]), ValueError, "0 sample"),
        (lambda X: chunked(X[:2], 1), ValueError, "n_components = 3, n_samples = 2"),
        (lambda X: chunked(X.astype(object)), TypeError, "a dask array of object"),
        (lambda X: chunked(X.astype(complex)), TypeError, "a dask array of complex"),
        (lambda X: dask.delayed(X), TypeError, "must be an array or a table"),
    ],
)
def test_array_that_cannot_be_fitted(X, error, message):
    mixture = GaussianMixtureEM(3)
    with pytest.raises(error, match=message):
        mixture.fit(X(MEASURED))
    assert not hasattr(mixture, "n_features_in_") or not hasattr(mixture, "weights_")


def test_unknown_sizes_once_computed():
    lazy = chunked(MEASURED)[chunked(MEASURED)[:, 0] > 0].compute_chunk_sizes()
    X = MEASURED[MEASURED[:, 0] > 0]
    assert_same_fit(fitted(GaussianMixtureEM(2), lazy), fitted(GaussianMixtureEM(2), X))


@pytest.mark.parametrize(
    ("mixture", "X", "cell", "message"),
    [
        (GaussianMixtureEM(2), MEASURED, np.inf, r"infinity; X\[1877, 1\] is inf"),
        (BinomialMixture(2, n_trials=200), counts(), -3, r"Negative .*; X\[1877, 1\] is -3"),
        (BinomialMixture(2, n_trials=200), counts(), 201, r"more .* X\[1877, 1\] is 201"),
    ],
)
def test_error_names_the_row(mixture, X, cell, message):
    bad = X.copy()
    bad[1877, 1] = cell
    with pytest.raises(ValueError, match=message):
        mixture.fit(chunked(bad))
    assert not hasattr(mixture, "weights_")
    lazy = fitted(mixture, X).predict(chunked(bad))
    with pytest.raises(ValueError, match=message):
        lazy.compute()


def replaced(column, value):
    column = column.astype(float)
    column[1900] = value
    return chunked(column)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("sample_weight", lambda: replaced(WEIGHTS, -1), "begins at row 1800: .* non-negative"),
        ("sample_weight", lambda: replaced(WEIGHTS, np.nan), "begins at row 1800: .* finite"),
        ("sample_weight", lambda: chunked(0 * WEIGHTS), "zero for every row"),
        ("sample_weight", lambda: chunked(WEIGHTS)[:-1], r"expected \(2000,\)"),
        ("sample_weight", lambda: chunked(WEIGHTS[:, np.newaxis]), r"expected \(2000,\)"),
        (
            "sample_weight",
            lambda: chunked(WEIGHTS)[chunked(WEIGHTS) > 0],
            r"sample_weight.compute_chunk_sizes\(\)",
        ),
        ("known_labels", lambda: replaced(KNOWN, 7), "begins at row 1800: .* lie between"),
        ("known_labels", lambda: replaced(KNOWN, 0.5), "begins at row 1800: .* integers"),
        ("known_labels", lambda: replaced(KNOWN, np.nan), "begins at row 1800: .* integers"),
        ("known_labels", lambda: chunked(KNOWN)[:-1], r"expected \(2000,\)"),
    ],
)
def test_bad_columns(name, column, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(3).fit(chunked(MEASURED), **{name: column()})


def test_what_needs_rows_in_memory_says_so():
    mixture = fitted(GaussianMixtureEM(3), MEASURED)
    with pytest.raises(TypeError, match="rows in memory"):
        mixture.standard_errors(chunked(MEASURED), robust=True)
    mixture.set_params(init_params=lambda X, n_components, random_state: X[:, 0] > 0)
    with pytest.raises(TypeError, match="rows in memory"):
        mixture.fit(chunked(MEASURED))


def test_standard_errors():
    mixture = fitted(GaussianMixtureEM(3), MEASURED, sample_weight=WEIGHTS, known_labels=KNOWN)
    expected = mixture.standard_errors(MEASURED, WEIGHTS, KNOWN)
    actual = mixture.standard_errors(chunked(MEASURED), WEIGHTS, chunked(KNOWN))
    for name, errors in expected.items():
        assert_allclose(actual[name], errors, rtol=1e-6)


def test_masked_cells_are_missing():
    mask = np.isnan(INCOMPLETE)
    masked = np.ma.MaskedArray(np.where(mask, 1e6, INCOMPLETE), mask)
    assert_same_fit(
        fitted(GaussianMixtureEM(2), chunked(masked)), fitted(GaussianMixtureEM(2), INCOMPLETE)
    )


def test_sparse_chunks_are_refused():
    from scipy.sparse import csr_matrix

    with pytest.raises(TypeError, match="must hold numbers"):
        GaussianMixtureEM(2).fit(chunked(MEASURED).map_blocks(csr_matrix))


def test_warm_start_and_batches():
    mixtures = [
        GaussianMixtureEM(3, warm_start=True, max_iter=3, random_state=0, init_params="random")
        for _ in range(2)
    ]
    for _ in range(3):
        mixtures[0].fit(chunked(MEASURED))
        mixtures[1].fit(MEASURED)
    assert_same_fit(*mixtures)
    for mixture, X in zip(mixtures, (chunked(INCOMPLETE), INCOMPLETE), strict=True):
        mixture.partial_fit(X, sample_weight=WEIGHTS)
    assert_allclose(mixtures[0].means_, mixtures[1].means_, rtol=1e-9)


# Tables.


@pytest.fixture
def table():
    dd = pytest.importorskip("dask.dataframe")
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(MEASURED, columns=["width", "height"]).assign(weight=WEIGHTS)
    return dd.from_pandas(frame, npartitions=4), frame


def test_dask_table_is_a_table(table):
    lazy, frame = table
    columns = ["width", "height"]
    actual = fitted(GaussianMixtureEM(3), lazy[columns], sample_weight=lazy["weight"])
    expected = fitted(GaussianMixtureEM(3), frame[columns], sample_weight=frame["weight"])
    assert_same_fit(actual, expected)
    assert_array_equal(actual.feature_names_in_, columns)
    labels = actual.predict(lazy[columns])
    assert isinstance(labels, da.Array)
    assert_array_equal(labels, expected.predict(frame[columns]))
    with pytest.raises(ValueError, match="feature names should match"):
        actual.predict(lazy[columns[::-1]])
    with pytest.raises(ValueError, match="Expected 2D array"):
        actual.predict(lazy["width"])
    with pytest.raises(ValueError, match=r"to_dask_array\(lengths=True\)"):
        actual.predict(lazy[columns].values)


def test_table_of_several_types(table):
    lazy, frame = (each.assign(tall=each["height"] > 1)[["width", "tall"]] for each in table)
    with pytest.raises(TypeError, match=r"dask array of object.* X.astype\(float\)"):
        GaussianMixtureEM(2).fit(lazy)
    mixture = GaussianMixtureEM(2)
    assert_same_fit(fitted(mixture, lazy.astype(float)), fitted(mixture, frame.astype(float)))


def test_table_of_words_is_refused():
    dd = pytest.importorskip("dask.dataframe")
    pd = pytest.importorskip("pandas")
    words = dd.from_pandas(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), npartitions=1)
    with pytest.raises(TypeError, match="must hold numbers"):
        GaussianMixtureEM(2).fit(words)


# What moves where.


def test_one_small_result_for_each_evaluation():
    X, sizes = measured(60_000), []

    def scheduler(graph, keys, **options):
        results = dask.get(graph, keys, **options)
        sizes.append(len(pickle.dumps(results)))
        return results

    with dask.config.set(scheduler=scheduler):
        mixture = fitted(GaussianMixtureEM(3, init_params="random_from_data"), chunked(X, 5000))
        few = fitted(GaussianMixtureEM(3), chunked(X, 5000))
    assert mixture.n_iter_ > 5
    # The summary, the first rows, samples for resolution and start, and the likelihood.
    assert len(sizes) - mixture.n_iter_ - few.n_iter_ < 2 * 9
    assert sum(size > 1000 for size in sizes) <= 2 * 6
    sizes.clear()
    with dask.config.set(scheduler=scheduler):
        few.set_params(warm_start=True, max_iter=1).fit(chunked(X, 5000))
    assert max(sizes) < 70_000  # the sample for the resolution, of 960,000 bytes


def test_blocks_of_a_chunk_share_their_space():
    """Workers of dask give back at once what is freed, and fetching it again takes long."""
    from skem.estimators.sources import open_data, rows_of

    class Anything:
        by_row = False

        def part(self, *ignored):
            return self

    segments = []

    def function(X, weights, assignment, starts):
        segments.append(starts)
        return (len(X),)

    rows = rows_of(open_data(GaussianMixtureEM(), chunked(MEASURED, 1000), reset=True), None, None)
    with dask.config.set(scheduler="synchronous"):
        assert list(rows.sweep(function, Anything(), 64, None)) == [(2000,)]
    assert segments == [range(0, 1000, 64)] * 2


# A cluster of processes.


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "60s"}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, timeout="60s") as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield client


def test_cluster_comes_to_the_same(client):
    X = measured(20_000)
    weights = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    mixture = GaussianMixtureEM(3, max_iter=10, tol=1e-3, random_state=0)
    lazy = chunked(X, 4000).persist()
    actual = clone(mixture).fit(lazy, sample_weight=weights)
    assert_same_fit(actual, mixture.fit(X, sample_weight=weights))
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert_array_equal(actual.predict(lazy).compute(), mixture.predict(X))
    assert_allclose(actual.score(lazy), mixture.score(X), rtol=1e-12)
    assert hasattr(pickle.loads(pickle.dumps(actual)), "means_")


def test_cluster_names_the_row(client):
    X = MEASURED.copy()
    X[1877, 1] = np.inf
    with pytest.raises(ValueError, match=r"X\[1877, 1\] is inf"):
        GaussianMixtureEM(2).fit(chunked(X, 500))


def dies_at(block, path, n_calls, spared):
    """Return the block; at the n-th call for it, kill the process that it is in."""
    if os.getpid() != spared:  # dask calls it with an empty block for its dtype
        with open(path, "ab") as calls:
            calls.write(b".")
        if os.path.getsize(path) == n_calls:
            os.kill(os.getpid(), signal.SIGKILL)
    return block


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_worker_that_dies_changes_nothing(client, tmp_path):
    X, path, n_calls = measured(4000), tmp_path / "calls", 40
    lazy = chunked(X, 500).map_blocks(dies_at, path, n_calls, os.getpid(), meta=X[:0])
    before = set(client.run(os.getpid).values())
    mixture = GaussianMixtureEM(3, acceleration=None, max_iter=8, tol=0.0, random_state=0)
    actual = clone(mixture).fit(lazy)
    assert os.path.getsize(path) > n_calls + 8  # which was not in the last evaluation
    assert_same_fit(actual, mixture.fit(X))
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != before


def test_searches_and_restarts_on_a_cluster(client):
    search = GridSearchCV(
        GaussianMixtureEM(random_state=0, max_iter=20, tol=1e-3), {"n_components": [1, 2, 3]}, cv=2
    )
    mixture = GaussianMixtureEM(
        3, n_init=3, n_jobs=2, random_state=0, init_params="random_from_data", max_iter=9, tol=0.1
    )
    expected, there = clone(search).fit(MEASURED), clone(mixture).fit(MEASURED)
    with joblib.parallel_config("dask"):
        search.fit(MEASURED)
        assert_same_fit(clone(mixture).fit(MEASURED), there)
        assert_same_fit(clone(mixture).fit(chunked(MEASURED, 1000).persist()), there)
    assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert search.best_params_ == expected.best_params_
