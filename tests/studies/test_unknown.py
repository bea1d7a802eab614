"""Tests of bench.unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.unknown import Share, auroc, main, markdown_table, measure
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import Manifest, Split
from edgewbc.errors import UserError
from edgewbc.export.describe import describe
from tests.colored import make_manifest
from tests.export.test_describe import bundle_without_description


def test_area_is_that_of_scikit_learn() -> None:
    """Ties count half; the interval holds the area and is narrower for more cells."""
    random = np.random.default_rng(0)
    known, unknown = random.normal(0, 1, 300).round(1), random.normal(1, 1, 80).round(1)
    area, (low, high) = auroc(known, unknown)
    truth = np.repeat([0, 1], [300, 80])
    assert area == pytest.approx(roc_auc_score(truth, np.concatenate([known, unknown])), abs=1e-5)
    assert low < area < high
    _, (low2, high2) = auroc(np.repeat(known, 4), np.repeat(unknown, 4))
    assert high2 - low2 == pytest.approx((high - low) / 2, rel=0.02)
    assert auroc(np.zeros(5), np.ones(5)) == (1.0, (1.0, 1.0))


def test_share_has_its_interval() -> None:
    """2 of 4, with Wilson's bounds."""
    assert Share.of(np.array([True, False, True, False])) == Share(2, 0.5, (0.15004, 0.84996))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Manifest]:
    """A bundle of four classes that knows its training cells, and a manifest with a fifth."""
    folder = tmp_path_factory.mktemp("unknown")
    found = make_manifest(folder / "m", per_class=4)
    home = tuple(entry for entry in found.entries if entry.label != found.classes[0])
    many = replace(
        found,
        classes=found.classes[1:],
        entries=tuple(
            replace(entry, split=split)
            for split, times in ((Split.TRAIN, 10), (Split.VAL, 10))
            for entry in home
            if entry.split == "train"
            for _ in range(times)
        ),
    )
    bundle = bundle_without_description(folder / "b", many)
    describe(bundle.path, many)
    return Bundle.open(bundle.path), found


def test_known_and_unknown_cells_are_compared(made: tuple[Bundle, Manifest], tmp_path: Path) -> None:
    """The fifth class is unknown; the results are written with what identifies the images."""
    bundle, manifest = made
    found = measure(bundle.path, manifest, manifest)
    test = manifest.split("test")
    unknown = [entry for entry in test if entry.label == manifest.classes[0]]
    assert (found.known, set(found.unknown)) == (len(test) - len(unknown), {"all", manifest.classes[0]})
    assert found.unknown["all"] == found.unknown[manifest.classes[0]]
    assert found.unknown["all"].n == len(unknown)
    assert set(found.shown) == {"synthetic"}
    assert found.distance["all"].familiar.n >= found.unknown["all"].familiar.n
    assert found.left_out == {} or set(found.left_out) == set(found.unknown)
    assert found.beside is not None
    assert found.beside.n == len(manifest.entries)
    assert set(found.unfamiliar_by_class) == set(bundle.classes)
    assert found.model_sha256 == bundle.model_sha256()
    assert found.after.brier < found.before.brier
    manifest.write(tmp_path / "written")
    arguments = [str(bundle.path), "--data", str(tmp_path / "written"), "--out", str(tmp_path / "unknown.json")]
    assert main(arguments) == 0
    written = json.loads((tmp_path / "unknown.json").read_text())
    assert written["manifest_sha256"] == manifest.sha256
    assert written["bundles"][0]["unknown"]["all"]["n"] == len(unknown)
    lines = markdown_table(written).splitlines()
    assert lines[2].startswith(f"| {bundle.name} | all | {len(unknown)} | as it is | ")
    assert f"Of the {found.known} known test cells: {bundle.name} " in markdown_table(written)


def test_what_cannot_be_measured_is_said(made: tuple[Bundle, Manifest], tmp_path: Path) -> None:
    """A bundle without statistics, and a test split without unknown cells."""
    bundle, manifest = made
    known = replace(manifest, entries=tuple(e for e in manifest.entries if e.label != manifest.classes[0]))
    with pytest.raises(UserError, match="needs cells of its classes and others"):
        measure(bundle.path, known)
    with pytest.raises(UserError, match="has no familiarity statistics"):
        measure(bundle_without_description(tmp_path / "b", manifest).path, manifest)
