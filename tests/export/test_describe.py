"""Tests of edgewbc.export.describe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle, pack
from edgewbc.bundle.manifest import FORMAT
from edgewbc.data import images, prepare
from edgewbc.data.manifest import Manifest, Split
from edgewbc.data.sources import make
from edgewbc.decision.calibration import Calibration
from edgewbc.errors import UserError
from edgewbc.evaluation.evaluate import predict
from edgewbc.evaluation.load import load
from edgewbc.export import training_images
from edgewbc.export.describe import describe, show_others
from edgewbc.pixels import PixelSpec
from edgewbc.smear.views import Views
from edgewbc.synth.cells import write
from tests.export.test_card import values
from tests.export.test_training_images import manifest as manifest  # the fixture
from tests.export.test_training_images import without
from tests.tiny import make_bundle


def bundle_without_description(folder: Path, manifest: Manifest, **more: Any) -> Bundle:
    """Write a bundle trained on a manifest whose images are not described; `more` are further entries, or a `spec`."""
    written = ("format", "name", "classes", "pixels", "files", "default_precision", "golden")  # by `make_bundle`
    facts: dict[str, Any] = {name: value for name, value in values().items() if name not in written}
    facts["data"] = {**facts["data"], "training_manifest_sha256": manifest.sha256}
    return make_bundle(folder, manifest.classes, **facts, **more)


def test_existing_bundle_is_described(manifest: Manifest, tmp_path: Path) -> None:
    """Manifest, card and checksums are rewritten; all other files and entries are unchanged."""
    before = bundle_without_description(tmp_path / "b", manifest)
    describe(before.path, manifest, license="MIT")
    bundle = Bundle.open(before.path)
    bundle.verify()
    assert bundle.manifest.training_images == training_images.measure(manifest, bundle.pixels)
    changed = {name for name, digest in bundle.sums.items() if before.sums.get(name) != digest}
    assert changed == {"manifest.json", "CARD.md"}
    record = dict(bundle.manifest.to_json())
    new = {"training_images", "calibration", "risk", "format", "review", "review_below", "weights_license"}
    assert {name for name in record if record[name] != before.manifest.to_json().get(name)} == new
    assert (record["format"], record["weights_license"]) == (FORMAT, "MIT")
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert "Measured on 15 training images of about 40 x 40 pixels" in card
    assert "The weights: MIT." in card
    assert "calibrated with a temperature" in card
    assert "cannot tell cells that are unlike its training cells" in card  # 15 are too few


def test_cells_that_are_familiar_are_recorded(manifest: Manifest, tmp_path: Path) -> None:
    """With enough cells a file of statistics is added, which follows the manifest; the models keep their hashes."""
    many = replace(
        manifest,
        entries=tuple(
            replace(entry, split=split)
            for split, times in ((Split.TRAIN, 10), (Split.VAL, 20))
            for entry in manifest.split("train")
            for _ in range(times)
        ),
    )
    before = bundle_without_description(tmp_path / "b", many)
    with pytest.raises(UserError, match="no threshold guarantees an error of 30 %"):
        describe(before.path, many, max_error=0.3)
    assert Bundle.open(before.path).sums == before.sums
    describe(before.path, many)
    bundle = Bundle.open(before.path)
    bundle.verify()
    changed = {name for name, digest in bundle.sums.items() if before.sums.get(name) != digest}
    assert changed == {"manifest.json", "CARD.md", "familiarity.npz"}
    info = bundle.manifest.familiarity
    assert info is not None
    assert (info.trained_on, info.held_out, info.groups) == (150, 300, 5)
    assert bundle.familiarity() is not None
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert "unlike those of the 150 training cells is called unfamiliar" in card


@pytest.mark.parametrize("label_from", ["mean", "upright", None])
def test_labels_stay_those_of_the_same_views(label_from: str | None, tmp_path: Path) -> None:
    """Its accuracies were measured so: only `export` makes a bundle that takes labels from the mean."""
    write(tmp_path / "set", cells=8)
    cells = make("synthetic", tmp_path / "set")
    spec = PixelSpec(24, 24, crop="cell", size=80, reference=prepare.profile(cells).reference)
    stated = {} if label_from is None else {"label_from": label_from, "views": Views().to_json()}
    path = bundle_without_description(tmp_path / "b", cells, spec=spec, **stated).path
    describe(path, cells)
    bundle = Bundle.open(path)
    assert bundle.manifest.views == Views()
    assert bundle.manifest.label_from == (label_from or "upright")
    assert bundle.manifest.to_json().get("label_from") == label_from
    calibration = bundle.manifest.calibration
    assert calibration is not None
    loaded, entries = load(path, threads=1), cells.split("val")
    probabilities = predict(replace(loaded, calibration=None), cells, entries)
    truth = images.truth(cells, entries, cells.classes)
    assert calibration.temperature == pytest.approx(Calibration.fit(probabilities, truth).temperature, abs=1e-3)


def test_other_kinds_are_shown_and_all_else_stays(manifest: Manifest, tmp_path: Path) -> None:
    """Only familiarity, manifest, card and checksums change; distances and threshold stay; the card names the kinds."""
    first = manifest.classes[0]
    home = replace(
        manifest,
        classes=manifest.classes[1:],
        entries=tuple(
            replace(entry, split=split)
            for split, times in ((Split.TRAIN, 10), (Split.VAL, 20))
            for entry in manifest.split("train")
            if entry.label != first
            for _ in range(times)
        ),
    )
    strange = replace(manifest, entries=tuple(e for e in manifest.split("train") for _ in range(10)))
    path = bundle_without_description(tmp_path / "b", home).path
    with pytest.raises(UserError, match="has no familiarity statistics"):
        show_others(path, home, strange)
    describe(path, home)
    before = Bundle.open(path)
    assert before.manifest.familiarity is not None
    assert set(before.manifest.familiarity.others) == {"synthetic"}
    with pytest.raises(UserError, match="--others: its training split has no cells of other kinds"):
        show_others(path, home, home)
    assert Bundle.open(path).sums == before.sums
    show_others(path, home, strange)
    after = Bundle.open(path)
    after.verify()
    changed = {name for name, digest in after.sums.items() if before.sums.get(name) != digest}
    assert changed == {"manifest.json", "CARD.md", "familiarity.npz"}
    old, new = before.manifest.to_json(), after.manifest.to_json()
    assert {name for name in new if new[name] != old.get(name)} == {"familiarity"}
    assert new["familiarity"]["threshold"] == old["familiarity"]["threshold"]
    assert new["familiarity"]["others"] == {first: 30, "synthetic": old["familiarity"]["others"]["synthetic"]}
    card = (path / "CARD.md").read_text(encoding="utf-8")
    assert f"The check was shown 30 {first} and " in card
    assert "those kinds are known others to it" in card


def test_an_error_that_cannot_be_guaranteed_changes_nothing(manifest: Manifest, tmp_path: Path) -> None:
    """Five validation images are too few for 1 %, which one line says before anything is measured."""
    bundle = bundle_without_description(tmp_path / "b", manifest)
    with pytest.raises(UserError, match="5 validation cells cannot guarantee an error of 1 %"):
        describe(bundle.path, manifest, max_error=0.01)
    assert Bundle.open(bundle.path).sums == bundle.sums


def test_other_bundles_are_not_described(manifest: Manifest, tmp_path: Path) -> None:
    """A bundle of another manifest, a damaged bundle and a zip are errors, and no file is changed."""
    bundle = bundle_without_description(tmp_path / "b", manifest)
    pack(bundle.path, tmp_path / "b.zip")
    with pytest.raises(UserError, match=r"b\.zip: is not the folder of a bundle"):
        describe(tmp_path / "b.zip", manifest)
    with pytest.raises(UserError, match=f"was trained on another manifest .{manifest.sha256[:12]}"):
        describe(bundle.path, without(manifest, "test"))
    assert Bundle.open(bundle.path).sums == bundle.sums
    (bundle.path / "head.npz").write_bytes(b"")
    with pytest.raises(UserError, match="head.npz"):
        describe(bundle.path, manifest)
    assert Bundle.open(bundle.path).sums == bundle.sums
