"""The examples of the guide run, page by page, and print what is written."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from skem.cli import main
from skem.datasets import load_old_faithful
from tests.examples import examples

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))

#: Extras that an example may use; without them its page is skipped.
EXTRAS = ("dask", "matplotlib")

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="no documentation beside the tests")


def test_the_guide_has_examples():
    assert sum(len(examples(page)) for page in PAGES) > 5


@pytest.mark.parametrize(
    "words",
    ["outliers", "pickle", "summary", "confidence interval", "number of clusters", "NaN", "HMM"],
)
def test_what_readers_search_for_is_in_a_heading(words):
    """The search of the site ranks headings first."""
    headings = re.findall("^#+ .*", "\n".join(page.read_text() for page in PAGES), re.M)
    assert any(words.lower() in heading.lower() for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)  # where an example may leave files
    namespace = {}
    for example in examples(page):
        try:
            printed = example.run(namespace, capsys)
        except ImportError as error:
            if all(find_spec(name) for name in EXTRAS):
                raise
            pytest.skip(str(error))
        assert printed == example.printed


def test_command_of_getting_started(monkeypatch, tmp_path, capsys):
    page = (GUIDE / "getting_started.md").read_text("utf-8")
    (command,) = re.findall(r"^\$ python -m skem (.*)$", page, re.M)
    load_old_faithful(as_frame=True).data.to_csv(tmp_path / "geyser.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--choose", "bic"]) == 0  # quicker than held-out rows
    assert "geyser.csv: 272 rows, columns eruptions, waiting" in capsys.readouterr().out


PAGE = """
```python
x = 1
print(x)  # 1
```

The same name is known further on.

```python
print(x + 1)
print([x, x])
# [1, 1]
```

```python
print(x)
```

```text
2
```
"""


def test_what_a_page_prints_is_read_from_comments_or_text(tmp_path, capsys):
    page, namespace = tmp_path / "page.md", {}
    page.write_text(PAGE)
    first, second, third = examples(page)
    assert first.run(namespace, capsys) == first.printed == ["1"]
    assert second.run(namespace, capsys) == ["2", "[1, 1]"]
    assert second.printed == ["[1, 1]"]  # so a line that is printed and not written is found
    assert third.run(namespace, capsys) != third.printed == ["2"]
