"""The splitter that holds nothing out."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, check_cv

from skem import GaussianMixtureEM
from skem.model_selection import WholeSample


@pytest.mark.parametrize("X", [np.zeros((7, 2)), [[0.0]] * 7], ids=["array", "list"])
def test_every_row_is_trained_on_and_tested(X):
    splits = list(WholeSample().split(X))
    assert len(splits) == WholeSample().get_n_splits(X) == 1
    train, test = splits[0]
    assert_array_equal(train, np.arange(7))
    assert_array_equal(test, np.arange(7))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_split(library):
    frame = pytest.importorskip(library).DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 0.0, 1.0]})
    ((train, _),) = WholeSample().split(frame)
    assert_array_equal(train, [0, 1, 2])


def test_it_is_a_splitter_like_others():
    assert repr(WholeSample()) == "WholeSample()"
    assert repr(pickle.loads(pickle.dumps(WholeSample()))) == "WholeSample()"
    splitter = WholeSample()
    assert check_cv(splitter) is splitter
    search = clone(GridSearchCV(GaussianMixtureEM(), {"n_components": [1]}, cv=splitter))
    assert isinstance(search.cv, WholeSample)


def test_one_half_of_a_split_can_be_changed_alone():
    ((train, test),) = WholeSample().split(np.zeros((3, 1)))
    train[0] = 2
    assert_array_equal(test, [0, 1, 2])
