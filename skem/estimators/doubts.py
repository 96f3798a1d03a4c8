"""Doubts about a fit: what they are, and the warnings that tell of them."""

from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skem.data.rows import Rows
from skem.em.driver import Run
from skem.estimators.warn_once import warn
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import components_alike

__all__ = ["doubts_of", "warn_about_copies", "warn_about_few_rows", "warn_about_fit"]

#: A component that has no more of all rows together is empty, or is becoming so.
NEXT_TO_NOTHING = 0.01

#: Rows that tell whether two components are alike.
ROWS_TO_TELL_APART = 1000


def doubts_of(estimator: Any, best: Run, model: MixtureModel) -> dict[str, str]:
    """Return why the fit cannot be trusted, by a word, in words that do not depend on K."""
    if estimator.max_iter == 0:
        return {}
    counts = best.params.labels.weights * model.rows.effective
    doubts: dict[str, str] = estimator._explain(
        best.spurious, model.components, best.params.components, counts, model.rows
    )
    if (estimator.weights_ * model.rows.effective <= NEXT_TO_NOTHING).any():
        doubts["empty"] = "a component is empty: no row belongs to it. Decrease n_components."
    return doubts


def warn_about_few_rows(estimator: Any, rows: Rows) -> None:
    """Warn where there are fewer distinct rows than components."""
    K = estimator.n_components
    if rows.in_memory and (n := rows.n_distinct(K)) < K:
        warn(
            f"X has only {n} distinct rows, fewer than the {K} components: some of these will be "
            "copies of others, or empty. Decrease n_components.",
            ConvergenceWarning,
            stacklevel=5,
        )


def warn_about_copies(estimator: Any, rows: Rows) -> None:
    """Warn where two components have come out alike, as some of the rows tell."""
    if estimator.n_components == 1 or estimator.max_iter == 0:
        return
    step = -(-rows.n_rows // ROWS_TO_TELL_APART)
    X = rows.X[::step] if rows.in_memory else rows.first(ROWS_TO_TELL_APART)
    family, params = estimator._fitted()
    pair = components_alike(family, params, X)
    if pair is not None:
        warn(
            f"Components {pair[0]} and {pair[1]} have come out alike: no row tells them "
            "apart, so that only the sum of their weights means something. Decrease "
            "n_components.",
            UserWarning,
            stacklevel=5,
        )


def warn_about_fit(estimator: Any, best: Run) -> None:
    """Warn where the fit has not converged, or cannot be trusted."""
    if estimator.max_iter == 0:
        return
    doubts = []
    if not best.converged:
        doubts.append(
            "Best performing initialization did not converge. Try different init parameters, "
            "or increase max_iter, tol, or check for degenerate data. "
            + (
                f"(After max_iter={estimator.max_iter} evaluations more than "
                f"tol={estimator.tol:g} nats per row were left to gain.)"
                if best.n_evaluations == estimator.max_iter
                else f"(A callback stopped it after {best.n_evaluations} evaluations.)"
            )
        )
    if estimator.doubts_:
        doubts.append(f"The fit cannot be trusted: {' '.join(estimator.doubts_.values())}")
    for doubt in doubts:
        warn(doubt, ConvergenceWarning, stacklevel=3)
