"""Tables of a quantization: accuracy, sensitivity and comparison of CPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewbc.compress import tables
from edgewbc.compress.quantization_report import QuantizationReport
from edgewbc.metrics import Accuracy
from tests.compress.measurements import ISA, SENSITIVITY
from tests.tiny_run import quantized


@pytest.fixture
def report() -> QuantizationReport:
    """The report of a quantized run."""
    return QuantizationReport.read(quantized()[0])


def test_accuracy_table(report: QuantizationReport) -> None:
    """One row per file; a drop of 0 is +0.00; a fine-tuned run has its parent first and may lack the ONNX file."""
    measured = report.measured
    lines = tables.accuracy(measured).splitlines()
    assert len(lines) == 5
    assert lines[3].split()[:5] == ["openvino", "int8", "20", "of", "20"]
    assert "+0.00 points" in lines[3]
    assert "-0.00" not in tables.accuracy(measured)
    tuned = replace(measured, parent=Accuracy(20, 19), validation=measured.validation[:-1])
    lines = tables.accuracy(tuned).splitlines()
    assert (len(lines), "to its parent" in lines[0], lines[1].startswith("parent, in float  ")) == (5, True, True)
    assert "19 of 20" in lines[1]


def test_sensitivity_table() -> None:
    """One row per layer in the given order, then one for all layers; losses in points."""
    lines = tables.sensitivity(SENSITIVITY).splitlines()
    assert lines[0] == "of 20 validation images, protocol grouped, against the float network:"
    assert lines[2].split() == ["features.0", "convolution", "2.50", "M", "1.23e-03", "95.00", "%", "0.3000", "-5.00",
                                "points"]  # fmt: skip
    assert lines[3].startswith("all of them")
    assert lines[3].endswith("+0.00 points")


def test_isa_table() -> None:
    """Two rows and the agreement; on a CPU without VNNI the text says that nothing was compared."""
    text = tables.isa(ISA)
    assert "validation, protocol grouped" in text.splitlines()[0]
    assert "native: large" in text.splitlines()[1]
    assert "19 of 20" in text.splitlines()[2]
    assert text.endswith("same label on 95.00 %; largest difference in a probability 0.2500")
    assert "nothing was compared" in tables.isa(replace(ISA, avx2=ISA.native))
