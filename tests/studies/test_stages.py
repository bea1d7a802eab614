"""bench.stages: trainings that are started, resumed or skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.stages import StageReporter, finished, minutes
from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.train import recipe_file, run
from edgewbc.train.recipe import TrainRecipe
from edgewbc.utils.files import write_json, write_text
from tests.colored import make_manifest

OPTIONS = TrainRecipe.model_validate({"name": "part", "weights": "none"})


def test_part_is_started_resumed_or_kept(tmp_path: Path) -> None:
    """Without a folder or a checkpoint it starts, with a checkpoint it resumes, and a finished one is kept."""
    manifest = make_manifest(tmp_path / "m", per_class=2)
    folder, calls = tmp_path / "part", []

    def begin() -> Path:
        calls.append("begin")
        write_text(folder / run.RECIPE, recipe_file.write(OPTIONS))
        run.StartRecord(manifest.sha256, manifest.protocol).write(folder)
        return folder

    def resume() -> Path:
        calls.append("resume")
        return folder

    def part() -> Path:
        return finished(folder, OPTIONS, manifest, StageReporter(), begin=begin, resume=resume)

    folder.parent.mkdir(exist_ok=True)
    assert part() == folder
    part()
    assert calls == ["begin", "begin"]
    (folder / "steps" / "1").mkdir(parents=True)
    (folder / "steps" / "1" / "model.safetensors").touch()
    part()
    assert calls == ["begin", "begin", "resume"]
    write_json(folder / runs.LINEAGE, {})
    part()
    assert len(calls) == 3
    other = OPTIONS.model_copy(update={"fit": OPTIONS.fit.model_copy(update={"epochs": 9})})
    with pytest.raises(
        UserError, match="part: was trained with another version of the recipe part: move the folder away"
    ):
        finished(folder, other, manifest, StageReporter(), begin=begin, resume=resume)


def test_minutes_count_the_steps_too(tmp_path: Path) -> None:
    """The epochs of the run and of each pruning step are summed."""
    write_text(tmp_path / "metrics.jsonl", '{"seconds": 60}\n{"seconds": 30}\n')
    write_text(tmp_path / "steps" / "1" / "metrics.jsonl", '{"seconds": 90}\n')
    assert minutes(tmp_path) == 3.0
