"""Comparison of an int8 file's predictions on CPUs with and without VNNI, in two subprocesses.

Without VNNI, oneDNN's int8 kernels add pairs of products in 16 bits, which can saturate. A process that is limited to
AVX2 uses those kernels on a newer CPU too; it reproduces their predictions, not their speed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import UserError
from edgewbc.export import parity
from edgewbc.export.validation import BATCH, SPLIT, ModelFile
from edgewbc.metrics import Accuracy
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress, quiet

LIMITED = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OV_CPU_MAX_ISA": "AVX2"}
"""Environment variables that limit oneDNN and OpenVINO's own kernels to AVX2; both are needed."""


def check(xml: Path, spec: ModelSpec, manifest: Manifest, progress: Progress = quiet) -> dict[str, Any]:
    """Run a saved IR on all validation images, natively and limited to AVX2.

    Args:
        xml: the int8 IR.
        spec: of its network.
        manifest: images to run on.
        progress: shows the progress.

    Returns:
        sha256 of the file; protocol, split, source, manifest_sha256, n; `native` and `avx2` (each with isa, kernels,
        correct, accuracy, interval); same_isa (the CPU has no more than AVX2, so nothing
        was compared); agreement (share of equal labels), largest_difference (in a probability), drop (accuracy lost
        from native to AVX2) and mcnemar.

    Raises:
        UserError: there are no validation images, one has changed, or a subprocess fails.
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    found: dict[str, dict[str, Any]] = {}
    predictions: dict[str, parity.Probabilities] = {}
    with tempfile.TemporaryDirectory(prefix="edgewbc-isa-") as name:
        folder = Path(name)
        shape = (len(entries), spec.pixels.height, spec.pixels.width, 3)
        prepared = np.lib.format.open_memmap(folder / "images.npy", mode="w+", dtype=np.uint8, shape=shape)
        start = 0
        batches = images.batches(manifest, entries, spec.pixels, BATCH)
        for batch in progress(batches, "images for both CPUs", -(-len(entries) // BATCH)):
            prepared[start : start + len(batch)] = batch
            start += len(batch)
        prepared.flush()
        del prepared  # Windows cannot delete a file that is mapped
        for which, limits in (("native", {}), ("avx2", LIMITED)):
            job = {"model": str(xml), "images": str(folder / "images.npy"), "predictions": str(folder / which)}
            ran = _subprocess(job, limits)
            predictions[which] = np.load(folder / f"{which}.npy")
            counted = Accuracy.of(truth, predictions[which].argmax(1)).to_json()
            found[which] = ran | {key: counted[key] for key in ("correct", "accuracy", "interval")}
    return {
        "sha256": ModelFile("int8", xml).sha256,
        **facts(manifest, SPLIT).to_json(),
        "n": len(truth),
        **found,
        "same_isa": found["native"]["isa"] == found["avx2"]["isa"],
        **parity.accuracy_drop(truth, predictions["native"], predictions["avx2"]).to_json(),
    }


def predict(job: dict[str, str]) -> dict[str, Any]:
    """Run all images in this process and save the probabilities, float32 (n, K), as `<predictions>.npy`.

    Args:
        job: paths: `model` (.xml), `images` (.npy, uint8 (n, h, w, 3)) and `predictions`.

    Returns:
        isa, and kernels (see `OpenVINOPredictor.kernels`).
    """
    xml = Path(job["model"])
    engine = OpenVINOPredictor(xml.read_bytes(), xml.with_suffix(".bin").read_bytes(), precision="int8", name=str(xml))
    prepared: NDArray[np.uint8] = np.load(job["images"], mmap_mode="r")
    parts = [
        engine(np.ascontiguousarray(prepared[i : i + BATCH])).probabilities for i in range(0, len(prepared), BATCH)
    ]
    np.save(job["predictions"], np.concatenate(parts))
    return {"isa": engine.info.isa, "kernels": engine.kernels()}


def _subprocess(job: dict[str, str], limits: dict[str, str]) -> dict[str, Any]:
    """Call `predict` in a subprocess, as the limits are only read when the libraries are loaded."""
    environment = {key: value for key, value in os.environ.items() if key not in LIMITED} | limits
    ran = subprocesses.run(["-m", "edgewbc.compress.isa_check"], given=json.dumps(job), environment=environment)
    result = subprocesses.read_result(ran)
    if ran.returncode or result is None:
        raise UserError(
            f"{job['model']}: could not be run in a subprocess"
            + (f" ({', '.join(f'{k}={v}' for k, v in limits.items())})" if limits else "")
            + f"; it ended with exit code {ran.returncode}: {subprocesses.last_words(ran.stderr)}"
        )
    return dict(result)


def main() -> None:
    """Read a job from stdin and print its result."""
    subprocesses.write_result(predict(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
