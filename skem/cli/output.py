"""What the chosen mixture says of each row of the file."""

from typing import Any

import numpy as np

from skem.cli.columns import find_column
from skem.cli.data import Data
from skem.cli.errors import CommandError
from skem.cli.files import Table, check_output, write_table

__all__ = ["check_labels", "write_labels"]


def check_labels(arguments: Any, table: Table) -> None:
    """Raise CommandError early where labels could not be written at the end."""
    if arguments.output is not None:
        check_output(arguments.output, arguments.data)
        _kept(arguments, table)


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
    posterior[data.seen] = model.predict_proba(data.frame)
    labels = pd.array(np.zeros(len(table)), dtype="Int64")
    labels[:] = pd.NA
    labels[data.seen] = model.predict(data.frame)
    added = {"label": labels, "uncertainty": 1 - posterior.max(axis=1)}
    added |= {f"p{k}": column for k, column in enumerate(posterior.T)}
    write_table(arguments.output, table, _kept(arguments, table), added)
