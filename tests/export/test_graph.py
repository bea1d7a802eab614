"""Tests of edgewbc.export.graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
import torch
from numpy.typing import NDArray

from edgewbc.bundle.bundle import ModelFiles
from edgewbc.export import graph
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.ir_map import MapModel, Pooling
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from tests.tiny_run import make_spec, quantized

LOCAL_PATHS = sorted({str(Path.home()), str(Path.cwd()), str(Path(graph.__file__).parents[2]), "site-packages"} - {"/"})


@pytest.fixture(scope="module", params=["vgg16gap", "vgg16flatten"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """Return a folder with a network of random weights as a run saves it, in OpenVINO IR and in ONNX, and its spec."""
    torch.manual_seed(1)
    spec = make_spec(("neutrophil", "lymphocyte", "large cell"), request.param)
    net = model.build(spec).eval()
    with torch.no_grad():
        net.get_parameter("features.0.weight").div_(60)
        for parameter in net.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
        last = list(net.head.parameters())[-2]
        last.mul_(0.1 if request.param == "vgg16gap" else 0.003)  # logits of a few units
    folder = tmp_path_factory.mktemp(request.param)
    model.save(folder, net, spec)
    graph.save_ir(graph.to_openvino(net, spec), folder / "f32.xml")
    graph.to_onnx(net, spec, folder / "f32.onnx")
    return folder, spec


def make_images(count: int, spec: ModelSpec, seed: int = 0) -> NDArray[np.uint8]:
    """Return noise as network input, uint8 (count, height, width, 3)."""
    shape = (count, spec.pixels.height, spec.pixels.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 5])
def test_predictions_equal_those_of_torch(converted: tuple[Path, ModelSpec], count: int) -> None:
    """Probabilities and features of both formats agree with torch, for a single image and for a batch."""
    folder, spec = converted
    batch = make_images(count, spec)
    with torch.inference_mode():
        network = Deployed(model.load(folder)[0], spec.pixels)
        probabilities, features, _ = (part.numpy() for part in network(torch.from_numpy(batch)))
    openvino = OpenVINOPredictor((folder / "f32.xml").read_bytes(), (folder / "f32.bin").read_bytes())
    for predictor in (ONNXRuntimePredictor(folder / "f32.onnx", threads=1), openvino):
        found = predictor(batch)
        np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-5)
        np.testing.assert_allclose(found.features, features, rtol=1e-4, atol=1e-3)
    assert probabilities.shape == (count, 3)
    assert 0.02 < probabilities.max(1).mean() < 0.999  # not saturated, or differences would not show


def test_ir_has_named_input_and_outputs(converted: tuple[Path, ModelSpec]) -> None:
    """The input `image` is uint8 NHWC; the outputs are `probabilities` and `features`, in this order."""
    read = ov.Core().read_model(converted[0] / "f32.xml")
    assert [i.get_names() for i in read.inputs] == [{"image"}]
    assert str(read.inputs[0].partial_shape) == "[?,32,36,3]"
    assert read.inputs[0].element_type == ov.Type.u8
    assert read.get_parameters()[0].get_layout() == ov.Layout("NHWC")
    assert [o.get_any_name() for o in read.outputs] == ["probabilities", "features"]


def test_the_map_is_detected_by_its_place_in_the_graph(converted: tuple[Path, ModelSpec]) -> None:
    """What `explain` takes for the map is torch's, whatever its name."""
    folder, spec = converted
    contents = tuple((folder / f"f32.{end}").read_bytes() for end in ("xml", "bin"))
    batch = make_images(2, spec)
    found = MapModel(ModelFiles(contents, "f32", spec.arch, "openvino"), threads=1)
    with torch.inference_mode():
        maps = Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))[2].numpy()
    assert found.pooling == (Pooling.FLATTEN if spec.arch == "vgg16flatten" else Pooling.MEAN)
    np.testing.assert_allclose(found(batch).maps, maps, rtol=1e-4, atol=1e-3)


def test_map_can_be_added_to_the_ir(converted: tuple[Path, ModelSpec]) -> None:
    """`add_outputs("map")` exposes the last feature map, equal to torch's."""
    folder, spec = converted
    read = ov.Core().read_model(folder / "f32.xml")
    read.add_outputs("map")
    batch = make_images(2, spec)
    compiled = ov.Core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))[2].numpy()
    assert expected.shape == (2, 16, 8, 9)
    np.testing.assert_allclose(compiled(batch)["map"], expected, rtol=1e-4, atol=1e-3)


def test_map_can_be_added_to_the_onnx(converted: tuple[Path, ModelSpec]) -> None:
    """Declared as an output, the tensor `map` is the last feature map, equal to torch's."""
    folder, spec = converted
    proto = onnx.load(folder / "f32.onnx")
    assert [o.name for o in proto.graph.output] == ["probabilities", "features"]
    proto.graph.output.append(next(v for v in proto.graph.value_info if v.name == "map"))
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    batch = make_images(2, spec)
    with torch.inference_mode():
        expected = Deployed(model.load(folder)[0], spec.pixels)(torch.from_numpy(batch))[2].numpy()
    np.testing.assert_allclose(session.run(["map"], {"image": batch})[0], expected, rtol=1e-4, atol=1e-3)


def test_quantization_preserves_the_map() -> None:
    """In the int8 files of both formats the map keeps its name, and in the IR its shape."""
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


def test_quantization_preserves_the_metadata() -> None:
    """The int8 files of both formats have the labels too."""
    run, manifest = quantized()
    read = ov.Core().read_model(run / "openvino" / "int8.xml")
    assert json.loads(read.get_rt_info(["edgewbc", "labels"]).value) == list(manifest.classes)
    assert ONNXRuntimePredictor(run / "onnx" / "int8.onnx").metadata["model_info labels"] == " ".join(manifest.classes)


def test_onnx_has_metadata(converted: tuple[Path, ModelSpec]) -> None:
    """The file has the keys of Model API and the labels as JSON; the batch axis has a name, and the checker passes."""
    metadata = ONNXRuntimePredictor(converted[0] / "f32.onnx").metadata
    assert metadata["model_info model_type"] == "Classification"
    assert json.loads(metadata["edgewbc labels"]) == ["neutrophil", "lymphocyte", "large cell"]
    proto = onnx.load(converted[0] / "f32.onnx")
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [o.version for o in proto.opset_import if o.domain == ""] == [18]
    onnx.checker.check_model(proto, full_check=True)


def test_no_file_contains_a_path_of_this_machine(converted: tuple[Path, ModelSpec]) -> None:
    """Neither f32 nor int8 files contain the home, working or package folder."""
    files = [converted[0] / "f32.xml", converted[0] / "f32.onnx"]
    files += list(quantized()[0].rglob("int8.*"))
    assert len(files) == 5
    for file in files:
        data = file.read_bytes()
        assert [path for path in [*LOCAL_PATHS, "deploy.py"] if path.encode() in data] == [], file.name


def test_conversion_is_silent_and_reproducible(
    converted: tuple[Path, ModelSpec], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A second conversion gives the same bytes and prints nothing, and the network can still be trained."""
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


def test_weights_are_stored_as_float32(converted: tuple[Path, ModelSpec]) -> None:
    """The .bin has four bytes or more per parameter."""
    folder, _ = converted
    assert (folder / "f32.bin").stat().st_size >= 4 * model.count(model.load(folder)[0])


def test_save_ir_refuses_a_model_without_a_map(tmp_path: Path) -> None:
    """A model that lacks an output of bundles is an error, and no file is left."""
    from openvino import opset13 as op

    image = op.parameter([-1, 4, 4, 3], ov.Type.u8, name="image")
    image.output(0).set_names({"image"})
    pooled = op.reduce_mean(op.convert(image, "f32"), op.constant([1, 2]), False)
    probabilities = op.softmax(pooled, 1)
    pooled.output(0).set_names({"features"})
    probabilities.output(0).set_names({"probabilities"})
    plain = ov.Model([op.result(probabilities.output(0)), op.result(pooled.output(0))], [image], "no map")
    with pytest.raises(RuntimeError, match="map"):
        graph.save_ir(plain, tmp_path / "x.xml")
    assert list(tmp_path.iterdir()) == []


def test_onnx_has_the_lowest_ir_version_of_its_operators(tmp_path: Path) -> None:
    """Older runtimes refuse a newer IR version, so the lowest that the operator set allows is written."""
    spec = make_spec(("a", "b"))
    graph.to_onnx(model.build(spec), spec, tmp_path / "f32.onnx")
    proto = onnx.load(tmp_path / "f32.onnx")
    assert ([entry.version for entry in proto.opset_import], proto.ir_version) == ([18], 8)
