"""Explaining cells: views are turned back, maps add up, and the folder that is written."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.lab import cell_views
from edgewbc.lab.classifier import Classifier
from edgewbc.lab.explain import Explainer
from edgewbc.synth.cells import draw_field
from edgewbc.utils import resources
from tests.lab.tinted import tinted


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
    assert (found.lowest, found.views) == (None, 1)
    powers = np.exp(found.maps.logits - found.maps.logits.max())
    assert powers / powers.sum() == pytest.approx(found.probabilities, abs=1e-3)
    mirrored = explainer.cell(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.evidence() == pytest.approx(found.evidence()[:, ::-1], abs=1e-4)
    with pytest.raises(UserError, match="no class 'blast'"):
        found.evidence("blast")


def test_an_image_for_the_page(explainer: Explainer) -> None:
    """A label that the network does not have shows the map of its own."""
    image = tinted(0, 1)
    data = explainer.png(image, label="blast", side=100)
    assert decode(data).image.shape == (100, 100, 3)
    assert explainer.png(image, side=100) == data
    assert explainer.png(image, window=(0, 0, 10, 20), side=100) != data


def test_a_cell_of_a_field_is_explained_in_its_place() -> None:
    """The part that is explained is the canonical crop around the cell; the lowest probability is that of its row."""
    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-travel")
    explainer = Explainer(bundle, threads=1)
    field = draw_field(np.random.default_rng(4), ["neutrophil", "lymphocyte", "monocyte"])[0]
    found = explainer.cells(field)
    assert [cell.number for cell in found] == list(range(1, len(found) + 1))
    assert len(found) >= 2
    rows = Classifier(bundle.path, threads=1).classify(field)
    assert [cell.lowest for cell in found] == pytest.approx([row.probability for row in rows], abs=0.01)
    for cell in found:
        assert cell.box is not None
        left, top, width, height = cell.part
        assert left + width / 2 == pytest.approx(cell.box[0] + cell.box[2] / 2, abs=2)
        assert top + height / 2 == pytest.approx(cell.box[1] + cell.box[3] / 2, abs=2)
        again = explainer.cell(field, cell.box)
        assert cell.views == 6
        assert again.part == cell.part
        assert again.evidence() == pytest.approx(cell.evidence())
    assert found[0].coarse
