"""Tests of `edgewbc.train.run`: from a recipe to a run folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.train import run as steps
from edgewbc.train.history import EpochResult
from edgewbc.train.recipe import TrainRecipe
from edgewbc.train.teacher import TeacherRecord
from tests.colored import make_manifest
from tests.killed import Killed, at_report

TINY: dict[str, Any] = {
    "name": "tiny",
    "weights": "none",
    "model": {"width": 0.125, "head": [8], "input": {"height": 32, "width": 32}},
    "fit": {"epochs": 2, "batch": 10, "precision": "f32"},
}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Four training images per class."""
    return make_manifest(tmp_path / "cells", 4)


def test_run_folder_contents(manifest: Manifest, tmp_path: Path) -> None:
    """Weights, description, complete recipe, metrics and lineage are written; the checkpoint is removed."""
    made = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run")
    assert sorted(f.name for f in made.iterdir()) == [
        "confusion.json", "lineage.json", "metrics.jsonl", "model.json", "model.safetensors", "recipe.yaml",
        "started.json",
    ]  # fmt: skip
    lineage = runs.lineage(made).values
    lines = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
    assert lineage["validation"] in lines
    assert lineage["protocol"] == "grouped"
    assert model.load(made)[1].channels[0] == 8


def test_existing_folder_is_not_overwritten(manifest: Manifest, tmp_path: Path) -> None:
    """A folder with files is refused, and nothing is written into it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("x")
    with pytest.raises(UserError, match="never overwritten"):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run")
    assert [f.name for f in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_killed_run_resumes_to_the_same_weights(manifest: Manifest, tmp_path: Path) -> None:
    """A run that was killed after an epoch and resumed has the same weights file, byte for byte."""
    unbroken = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "unbroken")
    with pytest.raises(Killed):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "broken", report=at_report())
    torch.randn(5)
    resumed = steps.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()


def test_start_weights_are_loaded(manifest: Manifest, tmp_path: Path) -> None:
    """With a frozen base, the base is that of the start weights, and so is the pixel normalization."""
    first = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "first")
    frozen = {**TINY, "weights": str(first / "model.safetensors"), "fit": {**TINY["fit"], "freeze_blocks": 5}}
    second = steps.train(TrainRecipe.model_validate(frozen), manifest, to=tmp_path / "second")
    old, new = (model.read_tensors(r / "model.safetensors") for r in (first, second))
    assert torch.equal(old["features.0.weight"], new["features.0.weight"])
    assert not torch.equal(old["head.0.weight"], new["head.0.weight"])
    assert runs.spec(second).pixels == runs.spec(first).pixels


def test_resume_on_another_manifest_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    """A run is only resumed on the manifest that it was started on."""
    with pytest.raises(Killed):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run", report=at_report())
    with pytest.raises(UserError, match="started on another manifest"):
        steps.resume(tmp_path / "run", make_manifest(tmp_path / "other", 4, seed=2))


@pytest.mark.parametrize("name", ["recipe.yaml", "model.json"])
def test_resume_refuses_a_recipe_or_description_that_has_changed(manifest: Manifest, tmp_path: Path, name: str) -> None:
    """A flipped bit there would train another network than the one that was started, without a word."""
    with pytest.raises(Killed):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run", report=at_report())
    file = tmp_path / "run" / name
    intact = file.read_bytes()
    file.write_bytes(intact.replace(b"32", b"36", 1))
    with pytest.raises(UserError, match=f"{name}: damaged or changed since the run started"):
        steps.resume(tmp_path / "run", manifest)
    file.write_bytes(intact)
    runs.verify(steps.resume(tmp_path / "run", manifest))


def test_run_is_trained_by_one_process_at_a_time(manifest: Manifest, tmp_path: Path) -> None:
    """While a run is trained, resuming it is refused in one line; the lock is gone at the end."""
    refused: list[str] = []

    def resume_too(result: EpochResult) -> None:
        with pytest.raises(UserError, match="another process is training this run") as caught:
            steps.resume(tmp_path / "run", manifest)
        refused.append(str(caught.value))

    steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run", report=resume_too)
    assert len(refused) == 2
    assert not (tmp_path / "run" / ".lock").exists()


def test_damaged_start_weights_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    """Start weights of a run must have the hash of its lineage; a teacher must too."""
    first = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "first")
    weights = bytearray((first / "model.safetensors").read_bytes())
    weights[-9] ^= 16
    (first / "model.safetensors").write_bytes(weights)
    recipe = TrainRecipe.model_validate({**TINY, "weights": str(first / "model.safetensors")})
    with pytest.raises(UserError, match="damaged or changed since the run finished"):
        steps.train(recipe, manifest, to=tmp_path / "second")
    with pytest.raises(UserError, match="damaged or changed since the run finished"):
        steps.train(TrainRecipe.model_validate(TINY), manifest, teachers=[first], to=tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_unreadable_images_are_named_before_the_run_is_made(manifest: Manifest, tmp_path: Path) -> None:
    """Training is refused, with all unreadable images in one message, before the run folder is made."""
    bad = [manifest.split("train")[3], manifest.split("val")[1]]
    for entry in bad:
        manifest.file(entry).unlink()
    with pytest.raises(UserError) as caught:
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run")
    assert all(entry.path in str(caught.value) for entry in bad)
    assert not (tmp_path / "run").exists()


def test_start_record_round_trip(manifest: Manifest, tmp_path: Path) -> None:
    """`started.json` has the documented keys, and is read back unchanged."""
    record = steps.StartRecord(
        manifest.sha256, "grouped", (TeacherRecord("t", "hash", "/runs/t"),), "/runs/p", "other", "/m"
    )
    record.write(tmp_path)
    assert json.loads((tmp_path / steps.STARTED).read_text()) == {
        "manifest_sha256": manifest.sha256,
        "protocol": "grouped",
        "parent": "/runs/p",
        "parent_sha256": "other",
        "teachers": [{"run": "t", "sha256": "hash", "path": "/runs/t"}],
        "manifest": "/m",
    }
    assert steps.StartRecord.check(tmp_path, manifest) == record
