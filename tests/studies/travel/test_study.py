"""The study on synthetic cells: its parts, what is kept, and the tables and figure that are made from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.travel import cells, figure, report, study
from bench.travel import measure as scores
from bench.travel.__main__ import main
from edgewbc.bundle.bundle import seal
from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.utils.files import read_json, write_json
from tests.tiny import make_bundle


def run(bundle: Path, tmp_path: Path, **more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"shots": (2, 5), "repeats": 2, **more}
    return study.run(tmp_path, [bundle], tmp_path / "work", tmp_path / "travel.json", **options)


@pytest.fixture(scope="module")
def measured(manifests: dict[str, Manifest], bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the results of a bundle with both crops. Tests must not modify it."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "make", lambda source, folder, *, protocol: manifests[source])
        run(bundle, folder)
    return folder


@pytest.fixture
def results(measured: Path, sets: dict[str, Manifest], tmp_path: Path) -> dict[str, Any]:
    """Return those results, in a folder of the test's own that holds what the study keeps."""
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    return dict(read_json(tmp_path / "travel.json", "results"))


def test_parts(results: dict[str, Any], sets: dict[str, Manifest]) -> None:
    """Two crops on three sets; copies are left out; a class with one cell counts in accuracy and not in mean recall."""
    assert list(results["parts"]) == [
        f"tiny/{mode}/{name}" for mode in ("plain", "canonical") for name in ("pbc", "jtsc", "bccd")
    ]
    part = results["parts"]["tiny/canonical/jtsc"]
    zero = part["zero_shot"]
    assert zero["n"] == 3 * 14 + 1
    assert zero["macro_classes"] == ["neutrophil", "lymphocyte", "monocyte"]
    assert zero["macro"] == pytest.approx(sum(zero["per_class"][name]["recall"] for name in zero["macro_classes"]) / 3)
    low, high = zero["macro_interval"]
    assert low <= zero["macro"] <= high
    assert zero["accepted"]["n"] + zero["review"] + zero["unfamiliar"] == zero["n"]
    assert zero["wrong_accepted"]["of"] == zero["accepted"]["n"]
    assert part["manifest_sha256"] == sets["jtsc"].sha256
    assert list(part["few_shots"]) == ["2", "5"]
    assert part["few_shots"]["5"]["repeats"] == 2
    assert results["parts"]["tiny/plain/pbc"]["few_shots"] == {}
    assert {one["source"] for one in results["sets"].values()} == {"pbc", "jtsc", "bccd"}


def test_finished_parts_and_features_are_kept(
    results: dict[str, Any], sets: dict[str, Manifest], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again, nothing is computed; with another number of draws, the scores are, from the kept features."""
    lines: list[str] = []

    def fail(*args: object) -> None:
        raise AssertionError("features were computed again")

    monkeypatch.setattr(cells, "_compute", fail)
    assert run(bundle, tmp_path, say=lines.append) == results
    assert lines == []
    again = run(bundle, tmp_path, repeats=3, say=lines.append)
    assert len(lines) == 6
    assert again["parts"]["tiny/plain/jtsc"]["few_shots"]["2"]["repeats"] == 3
    assert again["parts"]["tiny/plain/jtsc"]["zero_shot"] == results["parts"]["tiny/plain/jtsc"]["zero_shot"]


def test_a_bundle_of_canonical_crops_and_eight_classes(
    results: dict[str, Any], manifests: dict[str, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is measured once, in-domain on the split of eight classes; parts of other bundles stay in the results."""
    asked: list[tuple[str, str]] = []

    def make(source: str, folder: Path, *, protocol: str) -> Manifest:
        asked.append((source, protocol))
        return manifests[source]

    monkeypatch.setattr(study, "make", make)
    pixels = PixelSpec(16, 16, "cell", 40, reference=Reference(12.0, (240.0, 240.0, 240.0), (0.8, 1.2, 0.4)))
    make_bundle(tmp_path / "eight", (*CLASSES, *OTHER_CLASSES), spec=pixels, name="eight", data={"source": "pbc"})
    found = run(tmp_path / "eight", tmp_path)
    assert asked == [("pbc", "published8"), ("jtsc", "external"), ("bccd", "external")]
    assert list(found["parts"]) == [*results["parts"], "eight/trained/pbc", "eight/trained/jtsc", "eight/trained/bccd"]
    part = found["parts"]["eight/trained/jtsc"]
    assert part["zero_shot"]["macro_classes"] == ["neutrophil", "lymphocyte", "monocyte"]
    assert len(part["zero_shot"]["confusion"]) == 8
    assert found["parts"]["tiny/plain/pbc"] == results["parts"]["tiny/plain/pbc"]


def test_a_set_that_was_trained_on_is_not_external(
    sets: dict[str, Manifest], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle trained on pbc and bccd is measured on pbc's test split and on jtsc."""
    values = read_json(bundle / "manifest.json", "a manifest")
    other = tmp_path / "both"
    other.mkdir()
    for file in bundle.rglob("*"):
        if file.is_file():
            (other / file.relative_to(bundle)).parent.mkdir(parents=True, exist_ok=True)
            (other / file.relative_to(bundle)).write_bytes(file.read_bytes())
    write_json(other / "manifest.json", {**values, "data": {"source": "pbc+bccd"}})
    seal(other)
    lines: list[str] = []
    found = run(other, tmp_path, shots=(), say=lines.append)
    assert {part["set"] for part in found["parts"].values()} == {"pbc", "jtsc"}
    assert lines[-1] == "tiny/canonical on bccd: left out, since it was trained on bccd"


def test_page_says_that_a_bundle_was_renewed(results: dict[str, Any], bundle: Path) -> None:
    """What is accepted depends on thresholds and familiarity, which stand in its manifest."""
    assert "were renewed" not in report.markdown(results, bundle.parent)
    for part in results["parts"].values():
        part["manifest_json_sha256"] = "0" * 64
    assert "renewed after this was measured: `tiny`; labels or what is accepted" in report.markdown(
        results, bundle.parent
    )
    for part in results["parts"].values():
        part["model_sha256"] = "0" * 64
    assert "`tiny` (its network, too)" in report.markdown(results, bundle.parent)


def test_tables_and_figure(results: dict[str, Any], tmp_path: Path) -> None:
    """A row for each part, four for each part on an external set, and a figure that names every line."""
    pytest.importorskip("matplotlib")
    results["seeds"] = {
        "recipe": {
            "model_sha256": ["a", "b"],
            "sets": {"jtsc": {"macro": {"mean": 0.8512, "deviation": 0.01, "low": 0.84, "high": 0.86}}},
        }
    }
    page = report.markdown(results)
    lines = [line for line in page.splitlines() if line.startswith("| tiny")]
    assert len(lines) == 6 + 6 + 16
    assert len({line.count("|") for line in lines[:6]}) == 1
    assert "| tiny, own crop | pbc, in-domain |" in page
    assert "recipe, 2 trainings with different seeds, mean recall without labels: jtsc 85.1 +- 1.0 %." in page
    assert "2 draws" in page
    assert "jtsc: neutrophil, lymphocyte, monocyte" in page
    assert "wrong among accepted" in report.text(results)
    assert figure.drawable(results)
    figure.draw(results, tmp_path / "travel.svg")
    drawn = (tmp_path / "travel.svg").read_text()
    assert drawn.count("tiny, canonical crop, not trained on it") == 1
    assert "in-domain" in drawn
    figure.draw(results, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == drawn
    own = {key: part for key, part in results["parts"].items() if part["home"]}
    assert not figure.drawable({"parts": own})


def test_command(sets: dict[str, Manifest], bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON on stdout is the file; without the folder of the sets it exits with 2 and one line."""
    options = [str(bundle), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "t.json"), "--shots"]
    assert main([*options, "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_json(tmp_path / "t.json", "results")


def test_command_needs_the_sets(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)
    assert main([str(bundle)]) == 2
    assert "--data or EDGEWBC_DATA" in capsys.readouterr().err


def test_another_crop_is_an_error(sets: dict[str, Manifest], tmp_path: Path) -> None:
    """A bundle of whole images has no canonical crop to compare with."""
    make_bundle(tmp_path / "whole")
    with pytest.raises(UserError, match="its crop is whole"):
        run(tmp_path / "whole", tmp_path)


def test_seeds_of_a_recipe(sets: dict[str, Manifest], tmp_path: Path) -> None:
    """Two runs of a recipe give a mean and a standard deviation for each set."""
    pytest.importorskip("torch")
    from tests.labeled import make_run

    for number in (0, 1):
        make_run(tmp_path / f"run{number}")
    found = study.seeds([tmp_path / "run0", tmp_path / "run1"], study.Sets(tmp_path))
    assert sum(len(one["model_sha256"]) for one in found.values()) == 2
    assert set(next(iter(found.values()))["sets"]) == {"pbc", "jtsc", "bccd"}


def test_counted_classes_have_enough_cells() -> None:
    import numpy as np

    labels = np.array([0] * 12 + [1] * 11 + [3] * 40)
    assert scores.counted_classes(labels).tolist() == [0, 3]
