"""The manifest's entry of familiarity statistics: read back, and refused where it is malformed."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.decision.familiarity_info import FORMAT, MAX_SIZES, FamiliarityInfo
from edgewbc.errors import UserError

INFO = FamiliarityInfo("f.npz", 20, 20, 3, 4.5, 0.0075, 900, 400)


def test_an_entry_is_read_back() -> None:
    """In format 1 without other kinds of cells, in format 2 with them."""
    shown = FamiliarityInfo("f.npz", 20, 20, 3, 4.5, 0.0075, 900, 400, {"blast": 200}, 5.5)
    for info, version in ((INFO, 1), (shown, 2)):
        assert info.to_json()["format"] == version
        assert FamiliarityInfo.from_json(info.to_json()) == info


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": FORMAT + 1}, UserError, "newer edgewbc"),
        ({"format": 0}, ValueError, "unknown format"),
        ({"format": "1"}, ValueError, "unknown format"),
        ({"method": "guess"}, ValueError, "method"),
        ({"file": 3}, ValueError, "unknown format or method"),
        ({"features": MAX_SIZES["features"] + 1}, ValueError, "too large"),
        ({"components": 0}, ValueError, "too large or empty"),
        ({"groups": -1}, ValueError, "not a number of cells"),
        ({"groups": 2.0}, ValueError, "not a number of cells"),
        ({"threshold": float("nan")}, ValueError, "threshold"),
        ({"false_alarms": 2}, ValueError, "threshold or share"),
        ({"held_out": None}, ValueError, "not a number of cells"),
    ],
)
def test_a_malformed_entry_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    """Sizes are checked before anything is read; a newer format asks for an update."""
    with pytest.raises(error, match=message):
        FamiliarityInfo.from_json({**INFO.to_json(), **change})
