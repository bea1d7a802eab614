"""Preparation of a benchmark: resize the images once, convert run folders, count multiply-adds. Nothing is timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewbc import cells
from edgewbc.bench.ir import IR, count_macs, integer_share, read_any_ir, read_ir, read_onnx
from edgewbc.bench.plan import BenchModel
from edgewbc.bench.timing import POOL
from edgewbc.bench.worker import RowJob
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.evaluation.load import convert
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.runtime.predictor import Backend


@dataclass(frozen=True)
class BenchOptions:
    """How to benchmark.

    Attributes:
        split: of the manifest.
        seconds: duration of each measurement, in each round.
        limit: use at most this many images of the split, sampled evenly.
        threads: of every runtime; None leaves it to the runtime.
        batches: batch sizes to try for throughput.
        rounds: number of measurements of every row.
        peaks: also measure the peak speed of the CPU.
        benchmark_app: also run OpenVINO's benchmark_app on the IR of each OpenVINO row.
        rows: measure only these (backend, precision) of each model; None measures all.
        baseline: also time the unpruned network at this input size in pixels, in f32 (see `plan.baseline`).
    """

    split: str = "test"
    seconds: float = 2.0
    limit: int | None = None
    threads: int | None = None
    batches: tuple[int, ...] = (1, 8, 32)
    rounds: int = 3
    peaks: bool = True
    benchmark_app: bool = True
    rows: tuple[tuple[str, str], ...] | None = None
    baseline: int | None = None


@dataclass(frozen=True)
class PlannedRow:
    """One row to measure.

    Attributes:
        model: index of its model.
        job: its first measurement, in latency mode, which also predicts all labeled images.
        error: why it cannot be measured; None if it can.
        xml: the IR for benchmark_app, of OpenVINO rows.
        gmac: billions of multiply-adds per image; None where they cannot be counted.
        int8_share: share of them that runs as integer operators, of int8 rows; None where it is not known.
    """

    model: int
    job: RowJob
    error: str | None = None
    xml: Path | None = None
    gmac: float | None = None
    int8_share: float | None = None


def plan_rows(
    models: Sequence[BenchModel],
    manifest: Manifest | None,
    entries: list[Entry] | None,
    options: BenchOptions,
    folder: Path,
) -> list[PlannedRow]:
    """Prepare the images, convert the runs, and return the rows to measure.

    Args:
        models: what to measure.
        manifest, entries: the labeled images; None for both prepares synthetic cells.
        options: how to measure.
        folder: for the prepared images and converted networks.

    Raises:
        UserError: an image is missing, has changed or cannot be decoded.
    """
    prepared: dict[PixelSpec, Path] = {}
    rows: list[PlannedRow] = []
    n = POOL if entries is None else len(entries)
    for index, model in enumerate(models):
        if model.pixels not in prepared:
            prepared[model.pixels] = folder / f"images-{len(prepared)}.u8"
            _write_images(prepared[model.pixels], model.pixels, manifest, entries)
        converted = folder / f"converted-{index}"
        converted.mkdir()
        errors = _convert(model, converted) if model.is_run else {}
        gmac = _gmac(read_any_ir(model, converted))
        for backend, precision in model.rows:
            scored = entries is not None and model.scored
            job = RowJob(
                model=str(model.path),
                backend=backend,
                precision=precision,
                images=str(prepared[model.pixels]),
                n=n,
                height=model.pixels.height,
                width=model.pixels.width,
                seconds=options.seconds,
                batches=options.batches,
                threads=options.threads,
                converted=str(converted) if model.is_run else None,
                predictions=str(folder / f"predictions-{len(rows)}.npy") if scored else None,
            )
            xml = (
                _write_ir(read_ir(model, converted, precision), converted, precision) if backend == "openvino" else None
            )
            error = None if precision == "int8" else errors.get(backend)
            share = int8_share(model, backend) if precision == "int8" else None
            rows.append(PlannedRow(index, job, error, xml, gmac, share))
    return rows


def _gmac(ir: IR | None) -> float | None:
    macs = None if ir is None else count_macs(*ir)
    return None if macs is None else macs / 1e9


def int8_share(model: BenchModel, backend: str) -> float | None:
    """Return the share of the multiply-adds of a model's int8 file that a backend runs in int8; None if unknown."""
    try:
        if backend == "openvino":
            ir = read_ir(model, None, "int8")
            return None if ir is None else integer_share(*ir)
        file = read_onnx(model, "int8") if backend == "onnx" else None
        return None if file is None else in_onnxruntime(file)
    except (UserError, RuntimeError):  # the measurement of the row reports why the model cannot run
        return None


def _write_ir(ir: IR | None, folder: Path, precision: str) -> Path | None:
    """Write an IR to files for benchmark_app, which cannot read it from a zipped bundle."""
    if ir is None:
        return None
    path = folder / f"app-{precision}.xml"
    path.write_bytes(ir[0])
    path.with_suffix(".bin").write_bytes(ir[1])
    return path


def _write_images(file: Path, spec: PixelSpec, manifest: Manifest | None, entries: list[Entry] | None) -> None:
    """Write prepared images as raw bytes: those of the entries, or `POOL` synthetic cells."""
    with file.open("wb") as out:
        if manifest is not None and entries is not None:
            for batch in images.batches(manifest, entries, spec):
                out.write(batch.tobytes())
            return
        from edgewbc.synth.cells import draw_cell

        random = np.random.default_rng(0)
        for index in range(POOL):
            out.write(prepare(draw_cell(cells.CLASSES[index % len(cells.CLASSES)], random), spec).tobytes())


def _convert(model: BenchModel, folder: Path) -> dict[str, str]:
    """Convert a run for the backends that need it, and return the errors by backend."""
    errors = {}
    for backend in ("onnx", "openvino"):
        if (backend, "f32") not in model.rows:
            continue
        try:
            convert(model.path, folder, Backend(backend))
        except Exception as error:  # whatever an exporter raises, the other rows are measured
            lines = str(error).strip().splitlines()
            errors[backend] = f"cannot be converted: {lines[0] if lines else type(error).__name__}"
    return errors
