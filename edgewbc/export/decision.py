"""Measure what a bundle decides by: calibration, review threshold, errors by threshold, and familiarity statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.paths import FAMILIARITY
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest, Split
from edgewbc.data.sampling import balanced, spread
from edgewbc.decision import familiarity_fit, review_threshold, risk
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.others import Examples
from edgewbc.decision.review_threshold import ReviewCount
from edgewbc.decision.risk import RiskChoice, RiskTable
from edgewbc.decision.views import LabelFrom, judge
from edgewbc.errors import UserError
from edgewbc.export import validation
from edgewbc.export.training_images import MAX_IMAGES
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.predictor import Prediction, Predictor, fault
from edgewbc.smear.views import Views
from edgewbc.synth import outliers
from edgewbc.utils.progress import Progress, quiet

MAX_SYNTHETIC = 200
"""Training images that images of no cell are made of, four of each."""


@dataclass(frozen=True)
class DecisionSettings:
    """What a bundle decides by.

    Attributes:
        calibration: of the probabilities.
        review_below: calibrated probability below which a person should check a label.
        review: counts of the validation cells at this threshold, and its guarantee if it was chosen by risk control.
        table: errors of the validation cells by threshold.
        familiarity: which cells look like those of training; None if the training images are not available, or too few.
        views: further views of a cell whose lowest probability the threshold is for; None for the upright view alone.
        label_from: which of the views the label is taken from; calibration and errors are those of this label.
    """

    calibration: Calibration
    review_below: float
    review: ReviewCount | RiskChoice
    table: RiskTable
    familiarity: Familiarity | None
    views: Views | None = None
    label_from: LabelFrom = LabelFrom.UPRIGHT

    def to_json(self) -> dict[str, Any]:
        """Return the entries of a bundle's manifest; `familiarity`, `views`, `label_from` only where there are any."""
        known = self.familiarity
        return {
            "calibration": self.calibration.to_json(),
            "review_below": self.review_below,
            "review": self.review.to_json(),
            "risk": self.table.to_json(),
            **({} if known is None else {"familiarity": known.info(FAMILIARITY).to_json()}),
            **({} if self.views is None else {"views": self.views.to_json()}),
            **({} if self.label_from == LabelFrom.UPRIGHT else {"label_from": str(self.label_from)}),
        }

    def write(self, folder: Path) -> None:
        """Write the familiarity statistics into a bundle's folder, if there are any, and else remove older ones."""
        if self.familiarity is None:
            (folder / FAMILIARITY).unlink(missing_ok=True)
        else:
            (folder / FAMILIARITY).write_bytes(self.familiarity.to_bytes())


def check_max_error(manifest: Manifest | None, max_error: float | None) -> None:
    """Check before any work that an error can be guaranteed at all.

    Raises:
        UserError: it is not a share, or there are too few validation cells for it.
    """
    if max_error is None:
        return
    if manifest is None:
        raise UserError(f"--max-error {max_error:g}: needs labeled validation images: give --data")
    n = len(manifest.split(validation.SPLIT))
    RiskTable(n, (risk.STARTS[0],), (n,), (0,)).choose(max_error)


def check_others(others: Manifest | None, classes: Sequence[str]) -> None:
    """Check before any work that a manifest holds cells of other kinds.

    Raises:
        UserError: its training split has none.
    """
    if others is not None and not _of_other_kinds(others, classes):
        raise UserError(
            "--others: its training split has no cells of other kinds than the network's classes "
            f"({', '.join(classes)}): name a manifest that has some, or leave it out"
        )


def measure(
    predictor: Predictor,
    manifest: Manifest,
    classes: Sequence[str],
    pixels: PixelSpec,
    *,
    trained_on: str | None,
    max_error: float | None = None,
    others: Manifest | None = None,
    label_from: LabelFrom | None = None,
    progress: Progress = quiet,
) -> DecisionSettings:
    """Measure what a bundle decides by, with its default model.

    Calibration, threshold and errors are measured on the validation split, of the labels that `classify` will give. The
    familiarity statistics are those of the training split (at most `training_images.MAX_IMAGES` images), and their
    threshold is set on the validation split.

    Args:
        predictor: the bundle's default model.
        manifest: labeled images.
        classes: names, in the order of the model's outputs.
        pixels: crop and input size of the network.
        trained_on: hash of the manifest that the network was trained on; None if it was not recorded. If it is
            another manifest, there are no familiarity statistics.
        max_error: choose the threshold by risk control, such that at most this share of the accepted cells is
            mislabeled; None chooses it by `decision.review_threshold`.
        others: its training cells of other kinds than `classes` show the familiarity statistics what is unfamiliar,
            beside images that are made of training images (`synth.outliers`); None shows these alone.
        label_from: which views of a cell the label is taken from; None is what a new bundle does (`LabelFrom.of`).
        progress: reports progress.

    Raises:
        UserError: an image is missing or has changed, a label is not a class of the model, or the validation images
            do not guarantee `max_error`.
    """
    held_out = manifest.split(validation.SPLIT)
    truth = images.truth(manifest, held_out, classes)
    seen = predict(predictor, manifest, held_out, pixels, progress, "decision: validation images")
    views, others_seen = Views.of(pixels), None
    if views is not None:
        others_seen = predict_views(predictor, manifest, held_out, pixels, views, progress, "decision: views")
    label_from = label_from or LabelFrom.of(views)
    calibration = Calibration.fit(label_from.probabilities(seen.probabilities, others_seen), truth)
    judged = judge(seen.probabilities, others_seen, label_from, calibration.apply)
    probabilities, sure = judged.probabilities, judged.sure
    table = RiskTable.of(probabilities, truth, sure)
    if max_error is None:
        threshold = review_threshold.choose(probabilities, truth, sure)
        review: ReviewCount | RiskChoice = review_threshold.count_accepted(probabilities, truth, threshold, sure)
    else:
        review = choice = table.choose(max_error)
        threshold = choice.threshold
    entries = [entry for entry in manifest.entries if entry.split == Split.TRAIN]
    familiarity = None
    if entries and trained_on in (None, manifest.sha256):
        entries = spread(entries, MAX_IMAGES)
        labels = images.truth(manifest, entries, classes)
        features = predict(predictor, manifest, entries, pixels, progress, "decision: training images").features
        familiarity = _familiarity(features, labels, seen.features)
        if familiarity is not None:
            shown = examples(predictor, manifest, entries, classes, pixels, others, progress)
            familiarity = familiarity_fit.show_others(familiarity, features, labels, seen.features, shown)
    return DecisionSettings(calibration, threshold, review, table, familiarity, views, label_from)


def show(
    familiarity: Familiarity,
    predictor: Predictor,
    manifest: Manifest,
    classes: Sequence[str],
    pixels: PixelSpec,
    others: Manifest,
    progress: Progress = quiet,
) -> Familiarity:
    """Return a bundle's familiarity statistics after cells of other kinds were shown; distances stay as they are.

    Args:
        familiarity: of the bundle.
        predictor, classes, pixels: of its network.
        manifest: that the network was trained on.
        others: see `measure`.
        progress: reports progress.

    Raises:
        UserError: as `measure`, or there are too few validation images.
    """
    check_others(others, classes)
    held_out = manifest.split(validation.SPLIT)
    entries = spread([entry for entry in manifest.entries if entry.split == Split.TRAIN], MAX_IMAGES)
    labels = images.truth(manifest, entries, classes)
    features = [
        predict(predictor, manifest, part, pixels, progress, f"decision: {what}").features
        for part, what in ((entries, "training images"), (held_out, "validation images"))
    ]
    found = examples(predictor, manifest, entries, classes, pixels, others, progress)
    try:
        return familiarity_fit.show_others(familiarity, features[0], labels, features[1], found)
    except ValueError as error:
        raise UserError(f"--others: {error}") from None


def examples(
    predictor: Predictor,
    manifest: Manifest,
    entries: Sequence[Entry],
    classes: Sequence[str],
    pixels: PixelSpec,
    others: Manifest | None,
    progress: Progress = quiet,
) -> Examples:
    """Return features of what is of none of the classes: made of training images, and the cells of other kinds.

    Args:
        predictor, classes, pixels: of the network.
        manifest, entries: training images.
        others: see `measure`.
        progress: reports progress.
    """
    sample = balanced(entries, MAX_SYNTHETIC)
    prepared = np.concatenate(list(images.batches(manifest, sample, pixels, validation.BATCH)))
    made = np.concatenate(list(outliers.outliers(prepared, [entry.label for entry in sample]).values()))
    parts = [made[first : first + validation.BATCH] for first in range(0, len(made), validation.BATCH)]
    features = [predictor(part).features for part in progress(parts, "decision: synthetic images", len(parts))]
    kinds = [outliers.SYNTHETIC] * len(made)
    if others is not None:
        unlike = spread(_of_other_kinds(others, classes), MAX_IMAGES)
        features.append(predict(predictor, others, unlike, pixels, progress, "decision: other kinds").features)
        kinds += [entry.label for entry in unlike]
    return Examples(np.concatenate(features), np.array(kinds))


def _of_other_kinds(others: Manifest, classes: Sequence[str]) -> list[Entry]:
    own = {name.lower() for name in classes}
    return [entry for entry in others.split(Split.TRAIN) if entry.label.lower() not in own]


def _familiarity(
    features: NDArray[np.float32], labels: NDArray[np.int64], held_out: NDArray[np.float32]
) -> Familiarity | None:
    """Return the statistics; None if there are too few cells for any."""
    try:
        return familiarity_fit.fit(features, labels, held_out)
    except ValueError:
        return None


def predict(
    predictor: Predictor,
    manifest: Manifest,
    entries: Sequence[Entry],
    pixels: PixelSpec,
    progress: Progress,
    what: str,
) -> Prediction:
    """Return the predictions for all entries, in their order.

    Args:
        predictor: of the network.
        manifest, entries: the images.
        pixels: crop and input size of the network.
        progress: reports progress.
        what: the progress is of.

    Raises:
        UserError: an image is missing or has changed, or the outputs are no probabilities.
    """
    batches = images.batches(manifest, entries, pixels, validation.BATCH)
    found = Prediction.joined(map(predictor, progress(batches, what, -(-len(entries) // validation.BATCH))))
    if why := fault(found.probabilities, found.features):
        raise UserError(f"{why}: train or quantize the network again")
    return found


def predict_views(
    predictor: Predictor,
    manifest: Manifest,
    entries: Sequence[Entry],
    pixels: PixelSpec,
    views: Views,
    progress: Progress,
    what: str,
) -> NDArray[np.float32]:
    """Return the probabilities of further views of each entry's cell, (n, m, K); the arguments are `predict`'s."""
    batches = images.view_batches(manifest, entries, pixels, views, validation.BATCH)
    count = -(-len(entries) * (len(views) - 1) // validation.BATCH)
    found = np.concatenate([predictor(batch).probabilities for batch in progress(batches, what, count)])
    if why := fault(found):
        raise UserError(f"{why}: train or quantize the network again")
    return found.reshape(len(entries), len(views) - 1, -1)
