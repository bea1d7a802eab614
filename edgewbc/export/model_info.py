"""Metadata inside a model file: labels and input, so that other tools can use the file on its own.

The keys are those of Model API (https://github.com/open-edge-platform/model_api, `docs/model-configuration.md`): in an
IR under `rt_info/model_info`, in an ONNX file as metadata with the key `model_info NAME`. Values for
which Model API has no key are stored as JSON under `edgewbc`.
"""

from __future__ import annotations

import json
from typing import Any

from edgewbc._version import __version__
from edgewbc.nets.spec import ModelSpec


def model_info(spec: ModelSpec) -> dict[str, str]:
    """Return Model API's keys with values as it writes them: lists are joined by spaces, so labels contain none.

    Normalization is part of the graph, so `mean_values` and `scale_values` change nothing; the resize is not, so
    `embedded_processing` is False. Model API reads images in BGR, as OpenCV does: `reverse_input_channels` converts
    them to the RGB of the graph. It has no key for the crop, which the caller must do first (see `edgewbc.pixels`).
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
    """Return the keys that only edgewbc reads: labels and pixels as JSON, the name of the map, and the version."""
    return {
        "labels": json.dumps(list(spec.classes), ensure_ascii=False),
        "pixels": json.dumps(spec.pixels.to_dict()),
        "map": "map",
        "version": __version__,
    }


def describe_ir(model: Any, spec: ModelSpec) -> None:
    """Write both sections into the `rt_info` of an `openvino.Model`."""
    for section, values in (("model_info", model_info(spec)), ("edgewbc", own_info(spec))):
        for key, value in values.items():
            model.set_rt_info(value, [section, key])


def describe_onnx(proto: Any, spec: ModelSpec) -> None:
    """Replace the `metadata_props` of an `onnx.ModelProto` with both sections."""
    del proto.metadata_props[:]
    for section, values in (("model_info", model_info(spec)), ("edgewbc", own_info(spec))):
        for key, value in values.items():
            proto.metadata_props.add(key=f"{section} {key}", value=value)
