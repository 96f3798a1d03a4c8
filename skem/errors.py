"""What can go wrong in a model, in words that the algorithm and the distributions share."""

from typing import NamedTuple

__all__ = ["DegenerateError", "Doubt", "EMWarning"]


class DegenerateError(ValueError):
    """The M-step has no solution: the likelihood has no maximum within the model's range.

    The run from this start ends; others are not affected.

    Attributes
    ----------
    objective : float or None
        Mean objective of the parameters that the E-step started from, where it is known.
    """

    objective: float | None = None


class EMWarning(UserWarning):
    """A result of EM should not be trusted as it is."""


class Doubt(NamedTuple):
    """Why parameters cannot be trusted, though their likelihood is high.

    Attributes
    ----------
    word : str
        'flat', 'few rows' or 'spike' of Gaussians; other distributions may have others.
    sentence : str
        Which component it is, and what is wrong with it.
    """

    word: str
    sentence: str
