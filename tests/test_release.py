"""What is written down about the release agrees."""

import re
import tomllib
from pathlib import Path

import skem

ROOT = Path(__file__).parents[1]


def _text(name):
    return (ROOT / name).read_text("utf-8")


def found(pattern, name):
    """Return what the first match of a pattern in a file of the project holds."""
    return re.search(pattern, _text(name), re.M).groups()


def test_the_version_is_the_same_everywhere():
    (cited,) = found(r"^version: (.*)$", "CITATION.cff")
    (changed,) = found(r"^## \[(\d.*?)\]", "CHANGELOG.md")
    assert skem.__version__ == cited == changed


def test_the_date_is_the_same_everywhere():
    (released,) = found(r"^date-released: (\d{4}-\d\d-\d\d)$", "CITATION.cff")
    assert found(r"^## \[\d.*?\] - (.*)$", "CHANGELOG.md") == (released,)


def test_the_supported_pythons_are_those_that_are_tested():
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    (matrix,) = found(r"^ +python: \[(.*)\]$", ".github/workflows/ci.yml")
    assert named == re.findall(r"[\d.]+", matrix)
    assert project["requires-python"] == f">={named[0]}"


def test_the_oldest_versions_tested_are_the_lower_bounds():
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    extras = [project["optional-dependencies"][extra] for extra in ("plot", "files", "dask")]
    needed = [line for lines in (project["dependencies"], *extras) for line in lines]
    oldest = {}
    for name, version in re.findall(r"^([\w-]+)==(.*)\.\*", _text(".ci/oldest.txt"), re.M):
        oldest.setdefault(name, version)  # the first line of a name is that of the oldest Python
    assert sorted(re.sub(r"\[.*?\]", "", line) for line in needed) == sorted(
        f"{name}>={version}" for name, version in oldest.items()
    )
