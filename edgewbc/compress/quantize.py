"""`edgewbc quantize`: from a run to a new run with the network in int8, for OpenVINO and for ONNX Runtime.

Calibrates on train and measures the saved files on validation; the test split is never read.
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
from edgewbc.compress.ptq import PTQOptions
from edgewbc.compress.quantization_report import Checks, QuantizationReport, check_drop, file, measure, write_f32
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sampling import balanced
from edgewbc.errors import UserError
from edgewbc.export import graph, integer_onnx
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
    """Quantize a run's network to int8 after its training (post-training quantization).

    Args:
        run: run to quantize; it is not changed.
        manifest: train images to calibrate on, validation images to measure on.
        to: the new run folder; None is runs/<run>-int8.
        checks: optional measurements.
        progress: shows the progress.
        **options: fields of `ptq.PTQOptions`.

    Returns:
        the new run folder, with the parent's weights, `openvino/` and `onnx/` in f32 and int8, and `quantize.json`.

    Raises:
        UserError: `run` is not a run or quantized already, a split is empty, a label is not a class of the network,
            or `to` exists.
        GateError: a saved file loses more than `max_drop` on validation, or the predictions of the f32 files differ.
            No run folder is left then.
    """
    for module in ("torch", "onnx", "onnxscript", "onnxruntime"):
        need(module, "edgewbc quantize")
    with quiet_nncf():  # if NNCF is missing, fail before the conversion
        pass
    settings = PTQOptions(**options)
    check_float(run)
    runs.verify(run)
    net, spec = model.load(run)
    chosen = balanced(manifest.split("train"), settings.subset, settings.seed)
    images.truth(manifest, [*chosen, *manifest.split("val")], spec.classes)
    folder = runs.new(f"{run.resolve().name}-int8", to)
    try:
        for name in (model.WEIGHTS, model.SPEC):
            shutil.copyfile(run / name, folder / name)
        write_f32(folder, net, spec)
        _convert(folder, spec, manifest, chosen, settings, progress)
        values = asdict(settings)
        report = QuantizationReport(METHOD, values, measure(folder, spec, manifest, chosen, checks, progress))
        check_drop(report.measured, settings.max_drop)
        write_json(folder / runs.QUANTIZATION, report.to_json())
        runs.write_lineage(folder, "quantize", parent=run, settings=values, **report.summary())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def check_float(run: Path) -> None:
    """Raises UserError if a run is quantized already."""
    if (run / runs.QUANTIZATION).is_file():
        ancestors = runs.lineage(run).ancestors
        parent = f" ({ancestors[-1].run})" if ancestors else ""
        raise UserError(f"{run}: is quantized already: quantize the run that it was made from{parent}")


def calibration(manifest: Manifest, chosen: Sequence[Entry], spec: ModelSpec, progress: Progress = quiet) -> list[Any]:
    """Return the prepared calibration images, each uint8 (1, h, w, 3)."""
    return list(progress(images.batches(manifest, chosen, spec.pixels, 1), "calibration images", len(chosen)))


def _convert(
    folder: Path, spec: ModelSpec, manifest: Manifest, chosen: Sequence[Entry], settings: PTQOptions, progress: Progress
) -> None:
    """Write the int8 files from the f32 ones."""
    prepared = calibration(manifest, chosen, spec, progress)
    control: list[ptq.Labeled] = []
    if settings.max_drop is not None:
        entries = manifest.split("val")
        labels = images.truth(manifest, entries, spec.classes).tolist()
        single = images.batches(manifest, entries, spec.pixels, 1)
        control = list(zip(progress(single, "validation images", len(entries)), labels, strict=True))
    quantized = ptq.quantize_ir(file(folder, "openvino", "f32").path, prepared, control, settings)
    graph.save_ir(quantized, file(folder, "openvino", "int8").path)
    proto = ptq.quantize_onnx(file(folder, "onnx", "f32").path, prepared, control, settings)
    graph.save_onnx(integer_onnx.fuse(proto), spec, file(folder, "onnx", "int8").path)
