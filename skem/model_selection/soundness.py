"""Whether a fit may be chosen."""

from __future__ import annotations

from typing import Any

__all__ = ["DATA", "WORDS", "doubt_number", "doubt_of"]

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
    "data",
)

#: The word for data that are too flat for a structure, whatever the number of components.
DATA = "data"


def doubt_of(model: Any) -> str:
    """Return why a fitted mixture is in doubt, in a word of ``doubts_``; empty if it is not.

    What is wrong with the data comes last. Such a fit is chosen only where no candidate is sound,
    a simpler covariance say, but then before others.

    Parameters
    ----------
    model : estimator
        A fitted mixture; one that has no ``doubts_`` is not doubted.

    Returns
    -------
    word : str
        The first of its doubts.
    """
    words = sorted(getattr(model, "doubts_", ()), key=DATA.__eq__)
    return words[0] if words else ""


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
