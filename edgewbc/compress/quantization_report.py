"""What is written down of a quantization, `quantize.json`: measured on the files as they lie on the disk, on the
validation pictures, however the int8 files were made."""

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
from edgewbc.metrics import score
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.predictor import Predictor
from edgewbc.utils.files import sha256
from edgewbc.utils.progress import Progress, quiet

RECORD = "quantize.json"
FORMAT = 1
PARENT, FAKE = "parent", "fake-quantized"
"""Names of what is asked besides the files: the float network before fine-tuning, and the one that was fine-tuned."""


@dataclass(frozen=True)
class Checks:
    """What else is measured.

    Attributes:
        sensitivity: what int8 changes, layer by layer (`compress.sensitivity`).
        isa: whether a CPU without VNNI answers alike (`compress.isa`).
    """

    sensitivity: bool = False
    isa: bool = False


def file(folder: Path, backend: str, precision: str) -> ModelFile:
    """Where a run folder holds a model."""
    return ModelFile(precision, folder / backend / f"{precision}.{'onnx' if backend == 'onnx' else 'xml'}")


def write_f32(folder: Path, net: Any, spec: ModelSpec) -> None:
    """Write the float files of a network."""
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
    """Everything of the record that is measured.

    Args:
        folder: a run folder with `model.safetensors`, both f32 files and at least OpenVINO's int8 file.
        chosen: the calibration pictures.
        more: `PARENT`, against which the drop is measured (else against the f32 file of the same weights), and `FAKE`.

    Raises:
        GateError: the f32 files answer differently.
    """
    held = [file(folder, backend, precision) for precision in ("f32", "int8") for backend in BACKENDS]
    held = [each for each in held if each.path.is_file()]
    evidence = validate(held, manifest, spec, progress, **more)
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
        "files": {p.relative_to(folder).as_posix(): sha256(p) for each in held for p in each.paths},
    }
    if PARENT in answers:
        scored = score(evidence.truth, answers[PARENT].argmax(1), spec.classes)
        record["parent"] = {key: scored[key] for key in ("n", "correct", "accuracy", "interval")}
    int8 = file(folder, "openvino", "int8").path
    if checks.sensitivity:
        record["sensitivity"] = sensitivity.measure(
            file(folder, "openvino", "f32").path, int8, spec, manifest, progress
        )
    if checks.isa:
        record["isa"] = isa_check.check(int8, spec, manifest, progress)
    return record


def check_drop(record: dict[str, Any], max_drop: float | None) -> None:
    """The gate of `--max-drop`, on the files that were saved.

    Raises:
        GateError: one loses more, or has nothing left in int8.
    """
    for backend, drop in record["drop"].items():
        lost, left = drop["drop"], record["operations"][backend]["int8"]
        if max_drop is not None and lost > max_drop:
            raise GateError(
                f"the int8 file for {backend} loses {100 * lost:.2f} points of accuracy on validation (protocol "
                f"{record['protocol']}), and {100 * max_drop:.2f} is the most allowed (--max-drop); nothing was written"
            )
        if not left:
            raise GateError(
                f"no layer could stay in int8 for {backend} within --max-drop {max_drop}; nothing was written"
            )


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """What of it the lineage tells, and so the bundle: protocol, drop, and the agreement between two kinds of CPU."""
    told = {key: record[key] for key in ("method", "manifest_sha256", "protocol", "drop")}
    if "isa" in record:
        told["isa"] = record["isa"]
    return told


def calibration_sha256(chosen: Sequence[Entry]) -> str:
    """Names a draw of pictures: SHA-256 over `<sha256>  <path>` of each, a line each, in their order."""
    return hashlib.sha256("".join(f"{e.sha256}  {e.path}\n" for e in chosen).encode()).hexdigest()


def _operations(path: Path) -> dict[str, list[str]]:
    """The convolutions and dense layers of a saved file, by whether they are int8."""
    if path.suffix == ".onnx":
        import onnx

        return ptq.operations_onnx(onnx.load(path))
    import openvino as ov

    return ptq.operations_ir(ov.Core().read_model(path))


def _parity(evidence: ValidationResult, backends: Sequence[str]) -> dict[str, Any]:
    """How far runtimes are apart: in f32 a gate; in int8, and from the fake-quantized network, told."""
    answers = evidence.probabilities
    told: dict[str, Any] = {
        "f32": [
            pair.to_json() for pair in parity.compare({name: answers[name] for name in ("openvino f32", "onnx f32")})
        ],
        "int8": _apart(answers["openvino int8"], answers["onnx int8"]) if len(backends) == 2 else None,
    }
    if FAKE in answers:
        told[FAKE] = {backend: _apart(answers[FAKE], answers[f"{backend} int8"]) for backend in backends}
    return told


def _apart(first: parity.Probabilities, second: parity.Probabilities) -> dict[str, Any]:
    return parity.difference(first, second).to_json()
