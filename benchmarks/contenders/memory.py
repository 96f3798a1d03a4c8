"""Peak memory of a fit beyond X, in bytes: skem's or scikit-learn's, traced or as the system saw.

``tracemalloc`` sees what numpy allocates; the resident set also what the libraries keep to
themselves. Tracing changes the second, so that each has a process of its own.
"""

import json
import re
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from protocol import read
from sklearn.mixture import GaussianMixture

from skem import GaussianMixtureEM


def resident(which):
    """Return the resident set in bytes: VmRSS, that of now, or VmHWM, the largest so far."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{which}:\s+(\d+) kB", status)[1])


def forget_peak():
    """Let the largest resident set be that of now: reading the data may have taken more."""
    Path("/proc/self/clear_refs").write_text("5")


folder, result, contender, how, start = sys.argv[1:]
case = read(folder)
Estimator = {"skem": GaussianMixtureEM, "scikit-learn": GaussianMixture}[contender]
given = {}
if start == "given":
    given = {
        "weights_init": case.weights,
        "means_init": case.means,
        "precisions_init": np.linalg.inv(case.covariances("full")),
    }
warnings.simplefilter("ignore")
Estimator(2, max_iter=2).fit(case.X[:1000])  # so that what is imported late is there
estimator = Estimator(len(case.weights), max_iter=case.few, random_state=0, **given)
if how == "traced":
    tracemalloc.start()
    estimator.fit(case.X)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
else:
    forget_peak()
    before = resident("VmRSS")
    estimator.fit(case.X)
    used = resident("VmHWM") - before
Path(result).write_text(json.dumps(used))
