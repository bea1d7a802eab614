"""Metrics of predicted probabilities in plain numpy: Brier score, log loss, calibration error.

Values for no images are None, never NaN, so that results can be written as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_CALIBRATION_ERROR = 0.05
"""Calibration error above which probabilities are said not to be trusted."""


@dataclass(frozen=True)
class ProbabilityScores:
    """Scores of predicted probabilities; lower is better; all are None for no images.

    Attributes:
        brier: the mean over images of the squared differences to the truth, summed over classes, 0..2 (Brier 1950,
            "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78:1).
        log_loss: the mean of -ln of the true class's probability, clipped to at least 1e-7.
        calibration_error: see `calibration_error`.
    """

    brier: float | None
    log_loss: float | None
    calibration_error: float | None


def probability_scores(truth: ArrayLike, probabilities: ArrayLike) -> ProbabilityScores:
    """Return the scores of predicted probabilities.

    Args:
        truth: class indices, int, (n,).
        probabilities: of each class, (n, K).

    Raises:
        ValueError: the two differ in length.
    """
    true = np.asarray(truth, dtype=np.int64).reshape(-1)
    pred = np.asarray(probabilities, dtype=np.float64)
    if true.size != len(pred):
        raise ValueError(f"{true.size} labels and {len(pred)} predictions")
    if not true.size:
        return ProbabilityScores(None, None, None)
    right = pred[np.arange(true.size), true]
    brier = (pred**2).sum(1) - 2 * right + 1
    return ProbabilityScores(
        brier=float(brier.mean()),
        log_loss=float(-np.log(np.maximum(right, 1e-7)).mean()),
        calibration_error=calibration_error(true, pred),
    )


def calibration_error(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    bins: int = 15,
    equal: Literal["width", "mass"] = "width",
) -> float:
    """Return the expected calibration error of the highest probabilities, 0..1.

    It is the mean over images of |accuracy - mean probability| of their bin (Guo et al. 2017, "On calibration of modern
    neural networks", arXiv 1706.04599). Where almost all probabilities are high, bins of equal width put them into one
    bin, in which errors of both signs cancel; bins of equally many images do not (Nixon et al. 2019, "Measuring
    calibration in deep learning", arXiv 1904.01685).

    Args:
        truth: class indices, (n,), n at least 1.
        probabilities: of each class, (n, K).
        bins: number of bins.
        equal: whether bins have equal width, or hold equally many images.
    """
    surest = probabilities.max(1)
    correct = probabilities.argmax(1) == truth
    if equal == "width":
        bin_of = np.clip(np.ceil(surest * bins).astype(int) - 1, 0, bins - 1)
    else:
        rank = np.empty(len(surest), dtype=int)
        rank[np.argsort(surest, kind="stable")] = np.arange(len(surest))
        bin_of = rank * bins // len(surest)
    gaps = np.bincount(bin_of, weights=correct - surest, minlength=bins)
    return float(np.abs(gaps).sum() / len(surest))
