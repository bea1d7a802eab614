"""How much a few labeled cells gain: adapt to random draws of them, and measure on the cells that were not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision import adapt
from edgewbc.decision.correction import Cells, Integers
from edgewbc.decision.head import Head, softmax
from edgewbc.decision.views import LabelFrom
from edgewbc.metrics import Spread
from edgewbc.utils.progress import Progress, quiet

SHOTS = (1, 2, 5, 10, 20)
"""Cells per class that are drawn."""
REPEATS = 20
LEFT = 2
"""Cells of a class that must be left to measure on."""


@dataclass(frozen=True)
class ShotsRow:
    """The result for one number of labeled cells.

    Attributes:
        shots: labeled cells of each class.
        repeats: number of draws.
        accuracy: on the cells that were not drawn.
        macro: mean recall over the classes that were drawn, on the same cells.
        accuracy_before, macro_before: of the old head, on the same cells.
    """

    shots: int
    repeats: int
    accuracy: Spread
    macro: Spread
    accuracy_before: Spread
    macro_before: Spread

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


def eligible(labels: Integers, shots: Sequence[int]) -> Integers:
    """Return the classes with enough cells for the largest number of shots, so that all rows have the same ones."""
    return np.flatnonzero(np.bincount(labels) >= max(shots) + LEFT)


def evaluate(
    cells: Cells,
    head: Head,
    shots: Sequence[int] = SHOTS,
    *,
    before: LabelFrom = LabelFrom.UPRIGHT,
    repeats: int = REPEATS,
    seed: int = 0,
    progress: Progress = quiet,
) -> list[ShotsRow]:
    """Adapt to repeated stratified draws of the cells. Settings are weighted within each draw.

    Copies of an image should have been removed: a copy of a drawn cell would be measured.

    Args:
        cells: labeled cells.
        head: the old head.
        shots: numbers of cells to draw from each class.
        before: which views the old head takes the label from.
        repeats: draws for each number.
        seed: of the draws.
        progress: shows the draws.

    Raises:
        ValueError: fewer than two classes have enough cells.
    """
    classes = eligible(cells.labels, shots)
    if len(classes) < 2:
        raise ValueError(f"fewer than two classes have {max(shots) + LEFT} cells")
    plan = [(number, repeat) for number in sorted(shots) for repeat in range(repeats)]
    found: dict[int, list[tuple[float, ...]]] = {number: [] for number in shots}
    for number, repeat in progress(plan, "draws", len(plan)):
        drawn = draw(cells.labels, classes, number, np.random.default_rng([seed, number, repeat]))
        part = cells.take(drawn)
        correction, _ = adapt.learn(part, head, seed=repeat)
        rest = cells.take(~drawn)
        values: list[float] = []
        for logits, label_from in (
            (correction.logits(head, rest.judged), LabelFrom.MEAN),
            (head.logits(rest.judged), before),
        ):
            values += scores(labels_of(logits, label_from), rest.labels, classes)
        found[number].append(tuple(values))
    return [
        ShotsRow(number, repeats, *(Spread.of(column) for column in zip(*found[number], strict=True)))
        for number in sorted(shots)
    ]


def draw(labels: Integers, classes: Integers, shots: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Return which cells are drawn, (n,): `shots` of each class."""
    drawn = np.zeros(len(labels), bool)
    for label in classes:
        drawn[random.permutation(np.flatnonzero(labels == label))[:shots]] = True
    return drawn


def labels_of(logits: NDArray[np.floating], label_from: LabelFrom) -> Integers:
    """Return the labels (n,) of cells by the logits of their views, (n, 1 + m, K), the upright one first."""
    found = softmax(np.asarray(logits, dtype=np.float64))
    labels: Integers = label_from.probabilities(found[:, 0], found[:, 1:]).argmax(1).astype(np.int64)
    return labels


def scores(predicted: NDArray[np.int64], truth: Integers, classes: Integers) -> tuple[float, float]:
    """Return accuracy, and mean recall over those of the classes that have cells."""
    right = predicted == truth
    recalls = [float(right[truth == label].mean()) for label in classes if (truth == label).any()]
    return float(right.mean()), float(np.mean(recalls))
