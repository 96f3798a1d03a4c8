"""The README's examples run, and print what their comments say."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.S | re.M)


def test_there_is_an_example_of_each_class():
    for name in ("GaussianMixtureEM", "BinomialMixture"):
        assert any(f"{name}(" in example for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, capsys):
    exec(compile(example, str(README), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == re.findall(r"^ *print\(.*\)  # (.*)$", example, re.M)
