"""What the command line advises are options, and they help."""

import inspect
import re

import numpy as np
import pytest

from skem import BinomialMixture, GaussianMixtureEM, PoissonMixture
from skem.cli.arguments import parse
from skem.cli.wording import OPTIONS, in_options
from skem.datasets import load_earthquakes, load_old_faithful

pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
CLOUDS = np.vstack([RNG.normal(0, 1, (46, 2)), RNG.normal(6, 1, (45, 2))])
NAMES = {
    name
    for kind in (GaussianMixtureEM, BinomialMixture, PoissonMixture)
    for name in inspect.signature(kind).parameters
} - {"prior", "fixed", "verbose", "assignment"}  # which are English, too


def text(X):
    """Return a file with columns a, b, ..."""
    names = ",".join("abcdefghijklmn"[: X.shape[1]])
    return "\n".join([names, *(",".join(f"{x:.17g}" for x in row) for row in X)])


def fit(K, covariance="full", *more):
    given = ("--family", "gaussian", "--components", K, "--covariance", covariance)
    return (*given, "--choose", "bic", *more)


FEW = RNG.normal(size=(9, 2))
WIDE = RNG.normal(size=(9, 10))
#: Rows, options, the word, the advice as a pattern, and options that follow it.
ADVICE = {
    "collinear": (
        np.column_stack([CLOUDS, 2 * CLOUDS[:, 0] + 1]),
        fit(2),
        ("data", "columns 'a' and 'c' are collinear. .*set --covariance diag"),
        fit(2, "diag"),
    ),
    "few rows": (
        FEW,
        fit(4),
        (
            "few rows",
            r"Set --covariance tied or --prior conj.*, or decrease --components; .*\(--starts\)",
        ),
        fit(2, "tied"),
    ),
    "as many columns": (
        WIDE,
        fit(1),
        ("data", "Set --covariance diag or --prior conjugate"),
        fit(1, "full", "--prior", "conjugate"),
    ),
    "units": (
        CLOUDS * 1e-4,
        fit(2, "full", "--reg-covar", "1e-6"),
        ("data", "--reg-covar 1e-06 is large .*Set --reg-covar scale"),
        fit(2, "full", "--reg-covar", "scale"),
    ),
    "rounding": (
        load_old_faithful().data.round(),
        fit(2, "full", "--reg-covar", "1e-6"),
        ("flat", "'a' are rounded, .*Set --reg-covar scale"),
        fit(2, "full", "--reg-covar", "scale"),
    ),
    "levels": (
        np.column_stack([np.repeat([5.0, 50.0, 500.0], 30), CLOUDS[:90, 0]]),
        fit(3),
        ("flat", "Leave it out, set --prior conjugate, or decrease --components"),
        fit(3, "full", "--prior", "conjugate"),
    ),
    "too few rows of a kind": (
        np.repeat(FEW[:2], 20, axis=0),
        fit(3),
        ("few rows", "only 2 distinct rows, fewer than --components: .*Decrease --components"),
        fit(2),
    ),
    "no end": (
        load_old_faithful().data,
        fit(3, "full", "--max-iter", "2"),
        ("no end", r"increase --max-iter, --tol, .*After --max-iter 2 evaluations; .*--tol 1e-08"),
        fit(3, "full", "--max-iter", "999", "--tol", "1e-6"),
    ),
    "alike": (
        load_earthquakes().data,
        ("--family", "poisson", "--components", 5, "--choose", "bic"),
        ("alike", "Decrease --components"),
        ("--family", "poisson", "--components", 4, "--choose", "bic"),
    ),
    "unclear": (
        np.tile(np.arange(4.0), 30)[:, np.newaxis],
        ("--family", "binomial", "--trials", 3, "--components", 3, "--choose", "bic"),
        ("unclear", "Decrease --components"),
        ("--family", "binomial", "--trials", 3, "--components", 2, "--choose", "bic"),
    ),
}


@pytest.mark.parametrize("name", ADVICE)
def test_advice_names_options_that_help(run, write, name):
    X, given, (word, pattern), better = ADVICE[name]
    path = write(text(X))
    status, out, err = run(path, *given)
    assert status == 0
    assert re.search(pattern, out.replace("\n", " "))
    assert word in out.split("Chosen by")[0] and "not to be trusted" in out
    assert not NAMES & set(re.findall(r"(?<![-\w])\w+", out + err))
    status, out, err = run(path, *better)
    assert status == 0 and err == "" and "not to be trusted" not in out


def test_a_candidate_that_fails_says_why_in_options(run, write):
    status, _, err = run(write(text(FEW)), *fit("10"))
    assert status == 2 and "got --components 10, n_samples = 9" in err
    status, _, err = run(write(text(FEW)), *fit("1", "full", "--reg-covar", "-1"))
    assert status == 2 and "--reg-covar must be" in err and "Got -1.0" in err


@pytest.mark.parametrize("option", ["--tol", "--max-iter"])
def test_what_is_no_number_is_told(run, write, option):
    status, _, err = run(write(text(FEW)), *fit("1", "full", option, "-1"))
    assert status == 2 and f"argument {option}: '-1' is not a" in err


def test_names_of_columns_and_english_words_stay():
    for said in ("column 'tol' is constant", "\"Tom's n_init\" and 'a prior' are collinear"):
        assert in_options(said) == said
    assert in_options("a prior, prior=None, X='tol'") == "a prior, --prior none, X='tol'"


def test_options_are_there_and_set_what_they_say():
    parameters = set(inspect.signature(GaussianMixtureEM.fit).parameters)
    for kind in (GaussianMixtureEM, BinomialMixture):
        parameters |= set(inspect.signature(kind).parameters)
    options = vars(parse(["file.csv", "--family", "gaussian"]))
    for name, option in OPTIONS.items():
        assert name in parameters
        assert option.removeprefix("--").replace("-", "_") in options
