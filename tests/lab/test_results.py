"""Result rows as CSV, JSON Lines and JSON; files are written atomically."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_line_ends_within_a_text_are_kept() -> None:
    """Those of Unicode too, which JSON does not escape."""
    row = replace(ROWS[0], path="a\u2028b\x85c\nd.png")
    file = io.StringIO()
    write_json_object({"n": 1}, [row], lambda: {"end": 2}, file)
    assert json.loads(file.getvalue())["rows"] == [row.to_json()]


_TEXTS = st.text(st.characters(exclude_categories=()))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(values=st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=3))
def test_any_json_is_laid_out_as_json_dumps_does(values: dict[str, object]) -> None:
    """Nested and empty objects and lists, numbers, and texts with any character."""
    file = io.StringIO()
    write_json_object(values, [], lambda: values, file)
    text = json.dumps(values, indent=1, ensure_ascii=False)
    assert file.getvalue() == f'{text[:-2]},\n "rows": [],{text[1:]}\n'
