"""Warnings of a fit, which a search shows once and not for each of its fits."""

import inspect
import warnings

__all__ = ["warn"]

#: Where scikit-learn's searches and cross-validation fit to part of the rows.
FITS_OF_A_SEARCH = "sklearn.model_selection._validation"

_shown: set[tuple[str, type[Warning]]] = set()


def warn(message: str, category: type[Warning], stacklevel: int) -> None:
    """Warn as :func:`warnings.warn`, but of the fits to folds once where no filter says otherwise.

    That is Python's own rule: once for each place. scikit-learn makes it forget what it has shown:
    each check of an array enters ``catch_warnings``, and (in 1.9) each task of a search.
    """
    if _is_fold() and not _is_filtered(message, category):
        if (message, category) in _shown:
            return
        _shown.add((message, category))
    warnings.warn(message, category, stacklevel=stacklevel + 1)


def _is_fold() -> bool:
    """Tell whether a search or a cross-validation is among the callers."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") != FITS_OF_A_SEARCH:
        frame = frame.f_back
    return frame is not None


def _is_filtered(message: str, category: type[Warning]) -> bool:
    """Tell whether a filter may say what is to become of the warning."""
    return any(
        issubclass(category, of) and (pattern is None or pattern.match(message))
        for _, pattern, of, *_ in warnings.filters
    )
