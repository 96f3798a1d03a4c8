"""A result that is kept for as long as the same is asked for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["keep_last"]

Result = TypeVar("Result")


def keep_last(method: Callable[[Any, Any], Result]) -> Callable[[Any, Any], Result]:
    """Keep the last result of a method of one argument, which nobody changes.

    An EM step asks for the same of its parameters more than once. Argument and result are
    stored, and looked up, together: threads may take turns.
    """
    name = f"_last_{method.__name__}"

    @wraps(method)
    def kept(self: Any, argument: Any) -> Result:
        last: tuple[Any, Result] | None = self.__dict__.get(name)
        if last is None or last[0] is not argument:
            last = self.__dict__[name] = argument, method(self, argument)
        return last[1]

    return kept
