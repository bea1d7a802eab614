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
    """The class is the first level in lower case, the group the second; a slide is on one side in all classes."""
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


def test_folder_is_reproducible(slides: Path) -> None:
    """The same seed gives the same manifest, another seed another one."""
    assert make("folder", slides, seed=1).sha256 == make("folder", slides, seed=1).sha256
    assert make("folder", slides, seed=1).sha256 != make("folder", slides, seed=2).sha256


def test_folder_without_slides_groups_copies(put: Put, pictures: Path) -> None:
    """Pictures of the same bytes share a group named for the first; others are alone."""
    for i in range(4):
        put(f"monocyte/{i}.PNG", seed=i)
    put("monocyte/copy of 2.png", seed=2)
    found = groups(make("folder", pictures))
    assert found["monocyte/2.PNG"] == found["monocyte/copy of 2.png"] == "monocyte/2.PNG"
    assert len(set(found.values())) == 4


def test_folder_group_pattern(put: Put, pictures: Path) -> None:
    """The first bracket of the pattern names the group; a path without it is an error that names the file."""
    for i in range(6):
        put(f"basophil/p{i // 2}_{i}.bmp", seed=i)
    found = groups(make("folder", pictures, group_pattern=r"/(p\d+)_"))
    assert found["basophil/p2_4.bmp"] == found["basophil/p2_5.bmp"] == "p2"
    for pattern, message in ((r"(q\d)", r"p0_0\.bmp.*finds no group"), ("(", "not a regular"), ("p", "brackets")):
        with pytest.raises(UserError, match=message):
            make("folder", pictures, group_pattern=pattern)


def test_folder_ignores_what_is_no_picture(slides: Path, put: Put) -> None:
    """Text files and hidden files are passed over; a picture outside of the classes is counted as left out."""
    (slides / "neutrophil" / "notes.txt").write_text("x")
    put("neutrophil/._0.png")
    put("stray.png")
    manifest = make("folder", slides)
    assert len(manifest.entries) == 24
    assert manifest.provenance.left_out == {"picture outside of the class folders": 1}


def test_folder_errors(tmp_path: Path, put: Put, pictures: Path) -> None:
    """What is wrong with a folder is one line with the mend."""
    with pytest.raises(UserError, match="no such folder"):
        make("folder", tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="no class folders"):
        make("folder", empty)
    file = put("neutrophil/a.png")
    with pytest.raises(UserError, match="not a folder"):
        make("folder", file)
    with pytest.raises(UserError, match=r"neutrophil: 'neutrophil' is not among the classes \(monocyte\)"):
        make("folder", pictures, classes=["monocyte"])
    (pictures / "monocyte").mkdir()
    with pytest.raises(UserError, match="monocyte: no picture in this class folder"):
        make("folder", pictures)
