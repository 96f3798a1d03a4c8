"""scikit-learn's GaussianMixture."""

import warnings

import numpy as np
from protocol import complete, main, measure
from sklearn.mixture import GaussianMixture


def contend(case, covariance_type):
    """Fit with a fixed number of iterations."""
    covariances = case.covariances(covariance_type)
    matrices = covariance_type in ("full", "tied")
    precisions = np.linalg.inv(covariances) if matrices else 1 / covariances

    def run(n):
        fit = GaussianMixture(
            len(case.weights),
            covariance_type=covariance_type,
            tol=0.0,
            max_iter=n,
            weights_init=case.weights,
            means_init=case.means,
            precisions_init=precisions,
        ).fit(case.X)
        complete(fit.n_iter_, n)
        return fit.weights_, fit.means_

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
