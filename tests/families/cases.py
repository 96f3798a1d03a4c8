"""The families of the package as cases for the laws, held against scipy.stats."""

from dataclasses import replace

import numpy as np
from scipy.stats import binom, multivariate_normal, poisson

from skem.data.rows import Rows
from skem.families import (
    Binomial,
    BinomialParameters,
    Categorical,
    CategoricalParameters,
    Gaussian,
    Poisson,
    PoissonParameters,
)
from skem.families.covariance import STRUCTURES
from skem.mixture.labels import MixtureParameters, Weights
from tests.laws import Case

N_ROWS = 300


class Centred(Gaussian):
    """Gaussian that always uses its centred kernel."""

    def kernel(self, params, bias, incomplete=False):
        """Return it."""
        if params is None:
            return super().kernel(params, bias)
        return self.centred_kernel(params, bias, params.means)


class Wide(Gaussian):
    """Gaussian that always uses its kernel for many features."""

    def kernel(self, params, bias, incomplete=False):
        """Return it."""
        if params is None:
            return super().kernel(params, bias)
        return self.wide_kernel(params, bias)


def random_covariances(structure, K, d, rng):
    """Return covariances of a structure, neither equal nor near singular."""
    full = np.array([B @ B.T / d + 0.3 * np.eye(d) for B in rng.standard_normal((K, d, d))])
    return {
        "full": full,
        "tied": full[0],
        "diag": np.einsum("kii->ki", full),
        "spherical": np.einsum("kii->k", full) / d,
    }[structure]


def n_covariance_parameters(structure, K, d):
    """Return the number of free parameters of the covariances."""
    triangle = d * (d + 1) // 2
    return {"full": K * triangle, "tied": triangle, "diag": K * d, "spherical": K}[structure]


def gaussian_log_densities(family, params, X):
    """Return the log-density of what is observed of each row under each component, by scipy."""
    K, d = params.means.shape
    covariances = family.structure.expand(params.covariances, K, d)
    log_densities = np.zeros((len(X), K))
    for pattern in np.unique(np.isnan(X), axis=0):
        rows, seen = (np.isnan(X) == pattern).all(axis=1), ~pattern
        if seen.any():
            log_densities[rows] = np.column_stack(
                [
                    multivariate_normal((mean + family.origin)[seen], C[np.ix_(seen, seen)])
                    .logpdf(X[np.ix_(rows, seen)])
                    .reshape(rows.sum())
                    for mean, C in zip(params.means, covariances, strict=True)
                ]
            )
    return log_densities


def binomials(weights, probabilities):
    """Return the parameters of a mixture of binomials."""
    return MixtureParameters(Weights(weights), BinomialParameters(probabilities))


def with_holes(X, share):
    """Return X with cells missing, in one row all of them."""
    holes = np.random.default_rng(0).random(X.shape) < share
    holes[0], holes[1] = True, False
    return np.where(holes, np.nan, X)


def gaussian_case(structure, K, d, ridge=0.0, kind=Gaussian, pooled=False, missing=0.0):
    """Return a Gaussian case; the origin is near its data, not at their mean."""
    rng = np.random.default_rng([K, d])
    family = kind(
        structure=STRUCTURES[structure],
        n_components=K,
        origin=rng.standard_normal(d),
        scale=rng.uniform(0.5, 2, d),
        floor=np.zeros(d),
        ridge=ridge,
    )
    weights = rng.dirichlet(np.full(K, 5.0))
    params = family.parameters(
        2 * rng.standard_normal((K, d)), random_covariances(structure, K, d, rng)
    )
    scorer = replace(family, ridge=0.0)
    X = family.sample(params, rng.multinomial(N_ROWS, weights), rng)

    if missing:
        X = with_holes(X, missing)
        family = family.bound(Rows(X))
    correlated = family.structure.correlated

    def penalties(params):
        covariances = family.structure.expand(params.covariances, K, d)
        precisions = np.einsum("kii->ki", np.linalg.inv(covariances))
        if correlated:
            return ridge / 2 * precisions.sum(axis=1)
        return ridge / 2 * ~np.isnan(X) @ precisions.T  # a missing cell has no penalty either

    words = [f"{K} {structure} Gaussians of {d} features"]
    words += [f"ridge {ridge:g}"] * (ridge > 0) + ["centred"] * (kind is Centred)
    words += ["wide"] * (kind is Wide)
    words += ["pooled"] * pooled + [f"{missing:.0%} missing"] * (missing > 0)
    return Case(
        name=", ".join(words),
        family=family,
        params=MixtureParameters(Weights(weights), params),
        X=X.astype(np.float32).astype(np.float64),
        n_parameters=K - 1 + K * d + n_covariance_parameters(structure, K, d),
        log_densities=lambda params, X: gaussian_log_densities(family, params, X),
        penalties=penalties,
        trained=(lambda family, rows: family.bound(rows))
        if pooled
        else (lambda family, _: family),
        scorer=scorer,
        shared=("covariances", "precisions_cholesky") if structure == "tied" else (),
        closed_form=not (missing and correlated),
    )


def binomial_case(K, m, n_trials=None, missing=0.0):
    """Return a binomial case; each cell has its own number of trials where none is given."""
    rng = np.random.default_rng([K, m])
    family = Binomial(K, m, None if n_trials is None else np.full(m, float(n_trials)))
    weights = rng.dirichlet(np.full(K, 5.0))
    params = BinomialParameters(rng.uniform(0.05, 0.95, (K, m)))
    trials = rng.integers(0, 30, (N_ROWS, m)) if n_trials is None else n_trials
    labels = rng.choice(K, N_ROWS, p=weights)
    successes = rng.binomial(trials, params.probabilities[labels]).astype(np.float64)
    if missing:
        successes = with_holes(successes, missing)
    X = successes if n_trials is not None else np.hstack([successes, trials - successes])

    def log_densities(params, X):
        s, n = (X, n_trials) if n_trials is not None else (X[:, :m], X[:, :m] + X[:, m:])
        p = params.probabilities
        return np.column_stack([np.nansum(binom.logpmf(s, n, p[k]), axis=1) for k in range(K)])

    holes = f", {missing:.0%} missing" if missing else ""
    layout = "successes and failures" if n_trials is None else f"{n_trials} trials"
    return Case(
        name=f"{K} binomials of {m} columns, {layout}{holes}",
        family=family,
        params=MixtureParameters(Weights(weights), params),
        X=X,
        n_parameters=K - 1 + K * m,
        log_densities=log_densities,
        samples=n_trials is not None,
    )


def poisson_case(K, m, missing=0.0):
    """Return a Poisson case."""
    rng = np.random.default_rng([K, m])
    weights, rates = rng.dirichlet(np.full(K, 5.0)), rng.uniform(0.5, 20, (K, m))
    X = rng.poisson(rates[rng.choice(K, N_ROWS, p=weights)]).astype(np.float64)
    family = Poisson(K, m)
    if missing:
        X = with_holes(X, missing)

    def log_densities(params, X):
        return np.nansum(poisson.logpmf(X[:, np.newaxis], params.rates), axis=2)

    return Case(
        name=f"{K} Poisson distributions of {m} columns"
        + f", {missing:.0%} missing" * (missing > 0),
        family=family,
        params=MixtureParameters(Weights(weights), PoissonParameters(rates)),
        X=X,
        n_parameters=K - 1 + K * m,
        log_densities=log_densities,
    )


GAUSSIANS = [
    gaussian_case(structure, K, d, ridge)
    for structure in STRUCTURES
    for K, d, ridge in [(2, 1, 0.0), (3, 2, 0.0), (2, 5, 0.0), (3, 3, 0.2)]
]
CENTRED = [gaussian_case(structure, 3, 3, 0.2, kind=Centred) for structure in STRUCTURES]
POOLED = [gaussian_case("tied", 3, 3, ridge, pooled=True) for ridge in (0.0, 0.2)]
BINOMIALS = [
    binomial_case(2, 1, n_trials=10),
    binomial_case(3, 4, n_trials=7),
    binomial_case(2, 1),
    binomial_case(3, 3),
]
INCOMPLETE = [
    gaussian_case(structure, K, d, ridge, missing=0.3)
    for structure in STRUCTURES
    for K, d, ridge in [(3, 2, 0.0), (2, 5, 0.0), (3, 3, 0.2)]
] + [binomial_case(2, 3, n_trials=7, missing=0.3), binomial_case(3, 3, missing=0.3)]
WIDE = [gaussian_case("full", K, d, 0.2, kind=Wide) for K, d in ((3, 3), (2, 5))]


def categorical_case(n_levels, K, missing=0.0):
    """Return a case of categories in columns with so many levels."""
    rng = np.random.default_rng(K)
    m, most = len(n_levels), max(n_levels)
    probabilities = np.zeros((K, m, most))
    for j, n in enumerate(n_levels):
        probabilities[:, j, :n] = rng.dirichlet(np.full(n, 0.7), K)
    weights = rng.dirichlet(np.full(K, 5.0))
    family = Categorical(K, m, tuple(np.arange(n) + 1.0 for n in n_levels))
    counts = rng.multinomial(N_ROWS, weights)
    X = family.sample(CategoricalParameters(probabilities), counts, rng)
    X[rng.random(X.shape) < missing] = np.nan

    def log_densities(params, X):
        """Return the log-probability of what is observed, level by level."""
        density = np.ones((len(X), K))
        for j, n in enumerate(n_levels):
            for level in range(n):
                density[X[:, j] == level + 1] *= params.probabilities[:, j, level]
        with np.errstate(divide="ignore"):
            return np.log(density)

    return Case(
        name=f"categorical-{'x'.join(map(str, n_levels))}{'-missing' if missing else ''}",
        family=family,
        params=MixtureParameters(Weights(weights), CategoricalParameters(probabilities)),
        X=X,
        n_parameters=K - 1 + K * (sum(n_levels) - m),
        log_densities=log_densities,
    )


CATEGORICALS = [
    categorical_case((3, 3, 3), 2),
    categorical_case((2, 4, 3, 2), 3),
    categorical_case((3, 2, 4), 2, missing=0.2),
]
POISSONS = [poisson_case(2, 1), poisson_case(3, 4), poisson_case(3, 3, missing=0.3)]
CASES = GAUSSIANS + CENTRED + WIDE + POOLED + BINOMIALS + POISSONS + CATEGORICALS + INCOMPLETE
