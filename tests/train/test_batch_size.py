"""Tests of `fit.batch: auto`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.train import batch_size, recipe_file
from edgewbc.train import run as steps
from edgewbc.train.recipe import AUTO, Fit, TrainRecipe
from tests.colored import make_manifest
from tests.tiny_run import make_spec


def memory(images: int, each: float = 0.001) -> float | None:
    """Return the share of a memory that holds a thousand images."""
    return images * each if images * each <= 1 else None


def test_the_largest_size_leaves_a_fifth_of_the_memory() -> None:
    assert batch_size.largest(memory, limit=4096) == 512  # 1024 do not fit
    assert batch_size.largest(lambda n: memory(n, 0.8 / 64), limit=4096) == 64  # 64 take 80 %
    assert batch_size.largest(lambda n: memory(n, 0.81 / 64), limit=4096) == 32
    assert batch_size.largest(memory, limit=100) == 64
    assert batch_size.largest(memory, limit=1) == batch_size.LEAST
    with pytest.raises(UserError, match="8 images takes more than 80%"):
        batch_size.largest(lambda n: None, limit=64)


def test_a_cpu_has_a_fixed_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    spec = make_spec(("a", "b"))
    net, said = model.build(spec), list[str]()
    fit = Fit.model_validate({"batch": "auto"})
    assert batch_size.chosen(fit, net, spec, 6169, said.append).batch == 32
    assert batch_size.chosen(fit, net, spec, 40, said.append).batch == 8  # few images: at least some steps
    assert said == [f"fit.batch: {size} (auto; on a CPU its memory is not the limit)" for size in (32, 8)]
    assert batch_size.chosen(Fit(batch=5), net, spec, 40, said.append).batch == 5
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="one process"):
        batch_size.chosen(fit, net, spec, 40, said.append)


def test_it_is_read_and_written_as_a_word() -> None:
    fit = Fit.model_validate({"batch": "auto"})
    assert fit.batch == AUTO
    assert fit.model_dump(mode="json")["batch"] == "auto"
    assert Fit.model_validate(fit.model_dump(mode="json")) == fit
    assert Fit(batch=4).model_dump()["batch"] == 4
    for wrong in (0, -1, "some", 1.5):
        with pytest.raises(ValueError, match="batch"):
            Fit.model_validate({"batch": wrong})


def test_the_recipe_of_a_run_has_the_size_that_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    manifest = make_manifest(tmp_path / "images", per_class=4)
    model_options = {"channels": (8, "M", 8, "M"), "head": (), "input": {"height": 16, "width": 16}}
    fit = {"batch": "auto", "epochs": 1, "workers": 1}
    options = TrainRecipe.model_validate({"name": "x", "weights": "none", "model": model_options, "fit": fit})
    said: list[str] = []
    run = steps.train(options, manifest, to=tmp_path / "run", say=said.append)
    assert recipe_file.read(run / steps.RECIPE, TrainRecipe).fit.batch == 8
    assert any(line.startswith("fit.batch: 8 (auto") for line in said)
