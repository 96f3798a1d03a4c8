"""Linear-Gaussian state-space models: the Kalman filter whose parameters EM fits."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

from numpy.typing import ArrayLike

from skem.data.blocks import workers
from skem.em.driver import Run
from skem.em.restarts import best_run
from skem.estimators.base import MixtureEM
from skem.estimators.callbacks import CallbackSupportMixin, FitTask, with_callbacks
from skem.estimators.constructing import set_parameters
from skem.estimators.continuing import check_same_start, given_starting_values
from skem.estimators.documentation import inherit_documentation
from skem.estimators.doubts import warn_about_fit
from skem.estimators.sequences import refuse_lengths_as_y
from skem.estimators.state_space_fitting import (
    ON_FALL,
    count_parameters,
    doubts_of,
    first_doubt,
    free_parameters,
    starts_of,
)
from skem.estimators.state_space_inference import StateSpaceInferenceMixin
from skem.estimators.state_space_rows import open_series
from skem.estimators.validation import (
    CHECKS_OF_FITS,
    Check,
    array_like,
    boolean,
    check_parameters,
    integer,
    none,
    one_of,
    unchanged_on_error,
)
from skem.estimators.watching import options_of
from skem.state_space.expectation import expect
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import FloatArray, Series, StateSpace
from skem.state_space.smoothing import last_state

__all__ = ["LinearGaussianSSM"]

KINDS = ("full", "diagonal", "scalar")


class LinearGaussianSSM(CallbackSupportMixin, StateSpaceInferenceMixin):
    """Linear-Gaussian state-space model, fitted by EM.

    Rows are observations y_t of hidden states x_t of which each follows from the one before::

        x_1 ~ N(m, P)
        x_t = A x_(t-1) + w_t    w_t ~ N(0, Q)
        y_t = C x_t + d + v_t    v_t ~ N(0, R)

    X holds one sequence, or several one below the other. NaN is a missing cell; the fit is exact
    for any pattern of them. States come from the Kalman filter and smoother, parameters from EM
    [1]_ [2]_.

    Any parameter can be held (``fixed``) at a value (``*_init``), as a whole or entry by entry: a
    local level, a trend, an autoregression seen through noise, and dynamic factors are short
    calls; see :doc:`/guide/state_space`.

    Parameters
    ----------
    n_states : int, default=1
        Number of hidden states n.
    transition_covariance_type : {'full', 'diagonal', 'scalar'}, default='full'
        Form of Q where it is free.
    observation_covariance_type : {'full', 'diagonal', 'scalar'}, default='diagonal'
        Form of R where it is free. With 'diagonal' all that outputs have in common goes through
        the states.
    transition_matrix_init : array-like of shape (n_states, n_states), default=None
        A to start from. Entries that are NaN are not given, here and below.
    observation_matrix_init : array-like of shape (n_features, n_states), default=None
        C to start from.
    transition_covariance_init : array-like of shape (n_states, n_states), default=None
        Q to start from, as a whole.
    observation_covariance_init : array-like of shape (n_features, n_features), default=None
        R to start from, as a whole.
    initial_state_mean_init : array-like of shape (n_states,), default=None
        Mean m to start from.
    initial_state_covariance_init : array-like of shape (n_states, n_states), default=None
        P to start from, as a whole.
    observation_offset_init : array-like of shape (n_features,), default=None
        Offset d to start from.
    stationary_start : bool, default=False
        Whether the first state of a sequence is as if it had gone on for ever: m is zero, and P
        follows from A and Q (``P = A P A' + Q``), neither of which is estimated then.
    fixed : dict or None, default=None
        What the fit holds at its starting value, by the name of a parameter: True, False, or a
        mask of its shape. Two parameters are held unless they are named, since the data do not
        determine them: ``initial_state_covariance``, where there are no more sequences than
        states (its likeliest value is singular then), and ``transition_covariance``, at the
        identity, where A, C and Q are neither named nor given (it is the unit of the states).
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run.
    n_init : int, default=1
        Number of starts; the best run is kept. The first is made of principal components of
        windows of rows, the others are random mixtures of more of these.
    acceleration : {'quasi-newton'} or None, default='quasi-newton'
        How to need fewer evaluations. None is plain EM.
    n_jobs : int, default=None
        How many starts to run at a time, in joblib's terms. None means one.
    random_state : int, RandomState instance or None, default=None
        Source of randomness of the starts and of :meth:`sample`.
    warm_start, record_trace, verbose, verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    transition_matrix_ : ndarray of shape (n_states, n_states)
        A.
    observation_matrix_ : ndarray of shape (n_features, n_states)
        C.
    transition_covariance_ : ndarray of shape (n_states, n_states)
        Q.
    observation_covariance_ : ndarray of shape (n_features, n_features)
        R.
    initial_state_mean_ : ndarray of shape (n_states,)
        Mean m of the state at the first row of a sequence.
    initial_state_covariance_ : ndarray of shape (n_states, n_states)
        P.
    observation_offset_ : ndarray of shape (n_features,)
        Offset d.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, in nats per row: ``score(X)``. Rows of
        which no cell is observed count nowhere.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step.
    doubts_ : dict of str to str
        Why the fit cannot be trusted, by a word: 'parameters' (as many as numbers in X, or more),
        'foretold' (a column without innovations: the likelihood has no bound), 'no noise' (R or Q
        has gone to 0 where EM moves coefficients by it), 'no end' (it has not converged). Without
        any it is sound.
    trace_, restarts_ : as of all mixtures
        Said once, in MixtureEM.
    n_parameters_ : int
        Number of free parameters: of those that are not held, less n_states squared where no unit
        and no rotation of the states is held, or n_states (n_states - 1) / 2 where rotations alone
        are not.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are strings.

    See Also
    --------
    GaussianMixtureEM : Rows that do not hang together in time.

    Notes
    -----
    Parameters are in float64, whatever the type of X. Rows of a sequence are not exchangeable, so
    :meth:`predict` of some rows is not some rows of :meth:`predict`.

    References
    ----------
    .. [1] Shumway, R. H. and Stoffer, D. S. (1982). An approach to time series smoothing and
       forecasting using the EM algorithm. Journal of Time Series Analysis, 3(4), 253-264.
    .. [2] Ghahramani, Z. and Hinton, G. E. (1996). Parameter estimation for linear dynamical
       systems. Technical report CRG-TR-96-2, University of Toronto.

    Examples
    --------
    The flow of the Nile as a level that walks at random, seen through noise.

    >>> from skem import LinearGaussianSSM
    >>> from skem.datasets import load_nile
    >>> X = load_nile().data
    >>> level = LinearGaussianSSM(
    ...     transition_matrix_init=[[1]], observation_matrix_init=[[1]],
    ...     observation_offset_init=[0], initial_state_mean_init=[0],
    ...     initial_state_covariance_init=[[1e7]],
    ...     fixed={"transition_matrix": True, "observation_matrix": True,
    ...            "observation_offset": True, "initial_state_mean": True},
    ... ).fit(X)
    >>> print(f"{level.transition_covariance_[0, 0]:.0f}", f"{level.score(X) * 100:.3f}")
    1469 -641.586
    """

    __metadata_request__fit = {"groups": True}

    _checks: dict[str, Check] = {
        "n_states": integer(1),
        "transition_covariance_type": one_of(KINDS),
        "observation_covariance_type": one_of(KINDS),
        **{f"{name}_init": none | array_like for name in StateSpace._fields},
        "stationary_start": boolean,
        **CHECKS_OF_FITS,
    }

    def __init__(
        self,
        n_states: int = 1,
        *,
        transition_covariance_type: str = "full",
        observation_covariance_type: str = "diagonal",
        transition_matrix_init: ArrayLike | None = None,
        observation_matrix_init: ArrayLike | None = None,
        transition_covariance_init: ArrayLike | None = None,
        observation_covariance_init: ArrayLike | None = None,
        initial_state_mean_init: ArrayLike | None = None,
        initial_state_covariance_init: ArrayLike | None = None,
        observation_offset_init: ArrayLike | None = None,
        stationary_start: bool = False,
        fixed: dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        set_parameters(self, locals())

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the parameters by EM.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Sequences, one below the other; NaN where a cell is missing, a whole row included.
        y : None
            Ignored; present by convention.
        groups : array-like of shape (n_samples,), default=None
            An id for each row: a sequence begins where it changes. None takes the outer level of
            a frame's index, where that has several; else all rows are one sequence.
        lengths : array-like of int of shape (n_sequences,), default=None
            Rows of each sequence, in place of ids.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sequence counts: the same in all of its rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, or if no start led to a fit. The estimator is
            then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the fit cannot be trusted (``doubts_``): the best run had something left to gain
            after ``max_iter`` evaluations, say.
        """
        refuse_lengths_as_y(y, X)
        with unchanged_on_error(self):
            self._fit(X, y, groups, lengths, sample_weight)
            warn_about_fit(self)
        return self

    @with_callbacks
    def _fit(self, X: Any, y: Any, groups: Any, lengths: Any, sample_weight: Any) -> None:
        check_parameters(self, self._checks)
        continuing = self.warm_start and hasattr(self, "transition_matrix_")
        if continuing:
            check_same_start(self)
        series, centre = open_series(self, X, groups, lengths, sample_weight, reset=not continuing)
        with workers(0):  # products are small: a BLAS of one thread, and the same bits
            given = self._continued(centre) if continuing else self._given(centre, len(centre))
            starts = [given] if continuing else starts_of(self, series, given)
            metadata = {"groups": groups, "lengths": lengths, "sample_weight": sample_weight}
            data = {"X": X, "y": y, "metadata": metadata}
            task = FitTask(self, len(starts), data, partial(self._as_published, centre))
            model = StateSpaceModel(series, free_parameters(self, series, given, starts[0]))
            doubt = partial(first_doubt, self, model, given)
            options = options_of(task, model.decompose, doubt=doubt)
            best, self.restarts_ = best_run(model, starts, options, on_fall=ON_FALL)
            self._publish_run(best, series, centre, given)
        task.end(best.params)

    def _publish_run(
        self, best: Run, series: Series, centre: FloatArray, given: StateSpace
    ) -> None:
        """Set the fitted attributes."""
        self.__dict__.update(self._as_published(centre, best.params))
        self.converged_, self.n_iter_ = best.converged, best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        self.lower_bound_ = expect(series, best.params).log_likelihood / series.n_known
        self.n_parameters_ = count_parameters(self, given, len(series.ends))
        self.doubts_ = doubts_of(self, series, given, best)
        self._last_state = last_state(series, best.params)
        self._sampler = None
        self._started_from = given_starting_values(self)
        self.__dict__.pop("trace_", None)
        if self.record_trace:
            self.trace_ = best.record

    def __sklearn_tags__(self) -> Any:
        """Declare that cells of X may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


inherit_documentation(LinearGaussianSSM, MixtureEM)
