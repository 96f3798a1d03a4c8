"""The default start is the best of many, however they are evaluated."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skem import BinomialMixture, GaussianMixtureEM
from skem.data.rows import Rows
from skem.datasets import load_old_faithful
from skem.families import Binomial, Gaussian
from skem.families.base import DegenerateComponentError
from skem.families.covariance import STRUCTURES
from skem.mixture.labels import Independent
from skem.mixture.problem import Problem
from skem.mixture.shares import first_parameters
from skem.mixture.short_runs import _advance, _finished, _started, scatter, short_runs
from skem.mixture.starts import start


def rng_of(seed=0):
    return np.random.RandomState(seed)


def clusters(seed, n=400, K=5, d=3):
    """Return rows of overlapping clusters, each longer one way than another."""
    rng = np.random.default_rng(seed)
    means, A = 3 * rng.standard_normal((K, d)), rng.standard_normal((K, d, d))
    labels = rng.integers(K, size=n)
    return means[labels] + np.einsum("nij,nj->ni", A[labels], rng.standard_normal((n, d)))


def gaussians(X, K=3, structure="full", kind=Gaussian):
    family = kind(
        STRUCTURES[structure], K, X.mean(axis=0), X.std(axis=0), np.zeros(X.shape[1]), 1e-6
    )
    rows = Rows(X)
    return Problem(Independent(), family.bound(rows), rows)


# Partitions.


@pytest.mark.parametrize("K", [1, 2, 4])
def test_every_row_goes_to_the_nearest_of_the_rows_picked(K):
    """So some row of each cell can be its centre: nearest to all of them, whatever the others."""
    X = np.random.default_rng(0).standard_normal((60, 2))
    distances = np.linalg.norm(X[:, np.newaxis] - X, axis=2)
    for labels in scatter(X, np.ones(60), 20, K, rng_of()):
        cells = [np.flatnonzero(labels == k) for k in range(K)]
        assert all(len(cell) for cell in cells)
        for k in range(K):
            others = [cell for j, cell in enumerate(cells) if j != k]
            assert any(
                all(
                    any((distances[cells[k], c] <= distances[cells[k], o]).all() for o in cell)
                    for cell in others
                )
                for c in cells[k]
            )


def test_rows_picked_are_far_apart():
    """Clouds 100 apart are nearly always told apart, by rows picked at random seldom."""
    centres = 100 * np.eye(4)
    truth = np.repeat(np.arange(4), 25)
    X = centres[truth] + np.random.default_rng(0).standard_normal((100, 4))
    partitions = scatter(X, np.ones(100), 50, 4, rng_of())
    found = [len(set(zip(truth, labels, strict=True))) == 4 for labels in partitions]
    assert np.mean(found) > 0.9


def test_partitions_repeat_with_their_seed_and_differ_among_themselves():
    X = np.random.default_rng(0).standard_normal((100, 2))
    a, b, c = (scatter(X, np.ones(100), 6, 3, rng_of(seed)) for seed in (1, 1, 2))
    assert_array_equal(a, b)
    assert (a != c).any()
    assert len({labels.tobytes() for labels in a}) == 6


def test_weights_draw_the_picks_to_themselves():
    """Rows that count for next to nothing found no cell, be they ever so far away."""
    X = np.random.default_rng(0).standard_normal((90, 2))
    X[60:] += 100
    weights = np.repeat([1.0, 1.0, 1e-12], 30)
    for labels in scatter(X, weights, 50, 2, rng_of()):
        assert len(np.unique(labels[:60])) == 2
    unweighted = scatter(X, np.ones(90), 50, 2, rng_of())
    assert any(len(np.unique(labels[:60])) == 1 for labels in unweighted)


def test_equal_rows_are_never_parted():
    X = np.repeat(np.random.default_rng(0).standard_normal((6, 2)), 5, axis=0)
    for labels in scatter(X, np.ones(30), 30, 4, rng_of()):
        assert (labels.reshape(6, 5) == labels[::5, np.newaxis]).all()


# Short runs.


def test_default_start_is_better_than_one_partition():
    lead = []
    for seed in range(6):
        X = clusters(seed)
        default, *others = (
            GaussianMixtureEM(5, random_state=seed, init_params=init).fit(X).lower_bound_
            for init in ("short-runs", "random_from_data", "kmeans")
        )
        lead.append(default - np.array(others))
    lead = np.array(lead)
    assert (lead > -1e-6).mean() > 0.9
    assert (lead[:, 0] > 1e-3).sum() >= 2


@pytest.mark.parametrize("seed", range(5))
def test_default_start_finds_the_three_clusters_of_old_faithful(seed):
    X = load_old_faithful().data
    mixture = GaussianMixtureEM(3, random_state=seed).fit(X)
    assert_allclose(mixture.lower_bound_ * len(X), -1114.44, rtol=0, atol=0.01)


def counts(n=200):
    rng = np.random.default_rng(0)
    return rng.binomial(20, rng.choice([0.2, 0.5, 0.8], (n, 1)), (n, 3)).astype(float)


class OneByOneGaussian(Gaussian):
    """Gaussian that is not stacked."""

    def stacked(self, n_mixtures):
        """Return None."""


class OneByOneBinomial(Binomial):
    """Binomial that is not stacked."""

    def stacked(self, n_mixtures):
        """Return None."""


def assert_same_mixtures(these, those, rtol=1e-9):
    for a, b in zip(these, those, strict=True):
        for x, y in zip(a.by_name().values(), b.by_name().values(), strict=True):
            assert_allclose(x, y, rtol=rtol, atol=rtol * np.abs(y).max())


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical", "binomial"])
def test_mixtures_in_a_stack_go_where_they_go_one_by_one(structure, K):
    if structure == "binomial":
        X = counts()
        stack, single = (
            Problem(Independent(), kind(K, 3, np.full(3, 20.0)), Rows(X))
            for kind in (Binomial, OneByOneBinomial)
        )
    else:
        X = clusters(0, n=200, K=3)
        stack, single = (gaussians(X, K, structure, k) for k in (Gaussian, OneByOneGaussian))
    assert stack.components.stacked(8) is not None
    assert single.components.stacked(8) is None
    partitions = list(scatter(X, np.ones(200), 8, K, rng_of()))
    population, others = _started(stack, partitions), _started(single, partitions)
    assert_same_mixtures(population, others, rtol=1e-12)
    assert_same_mixtures(_advance(stack, population, 4), _advance(single, population, 4))
    a, b = (short_runs(problem, X, rng_of()) for problem in (stack, single))
    assert_allclose(stack.objective(a), stack.objective(b), rtol=1e-9)


def test_mixtures_come_back_the_best_first():
    X = clusters(1, n=200)
    problem = gaussians(X, 5)
    population = [problem.start(labels) for labels in scatter(X, np.ones(200), 8, 5, rng_of())]
    before = [problem.objective(params) for params in population]
    objectives = [problem.objective(params) for params in _advance(problem, population, 1)]
    order = np.argsort(before)[::-1]
    expected = [problem.objective(problem.evaluate(population[i]).params) for i in order]
    assert_allclose(objectives, expected, rtol=1e-9)


class Doomed(Gaussian):
    """Gaussian that degenerates where a mean is far away."""

    def stacked(self, n_mixtures):
        """Stay in one piece."""
        return replace(self, n_components=n_mixtures * self.n_components)

    def maximize(self, totals, kernel, previous):
        """Refuse."""
        params = super().maximize(totals, kernel, previous)
        for k in np.flatnonzero(params.means[:, 0] > 100):
            raise DegenerateComponentError(int(k), "it is far away")
        return params


class DoomedOneByOne(Doomed):
    """The same, not stacked."""

    def stacked(self, n_mixtures):
        """Return None."""


@pytest.mark.parametrize("kind", [Doomed, DoomedOneByOne])
@pytest.mark.parametrize("doomed", [(0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
def test_mixture_that_degenerates_is_dropped_and_the_others_go_on(kind, doomed):
    X = clusters(2, n=200)
    problem = gaussians(X, 3, kind=kind)
    population = [problem.start(labels) for labels in scatter(X, np.ones(200), 3, 3, rng_of())]
    kept = [params for i, params in enumerate(population) if i not in doomed]
    for i in doomed:
        means = population[i].components.means.copy()
        means[i] = 1e4  # no row is near: it stays there
        population[i] = population[i].with_arrays(means=means)
    if not kept:
        with pytest.raises(DegenerateComponentError, match="far away"):
            _advance(problem, population, 3)
        return
    survivors, expected = (_advance(problem, mixtures, 3) for mixtures in (population, kept))
    assert len(survivors) == len(kept)
    for a, b in zip(survivors, expected, strict=True):
        assert_allclose(a.components.means, b.components.means, rtol=1e-9)


def test_partition_that_degenerates_is_dropped_and_the_others_start():
    X = clusters(2, n=200)
    X[0] = 1e3  # as a component of its own it is too far away
    problem = gaussians(X, 3, kind=Doomed)
    sound = [np.append(0, labels) for labels in scatter(X[1:], np.ones(199), 3, 3, rng_of())]
    doomed = np.repeat([0, 1, 2], [1, 99, 100])
    with pytest.raises(DegenerateComponentError, match="far away"):
        _started(problem, [doomed])
    expected = _started(problem, sound)
    assert_same_mixtures(_started(problem, [sound[0], doomed, *sound[1:]]), expected)


def test_component_without_rows_is_lent_some_in_a_stack_too():
    """As known labels may leave one; were it dropped, there would be one mixture less."""
    X = clusters(2, n=200)
    problem = gaussians(X, 3)
    partitions = [*scatter(X, np.ones(200), 2, 3, rng_of()), np.repeat([0, 1], 100)]
    started = _started(problem, list(partitions))
    assert_same_mixtures(started, [first_parameters(problem, each) for each in partitions])


def test_start_that_falls_behind_at_first_wins_in_the_end():
    """Of two mixtures the one on the higher hill is found, though it starts from further down."""
    X = load_old_faithful().data
    problem = gaussians(X, 3)
    mixtures = [
        _started(problem, [labels])[0] for labels in scatter(X, np.ones(272), 24, 3, rng_of())
    ]
    ends = [problem.objective(_finished(problem, [params, params])) for params in mixtures]
    best, worst = int(np.argmax(ends)), int(np.argmin(ends))
    assert ends[best] > ends[worst] + 1e-3
    pair = [mixtures[worst], mixtures[best]]
    assert problem.objective(_finished(problem, pair)) == ends[best]
    assert problem.objective(_finished(problem, pair[::-1])) == ends[best]


# Where there is little to choose from, or too much to do.


def test_no_partition_is_found_among_fewer_rows_than_components():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0]], 20, axis=0)
    assert short_runs(gaussians(X, 3), X, rng_of()) is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_distinct", [1, 2, 3, 4])
def test_few_distinct_rows_can_be_fitted(n_distinct):
    X = np.repeat(np.random.default_rng(0).standard_normal((n_distinct, 2)), 10, axis=0)
    mixture = GaussianMixtureEM(3, reg_covar=0.01, random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bound_)
    assert_allclose(mixture.weights_ @ mixture.means_, X.mean(axis=0), atol=1e-9)


class Told(Problem):
    """A problem that hands back the partition to start from, and cannot be swept over."""

    def start(self, responsibilities):
        """Return them."""
        return responsibilities

    def maximize(self, params, assignment):
        """Refuse."""
        raise AssertionError("a pass over the rows")


def test_wide_data_start_from_k_means_without_more_ado():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 400)) + 3 * rng.integers(3, size=(300, 1))
    wide = gaussians(X)
    problem = Told(wide.labels, wide.components, wide.rows)
    assert short_runs(problem, X, rng_of()) is None
    default, kmeans = (start(strategy, problem, rng_of()) for strategy in ("short-runs", "kmeans"))
    assert default.shape == (300,)
    assert_array_equal(default, kmeans)


# Weights.

WEIGHTED = pytest.mark.parametrize(
    "mixture, X",
    [
        (GaussianMixtureEM(3, tol=1e-11, random_state=0), load_old_faithful().data[:80]),
        (
            GaussianMixtureEM(3, covariance_type="tied", tol=1e-11, random_state=0),
            load_old_faithful().data[:80],
        ),
        (BinomialMixture(3, n_trials=20, tol=1e-11, random_state=0), counts(80)),
    ],
    ids=["full", "tied", "binomial"],
)


@WEIGHTED
def test_weighted_rows_start_as_repeated_ones(mixture, X):
    weights = np.random.default_rng(0).integers(1, 4, len(X))
    repeated = np.random.default_rng(1).permutation(np.repeat(X, weights, axis=0))
    mixture.fit(repeated)
    bound, shares, n_iter = mixture.lower_bound_, mixture.weights_, mixture.n_iter_
    mixture.fit(X, sample_weight=weights)
    assert mixture.n_iter_ == n_iter
    assert_allclose(mixture.lower_bound_, bound, rtol=1e-10)
    assert_allclose(mixture.weights_, shares, rtol=1e-5)


@WEIGHTED
def test_rows_of_weight_zero_are_absent(mixture, X):
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    mixture.fit(X, sample_weight=weights)
    bound, shares = mixture.lower_bound_, mixture.weights_
    present = weights > 0
    mixture.fit(X[present], sample_weight=weights[present])
    assert_array_equal(mixture.weights_, shares)
    assert_allclose(mixture.lower_bound_, bound, rtol=1e-14)
