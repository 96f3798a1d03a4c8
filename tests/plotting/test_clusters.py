"""ClusterDisplay: the marginal, ellipses, regions, rows one by one and in cells."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from skem import GaussianMixtureEM
from skem.plotting import ClusterDisplay, _cells
from tests.plotting.cases import COVARIANCES, LINE, MEANS, ROWS, WEIGHTS, density, gaussian

each_type = pytest.mark.parametrize("covariance_type", COVARIANCES)
MANY, _ = gaussian().sample(6000, random_state=1)


def density_shares(points):
    """Return the posterior probabilities given the first two features only, by scipy."""
    joint = [
        weight * multivariate_normal(mean[:2], C[:2, :2]).pdf(points)
        for weight, mean, C in zip(WEIGHTS, MEANS, COVARIANCES["full"][1], strict=True)
    ]
    return np.transpose(joint / np.sum(joint, axis=0))


def show(X=ROWS, mixture=None, features=(0, 1), **kwargs):
    mixture = gaussian() if mixture is None else mixture
    return ClusterDisplay.from_estimator(mixture, X, features=features, **kwargs)


@each_type
@pytest.mark.parametrize("features", [(0, 1), (2, 0)])
def test_the_marginal_is_exact(covariance_type, features):
    display = show(mixture=gaussian(covariance_type), features=features)
    points = ROWS[:, features]
    expected = density(points, list(features), covariance_type)
    assert_allclose(np.exp(display.marginal.score_samples(points)), expected, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", ["tied", "diag"])
def test_the_covariances_are_those_of_the_fit_whatever_was_set_since(covariance_type):
    mixture = gaussian(covariance_type)
    mixture.covariance_type = {"tied": "diag", "diag": "tied"}[covariance_type]
    expected = COVARIANCES[covariance_type][1][:, :2, :2]
    assert_array_equal(show(mixture=mixture).marginal.covariances_, expected)


@each_type
def test_ellipses_are_at_their_mahalanobis_distance(covariance_type):
    display = show(mixture=gaussian(covariance_type), features=(2, 1), n_std=(0.5, 3.0))
    assert len(display.ellipses_) == 6
    inverses = np.linalg.inv(COVARIANCES[covariance_type][1][:, [2, 1]][:, :, [2, 1]])
    for k in range(3):
        for line, radius in zip(display.ellipses_[2 * k : 2 * k + 2], (0.5, 3.0), strict=True):
            z = line.get_xydata() - MEANS[k, [2, 1]]
            assert_allclose(np.einsum("ni,ij,nj->n", z, inverses[k], z), radius**2, rtol=1e-12)
            assert_allclose(z[0], z[-1], atol=1e-12)
            assert z[:, 0].min() < 0 < z[:, 0].max() and z[:, 1].min() < 0 < z[:, 1].max()


def test_regions_of_highest_density_have_their_probabilities():
    regions = (0.3, 0.8, 0.95)
    display = show(features=(0, 2), regions=regions)
    X, _ = gaussian().sample(100_000, random_state=5)
    log_density = np.log(density(X[:, [0, 2]], [0, 2]))
    levels = display.contours_.levels
    assert (np.diff(levels) > 0).all()
    inside = [(log_density >= level).mean() for level in levels[::-1]]
    assert_allclose(inside, regions, atol=0.015)  # three deviations of 10,000 draws


def test_contours_follow_the_density():
    display = show(features=(0, 2))
    contours = display.contours_
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        points = path.vertices
        assert len(points) > 50
        assert_allclose(np.log(density(points, [0, 2])), level, atol=0.02)


def test_a_tight_component_among_wide_ones_has_its_contour():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.5, 0.5], means=[[0.0, 0.0], [300.0, 300.0]], covariances=[1e4, 1e-4],
        covariance_type="spherical",
    )  # fmt: skip
    display = show(mixture.sample(50, random_state=0)[0], mixture, regions=0.9)
    (path,) = display.contours_.get_paths()
    rings = path.to_polygons(closed_only=False)
    assert sum(np.abs(ring - 300).max() < 0.1 for ring in rings) == 1


def test_rows_are_drawn_once_with_the_marker_of_their_component():
    display = show()
    labels = gaussian().predict(ROWS)
    assert [len(s.get_offsets()) for s in display.scatters_] == np.bincount(labels).tolist()
    for k, scatter in enumerate(display.scatters_):
        assert_array_equal(scatter.get_offsets(), ROWS[labels == k][:, :2])
    outlines = [scatter.get_paths()[0].vertices.tolist() for scatter in display.scatters_]
    assert len({str(outline) for outline in outlines}) == 3


def test_the_less_certain_a_row_the_larger_and_the_more_mixed():
    mixture = GaussianMixtureEM.from_parameters(
        weights=[0.5, 0.5], means=[[-2.0, 0.0], [2.0, 0.0]], covariances=np.eye(2),
        covariance_type="tied",
    )  # fmt: skip
    X = np.array([[-9.0, 0.0], [-1.0, 0.0], [-1e-9, 0.0], [9.0, 0.0]])
    left, right = show(X, mixture).scatters_
    certain, unsure, torn = left.get_sizes()
    assert certain < unsure < torn
    assert_allclose(torn, 5 * certain, rtol=1e-6)
    assert_allclose(right.get_sizes(), certain, rtol=1e-6)
    colors = left.get_facecolors()[:, :3]
    own, other = colors[0], right.get_facecolors()[0, :3]
    assert np.abs(own - other).max() > 0.3
    assert_allclose(colors[2], (own + other) / 2, atol=1e-6)


def test_areas_are_proportional_to_weights():
    X = np.repeat(ROWS[:1], 3, axis=0)
    areas = np.concatenate([s.get_sizes() for s in show(X, sample_weight=[1, 2, 0]).scatters_])
    assert len(areas) == 2
    assert_allclose(areas[1], 2 * areas[0])


def test_size_is_the_weight_or_the_doubt_but_never_both():
    weights = np.where(np.arange(len(ROWS)) % 2, 3.0, 1.0)
    for given, explained in ((weights, "area: weight"), (None, "large, mixed colour")):
        display = show(sample_weight=given)
        texts = " ".join(text.get_text() for text in display.ax_.get_legend().get_texts())
        assert explained in texts
        areas = np.concatenate([scatter.get_sizes() for scatter in display.scatters_])
        assert (len(set(areas.round(6))) == 2) == (given is not None)


def test_two_of_more_features_are_never_chosen_silently():
    with pytest.raises(ValueError, match=r"there are 3 features: set features .* PairsDisplay"):
        show(features=None)
    two = gaussian().fit(ROWS[:, :2])
    assert_array_equal(show(ROWS[:, :2], two, features=None).points, ROWS[:, :2])


def test_sixteen_components_are_told_apart():
    means = np.array([[i, j] for i in range(4) for j in range(4)], dtype=float)
    mixture = GaussianMixtureEM.from_parameters(
        weights=np.full(16, 1 / 16), means=means, covariances=np.full(16, 0.01),
        covariance_type="spherical",
    )  # fmt: skip
    display = show(mixture.sample(400, random_state=0)[0], mixture)
    lines = display.ax_.get_legend().get_lines()[:16]
    assert len({(line.get_marker(), str(line.get_linestyle())) for line in lines}) == 16
    colors = np.array([line.get_color()[:3] for line in lines])
    assert np.abs(np.diff(colors, axis=0)).max(axis=1).min() > 0.1
    display.figure_.canvas.draw()


def test_the_posterior_is_given_all_features():
    display = show()
    assert_allclose(display.posterior, gaussian().predict_proba(ROWS), rtol=1e-12)
    assert np.abs(display.posterior - display.marginal.predict_proba(ROWS[:, :2])).max() > 1e-3


def test_rows_that_lack_a_shown_feature_are_left_out():
    X = ROWS.copy()
    X[3, 0] = X[5, 1] = X[7, :] = np.nan
    display = show(X)
    assert_array_equal(display.points, np.delete(ROWS, [3, 5, 7], axis=0)[:, :2])
    X[:, 0] = np.nan
    with pytest.raises(ValueError, match="nothing to show"):
        show(X)


def test_rows_that_lack_another_feature_are_shown():
    X = ROWS.copy()
    X[::2, 2] = np.nan
    display = show(X)
    assert_array_equal(display.points, ROWS[:, :2])
    assert_allclose(display.posterior, gaussian().predict_proba(X), rtol=1e-12)
    few = ROWS[::2]
    given_two = density_shares(few[:, :2])
    assert_allclose(display.posterior[::2], given_two, rtol=1e-9, atol=1e-300)


# Many rows.


def test_many_rows_are_counted_in_cells():
    display = show(MANY)
    assert display.scatters_ == []
    assert display.points.shape == (0, 2)
    assert display.image_.get_array().shape == (_cells.N_CELLS, _cells.N_CELLS, 4)
    assert show(MANY[:5000]).cells is None
    assert show(MANY[:20], max_points=10).cells is not None


def test_the_legend_hides_no_cells():
    display = show(MANY)
    display.figure_.canvas.draw()
    assert display.ax_.get_legend().get_window_extent().x0 > display.ax_.bbox.x1


def test_cells_hold_the_weights_and_mean_posteriors_of_their_rows():
    weights = np.random.default_rng(0).integers(0, 4, len(MANY)).astype(float)
    totals, posterior, extent = show(
        MANY, features=(2, 1), sample_weight=weights, max_points=99
    ).cells
    present = weights > 0
    x, y = MANY[present][:, [2, 1]].T
    assert extent == (x.min(), x.max(), y.min(), y.max())
    shares = gaussian().predict_proba(MANY)[present]
    options = {"bins": _cells.N_CELLS, "range": [extent[2:], extent[:2]]}
    expected = np.histogram2d(y, x, weights=weights[present], **options)[0]
    assert_allclose(totals, expected)
    for k in range(3):
        sums = np.histogram2d(y, x, weights=weights[present] * shares[:, k], **options)[0]
        assert_allclose(totals * posterior[..., k], sums, atol=1e-9)


def test_empty_cells_are_transparent_and_fuller_ones_denser():
    display = show(MANY)
    totals = display.cells.totals.ravel()
    opacity = np.asarray(display.image_.get_array())[..., 3].ravel()
    assert (opacity[totals == 0] == 0).all()
    order = np.argsort(totals, kind="stable")
    assert (np.diff(opacity[order]) >= 0).all()
    assert 0.1 < opacity[totals > 0].min() < opacity.max() <= 1


def test_many_equal_rows():
    X = np.zeros((6000, 3))
    display = show(X)
    assert display.cells.totals.max() == 6000
    display.figure_.canvas.draw()


# Sizes, styles, errors.


@each_type
@pytest.mark.parametrize("n_components", [1, 2])
def test_ten_rows(covariance_type, n_components):
    mixture = gaussian(covariance_type, n_components)
    display = show(ROWS[:10], mixture)
    display.figure_.canvas.draw()
    assert sum(len(s.get_offsets()) for s in display.scatters_) == 10
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[0].startswith("component 0") and len(texts) == n_components + 2 + (
        n_components > 1
    )


def test_one_row():
    display = show(ROWS[:1])
    display.figure_.canvas.draw()
    assert_array_equal(display.points, ROWS[:1, :2])


def test_components_are_told_apart_without_colours():
    display = show()
    assert [label.get_text() for label in display.labels_] == ["0", "1", "2"]
    assert_allclose([label.get_position() for label in display.labels_], MEANS[:, :2])
    dashes = [line.get_linestyle() for line in display.ellipses_]
    assert dashes[0] == dashes[1] != dashes[2]
    assert len(set(dashes)) == 3
    greys = [line.get_color()[:3] @ np.array([0.3, 0.59, 0.11]) for line in display.ellipses_[::2]]
    assert np.abs(np.diff(greys)).min() > 0.1
    entries = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert entries[3:] == [
        "large, mixed colour:\nuncertain row",
        "ellipse: 1 and 2 standard\ndeviations of a component",
        "thin line: region with\n50, 90 and 99 % of the mixture",
    ]
    assert entries[:3] == [f"component {k} ({100 * w:.1f} %)" for k, w in enumerate(WEIGHTS)]


def test_styles_are_passed_on():
    display = show(
        cmap="cividis",
        n_std=2,
        regions=[],
        scatter_kwargs={"color": "red", "s": 3},
        ellipse_kwargs={"lw": 7, "c": "green"},
    )
    assert display.contours_ is None
    assert len(display.ellipses_) == 3
    assert {line.get_linewidth() for line in display.ellipses_} == {7}
    assert {line.get_color() for line in display.ellipses_} == {"green"}
    assert all((s.get_facecolors() == [1, 0, 0, 0.8]).all() for s in display.scatters_)
    assert all((s.get_sizes() == 3).all() for s in display.scatters_)
    crosses = show(scatter_kwargs={"marker": "x"}).scatters_  # without a warning
    assert len({str(s.get_paths()[0].vertices.tolist()) for s in crosses}) == 1
    contours = show(contour_kwargs={"cmap": "magma", "linewidths": 5}).contours_
    assert contours.get_cmap().name == "magma"
    assert set(contours.get_linewidths()) == {5}
    assert show(MANY, image_kwargs={"alpha": 0.5}).image_.get_alpha() == 0.5


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ((0, 0), "two different ones"),
        ((0, -3), "two different ones"),
        ((0,), "two indices or names"),
        ((0, 1, 2), "two indices or names"),
        ("ab", "two indices or names"),
        ((0, 3), "out of range"),
    ],
)
def test_features_that_make_no_plane(features, message):
    with pytest.raises(ValueError, match=message):
        show(features=features)


def test_one_feature_is_for_the_other_display():
    with pytest.raises(ValueError, match="there is one: use DensityDisplay"):
        show(LINE, GaussianMixtureEM(1).fit(LINE))


def test_float32():
    X = ROWS.astype(np.float32)
    mixture = GaussianMixtureEM(2, init_params="k-means++", random_state=0).fit(X)
    assert mixture.means_.dtype == np.float32
    display = show(X, mixture)
    display.figure_.canvas.draw()
    assert_array_equal(display.points, X[:, :2])


@each_type
def test_the_mixture_of_scikit_learn_will_do(covariance_type):
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(ROWS)
    display = show(mixture=mixture, features=(1, 2))
    precision = mixture.precisions_[0] if covariance_type == "full" else None
    if precision is not None:
        covariance = np.linalg.inv(precision)[1:, 1:]
        assert_allclose(display.marginal.covariances_[0], covariance, rtol=1e-8)
    z = mixture.sample(1000)[0]
    full = np.exp(mixture.score_samples(z)).mean()
    assert full > 0
    assert len(display.ellipses_) == 6


def test_far_from_the_origin():
    shift = 1e8
    moved = GaussianMixtureEM.from_parameters(
        weights=WEIGHTS, means=MEANS + shift, covariances=COVARIANCES["full"][0]
    )
    display = show(ROWS + shift, moved)
    for k in range(3):
        z = display.ellipses_[2 * k].get_xydata() - shift - MEANS[k, :2]
        normal = multivariate_normal([0, 0], COVARIANCES["full"][1][k][:2, :2])
        assert_allclose(normal.logpdf(z), normal.logpdf([0, 0]) - 0.5, atol=1e-6)
