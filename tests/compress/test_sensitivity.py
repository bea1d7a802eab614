"""Tests of edgewbc.compress.sensitivity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from edgewbc import runs
from edgewbc.compress import ptq, sensitivity
from edgewbc.export import graph
from tests.compress.normed import LAYERS, normed
from tests.tiny_run import quantized


def test_layers_are_ranked() -> None:
    """All five layers are listed with names, kinds and multiply-adds, the most sensitive first, and n."""
    run, manifest = quantized()
    folder, spec = run / "openvino", runs.spec(run)
    found = sensitivity.measure(folder / "f32.xml", folder / "int8.xml", spec, manifest)
    assert (found.n, found.data.split) == (20, "val")
    assert {(row.layer.layer, row.kind, row.layer.macs) for row in found.layers} == {
        ("features.0", "convolution", 32 * 36 * 8 * 27),
        ("features.3", "convolution", 16 * 18 * 8 * 72),
        ("features.6", "convolution", 8 * 9 * 16 * 72),
        ("head.0", "dense", 160),
        ("head.2", "dense", 50),
    }
    losses = [row.change.kl for row in found.layers]
    assert losses == sorted(losses, reverse=True)
    assert all(value > 0 for value in losses)
    assert found.all.kl > losses[-1]
    assert found.all.agreement == 1.0
    assert sensitivity.Sensitivity.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_damaged_layer_is_detected(tmp_path: Path) -> None:
    """Damaged int8 weights of one layer raise the divergence of that layer and of no other."""
    run, manifest = quantized()
    f32, spec = run / "openvino" / "f32.xml", runs.spec(run)
    model = ov.Core().read_model(run / "openvino" / "int8.xml")
    layer = ptq.layers_ir(model)[2]
    layer.input(1).replace_source_output(op.multiply(layer.input_value(1), op.constant(np.float32(1.5))).output(0))
    graph.save_ir(model, tmp_path / "int8.xml")
    before, after = (
        {row.layer.layer: row.change.kl for row in sensitivity.measure(f32, int8, spec, manifest).layers}
        for int8 in (run / "openvino" / "int8.xml", tmp_path / "int8.xml")
    )
    assert after.pop("features.6") > 10 * before.pop("features.6")
    assert after == pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("arch", ["edgenet", pytest.param("efficientnet-lite0", marks=pytest.mark.slow)])
def test_all_layers_at_once_are_the_int8_file(arch: str, tmp_path: Path) -> None:
    """With all layers transplanted from the int8 file, the float graph gives that file's predictions."""
    net, spec = normed(arch)
    shown = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    graph.save_ir(graph.to_openvino(net, spec), tmp_path / "f32.xml")
    core = ov.Core()
    options = ptq.PTQOptions(subset=6)
    int8 = ptq.quantize_ir(tmp_path / "f32.xml", [image[None] for image in shown], [], options)
    made = core.read_model(tmp_path / "f32.xml")
    donors = ptq.layers_ir(int8)
    for layer, donor in zip(ptq.layers_ir(made), donors, strict=True):
        sensitivity.transplant(layer, donor)
    assert len(ptq.operations_ir(made)["int8"]) == LAYERS[arch]
    names = [layer.layer for layer in sensitivity._layers(spec, len(donors))]
    assert names[-1] == "head.0"
    before = sensitivity._probabilities(core.read_model(tmp_path / "f32.xml"), shown)
    result, expected = sensitivity._probabilities(made, shown), sensitivity._probabilities(int8, shown)
    assert np.abs(result - expected).max() < 0.5 * np.abs(before - expected).max() + 2e-3


def test_kl_divergence() -> None:
    """Equal predictions give 0; a certain prediction that becomes 50:50 gives ln 2."""
    sure = np.array([[1.0, 0.0]], dtype=np.float32)
    assert sensitivity.kl(sure, sure) == 0
    assert sensitivity.kl(sure, np.array([[0.5, 0.5]], dtype=np.float32)) == pytest.approx(np.log(2))
