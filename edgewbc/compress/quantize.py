"""`edgewbc quantize`: from a run to a new run that holds the network in int8, for OpenVINO and for ONNX Runtime.

Calibrated on train, controlled on validation, never on test; and what is measured are the saved files.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.compress import ptq
from edgewbc.compress.nncf_logging import quiet_nncf
from edgewbc.compress.ptq import Options
from edgewbc.compress.quantization_report import FORMAT, RECORD, Checks, check_drop, file, measure, summary, write_f32
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sampling import balanced
from edgewbc.export import graph
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.utils.files import write_json
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

METHOD = "ptq"


def quantize(
    run: Path,
    manifest: Manifest,
    *,
    to: Path | None = None,
    checks: Checks = Checks(),  # noqa: B008  (frozen)
    progress: Progress = quiet,
    **options: Any,
) -> Path:
    """Quantize a run's network to int8, after its training.

    Args:
        run: whose `model.safetensors` is quantized; it is not changed.
        manifest: train pictures to calibrate on, validation pictures to measure on.
        to: the new run folder; None takes runs/<run>-int8.
        checks: what else is measured.
        progress: shows how far it is.
        options: as `ptq.Options`.

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
    settings = Options(**options)
    net, spec = model.load(run)
    chosen = balanced(manifest.split("train"), settings.subset, settings.seed)
    images.truth(manifest, [*chosen, *manifest.split("val")], spec.classes)
    folder = runs.new(f"{run.resolve().name}-int8", to)
    try:
        for name in (model.WEIGHTS, model.SPEC):
            shutil.copyfile(run / name, folder / name)
        write_f32(folder, net, spec)
        _convert(folder, spec, manifest, chosen, settings, progress)
        told = asdict(settings)
        record = {"format": FORMAT, "method": METHOD, "settings": told}
        record |= measure(folder, spec, manifest, chosen, checks, progress)
        check_drop(record, settings.max_drop)
        write_json(folder / RECORD, record)
        runs.write_lineage(folder, "quantize", parent=run, settings=told, **summary(record))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def calibration(manifest: Manifest, chosen: Sequence[Entry], spec: ModelSpec, progress: Progress = quiet) -> list[Any]:
    """The calibration pictures, each as a batch of its own, uint8 (1, h, w, 3)."""
    return list(progress(images.batches(manifest, chosen, spec.pixels, 1), "calibration pictures", len(chosen)))


def _convert(
    folder: Path, spec: ModelSpec, manifest: Manifest, chosen: Sequence[Entry], settings: Options, progress: Progress
) -> None:
    """Write the int8 files from the f32 ones."""
    shown = calibration(manifest, chosen, spec, progress)
    control: list[ptq.Labelled] = []
    if settings.max_drop is not None:
        entries = manifest.split("val")
        labels = images.truth(manifest, entries, spec.classes).tolist()
        single = images.batches(manifest, entries, spec.pixels, 1)
        control = list(zip(progress(single, "validation pictures", len(entries)), labels, strict=True))
    quantized = ptq.quantize_ir(file(folder, "openvino", "f32").path, shown, control, settings)
    graph.save_ir(quantized, file(folder, "openvino", "int8").path)
    proto = ptq.quantize_onnx(file(folder, "onnx", "f32").path, shown, control, settings)
    graph.save_onnx(proto, spec, file(folder, "onnx", "int8").path)
