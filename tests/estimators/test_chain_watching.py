"""Hidden Markov models that are watched: trace, verbose, callbacks."""

import itertools

import numpy as np
import pytest
from scipy.special import entr, logsumexp
from scipy.stats import poisson
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialHMM, CategoricalHMM, GaussianHMM, PoissonHMM
from skem.datasets import load_old_faithful
from tests.estimators.test_callbacks import Recorder, needs_callbacks

LENGTHS = [4, 1, 5]
X = np.array([[1], [7], [2], [np.nan], [3], [8], [9], [1], [0], [6]])
PARAMS = {"n_components": 2, "random_state": 0, "max_iter": 8, "tol": 1e-3}
FAITHFUL = load_old_faithful().data[:60]


def complete_data(rates, startprob, transmat, rows):
    """Return the log-density of rows together with each path of states."""
    paths = list(itertools.product(range(2), repeat=len(rows)))
    logs = np.nan_to_num(poisson.logpmf(rows, rates.T))  # a missing row says nothing
    with np.errstate(divide="ignore"):
        log_start, log_transmat = np.log(startprob), np.log(transmat)
    return np.array(
        [
            log_start[path[0]]
            + sum(log_transmat[i, j] for i, j in itertools.pairwise(path))
            + logs[np.arange(len(rows)), path].sum()
            for path in paths
        ]
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weights", [None, [2.0] * 4 + [1.0] + [0.5] * 5])
def test_q_and_the_entropy_of_paths_are_those_of_all_paths(weights):
    model = PoissonHMM(**PARAMS, record_trace=True, transmat_prior=1.5)
    model.fit(X, lengths=LENGTHS, sample_weight=weights)
    by_row = np.ones(10) if weights is None else np.array(weights)
    assert len(model.trace_) > 2
    for entry in model.trace_:
        values = [entry.parameters[f"{name}_"] for name in ("rates", "startprob", "transmat")]
        expected = 0.5 * np.log(values[2]).sum()  # the prior is part of Q
        entropy = first = 0
        for n in LENGTHS:
            joint = complete_data(*values, X[first : first + n])
            posterior = np.exp(joint - logsumexp(joint))
            expected += by_row[first] * posterior @ joint
            entropy += by_row[first] * entr(posterior).sum()
            first += n
        N = by_row[~np.isnan(X[:, 0])].sum()  # a row of which nothing is known counts nowhere
        np.testing.assert_allclose(entry.expected_log_likelihood, expected / N, rtol=1e-9)
        np.testing.assert_allclose(entry.entropy, entropy / N, rtol=1e-8)
        assert entry.log_likelihood == model.lower_bounds_[entry.n_iter - 1]


FITS = [
    (GaussianHMM(**PARAMS), FAITHFUL),
    (GaussianHMM(**PARAMS, covariance_type="tied"), FAITHFUL),
    (PoissonHMM(**PARAMS), FAITHFUL[:, 1:]),
    (BinomialHMM(**PARAMS, n_trials=100), FAITHFUL[:, 1:]),
    (CategoricalHMM(**PARAMS), (FAITHFUL[:, 1:] // 20)),
]
each_fit = pytest.mark.parametrize(
    ("estimator", "rows"), FITS, ids=["full", "tied", "poisson", "binomial", "categorical"]
)


@each_fit
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_watching_changes_nothing_and_the_trace_is_of_the_best_run(estimator, rows, capsys):
    plain = clone(estimator).fit(rows)
    assert not hasattr(plain, "trace_")
    watched = clone(estimator).set_params(record_trace=True, verbose=2, verbose_interval=2)
    watched.fit(rows)
    np.testing.assert_array_equal(plain.transmat_, watched.transmat_)
    assert plain.lower_bounds_ == watched.lower_bounds_
    printed = capsys.readouterr().out
    assert printed.count("Initialization 0") == 1
    assert "Iteration 2" in printed
    assert {"startprob_", "transmat_"} < set(watched.trace_[0].parameters)
    sums = [entry.expected_log_likelihood + entry.entropy for entry in watched.trace_]
    np.testing.assert_allclose(sums, [entry.log_likelihood for entry in watched.trace_])
    watched.set_params(record_trace=False, verbose=0).fit(rows)
    assert not hasattr(watched, "trace_")


@needs_callbacks
@each_fit
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_after_each_evaluation_there_is_a_model_that_scores(estimator, rows):
    estimator = clone(estimator).set_params(n_init=1)
    if isinstance(estimator, GaussianHMM):
        estimator.set_params(reg_covar=0.0)
    recorder = Recorder()
    fitted = estimator.set_callbacks(recorder).fit(rows)
    np.testing.assert_allclose(recorder.evaluations(), fitted.lower_bounds_, rtol=1e-9)
    np.testing.assert_allclose(recorder.last_score, fitted.score(rows), rtol=1e-12)
    assert recorder.set_up == recorder.torn_down == 1
    assert sorted(recorder.ended) == sorted(task for task, _ in recorder.begun)


@needs_callbacks
def test_a_callback_stops_each_run_and_is_told_where_sequences_end():
    recorder = Recorder(stop_after=2)
    model = PoissonHMM(2, random_state=0, tol=0).set_callbacks(recorder)
    with pytest.warns(ConvergenceWarning, match="A callback stopped it after 2 evaluations"):
        model.fit(X, lengths=LENGTHS)
    assert model.n_iter_ == 2
    assert all(metadata["lengths"] is LENGTHS for *_, metadata in recorder.told)
    assert {restart.n_iter for restart in model.restarts_} == {2}
