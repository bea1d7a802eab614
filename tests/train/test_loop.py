"""Tests of `edgewbc.train.loop`."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.network import Network
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from edgewbc.train import checkpoint, loop
from edgewbc.train.history import METRICS, EpochResult
from edgewbc.train.recipe import Distil, Fit
from edgewbc.train.teacher import Teacher
from tests.colored import make_manifest
from tests.killed import Killed, at_batch

GENTLE = {"rotate": 20, "scale": 0.05, "shift": 0.0, "brightness": 0.02, "color": 0.0, "saturation": 0.0, "blur": 0.0}


def options(**changes: Any) -> Fit:
    """Two epochs with weak augmentation, unless changed."""
    return Fit.model_validate(
        {"epochs": 2, "batch": 8, "lr": 5e-3, "precision": "f32", "augment": GENTLE, "workers": 1, **changes}
    )


def network(manifest: Manifest, seed: int = 0) -> tuple[Network, ModelSpec]:
    """A small network with random weights."""
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
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Discs of five colors, 8 training images per class."""
    return make_manifest(tmp_path_factory.mktemp("cells"), per_class=8)


def read_metrics(run: Path) -> list[EpochResult]:
    """Read metrics.jsonl of a run folder."""
    return [EpochResult.from_json(json.loads(line)) for line in (run / METRICS).read_text().splitlines()]


def test_it_learns(manifest: Manifest, tmp_path: Path) -> None:
    """On discs of five colors, validation accuracy exceeds 85 %, and every epoch is reported and written."""
    net, spec = network(manifest)
    epochs: list[EpochResult] = []
    best = loop.fit(net, spec, options(epochs=14), manifest, tmp_path, report=epochs.append)
    assert best.val_accuracy >= 0.85
    assert (best.protocol, best.val_n) == (manifest.protocol, 20)
    assert best == max(epochs, key=lambda each: (each.val_accuracy, -each.val_loss))
    assert [each.epoch for each in epochs] == list(range(1, 15))
    assert read_metrics(tmp_path) == epochs


def assert_same_weights(net: Network, expected: Network) -> None:
    """Assert that two networks have the same weights, bit for bit."""
    for name, value in expected.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_killed_training_resumes_to_the_same_weights(manifest: Manifest, tmp_path: Path, average: float) -> None:
    """Killed in the middle of an epoch and resumed, the weights are those of an uninterrupted run, bit for bit."""
    unbroken, spec = network(manifest)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    loop.fit(unbroken, spec, options(average=average), manifest, tmp_path / "a")

    broken, _ = network(manifest)
    often = options(average=average, checkpoint_minutes=1e-9)
    with pytest.raises(Killed):
        loop.fit(broken, spec, often, manifest, tmp_path / "b", progress=at_batch(2, 3))
    resumed, _ = network(manifest, seed=99)
    loop.fit(resumed, spec, options(average=average), manifest, tmp_path / "b", resume=True)
    assert_same_weights(resumed, unbroken)


def test_the_average_of_the_weights_is_kept(manifest: Manifest, tmp_path: Path) -> None:
    """Weights of a moving average with decay 0.5 are those that its recursion gives from the weights of each step.

    The decay is lower in the first steps: n of 9 + n.
    """
    net, spec = network(manifest)
    steps: list[torch.Tensor] = []
    name = "features.0.weight"
    trainer = loop.Trainer(net, spec, options(epochs=1, average=0.5), manifest, tmp_path)
    trainer.progress = lambda *_: steps.append(net.state_dict()[name].clone())
    trainer.train()
    expected = steps[0]
    for number, step in enumerate(steps[1:], start=1):
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * step
    torch.testing.assert_close(net.state_dict()[name], expected)
    assert not torch.equal(steps[-1], expected)


def test_failed_validation_costs_no_epoch(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If validation fails, the epoch is in the checkpoint: resumed, no batch is repeated and the result is the same."""
    unbroken, spec = network(manifest)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    loop.fit(unbroken, spec, options(epochs=1), manifest, tmp_path / "a")

    def unreadable(trainer: loop.Trainer) -> EpochResult:
        raise UserError("val.png: cannot be read")

    broken, _ = network(manifest)
    validate = loop.Trainer.validate
    monkeypatch.setattr(loop.Trainer, "validate", unreadable)
    with pytest.raises(UserError, match=r"val\.png"):
        loop.fit(broken, spec, options(epochs=1), manifest, tmp_path / "b")
    monkeypatch.setattr(loop.Trainer, "validate", validate)
    assert (tmp_path / "b" / checkpoint.NAME).is_file()
    resumed, _ = network(manifest, seed=99)
    batches: list[tuple[int, int, int]] = []
    loop.fit(
        resumed, spec, options(epochs=1), manifest, tmp_path / "b", resume=True,
        progress=lambda *batch: batches.append(batch),
    )  # fmt: skip
    assert batches == []
    assert_same_weights(resumed, unbroken)
    first, second = (read_metrics(tmp_path / name)[0] for name in "ab")
    assert (first.train_loss, first.val_loss) == (second.train_loss, second.val_loss)


def test_test_split_is_not_read(tmp_path: Path) -> None:
    """Training works with all test images deleted."""
    manifest = make_manifest(tmp_path / "cells", per_class=4)
    for entry in manifest.split("test"):
        manifest.file(entry).unlink()
    net, spec = network(manifest)
    assert loop.fit(net, spec, options(epochs=1), manifest, tmp_path).epoch == 1


def test_frozen_blocks_keep_their_weights(manifest: Manifest, tmp_path: Path) -> None:
    """Frozen weights do not change, others do, and afterwards no parameter is frozen."""
    net, spec = network(manifest)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loop.fit(net, spec, options(epochs=1, freeze_blocks=1), manifest, tmp_path)
    after = net.state_dict()
    assert torch.equal(after["features.0.weight"], before["features.0.weight"])
    assert not torch.equal(after["features.3.weight"], before["features.3.weight"])
    assert all(p.requires_grad for p in net.parameters())


def test_student_approaches_its_teacher(manifest: Manifest, tmp_path: Path) -> None:
    """With only the soft loss, a student with other weights halves its loss; the teacher does not change."""
    teacher, spec = network(manifest)
    student, _ = network(manifest, seed=5)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    epochs: list[EpochResult] = []
    loop.fit(
        student, spec, options(epochs=6), manifest, tmp_path, teacher=Teacher([(teacher, spec)], spec),
        distil=Distil(weight=1.0), report=epochs.append,
    )  # fmt: skip
    assert epochs[-1].train_loss < 0.5 * epochs[0].train_loss
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_patience_stops_the_training(manifest: Manifest, tmp_path: Path) -> None:
    """Without any improvement, training stops `patience` epochs after the first."""
    net, spec = network(manifest)
    epochs: list[EpochResult] = []
    frozen = options(epochs=30, lr=1e-30, weight_decay=0, patience=2)
    loop.fit(net, spec, frozen, manifest, tmp_path, report=epochs.append)
    assert len(epochs) == 3


def test_bfloat16(manifest: Manifest, tmp_path: Path) -> None:
    """With bfloat16 autocast, the loss is finite and the weights stay float32."""
    net, spec = network(manifest)
    best = loop.fit(net, spec, options(epochs=1, precision="bf16"), manifest, tmp_path)
    assert math.isfinite(best.train_loss)
    assert {value.dtype for value in net.state_dict().values()} == {torch.float32}


def test_divergence_is_an_error(manifest: Manifest, tmp_path: Path) -> None:
    """A loss that is not finite is an error that suggests a lower learning rate."""
    net, spec = network(manifest)
    with pytest.raises(UserError, match=r"not finite in epoch \d+: try a lower fit.lr"):
        loop.fit(net, spec, options(optimizer="sgd", lr=1e30, clip=0, epochs=3), manifest, tmp_path)


def test_resume_of_another_network_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    """Weights that fit do not make it the same network: here the pixels are scaled in another way."""
    net, spec = network(manifest)
    loop.fit(net, spec, options(epochs=1), manifest, tmp_path)
    other = replace(spec, pixels=replace(spec.pixels, mean=(0.5, 0.5, 0.5)))
    with pytest.raises(UserError, match=r"model\.json: damaged or changed since the checkpoint"):
        loop.fit(net, other, options(), manifest, tmp_path, resume=True)


def test_resume_on_another_manifest_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    """A checkpoint is only resumed on the manifest that it was made on."""
    net, spec = network(manifest)
    loop.fit(net, spec, options(epochs=1), manifest, tmp_path)
    other = make_manifest(tmp_path / "other", per_class=4, seed=3)
    with pytest.raises(UserError, match="another manifest"):
        loop.fit(net, spec, options(), other, tmp_path, resume=True)


def test_gradients_of_batches_are_added(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is taken after every third batch and after the last, with the mean of the gradients; none before."""
    net, spec = network(manifest)
    trainer = loop.Trainer(net, spec, options(epochs=1, accumulate=3, clip=0), manifest, tmp_path)
    trainer.prepare()
    weight = net.get_parameter("features.0.weight")
    gradients: list[torch.Tensor] = []
    stepped: list[int] = []
    monkeypatch.setattr(trainer.optimizer, "step", lambda: stepped.append(trainer.state.batch))
    trainer.progress = lambda *_: gradients.append(torch.clone(weight.grad)) if weight.grad is not None else None
    trainer.train_epoch()
    assert (len(gradients), stepped) == (5, [2, 4])
    assert torch.equal(weight.grad if weight.grad is not None else torch.zeros(1), gradients[4])
    alone, _ = network(manifest)
    single = loop.Trainer(alone, spec, options(epochs=1, clip=0), manifest, tmp_path)
    single.prepare()
    monkeypatch.setattr(single.optimizer, "step", lambda: None)
    each: list[torch.Tensor] = []
    lone = alone.get_parameter("features.0.weight")
    single.progress = lambda *_: each.append(torch.clone(lone.grad)) if lone.grad is not None else None
    single.train_epoch()
    torch.testing.assert_close(gradients[2], (each[0] + each[1] + each[2]) / 3)
    torch.testing.assert_close(gradients[4], (each[3] + each[4]) / 2)


@pytest.mark.parametrize(
    "knobs", [{"mixup": 0.4, "cutmix": 1.0}, {"focal": 2.0, "class_weights": 0.9, "accumulate": 2}]
)
def test_knobs_resume_to_the_same_weights(manifest: Manifest, tmp_path: Path, knobs: dict[str, float]) -> None:
    """With mixed images and other losses, a resumed training ends with the weights of an uninterrupted one."""
    unbroken, spec = network(manifest)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    loop.fit(unbroken, spec, options(epochs=1, **knobs), manifest, tmp_path / "a")
    broken, _ = network(manifest)
    often = options(epochs=1, checkpoint_minutes=1e-9, **knobs)
    with pytest.raises(Killed):
        loop.fit(broken, spec, often, manifest, tmp_path / "b", progress=at_batch(1, 4))
    resumed, _ = network(manifest, seed=99)
    loop.fit(resumed, spec, options(epochs=1, **knobs), manifest, tmp_path / "b", resume=True)
    assert_same_weights(resumed, unbroken)


def test_mixing_is_not_for_teachers(manifest: Manifest, tmp_path: Path) -> None:
    """A teacher would predict images that the student does not see."""
    net, spec = network(manifest)
    guide = object()  # refused before it is used
    with pytest.raises(UserError, match="fit.mixup and fit.cutmix: a teacher predicts images as they are"):
        loop.Trainer(net, spec, options(mixup=0.2), manifest, tmp_path, teacher=guide)  # type: ignore[arg-type]
