"""skem, plain EM."""

import warnings

from protocol import MOST, complete, main, measure

from skem import GaussianMixtureEM


def contend(case, covariance_type):
    """Fit with a fixed number of evaluations."""
    start = {
        "weights_init": case.weights,
        "means_init": case.means,
        "covariances_init": case.covariances(covariance_type),
    }

    def fit(n, tol):
        return GaussianMixtureEM(
            len(case.weights),
            covariance_type=covariance_type,
            acceleration=None,
            tol=tol,
            max_iter=n,
            **start,
        ).fit(case.X)

    # How exact a pass is follows from the tolerance: the default one, unless EM ends too soon.
    longest = case.few + MOST
    tol = 1e-8 if fit(longest, 1e-8).n_iter_ == longest else 0.0

    def run(n):
        result = fit(n, tol)
        complete(result.n_iter_, n)
        return result.weights_, result.means_

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
