"""Comparison of a bundle's INT8 ONNX with ONNX Runtime's own quantization."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from bench import onnx_int8
from bench.console import CHECKOUT
from bench.onnx_int8 import BUNDLE, FLOAT, OWN, Speed
from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime.selftest import GoldenSamples

RELEASED = CHECKOUT / "export" / "bundles" / "wbc5-edge"


@pytest.fixture
def released() -> Bundle:
    """Return the smallest of the released bundles."""
    return Bundle.open(RELEASED)


def run(model: bytes, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[np.ndarray]:
    """Return the outputs of a model."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"image": images}))


def test_recovered_float_network_computes_the_same_within_the_rounding_of_activations(released: Bundle) -> None:
    """No quantization is left, and the probabilities differ by little."""
    images = GoldenSamples.from_bundle(released).images
    quantized = released.read(released.model_files("onnx", "int8")[0])
    plain = onnx_int8.to_float(quantized)
    kinds = {node.op_type for node in onnx.load_model_from_string(plain).graph.node}
    assert not kinds & {"QuantizeLinear", "DequantizeLinear"}
    assert "Clip" in kinds
    difference = np.abs(run(plain, images)[0] - run(quantized, images)[0]).max()
    assert 0 < difference < 0.03


def test_own_quantization_is_in_integers(released: Bundle) -> None:
    """ONNX Runtime's quantization of the float network has quantized weights and gives nearly the same."""
    images = GoldenSamples.from_bundle(released).images
    plain = onnx_int8.to_float(released.read(released.model_files("onnx", "int8")[0]))
    own = onnx_int8.own_quantization(plain, images)
    assert "QuantizeLinear" in {node.op_type for node in onnx.load_model_from_string(own).graph.node}
    assert np.abs(run(own, images)[0] - run(plain, images)[0]).max() < 0.1


def test_speed_is_the_median_of_the_ratios_of_rounds() -> None:
    """Not the ratio of the medians: rounds meet different loads."""
    rounds = [{FLOAT: 1.0, OWN: own, BUNDLE: ours} for own, ours in ((10.0, 20.0), (100.0, 110.0), (50.0, 60.0))]
    speed = Speed.of_rounds(8, rounds)
    assert speed.ratio == pytest.approx(1.2)
    assert speed.ratio_range == (1.1, 2.0)
    assert speed.images_per_s == {FLOAT: 1.0, OWN: 50.0, BUNDLE: 60.0}
    assert Speed.from_json(json.loads(json.dumps(speed.to_json()))) == speed


def test_command_writes_results_that_the_page_shows(released: Bundle, tmp_path: Path) -> None:
    """Each bundle has a row a batch size, and the section names the golden images with the same label."""
    out = tmp_path / "onnx-int8.json"
    arguments = [str(RELEASED), "--out", str(out), "--rounds", "1", "--seconds", "0.01"]
    assert onnx_int8.main(arguments) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [speed["batch"] for speed in found["rows"][0]["speeds"]] == [1, 8, 32]
    text = onnx_int8.section(found)
    assert f"{released.name} {found['rows'][0]['same_labels']} of {found['rows'][0]['n']}" in text
    assert "renewed" not in text
    found["rows"][0]["model_sha256"] = "ab" * 32
    assert onnx_int8.section(found).endswith(f"Files that were renewed after this was measured: {released.name}.")
