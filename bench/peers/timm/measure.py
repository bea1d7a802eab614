"""timm's EfficientNet-Lite0 in ONNX Runtime, quantized by ONNX Runtime's own static quantization.

timm's ImageNet weights are not available offline and were not trained on blood cells. The network therefore gets the
weights of a run of edgewbc with the same architecture, and the comparison is of export and quantization. Equal
probabilities show that both networks are the same (`same_network` of the row). The padding is TensorFlow's, so it is
timm's `tf_efficientnet_lite0`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peer

NET = "tf_efficientnet_lite0"
NORM = ("weight", "bias", "running_mean", "running_var")
BLOCKS = (1, 2, 2, 3, 3, 4, 1)
"""Number of blocks in each of the seven stages."""


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Load the run's weights into timm's network, export it and quantize it."""
    peer.allow_torchvision_with_cpu_torch()
    import torch
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    torch.set_num_threads(job["threads"])
    run, folder = Path(job["source"]), Path(job["folder"])
    spec = json.loads((run / "model.json").read_text(encoding="utf-8"))
    net = _network(run, spec)
    size = [spec["pixels"]["height"], spec["pixels"]["width"]]
    f32, int8 = folder / "f32.onnx", folder / "int8.onnx"
    batch = torch.export.Dim("batch", min=1)
    example = torch.zeros(2, 3, *size)
    torch.onnx.export(
        net, (example,), f32, input_names=["input"], output_names=["logits"], dynamo=True, external_data=False,
        dynamic_shapes=({0: batch},),
    )  # fmt: skip
    ready = folder / "ready.onnx"
    quant_pre_process(f32, ready, skip_symbolic_shape=True)
    quantize_static(
        ready,
        int8,
        _reader(job, spec["pixels"]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,  # without it a depthwise network loses most of its accuracy
    )
    inputs = peer.save_inputs(folder / "inputs.f32", _prepared(job["inputs"], spec["pixels"]))
    shared = {"input": size, "network": _sha256(run / "model.safetensors")}
    return {
        "classes": spec["classes"],
        "inputs": inputs,
        "rows": {"f32": {**shared, "onnx": str(f32)}, "int8": {**shared, "onnx": str(int8)}},
        "minutes": None,
        "version": peer.versions("timm", "onnxruntime", "onnx", "torch"),
        "facts": {
            "network": NET,
            "weights_of": run.name,
            "calibrated_on": f"train, {job['calibration_inputs']['shape'][0]} images",
            "quantization": "QDQ, activations uint8, weights int8 by channel, MinMax",
        },
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Open an ONNX Runtime session with default options, apart from the number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.log_severity_level = 3
    path = Path(row["onnx"])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def predict(batch: Any) -> Any:
        return peer.softmax(session.run(None, {"input": batch})[0])

    facts = {"isa": None, "version": peer.versions("onnxruntime"), "threads": job["threads"], "streams": 1}
    return peer.Model(predict, [path], facts)


def _network(run: Path, spec: dict[str, Any]) -> Any:
    """Return timm's network with the run's weights, in evaluation mode."""
    import timm
    from safetensors.torch import load_file

    if spec["arch"] != "efficientnet-lite0" or spec.get("form", "bn") != "bn" or spec["head"]:
        raise peer.UnsupportedError(
            f"{run.name}: only EfficientNet-Lite0 with batch norm and a single dense layer is supported"
        )
    net = timm.create_model(NET, pretrained=False, num_classes=len(spec["classes"]))
    ours = {name: value.float() for name, value in load_file(run / "model.safetensors").items()}
    theirs = renamed(ours)
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    wrong = [name for name, value in theirs.items() if shapes.get(name) != tuple(value.shape)]
    if wrong:
        raise peer.UnsupportedError(
            f"{run.name}: {wrong[0]} differs in width from timm's: the network was pruned or made narrower"
        )
    missing = net.load_state_dict(theirs, strict=False)
    left = [name for name in missing.missing_keys if not name.endswith("num_batches_tracked")]
    if left or missing.unexpected_keys:
        raise peer.UnsupportedError(f"{run.name}: its weights do not fit: {(left + missing.unexpected_keys)[0]}")
    return net.eval()


def renamed(ours: dict[str, Any]) -> dict[str, Any]:
    """Rename the weights of EfficientNet-Lite0 from edgewbc's names to timm's."""
    theirs: dict[str, Any] = {}

    def take(unit: str, convolution: str, norm: str) -> None:
        theirs[f"{convolution}.weight"] = ours[f"features.{unit}.0.weight"]
        for name in NORM:
            theirs[f"{norm}.{name}"] = ours[f"features.{unit}.1.{name}"]

    take("0", "conv_stem", "bn1")
    number = 0
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            number += 1
            place = f"blocks.{stage}.{block}"
            if number == 1:  # the first block does not expand
                take(f"{number}.depthwise", f"{place}.conv_dw", f"{place}.bn1")
                take(f"{number}.project", f"{place}.conv_pw", f"{place}.bn2")
                continue
            take(f"{number}.expand", f"{place}.conv_pw", f"{place}.bn1")
            take(f"{number}.depthwise", f"{place}.conv_dw", f"{place}.bn2")
            take(f"{number}.project", f"{place}.conv_pwl", f"{place}.bn3")
    take(str(number + 1), "conv_head", "bn2")
    dense = sorted(name for name in ours if name.startswith("head."))
    for name in dense:
        theirs[f"classifier.{name.rpartition('.')[2]}"] = ours[name]
    return theirs


def _normalized(batch: Any, pixels: dict[str, Any]) -> Any:
    """Convert uint8 (n, h, w, 3) to float32 (n, 3, h, w), normalized by the mean and standard deviation."""
    import numpy as np

    values = (batch.astype(np.float32) / 255 - np.float32(pixels["mean"])) / np.float32(pixels["std"])
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2), dtype=np.float32)


def _prepared(raw: dict[str, Any], pixels: dict[str, Any], size: int = peer.BATCH) -> Iterator[Any]:
    for start in range(0, raw["shape"][0], size):
        yield _normalized(peer.read_inputs(raw, start, size), pixels)


def _reader(job: dict[str, Any], pixels: dict[str, Any]) -> Any:
    """Return a reader of single train images for ONNX Runtime's calibration."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.remaining = _prepared(job["calibration_inputs"], pixels, 1)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.remaining, None)
            return None if batch is None else {"input": batch}

    return Reader()


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    peer.main(prepare, load)
