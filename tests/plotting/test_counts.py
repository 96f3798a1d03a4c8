"""CountDisplay: observed frequencies, and the exact expectation of each component."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, poisson

from skem import BinomialMixture, PoissonMixture
from skem.datasets import load_beta_blockers, load_saxony
from skem.plotting import CountDisplay
from skem.plotting import _tallies as tallies
from tests.plotting.cases import COINS, HEADS, binomial


def rng():
    return np.random.default_rng(0)


P = np.array([[0.1, 0.5], [0.7, 0.2], [0.4, 0.9]])
W = np.array([0.2, 0.5, 0.3])
ONE_COLUMN = binomial(W, P[:, :1])


def flips(trials, successes=None):
    """Return successes and failures in one column, given the trials of each row."""
    trials = np.asarray(trials)
    if successes is None:
        successes = rng().binomial(trials, rng().choice(P[:, 0], len(trials)))
    return np.column_stack([successes, trials - successes]).astype(float)


def by_hand(display, X, weights, p):
    """Return what is expected in each bin of proportions, success by success, row by row."""
    total = np.zeros(len(display.observed))
    for (successes, failures), weight in zip(X, weights, strict=True):
        n = int(successes + failures)
        for s in range(n + 1):
            bin_ = np.searchsorted(display.edges, s / n + 1e-10, side="right") - 1
            if 0 <= bin_ < len(total):
                total[bin_] += weight * binom.pmf(s, n, p)
    return total


# The same number of trials in every row.


def test_saxony():
    saxony = load_saxony()
    X, families = saxony.data, saxony.sample_weight
    mixture = binomial([0.720039, 0.279961], [[0.481429], [0.616398]])
    display = CountDisplay.from_estimator(mixture, X, sample_weight=families)
    assert_array_equal(display.observed, families[np.argsort(X[:, 0])])
    assert_array_equal(display.edges, np.arange(14) - 0.5)
    pmf = binom.pmf(np.arange(13), 12, [[0.481429], [0.616398]])
    expected = np.array([[0.720039], [0.279961]]) * pmf * 6115
    assert_allclose(display.expected, expected, rtol=1e-9)
    assert_allclose(display.expected.sum(), 6115)
    assert_array_equal(display.line_.get_xdata(), np.arange(13))
    assert_allclose(display.line_.get_ydata(), expected.sum(axis=0), rtol=1e-9)
    for line, part in zip(display.component_lines_, expected, strict=True):
        assert_allclose(line.get_ydata(), part, rtol=1e-9)
    assert_array_equal(display.bars_.get_data().values, display.observed)


def test_both_layouts_show_the_same():
    fixed = CountDisplay.from_estimator(COINS, HEADS)
    free_mixture = binomial(COINS.weights_, COINS.probabilities_)
    free = CountDisplay.from_estimator(free_mixture, flips([5] * 10, HEADS[:, 0]))
    assert_array_equal(fixed.observed, np.bincount(HEADS[:, 0].astype(int), minlength=6))
    assert_array_equal(fixed.observed, free.observed)
    assert_array_equal(fixed.expected, free.expected)
    assert fixed.ax_.get_xlabel() == "feature 0 (of 5 trials)"


@pytest.mark.parametrize("column", [0, 1, -1])
@pytest.mark.parametrize("n_trials", [None, [8, 3]])
def test_each_column_has_its_own_trials_and_probabilities(column, n_trials):
    trials = np.array([8, 3])
    successes = rng().binomial(trials, P[rng().choice(3, 50)]).astype(float)
    X = np.hstack([successes, trials - successes]) if n_trials is None else successes
    display = CountDisplay.from_estimator(binomial(W, P, n_trials), X, column=column)
    n = trials[column]
    assert_array_equal(
        display.observed, np.bincount(successes[:, column].astype(int), None, n + 1)
    )
    expected = 50 * W[:, None] * binom.pmf(np.arange(n + 1), n, P[:, [column]])
    assert_allclose(display.expected, expected, rtol=1e-9, atol=1e-12)


def test_a_column_that_does_not_exist():
    with pytest.raises(ValueError, match="feature 1 is out of range: there are 1"):
        CountDisplay.from_estimator(COINS, HEADS, column=1)


def test_many_trials_share_bars_that_lose_nothing():
    X = rng().binomial(1000, rng().choice([0.1, 0.4], 500))[:, None].astype(float)
    display = CountDisplay.from_estimator(binomial([0.5, 0.5], [[0.1], [0.4]], 1000), X)
    assert 30 < len(display.observed) <= tallies.MOST_BARS
    assert display.observed.sum() == 500
    assert_array_equal(display.observed, np.histogram(X[:, 0], display.edges)[0])
    assert 0.998 * 500 < display.expected.sum() < 500
    below = binom.cdf(np.floor(display.edges), 1000, [[0.1], [0.4]])
    assert_allclose(display.expected, 250 * np.diff(below), rtol=1e-9)


def test_integer_weights_are_repeated_rows_and_zero_is_none():
    weights = rng().integers(0, 4, len(HEADS))
    weighted = CountDisplay.from_estimator(COINS, HEADS, sample_weight=weights)
    repeated = CountDisplay.from_estimator(COINS, np.repeat(HEADS, weights, axis=0))
    assert_array_equal(weighted.observed, repeated.observed)
    assert_allclose(weighted.expected, repeated.expected)
    assert weighted.observed.sum() == weights.sum()


# Trials that differ.


@pytest.mark.parametrize("high", [3, 12, 150])
def test_differing_trials_are_shown_as_proportions(high):
    trials = rng().integers(1, high + 1, 60)
    X, weights = flips(trials), rng().integers(1, 4, 60)
    display = CountDisplay.from_estimator(ONE_COLUMN, X, sample_weight=weights)
    assert display.ax_.get_xlabel() == "feature 0 (proportion of trials)"
    assert_allclose(display.observed.sum(), weights.sum())
    seen = np.histogram(X[:, 0] / trials + 1e-10, display.edges, weights=weights)[0]
    assert_allclose(display.observed, seen)
    for k in range(3):
        expected = W[k] * by_hand(display, X, weights, P[k, 0])
        assert_allclose(display.expected[k], expected, rtol=1e-8, atol=1e-10)
    assert 0.98 * weights.sum() < display.expected.sum() <= weights.sum() * (1 + 1e-12)


def test_proportions_on_an_edge_are_counted_above_it_whatever_their_rounding():
    successes, trials = np.array([[3.0, 6.0, 2.0, 1.0, 10.0], [10.0, 20.0, 10.0, 3.0, 10.0]])
    edge = 0.1 + 0.2
    assert edge * 10 > 3
    axis = tallies.Axis(np.array([0, edge, 1.000001]), True)
    assert_array_equal(tallies.observed(axis, successes, trials, np.ones(5)), [1, 4])
    expected = tallies.expected_binomial(axis, np.array([10.0, 10.0]), np.ones(2), np.array([0.4]))
    below = binom.cdf(2, 10, 0.4)
    assert_allclose(expected, [[2 * below, 2 - 2 * below]], rtol=1e-12)


def test_beta_blockers():
    X = load_beta_blockers().data
    mixture = BinomialMixture(3, random_state=0).fit(X)
    display = CountDisplay.from_estimator(mixture, X)
    assert_allclose(display.observed.sum(), 44)
    # Fitted to these rows, the mixture expects the mean proportion that there is, roughly.
    centres = (display.edges[1:] + display.edges[:-1]) / 2
    means = [np.average(centres, weights=h) for h in (display.observed, display.expected.sum(0))]
    assert_allclose(*means, rtol=0.05)


def test_very_many_numbers_of_trials_are_thinned_out(monkeypatch):
    X = flips(np.arange(20, 420))
    exact = CountDisplay.from_estimator(ONE_COLUMN, X)
    errors = []
    for most in (2, 100):
        monkeypatch.setattr(tallies, "MOST_TRIALS", most)
        thinned = CountDisplay.from_estimator(ONE_COLUMN, X)
        assert_array_equal(exact.observed, thinned.observed)
        errors.append(np.abs(exact.expected - thinned.expected).max())
    assert errors[0] > 2 > 1 > errors[1] > 0  # of 400 rows
    assert_allclose(exact.expected.sum(), thinned.expected.sum(), rtol=1e-3)


# Cells left out, and cells that cannot be.


def test_rows_without_a_trial_or_with_a_missing_value_are_left_out():
    X = flips([4, 4, 0, 4, 4, 4], [1, 2, 0, 4, 3, 3])
    gaps = X.copy()
    gaps[3, 0] = gaps[4, 1] = np.nan
    display = CountDisplay.from_estimator(ONE_COLUMN, gaps)
    assert_array_equal(display.observed, [0, 1, 1, 1, 0])
    with pytest.raises(ValueError, match="nothing to show"):
        CountDisplay.from_estimator(ONE_COLUMN, np.zeros((3, 2)))
    fixed = CountDisplay.from_estimator(COINS, np.array([[2.0], [np.nan], [5.0]]))
    assert_array_equal(fixed.observed, [0, 0, 1, 0, 0, 1])


@pytest.mark.parametrize(
    ("mixture", "X", "message"),
    [
        (COINS, [[6.0]], "6 of 5"),
        (COINS, [[2.0], [2.5]], "2.5 of 5"),
        (COINS, [[-1.0]], "-1 of 5"),
        (ONE_COLUMN, [[1.0, 1.5]], "1 of 2.5"),
    ],
)
def test_counts_must_be_whole_and_possible(mixture, X, message):
    with pytest.raises(ValueError, match=f"whole numbers of successes .*; X has {message}"):
        CountDisplay.from_estimator(mixture, X)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("trials", [[4, 4], [3, 5], [900, 900], [900, 1000]])
def test_probabilities_at_the_boundary(p, trials):
    X = flips(trials, np.array(trials) * int(p))
    display = CountDisplay.from_estimator(binomial([1.0], [[p]]), X)
    display.figure_.canvas.draw()
    assert_allclose(display.expected.sum(axis=0), display.observed, atol=1e-12)
    assert display.observed.sum() == 2
    assert display.component_lines_ == []


# Styles.


def test_styles_are_passed_on():
    display = CountDisplay.from_estimator(
        COINS,
        HEADS,
        bar_kwargs={"ec": "red"},
        line_kwargs={"ls": ":"},
        component_kwargs={"lw": 4, "marker": "x"},
        cmap="cividis",
    )
    assert display.bars_.get_edgecolor() == (1, 0, 0, 1)
    assert display.line_.get_linestyle() == ":"
    assert {line.get_linewidth() for line in display.component_lines_} == {4}
    assert {line.get_marker() for line in display.component_lines_} == {"x"}


def test_components_are_told_apart_without_colours():
    display = CountDisplay.from_estimator(COINS, HEADS)
    one, other = display.component_lines_
    assert one.get_marker() != other.get_marker()
    assert len({line.get_linestyle() for line in (display.line_, one, other)}) == 3
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["observed", "mixture", "component 0 (40.0 %)", "component 1 (60.0 %)"]


def test_the_legend_hides_nothing():
    rows = np.repeat(np.arange(6.0), 2)[:, None]  # bars that leave no corner free
    display = CountDisplay.from_estimator(COINS, rows)
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    heights = [*display.observed, *display.expected.sum(axis=0)]
    assert box.y0 > display.ax_.transData.transform([(0, max(heights))])[0, 1]
    assert display.ax_.get_ylim()[0] == 0


# Counts without a limit, and the rootogram.


def test_poissons_are_expected_as_scipy_says():
    rates = np.array([[2.0], [9.0]])
    mixture = PoissonMixture.from_parameters(weights=[0.3, 0.7], rates=rates)
    X = rng().poisson(5, (40, 1)).astype(float)
    display = CountDisplay.from_estimator(mixture, X, sample_weight=np.full(40, 2.0))
    numbers = (display.edges[1:] + display.edges[:-1]) / 2
    assert_array_equal(display.observed, [2 * (X == n).sum() for n in numbers])
    assert_allclose(
        display.expected, 80 * np.array([[0.3], [0.7]]) * poisson.pmf(numbers, rates), atol=1e-12
    )
    assert display.expected.sum() > 79.8
    with pytest.raises(ValueError, match=r"whole numbers from 0 on; X has 3\.5"):
        CountDisplay.from_estimator(mixture, X + 0.5)


def test_large_counts_share_bars():
    mixture = PoissonMixture.from_parameters(weights=[1.0], rates=[[5000.0]])
    X = rng().poisson(5000, (300, 1)).astype(float)
    display = CountDisplay.from_estimator(mixture, X)
    assert len(display.observed) <= tallies.MOST_BARS
    assert display.observed.sum() == 300
    assert_allclose(display.expected.sum(), 300, rtol=0.005)


def test_bars_of_a_rootogram_hang_from_the_expectation():
    display = CountDisplay.from_estimator(COINS, HEADS).plot(rootogram=True)
    heights, _, hung_from = display.bars_.get_data()
    assert_allclose(hung_from, np.sqrt(display.expected.sum(axis=0)))
    assert_allclose(hung_from - heights, np.sqrt(display.observed))
    assert_allclose(display.line_.get_ydata(), hung_from)
    assert display.zero_.get_ydata() == [0, 0]
    assert display.ax_.get_ylabel() == "square root of rows"


def test_ticks_of_counts_are_whole():
    display = CountDisplay.from_estimator(binomial([0.5, 0.5], [[0.2], [0.7]], 1), HEADS > 2)
    assert (display.ax_.get_xticks() % 1 == 0).all()
