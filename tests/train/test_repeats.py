"""The same training with several seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewbc import runs
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.train import recipe_file, repeats
from edgewbc.train import run as single
from edgewbc.train.history import EpochResult
from edgewbc.train.recipe import TrainRecipe
from tests.colored import make_manifest

OPTIONS = TrainRecipe.model_validate(
    {"name": "r", "weights": "none", "model": {"arch": "edgenet", "channels": ["/", 8]}, "fit": {"seed": 3}}
)


def epoch(accuracy: float) -> EpochResult:
    """Return an epoch with an accuracy."""
    return EpochResult(1, "grouped", 0.1, 0.5, 1 - accuracy, 10, round(10 * accuracy), accuracy, (0, 1), accuracy, 2.0)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A few colored cells."""
    return make_manifest(tmp_path / "cells", 2)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the training by one that only writes a lineage; return what was trained, and what was resumed."""
    done: list[str] = []

    def finish(run: Path, seed: int) -> None:
        runs.write_lineage(run, "train", validation=epoch(0.5 + 0.1 * seed).to_json())

    def train(options: TrainRecipe, data: Manifest, *, to: Path, **_: Any) -> Path:
        to.mkdir(parents=True)
        (to / "model.safetensors").write_bytes(b"weights")
        (to / single.RECIPE).write_text(recipe_file.write(options), encoding="utf-8")
        single.StartRecord.of(data).write(to)
        done.append(f"train {to.name}")
        finish(to, options.fit.seed)
        return to

    def resume(run: Path, data: Manifest, **_: Any) -> Path:
        done.append(f"resume {run.name}")
        finish(run, int(run.name[-1]))
        return run

    monkeypatch.setattr(single, "train", train)
    monkeypatch.setattr(single, "resume", resume)
    return done


def test_seeds_follow_the_recipes(manifest: Manifest, trained: list[str], tmp_path: Path) -> None:
    """Mean and spread are in the summary; the recipe's own seed is the first."""
    made = repeats.train(OPTIONS, manifest, 3, to=tmp_path / "s")
    assert trained == ["train s-seed3", "train s-seed4", "train s-seed5"]
    assert made.seeds == (3, 4, 5)
    assert made.accuracy.mean == pytest.approx(0.9)
    values = json.loads((tmp_path / "s-seeds.json").read_text(encoding="utf-8"))
    assert values == json.loads(json.dumps(made.to_json()))
    assert [each["seed"] for each in values["runs"]] == [3, 4, 5]


def test_the_same_command_continues_a_series(manifest: Manifest, trained: list[str], tmp_path: Path) -> None:
    """What is finished is kept, and what was interrupted is resumed."""
    repeats.train(OPTIONS, manifest, 2, to=tmp_path / "s")
    (tmp_path / "s-seed4" / runs.LINEAGE).unlink()
    trained.clear()
    repeats.train(OPTIONS, manifest, 3, to=tmp_path / "s")
    assert trained == ["resume s-seed4", "train s-seed5"]


def test_a_series_of_another_recipe_is_refused(manifest: Manifest, trained: list[str], tmp_path: Path) -> None:
    """Two recipes must not be averaged; nor is there a spread of one."""
    repeats.train(OPTIONS, manifest, 2, to=tmp_path / "s")
    other = OPTIONS.model_copy(update={"fit": OPTIONS.fit.model_copy(update={"lr": 0.5})})
    with pytest.raises(UserError, match="s-seed3: is a run of another recipe"):
        repeats.train(other, manifest, 2, to=tmp_path / "s")
    with pytest.raises(UserError, match="a spread needs at least 2 seeds"):
        repeats.train(OPTIONS, manifest, 1, to=tmp_path / "s")
