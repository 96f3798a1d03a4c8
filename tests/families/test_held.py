"""Parameters that are held: what is left keeps the laws, for any structure."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem.estimators.holding import with_held
from skem.families.held import Held
from skem.mixture.labels import Independent, Weights
from skem.mixture.model import MixtureModel
from tests import laws
from tests.families.cases import (
    binomial_case,
    gaussian_case,
    n_covariance_parameters,
    poisson_case,
)
from tests.families.tampered import Tampered

SOME = np.array([True, False, False])
OTHERS = np.array([False, True, False])
ALL = np.full(3, True)


def holding(case, **masks):
    """Return a case of which parameters are held: at its own, those that it was drawn from."""
    held = Held(masks, case.params, shared=case.shared)
    labels, family = with_held(case.family, held)
    words = [f"{name} {mask.sum()} of {len(mask)}" for name, mask in masks.items()]
    return replace(
        case,
        name=f"{case.name}, {', '.join(words)} held",
        family=family,
        labels=labels,
        n_parameters=n_left(case, masks),
    )


def n_left(case, masks):
    """Return the number of parameters that are free, counted one kind at a time."""
    K = len(case.params.labels.weights)
    free = {name: K - int(mask.sum()) for name, mask in masks.items()}
    n = max(free.get("weights", K) - 1, 0)
    params = case.params.components
    for name in ("probabilities", "rates"):
        if hasattr(params, name):
            return n + free.get(name, K) * getattr(params, name).shape[1]
    d = params.means.shape[1]
    n += free.get("means", K) * d
    n_free = free.get("covariances", K)
    return n + (n_covariance_parameters(case.family.structure.name, n_free, d) if n_free else 0)


def holdings(structure, **options):
    """Return a case of each kind of holding."""
    case = gaussian_case(structure, 3, 2, **options)
    of_shapes = ALL if structure == "tied" else SOME
    return [
        holding(case, weights=ALL),
        holding(case, means=SOME),
        holding(case, covariances=of_shapes),
        holding(case, weights=OTHERS, means=ALL),
        holding(case, weights=SOME, means=OTHERS, covariances=of_shapes),
    ]


GAUSSIANS = [
    case
    for structure in ("full", "tied", "diag", "spherical")
    for case in holdings(structure, ridge=0.2)
]
INCOMPLETE = [
    case for structure in ("full", "diag") for case in holdings(structure, missing=0.3)[1::2]
]
POOLED = holdings("tied", ridge=0.2, pooled=True)
BINOMIALS = [
    holding(case, **masks)
    for case in (binomial_case(3, 2, n_trials=7), binomial_case(3, 2, missing=0.3))
    for masks in (
        {"weights": ALL},
        {"weights": SOME},
        {"probabilities": SOME},
        {"probabilities": ALL},
        {"probabilities": OTHERS, "weights": SOME},
    )
]
POISSONS = [holding(poisson_case(3, 2), rates=SOME), holding(poisson_case(3, 2), rates=ALL)]
CASES = GAUSSIANS + POOLED + INCOMPLETE + BINOMIALS + POISSONS

#: Those that can be asked of components that are not alike.
LAWS = [
    laws.nothing_near_beats_the_m_step,
    laws.bound_touches_the_log_likelihood_and_lifts_it,
    laws.integer_weights_are_repeated_rows,
    laws.parameters_are_counted,
    laws.coordinates_round_trip,
    laws.gradient_is_the_slope_of_the_objective,
    laws.empty_component_keeps_its_shape,
    laws.trace_never_falls,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_left_keeps_the_laws(case):
    kept = set(LAWS) & set(laws.laws_of(case))
    if case.labels.held is not None:  # which the law would take from a component
        kept.remove(laws.empty_component_keeps_its_shape)
    for law in kept:
        law(case)


def without_its_shift(family, statistics, kernel, previous):
    """M-step of held means that takes covariances about the means that it would have found."""
    held = family.held
    free = replace(family, held=Held()).maximize(statistics, kernel, previous)
    return family.parameters(held.put("means", free.means), free.covariances)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_covariances_about_the_wrong_means_are_found_out(structure):
    case = holding(gaussian_case(structure, 3, 2), means=SOME)
    family = Tampered(case.family, "maximize", without_its_shift)
    with pytest.raises(AssertionError):
        laws.nothing_near_beats_the_m_step(replace(case, family=family))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_held_stays_and_the_rest_moves(case):
    model, masks = case.model(), dict(case.family.held.masks)
    if case.labels.held is not None:
        masks["weights"] = case.labels.held
    r = case.responsibilities(seed=1)
    first = model.start(r)
    params, without = model.evaluate(first).params, replace(case.family, held=Held())
    unheld = MixtureModel(Independent(), without, model.rows).start(r)
    assert_allclose(params.labels.weights.sum(), 1.0, rtol=1e-15)
    for name, mask in masks.items():
        kept, given, free = (p.by_name()[name] for p in (params, case.params, unheld))
        if name in case.shared:
            kept, given, free = kept[np.newaxis], given[np.newaxis], free[np.newaxis]
            mask = np.array([True])
        assert_array_equal(kept[mask], given[mask], err_msg=name)
        assert not np.isclose(free[mask], given[mask], rtol=1e-3).any(), name
        if not mask.all():
            assert not np.isclose(kept[~mask], given[~mask], rtol=1e-6).any(), name


HALF_HELD = Independent(SOME, Weights(np.array([0.4, 0.5, 0.1])))


def shared_out(labels, counts):
    return labels.maximize(np.array(counts)).weights


def test_weights_that_are_free_share_what_is_left_by_their_counts():
    assert_allclose(shared_out(HALF_HELD, [100.0, 30.0, 10.0]), [0.4, 0.45, 0.15], rtol=1e-15)
    assert_allclose(shared_out(HALF_HELD, [100.0, 0.0, 0.0]), [0.4, 0.3, 0.3], rtol=1e-15)
    everything = replace(HALF_HELD, held=ALL)
    assert_array_equal(shared_out(everything, [10.0, 1.0, 1.0]), [0.4, 0.5, 0.1])


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_with_everything_held_nothing_is_left(structure):
    case = holding(gaussian_case(structure, 3, 2), weights=ALL, means=ALL, covariances=ALL)
    model, params = case.model(), case.params
    step = model.evaluate(params)
    assert model.n_parameters(params) == 0
    assert model.to_vector(params).size == 0
    assert model.gradient(params, step).size == 0
    for name, after in step.params.by_name().items():
        assert_allclose(after, params.by_name()[name], rtol=1e-15)
