"""skem, plain EM."""

import warnings

from protocol import complete, main, measure

from skem import GaussianMixtureEM


def contend(case, covariance_type):
    """Fit with a fixed number of evaluations."""
    start = {
        "weights_init": case.weights,
        "means_init": case.means,
        "covariances_init": case.covariances(covariance_type),
    }

    def run(n):
        fit = GaussianMixtureEM(
            len(case.weights),
            covariance_type=covariance_type,
            acceleration=None,
            tol=0.0,
            max_iter=n,
            **start,
        ).fit(case.X)
        complete(fit.n_iter_, n)
        return fit.weights_, fit.means_

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
