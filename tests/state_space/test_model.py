"""EM: its slope, its ascent, what is held, and the same model in other units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from skem.em.driver import run
from skem.state_space.freedom import COEFFICIENTS, COVARIANCES, CovarianceForm, Freedom
from skem.state_space.lyapunov import with_stationary_start
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import Series
from tests.state_space.dense import Joint, random_params, simulate

KINDS = [
    ("full", "full", "full"),
    ("diagonal", "diagonal", "scalar"),
    ("scalar", "scalar", "diagonal"),
]
MISSING = [0.0, 0.3]


def freedom_of(params, kinds=KINDS[0], held=()):
    """Let everything be free but some parameters, or some of their entries."""
    values = params._asdict()
    masks = {name: np.ones(values[name].shape, dtype=bool) for name in COEFFICIENTS}
    forms = {
        name: CovarianceForm(
            kind, np.ones(len(values[name]), dtype=bool), np.ones(len(values[name]))
        )
        for name, kind in zip(COVARIANCES, kinds, strict=True)
    }
    for name, where in dict(held).items():
        (masks[name] if name in masks else forms[name].free)[where] = False
    return Freedom(masks, forms, {name: np.ones(masks[name].shape) for name in masks})


def problem(kinds=KINDS[0], missing=0.0, held=()):
    rng = np.random.default_rng(3)
    params = random_params(rng, 2, 3)
    series = Series.of(simulate(rng, params, 60, missing), [25, 40, 41, 60], [1.0, 2.0, 0.5, 1.0])
    params = params._replace(
        **{
            name: np.diag(np.diag(getattr(params, name)))
            if kind == "diagonal"
            else np.eye(d) * 0.8
            for name, kind, d in zip(COVARIANCES, kinds, (2, 3, 2), strict=True)
            if kind != "full"
        }
    )
    return StateSpaceModel(series, freedom_of(params, kinds, held)), params


def differences(model, params, step=1e-5):
    at = model.to_vector(params)

    def objective(vector):
        return model.evaluate(model.from_vector(vector, params)).objective

    return [
        (objective(at + axis) - objective(at - axis)) / (2 * step)
        for axis in step * np.eye(at.size)
    ]


HELD_ENTRIES = {
    "transition_matrix": (0, 1),
    "observation_matrix": (slice(None), 0),
    "observation_offset": 1,
    "initial_state_mean": 0,
    "observation_covariance": 2,
}


def held_entries():
    model, params = problem(held=HELD_ENTRIES)
    R = params.observation_covariance.copy()
    R[2, :2] = R[:2, 2] = 0.0  # what is held is independent of what is free
    return model, params._replace(observation_covariance=R)


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("kinds", KINDS)
def test_slope_is_that_of_the_log_likelihood(kinds, missing):
    model, params = problem(kinds, missing)
    gradient = model.gradient(params, model.evaluate(params))
    np.testing.assert_allclose(gradient, differences(model, params), atol=1e-7)
    assert np.abs(gradient).max() > 1e-3


def test_slope_where_entries_are_held():
    model, params = held_entries()
    gradient = model.gradient(params, model.evaluate(params))
    np.testing.assert_allclose(gradient, differences(model, params), atol=1e-7)


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("kinds", KINDS)
def test_plain_em_never_falls(kinds, missing):
    # Evaluated without the driver, which would raise.
    model, params = problem(kinds, missing)
    trace = []
    for _ in range(15):
        step = model.evaluate(params)
        params = step.params
        trace.append(step.objective)
    assert (np.diff(trace) > 0).all()


def test_em_comes_to_what_direct_maximisation_does():
    # The start's covariance is held: three sequences and a half let it collapse.
    held = {
        "initial_state_covariance": ...,
        "observation_matrix": ...,
        "observation_offset": ...,
    }
    model, params = problem(KINDS[1], held=held)

    def loss(vector):
        at = model.from_vector(vector, params)
        step = model.evaluate(at)
        return -step.objective, -model.gradient(at, step)

    direct = minimize(loss, model.to_vector(params), jac=True, options={"gtol": 1e-7})
    result = run(model, params, tol=1e-10, max_iter=300, accelerate=True)
    assert result.converged
    assert result.trace[-1] == pytest.approx(-direct.fun, abs=1e-8)


def test_held_entries_stay_and_the_others_move():
    model, params = held_entries()
    after = run(model, params, tol=0.0, max_iter=20).params
    for name, where in HELD_ENTRIES.items():
        before, now = getattr(params, name), getattr(after, name)
        np.testing.assert_array_equal(now[where], before[where])
        assert (now != before).any()


def test_em_step_maximises_the_expected_log_likelihood_of_the_coefficients():
    # With covariances held, a step ends where the slope of Q vanishes: there Q's own moments,
    # recomputed about the new coefficients, are zero.
    held = dict.fromkeys(COVARIANCES, ...)
    model, params = problem(held=held)
    step = model.evaluate(params)
    stats, new = step.statistics, step.params
    change = new.transition_matrix - params.transition_matrix
    left = params.transition_covariance @ stats.transition_slope - change @ stats.before
    np.testing.assert_allclose(left, 0, atol=1e-10)
    change = np.column_stack([new.observation_matrix, new.observation_offset]) - np.column_stack(
        [params.observation_matrix, params.observation_offset]
    )
    np.testing.assert_allclose(stats.residual, change @ stats.regressors[0], atol=1e-10)


@pytest.mark.parametrize("missing", MISSING)
def test_integer_weights_are_repetitions(missing):
    rng = np.random.default_rng(1)
    params = random_params(rng, 2, 2)
    one, two = simulate(rng, params, 9, missing), simulate(rng, params, 5, missing)
    weighted = Series.of(np.vstack([one, two]), [9, 14], [2.0, 1.0])
    repeated = Series.of(np.vstack([one, two, one]), [9, 14, 23])
    freedom = freedom_of(params)
    first, second = (StateSpaceModel(s, freedom).evaluate(params) for s in (weighted, repeated))
    assert first.objective == pytest.approx(second.objective, rel=1e-13)
    for mine, theirs in zip(first.params, second.params, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


def test_coordinates_and_back():
    for kinds in KINDS:
        model, params = problem(kinds, held={"transition_matrix": (0, 0)})
        vector = model.to_vector(params)
        again = model.from_vector(vector, params)
        for mine, theirs in zip(again, params, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)
        np.testing.assert_allclose(model.to_vector(again), vector, rtol=1e-12)


@pytest.mark.parametrize(("diagonal", "missing"), [(True, 0.0), (True, 0.3), (False, 0.0)])
def test_entropy_is_that_of_the_states_given_the_observations(diagonal, missing):
    rng = np.random.default_rng(4)
    params = random_params(rng, 2, 3, diagonal=diagonal)
    Y, ends, weights = simulate(rng, params, 9, missing), np.array([4, 9]), np.array([2.0, 1.0])
    kinds = ("full", "diagonal" if diagonal else "full", "full")
    model = StateSpaceModel(Series.of(Y, ends, weights), freedom_of(params, kinds))
    posteriors = [Joint(params, part).covariance for part in np.split(Y, [4])]
    entropies = [np.linalg.slogdet(2 * np.pi * np.e * S)[1] / 2 for S in posteriors]
    expected, entropy = model.decompose(params)
    assert entropy == pytest.approx(weights @ entropies / model.n_units, rel=1e-10)
    assert expected + entropy == pytest.approx(model.evaluate(params).objective, rel=1e-12)


def test_what_does_not_move_has_no_entropy():
    """A trend without noise is as sure as its start."""
    one, zero = np.eye(2), np.zeros((2, 2))
    params = random_params(np.random.default_rng(0), 2, 1)._replace(
        transition_matrix=np.array([[1.0, 1.0], [0.0, 1.0]]),
        transition_covariance=zero,
        initial_state_covariance=one,
    )
    Y = np.arange(6.0)[:, np.newaxis]
    model = StateSpaceModel(Series.of(Y), freedom_of(params))
    start = Joint(params, Y).between(0, 0)
    _, entropy = model.decompose(params)
    expected = np.linalg.slogdet(2 * np.pi * np.e * start)[1] / 2
    assert entropy * len(Y) == pytest.approx(expected, rel=1e-9)


def test_contributions_are_by_sequence():
    model, params = problem(missing=0.3)
    by_sequence = model.contributions(params, slice(0, 10))
    assert by_sequence.shape == (4,)
    assert by_sequence.sum() / model.n_units == pytest.approx(
        model.evaluate(params).objective, rel=1e-12
    )
    np.testing.assert_array_equal(model.contributions(params, slice(1, 3)), by_sequence[1:3])


@pytest.mark.parametrize("missing", MISSING)
def test_stationary_start_has_the_right_slope_and_never_falls(missing):
    rng = np.random.default_rng(6)
    params = with_stationary_start(random_params(rng, 2, 3, diagonal=True, radius=0.6))
    A, P = params.transition_matrix, params.initial_state_covariance
    np.testing.assert_allclose(P, A @ P @ A.T + params.transition_covariance, rtol=1e-12)
    Y = simulate(rng, params, 40, missing)
    held = {"initial_state_mean": ..., "initial_state_covariance": ...}
    freedom = replace(freedom_of(params, ("full", "diagonal", "full"), held), is_stationary=True)
    model = StateSpaceModel(Series.of(Y, [15, 27, 40]), freedom)
    gradient = model.gradient(params, model.evaluate(params))
    np.testing.assert_allclose(gradient, differences(model, params), atol=1e-7)
    trace = []
    for _ in range(12):
        step = model.evaluate(params)
        params = step.params
        trace.append(step.objective)
    assert (np.diff(trace) > 0).all()
    A, P = params.transition_matrix, params.initial_state_covariance
    np.testing.assert_allclose(P, A @ P @ A.T + params.transition_covariance, rtol=1e-10)


def test_state_that_goes_on_for_ever_has_no_stationary_start():
    params = random_params(np.random.default_rng(0), 2, 1, radius=1.0)
    assert np.isnan(with_stationary_start(params).initial_state_covariance).all()
