"""Result rows, and writing them as CSV, JSON Lines or one JSON object; UTF-8, files written atomically."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import Any, TextIO

from edgewbc.errors import UserError
from edgewbc.images.discover import SUFFIXES
from edgewbc.pixels import Box
from edgewbc.utils.files import atomic_write


class Status(StrEnum):
    """What a result row is worth: `ok` is counted; the others are not, and `reason` says why."""

    OK = "ok"
    REVIEW = "review"
    UNFAMILIAR = "unfamiliar"
    ERROR = "error"


@dataclass(frozen=True)
class ResultRow:
    """The result for one cell.

    Attributes:
        path: the image file, as given or found.
        label: the class of the highest probability; empty for an error.
        probability: of the label, 0 to 1; None for an error.
        probabilities: by class, in the bundle's order; empty for an error.
        status: `ok`; `review`: a person should look; `unfamiliar`: unlike the training cells; `error`: no prediction.
        reason: why the status is not `ok`; empty if it is.
        model_sha256: identifies the model files that made the prediction.
        cell: number of the cell in the image; 0 where the whole image is one cell.
        box: of the cell in pixels of the decoded image; None where the whole image is one cell.
        image_sha256: of the image file's bytes; empty for an array, or a file that could not be read.
        classified_at: time (UTC).
    """

    path: str
    label: str
    probability: float | None
    probabilities: dict[str, float] = field(default_factory=dict)
    status: Status = Status.OK
    reason: str = ""
    model_sha256: str = ""
    cell: int = 0
    box: Box | None = None
    image_sha256: str = field(default="", compare=False)
    classified_at: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values, probabilities rounded to 6 decimals; `cell` and `box` only where set."""
        row = {
            "path": self.path,
            "label": self.label,
            "probability": None if self.probability is None else round(self.probability, 6),
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "status": str(self.status),
            "reason": self.reason,
            "model_sha256": self.model_sha256,
        }
        return row if self.box is None else {**row, "cell": self.cell, "box": list(self.box)}


def csv_columns(classes: Sequence[str]) -> list[str]:
    """Return the names of the CSV's columns."""
    return ["path", "label", "probability", *classes, "status", "reason", "model_sha256"]


def write_csv(rows: Iterable[ResultRow], classes: Sequence[str], file: TextIO, *, header: bool = True) -> None:
    """Write rows as CSV, with a header line unless `header` is False.

    Probabilities have 6 decimals and are empty for an error.
    """
    writer = csv.writer(file, lineterminator="\n")
    if header:
        writer.writerow(csv_columns(classes))
    for row in rows:
        best = "" if row.probability is None else f"{row.probability:.6f}"
        each = [f"{row.probabilities[name]:.6f}" if row.probabilities else "" for name in classes]
        writer.writerow([row.path, row.label, best, *each, row.status, row.reason, row.model_sha256])


def write_jsonl(rows: Iterable[ResultRow], file: TextIO) -> None:
    """Write one JSON object per line."""
    for row in rows:
        file.write(json.dumps(row.to_json(), ensure_ascii=False, allow_nan=False) + "\n")


def write_json_object(
    before: Mapping[str, Any], rows: Iterable[ResultRow], after: Callable[[], Mapping[str, Any]], file: TextIO
) -> None:
    """Write one JSON object in the layout of `json.dumps(indent=1)`, holding one row in memory at a time.

    Args:
        before: its first members, at least one.
        rows: its member `rows`.
        after: called after the last row is written; returns the last members, at least one.
        file: output.
    """

    def text(value: Any) -> str:
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)

    file.write(text(before)[: -len("\n}")] + ',\n "rows": [')
    end = "]"
    for row in rows:
        file.write(("," if end != "]" else "") + "\n" + indent(text(row.to_json()), "  "))
        end = "\n ]"
    file.write(end + "," + text(after())[1:] + "\n")


@dataclass
class LiveResultsFile:
    """A results file that is rewritten from time to time while rows still arrive.

    Attributes:
        write: rewrites the file.
        clock: seconds; only differences matter.
        stale: set by the caller when there are rows that the file does not have yet.
        problem: why the last write failed (a spreadsheet may hold the file open); it is retried. Empty if it succeeded.
    """

    write: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    stale: bool = False
    problem: str = ""
    _due: float = float("-inf")

    def refresh(self) -> None:
        """Rewrite the file if it is stale: at most every two seconds, and for at most a twentieth of the time."""
        begun = self.clock()
        if not self.stale or begun < self._due:
            return
        try:
            self.write()
            self.stale, self.problem = False, ""
        except UserError as error:
            self.problem = str(error)
        now = self.clock()
        self._due = now + max(2.0, 20 * (now - begun))


def check_output_path(path: Path) -> None:
    """Raise UserError if `path` cannot be a results file: it is a folder, or has the suffix of an image."""
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise UserError(
            f"{path}: is {'a folder' if path.is_dir() else 'an image'}; give --out a file such as cells.csv"
        )


def save(rows: Iterable[ResultRow], classes: Sequence[str], path: Path, *, jsonl: bool) -> None:
    """Write rows to a file atomically: it appears under its name when the last row is written.

    Bytes of a file name that are not valid Unicode are written as backslash escapes.

    Raises:
        UserError: the file cannot be written, or has the suffix of an image.
    """
    check_output_path(path)
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
