"""Tests of `edgewbc.synth.cells`, and of what distinguishes the classes."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.errors import UserError
from edgewbc.synth import cells as drawing
from edgewbc.synth import nuclei
from edgewbc.synth.smear import Slide


def bytes_below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("label", [*CLASSES, "immature granulocyte", "erythroblast"])
def test_a_cell_is_a_dark_nucleus_on_a_light_ground(label: str) -> None:
    """The image has the given size and a center darker than its background; the generator determines it."""
    cell = drawing.draw_cell(label, np.random.default_rng(5), 64)
    assert cell.shape == (64, 64, 3)
    assert cell.dtype == np.uint8
    assert np.percentile(cell, 95) > 190
    assert cell[20:44, 20:44].mean() < np.percentile(cell, 80) - 15
    np.testing.assert_array_equal(cell, drawing.draw_cell(label, np.random.default_rng(5), 64))
    assert (cell != drawing.draw_cell(label, np.random.default_rng(6), 64)).any()


def test_a_platelet_is_small() -> None:
    """It is darker than the background, and far smaller than a red cell's width."""
    slide = Slide.draw(np.random.default_rng(1))
    bare = replace(slide, crowding=0.0, noise=0.0)
    cell = drawing.draw_cell("platelet", np.random.default_rng(5), 100, bare)
    middle = cell[30:70, 30:70].astype(int).sum(2)
    dark = middle < np.median(cell.astype(int).sum(2)) - 60
    assert 0.003 < dark.sum() / 100**2 < 0.03


def test_unknown_class_is_an_error(tmp_path: Path) -> None:
    """Only the eight classes can be drawn."""
    with pytest.raises(ValueError, match="'blast'"):
        drawing.write(tmp_path / "set", cells=3, classes=("neutrophil", "blast"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="'blast'"):
        drawing.draw_cell("blast", np.random.default_rng(0))


def _solidity(label: str, seed: int) -> float:
    """Return the share of its convex hull that a nucleus fills."""
    mask = nuclei.OF[label]((200, 200), np.random.default_rng(seed), np.array([100.0, 100.0]), 80.0) > 0.5
    points = np.argwhere(mask)[:, ::-1].astype(np.int32)
    return float(mask.sum() / cv2.contourArea(cv2.convexHull(points)))


def test_nuclei_differ_in_shape() -> None:
    """A lymphocyte's nucleus is convex, a monocyte's has a notch, a neutrophil's and an eosinophil's are lobed."""
    full = {label: np.mean([_solidity(label, seed) for seed in range(20)]) for label in CLASSES}
    assert full["lymphocyte"] > 0.96
    assert 0.7 < full["monocyte"] < 0.96
    assert full["neutrophil"] < 0.85
    assert full["eosinophil"] < 0.9


def test_nuclei_of_precursors_are_round() -> None:
    """An erythroblast's nucleus is round and smaller than a lymphocyte's; an immature granulocyte's is not lobed."""
    full = {label: np.mean([_solidity(label, seed) for seed in range(20)]) for label in OTHER_CLASSES[:2]}
    assert full["erythroblast"] > 0.97
    assert full["immature granulocyte"] > 0.92
    for seed in range(10):
        mask = nuclei.OF["erythroblast"]((200, 200), np.random.default_rng(seed), np.array([100.0, 100.0]), 80.0)
        assert 0.2 < mask.sum() / (np.pi * 80**2) < 0.5


def test_slides_differ() -> None:
    """Two slides differ in background and stain."""
    one, two = (Slide.draw(np.random.default_rng(seed)) for seed in (1, 2))
    assert np.abs(one.light - two.light).max() > 1
    assert np.abs(one.dye - two.dye).max() > 0.02


def test_a_field_has_boxes_around_its_cells() -> None:
    """Boxes are inside the image, do not overlap, and are darker than the field."""
    labels = ["neutrophil", "monocyte", "lymphocyte", "basophil"]
    field, boxes = drawing.draw_field(np.random.default_rng(3), labels, height=300, width=400)
    assert field.shape == (300, 400, 3)
    assert [label for label, _ in boxes] == labels
    for label, (left, top, width, height) in boxes:
        assert 0 <= left < left + width <= 400
        assert 0 <= top < top + height <= 300
        x, y = int(left + width / 2), int(top + height / 2)
        assert field[y - 10 : y + 10, x - 10 : x + 10].mean() < field.mean() - 20, label
    for i, (_, a) in enumerate(boxes):
        for _, b in boxes[:i]:
            apart = a[0] > b[0] + b[2] or b[0] > a[0] + a[2] or a[1] > b[1] + b[3] or b[1] > a[1] + a[3]
            assert apart


def test_a_field_that_is_too_small() -> None:
    """Cells that do not fit are an error; none is left out."""
    with pytest.raises(ValueError, match="do not fit"):
        drawing.draw_field(np.random.default_rng(0), ["monocyte"] * 30, height=200, width=200)
    with pytest.raises(ValueError, match="does not fit"):
        drawing.draw_field(np.random.default_rng(0), ["monocyte"], height=50, width=50)


def test_layout_of_the_folder(drawn: Path) -> None:
    """Cells by class with their slide, fields with a table of boxes, and the description of the set."""
    names = bytes_below(drawn)
    assert len([name for name in names if name.startswith("cells/")]) == 50
    assert "cells/neutrophil/slide03_00003.png" in names
    assert "fields/slide01_00001.png" in names
    facts = json.loads((drawn / "synthetic.json").read_text())
    assert (facts["seed"], facts["cells"], facts["fields"], facts["size"], facts["slides"]) == (4, 10, 2, 48, 10)
    with (drawn / "fields/boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {"slide00_00000.png", "slide01_00001.png"}
    assert all(row["label"] in CLASSES and 20 < float(row["width"]) < 150 for row in rows)
    image = cv2.imread(str(drawn / "cells/basophil/slide00_00000.png"))
    assert image is not None
    assert image.shape == (48, 48, 3)


def test_the_same_seed_gives_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    """The same seed gives the same files, byte for byte; another seed gives none of them."""
    drawing.write(tmp_path / "again", cells=10, fields=2, seed=4, size=48)
    assert bytes_below(tmp_path / "again") == bytes_below(drawn)
    drawing.write(tmp_path / "other", cells=10, fields=2, seed=5, size=48)
    assert not set(bytes_below(tmp_path / "other").values()) & set(bytes_below(drawn).values())


def test_a_larger_set_contains_the_smaller_one(drawn: Path, tmp_path: Path) -> None:
    """Each cell has its own seed, so the number of cells does not change them."""
    drawing.write(tmp_path / "few", cells=3, seed=4, size=48)
    cells = {name: digest for name, digest in bytes_below(tmp_path / "few").items() if name.startswith("cells/")}
    assert len(cells) == 15
    assert cells.items() <= bytes_below(drawn).items()


def test_eight_classes_contain_the_five(drawn: Path, tmp_path: Path) -> None:
    """The cells of the five classes stay the same beside three further classes; platelets have no box in a field."""
    every = (*CLASSES, *OTHER_CLASSES)
    drawing.write(tmp_path / "eight", cells=3, fields=6, seed=4, size=48, classes=every)
    cells = {name: digest for name, digest in bytes_below(tmp_path / "eight").items() if name.startswith("cells/")}
    assert len(cells) == 24
    known = bytes_below(drawn)
    assert all(known[name] == digest for name, digest in cells.items() if name.split("/")[1] in CLASSES)
    assert json.loads((tmp_path / "eight/synthetic.json").read_text())["classes"] == list(every)
    assert "classes" not in json.loads((drawn / "synthetic.json").read_text())
    with (tmp_path / "eight/fields/boxes.csv").open(newline="") as file:
        labels = {row["label"] for row in csv.DictReader(file)}
    assert labels <= set(every) - {"platelet"}
    drawing.write(tmp_path / "eight", cells=3, fields=6, seed=4, size=48, classes=every)
    with pytest.raises(UserError, match="holds a different set"):
        drawing.write(tmp_path / "eight", cells=3, fields=6, seed=4, size=48)


def test_existing_files_are_not_overwritten(drawn: Path, tmp_path: Path) -> None:
    """The same set is kept as it is; a folder with other content is an error and stays unchanged."""
    before = (drawn / "cells/monocyte/slide00_00000.png").stat().st_mtime_ns
    drawing.write(drawn, cells=10, fields=2, seed=4, size=48)
    assert (drawn / "cells/monocyte/slide00_00000.png").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="is not empty and holds a different set"):
        drawing.write(drawn, cells=11, seed=4)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        drawing.write(tmp_path, cells=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_working_directory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is not replaced, even if it is empty."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is the working directory"):
        drawing.write(Path(), cells=3)


def test_interrupted_run_leaves_no_folder_and_can_be_repeated(tmp_path: Path) -> None:
    """A partial set is not used, and the next call removes it."""

    def stop(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawing.write(tmp_path / "cells", cells=3, size=32, progress=stop)
    assert not (tmp_path / "cells").exists()
    drawing.write(tmp_path / "cells", cells=3, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["cells"]
