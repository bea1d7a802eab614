"""Tests of `edgewbc.data.label_audit`."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc import runs
from edgewbc.cells import CLASSES
from edgewbc.data import label_audit
from edgewbc.data.features import FeatureNetwork, SawLabels, TrainingOverlap
from edgewbc.data.label_audit import LabelAudit, LabelAuditOptions
from edgewbc.data.label_issues import Judged, Judgment
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.errors import UserError
from edgewbc.metrics import score
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.colored import make_manifest

HEADER = "path,box,split,group,given,suggested,p_given,p_suggested,quality,flagged,rank"


def audited(root: Path, answer: str = "no", n: int = 3) -> LabelAudit:
    """Return a finished audit of images `0.png`, `1.png`, ... in which the first cell is flagged."""
    entries = [
        Entry(f"{i}.png", "monocyte", f"g,{i}", Split.TEST, "ab", (1, 2, 30, 40.5) if i else None) for i in range(n)
    ]
    cells = tuple(
        Judged(e, "monocyte", "monocyte" if i else "neutrophil", 0.9 if i else 0.125, 0.9 if i else 0.875,
               0.9 if i else 0.125, not i, i + 1, i)
        for i, e in enumerate(entries)
    )  # fmt: skip
    names = ("neutrophil", "monocyte")
    judgment = Judgment(cells, 2, n, 0.01, score([1] * n, [0] + [1] * (n - 1), names))
    manifest = Manifest(root, tuple(entries), names, Protocol.GROUPED, Provenance("folder"))
    training = TrainingOverlap(SawLabels(answer), "recorded so")
    network = FeatureNetwork("mine", ModelSpec("vgg16gap", names, PixelSpec(8, 8), (8,), ()), None, training)
    return LabelAudit(manifest, network, judgment, 0, True)


def make_run(folder: Path, **facts: Any) -> None:
    """Write a run folder of a shallow network with random weights, which suffices to tell colors apart."""
    import torch

    from edgewbc.nets import model

    torch.manual_seed(0)
    spec = ModelSpec("vgg16gap", CLASSES, PixelSpec(32, 32), (16, "M", 16, "M", 16), (4,))
    folder.mkdir(parents=True)
    model.save(folder, model.build(spec), spec)
    runs.write_lineage(folder, "train", **facts)


def test_the_csv_has_every_cell_by_rank(tmp_path: Path) -> None:
    """Probabilities have six decimals, boxes are as in the manifest, names with commas are quoted."""
    assert audited(tmp_path).to_csv() == (
        f"{HEADER}\n"
        '0.png,,test,"g,0",monocyte,neutrophil,0.125000,0.875000,0.125000,yes,1\n'
        '1.png,1 2 30 40.5,test,"g,1",monocyte,monocyte,0.900000,0.900000,0.900000,no,2\n'
        '2.png,1 2 30 40.5,test,"g,2",monocyte,monocyte,0.900000,0.900000,0.900000,no,3\n'
    )


def test_the_json_has_the_flagged_cells(tmp_path: Path) -> None:
    """It has protocol, hash, features, accuracy, pairs and flagged cells, and no absolute path."""
    found = audited(tmp_path)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (told["protocol"], told["manifest_sha256"], told["folds"]) == ("grouped", found.manifest.sha256, 2)
    assert told["features"]["network"] == "mine"
    assert told["features"]["saw_these_labels"] == "no"
    assert told["warning"] is None
    assert (told["out_of_fold"]["n"], told["out_of_fold"]["correct"]) == (3, 2)
    assert 0 < told["out_of_fold"]["interval"][0] < told["out_of_fold"]["interval"][1] < 1
    assert (told["flagged"], told["pairs"]) == (1, [{"given": "monocyte", "suggested": "neutrophil", "n": 1}])
    assert told["ranked"] == [
        {"path": "0.png", "box": None, "split": "test", "given": "monocyte", "suggested": "neutrophil",
         "p_given": 0.125, "p_suggested": 0.875, "quality": 0.125, "rank": 1}
    ]  # fmt: skip
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.parametrize(("answer", "start"), [("yes", "the features were trained on these labels: too few"),
                                               ("unknown", "the features may have been trained")])  # fmt: skip
def test_warns_about_features_trained_on_the_labels(tmp_path: Path, answer: str, start: str) -> None:
    """The warning names the alternative."""
    warning = audited(tmp_path, answer).to_json()["warning"]
    assert warning.startswith(start)
    assert "--labels imagenet" in warning


def test_wrong_labels_are_detected(tmp_path: Path) -> None:
    """Six of 100 colored discs with a wrong label are ranked first by an untrained network's features."""
    made = make_manifest(tmp_path / "m", 10)
    places = [0, 25, 42, 61, 77, 93]
    entries = tuple(
        replace(e, label=made.classes[(made.classes.index(e.label) + 2) % 5]) if i in places else e
        for i, e in enumerate(made.entries)
    )
    make_run(tmp_path / "run", source="pbc")
    steps: list[str] = []
    found = label_audit.run(
        replace(made, entries=entries),
        tmp_path / "run",
        LabelAuditOptions(folds=4, near=False),
        progress=lambda items, what, total: steps.append(what) or items,  # type: ignore[func-returns-value]
    )
    assert {cell.place for cell in found.judgment.flagged} >= set(places)
    assert {cell.place for cell in found.judgment.cells[:6]} == set(places)
    assert all(cell.suggested == made.entries[cell.place].label for cell in found.judgment.cells[:6])
    assert (found.judgment.folds, found.judgment.groups, found.near_checked) == (4, 100, False)
    assert steps == ["images", "cells"]
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [int(row["rank"]) for row in rows] == list(range(1, 101))
    assert sum(row["flagged"] == "yes" for row in rows) == found.to_json()["flagged"]


def test_changed_images_are_refused(tmp_path: Path) -> None:
    """Changed images are an error before any feature is computed."""
    made = make_manifest(tmp_path / "m", 2)
    make_run(tmp_path / "run")
    made.file(made.entries[0]).write_bytes(b"")
    with pytest.raises(UserError, match="the content is not that of the manifest; 2 images cannot be used"):
        label_audit.run(made, tmp_path / "run", LabelAuditOptions(folds=2, near=False))
