"""Unusual quantities as text in a reason, and back."""

from __future__ import annotations

from edgewbc.lab.results import ResultRow, Status
from edgewbc.smear.unusual import Unusual, found_in, reason

SHARPNESS = Unusual("sharpness", 0.021, 0.11, 0.52)
NOISE = Unusual("noise", 12.5, 0.8, 4.1)
OFFSET = Unusual("distance of the nucleus from the center", 0.31, 0.0, 0.3)
RED = Unusual("background: red", 20.0, 180.0, 255.0)


def test_the_reason_names_value_and_range_of_the_farthest_quantities() -> None:
    """Excess over the width of the range: noise 2.5, red 2.1, sharpness 0.2, offset 0.03."""
    assert reason([SHARPNESS, NOISE]).text == (
        "unlike the training images: noise 12.5 (usual 0.8 to 4.1), sharpness 0.021 (usual 0.11 to 0.52)"
    )
    text = reason([OFFSET, SHARPNESS, NOISE, RED]).text
    assert found_in(text) == [NOISE, RED, SHARPNESS]
    assert text.endswith("(usual 0.11 to 0.52) and 1 more")


def test_a_value_next_to_the_bound_has_more_digits() -> None:
    assert str(Unusual("noise", 4.1004, 0.8, 4.1)) == "noise 4.1004 (usual 0.8 to 4.1)"
    assert found_in(reason([Unusual("noise", 1.25e-7, 1e-3, 2e6)]).text) == [Unusual("noise", 1.25e-7, 1e-3, 2e6)]


def test_other_reasons_name_no_quantity() -> None:
    assert found_in("probability 0.41 is below 0.50; image of 10 x 10 pixels (usual 1 to 2)") == []
    assert found_in(f"truncated; {reason([RED])}; probability 0.410 is below 0.500") == [RED]


def test_json_rows_hold_the_values() -> None:
    row = ResultRow("a.png", "monocyte", 0.9, {}, Status.REVIEW, reason([RED]).text)
    assert row.to_json()["unusual"] == [{"quantity": "background: red", "value": 20.0, "low": 180.0, "high": 255.0}]
    assert "unusual" not in ResultRow("a.png", "monocyte", 0.9).to_json()
