"""Result rows as CSV, JSON Lines and JSON; files are written atomically."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from edgewbc.lab.results import ResultRow, Status, write_json_object

CLASSES = ("neutrophil", "lymphocyte")
ROWS = [
    ResultRow('a,"b"\n.png', "neutrophil", 0.75, {"neutrophil": 0.75, "lymphocyte": 0.25}, Status.OK, "", "ff"),
    ResultRow("zelle ü.png", "", None, status=Status.ERROR, reason="empty file", model_sha256="ff"),
]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_json_object_is_as_json_dumps_writes_it(count: int) -> None:
    """Written row by row, the text equals `json.dumps` of the object; the last members are requested last."""
    rows, seen = (ROWS * 2)[:count], []

    def coming() -> Iterator[ResultRow]:
        for row in rows:
            seen.append(row)
            yield row

    file = io.StringIO()
    write_json_object({"model": "zelle ü", "n": [1, 2]}, coming(), lambda: {"seen": len(seen), "x": {"a": 1}}, file)
    want = {
        "model": "zelle ü",
        "n": [1, 2],
        "rows": [row.to_json() for row in rows],
        "seen": count,
        "x": {"a": 1},
    }
    assert file.getvalue() == json.dumps(want, indent=1, ensure_ascii=False) + "\n"
