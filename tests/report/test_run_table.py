"""Runs side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.report import run_table
from edgewbc.report.run_table import RunRow
from edgewbc.train.history import EpochResult
from tests.tiny_run import trained

BEST = EpochResult(3, "grouped", 1e-3, 0.2, 0.4, 20, 18, 0.9, (0.699, 0.972), 0.88, 30.0)
ROW = RunRow(
    Path("runs/a"), "train", "edgenet", {"name": "a", "fit.lr": 0.1}, "mine", "ab" * 32, BEST, 5, 2.5, "",
    "2026-11-28T10:00:00Z",
)  # fmt: skip


def test_a_table_of_runs() -> None:
    """A run in progress says so, and has dashes and blanks for what is not known yet."""
    lines = run_table.text([replace(ROW, step="", best=None, finished=""), ROW]).splitlines()
    assert lines[-1].split() == ["a", "train", "edgenet", "mine", "90.00", "%", "20", "5", "2.5", "2026-11-28", "10:00"]
    assert "in progress" in lines[-2]
    assert "%" not in lines[-2]


def test_only_what_differs_is_compared() -> None:
    """Equal keys of the recipe are left out, and so is the name; other data are noted."""
    other = replace(ROW, run=Path("runs/b"), recipe={"name": "b", "fit.lr": 0.2, "fit.batch": 8})
    text = run_table.compare([ROW, replace(other, recipe={**other.recipe, "fit.lr": 0.1})])
    assert "fit.lr" not in text
    assert "name" not in text
    assert any(line.split() == ["fit.batch", "-", "8"] for line in text.splitlines())
    assert "NOTE" not in text
    text = run_table.compare([ROW, replace(other, manifest_sha256="cd" * 32)])
    assert any(line.split() == ["fit.lr", "0.1", "0.2"] for line in text.splitlines())
    assert any("18 of 20" in line for line in text.splitlines())
    assert text.endswith("NOTE: the manifests differ: accuracies on different images are not comparable")


def test_a_run_folder_is_read(tmp_path: Path) -> None:
    """What its lineage records; another folder is refused."""
    run, manifest = trained()
    found = run_table.read(run)
    assert (found.step, found.arch, found.manifest_sha256) == ("train", "vgg16gap", manifest.sha256)
    assert (found.best, found.epochs, found.parent) == (None, 0, "")
    assert found.to_json()["best"] is None
    assert [each.run for each in run_table.below(run.parent)] == [run]
    with pytest.raises(UserError, match="not a run folder"):
        run_table.read(tmp_path)
