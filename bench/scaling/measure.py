"""What is measured on this machine: CPU time by stage, throughput on one and two cores, listing, and small files."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import simplejpeg

from edgewbc.bundle.bundle import Bundle
from edgewbc.images.files import read
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.lab.csv_table import write_csv
from edgewbc.lab.pipeline import BATCH
from edgewbc.lab.prepared_image import ImagePreparer, Output
from edgewbc.pixels import Image
from edgewbc.smear.prepare import Preparer

T = TypeVar("T")
EMPTY_FILES = 20_000


@dataclass(frozen=True)
class Cost:
    """What an image costs on one core.

    Attributes:
        bundle: name of the bundle.
        images_per_s: of `classify` with one thread, by round.
        cpu_ms: CPU time of the process for an image, by round.
    """

    bundle: str
    images_per_s: tuple[float, ...]
    cpu_ms: tuple[float, ...]


@dataclass(frozen=True)
class Growth:
    """Throughput by number of cores, in turns.

    Attributes:
        images_per_s: by number of cores, and by round.
    """

    images_per_s: dict[int, tuple[float, ...]]


@dataclass(frozen=True)
class Stages:
    """CPU time of an image's stages on one core, in milliseconds: means over the images.

    Attributes:
        list, read: from a folder in the page cache.
        decode: of the JPEG alone.
        prepare: decoding, checks and crop together.
        network: with familiarity and appearance of the cells, in batches.
        rows: label, status and reason, and the line of the table.
    """

    list: float
    read: float
    decode: float
    prepare: float
    network: float
    rows: float


@dataclass(frozen=True)
class Samples:
    """What the simulation draws from.

    Attributes:
        services_ms: CPU time of each image on a core.
        sizes: bytes of each image file.
        row_bytes: of a line of the table, on average.
    """

    services_ms: tuple[float, ...]
    sizes: tuple[int, ...]
    row_bytes: float


@dataclass(frozen=True)
class Files:
    """How fast files come from the page cache.

    Attributes:
        list_per_s: names in a folder of `EMPTY_FILES` empty files.
        small_per_s: images that are opened and read one by one.
        packed_per_s: the same bytes from one file.
    """

    list_per_s: float
    small_per_s: float
    packed_per_s: float


def throughput(model: LoadedBundle, files: Sequence[Path], seconds: float) -> tuple[float, float]:
    """Classify files again and again; return images per second, and milliseconds of CPU time for an image."""
    begun, cpu, done = time.perf_counter(), time.process_time(), 0

    def endless() -> Iterator[Path]:
        while time.perf_counter() - begun < seconds:
            yield from files

    for group in model.classified(endless()):
        done += len(group)
    return done / (time.perf_counter() - begun), 1e3 * (time.process_time() - cpu) / done


def cost(bundle: Bundle, files: Sequence[Path], seconds: float, rounds: int) -> Cost:
    """Measure one core."""
    model = LoadedBundle.load(bundle, threads=1)
    throughput(model, files, min(1.0, seconds))
    found = [throughput(model, files, seconds) for _ in range(rounds)]
    return Cost(bundle.name, tuple(round(rate, 1) for rate, _ in found), tuple(round(ms, 4) for _, ms in found))


def growth(bundle: Bundle, files: Sequence[Path], counts: Sequence[int], seconds: float, rounds: int) -> Growth:
    """Measure several numbers of cores in turns."""
    models = {count: LoadedBundle.load(bundle, threads=count) for count in counts}
    found: dict[int, list[float]] = {count: [] for count in counts}
    for model in models.values():
        throughput(model, files, min(1.0, seconds))
    for _ in range(rounds):
        for count, model in models.items():
            found[count].append(round(throughput(model, files, seconds)[0], 1))
    return Growth({count: tuple(rates) for count, rates in found.items()})


def stages(bundle: Bundle, files: Sequence[Path]) -> tuple[Stages, Samples]:
    """Measure the stages one by one, on one core; every time is CPU time of the process."""
    model = LoadedBundle.load(bundle, threads=1)
    measures = bundle.manifest.training_images is not None
    prepare = ImagePreparer(Preparer(bundle.pixels), measures)
    with one_thread_in_opencv():
        prepare.data(read(files[0]).data)
        listing = _cpu(lambda: [sum(1 for _ in os.scandir(each)) for each in {file.parent for file in files}])
        listed = sum(sum(1 for _ in os.scandir(each)) for each in {file.parent for file in files})
        data = [read(file).data for file in files]
        reading = [_cpu(partial(read, file))[0] for file in files]
        decoding = [_cpu(partial(_jpeg, each))[0] for each in data]
        taken = [_cpu(partial(prepare.data, each)) for each in data]
        measuring, prepared = _cpu(partial(prepare.measured, [image for _, image in taken]))
    images = [image for one in prepared for image in one.images]
    network = []
    outputs: list[Output] = []
    for start in range(0, len(images), BATCH):
        seconds, found = _cpu(partial(_infer, model, images[start : start + BATCH]))
        network.append(seconds)
        outputs += found
    each = iter(outputs)
    results = [one.result(each) for one in prepared]
    text = io.StringIO()

    def write() -> None:
        rows = (row for image in model.finished(results) for row in image.rows)
        write_csv(rows, bundle.classes, text)

    writing, _ = _cpu(write)
    count = len(files)
    per_image = (sum(network) + measuring) / count
    services = [
        1e3 * (one + other + per_image + writing / count) for one, (other, _) in zip(reading, taken, strict=True)
    ]
    return Stages(
        list=_ms(listing[0] / listed),
        read=_ms(sum(reading) / count),
        decode=_ms(sum(decoding) / count),
        prepare=_ms(sum(seconds for seconds, _ in taken) / count),
        network=_ms(per_image),
        rows=_ms(writing / count),
    ), Samples(tuple(round(ms, 4) for ms in services), tuple(map(len, data)), round(len(text.getvalue()) / count, 1))


def files_per_s(files: Sequence[Path]) -> Files:
    """Measure listing, small files, and the same bytes in one file; all from the page cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(EMPTY_FILES):
            (folder / f"{number:06d}.jpg").touch()
        listing = _wall(lambda: [entry.name for entry in os.scandir(folder)])
    for file in files:
        file.read_bytes()
    one_by_one = _wall(lambda: [file.read_bytes() for file in files])
    sizes = [file.stat().st_size for file in files]
    with tempfile.TemporaryFile() as packed:
        for file in files:
            packed.write(file.read_bytes())

        def slices() -> list[bytes]:
            packed.seek(0)
            return [packed.read(size) for size in sizes]

        together = _wall(slices)
    return Files(round(EMPTY_FILES / listing), round(len(files) / one_by_one), round(len(files) / together))


def _jpeg(data: bytes) -> object:
    """Decode a JPEG, and nothing else."""
    try:
        return simplejpeg.decode_jpeg(data)
    except ValueError:  # no JPEG: it is not counted here
        return None


def _infer(model: LoadedBundle, images: Sequence[Image]) -> list[Output]:
    """Run the network on a batch, as the pipeline does."""
    found = model.engine(np.stack(images))
    return list(zip(found.probabilities, found.features, strict=True))


def _cpu(step: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds of a step, and its result."""
    begun = time.process_time()
    found = step()
    return time.process_time() - begun, found


def _wall(step: Callable[[], object]) -> float:
    """Return the seconds of the fastest of three calls."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return min(times)


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 5)
