"""Intel's oneDAL, through daal4py."""

import daal4py
from protocol import complete, main, measure


def contend(case, covariance_type):
    """Compute with a fixed number of iterations."""
    covariances = list(case.covariances("full"))

    def run(n):
        em = daal4py.em_gmm(
            len(case.weights),
            maxIterations=n,
            accuracyThreshold=0.0,
            regularizationFactor=1e-6,
            covarianceStorage="full",
        )
        fit = em.compute(case.X, case.weights[None], case.means, covariances)
        complete(fit.nIterations.item(), n)
        return fit.weights, fit.means

    return measure(case, run)


main(contend)
