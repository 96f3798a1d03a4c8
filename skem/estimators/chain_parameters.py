"""Parameters and data of a hidden Markov model: as a user gives them, as the model has them."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.chains.lanes import ends_of
from skem.data.blocks import workers
from skem.estimators.chain_holding import (
    check_chain,
    check_stationary,
    free_probabilities,
    given_chain,
)
from skem.estimators.chain_outputs import check_units
from skem.estimators.chain_summary import DescribedChain
from skem.estimators.continuing import given_starting_values
from skem.estimators.fitting import known_rows
from skem.estimators.holding import check_fixed, with_held
from skem.estimators.sequences import (
    check_known_states,
    outer_index,
    sequence_ends,
    sequence_weights,
)
from skem.estimators.sources import is_lazy, open_data, open_labels, open_weights, rows_of
from skem.estimators.validation import Check, check_parameters
from skem.mixture.hidden_chain import HiddenChain
from skem.mixture.labels import MixtureParameters, Weights
from skem.mixture.markov import Chain, Markov
from skem.mixture.sequences import Sequences
from skem.mixture.stationary import StationaryMarkov

__all__ = ["ParametricChain"]


class ParametricChain(DescribedChain):
    """What a hidden Markov model makes of the parameters and the data that it is given.

    All that concerns the components is asked of a mixture estimator with the same parameters
    (``_mixture``).
    """

    _checks: dict[str, Check]
    n_components: int
    fixed: Any
    startprob_init: Any
    transmat_init: Any
    stationary_start: bool
    startprob_prior: Any
    transmat_prior: Any

    @classmethod
    def from_parameters(
        cls, *, startprob: ArrayLike | None = None, transmat: ArrayLike, **params: Any
    ) -> Self:
        """Make a model of known parameters, as if it had been fitted.

        Parameters
        ----------
        startprob : array-like of shape (n_components,)
            Distribution of the first state. To be left out with ``stationary_start=True``.
        transmat : array-like of shape (n_components, n_components)
            Transition matrix.
        **params : dict
            The parameters of the states by their names, as the mixture of the same components
            takes them (``means=``, ``covariances=``, ``rates=``, ``probabilities=``), and further
            constructor parameters.

        Returns
        -------
        model : object
            Ready to predict, score, forecast and sample.

        Raises
        ------
        ValueError
            If the shapes do not agree, or probabilities do not sum to one.
        TypeError
            If a parameter of the states is missing, or unknown.
        """
        shape = np.shape(transmat)
        if len(shape) != 2 or shape[0] != shape[1] or 0 in shape:
            raise ValueError(
                f"transmat must have the shape (n_components, n_components), got {shape}"
            )
        K = shape[0]
        own = {name: params[name] for name in cls._get_param_names() if name in params}
        shared = {name: own[name] for name in cls._of_components if name in own}
        arrays = {name: values for name, values in params.items() if name not in own}
        self = cls(n_components=K, **own)
        check_parameters(self, cls._checks)
        labels, chain = self._given_labels(startprob, transmat)
        known = inspect.signature(cls._mixture_class.from_parameters).parameters.values()
        names = {each.name: each for each in known if each.kind == each.KEYWORD_ONLY}
        del names["weights"]
        if unknown := set(arrays) - set(names):
            raise TypeError(
                f"{cls.__name__}.from_parameters takes no {sorted(unknown)[0]!r}; its states have "
                f"{', '.join(names)}"
            )
        needed = {name for name, each in names.items() if each.default is each.empty}
        if missing := needed - set(arrays):
            raise TypeError(f"{cls.__name__}.from_parameters needs {', '.join(sorted(missing))}")
        for name in sorted(needed - set(self._mixture()._shared)):
            if (n := len(np.atleast_1d(arrays[name]))) != K:
                raise ValueError(f"{name} are of {n} states, but transmat is of {K}")
        mixture = cls._mixture_class.from_parameters(weights=np.full(K, 1 / K), **arrays, **shared)
        self._take_over(mixture)
        self.n_features_in_ = mixture.n_features_in_
        self.startprob_, self.transmat_ = chain
        family, components = self._fitted()
        self.n_parameters_ = labels.n_parameters() + family.n_parameters(components)
        self._started_from = given_starting_values(self)
        return self

    def _given_labels(self, startprob: Any, transmat: Any) -> tuple[Markov, Chain]:
        """Return a chain that is given as a whole, and its labels."""
        chain = check_chain(startprob, transmat, self.n_components)
        labels = self._labels_of(chain, {}, None if startprob is None else "startprob")
        chain = labels.tied(chain)
        if any(np.isnan(values).any() for values in chain):
            raise ValueError("startprob and transmat must be given as a whole, without NaN")
        return labels, chain

    def _training_sequences(
        self,
        X: Any,
        groups: Any,
        lengths: Any,
        sample_weight: Any,
        known_labels: Any,
        reset: bool,
    ) -> tuple[Any, Sequences]:
        """Return validated X, and the sequences that count."""
        given, X = X, open_data(self, X, reset=reset)
        ends = sequence_ends(len(X), groups, lengths, outer_index(given))
        if self.n_components == 1 and sample_weight is not None:
            ends = np.arange(1, len(X) + 1)  # with one state rows are exchangeable
        weights = open_weights(sample_weight, X)
        check_units(X, ends, self.n_components)
        by_sequence = sequence_weights(None if weights is None else np.asarray(weights), ends)
        labels = open_labels(known_labels, X, self.n_components)
        chain = given_chain(self, "_init" if reset else "_")
        start, transmat = (~(values == 0) for values in chain)  # NaN is possible
        check_known_states(labels, ends, start, transmat)
        rows = rows_of(X, weights, labels)
        n_known = known_rows(self._mixture(), X, weights, labels).total_weight
        if by_sequence is not None and not by_sequence.all():
            ends = ends_of(np.diff(ends, prepend=0)[by_sequence > 0])
            if not is_lazy(weights):  # those of dask leave them out by themselves
                rows = rows.restrict(np.flatnonzero(weights))
        if rows.n_rows < self.n_components:
            raise ValueError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {rows.n_rows}"
            )
        return X, Sequences(rows, ends, self.n_components, n_known)

    def _prepare(
        self, sequences: Sequences, continuing: bool
    ) -> tuple[HiddenChain, MixtureParameters, Any]:
        """Return the model of rows, starting values, and which components' are held."""
        rows, mixture, fixed = sequences.rows, self._mixture(), dict(self.fixed or {})
        of_chain = {name: fixed.pop(name, False) for name in Chain._fields}
        with workers(0):
            mixture._check_rows(rows, self.n_components)
            family = mixture._training_family(rows)
            given = (mixture._continued if continuing else mixture._given)(family)
            names = tuple(name for name in mixture._fixable if name != "weights")
            held = check_fixed(
                fixed, given, self.n_components, (*Chain._fields, *names), mixture._shared
            )
            _, family = with_held(family, held)
        labels, chain = self._labels(of_chain, "_" if continuing else "_init")
        given = MixtureParameters(chain, given.components)
        return HiddenChain(labels, family, sequences), given, held

    def _labels(self, fixed: dict[str, Any], suffix: str) -> tuple[Markov, Chain]:
        """Return the chain of labels, and its starting values."""
        chain = given_chain(self, suffix)
        start = None if self.startprob_init is None else "startprob_init"
        labels = self._labels_of(chain, fixed, start)
        if not self.stationary_start:
            return labels, chain
        if np.isnan(chain.transmat).any():
            return labels, chain._replace(startprob=np.full(self.n_components, np.nan))
        return labels, labels.tied(chain)

    def _labels_of(self, chain: Chain, fixed: dict[str, Any], start: str | None) -> Markov:
        """Return the chain of labels with such starting values."""
        free = free_probabilities(chain, fixed)
        pseudo = Markov.table(
            _dirichlet("startprob_prior", self.startprob_prior, chain.startprob.shape),
            _dirichlet("transmat_prior", self.transmat_prior, chain.transmat.shape),
        )
        if not self.stationary_start:
            return Markov(free, pseudo - 1.0)
        check_stationary(self, chain, fixed, start)
        free[0] = False
        return StationaryMarkov(free, pseudo - 1.0)

    def _publish(self, family: Any, params: MixtureParameters, dtype: Any) -> None:
        """Set the fitted attributes that hold the parameters."""
        mixture = self._mixture()
        weights = Weights(np.full(self.n_components, 1 / self.n_components))
        mixture._publish(family, MixtureParameters(weights, params.components), dtype)
        self._take_over(mixture)
        self.startprob_ = params.labels.startprob.copy()
        self.transmat_ = params.labels.transmat.copy()

    def _as_published(self, family: Any, dtype: Any, params: MixtureParameters) -> dict[str, Any]:
        """Return the attributes that some parameters would be published as."""
        image: Any = copy.copy(self)
        vars(image).clear()
        vars(image).update({name: getattr(self, name) for name in self.get_params(deep=False)})
        before = set(vars(image))
        image._publish(family, params, dtype)
        return {name: value for name, value in vars(image).items() if name not in before}

    def _publish_held(self, held: Any, continuing: bool) -> None:
        """Put back what was held, to the last bit: it went through other coordinates."""
        if continuing:
            return
        for name, mask in held.masks.items():
            if (given := getattr(self, f"{name}_init")) is not None:
                where = ... if name in held.shared else mask
                getattr(self, f"{name}_")[where] = np.asarray(given)[where]

    def _take_over(self, mixture: Any) -> None:
        """Set the fitted attributes of the components as a mixture has them."""
        for name, values in vars(mixture).items():
            if name not in (
                "weights_",
                "n_parameters_",
                "_in_chain",
                *mixture.get_params(deep=False),
            ):
                setattr(self, name, values)

    def _without_penalty(self, model: HiddenChain) -> HiddenChain:
        """Return the model of the same rows whose objective is the log-likelihood alone."""
        return replace(model, labels=Markov(model.labels.free), components=self._fitted()[0])


def _dirichlet(name: str, prior: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the parameters of a Dirichlet prior for each entry, or raise ValueError."""
    try:
        values = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {prior!r}") from None
    if values.shape not in ((), shape):
        raise ValueError(f"{name} must be a number or have the shape {shape}, got {values.shape}")
    values = np.broadcast_to(values, shape)
    if not (valid := np.isfinite(values) & (values >= 1)).all():
        index = tuple(map(int, np.argwhere(~valid)[0]))
        where = f"{name}[{', '.join(map(str, index))}]"
        raise ValueError(f"{name} must be finite and at least 1, but {where} is {values[index]:g}")
    return values
