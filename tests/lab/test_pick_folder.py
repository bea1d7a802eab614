"""The folder of cells to label: copies, table, contact sheet, Label Studio."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.lab import adapt, labeled_cells, pick_folder
from edgewbc.lab.pick_folder import Picking
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.synth.cells import draw_field
from tests.lab.tinted import write_cells
from tests.tiny import make_bundle


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
    assert (picking.found, picking.copies) == (18, 1)
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


def test_cells_of_fields_are_cut_out(tmp_path: Path) -> None:
    reference = {"nucleus": 20.0, "background": [235.0, 225.0, 215.0], "density": [1.0, 1.6, 0.5]}
    pixels = PixelSpec(16, 16, crop="cell", size=60, reference=Reference.from_json(reference))
    bundle = make_bundle(tmp_path / "bundle", spec=pixels)
    field, boxes = draw_field(np.random.default_rng(0), ["neutrophil", "monocyte", "lymphocyte"])
    path = tmp_path / "field.png"
    path.write_bytes(encode(field, ".png"))
    profile = adapt.learn_profile(bundle, [path])
    assert profile is not None
    picking = pick_folder.choose(bundle, [path], 10, profile=profile, threads=1)
    assert 2 <= len(picking.cells) <= 4
    pick_folder.write(bundle, picking, tmp_path / "to", profile)
    for cell in picking.cells:
        assert cell.box is not None
        assert cell.copy.endswith(".png")
        part = decode((tmp_path / "to" / cell.copy).read_bytes()).image
        assert max(part.shape[:2]) <= round(3 * max(cell.box[2:])) + 1
    centers = [(box[0] + box[2] / 2, box[1] + box[3] / 2) for _, box in boxes]
    for cell in picking.cells:
        left, top, width, height = cell.box or (0, 0, 0, 0)
        assert any(left <= x <= left + width and top <= y <= top + height for x, y in centers)


def test_what_is_cut_out_ends_at_the_edges() -> None:
    image = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    assert np.array_equal(pick_folder.cut_out(image, (25.0, 15.0, 10.0, 10.0)), image[5:35, 15:45])
    assert np.array_equal(pick_folder.cut_out(image, (0.0, 0.0, 10.0, 10.0)), image[:20, :20])


def test_an_existing_folder_is_not_overwritten(bundle: Bundle, picking: Picking, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        pick_folder.write(bundle, picking, tmp_path)
