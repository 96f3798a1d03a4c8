"""StepMix."""

import warnings

from protocol import complete, main, measure
from stepmix import StepMix


def contend(case, covariance_type):
    """Fit with a fixed number of iterations."""
    parameters = {
        "weights": case.weights,
        "measurement": {"means": case.means, "covariances": case.covariances(covariance_type)},
        "measurement_in": case.X.shape[1],
    }

    class Started(StepMix):
        """StepMix with a given start, which it has no parameter for."""

        def _initialize_parameters(self, X, random_state):
            self.set_parameters(parameters)

    def run(n):
        fit = Started(
            len(case.weights),
            measurement=f"gaussian_{covariance_type}",
            abs_tol=0.0,
            max_iter=n,
            progress_bar=0,
        ).fit(case.X)
        complete(fit.n_iter_, n)
        fitted = fit.get_parameters()
        return fitted["weights"], fitted["measurement"]["means"]

    return measure(case, run)


warnings.simplefilter("ignore")  # that n iterations are not convergence
main(contend)
