"""Tests of `edgewbc.data.sources.folder`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from tests.data.conftest import Put


def groups(manifest: Manifest) -> dict[str, str]:
    return {entry.path: entry.group for entry in manifest.entries}


def test_folder_takes_class_and_slide_from_the_path(slides: Path) -> None:
    """The class is the first level in lower case, the group the second; a slide is in one split in all classes."""
    manifest = make("folder", slides)
    assert manifest.protocol == "grouped"
    assert manifest.classes == ("neutrophil", "lymphocyte")
    assert len(manifest.entries) == 24
    assert groups(manifest)["Lymphocyte/slide3/1.png"] == "slide3"
    sides = {entry.group: entry.split for entry in manifest.entries}
    assert all(sides[entry.group] == entry.split for entry in manifest.entries)
    assert set(sides.values()) == {"train", "val", "test"}
    first = manifest.entries[0]
    assert first.sha256 == hashlib.sha256((slides / first.path).read_bytes()).hexdigest()
    assert manifest.provenance.splits == (0.7, 0.1, 0.2)


@pytest.mark.parametrize("name", ["@x", "=1+1", "-2", "+3", "a\x07b"])
def test_class_names_that_export_refuses_are_refused_where_they_enter(put: Put, image_folder: Path, name: str) -> None:
    """A bundle cannot have such a class, so hours of training would be lost."""
    for seed in range(3):
        put(f"{name}/{seed}.png", seed=seed)
        put(f"monocyte/{seed}.png", seed=10 + seed)
    with pytest.raises(UserError, match=r"class .*: rename it, or exclude it with --classes"):
        make("folder", image_folder)
    assert make("folder", image_folder, classes=["monocyte"]).classes == ("monocyte",)


def test_folder_is_reproducible(slides: Path) -> None:
    """The same seed gives the same manifest, another seed a different one."""
    assert make("folder", slides, seed=1).sha256 == make("folder", slides, seed=1).sha256
    assert make("folder", slides, seed=1).sha256 != make("folder", slides, seed=2).sha256


def test_folder_without_slides_groups_copies(put: Put, image_folder: Path) -> None:
    """Images with the same bytes share a group named after the first; others are groups of their own."""
    for i in range(4):
        put(f"monocyte/{i}.PNG", seed=i)
    put("monocyte/copy of 2.png", seed=2)
    found = groups(make("folder", image_folder))
    assert found["monocyte/2.PNG"] == found["monocyte/copy of 2.png"] == "monocyte/2.PNG"
    assert len(set(found.values())) == 4


def test_folder_group_pattern(put: Put, image_folder: Path) -> None:
    """The first capture group names the group; a path that does not match is an error that names the file."""
    for i in range(6):
        put(f"basophil/p{i // 2}_{i}.bmp", seed=i)
    found = groups(make("folder", image_folder, group_pattern=r"/(p\d+)_"))
    assert found["basophil/p2_4.bmp"] == found["basophil/p2_5.bmp"] == "p2"
    for pattern, message in ((r"(q\d)", r"p0_0\.bmp.*does not match"), ("(", "not a regular"), ("p", "parentheses")):
        with pytest.raises(UserError, match=message):
            make("folder", image_folder, group_pattern=pattern)


def test_folder_counts_what_is_left_out(slides: Path, put: Put) -> None:
    """Hidden files are skipped; other files and images outside of the class folders are counted."""
    (slides / "neutrophil" / "notes.txt").write_text("x")
    (slides / "__MACOSX/neutrophil").mkdir(parents=True)
    (slides / "__MACOSX/neutrophil/._00.png").write_bytes(b"x")
    put("neutrophil/._0.png")
    put("stray.png")
    manifest = make("folder", slides)
    assert len(manifest.entries) == 24
    assert manifest.provenance.left_out == {
        "image outside of the class folders": 1,
        "not a supported image format (.txt)": 1,
    }


def test_folder_errors(tmp_path: Path, put: Put, image_folder: Path) -> None:
    """Each error is one line that says what to do."""
    with pytest.raises(UserError, match="no such folder"):
        make("folder", tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no class folders"):
        make("folder", empty)
    file = put("neutrophil/a.png")
    with pytest.raises(UserError, match="not a folder"):
        make("folder", file)
    with pytest.raises(UserError, match="no folder for class 'monocyte' in --classes; found neutrophil"):
        make("folder", image_folder, classes=["monocyte"])
    (image_folder / "monocyte").mkdir()
    with pytest.raises(UserError, match="monocyte: no image in this class folder"):
        make("folder", image_folder)


def test_folder_selects_classes(slides: Path, put: Put) -> None:
    """Classes that are not selected are left out and counted, even if their folder is empty."""
    put("basophil/a.png")
    (slides / "empty").mkdir()
    manifest = make("folder", slides, classes=["neutrophil", "lymphocyte"])
    assert manifest.classes == ("neutrophil", "lymphocyte")
    assert manifest.provenance.left_out == {"class basophil not selected": 1}


def test_folder_merges_names_that_look_the_same(put: Put, image_folder: Path) -> None:
    """Folders whose names differ in Unicode form, letter case or outer whitespace are one class."""
    for seed, name in enumerate(("e\u0301osino", "\u00e9osino", "\u00c9osino ")):
        put(f"{name}/{seed}.png", seed=seed)
    manifest = make("folder", image_folder, protocol="external", classes=[" E\u0301osino"])
    assert manifest.classes == ("\u00e9osino",)
    assert len(manifest.entries) == 3


@pytest.mark.parametrize("parts", [("Train", "Test-A", "test_B"), ("lab1", "lab2"), ("train",)])
def test_folder_refuses_parts_as_classes(put: Put, image_folder: Path, parts: tuple[str, ...]) -> None:
    """Folders that hold class folders themselves (parts of a split, several data sets) are not classes."""
    for seed, part in enumerate(parts):
        for label in ("neutrophil", "monocyte"):
            put(f"{part}/{label}/{seed}.png", seed=2 * seed + len(label))
    with pytest.raises(UserError, match=f"not classes: name one of them, such as .*{sorted(parts)[0]}"):
        make("folder", image_folder)


def test_folder_takes_slides_shared_by_classes(slides: Path) -> None:
    """The same slide names in every class folder are not taken for nested class folders."""
    assert make("folder", slides).classes == ("neutrophil", "lymphocyte")


def test_folder_leaves_out_what_is_no_image(slides: Path, put: Put) -> None:
    """Empty files are counted; a class without a readable image is refused."""
    put("neutrophil/slide1/x.png").write_bytes(b"")
    assert make("folder", slides).provenance.left_out == {"not a readable image (empty file)": 1}
    put("basophil/slide1/x.png").write_bytes(b"")
    with pytest.raises(UserError, match="no readable image of class 'basophil'"):
        make("folder", slides)


def tree(put: Put, parts: tuple[str, ...]) -> None:
    """Put six images of two classes, with a slide each, into each part."""
    for number, part in enumerate(parts):
        for label in ("neutrophil", "monocyte"):
            for i in range(3):
                put(f"{part}/{label}/{part}{i}/a.png", seed=100 * number + 10 * i + len(label))


def test_folders_train_val_and_test_are_sides(put: Put, image_folder: Path) -> None:
    """Classes are below the sides, the group is the folder below the class; a new split can be drawn all the same."""
    tree(put, ("TRAIN", "valid", "test_set"))
    with pytest.raises(UserError, match="test, train, val hold the same class folders: .* keep it with --protocol pub"):
        make("folder", image_folder)
    made = make("folder", image_folder, protocol="published")
    assert (made.protocol, made.classes) == ("published", ("neutrophil", "monocyte"))
    assert {entry.path.split("/")[0]: entry.split for entry in made.entries} == {
        "TRAIN": "train", "valid": "val", "test_set": "test",
    }  # fmt: skip
    assert groups(made)["TRAIN/monocyte/TRAIN1/a.png"] == "TRAIN1"
    assert make("folder", image_folder, protocol="grouped").protocol == "grouped"


def test_validation_is_taken_from_train(put: Put, image_folder: Path) -> None:
    """With train and test alone, test stays as it is."""
    tree(put, ("train", "test"))
    with pytest.raises(UserError, match="keep it with --protocol official"):
        make("folder", image_folder)
    made = make("folder", image_folder, protocol="official")
    assert made.protocol == "official"
    assert {entry.split for entry in made.entries if entry.path.startswith("test/")} == {"test"}
    assert {entry.split for entry in made.entries if entry.path.startswith("train/")} == {"train", "val"}


def test_sides_without_test_are_refused(put: Put, image_folder: Path) -> None:
    """A person decides whether the split is kept or drawn anew."""
    tree(put, ("train", "val"))
    with pytest.raises(UserError, match="train, val hold the same class folders: .*--protocol grouped"):
        make("folder", image_folder)
    assert make("folder", image_folder, protocol="published").counts().keys() == {"train", "val"}
    with pytest.raises(UserError, match="protocol official needs folders train and test"):
        make("folder", image_folder, protocol="official")
