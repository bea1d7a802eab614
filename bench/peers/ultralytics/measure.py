"""Ultralytics' yolo11n-cls: trained from its YAML, exported to OpenVINO by its own exporter, run by OpenVINO.

AGPL-3.0: only `prepare` imports it, in an environment of its own; nothing of it is copied. What is timed is the
exported file, which its own predictor answers with too: that both say the same is looked at on some pictures (`facts`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peer

STRIDE = 32
"""Its input sizes are multiples of this: it trains at the next one, whatever it is asked for."""

CHECKED = 64
"""Pictures that its own predictor answers too."""


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Train, export f32 and INT8, and let its own transforms prepare the pictures."""
    if wrong := job["imgsz"] % STRIDE:
        taken = job["imgsz"] + STRIDE - wrong
        raise peer.Refused(f"it takes multiples of {STRIDE} alone, and would train at {taken}: that is another row")
    peer.torchvision_beside_cpu_torch()
    from ultralytics import YOLO, settings
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = job["threads"]  # by itself it leaves a core idle
    settings.update({"sync": False})  # no statistics to its maker
    folder, size = Path(job["folder"]), job["imgsz"]
    data = _data(job, folder)
    start = time.monotonic()
    net = YOLO("yolo11n-cls.yaml")
    net.train(
        data=str(data),
        imgsz=size,
        time=job["minutes"] / 60,  # hours; takes the place of its number of epochs
        pretrained=False,
        device="cpu",
        cache=True,  # decoded once: on a CPU it decodes in the thread that trains
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
            "calibrated_on": f"val, {len(peer.listed(job, 'val'))} pictures",
            "own_predictor": {key: row.pop("checked") for key, row in rows.items()},
        },
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Its exported file in OpenVINO. The graph ends in a softmax."""
    import openvino_model

    return openvino_model.load(Path(row["xml"]), job, row["inputs"]["shape"][1:], lambda output: output)


def _data(job: dict[str, Any], folder: Path) -> Path:
    """The folder a class that it is trained and calibrated on: train and val alone, so that it cannot see more."""
    data = folder / "data"
    data.mkdir()
    for split in ("train", "val"):
        if not peer.listed(job, split):
            raise peer.Refused(f"the manifest has no {split} pictures, and it needs train and val")
        shutil.copytree(Path(job["pictures"]) / split, data / split)
    return data


def _export(best: Path, key: str, data: Path, size: int, folder: Path) -> Path:
    """Export in a precision; gives the .xml, in a folder with its .bin and its metadata."""
    from ultralytics import YOLO

    options: dict[str, Any] = {"int8": True, "data": str(data), "split": "val"} if key == "int8" else {}
    made = Path(YOLO(str(best)).export(format="openvino", imgsz=size, dynamic=True, batch=8, device="cpu", **options))
    kept = folder / f"{key}_openvino_model"
    shutil.move(str(made), kept)
    return next(kept.glob("*.xml"))


def _inputs(job: dict[str, Any], size: int) -> Iterator[Any]:
    """The pictures through its own transforms for classification, float32 (n, 3, size, size) in 0..1."""
    import numpy as np
    from PIL import Image
    from ultralytics.data.augment import classify_transforms

    transform = classify_transforms(size)
    for part in peer.batched(peer.listed(job, job["split"])):
        yield np.stack([transform(Image.open(path).convert("RGB")).numpy() for path, _ in part]).astype(np.float32)


def _check(xml: Path, inputs: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """What its own predictor says of the first pictures, beside what is measured: agreement, largest difference."""
    import numpy as np
    from ultralytics import YOLO

    files = [str(path) for path, _ in peer.listed(job, job["split"])[:CHECKED]]
    size = inputs["shape"][-1]
    its = [
        found.probs.data.cpu().numpy() for found in YOLO(str(xml.parent), task="classify").predict(files, imgsz=size)
    ]
    model = load({**job, "mode": "latency"}, {"xml": str(xml), "inputs": inputs})
    mine = model.predict(peer.read_inputs(inputs, 0, len(files)))
    theirs = np.stack(its)
    return {
        "pictures": len(files),
        "agreement": float((theirs.argmax(1) == mine.argmax(1)).mean()),
        "largest_difference": float(np.abs(theirs - mine).max()),
    }


def _epochs(results: Path) -> int | None:
    """How many epochs the time was enough for."""
    return len(results.read_text(encoding="utf-8").splitlines()) - 1 if results.is_file() else None


if __name__ == "__main__":
    peer.main(prepare, load)
