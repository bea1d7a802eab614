"""Tests of `edgewbc.data.describe`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.describe import summary, text
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split


@pytest.fixture
def manifest() -> Manifest:
    """Four cells in three images of two groups, none for validation."""
    entries = (
        Entry("a.png", "monocyte", "s1", Split.TRAIN, "0" * 64, (0, 0, 5, 5)),
        Entry("a.png", "monocyte", "s1", Split.TRAIN, "0" * 64, (6, 6, 5, 5)),
        Entry("b.png", "neutrophil", "s1", Split.TRAIN, "1" * 64),
        Entry("c.png", "neutrophil", "s2", Split.TEST, "2" * 64),
    )
    made_from = Provenance("folder", 3, left_out={"no type label": 2})
    return Manifest(Path(), entries, ("neutrophil", "monocyte"), Protocol.GROUPED, made_from)


def test_summary_counts_cells_images_and_groups(manifest: Manifest) -> None:
    """The JSON has all counts, with forward slashes and plain values."""
    assert summary(manifest, Path("m") / "mine").to_json() == {
        "manifest": "m/mine",
        "manifest_sha256": manifest.sha256,
        "source": "folder",
        "protocol": "grouped",
        "seed": 3,
        "classes": ["neutrophil", "monocyte"],
        "n": 4,
        "pictures": 3,
        "groups": 2,
        "counts": {"train": {"neutrophil": 1, "monocyte": 2}, "test": {"neutrophil": 1, "monocyte": 0}},
        "left_out": {"no type label": 2},
    }


def test_text_is_a_table_with_the_protocol_and_the_hash(manifest: Manifest) -> None:
    """Cells by class and split with sums, without empty splits; then images, groups, protocol and hash."""
    lines = text(manifest, Path("mine")).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["train", "test", "all"],
        ["neutrophil", "1", "1", "2"],
        ["monocyte", "2", "0", "2"],
        ["all", "3", "1", "4"],
    ]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[4:] == [
        "3 images in 2 groups",
        f"mine: folder, protocol grouped, sha256 {manifest.sha256}",
    ]


def test_nothing_excluded_is_not_mentioned() -> None:
    """A manifest without optional facts is described too."""
    one = Manifest(Path(), (Entry("a.png", "x", "a.png", Split.TEST, "0" * 64),), ("x",), Protocol.EXTERNAL)
    assert "left out" not in text(one, Path("m"))
    assert summary(one, Path("m")).left_out == {}
