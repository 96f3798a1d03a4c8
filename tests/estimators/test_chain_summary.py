"""A summary of states, states in another order, and rows drawn in both binomial layouts."""

import numpy as np
import pytest
from scipy.stats import binom

from skem import BinomialHMM, PoissonHMM
from skem.datasets import load_earthquakes

TRANSMAT = [[0.9, 0.1], [0.3, 0.7]]


def two_states(**params):
    return PoissonHMM.from_parameters(
        startprob=[0.2, 0.8], transmat=TRANSMAT, rates=[[20.0], [10.0]], **params
    )


def successes(n_trials=None):
    return BinomialHMM.from_parameters(
        startprob=[0.2, 0.8], transmat=TRANSMAT, probabilities=[[0.2], [0.7]], n_trials=n_trials
    )


class TestSummary:
    """What a summary says is what the estimator says."""

    def test_of_rows(self):
        X, model = load_earthquakes().data, two_states()
        summary = model.summary(X, standard_errors=True)
        np.testing.assert_allclose(summary.weights.values, model.predict_proba(X).mean(axis=0))
        np.testing.assert_allclose(summary.bic, model.bic(X))
        np.testing.assert_array_equal(summary.transmat.values, TRANSMAT)
        errors = model.standard_errors(X)
        np.testing.assert_array_equal(summary.transmat.errors, errors.transmat)
        np.testing.assert_array_equal(summary.estimates["rates"].errors, errors.rates)
        text = repr(summary)
        assert text.startswith("PoissonHMM: 2 states, 107 rows")
        assert "±" in text
        assert "0.9000" in text.splitlines()[-2]

    def test_without_rows_weights_are_those_of_the_long_run(self):
        summary = two_states().summary()
        np.testing.assert_allclose(summary.weights.values, [0.75, 0.25])
        assert "log-likelihood" not in repr(summary)

    def test_errors_need_the_data(self):
        with pytest.raises(ValueError, match="needs X"):
            two_states().summary(standard_errors=True)

    def test_no_sandwich_of_one_sequence(self):
        with pytest.raises(ValueError, match="need more sequences than that, but there are 1"):
            two_states().standard_errors(load_earthquakes().data, robust=True)


class TestReordered:
    """States have no order of their own."""

    @pytest.mark.parametrize(("order", "rates"), [("weights", [20, 10]), (0, [10, 20])])
    def test_orders(self, order, rates):
        model = two_states().reordered(order)
        np.testing.assert_array_equal(model.rates_.ravel(), rates)

    def test_what_a_fit_goes_on_with_is_in_the_new_order(self):
        model = two_states(
            transmat_prior=[[1.0, 2.0], [3.0, 4.0]],
            fixed={"transmat": [[True, True], [False, False]], "startprob": True},
        )
        model.set_params(
            transmat_init=TRANSMAT, startprob_init=[0.2, 0.8], rates_init=[[20], [10]]
        )
        X = load_earthquakes().data
        other = model.reordered([1, 0])
        np.testing.assert_array_equal(other.transmat_prior, [[4, 3], [2, 1]])
        first, second = model.fit(X), other.fit(X)
        np.testing.assert_allclose(second.transmat_, first.transmat_[::-1, ::-1], rtol=1e-8)
        np.testing.assert_allclose(second.rates_, first.rates_[::-1], rtol=1e-8)
        np.testing.assert_array_equal(second.transmat_[1], TRANSMAT[0][::-1])
        np.testing.assert_allclose(first.reordered([1, 0]).score(X), first.score(X))

    def test_no_order(self):
        with pytest.raises(ValueError, match="0 to 1 once"):
            two_states().reordered([0, 0])


class TestBinomialLayouts:
    """Where the data hold failures, trials are asked for."""

    def test_samples_agree(self):
        one, states = successes(10).sample(500, random_state=0)
        two, same = successes().sample(500, random_state=0, n_trials=10)
        np.testing.assert_array_equal(states, same)
        np.testing.assert_array_equal(two, np.hstack([one, 10 - one]))
        assert (
            abs(one[states == 1].mean() - 7) < 4 * binom.std(10, 0.7) / (states == 1).sum() ** 0.5
        )

    def test_imputed_cells_agree(self):
        one, _ = successes(10).sample(30, random_state=0)
        one[[3, 9]] = np.nan
        filled = successes(10).impute(one)
        two = successes().impute(np.hstack([one, 10 - one]), n_trials=10)
        np.testing.assert_allclose(two, np.hstack([filled, 10 - filled]))
        assert np.isfinite(filled).all()

    def test_trials_are_said_once(self):
        with pytest.raises(ValueError, match="sample needs n_trials"):
            successes().sample(3)
        with pytest.raises(ValueError, match="impute needs n_trials"):
            successes().impute([[np.nan, np.nan]])
        with pytest.raises(ValueError, match="already"):
            successes(10).sample(3, n_trials=10)
