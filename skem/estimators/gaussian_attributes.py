"""What a mixture of Gaussians publishes and starts from, and what the core makes of both.

The core has means relative to an origin near the data, and each covariance with the factor of its
precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skem.data.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.parameters import Estimate
from skem.estimators.validation import check_shape, check_starting_values
from skem.families.base import FloatArray
from skem.families.covariance import STRUCTURES, Structure
from skem.families.gaussian import Gaussian
from skem.families.gaussian_density import GaussianParameters
from skem.mixture.labels import MixtureParameters, Weights

__all__ = ["GaussianAttributes"]


class GaussianAttributes(MixtureEM):
    """The half of a mixture of Gaussians that carries parameters to the core and back."""

    covariance_type: str
    precisions_init: Any
    covariances_init: Any
    means_init: Any

    def _fitted_covariance_type(self) -> str:
        """Return the covariance_type of the fit, whatever was set since."""
        return getattr(self, "_covariance_type", self.covariance_type)

    @property
    def _shared(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("covariances",) if self._structure().shared else ()

    def _structure(self) -> Structure:
        return STRUCTURES[self.covariance_type]

    def _component_attributes(self) -> list[str]:
        own = ["weights_", "means_"]
        if not STRUCTURES[self._fitted_covariance_type()].shared:
            own += ["covariances_", "precisions_", "precisions_cholesky_"]
        return own

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        """Return means and standard deviations; the errors of these by the delta method."""
        structure, shape = STRUCTURES[self._fitted_covariance_type()], self.means_.shape

        def diagonal(covariances: FloatArray) -> FloatArray:
            full = structure.expand(np.asarray(covariances, dtype=np.float64), *shape)
            return np.einsum("kii->ki", full)

        deviations = np.sqrt(diagonal(self.covariances_))
        if errors is None:
            return {"mean": Estimate(self.means_), "sd": Estimate(deviations)}
        of_deviations = diagonal(errors.covariances) / (2 * deviations)
        return {
            "mean": Estimate(self.means_, errors.means),
            "sd": Estimate(deviations, of_deviations),
        }

    def _prepare(self, rows: Rows, values: Any) -> tuple[Any, Gaussian, MixtureParameters, Any]:
        """Widen starting values that are narrower than the M-step lets components be."""
        labels, family, given, held = super()._prepare(rows, values)
        C, U = given.components.covariances.copy(), given.components.precisions_cholesky.copy()
        known = _known(C, family.structure) if C.ndim else None
        if self.max_iter and known is not None and "covariances" not in held.masks:
            C[known], U[known] = family.least_variance.widen(C[known], U[known])
            given = given.with_arrays(covariances=C, precisions_cholesky=U)
        return labels, family, given, held

    def _published(self) -> MixtureParameters:
        """Return the published parameters, with the factor of the precision that is upper.

        scikit-learn's users assign ``precisions_cholesky_`` by hand: any U with ``U U'`` the
        precision, of which most are lower, or leave it out.
        """
        structure = STRUCTURES[self._fitted_covariance_type()]
        weights, means = (np.asarray(v, dtype=np.float64) for v in (self.weights_, self.means_))
        if not hasattr(self, "precisions_cholesky_"):
            covariances = np.asarray(self.covariances_, dtype=np.float64)
            U = structure.factor(covariances, np.zeros(means.shape[1]))
        else:
            U = np.asarray(self.precisions_cholesky_, dtype=np.float64)
            if structure.correlated and np.tril(U, -1).any():
                _, U = structure.invert(structure.precisions(U))
        return MixtureParameters(
            Weights(weights), GaussianParameters(means, structure.covariances(U), U)
        )

    def _fitted(self) -> tuple[Gaussian, MixtureParameters]:
        structure, params = STRUCTURES[self._fitted_covariance_type()], self._published()
        weights, means = params.labels.weights, params.components.means
        origin = weights @ means
        family = Gaussian(
            structure, len(weights), origin, np.ones_like(origin), np.zeros_like(origin)
        )
        return family, params.with_arrays(means=means - origin)

    def _given(self, family: Gaussian) -> MixtureParameters:
        K, d, structure = family.n_components, family.n_features, family.structure
        if self.precisions_init is not None and self.covariances_init is not None:
            raise ValueError(
                "precisions_init and covariances_init are two ways to say one thing: "
                "set one of them to None"
            )
        given, shape = super()._given(family), structure.shape(K, d)
        if self.means_init is not None:
            means = check_starting_values(self.means_init, (K, d), "means")
            given = given.with_arrays(means=means - family.origin)
        if self.precisions_init is not None:
            P = check_starting_values(self.precisions_init, shape, f"{structure.name} precision")
            C, U = P.copy(), P.copy()
            if (known := _known(P, structure)) is not None:
                structure.check_definite(P[known], "precision")
                C[known], U[known] = structure.invert(P[known])
            given = given.with_arrays(covariances=C, precisions_cholesky=U)
        if self.covariances_init is not None:
            C = check_starting_values(self.covariances_init, shape, f"{structure.name} covariance")
            U = C.copy()
            if (known := _known(C, structure)) is not None:
                structure.check_definite(C[known], "covariance")
                U[known] = structure.factor(C[known], np.zeros(d))
            given = given.with_arrays(covariances=C, precisions_cholesky=U)
        return given

    def _continued(self, family: Gaussian) -> MixtureParameters:
        K, d = family.n_components, family.n_features
        if self._fitted_covariance_type() != self.covariance_type:
            raise ValueError(
                f"cannot continue with covariance_type={self.covariance_type!r} from a fit with "
                f"{self._fitted_covariance_type()!r}"
            )
        params = super()._continued(family)
        check_shape(self.means_, (K, d), "means_ to continue from")
        check_shape(
            self.covariances_, family.structure.shape(K, d), "covariances_ to continue from"
        )
        return params.with_arrays(means=params.components.means - family.origin)

    def _publish(self, family: Gaussian, params: MixtureParameters, dtype: Any) -> None:
        absolute = params.with_arrays(means=params.components.means + family.origin)
        _, means, covariances, U = arrays = absolute.by_name().values()
        # Units may be such that single precision cannot hold squares, or their inverses.
        squares = (means, covariances, U**2)
        if max(float(np.abs(values).max()) for values in squares) > float(np.finfo(dtype).max):
            dtype = np.float64
        self._set_parameters(*(values.astype(dtype) for values in arrays))

    def _set_parameters(
        self, weights: FloatArray, means: FloatArray, covariances: FloatArray, U: FloatArray
    ) -> None:
        self.weights_ = weights
        self.means_ = means
        self.covariances_ = covariances
        self.precisions_cholesky_ = U
        self.precisions_ = self._structure().precisions(U)
        self._covariance_type = self.covariance_type


def _known(values: FloatArray, structure: Structure) -> Any:
    """Return where covariances or precisions are given: an index; None if nowhere."""
    if structure.shared:
        return None if np.isnan(values).any() else ...
    known = ~np.isnan(values.reshape(len(values), -1)).any(axis=1)
    return known if known.any() else None
