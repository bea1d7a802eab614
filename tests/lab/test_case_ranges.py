"""Reference ranges from the file of a laboratory."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.lab.case_ranges import Range, read_ranges


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x", "cannot be read as TOML"),
        ("[neutrofil]\npercent = [1, 2]", "'neutrofil' is neither `source` nor a table of a type: use neutrophil"),
        ("neutrophil = 3", "neither `source` nor a table"),
        ("[neutrophil]\nperc = [1, 2]", r"\[neutrophil\] has 'perc': use percent and absolute"),
        ("[neutrophil]\npercent = [2, 1]", r"percent must be \[low, high\]"),
        ("[neutrophil]\npercent = [true, 2]", r"percent must be \[low, high\]"),
        ("[neutrophil]\npercent = [1, 101]", r"percent must be \[low, high\]"),
        ("[neutrophil]\nabsolute = [nan, 2]", r"absolute must be \[low, high\]"),
    ],
)
def test_wrong_ranges_are_refused_with_their_key(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "ranges.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_ranges(tmp_path / "ranges.toml")


def test_ranges_are_read(tmp_path: Path) -> None:
    content = 'source = "ours"\n[neutrophil]\npercent = [40, 75]\n["immature granulocyte"]\nabsolute = [0, 0.1]\n'
    (tmp_path / "ranges.toml").write_text(content, encoding="utf-8")
    found = read_ranges(tmp_path / "ranges.toml")
    assert (found.source, found.of("neutrophil"), found.of("blast")) == ("ours", Range((40.0, 75.0)), Range())
    assert found.of("immature granulocyte").absolute == (0.0, 0.1)
