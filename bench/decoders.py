"""Ways to decode a JPEG, faster and slower ones, beside the one that is used: `python -m bench.decoders MANIFEST`.

The network sees the central 250 x 250 pixels of a cell's image at 80 x 80, so most of what is decoded is thrown away.
libjpeg-turbo can scale in the DCT and take shortcuts; each way is timed alone and on the way to the prepared image, and
its predictions for the validation images are compared with those of the pixels that the network was trained on. The
validation split is read, and nothing is trained. A minute on a quiet machine.

Decoding the crop alone is not among them: no maintained wheel on PyPI offers it (November 2026: PyTurboJPEG 2.6 brings
no library and crops losslessly, before decoding; turbojpeg 0.0.2, pylibjxl 0.5, ajpegli 1.0 and simplejpeg 1.9 decode
whole images). `bench.scaling` measured what it would give.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from bench import console
from edgewbc.bench import machine
from edgewbc.bench.interleave import back_and_forth
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress, say
from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import UserError, exit_code
from edgewbc.images import jpeg_pixels
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils.files import write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import figure, markdown, percent

FORMAT = 1
SPLIT = "val"
BATCH = 32
OURS = "as classify does"
CLOSE = 0.01
"""Difference of a probability up to which two decoders count as equal."""

Decode: TypeAlias = Callable[[bytes], Image]


def _ours(data: bytes) -> Image:
    found = jpeg_pixels.decode(data)
    if found is None:
        raise UserError("an image is of a kind that is decoded by OpenCV: take another manifest")
    return found[0]


def _fast_upsampling(data: bytes) -> Image:
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB", fastupsample=True), np.uint8)


def _fast_dct(data: bytes) -> Image:
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB", fastdct=True), np.uint8)


def _scaled(eighths: int) -> Decode:
    def decode(data: bytes) -> Image:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        sides = {"min_height": -(-height * eighths // 8), "min_width": -(-width * eighths // 8)}
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", **sides), np.uint8)

    return decode


def _opencv(flags: int) -> Decode:
    def decode(data: bytes) -> Image:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)

    return decode


def _pillow(half: bool) -> Decode:
    from PIL import Image as pillow  # noqa: PLC0415, N813 - comes with torchvision, and is needed by this study alone

    def decode(data: bytes) -> Image:
        with pillow.open(BytesIO(data)) as opened:
            if half:
                opened.draft("RGB", (opened.width // 2, opened.height // 2))
            return np.asarray(opened.convert("RGB"), np.uint8)

    return decode


def decoders() -> dict[str, Decode]:
    """Return the decoders by name, ours first; those of Pillow only if it is installed."""
    found: dict[str, Decode] = {
        OURS: _ours,
        "simplejpeg, plain chroma upsampling": _fast_upsampling,
        "simplejpeg, fast DCT": _fast_dct,
        "simplejpeg, 1/2 in the DCT": _scaled(4),
        "simplejpeg, 3/8 in the DCT": _scaled(3),
        "OpenCV": _opencv(cv2.IMREAD_COLOR),
        "OpenCV, reduced by 2": _opencv(cv2.IMREAD_REDUCED_COLOR_2),
    }
    if find_spec("PIL") is not None:
        found |= {"Pillow": _pillow(half=False), "Pillow, draft at 1/2": _pillow(half=True)}
    return found


@dataclass(frozen=True)
class DecoderRow:
    """What one decoder costs and changes.

    Attributes:
        decoder: its name.
        ms: CPU time of decoding an image, in milliseconds; the median of the rounds.
        ratio: to ours, the median of the ratios of the rounds.
        prepared_ratio: the same of decoding, crop and resize together.
        other_label: images with another label than from our pixels.
        not_close: images of which a probability differs by more than `CLOSE`.
        largest: largest difference of a probability.
        correct: correctly classified images.
    """

    decoder: str
    ms: float
    ratio: float
    prepared_ratio: float
    other_label: int
    not_close: int
    largest: float
    correct: int


def area_weights(start: float, length: float, to: int, size: int) -> NDArray[np.float64]:
    """Return the weights that average a span over areas, (to, size), for spans that begin between pixels.

    Args:
        start, length: of the span, in pixels.
        to: number of averages.
        size: number of pixels along this side.
    """
    edges = start + length * np.arange(to + 1) / to
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(overlap, 0, None) * (to / length))


def prepared(image: Image, size: tuple[int, int], spec: PixelSpec) -> Image:
    """Return the network's input from a decoded image, which may have been scaled down while it was decoded.

    Args:
        image: as it was decoded.
        size: width and height stated in the file.
        spec: of the network; crops `whole` and `centre`.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return prepare(image, spec)
    left, top, across, down = (each * _eighths(width, size[0]) / 8 for each in spec.rectangle(size[1], size[0]))
    columns, rows = (
        area_weights(left, across, spec.width, width),
        area_weights(top, down, spec.height, height),
    )
    mean: NDArray[np.float64] = np.einsum("yr,rcd,xc->yxd", rows, image.astype(np.float64), columns, optimize=True)
    return np.asarray(np.clip(np.rint(mean), 0, 255), dtype=np.uint8)


def quickly_prepared(image: Image, size: tuple[int, int], spec: PixelSpec) -> Image:
    """Return about the same at the cost that an implementation would have: cut at whole pixels, for the timing."""
    if (image.shape[1], image.shape[0]) == size:
        return prepare(image, spec)
    eighths = _eighths(image.shape[1], size[0])
    left, top, across, down = (each * eighths // 8 for each in spec.rectangle(size[1], size[0]))
    cut = image[top : top + down, left : left + across]
    return np.asarray(cv2.resize(cut, (spec.width, spec.height), interpolation=cv2.INTER_AREA), np.uint8)


def _eighths(scaled: int, whole: int) -> int:
    """Return by how many eighths libjpeg-turbo scaled a side; it rounds the result up."""
    return round(8 * scaled / whole)


def compare(bundle: Bundle, files: Sequence[bytes], truth: NDArray[np.int64], show: Progress = quiet) -> list[Any]:
    """Return, by decoder: images with another label, not close, largest difference of a probability, correct."""
    predictor, spec = OpenVINOPredictor.from_bundle(bundle, "int8"), bundle.pixels
    sizes = [_size(data) for data in files]
    ours, found = None, []
    for name, decode in decoders().items():
        pairs = show(zip(files, sizes, strict=True), name, len(files))
        inputs = [prepared(decode(data), size, spec) for data, size in pairs]
        probabilities = np.concatenate(
            [predictor(np.stack(inputs[at : at + BATCH])).probabilities for at in range(0, len(inputs), BATCH)]
        )
        ours = probabilities if ours is None else ours
        labels, apart = probabilities.argmax(1), np.abs(probabilities - ours).max(1)
        other = int((labels != ours.argmax(1)).sum())
        found.append((other, int((apart > CLOSE).sum()), round(float(apart.max()), 4), int((labels == truth).sum())))
    return found


def cpu_times(files: Sequence[bytes], spec: PixelSpec, rounds: int, show: Progress = quiet) -> tuple[Any, Any]:
    """Return the CPU milliseconds an image of each decoder, by round: decoding alone, and with crop and resize."""
    by_name, sizes = decoders(), [_size(data) for data in files]
    alone: list[dict[str, float]] = [{} for _ in range(rounds)]
    whole: list[dict[str, float]] = [{} for _ in range(rounds)]
    order = list(back_and_forth(tuple(by_name), rounds))
    for place, name in enumerate(show(order, "rounds", len(order))):
        decode, round_ = by_name[name], place // len(by_name)
        start = time.process_time()
        decoded = [decode(data) for data in files]
        alone[round_][name] = (time.process_time() - start) * 1e3 / len(files)
        start = time.process_time()
        for image, size in zip(decoded, sizes, strict=True):
            quickly_prepared(image, size, spec)
        whole[round_][name] = alone[round_][name] + (time.process_time() - start) * 1e3 / len(files)
    return alone, whole


def measure(
    bundle: Bundle, manifest: Manifest, *, rounds: int, timed: int, limit: int | None = None, show: Progress = quiet
) -> list[DecoderRow]:
    """Measure every decoder on the JPEGs of the validation split.

    Args:
        bundle: with the crop `whole` or `centre`, and an INT8 model for OpenVINO.
        manifest: of labeled JPEGs.
        rounds: measurements of each decoder's time, interleaved.
        timed: images of each measurement.
        limit: use at most so many images; None uses all.
        show: shows the progress.

    Raises:
        UserError: the bundle locates cells, an image is no JPEG or cannot be read, or a label is not a class.
    """
    if bundle.pixels.crop not in ("whole", "centre"):
        raise UserError(f"{bundle.path}: locates cells: take a bundle for images of one cell, such as wbc5-edge")
    entries = manifest.split(SPLIT)[:limit]
    files = [manifest.file(entry).read_bytes() for entry in entries]
    if any(data[:2] != b"\xff\xd8" for data in files):
        raise UserError("not all images of the validation split are JPEGs")
    cv2.setNumThreads(1)
    changed = compare(bundle, files, images.truth(manifest, entries, bundle.classes), show)
    step = max(1, len(files) // timed)
    alone, whole = cpu_times(files[::step][:timed], bundle.pixels, rounds, show)

    def ratio(found: Sequence[Mapping[str, float]], name: str) -> float:
        return round(median(each[name] / each[OURS] for each in found), 3)

    return [
        DecoderRow(name, round(median(each[name] for each in alone), 4), ratio(alone, name), ratio(whole, name), *row)
        for name, row in zip(decoders(), changed, strict=True)
    ]


def table(rows: Sequence[DecoderRow], n: int) -> str:
    """Return the rows as a Markdown table, for n images."""
    header = (
        *("decoder", "ms", "ratio", "with crop and resize", "other label", f"apart by more than {CLOSE}", "at most"),
        "correct",
    )
    lines = [
        [row.decoder, figure(row.ms), f"{row.ratio:.2f}", f"{row.prepared_ratio:.2f}", str(row.other_label),
         percent(row.not_close / n, 1), f"{row.largest:.2g}", f"{row.correct} of {n}"]
        for row in rows
    ]  # fmt: skip
    return markdown(header, lines, range(1, len(header)))


def section(values: Mapping[str, Any]) -> str:
    """Return the section of docs/results.md for a file of results."""
    computer, data = machine.Machine.from_json(values["machine"]), values["data"]
    rows = [DecoderRow(**each) for each in values["rows"]]
    packages = ", ".join(f"{name} {number}" for name, number in values["versions"].items())
    return (
        f"{table(rows, values['n'])}\n\n"
        f"CPU time of one core per JPEG of {data['source']} ({computer.cpu}; {packages}; medians of {values['rounds']} "
        f"interleaved rounds), ratio to what `classify` does, and what becomes of {values['bundle']}'s predictions for "
        f"the {values['n']} validation images. A scaled image is cut at the fractional position of the same crop and "
        "averaged over areas. The network was trained on the pixels of the first row; other libraries give the same "
        "ones more slowly or without libjpeg's warnings of damage, and shortcuts give others. A network that is "
        "trained on scaled images could use them. No maintained wheel decodes the crop alone."
    )


def _size(data: bytes) -> tuple[int, int]:
    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    return int(width), int(height)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.decoders", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="manifest with the split val")
    parser.add_argument(
        "--bundle", type=Path, default=console.CHECKOUT / "export/bundles/wbc5-edge", help="[wbc5-edge]"
    )
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/decoders.json]")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each decoder [9]")
    parser.add_argument("--timed", type=int, default=300, help="images of each measurement [300]")
    parser.add_argument("--limit", type=int, help="use at most so many images [all]")
    options = parser.parse_args(arguments)

    def step() -> None:
        bundle, manifest = Bundle.open(options.bundle), Manifest.read(options.data)
        counts = {"rounds": options.rounds, "timed": options.timed}
        rows = measure(bundle, manifest, **counts, limit=options.limit, show=progress)
        say(f"{bundle.name}: measured")
        n = len(manifest.split(SPLIT)[: options.limit])
        names = ("simplejpeg", "opencv-python-headless", *(("pillow",) if find_spec("PIL") else ()))
        found = {
            "format": FORMAT,
            "machine": machine.describe().to_json(),
            "bundle": bundle.name,
            "model_sha256": bundle.model_sha256("openvino", "int8"),
            "data": facts(manifest, SPLIT).to_json(),
            "versions": {name: version(name) for name in names},
            "n": n,
            "rounds": options.rounds,
            "rows": [asdict(row) for row in rows],
        }
        write_json(options.out or console.RESULTS / "decoders.json", found)
        console.finish(found, table(rows, n), as_json=False, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())
