"""What the page says of labels and of the differential."""

from __future__ import annotations

from edgewbc.cases.differential import CaseDifferential, Erythroblasts, lines
from edgewbc.cases.labels import LABELS
from edgewbc.cells import CLASSES
from edgewbc.review import sheet


def test_every_known_label_has_a_key_of_its_own() -> None:
    """A bundle's own class has a button without a key."""
    keys = sheet.keys([*LABELS, "band cell"])
    known = [each.key for each in keys[:-1]]
    assert len(set(known)) == len(known) == 12
    assert all(known)
    assert keys[-1].to_json() == {"name": "band cell", "title": "band cell", "short": "BAND", "key": ""}
    assert {each.name: (each.title, each.short) for each in keys}["uncertain"] == ("unclassified", "UNC")


def test_the_differential_is_a_table_of_texts() -> None:
    """Absolute counts are a column only with a WBC."""
    found = CaseDifferential(lines(CLASSES[:2], [3, 1], 8.0), 4, Erythroblasts(0, None, None), wbc=8.0)
    table = sheet.table(found)
    assert table["columns"] == ["type", "n", "%", "95 % limits", "10\u2079/L"]
    assert [row["values"] for row in table["rows"]] == [
        ["3", "75", "19\u2013100", "6.00"],
        ["1", "25", "0\u201381", "2.00"],
    ]
    assert (table["note"], table["remarks"]) == ("of 4 white cells", [])
    none = CaseDifferential(lines(CLASSES[:2], [0, 0]), 0, Erythroblasts(0, None, None))
    assert sheet.table(none)["note"] == "no white cell yet"
    assert sheet.table(none)["rows"] == []
    assert len(sheet.table(none)["columns"]) == 4
