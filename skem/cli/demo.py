"""Both mixtures on the data that come with the package."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skem import BinomialMixture, GaussianMixtureEM
from skem.cli.analysis import select
from skem.datasets import load_old_faithful, load_saxony, load_two_coins
from skem.estimators.text import lay_out

__all__ = ["demonstrate"]


def demonstrate() -> None:
    """Print the two coins, the choice of K for Old Faithful, and the Saxon families."""
    two_coins()
    old_faithful()
    saxony()


def title(text: str) -> None:
    """Print a heading."""
    print(f"{text}\n{'=' * len(text)}\n")


def two_coins() -> None:
    """Print the run of EM that Do & Batzoglou (2008) publish, and where it could have led."""
    title("Two coins: five series of ten flips, by one of two coins each")
    flips = load_two_coins()
    X = flips.data
    path = equal_weights_run(X, [[0.6], [0.5]])
    responsibilities = path[0].predict_proba(X)
    print("Each coin's share of each series, starting from A = 0.60, B = 0.50:\n")
    print(share_table(X, responsibilities))

    known = BinomialMixture(2).fit(X, known_labels=flips.target)
    free = BinomialMixture(2, probabilities_init=[[0.6], [0.5]]).fit(X)
    models = {
        "start": path[0],
        "first update": path[1],
        "ten updates, equal weights": path[-1],
        "optimum, free weights": free,
        "with the coins known": known,
    }
    rows = [
        [
            name,
            *(f"{p:.2f}" for p in model.probabilities_.ravel()),
            f"{model.weights_[0]:.2f}",
            f"{model.score(X) * len(X):.4f}",
        ]
        for name, model in models.items()
    ]
    print("\nHeads of the coins, the share of series by A, and the log-likelihood:\n")
    print(lay_out(["", "A", "B", "weight of A", "log-likelihood"], rows))
    print()


def equal_weights_run(X: np.ndarray, start: list[list[float]]) -> list[BinomialMixture]:
    """Return the mixtures of ten updates of EM with weights held at one half, the start first."""
    halves = [0.5, 0.5]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is to stop after the tenth
        run = BinomialMixture(
            2,
            weights_init=halves,
            probabilities_init=start,
            fixed={"weights": True},
            acceleration=None,
            max_iter=10,
            record_trace=True,
        ).fit(X)
    path = [entry.parameters["probabilities_"] for entry in run.trace_] + [run.probabilities_]
    return [BinomialMixture.from_parameters(weights=halves, probabilities=p) for p in path]


def share_table(X: np.ndarray, responsibilities: np.ndarray) -> str:
    """Show each series, its responsibilities, and the flips that they share out."""
    shared = np.hstack([X * r[:, np.newaxis] for r in responsibilities.T])
    rows = [
        [
            str(i),
            f"{heads:.0f}",
            f"{tails:.0f}",
            *(f"{p:.2f}" for p in r),
            *(f"{count:.1f}" for count in counts),
        ]
        for i, ((heads, tails), r, counts) in enumerate(
            zip(X, responsibilities, shared, strict=True), start=1
        )
    ]
    heads, tails = X.sum(axis=0)
    rows.append(
        [
            "sum",
            f"{heads:.0f}",
            f"{tails:.0f}",
            "",
            "",
            *(f"{count:.1f}" for count in shared.sum(axis=0)),
        ]
    )
    header = ["series", "heads", "tails", "P(A)", "P(B)", "H of A", "T of A", "H of B", "T of B"]
    return lay_out(header, rows)


def old_faithful() -> None:
    """Print the choice of components and covariances for the geyser."""
    title("Old Faithful: how many kinds of eruption?")
    geyser = load_old_faithful()
    grid = [
        {"n_components": K, "covariance_type": covariance_type}
        for covariance_type in ("full", "tied")
        for K in range(1, 5)
    ]
    select(
        GaussianMixtureEM(random_state=0),
        grid,
        geyser.data,
        by="one-standard-error",
        names=geyser.feature_names,
    )
    print()


def saxony() -> None:
    """Print mixtures of one to three coins for the sexes of children."""
    title("Saxony: do all families of twelve have boys with the same probability?")
    families = load_saxony()
    grid = [{"n_components": K} for K in (1, 2, 3)]
    select(
        BinomialMixture(random_state=0),
        grid,
        families.data,
        families.sample_weight,
        by="bic",
        names=families.feature_names,
    )
