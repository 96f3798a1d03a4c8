"""What must not get worse: two source trees of skem, measured by turns and printed side by side.

    python -m benchmarks.guard OLD NEW

Each tree has a process of its own, which runs on one thread. Times are the processor's, the
median of some turns, so that other work on the machine disturbs them little.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROUNDS = 3


class Tree:
    """A process that measures one source tree; known is what it can measure."""

    def __init__(self, path: Path) -> None:
        search = os.pathsep.join([str(path.resolve()), str(HERE)])
        self._process = subprocess.Popen(
            [sys.executable, HERE / "contenders" / "guarded.py"],
            env={**os.environ, "PYTHONPATH": search},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.known = self._answer()

    def ask(self, place: int) -> float:
        """Return one figure."""
        assert self._process.stdin is not None
        print(place, file=self._process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def main(arguments: list[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("old", type=Path, help="root of a source tree")
    parser.add_argument("new", type=Path, help="root of another one")
    parser.add_argument("--only", default="", help="figures with these words in their names")
    options = parser.parse_args(arguments)
    trees = [Tree(options.old), Tree(options.new)]
    print("| | before | after | after / before |\n|---|---|---|---|")
    for place, (kind, name, unit) in enumerate(trees[0].known):
        if options.only not in name:
            continue
        turns = range(ROUNDS if kind == "time" else 1)
        values = [[tree.ask(place) for tree in trees] for _ in turns]
        old, new = (statistics.median(each) for each in zip(*values, strict=True))
        ratio = f"{new / old:.2f}" if old > 0 else ""
        digits = 3 if kind == "time" else 8
        cells = [name, *(f"{each:.{digits}g} {unit}".strip() for each in (old, new)), ratio]
        print(f"| {' | '.join(cells)} |", flush=True)
    for tree in trees:
        tree.close()


if __name__ == "__main__":
    main()
