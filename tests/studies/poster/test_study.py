"""bench.poster: the study on a few synthetic images with a tiny network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.poster import figure, study
from bench.poster import report as tables
from bench.poster.result import PosterResult
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.train import loop
from edgewbc.train.recipe import TrainRecipe
from edgewbc.utils.files import read_json
from tests.colored import make_manifest

OFF = {
    "rotate": 0, "scale": 0, "shift": 0, "brightness": 0, "contrast": 0, "saturation": 0, "color": 0, "blur": 0,
    "flip": False,
}  # fmt: skip


def tiny(part: study.Part) -> TrainRecipe:
    """Replace the shipped recipe: a thin network on small images, for one epoch."""
    fit = {"epochs": 1, "batch": 16, "lr": 1e-3, "precision": "f32", "augment": OFF, "workers": 1, "seed": part.seed}
    model = {"width": 0.13, "head": [8], "input": {"height": 32, "width": 32}}
    return TrainRecipe.model_validate(
        {"name": f"poster-{part.row.name}", "weights": "none", "model": model, "fit": fit}
    )


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A few original images, and a study of two rows, the first with two seeds."""
    monkeypatch.setattr(study, "recipe_of", tiny)
    judge = study.judge

    def quick(path: Path, manifest: Manifest, *, backend: str, precision: str | None = None) -> dict[str, Any]:
        """Evaluate the f32 network in place of an int8 bundle, which takes ten seconds to make."""
        found = judge(path, manifest, backend="torch", precision="f32")
        return found | {"precision": "int8"} if backend == "openvino" else found

    monkeypatch.setattr(study, "judge", quick)
    monkeypatch.setattr(study, "int8", lambda folder, manifest, work, reporter: folder)
    monkeypatch.setattr(study, "ROWS", (study.Row("gap", 0.99, "GAP", 2), study.Row("last", None, "last block")))
    return make_manifest(tmp_path / "originals", per_class=4)


def test_finished_parts_are_kept(originals: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in the third part and run again, the study trains the third and later parts only."""
    trainings: list[str] = []
    fit: Callable[..., Any] = loop.fit

    def counted(net: Any, spec: Any, options: Any, manifest: Manifest, run: Path, **more: Any) -> Any:
        trainings.append(run.name)
        if len(trainings) == 3:
            raise KeyboardInterrupt
        return fit(net, spec, options, manifest, run, **more)

    monkeypatch.setattr(loop, "fit", counted)
    out = tmp_path / "poster.json"
    with pytest.raises(KeyboardInterrupt):
        study.run(originals, tmp_path / "work", out, total=200)
    assert list(read_json(out, "")["parts"]) == ["gap-poster-s0", "gap-grouped-s0"]
    shutil.rmtree(tmp_path / "work" / "gap-poster-s0")  # the results are enough
    results = study.run(originals, tmp_path / "work", out, total=200)
    assert trainings == [
        "gap-poster-s0", "gap-grouped-s0", "last-poster-s0", "last-poster-s0", "last-grouped-s0", "gap-poster-s1",
        "gap-grouped-s1",
    ]  # fmt: skip
    assert results == read_json(out, "")
    study.run(originals, tmp_path / "work", out, total=200)
    assert len(trainings) == 7

    poster_side, grouped_side = (results["parts"][f"gap-{p}-s0"]["test"]["f32"] for p in study.PROTOCOLS)
    assert poster_side["n"] == 40
    assert poster_side["seen_in_train"] > 20
    assert grouped_side["seen_in_train"] == 0
    assert sum(c["originals"] for c in grouped_side["per_class"].values()) == grouped_side["originals"]
    assert results["parts"]["gap-poster-s0"]["test"]["int8"]["precision"] == "int8"
    assert "int8" not in results["parts"]["last-poster-s0"]["test"]
    assert results["parts"]["gap-poster-s1"]["test"]["f32"]["manifest_sha256"] != poster_side["manifest_sha256"]

    lines = tables.markdown(PosterResult.from_json(results)).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:6]] == [
        "| GAP",
        "| same network as an int8 bundle (OpenVINO)",
        "| same network, several seeds: mean +- standard deviation",
        "| last block",
    ]  # fmt: skip
    assert "(n = 2)" in lines[4]
    counts = f"`grouped`: {grouped_side['n']} images of {grouped_side['originals']} originals, 0 of them"
    assert counts in lines[-1]
    figure.draw(PosterResult.from_json(results), tmp_path / "a.svg")
    figure.draw(PosterResult.from_json(results), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert f"{100 * grouped_side['accuracy']:.1f}" in (tmp_path / "a.svg").read_text()


def test_results_of_another_set_are_refused(originals: Manifest, tmp_path: Path) -> None:
    """Results of a set of another size are refused and left as they are."""
    out = tmp_path / "poster.json"
    out.write_text('{"format": 1, "set": {"total": 7}, "parts": {}}')
    before = out.read_bytes()
    with pytest.raises(UserError, match="another set"):
        study.run(originals, tmp_path / "work", out, total=200)
    assert out.read_bytes() == before


def test_run_of_another_recipe_is_refused(originals: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder with another recipe than the part's is not used."""
    monkeypatch.setattr(study, "ROWS", (study.Row("last", None, "last block"),))
    part = study.parts()[0]
    study.run(originals, tmp_path / "work", tmp_path / "poster.json", total=200)
    monkeypatch.setattr(study, "recipe_of", lambda part: tiny(part).model_copy(update={"weights": "imagenet"}))
    with pytest.raises(UserError, match="another version of the recipe"):
        study.run(originals, tmp_path / "work", tmp_path / "other.json", total=200)
    assert (tmp_path / "work" / part.key / "lineage.json").exists()


def test_shipped_recipes_match_the_poster() -> None:
    """The numbers of trained weights are the poster's, and all rows have the same input and batch size."""
    import torch

    from edgewbc.cells import POSTER_CLASSES
    from edgewbc.nets import model
    from edgewbc.train import frozen_features

    trained: dict[str, int] = {}
    for part in study.parts():
        recipe = study.recipe_of(part)
        assert recipe.fit.seed == part.seed
        assert (recipe.model.input.height, recipe.model.input.width, recipe.fit.batch) == (72, 96, 32)
        with torch.device("meta"):  # sizes alone, without values
            net = model.build(recipe.model.spec(POSTER_CLASSES))
        frozen_features.freeze(net, recipe.fit.freeze_blocks)
        trained[part.row.name] = sum(p.numel() for p in net.parameters() if p.requires_grad)
    assert trained["gap"] == trained["scratch"] == 14_776_492
    assert trained["frozen"] == 61_804
    assert trained["last"] == 3 * (512 * 512 * 9 + 512) + 61_804
