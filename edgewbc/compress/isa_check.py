"""Whether an int8 file answers alike on CPUs with and without VNNI: it is asked twice, in two fresh processes.

Without VNNI, oneDNN's int8 kernels add pairs of products in 16 bits, which can saturate. A process that is told to use
no more than AVX2 takes those kernels on a newer CPU too, and gives their answers (not their speed).
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
from edgewbc.metrics import score
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress, quiet

LIMITED = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OV_CPU_MAX_ISA": "AVX2"}
"""Environment that keeps oneDNN and OpenVINO's own kernels to AVX2. Both are needed."""


def check(xml: Path, spec: ModelSpec, manifest: Manifest, progress: Progress = quiet) -> dict[str, Any]:
    """Ask a saved IR of every validation picture, natively and kept to AVX2.

    Returns:
        sha256 of the file; protocol, split, source, manifest_sha256, n; `native` and `avx2` (each with isa, kernels,
        correct, accuracy, interval); same_isa (the CPU has no more than AVX2, or is of another kind: nothing was
        compared then); agreement (share of equal labels), largest_difference (in a probability), drop (accuracy lost
        from native to AVX2) and mcnemar.

    Raises:
        UserError: there are no validation pictures, one changed, or a process fails.
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    found: dict[str, dict[str, Any]] = {}
    answers: dict[str, parity.Probabilities] = {}
    with tempfile.TemporaryDirectory(prefix="edgewbc-isa-") as name:
        folder = Path(name)
        shape = (len(entries), spec.pixels.height, spec.pixels.width, 3)
        prepared = np.lib.format.open_memmap(folder / "pictures.npy", mode="w+", dtype=np.uint8, shape=shape)
        start = 0
        batches = images.batches(manifest, entries, spec.pixels, BATCH)
        for batch in progress(batches, "pictures for both CPUs", -(-len(entries) // BATCH)):
            prepared[start : start + len(batch)] = batch
            start += len(batch)
        prepared.flush()
        del prepared  # Windows removes no file that is mapped
        for which, limits in (("native", {}), ("avx2", LIMITED)):
            job = {"model": str(xml), "pictures": str(folder / "pictures.npy"), "answers": str(folder / which)}
            told = _elsewhere(job, limits)
            answers[which] = np.load(folder / f"{which}.npy")
            scored = score(truth, answers[which].argmax(1), spec.classes)
            found[which] = told | {key: scored[key] for key in ("correct", "accuracy", "interval")}
    return {
        "sha256": ModelFile("int8", xml).sha256,
        **facts(manifest, SPLIT).to_json(),
        "n": len(truth),
        **found,
        "same_isa": found["native"]["isa"] == found["avx2"]["isa"],
        **parity.accuracy_drop(truth, answers["native"], answers["avx2"]).to_json(),
    }


def answer(job: dict[str, str]) -> dict[str, Any]:
    """Answer all pictures in this process and save the probabilities, float32 (n, K), as `<answers>.npy`.

    Args:
        job: paths: `model` (.xml), `pictures` (.npy, uint8 (n, h, w, 3)), `answers`.

    Returns:
        isa, and kernels (see `OpenVINOPredictor.kernels`).
    """
    xml = Path(job["model"])
    engine = OpenVINOPredictor(xml.read_bytes(), xml.with_suffix(".bin").read_bytes(), precision="int8", name=str(xml))
    held: NDArray[np.uint8] = np.load(job["pictures"], mmap_mode="r")
    parts = [engine(np.ascontiguousarray(held[i : i + BATCH])).probabilities for i in range(0, len(held), BATCH)]
    np.save(job["answers"], np.concatenate(parts))
    return {"isa": engine.info.isa, "kernels": engine.kernels()}


def _elsewhere(job: dict[str, str], limits: dict[str, str]) -> dict[str, Any]:
    """`answer` in a process of its own: both runtimes read the limits once, when they are loaded."""
    environment = {key: value for key, value in os.environ.items() if key not in LIMITED} | limits
    ran = subprocesses.run(["-m", "edgewbc.compress.isa_check"], given=json.dumps(job), environment=environment)
    told = subprocesses.read_result(ran)
    if ran.returncode or told is None:
        raise UserError(
            f"{job['model']}: could not be asked in a process of its own"
            + (f" ({', '.join(f'{k}={v}' for k, v in limits.items())})" if limits else "")
            + f", which ended with {ran.returncode}: {subprocesses.last_words(ran.stderr)}"
        )
    return dict(told)


def main() -> None:
    """Read a job from stdin, print its result."""
    subprocesses.write_result(answer(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
