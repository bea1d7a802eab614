"""Temperature scaling: make the highest probability mean the share of cells that is labeled correctly.

Networks trained with label smoothing are underconfident, others overconfident. One number corrects most of it: the
logits are divided by a temperature (Guo et al. 2017, "On calibration of modern neural networks", arXiv 1706.04599).
The logits are known from the probabilities up to a constant, so the graph need not change, and no label changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.probability_metrics import calibration_error, probability_scores

METHOD = "temperature"
LOWEST, HIGHEST = 0.02, 50.0
"""Range of temperatures."""
_EPSILON = 1e-12
"""Smallest probability that differs from zero."""


@dataclass(frozen=True)
class CalibrationScores:
    """Scores of probabilities, lower is better.

    Attributes:
        width, mass: expected calibration error in bins of equal width, and in bins of equally many cells.
        brier: Brier score, summed over the classes.
    """

    width: float
    mass: float
    brier: float

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> CalibrationScores:
        """Score probabilities (n, K), n at least 1, against class indices (n,)."""
        exact = probabilities.astype(np.float64)
        brier = probability_scores(truth, exact).brier or 0.0
        width, mass = calibration_error(truth, exact), calibration_error(truth, exact, equal="mass")
        return cls(round(width, 5), round(mass, 5), round(brier, 5))


@dataclass(frozen=True)
class Calibration:
    """How probabilities of a network are calibrated.

    Attributes:
        temperature: what the logits are divided by; below 1, the network was underconfident.
        n: number of validation cells that it was fitted on.
        before, after: scores of these cells; None if they were not recorded.
    """

    temperature: float
    n: int = 0
    before: CalibrationScores | None = None
    after: CalibrationScores | None = None

    @classmethod
    def fit(cls, probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> Calibration:
        """Find the temperature of maximum likelihood.

        A share of 1 / (n + 2) of each target is spread over all classes, after Platt 1999 ("Probabilistic outputs for
        support vector machines"): without it, cells that are all correct would drive the probabilities to 1.

        Args:
            probabilities: of held-out cells, (n, K), n at least 1.
            truth: their class indices, (n,).
        """
        logits = _logits(probabilities)
        n, classes = logits.shape
        spread = 1 / (n + 2)
        target = np.full((n, classes), spread / classes)
        target[np.arange(n), truth] += 1 - spread
        wanted = float((target * logits).sum())

        def slope(inverse: float) -> float:
            """Return the derivative of the negative log likelihood, which increases: the likelihood is concave."""
            return float((_softmax(inverse * logits) * logits).sum()) - wanted

        low, high = math.log(1 / HIGHEST), math.log(1 / LOWEST)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if slope(math.exp(middle)) > 0 else (middle, high)
        found = cls(round(math.exp(-low), 6), n)
        return cls(
            found.temperature,
            n,
            CalibrationScores.of(probabilities, truth),
            CalibrationScores.of(found.apply(probabilities), truth),
        )

    @classmethod
    def from_json(cls, values: Any) -> Calibration:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            method, temperature, n = values["method"], float(values["temperature"]), int(values["n"])
            before, after = (_scores(values.get(key)) for key in ("before", "after"))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise ValueError("calibration is malformed") from None
        if method != METHOD:
            raise ValueError(f"calibration has the method {str(method)[:40]!r}, and only {METHOD} is known")
        if not LOWEST <= temperature <= HIGHEST or n < 0:
            raise ValueError(f"calibration has a temperature that is not a number from {LOWEST} to {HIGHEST}")
        return cls(temperature, n, before, after)

    def to_json(self) -> dict[str, Any]:
        """Return the attributes and the method as JSON values."""
        return {"method": METHOD, **asdict(self)}

    def apply(self, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 of the same shape.

        Args:
            probabilities: of one cell (K,) or of several (..., K).
        """
        return _softmax(_logits(probabilities) / self.temperature).astype(np.float32)


def _scores(values: Mapping[str, Any] | None) -> CalibrationScores | None:
    return None if values is None else CalibrationScores(*(float(values[key]) for key in ("width", "mass", "brier")))


def _logits(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logits up to a constant per cell."""
    return np.log(np.maximum(probabilities.astype(np.float64), _EPSILON))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return found
