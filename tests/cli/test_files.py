"""Tables as users have them: read as they are meant, or refused with a word."""

import gzip
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from skem import BinomialMixture, GaussianMixtureEM, PoissonMixture
from skem.datasets import load_earthquakes

ROOT = Path(__file__).parents[2]
ONE = ("--family", "gaussian", "--components", "1", "--covariance", "full", "--choose", "bic")
POINTS = [(1.5, 2.0), (3.5, 4.0), (2.25, 3.5), (9.0, 1.0)]
LINES = "1.5,2\n3.5,4\n2.25,3.5\n9,1\n"


def means(out):
    """Return the means of the one component."""
    cells = out.partition("\n\nLabels")[0].splitlines()[-1].split()[3:]
    return [float(cell) for cell in cells if "(" not in cell]


def rounded_means(points):
    return [round(float(mean), 1) for mean in np.nanmean(np.asarray(points), axis=0)]


def refused(result, *said):
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    for words in said:
        assert words in err


# Names that are numbers, and rows that are first.


def test_names_that_are_numbers_have_to_be_said(run, write):
    """As a row, they would move the mean of 35.8 to 99.8 (of 30 rows)."""
    path = write("2019,2020\n" + "35.7,36.2\n35.9,36.0\n" * 15)
    refused(run(path, *ONE), "begins with numbers (2019, 2020)", "--header yes", "--header no")
    status, out, _ = run(path, *ONE, "--header", "yes")
    assert status == 0
    assert "30 rows, columns 2019, 2020" in out
    assert means(out) == [35.8, 36.1]
    assert "31 rows, columns x1, x2" in run(path, *ONE, "--header", "no")[1]


@pytest.mark.parametrize("first", ["1.5,2", "setosa,5.1", "1.178,5", "1e3,x", "+5,-3"])
def test_first_line_with_a_number_is_never_guessed(run, write, first):
    refused(run(write(f"{first}\n1,2\n4,5\n"), *ONE), "begins with numbers")


def test_columns_without_names_are_numbered(run, write):
    status, out, _ = run(write(LINES), *ONE, "--header", "no")
    assert status == 0
    assert "4 rows, columns x1, x2" in out
    assert means(out) == rounded_means(POINTS)


# Decimal marks and thousands.


def test_thousands_and_decimals_are_told_apart(run, write):
    """1.178 beside 20,3 and 578 is more than a thousand."""
    path = write("price;size\n1.178;2\n20,3;4\n578;5,5\n2.000;7\n")
    refused(run(path, *ONE), "row 1, column price: '1.178' is not a number", "--thousands")
    status, out, _ = run(path, *ONE, "--thousands", ".")
    assert status == 0
    assert float(out.splitlines()[-1].split()[3]) == pytest.approx(3776.3 / 4, abs=0.5)


@pytest.mark.parametrize("mark", [".", ","])
def test_mark_with_three_digits_behind_it_has_to_be_said(run, write, mark):
    path = write(f"price;size\n1{mark}178;2\n578;4\n2{mark}500;5\n")
    refused(run(path, *ONE), f"writes 1{mark}178", "--decimal", "--thousands")
    _, decimal, _ = run(path, *ONE, "--decimal", mark)
    assert means(decimal)[0] == pytest.approx((1.178 + 578 + 2.5) / 3, abs=0.5)
    _, thousands, _ = run(path, *ONE, "--thousands", mark)
    assert means(thousands)[0] == pytest.approx((1178 + 578 + 2500) / 3, abs=0.5)


@pytest.mark.parametrize("cell", ["1_001", "0x10", "True", '"1,5"', "1.2.3", "12%", "1 000"])
def test_what_no_one_writes_for_a_number_is_refused(run, write, cell):
    path = write(f"a,b\n2,3\n{cell},4\n5,5\n")
    refused(run(path, *ONE), "row 2, column a", "is not a number", "--drop")


def test_decimal_commas_of_tabs_and_semicolons(run, write):
    expected = rounded_means(POINTS)
    for sep in ";\t":
        lines = LINES.replace(",", sep).replace(".", ",")
        assert means(run(write(f"a{sep}b\n{lines}"), *ONE)[1]) == expected
    lines = LINES.replace(",", "|").replace(".", ",")
    said = ("--sep", "|", "--decimal", ",")
    assert means(run(write(f"a|b\n{lines}"), *ONE, *said)[1]) == expected


# Everything else that pandas can be told.

SPELLINGS = {
    "missing values": ("a,b\n1.5,2\n3.5,4\n2.25,3.5\n9,1\n-999,?\n", ["--na-values=-999,?"]),
    "comments": ("# by hand\na,b\n1.5,2 # odd\n3.5,4\n2.25,3.5\n9,1\n", ["--comment", "#"]),
    "encoding": ("größe,b\n" + LINES, ["--encoding", "latin-1"]),
    "UTF-16": ("a,b\n" + LINES, ["--encoding", "utf-16"]),
}


@pytest.mark.parametrize("text, options", SPELLINGS.values(), ids=SPELLINGS)
def test_options_of_pandas(run, write, text, options):
    encoding = options[1] if options[0] == "--encoding" else "utf-8"
    path = write(text.encode(encoding))
    if encoding != "utf-8":
        refused(run(path, *ONE), "is not text in utf-8", "--encoding")
    status, out, _ = run(path, *ONE, *options)
    assert status == 0
    assert means(out) == rounded_means(POINTS)


def test_compressed_text_workbook_and_parquet(run, write, tmp_path):
    frame = pd.DataFrame(POINTS, columns=["a", "b"]).assign(id=["007", "x", "y", "z"])
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    write(gzip.compress(frame.to_csv(index=False).encode()), "t.csv.gz")
    for name in ("t.xlsx", "t.parquet", "t.csv.gz"):
        output = tmp_path / "labels.csv"
        status, out, err = run(tmp_path / name, *ONE, "--drop", "id", "--output", output)
        assert (status, err) == (0, "")
        assert means(out) == rounded_means(POINTS)
        assert pd.read_csv(output, dtype=str)["id"].tolist() == ["007", "x", "y", "z"]
    refused(run(tmp_path / "t.xlsx", *ONE, "--sep", ";"), "--sep means nothing for")
    refused(run(write("no workbook", "bad.xlsx"), *ONE), "cannot read")


def test_standard_input(run, monkeypatch):
    text = ("a,b\n" + LINES).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    status, out, _ = run("-", *ONE)
    assert status == 0
    assert out.startswith("standard input: 4 rows, columns a, b")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(text))))
    assert means(run("-", *ONE, "--compression", "gzip")[1]) == rounded_means(POINTS)


def test_pandas_is_named_where_it_is_missing(run, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    refused(run(write("a\n1\n2\n"), *ONE), "needs pandas", 'pip install "scikit-em[files]"')


WITHOUT_PANDAS = """
import sys
class NoPandas:
    def find_spec(self, name, *rest):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas())
from skem.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_process_without_pandas_says_so(write):
    """It is needed for files alone: the tests of the demonstration run without it."""
    program = [sys.executable, "-c", WITHOUT_PANDAS, str(write("a,b\n" + LINES)), *ONE]
    done = subprocess.run(program, cwd=ROOT, timeout=120, capture_output=True, text=True)
    refused((done.returncode, done.stdout, done.stderr), "needs pandas")


# Columns.


@pytest.mark.parametrize(
    "columns, expected",
    [
        (["--columns", "2:4"], "b, 'c, d', e"),
        (["--columns", "b:e"], "b, 'c, d', e"),
        (["--columns", "c, d"], "'c, d'"),
        (["--columns", 'a,"c, d"'], "a, 'c, d'"),
        (["--columns", "1,e"], "a, e"),
        (["--drop", "a,e"], "b, 'c, d'"),
        (["--columns", "1:3", "--drop", "b"], "a, 'c, d'"),
    ],
)
def test_columns_by_name_number_and_range(run, write, columns, expected):
    rows = np.random.default_rng(0).normal(size=(20, 4)).round(2)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    status, out, _ = run(write(f'a,b,"c, d",e\n{text}\n'), *ONE, *columns)
    assert status == 0
    assert f"20 rows, columns {expected.replace(chr(39), '')}\n" in out


def test_bad_columns(run, write):
    path = write("a,b,c\n1,2,3\n2,4,1\n")
    refused(run(path, *ONE, "--columns", "c:a"), "c:a is an empty range")
    refused(run(path, *ONE, "--columns", "a,1"), "names a column twice")
    refused(run(path, *ONE, "--columns", "2:9"), "no column 9")
    refused(run(path, *ONE, "--drop", "1:3"), "no column left to fit")


def test_column_that_numbers_the_rows_draws_a_hint(run, write):
    path = write("id,x\n" + "".join(f"{i},{x}\n" for i, x in enumerate([3, 1, 4, 1, 5], start=17)))
    status, _, err = run(path, *ONE)
    assert status == 0
    assert "warning: column id numbers the rows; if it measures nothing, --drop id" in err
    assert run(path, *ONE, "--drop", "id")[2] == ""
    assert run(path, *ONE, "--columns", "id,x")[2] == ""


# Depths, and what comes out.


def test_depths_are_a_column(run, write):
    rng = np.random.default_rng(0)
    depth = rng.integers(20, 60, 80)
    alt = rng.binomial(depth, np.where(np.arange(80) < 30, 0.1, 0.5))
    rows = zip(alt, depth, strict=True)
    path = write("alt,depth\n" + "".join(f"{a},{d}\n" for a, d in rows))
    options = ("--family", "binomial", "--components", "2", "--choose", "bic")
    status, out, _ = run(path, *options, "--columns", "alt", "--trials", "depth")
    assert status == 0
    X = np.column_stack([alt, depth - alt])
    expected = BinomialMixture(2, random_state=0).fit(X)
    assert f"{expected.lower_bound_ * 80:.2f}" in out
    assert run(path, *options, "--trials", "depth")[1] == out
    refused(run(path, *options, "--columns", "depth", "--trials", "alt"), "more than the number")


def test_output_has_one_line_for_each_row_of_the_file(run, write, tmp_path):
    """Also for rows without any value, which are marked; what was written stays as it is."""
    lines = ["id;x;y", "007;1,50;2", "008;;", "009;9,25;", "010;8,75;3", "011;NA;NA", "012;2;2,5"]
    path, output = write("\n".join(lines) + "\n"), tmp_path / "out.csv"
    options = ("--family", "gaussian", "--components", "1", "--covariance", "diag")
    status, out, _ = run(path, *options, "--drop", "id", "--output", output)
    assert status == 0
    assert "6 rows (2 without any value, not fitted), columns x, y (1 cell is missing)" in out
    written = output.read_text().splitlines()
    assert written[0] == "id;x;y;label;uncertainty;p0"
    assert [line.split(";")[:3] for line in written[1:]] == [line.split(";") for line in lines[1:]]
    assert [line.split(";")[3] for line in written[1:]] == ["0", "", "0", "0", "", "0"]
    assert written[2].endswith(";;;;;")
    run(path, *options, "--drop", "id", "--output", output, "--id", "id")
    assert output.read_text().splitlines()[:2] == ["id;label;uncertainty;p0", "007;0;0,0;1,0"]
    X = [[1.5, 2], [9.25, np.nan], [8.75, 3], [2, 2.5]]
    expected = GaussianMixtureEM(1, covariance_type="diag").fit(X)
    assert f"{expected.bic(X):.2f}" in out


def test_empty_line_of_one_column_is_a_row(run, write, tmp_path):
    output = tmp_path / "out.csv"
    assert run(write("x\n1\n\n3\n4\n"), *ONE, "--output", output)[0] == 0
    written = pd.read_csv(output, skip_blank_lines=False)
    assert written["label"].isna().tolist() == [False, True, False, False]


def test_output_needs_names_of_its_own(run, write, tmp_path):
    path, output = write("x,label\n1,3\n2,5\n4,1\n"), tmp_path / "out.csv"
    refused(run(path, *ONE, "--output", output), "has a column label already", "--id")
    assert run(path, *ONE, "--output", output, "--id", "x")[0] == 0
    refused(run(path, *ONE, "--id", "x"), "--output")


def test_picture(run, write, tmp_path):
    path, picture = write("a,b\n" + LINES), tmp_path / "clusters.png"
    status, out, _ = run(path, *ONE, "--plot", picture)
    assert status == 0
    assert str(picture) in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(path, *ONE, "--columns", "a", "--plot", tmp_path / "density.svg")[0] == 0
    refused(run(path, *ONE, "--plot", tmp_path / "a.jpeg2"), "its suffix is none of")


def test_picture_of_every_column(run, write, tmp_path, monkeypatch):
    """Three columns or more are drawn in pairs, counts side by side; names are the file's."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: figures.append(figure))
    X = np.random.default_rng(0).integers(0, 9, (60, 7))
    path = write("a,b,c,d,e,f,g\n" + "".join(",".join(map(str, x)) + "\n" for x in X))
    options = ("--components", "2", "--choose", "bic", "--plot", tmp_path / "picture.png")
    families = {
        "gaussian": (["--covariance", "diag", "--columns", "a:c"], {"a", "b", "c"}, ""),
        "poisson": ([], set("abcdef"), ", without g"),
        "binomial": (
            ["--trials", "8", "--drop", "d:g"],
            {f"{x} (of 8 trials)" for x in "abc"},
            "",
        ),
    }
    for family, (given, labels, without) in families.items():
        status, out, _ = run(path, "--family", family, *options, *given)
        assert status == 0
        assert f"A picture is in {tmp_path / 'picture.png'}{without}.\n" in out
        drawn = {ax.get_xlabel() for ax in figures[-1].axes}
        assert drawn - {""} == labels


def test_counts_that_are_not_whole_cannot_be_drawn(run, write, tmp_path):
    path = write("a\n" + "1.5\n2\n0.5\n3\n" * 5)
    options = ("--family", "poisson", "--components", "1", "--choose", "bic")
    status, _, err = run(path, *options, "--plot", tmp_path / "picture.png")
    assert status == 2
    assert "cannot draw" in err and "whole numbers" in err


def test_counts_without_a_limit(run, write):
    counts = load_earthquakes().data
    counts = counts[~np.isnan(counts)]
    path = write("n\n" + "".join(f"{n:g}\n" for n in counts))
    status, out, err = run(path, "--family", "poisson", "--components", "1:3", "--choose", "bic")
    assert (status, err) == (0, "")
    for K in (1, 2, 3):
        mixture = PoissonMixture(K, random_state=0).fit(counts[:, np.newaxis])
        assert f"{mixture.bic(counts[:, np.newaxis]):.2f}" in out


def test_regularisation_and_prior(run, write):
    path = write("a,b\n" + LINES)
    _, out, _ = run(path, *ONE, "--reg-covar", "2.5")
    expected = GaussianMixtureEM(1, reg_covar=2.5).fit(POINTS)
    assert f"{expected.score(POINTS) * 4:.2f}" in out
    _, out, _ = run(path, *ONE, "--prior", "conjugate")
    expected = GaussianMixtureEM(1, prior="conjugate").fit(POINTS)
    assert f"{expected.score(POINTS) * 4:.2f}" in out
    refused(run(path, *ONE, "--prior", "flat"), "--prior", "'flat'")


def test_rare_answer_does_not_decide(run, write):
    """One yes in 400 rows: without a prior, no held-out score would be finite."""
    rng = np.random.default_rng(0)
    X = rng.binomial(1, np.where(np.arange(400) < 150, 0.8, 0.2)[:, np.newaxis], (400, 5))
    X[:, 4] = np.arange(400) == 200
    path = write("a,b,c,d,e\n" + "".join(",".join(map(str, x)) + "\n" for x in X))
    options = ("--family", "binomial", "--trials", "1", "--components", "1:3")
    _, out, _ = run(path, *options)
    assert "-inf" not in out
    assert "Chosen by the one-standard-error rule: K = 2." in out
    _, out, _ = run(path, *options, "--prior", "none")
    assert "-inf" in out


def test_progress_is_shown_on_a_terminal_alone(run, write, monkeypatch):
    path = write("a,b\n" + LINES)
    assert run(path, *ONE)[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    err = run(path, *ONE)[2]
    assert "fit 1 of 1" in err
    assert err.endswith("\r\x1b[K")


def test_candidates_fit_80_columns(run, write):
    """Also where log-likelihoods are long and covariances have the longest name."""
    X = np.random.default_rng(0).normal(0, 1e-40, size=(1200, 2))
    path = write("a,b\n" + "".join(f"{a},{b}\n" for a, b in X * 1e40))
    options = ("--family", "gaussian", "--components", "1,4", "--covariance", "spherical")
    status, out, _ = run(path, *options)
    assert status == 0
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert out.count(" K  params") == 1
