"""LinearGaussianSSM: published figures, special cases with other names, and the conventions."""

import warnings
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from skem import LinearGaussianSSM
from skem.datasets import load_nile
from skem.model_selection.soundness import doubt_of
from tests.estimators.test_callbacks import Recorder, needs_callbacks
from tests.state_space.ar1_plus_noise import AR1_PLUS_NOISE
from tests.state_space.dense import Joint, random_params, simulate

NILE = load_nile().data

#: The fit is cut short on purpose.
quickly = pytest.mark.filterwarnings("ignore:EM did not converge")


def not_exchangeable(estimator):
    """Return what the common checks ask that rows of one sequence cannot give."""
    rows = "rows of a sequence depend on each other"
    weights = "it weighs rows of one sequence differently, which has no meaning here: an error"
    return {
        "check_methods_subset_invariance": rows,
        "check_methods_sample_order_invariance": rows,
        "check_sample_weights_not_overwritten": weights,
        "check_sample_weight_equivalence_on_dense_data": weights,
    }


@quickly
@parametrize_with_checks(
    [LinearGaussianSSM(max_iter=30), LinearGaussianSSM(n_states=2, max_iter=30)],
    expected_failed_checks=not_exchangeable,
)
def test_the_common_checks_pass(estimator, check):
    check(estimator)


def local_level(P=1e7, **options):
    values = {"transition_matrix": [[1]], "observation_matrix": [[1]]}
    values |= {"observation_offset": [0], "initial_state_mean": [0]}
    options = {f"{name}_init": value for name, value in values.items()} | options
    return LinearGaussianSSM(
        **options,
        initial_state_covariance_init=[[P]],
        fixed={**dict.fromkeys(values, True), "initial_state_covariance": True},
    )


def test_nile_is_that_of_durbin_and_koopman():
    # Durbin & Koopman (2012), section 2; R's KFAS and StructTS.
    level = local_level().fit(NILE)
    assert level.converged_
    assert level.n_iter_ <= 40
    assert level.observation_covariance_[0, 0] == pytest.approx(15098.5, rel=1e-4)
    assert level.transition_covariance_[0, 0] == pytest.approx(1469.2, rel=3e-4)
    assert level.score(NILE) * 100 == pytest.approx(-641.5856, abs=1e-4)
    assert level.n_parameters_ == 2


def test_smoothed_level_of_the_nile():
    level = LinearGaussianSSM.from_parameters(
        transition_matrix=[[1]],
        observation_matrix=[[1]],
        transition_covariance=[[1469.1]],
        observation_covariance=[[15099.0]],
        initial_state_mean=[0],
        initial_state_covariance=[[1e7]],
    )
    means, variances = level.smooth(NILE)
    years = np.array([1871, 1898, 1970]) - 1871
    np.testing.assert_allclose(means[years, 0], [1111.2203, 999.5851, 798.3703], atol=1e-4)
    np.testing.assert_allclose(variances[years, 0, 0], [4030.533, 2326.757, 4032.158], atol=1e-3)
    np.testing.assert_allclose(level.predict(NILE), means, atol=1e-8)


def autoregression(**options):
    known = {"observation_matrix": [[1]], "observation_offset": [0]}
    return LinearGaussianSSM(
        **{f"{name}_init": value for name, value in known.items()},
        fixed=dict.fromkeys(known, True),
        stationary_start=True,
        **options,
    )


def test_autoregression_seen_through_noise_is_that_of_shumway_and_stoffer():
    # Example 6.6 of their Time Series Analysis.
    X = np.array(AR1_PLUS_NOISE)[:, np.newaxis]
    model = autoregression(tol=1e-11).fit(X)
    assert model.n_iter_ < 30 and model.n_parameters_ == 3
    assert model.score(X) * 100 == pytest.approx(-170.908306, abs=1e-6)
    assert model.transition_matrix_[0, 0] == pytest.approx(0.813767, abs=1e-5)
    sd_w, sd_v = np.sqrt([model.transition_covariance_, model.observation_covariance_]).ravel()
    assert sd_w == pytest.approx(0.850771, abs=1e-5)
    assert sd_v == pytest.approx(0.874403, abs=1e-5)
    errors = model.standard_errors(X)
    assert errors.transition_matrix[0, 0] == pytest.approx(0.0806, abs=1e-4)
    assert errors.transition_covariance[0, 0] / (2 * sd_w) == pytest.approx(0.1753, abs=1e-4)
    assert errors.observation_covariance[0, 0] / (2 * sd_v) == pytest.approx(0.1429, abs=1e-4)
    assert errors.observation_matrix[0, 0] == errors.initial_state_mean[0] == 0
    # P has one that follows from those of A and Q.
    assert errors.initial_state_covariance[0, 0] > 0
    plain = autoregression(tol=1e-10, acceleration=None).fit(X)
    assert plain.lower_bound_ == pytest.approx(model.lower_bound_, abs=1e-9)
    assert plain.n_iter_ > 3 * model.n_iter_


def test_stationary_start_is_that_of_rows_before_the_first():
    # 200 rows, none of which was observed, leave 0.8 ** 200 of any start.
    X = np.array(AR1_PLUS_NOISE)[:, np.newaxis]
    model = autoregression().fit(X)
    free = LinearGaussianSSM.from_parameters(
        transition_matrix=model.transition_matrix_,
        observation_matrix=[[1]],
        transition_covariance=model.transition_covariance_,
        observation_covariance=model.observation_covariance_,
        initial_state_mean=[3.0],
        initial_state_covariance=[[0.1]],
    )
    padded = np.vstack([np.full((200, 1), np.nan), X])
    assert free.score(padded) == pytest.approx(model.score(X), rel=1e-12)
    assert free.score(X) != pytest.approx(model.score(X), rel=1e-4)


@pytest.mark.parametrize("criterion", ["score", "aic", "bic"])
@quickly
def test_rows_of_which_nothing_is_observed_have_no_score(criterion):
    model = LinearGaussianSSM(max_iter=3).fit(NILE)
    with pytest.raises(ValueError, match="no row of which something is observed"):
        getattr(model, criterion)([[np.nan], [np.nan]])


def test_stationary_autoregression_of_order_two():
    """The likelihood of all rows, the first two included, by direct maximisation."""
    rng, x = np.random.default_rng(8), np.zeros(150)
    for t in range(2, 150):
        x[t] = 1.2 * x[t - 1] - 0.5 * x[t - 2] + rng.normal()
    X = x[50:, np.newaxis]
    model = LinearGaussianSSM(
        2,
        transition_matrix_init=[[0.1, 0.1], [1, 0]],
        transition_covariance_init=[[1, 0], [0, 0]],
        observation_matrix_init=[[1, 0]],
        observation_covariance_init=[[0]],
        observation_offset_init=[0],
        stationary_start=True,
        fixed={
            "transition_matrix": np.array([[False, False], [True, True]]),
            "transition_covariance": ~np.outer([1, 0], [1, 0]).astype(bool),
            "observation_matrix": True,
            "observation_covariance": True,
            "observation_offset": True,
        },
        tol=1e-10,
    ).fit(X)

    def coefficients(theta):  # of partial autocorrelations: always stationary
        first, second = np.tanh(theta[:2])
        return first * (1 - second), second

    def total(theta):
        (a, b), variance = coefficients(theta), np.exp(theta[2])
        # Autocovariances by the equations of Yule and Walker.
        left = [[1, -a, -b], [-a, 1 - b, 0], [-b, -a, 1]]
        gamma = list(np.linalg.solve(left, [variance, 0, 0]))
        for _ in range(len(X) - 3):
            gamma.append(a * gamma[-1] + b * gamma[-2])
        covariance = np.array(gamma)[np.abs(np.subtract.outer(range(len(X)), range(len(X))))]
        return multivariate_normal.logpdf(X[:, 0], np.zeros(len(X)), covariance)

    direct = minimize(lambda theta: -total(theta), [0.5, -0.3, 0.0], options={"gtol": 1e-4})
    assert model.score(X) * len(X) == pytest.approx(-direct.fun, abs=1e-5)
    expected = coefficients(direct.x)
    np.testing.assert_allclose(model.transition_matrix_[0], expected, atol=1e-3)
    np.testing.assert_array_equal(model.transition_matrix_[1], [1, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial_state_mean_init": [0]}, "says what initial_state_mean is: leave it out"),
        ({"fixed": {"initial_state_covariance": False}}, "says what initial_state_covariance is"),
        ({"transition_matrix_init": [[1.0]]}, "needs states that forget: all eigenvalues"),
        ({"stationary_start": "yes"}, "stationary_start"),
    ],
)
def test_what_a_stationary_start_rules_out(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        LinearGaussianSSM(**{"stationary_start": True, **options}).fit(NILE)


def factors():
    rng = np.random.default_rng(0)
    return rng.normal(size=(80, 2)) @ rng.normal(size=(2, 6)) + 0.6 * rng.normal(size=(80, 6))


def test_without_transitions_it_is_a_factor_analyser():
    X, zero, one = factors(), np.zeros((2, 2)), np.eye(2)
    start = {
        "transition_matrix": zero,
        "transition_covariance": one,
        "initial_state_mean": [0, 0],
        "initial_state_covariance": one,
    }
    model = LinearGaussianSSM(
        2,
        **{f"{name}_init": value for name, value in start.items()},
        fixed=dict.fromkeys(start, True),
        tol=1e-10,
    ).fit(X)
    peer = FactorAnalysis(2, tol=1e-10, max_iter=20000, svd_method="lapack").fit(X)
    assert model.score(X) == pytest.approx(peer.score(X), abs=1e-7)
    np.testing.assert_allclose(
        np.diag(model.observation_covariance_), peer.noise_variance_, rtol=1e-2
    )
    np.testing.assert_allclose(model.observation_offset_, peer.mean_, atol=1e-6)
    mine, theirs = (C @ C.T for C in (model.observation_matrix_, peer.components_.T))
    np.testing.assert_allclose(mine, theirs, atol=1e-2)


@pytest.fixture(scope="module")
def sequences():
    """Six sequences of two outputs, cells of which are missing, and the ids of their rows."""
    rng = np.random.default_rng(2)
    params = random_params(rng, 2, 2, diagonal=True)
    lengths = np.array([30, 12, 40, 1, 25, 20])
    X = np.vstack([simulate(rng, params, n, 0.2) for n in lengths])
    return X, np.repeat(np.arange(6), lengths), lengths


@quickly
def test_groups_and_lengths_are_the_same(sequences):
    X, ids, lengths = sequences
    model = LinearGaussianSSM(max_iter=15, tol=1e-3)
    by_ids, by_lengths = model.fit(X, groups=ids), clone(model).fit(X, lengths=lengths)
    assert by_ids.score(X, groups=ids) == by_lengths.score(X, lengths=lengths)
    observed = ~np.isnan(X).all(axis=1)
    assert 0 < observed.sum() < len(X)  # other rows do not count
    assert by_ids.score(X, groups=ids) == pytest.approx(
        by_ids.score_samples(X, groups=ids)[observed].mean(), rel=1e-12
    )
    assert by_ids.score(X, groups=ids) != by_ids.score(X)
    assert by_ids.lower_bound_ == pytest.approx(by_ids.score(X, groups=ids), rel=1e-12)
    with pytest.raises(ValueError, match="groups and lengths contradict"):
        model.fit(X, groups=ids, lengths=lengths[::-1])


def test_cross_validation_by_sequence_needs_no_more_than_ids(sequences):
    X, ids, _ = sequences
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            LinearGaussianSSM(max_iter=5, tol=0.1), {"n_states": [1, 2]}, cv=GroupKFold(3)
        ).fit(X, groups=ids)
    train, test = next(GroupKFold(3).split(X, groups=ids))
    alone = LinearGaussianSSM(max_iter=5, tol=0.1).fit(X[train], groups=ids[train])
    expected = alone.score(X[test], groups=ids[test])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected, rel=1e-10)


def test_weights_of_sequences_are_repetitions(sequences):
    X, ids, _ = sequences
    model = LinearGaussianSSM(
        max_iter=8, tol=0.5, observation_matrix_init=[[1], [0.5]], transition_matrix_init=[[0.5]]
    )
    model.set_params(transition_covariance_init=[[1]], observation_covariance_init=np.eye(2))
    model.set_params(initial_state_mean_init=[0], initial_state_covariance_init=[[1]])
    model.set_params(observation_offset_init=[0, 0])
    twice = np.where(ids == 2, 2.0, 1.0)
    weighted = model.fit(X, groups=ids, sample_weight=twice)
    again = np.vstack([X, X[ids == 2]])
    repeated = clone(model).fit(again, groups=np.append(ids, np.full((ids == 2).sum(), 9)))
    np.testing.assert_allclose(
        weighted.observation_matrix_, repeated.observation_matrix_, rtol=1e-8
    )
    with pytest.raises(ValueError, match="must be the same in all rows of a sequence"):
        model.fit(X, groups=ids, sample_weight=np.arange(1.0, len(X) + 1))


def dense_model(rng, n=2, p=2):
    params = random_params(rng, n, p)
    return LinearGaussianSSM.from_parameters(**params._asdict()), params


def test_missing_cells_are_imputed_by_their_expectations():
    rng = np.random.default_rng(5)
    model, params = dense_model(rng)
    X = simulate(rng, params, 8, 0.3)
    filled = model.impute(X)
    # Condition the joint Gaussian of all cells.
    C, R, d = params.observation_matrix, params.observation_covariance, params.observation_offset
    T = len(X)
    lifted = Joint(
        params._replace(observation_matrix=np.eye(2), observation_offset=np.zeros(2)),
        np.full((T, 2), np.nan),
    )
    prior = np.kron(np.eye(T), C) @ lifted.covariance @ np.kron(np.eye(T), C).T
    prior += np.kron(np.eye(T), R)
    mean = (lifted.means @ C.T + d).ravel()
    seen = ~np.isnan(X.ravel())
    gain = prior[np.ix_(~seen, seen)] @ np.linalg.inv(prior[np.ix_(seen, seen)])
    expected = mean[~seen] + gain @ (X.ravel()[seen] - mean[seen])
    np.testing.assert_allclose(filled.ravel()[~seen], expected, atol=1e-10)
    np.testing.assert_array_equal(filled.ravel()[seen], X.ravel()[seen])
    assert (~seen).sum() > 2


def test_forecast_is_filtering_of_missing_rows():
    rng = np.random.default_rng(6)
    model, params = dense_model(rng)
    X = simulate(rng, params, 20)
    ahead = model.forecast(3, X)
    means, covariances = model.filter(np.vstack([X, np.full((3, 2), np.nan)]))
    np.testing.assert_allclose(ahead.state_means, means[-3:], atol=1e-12)
    np.testing.assert_allclose(ahead.state_covariances, covariances[-3:], atol=1e-12)
    # The density of the row after the last is that of its forecast.
    after = simulate(rng, params, 1)
    density = multivariate_normal.logpdf(after[0], ahead["means"][0], ahead["covariances"][0])
    assert model.score_samples(np.vstack([X, after]))[-1] == pytest.approx(density, rel=1e-10)


def test_forecast_of_a_fit_goes_on_after_its_last_sequence(sequences):
    X, ids, _ = sequences
    model = LinearGaussianSSM(max_iter=5, tol=1).fit(X, groups=ids)
    mine, given = model.forecast(2), model.forecast(2, X[ids == 5])
    every = model.forecast(2, X, groups=ids)
    assert len(every["means"]) > 2
    np.testing.assert_allclose(every["covariances"][-1], given["covariances"])
    np.testing.assert_allclose(every["means"][-1], given["means"])
    np.testing.assert_allclose(mine["means"], given["means"], atol=1e-10)


def test_sample_has_the_moments_of_the_model():
    model, params = dense_model(np.random.default_rng(7))
    X, states = model.sample(4000, random_state=0)
    A, C = params.transition_matrix, params.observation_matrix
    steps = states[1:] - states[:-1] @ A.T
    noise = X - states @ C.T - params.observation_offset
    np.testing.assert_allclose(np.cov(steps.T), params.transition_covariance, atol=0.06)
    np.testing.assert_allclose(np.cov(noise.T), params.observation_covariance, atol=0.06)
    np.testing.assert_array_equal(X, model.sample(4000, random_state=0)[0])


def test_units_and_offsets_do_not_matter():
    fits = [local_level(P).fit(X) for X, P in [(NILE, 1e7), (NILE * 1024, 1e7 * 1024**2)]]
    plain, scaled = fits
    assert scaled.observation_covariance_ == pytest.approx(
        plain.observation_covariance_ * 1024**2, rel=1e-6
    )
    free = [LinearGaussianSSM(tol=1e-10).fit(X) for X in (NILE, NILE + 1e8)]
    assert free[1].lower_bound_ == pytest.approx(free[0].lower_bound_, abs=1e-8)
    assert free[1].score(NILE + 1e8) == pytest.approx(free[0].score(NILE), abs=1e-8)


def test_single_precision_in_gives_the_same_model():
    double, single = (local_level().fit(NILE.astype(t)) for t in (np.float64, np.float32))
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-12)
    assert single.transition_covariance_.dtype == np.float64


def test_local_trend_holds_entries():
    # Level and slope: A and C known, Q diagonal.
    trend = LinearGaussianSSM(
        2,
        transition_covariance_type="diagonal",
        transition_matrix_init=[[1, 1], [0, 1]],
        observation_matrix_init=[[1, 0]],
        observation_offset_init=[0],
        initial_state_mean_init=[1000, 0],
        initial_state_covariance_init=np.diag([1e6, 1e2]),
        fixed={
            "transition_matrix": True,
            "observation_matrix": True,
            "observation_offset": True,
            "initial_state_mean": [False, True],
        },
        max_iter=200,
        tol=1e-7,
    ).fit(NILE)
    assert trend.transition_covariance_[0, 1] == 0
    assert trend.initial_state_mean_[1] == 0
    assert trend.initial_state_mean_[0] != 1000
    np.testing.assert_array_equal(trend.initial_state_covariance_, np.diag([1e6, 1e2]))


def test_an_autoregression_of_order_two_has_entries_held():
    rng = np.random.default_rng(8)
    x = np.zeros(402)
    for t in range(2, 402):
        x[t] = 1.2 * x[t - 1] - 0.5 * x[t - 2] + rng.normal()
    X = x[2:, np.newaxis]
    held = np.array([[False, False], [True, True]])
    model = LinearGaussianSSM(
        2,
        transition_matrix_init=[[0.1, 0.1], [1, 0]],
        transition_covariance_init=[[1, 0], [0, 0]],
        observation_matrix_init=[[1, 0]],
        observation_covariance_init=[[0]],
        observation_offset_init=[0],
        initial_state_mean_init=[0, 0],
        initial_state_covariance_init=np.eye(2) * 5,
        fixed={
            "transition_matrix": held,
            "transition_covariance": ~np.outer([1, 0], [1, 0]).astype(bool),
            "observation_matrix": True,
            "observation_covariance": True,
            "observation_offset": True,
            "initial_state_mean": True,
            "initial_state_covariance": True,
        },
    ).fit(X)
    # Conditional least squares: the same but for what the first two rows add.
    lags = np.column_stack([X[1:-1, 0], X[:-2, 0]])
    expected = np.linalg.lstsq(lags, X[2:, 0], rcond=None)[0]
    np.testing.assert_allclose(model.transition_matrix_[0], expected, atol=0.01)
    np.testing.assert_array_equal(model.transition_matrix_[1], [1, 0])


def test_starts_are_reported_and_reproducible():
    X = factors()
    model = LinearGaussianSSM(2, n_init=3, max_iter=20, tol=1e-3, random_state=0)
    first, again = model.fit(X), clone(model).fit(X)
    assert len(first.restarts_) == 3
    assert first.lower_bound_ == again.lower_bound_
    assert max(r.log_likelihood for r in first.restarts_) <= first.lower_bound_ + 1e-12
    assert (np.diff(first.lower_bounds_) >= 0).all()


def test_acceleration_needs_fewer_evaluations():
    fast, plain = (local_level(acceleration=a).fit(NILE) for a in ("quasi-newton", None))
    assert fast.n_iter_ < plain.n_iter_ / 4
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-7


def test_warm_start_continues():
    model = local_level(warm_start=True, max_iter=4)
    with pytest.warns(ConvergenceWarning, match="max_iter=4"):
        model.fit(NILE)
    before = model.lower_bound_
    model.set_params(max_iter=100).fit(NILE)
    assert model.converged_
    assert model.lower_bound_ > before


@quickly
def test_parameters_are_counted_up_to_the_choice_of_states():
    X = factors()
    fit = partial(LinearGaussianSSM, max_iter=2, tol=10)
    # A 4, C 12, R 6, m 2, d 6; P held, Q the identity: states turn freely.
    assert fit(2).fit(X).n_parameters_ == 4 + 12 + 6 + 2 + 6 - 1
    # With enough sequences, and Q free: A 4, C 12, Q 3, R 6, m 2, P 3, d 6, less 4.
    many = fit(2, fixed={"transition_covariance": False}).fit(X, lengths=[20] * 4)
    assert many.n_parameters_ == 4 + 12 + 3 + 6 + 2 + 3 + 6 - 4
    assert many.bic(X, lengths=[20] * 4) - many.aic(X, lengths=[20] * 4) == pytest.approx(
        many.n_parameters_ * (np.log(80) - 2)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"transition_matrix_init": [1, 2]},
            r"must have the shape \(1, 1\)",
        ),
        ({"transition_covariance_init": [[-1]]}, "positive semi-definite"),
        ({"fixed": {"slope": True}}, "fixed names 'slope'; what can be fixed is"),
        ({"fixed": {"transition_matrix": True}}, "set transition_matrix_init"),
        ({"fixed": {"transition_matrix": [True, False]}}, r"bools of shape \(1, 1\)"),
        ({"n_states": 0}, "n_states"),
        (
            {"transition_covariance_init": [[0]], "fixed": {"transition_covariance": True}},
            "is free in row 0, whose variance in transition_covariance_init is 0",
        ),
    ],
)
def test_what_cannot_be_is_named_and_leaves_the_estimator(options, message):
    model = local_level().fit(NILE)
    before = model.lower_bound_
    model.set_params(
        **{f"{name}_init": None for name in ("transition_matrix", "observation_matrix")},
        fixed=None,
    )
    with pytest.raises(ValueError, match=message):
        model.set_params(**options).fit(NILE)
    assert model.lower_bound_ == before


def test_column_without_values_is_named():
    X = np.column_stack([NILE, np.full(100, np.nan)])
    with pytest.raises(ValueError, match="no observed value in column 1"):
        LinearGaussianSSM().fit(X)


# Those who watch.


def test_trace_has_the_bound_and_its_two_parts():
    level = local_level(record_trace=True).fit(NILE)
    entries = level.trace_
    assert entries[-1].n_iter == level.n_iter_
    for entry in entries:
        parts = entry.expected_log_likelihood + entry.entropy
        assert entry.log_likelihood == pytest.approx(parts, rel=1e-12)
        assert entry.log_likelihood == level.lower_bounds_[entry.n_iter - 1]
    at = LinearGaussianSSM.from_parameters(
        **{name.rstrip("_"): value for name, value in entries[3].parameters.items()}
    )
    assert at.score(NILE) == pytest.approx(entries[3].log_likelihood, rel=1e-12)
    assert not hasattr(level.set_params(record_trace=False).fit(NILE), "trace_")


def test_progress_is_printed(capsys):
    local_level(verbose=1, verbose_interval=5).fit(NILE)
    assert "converged" in capsys.readouterr().out.lower()


@needs_callbacks
@quickly
def test_callbacks_are_told_of_starts_and_evaluations():
    recorder = Recorder(stop_after=4)
    model = LinearGaussianSSM(2, n_init=2, random_state=0).set_callbacks(recorder)
    X = factors()
    model.fit(X)
    assert (recorder.set_up, recorder.torn_down) == (1, 1)
    assert [len(recorder.evaluations(start)) for start in (0, 1)] == [4, 4]
    assert recorder.evaluations()[3] == pytest.approx(model.lower_bounds_[3], rel=1e-10)
    assert recorder.last_score == pytest.approx(model.score(X), rel=1e-10)


# Sequences as units.


def panel(n=150):
    rng, rows = np.random.default_rng(3), []
    for _ in range(n):
        x = np.zeros(1)
        for _ in range(8):
            x = 0.7 * x + rng.normal()
            rows.append(x + 0.5 * rng.normal(size=1))
    return np.array(rows), np.full(n, 8)


def test_robust_standard_errors_do_not_depend_on_the_scale_of_weights():
    X, lengths = panel()
    known = {"observation_matrix": [[1]], "observation_offset": [0], "initial_state_mean": [0]}
    model = LinearGaussianSSM(
        **{f"{name}_init": value for name, value in known.items()},
        initial_state_covariance_init=[[1]],
        fixed=dict.fromkeys([*known, "initial_state_covariance"], True),
        tol=1e-11,
    ).fit(X, lengths=lengths)
    twice = np.full(len(X), 2.0)
    names = ("transition_matrix", "transition_covariance", "observation_covariance")
    errors = partial(model.standard_errors, X, lengths=lengths)
    plain, robust = errors(), errors(robust=True)
    weighted, both = errors(sample_weight=twice), errors(sample_weight=twice, robust=True)
    for name in names:
        # The model is true: the two are near each other, but not the same.
        assert robust[name] == pytest.approx(plain[name], rel=0.25)
        assert robust[name] != pytest.approx(plain[name], rel=1e-4)
        assert weighted[name] == pytest.approx(plain[name] / np.sqrt(2), rel=1e-6)
        assert both[name] == pytest.approx(robust[name], rel=1e-6)
    with pytest.raises(
        ValueError, match=r"errors of 3 parameters need more sequences .* there are 1:"
    ):
        model.standard_errors(X, robust=True)


def test_sample_of_several_sequences_begins_each_at_the_start():
    params = random_params(np.random.default_rng(1), 2, 2)
    model = LinearGaussianSSM.from_parameters(**params._asdict())
    X, states = model.sample(random_state=0, lengths=[2] * 3000)
    assert X.shape == states.shape == (6000, 2)
    np.testing.assert_allclose(states[::2].mean(axis=0), params.initial_state_mean, atol=0.08)
    np.testing.assert_allclose(np.cov(states[::2].T), params.initial_state_covariance, atol=0.12)
    after = params.transition_matrix @ params.initial_state_mean
    np.testing.assert_allclose(states[1::2].mean(axis=0), after, atol=0.08)
    assert (model.sample(3)[0] != model.sample(3)[0]).all()
    with pytest.raises(ValueError, match=r"lengths must be at least 1, but lengths\[1\] is 0"):
        model.sample(lengths=[2, 0])


@quickly
def test_unit_of_the_states_is_the_step_unless_told():
    options = {"max_iter": 20, "tol": 1e-4}
    default = LinearGaussianSSM(**options).fit(NILE)
    assert default.transition_covariance_ == [[1.0]]
    held = LinearGaussianSSM(
        transition_covariance_init=[[4.0]], fixed={"transition_covariance": True}, **options
    ).fit(NILE)
    assert held.transition_covariance_ == [[4.0]]
    for told in (
        {"transition_covariance_init": [[4.0]]},
        {"fixed": {"transition_covariance": False}},
        {"transition_matrix_init": [[0.5]]},
    ):
        moved = LinearGaussianSSM(**told, **options).fit(NILE).transition_covariance_[0, 0]
        assert moved not in (1.0, 4.0)


def held(*names):
    """Return what holds parameters whole."""
    return dict.fromkeys(names, True)


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_a_slope_that_no_output_shows_is_found(seed):
    """Its variance once began at 0, which EM never leaves."""
    rng = np.random.default_rng(seed)
    slope = np.cumsum(0.1 * rng.normal(size=200))
    level = np.cumsum(slope + rng.normal(size=200))
    X = (level + 3 * rng.normal(size=200))[:, np.newaxis]
    trend = LinearGaussianSSM(
        2,
        transition_matrix_init=[[1, 1], [0, 1]],
        observation_matrix_init=[[1, 0]],
        transition_covariance_type="diagonal",
        observation_offset_init=[0],
        initial_state_mean_init=[0, 0],
        initial_state_covariance_init=1e6 * np.eye(2),
        fixed=held(
            "transition_matrix",
            "observation_matrix",
            "observation_offset",
            "initial_state_mean",
            "initial_state_covariance",
        ),
    )
    nearer = clone(trend).set_params(
        transition_covariance_init=np.diag([1, 0.01]), observation_covariance_init=[[9]]
    )
    fitted = trend.fit(X)
    assert 200 * fitted.score(X) == pytest.approx(200 * nearer.fit(X).score(X), abs=1e-4)
    assert fitted.transition_covariance_[1, 1] > 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_a_sequence_of_weight_zero_is_absent(seed):
    rng = np.random.default_rng(seed)
    state = np.convolve(rng.normal(size=80), 0.8 ** np.arange(20))[:80]
    X = np.column_stack([state, 2 * state]) + rng.normal(size=(80, 2))
    groups = np.repeat([0, 1], 40)
    one = LinearGaussianSSM(random_state=0).fit(X[:40])
    X[40:] *= 1e3
    both = LinearGaussianSSM(random_state=0).fit(X, groups=groups, sample_weight=1.0 - groups)
    assert both.n_parameters_ == one.n_parameters_
    assert both.lower_bound_ == pytest.approx(one.lower_bound_, rel=1e-12)


def test_singular_covariances_can_be_given():
    """An autoregression of order two, whose second state repeats the first."""
    model = LinearGaussianSSM.from_parameters(
        transition_matrix=[[0.5, 0.2], [1, 0]],
        observation_matrix=[[1, 0]],
        transition_covariance=[[1, 0], [0, 0]],
        observation_covariance=[[0.5]],
        initial_state_mean=[0, 0],
        initial_state_covariance=np.eye(2),
    )
    assert model.fixed["transition_covariance"] is True
    assert model.fixed["transition_matrix"].tolist() == [[False, False], [True, True]]
    assert np.isfinite(model.score(np.random.default_rng(0).normal(size=(20, 1))))


# What cannot be trusted.


def test_no_more_numbers_than_parameters_are_doubted():
    X = np.random.default_rng(0).normal(size=(2, 1))
    with pytest.warns(ConvergenceWarning, match="5 parameters are free, and X has 2 numbers"):
        model = LinearGaussianSSM().fit(X)
    assert doubt_of(model) == "parameters"
    assert model.restarts_[0].spurious in model.doubts_["parameters"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not local_level().fit(load_nile().data).doubts_


def walk():
    return np.cumsum(np.random.default_rng(0).normal(size=200))[:, np.newaxis]


def test_an_output_without_noise_is_doubted_where_its_coefficients_are_free():
    X = walk()
    with pytest.warns(ConvergenceWarning, match="noise of column 0 has gone to 0"):
        model = LinearGaussianSSM().fit(X)
    assert doubt_of(model) == "no noise"
    # What the warning says: with next to no noise EM does not move C.
    R = {"observation_covariance_init": [[1e-9]], "fixed": {"observation_covariance": True}}
    with pytest.warns(ConvergenceWarning, match="noise of column 0 has gone to 0"):
        stuck = LinearGaussianSSM(**R).fit(X)
    assert stuck.converged_ and stuck.n_iter_ < 10
    # And what it recommends works.
    held = {"observation_matrix": True, "observation_offset": True, "transition_covariance": False}
    sound = LinearGaussianSSM(
        observation_matrix_init=[[1]], observation_offset_init=[0.0], fixed=held
    ).fit(X)
    assert sound.observation_covariance_[0, 0] < 1e-4 and not sound.doubts_
    assert sound.score(X) > stuck.score(X) + 0.04


def test_a_state_without_noise_is_doubted_where_its_transitions_are_free():
    X = np.full((60, 1), 3.0) + np.random.default_rng(0).normal(size=(60, 1))
    with pytest.warns(ConvergenceWarning, match="noise of a state has gone to 0"):
        model = LinearGaussianSSM(
            transition_matrix_init=[[1.0]],
            observation_matrix_init=[[1.0]],
            transition_covariance_init=[[1e-12]],
            fixed={"observation_matrix": True, "transition_covariance": False},
        ).fit(X)
    assert "no noise" in model.doubts_


def test_what_is_foretold_exactly_is_doubted():
    pd = pytest.importorskip("pandas")
    with pytest.warns(ConvergenceWarning, match="foretell column 'level' exactly"):
        model = local_level(max_iter=200).fit(pd.DataFrame({"level": np.ones(50)}))
    assert doubt_of(model) == "foretold"


def test_variances_do_not_become_negative_by_rounding():
    """One column is the other, a row later: its noise goes to 0."""
    x = np.random.default_rng(0).normal(size=120)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LinearGaussianSSM(3, max_iter=1500).fit(np.column_stack([x[1:], x[:-1]]))
    assert (np.diag(model.observation_covariance_) >= 0).all()
    assert "no noise" in model.doubts_


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"observation_matrix": [1, 0]}, ValueError, r"\(n_features, n_states\).* got .*\(2,\)"),
        (
            {"transition_matrix": [[1.0]]},
            ValueError,
            r"transition_matrix must have the shape \(2, 2\), as observation_matrix has 1 "
            r"features by 2 states, got \[\[1.0\]\] of shape \(1, 1\)",
        ),
        ({"initial_state_mean": [0, np.nan]}, ValueError, "initial_state_mean must be finite"),
        ({"observation_covariance": "a"}, TypeError, "observation_covariance must be an array of"),
        ({"level": 3}, ValueError, "does not know level: the parameters are transition_matrix, "),
    ],
)
def test_parameters_given_by_hand_are_checked(changes, error, message):
    given = {
        "transition_matrix": np.eye(2),
        "observation_matrix": [[1, 0]],
        "transition_covariance": np.eye(2),
        "observation_covariance": [[1]],
        "initial_state_mean": [0, 0],
        "initial_state_covariance": np.eye(2),
    }
    assert LinearGaussianSSM.from_parameters(**given).n_features_in_ == 1
    with pytest.raises(error, match=message):
        LinearGaussianSSM.from_parameters(**{**given, **changes})
