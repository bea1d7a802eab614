"""Tests of `edgewbc.data.augmented_set`."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.data import augmented_set
from edgewbc.data.augmented_set import FACTS, ORIGINALS, Ranges, affine, draw, quotas, write
from edgewbc.data.manifest import SPLITS, Manifest
from edgewbc.data.sampling import balanced
from edgewbc.data.sources import make
from edgewbc.data.splits import poster
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json
from tests.data.conftest import Put, voc, write_csv

NUMBERS = {"neutrophil": 3, "monocyte": 2, "eosinophil": 4}


@pytest.fixture
def originals(put: Put, pictures: Path) -> Manifest:
    """Nine bright originals of three classes, 40 pixels wide and 30 tall."""
    seed = 0
    for label, number in NUMBERS.items():
        for i in range(number):
            put(f"{label}/{label[:2]}{i}.png", seed := seed + 1, size=(30, 40))
    return make("folder", pictures, protocol="external")


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
    """100 pictures of three classes are 34, 33, 33; within a class each original gives as many, give or take one."""
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


def test_pictures_are_jpegs_of_the_asked_size_named_for_their_original(originals: Manifest, tmp_path: Path) -> None:
    """The poster's 320 x 240 unless told; the name is the original's with a number, the group the original's path."""
    write(originals, tmp_path / "e", 12)
    for row in rows(tmp_path / "e"):
        data = (tmp_path / "e" / row["path"]).read_bytes()
        assert data[:3] == b"\xff\xd8\xff"
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
        stem, _, number = Path(row["path"]).stem.rpartition("_")
        assert row["group"] == f"{row['label']}/{stem}.png"
        assert len(number) == 4


def test_two_runs_give_the_same_bytes(originals: Manifest, tmp_path: Path) -> None:
    """The same seed draws the same files, another seed others; and pictures drawn from one original differ."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write(originals, tmp_path / name, 30, seed=seed, height=24, width=32)
    a, b, c = (hashes(tmp_path / name) for name in "abc")
    assert a == b
    pictures = {name: digest for name, digest in a.items() if name.endswith(".jpg")}
    assert len(set(pictures.values())) == 30
    assert not set(pictures.values()) & set(c.values())


def test_a_larger_set_holds_the_smaller_one(originals: Manifest, tmp_path: Path) -> None:
    """A picture depends on the seed, its original's bytes and its number alone."""
    write(originals, tmp_path / "few", 30, height=24, width=32)
    write(originals, tmp_path / "many", 60, height=24, width=32)
    few = {name: digest for name, digest in hashes(tmp_path / "few").items() if name.endswith(".jpg")}
    assert few.items() <= hashes(tmp_path / "many").items()


def test_what_was_drawn_is_written_down(originals: Manifest, tmp_path: Path) -> None:
    """augmented.json names the source, its manifest, the total, the seed and the ranges of the poster."""
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


# One picture


def test_what_comes_from_outside_is_black() -> None:
    """A white picture that is turned by 20 degrees has black corners and a white middle."""
    white = np.full((60, 80, 3), 255, np.uint8)
    turned = np.stack([draw(white, 60, 80, Ranges(), np.random.default_rng(seed)) for seed in range(20)])
    assert turned.dtype == np.uint8
    assert (turned[:, 25:35, 35:45] == 255).all()
    corners = turned[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.max((1, 2)) > 0).any()
    assert ((corners == 0).all(2).sum(1) >= 1).all()
    np.testing.assert_array_equal(
        draw(white, 30, 40, Ranges(0, 0, 0, False), np.random.default_rng(0)), white[::2, ::2]
    )


def test_without_ranges_nothing_moves() -> None:
    """No rotation, shift, shear or flip is the identity map, whatever the random numbers."""
    still = affine(240, 320, Ranges(0.0, 0.0, 0.0, False), np.random.default_rng(3))
    np.testing.assert_allclose(still, [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(8, 400), width=st.integers(8, 400))
def test_the_map_stays_within_its_ranges(seed: int, height: int, width: int) -> None:
    """The centre moves by 10 % at most, areas shrink by the shear's cosine at most, the turn is one of 20 degrees."""
    ranges = Ranges()
    found = affine(height, width, ranges, np.random.default_rng(seed))
    linear, centre = found[:, :2], np.array([(width - 1) / 2, (height - 1) / 2])
    moved = linear @ centre + found[:, 2] - centre
    assert abs(moved[0]) <= 0.1 * width + 1e-9
    assert abs(moved[1]) <= 0.1 * height + 1e-9
    assert np.cos(ranges.shear) - 1e-9 <= abs(np.linalg.det(linear)) <= 1 + 1e-9
    angle = np.degrees(np.arctan2(linear[1, 0], linear[0, 0])) % 180  # a flip along x turns it by 180
    assert min(angle, 180 - angle) <= 20 + 1e-6


def test_flips_go_both_ways() -> None:
    """Each of the four combinations of the two flips is drawn, about as often as the others."""
    still = Ranges(0.0, 0.0, 0.0, True)
    maps = (affine(9, 9, still, np.random.default_rng(seed)) for seed in range(400))
    signs = Counter((int(m[0, 0]), int(m[1, 1])) for m in maps)
    assert set(signs) == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    assert min(signs.values()) > 70


@given(total=st.integers(0, 10**6), parts=st.integers(1, 500))
def test_quotas_are_whole_and_even(total: int, parts: int) -> None:
    """Shares add up to the total, differ by one at most, and the larger come first."""
    found = quotas(total, parts)
    assert len(found) == parts
    assert sum(found) == total
    assert max(found) - min(found) <= 1
    assert found == sorted(found, reverse=True)


# Refusals


def test_the_same_drawing_is_left_as_it_is(originals: Manifest, tmp_path: Path) -> None:
    """A second call with the same arguments reads what was drawn and touches no file."""
    first = write(originals, tmp_path / "e", 30, height=24, width=32)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "e").rglob("*")}
    assert write(originals, tmp_path / "e", 30, height=24, width=32) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "e").rglob("*")} == before


def test_a_folder_with_something_else_is_refused(originals: Manifest, tmp_path: Path) -> None:
    """Another drawing and a folder of one's own are refused, and stay as they were."""
    write(originals, tmp_path / "e", 30, height=24, width=32)
    before = hashes(tmp_path / "e")
    with pytest.raises(UserError, match="holds something else already: give another --to"):
        write(originals, tmp_path / "e", 30, seed=1, height=24, width=32)
    assert hashes(tmp_path / "e") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        write(originals, tmp_path / "mine", 30)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_killed_half_way_leaves_nothing(originals: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt after the first original leaves no folder, and the rest is not drawn after all."""
    drawn: list[str] = []
    one = augmented_set._one
    monkeypatch.setattr(augmented_set, "_one", lambda *task: drawn.append(task[2].path) or one(*task))
    monkeypatch.setattr(augmented_set.os, "cpu_count", lambda: 1)

    def stop(items, what, total):  # type: ignore[no-untyped-def]
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(originals, tmp_path / "e", 900, height=24, width=32, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
    assert len(drawn) < 9


def test_an_original_that_has_changed_leaves_nothing(originals: Manifest, tmp_path: Path) -> None:
    """A picture that is no longer the manifest's is named, and nothing is made of the others."""
    originals.file(originals.entries[4]).write_bytes(b"other")
    with pytest.raises(UserError, match="changed since the manifest was made"):
        write(originals, tmp_path / "e", 30)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_more_originals_than_pictures(originals: Manifest, tmp_path: Path) -> None:
    """A total that would leave an original out is refused, with the class and what it would get."""
    with pytest.raises(UserError, match="--total 9: eosinophil has 4 originals, but would get 3 images"):
        write(originals, tmp_path / "e", 9)
    assert not (tmp_path / "e").exists()


def test_cells_of_one_picture(put: Put, pictures: Path, tmp_path: Path) -> None:
    """Two cells of one class are one original; cells of two classes in one picture have no one label."""
    one, two = ("WBC", 1, 1, 9, 9), ("WBC", 11, 11, 19, 19)
    lines = [",Image,Category"]
    for i in range(6):
        put(f"JPEGImages/BloodImage_0000{i}.png", seed=i, size=(24, 32))
        write_csv(pictures / f"Annotations/BloodImage_0000{i}.xml", [voc([one, two] if i < 3 else [one])])
        lines.append(f',{i},"MONOCYTE, MONOCYTE"' if i < 3 else f",{i},NEUTROPHIL")
    write_csv(pictures / "labels.csv", lines)
    manifest = make("bccd", pictures, classes=["monocyte", "neutrophil"], protocol="poster")
    assert len(manifest.entries) == 9
    write(manifest, tmp_path / "e", 12, height=24, width=32)
    assert set(Counter(row["group"] for row in rows(tmp_path / "e")).values()) == {2}
    first = manifest.entries[0]
    mixed = Manifest(manifest.root, (first, type(first)(first.path, "basophil", "g", "test", first.sha256)), (), "x")
    with pytest.raises(UserError, match="cells of two classes"):
        write(mixed, tmp_path / "m", 12)


def test_two_originals_of_one_name(put: Put, pictures: Path, tmp_path: Path) -> None:
    """Originals of one class whose pictures would overwrite one another are refused; across classes they may be."""
    for path in ("monocyte/a.png", "monocyte/more/b.png", "neutrophil/a.png", "neutrophil/b.png"):
        put(path, seed=len(path))
    write(make("folder", pictures, protocol="external"), tmp_path / "e", 8, height=24, width=32)
    assert len(rows(tmp_path / "e")) == 8
    put("monocyte/more/a.bmp", seed=99)
    with pytest.raises(UserError, match="two originals of one class and one name"):
        write(make("folder", pictures, protocol="external"), tmp_path / "f", 10)


@pytest.mark.data
def test_the_posters_set_of_bccd(real_data: Path) -> None:
    """BCCD's 345 pictures give 12,515 in four classes, each original as many as the others of its class."""
    manifest = make("bccd", real_data / "bccd")
    jobs = augmented_set._jobs(manifest, 12515)
    assert len(jobs) == 345
    assert sum(count for _, count in jobs) == 12515
    totals: Counter[str] = Counter()
    for entry, count in jobs:
        totals[entry.label] += count
    assert totals == {"neutrophil": 3129, "lymphocyte": 3129, "monocyte": 3129, "eosinophil": 3128}
    paths = [f"{entry.path}#{i}" for entry, count in jobs for i in range(count)]
    assert Counter(poster(paths, 0).values())["test"] == 2503


@pytest.mark.data
def test_400_pictures_of_bccd(real_data: Path, tmp_path: Path) -> None:
    """A small set of real originals keeps their citation, and its groups are BCCD's pictures."""
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
