"""What the page says of labels and of the differential: keys, abbreviations, and a table of formatted values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from edgewbc.cases.differential import CaseDifferential, Line
from edgewbc.cases.labels import BLAST, NOT_A_CELL, OTHER, UNCERTAIN, title
from edgewbc.cells import ERYTHROBLAST, OTHER_CLASSES, PLATELET, SHORT
from edgewbc.percentages import outwards
from edgewbc.utils.text import count

KEYS: Final = {
    "neutrophil": "1",
    "lymphocyte": "2",
    "monocyte": "3",
    "eosinophil": "4",
    "basophil": "5",
    OTHER_CLASSES[0]: "6",
    BLAST: "7",
    OTHER: "8",
    ERYTHROBLAST: "9",
    PLATELET: "0",
    UNCERTAIN: "u",
    NOT_A_CELL: "x",
}
"""The key of each label; those that only a bundle knows have buttons and no keys."""

_SHORT: Final = {**SHORT, BLAST: "BLA", OTHER: "OTH", UNCERTAIN: "UNC", NOT_A_CELL: "NOT"}


@dataclass(frozen=True)
class KeyLabel:
    """A label that a person may give.

    Attributes:
        name: as it is recorded.
        title: as it is shown.
        short: abbreviation of up to four letters.
        key: that assigns it; empty if none does.
    """

    name: str
    title: str
    short: str
    key: str

    def to_json(self) -> dict[str, str]:
        """Return the attributes by name."""
        return asdict(self)


def keys(labels: Sequence[str]) -> list[KeyLabel]:
    """Return labels with their keys, in their order."""
    return [KeyLabel(name, title(name), _SHORT.get(name, name[:4].upper()), KEYS.get(name, "")) for name in labels]


def table(found: CaseDifferential) -> dict[str, Any]:
    """Return the live differential as the page draws it: columns, rows of texts, a note and remarks."""
    absolute = found.wbc is not None
    columns = ["type", "n", "%", "95 % limits", *(["10⁹/L"] if absolute else [])]
    rows = [{"name": line.label, "title": line.title, "values": _values(line, absolute)} for line in found.shown()]
    remarks = [*found.others_lines(), found.open_line(), found.excluded_line()]
    return {
        "columns": columns,
        "rows": rows,
        "note": f"of {count(found.counted, 'white cell')}" if found.counted else "no white cell yet",
        "remarks": [each for each in remarks if each],
    }


def _values(line: Line, absolute: bool) -> list[str]:
    limits = "" if line.exact is None else "–".join(map(str, outwards(line.exact)))
    values = [str(line.n), "" if line.percent is None else str(line.percent), limits]
    if absolute:
        values.append("" if line.absolute is None else f"{line.absolute:.2f}")
    return values
