"""The variance of the estimates: by Louis' formula, by differences of scipy's densities."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import binom

from skem.data.blocks import Workers
from skem.data.rows import Rows
from skem.em import information
from skem.em.driver import run
from skem.em.information import NotAMaximumError, covariance
from skem.families import Binomial
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from tests.families.cases import binomial_case, binomials, gaussian_case
from tests.laws import softmax

#: Rows beyond doubt, so that the fits are maxima.
BINOMIALS = [binomial_case(2, 3, n_trials=20), binomial_case(3, 4), binomial_case(2, 4, 9, 0.2)]
GAUSSIANS = [
    gaussian_case(structure, 2, d, ridge)
    for structure in ("full", "tied", "diag", "spherical")
    for d, ridge in ((1, 0.0), (2, 0.1))
]
named = {"ids": str}


def fitted(case, weights=None):
    """Return a model, and parameters where its objective has a maximum."""
    model = case.model(weights=weights)
    result = run(model, case.params, tol=1e-15, max_iter=3000, accelerate=True)
    assert result.converged and result.n_evaluations > 3
    return model, result.params


def all_free(model, params):
    return np.ones(model.to_vector(params).size, dtype=bool)


def louis(case, params, weights):
    """Return information and second moments of scores (Louis 1982, eq. 3.1 and 3.2).

    In the coordinates log(w_k / w_K) and log(p / (1 - p)), where a row of known component has the
    score ``A z - a`` with z its label, so that given the row only ``var(z)`` is in doubt.
    """
    w, p = params.by_name().values()
    K, m = p.shape
    r = softmax(case.log_joint(params), axis=1)
    s, n = np.nan_to_num(case.X[:, :m]), case.family.n_trials
    n = s + case.X[:, m:] if n is None else np.where(np.isnan(case.X), 0.0, n)
    complete = np.diag(w) - np.outer(w, w)
    total, squares, q = 0.0, 0.0, K - 1 + K * m
    for i, weight in enumerate(weights):
        A = np.zeros((q, K))
        A[: K - 1] = np.eye(K)[:-1]
        hidden = np.diag(r[i]) - np.outer(r[i], r[i])
        B = np.zeros((q, q))
        B[: K - 1, : K - 1] = complete[:-1, :-1]
        for k in range(K):
            block = slice(K - 1 + k * m, K - 1 + (k + 1) * m)
            A[block, k] = s[i] - n[i] * p[k]
            B[block, block] = np.diag(r[i, k] * n[i] * p[k] * (1 - p[k]))
        score = A @ r[i] - np.append(w[:-1], np.zeros(K * m))
        total = total + weight * (B - A @ hidden @ A.T)
        squares = squares + weight**2 * np.outer(score, score)
    return total, squares


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("case", BINOMIALS, **named)
def test_binomial_by_louis_formula(case, robust):
    weights = np.random.default_rng(0).integers(1, 4, len(case.X)).astype(float)
    model, params = fitted(case, weights)
    I, J = louis(case, params, weights)  # noqa: E741
    expected = np.linalg.inv(I)
    if robust:
        expected = expected @ J @ expected
    found, _ = covariance(model, params, all_free(model, params), robust)
    unit = np.sqrt(np.diag(expected))
    assert_allclose(found / np.outer(unit, unit), expected / np.outer(unit, unit), atol=1e-6)


def objective_of(case, params):
    """Return what each row contributes, as a function of the coordinates, by scipy."""

    def rows(vector):
        return logsumexp(case.log_joint(case.model().from_vector(vector, params)), axis=1)

    return rows


def derivatives(rows, at, step=1e-3):
    """Return scores of rows (n, p) and the Hessian of their sum (p, p), by differences."""
    moves = step * np.eye(at.size)
    scores = np.array([rows(at + e) - rows(at - e) for e in moves]).T / (2 * step)
    H = np.empty((at.size, at.size))
    for i, a in enumerate(moves):
        for j, b in enumerate(moves[: i + 1]):
            corners = [rows(at + x * a + y * b).sum() * x * y for x in (1, -1) for y in (1, -1)]
            H[i, j] = H[j, i] = sum(corners) / (4 * step**2)
    return scores, H


@pytest.mark.parametrize("case", GAUSSIANS, **named)
def test_gaussian_by_differences_of_the_reference(case):
    model, params = fitted(case)
    scores, H = derivatives(objective_of(case, params), case.model().to_vector(params))
    assert np.abs(scores.sum(axis=0)).max() < 1e-2
    inverse = np.linalg.inv(-H)
    unit = np.sqrt(np.diag(inverse))
    free = all_free(model, params)
    for robust in (False, True):
        expected = inverse @ scores.T @ scores @ inverse if robust else inverse
        found, _ = covariance(model, params, free, robust)
        assert_allclose(found / np.outer(unit, unit), expected / np.outer(unit, unit), atol=3e-4)


def test_family_that_knows_the_sum_over_all_rows():
    """It has the same information (but no scores of single rows)."""
    bound, params = fitted(gaussian_case("tied", 2, 2, 0.1, pooled=True))
    assert bound.components.pooled is not None
    unbound = replace(bound, components=replace(bound.components, pooled=None))
    V, W = (covariance(p, params, all_free(p, params))[0] for p in (bound, unbound))
    assert_allclose(V, W, rtol=1e-5, atol=1e-6 * np.diag(W).max())


def test_coordinates_that_are_not_free_are_taken_for_known():
    model, params = fitted(BINOMIALS[0])
    free = all_free(model, params)
    whole, steps = covariance(model, params, free)
    free[[0, 3]] = False
    part, some_steps = covariance(model, params, free)
    inverse = np.linalg.inv(np.linalg.inv(whole)[np.ix_(free, free)])
    assert_allclose(part, inverse, rtol=1e-6, atol=1e-6 * np.diag(whole).max())
    assert_allclose(some_steps, steps[free])
    assert np.diag(part).max() < np.diag(whole)[free].max()


@pytest.mark.parametrize("robust", [False, True])
def test_nothing_free(robust):
    model, params = fitted(BINOMIALS[0])
    found, steps = covariance(model, params, ~all_free(model, params), robust)
    assert found.shape == (0, 0) and steps.shape == (0,)


def test_scores_are_summed_block_by_block(monkeypatch):
    model, params = fitted(GAUSSIANS[1])
    free = all_free(model, params)
    whole, _ = covariance(model, params, free, robust=True)
    for rows in (7, model.rows.n_rows // 2):
        monkeypatch.setattr(information, "MOST_SCORES", rows * free.sum())
        blocks, _ = covariance(model, params, free, robust=True)
        assert_allclose(blocks, whole, rtol=1e-9, atol=1e-9 * np.abs(whole).max())


def test_model_without_scores_has_no_robust_errors():
    class Unscored:
        """All that covariance needs but for contributions."""

    with pytest.raises(TypeError, match="Unscored must implement contributions"):
        covariance(Unscored(), None, np.ones(1, dtype=bool), robust=True)


@pytest.mark.parametrize("case", [BINOMIALS[0], GAUSSIANS[0], GAUSSIANS[-1]], **named)
def test_not_at_a_maximum(case):
    """On the crest between two maxima, where all components are the same."""
    components = case.params.components
    one = [np.repeat(values[:1], len(values), axis=0) for values in components]
    params = case.params._replace(components=type(components)(*one))
    model = case.model()
    with pytest.raises(NotAMaximumError, match="not positive definite"):
        covariance(model, params, all_free(model, params))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", [GAUSSIANS[1], GAUSSIANS[5]], **named)
def test_far_from_any_maximum(case):
    """Where curvatures are negative, or all that there is has underflowed."""
    model, free = case.model(), all_free(case.model(), case.params)
    for shift in (6.0, 1e3):
        means = case.params.components.means + shift * np.array([[0.0], [1.0]])
        params = case.params.with_arrays(means=means)
        with pytest.raises(NotAMaximumError, match="not positive definite"):
            covariance(model, params, free)


def test_components_that_have_become_one():
    """Their weights may be anything, though no gain is left, and the curvature there is 1e-15."""
    case = gaussian_case("tied", 2, 1, 0.3)
    model, params = fitted(case)
    assert np.ptp(params.components.means) < 1e-4 and params.labels.weights.min() > 0.1
    with pytest.raises(NotAMaximumError, match="not positive definite"):
        covariance(model, params, all_free(model, params))


def test_not_identified():
    """One trial cannot tell two coins apart: a whole line of them is as likely."""
    X = np.repeat([[0.0], [1.0]], [4, 6], axis=0)
    model = MixtureModel(Independent(), Binomial(2, 1, np.ones(1)), Rows(X))
    params = binomials(np.array([0.5, 0.5]), np.array([[0.3], [0.9]]))
    assert_allclose(binom.pmf(1, 1, params.components.probabilities.mean()), 0.6)
    with pytest.raises(NotAMaximumError):
        covariance(model, params, np.ones(3, dtype=bool))
    # With one of them known the other is determined.
    V, _ = covariance(model, params, np.array([True, False, False]))
    assert np.isfinite(V).all()


def test_workers_do_not_matter():
    model, params = fitted(GAUSSIANS[1])
    free = all_free(model, params)
    one, _ = covariance(model, params, free, robust=True)
    with ThreadPoolExecutor(2) as pool:
        two, _ = covariance(replace(model, workers=Workers(pool)), params, free, robust=True)
    assert np.array_equal(one, two)
