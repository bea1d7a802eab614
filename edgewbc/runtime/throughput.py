"""Measure the throughput of a predictor, with a loop shared by `doctor` and `bench`."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from edgewbc.runtime.predictor import Batch, Predictor


def run_for(predictor: Predictor, images: Batch, size: int, seconds: float, at_least: int = 1) -> tuple[int, float]:
    """Stream batches of `size` images for about `seconds`, and wait until the last one is finished.

    Every stream gets the same number of batches: a stream with one batch fewer would idle at the end, which would
    understate the throughput.

    Args:
        predictor: runs the batches.
        images: uint8 (n, height, width, 3), used repeatedly.
        size: batch size.
        seconds: duration.
        at_least: minimum number of batches per stream, however slow the model is.

    Returns:
        number of batches, and the seconds they took.
    """
    streams = predictor.info.streams
    batches = full_batches(images, size)
    start = time.perf_counter()

    def feed() -> Iterator[Batch]:
        count = 0
        while count % streams or count < at_least * streams or time.perf_counter() - start < seconds:
            yield batches[count % len(batches)]
            count += 1

    finished = sum(1 for _ in predictor.stream(feed()))
    return finished, time.perf_counter() - start


def full_batches(images: Batch, size: int) -> list[Batch]:
    """Split images into full batches, dropping a remainder; fewer than `size` images are repeated to fill one batch."""
    if len(images) < size:
        images = np.resize(images, (size, *images.shape[1:]))
    return [np.ascontiguousarray(images[i : i + size]) for i in range(0, len(images) - size + 1, size)]
