"""Rows as CSV or JSON lines, UTF-8; a file is written whole or not at all."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, TextIO

from edgewbc.errors import UserError
from edgewbc.images.discover import SUFFIXES
from edgewbc.lab.classify import Row
from edgewbc.utils.files import atomic_write


def header(classes: Sequence[str]) -> list[str]:
    """The columns of the CSV."""
    return ["path", "label", "probability", *classes, "status", "reason", "model_sha256"]


def write_csv(rows: Iterable[Row], classes: Sequence[str], file: TextIO, *, head: bool = True) -> None:
    """Write a header (unless `head` is off) and rows; probabilities with 6 decimals, empty for an error."""
    writer = csv.writer(file, lineterminator="\n")
    if head:
        writer.writerow(header(classes))
    for row in rows:
        best = "" if row.probability is None else f"{row.probability:.6f}"
        each = [f"{row.probabilities[name]:.6f}" if row.probabilities else "" for name in classes]
        writer.writerow([row.path, row.label, best, *each, row.status, row.reason, row.model_sha256])


def write_jsonl(rows: Iterable[Row], file: TextIO) -> None:
    """Write one JSON object a line."""
    for row in rows:
        file.write(json.dumps(row.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")


def write_object(
    before: Mapping[str, Any], rows: Iterable[Row], after: Callable[[], Mapping[str, Any]], file: TextIO
) -> None:
    """Write one JSON object, as `json.dumps` would with indent=1, with one row in memory at a time.

    Args:
        before: its first members, at least one.
        rows: its member `rows`.
        after: called when the last row was written; gives the last members, at least one.
        file: to write to.
    """

    def text(value: Any) -> str:
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)

    file.write(text(before)[: -len("\n}")] + ',\n "rows": [')
    end = "]"
    for row in rows:
        file.write(("," if end != "]" else "") + "\n" + indent(text(row.to_dict()), "  "))
        end = "\n ]"
    file.write(end + "," + text(after())[1:] + "\n")


@dataclass
class Sheet:
    """A file of rows that is written anew, whole, now and then while rows still come.

    Attributes:
        write: writes the file.
        clock: seconds; only differences count.
        stale: set when there is more to write.
        trouble: why it could not be written the last time (a spreadsheet may hold it); it is tried again.
    """

    write: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    stale: bool = False
    trouble: str = ""
    _due: float = float("-inf")

    def keep(self) -> None:
        """Write if there is reason to, every two seconds at most, and for no more than a twentieth of the time."""
        begun = self.clock()
        if not self.stale or begun < self._due:
            return
        try:
            self.write()
            self.stale, self.trouble = False, ""
        except UserError as error:
            self.trouble = str(error)
        now = self.clock()
        self._due = now + max(2.0, 20 * (now - begun))


def check_place(path: Path) -> None:
    """Raises UserError if rows cannot be meant to go to `path`: it is a folder, or has a picture's name."""
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'picture'}; give --out a file such as cells.csv")


def save(rows: Iterable[Row], classes: Sequence[str], path: Path, *, jsonl: bool) -> None:
    """Write rows to a file as they come; it appears under its name when the last one is in.

    A file name that is not Unicode (bytes of an old camera's disk) is written with its odd bytes as escapes.

    Raises:
        UserError: the file cannot be written, or has a picture's name.
    """
    check_place(path)
    try:
        with (
            atomic_write(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            if jsonl:
                write_jsonl(rows, file)
            else:
                write_csv(rows, classes, file)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
