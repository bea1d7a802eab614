"""Reference ranges from the file of a laboratory."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.cases.ranges import Range, read_ranges
from edgewbc.errors import UserError


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.yaml", "x", "line 1: 'x' is not of the form `key: value`"),
        ("r.yaml", "neutrophil:\n  percent: 40 to 75", "line 1: .* is not of the form `key: value`, without indent"),
        ("r.yaml", "neutrofil.percent: 1 to 2", "unknown key 'neutrofil.percent': use source, or TYPE.percent and"),
        ("r.yaml", "platelet.percent: 1 to 2", "unknown key 'platelet.percent'"),
        ("r.yaml", "neutrophil: 3", "unknown key 'neutrophil'"),
        ("r.yaml", "neutrophil.perc: 1 to 2", "unknown key 'neutrophil.perc'"),
        ("r.yaml", "neutrophil.percent: 2 to 1", "neutrophil.percent is '2 to 1': give LOW to HIGH"),
        ("r.yaml", "neutrophil.percent: 1", "neutrophil.percent is '1': give LOW to HIGH"),
        ("r.yaml", "neutrophil.percent: 1 to 101", "give LOW to HIGH with 0 <= LOW < HIGH"),
        ("r.yaml", "neutrophil.absolute: nan to 2", "give LOW to HIGH"),
        ("r.yaml", f"neutrophil.absolute: 1 to {'9' * 400}", "give LOW to HIGH"),
        ("r.toml", "x", "cannot be read as TOML"),
        ("r.toml", "neutrophil = 3", "unknown key 'neutrophil.'"),
        ("r.toml", "[neutrophil]\npercent = [true, 2]", "neutrophil.percent is 'True to 2': give LOW to HIGH"),
        ("r.toml", "[neutrophil]\npercent = 1979-05-27", "give LOW to HIGH"),
    ],
)
def test_wrong_ranges_are_refused_with_their_key(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_ranges(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "ranges.yaml",
            "# of adults\nsource: ours\nneutrophil.percent: 40 to 75\nimmature granulocyte.absolute: 0-0.1\n",
        ),
        (
            "ranges.toml",
            'source = "ours"\n[neutrophil]\npercent = [40, 75]\n["immature granulocyte"]\nabsolute = [0, 0.1]\n',
        ),
    ],
)
def test_ranges_are_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = read_ranges(tmp_path / name)
    assert (found.source, found.of("neutrophil"), found.of("blast")) == ("ours", Range((40.0, 75.0)), Range())
    assert found.of("immature granulocyte").absolute == (0.0, 0.1)


@pytest.mark.parametrize("name", ["none.yaml", "none.toml"])
def test_missing_ranges_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such file; expected reference ranges such as neutrophil.percent"):
        read_ranges(tmp_path / name)
