"""bench.stages: a run folder that is finished, gone on with, or begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.stages import Watch, finished, minutes
from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.train import recipe_file, run
from edgewbc.train.recipe import TrainRecipe
from edgewbc.utils.files import write_json, write_text
from tests.coloured import make_manifest

OPTIONS = TrainRecipe.model_validate({"name": "part", "weights": "none"})


def test_begun_gone_on_with_or_kept(tmp_path: Path) -> None:
    """No folder, one without weights (begun anew), one with a checkpoint, one that is finished: one call each."""
    manifest = make_manifest(tmp_path / "m", per_class=2)
    folder, calls = tmp_path / "part", []

    def begin() -> Path:
        calls.append("begin")
        write_text(folder / run.RECIPE, recipe_file.write(OPTIONS))
        run.StartRecord(manifest.sha256, manifest.protocol).write(folder)
        return folder

    def go_on() -> Path:
        calls.append("go on")
        return folder

    def part() -> Path:
        return finished(folder, OPTIONS, manifest, Watch(), begin=begin, go_on=go_on)

    folder.parent.mkdir(exist_ok=True)
    assert part() == folder
    part()
    assert calls == ["begin", "begin"]
    (folder / "steps" / "1").mkdir(parents=True)
    (folder / "steps" / "1" / "model.safetensors").touch()
    part()
    assert calls == ["begin", "begin", "go on"]
    write_json(folder / runs.LINEAGE, {})
    part()
    assert len(calls) == 3
    other = OPTIONS.model_copy(update={"fit": OPTIONS.fit.model_copy(update={"epochs": 9})})
    with pytest.raises(UserError, match="part: was trained by another recipe than part is now: move it away"):
        finished(folder, other, manifest, Watch(), begin=begin, go_on=go_on)


def test_minutes_count_the_steps_too(tmp_path: Path) -> None:
    """Epochs of the run and of each step of pruning."""
    write_text(tmp_path / "metrics.jsonl", '{"seconds": 60}\n{"seconds": 30}\n')
    write_text(tmp_path / "steps" / "1" / "metrics.jsonl", '{"seconds": 90}\n')
    assert minutes(tmp_path) == 3.0
