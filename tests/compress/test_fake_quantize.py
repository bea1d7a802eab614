"""Fake-quantized networks, and the int8 files that they become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgewbc.compress import fake_quantize
from edgewbc.compress.ptq import PTQOptions
from edgewbc.export import graph
from edgewbc.export.validation import ModelFile
from edgewbc.nets import model
from edgewbc.nets.spec import PLAIN
from edgewbc.nets.torch_predictor import TorchPredictor
from tests.compress.normed import LAYERS, normed


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
@pytest.mark.parametrize("arch", ["edgenet", "efficientnet-lite0"])
def test_files_predict_what_the_fake_quantized_network_does(arch: str, tmp_path: Path) -> None:
    """After folding and export every layer is int8, with half of the range if requested, and predictions agree."""
    net, spec = normed(arch)
    shown = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    quantized = fake_quantize.insert(
        net, spec, [image[None] for image in shown], PTQOptions(subset=6, overflow_fix="all")
    )
    plain = model.fold(net, spec)[1]
    assert (plain.form, set(quantized.network().state_dict())) == (PLAIN, set(model.build(plain).state_dict()))
    wanted = fake_quantize.predictor(quantized, plain)(shown).probabilities
    graph.save_ir(fake_quantize.to_openvino(quantized, plain), tmp_path / "int8.xml")
    said = ModelFile("int8", tmp_path / "int8.xml").open()(shown).probabilities
    before = TorchPredictor.from_network(net, spec)(shown).probabilities
    assert 0 < np.abs(said - wanted).max() < 0.5 * np.abs(before - wanted).max() + 1e-3
    import openvino as ov

    from edgewbc.compress import ptq

    layers = ptq.layers_ir(ov.Core().read_model(tmp_path / "int8.xml"))
    assert [ptq.is_int8(layer) for layer in layers] == [True] * LAYERS[arch]
    if fake_quantize.has_onnx():
        fake_quantize.to_onnx(quantized, plain, tmp_path / "int8.onnx")
        proto = onnx.load(tmp_path / "int8.onnx")
        assert (len(ptq.operations_onnx(proto)["int8"]), ptq.operations_onnx(proto)["float"]) == (LAYERS[arch], [])
        assert np.abs(ModelFile("int8", tmp_path / "int8.onnx").open()(shown).probabilities - wanted).max() < 5e-3


def test_integer_parameters_stay_without_gradient() -> None:
    """Unfreezing a quantized network does not touch NNCF's integer parameters."""
    part = torch.nn.Linear(2, 2)
    part.register_parameter("bits", torch.nn.Parameter(torch.tensor([8]), requires_grad=False))
    net = fake_quantize.Quantized(part)
    net.requires_grad_(True)
    assert {name: p.requires_grad for name, p in net.named_parameters()} == {
        "features.0.weight": True,
        "features.0.bias": True,
        "features.0.bits": False,
    }
