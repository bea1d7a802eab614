"""Metrics of predicted labels in plain numpy: accuracy with its interval, per-class scores, significance.

Undefined values (such as the recall of a class without images) are None, never NaN, so that results can be written as
JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgewbc.utils.json_values import pair, take, values_of

Z95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

T = TypeVar("T")

Interval = tuple[float, float]
"""Lower and upper bound of a proportion, 0..1."""


def wilson(correct: int, n: int, z: float = Z95) -> Interval | None:
    """Return the Wilson confidence interval of a proportion; None for no observations.

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
    return low, high


@dataclass(frozen=True)
class Spread:
    """A quantity over repeated draws or seeds: mean, sample standard deviation, smallest and largest.

    The deviation of one value is 0.
    """

    mean: float
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize one or more values."""
        array = np.asarray(values, dtype=np.float64)
        deviation = float(array.std(ddof=1)) if len(array) > 1 else 0.0
        return cls(float(array.mean()), deviation, float(array.min()), float(array.max()))

    def to_json(self) -> dict[str, float]:
        """Return the values by name."""
        return asdict(self)


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


@dataclass(frozen=True)
class Accuracy:
    """A number of correct predictions, of n.

    Attributes:
        n: number of images.
        correct: number of images that are classified correctly.
    """

    n: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """The share of correct predictions; None for no images."""
        return _ratio(self.correct, self.n)

    @property
    def interval(self) -> Interval | None:
        """Wilson 95 % interval of the accuracy; None for no images."""
        return wilson(self.correct, self.n)

    def to_json(self) -> dict[str, Any]:
        """Return n, correct, accuracy and interval as JSON values."""
        bounds = None if self.interval is None else list(self.interval)
        return {"n": self.n, "correct": self.correct, "accuracy": self.accuracy, "interval": bounds}

    @classmethod
    def of(cls, truth: ArrayLike, predicted: ArrayLike) -> Accuracy:
        """Count the correct predictions; class indices, int, (n,)."""
        right = np.asarray(truth) == np.asarray(predicted)
        return cls(n=right.size, correct=int(right.sum()))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Accuracy:
        """Read n and correct of what `to_json` wrote."""
        return take(cls, values)


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; None where they are undefined.

    Attributes:
        n: number of images of the class.
        recall: share of them that were predicted to be of the class.
        precision: share of the predictions of the class that are correct.
        f1: harmonic mean of recall and precision.
        recall_interval: Wilson 95 % interval of the recall.
    """

    n: int
    recall: float | None
    precision: float | None
    f1: float | None
    recall_interval: Interval | None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClassScore:
        """Read JSON values by attribute name; further keys are ignored."""
        return take(cls, {**values, "recall_interval": pair(values["recall_interval"])})


@dataclass(frozen=True)
class Scores:
    """All metrics of the predictions for labeled images; None where they are undefined.

    Attributes:
        n, correct: number of images, and of those that are classified correctly.
        accuracy: `correct / n`.
        interval: Wilson 95 % interval of the accuracy.
        balanced_accuracy: mean recall over the classes that have images (scikit-learn's definition).
        macro_f1: mean F1 over the classes that have images or were predicted (scikit-learn's definition).
        per_class: scores by class name.
        confusion: counts; rows are the true classes, columns the predicted ones.
        classes: names in the order of `confusion`.
    """

    n: int
    correct: int
    accuracy: float | None
    interval: Interval | None
    balanced_accuracy: float | None
    macro_f1: float | None
    per_class: dict[str, ClassScore]
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values by attribute name."""
        return values_of(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scores:
        """Read what `to_json` wrote; further keys are ignored.

        Raises:
            KeyError: a key is missing.
        """
        return cls(
            n=values["n"],
            correct=values["correct"],
            accuracy=values["accuracy"],
            interval=pair(values["interval"]),
            balanced_accuracy=values["balanced_accuracy"],
            macro_f1=values.get("macro_f1"),  # absent in older results
            per_class={name: ClassScore.from_json(one) for name, one in values["per_class"].items()},
            confusion=tuple(tuple(line) for line in values["confusion"]),
            classes=tuple(values["classes"]),
        )


def kappa(confusion: Sequence[Sequence[int]]) -> float:
    """Return Cohen's kappa of a confusion matrix: agreement beyond chance, 0 for none and 1 for all.

    It is 1 where all images are of one class and classified as such. (Cohen 1960, Educational and Psychological
    Measurement 20:37-46.)
    """
    counts = np.asarray(confusion, dtype=np.float64)
    n = max(1.0, float(counts.sum()))
    agree, chance = float(counts.trace()) / n, float(counts.sum(axis=0) @ counts.sum(axis=1)) / n**2
    return 1.0 if chance >= 1 else (agree - chance) / (1 - chance)


def known(value: T | None) -> T:
    """Return a metric that is defined, as every one is where there are images.

    Raises:
        ValueError: it is None.
    """
    if value is None:
        raise ValueError("the metric is undefined: there are no images")
    return value


def score(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> Scores:
    """Return all metrics of predictions for labeled images.

    Args:
        truth, predicted: indices into `classes`, int, (n,).
        classes: names, in the order of the indices.

    Raises:
        ValueError: as `confusion`.
    """
    counts = confusion(truth, predicted, len(classes))
    hits, rows, columns = (part.tolist() for part in (counts.diagonal(), counts.sum(1), counts.sum(0)))
    total = Accuracy(n=sum(rows), correct=sum(hits))
    per_class = {
        name: ClassScore(
            n=row,
            recall=_ratio(hit, row),
            precision=_ratio(hit, column),
            f1=_ratio(2 * hit, row + column),
            recall_interval=wilson(hit, row),
        )
        for name, hit, row, column in zip(classes, hits, rows, columns, strict=True)
    }
    return Scores(
        n=total.n,
        correct=total.correct,
        accuracy=total.accuracy,
        interval=total.interval,
        balanced_accuracy=_mean([one.recall for one in per_class.values()]),
        macro_f1=_mean([one.f1 for one in per_class.values()]),
        per_class=per_class,
        confusion=tuple(tuple(line) for line in counts.tolist()),
        classes=tuple(classes),
    )


@dataclass(frozen=True)
class McNemar:
    """The result of McNemar's test of two models on the same images.

    Attributes:
        b: number of images that only the first model classifies correctly.
        c: number of images that only the second one classifies correctly.
        p: two-sided p-value.
    """

    b: int
    c: int
    p: float


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test whether two models differ on the same images: McNemar's test, exact (binomial), two-sided.

    McNemar 1947, Psychometrika 12:153. Only the images on which exactly one of the two is correct count.

    Args:
        correct_a: whether each prediction of model A is correct, bool (n,).
        correct_b: the same for model B, for the same images in the same order.

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
    return McNemar(only_a, only_b, min(1.0, 2 * tail / 2**n))


def cluster_bootstrap(correct: ArrayLike, groups: Sequence[str], draws: int = 2000, seed: int = 0) -> Interval | None:
    """Return a confidence interval of an accuracy for predictions that are correlated within groups.

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
    return float(low), float(high)


def _ratio(part: int, of: int) -> float | None:
    return part / of if of else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
