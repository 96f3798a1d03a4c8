"""The default start: k-means, and components that are moved to where they help more."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from skem import BinomialMixture, GaussianMixtureEM
from skem.data.rows import Rows
from skem.datasets import load_old_faithful
from skem.families import Gaussian
from skem.families.base import DegenerateComponentError
from skem.families.covariance import STRUCTURES
from skem.mixture.labels import Independent
from skem.mixture.model import MixtureModel
from skem.mixture.moves import HALF_OR_QUARTER, clusters_in_a_background, moved
from skem.mixture.short_runs import short_runs
from skem.mixture.starts import start


def rng_of(seed=0):
    return np.random.RandomState(seed)


def gaussians(X, K=3, structure="full", kind=Gaussian):
    family = kind(
        STRUCTURES[structure], K, X.mean(axis=0), X.std(axis=0), np.zeros(X.shape[1]), 1e-6
    )
    rows = Rows(X)
    return MixtureModel(Independent(), family.bound(rows), rows)


def counts(n=200):
    rng = np.random.default_rng(0)
    return rng.binomial(20, rng.choice([0.2, 0.5, 0.8], (n, 1)), (n, 3)).astype(float)


def clusters(seed, n=400, K=5, d=3):
    """Return rows of overlapping clusters, each longer one way than another."""
    rng = np.random.default_rng(seed)
    means, A = 3 * rng.standard_normal((K, d)), rng.standard_normal((K, d, d))
    labels = rng.integers(K, size=n)
    return means[labels] + np.einsum("nij,nj->ni", A[labels], rng.standard_normal((n, d)))


# A background.


def test_the_two_clusters_nearest_to_each_other_are_joined_and_outer_halves_gathered():
    places = np.r_[-101.0, -100, -99, -1, 0, 1, 2, 3, 4][:, np.newaxis]
    labels = np.repeat([2, 0, 1], 3)
    found = clusters_in_a_background(places, np.ones(9), labels)
    # 0 and 1 are one cluster about 1.5 then; 2 is one about -100.
    expected = [True, False, True, True, False, False, False, False, True]
    assert_array_equal(found == found[0], expected)
    assert len(np.unique(found)) == 3


def test_one_cluster_is_an_inner_and_an_outer_half():
    places = np.random.default_rng(0).standard_normal((101, 2))
    found = clusters_in_a_background(places, np.ones(101), np.arange(101) % 2)
    distances = np.linalg.norm(places - places.mean(axis=0), axis=1)
    inner = found == found[distances.argmin()]
    assert distances[inner].max() < distances[~inner].min()
    assert inner.sum() == 51


def test_weights_count_as_repetitions_in_a_background():
    rng = np.random.default_rng(0)
    places, weights = rng.standard_normal((40, 2)), rng.integers(1, 4, 40)
    labels = np.arange(40) % 3
    found = clusters_in_a_background(places, weights.astype(float), labels)
    index = np.repeat(np.arange(40), weights)
    again = clusters_in_a_background(places[index], np.ones(len(index)), labels[index])
    assert_array_equal(again, found[index])


# Moves.


def posterior_of(K=4, n=200):
    return np.random.default_rng(0).dirichlet(np.full(K, 0.3), n)


@pytest.mark.parametrize("K", [2, 4])
def test_a_move_takes_one_component_away_and_gives_it_some_of_anothers_rows(K):
    r, places = posterior_of(K), np.random.default_rng(1).standard_normal((200, 2))
    for seed in range(20):
        part = (2, 4)[seed % 2]
        shares = moved(r, places, np.ones(200), (1 / part,), rng_of(seed))
        assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
        # All of the component's new rows are its alone, and they were one other component's.
        whole = [k for k in range(K) if set(np.unique(shares[:, k])) == {0.0, 1.0}]
        away = min(whole, key=lambda k: shares[:, k].sum())  # the other of two has whole rows, too
        rest = np.delete(r, away, axis=1)
        likeliest = rest.argmax(axis=1)
        taken = shares[:, away] == 1
        assert len(np.unique(likeliest[taken])) == 1
        others = likeliest == likeliest[taken][0]
        assert abs(part * taken.sum() - others.sum()) <= part
        # Nothing else has changed but what the component leaves to the others.
        expected = rest / rest.sum(axis=1, keepdims=True)
        assert_allclose(np.delete(shares, away, axis=1)[~taken], expected[~taken], rtol=1e-12)


def test_the_rows_taken_are_those_around_one_of_them():
    r, places = posterior_of(), np.random.default_rng(1).standard_normal((200, 2))
    for seed in range(20):
        shares = moved(r, places, np.ones(200), HALF_OR_QUARTER, rng_of(seed))
        away = next(k for k in range(4) if set(np.unique(shares[:, k])) == {0.0, 1.0})
        taken = shares[:, away] == 1
        likeliest = np.delete(r, away, axis=1).argmax(axis=1)
        left = (likeliest == likeliest[taken][0]) & ~taken
        distances = np.linalg.norm(places[:, np.newaxis] - places[taken], axis=2)
        assert (distances[taken].max(axis=0) < distances[left].min(axis=0)).any()


def test_or_those_nearer_to_one_than_to_the_centre_so_that_few_far_rows_are_taken_together():
    places = np.random.default_rng(1).standard_normal((200, 2))
    places[:6] += [0, 30]
    nobodys = np.repeat([[1.0, 0.0]], 200, axis=0)
    taken = [
        np.flatnonzero(moved(nobodys, places, np.ones(200), (None,), rng_of(seed))[:, 1] == 1)
        for seed in range(20)
    ]
    assert sum(rows.tolist() == list(range(6)) for rows in taken) > 15


def test_a_component_without_which_little_is_lost_goes_first():
    """Two that share their rows evenly can each be spared, one that is alone with its own not."""
    r = np.repeat([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], 50, axis=0)
    places = np.random.default_rng(0).standard_normal((100, 2))
    gone = [
        int((moved(r, places, np.ones(100), HALF_OR_QUARTER, rng_of(s))[50:, 2] < 1).all())
        for s in range(50)
    ]
    assert sum(gone) < 10


# The search.


def nested(seed):
    """Return rows of two components, one inside the other."""
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(0, 2.4, (300, 1)), rng.normal(0, 1, (700, 1))]


def test_components_inside_each_other_are_found():
    mixture = GaussianMixtureEM(2, random_state=0).fit(nested(4))
    assert_allclose(mixture.lower_bound_ * 1000, -1819.02, atol=0.01)
    assert_allclose(np.sort(mixture.weights_), [0.317, 0.683], atol=1e-3)


@pytest.mark.parametrize("kind", ["nested", "peak", "rare"])
def test_default_fit_is_as_good_as_from_the_truth(kind):
    short = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        mixture = GaussianMixtureEM(2, random_state=seed)
        if kind == "nested":
            X, truth = nested(seed), np.repeat([0, 1], [300, 700])
        elif kind == "peak":
            X = np.r_[rng.normal(45, 1.5, (100, 2)), rng.normal(50, 20, (300, 2))]
            truth = np.repeat([0, 1], [100, 300])
        else:
            truth = (np.arange(1000) < 50).astype(int)
            p = np.where(truth[:, np.newaxis], rng.uniform(0.6, 0.9, 8), rng.uniform(0.1, 0.4, 8))
            X = rng.binomial(1, p).astype(float)
            mixture = BinomialMixture(2, n_trials=1, random_state=seed)
        found = mixture.fit(X).lower_bound_
        short.append(mixture.set_params(init_params=truth).fit(X).lower_bound_ - found)
    assert max(short) < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_default_start_finds_the_three_clusters_of_old_faithful(seed):
    X = load_old_faithful().data
    mixture = GaussianMixtureEM(3, random_state=seed).fit(X)
    assert_allclose(mixture.lower_bound_ * len(X), -1114.44, rtol=0, atol=0.01)


@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
def test_default_start_is_better_than_one_partition():
    lead = []
    for seed in (0, 1, 2, 3, 5, 6):  # of 4 a component is flat by nature: 0.007 wide one way
        X = clusters(seed)
        default, *others = (
            GaussianMixtureEM(5, random_state=seed, init_params=init).fit(X)
            for init in ("short-runs", "random_from_data", "kmeans")
        )
        assert default.restarts_[0].spurious is None
        sound = [other.lower_bound_ for other in others if other.restarts_[0].spurious is None]
        lead.extend(default.lower_bound_ - np.array(sound))
    assert len(lead) >= 8
    assert min(lead) > -1e-6
    assert (np.array(lead) > 1e-3).sum() >= 2


class Doomed(Gaussian):
    """Gaussian of which every mixture collapses."""

    def maximize(self, statistics, kernel, previous):
        """Refuse."""
        raise DegenerateComponentError(0, "it is doomed")


def test_what_went_wrong_is_told_where_every_run_collapses():
    X = clusters(2, n=200)
    with pytest.raises(DegenerateComponentError, match="doomed"):
        short_runs(gaussians(X, kind=Doomed), X, rng_of())


class Choosy(Gaussian):
    """Gaussian that collapses where a component has more than half of the rows."""

    def maximize(self, statistics, kernel, previous):
        """Refuse some."""
        if (statistics[:, 0] > statistics[:, 0].sum() / 2).any():
            raise DegenerateComponentError(0, "it is too large")
        return super().maximize(statistics, kernel, previous)


def test_mixture_that_collapses_is_dropped_and_the_others_go_on():
    X = clusters(2, n=300, K=3)
    params = short_runs(gaussians(X, 4, kind=Choosy), X, rng_of())
    assert params.labels.weights.max() <= 0.5
    model = gaussians(X, 4)
    assert model.objective(params) > model.objective(start("kmeans", model, rng_of()))


# Where there is little to choose from, or too much to do.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_distinct", [1, 2, 3, 4])
def test_few_distinct_rows_can_be_fitted(n_distinct):
    X = np.repeat(np.random.default_rng(0).standard_normal((n_distinct, 2)), 10, axis=0)
    mixture = GaussianMixtureEM(3, reg_covar=0.01, random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bound_)
    assert_allclose(mixture.weights_ @ mixture.means_, X.mean(axis=0), atol=1e-9)


class Told(MixtureModel):
    """A model that hands back the partition to start from, and cannot be swept over."""

    def start(self, responsibilities):
        """Return them."""
        return responsibilities

    def maximize(self, params, assignment):
        """Refuse."""
        raise AssertionError("a pass over the rows")


def test_wide_data_start_from_k_means_in_any_units():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=300)
    X = rng.standard_normal((300, 800)) + 3 * labels[:, np.newaxis]
    for units in (1.0, np.logspace(-6, 6, 800)):
        wide = gaussians(X * units)
        model = Told(wide.labels, wide.components, wide.rows)
        assert short_runs(model, X * units, rng_of()) is None
        found = start("short-runs", model, rng_of())
        assert found.shape == (300,)
        assert adjusted_rand_score(labels, found) == 1.0


def test_many_features_in_any_units_have_the_same_fit():
    """Twenty clusters in 50 features are searched for, too, by a few short runs."""
    rng = np.random.default_rng(0)
    labels = rng.integers(20, size=2500)
    X = rng.normal(0, 1.5, (20, 50))[labels] + rng.standard_normal((2500, 50))
    units = np.exp(rng.normal(0, 3, 50))
    default, in_units = (
        GaussianMixtureEM(20, random_state=0).fit(each) for each in (X, X * units)
    )
    assert_array_equal(default.labels_, in_units.labels_)
    assert adjusted_rand_score(labels, default.labels_) > 0.99


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
