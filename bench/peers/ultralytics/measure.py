"""Ultralytics' yolo11n-cls: trained from its YAML, exported to OpenVINO by its own exporter, run by OpenVINO.

AGPL-3.0: only `prepare` imports it, in an environment of its own, and no code of it is copied. The exported file is
what is timed; the predictions of Ultralytics' own predictor are compared with it on some images (in `facts`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peer

STRIDE = 32
"""Its input sizes are multiples of this; another size would be rounded up for training."""

CHECKED = 64
"""Number of images on which its own predictor is compared with the exported file."""


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Train, export f32 and INT8, and preprocess the images with its own transforms."""
    if wrong := job["imgsz"] % STRIDE:
        rounded = job["imgsz"] + STRIDE - wrong
        raise peer.UnsupportedError(
            f"it supports multiples of {STRIDE} only, and would train at {rounded}, which is another row"
        )
    peer.allow_torchvision_with_cpu_torch()
    from ultralytics import YOLO, settings
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = job["threads"]  # by default it leaves a core idle
    settings.update({"sync": False})  # disables telemetry
    folder, size = Path(job["folder"]), job["imgsz"]
    data = _data(job, folder)
    start = time.monotonic()
    net = YOLO("yolo11n-cls.yaml")
    net.train(
        data=str(data),
        imgsz=size,
        time=job["minutes"] / 60,  # hours; overrides the number of epochs
        pretrained=False,
        device="cpu",
        cache=True,  # decodes only once: on a CPU it decodes in the training thread
        seed=job["seed"],
        plots=False,
        project=str(folder),
        name="train",
        exist_ok=True,
    )
    minutes = (time.monotonic() - start) / 60
    best = folder / "train" / "weights" / "best.pt"
    files = {key: _export(best, key, data, size, folder) for key in job["rows"]}
    inputs = peer.save_inputs(folder / "inputs.f32", _inputs(job, size))
    names = YOLO(str(best)).names
    rows = {
        key: {"xml": str(xml), "input": [size, size], "checked": _check(xml, inputs, job)} for key, xml in files.items()
    }
    return {
        "classes": [names[index] for index in range(len(names))],
        "inputs": inputs,
        "rows": rows,
        "minutes": round(minutes, 1),
        "version": peer.versions("ultralytics", "openvino", "nncf", "torch"),
        "facts": {
            "epochs": _epochs(folder / "train" / "results.csv"),
            "calibrated_on": f"val, {len(peer.listed(job, 'val'))} images",
            "own_predictor": {key: row.pop("checked") for key, row in rows.items()},
        },
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Open the exported file in OpenVINO; its graph ends in a softmax."""
    import openvino_model

    return openvino_model.load(Path(row["xml"]), job, row["inputs"]["shape"][1:], lambda output: output)


def _data(job: dict[str, Any], folder: Path) -> Path:
    """Copy train and val, one folder per class: the only images that it is trained and calibrated on."""
    data = folder / "data"
    data.mkdir()
    for split in ("train", "val"):
        if not peer.listed(job, split):
            raise peer.UnsupportedError(f"the manifest has no {split} images; train and val are needed")
        shutil.copytree(Path(job["images"]) / split, data / split)
    return data


def _export(best: Path, key: str, data: Path, size: int, folder: Path) -> Path:
    """Export in a precision and return the path of the .xml; its folder holds the .bin and the metadata."""
    from ultralytics import YOLO

    options: dict[str, Any] = {"int8": True, "data": str(data), "split": "val"} if key == "int8" else {}
    exported = Path(
        YOLO(str(best)).export(format="openvino", imgsz=size, dynamic=True, batch=8, device="cpu", **options)
    )
    moved = folder / f"{key}_openvino_model"
    shutil.move(str(exported), moved)
    return next(moved.glob("*.xml"))


def _inputs(job: dict[str, Any], size: int) -> Iterator[Any]:
    """Preprocess the images with its own transforms, float32 (n, 3, size, size) in 0..1."""
    import numpy as np
    from PIL import Image
    from ultralytics.data.augment import classify_transforms

    transform = classify_transforms(size)
    for part in peer.batched(peer.listed(job, job["split"])):
        yield np.stack([transform(Image.open(path).convert("RGB")).numpy() for path, _ in part]).astype(np.float32)


def _check(xml: Path, inputs: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """Compare its own predictor with the exported file on the first images: agreement and largest difference."""
    import numpy as np
    from ultralytics import YOLO

    files = [str(path) for path, _ in peer.listed(job, job["split"])[:CHECKED]]
    size = inputs["shape"][-1]
    results = YOLO(str(xml.parent), task="classify").predict(files, imgsz=size)
    theirs = np.stack([result.probs.data.cpu().numpy() for result in results])
    model = load({**job, "mode": "latency"}, {"xml": str(xml), "inputs": inputs})
    mine = model.predict(peer.read_inputs(inputs, 0, len(files)))
    return {
        "pictures": len(files),
        "agreement": float((theirs.argmax(1) == mine.argmax(1)).mean()),
        "largest_difference": float(np.abs(theirs - mine).max()),
    }


def _epochs(results: Path) -> int | None:
    """Return the number of epochs that were trained."""
    return len(results.read_text(encoding="utf-8").splitlines()) - 1 if results.is_file() else None


if __name__ == "__main__":
    peer.main(prepare, load)
