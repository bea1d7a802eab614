"""The feature map as an output of bundles' models, with and without a name, and of models that have none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime.ir_map import MapModel, Pooling
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import resources


@pytest.mark.parametrize("precision", ["int8", "f32"])
def test_the_map_of_a_bundle_whose_graph_does_not_name_it(bundle: Bundle, precision: str) -> None:
    files = bundle.read_model(precision=precision)
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    found = MapModel(files, threads=1)(images)
    plain = OpenVINOPredictor.from_files(files, threads=1)(images)
    assert found.maps.shape == (3, 8, 16, 16)
    assert found.maps.mean((2, 3)) == pytest.approx(plain.features, abs=1e-4)
    assert np.array_equal(found.features, plain.features)
    assert np.array_equal(found.probabilities, plain.probabilities)


@pytest.mark.parametrize(
    ("name", "shape"), [("wbc5-edge", (96, 5, 5)), ("wbc5-vgg16gap", (96, 2, 2)), ("wbc5-travel", (1280, 3, 3))]
)
def test_the_map_of_a_released_bundle(name: str, shape: tuple[int, ...]) -> None:
    bundle = Bundle.open(resources.folder("export/bundles") / name)
    images = np.random.default_rng(0).integers(
        0, 256, (1, bundle.pixels.height, bundle.pixels.width, 3), dtype=np.uint8
    )
    model = MapModel(bundle.read_model(), threads=1)
    assert (model.pooling, model.precision) == (Pooling.MEAN, "int8")
    assert model(images).maps.shape == (1, *shape)


Build = Callable[[Any], Any]


def flat(x: Any) -> Any:
    return op.reshape(x, op.constant([0, -1]), True)


GRAPHS: dict[str, tuple[Build, Pooling, tuple[int, ...]]] = {
    "mean that keeps its axes": (
        lambda x: flat(op.reduce_mean(x, op.constant([2, 3]), True)), Pooling.MEAN, (3, 4, 6),
    ),
    "channels last": (
        lambda x: op.reduce_mean(op.transpose(x, op.constant([0, 2, 3, 1])), op.constant([1, 2]), False),
        Pooling.MEAN, (3, 4, 6),
    ),
    "pooling layer": (
        lambda x: flat(op.avg_pool(x, [1, 1], [0, 0], [0, 0], [4, 6], True)), Pooling.MEAN, (3, 4, 6),
    ),
    "flattened": (flat, Pooling.FLATTEN, (3, 4, 6)),
}  # fmt: skip
WITHOUT: dict[str, tuple[Build, str]] = {
    "maximum": (lambda x: op.reduce_max(x, op.constant([2, 3]), False), "its features come from ReduceMax"),
    "over channels": (lambda x: flat(op.reduce_mean(x, op.constant([1]), False)), r"a mean over the axes \[1\]"),
    "after a ReLU": (
        lambda x: op.relu(op.reduce_mean(x, op.constant([2, 3]), False)), "its features come from Relu",
    ),
}  # fmt: skip


def files_of(build: Build, folder: Path) -> ModelFiles:
    """Return the files of a model whose features are `build` of the image, channels first."""
    image = op.parameter([-1, 4, 6, 3], ov.Type.u8, name="image")
    features = build(op.relu(op.transpose(op.convert(image, "f32"), op.constant([0, 3, 1, 2]))))
    features.output(0).set_names({"features"})
    width = features.get_output_partial_shape(0)[1].get_length()
    probabilities = op.softmax(op.matmul(features, op.constant(np.ones((2, width), np.float32)), False, True), 1)
    probabilities.output(0).set_names({"probabilities"})
    model = ov.Model([op.result(probabilities.output(0)), op.result(features.output(0))], [image], "small")
    ov.save_model(model, folder / "small.xml", compress_to_fp16=False)
    contents = tuple((folder / name).read_bytes() for name in ("small.xml", "small.bin"))
    return ModelFiles(contents, "f32", "small", "openvino")


@pytest.mark.parametrize("name", GRAPHS)
def test_forms_of_pooling(name: str, tmp_path: Path) -> None:
    build, pooling, shape = GRAPHS[name]
    model = MapModel(files_of(build, tmp_path), threads=1)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    assert model.pooling == pooling
    found = model(images)
    assert found.maps.shape == (2, *shape)
    assert np.array_equal(found.maps, images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", WITHOUT)
def test_models_without_a_map_in_closed_form(name: str, tmp_path: Path) -> None:
    build, why = WITHOUT[name]
    with pytest.raises(UserError, match=f"small: has no class activation map in closed form: .*{why}"):
        MapModel(files_of(build, tmp_path), threads=1)
