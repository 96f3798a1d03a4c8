"""Draw docs/images/overview.png, the picture of the README: python docs/images/overview.py."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skem import BinomialMixture, GaussianMixtureEM, LinearGaussianSSM, PoissonHMM
from skem.datasets import load_earthquakes, load_nile, load_old_faithful, load_saxony
from skem.plotting import ClusterDisplay, CountDisplay

HIDDEN = {"color": "C3", "linewidth": 2}
SEEN = {"color": "0.45", "linewidth": 0.8, "marker": "o", "markersize": 3}


def draw_eruptions(ax):
    """Measurements of kinds that nobody wrote down."""
    X = load_old_faithful(as_frame=True).data
    ClusterDisplay.from_estimator(GaussianMixtureEM(2, random_state=0).fit(X), X, ax=ax)
    ax.set(title="GaussianMixtureEM: which kind of eruption?")
    ax.set(xlabel="duration (min)", ylabel="waiting for the next (min)")


def draw_families(ax):
    """Counts out of trials."""
    saxony = load_saxony()
    boys, families = saxony.data, saxony.sample_weight
    mixture = BinomialMixture(2, random_state=0).fit(boys, sample_weight=families)
    CountDisplay.from_estimator(mixture, boys, sample_weight=families, ax=ax)
    ax.set(title="BinomialMixture: how many kinds of family?")
    ax.set(xlabel="boys among twelve children", ylabel="families")


def draw_earthquakes(ax):
    """Counts in a sequence, of states that follow from each other."""
    earthquakes = load_earthquakes()
    years, counts = 1900 + np.arange(len(earthquakes.data)), earthquakes.data
    chain = PoissonHMM(3, random_state=0).fit(counts)
    ax.plot(years, counts, label="earthquakes", **SEEN)
    means = chain.rates_[chain.predict(counts), 0]
    ax.step(years, means, where="mid", label="mean of the hidden state", **HIDDEN)
    ax.legend(loc="upper right")
    ax.set(title="PoissonHMM: in which state was the earth?")
    ax.set(xlabel="year", ylabel="earthquakes of magnitude 7 and more")


def draw_nile(ax):
    """Measurements in a sequence, of a level that moves."""
    nile = load_nile()
    years = 1871 + np.arange(len(nile.data))
    model = LinearGaussianSSM(
        transition_matrix_init=[[1]],
        observation_matrix_init=[[1]],
        observation_offset_init=[0],
        fixed={"transition_matrix": True, "observation_matrix": True, "observation_offset": True},
    ).fit(nile.data)
    means, covariances = model.smooth(nile.data)
    level, deviation = means[:, 0], np.sqrt(covariances[:, 0, 0])
    ax.plot(years, nile.data, label="flow", **SEEN)
    ax.plot(years, level, label="hidden level, with 95 % bounds", **HIDDEN)
    bounds = level - 2 * deviation, level + 2 * deviation
    ax.fill_between(years, *bounds, color=HIDDEN["color"], alpha=0.2, linewidth=0)
    ax.legend(loc="upper right")
    ax.set(title="LinearGaussianSSM: how high was the Nile?")
    ax.set(xlabel="year", ylabel="flow at Aswan (10⁸ m³ a year)")


def main():
    """Draw four models, each on real data."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for draw, ax in zip(
        (draw_eruptions, draw_families, draw_earthquakes, draw_nile), axes.flat, strict=True
    ):
        draw(ax)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=130)


if __name__ == "__main__":
    main()
