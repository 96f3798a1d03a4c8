"""Which accelerator needs no more than EM's map: evaluations of several, from the same starts.

``python -m benchmarks.fixed_points`` prints the table behind the choice in
``skem/em/fixed_point.py``.
"""

from typing import Any
from unittest.mock import patch

import numpy as np

from skem.em import driver
from skem.em.acceleration import GAIN_OF_PLAIN_EM, Climb, QuasiNewton
from skem.em.fixed_point import Anderson
from tests.em.own_models import abilities, deaths, factor_analyser, zero_inflated

TOL = 1e-8


class Squarem:
    """SQUAREM's third step length (Varadhan & Roland 2008), safeguarded by the driver."""

    def __init__(self) -> None:
        self._last: list[Any] = []
        self._gain = np.inf

    def accept(self, point: Any, gradient: Any, em_step: Any, gain: float) -> None:
        """Begin a cycle with every second point."""
        self._gain = gain
        self._last = [*self._last[-1:], (point, em_step)] if len(self._last) < 2 else []
        self._last = self._last or [(point, em_step)]

    def reject(self, point: Any, gradient: Any, em_step: Any) -> None:
        """Begin anew."""
        self._last = []

    def forget(self) -> None:
        """Begin anew."""
        self._last = []

    def propose(self) -> Climb | None:
        """Extrapolate from two EM steps in a row."""
        if len(self._last) < 2 or self._gain > GAIN_OF_PLAIN_EM:
            return None
        (start, first), (_, second) = self._last
        bend = second - first
        length = max(1.0, float(np.linalg.norm(first) / np.linalg.norm(bend)))
        further = start + 2 * length * first + length**2 * bend
        return Climb(further, self._gain) if np.isfinite(further).all() else None


class DampedAnderson(Anderson):
    """Damped as in DAAREM (Henderson & Varadhan 2019), by ridge regression."""

    GROWTH, KAPPA = 1.2, 25

    def __init__(self) -> None:
        super().__init__()
        self._trust = 0

    def accept(self, point: Any, gradient: Any, em_step: Any, gain: float) -> None:
        """Trust the model more."""
        super().accept(point, gradient, em_step, gain)
        self._trust += 1

    def reject(self, point: Any, gradient: Any, em_step: Any) -> None:
        """Trust the model less."""
        super().reject(point, gradient, em_step)
        self._trust = max(self._trust - 2 * self.KAPPA, -2 * self.KAPPA)

    def _weights(self, em_steps: Any, em_step: Any) -> Any:
        """Return weights whose norm is a share of the undamped ones'."""
        U, d, Vt = np.linalg.svd(em_steps, full_matrices=False)
        kept = d > 1e-10 * d[0]
        d, Vt, u = d[kept], Vt[kept], U[:, kept].T @ em_step
        share = 1 / (1 + self.GROWTH ** (self.KAPPA - self._trust))
        least, most = 1e-12 * d[-1] ** 2, 1e8 * d[0] ** 2
        for _ in range(60):
            ridge = np.sqrt(least * most)
            if np.sum((d * u / (d**2 + ridge)) ** 2) > share * np.sum((u / d) ** 2):
                least = ridge
            else:
                most = ridge
        return Vt.T @ (d * u / (d**2 + most))


KINDS = {
    "plain EM": lambda: None,
    "SQUAREM": Squarem,
    "Anderson, damped": DampedAnderson,
    "Anderson": Anderson,
    "quasi-Newton, with Q": QuasiNewton,
}


def problems() -> dict[str, list[tuple[Any, Any]]]:
    """Return models with starts."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((300, 20)) * np.sqrt(rng.uniform(0.2, 2, 20))
    X = rng.standard_normal((300, 4)) @ rng.standard_normal((4, 20)) + noise
    S = np.cov(X.T, bias=True)
    shares = [(0.3, [1, 2.5]), (0.5, [1, 3]), (0.8, [2, 4]), (0.1, [0.1, 3]), (0.5, [2.1, 2.2])]
    immune = [(0.01, 0.1), (0.9, 3.0), (0.5, 5.0)]
    return {
        "6 tests, 2 factors": [abilities(2, seed) for seed in range(8)],
        "20 features, 4 factors": [factor_analyser(S, 4, 300, seed) for seed in range(5)],
        "two Poissons": [
            (deaths()[0], {"share": share, "rates": np.array(rates)}) for share, rates in shares
        ],
        "zero-inflated": [
            (zero_inflated()[0], {"immune": share, "rate": rate}) for share, rate in immune
        ],
    }


def main() -> None:
    """Print how many evaluations each takes, and how far the worst of its ends is too low."""
    every = problems()
    tops: dict[str, float] = {}
    total = dict.fromkeys(KINDS, 0)
    for name, models in every.items():
        runs = {}
        for kind, make in KINDS.items():
            with patch.object(driver, "_accelerator", lambda model, make=make: make()):
                runs[kind] = [
                    driver.run(model, start, tol=TOL, max_iter=20_000, accelerate=True)
                    for model, start in models
                ]
        tops[name] = max(run.objective for each in runs.values() for run in each)
        for kind, each in runs.items():
            n = sum(run.n_evaluations for run in each)
            total[kind] += n
            short = max(tops[name] - run.objective for run in each)
            print(f"{name:24}{kind:24}{n:7}   short by {short:.0e}")
    for kind, n in total.items():
        print(f"{'all':24}{kind:24}{n:7}")


if __name__ == "__main__":
    main()
