"""What the machine could do at best."""

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
import sklearn

#: Statistics that enter the matrix products of an iteration, by covariance type.
STATISTICS: dict[str, Callable[[int], int]] = {
    "full": lambda d: (d + 1) * (d + 2) // 2,
    "tied": lambda d: d + 1,
    "diag": lambda d: 2 * d + 1,
    "spherical": lambda d: d + 2,
    "binomial": lambda d: d + 1,
}


@dataclass(frozen=True)
class Machine:
    """Rates of all cores together, per second."""

    flops: float
    exps: float
    bytes_read: float

    def bound(self, n: int, d: int, K: int, kind: str) -> float:
        """Return the least time of an iteration, in milliseconds.

        Two matrix products, statistics by parameters and statistics by responsibilities, at the
        rate of a large one, and an exponential for every row and component; or reading X, where
        that takes longer.
        """
        compute = 4 * n * K * STATISTICS[kind](d) / self.flops + n * K / self.exps
        return 1e3 * max(compute, 8 * n * d / self.bytes_read)


def measure(seconds: float) -> Machine:
    """Measure the rates, for so many seconds each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    A = np.random.default_rng(0).normal(size=(1500, 1500))
    product = np.empty_like(A)
    gemm = _best(lambda: np.matmul(A, A, out=product), seconds)

    blocks = [np.linspace(-10, 0, 8192) for _ in range(cores)]
    out = [np.empty_like(block) for block in blocks]
    columns = np.ones((cores, 2**23))

    def exp(i: int) -> None:
        for _ in range(100):
            np.exp(blocks[i], out=out[i])

    with ThreadPoolExecutor(cores) as pool:
        exps = _best(lambda: list(pool.map(exp, range(cores))), seconds)
        reading = _best(lambda: list(pool.map(np.sum, columns)), seconds)
    return Machine(2 * 1500**3 / gemm, 100 * 8192 * cores / exps, columns.nbytes / reading)


def _best(function: Callable[[], object], seconds: float) -> float:
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or best == np.inf:
        started = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - started)
    return best


def describe(machine: Machine) -> str:
    """Return the machine and the versions in words."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0].split(":")[1].strip() if names else processor
    return (
        f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, numpy "
        f"{np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}. "
        f"Measured in this run: {machine.flops / 1e9:.0f} GFLOP/s in a matrix product, "
        f"{machine.exps / 1e6:.0f} million exponentials and {machine.bytes_read / 1e9:.0f} GB "
        "read per second."
    )
