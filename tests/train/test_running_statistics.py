"""Tests of `edgewbc.train.running_statistics`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgewbc.nets import model
from edgewbc.nets.spec import ARCHITECTURES, ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.train import loop
from edgewbc.train.recipe import Fit
from edgewbc.train.running_statistics import RunningStatistics
from tests.colored import make_manifest


def test_the_start_is_forgotten_soon() -> None:
    """After 8 steps, statistics that began at 100 are those of the batches; with 1 % a step they would be 92."""
    layer = nn.BatchNorm2d(1, momentum=0.01)
    assert layer.running_mean is not None
    layer.running_mean.fill_(100)
    statistics = RunningStatistics(nn.Sequential(layer))
    for step in range(8):
        statistics.before(step)
        layer(torch.full((2, 1, 3, 3), float(step)))
    assert float(layer.running_mean) == pytest.approx(6.05, abs=0.5)  # between the mean 3.5 and the last batch, 7


def test_a_long_training_has_the_layers_own_weight() -> None:
    """9 / (10 + step) until it falls below; `restore` gives the own weight again; averages over all are left alone."""
    own, average = nn.BatchNorm2d(1, momentum=0.1), nn.BatchNorm2d(1, momentum=None)
    statistics = RunningStatistics(nn.Sequential(own, average))
    for step, expected in ((0, 0.9), (20, 0.3), (79, 9 / 89), (81, 0.1), (10_000, 0.1)):
        statistics.before(step)
        assert (own.momentum, average.momentum) == (expected, None)
    statistics.before(0)
    statistics.restore()
    assert own.momentum == 0.1


def test_a_short_training_predicts_as_it_learned(tmp_path: Path) -> None:
    """A few steps from statistics of other images: better than chance, which is all that it was with 1 % a step."""
    manifest = make_manifest(tmp_path / "cells", per_class=8)
    kind = ARCHITECTURES["edgenet"]
    channels = tuple(8 if isinstance(each, int) else each for each in kind.channels)
    spec = ModelSpec("edgenet", manifest.classes, PixelSpec(32, 32), channels, (), form="bn")
    torch.manual_seed(0)
    net = model.build(spec)
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 0.01
        assert norm.running_mean is not None
        norm.running_mean.fill_(5)
    fit = Fit.model_validate({"epochs": 3, "batch": 8, "lr": 5e-3, "precision": "f32", "workers": 1, "warmup": 0})
    best = loop.fit(net, spec, fit, manifest, tmp_path)
    assert best.val_accuracy > 0.4
    assert best.val_loss < best.train_loss
    assert {norm.momentum for norm in norms} == {0.01}
