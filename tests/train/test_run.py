"""From a recipe to a run folder."""

import json

import pytest
import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.train import run as steps
from edgewbc.train.recipe import TrainRecipe
from tests.coloured import make_manifest
from tests.killed import Killed, at_report

TINY = {
    "name": "tiny",
    "weights": "none",
    "model": {"width": 0.125, "head": [8], "input": {"height": 32, "width": 32}},
    "fit": {"epochs": 2, "batch": 10, "precision": "f32"},
}


@pytest.fixture
def manifest(tmp_path):
    return make_manifest(tmp_path / "cells", 4)


def test_a_run_folder_is_whole(manifest, tmp_path):
    """Weights, description, resolved recipe, metrics and lineage are there; the checkpoint is gone."""
    made = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run")
    assert sorted(f.name for f in made.iterdir()) == [
        "lineage.json", "metrics.jsonl", "model.json", "model.safetensors", "recipe.yaml", "started.json",
    ]  # fmt: skip
    told = runs.lineage(made)
    lines = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
    assert told["validation"] in lines
    assert told["protocol"] == "grouped"
    assert model.load(made)[1].channels[0] == 8


def test_a_run_is_never_overwritten(manifest, tmp_path):
    """An existing folder is refused before anything is written into it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("x")
    with pytest.raises(UserError, match="never overwritten"):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run")
    assert [f.name for f in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_killed_and_resumed_with_the_same_result(manifest, tmp_path):
    """A run killed after an epoch and resumed ends in the same weights file, byte for byte."""
    whole = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "whole")

    with pytest.raises(Killed):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "broken", report=at_report())
    torch.randn(5)
    resumed = steps.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_start_weights_are_used(manifest, tmp_path):
    """With a frozen base, the run's base is exactly the file it started from."""
    first = steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "first")
    frozen = {**TINY, "weights": str(first / "model.safetensors"), "fit": {**TINY["fit"], "freeze_blocks": 5}}
    second = steps.train(TrainRecipe.model_validate(frozen), manifest, to=tmp_path / "second")
    old, new = (model.read_tensors(r / "model.safetensors") for r in (first, second))
    assert torch.equal(old["features.0.weight"], new["features.0.weight"])
    assert not torch.equal(old["head.0.weight"], new["head.0.weight"])


def test_another_manifest_cannot_resume(manifest, tmp_path):
    """A run is resumed only on the manifest it was started on."""

    with pytest.raises(Killed):
        steps.train(TrainRecipe.model_validate(TINY), manifest, to=tmp_path / "run", report=at_report())
    with pytest.raises(UserError, match="started on another manifest"):
        steps.resume(tmp_path / "run", make_manifest(tmp_path / "other", 4, seed=2))
