"""`edgewbc quantize`: from a run to a new run that holds the network in int8, for OpenVINO and for ONNX Runtime.

Calibrated on train, controlled on validation, never on test; and what is measured are the saved files.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.compress import ptq
from edgewbc.compress.noise import quiet_nncf
from edgewbc.compress.ptq import Options, Preset
from edgewbc.convert import graph, parity
from edgewbc.convert.evidence import Evidence, ModelFile, collect
from edgewbc.data import pictures
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sample import balanced
from edgewbc.errors import GateError
from edgewbc.evaluate import Progress, quiet
from edgewbc.extras import need
from edgewbc.files import sha256, write_json
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec

RECORD = "quantize.json"
FORMAT = 1
BACKENDS = ("openvino", "onnx")


def quantize(
    run: Path,
    manifest: Manifest,
    *,
    to: Path | None = None,
    subset: int = 300,
    max_drop: float | None = None,
    seed: int = 0,
    preset: Preset = "mixed",
    fast_bias_correction: bool = True,
    progress: Progress = quiet,
) -> Path:
    """Quantize a run's network to int8.

    Args:
        run: whose `model.safetensors` is quantized; it is not changed.
        manifest: train pictures to calibrate on, validation pictures to measure on.
        to: the new run folder; None takes runs/<run>-int8.
        subset, max_drop, seed, preset, fast_bias_correction: as `ptq.Options`.
        progress: shows how far it is.

    Returns:
        the new run folder: the parent's weights, `openvino/` and `onnx/` with f32 and int8, `quantize.json`.

    Raises:
        UserError: not a run, no train or validation pictures, a label the model does not know, `to` exists.
        GateError: a saved file loses more than `max_drop` on validation, or the f32 files answer differently. Nothing
            is left behind then.
    """
    for module in ("torch", "onnx", "onnxscript", "onnxruntime"):
        need(module, "edgewbc quantize")
    with quiet_nncf():  # so that it is missed now, and not after the conversion
        pass
    options = Options(subset, max_drop, seed, preset, fast_bias_correction)
    net, spec = model.load(run)
    chosen = balanced(manifest.split("train"), options.subset, options.seed)
    pictures.truth(manifest, [*chosen, *manifest.split("val")], spec.classes)
    folder = runs.new(f"{run.resolve().name}-int8", to)
    try:
        for name in (model.WEIGHTS, model.SPEC):
            shutil.copyfile(run / name, folder / name)
        files = _convert(folder, net, spec, manifest, chosen, options, progress)
        record = _record(folder, files, collect(list(files.values()), manifest, spec, progress), manifest, chosen)
        check_drop(record, options.max_drop)
        write_json(folder / RECORD, {"format": FORMAT, "settings": asdict(options), **record})
        facts = {"manifest_sha256": manifest.sha256, "protocol": manifest.protocol, "drop": record["drop"]}
        runs.write_lineage(folder, "quantize", parent=run, settings=asdict(options), **facts)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def check_drop(record: dict[str, Any], max_drop: float | None) -> None:
    """The gate of `--max-drop`, on the files that were saved.

    Raises:
        GateError: one loses more, or has nothing left in int8.
    """
    for backend in BACKENDS:
        lost, left = record["drop"][backend]["drop"], record["operations"][backend]["int8"]
        if max_drop is not None and lost > max_drop:
            raise GateError(
                f"the int8 file for {backend} loses {100 * lost:.2f} points of accuracy on validation, and "
                f"{100 * max_drop:.2f} is the most allowed (--max-drop); nothing was written"
            )
        if not left:
            raise GateError(
                f"no layer could stay in int8 for {backend} within --max-drop {max_drop}; nothing was written"
            )


def calibration_sha256(chosen: Sequence[Entry]) -> str:
    """Names a draw of pictures: SHA-256 over `<sha256>  <path>` of each, a line each, in their order."""
    return hashlib.sha256("".join(f"{e.sha256}  {e.path}\n" for e in chosen).encode()).hexdigest()


def _convert(
    folder: Path,
    net: Any,
    spec: ModelSpec,
    manifest: Manifest,
    chosen: Sequence[Entry],
    options: Options,
    progress: Progress,
) -> dict[str, ModelFile]:
    """Write the four model files; by `<backend> <precision>`."""
    files = [
        ModelFile(precision, folder / backend / f"{precision}.{'onnx' if backend == 'onnx' else 'xml'}")
        for precision in ("f32", "int8")
        for backend in BACKENDS
    ]
    found = {file.name: file for file in files}
    graph.save_ir(graph.to_openvino(net, spec), found["openvino f32"].path)
    graph.to_onnx(net, spec, found["onnx f32"].path)

    single = pictures.batches(manifest, chosen, spec.pixels, 1)
    calibration = list(progress(single, "calibration pictures", len(chosen)))
    control: list[ptq.Labelled] = []
    if options.max_drop is not None:
        entries = manifest.split("val")
        labels = pictures.truth(manifest, entries, spec.classes).tolist()
        single = pictures.batches(manifest, entries, spec.pixels, 1)
        control = list(zip(progress(single, "validation pictures", len(entries)), labels, strict=True))
    quantized = ptq.quantize_ir(found["openvino f32"].path, calibration, control, options)
    graph.save_ir(quantized, found["openvino int8"].path)
    proto = ptq.quantize_onnx(found["onnx f32"].path, calibration, control, options)
    graph.save_onnx(proto, spec, found["onnx int8"].path)
    return found


def _record(
    folder: Path, files: dict[str, ModelFile], evidence: Evidence, manifest: Manifest, chosen: Sequence[Entry]
) -> dict[str, Any]:
    """What is written to `quantize.json`; the operations are read from the saved files."""
    import onnx
    import openvino as ov

    answers = evidence.answers
    apart = parity.difference(answers["openvino int8"], answers["onnx int8"])
    return {
        "model_sha256": sha256(folder / model.WEIGHTS),
        "manifest_sha256": manifest.sha256,
        "protocol": manifest.protocol,
        "calibration": {
            "split": "train",
            "n": len(chosen),
            "counts": dict(sorted(Counter(entry.label for entry in chosen).items())),
            "sha256": calibration_sha256(chosen),
        },
        "operations": {
            "openvino": ptq.operations_ir(ov.Core().read_model(files["openvino int8"].path)),
            "onnx": ptq.operations_onnx(onnx.load(files["onnx int8"].path)),
        },
        "validation": evidence.rows,
        "drop": {b: parity.drop(evidence.truth, answers[f"{b} f32"], answers[f"{b} int8"]) for b in BACKENDS},
        "parity": {
            "f32": parity.compare({name: answers[name] for name in ("openvino f32", "onnx f32")}),
            "int8": {key: apart[key] for key in ("pictures", "largest_difference", "agreement")},
        },
        "files": {p.relative_to(folder).as_posix(): sha256(p) for file in files.values() for p in file.paths},
    }
