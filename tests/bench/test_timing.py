"""edgewbc.bench.timing: what is counted and what is timed."""

from __future__ import annotations

import time

import numpy as np

from edgewbc.bench.timing import FEWEST, LEAST, TRIED, Busy, latency, throughput
from edgewbc.runtime.predictor import Backend, Batch, ModelInfo, Prediction, Predictor

PICTURES = np.zeros((5, 4, 4, 3), dtype=np.uint8)


class Slow(Predictor):
    """Takes `fixed` seconds per batch and `each` per image, and records the sizes of its batches."""

    def __init__(self, sizes: list[int], fixed: float = 0.0, each: float = 0.0, streams: int = 1) -> None:
        self.sizes, self.fixed, self.each = sizes, fixed, each
        self.info = ModelInfo(Backend.OPENVINO, "f32", "f32", 2, (4, 4), streams=streams, requests=streams)

    def __call__(self, images: Batch) -> Prediction:
        self.sizes.append(len(images))
        time.sleep(self.fixed + self.each * len(images))
        zeros = np.zeros((len(images), 2), dtype=np.float32)
        return Prediction(zeros, zeros)


def test_latency_is_of_single_pictures() -> None:
    """Only single pictures are answered, and a slow model is measured often enough all the same."""
    sizes: list[int] = []
    found = latency(Slow(sizes, fixed=0.003), PICTURES, seconds=0)
    assert set(sizes) == {1}
    assert len(found) == LEAST
    assert min(found) >= 3


def test_throughput_takes_the_better_batch() -> None:
    """Where a batch costs a fixed time, the larger one is found to be better."""
    found = throughput(Slow([], fixed=0.01), PICTURES, (1, 8), seconds=0.05)
    assert found.batch == 8
    assert found.images_per_s <= 8 / 0.01


def test_throughput_ends_weigh_little() -> None:
    """However slow the model is, what is measured last is `FEWEST` batches a stream."""
    sizes: list[int] = []
    found = throughput(Slow(sizes, streams=3), PICTURES, (2, 4), seconds=0)
    assert found.batches == 3 * FEWEST
    assert [sizes.count(size) for size in (2, 4) if size != found.batch] == [3 * TRIED]


def test_cores_are_counted_as_they_work() -> None:
    """A process that sleeps keeps hardly a core busy, and one that counts keeps some of one."""
    with Busy() as asleep:
        time.sleep(0.05)
    with Busy() as counting:
        sum(range(2_000_000))
    assert asleep.cores < 0.5
    assert counting.cores > asleep.cores
