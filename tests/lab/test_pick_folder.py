"""The folder of cells to label: copies, table, contact sheet, Label Studio."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.lab import labeled_cells, pick_folder
from edgewbc.lab.pick_folder import Picking
from tests.lab.tinted import write_cells


@pytest.fixture
def smear(tmp_path: Path) -> list[Path]:
    folder = write_cells(tmp_path / "smear", {"neutrophil": 8, "monocyte": 5, "basophil": 5})
    (folder / "copy.png").write_bytes((folder / "monocyte" / "000.png").read_bytes())
    (folder / "broken.png").write_bytes(b"nothing")
    return sorted(folder.rglob("*.png"))


@pytest.fixture
def picking(bundle: Bundle, smear: list[Path]) -> Picking:
    return pick_folder.choose(bundle, smear, 6, threads=1)


def test_different_images_are_chosen(picking: Picking) -> None:
    assert (picking.images, picking.copies) == (18, 1)
    assert [path.name for path, _ in picking.errors] == ["broken.png"]
    assert [cell.number for cell in picking.cells] == [1, 2, 3, 4, 5, 6]
    assert len({cell.original for cell in picking.cells}) == 6


def test_the_table_comes_back_as_labeled_cells(bundle: Bundle, picking: Picking, tmp_path: Path) -> None:
    to = tmp_path / "to-label"
    pick_folder.write(bundle, picking, to)
    for cell in picking.cells:
        assert (to / cell.copy).read_bytes() == cell.original.read_bytes()
    with pytest.raises(UserError, match="no row has a label"):
        labeled_cells.find(to, CLASSES)
    with (to / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [""] * 6
    assert rows[0]["original"] == str(picking.cells[0].original)
    for row in rows[:5]:
        row["label"] = Path(row["original"]).parent.name
    with (to / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = labeled_cells.find(to / "labels.csv", CLASSES)
    assert [CLASSES[file.label] for file in found] == [cell.original.parent.name for cell in picking.cells[:5]]


def test_the_sheet_stands_alone_and_does_not_suggest(bundle: Bundle, picking: Picking, tmp_path: Path) -> None:
    pick_folder.write(bundle, picking, tmp_path / "to")
    page = (tmp_path / "to" / "sheet.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == 6
    assert "http" not in page
    assert "<script" not in page
    items = page.partition("<ol>")[2]
    assert not any(name in items for name in CLASSES)


def test_tasks_of_label_studio(bundle: Bundle, picking: Picking, tmp_path: Path) -> None:
    pick_folder.write(bundle, picking, tmp_path / "to")
    tasks = json.loads((tmp_path / "to" / "label-studio.json").read_text(encoding="utf-8"))
    assert len(tasks) == 6
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=cells/001.png"
    result = tasks[0]["predictions"][0]["result"][0]
    assert result["value"]["choices"] == [picking.cells[0].suggestion]
    config = ElementTree.parse(tmp_path / "to" / "label-studio.xml").getroot()  # noqa: S314
    names = [choice.get("value") for choice in config.iter("Choice")]
    assert names == list(CLASSES)
    choices = config.find("Choices")
    assert choices is not None
    assert (choices.get("name"), choices.get("toName")) == (result["from_name"], result["to_name"])


def test_an_existing_folder_is_not_overwritten(bundle: Bundle, picking: Picking, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        pick_folder.write(bundle, picking, tmp_path)
