"""Imports between the rooms of the package run one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skem

ROOT = Path(skem.__file__).parent

#: What any room may import.
BENEATH = {
    "errors",
    "ranges",
    "coordinates",
    "missing",
    "version",
    "numpy",
    "scipy",
    *sys.stdlib_module_names,
}

#: What each room may import besides. Rooms that are not named (the command line, plotting, ...)
#: stand above all of these.
RULES = {
    "errors": set(),
    "ranges": set(),
    "coordinates": set(),
    "missing": set(),
    "version": set(),
    "em": {"joblib"},
    "families": set(),
    "chains": {"families", "data"},
    "state_space": {"em"},
    "data": {"sklearn", "dask", "threadpoolctl"},
    "mixture": {"em", "chains", "families", "data", "sklearn", "joblib"},
    "estimators": {
        "em",
        "chains",
        "state_space",
        "families",
        "data",
        "mixture",
        "sklearn",
        "joblib",
        "dask",
        "pandas",
    },
}


def imported(source):
    """Return the modules that a source imports, wherever in it that is done."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module)
    return names


def offences(room):
    """Return the imports of a room that the rules do not allow, as pairs of modules."""
    paths = sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]
    found = set()
    for path in paths:
        importer = ".".join(("skem", *path.relative_to(ROOT).with_suffix("").parts))
        for name in imported(path.read_text(encoding="utf-8")):
            top, *below = name.split(".")
            target = below[0] if top == "skem" and below else top
            if target not in {room, *RULES[room], *BENEATH}:
                found.add((importer, name))
    return found


@pytest.mark.parametrize("room", RULES)
def test_room_imports_only_what_it_may(room):
    assert offences(room) == set()


def test_imports_are_found_wherever_they_are():
    source = "import a.b\ndef f():\n    from c.d import e\nif TYPE_CHECKING:\n    import g as h"
    assert imported(source) == {"a.b", "c.d", "g"}


def test_no_extra_is_imported_before_it_is_needed():
    """Not by a fit and its answers, nor by the displays, in a fresh process."""
    code = (
        "import sys, numpy as np, skem, skem.plotting; "
        "X = np.random.default_rng(0).normal(size=(50, 2)); "
        "skem.GaussianMixtureEM(2).fit(X).predict(X); "
        "print(*{'dask', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
