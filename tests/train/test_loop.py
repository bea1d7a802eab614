"""The training loop."""

import math

import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import loop
from edgewbc.train.recipe import Distil, Fit
from edgewbc.train.teacher import Teacher
from tests.coloured import make_manifest
from tests.killed import Killed, at_batch

GENTLE = {"rotate": 20, "scale": 0.05, "shift": 0.0, "brightness": 0.02, "colour": 0.0, "saturation": 0.0, "blur": 0.0}


def options(**changes):
    return Fit.model_validate(
        {"epochs": 2, "batch": 8, "lr": 5e-3, "precision": "f32", "augment": GENTLE, "workers": 1, **changes}
    )


def network(manifest, seed=0):
    spec = ModelSpec(
        "vgg16gap",
        manifest.classes,
        PixelSpec(16, 16, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        (8, "M", 16, "M"),
        (12,),
        0.1,
    )
    torch.manual_seed(seed)
    return model.build(spec), spec


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_manifest(tmp_path_factory.mktemp("cells"), per_class=8)


def test_it_learns_colours(manifest, tmp_path):
    """On discs of five colours the network passes 85 % on validation, and the metrics file says so line by line."""
    net, spec = network(manifest)
    seen = []
    best = loop.fit(net, spec, options(epochs=14), manifest, tmp_path, report=seen.append)
    assert best["val_accuracy"] >= 0.85
    assert best["protocol"] == manifest.protocol
    assert [line["epoch"] for line in seen] == list(range(1, 15))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 14
    assert best["val_n"] == 20


def test_a_killed_training_resumes_to_the_same_weights(manifest, tmp_path):
    """Killed in the middle of an epoch and resumed, the weights are bit for bit those of an unbroken run."""
    unbroken, spec = network(manifest)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    loop.fit(unbroken, spec, options(), manifest, tmp_path / "a")

    broken, _ = network(manifest)
    with pytest.raises(Killed):
        loop.fit(broken, spec, options(checkpoint_minutes=1e-9), manifest, tmp_path / "b", progress=at_batch(2, 3))
    resumed, _ = network(manifest, seed=99)
    loop.fit(resumed, spec, options(), manifest, tmp_path / "b", resume=True)
    for name, value in unbroken.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_no_test_picture_is_read(tmp_path):
    """Training runs with every test picture gone."""
    manifest = make_manifest(tmp_path / "cells", per_class=4)
    for entry in manifest.split("test"):
        manifest.file(entry).unlink()
    net, spec = network(manifest)
    assert loop.fit(net, spec, options(epochs=1), manifest, tmp_path)["epoch"] == 1


def test_frozen_blocks_stay(manifest, tmp_path):
    """The weights of frozen blocks do not move; the others do; afterwards nothing is frozen."""
    net, spec = network(manifest)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loop.fit(net, spec, options(epochs=1, freeze_blocks=1), manifest, tmp_path)
    after = net.state_dict()
    assert torch.equal(after["features.0.weight"], before["features.0.weight"])
    assert not torch.equal(after["features.3.weight"], before["features.3.weight"])
    assert all(p.requires_grad for p in net.parameters())


def test_a_teacher_is_learnt_from(manifest, tmp_path):
    """With all weight on the teacher, a student that starts elsewhere halves its distance; the teacher stays."""
    teacher, spec = network(manifest)
    student, _ = network(manifest, seed=5)
    held = {name: value.clone() for name, value in teacher.state_dict().items()}
    lines = []
    loop.fit(
        student, spec, options(epochs=6), manifest, tmp_path, teacher=Teacher([(teacher, spec)], spec),
        distil=Distil(weight=1.0), report=lines.append,
    )  # fmt: skip
    assert lines[-1]["train_loss"] < 0.5 * lines[0]["train_loss"]
    assert all(torch.equal(held[name], value) for name, value in teacher.state_dict().items())


def test_patience_stops(manifest, tmp_path):
    """With a learning rate too small to move, training stops after the first epoch and `patience` more."""
    net, spec = network(manifest)
    lines = []
    frozen = options(epochs=30, lr=1e-30, weight_decay=0, patience=2)
    loop.fit(net, spec, frozen, manifest, tmp_path, report=lines.append)
    assert len(lines) == 3


def test_bfloat16_runs(manifest, tmp_path):
    """Autocast in bfloat16 trains to finite losses and float32 weights."""
    net, spec = network(manifest)
    best = loop.fit(net, spec, options(epochs=1, precision="bf16"), manifest, tmp_path)
    assert math.isfinite(best["train_loss"])
    assert {value.dtype for value in net.state_dict().values()} == {torch.float32}


def test_divergence_is_one_line(manifest, tmp_path):
    """A loss that is not finite ends in one line with the mend."""
    net, spec = network(manifest)
    with pytest.raises(UserError, match=r"not finite in epoch \d+: try a lower fit.lr"):
        loop.fit(net, spec, options(optimizer="sgd", lr=1e30, clip=0, epochs=3), manifest, tmp_path)


def test_another_manifest_is_refused(manifest, tmp_path):
    """A checkpoint of one manifest is not resumed on another."""
    net, spec = network(manifest)
    loop.fit(net, spec, options(epochs=1), manifest, tmp_path)
    other = make_manifest(tmp_path / "other", per_class=4, seed=3)
    with pytest.raises(UserError, match="another manifest"):
        loop.fit(net, spec, options(), other, tmp_path, resume=True)
