"""What the legend of a ClusterDisplay says of sizes, colours and lines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def explain(
    ax: Any, size: str | None, radii: NDArray[np.float64], regions: NDArray[np.float64]
) -> int:
    """Add entries for the legend: of size, of ellipses, of contours; return how many."""
    entries: list[tuple[str, dict[str, Any]]] = []
    if size is not None:
        entries.append((size, {"marker": "o", "markersize": 9, "alpha": 0.7}))
    if radii.size:
        label = f"ellipse: {_join(radii)} standard\ndeviations of a component"
        entries.append((label, {"linestyle": "--", "linewidth": 2}))
    if regions.size:
        label = f"thin line: region with\n{_join(100 * regions)} % of the mixture"
        entries.append((label, {"linestyle": "-", "linewidth": 0.8}))
    for label, look in entries:
        ax.plot([], [], label=label, **{"color": "0.45", "linestyle": "", **look})
    return len(entries)


def _join(numbers: NDArray[np.float64]) -> str:
    """Return numbers as a list in words: '1', '1 and 2', '50, 90 and 99'."""
    *first, last = (f"{number:g}" for number in numbers)
    return f"{', '.join(first)} and {last}" if first else last
