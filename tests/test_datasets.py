"""The data sets: shapes, totals known from their sources, and the loaders' conventions."""

import sys
from importlib.resources import files

import numpy as np
import pytest

from skem.datasets import (
    load_beta_blockers,
    load_co2,
    load_earthquakes,
    load_nile,
    load_old_faithful,
    load_saxony,
    load_two_coins,
)

LOADERS = [
    load_beta_blockers,
    load_co2,
    load_earthquakes,
    load_nile,
    load_old_faithful,
    load_saxony,
    load_two_coins,
]
SHAPES = {
    load_beta_blockers: (44, 2),
    load_co2: (526, 1),
    load_earthquakes: (107, 1),
    load_nile: (100, 1),
    load_old_faithful: (272, 2),
    load_saxony: (13, 2),
    load_two_coins: (5, 2),
}

each_loader = pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__name__)


@each_loader
def test_bunch(load):
    bunch = load()
    assert bunch.data.shape == SHAPES[load]
    assert np.issubdtype(bunch.data.dtype, np.number)
    assert len(bunch.feature_names) == bunch.data.shape[1]
    assert bunch.frame is None
    assert "====" in bunch.DESCR


@each_loader
def test_return_X_y(load):  # noqa: N802
    bunch = load()
    data, target = load(return_X_y=True)
    np.testing.assert_array_equal(data, bunch.data)
    np.testing.assert_array_equal(target, bunch.target)


@each_loader
def test_as_frame(load):
    pytest.importorskip("pandas")
    plain, framed = load(), load(as_frame=True)
    assert list(framed.data.columns) == plain.feature_names
    np.testing.assert_array_equal(framed.data.to_numpy(), plain.data)
    if plain.target is None:
        assert framed.target is None
    else:
        np.testing.assert_array_equal(framed.target.to_numpy(), plain.target)
        assert framed.target.name == "target"
    assert set(plain.feature_names) <= set(framed.frame.columns)
    data, target = load(return_X_y=True, as_frame=True)
    assert data.equals(framed.data)
    assert (target is None) == (plain.target is None)


@each_loader
def test_as_frame_without_pandas_says_what_to_install(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    load()
    with pytest.raises(ImportError, match=rf"{load.__name__}.*pip install pandas$"):
        load(as_frame=True)


@each_loader
def test_each_call_hands_out_its_own_copy(load):
    load().data[:] = -1
    assert not (load().data < 0).any()


@each_loader
def test_files_lie_beside_the_installed_package(load):
    name = load().filename
    folder = files("skem.datasets") / "data"
    assert (folder / name).is_file()
    assert (folder / name.replace(".csv", ".rst")).is_file()


def test_co2_is_that_of_mauna_loa():
    co2 = load_co2()
    assert (co2.year[0], co2.month[0], co2.year[-1], co2.month[-1]) == (1958, 3, 2001, 12)
    gone = np.isnan(co2.data[:, 0])
    months = list(zip(co2.year[gone], co2.month[gone], strict=True))
    assert months == [(1958, 6), (1958, 10), (1964, 2), (1964, 3), (1964, 4)]
    # Annual means that NOAA publishes, from measurements of its own since 1974.
    for year, mean in {1959: 315.98, 1980: 338.76, 2000: 369.71}.items():
        np.testing.assert_allclose(np.nanmean(co2.data[co2.year == year]), mean, atol=0.5)


def test_two_coins_known_labels_answer():
    flips = load_two_coins()
    assert flips.target_names == ["A", "B"]
    np.testing.assert_array_equal(flips.data, [[5, 5], [9, 1], [8, 2], [4, 6], [7, 3]])
    np.testing.assert_array_equal(flips.target, [1, 0, 0, 1, 0])
    np.testing.assert_array_equal(flips.data[flips.target == 0].sum(axis=0), [24, 6])
    np.testing.assert_array_equal(flips.data[flips.target == 1].sum(axis=0), [9, 11])


def test_old_faithful_is_r_faithful():
    geyser = load_old_faithful()
    assert geyser.target is None
    assert "target_names" not in geyser
    np.testing.assert_allclose(geyser.data.mean(axis=0), [3.487783, 70.897059], atol=5e-7)


def test_saxony_totals():
    saxony = load_saxony()
    assert saxony.target is None
    np.testing.assert_array_equal(saxony.data[:, 0], np.arange(13))
    np.testing.assert_array_equal(saxony.data.sum(axis=1), 12)
    assert saxony.sample_weight.sum() == 6115
    np.testing.assert_array_equal(saxony.sample_weight[[0, 6, 12]], [3, 1343, 7])


def test_saxony_weights_in_the_frame():
    pytest.importorskip("pandas")
    saxony = load_saxony(as_frame=True)
    assert list(saxony.frame.columns) == ["males", "females", "sample_weight"]
    assert saxony.sample_weight.sum() == 6115


def test_beta_blockers_totals():
    trials = load_beta_blockers()
    assert trials.target_names == ["Control", "Treated"]
    np.testing.assert_array_equal(np.bincount(trials.target), [22, 22])
    np.testing.assert_array_equal(np.bincount(trials.center)[1:], np.full(22, 2))
    np.testing.assert_array_equal(trials.data[0], [3, 36])
    assert (trials.data >= 0).all()


def test_beta_blockers_center_in_the_frame():
    pytest.importorskip("pandas")
    trials = load_beta_blockers(as_frame=True)
    assert list(trials.frame.columns) == ["deaths", "survivors", "target", "center"]
