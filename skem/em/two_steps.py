"""A model made of its two steps, as plain functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from skem.coordinates import Coordinates, as_mapping, read_only, slope, without_lists
from skem.em.model import DegenerateError, Evaluation, FloatArray
from skem.ranges import REAL, Range

__all__ = ["TwoSteps", "check_gradient"]


@dataclass(frozen=True, eq=False)
class TwoSteps:  # numpydoc ignore=PR02
    """A model with hidden variables, as its E-step and M-step.

    Parameters are a named tuple, or a dict, of numbers and arrays. The functions must not change
    what they are given: arrays among the parameters are read-only for them.

    Parameters
    ----------
    e_step : callable
        ``e_step(params)`` returns the expected sufficient statistics of the complete data, in any
        form, and the total log-likelihood of the observed data, in nats, both at ``params``.
    m_step : callable
        ``m_step(statistics)`` returns the parameters that maximise the expected log-likelihood
        of the complete data.
    n_units : float
        Units of data (rows, sequences, animals): the objective is the log-likelihood by unit.
    ranges : mapping of str to Range, default=None
        Where each parameter may lie: REAL, POSITIVE, PROBABILITY, SIMPLEX or COVARIANCE. What
        M-steps return is checked against it, and acceleration needs it.
    expected : callable, default=None
        ``expected(params, statistics)`` returns Q, the expected log-likelihood of the complete
        data at other parameters than those of the statistics, in nats, give or take what does
        not depend on ``params``. Its slope is the likelihood's (Fisher's identity), which makes
        acceleration better, and standard errors possible.
    by_unit : callable, default=None
        ``by_unit(params)`` returns the log-likelihood of each unit of data, an array (n_units,),
        give or take what does not depend on ``params``. Robust standard errors need it.

    Examples
    --------
    Animals of four kinds, of which the first is two in truth (Dempster, Laird & Rubin 1977):

    >>> import numpy as np
    >>> from skem.em import PROBABILITY, TwoSteps, fit
    >>> counts = np.array([125, 18, 20, 34])
    >>> def e_step(params):
    ...     pi = params["pi"]
    ...     cells = np.array([0.5 + pi / 4, (1 - pi) / 4, (1 - pi) / 4, pi / 4])
    ...     return 125 * pi / (2 + pi), counts @ np.log(cells)
    >>> def m_step(hidden):
    ...     return {"pi": (hidden + 34) / (hidden + 34 + 18 + 20)}
    >>> model = TwoSteps(e_step, m_step, n_units=197, ranges={"pi": PROBABILITY})
    >>> result = fit(model, {"pi": 0.5})
    >>> print(f"{result.params['pi']:.6f}")
    0.626821
    """

    e_step: Callable[[Any], tuple[Any, float]]
    m_step: Callable[[Any], Any]
    n_units: float
    ranges: Mapping[str, Range] | None = None
    expected: Callable[[Any, Any], float] | None = None
    by_unit: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        for name in ("e_step", "m_step", "expected", "by_unit"):
            function, optional = getattr(self, name), name in ("expected", "by_unit")
            if not callable(function) and not (optional and function is None):
                raise TypeError(f"{name} must be a function, got {function!r}")
        is_number = isinstance(self.n_units, int | float | np.integer | np.floating)
        if not (is_number and 0 < self.n_units < np.inf):
            raise ValueError(f"n_units must be a positive number, got {self.n_units!r}")
        if not isinstance(self.ranges, Mapping | None):
            raise TypeError(
                f"ranges must be a dict of ranges by the names of parameters, got {self.ranges!r}"
            )
        for name, range_ in (self.ranges or {}).items():
            if not isinstance(range_, Range):
                raise TypeError(
                    f"ranges must be REAL, POSITIVE, PROBABILITY, SIMPLEX or COVARIANCE by name, "
                    f"got {range_!r} for {name}"
                )
        if self.expected is not None and not self.ranges:
            raise ValueError("expected has a slope only with ranges: give them for all parameters")

    def evaluate(self, params: Any) -> Evaluation:
        """Take both steps.

        Parameters
        ----------
        params : named tuple or dict
            The parameters.

        Returns
        -------
        Evaluation
            The next parameters, the mean log-likelihood of these, and their statistics.

        Raises
        ------
        DegenerateError
            Where the M-step returns what is outside its range, or no number.
        TypeError, ValueError
            Where a function returns another form than it should.
        """
        statistics, total = self._expect(params)
        new = without_lists(self.m_step(statistics))
        self._check_form(new, params)
        objective = total / self.n_units
        try:
            self._check_values(new)
        except ValueError as error:
            degenerate = DegenerateError(f"m_step went wrong: {error}, after {params!r}")
            degenerate.objective = objective
            raise degenerate from None
        return Evaluation(new, objective, statistics)

    def check(self, params: Any) -> None:
        """Raise ValueError or TypeError where parameters to start from are not in their ranges.

        Parameters
        ----------
        params : named tuple or dict
            The parameters.
        """
        names = set(as_mapping(params))
        if self.ranges is not None and set(self.ranges) != names:
            raise ValueError(
                f"ranges must name the parameters {sorted(names)}, got {sorted(self.ranges)}"
            )
        self._check_values(params)

    @property
    def to_vector(self) -> Callable[[Any], FloatArray] | None:  # numpydoc ignore=RT01
        """The function that flattens parameters; None where there are no ranges."""
        return self._coordinates.to_vector if self.ranges else None

    @property
    def from_vector(self) -> Callable[[FloatArray, Any], Any] | None:  # numpydoc ignore=RT01
        """The function that rebuilds parameters; None where there are no ranges."""
        return self._coordinates.from_vector if self.ranges else None

    @property
    def gradient(self) -> Callable[[Any, Evaluation], FloatArray] | None:  # numpydoc ignore=RT01
        """The function that returns the slope of the mean objective; None where there is no Q."""
        return None if self.expected is None else self._slope_of_expected

    @property
    def contributions(self) -> Callable[[Any, slice], FloatArray] | None:  # numpydoc ignore=RT01
        """The function that returns the log-likelihood of some units; None where unknown."""
        return None if self.by_unit is None else self._of_units

    @cached_property
    def _coordinates(self) -> Coordinates:
        return Coordinates(self.ranges or {})

    def _expect(self, params: Any) -> tuple[Any, float]:
        """Return statistics and total log-likelihood."""
        result = self.e_step(read_only(params))
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(
                "e_step must return two things, the expected statistics and the total "
                f"log-likelihood, got {result!r}"
            )
        statistics, total = result
        if np.ndim(total) or np.asarray(total).dtype.kind not in "fiu":
            raise TypeError(
                "e_step must return the total log-likelihood as its second result, a number, got "
                f"{total!r}"
            )
        if total == np.inf:
            raise DegenerateError(f"the log-likelihood is infinite at {params!r}")
        return statistics, float(total)

    def _check_form(self, new: Any, old: Any) -> None:
        """Raise where an M-step returns parameters of another form than the last."""
        if type(new) is not type(old) or set(as_mapping(new)) != set(as_mapping(old)):
            raise TypeError(f"m_step must return parameters like {old!r}, got {new!r}")
        before = as_mapping(old)
        for name, values in as_mapping(new).items():
            if np.shape(values) != np.shape(before[name]):
                raise ValueError(
                    f"m_step must return {name} of shape {np.shape(before[name])}, as at the "
                    f"start, got {np.shape(values)}"
                )

    def _check_values(self, params: Any) -> None:
        """Raise where values are outside their ranges, or not finite where there are none."""
        if self.ranges:
            self._coordinates.check(params)
            return
        for name, values in as_mapping(params).items():
            REAL.check(name, values)

    def _of_units(self, params: Any, units: slice) -> FloatArray:
        """Return the log-likelihood of some units."""
        assert self.by_unit is not None
        by_unit = np.asarray(self.by_unit(params), dtype=np.float64)
        if by_unit.shape != (self.n_units,):
            raise ValueError(
                f"by_unit must return one log-likelihood for each of the {self.n_units} units, "
                f"got an array of shape {by_unit.shape}"
            )
        return by_unit[units]

    def _slope_of_expected(self, params: Any, evaluation: Evaluation) -> FloatArray:
        """Return the slope of Q at the parameters of its own statistics, per unit."""
        assert self.expected is not None
        expected, statistics = self.expected, evaluation.statistics
        at = expected(params, statistics)
        if np.ndim(at) or np.asarray(at).dtype.kind not in "fiu":
            raise TypeError(f"expected must return Q, a number, got {at!r}")
        return _slope(self, lambda moved: expected(moved, statistics), params) / self.n_units


def _slope(model: Any, function: Callable[[Any], float], params: Any) -> FloatArray:
    """Return the slope of a function of the parameters in their coordinates."""
    return slope(lambda v: function(model.from_vector(v, params)), model.to_vector(params))


def check_gradient(model: Any, params: Any) -> float:
    """Compare a model's slope with differences of its log-likelihood.

    With the right Q they are the same (Fisher's identity), wherever that is asked. Choose
    parameters that are not the optimum, where both are zero.

    Parameters
    ----------
    model : TwoSteps with ``expected``, or another model with ``gradient``
        The model.
    params : object
        Parameters within their ranges.

    Returns
    -------
    difference : float
        The largest difference between the two slopes by any coordinate, divided by the largest
        slope. Up to 1e-6 is rounding.

    See Also
    --------
    scipy.optimize.check_grad : The same for any function.

    Examples
    --------
    >>> import numpy as np
    >>> from skem.em import POSITIVE, TwoSteps, check_gradient
    >>> x, censored = 30.0, 4  # 10 lives: their sum, and how many of them went on
    >>> def e_step(params):
    ...     rate = params["rate"]
    ...     return x + censored / rate, 6 * np.log(rate) - rate * x
    >>> def m_step(total):
    ...     return {"rate": 10 / total}
    >>> def expected(params, total):
    ...     return 10 * np.log(params["rate"]) - params["rate"] * total
    >>> right = TwoSteps(e_step, m_step, 10, {"rate": POSITIVE}, expected)
    >>> check_gradient(right, {"rate": 1.0}) < 1e-6
    True
    >>> wrong = TwoSteps(e_step, m_step, 10, {"rate": POSITIVE}, lambda p, s: -p["rate"] * s)
    >>> check_gradient(wrong, {"rate": 1.0}) > 0.1
    True
    """
    if getattr(model, "gradient", None) is None:
        raise TypeError(
            f"check_gradient needs a slope: {type(model).__name__} has no gradient "
            "(give TwoSteps ranges and expected)"
        )
    found = model.gradient(params, model.evaluate(params))
    by_differences = _slope(model, lambda moved: model.evaluate(moved).objective, params)
    scale = max(np.abs(by_differences).max(initial=0.0), np.finfo(float).tiny)
    return float(np.abs(found - by_differences).max(initial=0.0) / scale)
