"""Examples of documents: blocks of Python, and what they say that they print."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["Example", "examples"]

#: A block of Python, and one of text if it follows at once.
BLOCKS = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.S | re.M)
#: A call of print, and the comment behind it or on the line below.
PRINTED = re.compile(r"^ *print\(.*\)(?:  |\n *)# (.*)$", re.M)


class Example(NamedTuple):
    """A block of Python, and the lines that it is said to print."""

    page: Path
    code: str
    printed: list[str]

    def run(self, namespace: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
        """Run the block, and return the lines that it prints."""
        exec(compile(self.code, str(self.page), "exec"), namespace)
        return capsys.readouterr().out.splitlines()


def examples(page: Path) -> list[Example]:
    """Return the examples of a page, in their order.

    What a block prints is said by comments behind its calls of print, or by a block of text that
    follows.
    """
    return [
        Example(page, code, text.splitlines() if text else PRINTED.findall(code))
        for code, text in BLOCKS.findall(page.read_text("utf-8"))
    ]
