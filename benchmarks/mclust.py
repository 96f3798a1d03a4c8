"""R's mclust with an estimator's face: a fit from its own hierarchical start."""

from typing import Self

import numpy as np

from benchmarks.data import Start
from benchmarks.race import Absent, Race, Settings

#: What mclust calls a structure of covariances: in several features, and in one.
MODELS = {
    "full": ("VVV", "V"),
    "diag": ("VVI", "V"),
    "spherical": ("VII", "V"),
    "tied": ("EEE", "E"),
}


class Mclust:
    """A fit by mclust, in a process of its own.

    ``absent`` says why there is none, if so; ``seconds`` are the processor's, without those that
    it takes to start R.
    """

    absent = ""
    seconds = 0.0

    def __init__(self, settings: Settings, K: int, structure: str, tol: float = 0.0) -> None:
        self.settings, self.K, self.structure, self.tol = settings, K, structure, tol

    def fit(self, X: np.ndarray) -> Self:
        """Fit, and keep what came out."""
        n, d = X.shape
        unused = Start(np.ones(self.K), np.zeros((self.K, d)), np.ones(self.K))
        model = MODELS[self.structure][d == 1]
        with Race(self.settings, X, unused) as race:
            found = race.run("mclust_fit.R", "mclust", model, str(self.tol))
        if isinstance(found, Absent):
            self.absent = found.reason
            return self
        self.seconds = found["seconds"]
        self.mean = found["log_likelihood"] / n
        self.posterior = np.reshape(found["posterior"], (n, self.K))
        return self

    def score(self, X: np.ndarray) -> float:
        """Return the mean log-likelihood of the rows of the fit; -inf where there is none."""
        return -np.inf if self.absent else self.mean

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the posterior of the rows of the fit."""
        return self.posterior
