"""How well white cells are located, on public images: `python -m bench.locate $EDGEWBC_DATA --out FILE`.

Fields (bccd): annotated white cells with a located one at IoU >= 0.3, and located cells without an annotated one.
Images of one cell (the test splits of pbc, and jtsc): whether the central cell covers the middle of the image, and
whether more than one whole cell was located. Both: whether fields and images of one cell are told apart. The thresholds
in `edgewbc.smear.locate` were chosen on pbc's train split, jtsc and bccd. Cells that touch: see `bench.touching`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import touching
from edgewbc.data.sources.bccd import wbc_boxes
from edgewbc.data.sources.scan import images_below, read_rows, require_folder
from edgewbc.errors import exit_code
from edgewbc.images.decode import decode
from edgewbc.metrics import wilson
from edgewbc.pixels import Box, Image
from edgewbc.smear.learning import learn
from edgewbc.smear.locate import LocatedCell, central, is_single, locate
from edgewbc.utils.files import write_json

IOU = 0.3
REPEATS = 30
PROFILED = 3
"""One in so many fields is learned from where the microscope is known."""
TOUCHING = 60
"""Images of each class out of which cells are cut that are made to touch."""


def overlap(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (first[2] * first[3] + second[2] * second[3] - both)


def matched(cells: Sequence[LocatedCell], boxes: Sequence[Box]) -> tuple[int, int]:
    """Return how many boxes have a cell of their own at IoU >= 0.3, and how many cells have no box."""
    left = list(cells)
    hits = 0
    for box in boxes:
        best = max(left, key=lambda cell: overlap(cell.box, box), default=None)
        if best is not None and overlap(best.box, box) >= IOU:
            left.remove(best)
            hits += 1
    return hits, len(left)


def proportion(count: int, n: int) -> dict[str, Any]:
    """Return a proportion with its Wilson 95 % interval."""
    return {"count": count, "n": n, "share": count / n if n else None, "interval": wilson(count, n)}


def fields(images: Iterable[tuple[Image, Sequence[Box]]], nucleus: float | None = None) -> dict[str, Any]:
    """Return recall, false cells per field and fields taken for an image of one cell.

    Args:
        images: with the boxes of their white cells.
        nucleus: square root of the usual nuclear area in pixels, if the microscope is to be known.
    """
    hits = boxes = extra = single = n = 0
    for image, expected in images:
        cells = locate(image, nucleus=nucleus)
        found, more = matched(cells, expected)
        hits, boxes, extra, n = hits + found, boxes + len(expected), extra + more, n + 1
        single += is_single(cells, *image.shape[:2])
    return {
        "images": n,
        "recall": proportion(hits, boxes),
        "false_cells": extra,
        "false_per_field": extra / n if n else None,
        "taken_for_one_cell": proportion(single, n),
    }


def singles(images: Iterable[Image]) -> dict[str, Any]:
    """Return how often the central cell is located, split or accompanied, and the image taken for a field."""
    middle = several = field = n = 0
    for image in images:
        height, width = image.shape[:2]
        cells = locate(image)
        cell = central(cells, height, width)
        n += 1
        middle += cell is not None and covers(cell.box, width / 2, height / 2)
        several += sum(not cell.cut_off for cell in cells) > 1
        field += not is_single(cells, height, width)
    return {
        "images": n,
        "central": proportion(middle, n),
        "several_whole_cells": proportion(several, n),
        "taken_for_field": proportion(field, n),
    }


def covers(box: Box, x: float, y: float) -> bool:
    """Return whether a box holds a point."""
    return box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]


def milliseconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the shortest of several durations: the one that other programs disturbed least."""
    shortest = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
    return round(1000 * shortest, 3)


def speed(path: Path) -> dict[str, Any]:
    """Return the time to locate the cells of an image on one core, and its ratio to the time to decode the image."""
    data = path.read_bytes()
    image = decode(data).image
    took, decoding = milliseconds(lambda: locate(image)), milliseconds(lambda: decode(data))
    height, width = image.shape[:2]
    return {"height": height, "width": width, "milliseconds": took, "of_decoding": round(took / decoding, 2)}


def measure(data: Path, timed: bool = False) -> dict[str, Any]:
    """Measure on the public sets in a folder.

    Args:
        data: folder with bccd, pbc and jtsc.
        timed: also measure the time per image; only on a machine that does nothing else.

    Raises:
        UserError: one of them is missing or incomplete.
    """
    cv2.setNumThreads(1)
    bccd, pbc, jtsc = (require_folder(data / name, f"the images of {name}") for name in ("bccd", "pbc", "jtsc"))
    smears = [
        (bccd / "JPEGImages" / f"{path.stem}.jpg", wbc_boxes(path))
        for path in sorted((bccd / "Annotations").glob("*.xml"))
    ]
    by_class = _by_class(pbc, "test.csv", "eight_test.csv")
    to_touch = {name: paths[:TOUCHING] for name, paths in _by_class(pbc, "val.csv").items()}
    others = images_below(jtsc).paths
    example = next(iter(by_class.values()))[0]
    profile = learn([_image(path) for path, _ in smears[::PROFILED]])
    nucleus = None if profile is None else profile.nucleus
    found: dict[str, Any] = {
        "fields": {
            "bccd": fields((_image(path), boxes) for path, boxes in smears),
            "bccd, microscope known": fields(((_image(path), boxes) for path, boxes in smears), nucleus),
        },
        "one_cell": {
            "pbc": {name: singles(map(_image, paths)) for name, paths in by_class.items()},
            "jtsc": singles(map(_image, others)),
        },
        "touching": touching.measure({name: [_image(path) for path in paths] for name, paths in to_touch.items()}),
    }
    if timed:
        examples = {"bccd": smears[0][0], "pbc": example, "jtsc": others[0]}
        found["speed"] = {name: speed(path) for name, path in examples.items()}
    return found


def _by_class(pbc: Path, *tables: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for table in tables:
        for row in read_rows(pbc / "splits" / table, ("path", "label")):
            found.setdefault(row["label"], []).append(pbc / row["path"])
    return found


def _image(path: Path) -> Image:
    return np.asarray(decode(path.read_bytes()).image, dtype=np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.locate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with bccd, pbc and jtsc")
    parser.add_argument("--out", type=Path, default=Path("bench/results/locate.json"), help="JSON file of results")
    parser.add_argument("--speed", action="store_true", help="also time it, on a machine that does nothing else")
    options = parser.parse_args(arguments)
    return exit_code(lambda: write_json(options.out, measure(options.data, options.speed)))


if __name__ == "__main__":
    sys.exit(main())
