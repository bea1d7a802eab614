"""Answers on the page: confusion matrices, the recall of each class, the reliability curve, the worst mistakes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from edgewbc.bench.row import MeasuredRow
from edgewbc.bench.scores import Scores
from edgewbc.cells import SHORT
from edgewbc.metrics import wilson
from edgewbc.report import charts, strip_charts
from edgewbc.report.page_rows import Column, Named, Row, Table, between, measured, table
from edgewbc.report.page_speed import Strip, Strips
from edgewbc.report.scale import linear
from edgewbc.utils.text import percent


@dataclass(frozen=True)
class Cell:
    """A cell of a confusion matrix: the count, the percent of its true class (empty for no pictures), how dark it is
    (0..1), and whether its answers are right."""

    count: int
    share: str
    shade: float
    right: bool


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix, and the rows that have exactly this one.

    Attributes:
        rows: whose it is.
        classes: names, in order.
        short: the same, as labs shorten them.
        totals: pictures of each true class.
        cells: by true class, then by answer.
        caption: accuracy, interval, and how many of how many.
    """

    rows: tuple[Named, ...]
    classes: tuple[str, ...]
    short: tuple[str, ...]
    totals: tuple[int, ...]
    cells: tuple[tuple[Cell, ...], ...]
    caption: str


@dataclass(frozen=True)
class Bin:
    """A bin of the reliability curve, in words: confidences, pictures, mean confidence, right, interval."""

    sure: str
    n: int
    mean: str
    right: str
    interval: str


@dataclass(frozen=True)
class Mistake:
    """A picture that was answered wrong: label, answer, their probabilities, its file, and a JPEG as base64 or None."""

    label: str
    said: str
    probability: str
    probability_of_label: str
    path: str
    jpeg: str | None


def scored(rows: Sequence[Row]) -> list[tuple[Named, MeasuredRow, Scores]]:
    """The rows whose accuracy was measured, with their names and scores."""
    return [(name, row, row.scores) for name, row in measured(rows) if row.scores is not None]


def main_row(rows: Sequence[Row]) -> tuple[Named, Scores] | None:
    """The delivered row if its accuracy was measured; otherwise the first row with one; None if there is none."""
    able = scored(rows)
    first = next((one for one in able if one[1].delivered), able[0] if able else None)
    return None if first is None else (first[0], first[2])


def summary(rows: Sequence[Row]) -> Table | None:
    """The answers of all rows, and how they agree with the f32 reference's."""
    if not scored(rows):
        return None
    numbers = {row.key: name.number for name, row in measured(rows)}

    def against(row: MeasuredRow) -> str:
        other = None if row.agreement is None else numbers.get(row.agreement.reference)
        return "-" if other is None else "itself" if other == numbers[row.key] else f"row {other}"

    return table("Beside the f32 reference", rows, [*ANSWERS, ("compared with", against)])


def by_class(rows: Sequence[Row]) -> Table | None:
    """Recall of each class in all rows; None if none has answered."""
    found = main_row(rows)
    if found is None:
        return None

    def recall(name: str) -> Column:
        def show(row: MeasuredRow) -> str:
            held = None if row.scores is None else row.scores.per_class.get(name)
            return percent(None if held is None else held.recall)

        return name, show

    return table("Recall by class, all rows", rows, [recall(name) for name in found[1].classes])


def matrices(rows: Sequence[Row]) -> list[Matrix]:
    """Confusion matrices, the delivered row's first; rows with the same one share it."""
    found: dict[object, list[tuple[Named, Scores]]] = {}
    for name, _, scores in sorted(scored(rows), key=lambda one: not one[1].delivered):
        found.setdefault((scores.classes, scores.confusion), []).append((name, scores))
    return [_matrix([name for name, _ in pairs], pairs[0][1]) for pairs in found.values()]


def _matrix(names: Sequence[Named], row: Scores) -> Matrix:
    totals = [sum(line) for line in row.confusion]
    cells = [
        tuple(
            # The square root: a confusion of one percent can be seen beside a recall of 99.
            Cell(n, f"{100 * n / total:.1f}" if total and n else "", sqrt(n / total) if total else 0.0, truth == answer)
            for answer, n in enumerate(line)
        )
        for truth, (line, total) in enumerate(zip(row.confusion, totals, strict=True))
    ]
    short = tuple(SHORT.get(name, name) for name in row.classes)
    caption = f"{percent(row.accuracy)} ({between(row.interval)}), {row.correct} of {row.n}"
    return Matrix(tuple(names), row.classes, short, tuple(totals), tuple(cells), caption)


def recalls(row: Scores) -> Strips:
    """Recall of each class of a row, with its interval; the class stands in the place of the row's name."""
    bounds = [one.recall_interval for one in row.per_class.values() if one.recall_interval is not None]
    scale = linear(100 * min((low for low, _ in bounds), default=0.0), 100)
    found = []
    for number, (label, one) in enumerate(row.per_class.items(), 1):
        held = one.recall_interval
        scaled = None if one.recall is None else 100 * one.recall
        words = f"{percent(one.recall)} ({between(held)})"
        svg = strip_charts.interval(
            scale,
            scaled,
            None if held is None else [100 * value for value in held],
            f"{label}: recall {words}, n = {one.n}",
        )
        name = Named(number, label, f"n = {one.n}, precision {percent(one.precision)}", ())
        found.append(Strip(name, svg, percent(one.recall), between(held)))
    return Strips("recall, %", strip_charts.axis(scale), tuple(found))


def reliability(row: Scores) -> tuple[str, list[Bin]] | None:
    """The reliability curve (SVG) and its bins; None if it was not measured."""
    held = row.reliability
    points, told = [], []
    for index, one in enumerate(held):
        if one.confidence is None or one.accuracy is None:
            continue
        low, high = 100 * index / len(held), 100 * (index + 1) / len(held)
        bounds = wilson(round(one.accuracy * one.n), one.n) or [0.0, 1.0]
        sure = f"{low:.0f}\u2013{high:.0f} %"
        right = percent(one.accuracy, 1)
        told.append(Bin(sure, one.n, percent(one.confidence, 1), right, between(bounds, 1)))
        title = f"{sure} sure: {right} right, n = {one.n}"
        points.append((one.confidence, one.accuracy, (bounds[0], bounds[1]), title))
    label = f"Reliability: share that is right over confidence. {'; '.join(title for *_, title in points)}."
    return (charts.reliability(points, label), told) if points else None


def mistakes(row: Scores, pictures: Sequence[bytes | None] | None) -> list[Mistake]:
    """The listed mistakes of a row, with their pictures where there are any."""
    shown = pictures or [None] * len(row.worst)
    return [
        Mistake(
            one.label,
            one.predicted,
            percent(one.probability, 1),
            percent(one.probability_of_label, 1),
            one.path,
            None if picture is None else base64.b64encode(picture).decode("ascii"),
        )
        for one, picture in zip(row.worst, shown, strict=True)
    ]


def _mcnemar(row: MeasuredRow) -> str:
    if row.agreement is None:
        return "-"
    found = row.agreement.mcnemar
    return f"{found.b} : {found.c}, p = {found.p:.2g}"


def _parity(row: MeasuredRow) -> str:
    return "-" if row.agreement is None or row.agreement.parity is None else f"{row.agreement.parity:.1g}"


def _four(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


ANSWERS: tuple[Column, ...] = (
    ("balanced", lambda row: percent(None if row.scores is None else row.scores.balanced_accuracy)),
    ("macro F1", lambda row: _four(None if row.scores is None else row.scores.macro_f1)),
    ("calibration error", lambda row: _four(None if row.scores is None else row.scores.ece)),
    ("same label", lambda row: percent(None if row.agreement is None else row.agreement.agreement)),
    ("only one right, McNemar", _mcnemar),
    ("largest difference", _parity),
)
