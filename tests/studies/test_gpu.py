"""Tests of `bench.gpu`: arguments, arithmetic, and a tiny network on the CPU."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import gpu
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.metrics import Accuracy
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec

SPEC = ModelSpec("vgg16gap", ("dark", "light"), PixelSpec(32, 32), (8, "M", 8, "M"), ())


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Dark and light images, 16 for training and 8 for validation."""
    entries = []
    for number in range(24):
        label, split = SPEC.classes[number % 2], Split.TRAIN if number < 16 else Split.VAL
        pixels = np.full((32, 32, 3), 30 + number if label == "dark" else 220 - number, np.uint8)
        data = encode(pixels, ".png")
        (tmp_path / f"{number}.png").write_bytes(data)
        entries.append(Entry(f"{number}.png", label, f"g{number}", split, hashlib.sha256(data).hexdigest()))
    return Manifest(tmp_path, tuple(entries), SPEC.classes, Protocol.GROUPED, Provenance("folder", 0))


@pytest.mark.parametrize("feed", gpu.FEEDS)
def test_a_tiny_network_reaches_the_accuracy(manifest: Manifest, feed: str) -> None:
    """It stops at the accuracy; images/s, TFLOP/s and share belong together."""
    options = gpu.Options(feed, batch=4, epochs=30, accuracy=1.0, lr=0.01, workers=1)
    speed = gpu.train(manifest, SPEC, options, torch.device("cpu"), peak_tflops=2.0, untimed=2)
    assert speed.reached == Accuracy(8, 8)
    assert speed.epochs < 30
    assert speed.seconds_to_accuracy == speed.seconds > 0
    assert speed.images_per_second is not None
    macs = 32 * 32 * 3 * 8 * 9 + 16 * 16 * 8 * 8 * 9 + 8 * 2
    assert speed.tflops == pytest.approx(6 * macs * speed.images_per_second / 1e12)
    assert speed.peak_share == pytest.approx((speed.tflops or 0) / 2)
    assert speed.to_json()["reached"]["accuracy"] == 1
    assert f"data {feed}, not compiled" in str(speed)


def test_an_accuracy_that_is_not_reached(manifest: Manifest) -> None:
    options = gpu.Options(batch=16, epochs=1, accuracy=1.0, lr=1e-9)
    speed = gpu.train(manifest, SPEC, options, torch.device("cpu"))
    assert (speed.images_per_second, speed.tflops, speed.peak_share) == (None, None, None)
    assert (speed.seconds_to_accuracy, speed.epochs) == (None, 1)
    assert "100.0% not reached in 1 epochs" in str(speed)


def test_a_split_is_missing(manifest: Manifest) -> None:
    only = replace(manifest, entries=manifest.entries[:16])
    with pytest.raises(UserError, match="has no val images"):
        gpu.train(only, SPEC, gpu.Options(), torch.device("cpu"))


def test_arithmetic() -> None:
    assert gpu.teraflops(15_000_000_000, 1000) == pytest.approx(90)
    assert gpu.peak("NVIDIA H100 80GB HBM3") == 989
    assert gpu.peak("NVIDIA H100 PCIe") == 756
    assert gpu.peak("NVIDIA A10") == 125
    assert gpu.peak("NVIDIA GeForce RTX 4090") == 165
    assert gpu.peak("Tesla T4") is None
    assert [gpu.rate_at(step, 100) for step in (0, 4, 5)] == [0.2, 1.0, 1.0]
    assert gpu.rate_at(99, 100) < 0.001


def test_a_dry_run(manifest: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the CPU, both ways of feeding a tiny network run to their end, and nothing is written."""
    manifest.write(tmp_path / "m")
    out = tmp_path / "gpu.json"
    assert gpu.main([str(tmp_path / "m"), "--dry-run", "--out", str(out)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0].split()[-1] for line in lines[:2]] == ["device", "ahead"]
    assert "images/s" in lines[0]
    assert "nothing was written" in lines[-1]
    assert not out.exists()


def test_a_card_without_enough_memory(
    manifest: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names a smaller batch, and what was measured before is kept."""
    manifest.write(tmp_path / "m")
    trained: list[gpu.Options] = []

    def train(manifest: Manifest, spec: ModelSpec, options: gpu.Options, *_: object, **__: object) -> gpu.Speed:
        trained.append(options)
        if len(trained) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return gpu.Speed(options, 900.0, 80.0, 0.08, 60.0, 50.0, Accuracy(8, 8), 2)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(gpu, "train", train)
    out = tmp_path / "gpu.json"
    assert gpu.main([str(tmp_path / "m"), "--batch", "64", "--out", str(out)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "data device, not compiled: 900 images/s, 8.0% of the bf16 peak; 99.0% after 50.0 s"
    assert lines[1].startswith("NVIDIA H100 80GB HBM3: batches of 64 do not fit into its memory: try --batch 32")
    written = json.loads(out.read_text())
    assert (written["device"], written["peak_tflops"], len(written["trainings"])) == ("NVIDIA H100 80GB HBM3", 989, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert gpu.main([str(tmp_path / "m"), "--out", str(out)]) == 2
    assert "measures one GPU: start it without torchrun" in capsys.readouterr().err


def test_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CUDA: one line and exit code 2, and nothing is written."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([str(tmp_path), "--out", str(tmp_path / "gpu.json")]) == 2
    error = capsys.readouterr().err
    assert "needs a CUDA device" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "gpu.json").exists()
    for wrong in (["--accuracy", "99"], ["--batch", "0"], ["--data", "disk"]):
        with pytest.raises(SystemExit, match="2"):
            gpu.main([str(tmp_path), *wrong])
