"""score_samples, predict and predict_proba of one mixture: skem's or scikit-learn's."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from protocol import read
from sklearn.mixture import GaussianMixture

from skem import GaussianMixtureEM

METHODS = ("score_samples", "predict", "predict_proba")


def mixture(contender, case):
    """Make the mixture that the case starts from, as if it had been fitted."""
    covariances = case.covariances("full")
    if contender == "skem":
        return GaussianMixtureEM.from_parameters(
            weights=case.weights, means=case.means, covariances=covariances
        )
    fitted = GaussianMixture(len(case.weights))
    fitted.weights_, fitted.means_, fitted.covariances_ = case.weights, case.means, covariances
    fitted.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(1, 2)
    fitted.n_features_in_ = case.X.shape[1]
    return fitted


folder, result, contender = sys.argv[1:]
case = read(folder)
fitted = mixture(contender, case)
times = {method: [] for method in METHODS}
for _ in range(1 + case.repeats):
    for method in METHODS:
        started = time.perf_counter()
        getattr(fitted, method)(case.X)
        times[method].append(time.perf_counter() - started)
Path(result).write_text(json.dumps({method: each[1:] for method, each in times.items()}))
