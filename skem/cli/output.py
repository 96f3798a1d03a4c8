"""What the chosen mixture says of each row of the file, and its picture."""

from pathlib import Path
from typing import Any

import numpy as np

from skem.cli.columns import find_column
from skem.cli.data import Data
from skem.cli.errors import CommandError, one_line
from skem.cli.files import Table, check_output, write_table

__all__ = ["check_files", "write_labels", "write_picture"]


def check_files(arguments: Any, table: Table) -> None:
    """Raise CommandError early where results could not be written at the end."""
    for path in (arguments.output, arguments.plot):
        if path is not None:
            check_output(path, arguments.data)
    if arguments.output is not None:
        _kept(arguments, table)
    if arguments.plot is not None:
        _figure(arguments.plot)


def _kept(arguments: Any, table: Table) -> list[int]:
    """Return the columns of the file that go into the output."""
    if arguments.id is not None:
        return [find_column(arguments.id, table)]
    ours = [name for name in table.names if name in ("label", "uncertainty")]
    if ours:
        raise CommandError(
            f"{table.path} has a column {ours[0]} already, which --output adds: keep one column "
            "of the file, --id NAME"
        )
    return list(range(len(table.names)))


def write_labels(arguments: Any, table: Table, data: Data, model: Any) -> None:
    """Write label, uncertainty and posterior of each row; nothing where it has no value."""
    import pandas as pd

    posterior = np.full((len(table), model.n_components), np.nan)
    posterior[data.seen] = model.predict_proba(data.rows)
    labels = pd.array(np.zeros(len(table)), dtype="Int64")
    labels[:] = pd.NA
    labels[data.seen] = model.predict(data.rows)
    added = {"label": labels, "uncertainty": 1 - posterior.max(axis=1)}
    added |= {f"p{k}": column for k, column in enumerate(posterior.T)}
    write_table(arguments.output, table, _kept(arguments, table), added)


def _figure(path: str) -> None:
    """Raise CommandError where matplotlib is missing, or cannot draw such a file."""
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


def write_picture(path: str, data: Data, model: Any) -> None:
    """Draw the chosen mixture: its clusters, its density if there is one feature, its counts."""
    from skem.plotting import ClusterDisplay, CountDisplay, DensityDisplay

    if not hasattr(model, "means_"):
        display = CountDisplay
    else:
        display = DensityDisplay if data.X.shape[1] == 1 else ClusterDisplay
    drawn = display.from_estimator(model, data.rows, sample_weight=data.row_weights)
    try:
        drawn.figure_.savefig(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or one_line(error)}") from None
