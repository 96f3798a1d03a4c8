"""The README's examples run, and print what their comments say."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from skem import GaussianMixtureEM
from skem.cli import main
from skem.datasets import load_old_faithful
from tests.examples import examples

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = examples(README)


def test_there_is_an_example_of_each_class():
    for name in ("GaussianMixtureEM", "BinomialMixture"):
        assert any(f"{name}(" in example.code for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, capsys):
    assert example.run({}, capsys) == example.printed


def test_output_of_the_command_line(capsys):
    (options,) = re.findall(r"python -m skem geyser.csv (.*)", README.read_text("utf-8"))
    (shown,) = re.findall(r"^```text\n(.*?)^```", README.read_text("utf-8"), re.S | re.M)
    assert main([str(files("skem.datasets") / "data" / "old_faithful.csv"), *options.split()]) == 0
    printed = [_settled(line) for line in capsys.readouterr().out.splitlines()]
    for line in shown.splitlines()[1:]:
        assert _settled(line) in printed or line.strip() == "..."


def _settled(line):
    """Return the words of a line less what hangs on the start: numbering, last digits."""
    words = line.split()
    if words[-1:] and words[-1].startswith("(0."):
        return words[:-2]
    return words[3:] if words and words[0].isdecimal() else words


# The figures in the table of differences. Where scikit-learn mends a fault, the table must follow.


def test_default_fit_goes_to_the_end():
    X = load_old_faithful().data
    theirs = GaussianMixture(3, random_state=0)
    same_start = GaussianMixtureEM(3, random_state=0, init_params="kmeans")
    ours = GaussianMixtureEM(3, random_state=0)
    ends = [round(m.fit(X).score(X) * len(X), 2) for m in (theirs, same_start, ours)]
    assert ends == [-1126.89, -1119.21, -1114.44]


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("offset, dtype", [(1e8, np.float64), (1e4, np.float32)])
def test_distance_from_the_origin_does_not_matter(covariance_type, offset, dtype):
    X = load_old_faithful().data
    near = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    Y = (X + offset).astype(dtype)
    far = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(Y)
    np.testing.assert_array_equal(far.labels_, near.labels_)
    assert far.lower_bound_ == pytest.approx(near.lower_bound_, abs=1e-4)
    assert far.means_.dtype == dtype


def test_samples_continue():
    X = load_old_faithful().data
    theirs, ours = (m(2, random_state=0).fit(X) for m in (GaussianMixture, GaussianMixtureEM))
    assert np.array_equal(theirs.sample(3)[0], theirs.sample(3)[0])
    assert not np.array_equal(ours.sample(3)[0], ours.sample(3)[0])


def test_initial_values_alone_make_a_model():
    X = load_old_faithful().data
    start = {"weights_init": [0.5, 0.5], "means_init": [[2, 55], [4, 80]], "max_iter": 0}
    with pytest.raises(AttributeError):
        GaussianMixture(2, precisions_init=[np.eye(2)] * 2, **start).fit(X)
    ours = GaussianMixtureEM(2, covariances_init=[np.eye(2)] * 2, **start).fit(X)
    np.testing.assert_array_equal(ours.means_, start["means_init"])
