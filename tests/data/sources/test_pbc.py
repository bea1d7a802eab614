"""Tests of `edgewbc.data.sources.pbc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.errors import UserError
from tests.data.conftest import Put, write_csv


@pytest.fixture
def pbc(put: Put, image_folder: Path) -> Path:
    """Nine images of two types, one of a third class, a copy across the published split."""
    seed = 0
    for label, short in (("neutrophil", "NE"), ("monocyte", "MO")):
        for i in range(4):
            put(f"PBC_dataset_normal_DIB/{label}/{short}_{i}.png", seed := seed + 1)
    put("PBC_dataset_normal_DIB/monocyte/MO_9.png", seed)
    put("PBC_dataset_normal_DIB/ig/IG_1.png", 99)
    top = "PBC_dataset_normal_DIB"
    write_csv(
        image_folder / "splits/train.csv",
        ["path,label", f"{top}/neutrophil/NE_2.png,neutrophil", f"{top}/monocyte/MO_3.png,monocyte"],
    )
    write_csv(image_folder / "splits/val.csv", ["path,label", f"{top}/neutrophil/NE_0.png,neutrophil"])
    write_csv(image_folder / "splits/test.csv", ["path,label", f"{top}/monocyte/MO_9.png,monocyte"])
    return image_folder


def test_pbc_published_follows_the_tables(pbc: Path) -> None:
    """Entries are the rows of the CSVs, in their order; duplicates share a group even across splits."""
    manifest = make("pbc", pbc)
    assert manifest.protocol == "published"
    assert [(Path(e.path).stem, e.split) for e in manifest.entries] == [
        ("NE_2", "train"),
        ("MO_3", "train"),
        ("NE_0", "val"),
        ("MO_9", "test"),
    ]
    assert manifest.entries[1].group == manifest.entries[3].group == manifest.entries[1].path
    assert "WBCAtt" in manifest.provenance.citation
    assert manifest.provenance.license == "CC BY 4.0"


def test_pbc_grouped_uses_all_images(pbc: Path) -> None:
    """All images of the five types are used; other classes are counted, or used if selected."""
    manifest = make("pbc", pbc, protocol="grouped")
    assert len(manifest.entries) == 9
    assert manifest.provenance.left_out == {"class immature granulocyte not selected": 1}
    sides = {entry.group: entry.split for entry in manifest.entries}
    assert sides[next(e.group for e in manifest.entries if "MO_9" in e.path)] in ("train", "val", "test")
    everything = make("pbc", pbc, protocol="poster", classes=["ig", "monocyte", "neutrophil"])
    assert everything.classes == ("neutrophil", "monocyte", "immature granulocyte")


def test_eight_classes_follow_further_tables(pbc: Path, put: Put) -> None:
    """The protocol `published8` adds the classes of the tables eight_*.csv, in the order of reports."""
    top = "PBC_dataset_normal_DIB"
    for number, (label, short) in enumerate((("erythroblast", "ERB"), ("platelet", "PLA"))):
        put(f"{top}/{label}/{short}_1.png", 200 + number)
    for number, (label, short) in enumerate((("lymphocyte", "LY"), ("eosinophil", "EO"), ("basophil", "BA"))):
        put(f"{top}/{label}/{short}_1.png", 300 + number)
    write_csv(pbc / "splits/eight_train.csv", ["path,label", f"{top}/ig/IG_1.png,ig"])
    write_csv(pbc / "splits/eight_val.csv", ["path,label", f"{top}/erythroblast/ERB_1.png,erythroblast"])
    write_csv(pbc / "splits/eight_test.csv", ["path,label", f"{top}/platelet/PLA_1.png,platelet"])
    with pytest.raises(UserError, match="no images of class 'lymphocyte'"):
        make("pbc", pbc, protocol="published8")
    rows = [f"{top}/{label}/{short}_1.png,{label}" for label, short in (("lymphocyte", "LY"), ("eosinophil", "EO"))]
    write_csv(
        pbc / "splits/val.csv",
        ["path,label", f"{top}/neutrophil/NE_0.png,neutrophil", *rows, f"{top}/basophil/BA_1.png,basophil"],
    )
    manifest = make("pbc", pbc, protocol="published8")
    assert manifest.classes[5:] == ("immature granulocyte", "erythroblast", "platelet")
    assert {Path(e.path).stem: e.split for e in manifest.entries if e.label in manifest.classes[5:]} == {
        "IG_1": "train",
        "ERB_1": "val",
        "PLA_1": "test",
    }


def test_pbc_errors(pbc: Path) -> None:
    """Errors for a missing image, a path outside the folder, a wrong header and a missing table name the file."""
    with pytest.raises(UserError, match="no images of class 'basophil'"):
        make("pbc", pbc, protocol="grouped", classes=["basophil"])
    test = pbc / "splits/test.csv"
    for row, message in (
        ("PBC_dataset_normal_DIB/monocyte/MO_77.png,monocyte", "MO_77.png: no such image"),
        ("../x.png,monocyte", "outside"),
        ("PBC_dataset_normal_DIB/monocyte/MO_3.png,monocyte", "listed twice"),
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
    """Without splits/ the published protocol is refused, and the message says what to do."""
    (pbc / "splits").rename(pbc / "elsewhere")
    with pytest.raises(UserError, match="use --protocol grouped"):
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
