"""Adapt a bundle to a laboratory: fit its head to labeled or unlabeled cells, and say what that gains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import HEAD
from edgewbc.decision import adapt, self_training
from edgewbc.decision import shots as draws
from edgewbc.decision.correction import Cells
from edgewbc.decision.head import Head
from edgewbc.decision.shots import ShotsRow
from edgewbc.decision.views import LabelFrom
from edgewbc.errors import GateError, UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import read
from edgewbc.lab import cell_views
from edgewbc.lab.cell_views import SeenCells
from edgewbc.lab.head_comparison import HeadComparison, HeldOut, changed_labels, compare, label_probabilities
from edgewbc.lab.labeled_cells import LabeledFile
from edgewbc.pixels import Box
from edgewbc.runtime import ir_head, trial
from edgewbc.smear import learning
from edgewbc.smear.microscope import Profile
from edgewbc.utils.arrays import read_arrays
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import percent

AGREES = 0.02
"""Largest difference of `head.npz` from the weights in the model, as a share of the largest weight (int8: 0.8 %)."""


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A head adapted to a laboratory's cells.

    Attributes:
        bundle: that was adapted.
        head: the adapted head.
        seen: the labeled cells as the network sees them; None without labels.
        labels: class index of each, (n,).
        unlabeled: number of unlabeled cells that were used.
        strength: of the penalty; None without labels.
        comparison: old head against adapted head; None where no cell could be held out.
        held_out: probabilities of the held-out cells by the adapted head; None where no cell could be held out.
        changed: share of the unlabeled cells whose label changed; None without unlabeled cells.
        profile: of the microscope; None where the bundle does not use one.
        label_from: which views of a cell the new bundle takes the label from.
    """

    bundle: Bundle
    head: Head
    seen: SeenCells | None
    labels: NDArray[np.int64]
    unlabeled: int
    strength: float | None
    comparison: HeadComparison | None
    held_out: HeldOut | None
    changed: float | None
    profile: Profile | None
    label_from: LabelFrom = LabelFrom.UPRIGHT

    @property
    def counts(self) -> dict[str, int]:
        """Number of labeled cells by class, of the classes that have any."""
        found = Counter(self.labels.tolist())
        return {name: found[index] for index, name in enumerate(self.bundle.classes) if found[index]}

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes without a labeled cell, which keep the old head's weights; empty without labels."""
        return tuple(name for name in self.bundle.classes if name not in self.counts) if len(self.labels) else ()

    def to_json(self) -> dict[str, Any]:
        """Return what the adaptation was made from and what it gains."""
        return {
            "cells": self.counts,
            "missing": list(self.missing),
            "unlabeled": self.unlabeled,
            "changed": self.changed,
            "strength": self.strength,
            "comparison": None if self.comparison is None else self.comparison.to_json(),
        }

    @property
    def gains(self) -> bool:
        """Whether the cells show that the adapted head is better."""
        return self.comparison is not None and self.comparison.gains


def old_head(bundle: Bundle, precision: str | None = None) -> Head:
    """Return a bundle's head: `head.npz` if it agrees with the model that runs, else the model's own weights.

    Raises:
        UserError: the model has no head of dense layers.
    """
    files = trial.read_model(bundle, "openvino", precision)
    try:
        found = ir_head.read(*files.contents)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{files.label}: cannot be adapted: {error}") from None
    if HEAD not in bundle.sums:
        return found
    shapes = {name: array.shape for name, array in found.arrays().items()}
    try:
        stored = Head.from_arrays(read_arrays(bundle.read(HEAD), shapes))
    except ValueError:
        return found
    return stored if _agree(stored, found) else found


def _agree(stored: Head, found: Head) -> bool:
    for ours, theirs in zip(stored.layers, found.layers, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            if np.abs(one - other).max() > AGREES * max(np.abs(other).max(), 1e-6):
                return False
    return True


def labeled(
    bundle: Bundle,
    files: Sequence[LabeledFile],
    *,
    profile: Profile | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> tuple[SeenCells, NDArray[np.int64]]:
    """Run the network on labeled cells; return them with their labels.

    Raises:
        UserError: the same image has two labels, or no image can be used.
    """
    paths, boxes = [file.path for file in files], [file.box for file in files]
    seen = cell_views.see(bundle, paths, boxes=boxes, profile=profile, threads=threads, progress=progress)
    labels = np.array([files[index].label for index in seen.indices], dtype=np.int64)
    first: dict[tuple[str, Box | None], int] = {}
    for number, cell in enumerate(zip(seen.sha256, seen.boxes, strict=True)):
        other = first.setdefault(cell, number)
        if labels[other] != labels[number]:
            names = [files[int(seen.indices[place])] for place in (other, number)]
            raise UserError(
                f"{names[0].path} and {names[1].path} are the same image, but one is labeled "
                f"{bundle.classes[names[0].label]} and the other {bundle.classes[names[1].label]}: correct one label"
            )
    return seen, labels


def run(
    bundle: Bundle,
    files: Sequence[LabeledFile] = (),
    unlabeled: Sequence[Path] = (),
    *,
    profile: Profile | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Adaptation:
    """Adapt a bundle's head to labeled cells, to unlabeled ones, or to both.

    Unlabeled cells come first: the head trains itself on them, and the labeled cells then correct the result.

    Args:
        bundle: to adapt.
        files: labeled cells.
        unlabeled: images of single cells or fields, without labels.
        profile: of the microscope, for bundles that use one.
        threads: inference threads.
        progress: shows the images.

    Raises:
        UserError: fewer than two classes are labeled, the unlabeled cells are too few or too alike, or as `labeled`.
        GateError: there are unlabeled cells alone, and the bundle knows cells like these.
    """
    old, unlabeled_cells = old_head(bundle), 0
    head, changed = old, None
    if unlabeled:
        others = cell_views.see(bundle, unlabeled, fields=True, profile=profile, threads=threads, progress=progress)
        unlabeled_cells = len(others)
        unfamiliar = unfamiliar_share(bundle, others.features[:, 0])
        found = self_training.correct(others.features, others.judged, old, unfamiliar)
        if unfamiliar < self_training.MIN_UNFAMILIAR and not files:
            raise GateError(
                f"kept {bundle.name}, nothing was written: it knows cells like these ({percent(unfamiliar)} of "
                f"{len(others)} are unfamiliar to it), and would not gain from them without labels: label some "
                "(`edgewbc pick`)"
            )
        if found is None and not files:
            raise UserError(
                f"{len(others)} unlabeled cells say too little: at least {self_training.MIN_CELLS} of two classes "
                "are needed"
            )
        if found is not None:
            head = found.head(old)
            changed = changed_labels(old, head, bundle.manifest.label_from, others.judged)
    if not files:
        none = np.zeros(0, np.int64)
        label_from = bundle.manifest.label_from
        return Adaptation(bundle, head, None, none, unlabeled_cells, None, None, None, changed, profile, label_from)
    seen, labels = labeled(bundle, files, profile=profile, threads=threads, progress=progress)
    if len(np.unique(labels)) < 2:
        raise UserError("the labeled cells are all of one class: label cells of two classes or more")
    cells = Cells(seen.features, labels, seen.copies, seen.others)
    correction, tested = adapt.learn(cells, head)
    out = tested.held_out
    comparison = None
    if out.any():
        before = label_probabilities(old, bundle.manifest.label_from, cells.judged[out])
        comparison = compare(bundle.classes, labels[out], before, tested.judged[out], int((~out).sum()))
    return Adaptation(
        bundle,
        correction.head(head),
        seen,
        labels,
        unlabeled_cells,
        tested.strength,
        comparison,
        HeldOut.of(tested, labels),
        changed,
        profile,
        LabelFrom.of(bundle.manifest.views),
    )


def shots(
    bundle: Bundle,
    files: Sequence[LabeledFile],
    numbers: Sequence[int],
    *,
    repeats: int = draws.REPEATS,
    profile: Profile | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> tuple[list[ShotsRow], tuple[str, ...], int]:
    """Adapt to repeated draws of labeled cells (see `decision.shots`).

    Returns:
        a row for each number of cells per class, the names of the classes that were drawn, and the number of cells.

    Raises:
        UserError: fewer than two classes have enough cells, or as `labeled`.
    """
    seen, labels = labeled(bundle, files, profile=profile, threads=threads, progress=progress)
    once = np.unique(seen.copies, return_index=True)[1]  # a copy of a drawn cell must not be measured
    others = None if seen.others is None else seen.others[once]
    cells = Cells(seen.features[once], labels[once], seen.copies[once], others)
    if len(draws.eligible(cells.labels, numbers)) < 2:
        raise UserError(
            f"fewer than two classes have {max(numbers) + draws.LEFT} different images: label more cells, or name "
            "smaller numbers with --shots"
        )
    rows = draws.evaluate(
        cells, old_head(bundle), numbers, before=bundle.manifest.label_from, repeats=repeats, progress=progress
    )
    drawn = tuple(bundle.classes[index] for index in draws.eligible(cells.labels, numbers))
    return rows, drawn, len(cells)


def learn_profile(bundle: Bundle, paths: Sequence[Path]) -> Profile | None:
    """Learn the microscope from images; None where the bundle does not use a profile.

    Raises:
        UserError: no white cell was found.
    """
    if bundle.pixels.crop != "cell" or bundle.pixels.reference is None:
        return None
    images = []
    for index in learning.sample(len(paths)):
        try:
            images.append(decode(read(paths[index]).data).image)
        except ImageError:
            continue
    found = learning.learn(images)
    if found is None:
        raise UserError("no white cell was found on these images, so the microscope is not known: name its profile")
    return found


def unfamiliar_share(bundle: Bundle, features: NDArray[np.float32]) -> float:
    """Return the share of cells, features (n, d), that are unfamiliar to a bundle; 1 if it cannot tell."""
    familiarity = bundle.familiarity()
    if familiarity is None:
        return 1.0
    return float(np.mean([reason is not None for reason in familiarity.reasons(features)]))
