"""Sequences that are stored, or in the chunks of dask, say what they do in memory."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal

from skem import GaussianHMM, PoissonHMM

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LENGTHS = np.random.default_rng(0).integers(1, 30, 60)
GROUPS = np.repeat(np.arange(60), LENGTHS)
ENDS = np.cumsum(LENGTHS)
STATES = np.cumsum(np.random.default_rng(1).random(len(GROUPS)) < 0.1) % 3
#: A third of the sequences do not count at all.
WEIGHTS = np.repeat(np.random.default_rng(2).integers(0, 3, 60), LENGTHS).astype(float)
KNOWN = np.where(np.arange(len(GROUPS)) % 7 == 0, STATES, -1)


def measured():
    X = np.random.default_rng(3).normal(size=(len(GROUPS), 2)) + 3 * STATES[:, np.newaxis]
    X[5:9, 1] = np.nan
    return X


def stored(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def in_chunks(X, tmp_path):
    dask = pytest.importorskip("dask.array")
    sizes = np.diff([0, *ENDS[4::5]])
    return dask.from_array(X, chunks=(tuple(map(int, sizes)), X.shape[1]))


@pytest.fixture(params=[stored, in_chunks])
def elsewhere(request, tmp_path, monkeypatch):
    monkeypatch.setattr("skem.mixture.sequences.PIECE", 0)
    monkeypatch.setattr("skem.mixture.sequences.LEAST_ROWS", 50)
    return lambda X: request.param(X, tmp_path)


def test_fit_and_answers_are_those_in_memory(elsewhere):
    X, data = measured(), {"sample_weight": WEIGHTS, "known_labels": KNOWN}
    other = elsewhere(X)
    model = GaussianHMM(3, random_state=0).fit(X, groups=GROUPS, **data)
    actual = GaussianHMM(3, random_state=0).fit(other, groups=GROUPS, **data)
    for name in ("startprob_", "transmat_", "means_", "covariances_", "lower_bound_"):
        assert_allclose(getattr(actual, name), getattr(model, name), rtol=1e-9, atol=1e-12)
    for question in ("predict", "predict_proba", "filter_proba", "score_samples"):
        answer = getattr(model, question)(other, groups=GROUPS)
        assert_allclose(answer, getattr(model, question)(X, groups=GROUPS), rtol=1e-10)
        assert answer.dtype == getattr(model, question)(X, groups=GROUPS).dtype
    known = model.predict(other, groups=GROUPS, known_labels=KNOWN)
    assert_array_equal(np.asarray(known)[KNOWN >= 0], KNOWN[KNOWN >= 0])
    for score in (model.score, model.bic):
        weighted = score(other, groups=GROUPS, sample_weight=WEIGHTS)
        assert_allclose(weighted, score(X, groups=GROUPS, sample_weight=WEIGHTS), rtol=1e-12)


def test_chunks_must_end_where_sequences_do():
    dask = pytest.importorskip("dask.array")
    X = dask.from_array(measured()[: ENDS[2]], chunks=(int(ENDS[0]) + 1, 2))
    with pytest.raises(
        ValueError, match=r"within sequence 1 .* X.rechunk\(\{0: \((.*),\)\}\)"
    ) as e:
        GaussianHMM(2).fit(X, lengths=LENGTHS[:3])
    sizes = str(e.value).split("{0: (")[1].split(",)")[0].split(", ")
    X = X.rechunk({0: tuple(map(int, sizes))})
    GaussianHMM(2, random_state=0, max_iter=2, tol=1.0).fit(X, lengths=LENGTHS[:3])


def in_one_chunk(X, tmp_path):
    return pytest.importorskip("dask.array").from_array(X, chunks=X.shape)


@pytest.mark.parametrize("put", [stored, in_one_chunk])
def test_a_sequence_longer_than_memory_is_refused(put, tmp_path):
    X = np.random.default_rng(0).poisson(5, (10_000, 1)).astype(float)
    model = PoissonHMM(2, random_state=0, max_iter=1)
    with sklearn.config_context(working_memory=0.1):
        model.fit(X)  # which is in memory as it is
        with pytest.raises(ValueError, match=r"rows 0 to 9999.*working_memory=1\)"):
            model.fit(put(X, tmp_path))
        with pytest.raises(ValueError, match="sequence is passed over as a whole"):
            model.predict(put(X, tmp_path))
    model.fit(put(X, tmp_path))


def test_what_needs_rows_in_memory_says_so():
    dask = pytest.importorskip("dask.array")
    model = GaussianHMM(2, random_state=0).fit(measured()[:300])
    with pytest.raises(TypeError, match="compute it first"):
        model.forecast(1, dask.from_array(measured(), chunks=(100, 2)))
