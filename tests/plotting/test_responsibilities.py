"""ResponsibilitiesDisplay: order, averages, widths."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import GaussianMixtureEM
from skem.plotting import ResponsibilitiesDisplay
from tests.plotting.cases import LINE, ROWS, gaussian

POSTERIOR = gaussian().predict_proba(ROWS)


def show(X=ROWS, **kwargs):
    return ResponsibilitiesDisplay.from_estimator(gaussian(), X, **kwargs)


def test_every_row_is_there_in_order():
    display = show()
    shown = display.responsibilities
    assert_array_equal(np.sort(shown, axis=0), np.sort(POSTERIOR, axis=0))
    assert_allclose(shown.sum(axis=1), 1)
    labels, certainty = shown.argmax(axis=1), shown.max(axis=1)
    assert (np.diff(labels) >= 0).all()
    for k in range(3):
        assert (np.diff(certainty[labels == k]) <= 0).all()
    assert (np.diff(gaussian().predict(ROWS)) < 0).any() or (np.diff(POSTERIOR.max(1)) > 0).any()
    assert_array_equal(display.edges, np.arange(len(ROWS) + 1))
    assert_array_equal(display.mesh_.get_array(), shown.T)


@pytest.mark.parametrize("max_cells", [1, 7, 64, 199])
def test_averages_keep_the_totals(max_cells):
    weights = np.random.default_rng(0).integers(0, 5, len(ROWS)).astype(float)
    display = show(max_cells=max_cells, sample_weight=weights)
    assert len(display.responsibilities) == min(max_cells, (weights > 0).sum())
    assert_allclose(display.edges[[0, -1]], [0, weights.sum()])
    assert_allclose(np.diff(display.edges) @ display.responsibilities, weights @ POSTERIOR)
    assert_allclose(display.responsibilities.sum(axis=1), 1)


def test_averages_are_of_neighbours():
    all_rows, averaged = show().responsibilities, show(max_cells=50).responsibilities
    assert_allclose(averaged, all_rows.reshape(50, 4, 3).mean(axis=1))


def test_a_row_is_as_wide_as_its_weight_and_absent_without():
    weights = np.arange(10.0)
    display = show(ROWS[:10], sample_weight=weights)
    assert_array_equal(np.sort(np.diff(display.edges)), np.arange(1.0, 10.0))
    apart = np.abs(display.responsibilities[:, None] - POSTERIOR[:10]).sum(axis=-1)
    assert_array_equal(weights[apart.argmin(axis=1)], np.diff(display.edges))


def test_one_component_and_ten_rows():
    mixture = GaussianMixtureEM(1).fit(LINE)
    display = ResponsibilitiesDisplay.from_estimator(mixture, LINE)
    display.figure_.canvas.draw()
    assert_array_equal(display.responsibilities, np.ones((10, 1)))


def test_a_pipeline_will_do():
    mixture = GaussianMixtureEM(2, init_params="k-means++", random_state=0)
    pipeline = make_pipeline(StandardScaler(), mixture).fit(ROWS)
    display = ResponsibilitiesDisplay.from_estimator(pipeline, ROWS)
    expected = pipeline.predict_proba(ROWS)
    assert_array_equal(np.sort(display.responsibilities, axis=0), np.sort(expected, axis=0))


def test_what_has_no_posterior_is_refused():
    with pytest.raises(TypeError, match="takes an estimator with predict_proba, got Standard"):
        ResponsibilitiesDisplay.from_estimator(StandardScaler(), ROWS)


def test_styles_are_passed_on():
    display = show(cmap="cividis", colorbar=False, alpha=0.5)
    assert display.mesh_.get_cmap().name == "cividis"
    assert display.mesh_.get_alpha() == 0.5
    assert display.colorbar_ is None
    assert display.figure_.axes == [display.ax_]
    assert show().colorbar_.vmax == 1
