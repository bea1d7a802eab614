"""Measure the images that a network was trained on, for its bundle (`export`) or for an existing one (`describe`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.training_images import TrainingImages
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.prepare import preparer
from edgewbc.data.sampling import spread
from edgewbc.export import validation
from edgewbc.images.decode import is_damage
from edgewbc.pixels import PixelSpec
from edgewbc.smear import appearance
from edgewbc.utils.progress import Progress, quiet

MAX_IMAGES = 6000
"""Maximum number of training images to measure, sampled evenly."""


def measure(manifest: Manifest, pixels: PixelSpec, progress: Progress = quiet) -> TrainingImages | None:
    """Measure the images of the training split, prepared for a network; return None if the split is empty.

    Also computes the share of validation images that are unusual by this measure.

    Args:
        manifest: manifest that the network was trained on.
        pixels: crop and input size of the network.
        progress: reports progress.

    Raises:
        UserError: an image is missing, has changed or cannot be decoded.
    """
    entries = [entry for entry in manifest.entries if entry.split == "train"]
    if not entries:
        return None
    measured = list(_measured_images(manifest, spread(entries, MAX_IMAGES), pixels, progress, "training images"))
    notes = Counter(note for image in measured for note in image.notes if not is_damage(note))
    found = TrainingImages.of([image.appearance for image in measured], [image.size for image in measured], notes)
    held_out = [entry for entry in manifest.entries if entry.split == validation.SPLIT]
    if not held_out:
        return found
    unusual = [
        bool(found.reasons(pixels, image.size, image.notes, image.appearance))
        for image in _measured_images(manifest, held_out, pixels, progress, "validation images")
    ]
    return replace(found, unusual=round(sum(unusual) / len(unusual), 4))


class _MeasuredImage(NamedTuple):
    size: tuple[int, int]
    notes: tuple[str, ...]
    appearance: NDArray[np.float32]


def _measured_images(
    manifest: Manifest, entries: Sequence[Entry], pixels: PixelSpec, progress: Progress, what: str
) -> Iterator[_MeasuredImage]:
    prepare = preparer(manifest, pixels)
    for entry in progress(entries, what, len(entries)):
        decoded = images.read_decoded(manifest, entry)
        height, width = decoded.image.shape[:2]
        yield _MeasuredImage((width, height), decoded.notes, appearance.measure(prepare(decoded.image, entry)))


def measure_if_known(
    manifest: Manifest | None, trained_on: str | None, pixels: PixelSpec, progress: Progress = quiet
) -> TrainingImages | None:
    """Measure the training images for a bundle's manifest; None if they are not available.

    Args:
        manifest: manifest that the bundle is measured on, or None.
        trained_on: hash of the manifest that the network was trained on; None if it was not recorded.
        pixels: crop and input size of the network.
        progress: reports progress.
    """
    if manifest is None or trained_on not in (None, manifest.sha256):
        return None
    return measure(manifest, pixels, progress)
