"""Data that no mixture can be fitted to without more ado: a fit in good order, or one clear error.

What is said of each situation is what the guide's page on degenerate data says.
"""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful
from skem.families.covariance import STRUCTURES

FAITHFUL = load_old_faithful().data
FEW = FAITHFUL[::3]  # 91 rows
structures = pytest.mark.parametrize("covariance_type", STRUCTURES)

FAILED = re.compile(
    r"No start led .* starts failed; the last: (component \d+|all components): "
    r"its (covariance is singular|variance along feature \d is).*Try to .*increase reg_covar"
)
ADVICE = "Decrease n_components"


def outcome(mixture, X, **told):
    """Fit, and return the fitted mixture, or None, and what was said.

    Whatever becomes of it, there are no warnings but of the line that called
    fit, and no NaN.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            fitted = mixture.fit(X, **told)
        except ValueError as error:
            assert not hasattr(mixture, "weights_")
            assert not said or said[0].category is ConvergenceWarning
            return None, str(error)
    for warning in said:
        assert issubclass(warning.category, UserWarning), warning.message
        assert warning.filename == __file__
    assert_sound(fitted, X)
    return fitted, " ".join(str(warning.message) for warning in said)


def assert_sound(mixture, X):
    """All that is published is finite and in its range."""
    for name, value in vars(mixture).items():
        if name.endswith("_") and isinstance(value, np.ndarray | float):
            assert np.isfinite(value).all(), name
    K = len(mixture.weights_)
    assert mixture.weights_.min() >= 0 and mixture.weights_.sum() == pytest.approx(1)
    assert set(mixture.labels_) <= set(range(K))
    assert np.isfinite(mixture.lower_bounds_).all()
    assert (np.diff(mixture.lower_bounds_) >= 0).all()
    shares = mixture.predict_proba(X)
    assert np.isfinite(shares).all()
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-10)
    assert np.isfinite(mixture.score_samples(X)).all()
    if hasattr(mixture, "covariances_"):
        structure = STRUCTURES[mixture.covariance_type]
        full = structure.expand(mixture.covariances_, *mixture.means_.shape)
        assert np.linalg.eigvalsh(full).min() > -1e-12 * np.abs(full).max()


# Gaussian components. For each situation: X, K, and the structures for which a variance is zero.

OWN = ("full", "diag", "spherical")
ALL = tuple(STRUCTURES)
SITUATIONS = {
    "one distinct row": (np.repeat(FEW[:1], 20, axis=0), 2, ALL),
    "one distinct row, K = 1": (np.repeat(FEW[:1], 20, axis=0), 1, ALL),
    "fewer distinct rows than K": (np.repeat(FEW[:2], 20, axis=0), 3, ALL),
    "as many distinct rows as K": (np.repeat(FEW[:3], 20, axis=0), 3, ALL),
    "as many rows as K": (FEW[:4], 4, ALL),
    "a constant column": (np.column_stack([FEW, np.full(91, 7.0)]), 2, ("full", "tied", "diag")),
    "correlated columns": (np.column_stack([FEW, 2 * FEW[:, 0] + 1]), 2, ("full", "tied")),
    "fewer rows than columns": (
        np.random.default_rng(0).standard_normal((9, 10)),
        1,
        ("full", "tied"),
    ),
    "one far row": (np.vstack([FEW, [[1e4, 1e4]]]), 2, OWN),
}
situations = pytest.mark.parametrize("name", SITUATIONS)


@situations
@structures
@pytest.mark.parametrize("init_params", ["short-runs", "random_from_data"])
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
def test_flat_components(name, covariance_type, init_params, reg_covar):
    """With a ridge there is a fit that says so; without, an error names one."""
    X, K, flat = SITUATIONS[name]
    mixture = GaussianMixtureEM(
        K,
        covariance_type=covariance_type,
        reg_covar=reg_covar,
        init_params=init_params,
        n_init=1 if init_params == "short-runs" else 3,
        random_state=0,
    )
    fitted, said = outcome(mixture, X)
    if covariance_type not in flat:
        assert fitted is not None and fitted.converged_
        constant = "constant" in name  # no one variance is flat, but it is not that column's
        assert list(fitted.doubts_) == ["data"] * constant and bool(said) == constant
    elif reg_covar == 0:
        assert fitted is None
        assert FAILED.search(said)
    else:
        (word,) = set(fitted.doubts_) - {"empty"}
        assert word in ("flat", "few rows", "data")
        assert f"The fit cannot be trusted: {fitted.doubts_[word]}" in said


@pytest.mark.parametrize("name", SITUATIONS)
@structures
def test_default_says_the_same(name, covariance_type):
    X, K, flat = SITUATIONS[name]
    options = {"covariance_type": covariance_type, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(K, **options), X)
    assert bool(fitted.doubts_) == (covariance_type in flat or "constant" in name)
    assert said.count("The fit cannot be trusted") == bool(fitted.doubts_)


#: What is wrong with a fit, by word, and the words that name the cause and the remedy.
CAUSES = {
    "constant": (
        np.column_stack([FEW, np.full(91, 7.0)]),
        {},
        ("data", "column 2 is constant. Leave it out"),
    ),
    "constant, and few rows": (
        np.column_stack([FEW[:9, 0], np.full(9, 7.0), FEW[:9, 1], np.zeros(9)]),
        {"n_components": 4},
        (
            "data, few rows",
            r"columns 1 and 3 are constant. Leave them out\..* covariance needs\.$",
        ),
    ),
    "collinear": (
        np.column_stack([FEW, 2 * FEW[:, 0] + 1]),
        {},
        ("data", "columns 0 and 2 are collinear. .*covariance_type='diag'"),
    ),
    "few rows": (
        FEW[:9],
        {"n_components": 4},
        ("few rows", "fewer rows than .*'tied' or prior='conjugate', or decrease n_components"),
    ),
    "columns": (
        np.random.default_rng(0).standard_normal((9, 10)),
        {"n_components": 1},
        ("data", "rows are too few, .*prior='conjugate'"),
    ),
    "units": (FEW * 1e-4, {"reg_covar": 1e-6}, ("data", "reg_covar=1e-06 is large .*'scale'")),
    "rounding": (
        FEW.round(),
        {"reg_covar": 1e-6},
        ("flat", "column 0 are rounded, to steps of 1. .*'scale'"),
    ),
    "levels": (
        np.column_stack([np.repeat([5.0, 50.0, 500.0], 30), FEW[:90, 0]]),
        {"n_components": 3},
        ("flat", "column 0, which has only 3 distinct values. Leave it out"),
    ),
    "zeros": (
        np.where(np.arange(91) % 2, np.exp(np.random.default_rng(0).normal(size=91)), 0.0)[
            :, None
        ],
        {"init_params": np.arange(91) % 2},  # the default start finds an optimum that is sound
        ("flat", "its rows hardly differ in column 0. .*prior='conjugate'"),
    ),
}
PRIOR, DIAGONAL, ONE = {"prior": "conjugate"}, {"covariance_type": "diag"}, {"n_components": 1}
OF_FEW_ROWS = [{"covariance_type": "tied"}, PRIOR, ONE]
#: All that is advised, each by itself: the columns that stay, and what is set.
REMEDIES = {
    "constant": [([0, 1], {})],
    "constant, and few rows": [([0, 2], better) for better in OF_FEW_ROWS],
    "collinear": [([0, 1], {}), ([1, 2], {}), (slice(None), DIAGONAL)],
    "few rows": [(slice(None), better) for better in OF_FEW_ROWS],
    "columns": [(slice(None), DIAGONAL), (slice(None), PRIOR), (slice(4), {})],
    "units": [(slice(None), {"reg_covar": "scale"})],
    "rounding": [(slice(None), {"reg_covar": "scale"})],
    "levels": [([1], {"n_components": 2}), (slice(None), PRIOR), (slice(None), ONE)],
    "zeros": [(slice(None), PRIOR), (slice(None), {**ONE, "init_params": "short-runs"})],
}


@pytest.mark.parametrize("name", CAUSES)
def test_warning_names_the_cause_and_what_it_advises_helps(name):
    X, options, (word, pattern) = CAUSES[name]
    options = {"n_components": 2, "random_state": 0, **options}
    fitted, said = outcome(GaussianMixtureEM(**options), X)
    assert list(fitted.doubts_) == word.split(", ")
    assert re.search(f"The fit cannot be trusted: .*{pattern}", said)
    for columns, better in REMEDIES[name]:
        fitted, said = outcome(GaussianMixtureEM(**{**options, **better}), X[:, columns])
        assert said == "" and fitted.doubts_ == {}


def test_warning_names_columns_and_repeats_its_words():
    """So that Python shows it once for any number of components."""
    frame = pytest.importorskip("pandas").DataFrame
    X = frame(np.clip(np.random.default_rng(0).normal(3, 1, (250, 2)).round(), 1, 5))
    X.columns = ["one", "two"]
    texts = set()
    for K in (4, 5, 6):
        mixture = GaussianMixtureEM(K, covariance_type="diag", reg_covar=1e-6, random_state=0)
        with pytest.warns(ConvergenceWarning, match="column '(one|two)' are rounded") as told:
            mixture.fit(X)
        assert len(told) == 1
        texts.add(re.sub("'(one|two)'", "", str(told[0].message)))
    assert len(texts) == 1


@structures
@pytest.mark.parametrize("reg_covar", [1e-6])
def test_fewer_distinct_rows_than_components_leaves_some_empty(covariance_type, reg_covar):
    """That is all that there is to say."""
    X = np.repeat(FEW[:2], 20, axis=0)
    options = {"covariance_type": covariance_type, "reg_covar": reg_covar, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(4, **options), X)
    assert (fitted.weights_ < 1e-12).sum() == 2
    assert list(fitted.doubts_) == ["few rows"]
    assert said.count(".") == 2 and "X has only 2 distinct rows, fewer than n_components" in said
    assert_array_equal(np.unique(fitted.labels_), np.flatnonzero(fitted.weights_ > 0.4))


@pytest.mark.parametrize("covariance_type", OWN)
def test_component_on_repeated_points_is_the_one_that_is_named(covariance_type):
    X = np.vstack([FEW, np.repeat(FEW[:1], 30, axis=0)])
    labels = (X == FEW[0]).all(axis=1).astype(int)
    options = {"covariance_type": covariance_type, "reg_covar": 1e-6}
    mixture = GaussianMixtureEM(2, init_params=labels, **options)
    fitted, _ = outcome(mixture, X)
    assert fitted.restarts_[0].spurious.startswith("component 1 is flat")
    assert_allclose(fitted.means_[1], FEW[0])
    assert_allclose(np.max(fitted.covariances_[1]), 1e-6, rtol=1e-6)
    # A larger ridge does not help; a prior does.
    fitted, _ = outcome(mixture.set_params(reg_covar=1e-3), X)
    assert fitted.restarts_[0].spurious.startswith("component 1 is flat")
    fitted, said = outcome(mixture.set_params(prior="conjugate"), X)
    assert (
        said == ""
        and np.min(STRUCTURES[covariance_type].expand(fitted.covariances_, 2, 2)[1].diagonal())
        > 1e-3
    )


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_start_that_fails_does_not_end_the_fit(covariance_type):
    """The report says which component of it collapsed, and why."""
    X = np.vstack([FEW, np.repeat(FEW[:1], 10, axis=0)])
    mixture = GaussianMixtureEM(
        4,
        covariance_type=covariance_type,
        reg_covar=0.0,
        init_params="random_from_data",
        n_init=20,
        random_state=0,
    )
    fitted, said = outcome(mixture, X)
    failures = [r.failure for r in fitted.restarts_ if r.failure is not None]
    others = [r for r in fitted.restarts_ if r.failure is None]
    assert len(failures) > 2 and len(others) > 2
    for failure in failures:
        assert re.match(r"component \d: its (variance|covariance)", failure)
    for restart in fitted.restarts_:
        assert np.isnan(restart.log_likelihood) == (restart.failure is not None)
    best = max(r.log_likelihood for r in others if r.spurious is None)
    assert fitted.lower_bounds_[-1] == pytest.approx(best, rel=1e-8)
    assert said == ""


def test_order_of_failures_does_not_matter():
    """Good, bad and worse: a function makes the starts in that order, and in the other."""
    good, bad = (FEW[:, 0] > 3).astype(int), np.zeros(len(FEW), dtype=int)
    bad[0] = 1  # a component of its own
    ends = []
    for starts in ([good, bad, bad], [bad, bad, good]):
        queue = iter(starts)
        mixture = GaussianMixtureEM(
            2,
            reg_covar=0.0,
            n_init=3,
            init_params=lambda X, n_components, random_state, queue=queue: next(queue),
        )
        fitted, said = outcome(mixture, FEW)
        assert said == ""
        assert [r.failure is None for r in fitted.restarts_] == [s is good for s in starts]
        ends.append(fitted.lower_bound_)
    assert ends[0] == ends[1]


def test_all_starts_fail():
    mixture = GaussianMixtureEM(3, reg_covar=0.0, n_init=4, random_state=0)
    fitted, said = outcome(mixture, np.repeat(FEW[:2], 20, axis=0))
    assert fitted is None
    assert "4 of 4 starts failed" in said and FAILED.search(said)


def test_estimator_stays_as_it_was():
    mixture = GaussianMixtureEM(2, reg_covar=0.0, random_state=0).fit(FEW)
    before = {name: np.copy(value) for name, value in vars(mixture).items()}
    with pytest.raises(ValueError, match="starts failed"):
        mixture.fit(np.repeat(FEW[:2], 20, axis=0))
    for name, value in before.items():
        assert_array_equal(getattr(mixture, name), value)


# Components without rows.


@structures
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0, "scale"])
@pytest.mark.parametrize("empty", [0, 1])
def test_component_far_from_all_rows(covariance_type, reg_covar, empty):
    """It keeps its place and shape, with a weight of zero, and is named."""
    shape = STRUCTURES[covariance_type].shape(2, 2)
    unit = np.broadcast_to(np.eye(2) if len(shape) > 1 and shape[-2:] == (2, 2) else 1.0, shape)
    if covariance_type == "diag":
        unit = np.ones(shape)
    means = np.array([[3.0, 70.0], [1e6, 1e6]])[:: -1 if empty == 0 else 1]
    mixture = GaussianMixtureEM(
        2,
        covariance_type=covariance_type,
        reg_covar=reg_covar,
        weights_init=[0.5, 0.5],
        means_init=means,
        covariances_init=unit,
    )
    fitted, said = outcome(mixture, FEW)
    assert "a component is empty" in said
    assert ADVICE in said
    assert fitted.weights_[empty] == 0
    assert_array_equal(fitted.means_[empty], [1e6, 1e6])
    assert_allclose(fitted.means_[1 - empty], FEW.mean(axis=0))
    assert set(fitted.labels_) == {1 - empty}


@structures
@pytest.mark.parametrize("init_params", ["short-runs", "kmeans"])
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
def test_component_that_no_known_label_names(covariance_type, init_params, reg_covar):
    """All labels are known: it is empty, and nothing is wrong with the others."""
    labels = np.arange(len(FEW)) % 2
    mixture = GaussianMixtureEM(
        3,
        covariance_type=covariance_type,
        reg_covar=reg_covar,
        init_params=init_params,
        random_state=0,
    )
    fitted, said = outcome(mixture, FEW, known_labels=labels)
    assert fitted is not None, said
    assert said.startswith("The fit cannot be trusted: a component is empty")
    assert fitted.weights_[2] == 0
    assert_allclose(fitted.means_[:2], [FEW[labels == k].mean(axis=0) for k in range(2)])


@structures
def test_known_label_of_one_row(covariance_type):
    labels = np.zeros(len(FEW), dtype=int)
    labels[5] = 1
    options = {"covariance_type": covariance_type, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(2, **options), FEW, known_labels=labels)
    assert_allclose(fitted.means_[1], FEW[5])
    assert ("fewer rows than its covariance needs" in said) == (covariance_type != "tied")


@structures
def test_hard_assignment_may_empty_components(covariance_type):
    X = np.repeat(FEW[:2], 20, axis=0)
    options = {"covariance_type": covariance_type, "assignment": "hard", "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(4, reg_covar=1e-6, **options), X)
    assert (fitted.weights_ == 0).sum() == 2
    assert "only 2 distinct rows" in said and "copies of others, or empty" in said


# Weights, missing cells, and few rows.


@structures
def test_all_the_weight_on_few_rows(covariance_type):
    weights = np.zeros(len(FEW))
    weights[:2] = 30
    options = {"covariance_type": covariance_type, "reg_covar": 1e-6, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(2, **options), FEW, sample_weight=weights)
    assert "is flat" in said
    assert_allclose(np.sort(fitted.means_[:, 1]), np.sort(FEW[:2, 1]))
    weights[1], weights[0] = 0, 1
    fitted, said = outcome(
        GaussianMixtureEM(2, covariance_type=covariance_type), FEW, sample_weight=weights
    )
    assert fitted is None
    assert said == ("Expected n_samples >= n_components but got n_components = 2, n_samples = 1")


@pytest.mark.parametrize("estimator", [GaussianMixtureEM(5), BinomialMixture(5, n_trials=100)])
def test_fewer_rows_than_components(estimator):
    fitted, said = outcome(estimator, FEW[:4].round())
    assert fitted is None
    assert said == ("Expected n_samples >= n_components but got n_components = 5, n_samples = 4")


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("times", [3, 10])
def test_copies_and_weights_do_not_make_rows_enough(times):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(40, 2)), 2 + 1e-3 * rng.normal(size=(8, 2))])
    labels, weights = np.repeat([0, 1], [40, 8]), np.full(48, times)
    mixture = GaussianMixtureEM(2, init_params=labels)
    once, _ = outcome(clone(mixture), X)
    weighted, _ = outcome(clone(mixture), X, sample_weight=weights)
    mixture.set_params(init_params=np.repeat(labels, times))
    copies, _ = outcome(clone(mixture), np.repeat(X, times, axis=0))
    assert list(once.doubts_) == list(copies.doubts_) == list(weighted.doubts_) == ["spike"]


@pytest.mark.parametrize("times", [3, 10])
def test_noise_is_no_more_trusted_for_being_copied(times):
    X = np.random.default_rng(0).normal(size=(30, 2))
    weights = np.full(30, times)
    for K, trusted in [(2, True), (7, False), (8, False)]:
        mixture = GaussianMixtureEM(K, random_state=0)
        once, _ = outcome(clone(mixture), X)
        copies, _ = outcome(clone(mixture), np.repeat(X, times, axis=0))
        weighted, _ = outcome(clone(mixture), X, sample_weight=weights)
        assert [not fit.doubts_ for fit in (once, copies, weighted)] == [trusted] * 3


def test_prior_makes_up_for_rows():
    """Of which a component may have fewer than columns."""
    X = np.random.default_rng(0).normal(size=(20, 30))
    _, said = outcome(GaussianMixtureEM(2, random_state=0), X)
    assert "prior='conjugate'" in said
    fitted, said = outcome(GaussianMixtureEM(2, prior="conjugate", random_state=0), X)
    assert said == "" and fitted.doubts_ == {}


@structures
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0, "scale"])
def test_feature_observed_once(covariance_type, reg_covar):
    """A component without that row knows nothing of it, and keeps what it had."""
    X = np.column_stack([FEW, np.full(len(FEW), np.nan)])
    X[4, 2] = 3.0
    options = {"covariance_type": covariance_type, "reg_covar": reg_covar, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(2, **options), X)
    if fitted is None:
        assert reg_covar == 0 and FAILED.search(said)
    else:
        assert fitted.means_[fitted.labels_[4], 2] == pytest.approx(3, abs=1e-6)
        assert re.search("component is flat|data are flat", said) or covariance_type != "diag"


@structures
def test_constant_where_it_is_observed(covariance_type):
    X = np.column_stack([FEW, np.where(np.arange(len(FEW)) % 3, 7.0, np.nan)])
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    fitted, said = outcome(mixture, X)
    assert_allclose(fitted.means_[:, 2], 7)
    assert "column 2 is constant. Leave it out" in said


@structures
def test_run_cut_short_is_sound_too(covariance_type):
    X = np.repeat(FEW[:2], 20, axis=0)
    mixture = GaussianMixtureEM(3, covariance_type=covariance_type, max_iter=2, random_state=0)
    fitted, said = outcome(mixture, X)
    assert not fitted.converged_
    assert "did not converge" in said and "degenerate data" in said


# reg_covar="scale", the default.


@structures
def test_default_does_not_change_what_is_wide_enough(covariance_type):
    """The same optimum as without a bound, where scikit-learn's ridge moves it a little."""
    options = {"covariance_type": covariance_type, "random_state": 0}
    free = GaussianMixtureEM(2, reg_covar=0.0, **options).fit(FAITHFUL)
    bound = GaussianMixtureEM(2, **options).fit(FAITHFUL)
    assert_array_equal(bound.covariances_, free.covariances_)
    assert bound.lower_bounds_[-1] == free.lower_bounds_[-1]


@structures
def test_constant_data_have_the_least_variance(covariance_type):
    mixture = GaussianMixtureEM(covariance_type=covariance_type)
    fitted, said = outcome(mixture, np.full((20, 2), 3.0))
    assert_allclose(np.max(fitted.covariances_), 1e-10)
    assert "columns 0 and 1 are constant. Leave them out" in said


def test_components_are_not_narrower_than_a_share_of_the_spread():
    """As the quartiles have it, whatever the row far away."""
    X = np.r_[np.random.default_rng(0).standard_normal(200), np.zeros(40), 1e9][:, np.newaxis]
    first, third = np.quantile(X, [0.25, 0.75], method="inverted_cdf")
    fitted, said = outcome(GaussianMixtureEM(2, init_params=(X[:, 0] == 0) * 1), X)
    assert fitted.covariances_.min() == pytest.approx(
        1e-10 * ((third - first) / 1.349) ** 2, rel=1e-6
    )
    assert "hardly differ in column 0" in said


def thin(seed, n=1000):
    """Return rows of two groups, one of which lies near a plane: to 2e-4 of the spread."""
    rng = np.random.default_rng(seed)
    A = np.linalg.qr(rng.normal(size=(4, 4)))[0] * [1.0, 1.0, 1.0, 1e-3]
    return np.r_[rng.normal(size=(n, 4)) @ A.T, rng.normal(3, 2, (n, 4))]


@pytest.mark.parametrize("seed", range(3))
def test_a_group_near_a_plane_is_no_collapse(seed):
    X = thin(seed)
    fitted, said = outcome(GaussianMixtureEM(2, random_state=0), X)
    peer = GaussianMixture(2, reg_covar=0.0, tol=1e-8, max_iter=1000, random_state=0).fit(X)
    assert fitted.score(X) > peer.score(X) - 1e-6
    assert np.linalg.eigvalsh(fitted.covariances_)[:, 0].min() == pytest.approx(1e-6, rel=0.2)
    assert said == "" and fitted.doubts_ == {}


def test_a_group_in_a_plane_ends_at_the_bound_whatever_cells_miss():
    """There the slope is not 0, so that a factor of the covariance would know too few digits."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    X[:200, 3] = X[:200, 0] + X[:200, 1]
    X[200:] += 5
    for share in (0, 0.05):
        X[rng.random(X.shape) < share] = np.nan
        fitted, _ = outcome(GaussianMixtureEM(2, random_state=0), X)
        assert fitted.converged_ and list(fitted.doubts_) == ["flat"]
        assert (np.diff(fitted.lower_bounds_) >= 0).all()


def answers(seed, n=250):
    """Return four answers from 1 to 5 of each of two groups, and which is whose."""
    group = np.repeat([0, 1], n // 2)
    noise = np.random.default_rng(seed).normal(0, 0.8, (n, 4))
    return np.clip(np.round(np.array([2.1, 3.9])[group][:, np.newaxis] + noise), 1, 5), group


@pytest.mark.parametrize("covariance_type", OWN)
def test_answers_on_a_scale_are_not_fitted_by_spikes(covariance_type):
    X, group = answers(0)
    mixture = GaussianMixtureEM(covariance_type=covariance_type, random_state=0)
    fits = {K: clone(mixture).set_params(n_components=K).fit(X) for K in range(1, 9)}
    for fit in fits.values():
        C = STRUCTURES[covariance_type].expand(fit.covariances_, *fit.means_.shape)
        assert np.linalg.eigvalsh(C).min() > 0.25 - 1e-9
        assert fit.doubts_ == {}
    assert min(fits, key=lambda K: fits[K].bic(X)) == 2
    assert min(fits, key=lambda K: fits[K].icl(X)) == 2
    assert adjusted_rand_score(group, fits[2].labels_) > 0.85
    spikes = clone(mixture).set_params(n_components=7, reg_covar=1e-6)
    _, said = outcome(spikes, X)
    assert "rounded, to steps of 1" in said
    if covariance_type != "spherical":  # of which sound fits come first, at a lower likelihood
        assert spikes.bic(X) < fits[2].bic(X)  # which is why


@pytest.mark.parametrize("reg_covar", ["scale", 1e-6])
@pytest.mark.parametrize("levels", [[5, 50, 500], [10, 50, 200], [1, 10, 100], [1, 2, 4]])
def test_levels_far_apart_are_not_merged_and_are_in_doubt(levels, reg_covar):
    """Their components are as narrow as the bound: the likelihood rests on it."""
    level = np.repeat([0, 1, 2], 60)
    noise = np.random.default_rng(0).normal(size=180)
    X = np.column_stack([np.array(levels)[level], noise])
    mixture = GaussianMixtureEM(3, n_init=5, reg_covar=reg_covar, random_state=0)
    fitted, said = outcome(mixture, X)
    assert adjusted_rand_score(level, fitted.labels_) == 1
    assert list(fitted.doubts_) == ["flat"]
    assert "column 0, which has only 3 distinct values" in said and "rounded" not in said


@pytest.mark.parametrize("seed", range(3))
def test_one_group_of_answers_is_one_component(seed):
    X = np.clip(np.round(np.random.default_rng(seed).normal(3, 1, (250, 1))), 1, 5)
    bic = [GaussianMixtureEM(K, random_state=0).fit(X).bic(X) for K in range(1, 6)]
    assert np.argmin(bic) == 0


def test_minutes_rounded_to_whole_ones_tell_the_same_components():
    rounded, exact = (
        GaussianMixtureEM(2, random_state=0).fit(X) for X in (FAITHFUL.round(), FAITHFUL)
    )
    assert adjusted_rand_score(rounded.labels_, exact.labels_) > 0.95
    assert_allclose(np.sort(rounded.weights_), np.sort(exact.weights_), atol=0.02)
    assert rounded.doubts_ == {}


def test_returns_as_fractions_are_those_in_percent():
    rng = np.random.default_rng(0)
    calm = rng.random(20_000) < 0.322
    X = np.where(calm, rng.normal(5e-4, 0.0018, 20_000), rng.normal(0, 0.004, 20_000))

    def weights(unit, **options):
        mixture = GaussianMixtureEM(
            2,
            weights_init=[0.678, 0.322],
            means_init=[[0], [5e-4 * unit]],
            covariances_init=np.reshape([(0.004 * unit) ** 2, (0.0018 * unit) ** 2], (2, 1, 1)),
            **options,
        )
        return mixture.fit(unit * X[:, np.newaxis]).weights_

    assert_allclose(weights(1), weights(100), atol=1e-5)
    assert_allclose(weights(1), [0.678, 0.322], atol=0.05)
    assert abs(weights(1, reg_covar=1e-6)[0] - 0.678) > 0.1


UNITS = [[1e-8, 1e8], [1e8, 1e-8], [1e-6, 1e-6], [1e8, 1e8], [1e-3, 1.0]]
DATA = {
    "geyser": FAITHFUL,
    "rounded": FAITHFUL.round(),
    "repeated": np.vstack([FAITHFUL, np.repeat(FAITHFUL[:1], 30, axis=0)]),
    "missing": np.where(np.random.default_rng(0).random(FEW.shape) < 0.1, np.nan, FEW),
}


@pytest.mark.parametrize("name", DATA)
@structures
def test_units_do_not_matter(covariance_type, name):
    """But for a likelihood that is per unit; nor for what is said."""
    options = {"covariance_type": covariance_type, "tol": 1e-10, "random_state": 0}
    fitted, said = outcome(GaussianMixtureEM(3, **options), DATA[name])
    for units in UNITS:
        if covariance_type == "spherical" and units[0] != units[1]:
            continue
        X = (DATA[name] - 50.0) * units
        scaled, also_said = outcome(GaussianMixtureEM(3, **options), X)
        assert_array_equal(scaled.labels_, fitted.labels_)
        assert also_said == said
        # Each observed cell of a row is worth one log(unit).
        observed = ~np.isnan(DATA[name])
        shift = observed[observed.any(axis=1)].mean(axis=0) @ np.log(units)
        assert scaled.lower_bound_ + shift == pytest.approx(fitted.lower_bound_, abs=1e-7)
        assert_allclose(scaled.means_ / units + 50, fitted.means_, rtol=1e-4)
        assert_allclose(scaled.weights_, fitted.weights_, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_do_not_choose_the_number_of_components(unit):
    def bic(X):
        fits = [GaussianMixtureEM(K, random_state=0).fit(X) for K in (1, 2, 3)]
        return [fit.bic(X) for fit in fits]

    per_cell = 2 * FAITHFUL.size * np.log(unit)
    assert_allclose(np.array(bic(FAITHFUL * unit)) - per_cell, bic(FAITHFUL), atol=1e-3)


@structures
def test_with_a_number_they_do(covariance_type):
    options = {"covariance_type": covariance_type, "random_state": 0, "reg_covar": 1e-6}
    fitted, _ = outcome(GaussianMixtureEM(3, **options), FAITHFUL)
    scaled, said = outcome(GaussianMixtureEM(3, **options), FAITHFUL * 1e-6)
    assert "is large beside" in said
    assert abs(scaled.lower_bound_ + 2 * np.log(1e-6) - fitted.lower_bound_) > 1


@structures
def test_start_that_is_too_narrow_is_widened(covariance_type):
    narrow = GaussianMixtureEM(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0)
    narrow.fit(np.column_stack([FAITHFUL[:, 0], FAITHFUL[:, 0] ** 2]) * [1, 1e-3])
    start = {name: getattr(narrow, f"{name}_") for name in ("weights", "means", "covariances")}
    given = {f"{name}_init": values for name, values in start.items()}
    X = np.column_stack([FAITHFUL[:, 0].round(), FAITHFUL[:, 0].round() ** 2])
    fitted, _ = outcome(GaussianMixtureEM(2, covariance_type=covariance_type, **given), X)
    assert fitted.converged_


@pytest.mark.parametrize("seed", [0, 3])
def test_a_column_of_two_values_beside_unrounded_ones_does_not_make_the_likelihood_fall(seed):
    """Clusters tell the sexes apart: the shared covariance is at the bound of that column."""
    X = load_diabetes().data
    for n_components in (5, 6):
        tied = GaussianMixtureEM(n_components, covariance_type="tied", random_state=seed).fit(X)
        assert tied.converged_


@pytest.mark.parametrize("reg_covar", ["auto", -1e-6, None, np.nan, [1e-6, 1e-6]])
def test_ridge_that_is_none(reg_covar):
    with pytest.raises(ValueError, match=r"'reg_covar' parameter .*'scale'"):
        GaussianMixtureEM(reg_covar=reg_covar).fit(FEW)


# Binomial components.


@pytest.mark.parametrize("init_params", ["short-runs", "kmeans", "random_from_data", "random"])
@pytest.mark.parametrize("successes", [0, 10])
def test_nothing_but_failures_or_successes(successes, init_params):
    """0 and 1 are estimates like others; rows that contradict them are impossible."""
    X = np.full((20, 2), successes)
    mixture = BinomialMixture(n_trials=10, init_params=init_params)
    fitted, said = outcome(mixture, X)
    assert said == ""
    assert_array_equal(fitted.probabilities_, successes / 10)
    assert fitted.lower_bound_ == 0
    new = np.full((1, 2), 5)
    assert fitted.score_samples(new) == -np.inf
    assert_array_equal(fitted.predict_proba(new), [[1.0]])


@pytest.mark.parametrize("init_params", ["short-runs", "kmeans", "random_from_data", "random"])
def test_probabilities_at_both_edges(init_params):
    X = np.repeat([[0], [10]], [5, 15], axis=0)
    mixture = BinomialMixture(2, n_trials=10, init_params=init_params, random_state=0)
    fitted, said = outcome(mixture, X)
    assert said == ""
    order = fitted.weights_.argsort()
    assert_array_equal(fitted.probabilities_[order], [[0], [1]])
    assert_allclose(fitted.weights_[order], [0.25, 0.75])
    # What neither can have produced has the weights for a posterior.
    assert_allclose(fitted.predict_proba([[5]])[0], fitted.weights_)
    assert fitted.score_samples([[5]]) == -np.inf


@pytest.mark.parametrize(
    "X, K",
    [
        (np.full((20, 1), 3), 2),
        (np.full((20, 3), 3), 2),
        (np.zeros((20, 1)), 3),
        (np.repeat([[3, 4], [6, 9]], 10, axis=0), 3),
    ],
    ids=["one row", "one row of three", "all zero", "two rows"],
)
@pytest.mark.parametrize("init_params", ["short-runs", "kmeans", "random_from_data"])
def test_fewer_distinct_counts_than_components(X, K, init_params):
    """Some components are the same, or have nothing: that is a warning."""
    mixture = BinomialMixture(K, n_trials=10, init_params=init_params, random_state=0)
    fitted, said = outcome(mixture, X)
    assert fitted is not None
    assert list(fitted.doubts_) == ["few rows"] and re.search("only [12] distinct rows?, ", said)
    assert ADVICE.lower() in said.lower()


def test_component_that_has_lost_its_rows():
    mixture = BinomialMixture(
        2, n_trials=10, weights_init=[0.5, 0.5], probabilities_init=[[0.3], [1.0]]
    )
    fitted, said = outcome(mixture, np.array([[2], [3], [4], [3]]))
    assert "a component is empty" in said and ADVICE in said
    assert_allclose(fitted.probabilities_, [[0.3], [1.0]])


def test_column_without_trials():
    """It tells nothing, and its probability is even."""
    flips = np.random.default_rng(0).binomial(10, np.repeat([0.2, 0.8], 20))
    X = np.column_stack([flips, np.zeros(40)])
    fitted, said = outcome(BinomialMixture(2, n_trials=[10, 0], random_state=0), X)
    assert said == ""
    assert_array_equal(fitted.probabilities_[:, 1], 0.5)
    alone = BinomialMixture(2, n_trials=10, random_state=0).fit(flips[:, np.newaxis])
    assert_allclose(fitted.lower_bound_, alone.lower_bound_, rtol=1e-9)


@pytest.mark.parametrize("kind", ["constant", "equal"])
def test_columns_that_tell_nothing_new(kind):
    flips = np.random.default_rng(0).binomial(10, np.repeat([0.2, 0.8], 20))
    other = np.full(40, 4) if kind == "constant" else flips
    mixture = BinomialMixture(2, n_trials=10, random_state=0)
    fitted, said = outcome(mixture, np.column_stack([flips, other]))
    assert said == "" and fitted.converged_
    expected = 0.4 if kind == "constant" else fitted.probabilities_[:, 0]
    assert_allclose(fitted.probabilities_[:, 1], expected, rtol=1e-6)


def test_counts_without_a_single_trial_are_an_error():
    with pytest.raises(ValueError, match="no row of which something is observed"):
        BinomialMixture(2, n_trials=0).fit(np.zeros((9, 1)))


@pytest.mark.parametrize("n_trials", [1, 2])
def test_too_few_trials_to_tell_components_apart(n_trials):
    X = np.tile(np.arange(n_trials + 1), 10)[:, np.newaxis]
    fitted, said = outcome(BinomialMixture(2, n_trials=n_trials, random_state=0), X)
    assert "cannot be identified" in said and ADVICE in said
    assert fitted.converged_ and list(fitted.doubts_) == ["unclear"]


@pytest.mark.parametrize("unit", [2e28, 1e-25])
def test_single_precision_in_any_units_publishes_finite_numbers(unit):
    X = (FAITHFUL * unit).astype(np.float32)
    fitted, said = outcome(GaussianMixtureEM(2, random_state=0), X)
    plain = GaussianMixtureEM(2, random_state=0).fit(FAITHFUL)
    assert said == ""
    assert_allclose(fitted.covariances_ / unit**2, plain.covariances_, rtol=1e-4)
    assert_allclose(fitted.precisions_ * unit**2, plain.precisions_, rtol=1e-4)
    assert_array_equal(fitted.labels_, plain.labels_)


@pytest.mark.parametrize("unit", [1e-155, 1e-170])
def test_values_whose_squares_vanish_are_refused(unit):
    with pytest.raises(ValueError, match=r"X is too small: .* column 0, .* Scale it"):
        GaussianMixtureEM(2).fit(FAITHFUL * unit)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_component_as_narrow_as_rounding_allows_is_not_in_doubt(covariance_type):
    """Else one component would be chosen for the geyser in minutes, which has two."""
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    fitted, said = outcome(mixture, FAITHFUL.round())
    covariances = fitted.covariances_
    if covariance_type == "diag":
        covariances = np.array([np.diag(C) for C in covariances])
    assert np.linalg.eigvalsh(covariances - np.diag([0.25, 0.25])).min() == pytest.approx(
        0, abs=1e-6
    )
    assert said == "" and fitted.doubts_ == {}
    kinds = FAITHFUL[:, 0] > 3
    assert max(np.mean(fitted.labels_ == kinds), np.mean(fitted.labels_ != kinds)) > 0.95
