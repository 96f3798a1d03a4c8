"""Every family keeps every law, and every law can be broken."""

from dataclasses import replace

import numpy as np
import pytest

from tests import laws
from tests.families.cases import CASES, binomial_case, gaussian_case
from tests.families.tampered import Tampered, noisy


@pytest.mark.parametrize(
    ("law", "case"),
    [
        pytest.param(law, case, id=f"{law.__name__}-{case}")
        for case in CASES
        for law in laws.laws_of(case)
    ],
)
def test_family_keeps_law(law, case):
    law(case)


def partial_to_the_first(family, statistics, kernel, previous):
    answer = family.maximize(statistics, kernel, previous)
    name, values = answer._fields[0], answer[0].copy()
    values[0] *= 0.99
    return answer._replace(**{name: values})


def biased_log_density(kernel, block, out):
    constant = kernel.log_density(block, out)
    out += 1e-10 * np.abs(block[1])
    return constant


def in_place_statistics(kernel, block, responsibilities):
    block *= np.sqrt(responsibilities[0]) + 1
    return kernel.statistics(block, responsibilities)


TAMPERINGS = {
    laws.log_density_is_that_of_the_reference: ("log_density", biased_log_density),
    laws.objective_is_the_mean_penalised_log_likelihood: ("log_density", biased_log_density),
    laws.statistics_add_up_over_any_split: (
        "statistics",
        lambda k, b, r: k.statistics(b, r) + 1e-6,
    ),
    laws.passes_leave_loaded_rows_as_they_are: ("statistics", in_place_statistics),
    laws.nothing_near_beats_the_m_step: ("maximize", noisy(1e-2)),
    laws.bound_touches_the_log_likelihood_and_lifts_it: ("maximize", noisy(1.0)),
    laws.integer_weights_are_repeated_rows: ("statistics", lambda k, b, r: k.statistics(b, r * r)),
    laws.permuting_components_permutes_the_answer: ("maximize", partial_to_the_first),
    laws.parameters_are_counted: ("n_parameters", lambda f, params: f.n_parameters(params) + 1),
    laws.coordinates_round_trip: ("to_vector", lambda f, params: f.to_vector(params) * (1 + 1e-6)),
    laws.gradient_is_the_slope_of_the_objective: (
        "gradient",
        lambda f, *a: f.gradient(*a) + 1e-2 * np.abs(f.gradient(*a)).max(),
    ),
    laws.empty_component_keeps_its_shape: ("maximize", lambda f, t, k, p: f.maximize(t, k, None)),
    laws.single_precision_and_memory_order_change_nothing: (
        "load",
        lambda k, X, out: k.load(X if X.flags.c_contiguous else X + 1e-9, out),
    ),
    laws.trace_never_falls: ("maximize", noisy(0.1)),
    laws.samples_follow_the_parameters: (
        "sample",
        lambda f, params, counts, rng: f.sample(params, counts[::-1], rng),
    ),
}


def test_every_law_is_tampered_with():
    assert set(TAMPERINGS) == set(laws.LAWS)


@pytest.mark.parametrize(
    "case", [gaussian_case("full", 2, 2), binomial_case(3, 4, n_trials=7)], ids=str
)
@pytest.mark.parametrize("law", TAMPERINGS, ids=lambda law: law.__name__)
def test_law_finds_tampered_family(law, case):
    family = Tampered(case.family, *TAMPERINGS[law])
    with pytest.raises(AssertionError):
        law(replace(case, family=family, scorer=family))
