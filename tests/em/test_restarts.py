"""A start that fails is recorded and dropped; only when all fail does the fit."""

import numpy as np
import pytest

from skem import GaussianMixtureEM
from skem.em.driver import LikelihoodFellError, Run
from skem.em.restarts import AllStartsFailedError, best_run
from skem.families.base import DegenerateComponentError


def giving(objective, params=None):
    return lambda: Run(params, (objective - 1, objective), "converged")


def failing(error):
    def attempt():
        raise error

    return attempt


COLLAPSED = DegenerateComponentError(3, "its variance is zero")
FELL = LikelihoodFellError("the log-likelihood fell")


def test_best_run_is_the_highest_and_all_are_reported():
    best, restarts = best_run([giving(-5.0), giving(-2.0), giving(-3.0)], "")
    assert best.objective == -2.0
    assert [restart.log_likelihood for restart in restarts] == [-5.0, -2.0, -3.0]
    assert all(r.n_iter == 2 and r.converged and r.failure is None for r in restarts)


def test_first_of_equals_is_the_best():
    assert best_run([giving(-2.0, "first"), giving(-2.0, "second")], "")[0].params == "first"


@pytest.mark.parametrize("error", [COLLAPSED, FELL])
def test_failure_is_recorded_and_dropped(error):
    best, restarts = best_run([failing(error), giving(-2.0), failing(error)], "")
    assert best.objective == -2.0
    assert [restart.failure for restart in restarts] == [str(error), None, str(error)]
    assert np.isnan(restarts[0].log_likelihood)
    assert (restarts[0].n_iter, restarts[0].converged) == (0, False)


def test_distinct_optima_are_numbered_from_the_highest_down():
    """Those that differ by less than tolerances are one; a run cut short has come to none."""
    cut_short = Run(None, (-1.0,), "max_iter")
    attempts = [giving(-3.0), giving(-2.0), failing(FELL), giving(-3.0 - 3e-7), lambda: cut_short]
    _, restarts = best_run([*attempts, giving(-2.5)], "")
    assert [restart.optimum for restart in restarts] == [2, 0, None, 2, None, 1]


def test_all_failures_are_an_error_that_says_which_component_why_and_what_to_try():
    with pytest.raises(AllStartsFailedError) as error:
        best_run([failing(FELL), failing(COLLAPSED)], "Try something else.")
    for part in ("Try something else.", "2 of 2", "component 3", "variance is zero"):
        assert part in str(error.value)


def test_error_of_another_kind_is_nobodys_failure():
    with pytest.raises(ZeroDivisionError):
        best_run([giving(-2.0), failing(ZeroDivisionError())], "")


def rows():
    X = np.random.default_rng(0).standard_normal((60, 2))
    X[30:] += 8
    return X


def starts(*partitions):
    """Return a function for ``init_params`` that gives one partition after another."""
    given = iter(partitions)
    return lambda X, n_components, random_state: next(given)


GOOD = np.repeat([0, 1], 30)
BAD = np.append(np.zeros(59, dtype=int), 1)  # one row alone: a component without variance


def test_fit_survives_the_collapse_of_one_start():
    mixture = GaussianMixtureEM(2, reg_covar=0.0, n_init=3, init_params=starts(BAD, GOOD, BAD))
    mixture.fit(rows())
    assert [restart.failure is None for restart in mixture.restarts_] == [False, True, False]
    assert "component 1" in mixture.restarts_[0].failure
    alone = GaussianMixtureEM(2, reg_covar=0.0, init_params=GOOD).fit(rows())
    assert mixture.lower_bound_ == alone.lower_bound_


def test_fit_fails_where_all_starts_collapse_and_stays_as_it_was():
    mixture = GaussianMixtureEM(2, reg_covar=0.0, n_init=2, init_params=starts(BAD, BAD))
    with pytest.raises(ValueError, match=r"2 of 2.*component 1.*variance.*increase reg_covar"):
        mixture.fit(rows())
    assert not hasattr(mixture, "weights_")


def test_advice_is_another_where_the_log_likelihood_fell():
    for last, advice in ((FELL, "Scale."), (COLLAPSED, "Try something else.")):
        with pytest.raises(AllStartsFailedError, match=rf"{advice}$"):
            best_run([failing(last)], "Try something else.", on_fall="Scale.")
