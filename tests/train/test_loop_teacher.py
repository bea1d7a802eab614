"""Training with a teacher: other sizes, several, features, answers that are kept."""

from dataclasses import replace

import pytest
import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import loop
from edgewbc.train import run as steps
from edgewbc.train.recipe import TrainRecipe
from edgewbc.train.teacher import Teacher
from tests.coloured import make_manifest
from tests.killed import Killed, at_report

PIXELS = PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD)
TEACHER = ModelSpec("vgg16gap", (), replace(PIXELS, height=24, width=24), (8, "M", 12), (6,))
OPTIONS = TrainRecipe.model_validate(
    {
        "name": "pupil",
        "weights": "none",
        "model": {"arch": "edgenet", "channels": ["/", 8, 8], "input": {"height": 16, "width": 16}},
        "fit": {"epochs": 4, "batch": 8, "precision": "f32", "lr": 3e-3},
        "distil": {"weight": 0.5, "features": 1, "views": 2},
    }
)


@pytest.fixture
def taught(tmp_path, monkeypatch):
    """A manifest and two finished runs to learn from, of another input size than the student's."""
    monkeypatch.chdir(tmp_path)
    manifest = make_manifest(tmp_path / "cells", 4)
    for number in (1, 2):
        torch.manual_seed(number)
        spec = replace(TEACHER, classes=manifest.classes)
        (tmp_path / f"teacher{number}").mkdir()
        model.save(tmp_path / f"teacher{number}", model.build(spec), spec)
        runs.write_lineage(tmp_path / f"teacher{number}", "train")
    return manifest, [tmp_path / "teacher1", tmp_path / "teacher2"]


def test_two_teachers_of_another_size(taught, tmp_path):
    """The run names its teachers and is one like any other; the map to the teacher's features is not in it."""
    manifest, teachers = taught
    made = steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "made")
    net, spec = model.load(made)
    assert [told["run"] for told in runs.lineage(made)["teachers"]] == ["teacher1", "teacher2"]
    assert spec.form == "branches"
    assert not any("map" in name for name in net.state_dict())


def test_answers_are_kept_for_the_next_student(taught, tmp_path, monkeypatch):
    """Four epochs of two views ask the teacher for two; a second student of other widths asks for none."""
    manifest, teachers = taught
    asked = []
    answers = Teacher.answers
    monkeypatch.setattr(Teacher, "answers", lambda self, seen: asked.append(len(seen)) or answers(self, seen))
    steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "first")
    batches = 20 // 8
    assert asked == [2] * (2 * batches)
    other = OPTIONS.model_copy(update={"model": OPTIONS.model.model_copy(update={"channels": ("/", 16, 8)})})
    steps.train(other, manifest, teachers=teachers, to=tmp_path / "second")
    assert len(asked) == 2 * batches


def test_kept_answers_change_nothing(taught, tmp_path):
    """A student that finds the answers there becomes the one that asked for them, up to the rounding of features."""
    manifest, teachers = taught
    first = steps.train(OPTIONS, manifest, teachers=teachers[:1], to=tmp_path / "first")
    second = steps.train(OPTIONS, manifest, teachers=teachers[:1], to=tmp_path / "second")
    for name, value in model.load(first)[0].state_dict().items():
        torch.testing.assert_close(model.load(second)[0].state_dict()[name], value, atol=1e-2, rtol=1e-2)


def test_killed_and_resumed_with_the_same_result(taught, tmp_path):
    """The map to the teacher's features is in the checkpoint: the resumed run is byte for byte the unbroken one."""
    manifest, teachers = taught
    options = OPTIONS.model_copy(update={"distil": OPTIONS.distil.model_copy(update={"views": 0})})
    whole = steps.train(options, manifest, teachers=teachers, to=tmp_path / "whole")

    with pytest.raises(Killed):
        steps.train(options, manifest, teachers=teachers, to=tmp_path / "broken", report=at_report(2))
    resumed = steps.resume(tmp_path / "broken", manifest)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_teacher_that_changed_is_refused(taught, tmp_path):
    """A resume needs the teachers that the run was started with."""
    manifest, teachers = taught

    with pytest.raises(Killed):
        steps.train(OPTIONS, manifest, teachers=teachers, to=tmp_path / "broken", report=at_report())
    net, spec = model.load(teachers[0])
    model.save(teachers[0], model.build(spec), spec)
    with pytest.raises(UserError, match="teacher1: a teacher of .* is gone or has changed"):
        steps.resume(tmp_path / "broken", manifest)


def test_features_are_learnt(taught, tmp_path):
    """With the loss on features alone, the student's mapped features come closer to the teacher's."""
    manifest, teachers = taught
    spec = OPTIONS.model.spec(manifest.classes, pretrained=False)
    torch.manual_seed(0)
    guide = Teacher([model.load(teachers[0])], spec)
    lines = []
    options = OPTIONS.fit.model_copy(update={"epochs": 8, "lr": 1e-2})
    distil = OPTIONS.distil.model_copy(update={"weight": 0.0, "features": 50.0, "views": 0})
    (tmp_path / "run").mkdir()
    loop.fit(model.build(spec), spec, options, manifest, tmp_path / "run", teacher=guide, distil=distil,
             report=lines.append)  # fmt: skip
    assert lines[-1]["train_loss"] < 0.7 * lines[0]["train_loss"]


def test_frozen_blocks_of_any_network():
    """Freezing counts blocks by the network's own ends, and batch norm in them stays as it is."""
    from edgewbc.train import frozen_features

    net = model.build(OPTIONS.model.model_copy(update={"channels": ("/", 8, "/", 8)}).spec(("a",), pretrained=False))
    assert frozen_features.layers(net, 1) == 2
    frozen_features.freeze(net, 1)
    net.train()
    assert [part.wide[1].training for part in net.features[::2]] == [False, True]
