"""Tests of edgewbc.compress.ptq."""

from __future__ import annotations

import numpy as np
import onnx
import openvino as ov
import pytest

from edgewbc.compress import ptq
from edgewbc.errors import UserError
from tests.tiny_run import quantized


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"subset": 0}, "--subset 0"),
        ({"max_drop": -0.1}, "--max-drop -0.1"),
        ({"max_drop": 1.5}, "--max-drop 1.5"),
        ({"max_drop": float("nan")}, "--max-drop nan"),
        ({"preset": "fast"}, "use mixed or performance"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, line: str) -> None:
    """A value that makes no sense is a user's mistake."""
    with pytest.raises(UserError, match=line):
        ptq.Options(**options)


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_operations_are_told_apart(precision: str) -> None:
    """All five layers count as float before, and as int8 after; in both formats."""
    run, _ = quantized()
    found = ptq.operations_ir(ov.Core().read_model(run / "openvino" / f"{precision}.xml"))
    other = ptq.operations_onnx(onnx.load(run / "onnx" / f"{precision}.onnx"))
    sizes = (0, 5) if precision == "f32" else (5, 0)
    assert (len(found["int8"]), len(found["float"])) == sizes
    assert (len(other["int8"]), len(other["float"])) == sizes


def test_a_layer_put_back_is_seen() -> None:
    """With the dense layers ignored, only the three convolutions are int8."""
    from edgewbc.compress.noise import quiet_nncf

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


def test_first_layer_is_safe_without_vnni() -> None:
    """The first layer's weights use half of the int8 range (NNCF's overflow fix), the next layer's all of it."""
    run, _ = quantized()
    operations = ov.Core().read_model(run / "openvino" / "int8.xml").get_ordered_ops()
    weights = [
        op.get_data() for op in operations if op.get_type_name() == "Constant" and op.get_element_type() == ov.Type.i8
    ]
    assert int(np.abs(weights[0].astype(int)).max()) <= 64
    assert int(np.abs(weights[1].astype(int)).max()) > 120
