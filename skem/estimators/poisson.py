"""PoissonMixture: mixtures of Poisson distributions, for counts without a limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skem.data.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.column_name import column_name
from skem.estimators.priors import gamma_prior
from skem.estimators.validation import array_like, mapping, none, one_of
from skem.estimators.warn_once import warn
from skem.families.poisson import Poisson, PoissonParameters

__all__ = ["PoissonMixture"]

#: Rows that are looked at for fractions.
ROWS_TO_LOOK_AT = 10_000


class PoissonMixture(MixtureEM):
    """Mixture of Poisson distributions, fitted by EM.

    For counts that have no largest value: events in a year, words in a text, reads of a gene. Each
    row comes from one of K components, and its columns are independent given the component.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    prior : {'conjugate'}, dict or None, default=None
        Gamma prior of the rates, with which none is 0, so that no new row is impossible: further
        ``rows`` of every component, and what their ``counts`` add up to, as numbers or one for
        each column. 'conjugate' takes half a row of the columns' means, had each column half a
        count more: so even a column of zeros gets a rate. None is maximum likelihood.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run that is not spurious is kept. A start given as an array
        is made once.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start. A name: the best of short runs of EM on (a sample of) the rows, which move
        components from where k-means puts them; clusters
        of k-means on square roots of the counts; rows shared out among K rows picked by
        k-means++, or at random; random responsibilities. An array: labels (n_samples,) or
        responsibilities (n_samples, K). A callable: ``f(X, n_components=, random_state=)`` that
        returns such an array.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    rates_init : array-like of shape (n_components, n_features), default=None
        Rates to start from. Components that start alike stay alike.
    fixed, assignment, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    rates_ : ndarray of shape (n_components, n_features)
        Mean counts. 0 is a legitimate estimate, unless there is a ``prior``.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters: ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step.
    trace_, restarts_, doubts_, labels_, n_parameters_, classes_ : as of all mixtures
        Said once, in MixtureEM.
    n_features_in_ : int
        Number of columns of X seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

    See Also
    --------
    BinomialMixture : For counts out of a known number of trials.

    Notes
    -----
    Fractions are taken as they are, since the factorial is defined through the gamma function, and
    warned of: what is a rate, or has been scaled, varies otherwise than a count. A cell may be
    missing (NaN): it says nothing. Mixtures of Poisson distributions are identifiable (Teicher
    1960); see McLachlan & Peel, *Finite Mixture Models* (2000), section 9.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skem import PoissonMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.poisson(3, (300, 1)), rng.poisson(15, (100, 1))])
    >>> mixture = PoissonMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(mixture.rates_.ravel()).round(1)
    array([ 3.3, 15.3])
    """

    _Parameters = PoissonParameters
    _family = Poisson
    _non_negative = True
    _missing = True
    _checks = {
        **MixtureEM._checks,
        "prior": one_of(["conjugate"]) | mapping | none,
        "rates_init": none | array_like,
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        prior: str | dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        rates_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        assignment: str = "soft",
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        super().__init__(
            n_components,
            tol=tol,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            fixed=fixed,
            assignment=assignment,
            acceleration=acceleration,
            n_jobs=n_jobs,
            random_state=random_state,
            warm_start=warm_start,
            record_trace=record_trace,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.prior = prior
        self.rates_init = rates_init

    @classmethod
    def from_parameters(cls, *, weights: ArrayLike, rates: ArrayLike, **params: Any) -> Self:
        """Make a mixture of known parameters, as if it had been fitted.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights, summing to one.
        rates : array-like of shape (n_components, n_features)
            Mean counts.
        **params : dict
            Further constructor parameters. With ``warm_start=True``, fit continues from here.

        Returns
        -------
        mixture : PoissonMixture
            Ready to predict, score and sample. What only a fit can tell (``converged_``,
            ``labels_``, ...) it does not have.

        Raises
        ------
        ValueError
            If the shapes do not agree, the weights do not sum to one, or a rate is negative.

        Examples
        --------
        >>> from skem import PoissonMixture
        >>> mixture = PoissonMixture.from_parameters(weights=[0.5, 0.5], rates=[[2.0], [9.0]])
        >>> mixture.predict([[1], [8]])
        array([0, 1], dtype=int32)
        """
        shape = np.shape(rates)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"rates must have the shape (n_components, n_features), got {shape}")
        return cls(n_components=shape[0], **params)._with_parameters(
            weights, shape[1], rates=rates
        )

    def _training_family(self, rows: Rows) -> Poisson:
        family = super()._training_family(rows)
        return (
            family if self.prior is None else replace(family, prior=gamma_prior(self.prior, rows))
        )

    def _warn_about_data(self, rows: Rows) -> None:
        X = rows.first(ROWS_TO_LOOK_AT)
        broken = (X != np.floor(X)) & ~np.isnan(X)
        if broken.any():
            row, column = (int(i) for i in np.argwhere(broken)[0])
            name = column_name(self, column)
            warn(
                f"Column {name!r} of X holds fractions (the first is {X[row, column]:g}), but "
                "each cell is read as a count. Give counts as they were made: a rate or a mean of "
                "counts does not vary as a count does",
                UserWarning,
                stacklevel=6,
            )
