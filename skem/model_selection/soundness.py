"""Whether a fit may be chosen."""

from __future__ import annotations

from typing import Any

__all__ = ["DOUBTFUL", "GRADES", "SPURIOUS", "WORDS", "doubt_number", "doubt_of", "grade_of"]

#: From this grade on the likelihood of a fit is no merit, and no criterion is made of it.
SPURIOUS = 3

#: Words for what is wrong with a fit, and how much it counts against it:
#:
#: 0. It is sound.
#: 1. The likelihood is what it seems, or less than it could be.
#: 2. It rests on the least variance, in all candidates of the same structure.
#: 3. It rests on a few rows, or on nothing.
#:
#: A candidate is chosen only where none of a lower grade is left.
GRADES = {
    "": 0,
    "no end": 1,
    "unclear": 1,
    "alike": 1,
    "data": 2,
    "flat": 3,
    "few rows": 3,
    "spike": 3,
    "empty": 3,
    "unreachable": 3,
    "never followed": 3,
    "never left": 3,
    "parameters": 3,
    "no maximum": 3,
    "foretold": 3,
    "no noise": 3,
    "doubtful": 3,
}

#: A search keeps numbers alone: that of a word is its place here, and 0 is a sound fit.
WORDS = tuple(GRADES)

#: Stands for a word that is none of these.
DOUBTFUL = "doubtful"


def grade_of(word: str) -> int:
    """Return how much a word counts against a fit, as GRADES has it.

    Parameters
    ----------
    word : str
        A word of ``doubts_``, or an empty one.

    Returns
    -------
    grade : int
        From 0, for sound fits, to 3.
    """
    return GRADES.get(word, GRADES[DOUBTFUL])


def doubt_of(model: Any) -> str:
    """Return why a fitted mixture is in doubt, in a word of ``doubts_``; empty if it is not.

    Parameters
    ----------
    model : estimator
        A fitted mixture; one that has no ``doubts_`` is not doubted.

    Returns
    -------
    word : str
        The first of those that count most against it.
    """
    return max(getattr(model, "doubts_", ()), key=grade_of, default="")


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
    return WORDS.index(word if word in GRADES else DOUBTFUL)
