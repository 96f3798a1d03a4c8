"""The hyperparameters of conjugate priors, as a user gives them or from the data."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from skem.data.rows import Rows
from skem.estimators.column_name import leave_constant_out
from skem.estimators.validation import check_finite_array, real
from skem.families.base import FloatArray
from skem.families.gaussian import Gaussian
from skem.families.incomplete import one_gaussian
from skem.families.prior import BetaPrior, ConjugatePrior, DirichletPrior, GammaPrior

__all__ = ["beta_prior", "conjugate_prior", "dirichlet_prior", "gamma_prior"]

NAMES = ("mean", "shrinkage", "degrees_of_freedom", "scale")
PSEUDO_COUNTS = ("successes", "failures")


def beta_prior(prior: Any, n_columns: int) -> BetaPrior:
    """Return the prior of probabilities that ``prior`` stands for.

    Parameters
    ----------
    prior : 'conjugate' or dict
        Pseudo-counts of successes and failures: numbers, or one for each column. Those that are
        not given are a half, as in Krichevsky & Trofimov (1981).
    n_columns : int
        Columns of counts.

    Returns
    -------
    prior : BetaPrior
        The pseudo-counts.

    Raises
    ------
    ValueError
        If a name is unknown, or a value is not possible.
    """
    given = _given(prior, PSEUDO_COUNTS)
    return BetaPrior(
        *(_pseudo_counts(given.get(name, 0.5), name, n_columns) for name in PSEUDO_COUNTS)
    )


def gamma_prior(prior: Any, rows: Rows) -> GammaPrior:
    """Return the prior of rates that ``prior`` stands for.

    Parameters
    ----------
    prior : 'conjugate' or dict
        ``rows`` and what their ``counts`` add up to: numbers, or one for each column. Where these
        are not given they are half a row, and as many as so many rows of the data have on average,
        had these half a count more: a column of zeros, too, leaves every count possible.
    rows : Rows
        The data.

    Returns
    -------
    prior : GammaPrior
        The pseudo-counts.

    Raises
    ------
    ValueError
        If a name is unknown, or a value is not possible.
    """
    given = _given(prior, GammaPrior._fields)
    mean = rows.summary.mean + 0.5 / rows.total_weight
    further = _pseudo_counts(given.get("rows", 0.5), "rows", len(mean))
    return GammaPrior(
        _pseudo_counts(given.get("counts", further * mean), "counts", len(mean)), further
    )


def dirichlet_prior(prior: Any, n_levels: list[int]) -> DirichletPrior:
    """Return the prior of probabilities of categories that ``prior`` stands for.

    Parameters
    ----------
    prior : 'conjugate' or dict
        ``counts`` of each level: a number, or one for each column; a half, where it is not given.
    n_levels : list of int
        Levels of each column.

    Returns
    -------
    prior : DirichletPrior
        The pseudo-counts.

    Raises
    ------
    ValueError
        If a name is unknown, or a value is not possible.
    """
    given = _given(prior, DirichletPrior._fields)
    counts = _pseudo_counts(given.get("counts", 0.5), "counts", len(n_levels))
    there = np.arange(max(n_levels)) < np.array(n_levels)[:, np.newaxis]
    return DirichletPrior(counts[:, np.newaxis] * there)


def _pseudo_counts(values: Any, name: str, n_columns: int) -> FloatArray:
    each = np.full(n_columns, values) if np.ndim(values) == 0 else values
    counts = check_finite_array(each, (n_columns,), f"prior[{name!r}]")
    if (counts < 0).any():
        raise ValueError(f"prior[{name!r}] must hold pseudo-counts >= 0, got {values!r}")
    return counts


def _given(prior: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the hyperparameters that a user gives; raise ValueError for an unknown name."""
    given = {} if isinstance(prior, str) else dict(prior)
    if unknown := set(given) - set(names):
        raise ValueError(
            f"prior has no hyperparameter {sorted(unknown, key=str)[0]!r}; it has "
            f"{', '.join(names)}"
        )
    return given


def conjugate_prior(
    prior: Any, family: Gaussian, rows: Rows, names: Sequence[Any]
) -> ConjugatePrior:
    """Return the prior that ``prior`` stands for.

    Parameters
    ----------
    prior : 'conjugate' or dict
        Hyperparameters; those that are not given are chosen as in Fraley & Raftery (2007),
        section 2.
    family : Gaussian
        Of the components.
    rows : Rows
        The data.
    names : sequence of str or int
        Of the columns.

    Returns
    -------
    prior : ConjugatePrior
        The hyperparameters.

    Raises
    ------
    ValueError
        If a name is unknown, a value is not possible, or a scale is not given where a column is
        constant.
    """
    given = _given(prior, NAMES)
    d, structure = family.n_features, family.structure
    shape = structure.shape(1, d) if structure.shared else structure.shape(1, d)[1:]
    if "scale" in given:
        scale = check_finite_array(given["scale"], shape, "prior['scale']")
        structure.check_definite(scale if structure.shared else scale[np.newaxis], "prior scale")
        packed = structure.pack(scale) if structure.correlated else np.atleast_1d(scale)
    else:
        covariance = _covariance(family, rows)
        if (constant := np.diag(covariance) <= 0).any():
            advice = leave_constant_out(names, constant)
            raise ValueError(f"prior needs a scale: {advice}, or give prior={{'scale': ...}}")
        packed = _packed_scale(family, covariance)
    mean = np.zeros(d)
    if "mean" in given:
        mean = check_finite_array(given["mean"], (d,), "prior['mean']") - family.origin
    shrinkage = _positive(given.get("shrinkage", 0.01), "shrinkage", 0.0)
    degrees = _positive(given.get("degrees_of_freedom", d + 2.0), "degrees_of_freedom", 0.0)
    return ConjugatePrior(mean, shrinkage, degrees, packed)


def _positive(value: Any, name: str, minimum: float) -> float:
    if not real(minimum).accepts(value):
        raise ValueError(f"prior[{name!r}] must be {real(minimum).description}, got {value!r}")
    return float(value)


def _covariance(family: Gaussian, rows: Rows) -> FloatArray:
    """Return the unbiased covariance matrix of all rows."""
    if rows.has_missing and not family.structure.correlated:
        N = rows.total_weight
        return np.diag(rows.summary.variance) * (N / max(N - 1, 1.0))
    if rows.has_missing:
        return one_gaussian(family, rows).covariances[0]
    scatter = rows.fold(partial(_scatter, family.origin), 2**14)
    return scatter / max(rows.total_weight - 1, 1.0)


def _scatter(origin: FloatArray, X: FloatArray, weights: FloatArray) -> FloatArray:
    Z = X - origin
    return (Z.T * weights) @ Z


def _packed_scale(family: Gaussian, covariance: FloatArray) -> FloatArray:
    """Return the default scale: that of one of K components that share out the data's volume."""
    d, structure = family.n_features, family.structure
    spread = np.sqrt(np.diag(covariance))
    if np.linalg.matrix_rank(covariance / np.outer(spread, spread), hermitian=True) < d:
        covariance = np.diag(np.diag(covariance))  # of few rows, or collinear: variances alone
    share = family.n_components ** (-2 / d)
    packed = structure.pack(covariance)
    # One variance for all features is the mean of theirs.
    return share * (packed if structure.n_second(d) > 1 or d == 1 else packed / d)
