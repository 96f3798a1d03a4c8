"""Missing values together with everything else that there is."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful
from tests.estimators.incomplete import (
    EACH_CASE,
    EACH_STRUCTURE,
    FLIPS,
    HEADS,
    LABELS,
    ROWS,
    STRUCTURES,
    N,
    assert_same_mixture,
    parameters_of,
)

# Options of the fit.


@EACH_STRUCTURE
def test_known_labels_make_separate_fits(structure):
    params = {"covariance_type": structure, "tol": 1e-13}
    mixture = GaussianMixtureEM(3, **params).fit(ROWS, known_labels=LABELS)
    assert_array_equal(mixture.labels_, LABELS)
    assert_allclose(mixture.weights_, np.bincount(LABELS) / N, rtol=1e-12)
    each = [GaussianMixtureEM(1, **params).fit(ROWS[LABELS == k]) for k in range(3)]
    if structure == "tied":  # which is between the matrices, and so moves the means a little
        assert_allclose(mixture.means_, [one.means_[0] for one in each], atol=0.3)
        return
    for k, one in enumerate(each):
        assert_allclose(mixture.means_[k], one.means_[0], atol=1e-5)
        assert_allclose(mixture.covariances_[k], one.covariances_[0], atol=1e-5)


@EACH_CASE
def test_labels_that_are_known_stay_and_number_the_components(make, X):
    some = np.where(np.arange(N) % 4 == 0, LABELS, -1)
    mixture = make().fit(X, known_labels=some)
    assert_array_equal(mixture.labels_[some >= 0], some[some >= 0])
    assert (mixture.labels_ == LABELS).mean() > 0.85
    assert (np.diff(mixture.lower_bounds_) >= -1e-12).all()


@EACH_CASE
def test_fixed_parameters_stay(make, X):
    name = "probabilities" if "probabilities_init" in make().get_params() else "means"
    values = getattr(make().fit(X), f"{name}_") * 0.9
    params = {f"{name}_init": values, "weights_init": [0.2, 0.3, 0.5]}
    held = {"fixed": {name: [True, False, False], "weights": True}}
    mixture = make(**params, **held).fit(X)
    assert_allclose(getattr(mixture, f"{name}_")[0], values[0], rtol=1e-12)
    assert (np.abs(getattr(mixture, f"{name}_")[1:] - values[1:]) > 1e-6).all()
    assert_allclose(mixture.weights_, params["weights_init"], rtol=1e-12)
    assert (np.diff(mixture.lower_bounds_) >= -1e-12).all()
    assert mixture.score(X) < make(**params).fit(X).score(X) - 1e-3


@EACH_CASE
def test_hard_assignment_ends_where_its_labels_lead(make, X):
    hard = make(assignment="hard", init_params=LABELS, tol=1e-12).fit(X)
    assert_array_equal(hard.labels_, hard.predict(X))
    labels = np.where(np.isnan(X).all(axis=1), -1, hard.labels_)
    by_labels = make(tol=1e-12).fit(X, known_labels=labels)
    for name, values in parameters_of(by_labels).items():
        assert_allclose(getattr(hard, name), values, atol=1e-4, err_msg=name)


@EACH_CASE
def test_warm_start_continues_where_it_was(make, X):
    plain = {"init_params": LABELS, "tol": 1e-12, "acceleration": None}
    whole, parts = make(**plain).fit(X), make(max_iter=8, warm_start=True, **plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trace = [bound for _ in range(25) for bound in parts.fit(X).lower_bounds_]
    assert_allclose(trace[: whole.n_iter_][:100], whole.lower_bounds_[:100], rtol=1e-12)
    assert (np.diff(trace) >= -1e-12).all()
    rows = np.where(np.isnan(X), 1.0, X)
    continued = parts.set_params(max_iter=1000, tol=1e-8).fit(rows)
    assert continued.lower_bounds_[0] < continued.lower_bounds_[-1]
    assert_allclose(continued.lower_bound_, continued.score(rows), rtol=1e-12)


@EACH_CASE
def test_a_given_partition_is_in_the_order_of_the_rows(make, X):
    by_labels, by_shares, others = (
        make(init_params=start, max_iter=0).fit(X)
        for start in (LABELS, np.eye(3)[LABELS], np.sort(LABELS))
    )
    assert_same_mixture(by_shares, by_labels, rtol=1e-12)
    assert by_labels.lower_bound_ > others.lower_bound_ + 0.1


@EACH_CASE
def test_a_function_that_makes_the_start_sees_the_rows_in_their_order(make, X):
    counts = ~np.isnan(X).all(axis=1)

    def start(rows, n_components, random_state):
        assert_array_equal(rows, X[counts])
        return LABELS[counts]

    mixture = make(init_params=start, max_iter=0).fit(X)
    assert_same_mixture(mixture, make(init_params=LABELS, max_iter=0).fit(X), rtol=1e-12)


@EACH_CASE
def test_starts_side_by_side_give_the_same_fit(make, X):
    params = {"n_init": 3, "init_params": "random_from_data"}
    alone, together = make(**params).fit(X), make(n_jobs=2, **params).fit(X)
    assert_same_mixture(together, alone, rtol=1e-12)
    assert [r.n_iter for r in together.restarts_] == [r.n_iter for r in alone.restarts_]


@EACH_CASE
def test_acceleration_ends_at_the_same_optimum(make, X):
    fast, plain = (make(acceleration=a, tol=1e-10).fit(X) for a in ("quasi-newton", None))
    assert_allclose(fast.lower_bound_, plain.lower_bound_, atol=1e-7)
    assert (np.diff(fast.lower_bounds_) >= -1e-12).all()


@EACH_CASE
def test_trace_splits_the_log_likelihood(make, X):
    trace = make(record_trace=True).fit(X).trace_
    assert len(trace) > 1
    for entry in trace:
        parts = entry.expected_log_likelihood + entry.entropy
        assert_allclose(parts, entry.log_likelihood, rtol=1e-12)


@pytest.mark.parametrize("robust", [False, True])
@EACH_STRUCTURE
def test_standard_errors_are_those_of_the_observed_likelihood(structure, robust):
    """The curvature of score_samples, and its slopes row by row, by differences."""
    one = GaussianMixtureEM(1, covariance_type=structure, reg_covar=0, tol=1e-13).fit(ROWS)
    shape, triangle = one.covariances_.shape, np.tril_indices(3)
    matrix = structure in ("full", "tied")

    def flat(values):
        return values.reshape(3, 3)[triangle] if matrix else values.ravel()

    def log_densities(vector):
        values = vector[3:]
        if matrix:
            values = np.zeros((3, 3))
            values[triangle] = values.T[triangle] = vector[3:]
        return GaussianMixtureEM.from_parameters(
            weights=[1],
            means=[vector[:3]],
            covariances=values.reshape(shape),
            covariance_type=structure,
        ).score_samples(ROWS)

    at = np.append(one.means_, flat(one.covariances_))
    steps = 1e-3 * np.eye(at.size)

    def slope(vector, step):
        return (log_densities(vector + step) - log_densities(vector - step)) / 2e-3

    curvature = [[slope(at + b, a) - slope(at - b, a) for b in steps] for a in steps]
    covariance = -np.linalg.inv(np.sum(curvature, axis=2) / 2e-3)
    if robust:
        scores = np.array([slope(at, step) for step in steps])
        covariance = covariance @ (scores @ scores.T) @ covariance
    errors = one.standard_errors(ROWS, robust=robust)
    ours = np.append(errors.means, flat(errors.covariances))
    assert_allclose(ours, np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_prior_of_one_gaussian_without_correlations_is_closed_form():
    """Fraley & Raftery (2007), where the rows of a feature are those that have it."""
    kappa, degrees, scale = 2.0, 5.0, 3.0
    prior = {"shrinkage": kappa, "degrees_of_freedom": degrees, "scale": [scale] * 3}
    mixture = GaussianMixtureEM(1, covariance_type="diag", prior={**prior, "mean": [1, 1, 1]})
    mixture.fit(ROWS)
    n, mean = (~np.isnan(ROWS)).sum(axis=0), np.nanmean(ROWS, axis=0)
    squares = n * np.nanvar(ROWS, axis=0) + kappa * n / (n + kappa) * (mean - 1) ** 2
    assert_allclose(mixture.means_[0], (n * mean + kappa) / (n + kappa), rtol=1e-10)
    assert_allclose(mixture.covariances_[0], (scale + squares) / (degrees + n + 3), rtol=1e-10)


@pytest.mark.parametrize("params", [{"prior": "conjugate"}, {"reg_covar": "scale"}], ids=str)
@EACH_STRUCTURE
def test_what_is_scaled_by_the_data_is_scaled_by_what_is_observed(structure, params):
    units = 1e3 if structure == "spherical" else np.array([1e-3, 1.0, 1e3])
    params = {**params, "covariance_type": structure, "random_state": 0, "tol": 1e-12}
    one, other = (GaussianMixtureEM(3, **params).fit(X) for X in (ROWS, ROWS * units))
    assert_array_equal(other.labels_, one.labels_)
    assert_allclose(other.means_ / units, one.means_, rtol=1e-4, atol=1e-4)
    assert (np.diff(one.lower_bounds_) >= -1e-12).all()


@EACH_CASE
def test_single_precision_is_read_as_it_is(make, X):
    single = X.astype(np.float32)
    mixture, double = make().fit(single), make().fit(single.astype(np.float64))
    assert mixture.weights_.dtype == mixture.score_samples(single).dtype == np.float32
    assert_array_equal(mixture.labels_, double.labels_)
    assert_allclose(mixture.lower_bound_, double.lower_bound_, rtol=1e-6)


# What comes in.

FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c"])
FRAMES = {
    "NaN": FRAME,
    "nullable": FRAME.astype("Float64"),
    "None": FRAME.astype(object).where(FRAME.notna(), None),
    "polars": pl.DataFrame(FRAME.to_dict("list"), nan_to_null=True),
    "Fortran order": np.asfortranarray(ROWS),
    "list": [[None if np.isnan(cell) else cell for cell in row] for row in ROWS.tolist()],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_missing_values_of_frames(kind):
    X = FRAMES[kind]
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    plain = GaussianMixtureEM(3, random_state=0).fit(ROWS)
    assert_same_mixture(mixture, plain, rtol=1e-12)
    assert_allclose(mixture.impute(X), plain.impute(ROWS), rtol=1e-12)
    assert_allclose(mixture.predict_proba(X), plain.predict_proba(ROWS), rtol=1e-12)


def test_missing_counts_of_frames():
    plain = BinomialMixture(3, n_trials=20, random_state=0).fit(HEADS)
    nullable = pd.DataFrame(HEADS, columns=["a", "b", "c"]).astype("Int64")
    cells = {name: [None if np.isnan(n) else int(n) for n in column]
             for name, column in zip("abc", HEADS.T, strict=True)}  # fmt: skip
    for X in (nullable, pl.DataFrame(cells)):
        mixture = BinomialMixture(3, n_trials=20, random_state=0).fit(X)
        assert_same_mixture(mixture, plain, rtol=1e-12)


@pytest.mark.parametrize("estimator", [GaussianMixtureEM(2), BinomialMixture(2, n_trials=20)])
def test_column_with_nothing_observed_is_named(estimator):
    nothing = np.where(np.arange(3) == 1, np.nan, HEADS)
    message = "no observed value in column {}: all of its cells are missing"
    with pytest.raises(ValueError, match=message.format(1)):
        estimator.fit(nothing)
    with pytest.raises(ValueError, match=message.format("'b'")):
        estimator.fit(pd.DataFrame(nothing, columns=["a", "b", "c"]))
    with pytest.raises(ValueError, match=message.format(1)):
        estimator.fit(HEADS, sample_weight=np.isnan(HEADS[:, 1]))
    fitted = clone(estimator).fit(HEADS)
    assert np.isfinite(fitted.score_samples(nothing)).all()  # rows to come may lack it


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@EACH_CASE
def test_infinity_is_an_error(make, X, value):
    mixture, bad = make().fit(X), X.copy()
    bad[3, 1] = value
    for method in (make().fit, mixture.predict, mixture.score_samples, mixture.impute):
        with pytest.raises(ValueError, match="infinity"):
            method(bad)


@pytest.mark.parametrize(
    ("n_trials", "cells", "message"),
    [
        (None, [np.nan, 2, 3, 8, 7, 6], r"one is given; X\[2, 3\] is 8"),
        (None, [1, 2, 3, 8, np.nan, 6], r"one is given; X\[2, 1\] is 2"),
        (None, [np.nan, -1, 3, np.nan, 7, 6], r"Negative values.*X\[2, 1\] is -1"),
        (20, [np.nan, -1, 3], r"Negative values.*X\[2, 1\] is -1"),
        (20, [np.nan, 21, 3], r"more successes than n_trials=20; X\[2, 1\] is 21"),
    ],
)
def test_impossible_counts_are_found_among_missing_ones(n_trials, cells, message):
    bad = (HEADS if n_trials else FLIPS).copy()
    bad[2] = cells
    with pytest.raises(ValueError, match=message):
        BinomialMixture(2, n_trials=n_trials).fit(bad)


# What goes on around it.


@EACH_CASE
def test_estimators_say_that_they_take_missing_values(make, X):
    assert get_tags(make()).input_tags.allow_nan


def test_cross_validation_of_a_pipeline_picks_the_number_of_components():
    geyser = load_old_faithful().data
    geyser = np.where(np.random.default_rng(0).random(geyser.shape) < 0.15, np.nan, geyser)
    model = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {
        "gaussianmixtureem__n_components": [1, 2],
        "gaussianmixtureem__covariance_type": STRUCTURES,
    }
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(model, grid, cv=folds, error_score="raise").fit(geyser)
    assert search.best_params_["gaussianmixtureem__n_components"] == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    scaled = (geyser - np.nanmean(geyser, axis=0)) / np.nanstd(geyser, axis=0)
    best = search.best_estimator_
    assert_allclose(best.score_samples(geyser), best[-1].score_samples(scaled), rtol=1e-10)


def test_cross_validation_of_counts():
    one, three = (
        cross_val_score(BinomialMixture(K, n_trials=20, random_state=0), HEADS, cv=4).mean()
        for K in (1, 3)
    )
    assert one + 1 < three < 0
