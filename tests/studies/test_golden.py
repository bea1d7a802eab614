"""How far golden samples differ between kinds of CPU, and which faults they show."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from bench import golden as study
from bench.golden import Shown, Spread
from bench.model_faults import Fault, FaultKind, IrLayers, Layer, OnnxLayers, faults
from edgewbc.bench.machine import describe
from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.export import golden
from edgewbc.runtime.deviation import Deviation
from edgewbc.utils.files import write_json
from tests.tiny_run import make_spec, quantized


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of a tiny quantized network with golden samples and the limits that `export` gives."""
    run, manifest = quantized()
    folder, pixels = tmp_path_factory.mktemp("golden") / "tiny", make_spec(manifest.classes).pixels
    for name in ("openvino", "onnx"):
        shutil.copytree(run / name, folder / name)
    names = golden.draw(folder, manifest.classes, pixels)
    xml, onnx = folder / "openvino" / "int8.xml", folder / "onnx" / "int8.onnx"
    golden.expect(folder, names, pixels, {"int8": xml}, {"int8": onnx})
    record = {
        "format": 1,
        "name": "tiny",
        "classes": list(manifest.classes),
        "pixels": pixels.to_dict(),
        "files": {"int8": {"openvino": ["openvino/int8.xml", "openvino/int8.bin"], "onnx": ["onnx/int8.onnx"]}},
        "default_precision": "int8",
        "golden": golden.entry(["int8"], ["int8"]).to_json(),
    }
    write_json(folder / "manifest.json", record)
    seal(folder)
    return Bundle.open(folder)


def layers_of(bundle: Bundle, backend: str) -> IrLayers | OnnxLayers:
    files = [bundle.read(name) for name in bundle.model_files(backend, "int8")]
    return OnnxLayers(files[0]) if backend == "onnx" else IrLayers(files[0], files[1])


@pytest.mark.parametrize("backend", study.BACKENDS)
def test_layers_are_read_and_replaced(tiny: Bundle, backend: str) -> None:
    """Three convolutions and two dense layers, in order; what is read again is what was written."""
    model = layers_of(tiny, backend)
    assert [layer.weights.shape for layer in model.layers] == [
        (8, 3, 3, 3), (8, 8, 3, 3), (16, 8, 3, 3), (10, 16), (len(tiny.classes), 10),
    ]  # fmt: skip
    before = model.layers[2]
    changed = Layer(-before.weights, before.scale * np.float32(2), before.bias + before.bias.dtype.type(1))
    files = model.with_layer(2, changed)
    again = OnnxLayers(files[0]) if backend == "onnx" else IrLayers(files[0], files[1])
    for number, (old, new) in enumerate(zip(model.layers, again.layers, strict=True)):
        expected = changed if number == 2 else old
        for name in ("weights", "scale", "bias"):
            np.testing.assert_array_equal(getattr(new, name), getattr(expected, name))


def test_each_fault_changes_what_its_name_says() -> None:
    weights = np.arange(1, 7, dtype=np.int8).reshape(3, 2)
    layer = Layer(weights, np.array([1, 2, 3], np.float32), np.array([-1, 0, 4], np.float32))
    assert Fault(FaultKind.ZEROED, 0, 1).apply(layer).weights.tolist() == [[1, 2], [0, 0], [5, 6]]
    assert Fault(FaultKind.FLIPPED, 0, 1).apply(layer).weights.tolist() == [[1, 2], [-3, -4], [5, 6]]
    assert Fault(FaultKind.BIAS, 0, 1).apply(layer).bias.tolist() == [-1, 4, 4]
    assert Fault(FaultKind.SCALE, 0, 0).apply(layer).scale == pytest.approx([1.02, 2.04, 3.06])
    swapped = Fault(FaultKind.SWAPPED, 0, 2).apply(layer)
    assert (swapped.weights.tolist(), swapped.scale.tolist(), swapped.bias.tolist()) == (
        [[1, 2], [5, 6], [3, 4]], [1, 3, 2], [-1, 4, 0],
    )  # fmt: skip
    assert layer.weights is weights
    np.testing.assert_array_equal(weights, np.arange(1, 7).reshape(3, 2))


def test_faults_are_in_the_first_and_the_last_layer_and_in_channels_with_weights() -> None:
    ones = Layer(np.ones((4, 2), np.int8), np.ones(4, np.float32), np.ones(4, np.float32))
    dead = Layer(np.array([[0, 0], [1, 0]], np.int8), ones.scale[:2], ones.bias[:2])
    found = list(faults([dead, ones, ones, ones], places=2, channels=2))
    assert {fault.layer for fault in found} == {0, 3}
    assert {fault.channel for fault in found if fault.layer == 0 and fault.kind is not FaultKind.SCALE} == {1}
    assert [fault.channel for fault in found if fault.kind is FaultKind.SWAPPED] == [1, 2, 3]
    assert list(faults([dead, ones], seed=1)) == list(faults([dead, ones], seed=1))


@pytest.mark.parametrize("backend", study.BACKENDS)
def test_faults_that_probabilities_hid_are_shown(tiny: Bundle, backend: str) -> None:
    """With the limits of `export`, of which those on logits and features are new."""
    found = study.show_faults(tiny, backend, places=5, channels=1)
    total, before, now = (sum(getattr(each, name) for each in found) for name in ("faults", "before", "now"))
    assert total >= 15
    assert before < now
    assert now >= 0.9 * total


def test_predictions_in_float_are_within_the_limits(tiny: Bundle) -> None:
    """The farthest that a CPU without any 8-bit kernels may be; integer kernels differ from it by rounding."""
    with study.computed_in_float():
        (found,) = study.measure([tiny], study.FLOAT, ["onnx"])
    entry = golden.entry(["int8"], ["int8"])
    assert found.deviation.faults(entry.tolerance_onnx["int8"], entry.limits["onnx"]["int8"]) == ()


def test_a_result_is_read_again_and_shown() -> None:
    """The largest deviation over kinds of CPU, and sums over bundles."""
    near, far = Deviation(0.001, 0.02, 0.03), Deviation(0.002, 0.01, 0.05)
    rows = [Spread("wbc", "openvino", "this CPU", near), Spread("wbc", "openvino", "AVX2", far)]
    assert Spread.from_json(json.loads(json.dumps(rows[0].to_json()))) == rows[0]
    shown = [Shown(name, "onnx", "a bias is off", 4, 1, 2, 3) for name in ("wbc", "other")]
    values = {
        "machine": describe().to_json(),
        "rows": [row.to_json() for row in rows],
        "faults": [each.to_json() for each in shown],
    }
    text = study.section(values)
    assert "| wbc | openvino | AVX2 | 0.002 | 0.02 | 0.05 |" in " ".join(text.split())
    assert "| onnx | a bias is off | 8 | 4 | 6 | 2 |" in " ".join(text.split())


def test_a_bundle_is_measured_in_a_fresh_process(tiny: Bundle) -> None:
    (first, second) = study._child([tiny.path], "this CPU")
    assert (first.bundle, first.backend, second.backend) == ("tiny", "openvino", "onnx")
    assert first.deviation.mean_features < 1e-6


def test_limits_are_a_multiple_of_what_was_measured(tiny: Bundle) -> None:
    """Rounded up, and at least what another version of a runtime may differ by; another runtime's limits stay."""
    cpus, none = [Deviation(0.0, 0.01, 0.0), Deviation(0.01, 0.005, 0.0)], Deviation(0.0, 0.0, 0.0)
    tolerance, limits = golden.limits_of(cpus, Deviation(0.001, 0.04, 0.0))
    assert tolerance == pytest.approx(golden.FACTOR * 0.01)
    assert limits.mean_logit == pytest.approx(golden.FACTOR_FLOAT * 0.04)
    assert limits.mean_features == golden.LEAST.mean_features
    entry = golden.entry_of(tiny, "int8", {"onnx": cpus}, none)
    assert entry.tolerance == tiny.manifest.tolerance
    assert entry.tolerance_onnx["int8"] == pytest.approx(golden.FACTOR * 0.01)
    assert entry.limits["openvino"] == tiny.manifest.golden_limits["openvino"]
    assert entry.limits["onnx"]["int8"].mean_features == golden.LEAST.mean_features
