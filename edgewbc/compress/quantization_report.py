"""The report of a quantization, `quantize.json`: the saved files, measured on the validation images.

Post-training quantization and quantization-aware fine-tuning write the same report.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.bundle.manifest import BACKENDS
from edgewbc.compress import isa_check, ptq
from edgewbc.compress.isa_check import IsaComparison
from edgewbc.compress.sensitivity import Sensitivity
from edgewbc.compress.sensitivity import measure as measure_layers
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import GateError, UserError
from edgewbc.export import graph, parity
from edgewbc.export.validation import EvidenceRow, ModelFile, ValidationResult, validate
from edgewbc.metrics import Accuracy
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.openvino_import import core
from edgewbc.runtime.predictor import Predictor
from edgewbc.train.history import EpochResult
from edgewbc.train.teacher import TeacherRecord
from edgewbc.utils.files import read_json, sha256
from edgewbc.utils.json_values import plain, take, values_of
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


@dataclass(frozen=True)
class CalibrationImages:
    """The train images that a quantization was calibrated on.

    Attributes:
        n: number of images.
        counts: number by label.
        sha256: see `calibration_sha256`.
    """

    n: int
    counts: Mapping[str, int]
    sha256: str

    @classmethod
    def of(cls, chosen: Sequence[Entry]) -> CalibrationImages:
        """Describe calibration images."""
        counts = Counter(entry.label for entry in chosen)
        return cls(len(chosen), dict(sorted(counts.items())), calibration_sha256(chosen))

    def to_json(self) -> dict[str, Any]:
        """Return the entry `calibration` of `quantize.json`."""
        return {"split": "train", **values_of(self)}


@dataclass(frozen=True)
class Parity:
    """Differences between runtimes: a gate in f32, only recorded in int8 and for the fake-quantized network.

    Attributes:
        f32: of each pair of f32 files.
        int8: between the int8 files; None if there is only one.
        fake: between the fake-quantized network and the int8 file of each backend; None without fine-tuning.
    """

    f32: tuple[parity.PairDifference, ...]
    int8: parity.Difference | None
    fake: Mapping[str, parity.Difference] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry `parity` of `quantize.json`."""
        values: dict[str, Any] = {
            "f32": [pair.to_json() for pair in self.f32],
            "int8": None if self.int8 is None else self.int8.to_json(),
        }
        if self.fake is not None:
            values[FAKE] = {backend: one.to_json() for backend, one in self.fake.items()}
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Parity:
        """Read what `to_json` wrote."""
        int8, fake = values["int8"], values.get(FAKE)
        return cls(
            tuple(parity.PairDifference.from_json(one) for one in values["f32"]),
            None if int8 is None else parity.Difference.from_json(int8),
            None if fake is None else {name: parity.Difference.from_json(one) for name, one in fake.items()},
        )


@dataclass(frozen=True)
class Measurements:
    """What was measured on the saved files.

    Attributes:
        model_sha256: of `model.safetensors`.
        manifest_sha256, protocol: of the manifest.
        calibration: the calibration images.
        operations: names of the convolutions and dense layers, by backend and then under `int8` and `float`.
        validation: accuracy of each saved file.
        drop: accuracy lost, by backend.
        parity: differences between runtimes.
        files: SHA-256 of each model file, by path in the run folder.
        parent: accuracy of the float network before fine-tuning; None without fine-tuning.
        sensitivity, isa: the optional measurements; None where they were not requested.
    """

    model_sha256: str
    manifest_sha256: str
    protocol: str
    calibration: CalibrationImages
    operations: Mapping[str, Mapping[str, Sequence[str]]]
    validation: tuple[EvidenceRow, ...]
    drop: Mapping[str, parity.AccuracyDrop]
    parity: Parity
    files: Mapping[str, str]
    parent: Accuracy | None = None
    sensitivity: Sensitivity | None = None
    isa: IsaComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `quantize.json` holds for it; measurements that were not made have no key."""
        values: dict[str, Any] = {
            "model_sha256": self.model_sha256,
            "manifest_sha256": self.manifest_sha256,
            "protocol": self.protocol,
            "calibration": self.calibration.to_json(),
            "operations": plain(self.operations),
            "validation": [row.to_json() for row in self.validation],
            "drop": {backend: one.to_json() for backend, one in self.drop.items()},
            "parity": self.parity.to_json(),
            "files": dict(self.files),
        }
        optional = {"parent": self.parent, "sensitivity": self.sensitivity, "isa": self.isa}
        return values | {name: one.to_json() for name, one in optional.items() if one is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measurements:
        """Read what `to_json` wrote; further keys are ignored."""
        parts = {
            "calibration": take(CalibrationImages, values["calibration"]),
            "validation": tuple(EvidenceRow.from_json(row) for row in values["validation"]),
            "drop": {backend: parity.AccuracyDrop.from_json(one) for backend, one in values["drop"].items()},
            "parity": Parity.from_json(values["parity"]),
        }
        for name, kind in (("parent", Accuracy), ("sensitivity", Sensitivity), ("isa", IsaComparison)):
            if name in values:
                parts[name] = kind.from_json(values[name])
        return take(cls, {**values, **parts})


@dataclass(frozen=True)
class FineTuning:
    """How quantization-aware fine-tuning went.

    Attributes:
        start: accuracy of the quantized network before fine-tuning.
        best: the epoch that was kept.
        teachers: the runs that it learned from.
        compiled: whether NNCF's quantizers were compiled.
    """

    start: Accuracy
    best: EpochResult
    teachers: tuple[TeacherRecord, ...]
    compiled: bool

    def to_json(self) -> dict[str, Any]:
        """Return the keys that `quantize.json` holds for it; `teachers` only if there are any."""
        taught = {"teachers": [each.to_json() for each in self.teachers]} if self.teachers else {}
        return {"start": self.start.to_json(), "best": self.best.to_json(), **taught, "compiled": self.compiled}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FineTuning:
        """Read what `to_json` wrote; further keys are ignored."""
        teachers = tuple(TeacherRecord.from_json(each) for each in values.get("teachers", ()))
        best = EpochResult.from_json(values["best"])
        return cls(Accuracy.from_json(values["start"]), best, teachers, values["compiled"])


@dataclass(frozen=True)
class QuantizationReport:
    """The contents of `quantize.json`.

    Attributes:
        method: `ptq` or `qat`.
        settings: options of the quantization, and the recipe of the fine-tuning, as JSON values.
        measured: what was measured on the saved files.
        fine_tuning: how fine-tuning went; None after post-training quantization.
    """

    method: str
    settings: Mapping[str, Any]
    measured: Measurements
    fine_tuning: FineTuning | None = None

    def to_json(self) -> dict[str, Any]:
        """Return one flat object."""
        tuned = {} if self.fine_tuning is None else self.fine_tuning.to_json()
        settings = dict(self.settings)
        return {"format": FORMAT, "method": self.method, "settings": settings, **tuned, **self.measured.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> QuantizationReport:
        """Read what `to_json` wrote."""
        tuned = FineTuning.from_json(values) if "start" in values else None
        return cls(values["method"], values["settings"], Measurements.from_json(values), tuned)

    @classmethod
    def read(cls, run: Path) -> QuantizationReport:
        """Read the report of a quantized run.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = run / runs.QUANTIZATION
        values = read_json(path, "the report of a quantization")
        try:
            return cls.from_json(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: not the report of a quantization: {error!r}: quantize the run again") from None

    def summary(self) -> dict[str, Any]:
        """Return what the lineage and the bundle repeat: method, manifest, protocol, drop and comparison of CPUs."""
        values = self.to_json()
        return {key: values[key] for key in ("method", "manifest_sha256", "protocol", "drop", "isa") if key in values}


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
) -> Measurements:
    """Measure the saved files.

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
    evidence = validate(files, manifest, spec, progress, None, **more)
    found = evidence.probabilities
    backends = [backend for backend in BACKENDS if f"{backend} int8" in found]
    int8 = file(folder, "openvino", "int8").path
    sensitivity = isa = None
    if checks.sensitivity:
        sensitivity = measure_layers(file(folder, "openvino", "f32").path, int8, spec, manifest, progress)
    if checks.isa:
        isa = isa_check.check(int8, spec, manifest, progress)
    before = {backend: found[PARENT if PARENT in found else f"{backend} f32"] for backend in backends}
    return Measurements(
        model_sha256=sha256(folder / model.WEIGHTS),
        manifest_sha256=manifest.sha256,
        protocol=manifest.protocol,
        calibration=CalibrationImages.of(chosen),
        operations={backend: _operations(file(folder, backend, "int8").path) for backend in backends},
        validation=evidence.rows,
        drop={b: parity.accuracy_drop(evidence.truth, before[b], found[f"{b} int8"]) for b in backends},
        parity=_parity(evidence, backends),
        files={p.relative_to(folder).as_posix(): sha256(p) for each in files for p in each.paths},
        parent=Accuracy.of(evidence.truth, found[PARENT].argmax(1)) if PARENT in found else None,
        sensitivity=sensitivity,
        isa=isa,
    )


def check_drop(measured: Measurements, max_drop: float | None) -> None:
    """Check the saved files against `--max-drop`.

    Raises:
        GateError: a file loses more, or has no layers in int8.
    """
    for backend, change in measured.drop.items():
        if max_drop is not None and change.drop > max_drop:
            raise GateError(
                f"the int8 file for {backend} loses {100 * change.drop:.2f} points of accuracy on validation (protocol "
                f"{measured.protocol}), and {100 * max_drop:.2f} is the most allowed (--max-drop); nothing was written"
            )
        if not measured.operations[backend]["int8"]:
            raise GateError(
                f"no layer could stay in int8 for {backend} within --max-drop {max_drop}; nothing was written"
            )


def calibration_sha256(chosen: Sequence[Entry]) -> str:
    """Return the SHA-256 that identifies calibration images: of lines `<sha256>  <path>` in their order."""
    return hashlib.sha256("".join(f"{e.sha256}  {e.path}\n" for e in chosen).encode()).hexdigest()


def _operations(path: Path) -> dict[str, list[str]]:
    """Return the names of the convolutions and dense layers of a saved file, under `int8` and `float`."""
    if path.suffix == ".onnx":
        import onnx

        return ptq.operations_onnx(onnx.load(path))
    return ptq.operations_ir(core().read_model(path))


def _parity(evidence: ValidationResult, backends: Sequence[str]) -> Parity:
    """Compare the runtimes; raises GateError if the f32 files differ."""
    found = evidence.probabilities
    f32 = parity.compare({name: found[name] for name in ("openvino f32", "onnx f32")})
    both = len(backends) == 2
    int8 = parity.difference(found["openvino int8"], found["onnx int8"]) if both else None
    fake = None
    if FAKE in found:
        fake = {backend: parity.difference(found[FAKE], found[f"{backend} int8"]) for backend in backends}
    return Parity(tuple(f32), int8, fake)
