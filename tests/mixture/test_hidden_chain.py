"""A hidden Markov model as a model for EM: objective, gradient, M-step."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from skem.chains.lanes import ends_of
from skem.data.rows import Rows
from skem.em.driver import run
from skem.families import Poisson, PoissonParameters
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import MixtureParameters
from skem.mixture.markov import Chain, Markov
from skem.mixture.sequences import Sequences
from tests.chains.reference import by_loop

RATES = np.array([[2.0], [6.0], [13.0]])
CHAIN = Chain(
    np.array([0.5, 0.3, 0.2]), np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6]])
)
PARAMS = MixtureParameters(CHAIN, PoissonParameters(RATES))
LENGTHS = np.array([7, 1, 30, 22])


def model_of(free=None, lengths=LENGTHS, weights=None, labels=None, pseudo_counts=0.0):
    X = np.random.default_rng(0).poisson(6, (sum(lengths), 1)).astype(float)
    rows = Rows(X, weights, labels)
    free = np.ones((4, 3), dtype=bool) if free is None else free
    chain = Markov(free, pseudo_counts)
    return HiddenChain(chain, Poisson(3, 1), Sequences(rows, ends_of(lengths), 3)), X


def test_objective_is_the_log_likelihood_per_row():
    model, X = model_of()
    logs = poisson.logpmf(X, RATES.T)
    evidence, posterior, transitions = by_loop(logs, *CHAIN, LENGTHS)
    new, objective, (counts, _) = model.evaluate(PARAMS)
    np.testing.assert_allclose(objective, float(evidence.sum()) / len(X), rtol=1e-12)
    np.testing.assert_allclose(counts[1:], transitions.astype(float), rtol=1e-10)
    expected = (posterior.T @ X).astype(float) / posterior.sum(axis=0).astype(float)[:, None]
    np.testing.assert_allclose(new.components.rates, expected, rtol=1e-10)
    np.testing.assert_allclose(new.labels.transmat.sum(axis=1), 1.0)


@pytest.mark.parametrize("case", ["plain", "zeros", "prior", "weights", "labels"])
def test_gradient_is_that_of_differences(case):
    free = np.ones((4, 3), dtype=bool)
    params, options = PARAMS, {}
    if case == "zeros":
        A = np.array([[0.8, 0.2, 0], [0, 0.7, 0.3], [0, 0, 1.0]])
        params = MixtureParameters(Chain(CHAIN.startprob, A), PARAMS.components)
        free[1:] = A > 0
    if case == "prior":
        options["pseudo_counts"] = 2.0
    if case == "weights":
        options["weights"] = np.repeat([2.0, 0.5, 1.0, 3.0], LENGTHS)
    if case == "labels":
        options["labels"] = np.where(np.arange(60) % 9 == 0, 1, -1)
    model, _ = model_of(free, **options)
    at = model.to_vector(params)
    gradient = model.gradient(params, model.evaluate(params))
    assert gradient.shape == at.shape == (model.n_parameters(params),)

    def objective(vector):
        return model.objective(model.from_vector(vector, params))

    step = 1e-5 * np.eye(len(at))
    numeric = [(objective(at + h) - objective(at - h)) / 2e-5 for h in step]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-8)


def test_vector_goes_there_and_back():
    model, _ = model_of()
    back = model.from_vector(model.to_vector(PARAMS), PARAMS)
    for name, values in back.by_name().items():
        np.testing.assert_allclose(values, PARAMS.by_name()[name], rtol=1e-12)


def test_objective_never_falls_and_acceleration_finds_the_same():
    rng = np.random.default_rng(0)
    X = rng.poisson(np.repeat([3.0, 5.0, 8.0] * 10, 20))[:, np.newaxis].astype(float)
    model, _ = model_of()
    model = replace(model, sequences=Sequences(Rows(X), ends_of([len(X)]), 3))
    plain = run(model, PARAMS, tol=1e-10, max_iter=2000)
    fast = run(model, PARAMS, tol=1e-10, max_iter=2000, accelerate=True)
    assert (np.diff(plain.trace) >= -1e-12).all()
    np.testing.assert_allclose(fast.objective, plain.objective, rtol=1e-8)
    assert fast.converged and plain.converged


def test_weights_count_sequences():
    weighted, X = model_of(weights=np.repeat([2.0, 1.0, 1.0, 1.0], LENGTHS))
    lengths = np.concatenate([[7], LENGTHS])
    rows = Rows(np.concatenate([X[:7], X]))
    repeated = replace(weighted, sequences=Sequences(rows, ends_of(lengths), 3))
    one, other = weighted.evaluate(PARAMS), repeated.evaluate(PARAMS)
    np.testing.assert_allclose(one.objective, other.objective, rtol=1e-12)
    for name, values in one.params.by_name().items():
        np.testing.assert_allclose(values, other.params.by_name()[name], rtol=1e-10)


@pytest.mark.parametrize("labels", [None, np.where(np.arange(60) % 9 == 0, 1, -1)])
def test_pieces_say_what_the_whole_does(monkeypatch, labels):
    whole, _ = model_of(weights=np.repeat([2.0, 0.5, 1.0, 3.0], LENGTHS), labels=labels)
    assert whole.sequences.whole is not None
    monkeypatch.setattr("skem.mixture.sequences.PIECE", 0)
    monkeypatch.setattr("skem.mixture.sequences.LEAST_ROWS", 8)
    monkeypatch.setattr("skem.mixture.sequences.MOST_ROWS", 0)
    pieces = replace(whole, sequences=replace(whole.sequences))
    expected, actual = whole.evaluate(PARAMS), pieces.evaluate(PARAMS)
    assert pieces.sequences.whole is None
    np.testing.assert_allclose(actual.objective, expected.objective, rtol=1e-12)
    for one, other in zip(actual.statistics, expected.statistics, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def test_held_entries_stay_and_the_others_share_the_rest():
    free = np.ones((4, 3), dtype=bool)
    free[1, 0] = free[2] = False
    model, _ = model_of(free)
    new = model.evaluate(PARAMS).params.labels
    assert new.transmat[0, 0] == CHAIN.transmat[0, 0]
    np.testing.assert_array_equal(new.transmat[1], CHAIN.transmat[1])
    np.testing.assert_allclose(new.transmat.sum(axis=1), 1.0)
    assert new.transmat[0, 1] != CHAIN.transmat[0, 1]


def test_permuted_states_give_the_permuted_answer():
    model, _ = model_of()
    p = np.array([2, 0, 1])
    permuted = MixtureParameters(
        Chain(CHAIN.startprob[p], CHAIN.transmat[np.ix_(p, p)]), PoissonParameters(RATES[p])
    )
    one, other = model.evaluate(PARAMS), model.evaluate(permuted)
    np.testing.assert_allclose(one.objective, other.objective, rtol=1e-13)
    np.testing.assert_allclose(
        one.params.labels.transmat[np.ix_(p, p)], other.params.labels.transmat, rtol=1e-10
    )
