"""Tests of `edgewbc.data.folds`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data import folds
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError


def test_every_group_is_in_test_once(slides: Path, tmp_path: Path) -> None:
    """Groups stay whole in each fold, every class is on every side, and the manifests can be read."""
    written = folds.write(make("folder", slides), 3, tmp_path / "folds")
    read = [Manifest.read(folder) for folder in written]
    assert [manifest.provenance.fold for manifest in read] == ["1 of 3", "2 of 3", "3 of 3"]
    assert [folder.name for folder in written] == ["fold-1", "fold-2", "fold-3"]
    tested: list[str] = []
    for manifest in read:
        sides = {entry.group: entry.split for entry in manifest.entries}
        assert all(sides[entry.group] == entry.split for entry in manifest.entries)
        assert all(n > 0 for counts in manifest.counts().values() for n in counts.values())
        assert set(manifest.counts()) == {"train", "val", "test"}
        tested += [group for group, side in sides.items() if side == "test"]
    assert sorted(tested) == [f"slide{i}" for i in range(6)]
    assert [manifest.sha256 for manifest in folds.make(make("folder", slides), 3)] == [m.sha256 for m in read]


def test_errors(slides: Path) -> None:
    """Too many folds for the groups, or only one, are errors of one line."""
    manifest = make("folder", slides)
    with pytest.raises(UserError, match="class 'lymphocyte' has 6 groups .* cross-validation needs 7"):
        folds.make(manifest, 7)
    with pytest.raises(UserError, match="cross-validation needs 50: add more groups, or make fewer folds"):
        folds.make(manifest, 50)
    with pytest.raises(UserError, match="at least 2"):
        folds.make(manifest, 1)
