"""StatesDisplay and TransitionDisplay: probabilities over time, moves, dwell times."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem.datasets import load_earthquakes
from skem.plotting import StatesDisplay, TransitionDisplay
from tests.plotting.cases import CHAIN, ONE_FEATURE

X = load_earthquakes().data


def test_ribbons_are_as_high_as_the_probabilities():
    display = StatesDisplay.from_estimator(CHAIN, X)
    posterior = CHAIN.predict_proba(X)
    tops = posterior.cumsum(axis=1)
    for k, ribbon in enumerate(display.ribbons_):
        outline = ribbon.get_paths()[0].vertices
        for row in (0, 50, len(X) - 1):
            column = outline[np.isclose(outline[:, 0], row + 0.5), 1]
            assert np.isclose(column, tops[row, k]).any()
    assert_array_equal(display.line_.get_ydata(), np.ravel(X))
    assert (display.ax_.get_xticks() % 1 == 0).all()


def test_moves_and_dwell_times():
    display = TransitionDisplay.from_estimator(CHAIN)
    assert_array_equal(display.image_.get_array(), CHAIN.transmat_)
    numbers = [float(text.get_text()) for text in display.texts_]
    assert_allclose(numbers, CHAIN.transmat_.ravel(), rtol=0.06)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    dwell = [float(label.split("lasts ")[1].rstrip(")")) for label in labels]
    assert_allclose(dwell, CHAIN.expected_dwell_times_, rtol=0.01)


def test_a_state_that_is_never_left_lasts_for_ever():
    display = TransitionDisplay(transition_matrix=np.array([[1.0, 0.0], [0.5, 0.5]])).plot()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["0\n(lasts inf)", "1\n(lasts 2)"]


def test_a_mixture_has_no_chain():
    with pytest.raises(TypeError, match="takes a hidden Markov model; GaussianMixtureEM has no"):
        TransitionDisplay.from_estimator(ONE_FEATURE)
    with pytest.raises(TypeError, match="takes a hidden Markov model; GaussianMixtureEM has no"):
        StatesDisplay.from_estimator(ONE_FEATURE, X)
