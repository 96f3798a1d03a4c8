"""PairsDisplay: a panel for each pair, the diagonal, one legend."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skem.plotting import PairsDisplay
from tests.plotting.cases import MEANS, ROWS, gaussian


def test_each_panel_shows_its_pair(plt):
    display = PairsDisplay.from_estimator(gaussian(), ROWS)
    assert display.axes_.shape == (3, 3)
    assert set(display.clusters) == {(1, 0), (2, 0), (2, 1)}
    for (i, j), panel in display.clusters.items():
        assert panel.ax_ is display.axes_[i, j]
        assert_array_equal(panel.points, ROWS[:, [j, i]])
        assert_array_equal(panel.marginal.means_, MEANS[:, [j, i]])
    for j, density in enumerate(display.densities):
        assert density.ax_ is display.axes_[j, j]
        assert_array_equal(density.marginal.means_, MEANS[:, [j]])
    assert plt.get_fignums() == [display.figure_.number]
    display.figure_.canvas.draw()


def test_one_legend_where_nothing_is_drawn():
    display = PairsDisplay.from_estimator(gaussian(), ROWS)
    legends = [ax.get_legend() is not None for ax in display.axes_.ravel()]
    assert np.flatnonzero(legends).tolist() == [2]  # the upper right corner
    assert not display.axes_[0, 2].has_data()


def test_chosen_features_and_a_given_figure(plt):
    figure = plt.figure()
    display = PairsDisplay.from_estimator(gaussian(), ROWS, features=(2, 0), figure=figure)
    assert display.figure_ is figure
    assert display.axes_.shape == (2, 2)
    assert_array_equal(display.clusters[1, 0].points, ROWS[:, [2, 0]])


@pytest.mark.parametrize("features", [(0,), (0, 0), (0, -3, 1), "ab"])
def test_features_that_make_no_pairs(features):
    with pytest.raises(ValueError, match=r"different features, got|must be a list"):
        PairsDisplay.from_estimator(gaussian(), ROWS, features=features)
