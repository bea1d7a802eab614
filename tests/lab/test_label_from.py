"""Where a bundle takes labels from the mean of its views, everything on the lab side gives that label."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.calibration import Calibration
from edgewbc.lab import pick_folder
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.explain import Explainer
from edgewbc.lab.journal import Journal
from edgewbc.lab.watch import watch
from tests import averaged
from tests.averaged import MEAN, UPRIGHT, averaged_bundle

TEMPERATURE = 0.25


@pytest.fixture(scope="module")
def mean(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    calibration = Calibration(TEMPERATURE).to_json()
    return averaged_bundle(tmp_path_factory.mktemp("mean") / "b", calibration=calibration)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return averaged.write(tmp_path_factory.mktemp("cells"))


def named(bundle: Bundle, indices: tuple[int, ...]) -> list[str]:
    return [bundle.classes[index] for index in indices]


def test_classify_gives_the_label_of_the_mean(mean: Bundle, paths: list[Path], tmp_path: Path) -> None:
    """Two cells have another label than by the upright view, which a bundle that says so still gives."""
    assert [row.label for row in Classifier(mean.path, threads=1).classify(paths)] == named(mean, MEAN)
    upright = averaged_bundle(tmp_path / "upright", "upright")
    assert [row.label for row in Classifier(upright.path, threads=1).classify(paths)] == named(mean, UPRIGHT)


def test_a_watched_folder_gets_the_same_labels(mean: Bundle, paths: list[Path]) -> None:
    now = 0.0

    def step(_: object) -> bool:
        return now < 8

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    model = LoadedBundle.load(mean, threads=1)
    with Journal(None, model.settings) as journal:
        found = watch(model, journal, [str(paths[0].parent)], step=step, clock=lambda: now, sleep=sleep)
        labels = {Path(row.path).name: row.label for (row,) in found}
    assert [labels[path.name] for path in paths] == named(mean, MEAN)


def test_explained_cells_have_the_same_labels(mean: Bundle) -> None:
    explainer = Explainer(mean, threads=1)
    assert [explainer.cell(image).label for image in averaged.cells()[:3]] == named(mean, MEAN[:3])


def test_the_suggestion_for_a_picked_cell_is_the_label(mean: Bundle, paths: list[Path], tmp_path: Path) -> None:
    """With the probability that the table of `classify` has in the label's column."""
    picking = pick_folder.choose(mean, paths, 10, threads=1)
    rows = {row.path: row for row in Classifier(mean.path, threads=1).classify(paths)}
    assert len(picking.cells) == 10
    for cell in picking.cells:
        row = rows[str(cell.original)]
        assert cell.suggestion == row.label
        assert cell.probability == pytest.approx(row.probabilities[row.label], abs=2e-4)
    pick_folder.write(mean, picking, tmp_path / "to")
    with (tmp_path / "to" / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert {each["original"]: each["suggestion"] for each in csv.DictReader(file)} == {
            path: row.label for path, row in rows.items()
        }
