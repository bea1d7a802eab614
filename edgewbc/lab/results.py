"""Result rows, and writing them as JSON Lines or one JSON object (`csv_table` writes CSV)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TextIO

from edgewbc import reasons
from edgewbc.pixels import Box
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.smear.unusual import found_in


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
        label: the class of the highest probability; empty for an error, or where no white cell was located.
        probability: of the label, 0 to 1, the lowest of all views that the bundle looks at; None without a label.
        probabilities: by class, in the bundle's order; empty without a label.
        status: `ok`; `review`: a person should look; `unfamiliar`: unlike the training cells; `error`: no prediction.
        reason: why the status is not `ok`, as `reasons.write` writes it; empty if it is.
        model_sha256: identifies the model files that made the prediction.
        cell: number of the cell in the image, from 1, the one with the largest nucleus first; 0 where the image shows
            one cell.
        box: of the cell in pixels of the decoded image; None where no cell was located, because the model takes the
            whole image for one or because there is none.
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

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons that `reason` names, one each, with their kinds."""
        if self.status is Status.ERROR:
            return (Reason(ReasonKind.ERROR, self.reason),)
        return reasons.read(self.reason)

    def under(self, path: str) -> ResultRow:
        """Return the row under another name of the same image."""
        return self if self.path == path else replace(self, path=path)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values, probabilities rounded to 6 decimals.

        `cell` and `box` are there only where set, and `unusual` only where the reason names quantities of the image
        that are not those of the training images.
        """
        row: dict[str, Any] = {
            "path": self.path,
            "label": self.label,
            "probability": None if self.probability is None else round(self.probability, 6),
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "status": str(self.status),
            "reason": self.reason,
            "model_sha256": self.model_sha256,
        }
        if unusual := found_in(self.reason):
            row["unusual"] = [each.to_json() for each in unusual]
        return row if self.box is None else {**row, "cell": self.cell, "box": list(self.box)}


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
        own = f"\n{text(row.to_json())}".replace("\n", "\n  ")  # line ends within a text are escaped
        file.write(("," if end != "]" else "") + own)
        end = "\n ]"
    file.write(end + "," + text(after())[1:] + "\n")
