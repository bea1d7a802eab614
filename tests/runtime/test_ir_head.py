"""The head inside an OpenVINO model: read with its quantized weights, and replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle import match
from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.head import Head
from edgewbc.runtime import ir_head
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import resources
from tests.tiny import make_bundle, make_image


def stored_head(bundle: Bundle) -> Head:
    """Return the head of `head.npz`."""
    with np.load(bundle.path / "head.npz") as arrays:
        return Head.from_arrays(dict(arrays))


@pytest.mark.parametrize("precision", ["int8", "f32"])
def test_the_head_of_a_tiny_model(bundle: Bundle, precision: str) -> None:
    found, stored = ir_head.read(*bundle.read_model(precision=precision).contents), stored_head(bundle)
    assert len(found.layers) == 1
    assert found.layers[0][0] == pytest.approx(stored.layers[0][0])
    assert found.layers[0][1] == pytest.approx(stored.layers[0][1])


@pytest.mark.parametrize(("name", "layers"), [("wbc5-edge", 1), ("wbc5-vgg16gap", 3)])
def test_the_quantized_head_of_a_released_model_is_near_that_of_its_arrays(name: str, layers: int) -> None:
    bundle = Bundle.open(resources.folder("export/bundles") / name)
    found, stored = ir_head.read(*bundle.read_model().contents), stored_head(bundle)
    assert len(found.layers) == layers
    for (weights, bias), (wanted, wanted_bias) in zip(found.layers, stored.layers, strict=True):
        assert np.abs(weights - wanted).max() <= 0.01 * np.abs(wanted).max()
        assert bias == pytest.approx(wanted_bias, abs=1e-5)


@pytest.mark.parametrize("name", ["wbc5-edge", "wbc5-vgg16gap"])
def test_a_replaced_head_gives_its_own_probabilities_for_the_same_features(name: str) -> None:
    bundle = Bundle.open(resources.folder("export/bundles") / name)
    files = bundle.read_model()
    random = np.random.default_rng(0)
    head = stored_head(bundle).plus(random.normal(size=(5, 96)), random.normal(size=5))
    xml, weights = ir_head.replace(files.contents[0], files.contents[1], head)
    images = random.integers(0, 255, (3, bundle.pixels.height, bundle.pixels.width, 3)).astype(np.uint8)
    before = OpenVINOPredictor(*files.contents, precision="int8", threads=1)(images)
    after = OpenVINOPredictor(xml, weights, precision="int8", threads=1)
    found = after(images)
    assert np.array_equal(found.features, before.features)
    assert found.probabilities == pytest.approx(head.probabilities(found.features), abs=1e-5)
    assert after.info.labels == bundle.classes
    assert match.problem("openvino", (xml, weights), bundle.manifest) == ""
    again = ir_head.read(xml, weights)
    assert [w.shape for w, _ in again.layers] == [w.shape for w, _ in head.layers]
    assert ir_head.replace(xml, weights, head)[1] == weights


def test_the_map_keeps_its_name() -> None:
    import openvino as ov

    bundle = Bundle.open(resources.folder("export/bundles") / "wbc5-edge")
    xml, weights = bundle.read_model().contents
    changed = ir_head.replace(xml, weights, stored_head(bundle))
    ov.Core().read_model(*changed).add_outputs("map")


def test_a_head_of_another_size_is_refused(bundle: Bundle) -> None:
    xml, weights = bundle.read_model().contents
    head = Head(((np.zeros((5, 7), np.float32), np.zeros(5, np.float32)),))
    with pytest.raises(ValueError, match="8 features and 5 classes, the head 7 and 5"):
        ir_head.replace(xml, weights, head)


def test_a_tiny_bundle_with_its_own_head_again_predicts_the_same(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    xml, weights = bundle.read_model(precision="f32").contents
    inputs = np.stack([make_image(seed, 16, 16) for seed in range(4)])
    before = OpenVINOPredictor(xml, weights, threads=1)(inputs)
    after = OpenVINOPredictor(*ir_head.replace(xml, weights, stored_head(bundle)), threads=1)(inputs)
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5)
