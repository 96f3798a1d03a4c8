"""Known labels: rows of known component belong to it entirely, all other rows are shared out."""

import copy
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_two_coins
from skem.mixture.starts import STRATEGIES
from tests import reference

FAITHFUL = load_old_faithful().data
LONG = (FAITHFUL[:, 0] > 3).astype(int)
COINS = load_two_coins()
COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]

RNG = np.random.default_rng(0)
COIN = RNG.choice(3, size=150, p=[0.5, 0.3, 0.2])
TRIALS = RNG.integers(3, 15, size=(150, 2))
HEADS = RNG.binomial(TRIALS, np.array([[0.2, 0.7], [0.5, 0.3], [0.8, 0.8]])[COIN]).astype(float)
FLIPS = np.hstack([HEADS, TRIALS - HEADS])

#: Three overlapping classes, so that what is known of the rows matters.
CLASS = np.repeat(np.arange(3), [80, 50, 40])
CENTRES = np.array([[0.0, 0.0], [2.5, 0.0], [0.0, 3.0]])
POINTS = CENTRES[CLASS] + RNG.normal(size=(170, 2)) * [1.0, 0.7]

MIXTURES = [
    *(
        pytest.param(
            GaussianMixtureEM(3, covariance_type=name, reg_covar=0.0, tol=1e-12, random_state=0),
            POINTS,
            CLASS,
            id=name,
        )
        for name in COVARIANCE_TYPES
    ),
    pytest.param(BinomialMixture(3, tol=1e-12, random_state=0), FLIPS, COIN, id="binomial"),
]
each_mixture = pytest.mark.parametrize(("mixture", "X", "y"), MIXTURES)
BOTH = pytest.mark.parametrize(("mixture", "X", "y"), [MIXTURES[0], MIXTURES[-1]])


def known(y, share, seed=0):
    """Return the labels of a share of the rows, -1 for the others."""
    return np.where(np.random.default_rng(seed).random(len(y)) < share, y, -1)


def assert_parameters(mixture, expected, **tolerance):
    for name, values in expected.items():
        assert_allclose(getattr(mixture, name), values, err_msg=name, **tolerance)


def parameters(mixture):
    """Return the published parameters by name."""
    names = [f"{name}_" for name in type(mixture)._Parameters._fields]
    return {name: getattr(mixture, name) for name in names}


# All known: the closed form.


def test_two_coins_are_counted():
    mixture = BinomialMixture(2).fit(COINS.data, known_labels=COINS.target)
    assert_allclose(mixture.probabilities_, [[24 / 30], [9 / 20]], rtol=1e-15)
    assert_allclose(mixture.weights_, [3 / 5, 2 / 5], rtol=1e-15)
    assert mixture.converged_
    assert_array_equal(mixture.labels_, COINS.target)


@each_mixture
@pytest.mark.parametrize(
    ("init_params", "weighted"), [(name, i % 2 == 1) for i, name in enumerate(STRATEGIES)]
)
def test_all_known_is_one_m_step(mixture, X, y, init_params, weighted):
    weight = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    fitted = clone(mixture).set_params(init_params=init_params)
    fitted.fit(X, sample_weight=weight, known_labels=y)
    expected = reference.m_step(fitted, X, np.eye(3)[y], weight)
    assert_parameters(fitted, expected, rtol=1e-9, atol=1e-10)
    assert fitted.n_iter_ <= 3
    assert fitted.converged_
    assert np.ptp(fitted.lower_bounds_) < 1e-12


@each_mixture
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_all_known_is_one_m_step_from_anywhere(mixture, X, y):
    elsewhere = clone(mixture).fit(X, known_labels=(y + 1) % 3)
    given = {f"{name}init": v for name, v in parameters(elsewhere).items()}
    given.pop("precisions_cholesky_init", None)
    fitted = clone(mixture).set_params(max_iter=1, **given).fit(X, known_labels=y)
    expected = reference.m_step(fitted, X, np.eye(3)[y])
    assert_parameters(fitted, expected, rtol=1e-9, atol=1e-10)
    assert not np.allclose(elsewhere.weights_, fitted.weights_)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_all_known_each_component_is_fitted_to_its_own_rows(covariance_type):
    """Cells may be missing: the components have nothing to do with each other all the same."""
    X = np.where(np.random.default_rng(2).random(POINTS.shape) < 0.2, np.nan, POINTS)
    options = {"covariance_type": covariance_type, "reg_covar": 0.0, "tol": 1e-14}
    together = GaussianMixtureEM(3, **options).fit(X, known_labels=CLASS)
    for k in range(3):
        alone = GaussianMixtureEM(1, **options).fit(X[k == CLASS])
        assert_allclose(together.means_[k], alone.means_[0], atol=1e-5)
        assert_allclose(together.covariances_[k], alone.covariances_[0], atol=1e-5)
    assert_allclose(together.weights_, np.bincount(CLASS) / len(X), rtol=1e-12)


# Some known.


@each_mixture
@pytest.mark.parametrize(("acceleration", "weighted"), [("quasi-newton", True), (None, False)])
def test_some_known_ends_at_a_fixed_point_of_clamped_responsibilities(
    mixture, X, y, acceleration, weighted
):
    labels = known(y, 0.3)
    labels[:5] = (y[:5] + 1) % 3  # as told, be it wrong
    weight = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    fitted = clone(mixture).set_params(acceleration=acceleration)
    fitted.fit(X, sample_weight=weight, known_labels=labels)
    r = reference.responsibilities(fitted, X, labels)
    assert_parameters(fitted, reference.m_step(fitted, X, r, weight), rtol=1e-3, atol=1e-4)
    free = reference.m_step(fitted, X, reference.responsibilities(fitted, X), weight)
    assert abs(free["weights_"] - fitted.weights_).max() > 1e-3  # the clamps were felt
    expected = reference.objective(fitted, X, weight, labels)
    assert_allclose(fitted.lower_bound_, expected, rtol=1e-12)
    assert_allclose(fitted.lower_bounds_[-1], expected, rtol=1e-9)


@each_mixture
@pytest.mark.parametrize("acceleration", ["quasi-newton", None])
def test_the_trace_never_falls(mixture, X, y, acceleration):
    fitted = clone(mixture).set_params(acceleration=acceleration, init_params="random")
    trace = np.array(fitted.fit(X, known_labels=known(y, 0.2)).lower_bounds_)
    assert trace[-1] > trace[0] + 0.01
    assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace[1:]))


@each_mixture
def test_a_label_holds_where_the_row_looks_like_another(mixture, X, y):
    fitted = clone(mixture)
    labels = known(y, 0.2)
    told = labels >= 0
    labels[np.flatnonzero(told)[:5]] = (labels[told][:5] + 1) % 3
    assert_array_equal(fitted.fit_predict(X, known_labels=labels), fitted.labels_)
    assert_array_equal(fitted.labels_[told], labels[told])
    assert_array_equal(fitted.labels_[~told], fitted.predict(X)[~told])
    assert (fitted.predict(X)[told] != labels[told]).any()


# Numbers: component k is that of label k.


@pytest.mark.parametrize("init_params", STRATEGIES)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)])
def test_one_row_of_each_class_numbers_the_components(init_params, order):
    order = np.array(order)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    y = np.repeat(np.arange(4), 40)
    X = centres[y] + np.random.default_rng(0).normal(size=(160, 2))
    labels = np.full(160, -1)
    labels[::40] = order
    mixture = GaussianMixtureEM(4, init_params=init_params, random_state=0, n_init=3)
    mixture.fit(X, known_labels=labels)
    assert_allclose(mixture.means_[order], centres, atol=1.0)
    assert_array_equal(mixture.labels_, order[y])


@pytest.mark.parametrize("init_params", [name for name in STRATEGIES if name != "random"])
def test_one_series_of_each_coin_numbers_the_coins(init_params):
    y = np.repeat([0, 1], 30)
    heads = np.random.default_rng(0).binomial(20, np.array([0.2, 0.7])[y])[:, np.newaxis]
    for told in ([0, 1], [1, 0]):
        labels = np.full(60, -1)
        labels[[0, 30]] = told
        mixture = BinomialMixture(2, n_trials=20, init_params=init_params, random_state=0)
        mixture.fit(heads, known_labels=labels)
        assert_allclose(mixture.probabilities_[told, 0], [0.2, 0.7], atol=0.05)


def test_a_class_of_which_no_row_is_known_takes_what_is_left():
    labels = known(CLASS, 0.3)
    labels[labels == 1] = -1
    for init_params in STRATEGIES:
        mixture = GaussianMixtureEM(3, init_params=init_params, random_state=0)
        mixture.fit(POINTS, known_labels=labels)
        if init_params != "short-runs":
            assert_allclose(mixture.means_, CENTRES, atol=0.5)
            others = mixture.lower_bound_
    # Two of the classes overlap: another optimum is higher, and found from most seeds.
    mixture = GaussianMixtureEM(3, n_init=4, random_state=0).fit(POINTS, known_labels=labels)
    assert mixture.lower_bound_ > others + 0.01


@pytest.mark.parametrize("init_params", STRATEGIES)
def test_rows_of_one_class_alone_are_enough(init_params):
    """Some rows are known to be long eruptions, the others may be either."""
    labels = np.where((LONG == 1) & (np.arange(len(LONG)) % 3 > 0), 0, -1)
    mixture = GaussianMixtureEM(2, init_params=init_params, random_state=0)
    mixture.fit(FAITHFUL, known_labels=labels)
    assert_array_equal(mixture.labels_, 1 - LONG)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
@pytest.mark.parametrize("init_params", STRATEGIES)
def test_a_class_without_any_row_is_empty(init_params, reg_covar):
    mixture = GaussianMixtureEM(2, init_params=init_params, reg_covar=reg_covar, random_state=0)
    with pytest.warns(ConvergenceWarning, match="a component is empty"):
        mixture.fit(FAITHFUL, known_labels=np.zeros(len(FAITHFUL), dtype=int))
    assert_array_equal(mixture.weights_, [1, 0])
    assert_allclose(mixture.means_[0], FAITHFUL.mean(axis=0))
    assert_allclose(mixture.covariances_[0], np.cov(FAITHFUL.T, ddof=0), atol=2e-6)


@pytest.mark.parametrize(
    "n",
    [
        3000,
        pytest.param(
            20_000,
        ),
    ],
)
def test_few_labels_number_the_components_of_many_rows(n):
    rng = np.random.default_rng(0)
    y = rng.choice(3, size=n)
    X = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[y] + rng.normal(size=(n, 2))
    labels = np.full(n, -1)
    for k in range(3):
        labels[np.flatnonzero(y == k)[:2]] = k
    for seed in range(3):
        mixture = GaussianMixtureEM(3, random_state=seed).fit(X, known_labels=labels)
        assert (mixture.labels_ == y).mean() > 0.99


# Weights.


@each_mixture
def test_integer_weights_are_repeated_rows_with_their_labels(mixture, X, y):
    weight = np.random.default_rng(3).integers(0, 3, len(X))
    labels = known(y, 0.2)
    weighted = clone(mixture).fit(X, sample_weight=weight, known_labels=labels)
    repeated = clone(mixture).fit(
        np.repeat(X, weight, axis=0), known_labels=np.repeat(labels, weight)
    )
    assert_parameters(weighted, parameters(repeated), rtol=1e-5, atol=1e-6)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-10)


@each_mixture
def test_a_label_of_a_row_without_weight_is_no_news(mixture, X, y):
    weight = np.where(np.arange(len(X)) % 4 > 0, 1.0, 0.0)
    labels = np.where(weight > 0, known(y, 0.3), (y + 1) % 3)
    fitted = clone(mixture).fit(X, sample_weight=weight, known_labels=labels)
    present = weight > 0
    without = clone(mixture).fit(X[present], known_labels=labels[present])
    assert_parameters(fitted, parameters(without), rtol=1e-9, atol=1e-10)
    assert_array_equal(fitted.labels_[~present], labels[~present])
    unlabelled = clone(mixture).fit(X, sample_weight=weight, known_labels=np.where(present, -1, y))
    plain = clone(mixture).fit(X[present])
    assert_allclose(unlabelled.lower_bound_, plain.lower_bound_, rtol=1e-8)


# Where labels come from, and where they do not.


@BOTH
def test_labels_are_never_taken_from_y(mixture, X, y):
    plain, with_y = clone(mixture).fit(X), clone(mixture).fit(X, y)
    for name, values in parameters(plain).items():
        assert_array_equal(getattr(with_y, name), values)
    assert not np.allclose(clone(mixture).fit(X, known_labels=y).weights_, plain.weights_)


@BOTH
def test_no_label_known_is_the_fit_without_labels(mixture, X, y):
    plain = clone(mixture).fit(X)
    unknown = clone(mixture).fit(X, known_labels=np.full(len(X), -1))
    for name, values in parameters(plain).items():
        assert_array_equal(getattr(unknown, name), values)
    assert unknown.lower_bounds_ == plain.lower_bounds_


@BOTH
def test_lists_floats_series_and_small_integers_are_the_same_labels(mixture, X, y):
    pd = pytest.importorskip("pandas")
    labels = known(y, 0.3)
    expected = clone(mixture).fit(X, known_labels=labels).weights_
    index = np.arange(len(X))[::-1]
    for same in [
        labels.tolist(),
        labels.astype(float),
        labels.astype(np.int8),
        pd.Series(labels, index=index),
    ]:
        assert_array_equal(clone(mixture).fit(X, known_labels=same).weights_, expected)


FOLDS = KFold(3, shuffle=True, random_state=0)


@BOTH
@pytest.mark.parametrize("routing", [True, False])
def test_labels_reach_the_mixture_at_the_end_of_a_pipeline(mixture, X, y, routing):
    labels = known(y, 0.3)
    first = "passthrough" if isinstance(mixture, BinomialMixture) else StandardScaler()
    Z = X if first == "passthrough" else StandardScaler().fit_transform(X)
    with sklearn.config_context(enable_metadata_routing=routing):
        last = clone(mixture)
        name = type(last).__name__.lower()
        if routing:
            last.set_fit_request(known_labels=True, sample_weight=False)
        argument = "known_labels" if routing else f"{name}__known_labels"
        pipeline = make_pipeline(first, last).fit(X, **{argument: labels})
    expected = clone(mixture).fit(Z, known_labels=labels)
    assert_array_equal(pipeline[-1].weights_, expected.weights_)
    assert_array_equal(pipeline[-1].labels_, expected.labels_)


@BOTH
@pytest.mark.parametrize("routing", [True, False])
def test_labels_are_split_with_the_rows_in_a_grid_search(mixture, X, y, routing):
    labels, grid = known(y, 0.3), {"tol": [1e-2, 1e-5]}
    with sklearn.config_context(enable_metadata_routing=routing):
        asked = clone(mixture)
        if routing:
            asked.set_fit_request(known_labels=True)
        search = GridSearchCV(asked, grid, cv=FOLDS)
        search.fit(X, known_labels=labels)
    for i, tol in enumerate(grid["tol"]):
        scores = [
            clone(mixture)
            .set_params(tol=tol)
            .fit(X[train], known_labels=labels[train])
            .score(X[test])
            for train, test in FOLDS.split(X)
        ]
        assert_allclose(search.cv_results_["mean_test_score"][i], np.mean(scores), rtol=1e-12)
    expected = clone(mixture).set_params(**search.best_params_).fit(X, known_labels=labels)
    assert_array_equal(search.best_estimator_.weights_, expected.weights_)
    assert not np.allclose(expected.weights_, clone(mixture).fit(X).weights_)


@BOTH
def test_labels_that_nobody_asked_for_are_an_error_under_routing(mixture, X, y):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(clone(mixture), {"n_components": [3]}, cv=FOLDS)
        with pytest.raises(ValueError, match="known_labels"):
            search.fit(X, known_labels=y)


# With other starts, and with all the rest.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_known_labels_come_before_those_of_a_start():
    labels = known(CLASS, 0.5)
    start = np.random.default_rng(5).integers(0, 3, len(POINTS))
    merged = np.where(labels >= 0, labels, start)
    asked = []

    def partition(X, *, n_components, random_state):
        asked.append(len(X))
        return start

    for init_params in (start, np.eye(3)[start], partition):
        mixture = GaussianMixtureEM(3, init_params=init_params, max_iter=0, reg_covar=0.0)
        mixture.fit(POINTS, known_labels=labels)
        assert_parameters(mixture, reference.m_step(mixture, POINTS, np.eye(3)[merged]), rtol=1e-9)
    assert asked == [len(POINTS)]


@each_mixture
def test_a_fit_continues_with_other_labels(mixture, X, y):
    """What one fit came to is where the next starts; only the labels of the last count."""
    warm = clone(mixture).set_params(warm_start=True).fit(X, known_labels=known(y, 0.9))
    labels = known(y, 0.3)
    warm.fit(X, known_labels=labels)
    r = reference.responsibilities(warm, X, labels)
    assert_parameters(warm, reference.m_step(warm, X, r), rtol=1e-3, atol=1e-4)
    assert_allclose(warm.lower_bound_, reference.objective(warm, X, None, labels), rtol=1e-12)
    warm.fit(X)
    assert_allclose(warm.lower_bound_, warm.score(X), rtol=1e-12)


def test_coins_continue_from_given_parameters_with_labels():
    mixture = BinomialMixture.from_parameters(
        weights=[0.5, 0.5], probabilities=[[0.6], [0.5]], warm_start=True
    )
    mixture.fit(COINS.data, known_labels=COINS.target)
    assert_allclose(mixture.probabilities_, [[24 / 30], [9 / 20]], rtol=1e-15)


@each_mixture
def test_hard_assignment_moves_only_rows_that_are_not_known(mixture, X, y):
    labels = known(y, 0.3)
    hard = clone(mixture).set_params(assignment="hard").fit(X, known_labels=labels)
    r = reference.responsibilities(hard, X, labels, hard=True)
    assert_array_equal(hard.labels_, r.argmax(axis=1))
    assert_parameters(hard, reference.m_step(hard, X, r), rtol=1e-9, atol=1e-10)
    expected = reference.objective(hard, X, None, labels, hard=True)
    assert_allclose(hard.lower_bound_, expected, rtol=1e-12)


def test_labels_number_the_components_that_are_not_held():
    means = np.array([[np.nan, np.nan], [2.5, 0.0], [np.nan, np.nan]])
    labels = np.where(CLASS == 2, known(CLASS, 0.2), -1)
    mixture = GaussianMixtureEM(
        3, means_init=means, fixed={"means": [False, True, False]}, random_state=0
    ).fit(POINTS, known_labels=labels)
    assert_array_equal(mixture.means_[1], means[1])
    assert_allclose(mixture.means_[[0, 2]], CENTRES[[0, 2]], atol=0.5)


@each_mixture
def test_missing_cells_and_labels_together(mixture, X, y):
    holes = np.random.default_rng(6).random((len(X), 2)) < 0.15
    holes[0] = True
    if isinstance(mixture, BinomialMixture):
        holes = np.hstack([holes, holes])
    X, labels = np.where(holes, np.nan, X), known(y, 0.3, seed=7)
    fitted = clone(mixture).fit(X, known_labels=labels)
    known_of = (labels >= 0) | ~np.isnan(X).all(axis=1)
    expected = reference.objective(fitted, X, known_of, labels)
    assert_allclose(fitted.lower_bound_, expected, rtol=1e-11)
    r = reference.responsibilities(fitted, X, labels)[known_of]
    assert_allclose(fitted.weights_, r.mean(axis=0), atol=1e-4)
    assert_array_equal(fitted.labels_[labels >= 0], labels[labels >= 0])


def test_single_precision_keeps_the_labels():
    labels = known(CLASS, 0.3)
    mixture = GaussianMixtureEM(3, random_state=0)
    double = clone(mixture).fit(POINTS, known_labels=labels)
    single = clone(mixture).fit(POINTS.astype(np.float32), known_labels=labels)
    assert single.means_.dtype == np.float32
    assert_allclose(single.means_, double.means_, atol=1e-3)


# Errors.

BAD_LABELS = [
    (np.zeros(3, dtype=int), r"known_labels.shape == \(3,\), expected"),
    (0, r"known_labels.shape == \(\)"),
    (lambda y: np.eye(3)[y], "known_labels.shape"),
    (lambda y: y + 1, "between -1 .* and n_components - 1 = 2, .* from 1 to 3"),
    (lambda y: y - 2, "from -2 to 0"),
    (lambda y: y + 0.5, r"must be integers, .* known_labels\[0\] is \d\.5"),
    (lambda y: np.where(y == 0, np.nan, y), r"must be integers, -1 where unknown, .* is nan"),
    (lambda y: y.astype(str), "must be integers"),
    (lambda y: [None] * len(y), "must be integers"),
    (lambda y: y == 0, "must be integers, but got an array of bool"),
]


@BOTH
@pytest.mark.parametrize(("labels", "message"), BAD_LABELS, ids=[case[1] for case in BAD_LABELS])
def test_labels_that_are_none_are_refused(mixture, X, y, labels, message):
    fitted = clone(mixture).fit(X)
    for candidate in (fitted, clone(mixture)):
        before = copy.deepcopy(vars(candidate))
        for method in (candidate.fit, candidate.fit_predict):
            with pytest.raises(
                ValueError, match=f"known_labels.*{message.split('known_labels')[-1]}"
            ):
                method(X, known_labels=labels(y) if callable(labels) else labels)
        assert_equal(vars(candidate), before)


def test_a_component_that_cannot_have_produced_a_row_known_to_be_its_own():
    """The likelihood is zero, whatever the other parameters: no fit can be better than another."""
    mixture = BinomialMixture(
        2,
        probabilities_init=[[0.0], [np.nan]],
        fixed={"probabilities": [True, False]},
        max_iter=20,
        random_state=0,
    )
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        with pytest.raises(ValueError, match="known_labels"):
            mixture.fit(COINS.data, known_labels=[0, -1, -1, -1, -1])


def test_a_component_that_starts_where_it_cannot_have_produced_a_row_but_may_leave():
    """The start is impossible, what comes of it is not."""
    mixture = BinomialMixture(
        2,
        weights_init=[0.5, 0.5],
        probabilities_init=[[0.0], [0.5]],
        fixed={"weights": True},
    )
    known = [0, 0, -1, -1, 1]
    fitted = mixture.fit(COINS.data, known_labels=known)
    assert fitted.lower_bounds_[0] == -np.inf
    mixture.set_params(probabilities_init=[[0.7], [0.4]]).fit(COINS.data, known_labels=known)
    assert fitted.converged_ and fitted.lower_bound_ == pytest.approx(mixture.lower_bound_)
