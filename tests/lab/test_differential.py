"""The differential: what is counted, and the interval of each share."""

from __future__ import annotations

import pytest

from edgewbc.lab.differential import Differential
from edgewbc.lab.results import ResultRow


def test_only_ok_rows_are_counted() -> None:
    """Shares are of rows with status ok; review and errors are counted separately."""
    count = Differential(("neutrophil", "lymphocyte", "monocyte"))
    for label, status in [("neutrophil", "ok")] * 6 + [("lymphocyte", "ok")] * 4 + [("monocyte", "review")] * 2:
        count.add(ResultRow("p", label, 0.9, {}, status))  # type: ignore[arg-type]
    count.add(ResultRow("p", "", None, status="error", reason="r"))
    told = count.to_json()
    assert [told[name] for name in ("pictures", "counted", "review", "errors")] == [13, 10, 2, 1]
    assert [told["classes"][name]["n"] for name in count.classes] == [6, 4, 0]
    assert [told["classes"][name]["percent"] for name in count.classes] == [60.0, 40.0, 0.0]
    # Wilson interval of 6 in 10, from statsmodels: 0.3127, 0.8318
    assert told["classes"]["neutrophil"]["interval"] == pytest.approx([31.27, 83.18], abs=0.01)
    assert told["classes"]["monocyte"]["interval"] == pytest.approx([0, 27.75], abs=0.01)


def test_nothing_counted_has_no_shares() -> None:
    """Without a row with status ok there is no percentage and no division by zero."""
    told = Differential(("neutrophil",)).to_json()
    assert told["classes"] == {"neutrophil": {"n": 0, "percent": None, "interval": None}}


def test_rows_pass_through_and_the_first_error_is_kept() -> None:
    """Counting yields the rows unchanged, and keeps the first one that could not be read."""
    rows = [
        ResultRow("a", "neutrophil", 0.9),
        ResultRow("b", "", None, status="error", reason="empty file"),
        ResultRow("c", "", None, status="error", reason="no such file"),
    ]
    count = Differential(("neutrophil",))
    assert count.first_error is None
    assert list(count.counting(rows)) == rows
    assert count.first_error == rows[1]
    assert count.total == 3
