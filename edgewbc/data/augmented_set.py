"""Offline augmentation: images drawn from a few originals, balanced over the classes.

The research poster that `bench.poster` reproduces (after Shahin et al. 2017) augments about 350 smear images to 12,515
before it splits them. This module draws
such a set from any manifest, and records the original of each image.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc._version import __version__
from edgewbc.cells import in_order
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Image
from edgewbc.utils.files import read_json, whole_folder, write_json, write_text
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.tables import csv_text

ORIGINALS = "originals.csv"
FACTS = "augmented.json"
QUALITY = 95  # quality of the JPEG files


@dataclass(frozen=True)
class PosterRanges:
    """Ranges of the poster's augmentation.

    Attributes:
        rotate: largest angle, in degrees.
        shift: largest shift, as a fraction of height and width.
        shear: largest shear angle, in radians.
        flip: flip horizontally and vertically, each with probability 1/2.
    """

    rotate: float = 20.0
    shift: float = 0.1
    shear: float = 0.2
    flip: bool = True


@dataclass(frozen=True)
class Enlarged:
    """Description of an augmented set: the content of `augmented.json`."""

    source: str
    source_manifest_sha256: str
    citation: str
    license: str
    total: int
    seed: int
    height: int
    width: int
    ranges: PosterRanges
    edgewbc: str = __version__


def affine(height: int, width: int, ranges: PosterRanges, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a 2 x 3 affine map of pixel centers: rotation, shear and flips about the image center, then a shift."""
    angle = math.radians(rng.uniform(-ranges.rotate, ranges.rotate))
    shear = rng.uniform(-ranges.shear, ranges.shear)
    shift = rng.uniform(-ranges.shift, ranges.shift, 2) * (width, height)
    signs = rng.choice([-1.0, 1.0], 2) if ranges.flip else np.ones(2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    lean = np.array([[1.0, -math.sin(shear)], [0.0, math.cos(shear)]])
    linear = turn @ lean @ np.diag(signs)
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, center + shift - linear @ center])


def draw(image: Image, height: int, width: int, ranges: PosterRanges, rng: np.random.Generator) -> Image:
    """Draw one augmented image, uint8 RGB (height, width, 3): transformed at full size, black borders, then resized."""
    tall, wide = image.shape[:2]
    moved = cv2.warpAffine(
        image, affine(tall, wide, ranges, rng), (wide, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    interpolation = cv2.INTER_AREA if tall >= height and wide >= width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(moved, (width, height), interpolation=interpolation), dtype=np.uint8)


def quotas(total: int, parts: int) -> list[int]:
    """Divide `total` into `parts` integers that differ by at most 1, the larger ones first."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def write(
    manifest: Manifest,
    to: Path,
    total: int = 12515,
    *,
    seed: int = 0,
    height: int = 240,
    width: int = 320,
    ranges: PosterRanges | None = None,
    progress: Progress = quiet,
) -> Enlarged:
    """Draw `total` images, equally many per class, into a new folder; the same arguments give the same bytes.

    Writes `<label>/<original>_<number>.jpg`, `originals.csv` (path, label, group of the original) and `augmented.json`.
    Within a class the number of images per original differs by at most 1. An image with several labeled cells of one
    class is one original.

    Args:
        manifest: manifest of the originals; all its splits are used.
        to: folder to create; it appears when all images are drawn. If it already holds the same set, nothing is done.
        total: number of images to draw.
        seed: random seed.
        height: height of the new images, in pixels.
        width: width of the new images, in pixels.
        ranges: ranges of the augmentation; the poster's by default.
        progress: shows progress.

    Raises:
        UserError: the folder holds something else, there are more originals than images to draw, two originals have the
            same name, an image holds cells of two classes, or an image cannot be read.
    """
    ranges = ranges or PosterRanges()
    made_of = manifest.provenance
    drawn = Enlarged(
        str(made_of.source), manifest.sha256, made_of.citation, made_of.license,
        total, seed, height, width, ranges,
    )  # fmt: skip
    if to.exists():
        if (to / FACTS).is_file() and _same(
            read_json(to / FACTS, "the description of an augmented set"), asdict(drawn)
        ):
            return drawn
        raise UserError(f"{to}: is not empty and holds a different set: give another --to")
    jobs = _jobs(manifest, total)
    with whole_folder(to) as made:
        for label in sorted({entry.label for entry, _ in jobs}):
            (made / label).mkdir(parents=True)
        rows: list[tuple[str, str, str]] = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            tasks = [(made, manifest, entry, count, seed, height, width, ranges) for entry, count in jobs]
            drawing = pool.map(lambda task: _one(*task), tasks)
            try:
                for part in progress(drawing, "originals", len(tasks)):
                    rows += part
            except BaseException:  # otherwise leaving the pool would wait for all images
                pool.shutdown(cancel_futures=True)
                raise
        write_text(made / ORIGINALS, csv_text([("path", "label", "group"), *sorted(rows)]))
        write_json(made / FACTS, asdict(drawn))
    return drawn


def _same(one: Any, other: dict[str, Any]) -> bool:
    """Return whether two descriptions are of the same set, ignoring the version of edgewbc."""
    if not isinstance(one, dict):
        return False
    renamed = {"license" if key == "licence" else key: value for key, value in one.items()}
    return {**renamed, "edgewbc": ""} == {**other, "edgewbc": ""}


def _jobs(manifest: Manifest, total: int) -> list[tuple[Entry, int]]:
    """Return each original with the number of images to draw from it."""
    originals: dict[str, Entry] = {}
    for entry in manifest.entries:
        if originals.setdefault(entry.path, entry).label != entry.label:
            raise UserError(f"{manifest.file(entry)}: holds cells of two classes, but an augmented image has one label")
    names: dict[tuple[str, str], str] = {}  # the path by label and file name
    for path, entry in originals.items():
        first = names.setdefault((entry.label, PurePosixPath(path).stem), path)
        if first != path:
            raise UserError(f"{path} and {first}: two originals of one class have the same file name: rename one")
    labels = in_order({entry.label for entry in originals.values()})
    jobs: list[tuple[Entry, int]] = []
    for label, quota in zip(labels, quotas(total, len(labels)), strict=True):
        members = sorted((e for e in originals.values() if e.label == label), key=lambda e: e.path)
        if quota < len(members):
            raise UserError(f"--total {total}: {label} has {len(members)} originals, but would get {quota} images")
        jobs += zip(members, quotas(quota, len(members)), strict=True)
    return jobs


def _one(
    to: Path, manifest: Manifest, entry: Entry, count: int, seed: int, height: int, width: int, ranges: PosterRanges
) -> Sequence[tuple[str, str, str]]:
    """Draw all images of one original; the random numbers depend only on the seed and the original's bytes."""
    image = images.read(manifest, entry)
    rows = []
    for number in range(count):
        rng = np.random.default_rng((seed, int(entry.sha256[:16], 16), number))
        done = draw(image, height, width, ranges, rng)
        path = f"{entry.label}/{PurePosixPath(entry.path).stem}_{number:04d}.jpg"
        (to / path).write_bytes(encode(done, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY)))
        rows.append((path, entry.label, entry.group))
    return rows
