"""The study of a second source: what it writes, and the resumed trainings of its arms, on tiny synthetic sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import second_source, stages
from bench.console import RESULTS
from bench.second_source import Arm
from edgewbc.data.manifest import Manifest
from edgewbc.metrics import Accuracy
from edgewbc.utils.files import read_json
from tests import labeled


def test_an_arm_has_the_spread_of_its_seeds() -> None:
    """Mean 0.7 and deviation 0.1 * sqrt(2) of 0.6 and 0.8."""
    arm = Arm("pbc", 6000, (Accuracy(10, 9), Accuracy(10, 10)), (Accuracy(4, 2), Accuracy(4, 3)), (0.6, 0.8))
    values = arm.to_json()
    assert values["spread"]["mean"] == pytest.approx(0.7)
    assert values["spread"]["deviation"] == pytest.approx(0.1 * 2**0.5)
    assert str(arm) == "pbc: mean recall on the external set 70.0 +- 14.1; in-domain 9 of 10, 10 of 10"


def test_the_study_trains_each_arm_with_each_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two arms of two seeds; the recipes differ in the seed alone, and start from the given weights."""
    sets = {name: labeled.make_manifest(tmp_path / name, n=10, split="train") for name in ("pbc", "both")}  # type: ignore[arg-type]
    trained: list[tuple[str, int, str]] = []

    def train(folder: Path, recipe: object, manifest: Manifest, reporter: object) -> Path:
        fit = recipe.fit  # type: ignore[attr-defined]
        trained.append((folder.name, fit.seed, recipe.weights))  # type: ignore[attr-defined]
        assert (fit.epochs, fit.average) == (1, 0.998)
        return folder

    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    monkeypatch.setattr(second_source, "manifests", lambda data: {"pbc": sets["pbc"], "pbc + bccd": sets["both"]})
    monkeypatch.setattr(second_source, "make", lambda *args, **options: sets["pbc"])
    monkeypatch.setattr(stages, "train", train)
    monkeypatch.setattr(
        second_source, "measure", lambda run, manifest, split: (Accuracy(10, 9), 0.5 + int(run.name[-1]) / 10)
    )
    out = tmp_path / "out.json"
    arguments = [
        str(tmp_path),
        "--start",
        str(start),
        "--epochs",
        "1",
        "--runs",
        str(tmp_path / "r"),
        "--out",
        str(out),
    ]
    assert second_source.main(arguments) == 0
    assert trained == [(f"{arm}-{seed}", seed, str(start)) for arm in ("pbc", "pbc-bccd") for seed in (0, 1)]
    found = read_json(out, "the result")
    assert [arm["macro"] for arm in found["arms"]] == [[0.5, 0.6], [0.5, 0.6]]


def test_what_is_committed() -> None:
    """The second source helps on the external set with every seed and costs nothing in-domain; a guide quotes it."""
    alone, both = read_json(RESULTS / "second-source.json", "the result")["arms"]
    assert (alone["images"], both["images"]) == ("pbc", "pbc + bccd")
    assert min(both["macro"]) > max(alone["macro"])
    assert sum(each["correct"] for each in both["home"]) >= sum(each["correct"] for each in alone["home"])
    guide = (RESULTS.parent.parent / "docs" / "guide-training.md").read_text(encoding="utf-8")
    for arm in (alone, both):
        shown = f"{100 * arm['spread']['mean']:.1f} +- {100 * arm['spread']['deviation']:.1f} %"
        assert shown in guide
