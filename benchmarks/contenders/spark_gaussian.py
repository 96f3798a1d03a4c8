"""Spark MLlib's GaussianMixture in a local session; the third argument says on how many cores.

``pyspark.ml`` has no parameter for a start: this contender starts from rows drawn by a seed.
"""

import time

import numpy as np
from protocol import main, measure
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession


def vector(record):
    """Return a row of the file as a row of a table."""
    return (Vectors.dense(np.frombuffer(record)),)


def contend(case, cores):
    """Fit with a fixed number of iterations to rows in memory; on two cores with defaults, too."""
    n, d = case.X.shape
    session = (
        SparkSession.builder.master(f"local[{cores}]")
        .config("spark.driver.memory", "8g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    records = session.sparkContext.binaryRecords(f"file://{case.X.filename}", 8 * d)
    table = records.repartition(4 * int(cores)).map(vector).toDF(["features"]).cache()
    table.count()
    mixture = GaussianMixture(k=len(case.weights), seed=1)

    def run(iterations):
        model = mixture.copy({mixture.maxIter: iterations, mixture.tol: 0.0}).fit(table)
        return model.weights, [each.mean for each in model.gaussians]

    outcome = {
        **measure(case, run),
        "note": "cannot start from a given model: from rows that it draws",
    }
    if cores == "1":
        return outcome
    started = time.perf_counter()
    model = mixture.fit(table)
    fit = (time.perf_counter() - started, model.summary.logLikelihood / n)
    return {**outcome, "fit": fit}


def mapped(folder, shape):
    """Return the rows as a map of their file, for the name of it."""
    return np.memmap(f"{folder}/X.f64", dtype=np.float64, mode="r", shape=shape)


if __name__ == "__main__":
    main(contend, mapped)
