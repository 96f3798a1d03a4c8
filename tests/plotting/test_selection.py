"""SelectionDisplay: what a search found, the lines, their errors, the chosen candidate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import BinomialMixture, GaussianMixtureEM
from skem.plotting import SelectionDisplay
from tests.plotting.cases import HEADS

X = np.random.default_rng(0).normal(size=(200, 3)) + np.repeat([[0.0], [6.0]], 100, axis=0)
FOLDS = KFold(3, shuffle=True, random_state=0)
MIXTURE = GaussianMixtureEM(init_params="k-means++", tol=1e-3, random_state=0)
GRID = {"n_components": [3, 1, 2], "covariance_type": ["diag", "full"]}


def search(grid, estimator=MIXTURE, rows=X, **kwargs):
    return GridSearchCV(estimator, grid, **{"cv": FOLDS, **kwargs}).fit(rows)


def neg_bic(mixture, X, y=None):
    return -mixture.bic(X)


BOTH = search(GRID)


def test_a_line_for_each_covariance_type():
    display = SelectionDisplay.from_estimator(BOTH)
    assert [line.get_label() for line in display.lines_] == ["diag", "full"]
    results = BOTH.cv_results_
    for line in display.lines_:
        assert_array_equal(line.get_xdata(), [1, 2, 3])
        for K, score in line.get_xydata():
            (i,) = (
                i
                for i, params in enumerate(results["params"])
                if params == {"n_components": K, "covariance_type": line.get_label()}
            )
            assert score == results["mean_test_score"][i]
    one, other = display.lines_
    assert one.get_linestyle() != other.get_linestyle()
    assert one.get_marker() != other.get_marker()


def test_bars_are_the_standard_error_of_the_mean_over_folds():
    display = SelectionDisplay.from_estimator(BOTH)
    folds = np.array([BOTH.cv_results_[f"split{f}_test_score"] for f in range(3)])
    expected = folds.std(axis=0, ddof=1) / np.sqrt(3)
    assert_allclose(display.standard_errors, expected, rtol=1e-10)
    for name, line, bars in zip(["diag", "full"], display.lines_, display.errorbars_, strict=True):
        (collection,) = bars.lines[2]
        ends = np.array([segment[:, 1] for segment in collection.get_segments()])
        assert_allclose(ends.mean(axis=1), line.get_ydata())
        mine = display.covariance_types == name
        order = np.argsort(display.n_components[mine])
        assert_allclose(np.ptp(ends, axis=1) / 2, expected[mine][order])


def test_the_chosen_candidate_is_marked():
    display = SelectionDisplay.from_estimator(BOTH)
    assert display.best_.get_xdata() == [BOTH.best_params_["n_components"]]
    assert display.best_.get_ydata() == [BOTH.best_score_]
    assert display.ax_.get_legend().get_texts()[-1].get_text() == "chosen"


def test_a_choice_by_rule_is_the_one_marked():
    first = search(GRID, refit=lambda results: 0)
    display = SelectionDisplay.from_estimator(first)
    assert display.best_.get_xydata().tolist() == [[3, first.cv_results_["mean_test_score"][0]]]
    assert np.argmax(display.scores) != display.best


def test_without_refit_the_best_is_marked():
    display = SelectionDisplay.from_estimator(search(GRID, refit=False))
    assert display.best_.get_ydata() == [BOTH.best_score_]


def test_bic_of_all_rows_negated_back():
    every = np.arange(len(X))
    found = search(GRID, cv=[(every, every)], scoring=neg_bic)
    display = SelectionDisplay.from_estimator(found, score_name="BIC")
    assert display.errorbars_ == [] and display.standard_errors is None
    assert display.ax_.get_ylabel() == "BIC (lower is better)"
    for line in display.lines_:
        mixture = clone(MIXTURE).set_params(covariance_type=line.get_label())
        fits = (mixture.set_params(n_components=K).fit(X) for K in (1, 2, 3))
        assert_allclose(line.get_ydata(), [fit.bic(X) for fit in fits])
    assert display.best_.get_ydata() == [display.scores.min()]
    assert display.best_.get_xdata() == [2]


@pytest.mark.parametrize(
    ("scoring", "kwargs", "sign", "label"),
    [
        (neg_bic, {}, -1, "BIC"),
        (neg_bic, {"negate_score": False}, 1, "neg_bic"),
        ({"neg_one": neg_bic}, {"metric": "neg_one"}, -1, "one"),
        (lambda mixture, X, y=None: -mixture.bic(X), {}, 1, "score"),
        (lambda mixture, X, y=None: -mixture.bic(X), {"negate_score": True}, -1, "score"),
    ],
)
def test_what_is_negated_and_how_it_is_called(scoring, kwargs, sign, label):
    found = search({"n_components": [1, 2]}, scoring=scoring, refit=False)
    metric = kwargs.get("metric", "score")
    display = SelectionDisplay.from_estimator(found, **kwargs)
    better = "lower" if sign < 0 else "higher"
    assert display.ax_.get_ylabel() == f"{label} ({better} is better)"
    assert_array_equal(display.scores, sign * found.cv_results_[f"mean_test_{metric}"])
    assert display.best == found.cv_results_[f"mean_test_{metric}"].argmax()


def test_several_metrics_and_a_choice_by_rule():
    def scoring(mixture, X, y=None):
        return {"score": mixture.score(X), "n": mixture.n_parameters_}

    found = search(GRID, scoring=scoring, refit=lambda results: 2)
    display = SelectionDisplay.from_estimator(found)
    assert display.ax_.get_ylabel() == "score (higher is better)"
    assert display.best_.get_ydata() == [found.cv_results_["mean_test_score"][2]]
    other = SelectionDisplay.from_estimator(found, metric="n")
    assert other.best_.get_ydata() == [found.cv_results_["mean_test_n"][2]]
    assert other.best_.get_ydata()[0] < other.scores.max()


def test_several_metrics():
    scoring = {"likelihood": "score", "bic": neg_bic}
    scoring["likelihood"] = lambda mixture, X, y=None: mixture.score(X)
    found = search(GRID, scoring=scoring, refit="bic")
    own = SelectionDisplay.from_estimator(found)
    assert own.ax_.get_ylabel() == "BIC (higher is better)"
    assert own.best_.get_ydata() == [found.best_score_]
    other = SelectionDisplay.from_estimator(found, metric="likelihood")
    assert_allclose(np.sort(other.scores), np.sort(BOTH.cv_results_["mean_test_score"]))
    i = found.best_index_  # the one that BIC chose, not the likeliest
    assert other.best_.get_ydata() == [found.cv_results_["mean_test_likelihood"][i]]
    assert other.best_.get_label() == "chosen"
    with pytest.raises(ValueError, match=r"no metric 'aic'; it has .*'likelihood', 'bic'"):
        SelectionDisplay.from_estimator(found, metric="aic")
    undecided = search(GRID, scoring=scoring, refit=False)
    with pytest.raises(ValueError, match=r"set metric to one of .*'likelihood', 'bic'"):
        SelectionDisplay.from_estimator(undecided)
    assert SelectionDisplay.from_estimator(undecided, metric="bic").best_.get_label() == "best"


def test_a_pipeline():
    found = search(
        {"gaussianmixtureem__n_components": [1, 2]}, make_pipeline(StandardScaler(), MIXTURE)
    )
    display = SelectionDisplay.from_estimator(found)
    (line,) = display.lines_
    assert_array_equal(line.get_ydata(), found.cv_results_["mean_test_score"])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["chosen"]


def test_two_steps_with_components():
    found = search(
        {"gaussianmixtureem__n_components": [1, 2], "pca__n_components": [1, 3]},
        make_pipeline(PCA(), MIXTURE),
    )
    with pytest.raises(ValueError, match=r"set prefix to one of .*'pca__'"):
        SelectionDisplay.from_estimator(found)
    display = SelectionDisplay.from_estimator(found, prefix="gaussianmixtureem__")
    scores = found.cv_results_["mean_test_score"].reshape(2, 2)
    assert_array_equal(display.lines_[0].get_ydata(), scores.max(axis=1))
    with pytest.raises(ValueError, match="did not try several svd__n_components, but"):
        SelectionDisplay.from_estimator(found, prefix="svd__")


def test_of_other_parameters_the_best_is_shown_but_the_chosen_in_any_case():
    grid = {"n_components": [1, 2], "init_params": ["random", "kmeans"]}
    starts = clone(MIXTURE).set_params(max_iter=0)
    found = search(grid, starts)
    scores = found.cv_results_["mean_test_score"].reshape(2, 2).T  # K by start
    display = SelectionDisplay.from_estimator(found)
    assert_array_equal(display.lines_[0].get_ydata(), scores.max(axis=1))
    candidates = found.cv_results_["params"]
    worse = candidates.index({"n_components": 2, "init_params": "random"})
    assert found.cv_results_["mean_test_score"][worse] < scores[1].max() - 0.1
    display = SelectionDisplay.from_estimator(search(grid, starts, refit=lambda _: worse))
    assert display.best_.get_xydata().tolist() == [[2, scores[1].min()]]
    assert_array_equal(display.lines_[0].get_ydata(), [scores[0].max(), scores[1].min()])


def test_a_grid_in_parts():
    found = search([{"n_components": [1, 2]}, {"covariance_type": ["tied"]}])
    display = SelectionDisplay.from_estimator(found)
    assert [line.get_label() for line in display.lines_] == ["full", "tied"]
    assert_array_equal(display.lines_[1].get_xdata(), [1])


def test_a_random_search():
    found = RandomizedSearchCV(MIXTURE, GRID, n_iter=4, cv=FOLDS, random_state=0).fit(X)
    display = SelectionDisplay.from_estimator(found)
    assert len(display.scores) == 4


@pytest.mark.filterwarnings("ignore")
def test_failed_fits_leave_a_gap():
    found = search({"n_components": [1, 2, 150]})
    display = SelectionDisplay.from_estimator(found)
    assert_array_equal(np.isnan(display.lines_[0].get_ydata()), [False, False, True])
    assert display.best_ is not None
    display.figure_.canvas.draw()


def test_binomials_have_one_line_without_a_name():
    mixture = BinomialMixture(n_trials=5, init_params="random", random_state=0)
    found = search({"n_components": [1, 2]}, mixture, HEADS)
    display = SelectionDisplay.from_estimator(found)
    assert len(display.lines_) == 1
    assert display.covariance_types is None
    assert display.ax_.get_ylabel() == "score (higher is better)"


def test_styles_are_passed_on():
    display = SelectionDisplay.from_estimator(BOTH, lw=5, cmap="cividis")
    assert {line.get_linewidth() for line in display.lines_} == {5}


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
def test_successive_halving_is_refused():
    found = HalvingGridSearchCV(MIXTURE, {"n_components": [1, 2]}, cv=2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="not a successive halving"):
        SelectionDisplay.from_estimator(found)


def test_what_is_not_a_search_over_components():
    with pytest.raises(TypeError, match="takes a search such as GridSearchCV, got Gaussian"):
        SelectionDisplay.from_estimator(GaussianMixtureEM(1).fit(X))
    with pytest.raises(ValueError, match=r"did not try several n_components, but \['reg_covar'\]"):
        SelectionDisplay.from_estimator(search({"reg_covar": [1e-6, 1e-3]}))


def far_apart(scores, **kwargs):
    n = np.arange(1, len(scores) + 1)
    return SelectionDisplay(n_components=n, scores=np.array(scores), **kwargs).plot()


def test_one_component_far_behind_does_not_press_the_others_together():
    display = far_apart([9000.0, 2310.0, 2300.0, 2305.0, 2320.0], best=2, lower_is_better=True)
    low, high = display.ax_.get_ylim()
    assert low < 2300 and 2320 < high < 2400
    assert display.note_.get_text() == "beyond the axis: K = 1"
    negated = far_apart([-9000.0, -2310.0, -2300.0, -2305.0, -2320.0], best=2)
    assert_allclose(negated.ax_.get_ylim(), [-high, -low])


def test_nothing_is_left_out_of_what_lies_together_or_is_chosen():
    assert far_apart([2340.0, 2310.0, 2300.0, 2305.0], best=2, lower_is_better=True).note_ is None
    chosen = far_apart([9000.0, 2310.0, 2300.0, 2305.0, 2320.0], best=0, lower_is_better=True)
    assert chosen.note_ is None
    assert chosen.ax_.get_ylim()[1] > 9000


def test_a_covariance_type_that_lies_beyond_is_named():
    scores = [9000.0, 2310.0, 2300.0, 2305.0, 9000.0, 8000.0]
    display = SelectionDisplay(
        n_components=np.array([1, 2, 3, 4, 2, 3]), scores=np.array(scores), best=2,
        covariance_types=np.array(["full"] * 4 + ["spherical"] * 2), lower_is_better=True,
    ).plot()  # fmt: skip
    assert display.note_.get_text() == "beyond the axis: full with K = 1; spherical"


def test_numbers_of_components_are_whole():
    display = far_apart([3.0, 2.0], best=1)
    assert (display.ax_.get_xticks() % 1 == 0).all()
