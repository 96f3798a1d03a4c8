"""Doubts about a fit: what they are, and the warning that tells of them."""

from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skem.data.rows import Rows
from skem.em.driver import Run
from skem.errors import Doubt
from skem.estimators.warn_once import warn
from skem.families.base import FloatArray
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import components_alike

__all__ = ["doubt_about_end", "doubts_of", "doubts_of_parameters", "some_rows", "warn_about_fit"]

#: A component that has no more of all rows together is empty, or is becoming so.
NEXT_TO_NOTHING = 0.01

#: What scikit-learn says of a fit that did not converge, for code that looks for it.
LIKE_SCIKIT_LEARN = (
    "Try different init parameters, or increase max_iter, tol, or check for degenerate data."
)

#: Rows that tell whether two components are alike.
ROWS_TO_TELL_APART = 1000


def doubts_of(estimator: Any, best: Run, model: MixtureModel) -> dict[str, str]:
    """Return why a fit cannot be trusted, by a word.

    What these data cannot tell of so many components explains what became of them. The parameters
    of a fit without any evaluation are those of the start, which was asked for.

    Parameters
    ----------
    estimator : MixtureEM
        Its parameters are published.
    best : Run
        The run that led to them.
    model : MixtureModel
        What was fitted.

    Returns
    -------
    doubts : dict of str to str
        Empty where there is no doubt. The sentences do not depend on the number of components, so
        that of many fits Python shows a warning once.
    """
    doubts = _few_distinct_rows(estimator, model.rows) or estimator._doubts_about_data(model.rows)
    if estimator.max_iter == 0:
        return doubts
    counts = best.params.labels.weights * model.rows.effective
    doubts = doubts or doubts_of_parameters(
        estimator, best.spurious, model.components, best.params.components, counts, model.rows
    )
    return doubts | doubt_about_end(estimator, best)


def doubts_of_parameters(
    estimator: Any,
    doubt: Doubt | None,
    family: Any,
    params: Any,
    counts: FloatArray,
    rows: Rows,
) -> dict[str, str]:
    """Return why published parameters cannot be trusted, by a word.

    Parameters
    ----------
    estimator : MixtureEM
        Its parameters are published.
    doubt : Doubt or None
        What the family says of a component.
    family, params : Family, object
        The components.
    counts : ndarray of shape (n_components,)
        Rows of each.
    rows : Rows
        Of the data.

    Returns
    -------
    doubts : dict of str to str
        Empty where there is no doubt.
    """
    doubts: dict[str, str] = estimator._explain(doubt, family, params, counts, rows)
    if (counts <= NEXT_TO_NOTHING).any():
        doubts["empty"] = "a component is empty: no row belongs to it. Decrease n_components."
    if estimator.n_components == 1 or "data" in doubts or rows.labels is not None:
        return doubts  # flat data explain it, and known labels tell components apart
    family, published = estimator._fitted()
    if components_alike(family, published, some_rows(rows)):
        doubts["alike"] = (
            "two components have come out alike: no row tells them apart, so that only the sum of "
            "their weights means something. Decrease n_components."
        )
    return doubts


def some_rows(rows: Rows) -> Any:
    """Return rows enough to tell whether components are alike."""
    step = -(-rows.n_rows // ROWS_TO_TELL_APART)
    return rows.X[::step] if rows.in_memory else rows.first(ROWS_TO_TELL_APART)


def doubt_about_end(estimator: Any, best: Run, advice: str = LIKE_SCIKIT_LEARN) -> dict[str, str]:
    """Return that the best run has not converged, by the word for it; nothing if it has.

    Parameters
    ----------
    estimator : object
        With ``max_iter`` and ``tol``.
    best : Run
        The run.
    advice : str, optional
        What helps.

    Returns
    -------
    doubts : dict of str to str
        Of one at most.
    """
    if best.converged:
        return {}
    n = best.n_evaluations
    when = f"After max_iter={n}" if n == estimator.max_iter else f"A callback stopped it after {n}"
    return {
        "no end": f"Best performing initialization did not converge. {advice} ({when} "
        f"evaluations; more than tol={estimator.tol:g} nats per row were left to gain.)"
    }


def _few_distinct_rows(estimator: Any, rows: Rows) -> dict[str, str]:
    """Return that there are fewer distinct rows than components, by the word for it."""
    K = estimator.n_components
    if not rows.in_memory or (n := rows.n_distinct(K)) == K:
        return {}
    return {
        "few rows": f"X has only {n} distinct row{'s' * (n > 1)}, fewer than n_components: some "
        "components are copies of others, or empty. Decrease n_components."
    }


def warn_about_fit(estimator: Any) -> None:
    """Warn where a fit cannot be trusted.

    Parameters
    ----------
    estimator : object
        Fitted, with ``doubts_``.
    """
    if estimator.doubts_:
        warn(
            f"The fit cannot be trusted: {' '.join(estimator.doubts_.values())}",
            ConvergenceWarning,
            stacklevel=3,
        )
