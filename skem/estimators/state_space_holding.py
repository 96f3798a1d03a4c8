"""Starting values of a state-space model, and which of them a fit is to hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skem.ranges import COVARIANCE
from skem.state_space.freedom import COEFFICIENTS, COVARIANCES, CovarianceForm, Freedom
from skem.state_space.scalars import is_diagonal
from skem.state_space.series import StateSpace

#: Parameters of the first state.
OF_START = ("initial_state_mean", "initial_state_covariance")

__all__ = ["freedom", "given_values", "shapes", "undetermined"]


def shapes(n: int, p: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter, of n states and p outputs."""
    return {
        "transition_matrix": (n, n),
        "observation_matrix": (p, n),
        "transition_covariance": (n, n),
        "observation_covariance": (p, p),
        "initial_state_mean": (n,),
        "initial_state_covariance": (n, n),
        "observation_offset": (p,),
    }


def given_values(estimator: Any, p: int) -> StateSpace:
    """Return the values ``*_init`` of an estimator, NaN where there are none.

    Raises
    ------
    ValueError
        If one has another shape than it should, or a covariance is none.
    """
    values = {}
    for name, shape in shapes(estimator.n_states, p).items():
        init = getattr(estimator, f"{name}_init")
        values[name] = np.full(shape, np.nan)
        if init is None:
            continue
        try:
            array = np.array(init, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}_init must be an array of numbers: {error}") from None
        if array.shape != shape:
            raise ValueError(
                f"{name}_init must have the shape {shape} (n_states={estimator.n_states}, "
                f"columns of X: {p}), but got {array.shape}"
            )
        if np.isinf(array).any():
            raise ValueError(f"{name}_init must be finite (NaN where an entry is not given)")
        if name in COVARIANCES:
            _check_covariance(name, array)
        values[name] = array
    return StateSpace(**values)


def _check_covariance(name: str, matrix: NDArray[Any]) -> None:
    if np.isnan(matrix).any():
        raise ValueError(f"{name}_init must be given as a whole, but it contains NaN")
    least = -1e-10 * max(np.abs(matrix).max(), 1e-300)
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() < least:
        raise ValueError(
            f"{name}_init must be symmetric and positive semi-definite, but got {matrix.tolist()}"
        )
    if name == "observation_covariance" and not is_diagonal(matrix):
        COVARIANCE.check(f"{name}_init", matrix)


def freedom(
    estimator: Any, given: StateSpace, n_sequences: int, scales: dict[str, NDArray[Any]]
) -> Freedom:
    """Return what a fit leaves free.

    Parameters
    ----------
    estimator : LinearGaussianSSM
        Whose parameter ``fixed`` and types of covariances say it.
    given : StateSpace
        Starting values, NaN where not given.
    n_sequences : int
        How many there are.
    scales : dict of str to ndarray
        Units of the coefficients and, by variable, of the covariances.

    Returns
    -------
    Freedom
        What is free.

    Raises
    ------
    ValueError
        If ``fixed`` names something else, a mask has another shape, a value to be held is not
        given, or what it asks for has no M-step.
    """
    held = _held(estimator, given, n_sequences)
    kinds = {
        "transition_covariance": estimator.transition_covariance_type,
        "observation_covariance": estimator.observation_covariance_type,
        "initial_state_covariance": "full",
    }
    forms = {}
    for name, kind in kinds.items():
        free = _free_block(name, held[name], getattr(given, name), kind)
        forms[name] = CovarianceForm(kind, free, scales[name])
    masks = {name: ~held[name] for name in COEFFICIENTS}
    for coefficient, covariance in (
        ("transition_matrix", "transition_covariance"),
        ("observation_matrix", "observation_covariance"),
        ("observation_offset", "observation_covariance"),
        ("initial_state_mean", "initial_state_covariance"),
    ):
        _check_noise(coefficient, masks[coefficient], covariance, getattr(given, covariance))
    coefficients = {name: scales[name] for name in masks}
    return Freedom(masks, forms, coefficients, estimator.stationary_start)


def _held(estimator: Any, given: StateSpace, n_sequences: int) -> dict[str, NDArray[np.bool_]]:
    """Return what of each parameter is held."""
    fixed = {} if estimator.fixed is None else estimator.fixed
    if estimator.stationary_start:
        _check_start_is_open(estimator, fixed)
    for name in fixed:
        if name not in given._fields:
            raise ValueError(
                f"fixed names {name!r}; what can be fixed is "
                + ", ".join(map(repr, given._fields))
            )
    held = {}
    for name, values in given._asdict().items():
        which = fixed.get(name)
        if which is None:
            by_default = name in undetermined(estimator, n_sequences)
            held[name] = np.full(values.shape, by_default)
            continue
        if isinstance(which, bool | np.bool_):
            mask = np.full(values.shape, bool(which))
        else:
            mask = np.asarray(which)
            if mask.dtype != bool or mask.shape != values.shape:
                raise ValueError(
                    f"fixed[{name!r}] must be a bool, or an array of bools of shape "
                    f"{values.shape}, but got {which!r}"
                )
        if np.isnan(values[mask]).any():
            raise ValueError(f"fixed[{name!r}] holds values that are not given: set {name}_init")
        held[name] = mask
    return held


def _check_start_is_open(estimator: Any, fixed: dict[str, Any]) -> None:
    """Raise where something is said of a start that follows from A and Q."""
    for name in OF_START:
        if name in fixed or getattr(estimator, f"{name}_init") is not None:
            raise ValueError(
                f"stationary_start=True says what {name} is: leave it out of fixed, and do not "
                f"give {name}_init"
            )


def undetermined(estimator: Any, n_sequences: int) -> set[str]:
    """Return the parameters that are held unless ``fixed`` names them.

    P, where there are too few sequences to tell: its likeliest value is then singular; m and P,
    where the start is stationary. Q, at the identity, where A, C and Q are left open: they are
    determined up to the units of the states.
    """
    named = {name for name in shapes(1, 1) if getattr(estimator, f"{name}_init") is not None}
    named |= set(estimator.fixed or {})
    found = set(OF_START) if estimator.stationary_start else set()
    if n_sequences <= estimator.n_states and "initial_state_covariance" not in (
        estimator.fixed or {}
    ):
        found.add("initial_state_covariance")
    if named.isdisjoint(("transition_matrix", "observation_matrix", "transition_covariance")):
        found.add("transition_covariance")
    return found


def _free_block(
    name: str, held: NDArray[np.bool_], init: NDArray[Any], kind: str
) -> NDArray[np.bool_]:
    """Return the variables whose covariance is free, of a mask by entry."""
    free = ~np.diag(held)
    block = np.outer(free, free)
    if kind == "full" and not np.array_equal(held, ~block):
        raise ValueError(
            f"fixed[{name!r}] must hold all entries but those of a block of variables (rows and "
            "columns), for which alone there is an M-step"
        )
    if np.isnan(init).any() or not free.any():
        return free
    inside = init[block].reshape(free.sum(), -1)
    if init[np.outer(free, ~free)].any():
        raise ValueError(
            f"{name}_init must have no covariance between what fixed holds and what it does not"
        )
    if kind != "full" and not is_diagonal(inside):
        raise ValueError(f"{name}_init must be diagonal for {name}_type={kind!r}")
    if kind == "scalar" and not np.allclose(np.diag(inside), inside[0, 0]):
        raise ValueError(f"{name}_init must have one variance for {name}_type='scalar'")
    if np.linalg.eigvalsh(inside).min() <= 0:
        raise ValueError(f"{name}_init must be positive definite where it is not fixed")
    return free


def _check_noise(
    coefficient: str, free: NDArray[np.bool_], covariance: str, values: NDArray[Any]
) -> None:
    """Raise where EM cannot move a coefficient: its equation has no noise."""
    by_row = free if free.ndim == 1 else free.any(axis=1)
    stuck = by_row & (np.diag(values) == 0)
    if stuck.any():
        i = int(stuck.argmax())
        raise ValueError(
            f"{coefficient} is free in row {i}, whose variance in {covariance}_init is 0: EM "
            f"cannot move it there. Hold the row (fixed={{{coefficient!r}: mask}}), or give it "
            "some variance"
        )
