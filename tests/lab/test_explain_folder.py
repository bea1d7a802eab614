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
from edgewbc.lab import explain_folder, labeled_cells
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
