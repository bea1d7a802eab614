"""Tests of `edgewbc.data.sources`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import SOURCES, make
from edgewbc.data.sources.bccd import wbc_boxes
from edgewbc.errors import UserError
from tests.data.conftest import Put, voc, write_csv


def groups(manifest: Manifest) -> dict[str, str]:
    return {entry.path: entry.group for entry in manifest.entries}


# A folder per class


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
    assert manifest.facts["splits"] == [0.7, 0.1, 0.2]


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
    assert manifest.facts["left_out"] == {"picture outside of the class folders": 1}


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


# PBC


@pytest.fixture
def pbc(put: Put, pictures: Path) -> Path:
    """Nine pictures of two types, one of a third class, a copy across the published split."""
    seed = 0
    for label, short in (("neutrophil", "NE"), ("monocyte", "MO")):
        for i in range(4):
            put(f"PBC_dataset_normal_DIB/{label}/{short}_{i}.png", seed := seed + 1)
    put("PBC_dataset_normal_DIB/monocyte/MO_9.png", seed)
    put("PBC_dataset_normal_DIB/ig/IG_1.png", 99)
    top = "PBC_dataset_normal_DIB"
    write_csv(
        pictures / "splits/train.csv",
        ["path,label", f"{top}/neutrophil/NE_2.png,neutrophil", f"{top}/monocyte/MO_3.png,monocyte"],
    )
    write_csv(pictures / "splits/val.csv", ["path,label", f"{top}/neutrophil/NE_0.png,neutrophil"])
    write_csv(pictures / "splits/test.csv", ["path,label", f"{top}/monocyte/MO_9.png,monocyte"])
    return pictures


def test_pbc_published_follows_the_tables(pbc: Path) -> None:
    """Rows are those of the CSVs, in their order; copies share a group even across sides."""
    manifest = make("pbc", pbc)
    assert manifest.protocol == "published"
    assert [(Path(e.path).stem, e.split) for e in manifest.entries] == [
        ("NE_2", "train"),
        ("MO_3", "train"),
        ("NE_0", "val"),
        ("MO_9", "test"),
    ]
    assert manifest.entries[1].group == manifest.entries[3].group == manifest.entries[1].path
    assert "WBCAtt" in manifest.facts["citation"]
    assert manifest.facts["licence"] == "CC BY 4.0"


def test_pbc_grouped_takes_all_pictures(pbc: Path) -> None:
    """All pictures of the five types take part; other classes are counted, or taken when asked for."""
    manifest = make("pbc", pbc, protocol="grouped")
    assert len(manifest.entries) == 9
    assert manifest.facts["left_out"] == {"class ig was not asked for": 1}
    sides = {entry.group: entry.split for entry in manifest.entries}
    assert sides[next(e.group for e in manifest.entries if "MO_9" in e.path)] in ("train", "val", "test")
    everything = make("pbc", pbc, protocol="poster", classes=["ig", "monocyte", "neutrophil"])
    assert everything.classes == ("neutrophil", "monocyte", "ig")


def test_pbc_errors(pbc: Path) -> None:
    """A missing picture, a path outside, a wrong header, a missing table: each names its file."""
    with pytest.raises(UserError, match="no pictures of class 'basophil'"):
        make("pbc", pbc, protocol="grouped", classes=["basophil"])
    test = pbc / "splits/test.csv"
    for row, message in (
        ("PBC_dataset_normal_DIB/monocyte/MO_77.png,monocyte", "MO_77.png: no such picture"),
        ("../x.png,monocyte", "outside"),
        ("PBC_dataset_normal_DIB/monocyte/MO_3.png,monocyte", "named twice"),
        ("lonely", "too few columns"),
    ):
        write_csv(test, ["path,label", row])
        with pytest.raises(UserError, match=message):
            make("pbc", pbc)
    write_csv(test, ["file,label"])
    with pytest.raises(UserError, match=r"test\.csv: the first line must name the columns path, label"):
        make("pbc", pbc)
    test.unlink()
    with pytest.raises(UserError, match=r"test\.csv: no such file"):
        make("pbc", pbc)


def test_pbc_without_tables(pbc: Path) -> None:
    """Without splits/ the published protocol is refused, and the mend is named."""
    (pbc / "splits").rename(pbc / "elsewhere")
    with pytest.raises(UserError, match="take --protocol grouped"):
        make("pbc", pbc)


@pytest.mark.data
def test_pbc_published_counts_are_exact(real_data: Path) -> None:
    """The published split has 6,169, 1,030 and 1,547 cells, and its classes the known numbers."""
    manifest = make("pbc", real_data / "pbc", protocol="published")
    counts = manifest.counts()
    assert {side: sum(found.values()) for side, found in counts.items()} == {"train": 6169, "val": 1030, "test": 1547}
    assert counts["test"] == {"neutrophil": 505, "lymphocyte": 183, "monocyte": 222, "eosinophil": 463, "basophil": 174}
    assert manifest.entries[0].path == "PBC_dataset_normal_DIB/basophil/BA_100102.jpg"
    assert len({entry.group for entry in manifest.entries}) == 8738


# BCCD


@pytest.fixture
def bccd(put: Put, pictures: Path) -> Path:
    """Fields with clear labels of four types, and one of each kind that is left out."""
    rows = [",Image,Category"]
    types = ("NEUTROPHIL", "LYMPHOCYTE", "MONOCYTE", "EOSINOPHIL")
    one = ("WBC", 2, 3, 12, 18)

    def field(number: int, category: str, *boxes: tuple[str, int, int, int, int]) -> None:
        put(f"JPEGImages/BloodImage_{number:05d}.png", seed=number)
        (pictures / "Annotations").mkdir(exist_ok=True)
        (pictures / f"Annotations/BloodImage_{number:05d}.xml").write_text(voc(boxes))
        rows.append(f',{number},"{category}"')

    for i in range(12):
        field(i, types[i % 4], one, ("RBC", 0, 0, 5, 5))
    field(20, "NEUTROPHIL, NEUTROPHIL", one, ("WBC", 1, 1, 4, 9))
    field(21, "NEUTROPHIL,EOSINOPHIL", one, one)
    field(22, "NEUTROPHIL", one, one)
    field(23, "", one)
    field(24, "NEUTROPHIL", ("RBC", 1, 1, 2, 2))
    field(25, "BASOPHIL", one)
    write_csv(pictures / "labels.csv", rows)
    return pictures


def test_bccd_takes_unambiguous_cells(bccd: Path) -> None:
    """One row a WBC box with its box; pictures that are not clear are left out, each with its reason."""
    manifest = make("bccd", bccd)
    assert manifest.protocol == "grouped"
    assert manifest.classes == ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
    assert len(manifest.entries) == 14
    two = [e for e in manifest.entries if e.path.endswith("00020.png")]
    assert {e.box for e in two} == {(2, 3, 10, 15), (1, 1, 3, 8)}
    assert {e.group for e in two} == {"JPEGImages/BloodImage_00020.png"}
    assert len({e.split for e in two}) == 1
    assert manifest.facts["left_out"] == {
        "class basophil was not asked for": 1,
        "labels of several types": 1,
        "no WBC box": 1,
        "no type label": 1,
        "number of labels is not the number of WBC boxes": 1,
    }


def test_bccd_poster_keeps_a_picture_together(bccd: Path) -> None:
    """Boxes of one picture go where the picture goes under poster too."""
    manifest = make("bccd", bccd, protocol="poster", seed=3)
    assert len({e.split for e in manifest.entries if e.path.endswith("00020.png")}) == 1
    assert sum(manifest.counts()["test"].values()) in (3, 4)


def test_bccd_classes_on_request(bccd: Path) -> None:
    """Basophils are taken when asked for; one is too few to be on three sides."""
    with pytest.raises(UserError, match="'basophil' has 1 group "):
        make("bccd", bccd, classes=["basophil", "neutrophil"])
    manifest = make("bccd", bccd, classes=["basophil", "neutrophil"], protocol="poster")
    assert manifest.classes == ("neutrophil", "basophil")


def test_bccd_errors(bccd: Path) -> None:
    """A malformed table or a missing annotation names the file."""
    (bccd / "Annotations/BloodImage_00003.xml").unlink()
    with pytest.raises(UserError, match=r"BloodImage_00003\.xml: cannot be read"):
        make("bccd", bccd)
    write_csv(bccd / "labels.csv", [",Image,Category", ",first,NEUTROPHIL"])
    with pytest.raises(UserError, match=r"labels\.csv: 'first' is not a picture's number"):
        make("bccd", bccd)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (voc([], '<!DOCTYPE a [<!ENTITY e "boom">]>'), "DOCTYPE"),
        (voc([("WBC", 5, 5, 5, 9)]), "no area"),
        ("<annotation><object><name>WBC</name></object></annotation>", "could not convert"),
        ("<annotation>", "no element found"),
        ("", "no element found"),
    ],
)
def test_annotations_that_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    """A DOCTYPE, a box without area or without corners, and broken XML are errors that name the file."""
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"a\.xml: not a VOC annotation: .*{reason}"):
        wbc_boxes(path)


@pytest.mark.data
def test_bccd_real_counts(real_data: Path) -> None:
    """Of 364 fields, 345 have an unambiguous label; they show 351 cells, and one field that was taken twice is one."""
    manifest = make("bccd", real_data / "bccd")
    assert len(manifest.entries) == 351
    assert sum(manifest.facts["left_out"].values()) == 19
    assert len({entry.group for entry in manifest.entries}) == 344


# JTSC


@pytest.fixture
def jtsc(put: Put, pictures: Path) -> Path:
    for i in range(1, 7):
        put(f"{i:03d}.bmp", seed=i)
    write_csv(pictures / "labels.csv", ["image ID,class label", "1,1", "2,2", "3,3", "4,4", "5,5"])
    return pictures


def test_jtsc_is_all_test(jtsc: Path) -> None:
    """Each picture of the table is test, with the class of its number; one without a label is counted."""
    manifest = make("jtsc", jtsc)
    assert manifest.protocol == "external"
    assert [e.label for e in manifest.entries] == ["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"]
    assert {e.split for e in manifest.entries} == {"test"}
    assert manifest.facts["left_out"] == {"no label in labels.csv": 1}


def test_jtsc_is_never_for_training(jtsc: Path) -> None:
    """Every other protocol is refused."""
    for protocol in ("published", "grouped", "poster"):
        with pytest.raises(UserError, match="evaluation only, never for training"):
            make("jtsc", jtsc, protocol=protocol)


@pytest.mark.parametrize(
    ("row", "message"), [("7,1", r"007\.bmp: no such picture"), ("1,6", "class '6'"), ("1,1", "named twice")]
)
def test_jtsc_errors(jtsc: Path, row: str, message: str) -> None:
    """A picture that is missing, a class that is not one, and a repeat are refused."""
    write_csv(jtsc / "labels.csv", ["image ID,class label", "1,1", row])
    with pytest.raises(UserError, match=message):
        make("jtsc", jtsc)


# Synthetic, and what all sources share


def test_synthetic_groups_by_slide(drawn: Path) -> None:
    """Single cells only, grouped by slide across the classes."""
    manifest = make("synthetic", drawn)
    assert len(manifest.entries) == 50
    assert {e.group for e in manifest.entries} == {f"slide{n:02d}" for n in range(10)}
    assert manifest.counts() == {
        side: dict.fromkeys(manifest.classes, n) for side, n in (("train", 7), ("val", 1), ("test", 2))
    }
    assert make("synthetic", drawn, classes=["monocyte"]).facts["left_out"]["class basophil was not asked for"] == 10


def test_synthetic_needs_the_drawing(slides: Path) -> None:
    """Another folder is refused, with the command that draws one."""
    with pytest.raises(UserError, match="edgewbc data synth"):
        make("synthetic", slides)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "imagenet"}, "source 'imagenet': use one of folder, pbc, bccd, jtsc, synthetic"),
        ({"protocol": "published"}, "source folder has grouped, poster, external"),
        ({"classes": [" "]}, "--classes is empty"),
        ({"splits": (0.5, 0.5, 0.5)}, "add up to 1"),
        ({"source": "synthetic", "group_pattern": "(a)"}, "--group-pattern is for the source folder"),
    ],
)
def test_make_refuses_wrong_options(slides: Path, change: dict[str, object], message: str) -> None:
    """An unknown name or an option that does not fit is one line."""
    options: dict[str, object] = {"source": "folder", "folder": slides, **change}
    call: Callable[..., Manifest] = make
    with pytest.raises(UserError, match=message):
        call(options.pop("source"), options.pop("folder"), **options)


def test_every_source_has_a_default_protocol() -> None:
    """The default is the first: published for PBC, external for JTSC, grouped for the rest."""
    assert {name: protocols[0] for name, protocols in SOURCES.items()} == {
        "folder": "grouped",
        "pbc": "published",
        "bccd": "grouped",
        "jtsc": "external",
        "synthetic": "grouped",
    }
