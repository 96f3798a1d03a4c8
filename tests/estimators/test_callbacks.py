"""Callbacks of scikit-learn 1.9: progress, scores and early stopping; nothing before that."""

import copy
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony

FAITHFUL = load_old_faithful().data
LONG = (FAITHFUL[:, 0] > 3).astype(int)
SAXONY = load_saxony()
BOTH = pytest.mark.parametrize(
    ("mixture", "X"),
    [
        (GaussianMixtureEM(3, reg_covar=0.0, init_params="kmeans", random_state=0), FAITHFUL),
        (BinomialMixture(2, init_params="kmeans", random_state=0), SAXONY.data),
    ],
    ids=["gaussian", "binomial"],
)


try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar, ScoringMonitor
except ImportError:
    CallbackSupportMixin = None

needs_callbacks = pytest.mark.skipif(
    CallbackSupportMixin is None, reason="callbacks came with scikit-learn 1.9"
)


@pytest.mark.skipif(CallbackSupportMixin is not None, reason="this scikit-learn has callbacks")
@BOTH
def test_an_older_scikit_learn_has_nothing_to_set_and_nothing_is_said(mixture, X, recwarn):
    fitted = clone(mixture).fit(X)
    assert not hasattr(fitted, "set_callbacks")
    assert not hasattr(fitted, "_callback_fit_ctx")
    assert not recwarn.list


class Recorder:
    """Writes down the tasks that begin and end, and what the mixture then scores.

    Parameters
    ----------
    stop_after : int, default=None
        Number of evaluations after which each start is stopped.
    """

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.set_up = self.torn_down = 0
        self.begun, self.told = [], []

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((path(context), context.max_subtasks))

    def on_fit_task_end(self, estimator, context, *, X, metadata, fitted_estimator):
        self.told.append((path(context), fitted_estimator.score(X), X, metadata))
        return context.task_name == "evaluation" and context.task_id + 1 == self.stop_after

    @property
    def ended(self):
        """Tasks in the order in which they ended."""
        return [task for task, *_ in self.told]

    @property
    def last_score(self):
        """Score of the last mixture."""
        return self.told[-1][1]

    def evaluations(self, start=0):
        """Return the scores after each evaluation of a start."""
        return [score for task, score, *_ in self.told if len(task) == 3 and task[1] == start]


class Propagated(Recorder):
    """Writes down what begins under a search too, which has no mixture to score."""

    max_propagation_depth = None

    def on_fit_task_end(self, estimator, context):
        """Say nothing."""


def path(context):
    """Return the numbers of the tasks that lead to a task."""
    above = () if context.parent is None else path(context.parent)
    return (*above, context.task_id)


def recorded(mixture, X, recorder=None, **data):
    """Return a fitted clone, and what the recorder saw."""
    recorder = recorder or Recorder()
    return clone(mixture).set_callbacks(recorder).fit(X, **data), recorder


# What is told.


@needs_callbacks
@BOTH
def test_a_fit_has_a_task_for_each_start_and_those_have_one_for_each_evaluation(mixture, X):
    model = clone(mixture).set_params(n_init=3, init_params="k-means++")
    fitted, recorder = recorded(model, X)
    lengths = [restart.n_iter for restart in fitted.restarts_]
    starts = [(0, i) for i in range(3)]
    evaluations = [(0, i, j) for i in range(3) for j in range(lengths[i])]
    assert min(lengths) > 2
    assert sorted(recorder.ended) == sorted([(0,), *starts, *evaluations])
    limits = dict(recorder.begun)
    assert sorted(limits) == sorted(recorder.ended)
    assert limits[(0,)] == 3
    assert all(limits[task] == model.max_iter for task in starts)
    assert all(limits[task] == 0 for task in evaluations)
    assert recorder.set_up == recorder.torn_down == 1
    order = {task: i for i, task in enumerate(recorder.ended)}
    assert all(order[task] < order[task[:-1]] for task in starts + evaluations)


@needs_callbacks
@BOTH
@pytest.mark.parametrize("acceleration", ["quasi-newton", None])
def test_after_each_evaluation_there_is_a_mixture_that_scores(mixture, X, acceleration):
    fitted, recorder = recorded(clone(mixture).set_params(acceleration=acceleration), X)
    assert_allclose(recorder.evaluations(), fitted.lower_bounds_, rtol=1e-10)
    assert_allclose(recorder.last_score, fitted.score(X), rtol=1e-12)
    assert np.ptp(recorder.evaluations()) > 1e-6


@needs_callbacks
@BOTH
def test_data_and_weights_are_told(mixture, X):
    weight = np.random.default_rng(0).uniform(1, 2, len(X))
    _, recorder = recorded(mixture, X, sample_weight=weight)
    for _, _, rows, metadata in recorder.told:
        assert_array_equal(rows, X)
        assert metadata["sample_weight"] is weight


@needs_callbacks
@BOTH
def test_being_watched_changes_nothing(mixture, X):
    plain = clone(mixture).fit(X)
    watched, _ = recorded(mixture, X)
    assert watched.lower_bounds_ == plain.lower_bounds_
    assert_array_equal(watched.weights_, plain.weights_)
    assert watched.restarts_ == plain.restarts_
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}


@needs_callbacks
def test_a_fit_of_another_covariance_type_is_told_right():
    mixture = GaussianMixtureEM(2, reg_covar=0.0, random_state=0).fit(FAITHFUL)
    recorder = Recorder()
    for covariance_type in ("diag", "tied", "spherical", "full"):
        mixture.set_params(covariance_type=covariance_type).set_callbacks(recorder).fit(FAITHFUL)
        assert_allclose(recorder.last_score, mixture.score(FAITHFUL), rtol=1e-12)


@needs_callbacks
def test_a_fit_without_evaluations_and_one_that_continues_are_told():
    mixture = GaussianMixtureEM(2, reg_covar=0.0, random_state=0, max_iter=0, warm_start=True)
    mixture.set_callbacks(first := Recorder()).fit(FAITHFUL)
    assert first.ended == [(0, 0), (0,)]
    mixture.set_params(max_iter=100, n_init=4).set_callbacks(second := Recorder()).fit(FAITHFUL)
    assert dict(second.begun)[(0,)] == 1
    assert_allclose(second.evaluations(), mixture.lower_bounds_, rtol=1e-10)
    assert first.ended == [(0, 0), (0,)]


@needs_callbacks
def test_a_start_that_fails_half_way_ends_all_the_same():
    """Its task is closed, so that a progress bar does not wait for it."""
    X = np.vstack([np.random.default_rng(0).normal(size=(60, 2)), np.zeros((10, 2))])
    near = np.linalg.norm(X, axis=1).argsort()
    collapses = np.isin(np.arange(70), near[:14]).astype(int)
    starts = iter([collapses, (X[:, 0] < 0).astype(int)])
    mixture = GaussianMixtureEM(2, reg_covar=0, n_init=2, init_params=lambda X, **_: next(starts))
    fitted, recorder = recorded(mixture, X)
    assert fitted.restarts_[0].failure is not None
    assert len(recorder.evaluations(0)) > 0
    assert sorted(task for task, _ in recorder.begun) == sorted(recorder.ended)


# Early stopping.


@needs_callbacks
@BOTH
def test_a_callback_stops_a_run_and_leaves_what_it_came_to(mixture, X):
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        stopped, recorder = recorded(mixture, X, Recorder(stop_after=3))
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        short = clone(mixture).set_params(max_iter=3).fit(X)
    assert not stopped.converged_
    assert stopped.n_iter_ == len(stopped.lower_bounds_) == 3
    assert stopped.lower_bounds_ == short.lower_bounds_
    assert_array_equal(stopped.weights_, short.weights_)
    assert stopped.lower_bound_ == short.lower_bound_
    assert_array_equal(stopped.predict(X), stopped.labels_)
    assert recorder.ended[-1] == (0,)
    assert recorder.torn_down == 1
    stopped.set_params(warm_start=True).set_callbacks().fit(X)
    assert stopped.converged_


@needs_callbacks
def test_a_run_that_had_converged_when_it_was_stopped_has_converged():
    mixture = BinomialMixture(2, init_params="kmeans", random_state=0)
    n_iter = clone(mixture).fit(SAXONY.data).n_iter_
    fitted, _ = recorded(mixture, SAXONY.data, Recorder(stop_after=n_iter))
    assert fitted.converged_


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_start_is_stopped_on_its_own_whatever_the_number_of_jobs(n_jobs):
    mixture = GaussianMixtureEM(
        3, n_init=3, n_jobs=n_jobs, init_params="random_from_data", reg_covar=0.0, random_state=0
    )
    fitted, recorder = recorded(mixture, FAITHFUL, Recorder(stop_after=4))
    assert [restart.n_iter for restart in fitted.restarts_] == [4, 4, 4]
    whole = clone(mixture).set_params(max_iter=4, n_jobs=None).fit(FAITHFUL)
    assert_array_equal(fitted.means_, whole.means_)
    assert fitted.restarts_ == whole.restarts_
    assert sorted(task for task, _ in recorder.begun) == sorted(recorder.ended)
    for i in range(3):
        assert np.all(np.diff(recorder.evaluations(i)) >= 0)


# Exceptions.


class BoomError(Exception):
    """Raised by a callback."""


class Failing(Recorder):
    """Raises an error at a hook."""

    def __init__(self, hook):
        super().__init__()
        self.hook = hook

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.fail("setup")

    def on_fit_task_begin(self, estimator, context):
        self.fail(f"begin {context.task_name.split()[0]}")

    def on_fit_task_end(self, estimator, context):
        self.fail(f"end {context.task_name.split()[0]}")

    def fail(self, hook):
        if hook == self.hook:
            raise BoomError(hook)


@needs_callbacks
@pytest.mark.parametrize(
    ("hook", "n_jobs"),
    [
        ("setup", None),
        ("begin fit", None),
        ("begin start", 2),
        ("begin evaluation", None),
        ("end evaluation", None),
        ("end evaluation", 2),
        ("end start", None),
        ("end fit", None),
    ],
)
def test_an_error_in_a_callback_passes_and_leaves_the_estimator_as_it_was(hook, n_jobs):
    mixture = GaussianMixtureEM(
        2, n_init=2, n_jobs=n_jobs, init_params="kmeans", random_state=0
    ).fit(FAITHFUL[:100])
    mixture.set_callbacks(failing := Failing(hook))
    before = {name: value for name, value in vars(mixture).items() if name != "_skl_callbacks"}
    before = copy.deepcopy(before)
    with pytest.raises(BoomError, match=hook):
        mixture.fit(FAITHFUL)
    after = {name: value for name, value in vars(mixture).items() if name != "_skl_callbacks"}
    assert_equal(after, before)
    assert failing.set_up == failing.torn_down == 1
    mixture.set_callbacks().fit(FAITHFUL)
    assert len(mixture.labels_) == len(FAITHFUL)


@needs_callbacks
def test_bad_data_are_refused_before_any_callback_is_told():
    recorder = Recorder()
    mixture = GaussianMixtureEM(2).set_callbacks(recorder)
    with pytest.raises(ValueError, match="known_labels"):
        mixture.fit(FAITHFUL, known_labels=[0, 1])
    assert recorder.set_up == recorder.torn_down == len(recorder.begun) == 0


TRACE = Path(__file__).parents[2] / "docs" / "guide" / "trace.md"


@needs_callbacks
@pytest.mark.skipif(not TRACE.exists(), reason="no documentation beside the tests")
def test_the_time_limit_of_the_guide_stops_a_fit():
    (code,) = re.findall(
        r"^```{code-block} python\n(.*?)^```", TRACE.read_text("utf-8"), re.S | re.M
    )
    namespace = {"GaussianMixtureEM": GaussianMixtureEM, "X": FAITHFUL}
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        exec(compile(code, str(TRACE), "exec"), namespace)
    assert namespace["mixture"].n_iter_ > 1
    at_once = GaussianMixtureEM(3, init_params="random").set_callbacks(namespace["TimeLimit"](0))
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        assert at_once.fit(FAITHFUL).n_iter_ == 1


@needs_callbacks
def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match="callback"):
        GaussianMixtureEM().set_callbacks(print)


# Under searches and pipelines; copies.


@needs_callbacks
@BOTH
def test_tasks_of_a_mixture_are_nested_in_those_of_a_search(mixture, X):
    recorder = Propagated()
    search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=2, refit=False)
    search.set_callbacks(recorder).fit(X)
    depths = [len(task) for task, _ in recorder.begun]
    fits = [task for task, limit in recorder.begun if len(task) == 3 and limit]
    assert len(set(fits)) == 4
    starts = {task for task, _ in recorder.begun if len(task) == 4}
    assert starts == {(*task, 0) for task in fits}
    assert max(depths) == 5
    for task in starts:
        n = sum(inner[:4] == task for inner, _ in recorder.begun if len(inner) == 5)
        assert n >= 2


@needs_callbacks
def test_a_callback_of_the_mixture_works_within_a_pipeline():
    recorder = Recorder()
    mixture = GaussianMixtureEM(2, reg_covar=0.0, random_state=0).set_callbacks(recorder)
    pipeline = make_pipeline("passthrough", mixture).fit(FAITHFUL)
    assert_allclose(recorder.last_score, pipeline.score(FAITHFUL), rtol=1e-12)
    assert recorder.set_up == recorder.torn_down == 1


@needs_callbacks
def test_a_fit_that_was_watched_is_pickled():
    fitted, _ = recorded(GaussianMixtureEM(2, random_state=0), FAITHFUL)
    copied = pickle.loads(pickle.dumps(fitted.set_callbacks()))
    assert_array_equal(copied.means_, fitted.means_)


# scikit-learn's own callbacks.


@needs_callbacks
@BOTH
def test_a_scoring_monitor_has_a_line_for_each_evaluation(mixture, X):
    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    fitted = clone(mixture).set_callbacks(monitor).fit(X)
    lines = [line["task_id_path"] for line in monitor.get_logs().data]
    assert sorted(lines) == [(0,), (0, 0), *((0, 0, i) for i in range(fitted.n_iter_))]


@needs_callbacks
def test_a_scoring_monitor_compares_with_y():
    """Which is never fitted to, but known to whoever watches."""
    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    mixture = GaussianMixtureEM(2, init_params="random", random_state=0).set_callbacks(monitor)
    mixture.fit(FAITHFUL, LONG, sample_weight=np.ones(len(FAITHFUL)))
    lines = [line for line in monitor.get_logs().data if line["task_name"] == "evaluation"]
    scores = [line["adjusted_rand_score"] for line in lines]
    assert_allclose(scores[-1], adjusted_rand_score(LONG, mixture.labels_))
    assert scores[0] < 0.5 < 0.9 < scores[-1]


@needs_callbacks
@pytest.mark.parametrize("source", ["memory map", "dask array"])
def test_a_scoring_monitor_scores_rows_outside_memory(source, tmp_path):
    if source == "dask array":
        X = pytest.importorskip("dask.array").from_array(FAITHFUL, chunks=(100, 2))
    else:
        X = np.memmap(tmp_path / "rows", FAITHFUL.dtype, "w+", shape=FAITHFUL.shape)
        X[:] = FAITHFUL
    lines = []
    for rows in (X, FAITHFUL):
        monitor = ScoringMonitor(scoring="adjusted_rand_score")
        mixture = GaussianMixtureEM(2, init_params="random", random_state=0)
        mixture.set_callbacks(monitor).fit(rows, LONG)
        lines.append([line["adjusted_rand_score"] for line in monitor.get_logs().data])
    assert lines[0][2] < 0.5 < 0.9 < lines[0][-1]
    assert_allclose(*lines, rtol=1e-10)


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_progress_bar_counts_starts_and_evaluations(capsys, n_jobs):
    pytest.importorskip("rich")
    mixture = GaussianMixtureEM(
        3, n_init=2, n_jobs=n_jobs, init_params="random_from_data", random_state=0
    )
    mixture.set_callbacks(ProgressBar()).fit(FAITHFUL)
    printed = capsys.readouterr().out
    assert "GaussianMixtureEM - fit" in printed
    for i in range(2):
        assert re.search(rf"start #?{i}\b", printed)  # which differs by release
    search = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(FAITHFUL)
    printed = capsys.readouterr().out
    assert "GridSearchCV - fit" in printed
    assert "GaussianMixtureEM - fit" in printed
