"""Forward-backward on lanes is what a sum over all paths says, and a loop in long double."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skem.chains.forward_backward import ForwardBackward
from skem.chains.lanes import Lanes, ends_of
from skem.data.blocks import SERIAL, SMALL, workers
from tests.chains.reference import KINDS, by_enumeration, by_loop, random_lengths

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def expect(log_densities, startprob, transmat, lengths, most_steps=0, n_groups=1, weights=None):
    """Return evidence by sequence, posterior by row, transitions and starts."""
    lanes = Lanes(ends_of(lengths), most_steps)
    algorithm = ForwardBackward(lanes, len(startprob))
    algorithm.groups = lanes.groups(n_groups)
    columns = np.ascontiguousarray(log_densities[lanes.order].T)
    weights = None if weights is None else weights[lanes.order]
    expected = algorithm.expect(columns, startprob, transmat, weights)
    posterior = np.empty_like(log_densities)
    posterior[lanes.order] = expected.posterior.T
    return lanes.by_sequence(expected.evidence), posterior, expected.transitions, expected.starts


def filtered(log_densities, startprob, transmat, lengths, most_steps=0):
    """Return filtered distributions and log-likelihoods by row."""
    lanes = Lanes(ends_of(lengths), most_steps)
    algorithm = ForwardBackward(lanes, len(startprob))
    columns = np.ascontiguousarray(log_densities[lanes.order].T)
    rows = np.argsort(lanes.order)
    distribution, log_likelihood = algorithm.filter(columns, startprob, transmat)
    return distribution[:, rows].T, log_likelihood[rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [1, 2, 6])
def test_all_paths(kind, n_rows):
    rng = np.random.default_rng(n_rows)
    A, pi = KINDS[kind](3, rng), rng.dirichlet(np.ones(3))
    logs = rng.normal(0, 2, (n_rows, 3))
    evidence, posterior, transitions, _ = by_enumeration(logs, pi, A)
    for most_steps in range(1, n_rows + 1):
        result = expect(logs, pi, A, [n_rows], most_steps)
        np.testing.assert_allclose(result[0], [evidence], **TIGHT)
        np.testing.assert_allclose(result[1], posterior, **TIGHT)
        np.testing.assert_allclose(result[2], transitions, **TIGHT)
        np.testing.assert_allclose(result[3], posterior[0], **TIGHT)


@pytest.mark.parametrize("kind", KINDS)
def test_loop_in_long_double(kind):
    rng = np.random.default_rng(0)
    for case in range(25):
        n, K = rng.integers(1, 300), rng.integers(1, 6)
        A, pi = KINDS[kind](K, rng), rng.dirichlet(np.ones(K))
        logs = rng.normal(0, rng.choice([0.3, 1.0, 5.0, 100.0]), (n, K))
        lengths = random_lengths(n, rng)
        evidence, posterior, transitions = by_loop(logs, pi, A, lengths)
        most_steps = int(rng.integers(0, 80))
        result = expect(logs, pi, A, lengths, most_steps, n_groups=1 + case % 3)
        np.testing.assert_allclose(result[0], evidence.astype(float), **TIGHT)
        np.testing.assert_allclose(result[1], posterior.astype(float), **TIGHT)
        np.testing.assert_allclose(result[2], transitions.astype(float), **TIGHT)
        _, by_row = filtered(logs, pi, A, lengths, most_steps)
        by_sequence = np.add.reduceat(by_row, np.cumsum(lengths) - lengths)
        np.testing.assert_allclose(by_sequence, evidence.astype(float), **TIGHT)


def test_filtered_distribution_is_the_posterior_of_what_was_seen_so_far():
    rng = np.random.default_rng(1)
    A, pi, logs = KINDS["dense"](3, rng), rng.dirichlet(np.ones(3)), rng.normal(size=(20, 3))
    distribution, log_likelihood = filtered(logs, pi, A, [20], 6)
    for n in (1, 2, 13, 20):
        evidence, posterior, _, _ = expect(logs[:n], pi, A, [n])
        np.testing.assert_allclose(distribution[n - 1], posterior[-1], **TIGHT)
        np.testing.assert_allclose(log_likelihood[:n].sum(), evidence[0], **TIGHT)


def test_threads_change_no_bit():
    rng = np.random.default_rng(2)
    A, pi, logs = KINDS["dense"](3, rng), rng.dirichlet(np.ones(3)), rng.normal(size=(60_000, 3))
    lanes = Lanes(ends_of([60_000]), 50)
    algorithm = ForwardBackward(lanes, 3)
    algorithm.groups = lanes.groups(4)
    columns = np.ascontiguousarray(logs[lanes.order].T)
    alone = algorithm.expect(columns.copy(), pi, A, workers=SERIAL)
    with threadpool_limits(3), workers(SMALL) as crew:
        together = algorithm.expect(columns.copy(), pi, A, workers=crew)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_count_sequences():
    rng = np.random.default_rng(3)
    A, pi, logs = KINDS["dense"](2, rng), np.array([0.3, 0.7]), rng.normal(size=(9, 2))
    weights = np.repeat([2.0, 0.5], [4, 5])
    weighted = expect(logs, pi, A, [4, 5], 3, weights=weights)
    first, second = expect(logs[:4], pi, A, [4]), expect(logs[4:], pi, A, [5])
    np.testing.assert_allclose(weighted[2], 2 * first[2] + 0.5 * second[2], **TIGHT)
    np.testing.assert_allclose(weighted[3], 2 * first[3] + 0.5 * second[3], **TIGHT)


@pytest.mark.parametrize("most_steps", [0, 3, 50])
class TestWhereScalingFails:
    """Cases in which a scaled recursion is wrong, some of them in silence."""

    def test_chains_that_never_meet(self, most_steps):
        # The first explains the first half better, the second the whole: -1200 against -1000.
        logs = np.zeros((4000, 2))
        logs[:2000, 1], logs[2000:, 0] = -0.5, -0.6
        evidence, posterior, transitions, _ = expect(
            logs, np.array([0.5, 0.5]), np.eye(2), [4000], most_steps
        )
        np.testing.assert_allclose(evidence, -1000 + np.log(0.5), rtol=1e-12)
        np.testing.assert_allclose(posterior[:, 1], 1.0, atol=1e-12)
        np.testing.assert_allclose(transitions, [[0, 0], [0, 3999]], atol=1e-8)
        _, by_row = filtered(logs, np.array([0.5, 0.5]), np.eye(2), [4000], most_steps)
        np.testing.assert_allclose(by_row.sum(), -1000 + np.log(0.5), rtol=1e-12)

    @pytest.mark.parametrize("rival", [-200.0, -320.0, -330.0, -700.0])
    def test_one_row_against_another(self, rival, most_steps):
        # A state that a row all but rules out is the better one in the end.
        logs = np.zeros((20, 2))
        logs[3, 1], logs[9, 0] = rival, rival - 1
        logs[5, 0], logs[5, 1] = -300.0, -301.0
        evidence, posterior, _, _ = expect(logs, np.array([0.5, 0.5]), np.eye(2), [20], most_steps)
        both = np.array([rival - 301.0, rival - 301.0])
        np.testing.assert_allclose(evidence, np.logaddexp(*both) + np.log(0.5), rtol=1e-13)
        np.testing.assert_allclose(posterior, 0.5, rtol=1e-10)

    @pytest.mark.parametrize("row", [1, 5])
    def test_best_state_is_out_of_reach(self, row, most_steps):
        rng = np.random.default_rng(row)
        A, pi = np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1.0]]), np.array([1.0, 0, 0])
        logs = rng.normal(size=(100, 3))
        logs[row] = [-900, -905, 0]
        with np.errstate(divide="ignore"):
            log_alpha = np.log(pi) + logs[0]
            for values in logs[1:]:
                joint = log_alpha[:, None] + np.log(A)
                log_alpha = np.logaddexp.reduce(joint, axis=0) + values
        evidence, posterior, transitions, _ = expect(logs, pi, A, [100], most_steps)
        np.testing.assert_allclose(evidence, np.logaddexp.reduce(log_alpha), rtol=1e-12)
        np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-12)
        np.testing.assert_allclose(transitions.sum(), 99, rtol=1e-10)

    def test_outlier(self, most_steps):
        logs = np.random.default_rng(4).normal(size=(200, 2))
        logs[100] = [-20_000, -19_000]
        A, pi = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([0.5, 0.5])
        evidence, posterior, _ = by_loop(logs, pi, A, [200])
        result = expect(logs, pi, A, [200], most_steps)
        np.testing.assert_allclose(result[0], evidence.astype(float), rtol=1e-12)
        np.testing.assert_allclose(result[1], posterior.astype(float), atol=1e-12)

    def test_one_sequence_does_not_spoil_the_others(self, most_steps):
        logs = np.random.default_rng(5).normal(size=(60, 2))
        logs[25] = [0.0, -np.inf]
        A, pi = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0.0, 1.0])
        result = expect(logs, pi, A, [20, 20, 20], most_steps)
        assert result[0][1] == -np.inf
        for i in (0, 2):
            part = logs[20 * i : 20 * i + 20]
            alone = expect(part, pi, A, [20])
            np.testing.assert_allclose(result[0][i], alone[0][0], rtol=1e-12)
            np.testing.assert_allclose(result[1][20 * i : 20 * i + 20], alone[1], atol=1e-12)


@pytest.mark.parametrize("n_rows", [90, 9000])
def test_zeros_that_rows_agree_with_need_no_logarithms(n_rows, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("logarithms")

    monkeypatch.setattr("skem.chains.forward_backward.LogChain", refuse)
    rng = np.random.default_rng(0)
    A, pi = np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [0, 0, 1.0]]), np.array([1.0, 0, 0])
    logs = -200.0 * (np.arange(n_rows)[:, np.newaxis] * 3 // n_rows != np.arange(3))
    logs += rng.normal(size=logs.shape)
    evidence, posterior, transitions = by_loop(logs, pi, A, [n_rows])
    result = expect(logs, pi, A, [n_rows])
    np.testing.assert_allclose(result[0], evidence.astype(float), rtol=1e-12)
    np.testing.assert_allclose(result[1], posterior.astype(float), atol=1e-12)
    np.testing.assert_allclose(result[2], transitions.astype(float), rtol=1e-10, atol=0)
    with pytest.raises(AssertionError, match="logarithms"):
        expect(logs[::-1], pi, A, [n_rows])  # which no path explains well


@pytest.mark.parametrize("most_steps", [0, 3, 50])
@pytest.mark.parametrize("startprob", [[1.0, 0.0, 0.0], [1 - 1e-200, 1e-200, 0.0]])
def test_start_in_a_state_far_from_the_best(startprob, most_steps):
    rng = np.random.default_rng(8)
    A, pi, logs = KINDS["dense"](3, rng) / 2 + 1 / 6, np.array(startprob), rng.normal(size=(40, 3))
    logs[[0, 15]] = [-900, -600, 0.0]
    log_alpha, evidence = None, []
    for t, row in enumerate(logs):
        if t in (0, 15):
            with np.errstate(divide="ignore"):
                log_alpha = np.log(pi)
        else:
            log_alpha = np.logaddexp.reduce(log_alpha[:, None] + np.log(A), axis=0)
        log_alpha = log_alpha + row
        if t in (14, 39):
            evidence.append(np.logaddexp.reduce(log_alpha))
    result = expect(logs, pi, A, [15, 25], most_steps)
    np.testing.assert_allclose(result[0], evidence, rtol=1e-13)
    np.testing.assert_allclose(result[1].sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(result[2].sum(), 38, rtol=1e-12)


@pytest.mark.parametrize("n_rows", [3, 20, 150])
def test_impossible_sequence_leaves_those_after_it_alone(n_rows):
    A, pi = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0.0, 1.0])
    logs = np.random.default_rng(n_rows).normal(size=(3 * n_rows, 2))
    logs[n_rows + 1, 1] = -np.inf
    evidence = expect(logs, pi, A, [n_rows] * 3)[0]
    assert evidence[1] == -np.inf
    for i in (0, 2):  # the chain stays where it starts
        rows = slice(i * n_rows, (i + 1) * n_rows)
        np.testing.assert_allclose(evidence[i], logs[rows, 1].sum(), rtol=1e-12)


def test_impossible_start():
    A, pi = np.full((2, 2), 0.5), np.array([1.0, 0.0])
    logs = np.zeros((10, 2))
    logs[0, 0] = -np.inf
    evidence, posterior, _, _ = expect(logs, pi, A, [5, 5], 3)
    assert evidence[0] == -np.inf
    np.testing.assert_allclose(evidence[1], 0.0, atol=1e-14)
    np.testing.assert_allclose(posterior[0], [1.0, 0.0])


def test_missing_row_says_nothing():
    rng = np.random.default_rng(6)
    A, pi, logs = KINDS["dense"](3, rng), rng.dirichlet(np.ones(3)), rng.normal(size=(4, 3))
    logs[2] = 0.0
    evidence, posterior, transitions, _ = by_enumeration(logs, pi, A)
    result = expect(logs, pi, A, [4], 2)
    np.testing.assert_allclose(result[0], [evidence], **TIGHT)
    np.testing.assert_allclose(result[1], posterior, **TIGHT)
    np.testing.assert_allclose(result[2], transitions, **TIGHT)


@pytest.mark.parametrize("impossible", [-np.inf, -1e300])
def test_impossible_states_and_rows(impossible):
    A, pi = np.full((2, 2), 0.5), np.full(2, 0.5)
    logs = np.zeros((12, 2))
    logs[3, 0] = impossible
    evidence, posterior, _, _ = expect(logs, pi, A, [12], 5)
    np.testing.assert_allclose(evidence, np.log(0.5))
    np.testing.assert_allclose(posterior[3], [0, 1])
    logs[7] = impossible
    evidence, posterior, _, _ = expect(logs, pi, A, [12], 5)
    assert evidence[0] == -np.inf
    np.testing.assert_allclose(posterior[7], [0.5, 0.5])


def test_equal_rows_of_the_transitions_make_a_mixture():
    rng = np.random.default_rng(7)
    weights, logs = rng.dirichlet(np.ones(3)), rng.normal(size=(50, 3))
    evidence, posterior, _, _ = expect(logs, weights, np.tile(weights, (3, 1)), [50], 7)
    joint = logs + np.log(weights)
    by_row = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(evidence, [by_row.sum()], **TIGHT)
    np.testing.assert_allclose(posterior, np.exp(joint - by_row[:, None]), **TIGHT)
