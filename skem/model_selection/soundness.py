"""Whether a fit may be chosen."""

from typing import Any

__all__ = ["doubt_of"]


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
