"""Tests of `edgewbc.train.distributed` and of the loop in several processes: one training, as if in one process."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.train.losses import LabelLoss
from edgewbc.train.recipe import Fit
from tests.colored import make_manifest
from tests.train import together
from tests.train.together import Job

TOP = Path(__file__).resolve().parents[2]
RECIPE = """name: tiny
weights: none
model: {width: 0.125, head: [8], input: {height: 32, width: 32}}
fit: {epochs: 1, batch: 5, precision: f32}
"""
PLAIN: dict[str, Any] = {"epochs": 2, "lr": 5e-3, "precision": "f32", "workers": 1, "optimizer": "sgd"}
EVERYTHING = {
    **PLAIN, "optimizer": "adamw", "class_weights": 0.9, "focal": 1.0, "average": 0.5, "accumulate": 2, "balance": 0.8,
}  # fmt: skip
PAIRS = {"plain": PLAIN, "everything": EVERYTHING}


def two_processes(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Python in two processes on the CPU."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP)}
    return subprocess.run([*launch, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_two_processes_make_one_run(tmp_path: Path) -> None:
    """Two processes train one network: one run, printed once, with every validation image counted once."""
    make_manifest(tmp_path / "cells", 4).write(tmp_path / "m")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    ran = two_processes(tmp_path, "-m", "edgewbc", "train", "--recipe", "tiny.yaml", "--data", "m", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["best"]["val_n"] == 10
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["tiny"]
    assert ran.stderr.count("epoch 1:") == 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of trainings by two processes, with batches of 5."""
    folder = tmp_path_factory.mktemp("together")
    make_manifest(folder / "cells", 8, 24).write(folder / "m")
    halves = [Job(name, {**fit, "batch": 5}) for name, fit in PAIRS.items()]
    parts = [
        Job("normed", {**PLAIN, "batch": 5, "average": 0.5}, normed=True),
        Job("stopped", {**EVERYTHING, "batch": 5}, stop=True),
        Job("stopped", {**EVERYTHING, "batch": 5}, resume=True),
        Job("left", {**EVERYTHING, "batch": 5}, stop=True),
    ]
    together.write(folder / "jobs.json", [*halves, *parts])
    ran = two_processes(folder, "-m", "tests.train.together", str(folder))
    assert ran.returncode == 0, ran.stderr
    return folder


def weights(folder: Path, name: str, process: int = 0) -> dict[str, Tensor]:
    return load_file(folder / f"{name}.{process}.safetensors")


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest difference of a weight."""
    assert one.keys() == other.keys()
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_two_processes_equal_one_with_twice_the_batch(trained: Path, name: str) -> None:
    """The same images in the same augmentation, the same gradients, the same weights and the same metrics.

    Also with class weights (a mean by weights, over all images), gradients of several batches, balanced classes and a
    moving average.
    """
    alone = Job(f"{name}-alone", {**PAIRS[name], "batch": 10})
    together.run(trained, Manifest.read(trained / "m"), alone)
    one, two = weights(trained, alone.name), weights(trained, name)
    assert furthest(one, two) < 2e-5
    one_result, two_result = (json.loads((trained / f"{each}.json").read_text()) for each in (alone.name, name))
    assert two_result["epoch"] == one_result["epoch"]
    assert (two_result["val_n"], two_result["val_correct"]) == (one_result["val_n"], one_result["val_correct"])
    for key in ("train_loss", "val_loss"):
        assert two_result[key] == pytest.approx(one_result[key], rel=1e-4)
    lines = [(trained / each / "metrics.jsonl").read_text().count("\n") for each in (alone.name, name)]
    assert lines == [2, 2]


@pytest.mark.slow
def test_all_processes_hold_the_same_network(trained: Path) -> None:
    """With the statistics of batch normalization: what is validated by several is what the first one saves."""
    assert furthest(weights(trained, "normed", 0), weights(trained, "normed", 1)) == 0.0
    assert any("running" in name for name in weights(trained, "normed"))


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(trained: Path) -> None:
    """Stopped in the middle of an epoch by both processes, and resumed by both: bit for bit, and the same loss."""
    assert furthest(weights(trained, "stopped"), weights(trained, "everything")) == 0.0
    one, two = (json.loads((trained / f"{name}.json").read_text()) for name in ("stopped", "everything"))
    assert one["train_loss"] == two["train_loss"]


@pytest.mark.slow
def test_another_number_of_processes_is_refused(trained: Path) -> None:
    """Half of the batch would be another training."""
    with pytest.raises(UserError, match="trained by 2 processes: resume it with as many"):
        together.run(trained, Manifest.read(trained / "m"), Job("left", {**EVERYTHING, "batch": 5}, resume=True))


def test_class_weights_over_two_processes() -> None:
    """The mean of both parts is the loss of all images; without weights, each part is its own mean."""
    labels, rng = np.array([0] * 12 + [1] * 3 + [2]), np.random.default_rng(0)
    logits, target = torch.from_numpy(rng.normal(size=(8, 3))).float(), torch.tensor([0, 0, 0, 0, 1, 2, 0, 1])
    for knobs in ({"class_weights": 0.99}, {"class_weights": 0.99, "focal": 2.0}, {"focal": 2.0}, {}):
        options, device = Fit.model_validate(knobs), torch.device("cpu")
        whole = LabelLoss(options, labels, 3, device)
        found = whole(logits, target)
        own = [float(whole.weights[target[half]].sum()) if whole.weights is not None else 1.0 for half in HALVES]
        parts = LabelLoss(options, labels, 3, device, partial(_always, torch.tensor(math.fsum(own) / 2)))
        both = [float(parts(logits[half], target[half])) for half in HALVES]
        assert math.fsum(both) / 2 == pytest.approx(float(found), rel=1e-5)


HALVES = (slice(0, 4), slice(4, 8))


def _always(mean: Tensor, _: Tensor) -> Tensor:
    return mean
