"""Metadata inside model files."""

from __future__ import annotations

import json
from types import SimpleNamespace

import openvino as ov

from edgewbc.export import model_info
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.runtime import synthetic_network

SPEC = ModelSpec("edgenet", ("immature granulocyte", "blast"), PixelSpec(8, 8, "centre", 6), ("/", 8), ())


def test_labels_are_written_for_model_api_and_exactly() -> None:
    """Model API separates labels by spaces, so theirs have underscores; the own labels are a JSON list."""
    assert model_info.model_info(SPEC)["labels"] == "immature_granulocyte blast"
    own = model_info.own_info(SPEC)
    assert json.loads(own["labels"]) == ["immature granulocyte", "blast"]
    assert PixelSpec.from_dict(json.loads(own["pixels"])) == SPEC.pixels


def test_both_sections_are_in_an_ir() -> None:
    """A model that is saved and read again has them."""
    model, _ = synthetic_network.build((1, 3, 8, 8), (4,), int8=False)
    model_info.describe_ir(model, SPEC)
    assert isinstance(model, ov.Model)
    assert model.get_rt_info(["model_info", "reverse_input_channels"]).astype(str) == "True"
    assert json.loads(model.get_rt_info(["edgewbc", "labels"]).astype(str)) == list(SPEC.classes)


def test_metadata_of_an_onnx_file_is_replaced() -> None:
    """Entries of the converter are removed."""

    class Entries(list[dict[str, str]]):
        def add(self, **entry: str) -> None:
            self.append(entry)

    proto = SimpleNamespace(metadata_props=Entries([{"key": "old", "value": "x"}]))
    model_info.describe_onnx(proto, SPEC)
    found = {entry["key"]: entry["value"] for entry in proto.metadata_props}
    assert "old" not in found
    assert found["model_info labels"] == "immature_granulocyte blast"
    assert found["edgewbc map"] == "map"
