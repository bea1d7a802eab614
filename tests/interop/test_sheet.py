"""The table of a report comes back as it was written, and has no formula."""

from __future__ import annotations

import csv
import io

import pytest

from edgewbc.interop import sheet
from tests.interop.reports import make_report, with_texts


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_row_per_result() -> None:
    found = rows(sheet.encoded(make_report()))
    assert len(found) == 7
    assert list(found[0]) == list(sheet.COLUMNS)
    assert [row["value"] for row in found] == ["58", "31", "7", "3", "1", "4.18", "2.0"]
    assert (found[0]["code"], found[0]["unit"], found[0]["n"], found[0]["white_cells"]) == ("26511-6", "%", "58", "100")
    assert {row["status"] for row in found} == {"final"}
    limits = [(each.low, each.high) for each in make_report().observations]
    assert [(row["low"], row["high"]) for row in found] == limits
    assert float(found[0]["low"]) < float(found[0]["value"]) < float(found[0]["high"])


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "'x", "＝x"])  # noqa: RUF001
def test_no_formula(text: str) -> None:
    assert rows(sheet.encoded(with_texts(text)))[0]["case"] == f"'{text}"


def test_texts_stay_in_their_field() -> None:
    text = 'a,"b"\nc;\t漢'
    assert {row["signed_by"] for row in rows(sheet.encoded(with_texts(text)))} == {text}
