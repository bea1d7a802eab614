"""A tiny bundle for tests, built without torch: one convolution, global average pooling, one dense layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc import cells
from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.images.decode import decode
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.smear.prepare import Preparer
from edgewbc.utils.files import write_json, write_text

CHANNELS = 8
TOLERANCE = 0.02


def make_image(seed: int = 0, height: int = 24, width: int = 20) -> NDArray[np.uint8]:
    """Return a smooth image with a random tint, uint8 RGB (height, width, 3)."""
    random = np.random.default_rng(seed)
    small = (random.integers(0, 200, 3) + random.integers(0, 56, (4, 4, 3))).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def encode(pixels: NDArray[Any], suffix: str = ".png", options: Sequence[int] = ()) -> bytes:
    """Encode RGB (h, w, 3) or gray (h, w) pixels as an image file and return its bytes."""
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels), list(options))
    assert done
    return data.tobytes()


def make_bundle(
    folder: Path,
    classes: Sequence[str] = cells.CLASSES,
    size: tuple[int, int] = (16, 16),
    seed: int = 0,
    spec: PixelSpec | None = None,
    **manifest: Any,
) -> Bundle:
    """Write a sealed bundle into `folder` and open it. It holds f32 and int8 (the default); OpenVINO files only.

    Args:
        folder: created if it does not exist.
        classes: class names, one output each.
        size: height and width of the network's input.
        seed: seed of the random weights.
        spec: crop and input size, instead of the whole image in `size`.
        manifest: entries added to manifest.json, or replacing existing ones.
    """
    pixels = spec or PixelSpec(*size)
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32) * 0.006
    kernel -= kernel.mean(axis=1, keepdims=True)  # responds to color rather than to brightness
    dense = random.normal(size=(len(classes), CHANNELS)).astype(np.float32)
    bias = random.normal(size=len(classes)).astype(np.float32) * 0.01
    (folder / "golden").mkdir(parents=True)
    files = {}
    for precision in ("int8", "f32"):
        path = folder / "openvino" / f"{precision}.xml"
        save_ir(path, pixels, classes, kernel, dense, bias, int8=precision == "int8")
        files[precision] = {"openvino": [f"openvino/{precision}.xml", f"openvino/{precision}.bin"]}
    np.savez(folder / "head.npz", w0=dense, b0=bias)
    write_text(folder / "CARD.md", "# A tiny network for tests\n")
    _write_golden(folder, pixels, classes)
    write_json(
        folder / "manifest.json",
        {
            "format": 1,
            "name": "tiny",
            "classes": list(classes),
            "pixels": pixels.to_dict(),
            "default_precision": "int8",
            "files": files,
            "outputs": {"probabilities": len(classes), "features": CHANNELS},
            "golden": {"samples": 3, "tolerance": {"int8": TOLERANCE, "f32": 1e-4}},
            "review_below": 0.0,
            **manifest,
        },
    )
    seal(folder)
    return Bundle.open(folder)


def save_ir(
    path: Path,
    pixels: PixelSpec,
    classes: Sequence[str],
    kernel: NDArray[np.float32],
    dense: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    int8: bool,
) -> None:
    """Write the network as an OpenVINO IR: image uint8 (n, h, w, 3) to `probabilities` (n, K) and `features` (n, d)."""
    import openvino as ov
    from openvino import opset13 as op

    image = op.parameter([-1, pixels.height, pixels.width, 3], ov.Type.u8, name="image")
    image.output(0).set_names({"image"})
    x = op.transpose(op.convert(image, "f32"), op.constant([0, 3, 1, 2]))
    mean = np.asarray(pixels.mean, np.float32).reshape(1, 3, 1, 1) * 255
    std = np.asarray(pixels.std, np.float32).reshape(1, 3, 1, 1) * 255
    x = op.divide(op.subtract(x, op.constant(mean)), op.constant(std))
    weights = op.constant(kernel)
    if int8:
        low, high = op.constant(np.float32(-160)), op.constant(np.float32(160))
        x = op.fake_quantize(x, low, high, low, high, 256)
        top = np.abs(kernel).max()
        low, high = op.constant(np.float32(-top)), op.constant(np.float32(top))
        weights = op.fake_quantize(weights, low, high, low, high, 255)
    x = op.relu(op.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    pooled = op.reduce_mean(x, op.constant([2, 3]), False)
    pooled.output(0).set_names({"features"})
    logits = op.add(op.matmul(pooled, op.constant(dense), False, True), op.constant(bias))
    probabilities = op.softmax(logits, 1)
    probabilities.output(0).set_names({"probabilities"})
    path.parent.mkdir(parents=True, exist_ok=True)
    model = ov.Model([op.result(probabilities.output(0)), op.result(pooled.output(0))], [image], "tiny")
    model.set_rt_info(json.dumps(list(classes), ensure_ascii=False), ["edgewbc", "labels"])
    model.set_rt_info(" ".join("_".join(name.split()) for name in classes), ["model_info", "labels"])
    ov.save_model(model, path, compress_to_fp16=False)


def _write_golden(folder: Path, pixels: PixelSpec, classes: Sequence[str]) -> None:
    samples: list[dict[str, Any]] = []
    for index in range(3):
        data = encode(make_image(index))
        name = f"golden/{index:02d}-{classes[index % len(classes)]}.png"
        (folder / name).write_bytes(data)
        samples.append({"file": name, "sha256": hashlib.sha256(data).hexdigest(), "expected": {}})
    for precision in ("int8", "f32"):
        xml = folder / "openvino" / f"{precision}.xml"
        predictor = OpenVINOPredictor(xml.read_bytes(), xml.with_suffix(".bin").read_bytes(), threads=1)
        for sample in samples:
            prediction = predictor(Preparer(pixels)(decode((folder / sample["file"]).read_bytes()).image)[None])
            sample["expected"][precision] = {
                "probabilities": prediction.probabilities[0].tolist(),
                "features": prediction.features[0].tolist(),
            }
    write_json(folder / "golden" / "expected.json", {"format": 1, "samples": samples})
