"""Rows in the working form of a kernel, kept from one pass to the next."""

from typing import Any

import numpy as np

from skem.data.blocks import block_rows
from skem.data.rows import Rows
from skem.families.base import Kernel

__all__ = ["LoadedRows"]


class LoadedRows:
    """Rows of a fit, and their loaded forms where one block holds them all.

    The form is the same for all kernels of one kind, width and family, and loading it is a fifth
    of the time of a small pass. Runs in several threads share it: kernels do not write to it.
    A kernel that names no family is one of the family that the rows are fitted with.

    Parameters
    ----------
    rows : Rows
        The rows.
    n_components : int
        Number of components, which with the kernel says how many rows a block has.
    """

    def __init__(self, rows: Rows, n_components: int) -> None:
        self.rows = rows
        self.n_components = n_components
        self._forms: dict[Any, Any] = {}

    def block(self, kernel: Kernel) -> Any:
        """Return the loaded form of all rows; None where they are not in memory, or too many."""
        kind = type(kernel), kernel.width, getattr(kernel, "family", None)
        rows, n = self.rows, self.rows.n_rows
        if kind not in self._forms:
            fits = rows.in_memory and block_rows(kernel.width, self.n_components, n) >= n
            space = np.empty((kernel.width, n)) if fits else None
            self._forms[kind] = None if space is None else kernel.load(rows.X, space)
        return self._forms[kind]
