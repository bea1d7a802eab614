"""Tests of `edgewbc.data.sources.kaggle_bccd`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from edgewbc.data.audit import audit
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from tests.data.conftest import Put

CLASSES = ("NEUTROPHIL", "LYMPHOCYTE", "MONOCYTE", "EOSINOPHIL")
ORIGINALS = {"TRAIN": 10, "TEST": 3}
COPIES = 4


@pytest.fixture
def kaggle(put: Put, image_folder: Path) -> Path:
    """The public layout: 10 originals per class in TRAIN, 3 in TEST, 4 copies of each; TEST_SIMPLE without copies."""
    seed = 0
    for label in CLASSES:
        for side, number in ORIGINALS.items():
            for k in range(number):
                for n in range(COPIES):
                    put(f"{side}/{label}/_{k}_{1000 * n + seed}.jpeg", seed := seed + 1)
        for k in range(ORIGINALS["TEST"]):
            put(f"TEST_SIMPLE/{label}/_{k}_{seed}.jpeg", seed := seed + 1)
    return image_folder


def splits_of(manifest: Manifest) -> dict[str, set[str]]:
    """Return the splits that each group is in."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in manifest.entries:
        found[entry.group].add(entry.split)
    return found


def test_official_keeps_the_test_folder(kaggle: Path) -> None:
    """TEST is test; validation is an eighth of the originals of each class in TRAIN; no group is in two splits."""
    manifest = make("kaggle-bccd", kaggle)
    assert manifest.protocol == "official"
    assert manifest.classes == ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
    assert {entry.split for entry in manifest.entries if entry.path.startswith("TEST/")} == {"test"}
    assert {entry.split for entry in manifest.entries if entry.path.startswith("TRAIN/")} == {"train", "val"}
    assert all(len(sides) == 1 for sides in splits_of(manifest).values())
    assert manifest.counts() == {
        side: dict.fromkeys(manifest.classes, COPIES * n) for side, n in (("train", 9), ("val", 1), ("test", 3))
    }
    assert manifest.provenance.left_out == {"TEST_SIMPLE: originals of TEST without a known counterpart": 12}
    assert audit(manifest, near=False).leaks == ()


def test_groups_are_originals_within_split_and_class(kaggle: Path) -> None:
    """Numbers in file names are per folder: 2 in TRAIN and 2 in TEST are different originals."""
    groups = {entry.path: entry.group for entry in make("kaggle-bccd", kaggle).entries}
    of_two = {group for path, group in groups.items() if "/_2_" in path}
    assert of_two == {f"{side}/{label.lower()}/2" for side in ("train", "test") for label in CLASSES}
    assert len(set(groups.values())) == 4 * 13


def test_grouped_splits_both_folders_by_original(kaggle: Path) -> None:
    """TRAIN and TEST are used, each original in one split; TEST_SIMPLE is not used."""
    manifest = make("kaggle-bccd", kaggle, protocol="grouped")
    assert len(manifest.entries) == 4 * 13 * COPIES
    assert all(len(sides) == 1 for sides in splits_of(manifest).values())
    assert {e.split for e in manifest.entries if e.path.startswith("TEST/")} > {"test"}
    assert sum(manifest.provenance.left_out.values()) == 12


def test_poster_uses_every_image(kaggle: Path) -> None:
    """All three folders are used, a fifth of the images is test, and copies of one original are in several splits."""
    manifest = make("kaggle-bccd", kaggle, protocol="poster")
    assert len(manifest.entries) == 4 * 13 * COPIES + 12
    assert manifest.provenance.left_out == {}
    assert sum(manifest.counts()["test"].values()) == round(0.2 * 220)
    assert audit(manifest, near=False).counts()["group_leaks"] > 10


def test_seed_changes_only_validation(kaggle: Path) -> None:
    """Another seed changes only validation; the same seed changes nothing."""
    one, two = (make("kaggle-bccd", kaggle, seed=seed) for seed in (0, 1))
    assert one.sha256 == make("kaggle-bccd", kaggle).sha256 != two.sha256
    assert [e.path for e in one.split("test")] == [e.path for e in two.split("test")]
    assert {e.path for e in one.split("val")} != {e.path for e in two.split("val")}


def test_lower_case_and_missing_simple_folder_are_accepted(kaggle: Path) -> None:
    """Some copies of the set have renamed folders or no TEST_SIMPLE."""
    for path in (kaggle / "TEST_SIMPLE").rglob("*.jpeg"):
        path.unlink()
    (kaggle / "TRAIN").rename(kaggle / "train")
    manifest = make("kaggle-bccd", kaggle, classes=["monocyte", "neutrophil"])
    assert manifest.classes == ("neutrophil", "monocyte")
    assert manifest.provenance.left_out == {
        "class eosinophil not selected": 13 * COPIES,
        "class lymphocyte not selected": 13 * COPIES,
    }


def test_enclosing_folder_is_refused(kaggle: Path, tmp_path: Path) -> None:
    """If an enclosing folder is given, the error names the nested folder to use instead."""
    inner = tmp_path / "blood-cells/dataset2-master/images"
    inner.parent.mkdir(parents=True)
    kaggle.rename(inner)
    with pytest.raises(UserError, match=r"blood-cells: TRAIN and TEST are in .*images: name that folder"):
        make("kaggle-bccd", tmp_path / "blood-cells")
    assert len(make("kaggle-bccd", inner).entries) == 4 * 13 * COPIES


def test_other_folders_are_refused(kaggle: Path, put: Put, tmp_path: Path) -> None:
    """A missing TEST, an unknown class, a name without original and a class without images are errors of one line."""
    put("TRAIN/BASOPHIL/_0_1.jpeg")
    with pytest.raises(UserError, match="BASOPHIL: not a class of this set"):
        make("kaggle-bccd", kaggle)
    (kaggle / "TRAIN/BASOPHIL/_0_1.jpeg").unlink()
    (kaggle / "TRAIN/BASOPHIL").rmdir()
    stray = put("TEST/MONOCYTE/_1_22 (1).jpeg")
    with pytest.raises(UserError, match=r"_1_22 \(1\)\.jpeg: not a file of this set"):
        make("kaggle-bccd", kaggle)
    stray.unlink()
    with pytest.raises(UserError, match="no images of class 'basophil'"):
        make("kaggle-bccd", kaggle, classes=["monocyte", "basophil"])
    (kaggle / "TEST").rename(tmp_path / "away")
    with pytest.raises(UserError, match="no folder TEST in it or below"):
        make("kaggle-bccd", kaggle)
