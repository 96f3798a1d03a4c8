"""What drawing rows of a model has in common: how many, and from which generator."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skem.estimators.sequences import check_lengths
from skem.estimators.validation import InvalidParameterError, integer

__all__ = ["generator_of", "lengths_to_draw"]


def generator_of(estimator: Any, random_state: Any) -> Any:
    """Return the generator to draw by: the estimator's own, which goes on, where None.

    Parameters
    ----------
    estimator : object
        Has ``random_state``, and keeps its generator between calls, so that these differ and yet
        can be reproduced.
    random_state : int, RandomState instance or None
        That of the call.

    Returns
    -------
    generator : RandomState
        The generator.
    """
    if random_state is None:
        if getattr(estimator, "_sampler", None) is None:
            estimator._sampler = check_random_state(estimator.random_state)
        random_state = estimator._sampler
    return check_random_state(random_state)


def lengths_to_draw(n_samples: Any, lengths: Any) -> NDArray[np.intp]:
    """Return the number of rows of each sequence to draw.

    Parameters
    ----------
    n_samples : int or None
        Rows in all; None for those of lengths, or one.
    lengths : array-like of int or None
        Rows of each sequence; None for one sequence.

    Returns
    -------
    lengths : ndarray of shape (n_sequences,)
        Rows of each.

    Raises
    ------
    ValueError
        If one of them is no number of rows, or they contradict each other.
    """
    if n_samples is not None and not integer(1).accepts(n_samples):
        raise InvalidParameterError(
            f"n_samples must be {integer(1).description}, got {n_samples!r}"
        )
    if lengths is None:
        return check_lengths([1 if n_samples is None else n_samples])
    sizes = check_lengths(lengths)
    if n_samples not in (None, sizes.sum()):
        raise ValueError(
            f"n_samples is {n_samples}, but lengths sum to {sizes.sum()}. Give one of them"
        )
    return sizes
