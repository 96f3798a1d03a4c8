"""The cost of an iteration where the rows are outside memory, or with worker processes."""

from benchmarks.data import gaussian
from benchmarks.iterations import compared
from benchmarks.machine import Machine
from benchmarks.race import Race, Settings, Times
from benchmarks.report import Row, Table

SOURCES = {
    "skem": "memory",
    "memory map": "map",
    "dask, threads": "threads",
    "HDF5": "hdf5",
    "zarr": "zarr",
    "one thread": "thread",
    "dask, one worker": "cluster-1",
    "dask, two workers": "cluster-2",
    "dask, two workers, chunks of 1,000 rows": "cluster-2-1000",
}
SPARK = {"Spark MLlib, one core": "1", "Spark MLlib, two cores": "2"}


def table(settings: Settings, machine: Machine) -> Table:
    """Time an iteration and a default fit of the same rows from wherever they are."""
    n, d, K = settings.size(1_000_000), 10, 10
    result, case = Table("Rows outside memory, full covariances"), f"{n:,} x {d}, K={K}"
    ours = [(name, "skem_outside.py", "skem", it) for name, it in SOURCES.items()]
    theirs = [(name, "spark_gaussian.py", "pyspark", it) for name, it in SPARK.items()]
    # Long enough for several pairs of runs: the first evaluations of a cluster are slow.
    with Race(settings, *gaussian(n, d, K), seconds=20) as race:
        times = race.times([*settings.some(ours, slice(3)), *theirs], rounds=1)
    result.rows += compared(f"an iteration, {case}", times, {})
    fits = {name: it.fit for name, it in times.items() if isinstance(it, Times) and it.fit}
    for name, (seconds, reached) in fits.items():
        more = {} if name == "skem" else {"ratio": seconds / fits["skem"][0]}
        note = f"reaches {reached:.5f} nats per row"
        result.rows.append(Row(f"a default fit, {case}", name, seconds, "s", note=note, **more))
    return result
