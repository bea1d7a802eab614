"""Speed from image files to labels beside the limit that the machine's cores set, latency, startup time and memory.

The pipeline of `classify` is measured against the limit (see `bench.core_limit`) on files that are in the system's file
cache, so the disk has no part in it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgewbc import cells
from edgewbc.bench import core_limit, process_metrics, resource_use
from edgewbc.bench import live as bench_live
from edgewbc.bench.end_to_end_result import EndToEndData, EndToEndResult, PipelineSpeed, ProcessesSpeed
from edgewbc.bench.machine import describe
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import SYNTHETIC, Manifest, facts
from edgewbc.data.sampling import spread
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.lab import pipeline
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.processes import WorkerPool
from edgewbc.lab.results import Status
from edgewbc.lab.worker_task import parts
from edgewbc.pixels import PixelSpec
from edgewbc.runtime import tuning
from edgewbc.runtime.pool import PredictorPool

SYNTHETIC_IMAGES = 64
"""Number of synthetic images if there is no manifest."""

SYNTHETIC_SIZE = 360
"""Height and width of the synthetic images in pixels: those of the PBC data set."""

MEMORY_FILES = 64
"""Number of different files among the images of the memory measurement."""


@dataclass(frozen=True)
class EndToEndOptions:
    """How to measure.

    Attributes:
        split: of the manifest.
        limit: use at most this many images of the split, sampled evenly.
        rounds: interleaved measurements of each part, whose medians are reported.
        memory_images: number of images for the memory measurement; 0 skips it.
        threads: number of processors to use; None uses all.
        batch: batch size.
        starts: runs of each startup time; 0 skips them.
        live_seconds: duration of the measurement of single images; 0 skips it.
    """

    split: str = "test"
    limit: int | None = None
    rounds: int = 15
    memory_images: int = 2000
    threads: int | None = None
    batch: int = pipeline.BATCH
    starts: int = 5
    live_seconds: float = 5.0


def measure(
    bundle: Bundle, manifest: Manifest | None, options: EndToEndOptions, say: Callable[[str], None] = lambda _: None
) -> EndToEndResult:
    """Measure a bundle from image files to labels on this machine.

    Args:
        bundle: its model runs as `tuning.chosen` decides.
        manifest: labeled images to classify; None draws synthetic cells.
        options: how to measure.
        say: receives messages: what is being measured, and whether the machine is busy.

    Raises:
        UserError: the split is empty, an image has changed, or the model cannot run.
    """
    load = resource_use.system_load()
    if load is not None and load > resource_use.BUSY:
        say(resource_use.busy_warning(load))
    choice = tuning.chosen(bundle, options.threads)
    cold_start = help_time = memory = live = None
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        folder = Path(temporary)
        files = _draw_images(folder) if manifest is None else _copy_images(manifest, options, folder)
        say(f"measuring decoding, inference and the pipeline on {len(files)} images, {options.rounds} rounds")
        speed = pipeline_speed(choice, bundle, files, options)
        if options.live_seconds:
            say("measuring the latency of single images")
            images = [decode(file.read_bytes()).image for file in files[: bench_live.IMAGES]]
            live = bench_live.latency(LoadedBundle.of(bundle, choice), images, options.live_seconds)
        if options.starts:
            say("measuring startup time")
            cold_start = process_metrics.cold_start(bundle.path, files[0], options.threads, options.starts)
            help_time = process_metrics.help_time(options.starts)
        if options.memory_images:
            say(f"measuring memory over {options.memory_images} images")
            some = files[:MEMORY_FILES]
            memory = process_metrics.memory(bundle.path, some, options.memory_images, options.threads)
    return EndToEndResult(
        machine=describe(),
        load_before=load,
        bundle=bundle.name,
        model_sha256=bundle.model_sha256("openvino", choice.precision),
        data=_data(manifest, options.split, len(files)),
        choice=choice,
        batch=options.batch,
        speed=speed,
        cold_start=cold_start,
        help_time=help_time,
        memory=memory,
        live=live,
    )


def pipeline_speed(choice: tuning.Choice, bundle: Bundle, files: list[Path], options: EndToEndOptions) -> PipelineSpeed:
    """Measure the parts and the whole pipeline in turn in each round, so that other load on the machine meets all."""
    pool = choice.pool(choice.files(bundle))
    pool.fill()
    warmup = (files * 4)[: 4 * options.batch * choice.streams]
    list(pipeline.run(pool, bundle.pixels, warmup, batch=options.batch))
    with (
        core_limit.cpu_times(choice, bundle, files, options.batch) as cpu_times,
        _worker_processes(choice, bundle, options.batch) as workers,
    ):
        measured: dict[str, Callable[[], float]] = {
            **cpu_times,
            "images_per_s": lambda: len(files) / _run_pipeline(pool, bundle.pixels, files, options.batch),
        }
        if workers is not None:
            each = parts(list(map(str, files)), choice.threads, options.batch)
            _run_processes(workers, each)  # starts them
            measured["processes_images_per_s"] = lambda: len(files) / _run_processes(workers, each)
        rounds: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(options.rounds):
            for name, measure_one in measured.items():
                rounds[name].append(measure_one())
        peaks = [] if workers is None else [resource_use.peak_memory(process) or 0 for process in workers.processes()]
    figures = {name: np.array(values) for name, values in rounds.items()}
    limit = 1000 * choice.threads / (figures["decode_ms"] + figures["inference_ms"])
    processes = None
    if workers is not None:
        rate = figures["processes_images_per_s"]
        processes = ProcessesSpeed(
            images_per_s=_median(rate),
            ratio=_median(rate / limit),
            speedup=_median(rate / figures["images_per_s"]),
            peak_mb=round(max(peaks) / 1e6, 1) if all(peaks) else None,
        )
    limit_alone = 1000 * choice.threads / (figures["decode_alone_ms"] + figures["inference_alone_ms"])
    return PipelineSpeed(
        decode_ms=_median(figures["decode_ms"]),
        inference_ms=_median(figures["inference_ms"]),
        decode_alone_ms=_median(figures["decode_alone_ms"]),
        inference_alone_ms=_median(figures["inference_alone_ms"]),
        images_per_s=_median(figures["images_per_s"]),
        limit_images_per_s=_median(limit, 2),
        limit_alone_images_per_s=_median(limit_alone, 2),
        ratio=_median(figures["images_per_s"] / limit),
        ratio_alone=_median(figures["images_per_s"] / limit_alone),
        rounds={name: tuple(round(value, 4) for value in values) for name, values in rounds.items()},
        processes=processes,
    )


@contextmanager
def _worker_processes(choice: tuning.Choice, bundle: Bundle, batch: int) -> Iterator[WorkerPool | None]:
    """Provide processes that load the bundle, a core each.

    None for a bundle that locates cells: its processes look at all views of a cell, the pipeline here at one.
    """
    if bundle.pixels.crop == "cell":
        yield None
        return
    with closing(WorkerPool(LoadedBundle.of(bundle, choice), batch, choice.threads)) as workers:
        yield workers


def _run_processes(workers: WorkerPool, each: Sequence[Sequence[str]]) -> float:
    """Classify the files of each part and return the seconds that it took."""
    start = time.perf_counter()
    for found in workers.map(each):
        for reading in found:
            if reading.rows[0].status == Status.ERROR:
                raise RuntimeError(f"{reading.rows[0].path}: {reading.rows[0].reason}")
    return time.perf_counter() - start


def _median(values: NDArray[np.float64], digits: int = 4) -> float:
    return round(float(np.median(values)), digits)


def _run_pipeline(pool: PredictorPool, spec: PixelSpec, files: list[Path], batch: int) -> float:
    """Classify all files and return the seconds that it took."""
    start = time.perf_counter()
    for outcome in pipeline.run(pool, spec, files, batch=batch):
        if outcome.error:
            raise RuntimeError(f"{outcome.path}: {outcome.error}")
    return time.perf_counter() - start


def _data(manifest: Manifest | None, split: str, n: int) -> EndToEndData:
    if manifest is None:
        return EndToEndData(protocol=None, split=None, source=SYNTHETIC, manifest_sha256=None, n=n)
    identity = facts(manifest, split)
    return EndToEndData(identity.protocol, identity.split, identity.source, identity.manifest_sha256, n)


def _copy_images(manifest: Manifest, options: EndToEndOptions, folder: Path) -> list[Path]:
    """Copy a split's images to a folder, which puts them into the file cache."""
    files = []
    for index, entry in enumerate(spread(manifest.split(options.split), options.limit)):
        file = folder / f"{index:06d}{Path(entry.path).suffix}"
        file.write_bytes(manifest.read_bytes(entry))
        files.append(file)
    return files


def _draw_images(folder: Path) -> list[Path]:
    """Draw synthetic cells as JPEG files."""
    from edgewbc.synth.cells import draw_cell

    files = []
    random = np.random.default_rng(0)
    for index in range(SYNTHETIC_IMAGES):
        image = draw_cell(cells.CLASSES[index % len(cells.CLASSES)], random, SYNTHETIC_SIZE)
        file = folder / f"{index:06d}.jpg"
        file.write_bytes(encode(image, ".jpg"))
        files.append(file)
    return files
