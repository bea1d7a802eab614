"""Tests of edgewbc.export.graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
import torch

from edgewbc.export import graph
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from tests.tiny_run import make_spec, quantized

PLACES = sorted({str(Path.home()), str(Path.cwd()), str(Path(graph.__file__).parents[2]), "site-packages"} - {"/"})


@pytest.fixture(scope="module", params=["vgg16gap", "vgg16flatten"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """A network with random weights, as f32.xml, f32.bin, f32.onnx and as torch saves it."""
    torch.manual_seed(1)
    spec = make_spec(("neutrophil", "lymphocyte", "large cell"), request.param)
    net = model.build(spec).eval()
    with torch.no_grad():
        net.features[0].weight /= 60
        for parameter in net.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
        net.head[-1].weight *= 0.1 if request.param == "vgg16gap" else 0.003  # logits of a few units
    folder = tmp_path_factory.mktemp(request.param)
    model.save(folder, net, spec)
    graph.save_ir(graph.to_openvino(net, spec), folder / "f32.xml")
    graph.to_onnx(net, spec, folder / "f32.onnx")
    return folder, spec


def make_images(count: int, spec: ModelSpec, seed: int = 0) -> np.ndarray:
    shape = (count, spec.pixels.height, spec.pixels.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 5])
def test_all_three_answer_alike_for_any_number_of_images(converted: tuple[Path, ModelSpec], count: int) -> None:
    """Probabilities and features agree with torch's, also for one image."""
    folder, spec = converted
    batch = make_images(count, spec)
    with torch.inference_mode():
        wanted = [t.numpy() for t in Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))]
    answer = OpenVINOPredictor((folder / "f32.xml").read_bytes(), (folder / "f32.bin").read_bytes())(batch)
    for found in (ONNXRuntimePredictor(folder / "f32.onnx", threads=1)(batch), answer):
        said = (found.probabilities, found.features)
        np.testing.assert_allclose(said[0], wanted[0], atol=1e-5)
        np.testing.assert_allclose(said[1], wanted[1], rtol=1e-4, atol=1e-3)
    assert wanted[0].shape == (count, 3)
    assert 0.02 < wanted[0].max(1).mean() < 0.999  # not so sure that nothing could be told apart


def test_ir_has_named_input_and_outputs(converted: tuple[Path, ModelSpec]) -> None:
    """The IR takes uint8 NHWC named image, and gives probabilities and features in this order."""
    read = ov.Core().read_model(converted[0] / "f32.xml")
    assert [i.get_names() for i in read.inputs] == [{"image"}]
    assert str(read.inputs[0].partial_shape) == "[?,32,36,3]"
    assert read.inputs[0].element_type == ov.Type.u8
    assert read.get_parameters()[0].get_layout() == ov.Layout("NHWC")
    assert [o.get_any_name() for o in read.outputs] == ["probabilities", "features"]


def test_map_can_be_added_to_the_ir(converted: tuple[Path, ModelSpec]) -> None:
    """The saved IR gives the map by its name, equal to torch's."""
    folder, spec = converted
    read = ov.Core().read_model(folder / "f32.xml")
    read.add_outputs("map")
    batch = make_images(2, spec)
    compiled = ov.Core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        wanted = Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))[2].numpy()
    assert wanted.shape == (2, 16, 8, 9)
    np.testing.assert_allclose(compiled(batch)["map"], wanted, rtol=1e-4, atol=1e-3)


def test_map_can_be_added_to_the_onnx(converted: tuple[Path, ModelSpec]) -> None:
    """The ONNX file gives the map when it is made an output, equal to that of the IR."""
    folder, spec = converted
    proto = onnx.load(folder / "f32.onnx")
    assert [o.name for o in proto.graph.output] == ["probabilities", "features"]
    proto.graph.output.append(next(v for v in proto.graph.value_info if v.name == "map"))
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    batch = make_images(2, spec)
    with torch.inference_mode():
        wanted = Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))[2].numpy()
    np.testing.assert_allclose(session.run(["map"], {"image": batch})[0], wanted, rtol=1e-4, atol=1e-3)


def test_map_outlives_quantization() -> None:
    """In the int8 files of both formats the map still has its name and its shape."""
    run, _ = quantized()
    read = ov.Core().read_model(run / "openvino" / "int8.xml")
    added = read.add_outputs("map")
    assert str(added[0].partial_shape) == "[?,16,8,9]"
    proto = onnx.load(run / "onnx" / "int8.onnx")
    assert sum("map" in node.output for node in proto.graph.node) == 1
    assert "map" not in [o.name for o in proto.graph.output]


def test_ir_describes_itself_to_model_api(converted: tuple[Path, ModelSpec]) -> None:
    """rt_info has Model API's keys, labels without spaces, and the labels as JSON beside them."""
    read = ov.Core().read_model(converted[0] / "f32.xml")
    keys = ("model_type", "labels", "resize_type", "mean_values", "scale_values", "reverse_input_channels")
    info = {key: read.get_rt_info(["model_info", key]).value for key in keys}
    assert info == {
        "model_type": "Classification",
        "labels": "neutrophil lymphocyte large_cell",
        "resize_type": "standard",
        "mean_values": "0 0 0",
        "scale_values": "1 1 1",
        "reverse_input_channels": "True",
    }
    assert json.loads(read.get_rt_info(["edgewbc", "labels"]).value) == ["neutrophil", "lymphocyte", "large cell"]
    assert json.loads(read.get_rt_info(["edgewbc", "pixels"]).value)["size"] == 36


def test_int8_files_describe_themselves_too() -> None:
    """Quantization keeps what the model says of itself, in both formats."""
    run, manifest = quantized()
    read = ov.Core().read_model(run / "openvino" / "int8.xml")
    assert json.loads(read.get_rt_info(["edgewbc", "labels"]).value) == list(manifest.classes)
    assert ONNXRuntimePredictor(run / "onnx" / "int8.onnx").metadata["model_info labels"] == " ".join(manifest.classes)


def test_onnx_describes_itself(converted: tuple[Path, ModelSpec]) -> None:
    """The metadata of the ONNX file is what Model API reads, and the labels as JSON; the batch axis has a name."""
    metadata = ONNXRuntimePredictor(converted[0] / "f32.onnx").metadata
    assert metadata["model_info model_type"] == "Classification"
    assert json.loads(metadata["edgewbc labels"]) == ["neutrophil", "lymphocyte", "large cell"]
    proto = onnx.load(converted[0] / "f32.onnx")
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [o.version for o in proto.opset_import if o.domain == ""] == [18]
    onnx.checker.check_model(proto, full_check=True)


def test_no_file_names_a_place_on_this_machine(converted: tuple[Path, ModelSpec]) -> None:
    """No byte of the f32 and int8 files names the home, the working or the package's folder."""
    files = [converted[0] / "f32.xml", converted[0] / "f32.onnx"]
    files += list(quantized()[0].rglob("int8.*"))
    assert len(files) == 5
    for path in files:
        data = path.read_bytes()
        assert [place for place in [*PLACES, "deploy.py"] if place.encode() in data] == [], path.name


def test_converting_again_is_silent_and_gives_the_same_bytes(
    converted: tuple[Path, ModelSpec], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same .xml, .bin and .onnx; nothing is printed; and the network can be trained on afterwards."""
    folder, _ = converted
    net, spec = model.load(folder)
    net.train()
    capfd.readouterr()
    graph.save_ir(graph.to_openvino(net, spec), tmp_path / "f32.xml")
    graph.to_onnx(net, spec, tmp_path / "f32.onnx")
    assert capfd.readouterr() == ("", "")
    assert net.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f32.bin", "f32.onnx", "f32.xml"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_weights_keep_their_32_bits(converted: tuple[Path, ModelSpec]) -> None:
    """The .bin holds every parameter in four bytes."""
    folder, _ = converted
    assert (folder / "f32.bin").stat().st_size >= 4 * model.count(model.load(folder)[0])


def test_a_model_without_a_map_is_refused(tmp_path: Path) -> None:
    """What is no bundle's model does not get through save_ir, and leaves nothing behind."""
    from openvino import opset13 as op

    image = op.parameter([-1, 4, 4, 3], ov.Type.u8, name="image")
    image.output(0).set_names({"image"})
    pooled = op.reduce_mean(op.convert(image, "f32"), op.constant([1, 2]), False)
    said = op.softmax(pooled, 1)
    pooled.output(0).set_names({"features"})
    said.output(0).set_names({"probabilities"})
    plain = ov.Model([op.result(said.output(0)), op.result(pooled.output(0))], [image], "no map")
    with pytest.raises(RuntimeError, match="map"):
        graph.save_ir(plain, tmp_path / "x.xml")
    assert list(tmp_path.iterdir()) == []


def test_onnx_has_the_lowest_ir_version_of_its_operators(tmp_path: Path) -> None:
    """Older runtimes refuse a newer IR version, so the lowest that the operator set allows is written."""
    spec = make_spec(("a", "b"))
    graph.to_onnx(model.build(spec), spec, tmp_path / "f32.onnx")
    proto = onnx.load(tmp_path / "f32.onnx")
    assert ([entry.version for entry in proto.opset_import], proto.ir_version) == ([18], 8)
