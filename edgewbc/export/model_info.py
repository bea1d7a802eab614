"""What a model file says of itself: labels and input, so that the file alone can be used and other tools open it.

The keys are those of Model API (https://github.com/open-edge-platform/model_api, `docs/model-configuration.md`): in an
IR under `rt_info/model_info`, in an ONNX file as metadata with the key `model_info NAME`. What Model API has no word
for is beside it as JSON, under `edgewbc`.
"""

from __future__ import annotations

import json
from typing import Any

from edgewbc._version import __version__
from edgewbc.nets.spec import ModelSpec


def model_info(spec: ModelSpec) -> dict[str, str]:
    """Model API's keys, with values as it writes them (lists joined by spaces, so no space may stand in a label).

    The scaling is in the graph, so `mean_values` and `scale_values` change nothing; the resize is not, so
    `embedded_processing` is False. Model API reads pictures as OpenCV does, in BGR: `reverse_input_channels` turns them
    into the RGB of the graph. It has no word for the crop, which its user must do first (see `pixels`).
    """
    return {
        "model_type": "Classification",
        "labels": " ".join("_".join(name.split()) for name in spec.classes),
        "resize_type": "standard",
        "pad_value": "0",
        "mean_values": "0 0 0",
        "scale_values": "1 1 1",
        "reverse_input_channels": "True",
        "embedded_processing": "False",
        "confidence_threshold": "0.5",
        "multilabel": "False",
        "hierarchical": "False",
        "output_raw_scores": "True",
    }


def own_info(spec: ModelSpec) -> dict[str, str]:
    """What only this toolkit reads: labels and pixels as JSON, what made the file, and the map's name."""
    return {
        "labels": json.dumps(list(spec.classes), ensure_ascii=False),
        "pixels": json.dumps(spec.pixels.to_dict()),
        "map": "map",
        "version": __version__,
    }


def describe_ir(model: Any, spec: ModelSpec) -> None:
    """Write both into the `rt_info` of an `openvino.Model`."""
    for section, facts in (("model_info", model_info(spec)), ("edgewbc", own_info(spec))):
        for key, value in facts.items():
            model.set_rt_info(value, [section, key])


def describe_onnx(proto: Any, spec: ModelSpec) -> None:
    """Make both the `metadata_props` of an `onnx.ModelProto`; what was there goes."""
    del proto.metadata_props[:]
    for section, facts in (("model_info", model_info(spec)), ("edgewbc", own_info(spec))):
        for key, value in facts.items():
            proto.metadata_props.add(key=f"{section} {key}", value=value)
