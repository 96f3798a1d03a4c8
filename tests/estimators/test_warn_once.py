"""A search shows a warning once, and what is fitted by hand warns each time."""

import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from skem import BinomialMixture, GaussianMixtureEM
from skem.estimators import warn_once

COLLINEAR = np.random.default_rng(0).normal(size=(60, 1)) @ [[1.0, 2.0]]


@pytest.fixture(autouse=True)
def nothing_shown(monkeypatch):
    monkeypatch.setattr(warn_once, "_shown", set())


def shown(function, *filters):
    """Return how often each warning is shown, by its first words, under these filters."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("ignore", DeprecationWarning)  # scikit-learn hands on one at least
        for given in filters:
            warnings.simplefilter(given)
        function()
    return Counter(str(warning.message)[:40] for warning in caught)


def search():
    grid = {"n_components": [1, 2, 3]}
    GridSearchCV(GaussianMixtureEM(random_state=0), grid, cv=3).fit(COLLINEAR)


def test_search_shows_each_warning_once_and_that_of_its_choice():
    every, once = shown(search, "always"), shown(search)
    assert every.total() == 10
    assert set(once) == set(every)
    assert once.total() == len(once) + 1
    assert once["The fit cannot be trusted: the data are "] == 2  # of a fold, and of the choice


def test_cross_validation_shows_it_once():
    counts = np.random.default_rng(0).integers(0, 3, (30, 1))

    def cross_validate():
        cross_val_score(BinomialMixture(3, n_trials=2, random_state=0), counts, cv=3)

    every = shown(cross_validate, "always")
    assert max(every.values()) == 3
    assert set(shown(cross_validate).values()) == {1}


def test_fits_by_hand_warn_each_time():
    def fit():
        for _ in range(2):
            GaussianMixtureEM(2, random_state=0).fit(COLLINEAR)

    assert shown(fit).total() == 2


def test_filters_are_obeyed():
    assert not shown(search, "ignore")
    with pytest.raises(ValueError, match="All the 5 fits failed"):
        shown(lambda: cross_val_score(GaussianMixtureEM(2), COLLINEAR), "error")
