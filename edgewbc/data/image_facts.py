"""What an audit knows of each image: its hash, what is wrong with it, and its fingerprint; for many, in a file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.duplicates import THUMBNAIL, fingerprint
from edgewbc.data.similar_hashes import Hashes
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode

_SIZE = THUMBNAIL * THUMBNAIL * 3


class FaultKind(StrEnum):
    """Why an image cannot be used."""

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Fault:
    """An image that cannot be used: missing, changed since the manifest was made, or unreadable."""

    path: str
    kind: FaultKind
    reason: str


@dataclass(frozen=True)
class ImageToCheck:
    """An image of a manifest: its number, its file, the name and the hash in the manifest, and what to find out.

    Attributes:
        number: from 0, in the manifest's order.
        file: to read.
        path: its name in the manifest.
        sha256: its hash in the manifest.
        near: whether its fingerprint is needed.
    """

    number: int
    file: Path
    path: str
    sha256: str
    near: bool


@dataclass(frozen=True)
class ImageFacts:
    """What was found out about an image.

    Attributes:
        number: of the image.
        digest: SHA-256 of its bytes; empty if it could not be read.
        faults: why it cannot be used.
        notes: why it is suspicious.
        hash: perceptual hash; None if it could not be decoded or is not needed.
        thumbnail: the bytes of its thumbnail, uint8 RGB (48, 48, 3), with the hash.
    """

    number: int
    digest: bytes = b""
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    hash: int | None = None
    thumbnail: bytes = b""


T = TypeVar("T")
U = TypeVar("U")

Mapper: TypeAlias = Callable[[Callable[[ImageToCheck], ImageFacts], Sequence[ImageToCheck]], Iterable[ImageFacts]]
"""Applies a function to images, in any order: in this process, or in others."""


def check_here(function: Callable[[ImageToCheck], ImageFacts], images: Sequence[ImageToCheck]) -> Iterable[ImageFacts]:
    """Apply a function to images in this process: the `Mapper` of a PC."""
    return map(function, images)


def check(image: ImageToCheck) -> ImageFacts:
    """Read an image and find out about it. Raises UserError if imagehash is needed and not installed."""

    def fault(kind: FaultKind, reason: str) -> Fault:
        return Fault(image.path, kind, reason)

    try:
        data = image.file.read_bytes()
    except FileNotFoundError:
        return ImageFacts(image.number, faults=(fault(FaultKind.MISSING, "no such file"),))
    except OSError as error:
        return ImageFacts(image.number, faults=(fault(FaultKind.UNREADABLE, error.strerror or "cannot be read"),))
    digest = hashlib.sha256(data)
    changed = digest.hexdigest() != image.sha256
    faults = (fault(FaultKind.CHANGED, "the content is not that of the manifest"),) if changed else ()
    try:
        decoded = decode(data)
    except ImageError as error:
        return ImageFacts(image.number, digest.digest(), (*faults, fault(FaultKind.UNREADABLE, str(error))))
    facts = image.number, digest.digest(), faults, decoded.notes
    if not image.near:
        return ImageFacts(*facts)
    found = fingerprint(decoded.image)
    return ImageFacts(*facts, found.hash, found.thumbnail.tobytes())


class FactStore:
    """The facts of many images: 41 bytes of memory each, and the thumbnails (7 kB each) in a temporary file."""

    def __init__(self, count: int) -> None:
        """Prepare for `count` images."""
        self.faults: dict[int, tuple[Fault, ...]] = {}
        self.notes: dict[int, tuple[str, ...]] = {}
        self.digests = np.zeros(count, dtype="V32")
        self._hashes = np.zeros(count, dtype=np.uint64)
        self._printed = np.zeros(count, dtype=bool)
        self._read = np.zeros(count, dtype=bool)
        self._file = tempfile.TemporaryFile(prefix="edgewbc-audit-")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> FactStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, facts: ImageFacts) -> None:
        """Keep the facts of an image. Raises UserError if there is no room for its thumbnail."""
        if facts.faults:
            self.faults[facts.number] = facts.faults
        if facts.notes:
            self.notes[facts.number] = facts.notes
        if facts.digest:
            self._read[facts.number] = True
            self.digests[facts.number] = facts.digest
        if facts.hash is not None:
            self._hashes[facts.number] = facts.hash
            self._printed[facts.number] = True
            try:
                self._file.seek(facts.number * _SIZE)
                self._file.write(facts.thumbnail)
            except OSError as error:
                size = len(self.digests) * _SIZE >> 20
                raise UserError(
                    f"{tempfile.gettempdir()}: {error.strerror}: the audit keeps a thumbnail of each image there, "
                    f"{size} MB: set TMPDIR to a folder with more room, or audit with --no-near"
                ) from None

    def copies(self) -> list[list[int]]:
        """Return the numbers of images with identical bytes, in sets of two and more, by the first of each set."""
        read = np.flatnonzero(self._read)
        order = read[np.argsort(self.digests[read], kind="stable")]
        sets = np.split(order, np.flatnonzero(self.digests[order[1:]] != self.digests[order[:-1]]) + 1)
        return sorted(each.tolist() for each in sets if len(each) > 1)

    def prints(self, without: Iterable[int]) -> tuple[NDArray[np.int64], Hashes, NDArray[np.uint8]]:
        """Return the numbers (n,), hashes (n,) and thumbnails (count, 48, 48, 3) of decoded images.

        Args:
            without: numbers of images to leave out.

        Returns:
            Numbers and hashes of n images; the thumbnails are of all images, by their number.
        """
        kept = self._printed.copy()
        kept[list(without)] = False
        numbers = np.flatnonzero(kept)
        self._file.flush()
        shape = (len(self.digests), THUMBNAIL, THUMBNAIL, 3)
        if not len(numbers):
            return numbers, self._hashes[numbers], np.zeros((0, *shape[1:]), np.uint8)
        self._file.truncate(len(self.digests) * _SIZE)
        return numbers, self._hashes[numbers], np.memmap(self._file, np.uint8, "r", shape=shape)
