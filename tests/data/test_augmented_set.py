"""Tests of `edgewbc.data.augmented_set`."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.data import augmented_set
from edgewbc.data.augmented_set import FACTS, ORIGINALS, PosterRanges, affine, draw, quotas, write
from edgewbc.data.manifest import SPLITS, Entry, Manifest, Split
from edgewbc.data.sampling import balanced
from edgewbc.data.sources import make
from edgewbc.data.splits import poster
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json
from tests.data.conftest import Put, voc, write_csv

NUMBERS = {"neutrophil": 3, "monocyte": 2, "eosinophil": 4}


@pytest.fixture
def originals(put: Put, image_folder: Path) -> Manifest:
    """Nine bright originals of three classes, 40 x 30 pixels."""
    seed = 0
    for label, number in NUMBERS.items():
        for i in range(number):
            put(f"{label}/{label[:2]}{i}.png", seed := seed + 1, size=(30, 40))
    return make("folder", image_folder, protocol="external")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / ORIGINALS).open(newline="") as file:
        return list(csv.DictReader(file))


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_classes_and_originals_are_balanced(originals: Manifest, tmp_path: Path) -> None:
    """100 images of three classes are 34, 33 and 33; within a class the counts per original differ by at most 1."""
    write(originals, tmp_path / "e", 100, height=24, width=32)
    found = rows(tmp_path / "e")
    assert Counter(row["label"] for row in found) == {"neutrophil": 34, "monocyte": 33, "eosinophil": 33}
    shares = Counter(row["group"] for row in found)
    assert len(shares) == 9
    for label, number in NUMBERS.items():
        of_class = [n for group, n in shares.items() if group.startswith(label)]
        assert len(of_class) == number
        assert max(of_class) - min(of_class) <= 1
    assert {row["path"] for row in found} | {ORIGINALS, FACTS} == set(hashes(tmp_path / "e"))


def test_images_are_jpegs_named_after_their_original(originals: Manifest, tmp_path: Path) -> None:
    """320 x 240 by default; the name is the original's with a number, the group is the original's path."""
    write(originals, tmp_path / "e", 12)
    for row in rows(tmp_path / "e"):
        data = (tmp_path / "e" / row["path"]).read_bytes()
        assert data[:3] == b"\xff\xd8\xff"
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape == (240, 320, 3)
        stem, _, number = Path(row["path"]).stem.rpartition("_")
        assert row["group"] == f"{row['label']}/{stem}.png"
        assert len(number) == 4


def test_two_runs_give_the_same_bytes(originals: Manifest, tmp_path: Path) -> None:
    """The same seed gives the same files, another seed others; images of one original differ."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write(originals, tmp_path / name, 30, seed=seed, height=24, width=32)
    a, b, c = (hashes(tmp_path / name) for name in "abc")
    assert a == b
    images = {name: digest for name, digest in a.items() if name.endswith(".jpg")}
    assert len(set(images.values())) == 30
    assert not set(images.values()) & set(c.values())


def test_a_larger_set_holds_the_smaller_one(originals: Manifest, tmp_path: Path) -> None:
    """An image depends only on the seed, the original's bytes and its number."""
    write(originals, tmp_path / "few", 30, height=24, width=32)
    write(originals, tmp_path / "many", 60, height=24, width=32)
    few = {name: digest for name, digest in hashes(tmp_path / "few").items() if name.endswith(".jpg")}
    assert few.items() <= hashes(tmp_path / "many").items()


def test_description_of_the_set(originals: Manifest, tmp_path: Path) -> None:
    """augmented.json has the source, its manifest, the total, the seed and the ranges."""
    write(originals, tmp_path / "e", 12, seed=5, height=24, width=32)
    facts = read_json(tmp_path / "e" / FACTS, "facts")
    assert facts["source_manifest_sha256"] == originals.sha256
    assert (facts["source"], facts["total"], facts["seed"], facts["height"], facts["width"]) == (
        "folder",
        12,
        5,
        24,
        32,
    )
    assert facts["ranges"] == {"rotate": 20.0, "shift": 0.1, "shear": 0.2, "flip": True}


# One image


def test_borders_are_black() -> None:
    """A rotated white image has black corners and a white center."""
    white = np.full((60, 80, 3), 255, np.uint8)
    turned = np.stack([draw(white, 60, 80, PosterRanges(), np.random.default_rng(seed)) for seed in range(20)])
    assert turned.dtype == np.uint8
    assert (turned[:, 25:35, 35:45] == 255).all()
    corners = turned[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.max((1, 2)) > 0).any()
    assert ((corners == 0).all(2).sum(1) >= 1).all()
    np.testing.assert_array_equal(
        draw(white, 30, 40, PosterRanges(0, 0, 0, False), np.random.default_rng(0)), white[::2, ::2]
    )


def test_without_ranges_nothing_moves() -> None:
    """Without rotation, shift, shear and flips the map is the identity, for any random numbers."""
    still = affine(240, 320, PosterRanges(0.0, 0.0, 0.0, False), np.random.default_rng(3))
    np.testing.assert_allclose(still, [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(8, 400), width=st.integers(8, 400))
def test_the_map_stays_within_its_ranges(seed: int, height: int, width: int) -> None:
    """The center moves by at most 10 %, areas shrink by at most the shear's cosine, the angle is at most 20 degrees."""
    ranges = PosterRanges()
    found = affine(height, width, ranges, np.random.default_rng(seed))
    linear, center = found[:, :2], np.array([(width - 1) / 2, (height - 1) / 2])
    moved = linear @ center + found[:, 2] - center
    assert abs(moved[0]) <= 0.1 * width + 1e-9
    assert abs(moved[1]) <= 0.1 * height + 1e-9
    assert np.cos(ranges.shear) - 1e-9 <= abs(np.linalg.det(linear)) <= 1 + 1e-9
    angle = np.degrees(np.arctan2(linear[1, 0], linear[0, 0])) % 180  # a flip along x adds 180 degrees
    assert min(angle, 180 - angle) <= 20 + 1e-6


def test_flips_go_both_ways() -> None:
    """The four combinations of the two flips are about equally frequent."""
    still = PosterRanges(0.0, 0.0, 0.0, True)
    maps = (affine(9, 9, still, np.random.default_rng(seed)) for seed in range(400))
    signs = Counter((int(m[0, 0]), int(m[1, 1])) for m in maps)
    assert set(signs) == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    assert min(signs.values()) > 70


@given(total=st.integers(0, 10**6), parts=st.integers(1, 500))
def test_quotas_are_even_integers(total: int, parts: int) -> None:
    """They add up to the total, differ by at most 1, and the larger ones come first."""
    found = quotas(total, parts)
    assert len(found) == parts
    assert sum(found) == total
    assert max(found) - min(found) <= 1
    assert found == sorted(found, reverse=True)


# Resuming and errors


def test_an_existing_set_is_kept(originals: Manifest, tmp_path: Path) -> None:
    """A second call with the same arguments returns the same description and changes no file."""
    first = write(originals, tmp_path / "e", 30, height=24, width=32)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "e").rglob("*")}
    assert write(originals, tmp_path / "e", 30, height=24, width=32) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "e").rglob("*")} == before


def test_a_folder_with_other_content_is_an_error(originals: Manifest, tmp_path: Path) -> None:
    """A different set and a folder with other files are errors and stay unchanged."""
    write(originals, tmp_path / "e", 30, height=24, width=32)
    before = hashes(tmp_path / "e")
    with pytest.raises(UserError, match="is not empty and holds a different set: give another --to"):
        write(originals, tmp_path / "e", 30, seed=1, height=24, width=32)
    assert hashes(tmp_path / "e") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        write(originals, tmp_path / "mine", 30)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_interrupted_run_leaves_no_folder(originals: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interrupt at the first original there is no folder, and the remaining ones are not drawn."""
    drawn: list[str] = []
    draw_original = augmented_set._one

    def record(to: Path, manifest: Manifest, entry: Entry, *rest: Any) -> Sequence[tuple[str, str, str]]:
        drawn.append(entry.path)
        return draw_original(to, manifest, entry, *rest)

    monkeypatch.setattr(augmented_set, "_one", record)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    def stop(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(originals, tmp_path / "e", 900, height=24, width=32, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
    assert len(drawn) < 9


def test_a_changed_original_is_an_error(originals: Manifest, tmp_path: Path) -> None:
    """An image that differs from the manifest is named in the error, and no folder is left."""
    originals.file(originals.entries[4]).write_bytes(b"other")
    with pytest.raises(UserError, match="changed since the manifest was made"):
        write(originals, tmp_path / "e", 30)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_more_originals_than_images(originals: Manifest, tmp_path: Path) -> None:
    """The error names the class, its originals and how many images it would get."""
    with pytest.raises(UserError, match="--total 9: eosinophil has 4 originals, but would get 3 images"):
        write(originals, tmp_path / "e", 9)
    assert not (tmp_path / "e").exists()


def test_several_cells_in_one_image(put: Put, image_folder: Path, tmp_path: Path) -> None:
    """Cells of one class in an image are one original; cells of two classes in an image are an error."""
    one, two = ("WBC", 1, 1, 9, 9), ("WBC", 11, 11, 19, 19)
    lines = [",Image,Category"]
    for i in range(6):
        put(f"JPEGImages/BloodImage_0000{i}.png", seed=i, size=(24, 32))
        write_csv(image_folder / f"Annotations/BloodImage_0000{i}.xml", [voc([one, two] if i < 3 else [one])])
        lines.append(f',{i},"MONOCYTE, MONOCYTE"' if i < 3 else f",{i},NEUTROPHIL")
    write_csv(image_folder / "labels.csv", lines)
    manifest = make("bccd", image_folder, classes=["monocyte", "neutrophil"], protocol="poster")
    assert len(manifest.entries) == 9
    write(manifest, tmp_path / "e", 12, height=24, width=32)
    assert set(Counter(row["group"] for row in rows(tmp_path / "e")).values()) == {2}
    first = manifest.entries[0]
    other = replace(first, label="basophil", group="g", split=Split.TEST)
    mixed = replace(manifest, entries=(first, other))
    with pytest.raises(UserError, match="cells of two classes"):
        write(mixed, tmp_path / "m", 12)


def test_two_originals_with_the_same_name(put: Put, image_folder: Path, tmp_path: Path) -> None:
    """An error within a class, where the images would overwrite each other; allowed across classes."""
    for path in ("monocyte/a.png", "monocyte/more/b.png", "neutrophil/a.png", "neutrophil/b.png"):
        put(path, seed=len(path))
    write(make("folder", image_folder, protocol="external"), tmp_path / "e", 8, height=24, width=32)
    assert len(rows(tmp_path / "e")) == 8
    put("monocyte/more/a.bmp", seed=99)
    with pytest.raises(UserError, match="two originals of one class have the same file name"):
        write(make("folder", image_folder, protocol="external"), tmp_path / "f", 10)


@pytest.mark.data
def test_poster_set_of_bccd(real_data: Path) -> None:
    """BCCD's 345 images give 12,515 in four classes; a fifth of them are test images."""
    manifest = make("bccd", real_data / "bccd")
    jobs = augmented_set._jobs(manifest, 12515)
    assert len(jobs) == 345
    assert sum(count for _, count in jobs) == 12515
    totals: Counter[str] = Counter()
    for entry, count in jobs:
        totals[entry.label] += count
    assert totals == {"neutrophil": 3129, "lymphocyte": 3129, "monocyte": 3129, "eosinophil": 3128}
    paths = [f"{entry.path}#{i}" for entry, count in jobs for i in range(count)]
    assert Counter(poster(paths, 0).values())[Split.TEST] == 2503


@pytest.mark.data
def test_400_images_of_bccd(real_data: Path, tmp_path: Path) -> None:
    """A set of real originals keeps their citation and license, and its groups are BCCD's images."""
    every = make("bccd", real_data / "bccd")
    some = replace(every, entries=tuple(balanced(every.entries, 40)))
    write(some, tmp_path / "e", 400, height=60, width=80)
    manifest = make("augmented", tmp_path / "e", protocol="poster")
    assert {name: sum(manifest.counts()[side][name] for side in SPLITS) for name in manifest.classes} == dict.fromkeys(
        manifest.classes, 100
    )
    assert {entry.group for entry in manifest.entries} == {entry.group for entry in some.entries}
    assert manifest.provenance.license == "MIT"
    assert "BCCD_Dataset" in manifest.provenance.citation
