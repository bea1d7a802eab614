"""Before anything is timed: pictures are decoded, cropped and resized once, runs are converted, and multiply-adds are
counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewbc import cells
from edgewbc.bench import ir, macs
from edgewbc.bench.plan import Model
from edgewbc.bench.worker import POOL, Job
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.evaluation.load import convert
from edgewbc.pixels import PixelSpec, prepare


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        split: of the manifest.
        seconds: length of each measurement, in each round.
        limit: answer only so many pictures of the split, evenly spread over it.
        threads: of every runtime; None leaves it to each.
        batches: sizes to try for the most pictures a second.
        rounds: how often every row has its turn.
        peaks: measure what the CPU can do too, as the roof over the rows.
        benchmark_app: run OpenVINO's own benchmark on the IR of each OpenVINO row too.
        rows: measure only these (backend, precision) of each model.
        baseline: time the unpruned network at this input size too, in f32 (see `plan.baseline`).
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
class Planned:
    """One row to measure.

    Attributes:
        model: its index.
        job: its first turn, in latency mode; it answers all pictures where they have labels.
        refused: why it cannot be measured, if it cannot.
        xml: the IR for `benchmark_app`, of OpenVINO's rows.
        gmac: billions of multiply-adds of a picture; None where they cannot be counted.
    """

    model: int
    job: Job
    refused: str | None = None
    xml: Path | None = None
    gmac: float | None = None


def jobs(
    models: Sequence[Model], manifest: Manifest | None, entries: list[Entry] | None, options: Options, folder: Path
) -> list[Planned]:
    """Prepare and convert everything into a folder, before anything is timed.

    Raises:
        UserError: a picture is gone, has changed or cannot be decoded.
    """
    prepared: dict[PixelSpec, Path] = {}
    planned: list[Planned] = []
    n = POOL if entries is None else len(entries)
    for index, model in enumerate(models):
        if model.pixels not in prepared:
            prepared[model.pixels] = folder / f"pictures-{len(prepared)}.u8"
            _prepare(prepared[model.pixels], model.pixels, manifest, entries)
        converted = folder / f"converted-{index}"
        converted.mkdir()
        refused = _convert(model, converted) if model.is_run else {}
        gmac = _gmac(ir.any_of(model, converted))
        for backend, precision in model.rows:
            job = Job(
                model=str(model.path),
                backend=backend,
                precision=precision,
                pictures=str(prepared[model.pixels]),
                n=n,
                height=model.pixels.height,
                width=model.pixels.width,
                seconds=options.seconds,
                batches=options.batches,
                threads=options.threads,
                converted=str(converted) if model.is_run else None,
                answers=None if entries is None or not model.answers else str(folder / f"answers-{len(planned)}.npy"),
            )
            xml = _xml(ir.of(model, converted, precision), converted, precision) if backend == "openvino" else None
            planned.append(Planned(index, job, None if precision == "int8" else refused.get(backend), xml, gmac))
    return planned


def _gmac(found: ir.IR | None) -> float | None:
    counted = None if found is None else macs.count(*found)
    return None if counted is None else counted / 1e9


def _xml(found: ir.IR | None, folder: Path, precision: str) -> Path | None:
    """Write an IR where `benchmark_app` can read it: the bundle may be a zip."""
    if found is None:
        return None
    path = folder / f"app-{precision}.xml"
    path.write_bytes(found[0])
    path.with_suffix(".bin").write_bytes(found[1])
    return path


def _prepare(file: Path, spec: PixelSpec, manifest: Manifest | None, entries: list[Entry] | None) -> None:
    """Write prepared pictures as raw bytes: those of the entries, or synthetic cells to be timed."""
    with file.open("wb") as out:
        if manifest is not None and entries is not None:
            for batch in images.batches(manifest, entries, spec):
                out.write(batch.tobytes())
            return
        from edgewbc.synth.cells import draw_cell

        random = np.random.default_rng(0)
        for index in range(POOL):
            out.write(prepare(draw_cell(cells.CLASSES[index % len(cells.CLASSES)], random), spec).tobytes())


def _convert(model: Model, folder: Path) -> dict[str, str]:
    """Convert a run for the runtimes that need it; why it could not be done, by backend."""
    refused = {}
    for backend in ("onnx", "openvino"):
        if (backend, "f32") not in model.rows:
            continue
        try:
            convert(model.path, folder, backend)
        except Exception as error:  # whatever an exporter raises, the other rows are measured
            lines = str(error).strip().splitlines()
            refused[backend] = f"cannot be converted: {lines[0] if lines else type(error).__name__}"
    return refused
