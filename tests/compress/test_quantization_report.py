"""Tests of `edgewbc.compress.quantization_report` and `edgewbc.compress.tables`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from edgewbc.compress.quantization_report import FineTuning, Measurements, QuantizationReport, check_drop
from edgewbc.errors import GateError, UserError
from edgewbc.metrics import Accuracy
from edgewbc.train.history import EpochResult
from edgewbc.train.teacher import TeacherRecord
from tests.compress.measurements import ISA, SENSITIVITY
from tests.tiny_run import quantized

BEST = EpochResult(
    epoch=1, protocol="grouped", lr=0.1, train_loss=1.0, val_loss=1.0, val_n=20, val_correct=19, val_accuracy=0.95,
    val_interval=(0.8, 1.0), val_balanced_accuracy=0.9, seconds=1.0,
)  # fmt: skip


@pytest.fixture
def report() -> QuantizationReport:
    """The report of a quantized run."""
    return QuantizationReport.read(quantized()[0])


def test_file_is_read_back(report: QuantizationReport) -> None:
    """The report writes the file that it was read from; optional parts are read back too."""
    written = json.loads((quantized()[0] / "quantize.json").read_text())
    assert json.loads(json.dumps(report.to_json())) == written
    tuning = FineTuning(Accuracy(20, 18), BEST, (TeacherRecord("t", "d" * 64),), compiled=False)
    measured = replace(report.measured, parent=Accuracy(20, 19), sensitivity=SENSITIVITY, isa=ISA)
    full = replace(report, method="qat", measured=measured, fine_tuning=tuning)
    values = json.loads(json.dumps(full.to_json()))
    assert QuantizationReport.from_json(values).to_json() == values
    assert values["isa"]["avx2"]["correct"] == 19
    assert values["sensitivity"]["layers"][0]["macs"] == 2_500_000


def test_damaged_report_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A report without a part is an error that names the file and says what to do."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "quantize.json").write_text('{"method": "ptq", "settings": {}}')
    with pytest.raises(
        UserError, match=r"quantize\.json: not the report of a quantization: .*: quantize the run again"
    ):
        QuantizationReport.read(folder)


def test_summary_for_the_lineage(report: QuantizationReport) -> None:
    """Method, protocol and drop are always included, the comparison of CPUs if there is one."""
    assert set(report.summary()) == {"method", "manifest_sha256", "protocol", "drop"}
    compared = replace(report, measured=replace(report.measured, isa=ISA))
    assert compared.summary()["isa"]["agreement"] == 0.95


def lossy(measured: Measurements, drops: Mapping[str, float], operations: Sequence[str] = ("a",)) -> Measurements:
    """The measurements with these losses of accuracy by backend, and these operations in int8."""
    changes = {backend: replace(measured.drop["openvino"], drop=drop) for backend, drop in drops.items()}
    return replace(measured, drop=changes, operations={backend: {"int8": operations, "float": ()} for backend in drops})


def test_gate_of_max_drop(report: QuantizationReport) -> None:
    """Every backend in the report must be within the limit and have layers in int8."""
    both = lossy(report.measured, {"openvino": 0.01, "onnx": 0.02})
    check_drop(both, None)
    check_drop(both, 0.02)
    with pytest.raises(GateError, match=r"the int8 file for onnx loses 2\.00 points .*and 1\.50 is the most allowed"):
        check_drop(both, 0.015)
    one = lossy(report.measured, {"openvino": 0.01})
    check_drop(one, 0.015)
    with pytest.raises(GateError, match=r"the int8 file for openvino loses 1\.00 points"):
        check_drop(one, 0.005)
    with pytest.raises(GateError, match="no layer could stay in int8 for openvino"):
        check_drop(lossy(report.measured, {"openvino": 0.01}, ()), 0.015)
