"""The poster's augmented set: pictures drawn from a few originals, balanced over the classes, on the disk.

The poster (after Shahin et al. 2017) augments about 350 smear pictures to 12,515 before it splits them. This draws such
a set from any manifest, and keeps what the poster's lost: from which original each picture comes.
"""

from __future__ import annotations

import csv
import io
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

ORIGINALS = "originals.csv"
FACTS = "augmented.json"
QUALITY = 95  # of the JPEG files


@dataclass(frozen=True)
class Ranges:
    """How far the poster's augmentation goes.

    Attributes:
        rotate: largest angle, degrees.
        shift: largest shift, as a share of height and of width.
        shear: largest shear angle, radians.
        flip: both flips, each in half of the pictures.
    """

    rotate: float = 20.0
    shift: float = 0.1
    shear: float = 0.2
    flip: bool = True


@dataclass(frozen=True)
class Enlarged:
    """What `write` drew, and from what: `augmented.json`."""

    source: str
    source_manifest_sha256: str
    citation: str
    licence: str
    total: int
    seed: int
    height: int
    width: int
    ranges: Ranges
    edgewbc: str = __version__


def affine(height: int, width: int, ranges: Ranges, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random 2 x 3 map of a picture's pixel centres: rotation, shear and flips about its centre, then a shift."""
    angle = math.radians(rng.uniform(-ranges.rotate, ranges.rotate))
    shear = rng.uniform(-ranges.shear, ranges.shear)
    shift = rng.uniform(-ranges.shift, ranges.shift, 2) * (width, height)
    signs = rng.choice([-1.0, 1.0], 2) if ranges.flip else np.ones(2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    lean = np.array([[1.0, -math.sin(shear)], [0.0, math.cos(shear)]])
    linear = turn @ lean @ np.diag(signs)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, centre + shift - linear @ centre])


def draw(picture: Image, height: int, width: int, ranges: Ranges, rng: np.random.Generator) -> Image:
    """One augmented picture, uint8 RGB (height, width, 3): changed at full size, black where nothing was, shrunk."""
    tall, wide = picture.shape[:2]
    moved = cv2.warpAffine(
        picture, affine(tall, wide, ranges, rng), (wide, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    how = cv2.INTER_AREA if tall >= height and wide >= width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(moved, (width, height), interpolation=how), dtype=np.uint8)


def quotas(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that differ by one at most, the larger ones first."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def write(
    manifest: Manifest,
    to: Path,
    total: int = 12515,
    *,
    seed: int = 0,
    height: int = 240,
    width: int = 320,
    ranges: Ranges | None = None,
    progress: Progress = quiet,
) -> Enlarged:
    """Draw `total` pictures, equally many of each class, into a new folder; the same arguments give the same bytes.

    `<label>/<original>_<number>.jpg`, `originals.csv` (path, label, group: the original picture, or what the manifest
    has as its group) and `augmented.json`. Within a class every original gives equally many, give or take one. A
    picture with several labelled cells of one class is one original.

    Args:
        manifest: of the originals; all of its splits are taken.
        to: folder to make; it appears when all is drawn. One that already holds the same drawing is left as it is.
        seed: of everything.
        height, width: of the new pictures, in pixels.

    Raises:
        UserError: the folder holds something else, there are more originals than pictures wanted, two originals have
            one name, a picture holds cells of two classes, or one cannot be read.
    """
    ranges = ranges or Ranges()
    made_of = manifest.provenance
    drawn = Enlarged(
        str(made_of.source), manifest.sha256, made_of.citation, made_of.license,
        total, seed, height, width, ranges,
    )  # fmt: skip
    if to.exists():
        if (to / FACTS).is_file() and _same(read_json(to / FACTS, "what was drawn"), asdict(drawn)):
            return drawn
        raise UserError(f"{to}: holds something else already: give another --to")
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
            except BaseException:  # or leaving the pool would wait until all are drawn
                pool.shutdown(cancel_futures=True)
                raise
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([("path", "label", "group"), *sorted(rows)])
        write_text(made / ORIGINALS, text.getvalue())
        write_json(made / FACTS, asdict(drawn))
    return drawn


def _same(one: Any, other: dict[str, Any]) -> bool:
    """Whether two descriptions are of one drawing; by which edgewbc does not matter."""
    return isinstance(one, dict) and {**one, "edgewbc": ""} == {**other, "edgewbc": ""}


def _jobs(manifest: Manifest, total: int) -> list[tuple[Entry, int]]:
    """Each original with the number of pictures to draw from it."""
    originals: dict[str, Entry] = {}
    for entry in manifest.entries:
        if originals.setdefault(entry.path, entry).label != entry.label:
            raise UserError(f"{manifest.file(entry)}: holds cells of two classes; an augmented picture has one label")
    names: dict[tuple[str, str], str] = {}
    for path, entry in originals.items():
        first = names.setdefault((entry.label, PurePosixPath(path).stem), path)
        if first != path:
            raise UserError(f"{path} and {first}: two originals of one class and one name: rename one")
    labels = in_order({entry.label for entry in originals.values()})
    jobs: list[tuple[Entry, int]] = []
    for label, quota in zip(labels, quotas(total, len(labels)), strict=True):
        members = sorted((e for e in originals.values() if e.label == label), key=lambda e: e.path)
        if quota < len(members):
            raise UserError(f"--total {total}: {label} has {len(members)} originals, and would get {quota} pictures")
        jobs += zip(members, quotas(quota, len(members)), strict=True)
    return jobs


def _one(
    to: Path, manifest: Manifest, entry: Entry, count: int, seed: int, height: int, width: int, ranges: Ranges
) -> Sequence[tuple[str, str, str]]:
    """Draw all pictures of one original; its random numbers depend on the seed and on its bytes alone."""
    picture = images.read(manifest, entry)
    rows = []
    for number in range(count):
        rng = np.random.default_rng((seed, int(entry.sha256[:16], 16), number))
        done = draw(picture, height, width, ranges, rng)
        path = f"{entry.label}/{PurePosixPath(entry.path).stem}_{number:04d}.jpg"
        (to / path).write_bytes(encode(done, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY)))
        rows.append((path, entry.label, entry.group))
    return rows
