"""Scores of a bundle on the cells of a set, without labels and adapted to a few, and what the lab side would accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgewbc
from bench.travel.cells import ENOUGH, SeenSet, sha256_of
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision import adapt, lab_familiarity
from edgewbc.decision import shots as draws
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.correction import Cells
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.head import Head, softmax
from edgewbc.decision.views import LabelFrom, judge
from edgewbc.lab.adapted_bundle import Confidence, widened
from edgewbc.lab.head_comparison import HeldOut, compare, label_probabilities
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.metrics import Spread, score, wilson
from edgewbc.pixels import PixelSpec
from edgewbc.reasons import Reason
from edgewbc.utils.progress import Progress, quiet

LEFT = 2
"""Cells of a class that are never drawn, to measure on."""
BOOTSTRAP = 2000


@dataclass(frozen=True, eq=False)
class Judge:
    """Decides which cells the lab side would count (`lab.classify`).

    Attributes:
        pixels: of the network.
        calibration: of its probabilities; None leaves them.
        below: probability below which a cell is for review.
        familiarity: which cells look like those of training; None if the bundle cannot tell.
        trained_on: which images look like those of training; None if the bundle cannot tell.
        label_from: which views of a cell the label is taken from.
    """

    pixels: PixelSpec
    calibration: Calibration | None
    below: float
    familiarity: Familiarity | None
    trained_on: TrainingImages | None
    label_from: LabelFrom = LabelFrom.UPRIGHT

    @classmethod
    def of(cls, bundle: Bundle) -> Judge:
        """Return what a bundle's manifest sets."""
        manifest = bundle.manifest
        below = ReviewThresholds().of_bundle(manifest).of("")
        seen = bundle.familiarity(), manifest.training_images, manifest.label_from
        return cls(bundle.pixels, manifest.calibration, below, *seen)

    def unfamiliar(self, seen: SeenSet) -> NDArray[np.bool_]:
        """Return which cells are unlike those of training, (n,)."""
        if self.familiarity is None:
            return np.zeros(len(seen), np.bool_)
        return self.familiarity.unfamiliar(seen.features[:, 0])

    def doubtful(
        self, seen: SeenSet, probabilities: NDArray[np.floating], others: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        """Return which cells a person should look at, (n,), because of their image or of their probabilities.

        Args:
            seen: the cells.
            probabilities: of the first view, as the network gives them, (n, K).
            others: of further views, (n, m, K).
        """
        sure = judge(probabilities, others, self.label_from, self._calibrated).sure
        doubtful: NDArray[np.bool_] = seen.doubtful | (sure < self.below)
        return doubtful | np.array([bool(self._reasons(seen, index)) for index in range(len(seen))], dtype=np.bool_)

    def _calibrated(self, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
        found = probabilities.astype(np.float32)
        return found if self.calibration is None else self.calibration.apply(found)

    def _reasons(self, seen: SeenSet, index: int) -> Sequence[str | Reason]:
        notes = [note for note in str(seen.notes[index]).split("\n") if note]
        if self.trained_on is None:
            return notes
        width, height = (int(side) for side in seen.sizes[index])
        return self.trained_on.reasons(self.pixels, (width, height), notes, seen.appearance[index])


@cache
def code_sha256() -> str:
    """Return a hash of the modules that adapt a bundle and decide on its cells, as this process began with them."""
    package = Path(edgewbc.__file__).parent
    lab = [package / "lab" / name for name in ("adapt.py", "adapted_bundle.py", "head_comparison.py")]
    return sha256_of([*sorted((package / "decision").glob("*.py")), *lab])


def counted_classes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes with enough cells for a mean recall."""
    return np.flatnonzero(np.bincount(labels) >= ENOUGH)


def zero_shot(bundle: Bundle, seen: SeenSet, *, seed: int = 0) -> dict[str, Any]:
    """Return scores of a bundle as it is, with intervals.

    Returns:
        `n`, `correct`, `accuracy`, `interval` (Wilson); `macro`, mean recall over the classes in `macro_classes`, and
        its `macro_interval`, a bootstrap within classes; `per_class` and `confusion`; `accepted` and `wrong_accepted`
        (n, of, share, interval), and the numbers of cells that are `unfamiliar` and for `review`.
    """
    label_from = bundle.manifest.label_from
    predicted = label_from.probabilities(seen.probabilities, seen.other_probabilities).argmax(1)
    found = score(seen.labels, predicted, bundle.classes)
    classes = counted_classes(seen.labels)
    recalls = [found.per_class[bundle.classes[label]] for label in classes]
    random = np.random.default_rng(seed)
    drawn = [random.binomial(one.n, one.recall or 0.0, BOOTSTRAP) / one.n for one in recalls]
    return {
        "n": found.n,
        "correct": found.correct,
        "accuracy": found.accuracy,
        "interval": found.interval,
        "macro": float(np.mean([one.recall for one in recalls])),
        "macro_interval": [float(value) for value in np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))],
        "macro_classes": [bundle.classes[label] for label in classes],
        "per_class": {
            name: {"n": one.n, "recall": one.recall, "interval": one.recall_interval}
            for name, one in found.per_class.items()
            if one.n
        },
        "confusion": found.confusion,
        **_accepted(Judge.of(bundle), seen, predicted),
    }


def _accepted(decides: Judge, seen: SeenSet, predicted: NDArray[np.int64]) -> dict[str, Any]:
    doubtful = decides.doubtful(seen, seen.probabilities, seen.other_probabilities)
    unfamiliar = decides.unfamiliar(seen)
    accepted = ~(unfamiliar | doubtful)
    wrong = accepted & (predicted != seen.labels)
    return {
        "accepted": _proportion(int(accepted.sum()), len(seen)),
        "wrong_accepted": _proportion(int(wrong.sum()), int(accepted.sum())),
        "unfamiliar": int(unfamiliar.sum()),
        "review": int((doubtful & ~unfamiliar).sum()),
    }


def _proportion(count: int, n: int) -> dict[str, Any]:
    return {"n": count, "of": n, "share": count / n if n else None, "interval": wilson(count, n)}


@dataclass(frozen=True)
class Draw:
    """One draw of labeled cells: scores on the cells that were not drawn.

    Attributes:
        accuracy, macro: of what `edgewbc adapt` gives: the adapted head, or the old one if that is not worse.
        always_accuracy, always_macro: of the adapted head.
        before_accuracy, before_macro: of the old head.
        recalls: of `accuracy`, by class of `counted_classes`.
        adapted: whether the adapted head was kept.
        measured: number of cells that were not drawn.
        accepted, wrong: of them, what the lab side would count, and the mislabeled ones of those.
    """

    accuracy: float
    macro: float
    always_accuracy: float
    always_macro: float
    before_accuracy: float
    before_macro: float
    recalls: tuple[float, ...]
    adapted: bool
    measured: int
    accepted: int
    wrong: int


def adapt_once(bundle: Bundle, head: Head, seen: SeenSet, shots: int, seed: Sequence[int]) -> Draw:
    """Adapt a head to a draw of cells as `edgewbc adapt` does, and measure on the cells that were not drawn."""
    classes = counted_classes(seen.labels)
    drawn = draw(seen.labels, classes, shots, np.random.default_rng(list(seed)))
    part, rest = take(seen, drawn), take(seen, ~drawn)
    cells = Cells(part.features, part.labels, np.arange(len(part)), part.others)
    correction, tested = adapt.learn(cells, head, seed=seed[-1])
    old, judged = bundle.manifest.label_from, np.concatenate([rest.features[:, :1], rest.others], 1)
    all_after, all_before = softmax(correction.logits(head, judged)), head.probabilities(judged)
    after = LabelFrom.MEAN.probabilities(all_after[:, 0], all_after[:, 1:]).argmax(1)
    before = old.probabilities(all_before[:, 0], all_before[:, 1:]).argmax(1)
    out = tested.held_out
    gains = False
    if out.any():
        known = label_probabilities(head, old, cells.judged[out])
        gains = compare(bundle.classes, part.labels[out], known, tested.judged[out]).gains
    kept, decides, probabilities = before, Judge.of(bundle), all_before
    if gains:
        kept, probabilities = after, all_after
        decides = adapted_judge(bundle, decides, part, cells, HeldOut.of(tested, part.labels))
    doubtful = decides.doubtful(rest, probabilities[:, 0], probabilities[:, 1:])
    accepted = ~(decides.unfamiliar(rest) | doubtful)
    right = kept == rest.labels
    recalls = tuple(float(right[rest.labels == label].mean()) for label in classes)
    return Draw(
        *draws.scores(kept, rest.labels, classes),
        *draws.scores(after, rest.labels, classes),
        *draws.scores(before, rest.labels, classes),
        recalls,
        gains,
        len(rest),
        int(accepted.sum()),
        int((accepted & ~right).sum()),
    )


def adapted_judge(
    bundle: Bundle,
    old: Judge,
    part: SeenSet,
    cells: Cells,
    held_out: HeldOut | None,
) -> Judge:
    """Return what an adapted bundle decides by (see `lab.adapted_bundle`)."""
    confidence = Confidence.of(bundle.manifest, held_out)
    moved = None if old.familiarity is None else lab_familiarity.move(old.familiarity, cells)
    sizes = [(int(width), int(height)) for width, height in part.sizes]
    return Judge(
        bundle.pixels,
        confidence.calibration,
        old.below if confidence.below is None else confidence.below,
        moved or old.familiarity,
        None if old.trained_on is None else widened(old.trained_on, part.appearance, sizes),
        LabelFrom.MEAN,
    )


def few_shots(
    bundle: Bundle, head: Head, seen: SeenSet, shots: int, repeats: int, progress: Progress = quiet
) -> dict[str, Any]:
    """Return scores after adapting to repeated draws of `shots` cells per class.

    Returns:
        spreads (`decision.shots.Spread`) over the draws of each number of `Draw`, of the shares `accepted` and
        `wrong_accepted` (None where nothing was accepted in any draw), of the recall by class, and in how many of the
        `repeats` the adapted head was kept.
    """
    every = [
        adapt_once(bundle, head, seen, shots, (0, shots, repeat))
        for repeat in progress(range(repeats), f"{bundle.name}, {shots} cells per class", repeats)
    ]
    names = [bundle.classes[label] for label in counted_classes(seen.labels)]
    wrong = [one.wrong / one.accepted for one in every if one.accepted]
    numbers = (
        "accuracy", "macro", "always_accuracy", "always_macro", "before_accuracy", "before_macro",
    )  # fmt: skip
    return {
        "repeats": repeats,
        "kept": sum(one.adapted for one in every),
        **{name: vars(Spread.of([getattr(one, name) for one in every])) for name in numbers},
        "recall": {name: vars(Spread.of([one.recalls[place] for one in every])) for place, name in enumerate(names)},
        "accepted": vars(Spread.of([one.accepted / one.measured for one in every])),
        "wrong_accepted": vars(Spread.of(wrong)) if wrong else None,
        "pooled_wrong_accepted": _proportion(sum(one.wrong for one in every), sum(one.accepted for one in every)),
    }


def draw(
    labels: NDArray[np.int64], classes: NDArray[np.int64], shots: int, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which cells are drawn, (n,): `shots` of each class, or all but `LEFT` of a class that has fewer."""
    drawn = np.zeros(len(labels), np.bool_)
    for label in classes:
        members = np.flatnonzero(labels == label)
        drawn[random.permutation(members)[: min(shots, len(members) - LEFT)]] = True
    return drawn


def take(seen: SeenSet, chosen: NDArray[np.bool_]) -> SeenSet:
    """Return some of the cells."""
    return replace(seen, **{name: values[chosen] for name, values in vars(seen).items()})
