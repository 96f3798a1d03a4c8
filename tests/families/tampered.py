"""Families with a deliberate fault."""

from functools import partial

import numpy as np


class Tampered:
    """A family in which one method, or one of its kernel's, is replaced.

    The replacement is called with the family or kernel, and what the method is called with.
    """

    def __init__(self, target, method, replacement):
        self._target, self._method, self._replacement = target, method, replacement

    def __getattr__(self, name):
        if name == self._method:
            return partial(self._replacement, self._target)
        return getattr(self._target, name)

    def kernel(self, *args):
        return Tampered(self._target.kernel(*args), self._method, self._replacement)


def noisy(scale):
    """Return an M-step that misses the maximum by a little, elsewhere each time."""
    rng = np.random.default_rng(0)

    def replacement(family, statistics, kernel, previous):
        answer = family.maximize(statistics, kernel, previous)
        vector = family.to_vector(answer)
        return family.from_vector(vector + scale * rng.standard_normal(vector.size), answer)

    return replacement
