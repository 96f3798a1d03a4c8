"""mlpack, through its Python binding.

``gmm_train`` accepts an ``input_model`` and does not start from it (mlpack 4.8), so that this
contender starts from its own k-means, the same every time.
"""

import mlpack
from protocol import main, measure


def contend(case, covariance_type):
    """Train with a fixed number of iterations."""

    def run(n):
        model = mlpack.gmm_train(
            gaussians=len(case.weights),
            input_=case.X,
            kmeans_max_iterations=1,
            max_iterations=n,
            tolerance=1e-300,
            trials=1,
            seed=1,
            copy_all_inputs=True,
        )["output_model"].get_cpp_params()["GMM"]
        return model["weights"], [each["mean"] for each in model["dists"]]

    note = "cannot start from a given model: from its own k-means"
    return {**measure(case, run), "note": note}


main(contend)
