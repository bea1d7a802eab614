"""Tests of edgewbc.export.bundle_manifest."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.export import bundle_manifest
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.tiny_run import make_spec, trained


def test_head_arrays_reproduce_the_logits() -> None:
    """The logits computed from the features with the arrays alone equal the network's."""
    import torch

    net, _ = model.load(trained()[0])
    arrays = bundle_manifest.head(net)
    assert {name: (a.shape, a.dtype.name) for name, a in arrays.items()} == {
        "w0": ((10, 16), "float32"),
        "b0": ((10,), "float32"),
        "w1": ((5, 10), "float32"),
        "b1": ((5,), "float32"),
    }
    features = np.random.default_rng(0).random((3, 16), dtype=np.float32)
    hidden = np.maximum(features @ arrays["w0"].T + arrays["b0"], 0)
    expected = net.head(torch.from_numpy(features)).detach().numpy()
    np.testing.assert_allclose(hidden @ arrays["w1"].T + arrays["b1"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("arch", "features"), [("vgg16gap", 16), ("vgg16flatten", 16 * 8 * 9)])
def test_output_sizes_are_recorded(arch: str, features: int) -> None:
    """Sizes of probabilities, features and map, for both architectures."""
    from edgewbc.export.validation import ModelFile

    spec = make_spec(("neutrophil", "basophil"), arch)
    run = trained()[0]
    shipped = [ModelFile("f32", run / "onnx" / "f32.onnx")]
    found = bundle_manifest.network(model.build(spec), spec, shipped, run).to_json()
    assert found["outputs"] == {"probabilities": 2, "features": features, "map": [16, 8, 9]}
    assert found["files"] == {"f32": {"onnx": ["onnx/f32.onnx"]}}
    assert found["golden"]["tolerance"] == {}
    assert found["golden"]["tolerance_onnx"] == {"f32": 0.001}


def test_network_with_branches_is_described_in_its_folded_form() -> None:
    """The exported network has no branches, so they count neither as parameters nor as multiply-adds."""
    from edgewbc.export.validation import ModelFile

    spec = ModelSpec("edgenet", ("a", "b"), PixelSpec(16, 16), ("/", 8, 8), (), form="branches")
    run = trained()[0]
    shipped = [ModelFile("f32", run / "onnx" / "f32.onnx")]
    found = bundle_manifest.network(model.build(spec), spec, shipped, run).to_json()
    assert (found["form"], found["outputs"]["map"]) == ("plain", [8, 8, 8])
    assert found["parameters"] == (3 * 9 * 8 + 8) + (8 * 9 * 8 + 8) + (8 * 2 + 2)
    assert found["macs"] == 8 * 8 * (3 * 9 * 8 + 8 * 9 * 8) + 8 * 2


def test_oldest_runtimes_are_those_tried_with_the_bundle() -> None:
    """A bundle that was tried itself has its own figures, any other those of the most demanding network."""
    own, other = bundle_manifest.runtimes_tried("wbc5-edge"), bundle_manifest.runtimes_tried("mine")
    assert {name: entry["version"] for name, entry in own.oldest.items()} == {
        "OpenVINO": "2023.3.0",
        "ONNX Runtime": "1.15.1",
    }
    assert (own.model, own.n, other.model) == ("wbc5-edge", 10, "wbc5-vgg16gap")
    assert other.oldest["OpenVINO"]["version"] == "2024.0.0"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/someone/weights/vgg16.safetensors", "vgg16.safetensors"),
        ("../shared/weights/vgg16.safetensors", "vgg16.safetensors"),
        (r"C:\Users\someone\vgg16.safetensors", "vgg16.safetensors"),
        ("imagenet", "imagenet"),
        ("recipes/demo.yaml", "recipes/demo.yaml"),
        ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05+00:00"),
    ],
)
def test_paths_of_this_machine_are_removed(text: str, kept: str) -> None:
    """File names are kept without their folders; other text is unchanged."""
    assert bundle_manifest.without_paths({"a": [{"b": text}], "n": 1}) == {"a": [{"b": kept}], "n": 1}
