"""Constructors: each sets its arguments as attributes of the same names, as they are."""

from typing import Any

__all__ = ["set_parameters"]


def set_parameters(estimator: Any, arguments: dict[str, Any]) -> None:
    """Set the arguments of a constructor as attributes, which is all that scikit-learn allows.

    Parameters
    ----------
    estimator : object
        What is constructed.
    arguments : dict of str to object
        The constructor's ``locals()``.
    """
    for name, value in arguments.items():
        if name != "self":
            setattr(estimator, name, value)
