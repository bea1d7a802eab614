"""What several views of a cell say together: its label, and how sure the network is of it."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class LabelFrom(StrEnum):
    """Which views of a cell its label is taken from.

    Attributes:
        UPRIGHT: the upright one, as in bundles of earlier versions.
        MEAN: all, by the arithmetic mean of their probabilities, as those of an ensemble of networks are averaged. It
            costs nothing more, since all are looked at anyway. On validation cells of the training laboratory the mean
            is right at least as often as the upright view, and more often on other laboratories' (`python -m
            bench.views`), also by a head that was adapted to a few of their cells (`python -m bench.adapt`).
    """

    UPRIGHT = "upright"
    MEAN = "mean"

    @classmethod
    def of(cls, views: Sized | None) -> LabelFrom:
        """Return what a new bundle takes labels from: all of its views; the upright one where it has no others."""
        return cls.UPRIGHT if views is None else cls.MEAN

    def probabilities(self, upright: NDArray[np.floating], others: NDArray[np.floating] | None) -> NDArray[np.floating]:
        """Return the probabilities, (..., K), of which the highest is that of the label.

        Args:
            upright: probabilities of the upright view, (..., K).
            others: of further views, (..., m, K); None without any.
        """
        if self is LabelFrom.UPRIGHT or others is None or not others.shape[-2]:
            return upright
        mean: NDArray[np.floating] = np.concatenate([upright[..., None, :], others], -2).mean(-2)
        return mean


def mean_of_views(upright: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean probabilities over all views, (n, K), of the upright one, (n, K), and the others, (n * m, K)."""
    each = others.reshape(len(upright), -1, upright.shape[1])
    return LabelFrom.MEAN.probabilities(upright, each).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Judged:
    """Cells as decided by all of their views.

    Attributes:
        probabilities: calibrated, (n, K); the highest is that of the label.
        sure: what a threshold is compared with, (n,): the lowest probability that any view, or their mean, gives the
            label.
    """

    probabilities: NDArray[np.float32]
    sure: NDArray[np.floating]


def judge(
    upright: NDArray[np.floating],
    others: NDArray[np.floating] | None,
    label_from: LabelFrom,
    calibrated: Callable[[NDArray[np.floating]], NDArray[np.float32]],
) -> Judged:
    """Decide on cells by the probabilities of their views.

    Args:
        upright: probabilities of the upright view, as the network gives them, (n, K).
        others: of further views, (n, m, K); None without any.
        label_from: which views the label is taken from.
        calibrated: calibrates probabilities (..., K).
    """
    probabilities = calibrated(label_from.probabilities(upright, others))
    if others is None:
        return Judged(probabilities, probabilities.max(1))
    labels = probabilities.argmax(1)
    views = np.concatenate([upright[:, None], others], 1)
    return Judged(probabilities, lowest(probabilities, calibrated(views), labels))


def surest(probabilities: NDArray[np.floating], sure: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Return what a threshold is compared with, float64 (n,): `sure` (n,), or each cell's highest probability."""
    return np.asarray(probabilities.max(1) if sure is None else sure, dtype=np.float64)


def lowest(
    probabilities: NDArray[np.floating],
    others: NDArray[np.floating],
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.floating]:
    """Return the lowest probability that any view gives the label, (n,).

    Args:
        probabilities: of the upright view, (n, K).
        others: of further views, (n, m, K).
        labels: class indices, (n,); None takes those of the upright view.
    """
    label = probabilities.argmax(1) if labels is None else labels
    own = np.take_along_axis(probabilities, label[:, None], 1)
    found = np.take_along_axis(others, label[:, None, None], 2)[:, :, 0]
    lowest_of: NDArray[np.floating] = np.minimum(own[:, 0], found.min(1, initial=1.0))
    return lowest_of
