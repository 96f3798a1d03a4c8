"""A start that fails is recorded and dropped; only when all fail does the fit."""

from typing import NamedTuple

import numpy as np
import pytest

from skem import GaussianMixtureEM
from skem.em.driver import LikelihoodFellError
from skem.em.model import Evaluation
from skem.em.restarts import AllStartsFailedError, Options, Watch, best_run
from skem.errors import Doubt
from skem.families.base import DegenerateComponentError


class Start(NamedTuple):
    """What EM comes to from here, and how far it is from there."""

    end: float
    to_go: float = 1.0
    step: float = 1.0
    error: Exception | None = None


class Scripted:
    """A model that comes to what a start says."""

    def evaluate(self, params):
        if params.error is not None:
            raise params.error
        nearer = params._replace(to_go=max(params.to_go - params.step, 0.0))
        return Evaluation(nearer, params.end - params.to_go, None)


COLLAPSED = DegenerateComponentError(3, "its variance is zero")
FELL = LikelihoodFellError("the log-likelihood fell")


def run_from(*starts, advice="", **options):
    """Run from objectives to come to, or errors to fail with."""
    of_each = [
        each
        if isinstance(each, Start)
        else Start(np.nan, error=each)
        if isinstance(each, Exception)
        else Start(each)
        for each in starts
    ]
    how = Options(tol=1e-8, max_iter=10, accelerate=False, **options)
    return best_run(Scripted(), of_each, how, advice, on_fall="Scale." if advice else "")


def test_best_run_is_the_highest_and_all_are_reported():
    best, restarts = run_from(-5.0, -2.0, -3.0)
    assert best.objective == -2.0
    assert [restart.log_likelihood for restart in restarts] == [-5.0, -2.0, -3.0]
    assert all(r.n_iter == 3 and r.converged and r.failure is None for r in restarts)


def test_first_of_equals_is_the_best():
    assert run_from(Start(-2.0, 1.0), Start(-2.0, 0.0))[0].n_evaluations == 3


def test_sound_run_is_better_than_a_higher_spurious_one():
    doubt = Doubt("spike", "It is a spike.")
    best, restarts = run_from(-5.0, -2.0, doubt=lambda p: doubt if p.end == -2.0 else None)
    assert best.objective == -5.0
    assert [restart.spurious for restart in restarts] == [None, doubt.sentence]


def test_run_that_converged_goes_on_from_where_it_is_revived():
    further = {-5.0: Start(-4.0), -4.0: None}
    best, restarts = run_from(-5.0, revive=lambda params: further[params.end])
    assert best.trace == (-6.0, -5.0, -5.0, -5.0, -4.0, -4.0)
    assert restarts[0].n_iter == 6


@pytest.mark.parametrize("error", [COLLAPSED, FELL])
def test_failure_is_recorded_and_dropped(error):
    best, restarts = run_from(error, -2.0, error)
    assert best.objective == -2.0
    assert [restart.failure for restart in restarts] == [str(error), None, str(error)]
    assert np.isnan(restarts[0].log_likelihood)
    assert (restarts[0].n_iter, restarts[0].converged) == (0, False)


def test_who_watches_hears_of_each_run_and_of_failures():
    heard = []

    class Heard(Watch):
        def end(self, result):
            heard.append(result and result.objective)
            return ("record",)

    best, _ = run_from(-3.0, COLLAPSED, -2.0, watch=lambda number, start: Heard())
    assert heard == [-3.0, None, -2.0]
    assert best.record == ("record",)


def test_distinct_optima_are_numbered_from_the_highest_down():
    """Those that differ by less than tolerances are one; a run cut short has come to none."""
    cut_short = Start(-1.0, 100.0, 1.0)
    _, restarts = run_from(-3.0, -2.0, FELL, -3.0 - 3e-7, cut_short, -2.5)
    assert [restart.optimum for restart in restarts] == [2, 0, None, 2, None, 1]


def test_all_failures_are_an_error_that_says_which_component_why_and_what_to_try():
    with pytest.raises(AllStartsFailedError) as error:
        run_from(FELL, COLLAPSED, advice="Try something else.")
    for part in ("Try something else.", "2 of 2", "component 3", "variance is zero"):
        assert part in str(error.value)


def test_error_of_another_kind_is_nobodys_failure():
    with pytest.raises(ZeroDivisionError):
        run_from(-2.0, ZeroDivisionError())


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
            run_from(last, advice="Try something else.")
