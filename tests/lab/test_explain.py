"""Explaining cells: views are turned back, maps add up, and the folder that is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.lab import cell_views, explain_folder, labeled_cells
from edgewbc.lab.explain import Explainer
from edgewbc.lab.explain_folder import Request, Similar
from edgewbc.synth.cells import draw_field
from edgewbc.utils import resources
from tests.lab.tinted import tinted, write_cells


@pytest.fixture(scope="module")
def explainer(bundle: Bundle) -> Explainer:
    return Explainer(bundle, precision="f32", threads=1)


@pytest.mark.parametrize("shape", [(6, 6, 3), (4, 6, 3)])
def test_views_are_turned_back(shape: tuple[int, ...]) -> None:
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    back = cell_views.upright(cell_views.views(image)[..., 0])
    assert all(np.array_equal(each, image[..., 0]) for each in back)


def test_a_cell_is_explained(explainer: Explainer) -> None:
    """The map of a bright spot lies on it, whatever the view; parts and bias give the logits."""
    image = tinted(0, 1)
    (found,) = explainer.cells(image)
    assert (found.number, found.box, found.part) == (0, None, (0, 0, 20, 20))
    assert found.maps.parts.shape == (5, 16, 16)
    assert not found.coarse
    powers = np.exp(found.maps.logits - found.maps.logits.max())
    assert powers / powers.sum() == pytest.approx(found.probabilities, abs=1e-3)
    mirrored = explainer.cell(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.evidence() == pytest.approx(found.evidence()[:, ::-1], abs=1e-4)
    with pytest.raises(UserError, match="no class 'blast'"):
        found.evidence("blast")


def test_a_picture_for_the_page(explainer: Explainer) -> None:
    """A label that the network does not have shows the map of its own."""
    image = tinted(0, 1)
    data = explainer.png(image, label="blast", side=100)
    assert decode(data).image.shape == (100, 100, 3)
    assert explainer.png(image, side=100) == data
    assert explainer.png(image, window=(0, 0, 10, 20), side=100) != data


def test_a_cell_of_a_field_is_explained_in_its_place() -> None:
    """The part that is explained is the canonical crop around the cell."""
    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-travel")
    explainer = Explainer(bundle, threads=1)
    field = draw_field(np.random.default_rng(4), ["neutrophil", "lymphocyte", "monocyte"])[0]
    found = explainer.cells(field)
    assert [cell.number for cell in found] == list(range(1, len(found) + 1))
    assert len(found) >= 2
    for cell in found:
        assert cell.box is not None
        left, top, width, height = cell.part
        assert left + width / 2 == pytest.approx(cell.box[0] + cell.box[2] / 2, abs=2)
        assert top + height / 2 == pytest.approx(cell.box[1] + cell.box[3] / 2, abs=2)
        again = explainer.cell(field, cell.box)
        assert again.part == cell.part
        assert again.evidence() == pytest.approx(cell.evidence())
    assert found[0].coarse


def test_the_folder(explainer: Explainer, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 3, "monocyte": 2})
    (smear / "<b>.png").write_bytes(encode(tinted(2, 9), ".png"))
    (smear / "broken.png").write_bytes(b"nothing")
    known = Similar.of(bundle, labeled_cells.find(write_cells(tmp_path / "known", {"basophil": 4}), CLASSES), threads=1)
    request = Request(tuple(sorted(smear.rglob("*.png"))), against="basophil")
    found = explain_folder.write(explainer, request, tmp_path / "to", known)
    assert (found.cells, found.stopped, found.coarse) == (6, False, "")
    assert [path.name for path, _ in found.errors] == ["broken.png"]
    values = json.loads((tmp_path / "to" / "maps.json").read_text(encoding="utf-8"))
    first = values["cells"][0]
    assert np.shape(first["evidence"]) == (16, 16)
    parts = np.array(first["parts"][first["shown"]])
    total = parts.sum() + first["bias"][first["shown"]]
    (cell,) = explainer.cells(decode((smear / "<b>.png").read_bytes()).image)
    assert total == pytest.approx(cell.maps.logits[CLASSES.index(first["shown"])], abs=1e-3)
    assert np.array(first["evidence"]) == pytest.approx(parts - np.array(first["parts"]["basophil"]), abs=1e-5)
    assert {each["label"] for each in first["similar"]} == {"basophil"}
    assert len(first["similar"]) == 3
    picture = decode((tmp_path / "to" / first["picture"]).read_bytes()).image
    assert picture.shape[1] == 2 * 260 + 8
    page = (tmp_path / "to" / "sheet.html").read_text(encoding="utf-8")
    assert page.count('class="pair"') == 6
    assert "&lt;b&gt;.png" in page
    assert "<b>.png" not in page
    assert "http" not in page
    assert "<script" not in page
    with pytest.raises(UserError, match="exists already"):
        explain_folder.write(explainer, request, tmp_path / "to")


def test_it_stops_at_the_number_of_cells(explainer: Explainer, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 3})
    paths = tuple(sorted(smear.rglob("*.png")))
    assert explain_folder.write(explainer, Request(paths, most=2), tmp_path / "two").stopped
    assert not explain_folder.write(explainer, Request(paths, most=3), tmp_path / "three").stopped


def test_nothing_is_written_where_no_image_can_be_used(explainer: Explainer, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the 1 images could be used"):
        explain_folder.write(explainer, Request((tmp_path / "broken.png",)), tmp_path / "to")
    assert not (tmp_path / "to").exists()
