"""Hidden Markov models as estimators: references, sequences, scikit-learn."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, poisson
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.utils.estimator_checks import estimator_checks_generator

from skem import (
    BinomialHMM,
    CategoricalHMM,
    GaussianHMM,
    GaussianMixtureEM,
    PoissonHMM,
    PoissonMixture,
)
from skem.datasets import load_earthquakes, load_old_faithful
from tests.chains.reference import by_loop

ESTIMATORS = [GaussianHMM(), PoissonHMM(), BinomialHMM(n_trials=10**6)]


def two_states(**params):
    return PoissonHMM.from_parameters(
        startprob=[0.6, 0.4], transmat=[[0.9, 0.1], [0.2, 0.8]], rates=[[3.0], [10.0]], **params
    )


@pytest.fixture(scope="module")
def sequences():
    lengths = [60] * 10
    X, states = two_states().sample(lengths=lengths, random_state=0)
    return X, np.repeat(np.arange(10), 60), states


class TestReferences:
    """Optima of R's depmixS4 1.5, run to 1e-12 from many starts."""

    @pytest.mark.parametrize(
        ("n_components", "log_likelihood"),
        [(1, -391.918928), (2, -341.878701), (3, -328.527483)],
    )
    def test_earthquakes(self, n_components, log_likelihood):
        X = load_earthquakes().data
        model = PoissonHMM(n_components, random_state=0).fit(X)
        assert model.converged_
        np.testing.assert_allclose(model.lower_bound_ * len(X), log_likelihood, atol=1e-5)
        np.testing.assert_allclose(model.score(X) * len(X), log_likelihood, atol=1e-5)

    @pytest.mark.parametrize(
        ("n_components", "log_likelihood", "rates"),
        [(2, -342.3183, [15.472, 26.125]), (3, -329.4603, [13.146, 19.721, 29.714])],
    )
    def test_stationary_earthquakes(self, n_components, log_likelihood, rates):
        """Zucchini & MacDonald (2009), Hidden Markov Models for Time Series."""
        X = load_earthquakes().data
        model = PoissonHMM(n_components, stationary_start=True, tol=1e-11, random_state=0).fit(X)
        np.testing.assert_allclose(model.lower_bound_ * len(X), log_likelihood, atol=1e-4)
        np.testing.assert_allclose(model.reordered(0).rates_.ravel(), rates, atol=1e-3)
        np.testing.assert_allclose(model.startprob_, model.stationary_distribution_, rtol=1e-12)
        assert model.n_parameters_ == n_components**2
        assert (np.diff(model.lower_bounds_) >= -1e-12).all()

    @pytest.mark.filterwarnings("ignore:The chain never leaves")
    def test_four_states_of_the_earthquakes(self):
        """Without moves of states no seed from 0 to 7 leads here; with them 6 of 8 do."""
        X = load_earthquakes().data
        model = PoissonHMM(4, random_state=1).fit(X)
        assert model.lower_bound_ * len(X) > -326.285016 - 1e-5

    def test_parameters_of_the_earthquakes(self):
        model = PoissonHMM(2, random_state=0, tol=1e-12).fit(load_earthquakes().data)
        model = model.reordered(model.rates_.ravel().argsort())
        np.testing.assert_allclose(model.rates_.ravel(), [15.4208, 26.0182], atol=1e-3)
        np.testing.assert_allclose(np.diag(model.transmat_), [0.928374, 0.880966], atol=1e-4)
        np.testing.assert_allclose(model.startprob_, [1, 0], atol=1e-6)

    @pytest.mark.parametrize(
        ("n_components", "log_likelihood"), [(2, -1113.542149), (3, -1071.518361)]
    )
    def test_old_faithful(self, n_components, log_likelihood):
        X = load_old_faithful().data
        model = GaussianHMM(
            n_components, covariance_type="diag", reg_covar=0.0, random_state=0
        ).fit(X)
        np.testing.assert_allclose(model.lower_bound_ * len(X), log_likelihood, atol=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_checks_of_scikit_learn(estimator):
    for each, check in estimator_checks_generator(estimator):
        check(each)


class TestInference:
    """What a model says of sequences, against a loop in long double."""

    lengths = (50, 1, 40)

    @pytest.fixture
    def given(self):
        model = two_states()
        X, _ = model.sample(lengths=self.lengths, random_state=1)
        logs = poisson.logpmf(X, model.rates_.T)
        return model, X, by_loop(logs, model.startprob_, model.transmat_, self.lengths)

    def test_posterior_and_likelihood(self, given):
        model, X, (evidence, posterior, _) = given
        found = model.predict_proba(X, lengths=self.lengths)
        np.testing.assert_allclose(found, posterior.astype(float), atol=1e-12)
        total = model.score_samples(X, lengths=self.lengths).sum()
        np.testing.assert_allclose(total, float(evidence.sum()), rtol=1e-12)
        by_posterior = model.predict(X, lengths=self.lengths, decoding="posterior")
        np.testing.assert_array_equal(by_posterior, posterior.argmax(axis=1))

    def test_filtered_state_is_smoothed_at_the_end(self, given):
        model, X, _ = given
        np.testing.assert_allclose(
            model.filter_proba(X[:50])[[9, 49]],
            [model.predict_proba(X[:10])[-1], model.predict_proba(X[:50])[-1]],
            atol=1e-12,
        )

    def test_scores_predict_each_row_from_the_past(self, given):
        model, X, _ = given
        ahead = model.forecast(1, X[:20]).state_probabilities[0]
        density = np.log(ahead @ poisson.pmf(X[20, 0], model.rates_.ravel()))
        np.testing.assert_allclose(model.score_samples(X[:50])[20], density, rtol=1e-10)

    def test_forecast_moments(self, given):
        model, X, _ = given
        ahead = model.forecast(300, X, lengths=self.lengths)
        assert ahead.state_probabilities.shape == (3, 300, 2)
        stationary = model.stationary_distribution_
        np.testing.assert_allclose(
            ahead.state_probabilities[:, -1], np.tile(stationary, (3, 1)), atol=1e-10
        )
        mean = stationary @ model.rates_
        second = stationary @ (model.rates_ + model.rates_**2)
        np.testing.assert_allclose(ahead.means[0, -1], mean)
        np.testing.assert_allclose(ahead.covariances[0, -1, 0], second - mean**2)

    def test_known_states_clamp(self, given):
        model, X, _ = given
        known = np.full(len(X), -1)
        known[[3, 50]] = 0
        known[4] = 1
        posterior = model.predict_proba(X, lengths=self.lengths, known_labels=known)
        np.testing.assert_allclose(posterior[[3, 50, 4], [0, 0, 1]], 1.0)
        path = model.predict(X, lengths=self.lengths, known_labels=known)
        np.testing.assert_array_equal(path[[3, 4, 50]], [0, 1, 0])

    def test_missing_rows_say_nothing_and_the_chain_goes_on(self, given):
        model, X, _ = given
        X = X[:3].copy()
        X[1] = np.nan
        joint = model.startprob_[:, None] * poisson.pmf(X[0], model.rates_)
        two_steps = np.linalg.matrix_power(model.transmat_, 2)
        density = (joint.T @ two_steps @ poisson.pmf(X[2], model.rates_)).item()
        np.testing.assert_allclose(model.score_samples(X).sum(), np.log(density), rtol=1e-12)
        np.testing.assert_allclose(model.score(X), np.log(density) / 2, rtol=1e-12)
        filled = model.impute(X)
        np.testing.assert_allclose(filled[1], model.predict_proba(X)[1] @ model.rates_)
        np.testing.assert_array_equal(filled[[0, 2]], X[[0, 2]])

    def test_criteria(self, given):
        model, X, (evidence, _, _) = given
        total = float(evidence.sum())
        assert model.n_parameters_ == 1 + 2 + 2
        np.testing.assert_allclose(model.aic(X, lengths=self.lengths), -2 * total + 10)
        bic = model.bic(X, lengths=self.lengths)
        np.testing.assert_allclose(bic, -2 * total + 5 * np.log(91))
        assert model.icl(X, lengths=self.lengths) >= bic


class TestSequences:
    """Groups, lengths and the index of a frame."""

    def test_they_say_the_same(self, sequences):
        pandas = pytest.importorskip("pandas")
        X, groups, _ = sequences
        model = PoissonHMM(2, n_init=1, max_iter=5, tol=1e-2, random_state=0)
        by_groups = clone(model).fit(X, groups=groups)
        by_lengths = clone(model).fit(X, lengths=[60] * 10)
        index = pandas.MultiIndex.from_arrays([groups, np.arange(600)])
        by_index = clone(model).fit(pandas.DataFrame(X, index=index))
        for other in (by_lengths, by_index):
            np.testing.assert_array_equal(by_groups.transmat_, other.transmat_)
        # One is of a forward pass, the other of forward-backward.
        score = by_groups.score(X, groups=groups)
        np.testing.assert_allclose(score, by_groups.lower_bound_, rtol=1e-14)
        one = clone(model).fit(X)
        assert one.lower_bound_ != by_groups.lower_bound_

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"lengths": [10, 10]}, "lengths sum to 20"),
            ({"lengths": [600.0]}, "integers"),
            ({"lengths": [600, 0]}, "at least 1"),
            ({"groups": [1, 2]}, "groups.shape"),
            ({"lengths": [300, 300], "groups": np.zeros(600)}, "contradict"),
        ],
    )
    def test_errors(self, sequences, arguments, message):
        with pytest.raises(ValueError, match=message):
            PoissonHMM(2).fit(sequences[0], **arguments)

    def test_search_by_held_out_sequences(self, sequences):
        X, groups, _ = sequences
        grid = {"n_components": [1, 2]}
        with config_context(enable_metadata_routing=True):
            search = GridSearchCV(PoissonHMM(n_init=1, random_state=0), grid, cv=GroupKFold(2))
            search.fit(X, groups=groups)
        assert search.best_params_ == {"n_components": 2}
        train, test = next(GroupKFold(2).split(X, groups=groups))
        model = PoissonHMM(2, n_init=1, random_state=0).fit(X[train], groups=groups[train])
        np.testing.assert_allclose(
            search.cv_results_["split0_test_score"][1],
            model.score(X[test], groups=groups[test]),
        )

    def test_weights_count_sequences(self, sequences):
        X, groups, _ = sequences
        weights = np.repeat([2, 0, *[1] * 8], 60)
        start = {"startprob_init": [0.5, 0.5], "transmat_init": [[0.7, 0.3], [0.3, 0.7]]}
        model = PoissonHMM(2, rates_init=[[2.0], [12.0]], tol=1e-11, **start)
        weighted = clone(model).fit(X, groups=groups, sample_weight=weights)
        rows = np.concatenate([np.arange(60), np.arange(60), np.arange(120, 600)])
        repeated = clone(model).fit(X[rows], lengths=[60] * 10)
        np.testing.assert_allclose(weighted.transmat_, repeated.transmat_, rtol=1e-4)
        np.testing.assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-9)
        with pytest.raises(ValueError, match="same in all rows of a sequence"):
            model.fit(X, sample_weight=np.arange(1, 601))


class TestFit:
    """What a fit is told, and what it tells."""

    def test_recovers_what_was_simulated(self, sequences):
        X, groups, states = sequences
        model = PoissonHMM(2, random_state=0).fit(X, groups=groups)
        model = model.reordered(model.rates_.ravel().argsort())
        errors = model.standard_errors(X, groups=groups)
        assert (np.abs(model.rates_ - [[3], [10]]) < 4 * errors.rates).all()
        assert (np.abs(model.transmat_ - [[0.9, 0.1], [0.2, 0.8]]) < 4 * errors.transmat).all()
        assert (model.predict(X, groups=groups) == states).mean() > 0.9
        np.testing.assert_allclose(errors.transmat[:, 0], errors.transmat[:, 1])

    @pytest.mark.parametrize(
        ("load", "columns", "n_components"),
        [(load_earthquakes, [0], 2), (load_earthquakes, [0], 3), (load_old_faithful, [1], 3)],
    )
    def test_acceleration_saves_evaluations(self, load, columns, n_components):
        """Start probabilities go to zero here, whose logarithms must not lead astray."""
        X = load().data[:, columns]
        start = {
            "startprob_init": np.full(n_components, 1 / n_components),
            "transmat_init": np.full((n_components, n_components), 0.3 / (n_components - 1)),
            "rates_init": np.quantile(X, np.linspace(0.15, 0.85, n_components), axis=0),
        }
        np.fill_diagonal(start["transmat_init"], 0.7)
        accelerated = PoissonHMM(n_components, **start).fit(X)
        plain = PoissonHMM(n_components, acceleration=None, **start).fit(X)
        assert accelerated.startprob_.min() < 1e-20
        assert accelerated.n_iter_ < plain.n_iter_
        np.testing.assert_allclose(accelerated.lower_bound_, plain.lower_bound_, atol=1e-7)

    def test_same_seed_same_bits(self, sequences):
        X, groups, _ = sequences
        model = PoissonHMM(2, n_init=2, random_state=3)
        first, second = (clone(model).fit(X[:120], groups=groups[:120]) for _ in range(2))
        np.testing.assert_array_equal(first.rates_, second.rates_)
        np.testing.assert_array_equal(first.transmat_, second.transmat_)

    def test_zeros_stay_zero(self, sequences):
        X = sequences[0][:60]
        nan = np.nan
        model = PoissonHMM(
            3,
            startprob_init=[1, 0, 0],
            transmat_init=[[nan, nan, 0], [0, nan, nan], [0, 0, 1]],
            random_state=0,
        ).fit(X)
        assert (model.transmat_[np.tril_indices(3, -1)] == 0).all()
        assert model.transmat_[0, 2] == 0
        np.testing.assert_array_equal(model.startprob_, [1, 0, 0])
        assert model.n_parameters_ == 2 + 3
        assert (np.diff(model.predict(X)) >= 0).all()

    def test_fixed(self, sequences):
        X, groups, _ = sequences
        A = np.array([[0.75, 0.25], [np.nan, np.nan]])
        mask = np.array([[True, True], [False, False]])
        model = PoissonHMM(
            2,
            transmat_init=A,
            rates_init=[[3.0], [9.0]],
            fixed={"transmat": mask, "rates": [True, False]},
            random_state=0,
        ).fit(X, groups=groups)
        np.testing.assert_array_equal(model.transmat_[0], A[0])
        assert model.rates_[0] == 3.0 and model.rates_[1] != 9.0
        assert model.n_parameters_ == 1 + 1 + 1
        with pytest.raises(ValueError, match="transmat_init"):
            PoissonHMM(2, fixed={"transmat": True}).fit(X)
        with pytest.raises(ValueError, match="fixed names 'weights'"):
            PoissonHMM(2, fixed={"weights": True}).fit(X)

    def test_prior_keeps_transitions_from_the_edge(self, sequences):
        X = sequences[0][:30]
        free = PoissonHMM(2, n_init=1, random_state=0, startprob_prior=1.0).fit(X)
        held = clone(free).set_params(startprob_prior=2.0, transmat_prior=2.0).fit(X)
        assert free.startprob_.max() > 0.999
        np.testing.assert_allclose(held.startprob_.max(), 2 / 3, atol=0.05)

    def test_known_states_make_complete_data(self, sequences):
        X, groups, states = sequences
        model = PoissonHMM(2, random_state=0).fit(X, groups=groups, known_labels=states)
        np.testing.assert_allclose(model.rates_[1], X[states == 1].mean(), rtol=1e-10)
        same = np.flatnonzero(groups[1:] == groups[:-1])
        stays = (states[same] == 0) & (states[same + 1] == 0)
        np.testing.assert_allclose(
            model.transmat_[0, 0], stays.sum() / (states[same] == 0).sum(), rtol=1e-8
        )

    def test_warm_start_continues(self, sequences):
        X, groups, _ = sequences
        model = PoissonHMM(2, random_state=0, max_iter=3, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            first = model.fit(X, groups=groups).lower_bound_
            second = model.fit(X, groups=groups).lower_bound_
        assert second >= first

    def test_one_state_is_one_component(self, sequences):
        X = sequences[0]
        np.testing.assert_allclose(
            PoissonHMM().fit(X).lower_bound_, PoissonMixture().fit(X).lower_bound_, rtol=1e-12
        )

    def test_sequences_of_one_row_are_a_mixture(self, sequences):
        X = sequences[0][:200]
        mixture = PoissonMixture(2, random_state=0, tol=1e-12).fit(X)
        chain = PoissonHMM(2, random_state=0, tol=1e-12).fit(X, groups=np.arange(200))
        np.testing.assert_allclose(chain.lower_bound_, mixture.lower_bound_, atol=1e-8)
        np.testing.assert_allclose(np.sort(chain.startprob_), np.sort(mixture.weights_), atol=1e-3)

    def test_missing_cells_of_correlated_features(self):
        rng = np.random.default_rng(0)
        states = np.repeat([0, 1, 0, 1], 40)
        X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 160) + 4 * states[:, None]
        X[::5, 0] = np.nan
        X[7::11] = np.nan
        model = GaussianHMM(2, n_init=1, random_state=0, reg_covar=0.0).fit(X)
        order = model.means_[:, 0].argsort()
        model = model.reordered(order)
        assert (model.predict(X) == states).mean() > 0.95
        logs = np.zeros((160, 2))
        for t, row in enumerate(X):
            seen = ~np.isnan(row)
            for k in range(2):
                if seen.any():
                    C = model.covariances_[k][np.ix_(seen, seen)]
                    logs[t, k] = multivariate_normal.logpdf(row[seen], model.means_[k][seen], C)
        evidence, posterior, _ = by_loop(logs, model.startprob_, model.transmat_, [160])
        np.testing.assert_allclose(model.predict_proba(X), posterior.astype(float), atol=1e-9)
        n_observed = (~np.isnan(X).all(axis=1)).sum()
        total = model.lower_bound_ * n_observed
        np.testing.assert_allclose(total, float(evidence[0]), rtol=1e-10)

    @pytest.mark.parametrize("name", ["gaussian", "counts", "trials"])
    def test_rows_of_which_nothing_is_known_count_nowhere(self, name):
        """The mean is over the others, in the fit as in ``score``; the chain goes through all."""
        rng, states = np.random.default_rng(3), np.repeat([0, 1] * 3, 20)
        X = rng.poisson(2 + 6 * states)[:, None].astype(float)
        X[50:95] = np.nan
        estimator = {"gaussian": GaussianHMM(2), "counts": PoissonHMM(2)}.get(name, BinomialHMM(2))
        nothing = X[:50].copy(), X[95:].copy()
        if name == "trials":  # a cell of no trials is unobserved without being missing
            X = np.nan_to_num(np.hstack([X, 12 - np.minimum(X, 12)]))
            nothing = X[:50], X[95:]
        model = estimator.set_params(random_state=0, n_init=1).fit(X)
        total = model.score_samples(X).sum()
        np.testing.assert_allclose(model.lower_bound_, total / 75, rtol=1e-10)
        np.testing.assert_allclose(model.score(X), total / 75, rtol=1e-10)
        np.testing.assert_allclose(model.lower_bounds_[-1], total / 75, rtol=1e-6)
        bic = model.n_parameters_ * np.log(75) - 2 * total
        np.testing.assert_allclose(model.bic(X), bic, rtol=1e-10)
        assert np.abs(model.score_samples(X)[50:95]).max() < 1e-14
        without = np.concatenate(nothing)
        assert not np.allclose(model.score(without), model.score(X), rtol=1e-5)  # a gap is one

    def test_a_known_state_counts_where_nothing_else_is_known(self):
        X = np.array([[1.0], [1], [9], [9], [np.nan], [np.nan], [1], [9]])
        labels = [-1, -1, -1, -1, 1, -1, -1, -1]
        model = PoissonHMM(
            2, startprob_init=[1, 0], transmat_init=[[0.5, 0.5]] * 2, rates_init=[[1], [9]]
        )
        model = model.set_params(max_iter=1, tol=1.0).fit(X, known_labels=labels)
        parts = model.startprob_[0], model.transmat_, model.rates_
        logs = -np.inf * np.ones((8, 2))
        for t, row in enumerate(X[:, 0]):
            for k in range(2):
                if labels[t] in (-1, k):
                    logs[t, k] = 0.0 if np.isnan(row) else poisson.logpmf(row, parts[2][k, 0])
        evidence, _, _ = by_loop(logs, model.startprob_, model.transmat_, [8])
        np.testing.assert_allclose(model.lower_bound_, float(evidence[0]) / 7, rtol=1e-10)

    def test_warnings_name_the_states(self):
        X = np.concatenate([np.full((20, 1), 3.0), np.full((20, 1), 30.0)])
        with pytest.warns(ConvergenceWarning, match="never leaves state"):
            PoissonHMM(2, random_state=0).fit(X)
        nan = np.nan
        with pytest.warns(ConvergenceWarning, match="cannot reach state 1"):
            PoissonHMM(
                2, random_state=0, startprob_init=[1, 0], transmat_init=[[1, 0], [nan, nan]]
            ).fit(X)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"transmat_init": [[0.5, 0.4], [0.5, 0.5]]}, "transmat_init must sum to one"),
            ({"startprob_init": [0.5, 0.5, 0]}, r"startprob_init must have the shape \(2,\)"),
            ({"transmat_init": [[2.0, -1.0], [0.5, 0.5]]}, "probabilities, from 0 to 1"),
            ({"n_init": 0}, "n_init"),
        ],
    )
    def test_bad_parameters(self, sequences, params, message):
        model = PoissonHMM(2, **params)
        with pytest.raises(ValueError, match=message):
            model.fit(sequences[0])
        assert not hasattr(model, "transmat_")


def test_gaussian_forecast():
    model = GaussianHMM.from_parameters(
        startprob=[1.0, 0.0],
        transmat=[[0.0, 1.0], [1.0, 0.0]],
        means=[[0.0], [5.0]],
        covariances=[[[1.0]], [[4.0]]],
    )
    ahead = model.forecast(2, [[0.1]])
    np.testing.assert_allclose(ahead.means[:, 0], [5, 0])
    np.testing.assert_allclose(ahead.covariances[:, 0, 0], [4, 1])
    np.testing.assert_allclose(model.score([[0.1]]), norm.logpdf(0.1))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_equal_rows_of_the_transitions_make_a_mixture(covariance_type):
    X = load_old_faithful().data
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    chain = GaussianHMM.from_parameters(
        startprob=mixture.weights_,
        transmat=np.tile(mixture.weights_, (2, 1)),
        means=mixture.means_,
        covariances=mixture.covariances_,
        covariance_type=covariance_type,
    )
    np.testing.assert_allclose(chain.score_samples(X), mixture.score_samples(X), rtol=1e-9)
    np.testing.assert_allclose(chain.predict_proba(X), mixture.predict_proba(X), atol=1e-9)


def test_binomial_layouts():
    rng = np.random.default_rng(0)
    states = np.repeat([0, 1, 0], 30)
    successes = rng.binomial(10, np.array([0.2, 0.7])[states])[:, None].astype(float)
    one = BinomialHMM(2, n_trials=10, n_init=1, random_state=0).fit(successes)
    two = BinomialHMM(2, n_init=1, random_state=0).fit(np.hstack([successes, 10 - successes]))
    np.testing.assert_allclose(one.lower_bound_, two.lower_bound_, rtol=1e-9)
    path = one.reordered(one.probabilities_.ravel().argsort()).predict(successes)
    assert (path == states).mean() > 0.9


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([0], r"lengths\[0\] is 0"),
        ([2.7], "must be integers"),
        ([[2]], "must be int"),
        ([], "int"),
    ],
)
def test_lengths_of_a_sample_are_checked(lengths, message):
    model = PoissonHMM.from_parameters(startprob=[1], transmat=[[1]], rates=[[2]])
    assert len(model.sample(lengths=[2, 1])[0]) == 3
    with pytest.raises(ValueError, match=message):
        model.sample(lengths=lengths)


def test_known_states_that_no_path_goes_through_are_refused():
    X = np.array([[1], [2], [9], [8], [7], [1]])
    model = PoissonHMM(2, transmat_init=np.eye(2), random_state=0, max_iter=5)
    with pytest.raises(ValueError, match="known_labels contradict"):
        model.fit(X, known_labels=[0, 0, 1, 1, -1, -1])
    assert not hasattr(model, "transmat_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert np.isfinite(model.fit(X, known_labels=[0, 0, -1, -1, -1, -1]).score(X))


class TestStationaryStart:
    """The start follows from the transitions."""

    def test_many_starts_tell_of_transitions(self, sequences):
        """Sequences of two rows: half of what is known of the chain is where they start."""
        X, _ = two_states().sample(lengths=[2] * 400, random_state=0)
        lengths = [2] * 400
        tied = PoissonHMM(2, stationary_start=True, random_state=0, tol=1e-11)
        tied.fit(X, lengths=lengths)
        free = PoissonHMM(2, random_state=0, tol=1e-11).fit(X, lengths=lengths)
        assert free.n_parameters_ == tied.n_parameters_ + 1
        assert tied.lower_bound_ < free.lower_bound_
        held = PoissonHMM.from_parameters(
            transmat=free.transmat_, rates=free.rates_, stationary_start=True
        )
        np.testing.assert_array_equal(held.startprob_, free.stationary_distribution_)
        assert held.n_parameters_ == 4
        assert tied.lower_bound_ > held.score(X, lengths=lengths)
        errors = tied.standard_errors(X, lengths=lengths)
        np.testing.assert_allclose(errors.startprob[0], errors.startprob[1])
        assert 0 < errors.startprob[0] < free.standard_errors(X, lengths=lengths).startprob[0]
        again = clone(tied).set_params(warm_start=True)
        again.fit(X, lengths=lengths)
        assert again.fit(X, lengths=lengths).n_iter_ < 8
        np.testing.assert_allclose(again.lower_bound_, tied.lower_bound_, atol=1e-10)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"startprob_init": [0.5, 0.5]}, "leave out startprob_init"),
            ({"startprob_prior": 2.0}, "leave out startprob_prior"),
            ({"transmat_init": np.eye(2)}, "does not go with transmat: the stationary"),
            ({"stationary_start": 1}, "'stationary_start' parameter of PoissonHMM must be a bool"),
        ],
    )
    def test_contradictions(self, sequences, params, message):
        with pytest.raises(ValueError, match=message):
            PoissonHMM(2, **{"stationary_start": True, **params}).fit(sequences[0])


class TestForecast:
    """Rows to come, after the fit or after other rows."""

    def test_after_the_last_sequence_of_the_fit(self, sequences):
        X, groups, _ = sequences
        model = PoissonHMM(2, random_state=0).fit(X, groups=groups)
        ahead, given = model.forecast(4), model.forecast(4, X[groups == 9])
        np.testing.assert_allclose(ahead.means, given.means)
        every = model.forecast(4, X, groups=groups)
        np.testing.assert_allclose(every.means[9], ahead.means)
        assert np.ptp(every.means[:, 0]) > 0.1
        turned = model.reordered([1, 0]).forecast(4)
        np.testing.assert_allclose(turned.state_probabilities, ahead.state_probabilities[:, ::-1])
        np.testing.assert_allclose(turned.covariances, ahead.covariances)

    def test_columns_vary_together_between_states(self):
        model = PoissonHMM.from_parameters(
            startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), rates=[[1, 2], [5, 8]]
        )
        ahead = model.forecast(1, [[1, 1]])
        np.testing.assert_allclose(ahead.means, [[3, 5]])
        np.testing.assert_allclose(ahead.covariances, [[[3 + 4, 6], [6, 5 + 9]]])

    def test_categories_have_probabilities(self):
        p = [[[0.8, 0.2]], [[0.3, 0.7]]]
        model = CategoricalHMM.from_parameters(
            startprob=[1, 0], transmat=[[0, 1], [1, 0]], probabilities=p
        )
        np.testing.assert_allclose(model.forecast(2, [[0]]).probabilities, [p[1], p[0]])

    def test_what_is_missing_is_named(self):
        with pytest.raises(ValueError, match="forecast needs X"):
            two_states().forecast(2)
        with pytest.raises(ValueError, match="n_steps must be an int"):
            two_states().forecast([[1.0]], 2)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"startprob_prior": [0.5, 1]}, r"at least 1, but startprob_prior\[0\] is 0.5"),
        ({"startprob_prior": ["a", "b"]}, r"startprob_prior must hold numbers, got \['a'"),
        ({"transmat_prior": [[np.nan, 1], [1, 1]]}, r"transmat_prior\[0, 0\] is nan"),
        ({"transmat_prior": [2, 3]}, r"have the shape \(2, 2\), got \(2,\)"),
        ({"startprob_prior": [3]}, r"have the shape \(2,\), got \(1,\)"),
    ],
)
def test_priors_that_are_none_are_refused(prior, message):
    X = np.random.default_rng(0).poisson(5, (50, 1))
    with pytest.raises(ValueError, match=message):
        PoissonHMM(2, **prior).fit(X)


@pytest.mark.filterwarnings("error")
def test_a_prior_beside_zeros_is_quiet():
    X = np.random.default_rng(0).poisson(np.repeat([2, 10], 25))[:, np.newaxis]
    chain = PoissonHMM(2, transmat_prior=2, transmat_init=[[0.5, 0.5], [0, 1]], random_state=0)
    assert chain.fit(X).transmat_[1].tolist() == [0, 1]


def test_criteria_of_impossible_rows_are_infinite():
    chain = PoissonHMM.from_parameters(
        startprob=[1, 0], transmat=[[1, 0], [0, 1]], rates=[[0.0], [9]]
    )
    X = [[3.0], [4.0]]
    assert chain.aic(X) == chain.bic(X) == chain.icl(X) == np.inf
