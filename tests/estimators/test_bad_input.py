"""Bad input: an error that names the culprit, and an estimator that stays as it was."""

import copy
from operator import methodcaller

import numpy as np
import pytest
from numpy.testing import assert_equal
from scipy.sparse import csr_array

from skem import BinomialMixture, GaussianMixtureEM

X = np.random.default_rng(0).normal(size=(30, 2))
COUNTS = np.random.default_rng(0).integers(0, 6, size=(30, 2)).astype(float)


def with_cell(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


def indefinite(K=2):
    matrices = np.array([np.eye(2)] * K)
    matrices[-1] = [[1.0, 2.0], [2.0, 1.0]]
    return matrices


GAUSSIAN, BINOMIAL = GaussianMixtureEM(2), BinomialMixture(2, n_trials=5)
BOTH = [(GAUSSIAN, X), (BINOMIAL, COUNTS)]

#: (estimator, X, other arguments of fit, part of the message).
BAD_DATA = [
    case
    for estimator, good in BOTH
    for case in [
        (estimator, with_cell(good, np.inf), {}, "infinity"),
        (estimator, [*good.tolist(), ["a", "b"]], {}, "Column 0 of X holds text"),
        (estimator, np.array([["a", "b"]] * 5), {}, "Column 0 of X holds text"),
        (estimator, good + 1j, {}, "Complex"),
        (estimator, csr_array(good), {}, "[Ss]parse"),
        (estimator, good[:, 0], {}, "1D array"),
        (estimator, good[np.newaxis], {}, "dim 3"),
        (estimator, good[:0], {}, r"0 sample\(s\)"),
        (estimator, good[:, :0], {}, r"0 feature\(s\)"),
        (estimator, good[:1], {}, r"n_samples = 1|1 sample\(s\)"),
        (estimator, None, {}, "2D array"),
        (estimator, good, {"sample_weight": np.full(30, -1.0)}, r"sample_weight\[0\] is -1"),
        (estimator, good, {"sample_weight": np.full(30, np.nan)}, "sample_weight"),
        (estimator, good, {"sample_weight": np.full(30, np.inf)}, "sample_weight"),
        (estimator, good, {"sample_weight": np.zeros(30)}, "sample_weight is zero for every row"),
        (estimator, good, {"sample_weight": np.ones(29)}, r"sample_weight.*\(30,\)"),
        (estimator, good, {"sample_weight": np.ones((30, 1))}, r"sample_weight.*\(30,\)"),
        (estimator, good, {"sample_weight": ["a"] * 30}, "sample_weight"),
        (estimator, good, {"sample_weight": -1}, "sample_weight"),
    ]
] + [
    (BINOMIAL, with_cell(COUNTS, -1), {}, r"[Nn]egative"),
    (BINOMIAL, with_cell(COUNTS, 6), {}, r"more successes than n_trials=5.*X\[3, 1\] is 6"),
    (BinomialMixture(2), with_cell(COUNTS, -1), {}, r"[Nn]egative"),
    (BinomialMixture(2), COUNTS[:, :1], {}, "1 columns, an odd number"),
    (BinomialMixture(2, n_trials=[5]), COUNTS, {}, "n_trials has the shape"),
    (BinomialMixture(2, n_trials=[5, 4]), COUNTS, {}, "more successes than n_trials"),
]  # fmt: skip

#: (estimator, parameters, part of the message).
BAD_PARAMETERS = [
    case
    for estimator, _ in BOTH
    for case in [
        (estimator, {"n_components": 2.0}, "'n_components'"),
        (estimator, {"n_components": "2"}, "'n_components'"),
        (estimator, {"n_components": True}, "'n_components'"),
        (estimator, {"n_components": 0}, "'n_components'"),
        (estimator, {"n_components": None}, "'n_components'"),
        (estimator, {"tol": -1e-3}, "'tol'"),
        (estimator, {"tol": np.nan}, "'tol'"),
        (estimator, {"tol": "small"}, "'tol'"),
        (estimator, {"max_iter": -1}, "'max_iter'"),
        (estimator, {"max_iter": 10.0}, "'max_iter'"),
        (estimator, {"n_init": 0}, "'n_init'"),
        (estimator, {"init_params": "k-means"}, "'init_params'"),
        (estimator, {"init_params": None}, "'init_params'"),
        (estimator, {"random_state": -1}, "'random_state'"),
        (estimator, {"random_state": "seed"}, "'random_state'"),
        (estimator, {"warm_start": "yes"}, "'warm_start'"),
        (estimator, {"verbose": -1}, "'verbose'"),
        (estimator, {"verbose_interval": 0}, "'verbose_interval'"),
        (estimator, {"weights_init": "equal"}, "'weights_init'"),
    ]
] + [
    (GAUSSIAN, {"covariance_type": "round"}, "'covariance_type'"),
    (GAUSSIAN, {"covariance_type": None}, "'covariance_type'"),
    (GAUSSIAN, {"reg_covar": -1.0}, "'reg_covar'"),
    (GAUSSIAN, {"means_init": "mean"}, "'means_init'"),
    (BINOMIAL, {"n_trials": "ten"}, "'n_trials'"),
    (BINOMIAL, {"n_trials": -5}, "'n_trials'"),
    (BINOMIAL, {"n_trials": np.inf}, "'n_trials'"),
    (BINOMIAL, {"n_trials": [5, -5]}, "'n_trials'"),
    (BINOMIAL, {"n_trials": [5, np.nan]}, "'n_trials'"),
]  # fmt: skip

#: Parameters of the right type that cannot be starting values.
BAD_STARTS = [
    case
    for estimator, _ in BOTH
    for case in [
        (estimator, {"weights_init": [0.5, 0.6]}, "'weights' should be normalized"),
        (estimator, {"weights_init": [1.5, -0.5]}, "max value 1.50000, min value -0.50000"),
        (estimator, {"weights_init": [1.0]}, "'weights' should have the shape"),
        (estimator, {"weights_init": [0.5, np.inf]}, "'weights' should be finite"),
        (estimator, {"weights_init": ["a", "b"]}, "'weights' should be an array of numbers"),
        (estimator, {"init_params": np.zeros(29, dtype=int)}, "init_params, as an array"),
        (estimator, {"init_params": np.full(30, 2)}, r"init_params, as labels, must lie in"),
        (estimator, {"init_params": np.full(30, -1)}, "init_params, as labels, must lie in"),
        (estimator, {"init_params": np.full(30, 0.5)}, "labels, must be integers"),
        (estimator, {"init_params": np.full(30, np.nan)}, "labels, must be integers"),
        (estimator, {"init_params": ["a"] * 30}, "init_params"),
        (estimator, {"init_params": np.ones((30, 3))}, "init_params, as an array"),
        (estimator, {"init_params": np.zeros((30, 2))}, "init_params, as responsibilities"),
        (estimator, {"init_params": np.full((30, 2), np.nan)}, "init_params, as responsibilities"),
        (estimator, {"init_params": -np.ones((30, 2))}, "init_params, as responsibilities"),
        (estimator, {"init_params": lambda X, **_: np.ones(3)}, "init_params, as an array"),
    ]
] + [
    (GAUSSIAN, {"means_init": np.ones((3, 2))}, "'means' should have the shape"),
    (GAUSSIAN, {"means_init": np.full((2, 2), np.inf)}, "'means' should be finite"),
    (GAUSSIAN, {"precisions_init": indefinite()}, "'full precision' should be symmetric"),
    (GAUSSIAN, {"precisions_init": np.ones((2, 2))}, "full precision' should have the shape"),
    (GAUSSIAN, {"precisions_init": np.triu(np.ones((2, 2, 2)))}, "precision' should be symmetric"),
    (GAUSSIAN, {"covariances_init": indefinite()}, "covariance' should be symmetric"),
    (
        GAUSSIAN,
        {"precisions_init": [np.eye(2)] * 2, "covariances_init": [np.eye(2)] * 2},
        "precisions_init and covariances_init",
    ),
    *(
        (GAUSSIAN, {"covariance_type": name, "precisions_init": P}, f"'{name} precision' should")
        for name, P in [
            ("tied", indefinite()[1]),
            ("diag", np.array([[1.0, 1.0], [1.0, 0.0]])),
            ("spherical", np.array([1.0, -1.0])),
        ]
    ),
    (BINOMIAL, {"probabilities_init": [[0.5, 0.5]]}, "'probabilities_init' should have the shape"),
    (BINOMIAL, {"probabilities_init": [[0.5, 0.5], [0.5, 1.5]]}, "must be between 0 and 1"),
    (BINOMIAL, {"probabilities_init": [[0.5, 0.5], [0.5, np.nan]]}, "_init' should be"),
]  # fmt: skip


def state(estimator):
    """Return a copy of everything that the estimator knows."""
    return copy.deepcopy({k: v for k, v in vars(estimator).items() if not callable(v)})


def assert_refused(estimator, message, call):
    before = state(estimator)
    with pytest.raises((ValueError, TypeError), match=message):
        call(estimator)
    assert_equal(state(estimator), before)


def unfitted_and_fitted(estimator, **params):
    """Yield the estimator with parameters, never fitted and fitted with good ones."""
    fitted = copy.deepcopy(estimator)
    if fitted.get_params().get("n_trials", 5) == 5:
        fitted.fit(X if isinstance(estimator, GaussianMixtureEM) else COUNTS)
        yield fitted.set_params(**params)
    yield copy.deepcopy(estimator).set_params(**params)


def names(cases):
    return [
        f"{type(case[0]).__name__}-{index}-{case[-1][:40]}" for index, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("estimator", "X", "more", "message"), BAD_DATA, ids=names(BAD_DATA))
def test_bad_data_are_refused_by_fit(estimator, X, more, message):
    for candidate in unfitted_and_fitted(estimator):
        assert_refused(candidate, message, lambda e: e.fit(X, **more))
        assert_refused(candidate, message, lambda e: e.fit_predict(X, **more))


@pytest.mark.parametrize(
    ("estimator", "params", "message"), BAD_PARAMETERS, ids=names(BAD_PARAMETERS)
)
def test_bad_parameters_are_refused_by_fit(estimator, params, message):
    good = X if estimator is GAUSSIAN else COUNTS
    for candidate in unfitted_and_fitted(estimator, **params):
        assert_refused(
            candidate,
            f"{message} parameter of {type(estimator).__name__} must",
            lambda e: e.fit(good),
        )


@pytest.mark.parametrize(("estimator", "params", "message"), BAD_STARTS, ids=names(BAD_STARTS))
def test_bad_starting_values_are_refused_by_fit(estimator, params, message):
    good = X if estimator is GAUSSIAN else COUNTS
    for candidate in unfitted_and_fitted(estimator, **params):
        assert_refused(candidate, message, lambda e: e.fit(good))


@pytest.mark.parametrize(("estimator", "good"), BOTH, ids=["gaussian", "binomial"])
@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl"],
)
def test_bad_rows_are_refused_by_every_method_of_a_fitted_mixture(estimator, good, method):
    fitted = copy.deepcopy(estimator).fit(good)
    for rows, message in [
        (np.hstack([good, good]), "4 features, but .* is expecting 2 features"),
        (with_cell(good, np.inf), "infinity"),
        (csr_array(good), "[Ss]parse"),
        (good[:0], r"0 sample\(s\)"),
    ]:
        assert_refused(fitted, message, methodcaller(method, rows))
    if method in ("score", "aic", "bic", "icl"):
        for weight in [np.ones(3), -np.ones(30), np.zeros(30), np.full(30, np.nan)]:
            call = methodcaller(method, good, sample_weight=weight)
            assert_refused(fitted, "sample_weight", call)


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "many"])
def test_sample_refuses_what_is_no_number_of_rows(n_samples):
    fitted = copy.deepcopy(GAUSSIAN).fit(X)
    assert_refused(fitted, "'n_samples'", lambda e: e.sample(n_samples))


def test_constant_columns_without_added_variance_are_refused_by_name():
    constant = np.column_stack([X, np.ones(30)])
    estimator = GaussianMixtureEM(2, covariance_type="diag", reg_covar=0)
    assert_refused(estimator, "variance along feature 2 is 0", lambda e: e.fit(constant))
    assert_refused(GaussianMixtureEM(2, reg_covar=0), "covariance", lambda e: e.fit(constant))


def test_warm_start_refuses_another_number_of_components_or_features():
    fitted = GaussianMixtureEM(2, warm_start=True).fit(X).set_params(n_components=3)
    assert_refused(fitted, "n_components is 3", lambda e: e.fit(X))
    fitted = BinomialMixture(2, n_trials=5, warm_start=True).fit(COUNTS).set_params(n_components=3)
    assert_refused(fitted, "n_components is 3", lambda e: e.fit(COUNTS))
    assert_refused(
        GaussianMixtureEM(2, warm_start=True).fit(X),
        "features",
        lambda e: e.fit(np.hstack([X, X])),
    )


def test_one_row_is_enough_for_one_coin():
    assert np.array_equal(BinomialMixture(n_trials=10).fit([[3]]).probabilities_, [[0.3]])
