"""DensityDisplay: the marginal density, its components, the histogram."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from scipy.stats import norm

from skem import GaussianMixtureEM
from skem.plotting import DensityDisplay
from tests.plotting.cases import COVARIANCES, MEANS, ROWS, WEIGHTS, gaussian

each_type = pytest.mark.parametrize("covariance_type", COVARIANCES)
each_feature = pytest.mark.parametrize("feature", [0, 1, 2])


def show(X=ROWS, mixture=None, **kwargs):
    return DensityDisplay.from_estimator(gaussian() if mixture is None else mixture, X, **kwargs)


@each_type
@each_feature
def test_the_density_and_its_components(covariance_type, feature):
    display = show(mixture=gaussian(covariance_type), feature=feature)
    covariances = COVARIANCES[covariance_type][1]
    x = display.line_.get_xdata()
    parts = [
        weight * norm.pdf(x, mean[feature], np.sqrt(C[feature, feature]))
        for weight, mean, C in zip(WEIGHTS, MEANS, covariances, strict=True)
    ]
    assert_allclose(display.line_.get_ydata(), np.sum(parts, axis=0), rtol=1e-10)
    assert len(display.component_lines_) == 3
    for line, part in zip(display.component_lines_, parts, strict=True):
        assert_allclose(line.get_ydata(), part, rtol=1e-9, atol=1e-300)


@each_type
@each_feature
def test_the_density_integrates_to_one(covariance_type, feature):
    line = show(mixture=gaussian(covariance_type), feature=feature).line_
    # What lies beyond three deviations of every component is not drawn.
    assert_allclose(trapezoid(line.get_ydata(), line.get_xdata()), 1, atol=4e-3)


def test_the_marginal_is_the_joint_density_integrated_over_the_other_features():
    mixture = gaussian()
    line = show(mixture=mixture, feature=0).line_
    y, z = np.linspace(-20, 20, 401), np.linspace(-10, 20, 301)
    for i in (100, 150, 250):
        mesh = np.stack(np.meshgrid(line.get_xdata()[i], y, z), axis=-1).reshape(-1, 3)
        joint = np.exp(mixture.score_samples(mesh)).reshape(len(y), len(z))
        assert_allclose(line.get_ydata()[i], trapezoid(trapezoid(joint, z), y), rtol=1e-9)


def test_a_spike_is_not_missed():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.9, 0.1], means=[[0.0], [np.pi]], covariances=[1e4, 1e-8],
        covariance_type="spherical",
    )  # fmt: skip
    line = show(mixture.sample(50, random_state=0)[0], mixture).line_
    assert line.get_ydata().max() > 0.99 * 0.1 * norm.pdf(0, scale=1e-4)
    assert_allclose(trapezoid(line.get_ydata(), line.get_xdata()), 1, atol=1e-2)


# The histogram.


def test_the_histogram_is_a_density_of_the_rows():
    display = show(feature=2, bins=7)
    heights, edges = np.histogram(ROWS[:, 2], 7, density=True)
    assert_allclose(display.heights, heights)
    assert_allclose(display.edges, edges)
    assert_array_equal(display.histogram_.get_data().values, display.heights)


@pytest.mark.parametrize(("n", "n_bins"), [(10, 5), (272, 13), (1000, 20), (10**6, 200)])
def test_the_number_of_bins_grows_with_the_rows_and_stops(n, n_bins):
    assert len(show(np.resize(ROWS, (n, 3))).heights) == n_bins


def test_bins_that_do_not_cover_all_rows_keep_the_scale():
    edges = [0.0, 1.0, 2.0]
    display = show(bins=edges)
    inside = np.histogram(ROWS[:, 0], edges)[0]
    assert 0 < inside.sum() < len(ROWS)
    assert_allclose(display.heights, inside / len(ROWS))


def test_integer_weights_are_repeated_rows_and_zero_is_none():
    weights = np.random.default_rng(0).integers(0, 4, len(ROWS))
    weighted = show(sample_weight=weights)
    repeated = show(np.repeat(ROWS, weights, axis=0))
    assert_allclose(weighted.heights, repeated.heights)
    assert_allclose(weighted.edges, repeated.edges)
    assert np.abs(weighted.edges[:2] - show().edges[:2]).max() > 1e-3


def test_rows_that_lack_the_feature_are_left_out():
    X = ROWS.copy()
    X[::3, 1] = X[::4, 0] = np.nan
    display, expected = show(X, feature=1), show(np.delete(ROWS, np.s_[::3], axis=0), feature=1)
    assert_array_equal(display.heights, expected.heights)


def test_the_line_covers_rows_and_components():
    X = np.vstack([ROWS, [[50.0, 0.0, 0.0]]])
    x = show(X).line_.get_xdata()
    assert x[-1] == 50
    assert x[0] <= min(ROWS[:, 0].min(), MEANS[2, 0] - 3 * np.sqrt(0.3))


# Sizes and styles.


@each_type
@pytest.mark.parametrize("n_components", [1, 2])
def test_ten_rows(covariance_type, n_components):
    display = show(ROWS[:10], gaussian(covariance_type, n_components))
    display.figure_.canvas.draw()
    assert len(display.component_lines_) == (0 if n_components == 1 else 2)
    assert_allclose(display.heights @ np.diff(display.edges), 1)


def test_one_feature_and_constant_rows():
    mixture = GaussianMixtureEM.from_parameters(weights=[1], means=[[2]], covariances=[[[1]]])
    display = show(np.full((20, 1), 2.0), mixture)
    display.figure_.canvas.draw()
    assert_allclose(display.heights @ np.diff(display.edges), 1)


def test_lines_are_told_apart_without_colours():
    display = show()
    dashes = [line.get_linestyle() for line in (display.line_, *display.component_lines_)]
    assert len(set(dashes)) == 4
    assert len(display.ax_.get_legend().get_texts()) == 5


def test_styles_are_passed_on():
    display = show(
        cmap="magma",
        histogram_kwargs={"fc": "red"},
        line_kwargs={"lw": 9},
        component_kwargs={"alpha": 0.3},
    )
    assert display.histogram_.get_facecolor() == (1, 0, 0, 1)
    assert display.line_.get_linewidth() == 9
    assert {line.get_alpha() for line in display.component_lines_} == {0.3}
    colors = [line.get_color() for line in display.component_lines_]
    assert colors != [line.get_color() for line in show().component_lines_]


def test_a_narrow_component_does_not_press_the_others_flat():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.98, 0.02], means=[[0.0], [1.0]], covariances=[1.0, 1e-10],
        covariance_type="spherical",
    )  # fmt: skip
    X = mixture.sample(500, random_state=0)[0]
    display = DensityDisplay.from_estimator(mixture, X)
    assert display.ax_.get_ylim()[1] < 4 * display.heights.max()
    assert display.note_.get_text() == f"cut off: the density goes up to {797.9 + 0.2:.3g}"


def test_a_skewed_column_on_a_logarithmic_axis():
    X = np.exp(np.random.default_rng(0).normal(0, 2, (400, 1)))
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    display = DensityDisplay.from_estimator(mixture, X, log=True)
    assert display.ax_.get_xscale() == "log"
    assert_allclose(
        np.diff(np.log(display.edges)), np.log(X.max() / X.min()) / len(display.heights)
    )
    assert_allclose((display.heights * np.diff(display.edges)).sum(), 1)
    assert (display.heights > 0).mean() > 0.9
    with pytest.raises(ValueError, match=r"log=True needs positive values, but feature 0 has -1"):
        DensityDisplay.from_estimator(mixture, np.vstack([X, [[-1.0]]]), log=True)


@pytest.mark.parametrize("low, step, n_rows", [(1, 1, 400), (0.3, 0.1, 400), (40, 1, 300)])
def test_bins_of_rounded_values_hold_equally_many_steps(low, step, n_rows):
    """Bins of any other width would hold one value here and two there, or none."""
    n_values = 5 if step == 1 and low == 1 else 50
    X = low + step * np.arange(n_rows)[:, np.newaxis] % (step * n_values)
    display = DensityDisplay.from_estimator(GaussianMixtureEM(1).fit(X), X)
    widths = np.diff(display.edges) / step
    assert_allclose(widths, widths[0].round())
    assert_allclose((display.edges[0] - low) / step, -0.5, atol=1e-6)
    assert (display.heights > 0).all()
    assert_allclose(display.heights @ np.diff(display.edges), 1)


def test_values_between_steps_have_the_usual_bins():
    X = np.append(np.arange(300) % 5, 2.3)[:, np.newaxis]
    display = DensityDisplay.from_estimator(GaussianMixtureEM(1).fit(X), X)
    assert len(display.heights) == np.ceil(2 * np.cbrt(301))
