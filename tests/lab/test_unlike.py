"""Images unlike the training images go to review, wherever they are classified, and so does a folder of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.cells import CLASSES
from edgewbc.cli.main import app
from edgewbc.lab.classifier import Classifier
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.smear.appearance import measure
from edgewbc.synth.cells import draw_cell
from tests.tiny import encode, make_bundle

SPEC = PixelSpec(40, 40)


def cell(seed: int) -> Image:
    """A synthetic image of one cell, 80 x 80."""
    return draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 80)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle that knows 100 synthetic cells."""
    measured = [measure(prepare(cell(seed), SPEC)) for seed in range(100)]
    facts = TrainingImages.of(measured, [(80, 80)] * 100, {})
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    review = {"n": 100, "accepted": 99, "wrong": 0}
    return make_bundle(folder, size=(40, 40), training_images=facts.to_json(), review=review)


def test_arrays_and_files_alike(bundle: Bundle, tmp_path: Path) -> None:
    """A cell is ok; noise and swapped channels are for review, with what is unusual."""
    swapped = np.ascontiguousarray(cell(3)[..., ::-1])
    (tmp_path / "swapped.png").write_bytes(encode(swapped))
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    rows = Classifier(bundle.path, threads=1).classify([cell(200), noise, swapped, tmp_path / "swapped.png"])
    assert [str(row.status) for row in rows] == ["ok", "review", "review", "review"]
    assert all(row.reason.startswith("unlike the training images: ") for row in rows[1:])
    assert rows[2].reason == rows[3].reason


def test_a_bundle_without_facts_lets_everything_pass(tmp_path: Path) -> None:
    """Bundles of older versions work as before."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    old = make_bundle(tmp_path / "old", size=(40, 40))
    assert old.manifest.training_images is None
    assert str(Classifier(old.path, threads=1).classify(noise)[0].status) == "ok"


def folder(to: Path, *, blurred: bool) -> Path:
    """12 images of cells."""
    to.mkdir()
    for seed in range(12):
        image = cell(300 + seed)
        pixels = np.asarray(cv2.GaussianBlur(image, (0, 0), 12), np.uint8) if blurred else image
        (to / f"{seed:02d}.png").write_bytes(encode(pixels))
    return to


def test_a_folder_of_unlike_images_has_no_percentages(bundle: Bundle, tmp_path: Path) -> None:
    """One sentence on screen and a verdict in JSON; exit code 3 only with --strict. The rows are written as ever."""
    images, out = folder(tmp_path / "blurred", blurred=True), tmp_path / "rows.csv"
    common = ["classify", str(images), "--model", str(bundle.path), "--threads", "1"]
    shown = CliRunner().invoke(app, [*common, "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "need review. No differential is given." in shown.output
    assert "%" not in shown.output
    assert len(list(csv.DictReader(out.open(encoding="utf-8")))) == 12
    values = json.loads(CliRunner().invoke(app, [*common, "--json"]).stdout)
    assert values["verdict"]["unlike_training_images"] is True
    assert values["verdict"]["images"] == 12
    assert all(share["percent"] is None for share in values["differential"]["classes"].values())
    strict = CliRunner().invoke(app, [*common, "--strict"])
    assert getattr(strict.exception, "exit_code", strict.exit_code) == 3


def test_a_folder_of_cells_has_its_differential(bundle: Bundle, tmp_path: Path) -> None:
    """And --strict is content."""
    images = folder(tmp_path / "cells", blurred=False)
    common = ["classify", str(images), "--model", str(bundle.path), "--threads", "1"]
    done = CliRunner().invoke(app, [*common, "--json", "--strict"])
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["verdict"]["unlike_training_images"] is False
    assert values["verdict"]["message"] == ""
    assert any(share["percent"] for share in values["differential"]["classes"].values())
