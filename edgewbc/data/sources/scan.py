"""What every source is made of: cells found in a folder, each picture read once for its hash."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.pixels import Box
from edgewbc.utils.files import sha256

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Cell:
    """A labelled cell before it has a side.

    Attributes:
        path: of the picture, relative to the source's folder, with forward slashes.
        label: class name in lower case.
        group: what must not be on two sides; empty for the picture itself (see `grouped_by_content`).
        sha256: of the picture's bytes; empty until `hashed`.
        box: left, top, width, height in pixels, where the picture holds other cells too.
        split: the side on which it was published, where there is one.
    """

    path: str
    label: str
    group: str = ""
    sha256: str = ""
    box: Box | None = None
    split: str | None = None


@dataclass(frozen=True)
class Found:
    """What a source gave: its cells, how many pictures were left out and why, and whom to cite.

    `source` is set where the pictures are made of another source's and must go on being told as that.
    """

    cells: Sequence[Cell]
    left_out: Counter[str] = field(default_factory=Counter)
    citation: str = ""
    licence: str = ""
    source: str = ""


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def need_folder(folder: Path, what: str) -> Path:
    """The folder itself. Raises UserError if it is missing or is a file."""
    if not folder.exists():
        raise UserError(f"{folder}: no such folder; it should hold {what}")
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder; it should hold {what}")
    return folder


def pictures_below(folder: Path) -> list[Path]:
    """Picture files in a folder and the folders below it, hidden ones left out, sorted by path."""
    found = [p for p in folder.rglob("*") if is_picture(p)]
    visible = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV with at least these columns; values are stripped.

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
                    raise UserError(f"{path}: line {rows.line_num} has too few columns; it needs {', '.join(columns)}")
                found.append({name: row[name].strip() for name in columns})
            return found
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it should have the columns {', '.join(columns)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from None


def hashed(root: Path, cells: Iterable[Cell]) -> list[Cell]:
    """The same cells with the SHA-256 of their pictures' bytes. Raises UserError for one that cannot be read."""
    known: dict[str, str] = {}
    done = []
    for cell in cells:
        if cell.path not in known:
            try:
                known[cell.path] = sha256(root / cell.path)
            except OSError as error:
                raise UserError(f"{root / cell.path}: cannot be read ({error.strerror})") from None
        done.append(replace(cell, sha256=known[cell.path]))
    return done


def grouped_by_content(cells: Sequence[Cell]) -> list[Cell]:
    """Fill in missing groups: the path of the first picture with the same bytes, so that copies share a group."""
    first: dict[str, str] = {}
    for cell in sorted(cells, key=lambda cell: cell.path):
        first.setdefault(cell.sha256, cell.path)
    return [cell if cell.group else replace(cell, group=first[cell.sha256]) for cell in cells]
