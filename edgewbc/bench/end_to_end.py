"""From picture files to labels: how many a second, beside the limit that this PC's cores set; start and memory.

What is measured against the limit (see `bench.limit`) is the pipeline that `classify` runs, on files that the system
holds in memory: the disk is not part of it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc import cells
from edgewbc.bench import core_limit, process_metrics
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import SYNTHETIC, Manifest, facts
from edgewbc.data.sampling import spread
from edgewbc.images.encode import encode
from edgewbc.lab import pipeline
from edgewbc.pixels import PixelSpec
from edgewbc.runtime import tuning
from edgewbc.runtime.pool import PredictorPool

DRAWN = 64
"""Synthetic pictures where there is no manifest, of PBC's size."""

SIZE = 360


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        split: of the manifest.
        limit: most pictures that are taken of it, spread over it.
        rounds: measurements of each part, in turns; medians count, of the ratio that of each round's.
        pictures: of the run whose memory is measured; 0 leaves it out.
        threads: limit of processors; None takes them all.
        batch: pictures answered at once.
        starts: fresh processes for each median; 0 leaves starts out.
    """

    split: str = "test"
    limit: int | None = None
    rounds: int = 15
    pictures: int = 2000
    threads: int | None = None
    batch: int = pipeline.BATCH
    starts: int = 5


def measure(
    bundle: Bundle, manifest: Manifest | None, options: Options, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure a bundle from files to labels on this machine.

    Args:
        bundle: whose model answers, as `tuning.chosen` has it.
        manifest: whose pictures are taken; None draws synthetic cells.
        options: how to measure.
        say: told what is being measured.

    Returns:
        bundle, model_sha256, data, choice (precision, compute, threads, streams), batch, decode_ms and inference_ms
        (CPU milliseconds a picture, with every core at work), limit_images_per_s, images_per_s, ratio; the same with
        `_alone` of one core at work and the others idle; rounds (of each that is measured), cold_start_s and help_s
        (median and runs) and memory (see `fresh.memory`); the last three None if left out.

    Raises:
        UserError: an empty split, a picture that changed, or a model that cannot run.
    """
    choice = tuning.chosen(bundle, options.threads)
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        files = _draw(Path(temporary)) if manifest is None else _copy(manifest, options, Path(temporary))
        say(f"{len(files)} pictures, {options.rounds} rounds of decoding, inference and both")
        timed = rate(choice, bundle, files, options)
        starts: dict[str, Any] = {"cold_start_s": None, "help_s": None}
        if options.starts:
            say("cold starts")
            starts["cold_start_s"] = process_metrics.cold_start(bundle.path, files[0], options.threads, options.starts)
            starts["help_s"] = process_metrics.help_time(options.starts)
        held = None
        if options.pictures:
            say(f"memory over {options.pictures} pictures")
            held = process_metrics.memory(bundle.path, files[:64], options.pictures, options.threads)
    data: dict[str, Any] = {"source": SYNTHETIC, "protocol": None, "split": None, "manifest_sha256": None}
    return {
        "bundle": bundle.name,
        "model_sha256": bundle.model_sha256("openvino", choice.precision),
        "data": {**(data if manifest is None else facts(manifest, options.split).to_json()), "n": len(files)},
        "choice": asdict(choice),
        "batch": options.batch,
        **timed,
        **starts,
        "memory": held,
    }


def rate(choice: tuning.Choice, bundle: Bundle, files: list[Path], options: Options) -> dict[str, Any]:
    """The parts and the pipeline in turns, so that whatever else the PC does meets all alike."""
    both = choice.pool(choice.files(bundle))
    list(pipeline.run(both, bundle.pixels, (files * 4)[: 4 * options.batch * choice.streams], batch=options.batch))
    with core_limit.parts(choice, bundle, files, options.batch) as parts:
        measured: dict[str, Callable[[], float]] = {
            **parts,
            "images_per_s": lambda: len(files) / _pipeline(both, bundle.pixels, files, options.batch),
        }
        rounds: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(options.rounds):
            for name, one in measured.items():
                rounds[name].append(one())
    figures = {name: np.array(values) for name, values in rounds.items()}
    beside = {
        kind: 1000 * choice.threads / (figures[f"decode{kind}_ms"] + figures[f"inference{kind}_ms"])
        for kind in ("", "_alone")
    }
    return {
        **{name: round(float(np.median(values)), 4) for name, values in figures.items()},
        **{f"limit{kind}_images_per_s": round(float(np.median(values)), 2) for kind, values in beside.items()},
        **{
            f"ratio{kind}": round(float(np.median(figures["images_per_s"] / values)), 4)
            for kind, values in beside.items()
        },
        "rounds": {name: [round(value, 4) for value in values] for name, values in rounds.items()},
    }


def render(result: dict[str, Any]) -> str:
    """The result for a person."""
    choice, data, machine = result["choice"], result["data"], result["machine"]
    kind = "bf16" if choice["compute"] == "bf16" else choice["precision"]
    lines = [
        f"{result['bundle']} {kind}, {choice['threads']} threads in {choice['streams']} streams, batch "
        f"{result['batch']}; {data['n']} pictures of {data['source']}; {machine['cpu']}, {machine['isa']}",
        f"from file to label  {result['images_per_s']:.1f} images/s",
        f"limit               {result['limit_images_per_s']:.1f} images/s: {result['decode_ms']:.2f} ms of decoding "
        f"and {result['inference_ms']:.2f} ms of inference a picture, over {choice['threads']} cores, all at work",
        f"ratio               {result['ratio']:.2f}; {result['ratio_alone']:.2f} of what as many cores would do, each "
        f"with the PC to itself ({result['decode_alone_ms']:.2f} and {result['inference_alone_ms']:.2f} ms)",
    ]
    if result["cold_start_s"]:
        lines.append(
            f"cold start          {result['cold_start_s']['median']:.2f} s to the end of classify on one picture"
        )
        lines.append(f"edgewbc --help      {result['help_s']['median']:.2f} s")
    if result["memory"]:
        held = result["memory"]
        peak = "unknown" if held["peak_mb"] is None else f"{held['peak_mb']:.0f} MB"
        lines.append(
            f"peak memory         {peak} over {held['pictures']:,} pictures, with a journal, at "
            f"{held['images_per_s']:.1f} images/s"
        )
    return "\n".join(lines)


def _pipeline(engine: PredictorPool, spec: PixelSpec, files: list[Path], batch: int) -> float:
    start = time.perf_counter()
    for outcome in pipeline.run(engine, spec, files, batch=batch):
        if outcome.error:
            raise RuntimeError(f"{outcome.path}: {outcome.error}")
    return time.perf_counter() - start


def _copy(manifest: Manifest, options: Options, folder: Path) -> list[Path]:
    """Copies of a split's pictures, so that they are in the system's memory."""
    found = []
    for index, entry in enumerate(spread(manifest.split(options.split), options.limit)):
        place = folder / f"{index:06d}{Path(entry.path).suffix}"
        place.write_bytes(manifest.read_bytes(entry))
        found.append(place)
    return found


def _draw(folder: Path) -> list[Path]:
    """Synthetic cells as JPEG files."""
    from edgewbc.synth.cells import draw_cell

    found = []
    random = np.random.default_rng(0)
    for index in range(DRAWN):
        picture = draw_cell(cells.CLASSES[index % len(cells.CLASSES)], random, SIZE)
        place = folder / f"{index:06d}.jpg"
        place.write_bytes(encode(picture, ".jpg"))
        found.append(place)
    return found
