"""Comparison of an int8 file's predictions on CPUs with and without VNNI, in two subprocesses.

Without VNNI, oneDNN's int8 kernels add pairs of products in 16 bits, which can saturate. A process that is limited to
AVX2 uses those kernels on a newer CPU too; it reproduces their predictions, not their speed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.data import images
from edgewbc.data.manifest import Manifest, SplitFacts, facts
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


@dataclass(frozen=True)
class IsaRun:
    """The predictions of the int8 file with one instruction set.

    Attributes:
        isa: the instruction set, as OpenVINO reports it.
        kernels: see `OpenVINOPredictor.kernels`.
        counted: the accuracy.
    """

    isa: str | None
    kernels: Mapping[str, int] | None
    counted: Accuracy

    def to_json(self) -> dict[str, Any]:
        """Return isa, kernels, correct, accuracy and interval."""
        counted = self.counted.to_json()
        del counted["n"]
        return {"isa": self.isa, "kernels": self.kernels, **counted}


@dataclass(frozen=True)
class IsaComparison:
    """The predictions of an int8 file on this CPU, and limited to AVX2.

    Attributes:
        sha256: of the file.
        data: the images that it ran on.
        native: on this CPU.
        avx2: in a process that is limited to AVX2.
        change: accuracy lost from native to AVX2, agreement and largest difference.
    """

    sha256: str
    data: SplitFacts
    native: IsaRun
    avx2: IsaRun
    change: parity.AccuracyDrop

    @property
    def n(self) -> int:
        """Number of images."""
        return self.native.counted.n

    @property
    def same_isa(self) -> bool:
        """Whether this CPU has no more than AVX2, so that nothing was compared."""
        return self.native.isa == self.avx2.isa

    def to_json(self) -> dict[str, Any]:
        """Return the entry `isa` of `quantize.json` and of a lineage."""
        return {
            "sha256": self.sha256,
            **self.data.to_json(),
            "n": self.n,
            "native": self.native.to_json(),
            "avx2": self.avx2.to_json(),
            "same_isa": self.same_isa,
            **self.change.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> IsaComparison:
        """Read what `to_json` wrote."""
        native, avx2 = (
            IsaRun(one["isa"], one["kernels"], Accuracy(values["n"], one["correct"]))
            for one in (values["native"], values["avx2"])
        )
        change = parity.AccuracyDrop.from_json(values)
        return cls(values["sha256"], SplitFacts.from_json(values), native, avx2, change)


def check(xml: Path, spec: ModelSpec, manifest: Manifest, progress: Progress = quiet) -> IsaComparison:
    """Run a saved IR on all validation images, natively and limited to AVX2.

    Args:
        xml: the int8 IR.
        spec: of its network.
        manifest: images to run on.
        progress: shows the progress.

    Raises:
        UserError: there are no validation images, one has changed, or a subprocess fails.
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    found: dict[str, IsaRun] = {}
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
            counted = Accuracy.of(truth, predictions[which].argmax(1))
            found[which] = IsaRun(ran["isa"], ran["kernels"], counted)
    return IsaComparison(
        sha256=ModelFile("int8", xml).sha256,
        data=facts(manifest, SPLIT),
        native=found["native"],
        avx2=found["avx2"],
        change=parity.accuracy_drop(truth, predictions["native"], predictions["avx2"]),
    )


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
            + f"; it {subprocesses.failure(ran)}"
        )
    return dict(result)


def main() -> None:
    """Read a job from stdin and print its result."""
    subprocesses.write_result(predict(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
