"""Filter and smoother: against the joint Gaussian, a plain loop, and each other."""

import numpy as np
import pytest

from skem.errors import DegenerateError
from skem.state_space import expectation, lanes, smoothing
from skem.state_space import series as series_module
from skem.state_space.affine import affine_recursion
from skem.state_space.expectation import expect
from skem.state_space.overlap import memory
from skem.state_space.series import Series, StateSpace
from skem.state_space.smoothing import rows_of
from skem.state_space.statistics import statistics
from tests.state_space.dense import Joint, random_params, simulate

MISSING = [0.0, 0.3]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def side_by_side(monkeypatch):
    """Smooth everything in lanes, complete sequences too."""
    monkeypatch.setattr(expectation, "ROWS_BY_SEQUENCE", np.inf)


def lag_sum(params, sums):
    """Return the sum of Cov(x_t+1, x_t), from the sums that take its place."""
    A, Q = params.transition_matrix, params.transition_covariance
    return A @ (sums.all - sums.last) - Q @ sums.cross


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("in_lanes", [True, False])
def test_smoother_is_that_of_the_joint_gaussian(rng, monkeypatch, missing, diagonal, in_lanes):
    if in_lanes:
        side_by_side(monkeypatch)
    params = random_params(rng, 3, 2, diagonal=diagonal)
    Y = simulate(rng, params, 12, missing)
    ends, weights = np.array([1, 8, 12]), np.array([2.0, 1.0, 0.5])
    joints = [Joint(params, Y[a:b]) for a, b in zip([0, 1, 8], ends, strict=True)]

    got = expect(Series.of(Y, ends, weights), params)
    total = weights @ [joint.log_likelihood for joint in joints]
    assert got.log_likelihood == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(got.means, np.vstack([j.means for j in joints]), atol=1e-12)

    def summed(of):
        return sum(w * of(joint) for w, joint in zip(weights, joints, strict=True))

    sums = got.sums
    first, last = summed(lambda j: j.between(0, 0)), summed(lambda j: j.between(j.T - 1, j.T - 1))
    every = summed(lambda j: sum(j.between(t, t) for t in range(j.T)))
    lag = summed(lambda j: sum((j.between(t + 1, t) for t in range(j.T - 1)), np.zeros((3, 3))))
    np.testing.assert_allclose(sums.first, first, atol=1e-12)
    np.testing.assert_allclose(sums.last, last, atol=1e-12)
    np.testing.assert_allclose(sums.all, every, atol=1e-12)
    np.testing.assert_allclose(lag_sum(params, sums), lag, atol=1e-12)


@pytest.mark.parametrize("missing", MISSING)
def test_filter_is_the_smoother_of_the_rows_so_far(rng, missing):
    params = random_params(rng, 2, 2)
    Y = simulate(rng, params, 9, missing)
    got = rows_of(Series.of(Y), params, smooths=False)
    before = 0.0
    for t in range(9):
        joint = Joint(params, Y[: t + 1])
        np.testing.assert_allclose(got.means[t], joint.means[t], atol=1e-12)
        np.testing.assert_allclose(got.covariances[t], joint.between(t, t), atol=1e-12)
        assert got.log_densities[t] == pytest.approx(joint.log_likelihood - before, abs=1e-11)
        before = joint.log_likelihood


@pytest.mark.parametrize("missing", MISSING)
def test_one_lane_or_many_are_the_same(rng, monkeypatch, missing):
    side_by_side(monkeypatch)
    params = random_params(rng, 2, 2)
    series = Series.of(simulate(rng, params, 900, missing), [500, 503, 900])
    found = []
    for length in (0.1, 1e9):
        monkeypatch.setattr(lanes, "LENGTH", length)
        found.append(expect(series, params, by_pattern=True))
    cut_lanes, whole = found
    assert cut_lanes.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-13)
    np.testing.assert_allclose(cut_lanes.means, whole.means, atol=1e-11)
    for mine, theirs in zip(cut_lanes.sums, whole.sums, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n", [5, 7])
@pytest.mark.parametrize("missing", MISSING)
def test_many_states_side_by_side(rng, monkeypatch, n, missing):
    """Products by lane, and of all lanes, are other ones from some number of states on."""
    side_by_side(monkeypatch)
    params = random_params(rng, n, 2)
    Y = simulate(rng, params, 10, missing)
    got, joint = expect(Series.of(Y), params), Joint(params, Y)
    assert got.log_likelihood == pytest.approx(joint.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(got.means, joint.means, atol=1e-11)
    every = sum(joint.between(t, t) for t in range(10))
    lag = sum(joint.between(t + 1, t) for t in range(9))
    np.testing.assert_allclose(got.sums.all, every, atol=1e-11)
    np.testing.assert_allclose(lag_sum(params, got.sums), lag, atol=1e-11)


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("by_pattern", [False, True])
def test_one_piece_of_rows_or_many_are_the_same(rng, monkeypatch, missing, by_pattern):
    params = random_params(rng, 2, 3, diagonal=not by_pattern)
    Y = simulate(rng, params, 700, missing)
    found = []
    for numbers in (2**22, 60):
        monkeypatch.setattr(series_module, "NUMBERS", numbers)
        monkeypatch.setattr(smoothing, "MOST_NUMBERS", 100 * numbers)
        series = Series.of(Y, [400, 700], [1.0, 2.0])
        expected = expect(series, params, by_pattern)
        found.append((expected, statistics(series, params, expected, by_pattern)))
    (one, its), (many, theirs) = found
    assert many.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-13)
    np.testing.assert_allclose(many.means, one.means, atol=1e-12)
    for mine, other in zip(its, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-9)


def test_settled_gains_are_the_same_as_lanes(rng, monkeypatch):
    params = random_params(rng, 3, 2, radius=0.98)
    series = Series.of(simulate(rng, params, 600), [350, 600], [1.0, 2.0])
    settled = expect(series, params)
    side_by_side(monkeypatch)
    by_lanes = expect(series, params)
    assert settled.log_likelihood == pytest.approx(by_lanes.log_likelihood, rel=1e-13)
    np.testing.assert_allclose(settled.means, by_lanes.means, atol=1e-11)
    np.testing.assert_allclose(settled.disturbances, by_lanes.disturbances, atol=1e-11)
    for mine, theirs in zip(settled.sums, by_lanes.sums, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("missing", MISSING)
def test_agrees_with_statsmodels(rng, missing):
    api = pytest.importorskip("statsmodels.tsa.statespace.kalman_smoother")
    params = random_params(rng, 2, 3)
    Y = simulate(rng, params, 400, missing)
    peer = api.KalmanSmoother(k_endog=3, k_states=2, tolerance=0)
    peer.bind(Y.copy())
    peer["transition"], peer["design"], peer["selection"] = params[0], params[1], np.eye(2)
    peer["state_cov"], peer["obs_cov"], peer["obs_intercept"] = params[2], params[3], params[6]
    peer.initialize_known(params.initial_state_mean, params.initial_state_covariance)
    theirs, mine = peer.smooth(), expect(Series.of(Y), params)
    assert mine.log_likelihood == pytest.approx(theirs.llf, rel=1e-12)
    np.testing.assert_allclose(mine.means, theirs.smoothed_state.T, atol=1e-11)
    np.testing.assert_allclose(mine.sums.all, theirs.smoothed_state_cov.sum(axis=2), rtol=1e-10)
    lag = theirs.smoothed_state_autocov[:, :, :-1].sum(axis=2)
    np.testing.assert_allclose(lag_sum(params, mine.sums), lag, atol=1e-9)


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.01])
@pytest.mark.parametrize(("n", "n_rows"), [(1, 1), (1, 60), (1, 97), (3, 700), (60, 5)])
@pytest.mark.parametrize("backward", [False, True])
def test_affine_recursion_is_a_plain_loop(rng, radius, n, n_rows, backward):
    F = random_params(rng, n, 1, radius=radius).transition_matrix
    inputs, start = rng.normal(size=(n_rows, n)), rng.normal(size=n)
    state, plain = start, []
    for u in inputs[::-1] if backward else inputs:
        state = F @ state + u
        plain.append(state)
    plain = np.array(plain[::-1] if backward else plain)
    affine_recursion(F, inputs, start, backward)
    np.testing.assert_allclose(inputs, plain, rtol=1e-9, atol=1e-12 * np.abs(plain).max())


def test_memory_is_where_the_filter_settles(rng):
    params = random_params(rng, 2, 1, radius=0.97)
    limit, n_steps = memory(params)
    A, C, Q, R, *_ = params
    P, state = Q, np.ones(2)
    for _ in range(n_steps):
        K = P @ C.T @ np.linalg.inv(C @ P @ C.T + R)
        state = (A - A @ K @ C) @ state
        P = A @ (P - K @ C @ P) @ A.T + Q
    np.testing.assert_allclose(P, limit, rtol=1e-9)
    assert 1e-17 < np.abs(state).max() < 1e-11


def local_level(q, r, P=1.0):
    one = np.ones((1, 1))
    return StateSpace(one, one, q * one, r * one, np.zeros(1), P * one, np.zeros(1))


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize(("q", "r"), [(1e-12, 1.0), (1.0, 1e-14), (0.0, 1.0)])
def test_extreme_noise_gives_covariances_and_no_nan(rng, missing, q, r):
    Y = rng.normal(size=(3000, 1))
    Y[rng.random(Y.shape) < missing] = np.nan
    got = rows_of(Series.of(Y), local_level(q, r, 1e7), smooths=True)
    assert np.isfinite(got.means).all()
    assert np.isfinite(got.log_densities).all()
    assert (got.covariances > 0).all()


def test_level_without_noise_is_a_mean(rng):
    # With Q = 0 and a vague start the level is the mean, its variance r / T: known in closed form.
    Y = rng.normal(size=(500, 1))
    got = rows_of(Series.of(Y), local_level(0.0, 2.0, 1e6), smooths=True)
    np.testing.assert_allclose(got.means, Y.sum() / (500 + 2e-6), rtol=1e-9)
    np.testing.assert_allclose(got.covariances.ravel(), 2 / 500, rtol=1e-6)


def test_covariances_stay_positive_where_outputs_are_almost_the_same(rng):
    params = random_params(rng, 3, 3, radius=0.9999)
    C = params.observation_matrix.copy()
    C[1] = C[0]
    params = params._replace(observation_matrix=C, observation_covariance=1e-10 * np.eye(3))
    Y = simulate(rng, params, 4000)
    for holes in (0.0, 0.2):
        Y[rng.random(Y.shape) < holes] = np.nan
        for smooths in (True, False):
            got = rows_of(Series.of(Y), params, smooths)
            assert np.linalg.eigvalsh(got.covariances).min() > -1e-15
            assert np.isfinite(got.means).all()


def test_observation_without_any_variance_is_an_error():
    with pytest.raises(DegenerateError, match="no variance"):
        expect(Series.of(np.ones((5, 1))), local_level(0.0, 0.0, 0.0))
