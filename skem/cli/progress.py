"""How far a search has come, on a terminal."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["count", "shown"]

CLEAR_LINE = "\r\x1b[K"


@contextmanager
def shown(message: str) -> Iterator[None]:
    """Show a message while something goes on, if the errors go to a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"{CLEAR_LINE}{message[:78]}")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(CLEAR_LINE)
        sys.stderr.flush()


def count(what: str, items: Sequence[Any]) -> Iterator[Any]:
    """Go through items, and show which of them is under way."""
    for number, item in enumerate(items, start=1):
        with shown(f"{what} {number} of {len(items)}"):
            yield item
