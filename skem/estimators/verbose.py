"""What ``verbose`` prints: the lines that scikit-learn's mixtures print."""

from time import perf_counter

from skem.em.driver import Run

__all__ = ["Reporter"]


class Reporter:
    """Prints the progress of one run of EM.

    Parameters
    ----------
    verbose : int
        0 prints nothing, 1 iterations, 2 also times and changes.
    interval : int
        Evaluations between two lines.
    """

    def __init__(self, verbose: int, interval: int) -> None:
        self.verbose = verbose
        self.interval = interval
        self.last_objective = float("-inf")

    def begin(self, index: int) -> None:
        """Announce a start."""
        self.started = self.last_time = perf_counter()
        if self.verbose:
            print(f"Initialization {index}")

    def iteration(self, n_evaluations: int, objective: float) -> None:
        """Print every ``interval``-th evaluation."""
        if self.verbose and n_evaluations % self.interval == 0:
            line = f"  Iteration {n_evaluations}"
            if self.verbose >= 2:
                now = perf_counter()
                change = objective - self.last_objective
                line += f"\t time lapse {now - self.last_time:.5f}s\t ll change {change:.5f}"
                self.last_time = now
            print(line)
        self.last_objective = objective

    def end(self, run: Run) -> None:
        """Say how the run ended."""
        if self.verbose == 0:
            return
        line = "Initialization converged." if run.converged else "Initialization did not converge."
        if self.verbose >= 2:
            elapsed = perf_counter() - self.started
            line += f" time lapse {elapsed:.5f}s\t lower bound {run.objective:.5f}."
        print(line)
