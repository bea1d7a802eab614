"""Tests of `edgewbc.train.lr_finder`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.train import lr_finder
from edgewbc.train.recipe import TrainRecipe
from tests.colored import make_manifest

RECIPE = {
    "name": "tiny", "weights": "none", "model": {"width": 0.125, "head": [8], "input": {"height": 32, "width": 32}},
    "fit": {"batch": 10, "precision": "f32", "workers": 1},
}  # fmt: skip


def test_the_loss_falls_and_then_rises(tmp_path: Path) -> None:
    """Rates grow by a constant factor; the suggestion is below the rate at which the loss is lowest."""
    manifest = make_manifest(tmp_path / "cells", 4)
    counted: list[tuple[int, int]] = []
    curve = lr_finder.find(
        TrainRecipe.model_validate(RECIPE), manifest, steps=20, low=1e-5, high=10,
        progress=lambda done, total: counted.append((done, total)),
    )  # fmt: skip
    assert curve.rates[0] == pytest.approx(1e-5)
    assert curve.rates[1] / curve.rates[0] == pytest.approx(10 ** (6 / 19))
    assert counted[-1][0] == len(curve.rates) == len(curve.losses) <= 20
    lowest = curve.rates[curve.losses.index(min(curve.losses))]
    assert curve.tenth == pytest.approx(lowest / 10)
    assert curve.rates[0] < curve.steepest <= lowest or lowest == curve.rates[0]
    assert curve.to_json()["suggested"] == curve.steepest


def test_the_suggestion_is_where_the_loss_falls_fastest() -> None:
    """On a known curve: flat, falling fastest about the fourth rate, and rising at the end."""
    rates = [10.0 ** (-6 + i / 2) for i in range(12)]
    losses = [2.0, 2.0, 1.9, 1.5, 1.0, 0.8, 0.75, 0.74, 0.8, 1.5, 3.0, 6.0]
    curve = lr_finder._curve(rates, losses, ended=True)
    assert curve.steepest == rates[3]
    assert curve.tenth == rates[7] / 10
    with pytest.raises(UserError, match="not finite after 3 steps"):
        lr_finder._curve(rates[:3], losses[:3], ended=True)
