"""EM for any model: many starts, one result."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skem.coordinates import as_mapping
from skem.em.arguments import check_arguments, list_of_starts
from skem.em.driver import Reason, Run
from skem.em.information import delta_method
from skem.em.model import EMWarning, has
from skem.em.restarts import AllStartsFailedError, Options, Restart, Watch, best_run

__all__ = ["Result", "fit"]

#: What to look at where a start failed, by what its failure says.
ADVICE = {
    "fell by": (
        "The likeliest causes: an M-step that does not maximise Q (a factor or a term is "
        "missing), an E-step whose statistics or log-likelihood are those of other parameters, a "
        "log-likelihood without a term that depends on the parameters, functions that change "
        "what they are given, or badly conditioned data (scale them)."
    ),
    "not a number": (
        "The likeliest causes: the logarithm of zero or of a negative number, zero times "
        "infinity, or missing values in the data of the E-step."
    ),
    "-inf at": (
        "Start from parameters under which everything observed is possible, however unlikely."
    ),
    "infinite at": (
        "The likeliest cause: a density without bound, whose scale has gone to zero. Hold some "
        "parameters, or add a prior (a penalty) to both steps."
    ),
}


@dataclass(frozen=True, eq=False)
class Result:
    """What EM came to.

    Attributes
    ----------
    params : object
        The parameters of the best start.
    objective : float
        Mean log-likelihood, in nats per unit of data, at the last evaluation: ``params``, which
        are what the M-step made of that, are no lower.
    trace : tuple of float
        Mean log-likelihood of the best parameters known at each evaluation. It never falls.
    reason : {"converged", "max_iter", "stopped"}
        Why it ended: there was less than ``tol`` left to gain, no evaluation was left, or
        ``report`` returned something true.
    restarts : tuple of Restart
        What each start came to, in their order.
    model : object
        What was fitted.
    """

    params: Any
    objective: float
    trace: tuple[float, ...]
    reason: Reason
    restarts: tuple[Restart, ...]
    model: Any

    @property
    def converged(self) -> bool:  # numpydoc ignore=RT01
        """Whether less than ``tol`` was left to gain."""
        return self.reason == "converged"

    @property
    def n_evaluations(self) -> int:  # numpydoc ignore=RT01
        """Number of E/M evaluations of the best start."""
        return len(self.trace)

    def standard_errors(self, robust: bool = False) -> Any:
        """Return the standard errors of the parameters.

        They are from the observed information (Louis 1982), by the delta method.

        Parameters
        ----------
        robust : bool, default=False
            Whether to take the sandwich form (White 1982), which holds also where the model is
            not quite true. It needs a model with ``contributions``, as TwoSteps has with
            ``by_unit``.

        Returns
        -------
        errors : object
            Like ``params``; NaN for what is at the edge of its range.

        Raises
        ------
        TypeError
            Where the model lacks what is needed, which is named.

        Warns
        -----
        EMWarning
            Where some do not exist.
        """
        missing = [n for n in ("to_vector", "from_vector", "gradient") if not has(self.model, n)]
        if missing:
            raise TypeError(
                f"standard errors need a model with {', '.join(missing)}: give TwoSteps its "
                "ranges, and Q as expected"
            )
        if robust and not has(self.model, "contributions"):
            raise TypeError(
                "robust standard errors need the log-likelihood unit by unit, which their total "
                "does not tell: give TwoSteps a function by_unit, another model a method "
                "contributions"
            )
        shapes = {name: np.shape(value) for name, value in as_mapping(self.params).items()}
        variances, doubt = delta_method(
            self.model, self.params, _flat, "hold some of them, or fit a simpler model", robust
        )
        if doubt is not None:
            warnings.warn(doubt, EMWarning, stacklevel=2)
        errors, start = {}, 0
        for name, shape in shapes.items():
            n = int(np.prod(shape, dtype=int))
            errors[name] = np.sqrt(variances[start : start + n]).reshape(shape)[()]
            start += n
        return errors if isinstance(self.params, Mapping) else type(self.params)(**errors)

    def __repr__(self) -> str:
        ends = {
            "converged": "converged",
            "max_iter": "not converged, no evaluations left",
            "stopped": "stopped by report",
        }
        lines = [
            f"Result: {ends[self.reason]} after {self.n_evaluations} evaluations, "
            f"objective {self.objective:.6g} nats per unit"
        ]
        try:
            values = as_mapping(self.params)
        except TypeError:
            values = {"params": self.params}
        for name, value in values.items():
            text = np.array2string(np.asarray(value), precision=6, threshold=20)
            lines.append(f"  {name} = " + text.replace("\n", "\n" + " " * (len(name) + 5)))
        if len(self.restarts) > 1:
            same = sum(restart.optimum == 0 for restart in self.restarts)
            failed = sum(restart.failure is not None for restart in self.restarts)
            lines.append(
                f"  {len(self.restarts)} starts: {same} reached this optimum, {failed} failed"
            )
        return "\n".join(lines)


def _flat(params: Any) -> Any:
    return np.concatenate([np.ravel(value) for value in as_mapping(params).values()])


def fit(
    model: Any,
    starts: Any,
    *,
    tol: float = 1e-8,
    max_iter: int = 1000,
    accelerate: bool = True,
    n_jobs: int | None = None,
    report: Callable[[int, float, Any], object] | None = None,
) -> Result:
    """Fit a model with hidden variables by EM.

    Parameters
    ----------
    model : TwoSteps, or any object with ``evaluate``
        ``evaluate(params)`` returns an :class:`Evaluation`. With ``to_vector``, ``from_vector``,
        ``gradient`` and ``n_units`` it is accelerated by quasi-Newton steps and has standard
        errors; with the first two alone it is accelerated by Anderson's method; without them EM
        is plain.
    starts : params, or list of params
        Parameters to start from; of several starts, which have the same names and shapes, the best
        one counts. Values that are lists are taken for arrays.
    tol : float, default=1e-8
        Stop when the estimated gain that is left is below this, in nats per unit of data.
    max_iter : int, default=1000
        E/M evaluations that each start may take.
    accelerate : bool, default=True
        Whether to look further than EM does, as far as the model allows.
    n_jobs : int, default=None
        Starts at a time, in threads, in joblib's terms. None is one.
    report : callable, default=None
        Called after each evaluation as ``report(n, objective, params)``, with their number, the
        best objective known and its parameters. The run ends where it returns something true.

    Returns
    -------
    Result
        The best start's parameters, and what the others came to.

    Raises
    ------
    AllStartsFailedError
        Where every start fails: the log-likelihood falls, is no number, is inf, or is -inf and
        stays so after an EM step, or parameters leave their range. It is a ValueError.
    TypeError, ValueError
        Where arguments, or what the model returns, have another form than they should.

    Warns
    -----
    EMWarning
        Where the best start has not converged, or the log-likelihood fell from another.

    Examples
    --------
    >>> import numpy as np
    >>> from skem.em import TwoSteps, fit
    >>> heads = np.array([5, 9, 8, 4, 7])  # of ten flips each of one of two coins
    >>> def e_step(params):
    ...     p = params["p"]
    ...     joint = 0.5 * p ** heads[:, None] * (1 - p) ** (10 - heads[:, None])
    ...     evidence = joint.sum(axis=1)
    ...     r = joint / evidence[:, None]
    ...     return (heads @ r, 10 * r.sum(axis=0)), np.log(evidence).sum()
    >>> def m_step(statistics):
    ...     heads, flips = statistics
    ...     return {"p": heads / flips}
    >>> fit(TwoSteps(e_step, m_step, n_units=5), {"p": np.array([0.6, 0.5])})
    Result: converged after 13 evaluations, objective -6.31404 nats per unit
      p = [0.796787 0.519588]
    """
    check_arguments(model, tol, max_iter, accelerate, n_jobs, report)
    starts = list_of_starts(model, starts)
    options = Options(tol, max_iter, accelerate, n_jobs, watch=lambda *start: Watch(report))
    try:
        best, restarts = best_run(model, starts, options)
    except AllStartsFailedError as error:
        raise AllStartsFailedError(f"{error} {_advice(str(error))}".rstrip()) from None
    _warn(best, restarts)
    return Result(best.params, best.objective, best.trace, best.reason, restarts, model)


def _advice(failure: str) -> str:
    """Return what to look at, of a failure in words; nothing where these say it all."""
    return next((advice for words, advice in ADVICE.items() if words in failure), "")


def _warn(best: Run, restarts: Sequence[Restart]) -> None:
    """Warn of what a person should look at."""
    if best.reason == "max_iter":
        warnings.warn(
            f"EM has not converged after {best.n_evaluations} evaluations: increase max_iter or "
            "tol",
            EMWarning,
            stacklevel=3,
        )
    failures = [restart.failure for restart in restarts if restart.failure is not None]
    fallen = [failure for failure in failures if "log-likelihood" in failure]
    if fallen:
        warnings.warn(
            f"{len(fallen)} of {len(restarts)} starts failed: {fallen[0]}. {_advice(fallen[0])}",
            EMWarning,
            stacklevel=3,
        )
