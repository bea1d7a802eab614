"""Every architecture through conversion and int8, in the form in which it was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from edgewbc.compress import ptq
from edgewbc.convert import contents, graph, parity
from edgewbc.convert.evidence import ModelFile
from edgewbc.nets import model
from edgewbc.nets.spec import LITE0, ModelSpec
from edgewbc.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelSpec
from tests.compress.normed import built

PIXELS = PixelSpec(32, 40, mean=IMAGENET_MEAN, std=IMAGENET_STD)
LITE = tuple(max(8, int(c) // 16) for c in LITE0)
SPECS = {
    "efficientnet-lite0": ModelSpec("efficientnet-lite0", tuple("abc"), PIXELS, LITE, (), form="bn"),
    "edgenet": ModelSpec("edgenet", tuple("abc"), PIXELS, ("D", 8, "/", 16, 16), (), form="branches"),
}
LAYERS = {"efficientnet-lite0": 50, "edgenet": 4}
"""Convolutions and dense layers once everything is folded."""


@pytest.fixture(scope="module", params=SPECS)
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """A network whose batch norm has statistics of its own, saved as a run and converted in f32."""
    spec = SPECS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    model.save(folder, built(spec, batches=20), spec)
    net, spec = model.load(folder)
    graph.save_ir(graph.to_openvino(net, spec), folder / "openvino" / "f32.xml")
    graph.to_onnx(net, spec, folder / "onnx" / "f32.onnx")
    return folder, spec


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 40, 3), dtype=np.uint8)


def test_all_three_answer_alike(converted: tuple[Path, ModelSpec]) -> None:
    """torch with batch norm, and the two graphs without it, agree within the gate of parity."""
    folder, spec = converted
    models = {
        "torch": parity.torch_model(model.load(folder)[0], spec),
        "onnx": parity.onnx_model(folder / "onnx" / "f32.onnx"),
        "openvino": parity.openvino_model(folder / "openvino" / "f32.xml"),
    }
    rows = parity.compare(parity.ask(models, [_pictures(5)]))
    assert max(row["largest_difference"] for row in rows) < 2e-5


def test_nothing_but_convolutions_is_left(converted: tuple[Path, ModelSpec]) -> None:
    """The graphs hold no batch norm and no second branch: as many layers as the folded network has."""
    folder, spec = converted
    kinds = [node.op_type for node in onnx.load(folder / "onnx" / "f32.onnx").graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") + kinds.count("Gemm") + kinds.count("MatMul") == LAYERS[spec.arch]
    found = ptq.operations_ir(ov.Core().read_model(folder / "openvino" / "f32.xml"))
    assert len(found["float"]) == LAYERS[spec.arch]


def test_every_layer_goes_to_int8(converted: tuple[Path, ModelSpec]) -> None:
    """Depthwise convolutions included; and the int8 graph still has its outputs and its map."""
    folder, spec = converted
    xml = folder / "openvino" / "f32.xml"
    calibration = [picture[None] for picture in _pictures(8)]
    graph.save_ir(ptq.quantize_ir(xml, calibration, [], ptq.Options(subset=8)), folder / "int8.xml")
    found = ptq.operations_ir(ov.Core().read_model(folder / "int8.xml"))
    assert (len(found["int8"]), found["float"]) == (LAYERS[spec.arch], [])


def test_the_manifest_says_what_it_is(converted: tuple[Path, ModelSpec]) -> None:
    """Shapes of the outputs and the map are those of the network; it is told as it ships, folded."""
    folder, spec = converted
    net, _ = model.load(folder)
    file = ModelFile("f32", folder / "openvino" / "f32.xml")
    told = contents.network(net, spec, [file], folder)
    maps = net.features(torch.zeros(1, 3, 32, 40))
    assert told["outputs"] == {
        "probabilities": 3,
        "features": maps.shape[1],
        "map": list(maps.shape[1:]),
    }
    assert (told["form"], told["channels"]) == ("plain", list(spec.channels))
    assert set(contents.head(net)) == {"w0", "b0"}
