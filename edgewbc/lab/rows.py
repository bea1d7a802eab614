"""Rows as CSV or JSON lines, UTF-8; a file is written whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from edgewbc.errors import UserError
from edgewbc.files import whole
from edgewbc.lab.classify import Row
from edgewbc.lab.find import SUFFIXES


def header(classes: Sequence[str]) -> list[str]:
    """The columns of the CSV."""
    return ["path", "label", "probability", *classes, "status", "reason", "model_sha256"]


def write_csv(rows: Iterable[Row], classes: Sequence[str], file: TextIO) -> None:
    """Write a header and rows; probabilities with 6 decimals, empty for an error."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header(classes))
    for row in rows:
        best = "" if row.probability is None else f"{row.probability:.6f}"
        each = [f"{row.probabilities[name]:.6f}" if row.probabilities else "" for name in classes]
        writer.writerow([row.path, row.label, best, *each, row.status, row.reason, row.model_sha256])


def write_jsonl(rows: Iterable[Row], file: TextIO) -> None:
    """Write one JSON object a line."""
    for row in rows:
        file.write(json.dumps(row.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")


def save(rows: Iterable[Row], classes: Sequence[str], path: Path, *, jsonl: bool) -> None:
    """Write rows to a file as they come; it appears under its name when the last one is in.

    A file name that is not Unicode (bytes of an old camera's disk) is written with its odd bytes as escapes.

    Raises:
        UserError: the file cannot be written, or has a picture's name.
    """
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise UserError(f"{path}: is a {'folder' if path.is_dir() else 'picture'}; give --out a file such as cells.csv")
    try:
        with (
            whole(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            if jsonl:
                write_jsonl(rows, file)
            else:
                write_csv(rows, classes, file)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
