"""What the displays share: matplotlib on demand, one style a component, rows and columns of X."""

from collections.abc import Sequence
from copy import copy
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

#: Lines differ in their dashes and markers as well as in colour, so that they do so in grey.
DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (10, 3)), (0, (3, 1)))
MARKERS = "os^Dv*PX<>dhp8"

#: So many colours of a map can be told apart where they follow one another.
MOST_IN_ORDER = 7

#: The line of a whole mixture, among dashed ones of components.
MIXTURE = {"color": "black", "linestyle": "-", "linewidth": 2.5, "label": "mixture"}

#: A legend of more entries goes beside the axes, where it hides nothing.
MOST_INSIDE = 6

#: A legend that would take more of the height of the axes goes beside them, too.
MOST_OF_HEIGHT = 0.5

#: What stays free above and below a legend inside, as a share of that height.
AROUND_LEGEND = 0.06

#: One of more entries is not read.
MOST_IN_LEGEND = 22


def pyplot(caller: str) -> Any:
    """Import matplotlib.pyplot; raise an ImportError that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed: "
            'python -m pip install "scikit-em[plot]"'
        ) from error
    return plt


class Display:
    """The axes of a display."""

    def _axes(self, ax: Any) -> Any:
        """Return the axes to draw on, new ones unless given, and publish them."""
        if ax is None:
            plt = pyplot(f"{type(self).__name__}.plot")
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def styles(n: int, cmap: Any, *, solid: bool = False) -> list[dict[str, Any]]:
    """Return colour, dashes and marker of n lines; a solid one among them only if asked for."""
    places = np.linspace(0, 0.75, n)
    if n > MOST_IN_ORDER:
        # Neighbours on the map would look alike: take every third, then the ones between.
        places = np.concatenate([places[i::3] for i in range(3)])
    colors = pyplot("A display").get_cmap(cmap)(places)
    dashes = DASHES if solid else DASHES[1:]
    return [
        {
            "color": tuple(color),
            "linestyle": dashes[i % len(dashes)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        for i, color in enumerate(colors.tolist())
    ]


def styled(defaults: dict[str, Any], given: dict[str, Any] | None, artist: Any) -> dict[str, Any]:
    """Return keywords of an artist: what is given, under any alias, goes before the defaults."""
    from matplotlib.cbook import normalize_kwargs

    return {**normalize_kwargs(defaults, artist), **normalize_kwargs(given or {}, artist)}


def component_label(k: int, weight: float) -> str:
    """Return what the legend says of a component."""
    return f"component {k} ({100 * weight:.1f} %)"


def bars(ax: Any, heights: NDArray[Any], edges: NDArray[Any], given: dict[str, Any] | None) -> Any:
    """Draw what was observed, as bars behind the lines of a model."""
    from matplotlib.patches import StepPatch

    looks = {"fill": True, "facecolor": "0.88", "label": "observed"}
    return ax.stairs(heights, edges, **styled(looks, given, StepPatch))


def legend(ax: Any, n: int, *, beside: bool = False) -> None:
    """Draw a legend, unless it would have a single entry or too many.

    It is inside the axes only where it is given room above all that is drawn.
    """
    if not 1 < n <= MOST_IN_LEGEND:
        return
    if beside or n > MOST_INSIDE or not _make_room(ax, ax.legend(loc="upper right")):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")


def _make_room(ax: Any, box: Any) -> bool:
    """Raise the axes until all that is drawn ends below a legend; tell whether that can be."""
    ax.figure.canvas.figure.draw_without_rendering()
    share = box.get_window_extent().height / ax.get_window_extent().height + AROUND_LEGEND
    low, _ = ax.get_ylim()
    if share > MOST_OF_HEIGHT or not low < ax.dataLim.y1 < np.inf:
        return False
    ax.set_ylim(low, low + (ax.dataLim.y1 - low) / (1 - share))
    return True


def whole_numbers(axis: Any) -> None:
    """Put ticks at whole numbers only."""
    axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def find_mixture(
    estimator: Any, caller: str, attributes: Sequence[str], kind: str, X: Any = None
) -> tuple[Any, Any]:
    """Return the fitted mixture in a pipeline or a search, and the rows as it sees them.

    Raise a TypeError if it has not the attributes, and a NotFittedError if it is not fitted.
    """
    if hasattr(estimator, "cv_results_"):
        if not hasattr(estimator, "best_estimator_"):
            raise TypeError(
                f"{caller}: the {type(estimator).__name__} has no best_estimator_, because it was "
                "made with refit=False. Fit the mixture that you choose, and pass that"
            )
        return find_mixture(estimator.best_estimator_, caller, attributes, kind, X)
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return find_mixture(estimator[-1], caller, attributes, kind, X)
    missing = [name for name in attributes if not hasattr(estimator, name)]
    if missing:
        raise TypeError(
            f"{caller} takes {kind}; {type(estimator).__name__} has no {', '.join(missing)}"
        )
    return estimator, X


def check_rows(estimator: Any, X: Any) -> NDArray[Any]:
    """Return X as an array; raise ValueError unless it has the columns that fit saw."""
    return validate_data(
        estimator,
        X,
        reset=False,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
    )


def posteriors(estimator: Any, X: NDArray[Any]) -> NDArray[Any]:
    """Return predict_proba of an array whose columns have been checked."""
    nameless = copy(estimator)  # which does not warn that an array has no names
    vars(nameless).pop("feature_names_in_", None)
    return nameless.predict_proba(X)


def check_weights(sample_weight: Any, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return one weight for each row, ones by default."""
    if sample_weight is None:
        return np.ones(len(X))
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim != 1 or (weights < 0).any():
        raise ValueError("sample_weight must hold one non-negative number for each row of X")
    check_consistent_length(X, weights)
    return weights


def complete(columns: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows count and have no value missing in the columns; there must be one."""
    present = ~np.isnan(columns).any(axis=1) & (weights > 0)
    if not present.any():
        raise ValueError(
            "there is nothing to show: in every row a chosen column is missing or the "
            "sample_weight is zero"
        )
    return present


def feature_name(estimator: Any, j: int) -> str:
    """Return the name of a feature, made up where fit saw none."""
    names = getattr(estimator, "feature_names_in_", None)
    return f"feature {j}" if names is None else str(names[j])


def feature_index(estimator: Any, feature: Any, n: int) -> int:
    """Return the index, from 0 to n - 1, of a feature given by index or by name."""
    if isinstance(feature, str):
        names = list(getattr(estimator, "feature_names_in_", [])[:n])
        if not names:
            raise ValueError(
                f"no feature is known by a name such as {feature!r}: the estimator was fitted "
                "without feature names. Give an index"
            )
        if feature not in names:
            raise ValueError(f"no feature has the name {feature!r}; there are {', '.join(names)}")
        return names.index(feature)
    if not isinstance(feature, Integral) or isinstance(feature, bool):
        raise TypeError(f"a feature is given by its index or its name, not by {feature!r}")
    if not -n <= feature < n:
        raise ValueError(f"feature {feature} is out of range: there are {n}")
    return int(feature) % n


def feature_pair(estimator: Any, features: Sequence[int | str] | None) -> list[int]:
    """Return the indices of two different features."""
    n = estimator.means_.shape[1]
    if n < 2:
        raise ValueError("ClusterDisplay shows two features, but there is one: use DensityDisplay")
    if features is None:
        if n > 2:
            raise ValueError(
                f"there are {n} features: set features to two of them, such as (0, 1), or draw "
                "all pairs by PairsDisplay"
            )
        return [0, 1]
    if isinstance(features, str) or len(features) != 2:
        raise ValueError(f"features must be two indices or names, got {features!r}")
    pair = [feature_index(estimator, feature, n) for feature in features]
    if pair[0] == pair[1]:
        raise ValueError(f"features must be two different ones, got {features!r}")
    return pair
