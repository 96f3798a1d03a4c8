"""Linear-Gaussian state-space models: the Kalman filter whose parameters EM fits."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skem.data.blocks import workers
from skem.em.driver import Run, run
from skem.em.information import delta_method
from skem.em.restarts import AllStartsFailedError, best_run
from skem.estimators.fitted_state_space import FittedStateSpace
from skem.estimators.sequences import refuse_lengths_as_y
from skem.estimators.state_space_holding import freedom, given_values, shapes, undetermined
from skem.estimators.validation import (
    Check,
    array_like,
    boolean,
    check_parameters,
    integer,
    mapping,
    none,
    nonzero_integer,
    one_of,
    random_state,
    real,
    unchanged_on_error,
)
from skem.estimators.verbose import Reporter
from skem.estimators.warn_once import warn
from skem.state_space.expectation import expect
from skem.state_space.freedom import Freedom
from skem.state_space.model import StateSpaceModel
from skem.state_space.scalars import is_diagonal
from skem.state_space.series import FloatArray, Series, StateSpace
from skem.state_space.smoothing import rows_of
from skem.state_space.starts import standardise, start

__all__ = ["LinearGaussianSSM"]

KINDS = ("full", "diagonal", "scalar")


class LinearGaussianSSM(FittedStateSpace):
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
    warm_start : bool, default=False
        Continue from the published parameters, if there are any; ``n_init`` is then ignored.
    verbose : int, default=0
        1 prints the progress, 2 also times and changes.
    verbose_interval : int, default=10
        Evaluations between two lines of progress.

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
    converged_ : bool
        Whether the best run had less than ``tol`` left to gain.
    n_iter_ : int
        E/M evaluations of the best run.
    lower_bound_ : float
        Mean log-likelihood of the published parameters, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step.
    restarts_ : tuple of Restart
        What became of each start.
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
        "fixed": none | mapping,
        "tol": real(0.0),
        "max_iter": integer(1),
        "n_init": integer(1),
        "acceleration": one_of(["quasi-newton"]) | none,
        "n_jobs": nonzero_integer | none,
        "random_state": random_state,
        "warm_start": boolean,
        "verbose": integer(0) | boolean,
        "verbose_interval": integer(1),
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
        fixed: dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_states = n_states
        self.transition_covariance_type = transition_covariance_type
        self.observation_covariance_type = observation_covariance_type
        self.transition_matrix_init = transition_matrix_init
        self.observation_matrix_init = observation_matrix_init
        self.transition_covariance_init = transition_covariance_init
        self.observation_covariance_init = observation_covariance_init
        self.initial_state_mean_init = initial_state_mean_init
        self.initial_state_covariance_init = initial_state_covariance_init
        self.observation_offset_init = observation_offset_init
        self.fixed = fixed
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @classmethod
    def from_parameters(cls, **parameters: ArrayLike) -> Self:
        """Return a model with given parameters, as if it had been fitted.

        Parameters
        ----------
        **parameters : array-like
            All seven parameters, by name: ``transition_matrix`` and so on, in the shapes of the
            attributes; ``observation_offset`` may be left out and is 0 then.

        Returns
        -------
        model : LinearGaussianSSM
            Its :meth:`forecast` needs a sequence.

        Raises
        ------
        ValueError
            If one is missing, or does not fit the others.
        """
        given: dict[str, Any] = dict(parameters)
        C = np.atleast_2d(np.asarray(given.get("observation_matrix", np.nan), dtype=np.float64))
        given.setdefault("observation_offset", np.zeros(len(C)))
        if missing := [name for name in StateSpace._fields if name not in given]:
            raise ValueError(f"from_parameters needs {', '.join(missing)}")
        if unknown := sorted(set(given) - set(StateSpace._fields)):
            raise ValueError(f"from_parameters does not know {', '.join(unknown)}")
        model = cls(C.shape[1], **{f"{name}_init": value for name, value in given.items()})
        if not is_diagonal(np.asarray(given["observation_covariance"], dtype=np.float64)):
            model.observation_covariance_type = "full"
        params = given_values(model, len(C))
        if any(np.isnan(values).any() for values in params):
            raise ValueError("from_parameters needs numbers, not NaN")
        model._publish(params)
        model.n_features_in_ = len(C)
        model.n_parameters_ = model._n_parameters(params, model.n_states + 1)
        return model

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
            If the best run had something left to gain after ``max_iter`` evaluations.
        """
        refuse_lengths_as_y(y, X)
        with unchanged_on_error(self):
            check_parameters(self, self._checks)
            continuing = self.warm_start and hasattr(self, "transition_matrix_")
            series, centre = self._series(X, groups, lengths, sample_weight, reset=not continuing)
            with workers(0):  # products are small: a BLAS of one thread, and the same bits
                best = self._fit(series, centre, continuing)
            if not best.converged:
                warn(
                    f"EM did not converge: after max_iter={self.max_iter} evaluations more than "
                    f"tol={self.tol:g} nats per row were left to gain. Increase max_iter or tol, "
                    "hold more of the parameters (fixed), or decrease n_states.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
        return self

    def _fit(self, series: Series, centre: FloatArray, continuing: bool) -> Run:
        if continuing:
            given, starts = self._continued(centre)
        else:
            given = given_values(self, series.values.shape[1])
            offset = given.observation_offset - centre
            given = given._replace(observation_offset=offset)
            starts = self._starts(series, given)
        model = StateSpaceModel(series, self._freedom(series, given, starts[0]))
        attempts = [partial(self._run, model, each, i) for i, each in enumerate(starts)]
        try:
            best, self.restarts_ = best_run(attempts, "", self.n_jobs)
        except AllStartsFailedError as error:
            raise ValueError(str(error)) from None
        self._publish(
            best.params._replace(observation_offset=best.params.observation_offset + centre)
        )
        self.converged_, self.n_iter_ = best.converged, best.n_evaluations
        self.lower_bounds_ = list(best.trace)
        self.lower_bound_ = expect(series, best.params).log_likelihood / series.total_weight
        self.n_parameters_ = self._n_parameters(given, len(series.ends))
        last = slice(series.starts[-1], None)
        filtered = rows_of(Series.of(self._rows(series, last)), best.params, smooths=False)
        self._last_state = filtered.means[-1], filtered.covariances[-1]
        return best

    @staticmethod
    def _rows(series: Series, rows: slice) -> FloatArray:
        if series.observed is None:
            return series.values[rows]
        return np.where(series.observed[rows], series.values[rows], np.nan)

    def _continued(self, centre: FloatArray) -> tuple[StateSpace, list[StateSpace]]:
        """Return the published parameters as given ones, and as the only start."""
        if (n := len(self.transition_matrix_)) != self.n_states:
            raise ValueError(
                f"n_states is {self.n_states}, but the model so far has {n}: set it to {n}, or "
                "fit anew with warm_start=False"
            )
        params = self._published(centre)
        return params, [params]

    def _starts(self, series: Series, given: StateSpace) -> list[StateSpace]:
        """Return the starts: the first the same for any seed."""
        rng = check_random_state(self.random_state)
        sources = [None, *(rng.randint(2**31 - 1, size=self.n_init - 1))]
        rngs = [None if seed is None else np.random.RandomState(seed) for seed in sources]
        starts = [start(series, given, each) for each in rngs]
        if "transition_covariance" in undetermined(self, len(series.ends)):
            starts = [standardise(each, given) for each in starts]
        return [self._in_form(each, given) for each in starts]

    def _in_form(self, params: StateSpace, given: StateSpace) -> StateSpace:
        """Return a start whose covariances have the forms that are asked for."""
        found = {}
        for name in ("transition_covariance", "observation_covariance"):
            matrix, kind = getattr(params, name), getattr(self, f"{name}_type")
            if np.isnan(getattr(given, name)).any() and kind != "full":
                variances = np.diag(matrix)
                same = np.full(len(matrix), variances.mean())
                found[name] = np.diag(same if kind == "scalar" else variances)
        return params._replace(**found)

    def _freedom(self, series: Series, given: StateSpace, first: StateSpace) -> Freedom:
        """Return what is free, with the units of a start."""
        outputs = np.sqrt(np.mean(series.values**2, axis=0))
        outputs = np.where(outputs > 0, outputs, 1.0)
        states = np.sqrt(np.diag(first.initial_state_covariance))
        states = np.where(states > 0, states, 1.0)
        scales = {
            "transition_matrix": states[:, np.newaxis] / states,
            "observation_matrix": outputs[:, np.newaxis] / states,
            "transition_covariance": states,
            "observation_covariance": outputs,
            "initial_state_mean": states,
            "initial_state_covariance": states,
            "observation_offset": outputs,
        }
        return freedom(self, given, len(series.ends), scales)

    def _run(self, model: StateSpaceModel, first: StateSpace, number: int) -> Run:
        reporter = Reporter(self.verbose, self.verbose_interval)
        reporter.begin(number)
        result = run(
            model,
            first,
            tol=self.tol,
            max_iter=self.max_iter,
            accelerate=self.acceleration is not None,
            report=(lambda n, objective, _: reporter.iteration(n, objective))
            if self.verbose
            else None,
        )
        reporter.end(result)
        return result

    def _publish(self, params: StateSpace) -> None:
        for name, values in params._asdict().items():
            setattr(self, f"{name}_", np.array(values))

    def _n_parameters(self, given: StateSpace, n_sequences: int) -> int:
        """Count the free parameters that the likelihood tells apart."""
        n = self.n_states
        ones = {name: np.ones(shape) for name, shape in shapes(n, len(given[1])).items()}
        for name in (
            "transition_covariance",
            "observation_covariance",
            "initial_state_covariance",
        ):
            ones[name] = np.ones(len(getattr(given, name)))
        free = freedom(self, given, n_sequences, ones)
        count = sum(int(mask.sum()) for mask in free.masks.values())
        for form in free.forms.values():
            d = int(form.free.sum())
            count += {"full": d * (d + 1) // 2, "diagonal": d, "scalar": min(d, 1)}[form.kind]
        names = ("transition_matrix", "observation_matrix", "initial_state_mean")
        if all(free.masks[name].all() for name in names):
            Q, P = free.forms["transition_covariance"], free.forms["initial_state_covariance"]
            if Q.free.all() and Q.kind == "full" and P.free.all():
                return count - n * n
            if "transition_covariance" in undetermined(self, n_sequences):
                return count - n * (n - 1) // 2
        return count

    def standard_errors(
        self,
        X: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Bunch:
        """Return the standard errors of the published parameters.

        They are from the observed information (Louis 1982), by the delta method where parameters
        are constrained. Parameters that the likelihood does not determine have none: hold enough
        of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of the fit.
        groups, lengths : array-like, default=None
            Where sequences begin, as in :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        errors : Bunch
            An array for each parameter, in its shape: ``errors.transition_matrix``, and so on. 0
            for what was held, NaN where there is no telling.

        Warns
        -----
        ConvergenceWarning
            If some do not exist.
        """
        check_is_fitted(self)
        series, centre = self._series(X, groups, lengths, sample_weight)
        params = self._published(centre)
        model = StateSpaceModel(series, self._freedom(series, params, params))
        advice = "hold more of the parameters (fixed), or decrease n_states"
        with workers(0):
            variances, doubt = delta_method(model, params, _flat, advice)
        if doubt is not None:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=2)
        errors, place = Bunch(), 0
        for name, values in params._asdict().items():
            part = variances[place : place + values.size]
            errors[name] = np.sqrt(part).reshape(values.shape)
            place += values.size
        return errors

    def __sklearn_tags__(self) -> Any:
        """Declare that cells of X may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _flat(params: StateSpace) -> FloatArray:
    return np.concatenate([values.ravel() for values in params])
