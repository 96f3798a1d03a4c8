"""What people pass to :func:`skem.em.fit`, checked."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skem.coordinates import as_mapping, without_lists
from skem.em.model import has

__all__ = ["check_arguments", "list_of_starts"]


def check_arguments(
    model: Any, tol: Any, max_iter: Any, accelerate: Any, n_jobs: Any, report: Any
) -> None:
    """Raise ValueError or TypeError where an argument of fit is not what it should be."""
    if not has(model, "evaluate") or isinstance(model, type):
        raise TypeError(f"model must have a method evaluate (as TwoSteps has), got {model!r}")
    if not (_is_number(tol) and tol >= 0):
        raise ValueError(f"tol must be a number that is not negative, got {tol!r}")
    if not (_is_integer(max_iter) and max_iter >= 1):
        raise ValueError(f"max_iter must be an integer of at least 1, got {max_iter!r}")
    if not isinstance(accelerate, bool | np.bool_):
        raise ValueError(f"accelerate must be True or False, got {accelerate!r}")
    if n_jobs is not None and not (_is_integer(n_jobs) and n_jobs != 0):
        raise ValueError(f"n_jobs must be None or an integer that is not 0, got {n_jobs!r}")
    if report is not None and not callable(report):
        raise TypeError(f"report must be a function report(n, objective, params), got {report!r}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float | np.floating)


def list_of_starts(model: Any, starts: Any) -> list[Any]:
    """Return the starts as a list, checked; one alone is a mapping, a named tuple or no iterable.

    Raises
    ------
    ValueError, TypeError
        Where there is none, the model refuses one, or they are not of one form.
    """
    is_one = isinstance(starts, Mapping) or hasattr(starts, "_fields")
    if is_one or not isinstance(starts, Iterable) or isinstance(starts, np.ndarray):
        starts = [starts]
    found = [without_lists(start) for start in starts]
    if not found:
        raise ValueError("starts must be parameters, or a list of them, got an empty one")
    for i, start in enumerate(found if has(model, "check") else ()):
        try:
            model.check(start)
        except (TypeError, ValueError) as error:
            raise type(error)(f"start {i}: {error}" if len(found) > 1 else str(error)) from None
    forms = [_form(start) for start in found]
    for i, form in enumerate(forms):
        if form != forms[0]:
            raise ValueError(
                "starts must have the same parameters in the same shapes: start 0 has "
                f"{forms[0]}, start {i} has {form}"
            )
    return found


def _form(params: Any) -> str:
    """Return the names and shapes of parameters, in words; none of a model's own kind."""
    if not (isinstance(params, Mapping) or hasattr(params, "_asdict")):
        return ""
    values = as_mapping(params)
    return ", ".join(f"{name} {np.shape(values[name])}" for name in sorted(values))
