"""Tests of `edgewbc.data.audit` and `edgewbc.data.duplicates`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.data import duplicates
from edgewbc.data.audit import audit
from edgewbc.data.duplicates import fingerprint, near_duplicates
from edgewbc.data.manifest import Manifest, Split
from edgewbc.data.sources import make
from edgewbc.errors import GateError, UserError
from edgewbc.pixels import Image
from edgewbc.synth.cells import draw_cell
from tests.data.conftest import Put, voc, write_csv
from tests.tiny import encode


def cell(seed: int) -> Image:
    return draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 96)


def with_sides(manifest: Manifest, sides: dict[str, str]) -> Manifest:
    """Return the manifest with the given split of each path, train by default."""
    entries = tuple(replace(entry, split=Split(sides.get(entry.path, "train"))) for entry in manifest.entries)
    return replace(manifest, entries=entries)


def test_a_clean_set(drawn: Path) -> None:
    """Synthetic cells have no exact or near duplicates, and no slide is in two splits."""
    found = audit(make("synthetic", drawn))
    assert set(found.counts().values()) == {0}
    assert (found.cells, found.images, found.protocol) == (50, 50, "grouped")
    assert "no leak" in found.to_text()
    found.check()


def test_exact_copies_across_the_split(put: Put, image_folder: Path) -> None:
    """Byte-identical images are detected; in two splits they are a leak, with two labels a conflict."""
    for name in ("a", "b"):
        (put(f"monocyte/{name}.png")).write_bytes(encode(cell(1)))
    put("lymphocyte/c.png").write_bytes(encode(cell(1)))
    put("lymphocyte/d.png").write_bytes(encode(cell(2)))
    manifest = with_sides(make("folder", image_folder, protocol="external"), {"monocyte/b.png": "test"})
    found = audit(manifest)
    assert len(found.duplicates) == 1
    assert found.duplicates[0].paths == ("lymphocyte/c.png", "monocyte/a.png", "monocyte/b.png")
    assert found.duplicates[0].splits == ("train", "test")
    assert found.conflicts[0].labels == ("lymphocyte", "monocyte")
    assert [leak.kind for leak in found.leaks] == ["group", "exact"]  # copies share a group
    with pytest.raises(GateError, match=r"leak \(protocol external\).*: 2;"):
        found.check()


def test_near_copies_across_the_split(put: Put, image_folder: Path) -> None:
    """A brightened copy saved as a low-quality JPEG is detected as a near duplicate and as a leak."""
    put("monocyte/a.png").write_bytes(encode(cell(7)))
    put("monocyte/b.jpg").write_bytes(encode(cv2.convertScaleAbs(cell(7), alpha=1.05), ".jpg", [1, 50]))
    put("monocyte/c.png").write_bytes(encode(cell(12)))
    manifest = with_sides(make("folder", image_folder, protocol="external"), {"monocyte/b.jpg": "test"})
    found = audit(manifest)
    assert [(d.kind, d.paths) for d in found.duplicates] == [("near", ("monocyte/a.png", "monocyte/b.jpg"))]
    assert found.duplicates[0].correlation is not None
    assert found.duplicates[0].correlation > 0.95
    assert [(leak.kind, leak.splits) for leak in found.leaks] == [("near", ("train", "test"))]
    assert audit(manifest, near=False).leaks == ()


def test_group_in_two_splits_is_a_leak(slides: Path) -> None:
    """A slide in two splits is a leak even if its images differ, in the text and in the JSON."""
    manifest = with_sides(make("folder", slides), {"neutrophil/slide2/0.png": "val"})
    found = audit(manifest, near=False)
    assert [(leak.kind, leak.what, leak.splits) for leak in found.leaks] == [("group", "slide2", ("train", "val"))]
    assert "group: slide2: train, val" in found.to_text()
    values = json.loads(json.dumps(found.to_json()))
    assert values["leak"] is True
    assert values["leaks"][0]["paths"][0] == "Lymphocyte/slide2/0.png"
    assert values["counts"]["group_leaks"] == 1
    assert values["thresholds"] is None


def test_a_name_with_a_line_end_is_one_line(put: Put, image_folder: Path) -> None:
    """As is one with the codes of a terminal."""
    for i, name in enumerate(("a\nb", "c\x1b[31m", "d")):
        put(f"monocyte/{name}.png", seed=min(i, 1))
    text = audit(make("folder", image_folder, protocol="external"), near=False).to_text()
    assert r"monocyte/c\x1b[31m.png = monocyte/d.png" in text
    (image_folder / "monocyte/a\nb.png").unlink()
    manifest = make("folder", image_folder, protocol="external")
    (image_folder / "monocyte/d.png").unlink()
    (image_folder / "monocyte/c\x1b[31m.png").write_bytes(b"")
    text = audit(manifest, near=False).to_text()
    assert r": monocyte/c\x1b[31m.png: " in text
    assert "\x1b" not in text


def test_unusable_images_are_listed(put: Put, image_folder: Path) -> None:
    """Missing, changed and unreadable images are listed, and the check names the first."""
    for i in range(3):
        put(f"monocyte/{i}.png", seed=i)
    put("monocyte/3.png", seed=3)
    manifest = make("folder", image_folder, protocol="external")
    entries = manifest.entries
    put("monocyte/3.png").write_bytes(b"no image")
    digest = hashlib.sha256(b"no image").hexdigest()
    manifest = replace(manifest, entries=(*entries[:3], replace(entries[3], sha256=digest)))
    (image_folder / "monocyte/0.png").unlink()
    put("monocyte/1.png", seed=50)
    found = audit(manifest)
    assert [(fault.path, fault.kind) for fault in found.faults] == [
        ("monocyte/0.png", "missing"),
        ("monocyte/1.png", "changed"),
        ("monocyte/3.png", "unreadable"),
    ]
    with pytest.raises(UserError, match=r"monocyte/0\.png: no such file; 3 images cannot be used"):
        found.check()


def test_suspicious_images_are_listed(put: Put, image_folder: Path) -> None:
    """Incomplete, grayscale, 16-bit and transparent images are listed with a note and are not errors."""
    put("monocyte/plain.png").write_bytes(encode(cell(1)))
    jpeg = encode(cell(2), ".jpg")
    put("monocyte/cut.jpg").write_bytes(jpeg[: len(jpeg) // 3] + b"\xff\xd9")
    put("monocyte/gray.png").write_bytes(encode(cv2.cvtColor(cell(3), cv2.COLOR_RGB2GRAY)))
    put("monocyte/deep.tif").write_bytes(encode(cell(4).astype(np.uint16) * 16, ".tif"))
    put("monocyte/clear.png").write_bytes(encode(np.dstack([cell(5), np.full((96, 96), 99, np.uint8)])))
    found = audit(make("folder", image_folder, protocol="external"), near=False)
    names = ["clear.png", "cut.jpg", "deep.tif", "gray.png"]
    assert [Path(note.path).name for note in found.notes] == names
    assert found.counts()["suspicious"] == 4
    text = found.to_text()
    assert "suspicious images:" in text
    assert all(f"monocyte/{name}: " in text for name in names)
    assert [note["path"] for note in found.to_json()["notes"]] == [f"monocyte/{name}" for name in names]
    found.check()


def test_boxes_of_one_image_are_not_duplicates(put: Put, image_folder: Path) -> None:
    """Two cells of one field share its bytes and its split without being reported."""
    for i in range(3):
        put(f"JPEGImages/BloodImage_0000{i}.png").write_bytes(encode(cell(i)))
        boxes = [("WBC", 1, 1, 9, 9), ("WBC", 11, 11, 19, 19)]
        write_csv(image_folder / f"Annotations/BloodImage_0000{i}.xml", [voc(boxes)])
    write_csv(image_folder / "labels.csv", [",Image,Category", *(f',{i},"MONOCYTE, MONOCYTE"' for i in range(3))])
    found = audit(make("bccd", image_folder, classes=["monocyte"]))
    assert (found.cells, found.images) == (6, 3)
    assert set(found.counts().values()) == {0}


@pytest.mark.parametrize("block", [50, 1024])
def test_near_duplicates_are_the_planted_ones(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among 60 cells with four altered copies, exactly the four pairs are found, in order, in one block or several."""
    monkeypatch.setattr(duplicates, "_BLOCK", block)
    cells = [cell(seed) for seed in range(60)]
    altered = {
        3: cv2.GaussianBlur(cells[3], (0, 0), 1),
        20: cv2.resize(cells[20], (60, 60), interpolation=cv2.INTER_AREA),
        37: cv2.LUT(cells[37], (255 * (np.arange(256) / 255) ** 1.3).astype(np.uint8)),
        58: cells[58][1:-1, 1:-1],
    }
    prints = [fingerprint(np.asarray(image, np.uint8)) for image in [*cells, *altered.values()]]
    found = near_duplicates(prints)
    assert [(pair.first, pair.second) for pair in found] == [(3, 60), (20, 61), (37, 62), (58, 63)]
    assert all(pair.bits <= 12 and 0.9 <= pair.correlation <= 1.0001 for pair in found)


def test_near_duplicates_of_nothing() -> None:
    """No image and one image have no pairs; two blank images are a pair."""
    blank = fingerprint(np.full((50, 50, 3), 200, np.uint8))
    assert near_duplicates([]) == near_duplicates([blank]) == []
    assert [(pair.bits, pair.correlation) for pair in near_duplicates([blank, blank])] == [(0, 1.0)]


@pytest.mark.data
def test_the_known_duplicates_of_pbc(real_data: Path) -> None:
    """Eight byte-identical pairs, one of them across the published split; the two pairs of one cell look alike."""
    manifest = make("pbc", real_data / "pbc", protocol="published")
    top = "PBC_dataset_normal_DIB"
    stems = {"MO_231316", "MO_415531", "EO_246684", "EO_409717"}
    copies = {entry.group for entry in manifest.entries if entry.group != entry.path}
    few = [e for i, e in enumerate(manifest.entries) if i % 20 == 0 or e.group in copies or Path(e.path).stem in stems]
    found = audit(replace(manifest, entries=tuple(few)))
    assert found.counts() == {
        "missing": 0,
        "changed": 0,
        "unreadable": 0,
        "suspicious": 0,
        "exact_duplicates": 8,
        "near_duplicates": 2,
        "conflicting_labels": 0,
        "group_leaks": 1,
        "exact_leaks": 1,
        "near_leaks": 0,
    }
    leak = next(leak for leak in found.leaks if leak.kind == "exact")
    assert leak.paths == (f"{top}/basophil/BA_381452.jpg", f"{top}/basophil/BA_80990.jpg")
    assert leak.splits == ("train", "test")
