"""What pickles of estimators carry: the version that wrote them, and no data."""

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skem.estimators.sources import is_lazy
from skem.version import __version__

__all__ = ["VersionedEstimator"]


class VersionedEstimator(BaseEstimator):
    """An estimator whose pickles say which version of the package wrote them."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out labels that are lazy: they hold on to the data, or to a cluster."""
        state = super().__getstate__()
        kept = {name: value for name, value in state.items() if not is_lazy(value)}
        return {**kept, "_skem_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Warn where another version of the package has written the state."""
        state = dict(state)
        version = state.pop("_skem_version", "unknown")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"skem.{type(self).__name__}",
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
