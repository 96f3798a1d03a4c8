"""Doubts about a fit: what they are, and the warning that tells of them."""

from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skem.data.rows import Rows
from skem.em.driver import Run
from skem.errors import Doubt
from skem.estimators.warn_once import warn
from skem.mixture.model import MixtureModel
from skem.mixture.scoring import components_alike

__all__ = ["doubt_about_end", "doubts_of", "doubts_of_stream", "some_rows", "warn_about_fit"]

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
    doubts = doubts or _of_parameters(
        estimator, best.spurious, model.components, best.params, model.rows
    )
    return doubts | doubt_about_end(estimator, best)


def _of_parameters(
    estimator: Any, doubt: Doubt | None, family: Any, params: Any, rows: Rows
) -> dict[str, str]:
    """Return why published parameters cannot be trusted; doubt is the family's, of a component."""
    counts = params.labels.weights * rows.effective
    doubts: dict[str, str] = estimator._explain(doubt, family, params.components, counts, rows)
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


def doubts_of_stream(estimator: Any, family: Any, rows: Rows) -> dict[str, str]:
    """Return why published parameters that follow a stream cannot be trusted, by a word.

    Parameters
    ----------
    estimator : MixtureEM
        They are published.
    family : Family
        The components, made for streams.
    rows : Rows
        Some of the last batch, which count as often as all that came so far.

    Returns
    -------
    doubts : dict of str to str
        Empty where there is no doubt.
    """
    params = estimator._continued(family)
    doubt = family.spurious(params.components, params.labels.weights * rows.effective)
    doubts: dict[str, str] = estimator._doubts_about_data(rows)
    return doubts or _of_parameters(estimator, doubt, family, params, rows)


def some_rows(rows: Rows, most: int = ROWS_TO_TELL_APART) -> Any:
    """Return rows enough to tell whether components are alike, from all over those in memory."""
    return rows.X[:: -(-rows.n_rows // most)] if rows.in_memory else rows.first(most)


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
