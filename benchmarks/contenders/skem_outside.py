"""skem, plain EM, on rows that are somewhere else; the third argument says where.

``memory`` and ``thread`` (one thread) are what the others are compared with; ``map``, ``hdf5`` and
``zarr`` are files, ``threads`` is dask in this process, ``cluster-2`` a ``LocalCluster`` of two
worker processes of one thread each, in whose memory the rows are; ``cluster-2-1000`` has them in
chunks of 1,000 rows.
"""

import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from protocol import complete, main, measure
from threadpoolctl import threadpool_limits

from skem import GaussianMixtureEM

#: Rows that are one chunk for HDF5 and zarr, and for dask.
STORED_CHUNK, CHUNK = 10_000, 50_000

#: Sources from which a fit with defaults is timed as well.
FITTED = ("memory", "map", "cluster-2")


def mapped(folder, shape):
    """Return the rows as a map of the file that they are in."""
    return np.memmap(Path(folder) / "X.f64", dtype=np.float64, mode="r", shape=shape)


def load(path, shape, block_info=None):
    """Return a chunk of the rows, on the worker that is to hold it."""
    (start, stop), _ = block_info[None]["array-location"]
    return np.array(np.memmap(path, dtype=np.float64, mode="r", shape=shape)[start:stop])


def chunked(X, chunk):
    """Return a dask array that reads the rows of a map, in the memory of its workers."""
    import dask.array as da

    n, d = X.shape
    chunks = (tuple(min(chunk, n - start) for start in range(0, n, chunk)), (d,))
    return da.map_blocks(load, X.filename, X.shape, chunks=chunks, dtype=X.dtype).persist()


def opened(source, X, folder, stack):
    """Return the rows as a source has them."""
    kind, *numbers = source.split("-")
    if kind in ("memory", "thread"):
        return np.array(X)
    if kind == "hdf5":
        import h5py

        file = stack.enter_context(h5py.File(folder / "X.h5", "w"))
        return file.create_dataset("X", data=X, chunks=(min(STORED_CHUNK, len(X)), X.shape[1]))
    if kind == "zarr":
        import zarr

        chunks = (min(STORED_CHUNK, len(X)), X.shape[1])
        array = zarr.create_array(
            folder / "X.zarr", shape=X.shape, dtype=X.dtype, chunks=chunks, compressors=None
        )
        array[:] = X
        return array
    if kind == "cluster":
        from dask.distributed import Client, LocalCluster, wait

        cluster = LocalCluster(int(numbers[0]), threads_per_worker=1, dashboard_address=None)
        stack.enter_context(cluster)
        client = stack.enter_context(Client(cluster))
        rows = chunked(X, int(numbers[1]) if len(numbers) > 1 else CHUNK)
        wait(rows)
        client.rebalance(rows)  # a worker that is ready sooner has read more of the chunks
        return rows
    return X if kind == "map" else chunked(X, CHUNK)


def contend(case, source):
    """Fit with a fixed number of evaluations; then once with defaults."""
    with ExitStack() as stack:
        if source == "thread":
            stack.enter_context(threadpool_limits(1))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        X = opened(source, case.X, folder, stack)
        start = {
            "weights_init": case.weights,
            "means_init": case.means,
            "covariances_init": case.covariances("full"),
        }

        def run(n):
            fit = GaussianMixtureEM(
                len(case.weights), acceleration=None, tol=0.0, max_iter=n, **start
            ).fit(X)
            complete(fit.n_iter_, n)
            return fit.weights_, fit.means_

        outcome = measure(case, run)
        if source not in FITTED:
            return outcome
        started = time.perf_counter()
        fit = GaussianMixtureEM(len(case.weights), random_state=1).fit(X)
        return {**outcome, "fit": (time.perf_counter() - started, fit.lower_bound_)}


if __name__ == "__main__":  # workers that are spawned import this file
    warnings.simplefilter("ignore")  # that n iterations are not convergence
    main(contend, mapped)
