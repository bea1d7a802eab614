"""The folder that `edgewbc explain` writes."""

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
from edgewbc.lab import cell_crops, explain_folder, labeled_cells
from edgewbc.lab.explain import Explainer
from edgewbc.lab.explain_folder import ExplainRequest, Similar
from tests.lab.tinted import tinted, write_cells


@pytest.fixture(scope="module")
def explainer(bundle: Bundle) -> Explainer:
    return Explainer(bundle, precision="f32", threads=1)


def test_the_folder(explainer: Explainer, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 3, "monocyte": 2})
    (smear / "<b>.png").write_bytes(encode(tinted(2, 9), ".png"))
    (smear / "broken.png").write_bytes(b"nothing")
    known = Similar.of(bundle, labeled_cells.find(write_cells(tmp_path / "known", {"basophil": 4}), CLASSES), threads=1)
    request = ExplainRequest(tuple(sorted(smear.rglob("*.png"))), against="basophil")
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
    drawn = decode((tmp_path / "to" / first["image"]).read_bytes()).image
    assert drawn.shape[1] == 2 * 260 + 8
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
    assert explain_folder.write(explainer, ExplainRequest(paths, most=2), tmp_path / "two").stopped
    assert not explain_folder.write(explainer, ExplainRequest(paths, most=3), tmp_path / "three").stopped


def test_nothing_is_written_where_no_image_can_be_used(explainer: Explainer, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the 1 images could be used"):
        explain_folder.write(explainer, ExplainRequest((tmp_path / "broken.png",)), tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_similar_cell_of_a_field_is_shown_alone() -> None:
    """In the middle of its thumbnail, twice the size of its box; an image of one cell is shown whole."""
    field = np.full((300, 400, 3), 220, np.uint8)
    field[10:46, 10:46] = (90, 30, 140)
    shown = explain_folder._thumbnail(field, (10, 10, 36, 36))
    assert shown.shape == (72, 72, 3)
    assert (shown[18:54, 18:54] == (90, 30, 140)).all()
    assert (shown[:8] == cell_crops.BEYOND).all()
    assert (shown[56:, 20:50] == 220).all()
    assert explain_folder._thumbnail(field, None).shape == (72, 72, 3)


def test_a_cell_is_not_similar_to_itself(explainer: Explainer, bundle: Bundle, tmp_path: Path) -> None:
    """A labeled cell that is explained is compared with the others."""
    smear = write_cells(tmp_path / "smear", {"neutrophil": 5})
    paths = tuple(sorted(smear.rglob("*.png")))
    known = Similar.of(bundle, labeled_cells.find(smear, CLASSES), threads=1)
    explain_folder.write(explainer, ExplainRequest(paths), tmp_path / "to", known)
    for cell in json.loads((tmp_path / "to" / "maps.json").read_text(encoding="utf-8"))["cells"]:
        assert len(cell["similar"]) == 3
        assert cell["path"] not in [each["path"] for each in cell["similar"]]
