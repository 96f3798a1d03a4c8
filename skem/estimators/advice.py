"""Why a Gaussian fit cannot be trusted, by the names of columns, and what helps.

The words are the same for every number of components, so that of many fits Python shows a warning
once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.data.resolution import resolution_of
from skem.data.rows import Rows
from skem.errors import Doubt
from skem.estimators.column_name import columns_are, leave_constant_out
from skem.families.base import FloatArray
from skem.families.doubt import BOUND_IS_ALL, narrow_directions, total_covariance
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import GaussianParameters

__all__ = ["doubts_about"]

#: Means of a constant column are that constant, but for this share of it.
SAME = 1e-9

#: Columns take part in a direction that have at least this share of the largest part.
NOTABLE = 0.1

#: A column of so few distinct values, at most, holds levels.
MOST_LEVELS = 12

#: First rows in which to count them.
ROWS_TO_LOOK_AT = 10_000

#: A reg_covar that is more than this share of a column's variance belongs to other units.
LARGE_RIDGE = 1e-3


def doubts_about(
    doubt: Doubt | None,
    family: Gaussian,
    params: GaussianParameters,
    counts: FloatArray,
    rows: Rows,
    names: Sequence[Any],
) -> dict[str, str]:
    """Return why a fit cannot be trusted and what helps, by a word; nothing if it can.

    Parameters
    ----------
    doubt : Doubt or None
        What the family says of a component.
    family, params : Gaussian, GaussianParameters
        Of the fit.
    counts : ndarray of shape (n_components,)
        Rows of each component.
    rows : Rows
        That it was fitted to.
    names : sequence of str or int
        Of the columns.

    Returns
    -------
    doubts : dict of str to str
        The word is 'data' where every component of these data is flat, or some column is
        constant: what else may help, is not known as long as that is not left out.
    """
    constant = _constant(family, params, counts, rows)
    if constant.any():
        about = {"data": f"the data are flat: {leave_constant_out(names, constant)}."}
        return about | ({} if doubt is None else {doubt.word: f"{_what(doubt, family)}."})
    if doubt is None and not (family.ridges + family.least).all():
        return {}
    if doubt is None:
        variances, directions = narrow_directions(family, total_covariance(family, params, counts))
        if variances[0] >= BOUND_IS_ALL:
            return {}
        cause = _cause_of_flatness(family, directions[:, 0], rows, names)
        return {"data": f"the data are flat: {cause}"}
    if doubt.word == "flat":
        C = family.structure.expand(params.covariances, *params.means.shape)
        variances, directions = narrow_directions(family, C[counts > 0])
        direction = directions[variances[:, 0].argmin(), :, 0]
        cause = _cause_of_flatness(family, direction, rows, names)
        return {"flat": f"{_what(doubt, family)}: {cause}"}
    return {
        doubt.word: f"{_what(doubt, family)}. Set covariance_type='tied' or prior='conjugate', or "
        "decrease n_components; more starts (n_init) may help."
    }


def _constant(
    family: Gaussian, params: GaussianParameters, counts: FloatArray, rows: Rows
) -> NDArray[np.bool_]:
    """Say which columns (d,) are constant, which none is where the prior has a scale for it.

    A fit that follows a stream knows its last rows only, but all means are of rows before, too.
    """
    value, variance, largest, *_ = rows.summary
    off = np.abs(params.means[counts > 0] + family.origin - value).max(axis=0, initial=0.0)
    constant: NDArray[np.bool_] = (variance == 0) & (off <= SAME * np.maximum(largest, 1.0))
    return constant & (family.prior is None)


def _what(doubt: Doubt, family: Gaussian) -> str:
    """Return what is wrong with a component, whichever it is."""
    return {
        "flat": f"{'the shared covariance' if family.structure.shared else 'a component'} is flat",
        "few rows": "a component has fewer rows than its covariance needs",
        "spike": "a component is a spike, of few rows and hardly any variance",
    }[doubt.word]


def _cause_of_flatness(
    family: Gaussian, direction: FloatArray, rows: Rows, names: Sequence[Any]
) -> str:
    """Return why there is no variance in a direction (d,), in units of the bounds."""
    variance, size = rows.summary.variance, np.abs(direction)
    columns, one = np.flatnonzero(size > NOTABLE * size.max()), int(size.argmax())
    if family.ridges[one] > LARGE_RIDGE * variance[one] > 0:
        return (
            f"reg_covar={family.ridges[one]:g} is large beside {variance[one]:.2g}, the variance "
            f"of column {names[one]!r}. Set reg_covar='scale', which minds the units."
        )
    if family.structure.correlated and rows.effective <= family.n_features:
        return (
            "the rows are too few, no more than the columns. Set covariance_type='diag' or "
            "prior='conjugate', or leave columns out."
        )
    steps = resolution_of(rows).steps
    if (steps[columns] > 0).all() and family.ridges.any():
        return (
            f"the values of column {names[one]!r} are rounded, to steps of {steps[one]:.3g}. "
            "Set reg_covar='scale', which minds the rounding."
        )
    if len(columns) > 1:
        are = columns_are([names[int(j)] for j in columns])
        return f"{are} collinear. Leave one of them out, or set covariance_type='diag'."
    if (n := _n_levels(rows, one)) is not None:
        return (
            f"its rows hardly differ in column {names[one]!r}, which has only {n} distinct "
            "values. Leave it out, set prior='conjugate', or decrease n_components."
        )
    return (
        f"its rows hardly differ in column {names[one]!r}. Set prior='conjugate' or decrease "
        "n_components; more starts (n_init) may help."
    )


def _n_levels(rows: Rows, column: int) -> int | None:
    """Count the distinct values of a column, None where they are many; of the first rows."""
    values = rows.first(ROWS_TO_LOOK_AT)[:, column]
    n = len(np.unique(values[~np.isnan(values)]))
    return n if n <= MOST_LEVELS else None
