"""Averaging over orientations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import orientations
from bench.orientations import OrientationRow
from edgewbc.bundle.bundle import Bundle
from edgewbc.data import images
from edgewbc.data.manifest import Split
from edgewbc.lab import cell_views
from edgewbc.metrics import Accuracy, McNemar
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from tests import labeled, tiny


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A tiny bundle in the folder `b`."""
    return tiny.make_bundle(tmp_path / "b")


def test_probabilities_of_all_orientations_are_averaged(bundle: Bundle, tmp_path: Path) -> None:
    """Every image is compared with its label twice: as it is, and by the mean over its eight orientations."""
    manifest = labeled.make_manifest(tmp_path / "m", n=40)
    row = orientations.measure(bundle, manifest, "test")
    entries = manifest.split("test")
    truth = images.truth(manifest, entries, bundle.classes)
    predictor = OpenVINOPredictor.from_bundle(bundle, "int8")
    seen = [image for batch in images.batches(manifest, entries, bundle.pixels, 7) for image in batch]
    every = np.stack([predictor(np.ascontiguousarray(cell_views.views(image))).probabilities for image in seen])
    assert every.shape == (40, 8, 5)
    alone, mean = every[:, 0].argmax(1) == truth, every.mean(1).argmax(1) == truth
    assert (row.one, row.mean) == (Accuracy(40, int(alone.sum())), Accuracy(40, int(mean.sum())))
    assert (row.test.b, row.test.c) == (int((mean & ~alone).sum()), int((alone & ~mean).sum()))
    assert row.wrong == tuple(str(entry.path) for entry, right in zip(entries, mean, strict=True) if not right)
    assert (row.orientations, row.split, row.model_sha256) == (8, "test", bundle.model_sha256("openvino", "int8"))


def test_table_gives_both_accuracies_with_intervals() -> None:
    """And how many images were gained and lost."""
    row = OrientationRow("wbc", "0" * 64, "test", Accuracy(200, 190), Accuracy(200, 194), 8, McNemar(5, 1, 0.22), ())
    assert OrientationRow.from_json(json.loads(json.dumps(row.to_json()))) == row
    cells = [cell.strip() for cell in orientations.table([row]).splitlines()[2].split("|")[1:-1]]
    assert cells == [
        *("wbc", "test", "190 of 200 (95.00 %)", "91.04-97.26 %", "194 of 200 (97.00 %)", "93.61-98.62 %"),
        *("5", "1", "0.22"),
    ]


def test_command_writes_what_the_page_shows(bundle: Bundle, tmp_path: Path) -> None:
    """A row a bundle and split."""
    made = labeled.make_manifest(tmp_path / "m", n=20)
    entries = tuple(
        replace(entry, split=Split.VAL if place < 8 else Split.TEST) for place, entry in enumerate(made.entries)
    )
    (made.root / "manifest.csv").unlink()
    replace(made, entries=entries).write(made.root)
    out = tmp_path / "o.json"
    assert orientations.main([str(bundle.path), "--data", str(made.root), "--out", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [(row["split"], row["one"]["n"], row["mean"]["n"]) for row in found["rows"]] == [
        ("val", 8, 8),
        ("test", 12, 12),
    ]
    assert f"manifest `{found['data']['manifest_sha256'][:12]}`" in orientations.section(found)
