"""Models of anybody's own: published answers, and what a wrong model is told."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize
from scipy.special import xlogy
from scipy.stats import poisson
from scipy.stats import t as student
from sklearn.decomposition import FactorAnalysis

from skem.em import (
    POSITIVE,
    PROBABILITY,
    SIMPLEX,
    AllStartsFailedError,
    DegenerateError,
    EMWarning,
    Evaluation,
    TwoSteps,
    check_gradient,
    fit,
)
from tests.em.own_models import (
    ANIMALS,
    CARS,
    ENDED,
    HEIGHTS,
    HOUSEHOLDS,
    LIVES,
    MODELS,
    PHENOTYPES,
    abilities,
    blood_groups,
    cars,
    censored,
    deaths,
    factor_analyser,
    haplotypes,
    linkage,
    phenotype_probabilities,
    student_t,
    zero_inflated,
)

every = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def direct(model, start):
    """Return the highest mean log-likelihood that scipy finds in the coordinates."""

    def negative(vector):
        return -model.evaluate(model.from_vector(vector, start)).objective

    found = minimize(negative, model.to_vector(start), method="BFGS", options={"gtol": 1e-9})
    return -found.fun


# Laws.


@every
def test_slope_is_that_of_the_log_likelihood(make):
    model, start = make()
    assert check_gradient(model, start) < 1e-6


@every
def test_same_optimum_as_by_direct_maximisation_and_never_down(make):
    model, start = make()
    best = direct(model, start)
    without_q = replace(model, expected=None)
    bare = replace(without_q, ranges=None)
    evaluations = []
    for each in (model, without_q, bare):
        result = fit(each, start, tol=1e-10, max_iter=10_000)
        assert result.converged
        assert (np.diff(result.trace) >= 0).all()
        assert result.trace[0] < result.objective - 1e-3  # the start is not the answer
        assert_allclose(result.objective, best, rtol=0, atol=1e-8)
        evaluations.append(result.n_evaluations)
    quasi_newton, anderson, plain = evaluations
    assert max(quasi_newton, anderson) <= plain + 3
    if plain > 100:
        assert max(quasi_newton, anderson) < plain / 5
    assert fit(model, start, tol=1e-10, max_iter=10_000, accelerate=False).n_evaluations == plain


#: Loadings of several factors can be rotated: they have no standard errors.
DETERMINED = {name: make for name, make in MODELS.items() if name != "two factors"}


@pytest.mark.parametrize("make", DETERMINED.values(), ids=DETERMINED)
def test_standard_errors_are_those_of_the_hessian(make):
    model, start = make()
    result = fit(model, start, tol=1e-13)
    at, h = model.to_vector(result.params), 1e-3
    moves = h * np.eye(at.size)

    def total(vector):
        return model.n_units * model.evaluate(model.from_vector(vector, start)).objective

    def flat(vector):
        values = model.from_vector(vector, start)
        values = values.values() if isinstance(values, dict) else values
        return np.concatenate([np.ravel(value) for value in values])

    H = np.array(
        [
            [
                sum(x * y * total(at + x * a + y * b) for x in (1, -1) for y in (1, -1))
                for a in moves
            ]
            for b in moves
        ]
    ) / (4 * h * h)
    J = np.array([(flat(at + move) - flat(at - move)) / (2 * h) for move in moves])
    errors = result.standard_errors()
    errors = errors.values() if isinstance(errors, dict) else errors
    found = np.concatenate([np.ravel(value) for value in errors])
    assert_allclose(found, np.sqrt(np.diag(J.T @ np.linalg.inv(-H) @ J)), rtol=1e-3)


# References.


def test_linkage_as_dempster_laird_and_rubin_and_louis_publish_it():
    result = fit(*linkage(), tol=1e-14)
    assert_allclose(result.params["pi"], 0.626821498, rtol=0, atol=5e-10)
    pi = result.params["pi"]
    # The observed information, by hand: minus the second derivative of the log-likelihood.
    information = ANIMALS @ [(2 + pi) ** -2, (1 - pi) ** -2, (1 - pi) ** -2, pi**-2]
    error = result.standard_errors()["pi"]
    assert_allclose(error, information**-0.5, rtol=1e-6)
    assert round(float(error), 4) == 0.0515


def test_blood_groups_as_lange_publishes_them():
    result = fit(*blood_groups(), tol=1e-14)
    assert_allclose(result.params["alleles"], [0.2136, 0.0501, 0.7363], rtol=0, atol=5e-5)
    # At the optimum the score vanishes along the simplex.
    counts = np.array(list(PHENOTYPES.values()))

    def log_likelihood(a, b):
        return counts @ np.log(phenotype_probabilities([a, b, 1 - a - b]))

    a, b, _ = result.params["alleles"]
    for move in ((1e-5, 0), (0, 1e-5)):
        ahead, behind = (
            log_likelihood(a + move[0], b + move[1]),
            log_likelihood(a - move[0], b - move[1]),
        )
        assert abs(ahead - behind) / 2e-5 < 1e-2


def test_censored_times_have_a_closed_form():
    result = fit(*censored(), tol=1e-14)
    n_ended = (LIVES < ENDED).sum()
    assert_allclose(result.params["rate"], n_ended / LIVES.sum(), rtol=1e-7)
    error = result.standard_errors()["rate"]
    assert_allclose(error, np.sqrt(n_ended) / LIVES.sum(), rtol=1e-5)


def test_zero_inflated_counts_are_those_of_a_truncated_poisson():
    result = fit(*zero_inflated(), tol=1e-14)
    cases = np.arange(5)
    mean = HOUSEHOLDS @ cases / HOUSEHOLDS[1:].sum()
    rate = brentq(lambda rate: rate / -np.expm1(-rate) - mean, 0.1, 10, xtol=1e-14)
    infected = HOUSEHOLDS[1:].sum() / HOUSEHOLDS.sum()
    assert_allclose(result.params["rate"], rate, rtol=1e-6)
    assert_allclose(result.params["immune"], 1 - infected / -np.expm1(-rate), rtol=1e-6)


def test_t_distribution_is_that_of_scipy():
    result = fit(*student_t(), tol=1e-14)
    _, location, scale = student.fit(HEIGHTS, fdf=4, loc=20, scale=30)
    assert_allclose(result.params.location, location, rtol=1e-4)
    assert_allclose(result.params.variance, scale**2, rtol=1e-3)


def test_haplotypes_keep_the_allele_frequencies():
    """EM shares out the ambiguous people, which moves no allele."""
    result = fit(*haplotypes(), tol=1e-14)
    MS, Ms, NS, Ns = result.params["frequencies"]
    assert_allclose(MS + Ms, (2 * (57 + 140 + 101) + 39 + 224 + 226) / 2000, rtol=1e-6)
    assert_allclose(MS + NS, (2 * (57 + 39 + 3) + 140 + 224 + 54) / 2000, rtol=1e-6)
    # One number is left, the root of a cubic (Hill 1974, equation 3).
    p, q = MS + Ms, MS + NS
    sure = 2 * 57 + 140 + 39

    def excess(f):
        coupled, crossed = f * (1 - p - q + f), (p - f) * (q - f)
        return sure + 224 * coupled / (coupled + crossed) - 2000 * f

    assert_allclose(MS, brentq(excess, 0.15, 0.3, xtol=1e-14), rtol=1e-6)
    assert MS * Ns > NS * Ms


def test_deaths_as_hasselblad_and_turboem_publish_them():
    result = fit(*deaths(), tol=1e-13)
    assert_allclose(result.params["share"], 0.3599, atol=5e-5)
    assert_allclose(result.params["rates"], [1.2561, 2.6634], atol=5e-5)
    assert_allclose(1096 * result.objective, -1989.9459, atol=5e-5)


# R 4.2.2: factanal(mtcars, 3, control = list(opt = list(factr = 100))), and the same of
# covmat = ability.cov with 1 and 2 factors. (With its own tolerance it stops 1e-5 from there.)


@pytest.mark.parametrize(
    ("n_factors", "uniquenesses"),
    [
        (1, [0.534599, 0.852579, 0.748186, 0.910128, 0.231716, 0.279741]),
        (2, [0.455224, 0.589332, 0.218180, 0.769422, 0.052452, 0.333588]),
    ],
)
def test_uniquenesses_are_those_of_factanal(n_factors, uniquenesses):
    result = fit(*abilities(n_factors), tol=1e-12)
    assert_allclose(result.params.noise, uniquenesses, rtol=0, atol=1e-5)


def test_uniquenesses_of_cars_are_those_of_factanal():
    model, start = cars()
    result = fit(model, [start, cars(1)[1], cars(2)[1]], tol=1e-12)
    expected = [
        [0.134938, 0.055490, 0.089785, 0.126781, 0.289993, 0.059587],
        [0.051466, 0.223383, 0.208387, 0.124747, 0.157876],
    ]
    assert_allclose(result.params.noise, np.concatenate(expected), rtol=0, atol=1e-5)
    # factanal minimises -2 / n log-likelihood, less that of unrestricted correlations.
    R = np.corrcoef(CARS.T)
    unrestricted = -(11 * np.log(2 * np.pi) + np.linalg.slogdet(R)[1] + 11) / 2
    assert_allclose(2 * (unrestricted - result.objective), 1.245964357, rtol=0, atol=1e-7)
    assert [restart.optimum for restart in result.restarts] == [0, 0, 0]


def test_factor_analyser_reaches_the_optimum_of_scikit_learn():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((400, 8)) * np.sqrt(rng.uniform(0.2, 2, 8))
    X = rng.standard_normal((400, 2)) @ rng.standard_normal((2, 8)) + noise
    model, start = factor_analyser(np.cov(X.T, bias=True), 2, len(X))
    result = fit(model, start, tol=1e-12)
    sklearn = FactorAnalysis(2, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(X)
    assert_allclose(result.objective, sklearn.score(X), rtol=0, atol=1e-8)
    with pytest.warns(EMWarning, match="do not exist"):  # loadings can be rotated
        assert np.isnan(result.standard_errors().loadings).all()


# What a wrong model is told.


def wrong(**changes):
    model, start = deaths()
    return replace(model, **changes), start


def test_fall_is_told_with_its_size_place_and_causes():
    m_step = deaths()[0].m_step

    def forgetful(totals):
        return {**m_step(totals), "share": 0.9}

    model, start = wrong(m_step=forgetful)
    with pytest.raises(
        AllStartsFailedError,
        match=r"1 of 1 .* fell by [\d.e+-]+ nats .* at evaluation 2.*does not maximise Q",
    ):
        fit(model, start)


def test_fall_from_one_start_of_several_is_a_warning():
    model, start = deaths()

    def e_step(params):
        statistics, total = model.e_step(params)
        return statistics, total + (1000 if params["share"] == 0.123 else 0)

    with pytest.warns(EMWarning, match="1 of 2 starts failed: the log-likelihood fell"):
        result = fit(replace(model, e_step=e_step), [start, {**start, "share": 0.123}])
    assert "at evaluation 2" in result.restarts[1].failure
    assert result.converged


def test_log_likelihood_that_is_no_number_is_told():
    model, start = wrong(e_step=lambda params: (np.ones((2, 2)), np.nan))
    with pytest.raises(AllStartsFailedError, match=r"not a number at evaluation 1\.") as failure:
        fit(model, start)
    assert "logarithm of zero" in str(failure.value)
    assert "does not maximise Q" not in str(failure.value)  # nothing fell


@pytest.mark.parametrize(
    ("m_step", "error", "message"),
    [
        (lambda s: {"share": 0.5}, TypeError, "m_step must return parameters like .*share.*rates"),
        (lambda s: [0.5, s[1]], TypeError, "m_step must return parameters like"),
        (
            lambda s: {"share": 0.5, "rates": np.ones(3)},
            ValueError,
            r"m_step must return rates of shape \(2,\), as at the start, got \(3,\)",
        ),
        (
            lambda s: {"share": 1.5, "rates": np.ones(2)},
            AllStartsFailedError,
            "m_step went wrong: share must be between 0 and 1, got 1.5, after",
        ),
        (
            lambda s: {"share": 0.5, "rates": np.array([1.0, np.nan])},
            AllStartsFailedError,
            "m_step went wrong: rates must be finite and not negative, got nan at index 1",
        ),
    ],
    ids=["incomplete", "list", "shape", "range", "nan"],
)
def test_m_step_that_returns_something_else_is_told(m_step, error, message):
    with pytest.raises(error, match=message):
        fit(*wrong(m_step=m_step))


@pytest.mark.parametrize(
    ("e_step", "error", "message"),
    [
        (lambda p: np.ones(2), TypeError, "e_step must return two things"),
        (lambda p: (1.0, np.ones(2)), TypeError, "total log-likelihood as its second"),
        (lambda p: (1.0, np.inf), AllStartsFailedError, "log-likelihood is infinite at"),
    ],
)
def test_e_step_that_returns_something_else_is_told(e_step, error, message):
    with pytest.raises(error, match=message):
        fit(*wrong(e_step=e_step))


def test_data_that_are_impossible_end_the_run():
    evaluations = []

    def e_step(params):
        evaluations.append(params)
        return np.ones((2, 2)), -np.inf

    with pytest.raises(AllStartsFailedError, match=r"-inf at evaluations 1 and 2.*Start from"):
        fit(*wrong(e_step=e_step))
    assert len(evaluations) == 2


def test_likelihood_without_bound_is_told():
    class Spike(Halving):
        def evaluate(self, params):
            return Evaluation(params / 2, np.inf if params < 0.1 else 1 / params, None)

    with pytest.raises(AllStartsFailedError, match=r"infinite at evaluation 5.*without bound"):
        fit(Spike(), 1.0)


def test_functions_cannot_change_the_parameters():
    model, start = deaths()

    def e_step(params):
        params["rates"][0] = 1.5
        return model.e_step(params)

    with pytest.raises(ValueError, match="read-only"):
        fit(replace(model, e_step=e_step), start)
    assert start["rates"][0] == 1.0


def test_q_that_is_no_number_is_told():
    with pytest.raises(TypeError, match="expected must return Q, a number, got None"):
        fit(*wrong(expected=lambda params, totals: None))


def test_slope_that_contradicts_q_is_told():
    right = deaths()[0].expected

    def without_labels(params, totals):
        return right({**params, "share": 0.5}, totals)

    model, start = wrong(expected=without_labels)
    assert check_gradient(model, start) > 0.1
    with pytest.raises(TypeError, match="no gradient"):
        check_gradient(replace(model, expected=None), start)


def test_values_without_ranges_must_be_finite():
    model, start = wrong(
        ranges=None, expected=None, m_step=lambda s: {"share": np.nan, "rates": s[1]}
    )
    with pytest.raises(AllStartsFailedError, match="share must be finite"):
        fit(model, start)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"e_step": 3}, TypeError, "e_step must be a function, got 3"),
        ({"expected": 3}, TypeError, "expected must be a function"),
        ({"n_units": 0}, ValueError, "n_units must be a positive number, got 0"),
        ({"ranges": {"share": (0, 1)}}, TypeError, r"got \(0, 1\) for share"),
        ({"ranges": [PROBABILITY]}, TypeError, "ranges must be a dict"),
        ({"ranges": None}, ValueError, "expected has a slope only with ranges"),
    ],
)
def test_model_is_checked_as_it_is_made(changes, error, message):
    with pytest.raises(error, match=message):
        wrong(**changes)


@pytest.mark.parametrize(
    ("start", "ranges", "message"),
    [
        ({"share": 2.0, "rates": np.ones(2)}, None, "share must be between 0 and 1, got 2.0"),
        ({"share": 0.5}, None, "ranges must name the parameters"),
        (None, {"share": PROBABILITY}, r"ranges must name .*rates.*, got \['share'\]"),
    ],
)
def test_start_is_checked(start, ranges, message):
    model, usual = deaths()
    if ranges:
        model = replace(model, ranges=ranges)
    with pytest.raises(ValueError, match=message):
        fit(model, start or usual)


# The face.


def test_many_starts_are_reported_and_the_best_counts():
    model, start = deaths()
    same = {"share": 0.5, "rates": np.array([2.0, 2.0])}  # a saddle, which EM does not leave
    result = fit(model, [same, start])
    assert [restart.optimum for restart in result.restarts] == [1, 0]
    assert result.params["rates"][1] > 2.5
    assert "2 starts: 1 reached this optimum, 0 failed" in repr(result)
    parallel = fit(model, (same, start), n_jobs=2)
    assert parallel.trace == result.trace


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"starts": []}, ValueError, "starts must be parameters"),
        ({"tol": -1.0}, ValueError, "tol must be"),
        ({"tol": "small"}, ValueError, "tol must be"),
        ({"max_iter": 0}, ValueError, "max_iter must be an integer of at least 1, got 0"),
        ({"max_iter": True}, ValueError, "max_iter must be an integer of at least 1, got True"),
        ({"model": 3}, TypeError, "model must have a method evaluate"),
        ({"model": TwoSteps}, TypeError, "model must have a method evaluate"),
        ({"accelerate": "no"}, ValueError, "accelerate must be True or False, got 'no'"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be None or an integer that is not 0, got 0"),
        ({"report": 3}, TypeError, "report must be a function .* got 3"),
        ({"starts": "a"}, TypeError, "parameters must be a named tuple or a dict .* got 'a'"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    model, start = deaths()
    arguments = {"model": model, "starts": start, **arguments}
    with pytest.raises(error, match=message):
        fit(**arguments)


def test_starts_are_of_one_form():
    model, start = deaths()
    model = replace(model, ranges=None, expected=None)
    with pytest.raises(ValueError, match=r"start 0 has rates \(2,\).*start 1 has rates \(3,\)"):
        fit(model, [start, {**start, "rates": np.ones(3)}])
    with pytest.raises(TypeError, match="start 1: share must be finite numbers, got None"):
        fit(model, [start, {**start, "share": None}])


def test_lists_are_taken_for_arrays():
    model, start = deaths()
    listing = replace(
        model, m_step=lambda s: {**(p := model.m_step(s)), "rates": list(p["rates"])}
    )
    assert fit(listing, {**start, "rates": [1.0, 2.5]}).trace == fit(model, start).trace


def test_run_that_ends_early_says_why():
    model, start = deaths()
    with pytest.warns(EMWarning, match="not converged after 3 evaluations: increase max_iter"):
        result = fit(model, start, max_iter=3)
    assert (result.reason, result.n_evaluations) == ("max_iter", 3)
    assert "no evaluations left" in repr(result)
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = fit(model, start, report=lambda *news: told.append(news) or len(told) == 4)
    assert result.reason == "stopped" and [n for n, _, _ in told] == [1, 2, 3, 4]
    assert told[-1][1] == result.objective


def test_repr_shows_what_a_person_wants_to_know():
    lines = repr(fit(*linkage())).splitlines()
    assert lines[0].startswith("Result: converged after 7 evaluations, objective -")
    assert lines[1] == "  pi = 0.626821"


class Halving:
    """A model with no more than its step, whose parameters are no named tuple."""

    def evaluate(self, params):
        """Go half of the way to 3."""
        return Evaluation((params + 3) / 2, -((params - 3) ** 2), None)


def test_any_object_with_evaluate_is_a_model():
    result = fit(Halving(), 10.0)
    assert_allclose(result.params, 3, atol=1e-3)
    assert "params = 3" in repr(result)
    with pytest.raises(TypeError, match="to_vector, from_vector, gradient"):
        result.standard_errors()
    with pytest.raises(TypeError, match=r"unit by unit.*give TwoSteps a function by_unit"):
        fit(*linkage()).standard_errors(robust=True)


def test_robust_standard_errors_from_units():
    """Counts that are too variable for the Poisson: the sandwich is s / sqrt(n) (White 1982)."""
    x = np.array([0.0, 9, 2, 14, 1, 1, 22, 3, 0, 6])
    model = TwoSteps(
        lambda params: (x.sum(), poisson.logpmf(x, params["rate"]).sum()),
        lambda total: {"rate": total / len(x)},
        len(x),
        {"rate": POSITIVE},
        lambda params, total: total * np.log(params["rate"]) - len(x) * params["rate"],
        lambda params: poisson.logpmf(x, params["rate"]),
    )
    result = fit(model, {"rate": 1.0})
    assert_allclose(result.standard_errors()["rate"], np.sqrt(x.mean() / len(x)), rtol=1e-6)
    robust = result.standard_errors(robust=True)["rate"]
    assert_allclose(robust, x.std() / np.sqrt(len(x)), rtol=1e-6)
    short = replace(model, by_unit=lambda params: np.zeros(3))
    with pytest.raises(ValueError, match=r"each of the 10 units, got an array of shape \(3,\)"):
        replace(result, model=short).standard_errors(robust=True)


def test_start_that_fails_is_reported():
    class Picky(Halving):
        def evaluate(self, params):
            if params > 20:
                raise DegenerateError("it is too far away")
            return super().evaluate(params)

    result = fit(Picky(), [50.0, 10.0])
    assert result.restarts[0].failure == "it is too far away"


def test_share_of_zero_at_the_end_leaves_the_others_their_standard_errors():
    counts = np.array([30.0, 50.0, 20.0, 0.0])
    model = TwoSteps(
        lambda params: (counts, xlogy(counts, params["shares"]).sum()),
        lambda counts: {"shares": counts / counts.sum()},
        100,
        {"shares": SIMPLEX},
        lambda params, counts: xlogy(counts, params["shares"]).sum(),
    )
    result = fit(model, {"shares": np.full(4, 0.25)})
    with pytest.warns(EMWarning, match="at the edge of their range"):
        errors = result.standard_errors()["shares"]
    p = counts[:3] / 100
    assert_allclose(errors[:3], np.sqrt(p * (1 - p) / 100), rtol=1e-6)
    assert np.isnan(errors[3])


def test_edge_of_the_range_has_no_standard_error():
    """All have answered yes."""
    model = TwoSteps(
        lambda params: (
            12.0,
            12 * np.log(params["p"]) - params["rate"] + 5 * np.log(params["rate"]),
        ),
        lambda yes: {"p": yes / 12, "rate": 5.0},
        12,
        {"p": PROBABILITY, "rate": POSITIVE},
        lambda params, yes: (
            (
                yes * np.log(params["p"])
                + (12 - yes) * np.log1p(-params["p"])
                + 5 * np.log(params["rate"])
                - params["rate"]
            )
            if params["p"] < 1
            else 5 * np.log(params["rate"]) - params["rate"]
        ),
    )
    result = fit(model, {"p": 0.5, "rate": 1.0})
    assert result.params["p"] == 1.0
    with pytest.warns(EMWarning, match="at the edge of their range"):
        errors = result.standard_errors()
    assert np.isnan(errors["p"])
    assert_allclose(errors["rate"], np.sqrt(5), rtol=1e-5)
