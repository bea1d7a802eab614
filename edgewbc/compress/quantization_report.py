"""The report of a quantization, `quantize.json`: the saved files, measured on the validation images.

Post-training quantization and quantization-aware fine-tuning write the same report.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.bundle.manifest import BACKENDS
from edgewbc.compress import isa_check, ptq, sensitivity
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import GateError
from edgewbc.export import graph, parity
from edgewbc.export.validation import ModelFile, ValidationResult, validate
from edgewbc.metrics import Accuracy
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.predictor import Predictor
from edgewbc.utils.files import sha256
from edgewbc.utils.progress import Progress, quiet

FORMAT = 1
PARENT, FAKE = "parent", "fake-quantized"
"""Further networks that are measured: the float network before fine-tuning, and the fine-tuned network."""


@dataclass(frozen=True)
class Checks:
    """Optional measurements.

    Attributes:
        sensitivity: effect of int8 on each layer (`compress.sensitivity`).
        isa: comparison with a CPU without VNNI (`compress.isa_check`).
    """

    sensitivity: bool = False
    isa: bool = False


def file(folder: Path, backend: str, precision: str) -> ModelFile:
    """Return the model file of a backend and precision in a run folder."""
    return ModelFile(precision, folder / backend / f"{precision}.{'onnx' if backend == 'onnx' else 'xml'}")


def write_f32(folder: Path, net: Any, spec: ModelSpec) -> None:
    """Convert a network and write its float files for both backends."""
    graph.save_ir(graph.to_openvino(net, spec), file(folder, "openvino", "f32").path)
    graph.to_onnx(net, spec, file(folder, "onnx", "f32").path)


def measure(
    folder: Path,
    spec: ModelSpec,
    manifest: Manifest,
    chosen: Sequence[Entry],
    checks: Checks,
    progress: Progress = quiet,
    **more: Predictor,
) -> dict[str, Any]:
    """Measure the saved files and return the measured part of the report.

    Args:
        folder: run folder with `model.safetensors`, both f32 files and at least OpenVINO's int8 file.
        spec: of the network.
        manifest: validation images to measure on.
        chosen: the calibration images.
        checks: optional measurements.
        progress: shows the progress.
        **more: networks by name: `PARENT`, to which the drop is relative (else to the f32 file), and `FAKE`.

    Raises:
        GateError: the predictions of the f32 files differ.
    """
    files = [file(folder, backend, precision) for precision in ("f32", "int8") for backend in BACKENDS]
    files = [each for each in files if each.path.is_file()]
    evidence = validate(files, manifest, spec, progress, **more)
    answers = evidence.probabilities
    backends = [backend for backend in BACKENDS if f"{backend} int8" in answers]
    record: dict[str, Any] = {
        "model_sha256": sha256(folder / model.WEIGHTS),
        "manifest_sha256": manifest.sha256,
        "protocol": manifest.protocol,
        "calibration": {
            "split": "train",
            "n": len(chosen),
            "counts": dict(sorted(Counter(entry.label for entry in chosen).items())),
            "sha256": calibration_sha256(chosen),
        },
        "operations": {backend: _operations(file(folder, backend, "int8").path) for backend in backends},
        "validation": [row.to_json() for row in evidence.rows],
        "drop": {
            b: parity.accuracy_drop(
                evidence.truth, answers[PARENT if PARENT in answers else f"{b} f32"], answers[f"{b} int8"]
            ).to_json()
            for b in backends
        },
        "parity": _parity(evidence, backends),
        "files": {p.relative_to(folder).as_posix(): sha256(p) for each in files for p in each.paths},
    }
    if PARENT in answers:
        record["parent"] = Accuracy.of(evidence.truth, answers[PARENT].argmax(1)).to_json()
    int8 = file(folder, "openvino", "int8").path
    if checks.sensitivity:
        record["sensitivity"] = sensitivity.measure(
            file(folder, "openvino", "f32").path, int8, spec, manifest, progress
        )
    if checks.isa:
        record["isa"] = isa_check.check(int8, spec, manifest, progress)
    return record


def check_drop(record: dict[str, Any], max_drop: float | None) -> None:
    """Check the saved files against `--max-drop`.

    Raises:
        GateError: a file loses more, or has no layers in int8.
    """
    for backend, drop in record["drop"].items():
        lost, int8_layers = drop["drop"], record["operations"][backend]["int8"]
        if max_drop is not None and lost > max_drop:
            raise GateError(
                f"the int8 file for {backend} loses {100 * lost:.2f} points of accuracy on validation (protocol "
                f"{record['protocol']}), and {100 * max_drop:.2f} is the most allowed (--max-drop); nothing was written"
            )
        if not int8_layers:
            raise GateError(
                f"no layer could stay in int8 for {backend} within --max-drop {max_drop}; nothing was written"
            )


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """Return the part that the lineage and the bundle repeat: method, protocol, drop and comparison of CPUs."""
    found = {key: record[key] for key in ("method", "manifest_sha256", "protocol", "drop")}
    if "isa" in record:
        found["isa"] = record["isa"]
    return found


def calibration_sha256(chosen: Sequence[Entry]) -> str:
    """Return the SHA-256 that identifies calibration images: of lines `<sha256>  <path>` in their order."""
    return hashlib.sha256("".join(f"{e.sha256}  {e.path}\n" for e in chosen).encode()).hexdigest()


def _operations(path: Path) -> dict[str, list[str]]:
    """Return the names of the convolutions and dense layers of a saved file, under `int8` and `float`."""
    if path.suffix == ".onnx":
        import onnx

        return ptq.operations_onnx(onnx.load(path))
    import openvino as ov

    return ptq.operations_ir(ov.Core().read_model(path))


def _parity(evidence: ValidationResult, backends: Sequence[str]) -> dict[str, Any]:
    """Return the differences between runtimes: a gate in f32, only recorded in int8 and for `FAKE`."""
    answers = evidence.probabilities
    found: dict[str, Any] = {
        "f32": [
            pair.to_json() for pair in parity.compare({name: answers[name] for name in ("openvino f32", "onnx f32")})
        ],
        "int8": _difference(answers["openvino int8"], answers["onnx int8"]) if len(backends) == 2 else None,
    }
    if FAKE in answers:
        found[FAKE] = {backend: _difference(answers[FAKE], answers[f"{backend} int8"]) for backend in backends}
    return found


def _difference(first: parity.Probabilities, second: parity.Probabilities) -> dict[str, Any]:
    return parity.difference(first, second).to_json()
