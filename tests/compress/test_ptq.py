"""Tests of edgewbc.compress.ptq."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import openvino as ov
import pytest

from edgewbc import runs
from edgewbc.compress import ptq, quantization_report
from edgewbc.data import images
from edgewbc.errors import UserError
from edgewbc.export import graph as convert
from edgewbc.export.validation import ModelFile
from edgewbc.nets.torch_predictor import TorchPredictor
from tests.compress.normed import LAYERS, normed
from tests.tiny_run import quantized


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"subset": 0}, "--subset 0"),
        ({"max_drop": -0.1}, "--max-drop -0.1"),
        ({"max_drop": 1.5}, "--max-drop 1.5"),
        ({"max_drop": float("nan")}, "--max-drop nan"),
        ({"preset": "fast"}, "use mixed or performance"),
        ({"overflow_fix": "some"}, "--overflow-fix some: use first, all, none"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], line: str) -> None:
    """A value out of range is a UserError that names the option."""
    with pytest.raises(UserError, match=line):
        ptq.PTQOptions(**options)


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_operations_are_counted_by_precision(precision: str) -> None:
    """All five layers are float before quantization and int8 after it, in both formats."""
    run, _ = quantized()
    found = ptq.operations_ir(ov.Core().read_model(run / "openvino" / f"{precision}.xml"))
    other = ptq.operations_onnx(onnx.load(run / "onnx" / f"{precision}.onnx"))
    sizes = (0, 5) if precision == "f32" else (5, 0)
    assert (len(found["int8"]), len(found["float"])) == sizes
    assert (len(other["int8"]), len(other["float"])) == sizes


def test_ignored_layers_are_counted_as_float() -> None:
    """With the dense layers ignored, only the three convolutions are int8."""
    from edgewbc.compress.nncf_logging import quiet_nncf

    run, _ = quantized()
    batch = np.random.default_rng(0).integers(0, 256, (1, 32, 36, 3), dtype=np.uint8)
    with quiet_nncf() as nncf:
        part = nncf.quantize(
            ov.Core().read_model(run / "openvino" / "f32.xml"),
            nncf.Dataset([batch]),
            subset_size=1,
            ignored_scope=nncf.IgnoredScope(types=["MatMul"]),
        )
    found = ptq.operations_ir(part)
    assert (len(found["int8"]), len(found["float"])) == (3, 2)
    assert all("linear" in name for name in found["float"])


@pytest.mark.parametrize(("fix", "halved"), [("first", [0]), ("all", [0, 1, 2, 3, 4]), ("none", [])])
def test_overflow_fix_halves_the_weights(fix: Literal["first", "all", "none"], halved: list[int]) -> None:
    """Weights use half of the int8 range in the layers that the option selects, and all of it elsewhere."""
    run, manifest = quantized()
    xml = run / "openvino" / "int8.xml"
    if fix != "all":  # `quantized` was made with it
        spec = runs.spec(run)
        shown = list(images.batches(manifest, manifest.split("train")[:4], spec.pixels, 1))
        graph = ptq.quantize_ir(run / "openvino" / "f32.xml", shown, [], ptq.PTQOptions(subset=4, overflow_fix=fix))
    else:
        graph = ov.Core().read_model(xml)
    largest = []
    for layer in ptq.layers_ir(graph):
        source = layer.input_value(1).get_node()
        while source.get_type_name() != "Constant":
            source = source.input_value(0).get_node()
        largest.append(int(np.abs(source.get_data().astype(int)).max()))
    assert [place for place, value in enumerate(largest) if value <= 64] == halved


@pytest.mark.parametrize("arch", ["vgg16gap", "edgenet", pytest.param("efficientnet-lite0", marks=pytest.mark.slow)])
def test_exact_bias_correction(arch: str, tmp_path: Path) -> None:
    """For each architecture, in both formats, every layer is int8, predictions are close, batch norm is folded."""
    net, spec = normed(arch)
    shown = np.random.default_rng(0).integers(0, 256, (6, spec.pixels.height, spec.pixels.width, 3), dtype=np.uint8)
    options = ptq.PTQOptions(subset=6, fast_bias_correction=False)
    quantization_report.write_f32(tmp_path, net, spec)
    expected = TorchPredictor.from_network(net, spec)(shown).probabilities  # with batch norm
    ir = ptq.quantize_ir(tmp_path / "openvino" / "f32.xml", [p[None] for p in shown], [], options)
    proto = ptq.quantize_onnx(tmp_path / "onnx" / "f32.onnx", [p[None] for p in shown], [], options)
    convert.save_ir(ir, tmp_path / "int8.xml")
    convert.save_onnx(proto, spec, tmp_path / "int8.onnx")
    for found in (ptq.operations_ir(ir), ptq.operations_onnx(proto)):
        assert (len(found["int8"]), found["float"]) == (LAYERS[arch], [])
    for probabilities in (
        ModelFile("int8", tmp_path / "int8.xml").open()(shown).probabilities,
        ModelFile("int8", tmp_path / "int8.onnx").open()(shown).probabilities,
    ):
        assert 0 < np.abs(probabilities - expected).max() < 0.1
