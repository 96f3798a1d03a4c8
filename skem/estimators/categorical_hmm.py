"""CategoricalHMM: hidden Markov models with categories in each state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skem.estimators.categorical import CategoricalMixture
from skem.estimators.constructing import set_parameters
from skem.estimators.hidden_markov import HiddenMarkovModel
from skem.families.base import FloatArray

__all__ = ["CategoricalHMM"]


class CategoricalHMM(HiddenMarkovModel):
    """Hidden Markov model with categorical states, fitted by EM.

    Each row of a sequence comes from one of K states, between which a Markov chain moves from row
    to row. In a state it is a row of categories, drawn independently.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    categories : 'auto' or list of array-like, default='auto'
        The values that the cells of each column may have, in increasing order. 'auto' takes
        those of the training data.
    prior : 'conjugate', dict or None, default=None
        Dirichlet prior of the probabilities, as in :class:`CategoricalMixture`.
    probabilities_init : array-like of shape (n_components, n_features, n_levels), default=None
        Probabilities to start from.
    stationary_start, startprob_init, transmat_init, startprob_prior, transmat_prior, fixed, tol, \
max_iter, n_init, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    Attributes
    ----------
    startprob_, transmat_ : as of all hidden Markov models
        Said once, in HiddenMarkovModel.
    probabilities_ : ndarray of shape (n_components, n_features, n_levels)
        Probability of each category of each column.
    categories_ : list of ndarray
        The categories of each column, in their order.
    stationary_distribution_, expected_dwell_times_, converged_, n_iter_, lower_bound_, \
lower_bounds_, trace_, restarts_, doubts_, n_parameters_, n_features_in_, feature_names_in_ : \
as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    See Also
    --------
    CategoricalMixture : The same components, rows independent.

    Notes
    -----
    Baum, Petrie, Soules & Weiss (1970); Rabiner (1989). Where scaled recursions would be wrong,
    those here go over to logarithms.

    Examples
    --------
    >>> from skem import CategoricalHMM
    >>> model = CategoricalHMM.from_parameters(
    ...     startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]],
    ...     probabilities=[[[0.8, 0.1, 0.1]], [[0.1, 0.1, 0.8]]],
    ... )
    >>> model.predict([[0], [1], [0], [2], [2]])
    array([0, 0, 0, 1, 1], dtype=int32)
    """

    _mixture_class = CategoricalMixture
    _of_components = ("categories", "prior", "probabilities_init")
    _checks = {
        **HiddenMarkovModel._checks,
        **{name: CategoricalMixture._checks[name] for name in _of_components},
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: Any = "auto",
        prior: str | dict[str, Any] | None = None,
        probabilities_init: ArrayLike | None = None,
        stationary_start: bool = False,
        startprob_init: ArrayLike | None = None,
        transmat_init: ArrayLike | None = None,
        startprob_prior: Any = 1.0,
        transmat_prior: Any = 1.0,
        fixed: dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 3,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        set_parameters(self, locals())

    def _rows_ahead(self, states: FloatArray) -> dict[str, FloatArray]:
        return {"probabilities": np.tensordot(states, self.probabilities_, 1)}
