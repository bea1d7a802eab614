"""Throughput: batches are full, and every stream gets as many."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.runtime.throughput import full_batches, run_for
from tests.slow_predictor import IMAGES, Slow


def test_batches_are_counted() -> None:
    """Batches are full even if there are fewer images, and the time is no less than the predictor takes."""
    sizes: list[int] = []
    batches, seconds = run_for(Slow(sizes, each=0.001), IMAGES, 8, seconds=0.03)
    assert set(sizes) == {8}
    assert batches == len(sizes)
    assert seconds >= batches * 8 * 0.001


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_every_stream_gets_as_many_batches(streams: int) -> None:
    """The number of batches is a multiple of the streams, and no less than asked for."""
    batches, _ = run_for(Slow([], fixed=0.001, streams=streams), IMAGES, 1, seconds=0.005)
    assert batches % streams == 0
    batches, _ = run_for(Slow([], streams=streams), IMAGES, 2, seconds=0, at_least=3)
    assert batches == 3 * streams


def test_a_remainder_is_left_out() -> None:
    """Five images make two batches of two; for a batch of seven they are repeated."""
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    assert [batch.ravel().tolist() for batch in full_batches(images, 2)] == [[0, 1], [2, 3]]
    assert [batch.ravel().tolist() for batch in full_batches(images, 7)] == [[0, 1, 2, 3, 4, 0, 1]]
