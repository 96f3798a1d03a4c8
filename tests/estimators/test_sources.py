"""Wherever the rows are, on disk or in the chunks of dask, the fit is the same to rounding."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import BinomialMixture, GaussianMixtureEM

STRUCTURES = ("full", "tied", "diag", "spherical")


def clouds(n=9000, missing=0.0):
    """Return rows of three clouds in random order."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    spread = np.array([1.0, 0.5, 2.0])[labels, np.newaxis]
    X = np.array([[0, 0, 0], [3, 3, 3], [-4, 0, 4.0]])[labels] + spread * rng.normal(size=(n, 3))
    X[rng.random(X.shape) < missing] = np.nan
    return X


def counts(n=9000):
    rng = np.random.default_rng(1)
    p = np.array([[0.2, 0.7], [0.8, 0.4]])[rng.integers(2, size=n)]
    return rng.binomial(10, p).astype(float)


def as_memmap(X, path):
    file = np.memmap(path / "rows.dat", dtype=X.dtype, mode="w+", shape=X.shape)
    file[:] = X
    file.flush()
    return np.memmap(path / "rows.dat", dtype=X.dtype, mode="r", shape=X.shape)


def as_hdf5(X, path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "rows.h5", "w") as file:
        file["X"] = X
    return h5py.File(path / "rows.h5", "r")["X"]


def as_dask(X, path=None):
    da = pytest.importorskip("dask.array")
    return da.from_array(X, chunks=(2000, X.shape[1]))


sources = pytest.mark.parametrize("source", [as_memmap, as_hdf5, as_dask])


def assert_same_fit(one, other):
    assert one.n_iter_ == other.n_iter_
    for name in one._Parameters._fields:
        expected = getattr(one, f"{name}_")
        assert_allclose(getattr(other, f"{name}_"), expected, rtol=1e-9, atol=1e-9)
    assert_allclose(other.lower_bound_, one.lower_bound_, rtol=1e-12)
    assert_array_equal(np.asarray(other.labels_), one.labels_)


@sources
@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_gaussians_from_anywhere(source, covariance_type, missing, tmp_path):
    X = clouds(missing=missing)
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0)
    here = mixture.fit(X)
    there = GaussianMixtureEM(**mixture.get_params()).fit(source(X, tmp_path))
    assert_same_fit(here, there)


@sources
def test_counts_from_anywhere(source, tmp_path):
    X = counts()
    options = {"n_components": 2, "n_trials": 10, "random_state": 0}
    here = BinomialMixture(**options).fit(X)
    there = BinomialMixture(**options).fit(source(X, tmp_path))
    for name in ("weights_", "probabilities_", "lower_bound_"):
        assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-6)


@sources
@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_weights_and_known_labels_from_anywhere(source, assignment, tmp_path):
    X, rng = clouds(), np.random.default_rng(2)
    start = {"init_params": "random_from_data", "random_state": 0, "assignment": assignment}
    given = {"means_init": [[0, 0, 0], [3, 3, 3], [-4, 0, 4]], "weights_init": [0.4, 0.3, 0.3]}
    given["precisions_init"] = [np.eye(3)] * 3
    told = {"sample_weight": rng.integers(1, 4, len(X)).astype(float)}
    told["known_labels"] = np.where(rng.random(len(X)) < 0.02, rng.integers(3, size=len(X)), -1)
    here = GaussianMixtureEM(3, **start, **given).fit(X, **told)
    there = GaussianMixtureEM(3, **start, **given).fit(source(X, tmp_path), **told)
    assert_same_fit(here, there)


@sources
def test_what_is_said_of_rows_does_not_depend_on_where_they_are(source, tmp_path):
    X = clouds(missing=0.05)
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    there, weights = source(X, tmp_path), np.random.default_rng(0).uniform(size=len(X))
    for name in ("predict", "predict_proba", "score_samples"):
        expected = getattr(mixture, name)(X)
        found = getattr(mixture, name)(there)
        assert found.shape == expected.shape
        assert_allclose(np.asarray(found), expected, rtol=1e-10)
    for name in ("score", "aic", "bic", "icl"):
        expected = getattr(mixture, name)(X, sample_weight=weights)
        found = getattr(mixture, name)(there, sample_weight=weights)
        assert_allclose(found, expected, rtol=1e-12)


def test_dask_answers_are_lazy_and_in_the_same_chunks():
    X = as_dask(clouds())
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    for found in (mixture.predict(X), mixture.score_samples(X), mixture.labels_):
        assert type(found) is type(X)
        assert found.chunks == (X.chunks[0],)
    assert mixture.predict_proba(X).chunks == (X.chunks[0], (2,))
    assert isinstance(mixture.means_, np.ndarray)


@sources
@pytest.mark.parametrize("bad", [np.inf, 11.0, -1.0])
def test_a_bad_cell_is_named_by_its_row(source, bad, tmp_path):
    X = counts()
    X[7313, 1] = bad
    with pytest.raises(ValueError, match="7313"):
        BinomialMixture(2, n_trials=10).fit(source(X, tmp_path))


def test_chunks_that_cannot_be_used_are_an_error_that_names_the_fix():
    da = pytest.importorskip("dask.array")
    X = da.from_array(clouds(), chunks=(1000, 2))
    with pytest.raises(ValueError, match="rechunk"):
        GaussianMixtureEM(2).fit(X)
    unknown = as_dask(clouds())
    unknown = unknown[unknown[:, 0] > 0]
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        GaussianMixtureEM(2).fit(unknown)


# Online.


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_batches_come_near_the_fit(covariance_type, missing):
    X = clouds(missing=missing)
    batch = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit(X)
    online = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0)
    gaps = []
    for _ in range(4):
        for start in range(0, len(X), 500):
            online.partial_fit(X[start : start + 500], y=["anything"])
        gaps.append(batch.lower_bound_ - online.score(X))
    assert online.n_steps_ == 4 * len(range(0, len(X), 500))
    assert -1e-7 < gaps[-1] < min(gaps[0], 2e-3)
    assert not hasattr(online, "labels_")


def test_batches_of_counts_come_near_the_fit():
    X = counts()
    batch = BinomialMixture(2, n_trials=10, random_state=0).fit(X)
    online = BinomialMixture(2, n_trials=10, random_state=0)
    for start in range(0, len(X), 500):
        online.partial_fit(X[start : start + 500])
    assert -1e-7 < batch.lower_bound_ - online.score(X) < 1e-3


def test_a_batch_moves_a_mixture_that_is_there():
    X = clouds()
    mixture = GaussianMixtureEM(3, random_state=0).fit(X[:4000])
    before = mixture.means_.copy()
    mixture.partial_fit(X[4000:])
    assert 0 < np.abs(mixture.means_ - before).max() < 0.2


def test_a_first_batch_needs_as_many_rows_as_components():
    with pytest.raises(ValueError, match="n_samples"):
        GaussianMixtureEM(5).partial_fit(clouds()[:3])
