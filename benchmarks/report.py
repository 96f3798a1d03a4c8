"""Rows, tables, and how they are printed."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One figure of one contender.

    ``ratio`` is the contender's value over skem's: how many times skem is better. ``goal`` is
    what was aimed at, and ``met`` whether it was reached. ``evaluations`` are the E/M steps taken.
    """

    case: str
    contender: str
    value: float | None
    unit: str = ""
    median: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""
    evaluations: float | None = None

    def cells(self) -> list[str]:
        """Return the row as text."""
        verdict = {True: "met", False: "**missed**", None: "not measured"}[self.met]
        return [
            self.case,
            self.contender,
            "missing" if self.value is None else f"{number(self.value)} {self.unit}".strip(),
            "" if self.median is None else number(self.median),
            "" if self.ratio is None else number(self.ratio),
            "" if self.evaluations is None else number(self.evaluations),
            self.goal,
            verdict if self.goal else "",
            self.note,
        ]


HEADINGS = ["case", "contender", "best", "median", "times skem", "steps", "target", "", "note"]


@dataclass
class Table:
    """Rows under a title."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table in markdown."""
        lines = [HEADINGS, ["---"] * len(HEADINGS), *(row.cells() for row in self.rows)]
        return f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Return a number with three digits, as few as make sense."""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def at_least(value: float, least: float, unit: str = "x") -> dict[str, object]:
    """Return goal and verdict of a value that should be large."""
    return {"goal": f">= {least:g} {unit}".replace(" x", "x"), "met": bool(value >= least)}


def at_most(value: float, most: float, unit: str = "") -> dict[str, object]:
    """Return goal and verdict of a value that should be small."""
    return {"goal": f"<= {most:g} {unit}".strip(), "met": bool(value <= most)}


def write(path: Path, heading: str, tables: Iterable[Table]) -> None:
    """Write tables as JSON or as markdown, by the ending of the file's name."""
    tables = list(tables)
    if path.suffix == ".json":
        content = {"machine": heading, "tables": [asdict(table) for table in tables]}
        path.write_text(json.dumps(content, indent=1) + "\n")
    else:
        path.write_text("\n\n".join([heading, *(table.markdown() for table in tables)]) + "\n")
