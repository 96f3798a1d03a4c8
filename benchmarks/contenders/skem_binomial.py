"""skem's BinomialMixture, plain EM; ten trials in every cell."""

import warnings

from protocol import complete, main, measure

from skem import BinomialMixture


def contend(case, covariance_type):
    """Fit with a fixed number of evaluations."""

    def run(n):
        fit = BinomialMixture(
            len(case.weights),
            n_trials=10,
            acceleration=None,
            tol=0.0,
            max_iter=n,
            weights_init=case.weights,
            probabilities_init=case.means,
        ).fit(case.X)
        complete(fit.n_iter_, n)
        return fit.weights_, fit.probabilities_

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
