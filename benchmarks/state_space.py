"""An EM iteration of a state-space model, beside the smoothers of statsmodels and pykalman.

Both peers run in this process, by turns with skem, where they are installed. Times are of the
processor, so that a machine that is busy with other things does not matter much. Ours is the whole
iteration, theirs the filter and smoother alone, to which EM would add. statsmodels' default stops
updating covariances early; its tolerance is 0 here.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.machine import Machine
from benchmarks.race import Settings
from benchmarks.report import Row, Table, at_least
from skem.data.blocks import workers
from skem.state_space.freedom import COEFFICIENTS, COVARIANCES, CovarianceForm, Freedom
from skem.state_space.model import StateSpaceModel
from skem.state_space.series import Series, StateSpace

#: Rows, states, outputs, share of the cells that are missing, and how many times faster than
#: statsmodels an iteration is to be.
CASES = [
    (1_000, 2, 1, 0.0, 0.5),
    (10_000, 2, 1, 0.0, 3),
    (100_000, 2, 1, 0.0, 10),
    (10_000, 10, 10, 0.0, 30),
    (100_000, 10, 10, 0.0, 30),
    (10_000, 2, 1, 0.3, 2),
    (100_000, 2, 1, 0.3, 2),
    (10_000, 10, 10, 0.3, 2),
]
TURNS = 5
#: pykalman's smoother takes seconds for so many rows.
MOST_ROWS_OF_PYKALMAN = 10_000


def table(settings: Settings, machine: Machine) -> Table:
    """Time an iteration of each case."""
    result = Table("One EM iteration of a state-space model")
    for n_rows, n, p, missing, goal in settings.some(CASES, slice(3)):
        n_rows = settings.size(n_rows)
        params, Y = problem(n_rows, n, p, missing)
        runs = {"skem": _skem(params, Y)}
        runs["statsmodels"] = _statsmodels(params, Y) if find_spec("statsmodels") else None
        if n_rows <= MOST_ROWS_OF_PYKALMAN and not missing:
            runs["pykalman"] = _pykalman(params, Y) if find_spec("pykalman") else None
        case = f"{n_rows:,} rows, {n} states, {p} outputs"
        case += f", {missing:.0%} missing" if missing else ""
        result.rows += _rows(case, runs, settings.few(TURNS, 1), goal)
    return result


def _rows(case: str, runs: dict[str, Any], turns: int, goal: float) -> list[Row]:
    times: dict[str, list[float]] = {name: [] for name, run in runs.items() if run is not None}
    for _ in range(turns):
        for name, seconds in times.items():
            before = time.process_time()
            runs[name]()
            seconds.append(1e3 * (time.process_time() - before))
    rows, ours = [], min(times["skem"])
    for name in runs:
        if name not in times:
            rows.append(Row(case, name, None, note=f"{name} not installed"))
            continue
        best, ratio = min(times[name]), None if name == "skem" else min(times[name]) / ours
        target = at_least(ratio, goal) if name == "statsmodels" and ratio else {}
        rows.append(Row(case, name, best, "ms", float(np.median(times[name])), ratio, **target))
    return rows


def problem(n_rows: int, n: int, p: int, missing: float) -> tuple[StateSpace, Any]:
    """Return parameters of a stable model, and rows that it gives."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(n, n))
    A *= 0.95 / np.abs(np.linalg.eigvals(A)).max()
    C, noise = rng.normal(size=(p, n)), rng.uniform(0.5, 1.5, p)
    x, rows = np.zeros(n), np.empty((n_rows, p))
    for row in rows:
        row[:] = C @ x + np.sqrt(noise) * rng.normal(size=p)
        x = A @ x + rng.normal(size=n)
    rows[rng.random(rows.shape) < missing] = np.nan
    one = np.eye(n)
    return StateSpace(A, C, one, np.diag(noise), np.zeros(n), one, np.zeros(p)), rows


def _skem(params: StateSpace, Y: Any) -> Callable[[], Any]:
    values = params._asdict()
    masks = {name: np.ones(values[name].shape, dtype=bool) for name in COEFFICIENTS}
    forms = {}
    for name in COVARIANCES:
        d = len(values[name])
        kind = "diagonal" if name == "observation_covariance" else "full"
        forms[name] = CovarianceForm(kind, np.ones(d, dtype=bool), np.ones(d))
    scales = {name: np.ones(mask.shape) for name, mask in masks.items()}
    model = StateSpaceModel(Series.of(Y), Freedom(masks, forms, scales))

    def iteration() -> Any:
        with workers(0):
            return model.evaluate(params)

    return iteration


def _statsmodels(params: StateSpace, Y: Any) -> Callable[[], Any]:
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    p, n = params.observation_matrix.shape
    smoother = KalmanSmoother(k_endog=p, k_states=n, tolerance=0)
    smoother.bind(Y.copy())
    smoother["transition"], smoother["design"] = params[0], params[1]
    smoother["selection"], smoother["state_cov"], smoother["obs_cov"] = np.eye(n), *params[2:4]
    smoother.initialize_known(params.initial_state_mean, params.initial_state_covariance)
    return smoother.smooth


def _pykalman(params: StateSpace, Y: Any) -> Callable[[], Any]:
    from pykalman import KalmanFilter

    A, C, Q, R, m, P, d = params
    smoother = KalmanFilter(A, C, Q, R, np.zeros(len(A)), d, m, P)
    return lambda: smoother.smooth(Y)
