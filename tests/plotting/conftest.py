"""No test opens a window, and none leaves a figure behind."""

import pytest


@pytest.fixture(autouse=True)
def plt():
    """Return matplotlib.pyplot, drawing to memory; skip the test where it is not installed."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")
