"""Classification metrics in plain numpy: accuracy with its interval, per-class scores, calibration, significance.

Undefined values (such as the recall of a class without images) are None, never NaN, so that results can be written as
JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


def wilson(correct: int, n: int, z: float = Z95) -> list[float] | None:
    """Return the Wilson confidence interval of a proportion, [low, high] in 0..1; None for no observations.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22:209. Unlike the normal
    approximation it stays inside 0..1 and has a width at 100 %.

    Raises:
        ValueError: `correct` is not between 0 and `n`.
    """
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n}")
    if n == 0:
        return None
    share = correct / n
    middle = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # The bounds at 0 and n are exactly 0 and 1, free of rounding errors.
    low = 0.0 if correct == 0 else (middle - reach) / scale
    high = 1.0 if correct == n else (middle + reach) / scale
    return [low, high]


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return the confusion matrix, int64 (classes, classes): rows are true classes, columns predictions.

    Args:
        truth, predicted: class indices, int, (n,).

    Raises:
        ValueError: the two differ in length, or an index is not a class.
    """
    true = np.asarray(truth, dtype=np.int64).reshape(-1)
    pred = np.asarray(predicted, dtype=np.int64).reshape(-1)
    if true.shape != pred.shape:
        raise ValueError(f"{true.size} labels and {pred.size} predictions")
    if true.size and (min(true.min(), pred.min()) < 0 or max(true.max(), pred.max()) >= classes):
        raise ValueError(f"a class index is outside of 0..{classes - 1}")
    return np.bincount(true * classes + pred, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def score(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> dict[str, Any]:
    """Return all metrics of predictions for labeled images.

    Balanced accuracy is the mean recall over the classes that have images; macro-F1 is the mean over the classes that
    have images or were predicted (scikit-learn's definitions).

    Args:
        truth, predicted: indices into `classes`, int, (n,).
        classes: names, in the order of the indices.

    Returns:
        n, correct, accuracy, interval (Wilson 95 %), balanced_accuracy, macro_f1, per_class (n, recall, precision, f1,
        recall_interval by class name), confusion (rows are true classes), classes. None if undefined.

    Raises:
        ValueError: as `confusion`.
    """
    counts = confusion(truth, predicted, len(classes))
    hits, rows, columns = (part.tolist() for part in (counts.diagonal(), counts.sum(1), counts.sum(0)))
    n, correct = sum(rows), sum(hits)
    per_class = {
        name: {
            "n": row,
            "recall": _ratio(hit, row),
            "precision": _ratio(hit, column),
            "f1": _ratio(2 * hit, row + column),
            "recall_interval": wilson(hit, row),
        }
        for name, hit, row, column in zip(classes, hits, rows, columns, strict=True)
    }
    return {
        "n": n,
        "correct": correct,
        "accuracy": _ratio(correct, n),
        "interval": wilson(correct, n),
        "balanced_accuracy": _mean([entry["recall"] for entry in per_class.values()]),
        "macro_f1": _mean([entry["f1"] for entry in per_class.values()]),
        "per_class": per_class,
        "confusion": counts.tolist(),
        "classes": list(classes),
    }


def probability_scores(truth: ArrayLike, probabilities: ArrayLike) -> dict[str, float | None]:
    """Return scores of predicted probabilities; lower is better.

    Args:
        truth: class indices, int, (n,).
        probabilities: of each class, (n, K).

    Returns:
        brier: the mean over images of the squared differences to the truth, summed over classes, 0..2 (Brier 1950,
        "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78:1).
        log_loss: the mean of -ln of the true class's probability, clipped to at least 1e-7.
        calibration_error: see `calibration_error`.
        All are None for no images.

    Raises:
        ValueError: the two differ in length.
    """
    true = np.asarray(truth, dtype=np.int64).reshape(-1)
    pred = np.asarray(probabilities, dtype=np.float64)
    if true.size != len(pred):
        raise ValueError(f"{true.size} labels and {len(pred)} predictions")
    if not true.size:
        return {"brier": None, "log_loss": None, "calibration_error": None}
    right = pred[np.arange(true.size), true]
    brier = (pred**2).sum(1) - 2 * right + 1
    return {
        "brier": float(brier.mean()),
        "log_loss": float(-np.log(np.maximum(right, 1e-7)).mean()),
        "calibration_error": calibration_error(true, pred),
    }


def calibration_error(truth: NDArray[np.int64], probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Return the expected calibration error of the highest probabilities, 0..1.

    It is the mean over images of |accuracy - mean probability| of their bin, with bins of equal width (Guo et al. 2017,
    "On calibration of modern neural networks", arXiv 1706.04599).

    Args:
        truth: class indices, (n,), n at least 1.
        probabilities: of each class, (n, K).
        bins: number of bins.
    """
    surest = probabilities.max(1)
    correct = probabilities.argmax(1) == truth
    bin_of = np.clip(np.ceil(surest * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=correct - surest, minlength=bins)
    return float(np.abs(gaps).sum() / len(surest))


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> dict[str, Any]:
    """Test whether two models differ on the same images: McNemar's test, exact (binomial), two-sided.

    McNemar 1947, Psychometrika 12:153. Only the images on which exactly one of the two is correct count.

    Args:
        correct_a: whether each prediction of model A is correct, bool (n,).
        correct_b: the same for model B, for the same images in the same order.

    Returns:
        b (only A is correct), c (only B is correct), p.

    Raises:
        ValueError: the two differ in length.
    """
    a = np.asarray(correct_a, dtype=bool).reshape(-1)
    b = np.asarray(correct_b, dtype=bool).reshape(-1)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} predictions of one model and {b.size} of the other")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n = only_a + only_b
    # Integers until the last division: exact for any n, without underflow.
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1))
    return {"b": only_a, "c": only_b, "p": min(1.0, 2 * tail / 2**n)}


def cluster_bootstrap(
    correct: ArrayLike, groups: Sequence[str], draws: int = 2000, seed: int = 0
) -> list[float] | None:
    """Return a confidence interval of an accuracy for predictions that are correlated within groups, [low, high].

    Twenty images of one cell are not twenty independent cells, so `wilson` would be far too narrow. This draws whole
    groups with replacement (the cluster bootstrap: Davison and Hinkley 1997, "Bootstrap Methods and their Application",
    section 3.8) and returns the 2.5 and 97.5 percentiles. With few groups it is rough and still too narrow. If all
    predictions are correct, or all wrong, every draw is the same; then the result is `wilson` over groups.

    Args:
        correct: whether each prediction is correct, bool (n,).
        groups: the group of each image, n.
        draws: number of bootstrap samples.
        seed: random seed.

    Returns:
        The interval, or None for fewer than two groups.

    Raises:
        ValueError: the two differ in length.
    """
    right = np.asarray(correct, dtype=bool).reshape(-1)
    if right.size != len(groups):
        raise ValueError(f"{right.size} predictions and {len(groups)} groups")
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    sizes = np.bincount(index)
    hits = np.bincount(index, weights=right)
    if right.all() or not right.any():
        return wilson(len(names) if right.all() else 0, len(names))
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    low, high = np.percentile(hits[drawn].sum(1) / sizes[drawn].sum(1), (2.5, 97.5))
    return [float(low), float(high)]


def _ratio(part: int, of: int) -> float | None:
    return part / of if of else None


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
