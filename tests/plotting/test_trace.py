"""TraceDisplay: the bound at each evaluation, and what is missing to the highest."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skem import GaussianMixtureEM
from skem.plotting import TraceDisplay
from tests.plotting.cases import LINE, ONE_FEATURE

PLAIN = GaussianMixtureEM(2, init_params="random", acceleration=None, random_state=1).fit(LINE)
BOTH = {"plain": PLAIN, "other": ONE_FEATURE}


def test_the_trace():
    display = TraceDisplay.from_estimator(PLAIN)
    (line,) = display.lines_
    assert len(PLAIN.lower_bounds_) > 5
    assert_array_equal(line.get_ydata(), PLAIN.lower_bounds_)
    assert_array_equal(line.get_xdata(), np.arange(1, PLAIN.n_iter_ + 1))
    assert line.get_label() == "GaussianMixtureEM"
    assert display.ax_.get_legend() is None
    assert display.ax_.get_ylabel() == "bound (nats per row)"


def test_several_traces_are_told_apart_without_colours():
    display = TraceDisplay.from_estimators(BOTH)
    assert [line.get_label() for line in display.lines_] == ["plain", "other"]
    for line, fit in zip(display.lines_, BOTH.values(), strict=True):
        assert_array_equal(line.get_ydata(), fit.lower_bounds_)
    one, other = display.lines_
    assert one.get_linestyle() != other.get_linestyle()
    assert one.get_marker() != other.get_marker()
    assert len(display.ax_.get_legend().get_texts()) == 2


def test_the_gap_to_the_highest_of_all():
    display = TraceDisplay.from_estimators(BOTH, gap=True)
    highest = max(max(fit.lower_bounds_) for fit in BOTH.values())
    assert display.ax_.get_yscale() == "log"
    n_missing = 0
    for line, fit in zip(display.lines_, BOTH.values(), strict=True):
        gap = highest - np.array(fit.lower_bounds_)
        shown = line.get_ydata()
        assert_array_equal(np.isnan(shown), gap == 0)
        assert_allclose(shown[gap > 0], gap[gap > 0])
        n_missing += np.isnan(shown).sum()
    assert n_missing >= 1  # the highest itself
    display.figure_.canvas.draw()


def test_the_parts_of_the_bound_add_up_to_it():
    fit = clone(PLAIN).set_params(record_trace=True).fit(LINE)
    display = TraceDisplay.from_estimator(fit, parts=True)
    (line,), (band,) = display.lines_, display.bands_
    outline = band.get_paths()[0].vertices
    for entry in fit.trace_:
        column = outline[outline[:, 0] == entry.n_iter, 1]
        bound = fit.lower_bounds_[entry.n_iter - 1]
        assert_allclose([column.min(), column.max()], [bound - entry.entropy, bound], rtol=1e-9)
        assert line.get_ydata()[entry.n_iter - 1] == bound
    assert max(entry.entropy for entry in fit.trace_) > 0.1
    assert len(display.ax_.get_legend().get_texts()) == 2


def test_parts_that_were_not_recorded():
    with pytest.raises(ValueError, match="fit with record_trace=True"):
        TraceDisplay.from_estimator(PLAIN, parts=True)
    display = TraceDisplay.from_estimator(PLAIN)
    assert display.bands_ == []
    with pytest.raises(ValueError, match="set gap or parts to False"):
        display.plot(gap=True, parts=True)


def test_a_single_evaluation():
    fit = GaussianMixtureEM(1).fit(LINE)
    for gap in (False, True):
        display = TraceDisplay(traces=[fit.lower_bounds_[:1]]).plot(gap=gap)
        display.figure_.canvas.draw()
        assert len(display.lines_[0].get_ydata()) == 1


def test_styles_and_name_are_passed_on():
    display = TraceDisplay.from_estimator(PLAIN, name="EM", c="red", lw=3)
    assert display.lines_[0].get_label() == "EM"
    assert display.lines_[0].get_color() == "red"
    assert display.lines_[0].get_linewidth() == 3


def test_estimators_without_names_are_refused():
    with pytest.raises(TypeError, match="must be a dict of names and fitted estimators, got list"):
        TraceDisplay.from_estimators([PLAIN])


@pytest.mark.parametrize("gain", [1e-9, 2e-5])
def test_a_fit_that_only_polished_says_so(gain):
    display = TraceDisplay(traces=[[-2.0, -2.0 + gain]]).plot()
    assert display.note_.get_text().startswith(f"EM gained {gain:.1g} nats per row")
    assert TraceDisplay(traces=[[-2.0, -2.0 + 1e-9], [-3.0, -2.0]]).plot().note_ is None
