"""Models that have nothing to do with the package: each an E-step, an M-step and Q."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import t as student

from skem.em import POSITIVE, PROBABILITY, REAL, SIMPLEX, TwoSteps

# Linkage of two factors in 197 animals (Dempster, Laird & Rubin 1977, section 1.1).

ANIMALS = np.array([125, 18, 20, 34])


def linkage():
    """Return the model: the first kind is two, of which one has the probability 1/2."""

    def e_step(params):
        pi = params["pi"]
        cells = np.array([0.5 + pi / 4, (1 - pi) / 4, (1 - pi) / 4, pi / 4])
        return ANIMALS[0] * pi / (2 + pi), ANIMALS @ np.log(cells)

    def m_step(hidden):
        return {"pi": (hidden + 34) / (hidden + 34 + 18 + 20)}

    def expected(params, hidden):
        return (hidden + 34) * np.log(params["pi"]) + (18 + 20) * np.log1p(-params["pi"])

    return TwoSteps(e_step, m_step, 197, {"pi": PROBABILITY}, expected), {"pi": 0.1}


# ABO blood groups of 521 patients (Clarke et al. 1959; Lange 2010, section 9.5.1).

PHENOTYPES = {"A": 186, "B": 38, "AB": 13, "O": 284}


def phenotype_probabilities(p):
    """Return those of A, B, AB and O, given the frequencies of the alleles A, B and O."""
    a, b, o = p
    return np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])


def blood_groups():
    """Return the model: A may be AA or AO, B may be BB or BO."""
    A, B, AB, O = PHENOTYPES.values()  # noqa: E741

    def e_step(params):
        a, b, o = params["alleles"]
        aa, bb = A * a / (a + 2 * o), B * b / (b + 2 * o)
        alleles = np.array([A + aa + AB, B + bb + AB, 2 * O + A - aa + B - bb])
        return alleles, [A, B, AB, O] @ np.log(phenotype_probabilities(params["alleles"]))

    def m_step(alleles):
        return {"alleles": alleles / alleles.sum()}

    def expected(params, alleles):
        return xlogy(alleles, params["alleles"]).sum()

    model = TwoSteps(e_step, m_step, 521, {"alleles": SIMPLEX}, expected)
    return model, {"alleles": np.array([0.3, 0.2, 0.5])}


# Times to failure, some of which lay beyond the end of the observation.

LIVES, ENDED = np.array([5.1, 0.4, 12.0, 2.2, 12.0, 7.9, 1.3, 12.0, 3.5, 9.6]), 12.0


def censored():
    """Return the model of an exponential distribution."""
    beyond = ENDED <= LIVES
    n, n_beyond = len(LIVES), beyond.sum()

    def e_step(params):
        rate = params["rate"]
        return LIVES.sum() + n_beyond / rate, (n - n_beyond) * np.log(rate) - rate * LIVES.sum()

    def m_step(total):
        return {"rate": n / total}

    def expected(params, total):
        return n * np.log(params["rate"]) - params["rate"] * total

    return TwoSteps(e_step, m_step, n, {"rate": POSITIVE}, expected), {"rate": 3.0}


# Cholera cases in the households of a village in India (McKendrick 1926).

HOUSEHOLDS = np.array([168, 32, 16, 6, 1])


def zero_inflated():
    """Return the model: Poisson counts, and households that cannot have any."""
    cases = np.arange(len(HOUSEHOLDS))
    total = HOUSEHOLDS @ cases

    def e_step(params):
        immune, rate = params["immune"], params["rate"]
        density = (1 - immune) * np.exp(cases * np.log(rate) - rate - gammaln(cases + 1))
        density[0] += immune
        hidden = HOUSEHOLDS[0] * immune / density[0]
        return hidden, HOUSEHOLDS @ np.log(density)

    def m_step(hidden):
        n = HOUSEHOLDS.sum()
        return {"immune": hidden / n, "rate": total / (n - hidden)}

    def expected(params, hidden):
        n, immune, rate = HOUSEHOLDS.sum(), params["immune"], params["rate"]
        labels = xlogy(hidden, immune) + (n - hidden) * np.log1p(-immune)
        return labels + total * np.log(rate) - (n - hidden) * rate

    ranges = {"immune": PROBABILITY, "rate": POSITIVE}
    return TwoSteps(e_step, m_step, HOUSEHOLDS.sum(), ranges, expected), {
        "immune": 0.2,
        "rate": 0.3,
    }


# Differences in height of 15 pairs of plants (Darwin 1876, Zea mays), in eighths of an inch.

HEIGHTS = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])


class Student(NamedTuple):
    """Location, and square of the scale."""

    location: Any
    variance: Any


def student_t(df=4):
    """Return the model: normal, with a hidden precision for each plant."""

    def e_step(params):
        squares = (HEIGHTS - params.location) ** 2
        weights = (df + 1) / (df + squares / params.variance)
        density = student.logpdf(HEIGHTS, df, params.location, np.sqrt(params.variance))
        moments = np.array([weights.sum(), weights @ HEIGHTS, weights @ HEIGHTS**2])
        return moments, density.sum()

    def m_step(moments):
        n, first, second = moments
        location = first / n
        return Student(location, (second - n * location**2) / len(HEIGHTS))

    def expected(params, moments):
        n, first, second = moments
        squares = second - 2 * params.location * first + n * params.location**2
        return -(len(HEIGHTS) * np.log(params.variance) + squares / params.variance) / 2

    ranges = {"location": REAL, "variance": POSITIVE}
    model = TwoSteps(e_step, m_step, len(HEIGHTS), ranges, expected)
    return model, Student(-50.0, 4000.0)


# Blood groups MN and Ss of 1000 people: counts by the number of N, and of s.

PAIRS = np.array([[57, 140, 101], [39, 224, 226], [3, 54, 156]])


def haplotypes():
    """Return the model: which two of MS, Ms, NS, Ns somebody has; MNSs is ambiguous."""
    sure = np.array(
        [
            2 * PAIRS[0, 0] + PAIRS[0, 1] + PAIRS[1, 0],
            2 * PAIRS[0, 2] + PAIRS[0, 1] + PAIRS[1, 2],
            2 * PAIRS[2, 0] + PAIRS[1, 0] + PAIRS[2, 1],
            2 * PAIRS[2, 2] + PAIRS[1, 2] + PAIRS[2, 1],
        ]
    )

    def e_step(params):
        f = params["frequencies"]
        coupled, crossed = f[0] * f[3], f[1] * f[2]
        share = coupled / (coupled + crossed)
        counts = sure + PAIRS[1, 1] * np.array([share, 1 - share, 1 - share, share])
        ambiguous = PAIRS[1, 1] * np.log(coupled + crossed)
        return counts, xlogy(sure, f).sum() + ambiguous

    def m_step(counts):
        return {"frequencies": counts / counts.sum()}

    def expected(params, counts):
        return xlogy(counts, params["frequencies"]).sum()

    model = TwoSteps(e_step, m_step, PAIRS.sum(), {"frequencies": SIMPLEX}, expected)
    return model, {"frequencies": np.array([0.1, 0.4, 0.4, 0.1])}


# Deaths of women over 80 on 1096 days, as "The Times" reported them (Hasselblad 1969).

DAYS = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])


def deaths():
    """Return the model: a mixture of two Poisson distributions."""
    k = np.arange(len(DAYS))

    def e_step(params):
        share, rates = params["share"], params["rates"][:, np.newaxis]
        joint = np.array([[share], [1 - share]]) * np.exp(k * np.log(rates) - rates)
        evidence = joint.sum(axis=0)
        r = joint / evidence * DAYS
        return np.array([r.sum(axis=1), r @ k]), DAYS @ (np.log(evidence) - gammaln(k + 1))

    def m_step(totals):
        n, sums = totals
        return {"share": n[0] / n.sum(), "rates": sums / n}

    def expected(params, totals):
        (a, b), sums = totals
        share, rates = params["share"], params["rates"]
        labels = a * np.log(share) + b * np.log1p(-share)
        return labels + sums @ np.log(rates) - totals[0] @ rates

    ranges = {"share": PROBABILITY, "rates": POSITIVE}
    model = TwoSteps(e_step, m_step, DAYS.sum(), ranges, expected)
    return model, {"share": 0.3, "rates": np.array([1.0, 2.5])}


# Factors behind six tests of ability, of 112 people (Smith & Stanley 1983; R's ability.cov).

ABILITIES = np.array(
    [
        [24.641, 5.991, 33.520, 6.023, 20.755, 29.701],
        [5.991, 6.700, 18.137, 1.782, 4.936, 7.204],
        [33.520, 18.137, 149.831, 19.424, 31.430, 50.753],
        [6.023, 1.782, 19.424, 12.711, 4.757, 9.075],
        [20.755, 4.936, 31.430, 4.757, 52.604, 66.762],
        [29.701, 7.204, 50.753, 9.075, 66.762, 135.292],
    ]
)


class Factors(NamedTuple):
    """Loadings (d, q), and variances (d,) of what is specific to each feature."""

    loadings: Any
    noise: Any


def factor_analyser(S, n_factors, n_samples, seed=0):
    """Return the model of a covariance matrix, ``loadings @ loadings.T + diag(noise)``."""
    d, variances = len(S), np.diag(S)

    def e_step(params):
        L, noise = params
        M = np.eye(n_factors) + L.T @ (L / noise[:, np.newaxis])  # posterior precision
        beta = np.linalg.solve(M, (L / noise[:, np.newaxis]).T)
        by_features = beta @ S
        second = np.linalg.inv(M) + by_features @ beta.T
        log_det = np.log(noise).sum() + np.linalg.slogdet(M)[1]
        fit = np.sum(variances / noise) - np.sum(by_features * (L / noise[:, np.newaxis]).T)
        total = -n_samples * (d * np.log(2 * np.pi) + log_det + fit) / 2
        return (by_features, second), total

    def m_step(statistics):
        by_features, second = statistics
        L = np.linalg.solve(second, by_features).T
        return Factors(L, variances - np.sum(L.T * by_features, axis=0))

    def expected(params, statistics):
        L, noise = params
        by_features, second = statistics
        squares = variances - 2 * np.sum(L.T * by_features, axis=0)
        squares = squares + np.einsum("ij,jk,ik->i", L, second, L)
        return -n_samples / 2 * np.sum(np.log(noise) + squares / noise)

    ranges = {"loadings": REAL, "noise": POSITIVE}
    start = 0.3 * np.random.default_rng(seed).standard_normal((d, n_factors))
    start = Factors(start * np.sqrt(variances)[:, np.newaxis], variances.copy())
    return TwoSteps(e_step, m_step, n_samples, ranges, expected), start


def abilities(n_factors, seed=0):
    """Return the model of the correlations of the tests of ability."""
    sd = np.sqrt(np.diag(ABILITIES))
    return factor_analyser(ABILITIES / np.outer(sd, sd), n_factors, 112, seed)


# Fuel, engine and design of 32 cars (Henderson & Velleman 1981; R's mtcars): mpg, cyl, disp, hp,
# drat, wt, qsec, vs, am, gear, carb.

CARS = np.array(
    [
        [21, 6, 160, 110, 3.9, 2.62, 16.46, 0, 1, 4, 4],
        [21, 6, 160, 110, 3.9, 2.875, 17.02, 0, 1, 4, 4],
        [22.8, 4, 108, 93, 3.85, 2.32, 18.61, 1, 1, 4, 1],
        [21.4, 6, 258, 110, 3.08, 3.215, 19.44, 1, 0, 3, 1],
        [18.7, 8, 360, 175, 3.15, 3.44, 17.02, 0, 0, 3, 2],
        [18.1, 6, 225, 105, 2.76, 3.46, 20.22, 1, 0, 3, 1],
        [14.3, 8, 360, 245, 3.21, 3.57, 15.84, 0, 0, 3, 4],
        [24.4, 4, 146.7, 62, 3.69, 3.19, 20, 1, 0, 4, 2],
        [22.8, 4, 140.8, 95, 3.92, 3.15, 22.9, 1, 0, 4, 2],
        [19.2, 6, 167.6, 123, 3.92, 3.44, 18.3, 1, 0, 4, 4],
        [17.8, 6, 167.6, 123, 3.92, 3.44, 18.9, 1, 0, 4, 4],
        [16.4, 8, 275.8, 180, 3.07, 4.07, 17.4, 0, 0, 3, 3],
        [17.3, 8, 275.8, 180, 3.07, 3.73, 17.6, 0, 0, 3, 3],
        [15.2, 8, 275.8, 180, 3.07, 3.78, 18, 0, 0, 3, 3],
        [10.4, 8, 472, 205, 2.93, 5.25, 17.98, 0, 0, 3, 4],
        [10.4, 8, 460, 215, 3, 5.424, 17.82, 0, 0, 3, 4],
        [14.7, 8, 440, 230, 3.23, 5.345, 17.42, 0, 0, 3, 4],
        [32.4, 4, 78.7, 66, 4.08, 2.2, 19.47, 1, 1, 4, 1],
        [30.4, 4, 75.7, 52, 4.93, 1.615, 18.52, 1, 1, 4, 2],
        [33.9, 4, 71.1, 65, 4.22, 1.835, 19.9, 1, 1, 4, 1],
        [21.5, 4, 120.1, 97, 3.7, 2.465, 20.01, 1, 0, 3, 1],
        [15.5, 8, 318, 150, 2.76, 3.52, 16.87, 0, 0, 3, 2],
        [15.2, 8, 304, 150, 3.15, 3.435, 17.3, 0, 0, 3, 2],
        [13.3, 8, 350, 245, 3.73, 3.84, 15.41, 0, 0, 3, 4],
        [19.2, 8, 400, 175, 3.08, 3.845, 17.05, 0, 0, 3, 2],
        [27.3, 4, 79, 66, 4.08, 1.935, 18.9, 1, 1, 4, 1],
        [26, 4, 120.3, 91, 4.43, 2.14, 16.7, 0, 1, 5, 2],
        [30.4, 4, 95.1, 113, 3.77, 1.513, 16.9, 1, 1, 5, 2],
        [15.8, 8, 351, 264, 4.22, 3.17, 14.5, 0, 1, 5, 4],
        [19.7, 6, 145, 175, 3.62, 2.77, 15.5, 0, 1, 5, 6],
        [15, 8, 301, 335, 3.54, 3.57, 14.6, 0, 1, 5, 8],
        [21.4, 4, 121, 109, 4.11, 2.78, 18.6, 1, 1, 4, 2],
    ]
)


def cars(seed=0):
    """Return the model of their correlations: three factors."""
    return factor_analyser(np.corrcoef(CARS.T), 3, len(CARS), seed)


MODELS = {
    "linkage": linkage,
    "blood groups": blood_groups,
    "censored": censored,
    "zero-inflated": zero_inflated,
    "student t": student_t,
    "haplotypes": haplotypes,
    "deaths": deaths,
    "one factor": lambda: abilities(1),
    "two factors": lambda: abilities(2),
}
