"""Components in another order."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skem.em.restarts import Restart
from skem.estimators.continuing import given_starting_values
from skem.estimators.sources import is_lazy
from skem.estimators.summary import SummaryMixin, column_names

__all__ = ["ReorderMixin", "reorder_restarts"]

Order = NDArray[np.intp]


class ReorderMixin(SummaryMixin):
    """The part of an estimator that numbers its components anew."""

    def reordered(self, order: str | int | ArrayLike = "weights") -> Self:
        """Return a copy of the mixture with its components in another order.

        Which component is the first depends on the start of a fit, and means nothing.

        Parameters
        ----------
        order : 'weights', str, int or array-like of shape (n_components,), default='weights'
            'weights': the heaviest component first. The name or the index of a column: the
            smallest mean or probability in it first. An array: the present number of each
            component, in the new order.

        Returns
        -------
        mixture : object
            A fitted copy. All that is known by component is in the new order, labels included:
            fitted attributes, ``trace_``, starting values and masks in the constructor's
            parameters. The mixture itself is left as it is.

        Raises
        ------
        ValueError
            If there is no such column, or the array is no order of the components.

        Examples
        --------
        >>> from skem import BinomialMixture
        >>> coins = BinomialMixture.from_parameters(
        ...     weights=[0.3, 0.7], probabilities=[[0.8], [0.5]], n_trials=10
        ... )
        >>> coins.reordered().weights_
        array([0.7, 0.3])
        >>> coins.reordered(0).probabilities_.ravel()
        array([0.5, 0.8])
        """
        check_is_fitted(self)
        places = self._order(order)
        other = copy.copy(self)
        other.set_params(**self._reordered_params(places))
        for name in self._component_attributes():
            setattr(other, name, getattr(self, name)[places])
        if hasattr(self, "labels_"):
            other.labels_ = _renumber(self.labels_, places)
        if hasattr(self, "trace_"):
            names = self._component_attributes()
            other.trace_ = tuple(
                entry._replace(
                    parameters={
                        name: values[places] if name in names else values
                        for name, values in entry.parameters.items()
                    }
                )
                for entry in self.trace_
            )
        if hasattr(self, "restarts_"):
            other.restarts_ = reorder_restarts(self.restarts_, places)
        other._started_from = given_starting_values(other)
        self._reorder_state(other, places)
        return other

    def _order(self, order: Any) -> Order:
        """Return the present numbers of the components in the new order."""
        weights: Any = self.weights_
        K = len(weights)
        if isinstance(order, str) and order == "weights":
            return np.argsort(-weights, kind="stable")
        places = np.asarray(order)
        if places.dtype.kind == "b":
            raise ValueError(
                "order must be 'weights', the name or the index of a column, or the present "
                f"number of each component in the new order; got {order!r}"
            )
        if isinstance(order, str | int | np.integer):
            values = next(iter(self._estimates(None).values())).values
            names = column_names(self, values.shape[1])
            if isinstance(order, str):
                if order not in names:
                    raise ValueError(
                        f"order must be 'weights', a column or an order of the components; got "
                        f"{order!r}, but the columns are {', '.join(names)}"
                    )
                order = names.index(order)
            elif not -len(names) <= order < len(names):
                raise ValueError(f"order={order}, but there are {len(names)} columns")
            return np.argsort(values[:, order], kind="stable")
        if places.shape != (K,) or not np.array_equal(np.sort(places), np.arange(K)):
            raise ValueError(
                f"order must hold each of the components 0 to {K - 1} once; got {order!r}"
            )
        return places.astype(np.intp)

    def _reordered_params(self, places: Order) -> dict[str, Any]:
        """Return the constructor's parameters that are by component, in the new order.

        A fit that continues (``warm_start``) holds what ``fixed`` says by number.
        """
        params: dict[str, Any] = self.get_params(deep=False)
        shared = {f"{name}_init" for name in self._shared}
        if "covariances" in self._shared:
            shared.add("precisions_init")
        new: dict[str, Any] = {
            name: np.asarray(value)[places]
            for name, value in params.items()
            if name.endswith("_init") and name != "n_init" and name not in shared
            if value is not None
        }
        if params["fixed"]:
            new["fixed"] = {
                name: mask if np.ndim(mask) == 0 else np.asarray(mask)[places]
                for name, mask in params["fixed"].items()
            }
        start = params["init_params"]
        if not isinstance(start, str) and not callable(start):
            start = np.asarray(start)
            new["init_params"] = start[:, places] if start.ndim == 2 else _renumber(start, places)
        return new

    def _reorder_state(self, other: Any, places: Order) -> None:
        """Take along what is not published: which parameters are held, and online EM's state."""
        masks = getattr(self, "_held", {})
        if masks:
            other._held = {name: mask[places] for name, mask in masks.items()}
        if (online := getattr(self, "_online", None)) is not None:
            other._online = online.reordered(places)


def _renumber(labels: Any, places: Order) -> Any:
    """Return labels that mean the same components in a new order."""
    numbers = np.argsort(places).astype(np.int32)
    if is_lazy(labels):
        return labels.map_blocks(numbers.__getitem__, dtype=np.int32)
    return numbers[labels]


def reorder_restarts(restarts: tuple[Restart, ...], places: Order) -> tuple[Restart, ...]:
    """Return what each start came to, with the new numbers of the components.

    Parameters
    ----------
    restarts : tuple of Restart
        As they are published.
    places : ndarray of shape (n_components,)
        The present number of each component, in the new order.

    Returns
    -------
    restarts : tuple of Restart
        Copies.
    """
    return tuple(
        replace(
            each, failure=_rename(each.failure, places), spurious=_rename(each.spurious, places)
        )
        for each in restarts
    )


def _rename(text: str | None, places: Order) -> str | None:
    """Return what was said of a component, with its new number."""
    if text is None:
        return None
    numbers = np.argsort(places)
    return re.sub(r"(?<=component )\d+", lambda found: str(numbers[int(found[0])]), text)
