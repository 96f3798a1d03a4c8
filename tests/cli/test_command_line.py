"""``python -m skem``: its figures are the published ones, and a bad file is told in one line."""

import csv
import io
import os
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.model_selection import KFold, cross_val_score

import skem
from skem import GaussianMixtureEM
from skem.cli import main
from skem.datasets import load_old_faithful
from skem.estimators.text import lay_out

ROOT = Path(__file__).parents[2]
DATA = files("skem.datasets") / "data"
GEYSER = str(DATA / "old_faithful.csv")
SAXONY = str(DATA / "saxony.csv")
COINS = "heads,tails\n5,5\n9,1\n8,2\n4,6\n7,3\n"


def row(output, *words):
    """Return the words of the first line that starts with some, the mark of the chosen apart."""
    lines = (line.replace("*", " ").split() for line in output.splitlines())
    return next(line for line in lines if tuple(line[: len(words)]) == words)


def python_m_skem(*arguments, cwd=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "skem", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd or ROOT,
        timeout=120,
        **options,
    )


# Without a file.


class NoPandas:
    """Finds no pandas, whoever asks for it."""

    def find_spec(self, name, *rest):
        if name == "pandas":
            raise ModuleNotFoundError(name)


@pytest.fixture(scope="module")
def shown():
    """What the command prints without arguments, on both streams, where there is no pandas."""
    printed = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(printed),
        redirect_stderr(printed),
    ):
        patch.delitem(sys.modules, "pandas", raising=False)
        patch.setattr(sys, "meta_path", [NoPandas(), *sys.meta_path])
        assert main([]) == 0
    assert "warning" not in printed.getvalue()
    return printed.getvalue()


def section(shown, first, last=None):
    return shown[shown.index(first) : None if last is None else shown.index(last)]


def test_demonstration_fits_the_screen(shown):
    assert max(map(len, shown.splitlines())) <= 80


def test_demonstration_shows_the_two_coins_as_published(shown):
    """Do & Batzoglou (2008), figure 1; the optimum with free weights is that of R."""
    coins = section(shown, "Two coins", "Old Faithful")
    shares = [[float(cell) for cell in row(coins, str(i))[3:5]] for i in range(1, 6)]
    assert [a for a, _ in shares] == [0.45, 0.80, 0.73, 0.35, 0.65]
    assert [b for _, b in shares] == [0.55, 0.20, 0.27, 0.65, 0.35]
    assert row(coins, "sum") == ["sum", "33", "17", "21.3", "8.6", "11.7", "8.4"]
    assert row(coins, "first", "update")[2:4] == ["0.71", "0.58"]
    assert row(coins, "ten", "updates,", "equal", "weights")[4:6] == ["0.80", "0.52"]
    assert row(coins, "optimum,", "free", "weights")[3:] == ["0.79", "0.51", "0.52", "-9.7954"]
    assert row(coins, "with", "the", "coins", "known")[4:6] == ["0.80", "0.45"]


def test_demonstration_log_likelihoods_are_those_of_scipy(shown):
    """Of the start and of the estimates with known coins, by direct summation."""
    coins = section(shown, "Two coins", "Old Faithful")
    heads = np.array([5, 9, 8, 4, 7])

    def expected(a, b, weight):
        density = weight * binom.pmf(heads, 10, a) + (1 - weight) * binom.pmf(heads, 10, b)
        return f"{np.log(density).sum():.4f}"

    assert row(coins, "start")[-1] == expected(0.60, 0.50, 0.5)
    assert row(coins, "with", "the", "coins", "known")[-1] == expected(0.80, 0.45, 0.6)


def test_demonstration_chooses_for_old_faithful_what_mclust_chooses(shown):
    """mclust 6.0.0 chooses EEE with three components; figures from R."""
    geyser = section(shown, "Old Faithful", "Saxony")
    assert row(geyser, "full", "2")[3:5] == ["-1130.26", "2322.19"]
    assert float(row(geyser, "tied", "3")[3]) == pytest.approx(-1126.326, abs=0.02)
    assert "By held-out score and BIC it is tied, K = 3." in geyser


def test_demonstration_finds_two_coins_in_saxony(shown):
    """R flexmix, and EM run to the last digit, reach these optima."""
    saxony = section(shown, "Saxony")
    assert row(saxony, "2")[2] == "-12492.41"
    assert row(saxony, "3")[2] == "-12490.80"
    assert "Chosen by BIC: K = 2" in saxony
    components = saxony[saxony.index("  component ") :].splitlines()[1:]
    fitted = sorted([float(line.split()[i]) for i in (1, 3)] for line in components)
    np.testing.assert_allclose(fitted, [[0.279961, 0.616398], [0.720039, 0.481429]], atol=1e-3)


# With a file.


def test_gaussian_figures_are_those_of_mclust(run):
    status, out, err = run(
        *(GEYSER, "--family", "gaussian", "--components", "1:2", "--covariance", "full")
    )
    assert (status, err) == (0, "")
    assert row(out, "full", "1")[2:5] == ["5", "-1289.80", "2607.62"]
    assert row(out, "full", "2")[2:5] == ["11", "-1130.26", "2322.19"]
    assert "Chosen by the one-standard-error rule: full, K = 2." in out
    small, large = sorted(line.split() for line in out.splitlines()[-2:])
    cells = sorted([" ".join(small[3:]), " ".join(large[3:])])
    assert cells == ["2.04 (0.26) 54.5 (5.8)", "4.29 (0.41) 80.0 (6.0)"]


def test_held_out_score_is_that_of_five_shuffled_folds(run):
    X = load_old_faithful().data
    folds = KFold(5, shuffle=True, random_state=3)
    scores = cross_val_score(GaussianMixtureEM(2, random_state=3), X, cv=folds)
    _, out, _ = run(
        *(GEYSER, "--family", "gaussian", "--components", "2"),
        *("--covariance", "full", "--seed", "3"),
    )
    expected = [f"{scores.mean():.4f}", f"({scores.std(ddof=1) / np.sqrt(5):.4f})"]
    assert row(out, "full", "2")[5:7] == expected


def test_every_covariance_type_is_tried_by_default(run, write):
    X = np.random.default_rng(0).normal(size=(30, 2))
    two = write("a,b\n" + "\n".join(f"{a},{b}" for a, b in X))
    one = write("a\n" + "\n".join(f"{a}" for a in X[:, 0]), "one.csv")
    status, out, _ = run(two, "--family", "gaussian", "--components", "1")
    assert status == 0
    for name in ("full", "tied", "diag", "spherical"):
        assert row(out, name)
    _, out, _ = run(one, "--family", "gaussian", "--components", "1")
    assert row(out, "full") and row(out, "tied")
    assert "diag" not in out and "spherical" not in out


def test_two_layouts_of_counts_say_the_same(run, write):
    coins = write(COINS)
    options = ("--family", "binomial", "--components", "1,2", "--choose", "bic")
    _, both, _ = run(coins, *options)
    _, heads, _ = run(coins, *options, "--columns", "heads", "--trials", "10")
    for K in "12":
        assert row(both, K)[:4] == row(heads, K)[:4]
    assert row(both, "1")[2] == f"{binom.logpmf([5, 9, 8, 4, 7], 10, 0.66).sum():.2f}"
    assert row(both, "2")[2] == "-9.80"


def test_components_are_never_more_than_rows_by_default(run, write):
    _, out, _ = run(write(COINS), "--family", "binomial", "--choose", "bic")
    assert row(out, "5")
    assert not any(line.strip().startswith("6 ") for line in out.splitlines())


def test_weights_are_repeated_rows_and_choose_by_bic(run):
    options = ("--family", "binomial", "--trials", "12", "--weights", "families")
    status, out, err = run(SAXONY, *options, "--components", "1:2")
    assert (status, err) == (0, "")
    assert row(out, "1")[1:4] == ["1", "-12534.17", "25077.06"]
    assert row(out, "2")[2] == "-12492.41"
    assert "Chosen by BIC: K = 2." in out
    assert "held-out" not in out


def test_weights_and_held_out_rows_go_together_on_demand(run, write):
    """With all weights one, the weighted scores are the plain ones."""
    weighted = write("heads,tails,n\n" + COINS.split("\n", 1)[1].replace("\n", ",1\n"))
    options = ("--family", "binomial", "--components", "1:2")
    options += ("--choose", "held-out")
    _, plain, _ = run(write(COINS, "plain.csv"), *options)
    _, out, _ = run(weighted, *options, "--weights", "n")
    assert out.splitlines()[1:] == plain.splitlines()[1:]


def test_rules_choose_on_demand(run):
    """Figures of Old Faithful: the rules differ on it, and criteria hold no rows out."""
    options = (GEYSER, "--family", "gaussian", "--components", "2:3", "--covariance", "full,tied")
    chosen = {
        "held-out": "Chosen by held-out score: tied, K = 3.",
        "bic": "Chosen by BIC: tied, K = 3.",
        "icl": "Chosen by ICL: full, K = 2.",
        "one-standard-error": "Chosen by the one-standard-error rule: tied, K = 2.",
    }
    for rule, said in chosen.items():
        status, out, _ = run(*options, "--choose", rule)
        assert status == 0
        assert said in out
        assert ("(s.e.)" in out) == (rule in ("held-out", "one-standard-error"))
    assert run(*options)[1] == out


def test_criteria_hold_nothing_out(run, monkeypatch):
    def no_search(*arguments, **options):
        raise AssertionError("rows are held out")

    monkeypatch.setattr("skem.cli.selection.GridSearchCV", no_search)
    options = (GEYSER, "--family", "gaussian", "--components", "2")
    for rule in ("bic", "icl"):
        assert run(*options, "--choose", rule)[0] == 0
    with pytest.raises(AssertionError, match="held out"):
        run(*options)


def test_sound_candidates_come_first(run, write):
    """Five rows: the best BIC is that of components which close in on one row each."""
    spikes = write("a,b\n1.5,2\n3.5,4\n2.1,3.3\n9,1\n8.5,1\n")
    options = ("--family", "gaussian", "--covariance", "diag", "--choose", "bic")
    status, out, err = run(spikes, *options, "--components", "1,4")
    assert status == 0
    assert "Chosen by BIC: diag, K = 1." in out
    assert row(out, "diag", "4")[-2:] == ["few", "rows"]
    assert float(row(out, "diag", "4")[4]) < float(row(out, "diag", "1")[4])
    assert "diag, K = 4: The fit cannot be trusted: a component" in err
    _, out, _ = run(spikes, *options, "--components", "4")
    assert "No candidate can be trusted" in out


def test_largest_number_of_components_is_told(run):
    options = (GEYSER, "--family", "gaussian", "--covariance", "tied", "--choose", "bic")
    assert "No larger number" in run(*options, "--components", "1:3")[1]
    assert "No larger number" not in run(*options, "--components", "1:4")[1]


def test_standard_errors_on_demand(run):
    options = (GEYSER, "--family", "gaussian", "--components", "1", "--covariance", "full")
    assert "±" not in run(*options)[1]
    status, out, _ = run(*options, "--standard-errors")
    assert status == 0
    X = load_old_faithful().data
    n, deviations = len(X), X.std(axis=0)
    for mean, s in zip(X.mean(axis=0), deviations, strict=True):
        digits = int(1 - np.floor(np.log10(s / np.sqrt(2 * n))))
        shown = f"{mean:.{digits}f} ± {s / np.sqrt(n):.{digits}f}"
        assert f"{shown} ({s:.{digits}f} ± {s / np.sqrt(2 * n):.{digits}f})" in out


def test_more_starts_never_lead_to_less(run):
    options = (GEYSER, "--family", "gaussian", "--covariance", "tied", "--components", "4")
    options += ("--choose", "bic")

    def log_likelihood(*more):
        return float(row(run(*options, *more)[1], "tied")[3])

    best = GaussianMixtureEM(4, covariance_type="tied", n_init=5, random_state=0)
    X = load_old_faithful().data
    expected = best.fit(X).lower_bound_ * len(X)
    of_five = log_likelihood("--starts", "5")
    assert of_five == pytest.approx(expected, abs=0.01)
    assert of_five >= log_likelihood("--starts", "1")


def test_labels_and_posteriors_are_those_of_the_model(run, tmp_path):
    output = tmp_path / "labels.csv"
    status, out, _ = run(
        *(GEYSER, "--family", "gaussian", "--components", "2"),
        *("--covariance", "full", "--choose", "bic", "--output", output),
    )
    assert status == 0
    assert str(output) in out
    header, *rows = csv.reader(io.StringIO(output.read_text()))
    assert header == ["eruptions", "waiting", "label", "uncertainty", "p0", "p1"]
    X = load_old_faithful().data
    model = GaussianMixtureEM(2, random_state=0).fit(X)
    written = np.array(rows, dtype=float)
    posterior = model.predict_proba(X)
    np.testing.assert_array_equal(written[:, :2], X)
    np.testing.assert_array_equal(written[:, 2], model.predict(X))
    np.testing.assert_array_equal(written[:, 3], 1 - posterior.max(axis=1))
    np.testing.assert_array_equal(written[:, 4:], posterior)


# Ways to write a table.

POINTS = [(1.5, 2.0), (3.5, 4.0), (2.25, 3.5), (9.0, 1.0)]
SPELLINGS = {
    "commas": "a,b\n1.5,2\n3.5,4\n2.25,3.5\n9,1\n",
    "semicolons, decimal commas": "a;b\n1,5;2\n3,5;4\n2,25;3,5\n9;1\n",
    "tabs": "a\tb\n1.5\t2\n3.5\t4\n2.25\t3.5\n9\t1\n",
    "aligned by spaces": "   a   b\n 1.5   2\n 3.5   4  \n2.25 3.5\n   9   1\n",
    "byte order mark, Windows lines": "\ufeffa,b\r\n1.5,2\r\n3.5,4\r\n2.25,3.5\r\n9,1\r\n",
    "row numbers of R and pandas": '"","a","b"\n"1",1.5,2\n"2",3.5,4\n"3",2.25,3.5\n"4",9,1\n',
    "blank lines, blanks": "\na , b\n1.5 , 2\n\n3.5,4\n2.25,3.5\n9,1\n\n",
    "scientific": "a,b\n15e-1,2\n0.35E1,4\n2.25,3.5\n+9,1\n",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_one_table(run, write, text):
    status, out, _ = run(
        write(text), "--family", "gaussian", "--components", "1", "--choose", "bic"
    )
    expected = GaussianMixtureEM(1).fit(POINTS)
    assert status == 0
    assert "4 rows, columns a, b\n" in out
    assert row(out, "full")[3] == f"{expected.score(POINTS) * 4:.2f}"


@pytest.mark.parametrize("columns", ["y,x", "3,1", "y,1"])
def test_columns_by_name_and_number(run, write, columns):
    path = write("x,species,y\n1,setosa,5\n2,setosa,3\n4,virginica,9\n")
    status, out, _ = run(path, "--family", "gaussian", "--columns", columns, "--components", "1")
    assert status == 0
    assert "3 rows, columns y, x" in out
    component = out.splitlines()[-1].split()
    assert component[3] == "5.7" and component[5] == "2.3"


def test_table_wider_than_the_screen_continues_below(run, write):
    rng = np.random.default_rng(0)
    names = [f"measurement of {letter * 20}" for letter in "abcdefghij"]
    path = write(
        ",".join(names)
        + "\n"
        + "\n".join(",".join(map(str, x)) for x in rng.normal(size=(40, 10)))
    )
    options = ("--family", "gaussian", "--components", "2", "--covariance", "diag")
    status, out, _ = run(path, *options, "--choose", "bic")
    assert status == 0
    tables = out[out.index("  component ") :]
    assert max(map(len, tables.splitlines())) <= 80
    for letter in "abcdefghij":
        assert tables.count(f"measuremen...{11 * letter}") == 1
    assert tables.count("component ") > 1


def test_doubts_name_the_columns_of_the_file(run, write):
    x = np.random.default_rng(0).normal(size=(80, 2)).round(3)
    path = write("a,k,b\n" + "\n".join(f"{a},1,{b}" for a, b in x))
    options = ("--family", "gaussian", "--components", "1", "--covariance", "full")
    status, out, err = run(path, *options, "--choose", "bic")
    assert status == 0
    assert "column 'k' is constant. Leave it out" in out and "column 'k'" in err


def test_a_constant_column_does_not_change_the_choice(run, write):
    """Spherical covariances suit it no better than others: it makes all candidates doubtful."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2)) @ [[1, 0.5], [0, 0.5]] + 5.0 * (rng.random((150, 1)) < 0.4)
    options = ("--family", "gaussian", "--components", "1:3", "--covariance", "tied,spherical")
    for column in ("", ",7"):
        path = write(f"a,b{column and ',c'}\n" + "\n".join(f"{a},{b}{column}" for a, b in x))
        status, out, err = run(path, *options)
        assert status == 0
        assert "Chosen by the one-standard-error rule: tied, K = 2." in out
        told = "all candidates: The fit cannot be trusted: the data are flat: column 'c' is "
        assert err.count("\n") == err.count(f"{told}constant. Leave it out.") == bool(column)
        assert bool(column) == ("column 'c' is constant. Leave it out" in out.replace("\n", " "))


def test_names_stay_in_one_line_and_differ_where_they_differ():
    long = "measurement of the left "
    table = lay_out([f"{long}arm", f"{long}leg", "two\nlines"], [["1", "2", "3"]])
    assert table.splitlines()[0].split("  ")[1:] == [
        "measuremen...he left arm",
        "measuremen...he left leg",
        "two lines",
    ]


def test_table_aligns_numbers_and_words():
    assert lay_out(["name", "n"], [["a", "1"], ["bcdef", "10"]]) == (
        "  name    n\n  a       1\n  bcdef  10"
    )


# What goes wrong.

BAD_FILES = {
    "empty": ("", "is empty"),
    "blank": ("\n \n\n", "is empty"),
    "header alone": ("a,b\n", "no rows"),
    "ragged": ("a,b\n1,2\n3\n4,5\n", "row 2: the number of cells is 1, not 2"),
    "binary": (bytes(range(256)), "not text"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "not text"),
    "zero bytes": (b"a,b\n1,2\n\0,3\n", r"row 2, column a: '\x00' is not a number"),
    "text": ("a,species\n1,setosa\n", "row 1, column species: 'setosa' is not a number"),
    "text below text": ("a,b\n1,2\n2,x\n", "row 2, column b: 'x' is not a number"),
    "thousands": ('a,b\n"1,000",2\n3,4\n', "row 1, column a: '1,000' is not a number"),
    "nothing but NA": ("a,b\n1,NA\n3,\n5,nan\n", "column b: there is no number"),
    "infinite": ("a,b\n1,2\n3,-inf\n", "row 2, column b: '-inf' is not finite"),
    "overflow": ("a,b\n1,2\n3,1e999\n", "row 2, column b: '1e999' is not finite"),
    "one row": ("a,b\n1,2\n", "fewer than two rows"),
    "open quotation": ('a,b\n1,"2\n3,4\n', "unexpected end of data"),
}


def assert_one_line(status, out, err, said):
    assert status == 2
    assert err.startswith("python -m skem: error: ")
    assert err.count("\n") == 1 and err.endswith("\n")
    assert said in err


@pytest.mark.parametrize("content, said", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_told_in_one_line(run, write, content, said):
    path = write(content)
    result = run(path, "--family", "gaussian")
    assert_one_line(*result, said)
    assert str(path) in result[2]
    assert result[1] == ""


@pytest.mark.parametrize("mark", ["", "NA", "nan", "NULL"])
def test_missing_cells_are_told_and_fitted(run, write, mark):
    """By what is observed, as the estimator does it."""
    X = np.random.default_rng(0).normal(size=(40, 2)).round(3)
    X[3, 1] = X[5, 0] = np.nan
    lines = [",".join(mark if np.isnan(cell) else str(cell) for cell in row) for row in X]
    path = write("\n".join(["a,b", *lines]))
    status, out, _ = run(path, "--family", "gaussian", "--components", "1", "--covariance", "full")
    assert status == 0
    assert "40 rows, columns a, b (2 cells are missing)" in out
    expected = GaussianMixtureEM(1).fit(X)
    assert f"{expected.lower_bound_ * 40:.2f}" in out


def test_missing_weight_is_told(run, write):
    path = write("a,w\n1,2\n3,\n4,1\n")
    result = run(path, "--family", "gaussian", "--weights", "w")
    assert_one_line(*result, "row 2, column w: '' stands where a weight is needed")


BAD_COUNTS = {
    "negative": ("h,t\n5,5\n3,-1\n", [], "row 2, column t: '-1' is negative"),
    "odd": ("h\n5\n4\n", [], "is odd, 1: give all successes, then all failures, or else --trials"),
    "negative, without limit": ("h,t\n5,5\n3,-1\n", ["--family", "poisson"], "'-1' is negative"),
    "above trials": ("h\n5\n4\n", ["--trials", "4"], "row 1, column h: '5' is more than"),
    "above its trials": ("a,b\n5,1\n4,2\n", ["--trials", "5,1"], "row 2, column b: '2' is more"),
    "half missing": ("h,t\n5,5\n,4\n", [], "row 2, column h: '' is missing, but column t has"),
    "half missing, failures": ("h,t\n5,5\n4,NA\n", [], "row 2, column t: 'NA' is missing"),
    "trials": ("a,b\n5,1\n4,2\n", ["--trials", "5,1,1"], "--trials gives 3, for columns"),
}


@pytest.mark.parametrize("content, options, said", BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_bad_counts_are_told_in_one_line(run, write, content, options, said):
    assert_one_line(*run(write(content), "--family", "binomial", *options), said)


BAD_OPTIONS = {
    "no family": ([], "--family gaussian, binomial, poisson"),
    "unknown family": (["--family", "uniform"], "'uniform'"),
    "unknown option": (["--family", "gaussian", "--colour", "red"], "--colour"),
    "two files": (["more.csv", "--family", "gaussian"], "more.csv"),
    "trials of measurements": (["--family", "gaussian", "--trials", "9"], "--trials belongs to"),
    "covariance of counts": (["--family", "binomial", "--covariance", "full"], "--covariance"),
    "prior of no kind": (["--family", "poisson", "--prior", "flat"], "'flat' (choose from"),
    "unknown covariance": (["--family", "gaussian", "--covariance", "full,round"], "'round'"),
    "no components": (["--family", "gaussian", "--components", "0"], "'0' is not a whole number"),
    "words": (["--family", "gaussian", "--components", "one"], "'one' is not a whole number"),
    "empty range": (["--family", "gaussian", "--components", "3:1"], "'3:1' is an empty range"),
    "open range": (["--family", "gaussian", "--components", "3:"], "'' is not a whole number"),
    "too many": (
        ["--family", "gaussian", "--components", "9"],
        "got --components 9, n_samples = 5",
    ),
    "no trials": (["--family", "binomial", "--trials", "0"], "0 is not a whole number"),
    "no starts": (["--family", "binomial", "--starts", "0"], "'0' is not a whole number"),
    "seed": (["--family", "binomial", "--seed", "4294967296"], "not below 2**32"),
    "unknown column": (["--family", "binomial", "--columns", "heads,sides"], "no column sides"),
    "column 0": (["--family", "binomial", "--columns", "0,1"], "no column 0"),
    "empty column": (["--family", "binomial", "--columns", "heads,"], "an empty name"),
    "unknown weights": (["--family", "binomial", "--weights", "n"], "no column n"),
    "no such folder": (["--family", "binomial", "--output", "/no/such/folder/x"], "cannot write"),
    "folder": (["--family", "binomial", "--output", "."], "cannot write"),
}


@pytest.mark.parametrize("options, said", BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_option_is_told_in_one_line(run, write, options, said):
    assert_one_line(*run(write(COINS), *options), said)


def test_options_without_a_file(run):
    assert_one_line(*run("--family", "gaussian"), "--family needs a file")


def test_missing_file_and_folder(run, tmp_path):
    assert_one_line(*run(tmp_path / "none.csv", "--family", "gaussian"), "No such file")
    assert_one_line(*run(tmp_path, "--family", "gaussian"), f"cannot read {tmp_path}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_unreadable_file(run, write):
    path = write(COINS)
    path.chmod(0)
    assert_one_line(*run(path, "--family", "binomial"), "Permission denied")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_fails_at_the_end(run, write):
    options = ("--family", "binomial", "--components", "1", "--output", "/dev/full")
    assert_one_line(*run(write(COINS), *options), "cannot write /dev/full: No space")


def test_output_never_replaces_the_data(run, write):
    path = write(COINS)
    assert_one_line(*run(path, "--family", "binomial", "--output", path), "the file that is read")
    assert path.read_text() == COINS


@pytest.mark.parametrize(
    "weights, said",
    [
        ("1,-1,1", "row 2, column w: '-1' is negative"),
        ("0,0,0", "zero for every row"),
        ("1e308,1e308,1", "the sum of --weights is inf"),
    ],
)
def test_bad_weights(run, write, weights, said):
    rows = zip((1, 2, 4), weights.split(","), strict=True)
    path = write("x,w\n" + "\n".join(f"{x},{w}" for x, w in rows))
    assert_one_line(*run(path, "--family", "gaussian", "--weights", "w"), said)


def test_weights_beyond_numbers(run, write):
    path = write("x,w\n1,3e307\n2,3e307\n4,3e307\n")
    said = "the sum of --weights is 9e+307"
    assert_one_line(*run(path, "--family", "gaussian", "--weights", "w"), said)


def test_two_columns_of_one_name(run, write):
    path = write("a,a,b\n1,2,3\n2,5,4\n4,4,1\n")
    assert_one_line(*run(path, "--family", "gaussian", "--columns", "a"), "2 columns a")
    assert run(path, "--family", "gaussian", "--columns", "2", "--components", "1")[0] == 0


def test_one_column_of_weights_leaves_nothing(run, write):
    path = write("w\n1\n2\n")
    assert_one_line(*run(path, "--family", "gaussian", "--weights", "w"), "no column left to fit")


# Warnings, and candidates that fail.


def test_warning_of_a_fit_is_one_line(run):
    """Twelve trials cannot tell seven coins apart."""
    options = ("--family", "binomial", "--trials", "12", "--weights", "families")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status, out, err = run(SAXONY, *options, "--components", "1,7")
    assert status == 0
    assert row(out, "7")
    lines = err.splitlines()
    assert lines[0].startswith(
        "python -m skem: warning: K = 7: The fit cannot be trusted: so many"
    )
    assert all(line.startswith("python -m skem: warning: K = 7: ") for line in lines)


def test_fit_that_does_not_converge_is_marked_and_told(run, monkeypatch):
    def impatient(**params):
        return GaussianMixtureEM(max_iter=2, **params)

    monkeypatch.setattr("skem.cli.analysis.GaussianMixtureEM", impatient)
    options = ("--family", "gaussian", "--components", "3", "--covariance", "full")
    status, out, err = run(GEYSER, *options)
    assert status == 0
    assert row(out, "full", "3")[-2:] == ["no", "end"]
    assert "No candidate can be trusted" in out
    assert err.count("\n") == 1
    assert "warning: full, K = 3: " in err and "did not converge" in err


def test_candidate_that_fails_is_marked_and_told(run, write):
    status, out, err = run(write(COINS), "--family", "binomial", "--components", "1,6")
    assert status == 0
    assert row(out, "6")[-1] == "failed"
    assert "Chosen by the one-standard-error rule: K = 1." in out
    (line,) = err.splitlines()
    assert line.startswith("python -m skem: warning: K = 6: not fitted: Expected n_samples")


def test_choice_is_by_bic_where_no_row_can_be_held_out(run, write):
    """Three rows in folds of one leave two to fit three components to."""
    path = write("h,t\n5,5\n9,1\n1,9\n")
    status, out, err = run(path, "--family", "binomial", "--components", "3")
    assert status == 0
    assert "Chosen by BIC: K = 3." in out
    assert "no held-out score is known, the choice is by BIC" in err


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_impossible_held_out_row_does_not_choose(run, write, family):
    """A coin that never showed tails gives probability 0 to the fold that does."""
    path = write("h,t\n5,0\n5,0\n5,0\n5,0\n0,5\n")
    options = ("--family", family, "--components", "1:2")
    status, out, err = run(path, *options, "--prior", "none")
    assert status == 0
    assert row(out, "1")[4] == "-inf"
    assert "Chosen by BIC" in out
    assert "the choice is by BIC; counts that some training rows lack need --prior conj" in err
    status, told, err = run(path, *options, "--prior", "conjugate")
    assert status == 0 and "Chosen by the one-standard-error rule" in told and not err
    assert run(path, *options) == (0, told, "")  # that is the default


# The process.


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option, capsys):
    with pytest.raises(SystemExit) as stop:
        main([option])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "--family" in out or out == f"skem {skem.__version__}\n"
    assert max(map(len, out.splitlines())) <= 80


def test_interruption_is_no_traceback(run, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("skem.cli.demonstrate", interrupt)
    assert run() == (130, "", "")


def test_process_ends_with_the_status(write):
    done = python_m_skem(str(write("")), "--family", "gaussian")
    assert_one_line(done.returncode, done.stdout, done.stderr, "is empty")


def test_process_names_what_a_terminal_cannot_show(write, tmp_path):
    path = write("größe,x\n1,2\n2,1\n4,3\n")
    done = python_m_skem(
        *(str(path), "--family", "gaussian", "--components", "1", "--covariance", "diag"),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"gr\xf6\xdfe" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise on Windows")
def test_process_survives_a_reader_that_leaves():
    command = f'"{sys.executable}" -m skem {GEYSER} --family gaussian --components 1 | head -n 0'
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.stderr == ""


def test_structure_for_which_the_data_are_too_flat_is_not_chosen(run, write):
    X = np.random.default_rng(0).normal(size=(8, 8))
    path = write("\n".join(",".join(map(str, row)) for row in X))
    options = ("--family", "gaussian", "--components", "1", "--choose", "bic", "--header", "no")
    _, out, _ = run(path, *options, "--covariance", "full,diag")
    assert "Chosen by BIC: diag, K = 1." in out and "data" in out
    _, out, _ = run(path, *options, "--covariance", "full")
    assert "Chosen by BIC: full, K = 1." in out


def test_row_that_the_choice_rests_on_is_named_and_the_table_fits(run, write):
    """The first row has no value, so that those fitted are numbered otherwise than the file's."""
    rng = np.random.default_rng(0)
    X = rng.normal(np.where(np.arange(150) < 50, 0, 5)[:, np.newaxis], 1, (150, 2)).round(3)
    X[3, 0] = 1e6
    table = write("a,b\n,\n" + "\n".join(f"{a},{b}" for a, b in X))
    options = ("--family", "gaussian", "--components", "1:3", "--covariance", "full,tied")
    status, out, err = run(table, *options)
    assert status == 0
    assert "warning: row 5, column a: held-out scores, and the choice, rest on its value" in err
    assert "1000000; if that is right, choose by --choose bic" in err
    assert "few rows" in out
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert len([line for line in out.splitlines() if line.strip().startswith("full")]) == 3
    assert "rest on its value" not in run(table, *options, "--choose", "bic")[2]


def test_clean_table_rests_on_no_row(run):
    options = ("--family", "gaussian", "--components", "1:3", "--covariance", "tied")
    assert run(GEYSER, *options)[2] == ""


def test_copies_of_rows_are_told_and_equal_answers_are_not(run, write):
    rng = np.random.default_rng(0)
    measured = rng.normal(0, 2, (60, 2)).round(1)
    answers = rng.integers(1, 6, (180, 2))
    years = rng.normal(40, 12, (180, 1)).round()
    options = ("--family", "gaussian", "--components", "1", "--covariance", "full")

    def told(rows):
        table = write("a,b\n" + "\n".join(f"{a},{b}" for a, b in rows))
        return run(table, *options, "--choose", "bic")[2]

    n_others = 180 - len(np.unique(measured, axis=0))
    assert f"{n_others} of 180 rows are exact copies of others" in told(np.tile(measured, (3, 1)))
    assert told(measured) == told(answers) == ""
    assert "exact copies" not in told(np.hstack([years, 12 * years]))
