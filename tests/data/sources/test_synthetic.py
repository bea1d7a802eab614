"""Tests of `edgewbc.data.sources.synthetic`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.errors import UserError


def test_synthetic_groups_by_slide(drawn: Path) -> None:
    """Single cells only, grouped by slide across the classes."""
    manifest = make("synthetic", drawn)
    assert len(manifest.entries) == 50
    assert {e.group for e in manifest.entries} == {f"slide{n:02d}" for n in range(10)}
    assert manifest.counts() == {
        side: dict.fromkeys(manifest.classes, n) for side, n in (("train", 7), ("val", 1), ("test", 2))
    }
    assert make("synthetic", drawn, classes=["monocyte"]).provenance.left_out["class basophil not selected"] == 10


def test_synthetic_refuses_other_folders(slides: Path) -> None:
    """Another kind of folder is refused, and the message has the command that makes a synthetic set."""
    with pytest.raises(UserError, match="edgewbc data synth"):
        make("synthetic", slides)
