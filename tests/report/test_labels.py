"""Tests of `edgewbc.report.labels`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewbc.pixels import PixelSpec
from edgewbc.report.labels import headline, text, view
from tests.data.test_label_audit import audited


def test_text_of_an_audit(tmp_path: Path) -> None:
    """Cells, groups, protocol and hash; features; accuracy; flags by pair of labels; the first cells by rank."""
    found = audited(tmp_path)
    lines = text(found).splitlines()
    assert lines[:4] == [
        f"label audit of 3 cells in 3 groups, protocol grouped, manifest {found.manifest.sha256[:12]}",
        "features: mine, full images at 8 x 8 pixels (recorded so); 3 x 2 folds by group",
        "out of fold: 66.67 % (20.77-93.85 %), 2 of 3 as labeled",
        "flagged: 1 (33.33 %)",
    ]
    assert lines[6].split() == ["monocyte", "neutrophil", "1"]
    assert lines[9].split() == ["1", "monocyte", "neutrophil", "0.125", "0.875", "0.png"]
    assert "NOTE" not in text(found)


def test_warning_about_features(tmp_path: Path) -> None:
    """The last line of the headline warns if the network was trained on these labels."""
    assert headline(audited(tmp_path, "yes"))[-1].startswith("NOTE: the features were trained on these labels: too few")


def test_long_lists_are_cut(tmp_path: Path) -> None:
    """Twenty rows and the number of the others; without flags there is no table."""
    found = audited(tmp_path, n=30)
    cells = tuple(replace(cell, flagged=True, suggested="neutrophil") for cell in found.judgment.cells)
    many = replace(found, judgment=replace(found.judgment, cells=cells))
    assert text(many).splitlines()[-1] == "... and 10 more: labels.csv has all"
    assert text(many).count(".png at 1,2") == 19
    none = replace(found, judgment=replace(found.judgment, cells=found.judgment.cells[1:]))
    assert text(none).splitlines()[-1] == "flagged: 0 (0.00 %)"


def test_each_crop_is_described(tmp_path: Path) -> None:
    """Which part of the image, and at which size."""
    source = audited(tmp_path).network
    for pixels, words in (
        (PixelSpec(112, 96, "centre", 250), "central squares of 250 at 112 x 96 pixels"),
        (PixelSpec(64, 64, "box", scale=1.3), "squares of 1.3 boxes at 64 x 64 pixels"),
    ):
        assert view(replace(source, spec=replace(source.spec, pixels=pixels))) == words
