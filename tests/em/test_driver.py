"""The driver stops at the top, says so only there, and never goes down."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import BinomialMixture
from skem.em.driver import LikelihoodFellError, remaining_gain, run
from skem.em.model import DegenerateError, Evaluation
from tests.families.cases import BINOMIALS, CENTRED, POOLED, binomial_case, gaussian_case
from tests.families.tampered import Tampered, noisy


class Scripted:
    """A model whose parameters count the steps, and whose objectives are known beforehand."""

    def __init__(self, objectives):
        self.objectives = objectives

    def evaluate(self, params):
        """Return the next count."""
        return Evaluation(params + 1, float(self.objectives[params]), None)


def follow(objectives, tol=1e-6, max_iter=None, **options):
    """Run along given objectives."""
    return run(Scripted(objectives), 0, tol=tol, max_iter=max_iter or len(objectives), **options)


# What is still to gain.


@pytest.mark.parametrize("r", [0.25, 0.5, 0.875, 1 - 2**-10])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_remaining_gain_of_a_geometric_sequence_is_exact(r, n):
    trace = -(r ** np.arange(n))  # exact, as are its differences, for these r and n
    assert_allclose(remaining_gain(trace), r ** (n - 1), rtol=1e-12)


@pytest.mark.parametrize(
    "trace", [[], [0.0], [0.0, 1e-9], [0, 1, 2], [0, 1e-12, 1e-11], [0.0, 1.0, 1.5, 2.5]], ids=str
)
def test_no_end_is_in_sight_before_gains_shrink(trace):
    assert remaining_gain(trace) == np.inf


@pytest.mark.parametrize("last", [-5.0, -5.0 - 1e-15])
def test_nothing_remains_where_nothing_was_gained(last):
    assert remaining_gain([-6.0, -5.0, last]) == 0.0


def test_step_up_from_minus_infinity_says_nothing_of_the_limit():
    assert not remaining_gain([-np.inf, -5.0, -4.0]) < 1e-6


# When to stop.


@pytest.mark.parametrize("r", [0.5, 0.9, 0.99])
def test_run_stops_at_the_first_value_within_tol_of_the_limit(r):
    tol = 1e-4
    objectives = -(r ** np.arange(5000.0))
    result = follow(objectives, tol)
    assert result.reason == "converged" and result.converged
    assert result.objective > -tol * (1 + 1e-6)
    assert result.trace[-2] < -tol * (1 - 1e-6)
    assert result.params == result.n_evaluations == len(result.trace)


@pytest.mark.parametrize("history", [(), (-1e-9, -5e-10)], ids=["new", "continued"])
def test_plateau_is_not_an_end(history):
    """Gains far below tol that grow lead to gains far above it."""
    gains = np.concatenate([1e-9 * 2.0 ** np.arange(25), 0.5 ** np.arange(60)])
    result = follow(np.cumsum(gains), tol=1e-6, history=history)
    assert result.converged
    assert_allclose(result.objective, gains.sum(), atol=2e-6)


def test_run_that_is_cut_short_has_not_converged():
    result = follow(np.arange(9.0), max_iter=5)
    assert result.reason == "max_iter" and not result.converged
    assert result.trace == (0, 1, 2, 3, 4)
    assert result.params == 5


def test_run_stops_where_that_is_asked_for():
    result = follow(np.arange(9.0), report=lambda n, objective, params: n == 3)
    assert (result.reason, result.trace) == ("stopped", (0, 1, 2))


class Doomed(Scripted):
    """One whose last parameters have no successor."""

    def __init__(self, objectives, objective=None):
        super().__init__(objectives)
        self.error = DegenerateError("it has collapsed")
        self.error.objective = objective

    def evaluate(self, params):
        """Raise for the last."""
        if params == len(self.objectives):
            raise self.error
        return super().evaluate(params)


@pytest.mark.parametrize(("max_iter", "objective"), [(9, -1.0), (4, None)])
def test_run_that_comes_to_an_abyss_fails(max_iter, objective):
    with pytest.raises(DegenerateError, match="collapsed"):
        run(Doomed([-3.0, -2.0, -1.5], objective), 0, tol=0.0, max_iter=max_iter)


def test_run_that_is_cut_short_at_an_abyss_keeps_what_it_has():
    result = run(Doomed([-3.0, -2.0, -1.5], -1.0), 0, tol=0.0, max_iter=4)
    assert (result.params, result.objective, result.reason) == (3, -1.0, "max_iter")


def test_no_iterations_return_the_start():
    result = run(Scripted([]), "start", tol=1e-6, max_iter=0)
    assert (result.params, result.trace, result.converged) == ("start", (), False)
    assert result.objective == -np.inf


def test_every_evaluation_is_reported():
    told = []
    follow([-3.0, -2.0, -1.9], report=lambda n, objective, params: told.append((n, objective)))
    assert told == [(1, -3.0), (2, -2.0), (3, -1.9)]


# Never down.


@pytest.mark.parametrize("fall", [1e-6, 1.0, np.inf])
def test_fall_is_an_error(fall):
    with pytest.raises(LikelihoodFellError, match=r"fell by .* at evaluation 3$"):
        follow([-3.0, -2.0, -2.0 - fall])


def test_objective_that_is_no_number_is_an_error():
    with pytest.raises(LikelihoodFellError, match="not a number"):
        follow([-3.0, np.nan])


def test_objective_that_is_infinite_ends_the_run():
    with pytest.raises(DegenerateError, match="infinite at evaluation 2"):
        follow([-3.0, np.inf])
    with pytest.raises(DegenerateError, match="-inf at evaluations 1 and 2"):
        follow([-np.inf, -np.inf, -2.0])
    assert follow([-np.inf, -2.0, -2.0]).converged  # an EM step can lead out of it


def test_fall_by_rounding_is_not_in_the_trace():
    result = follow([-3.0, -2.0, -2.0 - 1e-12])
    assert result.trace == (-3.0, -2.0, -2.0)
    assert result.converged


@pytest.mark.parametrize("case", [gaussian_case("full", 2, 2), BINOMIALS[1]], ids=str)
def test_family_whose_steps_do_not_match_is_found_out(case):
    broken = replace(case, family=Tampered(case.family, "maximize", noisy(0.1)))
    with pytest.raises(LikelihoodFellError):
        run(broken.model(), case.start(seed=0), tol=0.0, max_iter=100)


# Going on.


@pytest.mark.parametrize("case", [gaussian_case("tied", 3, 2), BINOMIALS[0]], ids=str)
def test_two_runs_make_one_long_run(case):
    model, start = case.model(), case.start(seed=0)
    whole = run(model, start, tol=1e-8, max_iter=2000)
    assert whole.converged
    cut = whole.n_evaluations - 1
    first = run(model, start, tol=1e-8, max_iter=cut)
    assert not first.converged
    second = run(model, first.params, tol=1e-8, max_iter=2000, history=first.trace)
    assert second.converged
    assert first.trace + second.trace == whole.trace
    for a, b in zip(*(each.params.by_name().values() for each in (second, whole)), strict=True):
        assert_array_equal(a, b)


def test_history_of_other_data_is_forgotten():
    assert follow([-3.0, -2.0], history=[-1.5, -1.0]).trace == (-3.0, -2.0)


# Further than EM.


@pytest.mark.parametrize(
    "case",
    [
        gaussian_case("full", 3, 3),
        gaussian_case("diag", 3, 3, ridge=0.2),
        gaussian_case("spherical", 2, 3),
        CENTRED[0],
        POOLED[1],
        *BINOMIALS,
    ],
    ids=str,
)
def test_accelerated_run_reaches_the_optimum_of_the_plain_one_sooner(case):
    model, start = case.model(), case.start(seed=0)
    plain, fast = (
        run(model, start, tol=1e-12, max_iter=20_000, accelerate=accelerate)
        for accelerate in (False, True)
    )
    assert plain.converged
    assert fast.converged
    assert_allclose(fast.objective, plain.objective, rtol=0, atol=1e-9)
    assert fast.n_evaluations < plain.n_evaluations
    assert (np.diff(fast.trace) >= 0).all()


@pytest.mark.parametrize("nonsense", [np.nan, 1e3], ids=["not a number", "far away"])
def test_steps_that_lead_nowhere_do_no_harm(nonsense):
    case = binomial_case(3, 3)
    wild = Tampered(
        case.family,
        "from_vector",
        lambda family, vector, like: family.from_vector(vector * nonsense, like),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sane, insane = (
            run(
                replace(case, family=family).model(),
                case.start(seed=0),
                tol=1e-10,
                max_iter=20_000,
                accelerate=True,
            )
            for family in (case.family, wild)
        )
    assert insane.converged
    assert_allclose(insane.objective, sane.objective, rtol=0, atol=1e-8)


# The estimators' runs.


def test_start_under_which_a_row_is_impossible_is_left_and_climbed_from():
    X = np.random.default_rng(0).binomial(6, np.repeat([0.2, 0.7], 50))[:, np.newaxis]
    options = {"n_trials": 6, "tol": 1e-9, "random_state": 0}
    sure = BinomialMixture(2, probabilities_init=[[0.0], [1.0]], **options).fit(X)
    expected = BinomialMixture(2, **options).fit(X)
    assert sure.lower_bounds_[0] == -np.inf
    assert_allclose(sure.lower_bound_, expected.lower_bound_, rtol=0, atol=1e-8)
