"""StatesDisplay and TransitionDisplay: probabilities over time, moves, dwell times."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import PoissonHMM
from skem.datasets import load_earthquakes
from skem.plotting import StatesDisplay, TraceDisplay, TransitionDisplay
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


@pytest.mark.parametrize("given", ["groups", "lengths", "index"])
def test_sequences_are_parted(given):
    """Their states are those of sequences of their own, and no line leads from one to the next."""
    lengths = [40, 30, len(X) - 70]
    groups = np.repeat([5, 2, 5], lengths)
    frame = pd.DataFrame(X, index=pd.MultiIndex.from_arrays([groups, np.arange(len(X))]))
    rows = frame if given == "index" else X
    options = {"groups": {"groups": groups}, "lengths": {"lengths": lengths}, "index": {}}[given]
    display = StatesDisplay.from_estimator(CHAIN, rows, **options)
    assert_array_equal(display.posterior, CHAIN.predict_proba(X, lengths=lengths))
    assert np.abs(display.posterior - CHAIN.predict_proba(X)).max() > 0.01
    assert [border.get_xdata()[0] for border in display.borders_] == [39.5, 69.5]
    assert np.isnan(display.line_.get_xdata()).nonzero()[0].tolist() == [40, 71]
    with pytest.raises(ValueError, match="lengths sum to 50"):
        StatesDisplay.from_estimator(CHAIN, X, lengths=[50])


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


def test_the_trace_of_a_chain_shows_the_entropy_of_its_path():
    model = PoissonHMM(2, n_init=1, random_state=0, record_trace=True).fit(X)
    display = TraceDisplay.from_estimator(model, parts=True)
    assert_array_equal(display.lines_[0].get_ydata(), model.lower_bounds_)
    assert len(display.bands_) == 1
