"""What every display keeps: scikit-learn's conventions, and clear errors."""

import inspect
import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skem.plotting
from skem import BinomialMixture, GaussianMixtureEM
from skem.plotting import ClusterDisplay, CountDisplay, DensityDisplay, TraceDisplay
from tests.plotting.cases import COINS, DISPLAYS, HEADS, LINE, ROWS, gaussian

each_display = pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS.keys())

#: Those that look inside the mixture.
INSIDE = {
    "clusters": lambda estimator: ClusterDisplay.from_estimator(estimator, ROWS, features=(0, 1)),
    "counts": lambda estimator: CountDisplay.from_estimator(estimator, HEADS),
    "density": lambda estimator: DensityDisplay.from_estimator(estimator, ROWS),
    "trace": TraceDisplay.from_estimator,
}
each_inside = pytest.mark.parametrize("draw", INSIDE.values(), ids=INSIDE.keys())


@each_display
def test_draws_on_new_axes_and_publishes_them(draw, plt):
    display = draw()
    assert display.figure_ is display.ax_.figure
    assert display.figure_.number in plt.get_fignums()
    assert display.ax_.has_data()
    assert display.ax_.get_xlabel() and display.ax_.get_ylabel()
    display.figure_.canvas.draw()


@each_display
def test_draws_on_given_axes(draw, plt):
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]


@each_display
def test_plot_draws_again_and_returns_the_display(draw):
    display = draw()
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first
    assert display.ax_.has_data()


@pytest.mark.parametrize("size", [(3, 2), (6.4, 4.8), (12, 9)])
@each_display
def test_the_legend_covers_no_data(draw, size, plt):
    """It is beside the axes, or above all that is drawn, however large they are."""
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    ax = draw(ax=ax).ax_
    figure.canvas.draw()
    if (legend := ax.get_legend()) is None:
        return
    box, top = legend.get_window_extent(), ax.transData.transform((0, ax.dataLim.y1))[1]
    assert box.x0 >= ax.bbox.x1 or box.y0 >= top


@each_display
def test_the_constructor_stores_its_arguments(draw):
    display = draw()
    names = list(inspect.signature(type(display)).parameters)
    assert names
    stored = {name: getattr(display, name) for name in names}
    again = type(display)(**stored)
    assert all(getattr(again, name) is stored[name] for name in names)
    assert not hasattr(again, "ax_")
    assert again.plot().ax_.has_data()


@each_display
def test_without_matplotlib_it_says_what_to_install(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_estimator.* pip install \"scikit-em\[plot\]\"$"):
        draw()


@each_display
def test_plot_without_matplotlib_says_what_to_install(draw, monkeypatch):
    display = draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"\.plot.* pip install \"scikit-em\[plot\]\"$"):
        display.plot()


def test_all_displays_are_public_and_tested():
    single = {type(draw()).__name__ for draw in DISPLAYS.values()}
    assert single | {"PairsDisplay"} == set(skem.plotting.__all__)


def shown(display):
    """Return what a display draws, as numbers."""
    return np.concatenate([line.get_xydata() for line in display.ax_.get_lines()])


@pytest.mark.parametrize("name", ["clusters", "density", "trace"])
def test_the_mixture_in_a_pipeline_or_a_search_is_found(name):
    scaler = StandardScaler().fit(ROWS)
    grid = {"gaussianmixtureem__n_components": [2]}
    pipe = make_pipeline(scaler, GaussianMixtureEM(init_params="k-means++", random_state=0))
    search = GridSearchCV(pipe, grid, cv=2).fit(ROWS)
    display = {"clusters": ClusterDisplay, "density": DensityDisplay, "trace": TraceDisplay}[name]
    options = {"features": (0, 2)} if name == "clusters" else {}
    best = search.best_estimator_
    wrapped, bare = [
        (each,) if name == "trace" else (each, X)
        for each, X in ((search, ROWS), (best[-1], best[0].transform(ROWS)))
    ]
    expected = shown(display.from_estimator(*bare, **options))
    np.testing.assert_array_equal(shown(display.from_estimator(*wrapped, **options)), expected)


@each_inside
def test_a_search_without_a_mixture_is_refused(draw):
    unfitted = GridSearchCV(GaussianMixtureEM(), {"n_components": [1]}, refit=False).fit(ROWS)
    with pytest.raises(
        TypeError, match="no best_estimator_, because it was made with refit=False"
    ):
        draw(unfitted)


@each_inside
def test_an_unfitted_estimator_is_refused(draw):
    with pytest.raises(NotFittedError):
        draw(GaussianMixtureEM())


@pytest.mark.parametrize(
    ("name", "estimator", "message"),
    [
        ("clusters", COINS, "takes a Gaussian mixture; BinomialMixture has no means_"),
        ("density", COINS, "takes a Gaussian mixture; BinomialMixture has no means_"),
        ("counts", gaussian(), "takes a mixture of counts; GaussianMixtureEM has no prob"),
        ("trace", gaussian(), "mixture that was fitted; GaussianMixtureEM has no lower_bounds_"),
        ("clusters", "mixture", "not an estimator"),
    ],
)
def test_another_estimator_is_refused(name, estimator, message):
    with pytest.raises(TypeError, match=message):
        INSIDE[name](estimator)


@pytest.mark.parametrize(
    ("name", "X", "k"),
    [("clusters", ROWS, 1), ("density", ROWS, 1), ("counts", HEADS, 0)],
)
def test_x_is_checked(name, X, k):
    estimator = COINS if name == "counts" else gaussian()
    display = {"clusters": ClusterDisplay, "density": DensityDisplay, "counts": CountDisplay}[name]
    options = {"features": (0, 1)} if name == "clusters" else {}
    with pytest.raises(ValueError, match=r"features as input|features, but"):
        display.from_estimator(estimator, np.hstack([X, X]), **options)
    infinite = X.copy()
    infinite[3, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        display.from_estimator(estimator, infinite, **options)


@pytest.mark.parametrize("name", ["clusters", "counts", "density", "responsibilities"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[:-1], "inconsistent numbers of samples"),
        (lambda w: -w, "sample_weight must hold one non-negative number"),
        (lambda w: w[:, None], "sample_weight must hold one non-negative number"),
        (lambda w: w * np.nan, "sample_weight contains NaN"),
        (lambda w: 0 * w, "nothing to show"),
    ],
    ids=["short", "negative", "two-dimensional", "NaN", "zero"],
)
def test_sample_weight_is_checked(name, change, message):
    n = len(HEADS) if name in ("counts", "responsibilities") else len(ROWS)
    with pytest.raises(ValueError, match=message):
        DISPLAYS[name](sample_weight=change(np.ones(n)))


def test_features_are_found_by_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(LINE, columns=["length"]).assign(width=LINE**2)
    mixture = GaussianMixtureEM(1).fit(frame)
    display = ClusterDisplay.from_estimator(mixture, frame, features=("width", "length"))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("width", "length")
    np.testing.assert_array_equal(display.points, frame[["width", "length"]])
    density = DensityDisplay.from_estimator(mixture, frame, feature="width")
    assert density.ax_.get_xlabel() == "width"
    assert density.marginal.means_[0, 0] == mixture.means_[0, 1]
    for wrong in ("depth", ""):
        with pytest.raises(
            ValueError, match=f"no feature has the name '{wrong}'; .*length, width"
        ):
            DensityDisplay.from_estimator(mixture, frame, feature=wrong)
    with pytest.raises(ValueError, match=r"[Ff]eature names"):
        DensityDisplay.from_estimator(mixture, frame.rename(columns={"width": "depth"}))


def test_columns_of_counts_are_found_by_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"a": [1, 2, 3], "b": [4, 4, 0], "not a": [2, 1, 0], "not b": [1, 1, 5]}
    )
    mixture = BinomialMixture(1).fit(frame)
    display = CountDisplay.from_estimator(mixture, frame, column="b")
    assert display.ax_.get_xlabel() == "b (of 5 trials)"
    np.testing.assert_array_equal(display.observed, [1, 0, 0, 0, 2, 0])
    with pytest.raises(ValueError, match="no feature has the name 'not b'; there are a, b"):
        CountDisplay.from_estimator(mixture, frame, column="not b")


def test_no_warning_where_rows_have_names(recwarn):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(LINE, columns=["length"]).assign(width=LINE**2)
    mixture = GaussianMixtureEM(1).fit(frame)
    ClusterDisplay.from_estimator(mixture, frame).figure_.canvas.draw()
    assert not [str(warning.message) for warning in recwarn]
    assert list(mixture.feature_names_in_) == ["length", "width"]


@pytest.mark.parametrize(
    ("feature", "error", "message"),
    [
        (3, ValueError, "feature 3 is out of range: there are 3"),
        (-4, ValueError, "out of range"),
        ("x", ValueError, "was fitted without feature names"),
        (1.0, TypeError, "by its index or its name, not by 1.0"),
        (True, TypeError, "not by True"),
    ],
)
def test_features_that_do_not_exist(feature, error, message):
    with pytest.raises(error, match=message):
        DensityDisplay.from_estimator(gaussian(), ROWS, feature=feature)


def test_an_index_may_count_from_the_end():
    display = DensityDisplay.from_estimator(gaussian(), ROWS, feature=-1)
    assert display.ax_.get_xlabel() == "feature 2"


def test_an_unfitted_search_is_refused():
    with pytest.raises(NotFittedError):
        skem.plotting.SelectionDisplay.from_estimator(GridSearchCV(GaussianMixtureEM(), {}))
