"""Adapting a bundle end to end: gains, guards, the new bundle and its lineage."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.paths import FAMILIARITY
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.cells import CLASSES
from edgewbc.decision import familiarity_fit
from edgewbc.decision.head import Head
from edgewbc.errors import GateError, UserError
from edgewbc.lab import adapt, adapted_bundle, labeled_cells
from edgewbc.lab.adapt import Adaptation
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.labeled_cells import LabeledFile
from edgewbc.runtime.selftest import selftest
from edgewbc.smear.appearance import QUANTITIES
from edgewbc.utils.arrays import write_arrays
from edgewbc.utils.files import write_json
from tests.lab.tinted import write_cells
from tests.tiny import make_bundle

COUNTS = {"neutrophil": 6, "lymphocyte": 5, "monocyte": 5, "eosinophil": 4}


def files_of(folder: Path) -> list[LabeledFile]:
    return labeled_cells.find(folder, CLASSES)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labeled cells of four classes."""
    return write_cells(tmp_path_factory.mktemp("cells"), COUNTS)


@pytest.fixture(scope="module")
def adapted(bundle: Bundle, cells: Path) -> Adaptation:
    return adapt.run(bundle, files_of(cells), threads=1)


@pytest.fixture(scope="module")
def made(adapted: Adaptation, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of an adaptation."""
    return adapted_bundle.write(adapted, tmp_path_factory.mktemp("made") / "ours")


def test_held_out_cells_show_the_gain(adapted: Adaptation) -> None:
    assert adapted.counts == COUNTS
    assert adapted.missing == ("basophil",)
    found = adapted.comparison
    assert found is not None
    assert found.before.correct < 12
    assert found.after.correct >= 18
    assert found.after.n == found.before.n == 20
    assert adapted.gains
    assert found.mcnemar.c - found.mcnemar.b == found.after.correct - found.before.correct


def test_new_cells_are_classified_by_the_new_bundle(made: Bundle, tmp_path: Path) -> None:
    new = write_cells(tmp_path, dict.fromkeys(COUNTS, 3), first=100)
    rows = Classifier(made.path, threads=1).classify(sorted(new.rglob("*.png")))
    right = sum(row.label == Path(row.path).parent.name for row in rows)
    assert right >= 11


def test_the_new_bundle_passes_its_selftest_and_names_its_parent(bundle: Bundle, made: Bundle) -> None:
    report = selftest(made, threads=1)
    assert report.ok
    assert [check.precision for check in report.checks] == ["int8", "f32"]
    assert max(check.difference for check in report.checks) < 1e-4
    values = made.manifest.to_json()
    assert made.name == "ours"
    assert values["lineage"]["step"] == "adapt"
    assert values["lineage"]["parent"]["name"] == "tiny"
    assert values["lineage"]["parent"]["models"]["int8"] == bundle.model_sha256()
    assert values["lineage"]["cells_sha256"] == hashlib.sha256(made.read("cells.csv")).hexdigest()
    assert values["adaptation"]["cells"] == COUNTS
    assert values["files"]["int8"] == {"openvino": ["openvino/int8.xml", "openvino/int8.bin"]}
    assert values["evidence"] == []
    assert values["calibration"]["n"] == values["risk"]["n"] == values["review"]["n"] == 20
    assert values["familiarity"] is None
    assert made.model_sha256() != bundle.model_sha256()


def test_familiarity_moves_with_the_head(cells: Path, tmp_path: Path) -> None:
    parent = make_bundle(tmp_path / "parent")
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 200)
    features = (random.uniform(0, 5, size=(5, 8))[labels] + random.normal(size=(1000, 8))).astype(np.float32)
    home = familiarity_fit.fit(features, labels, features[::2])
    (parent.path / FAMILIARITY).write_bytes(home.to_bytes())
    values = {**parent.manifest.to_json(), "format": 2, "familiarity": home.info(FAMILIARITY).to_json()}
    write_json(parent.path / "manifest.json", values)
    seal(parent.path)
    made = adapted_bundle.write(adapt.run(Bundle.open(parent.path), files_of(cells), threads=1), tmp_path / "ours")
    moved = made.familiarity()
    assert moved is not None
    assert (moved.trained_on, moved.held_out) == (1020, 20)
    new = write_cells(tmp_path / "new", dict.fromkeys(COUNTS, 3), first=100)
    rows = Classifier(made.path, threads=1).classify(sorted(new.rglob("*.png")))
    assert sum(row.status == "unfamiliar" for row in rows) <= 3


def test_the_new_bundle_holds_hashes_of_cells_and_no_names(made: Bundle, cells: Path) -> None:
    lines = made.read("cells.csv").decode().splitlines()
    assert lines[0] == "sha256,label"
    assert len(lines) == 21
    digest = hashlib.sha256((cells / "monocyte" / "000.png").read_bytes()).hexdigest()
    assert f"{digest},monocyte" in lines
    assert not any("000.png" in made.read(name).decode("utf-8", "replace") for name in made.sums
                   if name.endswith((".json", ".csv", ".md")) and "golden" not in name)  # fmt: skip


def test_the_new_head_travels_as_arrays(made: Bundle, adapted: Adaptation) -> None:
    found = adapt.old_head(made)
    features = np.random.default_rng(0).uniform(size=(4, 8))
    assert found.logits(features) == pytest.approx(adapted.head.logits(features), abs=1e-4)
    sample = json.loads(made.read("golden/expected.json"))["samples"][0]["expected"]["f32"]
    assert found.probabilities(np.array(sample["features"])) == pytest.approx(sample["probabilities"], abs=1e-4)


def test_an_adapted_bundle_can_be_adapted_again(made: Bundle, cells: Path, tmp_path: Path) -> None:
    again = adapted_bundle.write(adapt.run(made, files_of(cells), threads=1), tmp_path / "again")
    ancestors = again.manifest.to_json()["lineage"]["ancestors"]
    assert [step["step"] for step in ancestors] == ["adapt"]


def test_how_a_laboratory_saves_its_images_is_not_unusual_after_it_was_adapted(bundle: Bundle, tmp_path: Path) -> None:
    """16 bits per channel in most labeled images is a note that is known; in one of them it is not."""
    deep = "16 bits per channel: scaled to 8"
    found = TrainingImages.of([np.full(len(QUANTITIES), 0.5, np.float32)] * 9, [(20, 20)] * 9, {})
    for name, deeper in (("most", 6), ("one", 1)):
        folder = write_cells(tmp_path / name, {"neutrophil": 4, "monocyte": 4})
        for path in sorted(folder.glob("*/*.png"))[:deeper]:
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert image is not None
            assert cv2.imwrite(str(path), image.astype(np.uint16) * 257)
        seen = adapt.run(bundle, files_of(folder), threads=1).seen
        assert seen is not None
        assert sum(deep in notes for notes in seen.notes) == deeper
        known = adapted_bundle.widened(found, seen.appearance, seen.sizes, seen.notes)
        assert (known.reasons(bundle.pixels, None, (deep,), None) == []) == (name == "most")


def test_single_cells_cannot_show_a_gain(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_cells(tmp_path, {"neutrophil": 1, "monocyte": 1})
    found = adapt.run(bundle, files_of(folder), threads=1)
    assert found.comparison is None
    assert not found.gains


def test_one_class_is_not_enough(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all of one class"):
        adapt.run(bundle, files_of(write_cells(tmp_path, {"monocyte": 4})), threads=1)


def test_one_image_with_two_labels(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_cells(tmp_path, {"monocyte": 2, "basophil": 2})
    (folder / "basophil" / "x.png").write_bytes((folder / "monocyte" / "000.png").read_bytes())
    with pytest.raises(UserError, match="are the same image, but one is labeled basophil and the other monocyte"):
        adapt.run(bundle, files_of(folder), threads=1)


def test_unlabeled_cells_alone(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "parent", seed=10)  # tells several classes of these cells apart
    folder = write_cells(tmp_path / "cells", {"neutrophil": 20, "monocyte": 20, "basophil": 20})
    paths = sorted(folder.rglob("*.png"))
    with pytest.raises(UserError, match="5 unlabeled cells say too little: at least 30"):
        adapt.run(bundle, unlabeled=paths[:5], threads=1)
    found = adapt.run(bundle, unlabeled=paths, threads=1)
    assert found.comparison is None
    assert found.changed is not None
    made = adapted_bundle.write(found, tmp_path / "made")
    assert "cells.csv" not in made.sums
    assert made.manifest.to_json()["adaptation"]["unlabeled"] == 60


def test_unlabeled_cells_that_the_bundle_knows(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone they end in one line, and nothing is written; beside labeled cells they are not used."""
    folder = write_cells(tmp_path / "cells", {"neutrophil": 20, "monocyte": 20})
    paths = sorted(folder.rglob("*.png"))
    monkeypatch.setattr(adapt, "unfamiliar_share", lambda *_: 0.1)
    with pytest.raises(GateError, match=r"knows cells like these \(10.00 % of 40 are unfamiliar to it\)"):
        adapt.run(bundle, unlabeled=paths, threads=1)
    found = adapt.run(bundle, files_of(folder), paths, threads=1)
    assert (found.unlabeled, found.changed) == (40, None)
    assert found.comparison is not None


def test_draws(bundle: Bundle, tmp_path: Path) -> None:
    folder = write_cells(tmp_path, {"neutrophil": 8, "monocyte": 8, "basophil": 2})
    first = min((folder / "neutrophil").iterdir())
    first.with_name("copy.png").write_bytes(first.read_bytes())  # counts once: a copy of a drawn cell is no test
    rows, drawn, count = adapt.shots(bundle, files_of(folder), [1, 5], repeats=3, threads=1)
    assert drawn == ("neutrophil", "monocyte")
    assert count == 18
    assert rows[1].macro.mean >= 0.9
    with pytest.raises(UserError, match="fewer than two classes have 12 different images"):
        adapt.shots(bundle, files_of(folder), [10], repeats=1, threads=1)


def test_the_head_of_a_bundle_without_arrays_is_read_from_its_model(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    stored = adapt.old_head(bundle)
    (bundle.path / "head.npz").unlink()
    seal(bundle.path)
    found = adapt.old_head(Bundle.open(bundle.path))
    assert found.layers[0][0] == pytest.approx(stored.layers[0][0], abs=1e-6)


def test_arrays_that_are_not_those_of_the_model_are_not_used(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    stored = adapt.old_head(bundle)
    other = Head(((stored.layers[0][0] * 1.1, stored.layers[0][1]),))
    (bundle.path / "head.npz").write_bytes(write_arrays(other.arrays()))
    seal(bundle.path)
    found = adapt.old_head(Bundle.open(bundle.path))
    assert found.layers[0][0] == pytest.approx(stored.layers[0][0], abs=1e-6)


def test_a_bundle_is_never_overwritten(adapted: Adaptation, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        adapted_bundle.write(adapted, tmp_path)
