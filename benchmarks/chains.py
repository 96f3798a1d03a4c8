"""Whole Baum-Welch iterations of skem beside hmmlearn's, in its two implementations.

Both start from the same parameters and make the same number of EM steps, by turns in one process.
It needs hmmlearn. Run it by ``python -m benchmarks.chains``.
"""

import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from skem import CategoricalHMM, GaussianHMM

__all__ = ["CASES", "Chain", "compare", "main"]

N_STEPS, N_TURNS = 10, 3


class Chain(NamedTuple):
    """What is fitted: rows, features (0 for one column of categories), states, sequences."""

    n_rows: int
    n_features: int
    n_states: int
    n_sequences: int = 1
    stay: float = 0.9


CASES = [
    Chain(300, 1, 2),
    Chain(10_000, 1, 2),
    Chain(10_000, 10, 10),
    Chain(100_000, 1, 2),
    Chain(100_000, 2, 5),
    Chain(100_000, 10, 10),
    Chain(100_000, 2, 5, 1000),
    Chain(100_000, 2, 5, stay=0.9995),
    Chain(100_000, 0, 2),
    Chain(100_000, 0, 20),
]


def simulated(case: Chain) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return rows, lengths of sequences and starting values."""
    rng = np.random.default_rng(0)
    K, d = case.n_states, max(case.n_features, 1)
    A = np.full((K, K), (1 - case.stay) / (K - 1))
    np.fill_diagonal(A, case.stay)
    moves = rng.random(case.n_rows) > case.stay
    states = np.cumsum(np.where(moves, rng.integers(1, K, case.n_rows), 0)) % K
    lengths = np.full(case.n_sequences, case.n_rows // case.n_sequences)
    start = {"startprob": np.full(K, 1 / K), "transmat": A}
    if not case.n_features:
        p = rng.dirichlet(np.ones(K), K)
        X = (rng.random((case.n_rows, 1)) > p.cumsum(axis=1)[states]).sum(axis=1, keepdims=True)
        return X.clip(0, K - 1), lengths, {**start, "probabilities": rng.dirichlet(np.ones(K), K)}
    means = 2 * rng.normal(size=(K, d))
    X = means[states] + rng.normal(size=(case.n_rows, d))
    means = means + 0.3 * rng.normal(size=means.shape)
    return X, lengths, {**start, "means": means, "covariances": np.tile(np.eye(d), (K, 1, 1))}


def of_skem(case: Chain, start: dict[str, Any]) -> Any:
    """Return the model of skem, plain EM from a start."""
    kind = GaussianHMM if case.n_features else CategoricalHMM
    given = {f"{name}_init": values for name, values in start.items()}
    if not case.n_features:
        given["probabilities_init"] = given["probabilities_init"][:, np.newaxis]
        given["categories"] = [np.arange(case.n_states)]
    else:
        given["reg_covar"] = 0.0
    return kind(case.n_states, acceleration=None, tol=0.0, **given)


def of_hmmlearn(case: Chain, start: dict[str, Any], implementation: str) -> Any:
    """Return the model of hmmlearn from the same start, without its priors."""
    from hmmlearn import hmm

    options = {"init_params": "", "tol": -np.inf, "implementation": implementation}
    if case.n_features:
        model = hmm.GaussianHMM(
            case.n_states, "full", min_covar=0.0, covars_prior=0.0, covars_weight=0.0, **options
        )
        model.means_, model.covars_ = start["means"], start["covariances"]
    else:
        model = hmm.CategoricalHMM(case.n_states, **options)
        model.emissionprob_ = start["probabilities"]
    model.startprob_, model.transmat_ = start["startprob"], start["transmat"]
    return model


def seconds_per_step(fit: Any) -> float:
    """Return the time of a step: that of many less that of few, start and end left out."""
    times = []
    for n_steps in (1, 1 + N_STEPS):
        began = time.perf_counter()
        fit(n_steps)
        times.append(time.perf_counter() - began)
    return (times[1] - times[0]) / N_STEPS


def compare(case: Chain) -> dict[str, float]:
    """Return milliseconds of an iteration by contender: the least of a few turns each."""
    X, lengths, start = simulated(case)

    def fit_skem(n_steps: int) -> None:
        model = of_skem(case, start)
        model.set_params(max_iter=n_steps).fit(X, lengths=lengths)

    def fit_hmmlearn(implementation: str, n_steps: int) -> None:
        model = of_hmmlearn(case, start, implementation)
        model.n_iter = n_steps
        model.fit(X, lengths)

    contenders = {
        "skem": fit_skem,
        "scaling": lambda n: fit_hmmlearn("scaling", n),
        "log": lambda n: fit_hmmlearn("log", n),
    }
    turns = [
        {name: seconds_per_step(fit) for name, fit in contenders.items()} for _ in range(N_TURNS)
    ]
    return {name: 1e3 * min(turn[name] for turn in turns) for name in contenders}


def main() -> None:
    """Print the table."""
    print("| rows x features, states, sequences | skem, ms | hmmlearn scaling | log |")
    print("|---|---|---|---|")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in CASES:
            ms = compare(case)
            ratios = (
                f"{ms[name]:.1f} ({ms[name] / ms['skem']:.1f})" for name in ("scaling", "log")
            )
            features = case.n_features or "categories"
            what = f"{case.n_rows} x {features}, {case.n_states}, {case.n_sequences}"
            slow = ", slow" if case.stay > 0.99 else ""
            print(f"| {what}{slow} | {ms['skem']:.1f} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
