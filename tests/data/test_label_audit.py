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
from edgewbc.data.features import Source, Taught
from edgewbc.data.label_audit import LabelAudit
from edgewbc.data.label_issues import Judged, Judgement
from edgewbc.data.manifest import Entry, Manifest, Provenance
from edgewbc.errors import UserError
from edgewbc.metrics import score
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.coloured import make_manifest

HEADER = "path,box,split,group,given,suggested,p_given,p_suggested,quality,flagged,rank"


def audited(root: Path, answer: str = "no", n: int = 3) -> LabelAudit:
    """A finished audit of pictures `0.png` ... in a folder, without any of its work; the first cell is flagged."""
    entries = [Entry(f"{i}.png", "monocyte", f"g,{i}", "test", "ab", (1, 2, 30, 40.5) if i else None) for i in range(n)]
    cells = tuple(
        Judged(e, "monocyte", "monocyte" if i else "neutrophil", 0.9 if i else 0.125, 0.9 if i else 0.875,
               0.9 if i else 0.125, not i, i + 1, i)
        for i, e in enumerate(entries)
    )  # fmt: skip
    names = ("neutrophil", "monocyte")
    judgement = Judgement(cells, 2, n, 0.01, score([1] * n, [0] + [1] * (n - 1), names))
    manifest = Manifest(root, tuple(entries), names, "grouped", Provenance("folder"))
    source = Source("mine", ModelSpec("vgg16gap", names, PixelSpec(8, 8), (8,), ()), None, Taught(answer, "said so"))
    return LabelAudit(manifest, source, judgement, 0, True)


def make_run(folder: Path, **facts: Any) -> None:
    """A finished run of a shallow network with fresh weights: enough to tell colours."""
    import torch

    from edgewbc.nets import model

    torch.manual_seed(0)
    spec = ModelSpec("vgg16gap", CLASSES, PixelSpec(32, 32), (16, "M", 16, "M", 16), (4,))
    folder.mkdir(parents=True)
    model.save(folder, model.build(spec), spec)
    runs.write_lineage(folder, "train", **facts)


def test_the_csv_has_every_cell_by_rank(tmp_path: Path) -> None:
    """These are its bytes: six decimals, boxes as in the manifest, names with commas quoted."""
    assert audited(tmp_path).to_csv() == (
        f"{HEADER}\n"
        '0.png,,test,"g,0",monocyte,neutrophil,0.125000,0.875000,0.125000,yes,1\n'
        '1.png,1 2 30 40.5,test,"g,1",monocyte,monocyte,0.900000,0.900000,0.900000,no,2\n'
        '2.png,1 2 30 40.5,test,"g,2",monocyte,monocyte,0.900000,0.900000,0.900000,no,3\n'
    )


def test_the_json_has_what_was_flagged(tmp_path: Path) -> None:
    """Protocol, hash, features, accuracy with its interval, pairs, flagged cells; and no path of this machine."""
    found = audited(tmp_path)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
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


@pytest.mark.parametrize(("answer", "said"), [("yes", "features saw these labels: flags are too few"),
                                              ("unknown", "features may have seen these labels")])  # fmt: skip
def test_a_network_that_was_taught_these_labels_is_told_of(tmp_path: Path, answer: str, said: str) -> None:
    """With the way out."""
    warning = audited(tmp_path, answer).to_dict()["warning"]
    assert warning.startswith(said)
    assert "--labels imagenet" in warning


def test_wrong_labels_of_pictures_are_found(tmp_path: Path) -> None:
    """Coloured discs, six of them with another's label: a network that learnt nothing finds them by its features."""
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
        folds=4,
        near=False,
        progress=lambda items, what, total: steps.append(what) or items,  # type: ignore[func-returns-value]
    )
    assert {cell.place for cell in found.judgement.flagged} >= set(places)
    assert {cell.place for cell in found.judgement.cells[:6]} == set(places)
    assert all(cell.suggested == made.entries[cell.place].label for cell in found.judgement.cells[:6])
    assert (found.judgement.folds, found.judgement.groups, found.near_checked) == (4, 100, False)
    assert steps == ["pictures", "cells"]
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [int(row["rank"]) for row in rows] == list(range(1, 101))
    assert sum(row["flagged"] == "yes" for row in rows) == found.to_dict()["flagged"]


def test_pictures_that_changed_are_refused(tmp_path: Path) -> None:
    """Before any feature is computed, in one line."""
    made = make_manifest(tmp_path / "m", 2)
    make_run(tmp_path / "run")
    made.file(made.entries[0]).write_bytes(b"")
    with pytest.raises(UserError, match="its bytes are not those of the manifest; 2 pictures cannot be used"):
        label_audit.run(made, tmp_path / "run", folds=2, near=False)
