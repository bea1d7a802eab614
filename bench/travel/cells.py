"""Cells of a set as a bundle's network sees them: features, computed once for each bundle, way to crop and set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edgewbc
from edgewbc.bundle.bundle import Bundle
from edgewbc.data import images, prepare
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.lab import cell_views
from edgewbc.pixels import Box, Image, Reference
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear import appearance
from edgewbc.smear.prepare import Preparer
from edgewbc.utils.files import atomic_write
from edgewbc.utils.progress import Progress, quiet

FORMAT = 3
ENOUGH = 12
"""Cells that a class must have to count in a mean recall."""
HAND_CUT = 1.6
"""Side of the image that a person would cut out of a field, in units of the longer side of the cell's box."""
LOWEST_SIDE = 8


@dataclass(frozen=True, eq=False)
class SeenSet:
    """Labeled cells of a set as a network sees them, in the order of the manifest, each once.

    Attributes:
        features: of each view of each cell, float32 (n, views, d); the first view is the image as it is.
        probabilities: of the first view, float32 (n, K), as the network gives them.
        labels: class indices of the bundle, (n,).
        appearance: of the prepared images (see `smear.appearance`), float32 (n, q).
        sizes: width and height of the images in pixels, (n, 2).
        notes: of the decoder, joined by line feeds, (n,).
        doubtful: cells that a person should look at, (n,): cut off, unlike their microscope's, or not located.
        others: features of the views that the bundle looks at beside the first, float32 (n, m, d).
        other_probabilities: of these views, float32 (n, m, K).
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    appearance: NDArray[np.float32]
    sizes: NDArray[np.int64]
    notes: NDArray[np.str_]
    doubtful: NDArray[np.bool_]
    others: NDArray[np.float32]
    other_probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)


def canonical(bundle: Bundle, reference: Reference, size: int | None = None) -> Bundle:
    """Return a bundle with the crop `cell` in place of its own, without training it again.

    Args:
        bundle: with the network.
        reference: the appearance that the crop maps cells to.
        size: of the crop in pixels of the reference; None keeps the bundle's.
    """
    pixels = replace(bundle.pixels, crop="cell", reference=reference, size=bundle.pixels.size if size is None else size)
    return replace(bundle, manifest=replace(bundle.manifest, pixels=pixels))


def see(
    bundle: Bundle,
    manifest: Manifest,
    entries: list[Entry],
    work: Path,
    *,
    views: bool = True,
    progress: Progress = quiet,
) -> SeenSet:
    """Return the cells of a set, from the work folder if they were computed before with the same code for images.

    With another crop than `cell`, the cell of a field is cut out first, as a person would, if its box is known.

    Args:
        bundle: with the network; `canonical` sets another crop.
        manifest: of the set; the microscope's profile is learned from its images if the crop needs one.
        entries: of the manifest; copies are left out.
        work: folder of computed cells.
        views: compute all eight views of each cell.
        progress: shows the cells.

    Raises:
        UserError: an image is missing, damaged or has changed, or a label is not a class of the bundle.
    """
    once = list({entry.sha256 + str(entry.box): entry for entry in entries}.values())
    facts = {
        "format": FORMAT,
        "model": bundle.model_sha256(),
        "classes": list(bundle.classes),
        "pixels": bundle.pixels.to_dict(),
        "manifest": manifest.sha256,
        "cells": [entry.sha256 + str(entry.box) for entry in once],
        "views": views,
        "looked": None if bundle.manifest.views is None else bundle.manifest.views.to_json(),
        "code": code_sha256(),
    }
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    path = work / f"{name}.npz"
    if not path.exists():
        found = _compute(bundle, manifest, once, views, progress)
        work.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **vars(found))
    with np.load(path, allow_pickle=False) as arrays:
        return SeenSet(**{key: arrays[key] for key in arrays.files})


@cache
def code_sha256() -> str:
    """Return a hash of the modules that decide what the network sees of an image, as this process began with them."""
    package = Path(edgewbc.__file__).parent
    files = [
        package / "pixels.py",
        *sorted((package / "smear").glob("*.py")),
        *sorted((package / "images").glob("*.py")),
    ]
    return sha256_of(files)


def sha256_of(files: Sequence[Path]) -> str:
    """Return a hash of the contents of files, one after the other."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def hand_cut(image: Image, box: Box) -> Image:
    """Return the square around a box that a person would cut out of a field, as far as the image goes."""
    left, top, width, height = box
    half = max(LOWEST_SIDE, HAND_CUT * max(width, height)) / 2
    x, y = left + width / 2, top + height / 2
    rows = slice(max(0, round(y - half)), max(LOWEST_SIDE, round(y + half)))
    return image[rows, max(0, round(x - half)) : max(LOWEST_SIDE, round(x + half))]


def _compute(bundle: Bundle, manifest: Manifest, entries: list[Entry], views: bool, progress: Progress) -> SeenSet:
    labels = images.truth(manifest, entries, bundle.classes)
    by_cell = bundle.pixels.crop == "cell"
    looked = bundle.manifest.views if by_cell else None
    prepared = Preparer(bundle.pixels, prepare.profile(manifest) if by_cell else None, looked)
    predictor = OpenVINOPredictor.from_bundle(bundle, threads=1)
    features, probabilities, looks, sizes, notes, doubtful = [], [], [], [], [], []
    others, other_probabilities = [], []
    for entry in progress(entries, f"{bundle.name}, {bundle.pixels.crop}, {manifest.provenance.source}", len(entries)):
        decoded = images.read_decoded(manifest, entry)
        image, box = decoded.image, entry.box
        if not by_cell and box is not None:
            image, box = hand_cut(image, box), None
        cell = prepared.one(image, box)
        shown = cell.image
        own = cell_views.views(shown) if views else shown[None]
        found = predictor(np.stack([*own, *cell.others]))
        features.append(found.features[: len(own)])
        probabilities.append(found.probabilities[0])
        others.append(found.features[len(own) :])
        other_probabilities.append(found.probabilities[len(own) :])
        looks.append(appearance.measure(shown))
        sizes.append((image.shape[1], image.shape[0]))
        notes.append("\n".join(decoded.notes))
        doubtful.append(by_cell and (cell.box is None or bool(cell.reasons)))
    return SeenSet(
        np.stack(features),
        np.stack(probabilities),
        labels,
        np.stack(looks),
        np.array(sizes, dtype=np.int64),
        np.array(notes, dtype=np.str_),
        np.array(doubtful, dtype=np.bool_),
        np.stack(others),
        np.stack(other_probabilities),
    )
