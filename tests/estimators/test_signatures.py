"""What ``help`` shows of an estimator fits the screen."""

import inspect
import re

import pytest

import skem
import skem.model_selection
from skem.estimators import MixtureEM

ESTIMATORS = [getattr(skem, name) for name in skem.__all__ if name != "Density"]
MIXTURES = [estimator for estimator in ESTIMATORS if issubclass(estimator, MixtureEM)]
FUNCTIONS = [getattr(skem.model_selection, name) for name in skem.model_selection.__all__]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_annotations_of_functions_are_plain(function):
    for parameter in inspect.signature(function).parameters.values():
        assert len(str(parameter)) < 60, parameter


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_annotations_are_plain(estimator):
    """A union such as ArrayLike, written out, has a hundred characters and more."""
    assert len(str(inspect.signature(estimator))) < 900
    for name, method in inspect.getmembers(estimator, inspect.isfunction):
        if method.__module__.startswith("skem.") and not name.startswith("_"):
            for parameter in inspect.signature(method).parameters.values():
                assert len(str(parameter)) < 60, f"{name}: {parameter}"


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_documented_in_order(estimator):
    _, _, rest = inspect.getdoc(estimator).partition("\nParameters\n----------\n")
    section = rest.partition("\n\n")[0].splitlines()
    documented = [
        line.partition(" : ")[0] for line in section if line[:1].strip() and " : " in line
    ]
    assert documented == list(inspect.signature(estimator).parameters)


@pytest.mark.parametrize("estimator", MIXTURES)
def test_what_estimators_share_is_documented_in_the_same_words(estimator):
    said = inspect.getdoc(estimator)
    base = inspect.getdoc(skem.estimators.MixtureEM) + "\n"
    assert "as of all mixtures" not in said
    for name in ("fixed", "assignment", "verbose_interval", "converged_", "restarts_", "classes_"):
        entry = re.search(rf"^{name} : .*\n(?:    .*\n)+", base, re.M)[0]
        assert said.count(entry) == 1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_constructors_set_what_they_are_given_and_nothing_else(estimator):
    """scikit-learn's convention, by which clones and searches work; subclasses may add to it."""
    parameters = inspect.signature(estimator).parameters
    given = {name: object() for name in parameters}
    made = estimator(**given)
    assert vars(made) == given

    class Own(estimator):
        def __init__(self, *, verbose=0, mine=None):
            super().__init__(verbose=verbose)
            self.mine = mine

    own = Own(mine=3)
    assert own.get_params() == {"verbose": 0, "mine": 3}
    assert vars(own).keys() == {*parameters, "mine"}
