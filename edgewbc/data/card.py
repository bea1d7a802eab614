"""What a data card says about a manifest: numbers of cells, groups and images, sizes, and cells to look at."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewbc.data.manifest import SPLITS, Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images import headers
from edgewbc.utils.progress import Progress, quiet

FORMAT = 1
SHOWN = 12
"""Cells of each class on the contact sheet."""


@dataclass(frozen=True)
class Extent:
    """Smallest, median and largest width and height in pixels; `kinds` counts how many different sizes there are."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    kinds: int

    @classmethod
    def of(cls, sizes: Sequence[tuple[float, float]]) -> Extent | None:
        """Return the extent of (width, height) pairs; None if there are none."""
        if not sizes:
            return None
        both = np.asarray(sizes)
        low, middle, high = ((int(v[0]), int(v[1])) for v in (both.min(0), np.median(both, axis=0), both.max(0)))
        return cls(low, middle, high, len(set(map(tuple, sizes))))

    def __str__(self) -> str:
        """Return it in words, such as `360 x 363` or `80 x 70 to 400 x 410, median 360 x 363`."""
        low, middle, high = (f"{w} x {h}" for w, h in (self.smallest, self.median, self.largest))
        return low if low == high else f"{low} to {high}, median {middle}"


@dataclass(frozen=True)
class DataCard:
    """Facts about a manifest.

    Attributes:
        manifest: that it describes.
        images: number of image files.
        bytes: their size on disk.
        formats: number of files by format, such as JPEG.
        sizes: of the images, as stored.
        boxes: sizes of the boxes; None if there are none.
        groups: number of groups by split.
        class_groups: number of groups by class.
        largest_group: its name and number of cells.
        divided: groups that are in more than one split.
    """

    manifest: Manifest
    images: int
    bytes: int
    formats: Mapping[str, int]
    sizes: Extent
    boxes: Extent | None
    groups: Mapping[str, int]
    class_groups: Mapping[str, int]
    largest_group: tuple[str, int]
    divided: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return the contents of `card.json`."""
        manifest, source = self.manifest, self.manifest.provenance
        return {
            "format": FORMAT,
            "manifest_sha256": manifest.sha256,
            "protocol": manifest.protocol,
            **source.to_json(),
            "classes": list(manifest.classes),
            "cells": len(manifest.entries),
            "counts": manifest.counts(),
            "images": self.images,
            "bytes": self.bytes,
            "formats": dict(self.formats),
            "sizes": _json(self.sizes),
            "boxes": None if self.boxes is None else _json(self.boxes),
            "groups": dict(self.groups),
            "class_groups": dict(self.class_groups),
            "largest_group": {"name": self.largest_group[0], "cells": self.largest_group[1]},
            "divided_groups": list(self.divided),
        }

    def warnings(self) -> list[str]:
        """Return what a person should know before training on it, one line each."""
        found = []
        if self.divided:
            found.append(
                f"{len(self.divided)} groups are in more than one split, such as {self.divided[0]}: figures on test "
                "will be too good"
            )
        for name in self.manifest.classes:
            if self.class_groups[name] < 3:
                found.append(f"{name} has only {self.class_groups[name]} groups: its figures depend on a few slides")
        totals = Counter(entry.label for entry in self.manifest.entries)
        least, most = min(totals.values()), max(totals.values())
        if most >= 10 * least:
            found.append(f"the largest class has {most / least:.0f} times as many cells as the smallest")
        if self.images == len({entry.group for entry in self.manifest.entries}) > 1 and self.boxes is None:
            found.append("every image is a group of its own: cells of one slide can be in two splits (name the slides)")
        return found


def describe(manifest: Manifest, progress: Progress = quiet) -> DataCard:
    """Read the header of every image and count.

    Raises:
        UserError: an image is missing, has changed or cannot be read.
    """
    formats: Counter[str] = Counter()
    sizes = []
    total = 0
    one_each = list({entry.path: entry for entry in manifest.entries}.values())
    for entry in progress(one_each, "images", len(one_each)):
        data = manifest.read_bytes(entry)
        try:
            header = headers.read(data)
        except ValueError as error:
            raise UserError(f"{manifest.file(entry)}: {error}: remove it and recreate the manifest") from None
        formats[header.kind] += 1
        sizes.append((header.width, header.height))
        total += len(data)
    extent = Extent.of(sizes)
    if extent is None:
        raise UserError("the manifest has no cells: recreate it")
    sides: dict[str, set[str]] = defaultdict(set)
    of_class: dict[str, set[str]] = defaultdict(set)
    for entry in manifest.entries:
        sides[entry.group].add(entry.split)
        of_class[entry.label].add(entry.group)
    return DataCard(
        manifest=manifest,
        images=len(one_each),
        bytes=total,
        formats=dict(formats.most_common()),
        sizes=extent,
        boxes=Extent.of([entry.box[2:] for entry in manifest.entries if entry.box is not None]),
        groups={side: n for side in SPLITS if (n := sum(side in found for found in sides.values()))},
        class_groups={name: len(of_class[name]) for name in manifest.classes},
        largest_group=Counter(entry.group for entry in manifest.entries).most_common(1)[0],
        divided=sorted(group for group, found in sides.items() if len(found) > 1),
    )


def sample(manifest: Manifest, each: int = SHOWN, seed: int = 0) -> dict[str, list[Entry]]:
    """Return cells of each class for the contact sheet, from as many groups as possible."""
    chosen = {}
    for name in manifest.classes:
        entries = [entry for entry in manifest.entries if entry.label == name]
        random.Random(seed).shuffle(entries)  # noqa: S311 - a reproducible choice, not a secret
        turn: Counter[str] = Counter()
        ranked = []
        for entry in entries:
            ranked.append((turn[entry.group], entry))
            turn[entry.group] += 1
        ranked.sort(key=lambda pair: pair[0])  # one of each group, then the second of each group, ...
        chosen[name] = [entry for _, entry in ranked[:each]]
    return chosen


def _json(extent: Extent) -> dict[str, Any]:
    return {
        "smallest": list(extent.smallest),
        "median": list(extent.median),
        "largest": list(extent.largest),
        "different": extent.kinds,
    }
