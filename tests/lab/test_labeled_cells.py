"""Labeled cells of a lab: class folders, tables, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.lab import labeled_cells
from tests.lab.tinted import write_cells


def write_table(folder: Path, *rows: str, header: str = "path,label") -> Path:
    table = folder / "labels.csv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return table


def test_one_folder_per_class(tmp_path: Path) -> None:
    write_cells(tmp_path, {"monocyte": 2, "basophil": 1})
    (tmp_path / "monocyte").rename(tmp_path / "Monocyte")
    (tmp_path / "basophil").rename(tmp_path / "BAS")
    (tmp_path / ".hidden").mkdir()
    found = labeled_cells.find(tmp_path, CLASSES)
    assert [(file.path.name, file.label) for file in found] == [("000.png", 4), ("000.png", 2), ("001.png", 2)]


def test_a_folder_that_is_no_class(tmp_path: Path) -> None:
    write_cells(tmp_path, {"monocyte": 1})
    (tmp_path / "neutrofil").mkdir()
    with pytest.raises(UserError, match="no class 'neutrofil'; it has neutrophil, .*rename the folder"):
        labeled_cells.find(tmp_path, CLASSES)


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images in class folders"):
        labeled_cells.find(tmp_path, CLASSES)
    with pytest.raises(UserError, match="no such folder or table"):
        labeled_cells.find(tmp_path / "absent", CLASSES)


def test_a_table_is_read_wherever_it_is_named(tmp_path: Path) -> None:
    write_cells(tmp_path, {"monocyte": 3})
    rows = ("monocyte/000.png;MON;x", "./monocyte/001.png;Basophil;", "monocyte/002.png;;", "monocyte/000.png;?;")
    table = write_table(tmp_path, *rows, header="path;label;note")
    expected = [(tmp_path / "monocyte/000.png", 2), (tmp_path / "monocyte/001.png", 4)]
    for source in (table, tmp_path):
        assert [(file.path, file.label) for file in labeled_cells.find(source, CLASSES)] == expected


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("monocyte/000.png,blast",), "line 2: the bundle has no class 'blast'"),
        (("monocyte/009.png,monocyte",), "line 2: .*no such image"),
        (("monocyte/000.png,MON", "monocyte/000.png,BAS"), "line 3: monocyte/000.png is already in line 2"),
        (("monocyte/000.png,",), "no row has a label"),
        ((",monocyte",), "line 2: no value in column 'path'"),
    ],
)
def test_faults_of_a_table(tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
    write_cells(tmp_path, {"monocyte": 1})
    with pytest.raises(UserError, match=message):
        labeled_cells.find(write_table(tmp_path, *rows), CLASSES)


def test_a_table_without_the_columns(tmp_path: Path) -> None:
    table = write_table(tmp_path, "a.png,MON", header="file,label")
    with pytest.raises(UserError, match="no column 'path'; found file, label: the first line must be path,label"):
        labeled_cells.find(table, CLASSES)
