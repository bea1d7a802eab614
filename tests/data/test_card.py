"""Tests of `edgewbc.data.card` and of its page, `edgewbc.report.data_card`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewbc.data import card
from edgewbc.data.manifest import Split
from edgewbc.data.sources import make
from tests.data.conftest import Put


def test_facts(slides: Path, put: Put) -> None:
    """Cells, groups, formats and sizes are counted."""
    put("neutrophil/slide0/wide.jpg", size=(30, 60))
    found = card.describe(make("folder", slides)).to_json()
    assert (found["cells"], found["images"], found["formats"]) == (25, 25, {"PNG": 24, "JPEG": 1})
    assert found["sizes"] == {"smallest": [20, 24], "median": [20, 24], "largest": [60, 30], "different": 2}
    assert found["boxes"] is None
    assert found["class_groups"] == {"neutrophil": 6, "lymphocyte": 6}
    assert sum(found["groups"].values()) == 6
    assert found["largest_group"] == {"name": "slide0", "cells": 5}
    assert found["bytes"] == sum(file.stat().st_size for file in slides.rglob("*.*"))


def test_warnings(slides: Path) -> None:
    """Leaks, rare groups and an unbalanced set are said; a clean manifest has no warning."""
    manifest = make("folder", slides)
    assert card.describe(manifest).warnings() == []
    first, *others = (entry for entry in manifest.entries if entry.label == "neutrophil")
    few = [entry for entry in manifest.entries if entry.label == "lymphocyte"][:1]
    moved = replace(first, split=Split.VAL if first.split != "val" else Split.TEST)
    lines = card.describe(replace(manifest, entries=(moved, *others, *few))).warnings()
    assert lines[0].startswith("1 groups are in more than one split, such as slide0")
    assert lines[1:] == [
        "lymphocyte has only 1 groups: its figures depend on a few slides",
        "the largest class has 12 times as many cells as the smallest",
    ]


def test_cells_come_from_different_groups(slides: Path) -> None:
    """One of each group is shown before any second."""
    chosen = card.sample(make("folder", slides), each=6)
    assert {name: len({entry.group for entry in entries}) for name, entries in chosen.items()} == {
        "neutrophil": 6,
        "lymphocyte": 6,
    }
