"""Tables in, tables out."""

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["frame_for_frame"]


def frame_for_frame(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method that returns an array like X return a frame where X is one.

    A frame of pandas keeps its index, one of polars its kind. (Any other table becomes an array.)
    """

    @wraps(method)
    def framed(self: Any, X: Any, *arguments: Any, **options: Any) -> Any:
        values = method(self, X, *arguments, **options)
        package = type(X).__module__.partition(".")[0]
        if package == "pandas":
            return type(X)(values, index=X.index, columns=X.columns)
        if package == "polars":
            return type(X)(values, schema=X.columns)
        return values

    return framed
