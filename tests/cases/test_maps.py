"""Maps of the cells of a case: of the right model, the right image and the right label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases import maps as case_maps
from edgewbc.cases.case import Case
from edgewbc.cases.maps import CaseMaps
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.utils import resources
from tests.cases.cases import cell, make_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.read(make_case(tmp_path / "case", [cell("neutrophil")] * 2, classes=CLASSES))


def test_a_map_over_the_crop(case: Case, bundle: Bundle) -> None:
    info = replace(case.info, model_sha256=bundle.model_sha256("openvino", "int8"))
    maps = CaseMaps(info, bundle)
    first = case.cells()[0]
    image = decode(maps(first)).image
    assert image.shape == (480, 480, 3)
    assert len({maps(replace(first, label=name)) for name in CLASSES}) > 1
    unknown = decode(maps(replace(first, label="blast"))).image
    assert np.array_equal(unknown, image)
    half = decode(maps(replace(first, window=(0, 0, 12, 6)))).image
    assert half.shape == (240, 480, 3)


def test_a_changed_or_missing_image_has_no_map(case: Case, bundle: Bundle) -> None:
    maps = CaseMaps(replace(case.info, model_sha256=bundle.model_sha256("openvino", "int8")), bundle)
    one, other = case.cells()
    one.image.write_bytes(other.image.read_bytes())
    with pytest.raises(UserError, match="cell-001.png: is not the image that was counted"):
        maps(one)
    one.image.unlink()
    with pytest.raises(UserError, match="cell-001.png: "):
        maps(one)


def test_the_bundle_of_a_case(case: Case, bundle: Bundle) -> None:
    """Another bundle is refused; a shipped one is found by its name and hash."""
    with pytest.raises(UserError, match="is not the bundle that the case S-1 was counted with"):
        case_maps.find_bundle(case.info, bundle.path)
    assert case_maps.find_bundle(case.info) is None
    edge = Bundle.open(resources.shipped_bundle())
    named = replace(case.info, bundle=edge.name, model_sha256=edge.model_sha256())
    found = case_maps.find_bundle(named)
    assert found is not None
    assert found.path == edge.path
    assert case_maps.find_bundle(replace(named, model_sha256="ab" * 32)) is None
    assert case_maps.find_bundle(replace(case.info, model_sha256=bundle.model_sha256()), bundle.path) is not None
