"""Whether a fit may be chosen."""

from __future__ import annotations

from typing import Any

__all__ = ["WORDS", "doubt_number", "doubt_of"]

#: Words for what is wrong with a fit. A search keeps numbers alone: that of a word is its place
#: here, and 0 is a sound fit.
WORDS = (
    "",
    "flat",
    "few rows",
    "spike",
    "empty",
    "doubtful",
    "unreachable",
    "never left",
    "alike",
    "parameters",
    "no maximum",
    "foretold",
    "no noise",
)


def doubt_of(model: Any) -> str:
    """Return why a fitted mixture is not to be chosen, in a word of ``doubts_``; empty if it is.

    What is wrong with the data is no reason: it is so for all candidates.

    Parameters
    ----------
    model : estimator
        A fitted mixture; one that has no ``doubts_`` is not doubted.

    Returns
    -------
    word : str
        The first of its doubts.
    """
    return next((word for word in getattr(model, "doubts_", ()) if word != "data"), "")


def doubt_number(model: Any) -> int:
    """Return the number of :func:`doubt_of` among :data:`WORDS`.

    Parameters
    ----------
    model : estimator
        A fitted mixture.

    Returns
    -------
    number : int
        0 where it is sound.
    """
    word = doubt_of(model)
    return WORDS.index(word if word in WORDS else "doubtful")
