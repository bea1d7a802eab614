"""Audit of a manifest: unusable and suspicious images, duplicates, conflicting labels, and leaks between splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from edgewbc.data import image_facts
from edgewbc.data.duplicates import CORRELATION, HASH_BITS, near_pairs
from edgewbc.data.image_facts import FactStore, Fault, FaultKind, ImageToCheck, Mapper
from edgewbc.data.manifest import SPLITS, Entry, Manifest, Protocol, Split
from edgewbc.data.similar_hashes import Hashes
from edgewbc.errors import GateError, UserError
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import printable

SHOWN = 20  # findings of each kind in the text; the JSON has all


class DuplicateKind(StrEnum):
    """How two images are the same: identical bytes, or the same to the eye."""

    EXACT = "exact"
    NEAR = "near"


class LeakKind(StrEnum):
    """What is in more than one split."""

    GROUP = "group"
    EXACT = "exact"
    NEAR = "near"


@dataclass(frozen=True)
class Note:
    """An image that can be read but is suspicious, such as a grayscale or incomplete one.

    `edgewbc classify` marks such images for review.
    """

    path: str
    note: str


@dataclass(frozen=True)
class Duplicate:
    """Images that show the same thing.

    Attributes:
        kind: identical bytes, or the same to the eye.
        paths: the images, in the manifest's order.
        labels: distinct labels of the images.
        splits: distinct splits of the images.
        bits: number of differing hash bits of a near pair, see `data.duplicates`; None for exact duplicates.
        correlation: correlation of a near pair; None for exact duplicates.
    """

    kind: DuplicateKind
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    bits: int | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class Leak:
    """A group or a duplicate that is in more than one split; `what` names it."""

    kind: LeakKind
    what: str
    splits: tuple[Split, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """The result of an audit. Several boxes in one image are not duplicates."""

    manifest_sha256: str
    protocol: Protocol
    cells: int
    images: int
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]
    duplicates: tuple[Duplicate, ...]
    leaks: tuple[Leak, ...]
    near_checked: bool = True

    @property
    def conflicts(self) -> tuple[Duplicate, ...]:
        """The duplicates with different labels."""
        return tuple(found for found in self.duplicates if len(found.labels) > 1)

    def check(self) -> None:
        """Raise an error if the manifest must not be used as it is.

        Raises:
            GateError: a group or a duplicate is in more than one split.
            UserError: an image cannot be used.
        """
        if self.leaks:
            raise GateError(
                f"leak (protocol {self.protocol}): groups or duplicates in more than one split: "
                f"{len(self.leaks)}; remove them from one split, or use the protocol grouped"
            )
        self.check_images()

    def check_images(self) -> None:
        """Raise UserError if an image cannot be used."""
        if self.faults:
            first = self.faults[0]
            raise UserError(
                f"{first.path}: {first.reason}; {len(self.faults)} images cannot be used: "
                "repair or remove them, and recreate the manifest"
            )

    def counts(self) -> dict[str, int]:
        """Return the number of findings of each kind."""
        faults = Counter(found.kind for found in self.faults)
        copies = Counter(found.kind for found in self.duplicates)
        leaks = Counter(found.kind for found in self.leaks)
        return {
            **{kind.value: faults[kind] for kind in FaultKind},
            "suspicious": len({found.path for found in self.notes}),
            **{f"{kind}_duplicates": copies[kind] for kind in DuplicateKind},
            "conflicting_labels": len(self.conflicts),
            **{f"{kind}_leaks": leaks[kind] for kind in LeakKind},
        }

    def to_json(self) -> dict[str, Any]:
        """Return all findings with their counts and the thresholds."""
        values = asdict(self)
        thresholds = {"phash_bits": HASH_BITS, "correlation": CORRELATION} if self.near_checked else None
        return {
            "manifest_sha256": self.manifest_sha256,
            "protocol": self.protocol,
            "cells": self.cells,
            "pictures": self.images,
            "near_checked": self.near_checked,
            "thresholds": thresholds,
            "counts": self.counts(),
            "leak": bool(self.leaks),
            "faults": values["faults"],
            "notes": values["notes"],
            "duplicates": values["duplicates"],
            "conflicts": [asdict(found) for found in self.conflicts],
            "leaks": values["leaks"],
        }

    def to_text(self) -> str:
        """Return a table of counts and the first findings of each kind, for the terminal."""
        lines = [f"audit of {self.cells} cells in {self.images} images, protocol {self.protocol}"]
        lines += [f"  {name.replace('_', ' '):<20}{n:>8}" for name, n in self.counts().items()]
        if self.near_checked:
            lines.append(f"  (near: at most {HASH_BITS} of 64 phash bits differ, correlation at least {CORRELATION:g})")
        lines += _section("unusable images", [f"{f.kind}: {f.path}: {f.reason}" for f in self.faults])
        lines += _section("suspicious images", [f"{n.path}: {n.note}" for n in self.notes])
        lines += _section("duplicates", [f"{_kind_text(d)}: {' = '.join(d.paths)}" for d in self.duplicates])
        disagree = [f"{', '.join(d.labels)}: {' = '.join(d.paths)}" for d in self.conflicts]
        lines += _section("duplicates with different labels", disagree)
        leaks = [f"{leak.kind}: {leak.what}: {', '.join(leak.splits)}" for leak in self.leaks]
        lines += _section("LEAKS: in more than one split", leaks)
        if not self.leaks:
            lines.append("no leak: no group and no duplicate is in two splits")
        return "\n".join(lines)


def _kind_text(found: Duplicate) -> str:
    """Return the kind of a duplicate, with the measures of a near one."""
    return found.kind if found.correlation is None else f"near ({found.bits} bits, {found.correlation:.3f})"


def _section(title: str, rows: Sequence[str]) -> list[str]:
    """Return a title and the first rows below it; nothing if there are none."""
    if not rows:
        return []
    more = [f"  ... and {len(rows) - SHOWN} more (--json has all)"] if len(rows) > SHOWN else []
    return [f"{title}:", *(f"  {printable(row)}" for row in rows[:SHOWN]), *more]


def audit(
    manifest: Manifest, near: bool = True, progress: Progress = quiet, mapper: Mapper = image_facts.check_here
) -> Audit:
    """Read each image of a manifest once and check it, alone and against the others.

    Thumbnails are kept in a temporary file, 7 kB for each image.

    Args:
        manifest: the manifest to check. Findings are a result, not an error; see `Audit.check`.
        near: search for near duplicates too; requires imagehash.
        progress: shows progress.
        mapper: where the images are read.

    Raises:
        UserError: `near` is set but imagehash is not installed, or there is no room for the thumbnails.
    """
    cells: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifest.entries:
        cells[entry.path].append(entry)
    paths = list(cells)
    images = _Images(manifest.root, paths, [of_image[0].sha256 for of_image in cells.values()], near)
    with FactStore(len(paths)) as store:
        for facts in progress(mapper(image_facts.check, images), "images", len(images)):
            store.add(facts)
        copies = store.copies()
        # One fingerprint for each distinct content, by its first path: exact duplicates are detected by their bytes.
        others = (number for numbers in copies for number in numbers[1:])
        found = _near(*store.prints(others), paths, cells, progress) if near else []
        faults = [fault for _, of_image in sorted(store.faults.items()) for fault in of_image]
        notes = [Note(paths[number], note) for number, of_image in sorted(store.notes.items()) for note in of_image]
    duplicates = _exact(copies, paths, cells) + found
    return Audit(
        manifest_sha256=manifest.sha256,
        protocol=manifest.protocol,
        cells=len(manifest.entries),
        images=len(cells),
        faults=tuple(faults),
        notes=tuple(notes),
        duplicates=tuple(duplicates),
        leaks=tuple(_leaks(manifest.entries, duplicates)),
        near_checked=near,
    )


class _Images(Sequence[ImageToCheck]):
    """The images of a manifest, each made when it is asked for: all at once, a million take half a gigabyte."""

    def __init__(self, root: Path, paths: Sequence[str], hashes: Sequence[str], near: bool) -> None:
        """Take the folder of a manifest, the names of its images and their hashes, and whether to find near copies."""
        self._root, self._paths, self._hashes, self._near = root, paths, hashes, near

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, place: int) -> ImageToCheck: ...

    @overload
    def __getitem__(self, place: slice) -> list[ImageToCheck]: ...

    def __getitem__(self, place: int | slice) -> ImageToCheck | list[ImageToCheck]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        path = self._paths[place]
        return ImageToCheck(place, self._root / path, path, self._hashes[place], self._near)


def _labels_and_splits(
    paths: Iterable[str], cells: Mapping[str, Sequence[Entry]]
) -> tuple[tuple[str, ...], tuple[Split, ...]]:
    """Return the distinct labels and splits of the cells in these images."""
    entries = [entry for path in paths for entry in cells[path]]
    return tuple(sorted({entry.label for entry in entries})), _splits(entries)


def _splits(entries: Iterable[Entry]) -> tuple[Split, ...]:
    """Return the distinct splits of the entries, in the order train, val, test."""
    found = {entry.split for entry in entries}
    return tuple(split for split in SPLITS if split in found)


def _exact(
    copies: Sequence[Sequence[int]], paths: Sequence[str], cells: Mapping[str, Sequence[Entry]]
) -> list[Duplicate]:
    """Return the sets of images with identical bytes."""
    named = [tuple(paths[number] for number in numbers) for numbers in copies]
    return [Duplicate(DuplicateKind.EXACT, names, *_labels_and_splits(names, cells)) for names in named]


def _near(
    numbers: NDArray[np.int64],
    hashes: Hashes,
    thumbnails: NDArray[np.uint8],
    paths: Sequence[str],
    cells: Mapping[str, Sequence[Entry]],
    progress: Progress,
) -> list[Duplicate]:
    """Return the pairs of images that look the same; `hashes` are those of `numbers`, thumbnails of all images."""
    found = []
    for pair in near_pairs(hashes, numbers, thumbnails, progress=progress):
        names = (paths[numbers[pair.first]], paths[numbers[pair.second]])
        correlation = round(pair.correlation, 4)
        found.append(Duplicate(DuplicateKind.NEAR, names, *_labels_and_splits(names, cells), pair.bits, correlation))
    return found


def _leaks(entries: Sequence[Entry], duplicates: Sequence[Duplicate]) -> list[Leak]:
    """Return the groups and duplicates that are in more than one split."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.group].append(entry)
    leaks = [
        Leak(LeakKind.GROUP, name, _splits(members), tuple(dict.fromkeys(entry.path for entry in members)))
        for name, members in groups.items()
        if len(_splits(members)) > 1
    ]
    leaks += [
        Leak(LeakKind(d.kind.value), " = ".join(d.paths), d.splits, d.paths) for d in duplicates if len(d.splits) > 1
    ]
    return leaks
