"""Latency and throughput of a loaded model.

Only the model is timed: the images are decoded and prepared beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TypeVar

from edgewbc.bench.resource_use import CpuUse
from edgewbc.runtime.predictor import Batch, Predictor
from edgewbc.runtime.throughput import run_for

T = TypeVar("T")

POOL = 64
"""Number of images that are timed, over and over: few, so that they take little memory beside the model."""

MIN_SAMPLES = 10
"""Smallest number of latency samples, however slow the model is."""

MIN_BATCHES = 8
"""Smallest number of batches per stream in a reported throughput: at the end, streams wait up to one batch for each
other, which must weigh little."""

MIN_TRIAL_BATCHES = 2
"""Smallest number of batches per stream when batch sizes are compared."""

WARMUP = 3
"""Calls before latency is measured: the first ones allocate memory and pack weights."""


def latency(predictor: Predictor, images: Batch, seconds: float) -> list[float]:
    """Time predictions of single images, one after the other.

    Args:
        predictor: the model, loaded with the latency hint.
        images: uint8 (n, height, width, 3), used over and over.
        seconds: duration; at least `MIN_SAMPLES` images are timed.

    Returns:
        milliseconds of each prediction, in order.
    """
    return one_by_one(predictor, [images[index : index + 1] for index in range(len(images))], seconds)


def one_by_one(call: Callable[[T], object], items: Sequence[T], seconds: float) -> list[float]:
    """Time calls of a function, one after the other.

    Args:
        call: takes an item.
        items: at least one, used over and over.
        seconds: duration; at least `MIN_SAMPLES` calls are timed.

    Returns:
        milliseconds of each call, in order.
    """
    each, samples = cycle(items), list[float]()
    for _ in range(WARMUP):
        call(next(each))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < MIN_SAMPLES:
        item = next(each)
        start = time.perf_counter()
        call(item)
        samples.append(1000 * (time.perf_counter() - start))
    return samples


@dataclass(frozen=True)
class Throughput:
    """A measured throughput.

    Attributes:
        images_per_s: images per second.
        batch: batch size with which it was reached.
        batches: number of batches that were timed.
        cores_busy: processor time over wall time.
    """

    images_per_s: float
    batch: int
    batches: int
    cores_busy: float


def throughput(predictor: Predictor, images: Batch, sizes: Sequence[int], seconds: float) -> Throughput:
    """Choose the batch size with the highest throughput, then measure the throughput with it.

    The reported figure comes from the last measurement alone: the best of several trials would be biased upward.

    Args:
        predictor: the model, loaded with the throughput hint.
        images: uint8 (n, height, width, 3), used over and over.
        sizes: batch sizes to try, each for a quarter of `seconds`; a single size is not tried.
        seconds: duration of the measurement; at least `MIN_BATCHES` batches per stream are timed.
    """

    def trial(size: int) -> float:
        batches, taken = run_for(predictor, images, size, seconds / 4, MIN_TRIAL_BATCHES)
        return batches * size / taken

    best = max(sizes, key=trial) if len(sizes) > 1 else sizes[0]
    run_for(predictor, images, best, 0)  # not timed: memory is allocated anew for another batch size
    with CpuUse() as use:
        batches, taken = run_for(predictor, images, best, seconds, MIN_BATCHES)
    return Throughput(batches * best / taken, best, batches, use.cores)
