"""Parameters of a mixture: as a user gives them, as the family has them, and as published."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from skem.data.blocks import workers
from skem.data.rows import Rows
from skem.errors import Doubt
from skem.estimators.column_name import column_name
from skem.estimators.continuing import check_same_number, given_starting_values
from skem.estimators.fitted import FittedMixture
from skem.estimators.holding import check_fixed, with_held
from skem.estimators.number_validation import LEAVE_OUT
from skem.estimators.row_validation import (
    check_cells,
)
from skem.estimators.validation import (
    Check,
    check_finite_array,
    check_initial_weights,
    check_parameters,
    check_range,
    check_shape,
    check_starting_values,
    check_weights,
)
from skem.families.base import FloatArray
from skem.families.held import Held
from skem.mixture.labels import Independent, MixtureParameters, Weights

__all__ = ["Estimate", "ParametricMixture"]


class Estimate(NamedTuple):
    """Estimates of one kind of parameter.

    Attributes
    ----------
    values : ndarray of shape (n_components, n_columns)
        By component and column of the data.
    errors : ndarray of shape (n_components, n_columns) or None
        Their standard errors, if those are known.
    """

    values: FloatArray
    errors: FloatArray | None = None


class ParametricMixture(FittedMixture):
    """What a mixture estimator says of its family, and of the family's parameters.

    A subclass overrides what is different for its family; see "How to add a family" in the
    documentation.
    """

    #: NamedTuple of the components' parameters: field ``x`` is published as the attribute ``x_``.
    _Parameters: Any

    #: Parameters that can be fixed, and those of them that all components share.
    @property
    def _fixable(self) -> tuple[str, ...]:
        return ("weights", *self._Parameters._fields)

    _shared: tuple[str, ...] = ()

    #: Whether negative values in X are an error.
    _non_negative = False

    #: Whether cells of X may be missing, which are NaN.
    _missing = False

    #: What to do where X holds text.
    _about_text = LEAVE_OUT

    #: Name of the hidden Markov model of which the components are the states, where there is one.
    _in_chain: str | None = None

    #: What to do when no start leads to a fit.
    _advice = "Try to decrease the number of components."

    #: The same, where the log-likelihood fell or was no number.
    _on_fall = (
        "Rounding errors are larger than the gains: scale the columns of X to like spreads, leave "
        "out those that follow from others, or decrease n_components."
    )

    #: Constructor parameters, and what they must be.
    _checks: dict[str, Check]

    n_components: int
    max_iter: int
    assignment: str
    random_state: Any
    weights_init: Any
    fixed: Any
    weights_: FloatArray
    n_features_in_: int

    def _family(self, n_components: int, n_features: int, /) -> Any:
        """Return the family, without penalty, for so many components and columns of X."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _family")

    @property
    def _name(self) -> str:
        """Name of the estimator that the user knows."""
        return self._in_chain or type(self).__name__

    def _data_options(self, reset: bool) -> dict[str, Any]:
        return {
            "dtype": [np.float64, np.float32],
            "ensure_all_finite": "allow-nan" if self._missing else True,
        }

    def _check_block(self, X: FloatArray, first_row: int) -> FloatArray:
        if self._non_negative:
            message = f"Negative values in data passed to {self._name}: counts must be >= 0"
            check_cells(X, X < 0, message, first_row)
        return X

    def __sklearn_tags__(self) -> Any:
        """Declare whether X may be negative, or have missing cells."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = self._non_negative
        tags.input_tags.allow_nan = self._missing
        return tags

    def _training_family(self, rows: Rows) -> Any:
        """Return the family to fit, with what it needs to know of the rows."""
        return self._family(self.n_components, rows.X.shape[1])

    def _fitted(self) -> tuple[Any, Any]:
        """Return the family, without penalty, and the parameters that are published."""
        return self._family(len(self.weights_), self.n_features_in_), self._published()

    def _published(self) -> Any:
        """Return the published parameters, in float64."""
        return MixtureParameters(
            *(
                kind(*(np.asarray(getattr(self, f"{name}_"), np.float64) for name in kind._fields))
                for kind in (Weights, self._Parameters)
            )
        )

    def _given(self, family: Any) -> Any:
        """Return the user's starting values, in the fields of the parameters; NaN where none."""
        nothing = np.array(np.nan)
        weights = nothing
        if self.weights_init is not None:
            weights = check_initial_weights(self.weights_init, family.n_components)
        components = self._Parameters(*(nothing for _ in self._Parameters._fields))
        given = MixtureParameters(Weights(weights), components)
        for name, shape in getattr(family, "shapes", {}).items():
            if (values := getattr(self, f"{name}_init", None)) is not None:
                array = check_starting_values(values, shape, f"{name}_init")
                check_range(family.ranges[name], array, f"{name}_init")
                given = given.with_arrays(**{name: array})
        return given

    def _continued(self, family: Any) -> Any:
        """Return the published parameters as parameters of a family to be fitted."""
        check_same_number(self, "n_components", len(self.weights_))
        params = self._published()
        for name, shape in getattr(family, "shapes", {}).items():
            check_shape(params.by_name()[name], shape, f"{name}_ to continue from")
        weights = params.labels.weights
        return params.with_arrays(weights=weights / weights.sum())  # of float32, not quite one

    def _publish(self, family: Any, params: Any, dtype: Any) -> None:
        """Set the fitted attributes that hold the parameters."""
        for name, values in params.by_name().items():
            setattr(self, f"{name}_", values.astype(dtype))

    def _component_attributes(self) -> list[str]:
        own = [name for name in self._published().by_name() if name not in self._shared]
        return [f"{name}_" for name in own]

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        """Return the parameters that each component has for each column."""
        return {
            name: Estimate(values, None if errors is None else errors.get(name))
            for name, values in self._published().by_name().items()
            if name not in self._shared and values.ndim == 2
        }

    def _warn_about_data(self, rows: Rows) -> None:
        """Warn where the data are hardly what the model is for."""

    def _doubts_about_data(self, rows: Rows) -> dict[str, str]:
        """Return why no fit of so many components to these rows can be trusted, by a word."""
        return {}

    def _with_parameters(self, weights: ArrayLike, n_features: int, **arrays: ArrayLike) -> Self:
        """Publish given parameters as if they had been fitted, after checks."""
        check_parameters(self, self._checks)
        K = self.n_components
        family = self._family(K, n_features)
        for name, shape in family.shapes.items():
            values = check_finite_array(arrays[name], shape, name)
            family.ranges[name].check(name, values)
            setattr(self, f"{name}_", values)
        self.weights_ = check_weights(weights, K)
        self.n_features_in_ = n_features
        self.n_parameters_ = self._n_parameters()
        self._started_from = given_starting_values(self)
        return self

    def _prepare(self, rows: Rows, values: Any) -> tuple[Independent, Any, Any, Held]:
        """Return labels and components to fit to rows, starting values, and which are held."""
        with workers(0):
            family = self._training_family(rows)
            given = values(family)
            held = check_fixed(self.fixed, given, self.n_components, self._fixable, self._shared)
            return *with_held(family, held), given, held

    def _as_published(self, family: Any, held: Held, dtype: Any, params: Any) -> dict[str, Any]:
        """Return the attributes that some parameters would be published as."""
        image: Any = copy.copy(self)
        vars(image).clear()
        vars(image).update({name: getattr(self, name) for name in self.get_params(deep=False)})
        before = set(vars(image))
        image._publish(family, params, dtype)
        image._held = dict(held.masks)
        return {name: value for name, value in vars(image).items() if name not in before}

    def _check_rows(self, rows: Rows, least: int) -> None:
        if rows.effective < least:
            raise ValueError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {int(rows.effective)}"
            )
        if rows.has_missing and (nothing := rows.summary.nothing).any():
            column = int(nothing.argmax())
            name = column_name(self, column)
            raise ValueError(
                f"X has no observed value in column {name!r}: all of its cells are missing. "
                "Leave it out"
            )
        self._warn_about_data(rows)

    def _publish_held(self, held: Held, exact: dict[str, Any]) -> None:
        """Put back what was held, to the last bit: it went through other coordinates."""
        for name, values in exact.items():
            if values is not None:
                where = ... if name in self._shared else held.masks[name]
                getattr(self, f"{name}_")[where] = np.asarray(values)[where]

    def _explain(
        self, doubt: Doubt | None, family: Any, params: Any, counts: FloatArray, rows: Rows
    ) -> dict[str, str]:
        """Return why the parameters cannot be trusted and what helps, by a word."""
        if doubt is None:
            return {}
        advice = "Decrease n_components, or give more starts (n_init)."
        return {doubt.word: f"{doubt.sentence}. {advice}"}
