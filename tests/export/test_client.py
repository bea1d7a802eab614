"""What a client of a bundle's network must do by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.calibration import Calibration
from edgewbc.export import client
from edgewbc.export.client import ClientDescription
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear.prepare import Preparer
from tests import averaged
from tests.export.client_side import prepared
from tests.tiny import make_image


def test_the_description_matches_the_package() -> None:
    """Crops of the package are those of the description, and calibration is the formula."""
    for spec in (PixelSpec(16, 16), PixelSpec(16, 20, "centre", 18), PixelSpec(30, 30, "centre", 99)):
        described = {
            "input": {"height": spec.height, "width": spec.width},
            "crop": {"kind": spec.crop, "size": spec.size},
        }
        image = make_image(3, 41, 28)
        np.testing.assert_array_equal(prepared(described, image), prepare(image, spec))
    values = np.array([0.7, 0.2, 0.1], np.float32)
    powers = values.astype(np.float64) ** (1 / 0.5)
    np.testing.assert_allclose(Calibration(0.5).apply(values), powers / powers.sum(), rtol=1e-6)
    assert any("20" in step and "INTER_AREA" in step for step in client.steps(PixelSpec(16, 20)))
    assert any("1.3" in step for step in client.steps(PixelSpec(8, 8, "box", scale=1.3)))


def test_a_bundle_without_calibration_and_statistics(bundle: Bundle) -> None:
    """The probabilities are used as they are, a threshold of 0 is a threshold, and a person looks at every image."""
    found = ClientDescription.of(bundle, "f32")
    assert (found.precision, found.temperature, found.review_below, found.familiarity) == ("f32", None, 0.0, None)
    values = found.to_json()
    assert (values["calibration"], values["calibrate"]) == (None, "use the probabilities as they are")
    assert values["unfamiliar"] == client.NO_FAMILIARITY
    assert found.to_text().startswith("1. Decode the image to 8-bit RGB")
    assert len(found.to_text().splitlines()) == len(values["steps"])


def test_where_the_label_is_taken_from(tmp_path: Path) -> None:
    """A client is told which views to average, in words and as values; that gives the label that `classify` gives."""
    mean, upright = (averaged.averaged_bundle(tmp_path / name, name) for name in ("mean", "upright"))
    values = ClientDescription.of(mean, "int8").to_json()
    assert (values["label_from"], values["views"]) == ("mean", {"turns": 4, "scales": [0.8, 1.25]})
    assert values["decide"].startswith(
        "take the arithmetic mean of the probabilities of the 6 views before calibration"
    )
    preparer, predictor = Preparer(mean.pixels, views=mean.manifest.views), OpenVINOPredictor.from_bundle(mean)
    cells = [preparer.one(image) for image in averaged.cells()]
    views = [predictor(np.stack([cell.image, *cell.others])).probabilities for cell in cells]
    assert tuple(each.mean(0).argmax() for each in views) == averaged.MEAN
    assert (
        ClientDescription.of(upright, "int8")
        .to_json()["decide"]
        .startswith("the label is the class of the largest probability p of the upright view")
    )
    assert tuple(each[0].argmax() for each in views) == averaged.UPRIGHT
