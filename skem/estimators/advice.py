"""Why a Gaussian fit cannot be trusted, by the names of columns, and what helps.

The words are the same for every number of components, so that of many fits Python shows a warning
once.
"""

from collections.abc import Sequence

import numpy as np

from skem.data.resolution import resolution_of
from skem.data.rows import Rows
from skem.errors import Doubt
from skem.families.base import FloatArray
from skem.families.doubt import BOUND_IS_ALL, narrow_directions, total_covariance
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import GaussianParameters

__all__ = ["doubts_about"]

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
    names: Sequence[str],
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
    names : sequence of str
        Of the columns, quoted.

    Returns
    -------
    doubts : dict of str to str
        Of at most one. The word is 'data' where every component of these data is flat.
    """
    shared = family.structure.shared
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
        who = "the shared covariance" if shared else "a component"
        return {"flat": f"{who} is flat: {_cause_of_flatness(family, direction, rows, names)}"}
    what = {
        "few rows": "a component has fewer rows than its covariance needs",
        "spike": "a component is a spike, of few rows and hardly any variance",
    }[doubt.word]
    return {
        doubt.word: f"{what}. Decrease n_components, give more starts (n_init), or set "
        "covariance_type='tied' or prior='conjugate'."
    }


def _cause_of_flatness(
    family: Gaussian, direction: FloatArray, rows: Rows, names: Sequence[str]
) -> str:
    """Return why there is no variance in a direction (d,), in units of the bounds."""
    variance, size = rows.summary.variance, np.abs(direction)
    if (variance == 0).any():
        return f"column {names[int((variance == 0).argmax())]} is constant. Leave it out."
    columns, one = np.flatnonzero(size > NOTABLE * size.max()), int(size.argmax())
    if family.ridges[one] > LARGE_RIDGE * variance[one]:
        return (
            f"reg_covar={family.ridges[one]:g} is large beside {variance[one]:.2g}, the variance "
            f"of column {names[one]}. Set reg_covar='scale', which minds the units."
        )
    if family.structure.correlated and rows.effective <= family.n_features:
        return (
            "the rows are too few, no more than the columns. Set covariance_type='diag' or "
            "prior='conjugate', or leave columns out."
        )
    steps = resolution_of(rows).steps
    if (steps[columns] > 0).all() and family.ridges.any():
        return (
            f"the values of column {names[one]} are rounded, to steps of {steps[one]:.3g}. "
            "Set reg_covar='scale', which minds the rounding."
        )
    if len(columns) > 1:
        *most, last = (names[int(j)] for j in columns)
        return (
            f"columns {', '.join(most)} and {last} are collinear. Leave one of them out, or set "
            "covariance_type='diag'."
        )
    if (n := _n_levels(rows, one)) is not None:
        return (
            f"its rows hardly differ in column {names[one]}, which has only {n} distinct values. "
            "Leave it out, decrease n_components, or set prior='conjugate'."
        )
    return (
        f"its rows hardly differ in column {names[one]}. Decrease n_components, give more starts "
        "(n_init), or set prior='conjugate'."
    )


def _n_levels(rows: Rows, column: int) -> int | None:
    """Count the distinct values of a column, None where they are many; of the first rows."""
    values = rows.first(ROWS_TO_LOOK_AT)[:, column]
    n = len(np.unique(values[~np.isnan(values)]))
    return n if n <= MOST_LEVELS else None
