"""What the data sources share: finding image files, reading label tables, hashing, and grouping copies."""

from __future__ import annotations

import csv
import hashlib
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from edgewbc.cells import SHORT
from edgewbc.errors import UserError
from edgewbc.images import headers
from edgewbc.images.discover import SUFFIXES, SYSTEM_FILES
from edgewbc.pixels import Box

ARCHIVE_LEFTOVERS = frozenset({"__MACOSX"})
"""Folders that archive programs add and that hold no images."""


@dataclass(frozen=True)
class Cell:
    """A labeled cell that is not assigned to a split yet.

    Attributes:
        path: image file, relative to the source's folder, with forward slashes.
        label: class name as it is compared, see `normalize_label`.
        group: what must not be divided by the split; empty if the image is a group of its own.
        sha256: hash of the image file; empty until `hash_images` has run.
        box: left, top, width and height in pixels, if the image holds other cells too.
        split: split that the data set assigns the cell to, if it comes with one.
        name: class name as the source writes it, see `spelled`; empty where it is the label.
    """

    path: str
    label: str
    group: str = ""
    sha256: str = ""
    box: Box | None = None
    split: str | None = None
    name: str = ""


@dataclass(frozen=True)
class SourceCells:
    """The cells of a data source.

    Attributes:
        cells: in the source's order.
        left_out: number of files that were left out, by reason.
        citation: publication to cite.
        license: license of the images.
        source: name to record instead of the source's own, for images that were derived from another source.
    """

    cells: Sequence[Cell]
    left_out: Counter[str] = field(default_factory=Counter)
    citation: str = ""
    license: str = ""
    source: str = ""


@dataclass(frozen=True)
class FolderImages:
    """Image files below a folder, sorted by path, and the number of other files by reason."""

    paths: list[Path]
    left_out: Counter[str]


def normalize_label(name: str) -> str:
    """Return a class name as it is compared: in lower case and Unicode form NFC, without whitespace at its ends."""
    return unicodedata.normalize("NFC", name).strip().lower()


def spelled(cells: Iterable[Cell]) -> dict[str, str]:
    """Return the name of each label: as the source writes it, most often where it does so in several ways.

    Cell types that a differential knows are in lower case, whatever the source writes.
    """
    names: dict[str, Counter[str]] = {}
    for cell in cells:
        names.setdefault(cell.label, Counter())[unicodedata.normalize("NFC", cell.name).strip() or cell.label] += 1
    return {
        label: label if label in SHORT else min(found, key=lambda name: (-found[name], name))
        for label, found in names.items()
    }


def not_selected(label: str) -> str:
    """Return the reason under which cells of a class that was not selected are counted."""
    return f"class {label} not selected"


def is_image(path: Path) -> bool:
    """Return whether a path is a visible file with the extension of a supported image format."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def is_visible_folder(path: Path) -> bool:
    """Return whether a path is a folder that may hold images: not hidden, and no leftover of an archive."""
    return path.is_dir() and not path.name.startswith(".") and path.name not in ARCHIVE_LEFTOVERS


def require_folder(folder: Path, contents: str) -> Path:
    """Return the folder.

    Raises:
        UserError: it does not exist or is not a folder; the message names the expected contents.
    """
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; expected {contents}")
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder; expected {contents}")
    return folder


def compile_group(text: str) -> re.Pattern[str]:
    """Compile `--group-pattern`.

    Raises:
        UserError: it is not a regular expression, or has no pair of parentheses.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UserError(f"--group-pattern {text!r}: not a regular expression: {error}") from None
    if not pattern.groups:
        raise UserError(f"--group-pattern {text!r}: put the part that names the group in parentheses: '(slide[0-9]+)'")
    return pattern


def group_of(path: str, pattern: re.Pattern[str], folder: Path) -> str:
    """Return the group that a relative path names, in Unicode form NFC.

    Raises:
        UserError: the pattern does not match. (Falling back to the image would silently allow a slide in two splits.)
    """
    match = pattern.search(path)
    if match is None or not match.group(1):
        raise UserError(f"{folder / path}: --group-pattern {pattern.pattern!r} does not match this path")
    return unicodedata.normalize("NFC", match.group(1))


def subfolder_group(path: str, level: int) -> str:
    """Return the folder at a level of a relative path as the group, in Unicode form NFC; empty if there is none."""
    parts = PurePosixPath(path).parts
    return unicodedata.normalize("NFC", parts[level]) if len(parts) > level + 1 else ""


def images_below(folder: Path) -> FolderImages:
    """Find the image files in a folder and its subfolders.

    Links to folders are followed, except back to a folder that encloses them. Hidden files and folders are skipped.
    Other files are counted by extension.

    Raises:
        UserError: a folder cannot be read.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    for path in _walk(folder, (os.path.realpath(folder),)):
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        elif path.name.lower() not in SYSTEM_FILES:
            others[f"not a supported image format ({path.suffix.lower() or 'no extension'})"] += 1
    return FolderImages(sorted(found, key=lambda path: path.relative_to(folder).as_posix()), others)


def _walk(folder: Path, ancestors: tuple[str, ...]) -> Iterator[Path]:
    """Yield the visible files below a folder; `ancestors` are the real paths of the folder and those above it."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot read this folder ({error.strerror})") from None
    for path in inside:
        if is_visible_folder(path):
            real = os.path.realpath(path)
            if real not in ancestors:
                yield from _walk(path, (*ancestors, real))
        elif path.is_file() and not path.name.startswith("."):
            yield path


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read these columns of a CSV file; values are stripped.

    Raises:
        UserError: the file is missing, is not UTF-8 text, or lacks a column or a value.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not set(columns) <= set(rows.fieldnames or ()):
                raise UserError(f"{path}: the first line must name the columns {', '.join(columns)}")
            found = []
            for row in rows:
                if any(row[name] is None for name in columns):
                    raise UserError(f"{path}: line {rows.line_num} has too few columns; expected {', '.join(columns)}")
                found.append({name: row[name].strip() for name in columns})
            return found
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a CSV with the columns {', '.join(columns)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from None


def check_relative(path: str, table: Path, folder: Path) -> None:
    """Raise UserError if a path that a table names is absolute or leads outside of the folder."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise UserError(f"{table}: {path} is outside of {folder}")


def hash_images(root: Path, cells: Iterable[Cell], left_out: Counter[str]) -> list[Cell]:
    """Return the cells with the SHA-256 of their image file, without those whose file is not an image.

    Each file is read once. Empty files and files whose header is not that of a supported format are counted in
    `left_out` (once for each file).

    Raises:
        UserError: a file cannot be read, its name is not valid UTF-8 (which a manifest is written in), or a box lies
            outside of its image.
    """
    known: dict[str, _ImageFile | None] = {}
    done = []
    for cell in cells:
        if cell.path not in known:
            known[cell.path] = _hash_image(root, cell.path, left_out)
        if (file := known[cell.path]) is not None:
            _check_box(root, cell, file)
            done.append(replace(cell, sha256=file.sha256))
    return done


@dataclass(frozen=True)
class _ImageFile:
    """Hash of an image file, and its size in pixels as it is shown."""

    sha256: str
    width: int
    height: int


def _check_box(root: Path, cell: Cell, file: _ImageFile) -> None:
    """Raise UserError if a cell's box has no pixel of its image: it may be of another image, or in other units."""
    if cell.box is None:
        return
    left, top, width, height = cell.box
    right, bottom = left + width, top + height
    if not (all(map(math.isfinite, (right, bottom))) and max(left, 0) + 1 <= min(right, file.width)
            and max(top, 0) + 1 <= min(bottom, file.height)):  # fmt: skip
        raise UserError(
            f"{root / cell.path}: the box {left:g}, {top:g}, {width:g}, {height:g} (left, top, width, height) of class "
            f"{cell.label!r} is outside of the image of {file.width} x {file.height} pixels: correct it"
        )


def _hash_image(root: Path, path: str, left_out: Counter[str]) -> _ImageFile | None:
    """Return the hash and size of an image file, or None if it is not an image."""
    check_utf8(root / path)
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise UserError(f"{root / path}: cannot be read ({error.strerror})") from None
    try:
        if not data:
            raise ValueError("empty file")
        header = headers.read(data)
    except ValueError as error:
        left_out[f"not a readable image ({error})"] += 1
        return None
    turned = header.orientation >= 5
    width, height = (header.height, header.width) if turned else (header.width, header.height)
    return _ImageFile(hashlib.sha256(data).hexdigest(), width, height)


def check_utf8(path: Path) -> None:
    """Raise UserError if a path is not valid UTF-8, as names from an old archive may be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise UserError(f"{shown}: the name is not valid UTF-8: rename it (see `convmv`)") from None


def group_copies(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with missing groups filled in: the path of the first image with the same bytes."""
    first: dict[str, str] = {}
    for cell in sorted(cells, key=lambda cell: cell.path):
        first.setdefault(cell.sha256, cell.path)
    return [cell if cell.group else replace(cell, group=first[cell.sha256]) for cell in cells]
