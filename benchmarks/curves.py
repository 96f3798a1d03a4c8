"""Log-likelihood against time from the same start, as a picture: ``python -m benchmarks.curves``.

Each fit runs for a number of evaluations that is known, and every evaluation of it costs the
same: the time of the fit, less what is done once, is shared out among them evenly.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.data import clusters, gaussian, overlapping
from benchmarks.evaluations import EXHAUSTIVE, SAXONY
from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

#: Log-likelihoods still to gain below this, in nats per row, are drawn as this.
FLOOR = 1e-10
COLOURS = {"skem": "C0", "skem, plain EM": "C1", "scikit-learn": "C2"}
Curve = tuple[np.ndarray, np.ndarray]  # seconds, mean log-likelihood


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/images/convergence.svg"))
    parser.add_argument("--evaluations", type=int, default=3000, help="of each fit, at most")
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so many iterations may not be convergence
        problems = {title: make(options.evaluations) for title, make in problems_to_draw().items()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    draw(problems, options.output)


def problems_to_draw() -> dict[str, Callable[[int], dict[str, Curve]]]:
    """Return what makes the curves of each problem."""
    old_faithful = load_old_faithful().data
    return {
        "Old Faithful, full, K=3": lambda n: _gaussian(old_faithful, 3, "full", n),
        "Overlapping mixture, full": lambda n: _simulated(2, "full", n),
        "Overlapping mixture, diagonal": lambda n: _simulated(7, "diag", n),
        "100,000 x 10, full, K=10": lambda n: _gaussian(
            gaussian(100_000, 10, 10, apart=3.0)[0], 10, "full", n // 20
        ),
        "Saxony, binomial, K=2": lambda n: _saxony(2, n),
        "Saxony, binomial, K=3": lambda n: _saxony(3, 3 * n),
    }


def _simulated(seed: int, covariance_type: str, n: int) -> dict[str, Curve]:
    X, _, K = overlapping(seed)
    return _gaussian(X, K, covariance_type, n)


def _gaussian(X: np.ndarray, K: int, covariance_type: str, n: int) -> dict[str, Curve]:
    """Fit from the same clusters of k-means."""
    labels = clusters(X, K)
    start = GaussianMixtureEM(
        K, covariance_type=covariance_type, init_params=labels, max_iter=0
    ).fit(X)
    given = {
        "covariance_type": covariance_type,
        "reg_covar": 0.0,  # skem's trace is penalised otherwise
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    return _curves(
        {
            "skem": lambda m, tol: GaussianMixtureEM(K, tol=tol, max_iter=m, **given),
            "skem, plain EM": lambda m, tol: GaussianMixtureEM(
                K, acceleration=None, tol=tol, max_iter=m, **given
            ),
            "scikit-learn": lambda m, tol: GaussianMixture(K, tol=tol, max_iter=m, **given),
        },
        n,
        X,
    )


def _saxony(K: int, n: int) -> dict[str, Curve]:
    saxony = load_saxony()
    weights, p, _, _ = SAXONY[K]
    given = {"weights_init": weights, "probabilities_init": p}
    return _curves(
        {
            "skem": lambda m, tol: BinomialMixture(K, tol=tol, max_iter=m, **given),
            "skem, plain EM": lambda m, tol: BinomialMixture(
                K, acceleration=None, tol=tol, max_iter=m, **given
            ),
        },
        n,
        saxony.data,
        sample_weight=saxony.sample_weight,
    )


def _curves(
    makers: dict[str, Callable[[int, float], Any]], n: int, X: np.ndarray, **fit: Any
) -> dict[str, Curve]:
    """Fit each for at most n evaluations."""
    curves = {}
    for name, make in makers.items():
        tol = 0.0 if name == "scikit-learn" else EXHAUSTIVE
        once, _ = _timed(make(1, tol), X, fit)
        total, estimator = _timed(make(n, tol), X, fit)
        values = np.array(estimator.lower_bounds_)
        each = max(total - once, 0.0) / max(len(values) - 1, 1)
        curves[name] = (each * np.arange(1, len(values) + 1), values)
    return curves


def _timed(estimator: Any, X: np.ndarray, fit: dict[str, Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    estimator.fit(X, **fit)
    return time.perf_counter() - started, estimator


def draw(problems: dict[str, dict[str, Curve]], output: Path) -> None:
    """Draw what is still to be gained, against time, one panel for each problem."""
    from matplotlib.figure import Figure

    rows = -(-len(problems) // 3)
    figure = Figure(figsize=(12, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    for panel, (title, curves) in zip(panels, problems.items(), strict=False):
        best = max(values.max() for _, values in curves.values())
        for name, (seconds, values) in curves.items():
            panel.plot(seconds, np.maximum(best - values, FLOOR), color=COLOURS[name], label=name)
        panel.set(title=title, xscale="log", yscale="log")
        panel.grid(alpha=0.3)
    for panel in panels[len(problems) :]:
        panel.set_axis_off()
    panels[0].legend(frameon=False)
    figure.supxlabel("seconds")
    figure.supylabel("log-likelihood still to gain, nats per row")
    figure.savefig(output)


if __name__ == "__main__":
    main()
