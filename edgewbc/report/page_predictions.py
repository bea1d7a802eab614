"""Predictions on the page: confusion matrices, the reliability diagram, the worst mistakes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from edgewbc.bench.row import MeasuredRow
from edgewbc.bench.scores import RowScores
from edgewbc.cells import SHORT
from edgewbc.metrics import wilson
from edgewbc.report import charts
from edgewbc.report.page_tables import RowName, Rows, between, scored
from edgewbc.report.style import Chart
from edgewbc.utils.text import percent


@dataclass(frozen=True)
class MatrixCell:
    """A cell of a confusion matrix.

    Attributes:
        count: images.
        share: percent of the true class; empty where the count is 0.
        shade: how dark it is, 0 to 1.
        correct: whether it is on the diagonal.
    """

    count: int
    share: str
    shade: float
    correct: bool


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix, and the rows whose predictions it counts.

    Attributes:
        rows: those that have exactly this matrix.
        classes: names, in order.
        short: the same, abbreviated as laboratories do.
        totals: images of each true class.
        cells: by true class, then by prediction.
        caption: accuracy, interval, and counts.
    """

    rows: tuple[RowName, ...]
    classes: tuple[str, ...]
    short: tuple[str, ...]
    totals: tuple[int, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]
    caption: str


@dataclass(frozen=True)
class BinLine:
    """A bin of the reliability diagram as it is printed."""

    confidence: str
    n: int
    mean: str
    correct: str
    interval: str


@dataclass(frozen=True)
class MistakeTile:
    """A misclassified image: label, prediction, the probabilities of both, its file, and a JPEG as base64 or None."""

    label: str
    prediction: str
    probability: str
    probability_of_label: str
    path: str
    jpeg: str | None


def main_row(rows: Rows) -> tuple[RowName, MeasuredRow, RowScores] | None:
    """Return the delivered row if it has an accuracy, else the first row that has one; None if there is none."""
    return min(scored(rows), key=lambda one: not one[1].delivered, default=None)


def matrices(rows: Rows) -> list[Matrix]:
    """Return the confusion matrices, the delivered row's first; rows with equal matrices share one."""
    alike: dict[tuple[object, ...], tuple[list[RowName], RowScores]] = {}
    for name, _, scores in sorted(scored(rows), key=lambda one: not one[1].delivered):
        alike.setdefault((scores.classes, scores.confusion), ([], scores))[0].append(name)
    return [_matrix(names, scores) for names, scores in alike.values()]


def _matrix(names: Sequence[RowName], scores: RowScores) -> Matrix:
    totals = [sum(line) for line in scores.confusion]
    cells = []
    for truth, (line, total) in enumerate(zip(scores.confusion, totals, strict=True)):
        cells.append(
            tuple(
                MatrixCell(
                    n,
                    f"{100 * n / total:.1f} %" if n else "",
                    sqrt(n / total) if total else 0.0,  # the root makes a confusion of one percent visible
                    truth == prediction,
                )
                for prediction, n in enumerate(line)
            )
        )
    short = tuple(SHORT.get(name, name) for name in scores.classes)
    caption = f"{percent(scores.accuracy)} ({between(scores.interval)}), {scores.correct} of {scores.n}"
    return Matrix(tuple(names), tuple(scores.classes), short, tuple(totals), tuple(cells), caption)


def reliability(scores: RowScores) -> tuple[Chart, list[BinLine]] | None:
    """Return the reliability diagram and its bins; None if there is no bin with an image."""
    drawn, printed, words = [], [], []
    count = len(scores.reliability)
    for index, one in enumerate(scores.reliability):
        if one.confidence is None or one.accuracy is None:
            continue
        low, high = wilson(round(one.accuracy * one.n), one.n) or (0.0, 1.0)
        confidence = f"{100 * index / count:.0f}\u2013{100 * (index + 1) / count:.0f} %"
        correct = percent(one.accuracy, 1)
        printed.append(BinLine(confidence, one.n, percent(one.confidence, 1), correct, between((low, high), 1)))
        drawn.append(charts.Bin(one.confidence, one.accuracy, (low, high)))
        words.append(f"confidence {confidence}: {correct} correct, n = {one.n}")
    if not drawn:
        return None
    return charts.reliability(drawn, f"Share of correct predictions over confidence. {'; '.join(words)}."), printed


def mistakes(scores: RowScores, images: Sequence[bytes | None] | None) -> list[MistakeTile]:
    """Return the listed mistakes of a row.

    Args:
        scores: of the row.
        images: a JPEG for each mistake, or None where there is none.
    """
    return [
        MistakeTile(
            one.label,
            one.predicted,
            percent(one.probability, 1),
            percent(one.probability_of_label, 1),
            one.path,
            None if image is None else base64.b64encode(image).decode("ascii"),
        )
        for one, image in zip(scores.worst, images or [None] * len(scores.worst), strict=True)
    ]
