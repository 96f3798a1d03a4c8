"""skem, plain EM."""

import warnings

from protocol import complete, main, measure

from skem import GaussianMixtureEM


def contend(case, covariance_type):
    """Fit with a fixed number of evaluations."""
    # How exact a pass is follows from the tolerance: the default one, but where EM ends too soon.
    tol = 1e-8 if case.X.shape[1] > 1 else 0.0
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
            tol=tol,
            max_iter=n,
            **start,
        ).fit(case.X)
        complete(fit.n_iter_, n)
        return fit.weights_, fit.means_

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
