"""The picture of the chosen mixture."""

from pathlib import Path
from typing import Any

import numpy as np

from skem.cli.data import Data
from skem.cli.errors import CommandError, one_line
from skem.cli.files import check_output

__all__ = ["check_picture", "write_picture"]

#: So many columns are drawn, at most: more would be too small to be read.
MOST_COLUMNS = 6

#: Panels side by side, of columns of counts.
PANELS_ACROSS = 2


def check_picture(path: str | None, source: str) -> None:
    """Raise CommandError early where matplotlib is missing, or cannot draw such a file."""
    if path is None:
        return
    check_output(path, source)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise CommandError(
            f"drawing {path} needs matplotlib, which is not installed: "
            'python -m pip install "scikit-em[plot]"'
        ) from None
    matplotlib.use("agg")
    suffix = Path(path).suffix.removeprefix(".").lower()
    known = sorted(Figure().canvas.get_supported_filetypes())
    if suffix not in known:
        raise CommandError(f"cannot draw {path}: its suffix is none of {', '.join(known)}")


def write_picture(path: str, data: Data, model: Any) -> list[str]:
    """Draw the chosen mixture: clusters in every pair of columns, or each column of counts.

    Returns
    -------
    left_out : list of str
        The columns that are not drawn, because there are too many.
    """
    names, X = data.columns, data.frame
    gaussian = hasattr(model, "means_")
    parameters = model.means_ if gaussian else _of_counts(model)
    n = min(parameters.shape[1], MOST_COLUMNS)
    try:
        figure = (_clusters if gaussian else _counts)(model, X, data.row_weights, n)
        figure.savefig(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or one_line(error)}") from None
    except ValueError as error:
        raise CommandError(f"cannot draw {path}: {one_line(error)}") from None
    return names[n : parameters.shape[1]]


def _of_counts(model: Any) -> np.ndarray:
    return model.rates_ if hasattr(model, "rates_") else model.probabilities_


def _clusters(model: Any, X: Any, weights: np.ndarray | None, n: int) -> Any:
    """Draw the first n features of a Gaussian mixture, and return the figure."""
    from skem.plotting import ClusterDisplay, DensityDisplay, PairsDisplay

    if n == 1:
        return DensityDisplay.from_estimator(model, X, sample_weight=weights).figure_
    if n == 2:
        return ClusterDisplay.from_estimator(model, X, sample_weight=weights).figure_
    features = list(range(n))
    pairs = PairsDisplay.from_estimator(model, X, features=features, sample_weight=weights)
    return pairs.figure_


def _counts(model: Any, X: Any, weights: np.ndarray | None, n: int) -> Any:
    """Draw the first n columns of counts, one panel each, and return the figure."""
    import matplotlib.pyplot as plt

    from skem.plotting import CountDisplay

    n_across = min(n, PANELS_ACROSS)
    n_down = -(-n // n_across)
    size = (5.5 * n_across, 4 * n_down)
    figure, axes = plt.subplots(n_down, n_across, figsize=size, layout="constrained")
    axes = np.ravel(axes)
    for column, ax in enumerate(axes[:n]):
        CountDisplay.from_estimator(model, X, column=column, sample_weight=weights, ax=ax)
    for ax in axes[n:]:
        ax.set_axis_off()
    return figure
