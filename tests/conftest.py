"""How the suite runs: one thread for each worker, and coverage where it is cheap or tells most."""

import os
import sys

import pytest

# Workers inherit this. There is one for each core: with as many threads each they would wait for
# one another, and take twice the time. Tests of threads say themselves how many they want.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Trace each parametrised test once.

    The tracer of Python 3.11 takes nearly as long as the tests themselves, and other values of a
    parameter hardly reach other lines. What is reported is a lower bound of the coverage. Newer
    Pythons trace every test: there that takes a quarter more.
    """
    if sys.version_info >= (3, 12) or not config.pluginmanager.has_plugin("_cov"):
        return
    traced = set()
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function in traced:
            item.add_marker("no_cover")
        traced.add(function)
