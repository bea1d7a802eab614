"""How fast a loaded model answers: one picture at a time, and as many a second as it can.

What is timed is the model alone: the pictures are decoded and prepared before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from edgewbc.runtime.predictor import Batch, Predictor
from edgewbc.runtime.throughput import run_for

LEAST = 10
"""Fewest measurements of a latency, however slow the model is."""

FEWEST = 8
"""Fewest batches a stream in the rate that is given: at its end a stream may wait a batch long for the others."""

TRIED = 2
"""Fewest batches a stream in a trial, which only has to find the best size."""

WARM = 3
"""Answers that are not measured: memory is laid out and weights are packed in the first ones."""


def latency(predictor: Predictor, pictures: Batch, seconds: float) -> list[float]:
    """Time single pictures, each after the other, for about `seconds`.

    Args:
        predictor: the model, under the latency hint.
        pictures: uint8 (n, h, w, 3), gone through over and over.
        seconds: how long to go on; `LEAST` pictures are measured in any case.

    Returns:
        milliseconds of each picture, in their order.
    """
    turn = cycle(pictures[index : index + 1] for index in range(len(pictures)))
    for _ in range(WARM):
        predictor(next(turn))
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < LEAST:
        picture = next(turn)
        start = time.perf_counter()
        predictor(picture)
        taken.append(1000 * (time.perf_counter() - start))
    return taken


@dataclass(frozen=True)
class Rate:
    """Pictures a second, the batch with which they were reached, how many of them, and how many cores were busy."""

    images_per_s: float
    batch: int
    batches: int
    cores_busy: float


def throughput(predictor: Predictor, pictures: Batch, sizes: Sequence[int], seconds: float) -> Rate:
    """Find the batch size that answers most pictures a second, then measure it anew, for about `seconds`.

    Each size is tried for a part of the time; the figure that is given is that of the last measurement alone, as the
    best of several would flatter.
    """

    def tried(size: int) -> float:
        batches, taken = run_for(predictor, pictures, size, seconds / 4, TRIED)
        return batches * size / taken

    best = max(sizes, key=tried) if len(sizes) > 1 else sizes[0]
    run_for(predictor, pictures, best, 0)  # not counted: memory is laid out anew for another batch size
    with Busy() as busy:
        batches, taken = run_for(predictor, pictures, best, seconds, FEWEST)
    return Rate(batches * best / taken, best, batches, busy.cores)


class Busy:
    """How many cores this process kept busy during a block, on average: processor seconds over seconds.

    It tells how many threads really worked, of a runtime that does not say. Threads that spin while they wait count.
    """

    cores = 0.0

    def __enter__(self) -> Busy:
        self._start, self._spent = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.perf_counter() - self._start
        self.cores = (time.process_time() - self._spent) / wall if wall > 0 else 0.0
