"""The benchmark runs, in miniature, and names what is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "__main__.py").exists(), reason="no benchmarks beside the tests"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Run every table without any peer but scikit-learn; return rows by title."""
    output = tmp_path_factory.mktemp("benchmarks") / "tables.json"
    absent = str(output.parent / "not-there")
    peers = ("daal4py", "mlpack", "stepmix", "pyspark", "Rscript")
    options = [word for name in peers for word in (f"--{name}", absent)]
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "--output", str(output), *options],
        cwd=ROOT,
        check=True,
        timeout=300,
    )
    tables = json.loads(output.read_text())["tables"]
    return {table["title"]: table["rows"] for table in tables}


def rows_of(tables, start):
    """Return the rows of the table whose title starts like this."""
    (rows,) = (rows for title, rows in tables.items() if title.startswith(start))
    return rows


def test_every_table_has_figures_of_skem(tables):
    assert len(tables) == 18
    for title, rows in tables.items():
        names = ("skem", "accelerated")
        ours = [row for row in rows if row["contender"].split(",")[0] in names]
        assert ours, title
        assert all(row["value"] is not None for row in ours), title


def test_scikit_learn_is_compared(tables):
    for start in ("One EM iteration, full", "One EM iteration, other", "Scoring", "Small"):
        rows = rows_of(tables, start)
        assert any(row["contender"] == "scikit-learn" and row["ratio"] for row in rows), start


def test_missing_contenders_are_named(tables):
    rows = rows_of(tables, "One EM iteration, full") + rows_of(tables, "One EM iteration, bin")
    missing = {row["contender"] for row in rows if row["value"] is None}
    assert missing == {"daal4py 2024.7", "mlpack", "mclust", "StepMix", "flexmix"}
    rows += (found := rows_of(tables, "The right optimum by default"))
    assert all("not found" in row["note"] for row in rows if row["value"] is None)
    assert {row["contender"] for row in found if row["value"] is None} == {"mclust"}


def test_contenders_do_the_same_computation(tables):
    rows = rows_of(tables, "One EM iteration, full")
    assert not [row for row in rows if "another computation" in row["note"]]


def test_the_machine_sets_a_bound(tables):
    rows = rows_of(tables, "One EM iteration, full")
    assert all(row["value"] > 0 for row in rows if row["contender"] == "the machine")


def test_accuracy_is_not_for_sale(tables):
    assert all(row["met"] for row in rows_of(tables, "Accuracy"))


@pytest.mark.parametrize(
    ("script", "which"), [("skem_gaussian.py", "full"), ("skem_outside.py", "cluster-1")]
)
def test_contender_in_a_process_of_its_own(script, which):
    from benchmarks.data import gaussian
    from benchmarks.race import Race, Settings

    X, start = gaussian(300, 2, 2)
    with Race(Settings(), X, start) as race:
        times = race.times([("skem", script, "skem", which)], rounds=1)["skem"]
        folder = race.folder
    assert 1 <= len(times.few) == len(times.many) <= 5
    assert times.n_many > times.n_few
    assert not folder.exists()


def test_the_guard_compares_two_trees(capsys):
    from benchmarks.guard import main

    main([str(ROOT), str(ROOT), "--only", "evaluations, Saxony, K=2"])
    *_, line = capsys.readouterr().out.splitlines()
    _, name, before, after, ratio, _ = (cell.strip() for cell in line.split("|"))
    assert name == "evaluations, Saxony, K=2"
    assert 10 < float(before) == float(after) < 100
    assert ratio == "1.00"
