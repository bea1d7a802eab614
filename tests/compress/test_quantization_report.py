"""Tests of `edgewbc.compress.quantization_report` and `edgewbc.compress.tables`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgewbc.compress import quantization_report as module
from edgewbc.compress import tables
from edgewbc.errors import GateError
from tests.tiny_run import quantized

COUNTED = {"n": 20, "correct": 19, "accuracy": 0.95, "interval": [0.76, 0.99]}
ISA = {
    "native": {"isa": "large", "kernels": {"u8": 5}, "correct": 20, "accuracy": 1.0, "interval": [0.8, 1.0]},
    "avx2": {"isa": "small", "kernels": {"u8": 5}, "correct": 19, "accuracy": 0.95, "interval": [0.76, 0.99]},
    "n": 20,
    "same_isa": False,
    "agreement": 0.95,
    "largest_difference": 0.25,
}


@pytest.fixture
def record() -> dict[str, Any]:
    """A copy of the quantize.json of a quantized run."""
    return dict(json.loads((quantized()[0] / "quantize.json").read_text()))


def test_summary_for_the_lineage(record: dict[str, Any]) -> None:
    """Method, protocol and drop are always included, the comparison of CPUs if there is one."""
    assert set(module.summary(record)) == {"method", "manifest_sha256", "protocol", "drop"}
    record["isa"] = ISA
    assert module.summary(record)["isa"]["agreement"] == 0.95


def test_accuracy_table(record: dict[str, Any]) -> None:
    """One row per file; a drop of 0 is +0.00; a fine-tuned run has its parent first and may lack the ONNX file."""
    lines = tables.accuracy(record).splitlines()
    assert len(lines) == 5
    assert lines[3].split()[:5] == ["openvino", "int8", "20", "of", "20"]
    assert "+0.00 points" in lines[3]
    assert "-0.00" not in tables.accuracy(record)
    record["parent"] = COUNTED
    record["validation"].pop()
    lines = tables.accuracy(record).splitlines()
    assert (len(lines), "to its parent" in lines[0], lines[1].startswith("parent, in float  ")) == (5, True, True)
    assert "19 of 20" in lines[1]


def test_gate_of_max_drop(record: dict[str, Any]) -> None:
    """Every backend in the report must be within the limit and have layers in int8."""
    record["drop"]["openvino"]["drop"] = 0.01
    record["drop"]["onnx"]["drop"] = 0.02
    module.check_drop(record, None)
    module.check_drop(record, 0.02)
    with pytest.raises(GateError, match=r"the int8 file for onnx loses 2\.00 points .*and 1\.50 is the most allowed"):
        module.check_drop(record, 0.015)
    del record["drop"]["onnx"], record["operations"]["onnx"]
    module.check_drop(record, 0.015)
    with pytest.raises(GateError, match=r"the int8 file for openvino loses 1\.00 points"):
        module.check_drop(record, 0.005)
    record["operations"]["openvino"]["int8"] = []
    with pytest.raises(GateError, match="no layer could stay in int8 for openvino"):
        module.check_drop(record, 0.015)


def test_sensitivity_table() -> None:
    """One row per layer in the given order, then one for all layers; losses in points."""
    change = {"kl": 0.00123, "agreement": 0.95, "largest_difference": 0.3, "drop": 0.05}
    layer = {"layer": "features.0", "kind": "convolution", "macs": 2_500_000, **change}
    lines = tables.sensitivity(
        {"protocol": "published", "sensitivity": {"n": 20, "all": {**change, "drop": 0.0}, "layers": [layer]}}
    ).splitlines()
    assert lines[0] == "of 20 validation images, protocol published, against the float network:"
    assert lines[2].split() == ["features.0", "convolution", "2.50", "M", "1.23e-03", "95.00", "%", "0.3000", "-5.00",
                                "points"]  # fmt: skip
    assert lines[3].startswith("all of them")
    assert lines[3].endswith("+0.00 points")


def test_isa_table() -> None:
    """Two rows and the agreement; on a CPU without VNNI the text says that nothing was compared."""
    text = tables.isa({"protocol": "grouped", "isa": ISA})
    assert "validation, protocol grouped" in text.splitlines()[0]
    assert "native: large" in text.splitlines()[1]
    assert "19 of 20" in text.splitlines()[2]
    assert text.endswith("same label on 95.00 %; largest difference in a probability 0.2500")
    assert "nothing was compared" in tables.isa({"isa": {**ISA, "same_isa": True}})
