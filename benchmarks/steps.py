"""An evaluation of few rows beside a straight line of numpy calls that computes the same."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from benchmarks.data import gaussian
from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_most
from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful

STRUCTURES = ["full", "tied", "diag", "spherical"]
#: Evaluations of the shorter and the longer run whose difference is timed.
FEW, MANY = 5, 45


def table(settings: Settings, machine: Machine) -> Table:
    """Time evaluations of Old Faithful and of counts, and the straight lines, by turns."""
    X = load_old_faithful().data
    Y = np.random.default_rng(0).binomial(20, [[0.3], [0.6]] * 136, (272, 4)).astype(float)
    result = Table("One evaluation, 272 rows")
    for K in (2, 5, 8)[: settings.few(3, 1)]:
        labels = KMeans(K, n_init=1, random_state=0).fit(X / X.std(axis=0)).labels_
        for structure in STRUCTURES:
            mixture = GaussianMixtureEM(K, covariance_type=structure, reg_covar=1e-6)
            line = _gaussian_line(X, labels, structure)
            result.rows += _rows(f"{structure}, K={K}", mixture, X, labels, line, settings)
        mixture = BinomialMixture(K, n_trials=20)
        line = _binomial_line(Y, 20, labels)
        result.rows += _rows(f"binomial, K={K}", mixture, Y, labels, line, settings)
    result.rows += _few_missing(settings)
    return result


def _few_missing(settings: Settings) -> list[Row]:
    """Return rows for 344 rows of which 11 cells are missing, beside the same rows complete."""
    X = gaussian(344, 4, 3)[0]
    holes = X.copy()
    holes.flat[np.random.default_rng(1).choice(X.size, 11, replace=False)] = np.nan
    labels = KMeans(3, n_init=1, random_state=0).fit(X).labels_
    mixture = GaussianMixtureEM(3, init_params=labels, tol=0)
    rows = []
    for name, how in (("plain", None), ("accelerated", "quasi-newton")):
        seconds: dict[tuple[bool, int], list[float]] = {}
        for _ in range(settings.few(30, 1)):
            for missing, data in ((False, X), (True, holes)):
                for n in (FEW, MANY):
                    mixture.set_params(acceleration=how, max_iter=n)
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        taken = _time(lambda data=data: mixture.fit(data))
                    seconds.setdefault((missing, n), []).append(taken)
        best = {case: min(each) for case, each in seconds.items()}
        whole, part = (
            (best[missing, MANY] - best[missing, FEW]) / (MANY - FEW) for missing in (False, True)
        )
        goal = at_most(part / whole, 1.5, "times")
        note = f"{part / whole:.2g} times the complete rows"
        rows += [
            Row(f"344 x 4, full, K=3, {name}", "skem", 1e6 * whole, "us"),
            Row(
                f"the same, 11 cells missing, {name}", "skem", 1e6 * part, "us", note=note, **goal
            ),
        ]
    return rows


def _rows(
    case: str,
    mixture: Any,
    X: np.ndarray,
    labels: np.ndarray,
    line: Callable[[], None],
    settings: Settings,
) -> list[Row]:
    mixture.set_params(init_params=labels, tol=0)
    seconds: dict[str, list[float]] = {"straight line": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(settings.few(30, 1)):
            seconds["straight line"].append(_time(lambda: [line() for _ in range(MANY)]) / MANY)
            for name, how in (("plain", None), ("accelerated", "quasi-newton")):
                mixture.set_params(acceleration=how)
                for n in (FEW, MANY):
                    taken = _time(lambda n=n: mixture.set_params(max_iter=n).fit(X))
                    seconds.setdefault(f"{name}, {n}", []).append(taken)
    best = {name: min(each) for name, each in seconds.items()}
    rows = [Row(case, "straight line", 1e6 * best["straight line"], "us")]
    for name, most in (("plain", 1.7), ("accelerated", 3.0)):
        each = (best[f"{name}, {MANY}"] - best[f"{name}, {FEW}"]) / (MANY - FEW)
        times = each / best["straight line"]
        goal = at_most(times, most, "times")
        rows.append(
            Row(case, f"skem, {name}", 1e6 * each, "us", note=f"{times:.2g} times", **goal)
        )
    return rows


def _time(function: Callable[[], object]) -> float:
    """Return the processor's time that a call takes on this thread, in seconds."""
    started = time.thread_time()
    function()
    return time.thread_time() - started


def _e_step(eta: np.ndarray, T: np.ndarray, r: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log-likelihood and expected statistics."""
    np.matmul(eta, T, out=r)
    np.exp(r, out=r)
    evidence = r.sum(axis=0)
    r /= evidence
    return float(np.log(evidence).sum()), r @ T.T


def _gaussian_line(X: np.ndarray, labels: np.ndarray, structure: str) -> Callable[[], None]:
    """Return a function that takes one step of EM, from where the last has led."""
    (n, d), K = X.shape, labels.max() + 1
    Z = ((X - X.mean(axis=0)) / X.std(axis=0)).T
    dense = structure in ("full", "tied")
    i, j = np.triu_indices(d) if dense else (np.arange(d), np.arange(d))
    T = np.vstack([np.ones(n), Z, Z[i] * Z[j]])
    times = np.where(i == j, -0.5, -1.0)
    place = np.empty((d, d), dtype=int)
    place[i, j] = place[j, i] = np.arange(len(i))
    r = np.eye(K)[labels].T.copy()
    state = [r @ T.T]

    def step() -> None:
        S = state[0]
        counts, means = S[:, 0], S[:, 1 : 1 + d] / S[:, :1]
        eta = np.empty(S.shape)
        if dense:
            second = (S[:, 1 + d :] / S[:, :1])[:, place.ravel()].reshape(K, d, d)
            C = second - means[:, :, np.newaxis] * means[:, np.newaxis]
            if structure == "tied":
                C = (counts[:, np.newaxis, np.newaxis] * C).sum(axis=0, keepdims=True) / n
            U = np.linalg.inv(np.linalg.cholesky(C + 1e-6 * np.eye(d))).swapaxes(1, 2)
            P = U @ U.swapaxes(1, 2)
            log_det = np.log(np.diagonal(U, axis1=1, axis2=2)).sum(axis=1)
            eta[:, 1 : 1 + d] = (P @ means[:, :, np.newaxis])[:, :, 0]
            eta[:, 1 + d :] = P[:, i, j] * times
        else:
            variances = S[:, 1 + d :] / S[:, :1] - means**2 + 1e-6
            if structure == "spherical":
                variances = np.repeat(variances.mean(axis=1, keepdims=True), d, axis=1)
            P = 1 / variances
            log_det = np.log(P).sum(axis=1) / 2
            eta[:, 1 : 1 + d] = P * means
            eta[:, 1 + d :] = P / -2
        half_norms = (eta[:, 1 : 1 + d] * means).sum(axis=1) / 2
        eta[:, 0] = np.log(counts / n) + log_det - d / 2 * np.log(2 * np.pi) - half_norms
        _, state[0] = _e_step(eta, T, r)

    return step


def _binomial_line(Y: np.ndarray, n_trials: int, labels: np.ndarray) -> Callable[[], None]:
    """Return a function that takes one step of EM, from where the last has led."""
    T = np.vstack([np.ones(len(Y)), Y.T])
    r = np.eye(labels.max() + 1)[labels].T.copy()
    state = [r @ T.T]

    def step() -> None:
        S = state[0]
        counts, p = S[:, :1], S[:, 1:] / (n_trials * S[:, :1])
        p = np.clip(p, 1e-12, 1 - 1e-12)
        log_q = np.log1p(-p)
        intercept = np.log(counts / len(Y)) + n_trials * log_q.sum(axis=1, keepdims=True)
        _, state[0] = _e_step(np.hstack([intercept, np.log(p) - log_q]), T, r)

    return step
