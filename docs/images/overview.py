"""Draw docs/images/overview.png, the picture of the README: python docs/images/overview.py."""

from pathlib import Path

import matplotlib.pyplot as plt

from skem import BinomialMixture, GaussianMixtureEM
from skem.datasets import load_old_faithful, load_saxony
from skem.plotting import ClusterDisplay, CountDisplay


def main():
    """Draw both mixtures, on real data."""
    X = load_old_faithful(as_frame=True).data
    saxony = load_saxony()
    boys, families = saxony.data, saxony.sample_weight
    eruptions = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)
    coins = BinomialMixture(2, random_state=0).fit(boys, sample_weight=families)

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    ClusterDisplay.from_estimator(eruptions, X, ax=left)
    left.set(title="GaussianMixtureEM: eruptions of Old Faithful")
    left.set(xlabel="duration (min)", ylabel="waiting for the next (min)")
    CountDisplay.from_estimator(coins, boys, sample_weight=families, ax=right)
    right.set(title="BinomialMixture: 6,115 families of twelve")
    right.set(xlabel="boys", ylabel="families")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=140)


if __name__ == "__main__":
    main()
