"""bench.edge.search: training of tiny networks, and the search with invented accuracies."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.edge import search
from bench.edge.points import Point
from bench.stages import StageReporter
from edgewbc import runs
from edgewbc.bench.result import BenchResult
from edgewbc.errors import UserError
from edgewbc.train import run as steps
from edgewbc.train.recipe import PruneRecipe, TrainRecipe
from edgewbc.utils.files import read_json
from tests.bench.rows import result, row_json
from tests.colored import make_manifest

FIT = {"epochs": 1, "batch": 16, "lr": 1e-3, "precision": "f32", "workers": 1}


def tiny(point: Point) -> Any:
    """Replacements of the shipped recipes: thin networks on small images, for one epoch."""
    if point.pruned:
        return PruneRecipe.model_validate(
            {"name": "edge-prune", "keep_macs": point.keep, "fit": FIT, "round_to": 2, "images": 8}
        )
    archs = {
        "edgenet": {"arch": "edgenet", "channels": ["/", 8, "/", 8]},
        "vgg16gap": {"arch": "vgg16gap", "channels": [8, "M", 8, "M"], "head": [8]},
        "lite0": {"arch": "edgenet", "channels": ["/", 8, "/", 16]},
    }
    model = {**archs[point.family], "input": {"height": point.size, "width": point.size}}
    return TrainRecipe.model_validate({"name": f"edge-{point.family}", "weights": "none", "model": model, "fit": FIT})


RIGHT = {"lite0-112-100": 100, "edgenet-64-10": 90, "edgenet-80-10": 98, "vgg16gap-64-25": 99, "vgg16gap-80-25": 100}


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Look accuracies up instead of training; returns the evaluated runs in order."""
    found: list[str] = []

    def result(self: search.EdgeStudy, run: Path) -> dict[str, Any]:
        found.append(run.name)
        n = RIGHT.get(run.name.removesuffix("-scratch"), 99) - 4 * run.name.endswith("-scratch")
        scores = {"n": 100, "correct": n, "accuracy": n / 100, "interval": [0.8, 1.0]}
        return {
            "macs": 1e6, "parameters": 1000, "minutes": 1.0, "quantized": f"{run.name}-int8",
            "validation": {"f32": scores, "int8": scores},
        }  # fmt: skip

    monkeypatch.setattr(search.EdgeStudy, "result", result)
    monkeypatch.setattr(search.EdgeStudy, "trained", lambda self, point: self.work / point.key)
    monkeypatch.setattr(search.EdgeStudy, "scratch", lambda self, point: self.work / f"{point.key}-scratch")
    monkeypatch.setattr(search, "load", lambda *given, **more: None)
    facts = {"accuracy": 0.98 + search.HOLD, "correct": 98, "n": 100}
    reference = SimpleNamespace(accuracy=facts["accuracy"], to_json=lambda: facts)
    monkeypatch.setattr("bench.edge.search.evaluate.evaluate_loaded", lambda *given: (reference, None, None))
    line = [Point("x", size, keep) for keep in (0.1, 0.25) for size in (64, 80)]
    monkeypatch.setattr(
        search, "points", lambda family, classes: [Point(family, point.size, point.keep) for point in line]
    )
    return found


def test_search_and_resume(evaluated: list[str], tmp_path: Path) -> None:
    """The cheapest point within the limit is chosen in each family; points with results are not evaluated again."""
    manifest = make_manifest(tmp_path / "m", per_class=2)

    def run() -> dict[str, Any]:
        return search.run(
            manifest, tmp_path / "work", tmp_path / "edge.json", reference=tmp_path, families=("edgenet", "vgg16gap")
        )

    results = run()
    assert results["chosen"] == {"edgenet": "edgenet-80-10", "vgg16gap": "vgg16gap-64-10"}
    assert evaluated[0] == "lite0-112-100"
    assert evaluated[1:4] == ["edgenet-64-25", "edgenet-80-10", "edgenet-64-10"]
    assert evaluated[-4:] == ["vgg16gap-64-10-scratch", "lite0-96-100", "lite0-80-100", "lite0-64-100"]
    assert results == read_json(tmp_path / "edge.json", "")
    twin = results["points"]["vgg16gap-64-10"]["scratch"]["validation"]["int8"]
    assert twin["accuracy"] < results["points"]["vgg16gap-64-10"]["validation"]["int8"]["accuracy"]
    before = len(evaluated)
    assert run() == results
    assert len(evaluated) == before
    with pytest.raises(UserError, match=r"edge.json: contains results of another manifest"):
        search.run(
            make_manifest(tmp_path / "other", per_class=3), tmp_path / "work", tmp_path / "edge.json",
            reference=tmp_path,
        )  # fmt: skip


def test_points_are_trained_taught_and_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pruned point trains its teacher and the unpruned network first; `scratch` has its shape and epochs."""
    monkeypatch.setattr(search, "recipe_of", tiny)
    monkeypatch.setattr(search, "TEACHER", Point("lite0", 32, 1.0))
    manifest = make_manifest(tmp_path / "m", per_class=6)
    (tmp_path / "work").mkdir()
    reference = steps.train(tiny(Point("vgg16gap", 32, 1.0)), manifest, to=tmp_path / "reference")
    study = search.EdgeStudy(manifest, tmp_path / "work", reference, StageReporter())
    made = study.trained(Point("vgg16gap", 32, 0.5))
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == [
        "lite0-32-100",
        "vgg16gap-32-100",
        "vgg16gap-32-50",
    ]
    lineage = runs.lineage(made).values
    assert [each["run"] for each in lineage["teachers"]] == ["lite0-32-100"]
    assert lineage["kept"]["macs"] <= 0.55
    twin = study.scratch(Point("vgg16gap", 32, 0.5))
    assert runs.spec(twin).channels == runs.spec(made).channels
    recipe = runs.lineage(twin).values["recipe"]
    assert (recipe["weights"], recipe["fit"]["epochs"]) == ("none", 1)


def test_points_are_timed_once(evaluated: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All points are rows of one benchmark, named by their keys; a second call measures nothing."""
    manifest = make_manifest(tmp_path / "m", per_class=2)
    work, out = tmp_path / "work", tmp_path / "edge.json"
    results = search.run(manifest, work, out, reference=tmp_path, families=("vgg16gap",))
    calls: list[list[Path]] = []

    def bench(paths: list[Path], *given: Any, **more: Any) -> BenchResult:
        calls.append(paths)
        return result(*(row_json(model=path.name) for path in paths), row_json("f32", model="vgg16gap-224"))

    monkeypatch.setattr("bench.edge.search.runner.bench", bench)
    results = search.measure(results, manifest, work, out, reporter=StageReporter())
    assert [path.name for path in calls[0]] == [f"{key}-int8" for key in results["points"]]
    search.measure(results, manifest, work, out, reporter=StageReporter())
    assert len(calls) == 1
    assert read_json(out, "")["bench"]["rows"][-1]["model"] == "vgg16gap-224"
