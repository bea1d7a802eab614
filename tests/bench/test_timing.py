"""edgewbc.bench.timing: what is counted and what is timed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.bench.timing import LEAST, latency, percentiles, rate, throughput
from edgewbc.pixels import PixelSpec
from edgewbc.predictors import Batch, Loaded

PICTURES = np.zeros((5, 4, 4, 3), dtype=np.uint8)


def loaded(sizes: list[int], fixed: float = 0.0, each: float = 0.0) -> Loaded:
    """A model that takes `fixed` seconds a batch and `each` a picture, and notes the sizes of its batches."""

    def predict(batch: Batch) -> NDArray[np.float32]:
        sizes.append(len(batch))
        time.sleep(fixed + each * len(batch))
        return np.zeros((len(batch), 2), dtype=np.float32)

    def stream(batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        return (predict(batch) for batch in batches)

    return Loaded(predict, stream, ("a", "b"), PixelSpec(4, 4), "m", "openvino", "f32", 1, "0")


def test_percentiles_are_milliseconds() -> None:
    """One to a hundred milliseconds: p50 is 50.5, p95 95.05, p99 99.01."""
    found = percentiles([i / 1000 for i in range(1, 101)])
    assert found["p50"] == pytest.approx(50.5)
    assert found["p95"] == pytest.approx(95.05)
    assert found["p99"] == pytest.approx(99.01)
    assert found["n"] == 100


def test_latency_is_of_single_pictures() -> None:
    """Only single pictures are answered, and a slow model is measured often enough all the same."""
    sizes: list[int] = []
    found = latency(loaded(sizes, fixed=0.003), PICTURES, seconds=0)
    assert set(sizes) == {1}
    assert found["n"] == LEAST
    assert found["p50"] >= 3


def test_throughput_takes_the_better_batch() -> None:
    """Where a batch costs a fixed time, the larger one is found to be better."""
    found = throughput(loaded([], fixed=0.01), PICTURES, (1, 8), seconds=0.05)
    assert found.batch == 8
    assert found.images_per_s <= 8 / 0.01


def test_rate_counts_pictures() -> None:
    """Batches are full even where there are fewer pictures, and the rate is not above what is possible."""
    sizes: list[int] = []
    found = rate(loaded(sizes, each=0.001), PICTURES, 8, seconds=0.03)
    assert set(sizes) == {8}
    assert 0 < found <= 1000
