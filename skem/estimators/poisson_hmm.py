"""PoissonHMM: hidden Markov models with Poisson states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skem.estimators.constructing import set_parameters
from skem.estimators.hidden_markov import HiddenMarkovModel
from skem.estimators.poisson import PoissonMixture
from skem.families.base import FloatArray

__all__ = ["PoissonHMM"]


class PoissonHMM(HiddenMarkovModel):
    """Hidden Markov model with Poisson states, fitted by EM.

    Each row of a sequence comes from one of K states, between which a Markov chain moves from row
    to row. In a state it is a count from a Poisson distribution.

    Parameters
    ----------
    n_components : int, default=1
        Number of states K.
    prior : 'conjugate', dict or None, default=None
        Gamma prior of the rates, as in :class:`PoissonMixture`.
    rates_init : array-like of shape (n_components, n_features), default=None
        Rates to start from.
    stationary_start, startprob_init, transmat_init, startprob_prior, transmat_prior, fixed, tol, \
max_iter, n_init, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    Attributes
    ----------
    startprob_, transmat_ : as of all hidden Markov models
        Said once, in HiddenMarkovModel.
    rates_ : ndarray of shape (n_components, n_features)
        Mean counts.
    stationary_distribution_, expected_dwell_times_, converged_, n_iter_, lower_bound_, \
lower_bounds_, trace_, restarts_, doubts_, n_parameters_, n_features_in_, feature_names_in_ : \
as of all hidden Markov models
        Said once, in HiddenMarkovModel.

    See Also
    --------
    PoissonMixture : The same components, rows independent.

    Notes
    -----
    Baum, Petrie, Soules & Weiss (1970); Rabiner (1989). Where scaled recursions would be wrong,
    those here go over to logarithms.

    Examples
    --------
    >>> from skem import PoissonHMM
    >>> from skem.datasets import load_earthquakes
    >>> X = load_earthquakes().data
    >>> model = PoissonHMM(n_components=2, random_state=0).fit(X)
    >>> round(model.lower_bound_ * len(X), 2)
    -341.88
    >>> sorted(model.rates_.ravel().round(2).tolist())
    [15.42, 26.02]
    """

    _mixture_class = PoissonMixture
    _of_components = ("prior", "rates_init")
    _checks = {
        **HiddenMarkovModel._checks,
        **{name: PoissonMixture._checks[name] for name in _of_components},
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        prior: str | dict[str, Any] | None = None,
        rates_init: ArrayLike | None = None,
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

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        return self.rates_, self.rates_[:, np.newaxis] * np.eye(self.rates_.shape[1])
