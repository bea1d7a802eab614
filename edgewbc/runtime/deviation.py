"""How far a model's predictions for golden samples are from the expected ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.golden_limits import GoldenLimits

_LEAST = 1e-12
"""Smallest probability whose logarithm is taken."""
_WORDS = {"mean_logit": "the mean of a logit", "mean_features": "the mean of the features, as a share of it,"}


@dataclass(frozen=True)
class Deviation:
    """Deviations of golden samples; `GoldenLimits` has the same names.

    Attributes:
        probability: largest absolute difference of a probability.
        mean_logit: largest difference of the mean of a class's logit (the logarithm of its probability, less the mean
            of those of all classes; the network's output before the softmax, but for a constant).
        mean_features: length of the difference of the mean features over the length of the expected mean.
    """

    probability: float
    mean_logit: float
    mean_features: float

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.float64],
        features: NDArray[np.float64],
        expected_probabilities: NDArray[np.float64],
        expected_features: NDArray[np.float64],
    ) -> Deviation:
        """Compare predictions (n, K) and features (n, d) with the expected ones of the same shapes.

        Differences that are not numbers count as 1.
        """
        mean = expected_features.mean(0)
        length = max(float(np.linalg.norm(mean)), float(np.finfo(np.float32).tiny))
        return cls(
            largest(np.abs(probabilities - expected_probabilities)),
            largest(np.abs((_logits(probabilities) - _logits(expected_probabilities)).mean(0))),
            largest(np.array([np.linalg.norm(features.mean(0) - mean) / length])),
        )

    def faults(self, tolerance: float, limits: GoldenLimits) -> tuple[str, ...]:
        """Return what is above its limit, in words; empty if nothing is.

        Args:
            tolerance: largest difference of a probability.
            limits: of the others.
        """
        found = []
        if not self.probability <= tolerance:
            found.append(f"a probability differs by {self.probability:.2g}, allowed are {tolerance:.2g}")
        for name, limit in limits.to_json().items():
            value = float(getattr(self, name))
            if not value <= limit:
                found.append(f"{_WORDS[name]} differs by {value:.2g}, allowed are {limit:.2g}")
        return tuple(found)


def largest(differences: NDArray[np.float64]) -> float:
    """Return the largest value, counting NaN as 1."""
    return float(np.nan_to_num(differences, nan=1.0).max(initial=0.0))


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        logarithms = np.log(np.maximum(probabilities, _LEAST))
    return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))
