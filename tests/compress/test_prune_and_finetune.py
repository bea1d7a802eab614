"""Prune and recover, as run folders."""

from dataclasses import replace

import pytest
import torch

from edgewbc import runs
from edgewbc.compress import prune_and_finetune
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train.recipe import PruneRecipe
from tests.coloured import make_manifest
from tests.killed import Killed, at_report

OPTIONS = PruneRecipe.model_validate(
    {"name": "half", "keep_macs": 0.5, "pictures": 16, "fit": {"epochs": 2, "batch": 8, "precision": "f32"}}
)


@pytest.fixture
def parent(tmp_path):
    torch.manual_seed(0)
    pixels = PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    spec = ModelSpec("vgg16gap", make_manifest(tmp_path / "cells", 4).classes, pixels, (16, "M", 32), (6,))
    run = tmp_path / "parent"
    run.mkdir()
    model.save(run, model.build(spec), spec)
    runs.write_lineage(run, "train")
    return run


def test_a_new_run_with_its_lineage(parent, tmp_path):
    """The pruned run loads, is smaller, names its parent's hash, and leaves the parent as it was."""
    manifest = make_manifest(tmp_path / "cells", 4)
    before = (parent / "model.safetensors").read_bytes()
    made = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "made")
    _, spec = model.load(made)
    told = runs.lineage(made)
    assert model.macs(spec) <= 0.5 * model.macs(runs.spec(parent))
    assert told["step"] == "prune"
    assert told["kept"]["macs"] == pytest.approx(model.macs(spec) / model.macs(runs.spec(parent)))
    assert told["ancestors"][0]["model_sha256"] == runs.lineage(parent)["model_sha256"]
    assert told["manifest_sha256"] == manifest.sha256
    assert (parent / "model.safetensors").read_bytes() == before
    assert not (made / "checkpoint.safetensors").exists()


def test_a_second_step_learns_from_the_first_network(parent, tmp_path):
    """Pruned again with the unpruned run as teacher: what is kept counts from that one, and its hash is told."""
    manifest = make_manifest(tmp_path / "cells", 4)
    once = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "once")
    again = OPTIONS.model_copy(update={"keep_macs": 1.0})
    twice = prune_and_finetune.prune(once, again, manifest, teacher=parent, to=tmp_path / "twice")
    assert runs.spec(twice) == runs.spec(once)
    told = runs.lineage(twice)
    assert told["kept"] == runs.lineage(once)["kept"]
    assert told["teachers"] == [{"run": "parent", "sha256": runs.lineage(parent)["model_sha256"]}]
    assert (twice / "model.safetensors").read_bytes() != (once / "model.safetensors").read_bytes()


def test_a_teacher_must_fit(parent, tmp_path):
    """A teacher of other classes, or none at all, is refused before a run is made."""
    spec = runs.spec(parent)
    other = tmp_path / "other"
    other.mkdir()
    fewer = replace(spec, classes=spec.classes[:2])
    model.save(other, model.build(fewer), fewer)
    manifest = make_manifest(tmp_path / "cells", 4)
    with pytest.raises(UserError, match="other: has other classes than the student: it cannot teach it"):
        prune_and_finetune.prune(parent, OPTIONS, manifest, teacher=other, to=tmp_path / "x")
    with pytest.raises(UserError):
        prune_and_finetune.prune(parent, OPTIONS, manifest, teacher=tmp_path / "nothing", to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_target_out_of_reach_leaves_no_run(parent, tmp_path):
    """What cannot be reached is said before a run folder is made."""
    little, manifest = OPTIONS.model_copy(update={"keep_macs": 0.001}), make_manifest(tmp_path / "cells", 4)
    with pytest.raises(UserError, match="is the least that can be kept"):
        prune_and_finetune.prune(parent, little, manifest, to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_pruned_in_steps(parent, tmp_path):
    """In two steps, each takes out the same share; a run killed in the second goes on there with the same result."""
    manifest = make_manifest(tmp_path / "cells", 4)
    options = OPTIONS.model_copy(update={"keep_macs": 0.3, "steps": 2, "ranking": "sensitivity"})
    whole = prune_and_finetune.prune(parent, options, manifest, to=tmp_path / "whole")
    between = runs.spec(whole / "steps" / "1")
    full = model.macs(runs.spec(parent))
    assert 0.3 * full < model.macs(between) <= 0.3**0.5 * full
    assert model.macs(runs.spec(whole)) <= 0.3 * full
    assert not list(whole.rglob("checkpoint.safetensors"))
    with pytest.raises(Killed):
        prune_and_finetune.prune(parent, options, manifest, to=tmp_path / "broken", report=at_report(2))
    assert runs.is_run(tmp_path / "broken" / "steps" / "1")
    resumed = prune_and_finetune.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_network_with_branches_is_pruned_folded(tmp_path):
    """edgenet is folded before its channels go, and what is kept counts from it."""
    torch.manual_seed(0)
    manifest = make_manifest(tmp_path / "cells", 4)
    spec = ModelSpec("edgenet", manifest.classes, PixelSpec(16, 16), ("/", 16, "/", 32), (), form="branches")
    run = tmp_path / "edge"
    run.mkdir()
    model.save(run, model.build(spec), spec)
    made = prune_and_finetune.prune(run, OPTIONS.model_copy(update={"ranking": "macs"}), manifest, to=tmp_path / "made")
    found = runs.spec(made)
    assert (found.form, found.arch) == ("plain", "edgenet")
    assert runs.lineage(made)["kept"]["macs"] == model.macs(found) / model.macs(spec) <= 0.5


def test_a_killed_recovery_resumes_to_the_same_weights(parent, tmp_path):
    """Killed after its first epoch and resumed, the run's weights file is byte for byte the same."""
    manifest = make_manifest(tmp_path / "cells", 4)
    whole = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "whole")

    with pytest.raises(Killed):
        prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "broken", report=at_report())
    resumed = prune_and_finetune.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(UserError, match="finished already"):
        prune_and_finetune.resume(resumed, manifest)
