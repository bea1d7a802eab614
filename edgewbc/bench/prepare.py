"""Before anything is timed: pictures are decoded, cropped and resized once, and runs are converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewbc import cells
from edgewbc.bench.plan import Model
from edgewbc.bench.worker import POOL, Job
from edgewbc.data import pictures
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.predictors import convert


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        split: of the manifest.
        seconds: length of each measurement.
        limit: answer only so many pictures of the split, evenly spread over it.
        threads: of every runtime; None leaves it to each.
        batches: sizes to try for the most pictures a second.
    """

    split: str = "test"
    seconds: float = 3.0
    limit: int | None = None
    threads: int | None = None
    batches: tuple[int, ...] = (1, 8, 32)


@dataclass(frozen=True)
class Planned:
    """One row to measure: of which model (its index), how, and why it cannot be, if it cannot."""

    model: int
    job: Job
    refused: str | None = None


def jobs(
    models: Sequence[Model], manifest: Manifest | None, entries: list[Entry] | None, options: Options, folder: Path
) -> list[Planned]:
    """Prepare and convert everything into a folder, before anything is timed.

    Raises:
        UserError: a picture is gone, has changed or cannot be decoded.
    """
    prepared: dict[PixelSpec, Path] = {}
    planned = []
    n = POOL if entries is None else len(entries)
    for index, model in enumerate(models):
        if model.pixels not in prepared:
            prepared[model.pixels] = folder / f"pictures-{len(prepared)}.u8"
            _prepare(prepared[model.pixels], model.pixels, manifest, entries)
        converted = folder / f"converted-{index}"
        converted.mkdir()
        refused = _convert(model, converted) if model.is_run else {}
        for backend, precision in model.rows:
            job = Job(
                model=str(model.path),
                backend=backend,
                precision=precision,
                pictures=str(prepared[model.pixels]),
                n=n,
                height=model.pixels.height,
                width=model.pixels.width,
                labelled=entries is not None,
                seconds=options.seconds,
                batches=options.batches,
                threads=options.threads,
                converted=str(converted) if model.is_run else None,
            )
            planned.append(Planned(index, job, None if precision == "int8" else refused.get(backend)))
    return planned


def _prepare(file: Path, spec: PixelSpec, manifest: Manifest | None, entries: list[Entry] | None) -> None:
    """Write prepared pictures as raw bytes: those of the entries, or synthetic cells to be timed."""
    with file.open("wb") as out:
        if manifest is not None and entries is not None:
            for batch in pictures.batches(manifest, entries, spec):
                out.write(batch.tobytes())
            return
        from edgewbc.data.synth import draw_cell

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
