"""Is one component more really needed? A test by parametric bootstrap."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state, check_scalar

from skem.estimators import BinomialMixture, MixtureEM
from skem.model_selection.soundness import doubt_of

__all__ = ["LikelihoodRatioTest", "bootstrap_lrt"]

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, repr=False, eq=False)
class LikelihoodRatioTest:
    """What :func:`bootstrap_lrt` found.

    Attributes
    ----------
    n_components : int
        Number of components K under the null hypothesis; the alternative has one more.
    statistic : float
        Twice the log of the likelihood ratio of K + 1 components to K, in nats.
    p_value : float
        The probability, with K components, of a statistic as large as that.
    statistics : ndarray of shape (n_bootstrap,)
        The same of each bootstrap sample, in the order in which they were drawn; read-only.
    n_bootstrap : int
        Number of bootstrap samples that the p-value rests on.
    stopped_early : bool
        Whether drawing ended because enough samples had a statistic as large.
    """

    n_components: int
    statistic: float
    p_value: float
    statistics: FloatArray
    stopped_early: bool

    @property
    def n_bootstrap(self) -> int:  # numpydoc ignore=GL08
        return len(self.statistics)

    def __repr__(self) -> str:  # numpydoc ignore=RT01
        """Say it in a line."""
        early = ", stopped early" if self.stopped_early else ""
        return (
            f"<{self.n_components} against {self.n_components + 1} components: "
            f"statistic={self.statistic:.4g}, p_value={self.p_value:.4g} "
            f"({self.n_bootstrap} bootstrap samples{early})>"
        )


def bootstrap_lrt(
    estimator: MixtureEM,
    X: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    n_bootstrap: int = 199,
    stop_after: int | None = 10,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> LikelihoodRatioTest:
    """Test K components against K + 1, by the bootstrap distribution of the likelihood ratio.

    The likelihood ratio of mixtures is not chi squared, since the null hypothesis lies on the
    boundary of the alternative. So data sets are drawn from the fitted mixture of K components,
    both mixtures are fitted to each, and the likelihood ratio of the data is compared with
    theirs (McLachlan 1987).

    Parameters
    ----------
    estimator : MixtureEM
        The mixture with K components; fitted or not, it is left as it is.
    X : array-like of shape (n_samples, n_features)
        Data. Cells may be missing, which are NaN.
    sample_weight : array-like of shape (n_samples,), default=None
        How many identical rows each row stands for: whole numbers.
    n_bootstrap : int, default=199
        Number B of bootstrap samples, at most.
    stop_after : int or None, default=10
        Stop when so many samples have a statistic as large as that of the data, since the test
        will not reject then. None draws all samples.
    n_jobs : int, default=None
        How many samples to work on at a time, in joblib's terms. None means one. The result is
        the same for any number.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the samples and, in place of the estimator's own, of all fits.

    Returns
    -------
    result : LikelihoodRatioTest
        With ``p_value``, ``statistic`` and more.

    Raises
    ------
    TypeError
        If the estimator is no mixture of this package. To test the last step of a Pipeline,
        give that step and the transformed data.
    ValueError
        If the estimator has starting values, which fit neither other data nor another number of
        components; if weights or, where trials differ from row to row, trials are not whole
        numbers; if X is invalid; or if a fit fails.

    Warns
    -----
    ConvergenceWarning
        If fits to bootstrap samples have not converged or cannot be trusted: once, with their
        number. Fits to the data warn as always.

    Notes
    -----
    If g of B samples have a statistic at least as large, p = (1 + g) / (B + 1). If the h-th
    such sample is the l-th drawn, and h is ``stop_after``, p = h / l (Besag & Clifford 1991);
    samples drawn beyond it by other workers are dropped. With the default, the test at the 5 %
    level is the one without a stop.

    The likelihoods are those that EM finds. K components are a special case of K + 1, so a
    ratio below zero means that a better optimum was missed: it counts as zero, as does a gain
    of less than ``tol`` per row, which the fits leave undone. Give more starts (``n_init``)
    where that matters. The statistics of the data and of the samples come from fits of one kind.

    Bootstrap samples have as many rows as the data, of which the same cells are missing: in the
    test, which are is a matter of chance. Where a BinomialMixture is given
    ``[successes | failures]``, every row keeps its numbers of trials.

    References
    ----------
    McLachlan, G. J. (1987). On bootstrapping the likelihood ratio test statistic for the number
    of components in a normal mixture. *Applied Statistics*, 36, 318-324.

    Besag, J. & Clifford, P. (1991). Sequential Monte Carlo p-values. *Biometrika*, 78, 301-304.

    Examples
    --------
    >>> from skem import GaussianMixtureEM
    >>> from skem.datasets import load_old_faithful
    >>> from skem.model_selection import bootstrap_lrt
    >>> X = load_old_faithful().data
    >>> bootstrap_lrt(GaussianMixtureEM(1), X, n_bootstrap=19, random_state=0).p_value
    0.05
    """
    _check_estimator(estimator)
    check_scalar(n_bootstrap, "n_bootstrap", Integral, min_val=1)
    if stop_after is not None:
        check_scalar(stop_after, "stop_after", Integral, min_val=1)
    X = check_array(X, dtype=np.float64, input_name="X", ensure_all_finite="allow-nan")
    X = _rows(X, sample_weight)
    # Drawn one after another: fewer bootstrap samples are the first of more.
    seeds = check_random_state(random_state).randint(2**31 - 1, size=1 + n_bootstrap).tolist()
    null, statistic, _ = _likelihood_ratio(estimator, X, np.random.RandomState(seeds[0]))
    enough = n_bootstrap + 1 if stop_after is None else stop_after
    statistics, doubtful = _bootstrap(
        _sampler(null, X), null, seeds[1:], statistic, enough, n_jobs
    )

    larger = np.flatnonzero(statistics >= statistic)
    stopped_early = len(larger) >= enough
    p_value = (1 + len(larger)) / (1 + n_bootstrap)
    if stopped_early:
        # What was drawn beyond the last that counts depends on the number of workers.
        end = int(larger[enough - 1]) + 1
        statistics, doubtful = statistics[:end], doubtful[:end]
        p_value = enough / end
    if doubtful.any():
        warnings.warn(
            f"For {doubtful.sum()} of {len(doubtful)} bootstrap samples a fit has not converged "
            "or cannot be trusted. Increase max_iter or n_init, or decrease n_components.",
            ConvergenceWarning,
            stacklevel=2,
        )
    statistics.flags.writeable = False
    return LikelihoodRatioTest(
        estimator.n_components, statistic, p_value, statistics, stopped_early
    )


def _check_estimator(estimator: Any) -> None:
    if not isinstance(estimator, MixtureEM):
        raise TypeError(
            f"bootstrap_lrt takes a mixture of skem; got {type(estimator).__name__}. Of a "
            "Pipeline, give the last step and the transformed data"
        )
    params = estimator.get_params()
    start = params["init_params"]
    given = [] if isinstance(start, str) or callable(start) else ["init_params"]
    given += [
        name
        for name, value in params.items()
        if name.endswith("_init") and name != "n_init" and value is not None
    ]
    if given:
        raise ValueError(
            "bootstrap_lrt fits other data and another number of components, which starting "
            f"values do not suit: reset {', '.join(given)}"
        )


def _rows(X: FloatArray, sample_weight: Any) -> FloatArray:
    """Return every row as often as it counts."""
    if sample_weight is None:
        return X
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(X),):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(len(X),)}: one weight per row"
        )
    if not (np.isfinite(weights) & (weights >= 0) & (weights == np.floor(weights))).all():
        raise ValueError(
            "sample_weight must hold whole numbers, since a bootstrap sample has as many rows as "
            "the data stand for"
        )
    return X[np.repeat(np.arange(len(X)), weights.astype(np.intp))]


def _likelihood_ratio(
    estimator: MixtureEM, X: FloatArray, rng: np.random.RandomState
) -> tuple[MixtureEM, float, bool]:
    """Fit the null hypothesis and the alternative.

    Returns the first, the statistic, and whether one of the fits is in doubt. That two components
    are alike is no doubt: of a sample with fewer that is what may be found.
    """
    null, alternative = (
        clone(estimator).set_params(n_components=K, random_state=rng.randint(2**31 - 1)).fit(X)
        for K in (estimator.n_components, estimator.n_components + 1)
    )
    gain = alternative.score(X) - null.score(X)
    doubtful = any(doubt_of(fit) not in ("", "alike") for fit in (null, alternative))
    return null, float(2 * len(X) * gain) if gain > estimator.tol else 0.0, doubtful


def _sampler(null: MixtureEM, X: FloatArray) -> Callable[[np.random.RandomState], FloatArray]:
    """Return a function that draws a sample like X from the null hypothesis."""
    if not isinstance(null, BinomialMixture) or null.n_trials is not None:
        return partial(_draw, null, np.isnan(X))
    m = X.shape[1] // 2
    trials = np.nan_to_num(X[:, :m] + X[:, m:])  # a missing cell is one without a trial
    if (trials != np.floor(trials)).any():
        raise ValueError("bootstrap_lrt needs whole numbers of trials to draw counts")
    return partial(_draw_counts, null, trials)


def _draw(null: MixtureEM, missing: NDArray[np.bool_], rng: np.random.RandomState) -> FloatArray:
    """Draw as many rows as a mask has, with the same cells missing."""
    X = null.sample(len(missing), random_state=rng)[0]
    if missing.any():  # which cells are missing tells nothing of the component
        rng.shuffle(X)
        X[missing] = np.nan
    return X


def _draw_counts(
    null: BinomialMixture, trials: FloatArray, rng: np.random.RandomState
) -> FloatArray:
    """Draw [successes | failures] of so many trials, row by row."""
    return null.sample(len(trials), random_state=rng, n_trials=trials)[0]


def _bootstrap(
    draw: Callable[[np.random.RandomState], FloatArray],
    null: MixtureEM,
    seeds: list[int],
    statistic: float,
    enough: int,
    n_jobs: int | None,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the statistic of each sample, and whether a fit to it is in doubt.

    There are as many as there are seeds, unless enough of them are as large as the statistic.
    """
    results: list[tuple[float, bool]] = []
    workers = effective_n_jobs(n_jobs)
    batch = 1 if workers == 1 else 4 * workers  # several each, so that they wait less often
    with Parallel(n_jobs=n_jobs) as parallel:
        for begin in range(0, len(seeds), batch):
            some = seeds[begin : begin + batch]
            results += parallel(delayed(_replicate)(draw, null, seed) for seed in some)
            if sum(value >= statistic for value, _ in results) >= enough:
                break
    statistics, doubtful = zip(*results, strict=True)
    return np.array(statistics), np.array(doubtful)


def _replicate(
    draw: Callable[[np.random.RandomState], FloatArray], null: MixtureEM, seed: int
) -> tuple[float, bool]:
    """Return the statistic of one sample, and whether a fit to it is in doubt."""
    rng = np.random.RandomState(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, statistic, doubtful = _likelihood_ratio(null, draw(rng), rng)
    return statistic, doubtful
