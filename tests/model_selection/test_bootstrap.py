"""The bootstrap test of K components against K + 1."""

import inspect
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import binom, binomtest, norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skem import BinomialMixture, GaussianMixtureEM, PoissonMixture
from skem.datasets import load_beta_blockers, load_old_faithful, load_saxony
from skem.model_selection import LikelihoodRatioTest, bootstrap_lrt

RNG = np.random.default_rng(2)
TWO_HEAPS = np.concatenate([RNG.normal(0, 1, 40), RNG.normal(6, 1, 40)])[:, np.newaxis]
ONE_HEAP = np.random.default_rng(9).normal(size=(60, 1))
#: What is tested is not the search for a start, which takes most of the time of so small fits.
TIED = GaussianMixtureEM(covariance_type="tied", init_params="kmeans")
#: Eight of these samples have a statistic as large as that of ONE_HEAP, the seventh at first.
SOME = {"n_bootstrap": 29, "stop_after": None, "random_state": 1}


class Seen(BinomialMixture):
    """A mixture that keeps what it was fitted to."""

    data = []

    def fit(self, X, y=None, sample_weight=None):
        self.data.append(np.array(X))
        return super().fit(X, y, sample_weight)


@pytest.fixture(scope="module")
def full():
    """Return a test that was not stopped."""
    return bootstrap_lrt(TIED, ONE_HEAP, **SOME)


# The statistic.


def test_the_statistic_is_twice_the_log_of_the_likelihood_ratio():
    X = TWO_HEAPS[:, 0]

    def minus_log_likelihood(params):
        share, scale = expit(params[0]), np.exp(params[3])
        log_joint = [
            np.log(w) + norm.logpdf(X, mean, scale)
            for w, mean in zip([share, 1 - share], params[1:3], strict=True)
        ]
        return -logsumexp(log_joint, axis=0).sum()

    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000, "maxfev": 5000}
    two = -minimize(
        minus_log_likelihood, [0.0, 0.0, 6.0, 0.0], method="Nelder-Mead", options=options
    ).fun
    one = norm.logpdf(X, X.mean(), X.std()).sum()
    test = bootstrap_lrt(TIED, TWO_HEAPS, n_bootstrap=1, random_state=0)
    assert_allclose(test.statistic, 2 * (two - one), rtol=1e-6)


@pytest.mark.parametrize(
    ("mixture", "expected"),
    [(GaussianMixtureEM(), 319.06535), (TIED, 299.21997)],
    ids=["VVV", "EEE"],
)
def test_old_faithful_is_what_mclust_makes_of_it(mixture, expected):
    """R mclust 6.0.0: mclustBootstrapLRT(faithful, modelName = "VVV", maxG = 1)$obs."""
    X = load_old_faithful().data
    test = bootstrap_lrt(mixture, X, n_bootstrap=19, random_state=0)
    assert_allclose(test.statistic, expected, atol=1e-3)
    assert test.p_value == 1 / 20


def test_a_hard_assignment_is_judged_by_its_likelihood_too():
    mixture = clone(TIED).set_params(assignment="hard")
    test = bootstrap_lrt(mixture, TWO_HEAPS, n_bootstrap=1, random_state=0)
    one, two = (
        clone(mixture).set_params(n_components=K, random_state=0).fit(TWO_HEAPS) for K in (1, 2)
    )
    gain = (two.score_samples(TWO_HEAPS) - one.score_samples(TWO_HEAPS)).sum()
    assert_allclose(test.statistic, 2 * gain, rtol=1e-10)
    assert abs(two.lower_bound_ - two.score(TWO_HEAPS)) > 1e-4


# The p-value.


def test_the_p_value_is_that_of_the_formula(full):
    larger = (full.statistics >= full.statistic).sum()
    assert 3 < larger < 15
    assert full.p_value == (1 + larger) / 30
    assert full.n_bootstrap == len(full.statistics) == 29
    assert not full.stopped_early
    assert full.n_components == 1


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_test_that_stops_is_the_full_one_cut_short(full, stop_after):
    larger = np.flatnonzero(full.statistics >= full.statistic)
    test = bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "stop_after": stop_after})
    end = larger[stop_after - 1] + 1
    assert stop_after < end < 29
    assert test.stopped_early
    assert_array_equal(test.statistics, full.statistics[:end])
    assert test.p_value == stop_after / end
    assert test.statistic == full.statistic


def test_nothing_is_drawn_after_the_stop():
    X = np.random.default_rng(0).binomial(12, 0.5, size=(50, 1))
    Seen.data.clear()
    test = bootstrap_lrt(Seen(n_trials=12), X, stop_after=3, random_state=0)
    assert test.stopped_early
    assert len(Seen.data) == 2 * (1 + test.n_bootstrap) < 100


def test_a_test_that_has_no_reason_to_stop_does_not(full):
    larger = (full.statistics >= full.statistic).sum()
    test = bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "stop_after": larger + 1})
    assert (test.p_value, test.stopped_early) == (full.p_value, False)


def test_fewer_samples_are_the_first_of_more(full):
    fewer = bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "n_bootstrap": 7})
    assert_array_equal(fewer.statistics, full.statistics[:7])


def test_the_default_stop_changes_no_decision_at_five_per_cent():
    """Where it stops p is larger at once, and would be in the end."""
    defaults = inspect.signature(bootstrap_lrt).parameters
    B, h = (defaults[name].default for name in ("n_bootstrap", "stop_after"))
    assert h / B > 0.05
    assert (1 + h) / (1 + B) > 0.05
    assert (1 + h - 1) / (1 + B) <= 0.05  # but one less does reject


@pytest.mark.parametrize("stop_after", [None, 3])
def test_workers_change_nothing(full, stop_after):
    test = bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "stop_after": stop_after, "n_jobs": 2})
    larger = np.flatnonzero(full.statistics >= full.statistic)
    end = 29 if stop_after is None else larger[2] + 1
    assert_array_equal(test.statistics, full.statistics[:end])
    assert test.p_value == (full.p_value if stop_after is None else 3 / end)
    assert test.statistic == full.statistic
    assert test.stopped_early == (stop_after is not None)


def test_seeds_decide_and_the_estimators_own_does_not(full):
    again = bootstrap_lrt(clone(TIED).set_params(random_state=8), ONE_HEAP, **SOME)
    assert_array_equal(again.statistics, full.statistics)
    state = np.random.RandomState(1)
    assert_array_equal(
        bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "random_state": state}).statistics,
        full.statistics,
    )
    other = bootstrap_lrt(TIED, ONE_HEAP, **{**SOME, "random_state": 2})
    assert not np.isin(other.statistics[other.statistics > 0], full.statistics).any()


def test_under_the_null_hypothesis_p_values_are_uniform():
    """Below the point mass at one, of statistics that are zero."""
    quick = clone(TIED).set_params(tol=1e-4)
    p_values = []
    for seed in range(40):
        X = np.random.default_rng(seed).normal(size=(30, 1))
        options = {"n_bootstrap": 9, "stop_after": 5, "random_state": seed}
        p_values.append(bootstrap_lrt(quick, X, **options).p_value)
    for level in (0.1, 0.2, 0.3, 0.4):
        rejected = int(np.sum(np.array(p_values) <= level))
        assert binomtest(rejected, len(p_values), level).pvalue > 0.01, level
        assert binomtest(rejected, len(p_values), level + 0.35).pvalue < 0.01, level


@pytest.mark.filterwarnings("ignore:For 1 of 39 bootstrap samples")
def test_what_is_clearly_separated_is_told_apart():
    for seed in range(2):
        test = bootstrap_lrt(TIED, TWO_HEAPS, n_bootstrap=39, stop_after=2, random_state=seed)
        assert test.p_value == 1 / 40
        assert test.statistics.max() < test.statistic / 2
    more = bootstrap_lrt(clone(TIED).set_params(n_components=2), TWO_HEAPS, random_state=0)
    assert more.stopped_early
    assert more.p_value > 0.05
    assert more.n_bootstrap < 100


def test_a_ratio_below_one_counts_as_one():
    """A third component that has had no time to find anything is worse than two."""
    cut_short = clone(TIED).set_params(n_components=2, init_params=one_for_all, max_iter=1, tol=0)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        test = bootstrap_lrt(cut_short, TWO_HEAPS, n_bootstrap=3, random_state=0)
        two, three = (clone(cut_short).set_params(n_components=K).fit(TWO_HEAPS) for K in (2, 3))
    assert three.score(TWO_HEAPS) < two.score(TWO_HEAPS) - 0.1
    assert test.statistic == 0
    assert (test.statistics == 0).all()
    assert test.p_value == 1


def one_for_all(X, *, n_components, random_state):
    """Return labels: the two heaps, or, of three components, each with parts of both."""
    return (X[:, 0] > 3).astype(int) if n_components == 2 else np.arange(len(X)) % n_components


# Binomial mixtures, weights, trials.


def test_integer_weights_are_repeated_rows():
    X, weights = load_saxony().data, load_saxony().sample_weight // 40
    options = {"n_bootstrap": 5, "random_state": 0, "stop_after": None}
    weighted = bootstrap_lrt(BinomialMixture(), X, sample_weight=weights, **options)
    repeated = bootstrap_lrt(BinomialMixture(), np.repeat(X, weights, axis=0), **options)
    assert weighted.statistic == repeated.statistic
    assert_array_equal(weighted.statistics, repeated.statistics)
    assert weighted.statistic != bootstrap_lrt(BinomialMixture(), X, **options).statistic


def test_families_of_saxony_are_of_two_kinds():
    """The published optima are -12492.406220 for two kinds, -12490.800116 for three."""
    saxony = load_saxony()
    options = {"sample_weight": saxony.sample_weight, "random_state": 0, "n_bootstrap": 39}
    one = bootstrap_lrt(BinomialMixture(1), saxony.data, **options, stop_after=2)
    p = np.average(saxony.data[:, 0] / 12, weights=saxony.sample_weight)
    log_pmf = binom.logpmf(saxony.data[:, 0], 12, p)
    assert_allclose(one.statistic, 2 * (-12492.406220 - saxony.sample_weight @ log_pmf), atol=1e-3)
    assert one.p_value == 1 / 40
    two = bootstrap_lrt(BinomialMixture(2), saxony.data, **options, stop_after=2)
    assert_allclose(two.statistic, 2 * (-12490.800116 + 12492.406220), atol=1e-3)
    assert two.p_value > 0.05


def test_every_row_keeps_its_trials():
    X = load_beta_blockers().data
    trials = X.sum(axis=1)
    assert len(set(trials)) > 5
    Seen.data.clear()
    bootstrap_lrt(Seen(), X, n_bootstrap=40, stop_after=None, random_state=0)
    drawn = Seen.data[2::2]
    assert len(drawn) == 40
    for sample in drawn:
        assert_array_equal(sample.sum(axis=1), trials)
    # One coin for all rows: the mean of 40 samples is within 4 standard errors of n p.
    p = X[:, 0].sum() / trials.sum()
    mean = np.mean([sample[:, 0] for sample in drawn], axis=0)
    assert (np.abs(mean - trials * p) < 4 * np.sqrt(trials * p * (1 - p) / 40)).all()
    assert np.std([sample[:, 0] for sample in drawn], axis=0).min() > 0


def test_components_come_at_random_with_their_weights():
    trials = np.tile([10, 20], 100)
    coins = np.repeat([0.1, 0.9], [150, 50])
    heads = np.random.default_rng(0).binomial(trials, coins)
    X = np.column_stack([heads, trials - heads]).astype(float)
    Seen.data.clear()
    bootstrap_lrt(Seen(2), X, n_bootstrap=10, stop_after=None, random_state=0)
    fair = np.array([sample[:, 0] > trials / 2 for sample in Seen.data[2::2]])
    assert_allclose(fair.mean(), 0.25, atol=0.04)
    assert_allclose(fair[:, :100].mean(), fair[:, 100:].mean(), atol=0.08)  # in any row


def test_successes_out_of_a_common_number_are_drawn_too():
    X = np.random.default_rng(0).binomial(12, np.repeat([0.2, 0.8], 30)).reshape(-1, 1)
    test = bootstrap_lrt(BinomialMixture(n_trials=12), X, n_bootstrap=19, random_state=0)
    assert test.p_value == 1 / 20


# The result.


def test_the_result_reads_in_a_line_and_does_not_change(full):
    assert repr(full) == (
        f"<1 against 2 components: statistic={full.statistic:.4g}, p_value={full.p_value:.4g} "
        "(29 bootstrap samples)>"
    )
    stopped = LikelihoodRatioTest(2, 1.5, 0.5, np.array([3.0, 0.0]), True)
    assert repr(stopped) == (
        "<2 against 3 components: statistic=1.5, p_value=0.5 (2 bootstrap samples, stopped early)>"
    )
    with pytest.raises(AttributeError):
        full.p_value = 0
    with pytest.raises(ValueError, match="read-only"):
        full.statistics[0] = 0


def test_estimator_and_data_stay_as_they_are():
    X = ONE_HEAP.copy()
    X.flags.writeable = False
    mixture = clone(TIED).set_params(random_state=0)
    bootstrap_lrt(mixture, X, n_bootstrap=1)
    assert not hasattr(mixture, "weights_")
    assert mixture.get_params() == clone(TIED).set_params(random_state=0).get_params()


def test_fits_in_doubt_are_counted_in_one_warning():
    hasty = clone(TIED).set_params(n_components=2, max_iter=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bootstrap_lrt(hasty, ONE_HEAP, n_bootstrap=5, stop_after=None, random_state=0)
    *others, ours = caught
    assert "For 5 of 5 bootstrap samples" in str(ours.message)
    assert issubclass(ours.category, ConvergenceWarning)
    assert ours.filename == __file__
    assert ["did not converge" in str(w.message) for w in others] == [True] * 2  # fits to X


def test_alike_components_of_samples_with_fewer_are_no_doubt():
    """One Poisson component is all that there is in most samples of one."""
    X = np.random.default_rng(0).poisson(5.0, (60, 1)).astype(float)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        test = bootstrap_lrt(PoissonMixture(), X, n_bootstrap=9, stop_after=None, random_state=0)
    assert (test.statistics == 0).any()
    assert not any("bootstrap samples" in str(each.message) for each in caught)


# Bad input.


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimator": GaussianMixture()}, TypeError, "mixture of skem; got GaussianMixture"),
        ({"estimator": make_pipeline(StandardScaler(), TIED)}, TypeError, "got Pipeline"),
        ({"estimator": GaussianMixtureEM(means_init=[[0.0]])}, ValueError, "reset means_init"),
        (
            {"estimator": GaussianMixtureEM(init_params=[0] * 60, weights_init=[1.0])},
            ValueError,
            "reset init_params, weights_init",
        ),
        ({"X": [[0.0], [np.inf], [1.0]]}, ValueError, "Input X contains infinity"),
        ({"X": [0.0, 1.0]}, ValueError, "Expected 2D array"),
        ({"X": ONE_HEAP[:4], "estimator": GaussianMixtureEM(4)}, ValueError, "n_components = 5"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight.shape == \(1,\), expected \(60,\)"),
        ({"sample_weight": [0.5] * 60}, ValueError, "sample_weight must hold whole numbers"),
        ({"sample_weight": [-1] * 60}, ValueError, "sample_weight must hold whole numbers"),
        ({"sample_weight": [np.inf] * 60}, ValueError, "sample_weight must hold whole numbers"),
        ({"n_bootstrap": 0}, ValueError, "n_bootstrap == 0, must be >= 1"),
        ({"n_bootstrap": 9.0}, TypeError, "n_bootstrap must be an instance of"),
        ({"stop_after": 0}, ValueError, "stop_after == 0, must be >= 1"),
        ({"stop_after": "early"}, TypeError, "stop_after must be an instance of"),
        (
            {"estimator": BinomialMixture(), "X": [[0.5, 1.0], [1.0, 2.0]]},
            ValueError,
            "whole numbers of trials",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The fit cannot be trusted")
def test_bad_input_is_named(change, error, match):
    given = {"estimator": TIED, "X": ONE_HEAP, "n_bootstrap": 1, **change}
    with pytest.raises(error, match=match):
        bootstrap_lrt(given.pop("estimator"), given.pop("X"), **given)


@pytest.mark.parametrize("estimator", [GaussianMixtureEM, BinomialMixture])
def test_the_same_cells_are_missing_in_bootstrap_samples(estimator):
    rng = np.random.default_rng(0)
    holes = rng.random((60, 2)) < 0.3
    if estimator is BinomialMixture:
        heads = rng.binomial(9, np.repeat([[0.2, 0.3], [0.7, 0.9]], 30, axis=0))
        holes = np.hstack([holes, holes])
        X = np.where(holes, np.nan, np.hstack([heads, 9 - heads]))
    else:
        X = np.where(holes, np.nan, rng.normal(np.repeat([[0.0], [9.0]], 30, axis=0), 1, (60, 2)))
    drawn, fit = [], estimator.fit

    class Watched(estimator):
        def fit(self, X, y=None, sample_weight=None):
            drawn.append(X)
            return fit(self, X, sample_weight=sample_weight)

    bootstrap_lrt(Watched(2, random_state=0), X, n_bootstrap=4, random_state=0, stop_after=None)
    assert len(drawn) == 10
    for sample in drawn[2::2]:
        lost = (
            np.isnan(sample)
            if estimator is GaussianMixtureEM
            else sample + sample[:, [2, 3, 0, 1]] == 0
        )
        assert_array_equal(lost, holes)
        first = np.nansum(sample[:30], axis=1) > 4 if estimator is GaussianMixtureEM else None
        assert first is None or 5 < first.sum() < 25  # components are not in the rows' order
