"""Tests of `edgewbc.compress.prune_and_finetune`."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgewbc import runs
from edgewbc.compress import prune_and_finetune
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train.recipe import PruneRecipe
from tests.colored import make_manifest
from tests.killed import Killed, at_report

OPTIONS = PruneRecipe.model_validate(
    {"name": "half", "keep_macs": 0.5, "images": 16, "fit": {"epochs": 2, "batch": 8, "precision": "f32"}}
)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A run with random weights."""
    torch.manual_seed(0)
    pixels = PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    spec = ModelSpec("vgg16gap", make_manifest(tmp_path / "cells", 4).classes, pixels, (16, "M", 32), (6,))
    run = tmp_path / "parent"
    run.mkdir()
    model.save(run, model.build(spec), spec)
    runs.write_lineage(run, "train")
    return run


def test_pruned_run_and_its_lineage(parent: Path, tmp_path: Path) -> None:
    """The pruned run loads and is smaller, its lineage names its parent's hash, and the parent is unchanged."""
    manifest = make_manifest(tmp_path / "cells", 4)
    before = (parent / "model.safetensors").read_bytes()
    made = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "made")
    _, spec = model.load(made)
    lineage = runs.lineage(made).values
    assert model.macs(spec) <= 0.5 * model.macs(runs.spec(parent))
    assert lineage["step"] == "prune"
    assert lineage["kept"]["macs"] == pytest.approx(model.macs(spec) / model.macs(runs.spec(parent)))
    assert lineage["ancestors"][0]["model_sha256"] == runs.lineage(parent).values["model_sha256"]
    assert lineage["manifest_sha256"] == manifest.sha256
    assert (parent / "model.safetensors").read_bytes() == before
    assert not (made / "checkpoint.safetensors").exists()


def test_second_pruning_with_the_unpruned_teacher(parent: Path, tmp_path: Path) -> None:
    """The shares kept are relative to the unpruned run, and the lineage names the teacher's hash."""
    manifest = make_manifest(tmp_path / "cells", 4)
    once = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "once")
    again = OPTIONS.model_copy(update={"keep_macs": 1.0})
    twice = prune_and_finetune.prune(once, again, manifest, teacher=parent, to=tmp_path / "twice")
    assert runs.spec(twice) == runs.spec(once)
    lineage = runs.lineage(twice).values
    assert lineage["kept"] == runs.lineage(once).values["kept"]
    assert lineage["teachers"] == [{"run": "parent", "sha256": runs.lineage(parent).values["model_sha256"]}]
    assert (twice / "model.safetensors").read_bytes() != (once / "model.safetensors").read_bytes()


def test_unusable_teacher_is_refused(parent: Path, tmp_path: Path) -> None:
    """A teacher of other classes, or one that is not a run, is refused before a run is made."""
    spec = runs.spec(parent)
    other = tmp_path / "other"
    other.mkdir()
    fewer = replace(spec, classes=spec.classes[:2])
    model.save(other, model.build(fewer), fewer)
    runs.write_lineage(other, "train")
    manifest = make_manifest(tmp_path / "cells", 4)
    with pytest.raises(
        UserError, match=r"other: its classes \(.*\) are not those of the student \(.*\): name another --teacher"
    ):
        prune_and_finetune.prune(parent, OPTIONS, manifest, teacher=other, to=tmp_path / "x")
    with pytest.raises(UserError):
        prune_and_finetune.prune(parent, OPTIONS, manifest, teacher=tmp_path / "nothing", to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_unreachable_target_leaves_no_run(parent: Path, tmp_path: Path) -> None:
    """A share that is too small to reach is refused before a run folder is made."""
    little, manifest = OPTIONS.model_copy(update={"keep_macs": 0.001}), make_manifest(tmp_path / "cells", 4)
    with pytest.raises(UserError, match="is the smallest share that can be kept"):
        prune_and_finetune.prune(parent, little, manifest, to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_pruning_in_steps(parent: Path, tmp_path: Path) -> None:
    """Two steps prune equal shares; a run killed in the second resumes there, with the same result."""
    manifest = make_manifest(tmp_path / "cells", 4)
    options = OPTIONS.model_copy(update={"keep_macs": 0.3, "steps": 2, "ranking": "sensitivity"})
    unbroken = prune_and_finetune.prune(parent, options, manifest, to=tmp_path / "unbroken")
    between = runs.spec(unbroken / "steps" / "1")
    full = model.macs(runs.spec(parent))
    assert 0.3 * full < model.macs(between) <= 0.3**0.5 * full
    assert model.macs(runs.spec(unbroken)) <= 0.3 * full
    assert not list(unbroken.rglob("checkpoint.safetensors"))
    with pytest.raises(Killed):
        prune_and_finetune.prune(parent, options, manifest, to=tmp_path / "broken", report=at_report(2))
    weights = tmp_path / "broken" / "steps" / "1" / "model.safetensors"
    intact = weights.read_bytes()
    weights.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    with pytest.raises(UserError, match="damaged or changed since the run finished"):
        prune_and_finetune.resume(tmp_path / "broken", manifest)
    weights.write_bytes(intact)
    resumed = prune_and_finetune.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()


def test_network_with_branches_is_folded_first(tmp_path: Path) -> None:
    """edgenet is folded before it is pruned, and the share kept is relative to it."""
    torch.manual_seed(0)
    manifest = make_manifest(tmp_path / "cells", 4)
    spec = ModelSpec("edgenet", manifest.classes, PixelSpec(16, 16), ("/", 16, "/", 32), (), form="branches")
    run = tmp_path / "edge"
    run.mkdir()
    model.save(run, model.build(spec), spec)
    runs.write_lineage(run, "train")
    made = prune_and_finetune.prune(run, OPTIONS.model_copy(update={"ranking": "macs"}), manifest, to=tmp_path / "made")
    found = runs.spec(made)
    assert (found.form, found.arch) == ("plain", "edgenet")
    assert runs.lineage(made).values["kept"]["macs"] == model.macs(found) / model.macs(spec) <= 0.5


def test_killed_recovery_resumes_to_the_same_weights(parent: Path, tmp_path: Path) -> None:
    """Killed after its first epoch and resumed, the run has the same weights file, byte for byte."""
    manifest = make_manifest(tmp_path / "cells", 4)
    unbroken = prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "unbroken")
    with pytest.raises(Killed):
        prune_and_finetune.prune(parent, OPTIONS, manifest, to=tmp_path / "broken", report=at_report())
    resumed = prune_and_finetune.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()
    with pytest.raises(UserError, match="already finished"):
        prune_and_finetune.resume(resumed, manifest)


def test_run_is_named_by_the_share_that_is_kept(parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `name_by_share`, the folder's name has the percentage of the multiply-adds that the network keeps."""
    monkeypatch.chdir(tmp_path)
    manifest = make_manifest(tmp_path / "cells", 4)
    made = prune_and_finetune.prune(parent, OPTIONS, manifest, name_by_share=True)
    kept = runs.lineage(made).values["kept"]["macs"]
    assert kept < 0.5
    assert made == Path("runs") / f"parent-macs{round(100 * kept)}"


def test_name_of_several_steps_claims_no_share(parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What several steps keep is not known when the folder is made, so its name has the target as an upper limit."""
    monkeypatch.chdir(tmp_path)
    manifest = make_manifest(tmp_path / "cells", 4)
    made = prune_and_finetune.prune(parent, OPTIONS.model_copy(update={"steps": 2}), manifest, name_by_share=True)
    assert made == Path("runs") / "parent-macs-max50"
    assert runs.lineage(made).values["kept"]["macs"] <= 0.5
