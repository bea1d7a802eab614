"""Tests of training with teachers: other input sizes, ensembles, features, cached predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import frozen_features, loop
from edgewbc.train import run as steps
from edgewbc.train.history import EpochResult
from edgewbc.train.recipe import TrainRecipe
from edgewbc.train.teacher import Teacher, TeacherOutput
from tests.colored import make_manifest
from tests.killed import Killed, at_report

PIXELS = PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
TEACHER = ModelSpec("vgg16gap", (), replace(PIXELS, height=24, width=24), (8, "M", 12), (6,))
OPTIONS = TrainRecipe.model_validate(
    {
        "name": "student",
        "weights": "none",
        "model": {"arch": "edgenet", "channels": ["/", 8, 8], "input": {"height": 16, "width": 16}},
        "fit": {"epochs": 4, "batch": 8, "precision": "f32", "lr": 3e-3},
        "distil": {"weight": 0.5, "features": 1, "views": 2},
    }
)


Taught = tuple[Manifest, list[Path]]


@pytest.fixture
def taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Taught:
    """A manifest and two finished runs as teachers, of another input size than the student's."""
    monkeypatch.chdir(tmp_path)
    manifest = make_manifest(tmp_path / "cells", 4)
    for number in (1, 2):
        torch.manual_seed(number)
        spec = replace(TEACHER, classes=manifest.classes)
        (tmp_path / f"teacher{number}").mkdir()
        model.save(tmp_path / f"teacher{number}", model.build(spec), spec)
        runs.write_lineage(tmp_path / f"teacher{number}", "train")
    return manifest, [tmp_path / "teacher1", tmp_path / "teacher2"]


def test_two_teachers_of_another_size(taught: Taught, tmp_path: Path) -> None:
    """The lineage names both teachers; the saved network does not contain the map to the teachers' features."""
    manifest, teachers = taught
    made = steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "made")
    net, spec = model.load(made)
    assert [each["run"] for each in runs.lineage(made).values["teachers"]] == ["teacher1", "teacher2"]
    assert spec.form == "branches"
    assert not any("map" in name for name in net.state_dict())


def test_predictions_are_cached_for_the_next_student(
    taught: Taught, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four epochs of two views need two epochs of predictions; a second, wider student needs none."""
    manifest, teachers = taught
    sizes: list[int] = []
    predict = Teacher.predict

    def counted(teacher: Teacher, images: Sequence[Tensor]) -> TeacherOutput:
        sizes.append(len(images))
        return predict(teacher, images)

    monkeypatch.setattr(Teacher, "predict", counted)
    steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "first")
    batches = 20 // 8
    assert sizes == [2] * (2 * batches)
    other = OPTIONS.model_copy(update={"model": OPTIONS.model.model_copy(update={"channels": ("/", 16, 8)})})
    steps.train(other, manifest, teachers=teachers, to=tmp_path / "second")
    assert len(sizes) == 2 * batches


def weights(run: Path) -> Tensor:
    """All weights of a run as one vector."""
    return torch.cat([value.flatten() for value in model.read_tensors(run / model.WEIGHTS).values()])


def test_cached_logits_change_nothing(taught: Taught, tmp_path: Path) -> None:
    """A student of cached logits ends with the same weights, bit for bit, as the student that filled the cache."""
    manifest, teachers = taught
    options = OPTIONS.model_copy(update={"distil": OPTIONS.distil.model_copy(update={"features": 0.0})})
    first, second = (steps.train(options, manifest, teachers=teachers, to=tmp_path / name) for name in "ab")
    assert torch.equal(weights(first), weights(second))


def test_cached_features_change_little(taught: Taught, tmp_path: Path) -> None:
    """Features are cached in float16: the change is less than a thousandth of what another teacher would change."""
    manifest, teachers = taught
    first, second = (steps.train(OPTIONS, manifest, teachers=teachers[:1], to=tmp_path / name) for name in "ab")
    other = steps.train(OPTIONS, manifest, teachers=teachers[1:], to=tmp_path / "other")
    change = (weights(first) - weights(second)).norm()
    assert 0 < change < 1e-3 * (weights(first) - weights(other)).norm()


def test_killed_training_resumes_to_the_same_weights(taught: Taught, tmp_path: Path) -> None:
    """The checkpoint contains the map to the teachers' features: the resumed weights are the same, byte for byte."""
    manifest, teachers = taught
    options = OPTIONS.model_copy(update={"distil": OPTIONS.distil.model_copy(update={"views": 0})})
    unbroken = steps.train(options, manifest, teachers=teachers, to=tmp_path / "unbroken")
    with pytest.raises(Killed):
        steps.train(options, manifest, teachers=teachers, to=tmp_path / "broken", report=at_report(2))
    resumed = steps.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (unbroken / "model.safetensors").read_bytes()


def test_changed_teacher_is_refused(taught: Taught, tmp_path: Path) -> None:
    """A run is only resumed with the teachers that it was started with."""
    manifest, teachers = taught
    with pytest.raises(Killed):
        steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "broken", report=at_report())
    net, spec = model.load(teachers[0])
    model.save(teachers[0], model.build(spec), spec)
    with pytest.raises(UserError, match="teacher1: a teacher of .* is missing or has changed"):
        steps.resume(tmp_path / "broken", manifest)


def test_student_approaches_its_teachers_features(taught: Taught, tmp_path: Path) -> None:
    """With only the feature loss, the student's mapped features come closer to the teacher's."""
    manifest, teachers = taught
    spec = OPTIONS.model.spec(manifest.classes)
    torch.manual_seed(0)
    guide = Teacher([model.load(teachers[0])], spec)
    epochs: list[EpochResult] = []
    options = OPTIONS.fit.model_copy(update={"epochs": 8, "lr": 1e-2})
    distil = OPTIONS.distil.model_copy(update={"weight": 0.0, "features": 50.0, "views": 0})
    (tmp_path / "run").mkdir()
    loop.fit(model.build(spec), spec, options, manifest, tmp_path / "run", teacher=guide, distil=distil,
             report=epochs.append)  # fmt: skip
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss


def test_frozen_blocks_of_any_network() -> None:
    """Blocks are counted by the network's own `ends`, and batch norm in frozen blocks stays in evaluation mode."""
    net = model.build(OPTIONS.model.model_copy(update={"channels": ("/", 8, "/", 8)}).spec(("a",)))
    assert frozen_features.layer_count(net, 1) == 2
    frozen_features.freeze(net, 1)
    net.train()
    assert [part.get_submodule("wide.1").training for part in net.features[::2]] == [False, True]
