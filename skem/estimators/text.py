"""Tables for a person: plain text, at most 80 characters wide."""

from collections.abc import Iterator, Sequence

import numpy as np

from skem.families.base import FloatArray

__all__ = ["WIDTH", "lay_out", "spell"]

WIDTH, LONGEST_NAME, GAP, ELLIPSIS = 80, 24, "  ", "..."

#: From here on numbers are shown with a power of ten, unless it takes more than a few digits.
LARGE, MOST_DIGITS, FEW_DIGITS = 1e7, 6, 4

#: Up to here a float tells whole numbers apart.
EXACT = 2.0**53


def lay_out(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out cells in columns, numbers to the right and words to the left.

    What is too wide continues below, with the first column repeated.
    """
    columns = [_aligned(*cells) for cells in zip(header, *rows, strict=True)]
    return "\n\n".join(
        "\n".join((GAP + GAP.join(cells)).rstrip() for cells in zip(*block, strict=True))
        for block in _blocks(columns)
    )


def _aligned(title: str, *cells: str) -> list[str]:
    column = [_shortened(title), *cells]
    width = max(map(len, column))
    numeric = any(character.isdigit() for cell in cells for character in cell)
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in column]


def _shortened(title: str) -> str:
    """Return a name in one line, of which the middle is left out where it is long.

    Long names of one table tend to differ at an end.
    """
    title = " ".join(title.splitlines())
    if len(title) <= LONGEST_NAME:
        return title
    n_first = (LONGEST_NAME - len(ELLIPSIS)) // 2
    n_last = LONGEST_NAME - len(ELLIPSIS) - n_first
    return f"{title[:n_first]}{ELLIPSIS}{title[-n_last:]}"


def _blocks(columns: list[list[str]]) -> Iterator[list[list[str]]]:
    """Cut columns into groups that fit the width, each led by the first column."""
    first, *others = columns
    block, width = [first], len(GAP) + len(first[0])
    for column in others:
        if len(block) > 1 and width + len(GAP) + len(column[0]) > WIDTH:
            yield block
            block, width = [first], len(GAP) + len(first[0])
        block.append(column)
        width += len(GAP) + len(column[0])
    yield block


def spell(values: FloatArray, scale: FloatArray) -> list[str]:
    """Write numbers so that the least positive number of a scale has two digits."""
    known = scale[np.isfinite(scale) & (scale > 0)]
    digits = 1 - int(np.floor(np.log10(known.min()))) if known.size else 4
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    largest = float(sizes.max()) if sizes.size else 1.0
    significant = digits + 1 + int(np.floor(np.log10(largest)))
    # Dates in seconds are 1700003392, not 1.7e+09, where their spread is some thousand.
    plain = largest < (LARGE if significant <= FEW_DIGITS else EXACT)
    if digits > MOST_DIGITS or not plain:
        return [f"{value:.{min(max(significant, FEW_DIGITS), 16)}g}" for value in values]
    return [f"{value:.{max(digits, 0)}f}" for value in values]
